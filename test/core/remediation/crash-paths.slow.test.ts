import { describe, expect, it } from 'vitest';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { type PathName, platformType, type Remediation, slotType } from '../../../core/remediation/record.ts';
import { Crasher } from './crasher.ts';
import { admitMember, GROUP, groupWorld, MEMBER } from './group-world.ts';
import { createWorld, driverPorts, OLD, play, readIncident, readRemediation, startOld, testScope, verifyImage, type World } from './world.ts';

interface Scenario {
  readonly path: PathName;
  readonly create: () => World;
  readonly start: (world: World) => Promise<string>;
  /** What the world must look like, whatever crashed. */
  readonly assert: (world: World, record: Remediation, where: string) => void;
}

const plainStart = async (world: World): Promise<string> => {
  await verifyImage(world);
  return startOld(world);
};
const launched = (world: World): number => world.region.all().filter(({ instanceId }) => instanceId.startsWith('i-new')).length;

const scenarios: readonly Scenario[] = [
  {
    path: 'restart',
    create: () => {
      const world = createWorld('multiple', { ladder: ['restart', 'replace'], restartProcess: { service: 'web' } });
      world.region.recovery.setCapability(OLD, { isManagedOnline: true });
      world.region.recovery.setCure(OLD, 'restart');
      return world;
    },
    start: plainStart,
    assert: (world, _record, where) => {
      expect(world.region.recovery.commands, `${where}: one command`).toHaveLength(1);
      expect(launched(world), where).toBe(0);
    },
  },
  {
    path: 'reboot',
    create: () => {
      const world = createWorld('single', { ladder: ['reboot', 'replace'] });
      world.region.recovery.setCure(OLD, 'reboot');
      return world;
    },
    start: plainStart,
    assert: (world, _record, where) => {
      expect([1, 2], `${where}: a second reboot at most`).toContain(world.region.recovery.reboots.length);
      expect(launched(world), where).toBe(0);
    },
  },
  {
    path: 'root-swap',
    create: () => {
      const world = createWorld('single', { keepIdentity: true });
      world.region.setStatus(OLD, 'instance', 'impaired');
      world.region.recovery.setCure(OLD, 'root-swap');
      return world;
    },
    start: plainStart,
    assert: (world, record, where) => {
      expect(world.region.recovery.swaps, `${where}: one new root`).toHaveLength(1);
      const root = world.region.leftBehind.findVolume(record.calls['old-root']?.result?.['volumeId'] ?? '');
      expect(root?.tags, `${where}: the old root is tagged`).toMatchObject({ [tagKeys.remediation]: record.id });
      expect(launched(world), where).toBe(0);
    },
  },
  {
    path: 'replace',
    create: () => {
      const world = createWorld('single', { ladder: ['reboot', 'root-swap', 'replace'], stepDeadlineSeconds: 60 });
      world.region.setStatus(OLD, 'instance', 'impaired');
      world.region.recovery.endNextSwap(OLD, 'failed-detached');
      return world;
    },
    start: plainStart,
    assert: (world, record, where) => {
      expect(
        record.triedPaths?.map(({ path }) => path),
        where,
      ).toEqual(['reboot', 'root-swap']);
      expect(launched(world), `${where}: one replacement`).toBe(1);
      expect(world.region.find(OLD)?.state, where).toBe('stopped');
    },
  },
  {
    path: 'group-member',
    create: () => groupWorld(),
    start: (world) => admitMember(world),
    assert: (world, record, where) => {
      expect(world.region.groups.asked, `${where}: asked once`).toEqual([MEMBER]);
      expect(record.newInstanceId, where).toBe(`i-${GROUP}-0001`);
    },
  },
  {
    path: 'group-member',
    create: () =>
      groupWorld({ completeLifecycleHooks: ['drain-queue', 'warm-up'] }, 'multiple', {
        hooks: [
          { name: 'drain-queue', transition: 'terminating' },
          { name: 'warm-up', transition: 'launching' },
        ],
      }),
    start: (world) => admitMember(world),
    assert: (world, record, where) => {
      expect(world.region.groups.asked, `${where}: asked once`).toEqual([MEMBER]);
      expect(world.region.groups.completedHooks, `${where}: each hook once`).toEqual([
        { hookName: 'drain-queue', instanceId: MEMBER },
        { hookName: 'warm-up', instanceId: `i-${GROUP}-0001` },
      ]);
      expect(record.newInstanceId, where).toBe(`i-${GROUP}-0001`);
    },
  },
  {
    path: 'group-member',
    create: () => groupWorld({ memberReplacement: 'standby' }),
    start: (world) => admitMember(world),
    assert: (world, _record, where) => {
      expect(world.region.groups.asked, `${where}: asked once`).toEqual([MEMBER]);
      expect(world.region.find(MEMBER)?.state, where).toBe('stopped');
    },
  },
];

async function run(scenario: Scenario, crasher: Crasher): Promise<readonly [World, Remediation]> {
  const world = scenario.create();
  const id = await scenario.start(world);
  await play(world, id, () => driverPorts(world, crasher.wrap));
  return [world, await readRemediation(world, id)];
}

describe.each(scenarios)('a crash on the path $path', (scenario) => {
  it.each(['before', 'after'] as const)('%s any one call ends like without it (S1-17, S4-34)', async (moment) => {
    const counter = new Crasher(0, 'before');
    await run(scenario, counter);
    expect(counter.calls).toBeGreaterThan(60);
    for (let at = 1; at <= counter.calls; at += 1) {
      const where = `${moment} call ${at} of ${counter.calls}`;
      const [world, record] = await run(scenario, new Crasher(at, moment));
      expect([record.state, record.path], where).toEqual(['succeeded', scenario.path]);
      scenario.assert(world, record, where);
      const [slot, platform] = [
        await readRecord(world.store, slotType, keys.slot(testScope, record.slotId)),
        await readRecord(world.store, platformType, keys.platform(testScope)),
      ];
      expect([slot?.body.remediationId, platform?.body.inFlight], `${where}: nothing stays claimed`).toEqual([undefined, []]);
      expect((await readIncident(world, record.incidentId)).state, where).toBe('resolved');
    }
  });
});
