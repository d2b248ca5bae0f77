import { describe, expect, it } from 'vitest';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys, lists } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { groupType, platformType, slotType } from '../../../core/remediation/record.ts';
import { admitOld, createWorld, driverPorts, OLD, play, readIncident, readRemediation, testScope, verifyImage, type World, type Wrap } from './world.ts';

class Crash extends Error {}

type Moment = 'before' | 'after';

/** Counts every call through the wrapped ports and crashes once, before or after call `at` (after: it took effect, nobody heard). */
class Crasher {
  calls = 0;
  readonly #at: number;
  readonly #moment: Moment;

  constructor(at: number, moment: Moment) {
    this.#at = at;
    this.#moment = moment;
  }

  readonly wrap: Wrap = (_name, port) =>
    new Proxy(port, {
      get: (target, property, receiver) => {
        const value: unknown = Reflect.get(target, property, receiver === undefined ? target : target);
        if (typeof value !== 'function') return value;
        return async (...words: unknown[]): Promise<unknown> => {
          this.calls += 1;
          const isHere = this.calls === this.#at;
          if (isHere && this.#moment === 'before') throw new Crash(`before call ${this.#at}: ${String(property)}`);
          const result: unknown = await Reflect.apply(value, target, words);
          if (isHere) throw new Crash(`after call ${this.#at}: ${String(property)}`);
          return result;
        };
      },
    });
}

/** Signal delivered (again after a crash), then the state machine, which calls a crashed step again. */
async function runWithCrash(world: World, crasher: Crasher): Promise<string> {
  await verifyImage(world);
  for (let delivery = 0; delivery < 4; delivery += 1) {
    try {
      const admission = await admitOld(world, OLD, crasher.wrap);
      if (admission.kind !== 'started') throw new Error(`not started: ${admission.reason}`);
      await play(world, admission.remediation.id, () => driverPorts(world, crasher.wrap));
      return admission.remediation.id;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
  }
  throw new Error('The signal was never taken in');
}

async function assertWhole(world: World, remediationId: string, where: string): Promise<void> {
  const remediation = await readRemediation(world, remediationId);
  const launched = world.region.all().filter((instance) => instance.tags[tagKeys.remediation] === remediationId && instance.instanceId !== OLD);
  expect(remediation.state, where).toBe('succeeded');
  expect(
    launched.map((instance) => instance.instanceId),
    `${where}: exactly one replacement`,
  ).toEqual([remediation.newInstanceId]);
  const targets = await world.region.targets.registered(['shop-web']);
  expect(
    targets.filter((target) => target.state === 'healthy').map((target) => target.instanceId),
    where,
  ).toContain(remediation.newInstanceId);
  expect(world.region.all().find((instance) => instance.instanceId === OLD)?.state, where).toBe('stopped');
  const [slot, group, platform] = [
    await readRecord(world.store, slotType, keys.slot(testScope, remediation.slotId)),
    await readRecord(world.store, groupType, keys.group(testScope, remediation.groupId)),
    await readRecord(world.store, platformType, keys.platform(testScope)),
  ];
  expect([slot?.body.remediationId, group?.body.inFlight, platform?.body.inFlight], `${where}: nothing stays claimed`).toEqual([undefined, [], []]);
  expect((await readIncident(world, remediation.incidentId)).state, where).toBe('resolved');
}

/** One message per step without a crash in its way, at most one repeat per crash, never zero: what is not sent waits for the sweep. */
async function assertTold(world: World, remediationId: string, where: string): Promise<void> {
  const pending = await world.store.list(lists.pendingNotifications(testScope), { limit: 10 });
  for (const step of ['replacing', 'recovered']) {
    const sent = world.sent.filter((message) => message.notificationId === `${remediationId}:${step}`).length;
    const isWaiting = pending.records.some((record) => record.key.sort === `${remediationId}:${step}`);
    expect(sent + Number(isWaiting), `${where}: ${step}`).toBeGreaterThanOrEqual(1);
    expect(sent, `${where}: ${step}`).toBeLessThanOrEqual(2);
  }
}

async function countCalls(topology: 'multiple' | 'single'): Promise<number> {
  const crasher = new Crasher(0, 'before');
  await runWithCrash(createWorld(topology), crasher);
  return crasher.calls;
}

describe.each(['multiple', 'single'] as const)('a crash in the repair of a `%s` system', (topology) => {
  it.each(['before', 'after'] as const)('%s any one call leaves exactly one replacement and no orphan (S1-17, S4-34)', async (moment) => {
    const calls = await countCalls(topology);
    expect(calls).toBeGreaterThan(100);
    for (let at = 1; at <= calls; at += 1) {
      const world = createWorld(topology);
      const id = await runWithCrash(world, new Crasher(at, moment));
      await assertWhole(world, id, `${moment} call ${at} of ${calls}`);
      await assertTold(world, id, `${moment} call ${at} of ${calls}`);
    }
  });
});
