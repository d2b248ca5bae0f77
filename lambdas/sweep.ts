import { createSweepPorts } from '../aws/fleet/sweep-ports.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createMeter } from '../aws/runtime/metrics.ts';
import { createPlatform } from '../aws/runtime/platform.ts';
import { resendUnanswered } from '../core/incidents/notify.ts';
import { sweep, type SweepSummary } from '../core/inventory/sweep.ts';

const platform = createPlatform('sweep', readEnvironment('sweep'));
const meter = createMeter('sweep');
const ports = createSweepPorts(platform);

/** The level-triggered truth: inventory, captures, verified images, and notifications without an outcome. */
export async function handler(): Promise<SweepSummary> {
  const summary = await sweep(ports, await platform.catalog());
  const failed = (await resendUnanswered(platform)).filter((result) => result.kind === 'failed');
  if (failed.length > 0) platform.log.error('Notifications could not be sent', { failed });
  meter.count('SweepsCompleted');
  meter.flush();
  return summary;
}
