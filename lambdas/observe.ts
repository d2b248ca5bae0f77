import { readEnvironment } from '../aws/runtime/environment.ts';
import { createPlatform } from '../aws/runtime/platform.ts';
import { createObservePorts } from '../aws/fleet/observe-ports.ts';
import { declaredIn } from '../core/catalog/published.ts';
import type { DriverAnswer } from '../core/remediation/driver/driver-answer.ts';
import { advance } from '../core/remediation/driver/driver.ts';
import { readStepEvent } from './step-event.ts';

const platform = createPlatform('observe', readEnvironment('observe'));
const observe = createObservePorts(platform);

/** One reading step of the driver loop. */
export async function handler(event: unknown): Promise<DriverAnswer> {
  const { remediationId, giveUp } = readStepEvent(event);
  platform.log.correlate(remediationId);
  const catalog = await platform.catalog();
  const ports = { observe, journal: platform.journal, declared: async (system: string) => declaredIn(catalog, system) };
  const answer = await advance(ports, remediationId, 'observe', giveUp);
  platform.log.info('A step has ended', { ...answer });
  return answer;
}
