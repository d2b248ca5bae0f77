import { describe, expect, it } from 'vitest';
import type { Log } from '../../../core/environment/ports.ts';
import { keys } from '../../../core/records/keys.ts';
import { reapAll } from '../../../core/remediation/reaper/reap.ts';
import { remediationOf } from './builders.ts';
import { createReapingWorld, failedLaunch, HOURS_AGO, type ReapingWorld } from './reaping-world.ts';
import { testScope } from './world.ts';

const OLD_AT = '2026-10-01T06:00:00.000Z';
const called = { attempt: 1, intentAt: HOURS_AGO, outcomeAt: HOURS_AGO };
const tags = { 'perennial:system': 'shop-web', 'perennial:remediation': 'rem-1' };
const marked = { 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': '2026-11-21T08:00:00.000Z' };

/** Something to do for every part of the reaper: all of it belongs to shop-web. */
async function stage(): Promise<ReapingWorld> {
  const world = createReapingWorld();
  const { region } = world;
  region.addInstance({ instanceId: 'i-orphan', imageId: 'ami-v1', launchedAt: HOURS_AGO, tags });
  region.addInstance({ instanceId: 'i-ended', imageId: 'ami-v1', launchedAt: HOURS_AGO, tags: { ...tags, ...marked } });
  region.setState('i-ended', 'stopped', 'quarantine');
  region.addInstance({
    instanceId: 'i-unstopped',
    imageId: 'ami-v1',
    launchedAt: HOURS_AGO,
    tags: { ...tags, ...marked, 'perennial:remediation': 'rem-done' },
  });
  region.leftBehind.setRootSnapshot('ami-v1', 'snap-root');
  region.leftBehind.addInterface({ networkInterfaceId: 'eni-1', isManagedByAws: false, tags });
  region.leftBehind.addVolume({ volumeId: 'vol-1', createdAt: HOURS_AGO, snapshotId: 'snap-root', tags });
  region.attachments.addSnapshot({ snapshotId: 'snap-old', volumeId: 'vol-data', startedAt: OLD_AT, tags });
  region.attachments.addSnapshot({ snapshotId: 'snap-new', volumeId: 'vol-data', startedAt: HOURS_AGO, tags: {} });
  await world.add(failedLaunch({ calls: { ...failedLaunch().calls, 'mark:i-ended': called, snapshot: { ...called, result: { snapshotIds: 'snap-old' } } } }));
  await world.add({ ...remediationOf({ id: 'rem-done', at: HOURS_AGO }), state: 'succeeded', calls: { 'mark:i-unstopped': called } });
  for (const [id, executionName] of [
    ['rem-stuck', 'stuck'],
    ['rem-lost', 'lost-r3'],
  ] as const) {
    await world.add({ ...remediationOf({ id, at: HOURS_AGO }), phase: 'await-running', phaseStartedAt: HOURS_AGO, executionName });
    world.executions.set(executionName, 'ended');
  }
  return world;
}

const states = async (world: ReapingWorld) => ({
  instances: world.region.all().map(({ instanceId, state, tags: has }) => `${instanceId} ${state} ${Object.keys(has).length}`),
  loose: [...(await world.region.leftBehind.interfaces()), ...(await world.region.leftBehind.volumes())].length,
  snapshots: world.region.attachments.snapshotsTaken().length,
  repairs: [(await world.read('rem-stuck')).executionName, (await world.read('rem-lost')).state],
  started: [...world.started],
});

const switchOf = (target: string, isFrozen: boolean) => ({ target, isPaused: true, isFrozen, by: 'kim', reason: 'odd', at: HOURS_AGO });
const turn = ({ store }: ReapingWorld, target: string, body: unknown): Promise<void> =>
  store.write([{ key: keys.pause(testScope, target), expectedVersion: 0, body }]);

const untouched = {
  instances: ['i-orphan running 2', 'i-ended stopped 4', 'i-unstopped running 4'],
  loose: 2,
  snapshots: 2,
  repairs: ['stuck', 'running'],
  started: [],
};
const reaped = {
  instances: ['i-orphan stopping 4', 'i-ended shutting-down 4', 'i-unstopped stopping 4'],
  loose: 0,
  snapshots: 1,
  repairs: ['stuck-r1', 'failed'],
  started: ['stuck-r1'],
};

describe('the reaper and the freeze switch', () => {
  it('has something to do everywhere when nothing is frozen, and a plain pause does not stop it', async () => {
    const world = await stage();
    await turn(world, 'global', switchOf('global', false));
    await reapAll(world.ports);
    expect(await states(world)).toEqual(reaped);
  });

  it('says that it stands still while everything is frozen, and looks at nothing', async () => {
    const world = await stage();
    await turn(world, 'global', switchOf('global', true));
    expect(await reapAll(world.ports)).toEqual({ quarantined: {}, launched: {}, repairs: {}, leftovers: {}, snapshots: {} });
    expect(world.log.lines).toEqual([{ level: 'warn', message: 'The reaper stands still', fields: { reason: 'Frozen (global) by kim: odd' } }]);
  });

  it('keeps everything of a system that is frozen, and says why', async () => {
    const world = await stage();
    await turn(world, 'system#shop-web', switchOf('system#shop-web', true));
    const reason = 'Frozen (system#shop-web) by kim: odd';
    const kept = (name: 'id' | 'instanceId', ...ids: readonly string[]) => ids.map((id) => ({ kind: 'keep', [name]: id, reason }));
    expect(await reapAll(world.ports)).toEqual({
      quarantined: { keep: 2 },
      launched: { keep: 1 },
      repairs: { keep: 2 },
      leftovers: { keep: 2 },
      snapshots: { keep: 1 },
    });
    const lines = world.log.lines.map(({ level, message, fields }) => [level, message, fields] as const);
    const looked = 'The reaper has looked at a running remediation';
    expect(lines).toEqual([
      ['info', looked, { kind: 'keep', remediationId: 'rem-lost', reason }],
      ['info', looked, { kind: 'keep', remediationId: 'rem-stuck', reason }],
      ['info', 'The reaper has looked for orphans', { decisions: kept('instanceId', 'i-orphan') }],
      ['info', 'The reaper has decided', { decisions: kept('instanceId', 'i-ended', 'i-unstopped') }],
      ['info', 'The reaper has looked for volumes and interfaces', { decisions: kept('id', 'eni-1', 'vol-1') }],
      ['info', 'The reaper has looked for old snapshots', { decisions: kept('id', 'snap-old') }],
    ]);
  });

  it.each([
    ['everything is frozen', 'global', switchOf('global', true)],
    ['the system is frozen', 'system#shop-web', switchOf('system#shop-web', true)],
    ['the switch of everything cannot be read', 'global', { target: 7 }],
    ['the switch of the system cannot be read', 'system#shop-web', { target: 7 }],
  ])('touches nothing while %s', async (_what, target, body) => {
    const world = await stage();
    await turn(world, target, body);
    const before = world.store.snapshot();
    await reapAll(world.ports);
    expect(await states(world)).toEqual(untouched);
    expect(world.store.snapshot()).toEqual(before);
  });

  it('goes on with everything else while another system is frozen', async () => {
    const world = await stage();
    await turn(world, 'system#shop-db', switchOf('system#shop-db', true));
    await reapAll(world.ports);
    expect(await states(world)).toEqual(reaped);
  });

  const afterWords = [
    ['The reaper has decided', { instances: ['i-orphan stopping 4', 'i-ended stopped 4', 'i-unstopped stopping 4'], loose: 2, snapshots: 2 }],
    ['The reaper has looked for orphans', { instances: untouched.instances, loose: 2, snapshots: 2 }],
    ['The reaper has looked for volumes and interfaces', { instances: reaped.instances, loose: 2, snapshots: 2 }],
    ['The reaper has looked for old snapshots', { instances: reaped.instances, loose: 0, snapshots: 2 }],
  ] as const;
  const targets = ['global', 'system#shop-web'];
  const moments = targets.flatMap((target) => afterWords.map(([wanted, expected]) => [target, wanted, expected] as const));
  it.each(moments)('stops at the very next call when somebody freezes %s after "%s"', async (target, wanted, expected) => {
    const world = await stage();
    let frozen: Promise<void> | undefined;
    const { log } = world.ports;
    const freezing: Log = {
      warn: (message, data) => log.warn(message, data),
      error: (message, data) => log.error(message, data),
      info: (message) => {
        if (message === wanted) frozen ??= turn(world, target, switchOf(target, true));
      },
    };
    await reapAll({ ...world.ports, log: freezing });
    await frozen;
    expect(await states(world)).toMatchObject(expected);
  });
});
