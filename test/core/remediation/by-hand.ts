import type { CompiledCatalog } from '../../../core/catalog/schema.ts';
import type { NotificationMessage } from '../../../core/incidents/ports.ts';
import { sweep } from '../../../core/inventory/sweep.ts';
import { listRemediations } from '../../../core/remediation/hindsight/history.ts';
import { type RequestEvent, requestBody } from '../../../core/remediation/admission/asked.ts';
import type { Remediation } from '../../../core/remediation/record.ts';
import { readSignals } from '../../../core/signals/normalise.ts';
import { type IntakeResult, takeIn } from '../../../core/signals/intake.ts';
import { CollectingLog } from '../../../sim/deterministic.ts';
import { catalogOf, inventoryOf } from '../inventory/world.ts';
import { observePorts, play, readRemediation, startOld, testHasher, testScope, verifyImage, type World, type Wrap } from './world.ts';

const plain: Wrap = (_name, port) => port;

export function catalogFor(world: World): CompiledCatalog {
  return catalogOf([world.system], [world.policy]);
}

export async function sweepAll(world: World): Promise<void> {
  await sweep({ ...observePorts(world), log: new CollectingLog(), inventory: inventoryOf(world.region) }, catalogFor(world));
}

/** Ids of the simulated region are shorter than EC2's, which the reader insists on; the body goes through it with ids of full length. */
const readable = (text: string): string =>
  text.replaceAll(
    /\bi-(old|new\d+|peer\d)\b/g,
    (_all, name: string) =>
      `i-${Array.from(name)
        .map((c) => c.charCodeAt(0).toString(16))
        .join('')
        .padEnd(16, '0')
        .slice(0, 17)}`,
  );

/** Delivers what a person asks for, as the queue does. */
export async function ask(world: World, event: RequestEvent, at = world.clock.now(), wrap: Wrap = plain): Promise<IntakeResult> {
  const { signals } = readSignals(readable(requestBody(testScope, event, at)), { hasher: testHasher, scope: testScope, receivedAt: at });
  const [read] = signals;
  if (read === undefined) throw new Error('the request could not be read');
  const subject = 'instanceId' in event.detail ? { type: 'instance' as const, id: event.detail.instanceId } : read.subject;
  return takeIn(
    {
      store: wrap('store', world.store),
      scope: testScope,
      clock: world.clock,
      hasher: testHasher,
      alarms: world.region.alarms,
      publisher: {
        publish: async (message: NotificationMessage) => {
          world.sent.push(message);
          return { messageId: `m-${world.sent.length}` };
        },
      },
      catalog: async () => ({ systems: [world.system] }),
      executions: wrap('executions', { start: async ({ remediationId }) => void world.started.push(remediationId) }),
      pageTimer: wrap('pageTimer', { arm: async (remediationId, due) => void world.armed.push({ remediationId, at: due }) }),
    },
    catalogFor(world),
    { ...read, subject },
  );
}

/** The newest remediation. */
export async function newest(world: World): Promise<Remediation> {
  const [found] = await listRemediations(world.store, testScope);
  if (found === undefined) throw new Error('no remediation');
  return found;
}

/** A repair that has ended well, and everything that is known of it. */
export async function repaired(world: World): Promise<Remediation> {
  await verifyImage(world);
  await sweepAll(world);
  const id = await startOld(world);
  await play(world, id);
  world.clock.advance(60);
  return readRemediation(world, id);
}
