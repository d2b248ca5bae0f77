import { beforeEach, describe, expect, it } from 'vitest';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { advance } from '../../../core/remediation/driver/driver.ts';
import { groupType, platformType, type Remediation, slotType } from '../../../core/remediation/record.ts';
import { approveRemediation } from '../../../core/remediation/admission/requests.ts';
import { rowOf } from '../../../core/remediation/paths/procedure.ts';
import { ask, newest, repaired, sweepAll } from './by-hand.ts';
import { Crash, Crasher, type Moment } from './crasher.ts';
import { createWorld, driverPorts, OLD, play, readRemediation, startOld, testScope, verifyImage, type World } from './world.ts';

/** A world, what is asked for in it, and how it must look afterwards. */
interface Scenario {
  readonly name: string;
  readonly prepare: () => Promise<{ readonly world: World; readonly before?: Remediation }>;
  readonly deliver: (world: World, crasher: Crasher, at: string, before: Remediation | undefined) => Promise<unknown>;
  readonly assert: (world: World, after: Remediation, where: string) => Promise<void>;
}

const by = { by: 'kim', reason: 'crash test' };
const stateOf = (world: World, id: string) => world.region.all().find(({ instanceId }) => instanceId === id)?.state;

async function assertFree(world: World, { slotId, groupId, id }: Remediation, where: string): Promise<void> {
  const [slot, group, platform] = [
    await readRecord(world.store, slotType, keys.slot(testScope, slotId)),
    await readRecord(world.store, groupType, keys.group(testScope, groupId)),
    await readRecord(world.store, platformType, keys.platform(testScope)),
  ];
  expect([slot?.body.remediationId, group?.body.inFlight, platform?.body.inFlight], `${where}: nothing stays claimed`).toEqual([undefined, [], []]);
  expect(world.sent.filter(({ notificationId }) => notificationId.startsWith(`${id}:`)).length, `${where}: somebody was told`).toBeGreaterThan(0);
}

const revertOf = (topology: 'multiple' | 'single'): Scenario => ({
  name: `a revert in a \`${topology}\` system`,
  prepare: async () => {
    const world = createWorld(topology);
    const before = await repaired(world);
    world.region.setTargetUnhealthy(OLD, false);
    return { world, before };
  },
  deliver: (world, crasher, at, before) =>
    ask(
      world,
      { type: 'Instance Revert Requested', detail: { remediationId: before?.id ?? '', instanceId: before?.newInstanceId ?? '', ...by } },
      at,
      crasher.wrap,
    ),
  assert: async (world, after, where) => {
    expect([stateOf(world, OLD), stateOf(world, after.newInstanceId ?? '')], where).toEqual(['running', 'stopped']);
    const old = world.region.all().find(({ instanceId }) => instanceId === OLD);
    expect([old?.securityGroupIds, old?.tags[tagKeys.quarantine]], where).toEqual([['sg-web'], undefined]);
    expect((await readRecord(world.store, slotType, keys.slot(testScope, after.slotId)))?.body.instanceId, where).toBe(OLD);
    expect(
      world.region
        .alarmNames()
        .filter(({ areActionsEnabled }) => areActionsEnabled)
        .map(({ name }) => name),
      where,
    ).toEqual(['shop-web-unhealthy']);
  },
});

const scenarios: readonly Scenario[] = [
  revertOf('multiple'),
  revertOf('single'),
  {
    name: 'a drill',
    prepare: async () => {
      const world = createWorld();
      world.region.setTargetUnhealthy(OLD, false);
      await verifyImage(world);
      await sweepAll(world);
      return { world };
    },
    deliver: (world, crasher, at) => ask(world, { type: 'System Drill Requested', detail: { system: 'shop-web', ...by } }, at, crasher.wrap),
    assert: async (world, { id }, where) => {
      const made = world.region.all().filter(({ tags }) => tags[tagKeys.drill] !== undefined);
      expect(
        made.map(({ state, tags }) => [state, tags[tagKeys.drill], tags[tagKeys.quarantine] !== undefined]),
        `${where}: two were made, both put away`,
      ).toEqual([
        ['stopped', id, true],
        ['stopped', id, true],
      ]);
      expect(
        [OLD, 'i-peer1', 'i-peer2'].map((one) => stateOf(world, one)),
        where,
      ).toEqual(['running', 'running', 'running']);
    },
  },
];

async function run(
  { prepare, deliver }: Scenario,
  at: number,
  moment: Moment,
): Promise<{ readonly world: World; readonly after: Remediation; readonly calls: number }> {
  const { world, before } = await prepare();
  const crasher = new Crasher(at, moment);
  const asked = world.clock.now();
  for (let delivery = 0; delivery < 4; delivery += 1) {
    try {
      await deliver(world, crasher, asked, before);
      const { id } = await newest(world);
      await play(world, id, () => driverPorts(world, crasher.wrap));
      return { world, after: await readRemediation(world, id), calls: crasher.calls };
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      world.clock.advance(2);
    }
  }
  throw new Error('The request was never taken in');
}

describe.each(scenarios)('a crash in $name', (scenario) => {
  it.each(['before', 'after'] as const)('%s any one call ends where no crash ends', async (moment) => {
    const { calls } = await run(scenario, 0, 'before');
    expect(calls).toBeGreaterThan(80);
    for (let at = 1; at <= calls; at += 1) {
      const where = `${moment} call ${at} of ${calls}`;
      const { world, after } = await run(scenario, at, moment);
      expect(after.state, `${where}: ${after.reason}`).toBe('succeeded');
      await assertFree(world, after, where);
      await scenario.assert(world, after, where);
    }
  });
});

describe('a crash while a person is asked', () => {
  let crasher: Crasher;
  let world: World;

  beforeEach(() => {
    crasher = new Crasher(0, 'before');
  });

  async function approveAndPlay(at: number, moment: Moment): Promise<Remediation> {
    crasher = new Crasher(at, moment);
    world = createWorld('multiple', { mode: 'approve' });
    await verifyImage(world);
    const id = await startOld(world);
    const ports = () => driverPorts(world, crasher.wrap);
    for (let step = 0; step < 100; step += 1) {
      const { phase } = await readRemediation(world, id);
      if (phase === 'await-approval') break;
      const answer = await advance(ports(), id, rowOf(phase).role).catch(() => undefined);
      world.clock.advance(Math.max(1, answer?.waitSeconds ?? 2));
    }
    await advance(ports(), id, 'observe').catch(() => undefined);
    await approveRemediation({ store: world.store, scope: testScope, clock: world.clock }, id, 'kim');
    await play(world, id, ports);
    return readRemediation(world, id);
  }

  it.each(['before', 'after'] as const)('%s any one call, the yes is heard once and the place is held once', async (moment) => {
    await approveAndPlay(0, 'before');
    const { calls } = crasher;
    for (let at = 1; at <= calls; at += 1) {
      const where = `${moment} call ${at} of ${calls}`;
      const after = await approveAndPlay(at, moment);
      expect([after.state, after.approval?.granted?.by], `${where}: ${after.reason}`).toEqual(['succeeded', 'kim']);
      await assertFree(world, after, where);
      expect(
        world.region.all().filter(({ tags, instanceId }) => tags[tagKeys.remediation] === after.id && instanceId !== OLD),
        where,
      ).toHaveLength(1);
    }
  });
});
