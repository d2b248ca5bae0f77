import { createSweepPorts } from '../aws/fleet/sweep-ports.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createSignalQueue } from '../aws/runtime/adapters.ts';
import { createMeter } from '../aws/runtime/metrics.ts';
import { createPlatform } from '../aws/runtime/platform.ts';
import { createChores } from '../aws/runtime/sweep-chores.ts';
import { sendDigest } from '../core/incidents/learning/digest.ts';
import { sendDue } from '../core/incidents/notify.ts';
import { sweep, type SweepSummary } from '../core/inventory/sweep.ts';
import { retryRepairs } from '../core/remediation/admission/retry.ts';

const environment = readEnvironment('sweep');
const platform = createPlatform('sweep', environment);
const meter = createMeter('sweep');
const ports = { ...platform, ...createSweepPorts(platform), queue: createSignalQueue(environment.SIGNALS_QUEUE_URL) };
const doChores = createChores(platform, environment, meter);

/** The level-triggered truth: inventory, captures, verified images, notifications without an outcome, repairs to be tried again, subscriptions, and old function versions. */
export async function handler(): Promise<SweepSummary> {
  const catalog = await platform.catalog();
  const summary = await sweep(ports, catalog);
  const failed = [...(await sendDue(platform)), ...(await sendDigest(platform))].filter(({ kind }) => kind === 'failed');
  if (failed.length > 0) platform.log.error('Notifications could not be sent', { failed });
  const retries = await retryRepairs(ports, catalog);
  platform.log[retries.problems.length === 0 ? 'info' : 'error']('Repairs that are tried again', { ...retries });
  await doChores();
  meter.count('SweepsCompleted');
  meter.flush();
  return summary;
}
