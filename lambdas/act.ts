import { createActPorts } from '../aws/fleet/act-ports.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createPlatform } from '../aws/runtime/platform.ts';
import { declaredIn } from '../core/catalog/published.ts';
import type { DriverAnswer } from '../core/remediation/driver/driver-answer.ts';
import { advance } from '../core/remediation/driver/driver.ts';
import { readStepEvent } from './step-event.ts';

const platform = createPlatform('act', readEnvironment('act'));
const act = createActPorts(platform);

/** One changing step of the driver loop; this role can terminate nothing. */
export async function handler(event: unknown): Promise<DriverAnswer> {
  const { remediationId } = readStepEvent(event);
  platform.log.correlate(remediationId);
  const catalog = await platform.catalog();
  const ports = { observe: act, act, journal: platform.journal, declared: async (system: string) => declaredIn(catalog, system) };
  const answer = await advance(ports, remediationId, 'act');
  platform.log.info('A step has ended', { ...answer });
  return answer;
}
