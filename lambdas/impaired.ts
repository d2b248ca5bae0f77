import { createSweepPorts } from '../aws/fleet/sweep-ports.ts';
import { createSignalQueue } from '../aws/runtime/adapters.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createMeter } from '../aws/runtime/metrics.ts';
import { createRecordKeeper } from '../aws/runtime/platform.ts';
import { pollImpaired, type PollResult } from '../core/inventory/impaired-poll.ts';

const environment = readEnvironment('impaired');
const keeper = createRecordKeeper('impaired', environment);
const meter = createMeter('impaired');
const ports = { ...createSweepPorts(keeper), queue: createSignalQueue(environment.SIGNALS_QUEUE_URL) };

/** Asks for failed status checks and unhealthy targets, for which no event exists. */
export async function handler(): Promise<PollResult> {
  const result = await pollImpaired(ports, await keeper.catalog(), Number(environment.SMALL_FLEET_POLL_MINUTES));
  if (result.waits !== undefined) keeper.log.info('This run did not ask', { why: result.waits });
  meter.count('PollsCompleted');
  meter.flush();
  return result;
}
