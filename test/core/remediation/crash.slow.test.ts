import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../core/environment/errors.ts';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys, lists } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { groupType, platformType, slotType } from '../../../core/remediation/record.ts';
import { allAt, everything, worldWith } from './belongings.ts';
import { Crash, Crasher } from './crasher.ts';
import { admitOld, createWorld, driverPorts, OLD, play, readIncident, readRemediation, testScope, verifyImage, type World, type Wrap } from './world.ts';

/** Signal delivered (again after a crash), then the state machine, which calls a crashed step again. */
async function runWithCrash(world: World, crasher: Pick<Crasher, 'calls' | 'wrap'>): Promise<string> {
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

/** One instance with everything that moves; both topologies fence it. */
function createHeavyWorld(topology: 'multiple' | 'single'): World {
  return worldWith(everything, topology);
}

/** Each thing once, where it should be, and none deleted. */
function assertHeld(world: World, instanceId: string, where: string): void {
  expect(world.region.attachments.holders(), `${where}: who holds what`).toEqual(allAt(world, instanceId));
}

/** Both topologies are fenced by what the instance has and take the same steps: one is walked call by call, the other in strides. */
const strideOf = { multiple: 1, single: 7 } as const;

async function countHeavyCalls(topology: 'multiple' | 'single', fault: Wrap = (_name, port) => port): Promise<number> {
  const crasher = new Crasher(0, 'before');
  await runHeavy(createHeavyWorld(topology), crasher, fault);
  return crasher.calls;
}

async function runHeavy(world: World, crasher: Crasher, fault: Wrap = (_name, port) => port): Promise<string> {
  return runWithCrash(world, {
    get calls() {
      return crasher.calls;
    },
    wrap: (name, port) => crasher.wrap(name, fault(name, port)),
  });
}

/** The last thing that moves is refused: the repair fails when all else has moved, and takes it back. */
const refusesAssociations: Wrap = (name, port) =>
  name !== 'associations'
    ? port
    : new Proxy(port, {
        get: (target, property) => (property === 'retarget' ? () => Promise.reject(new PermanentError('refused')) : (Reflect.get(target, property) as unknown)),
      });

describe.each(['multiple', 'single'] as const)('a crash in the repair of an instance with everything that moves, of a `%s` system', (topology) => {
  it.each(['before', 'after'] as const)(
    '%s any one call leaves each thing with exactly one holder, the replacement (S0-17, S0-27)',
    async (moment) => {
      const calls = await countHeavyCalls(topology);
      expect(calls).toBeGreaterThan(300);
      for (let at = 1; at <= calls; at += strideOf[topology]) {
        const world = createHeavyWorld(topology);
        const id = await runHeavy(world, new Crasher(at, moment));
        const where = `${moment} call ${at} of ${calls}`;
        await assertWhole(world, id, where);
        assertHeld(world, (await readRemediation(world, id)).newInstanceId ?? '', where);
      }
    },
    400_000,
  );

  it.each(['before', 'after'] as const)(
    '%s any one call of a repair that fails late leaves each thing where it was (S0-27)',
    async (moment) => {
      const calls = await countHeavyCalls(topology, refusesAssociations);
      for (let at = 1; at <= calls; at += strideOf[topology]) {
        const world = createHeavyWorld(topology);
        const id = await runHeavy(world, new Crasher(at, moment), refusesAssociations);
        const where = `${moment} call ${at} of ${calls}`;
        const record = await readRemediation(world, id);
        expect([record.state, record.failure?.phase], where).toEqual(['failed', 'move-associations']);
        assertHeld(world, OLD, where);
        expect(world.region.all().find((instance) => instance.instanceId === OLD)?.state, where).toBe('running');
        expect(world.region.all().find((instance) => instance.instanceId === record.newInstanceId)?.state, where).toBe('stopped');
      }
    },
    400_000,
  );
});

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
