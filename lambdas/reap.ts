import { readEnvironment } from '../aws/runtime/environment.ts';
import { createPlatform } from '../aws/runtime/platform.ts';
import { createReapingPorts } from '../aws/runtime/reaping.ts';
import { reapAll, type ReapSummary } from '../core/remediation/reaper/reap.ts';

const environment = readEnvironment('reap');
const platform = createPlatform('reap', environment);
const ports = createReapingPorts(platform, environment);

/** Ends expired quarantines and what repairs have left behind; the only function that may terminate. */
export async function handler(): Promise<ReapSummary> {
  const summary = await reapAll(ports);
  platform.log.info('The reaper has ended', { ...summary });
  return summary;
}
