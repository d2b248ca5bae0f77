import { createSweepPorts } from '../aws/fleet/sweep-ports.ts';
import { createSignalQueue } from '../aws/runtime/adapters.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createMeter } from '../aws/runtime/metrics.ts';
import { createRecordKeeper } from '../aws/runtime/platform.ts';
import { pollImpaired } from '../core/inventory/impaired-poll.ts';

const environment = readEnvironment('impaired');
const keeper = createRecordKeeper('impaired', environment);
const meter = createMeter('impaired');
const ports = { ...createSweepPorts(keeper), queue: createSignalQueue(environment.SIGNALS_QUEUE_URL) };

/** Asks for failed status checks and unhealthy targets, for which no event exists. */
export async function handler(): Promise<{ readonly begun: number; readonly ended: number }> {
  const result = await pollImpaired(ports, await keeper.catalog());
  meter.count('PollsCompleted');
  meter.flush();
  return result;
}
