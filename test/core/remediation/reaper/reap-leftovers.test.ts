import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../../core/environment/errors.ts';
import { decideInterface, decideVolume, reapLeftovers } from '../../../../core/remediation/reaper/reap-leftovers.ts';
import { reapAll } from '../../../../core/remediation/reaper/reap.ts';
import type { LeftBehind, LooseInterface, LooseVolume } from '../../../../core/remediation/reaper/reaping-ports.ts';
import { NOW } from '../builders.ts';
import { createReapingWorld, failedLaunch, HOURS_AGO } from '../reaping-world.ts';

const tags = { 'perennial:remediation': 'rem-1' };
const volume = (changes: Partial<LooseVolume> = {}): LooseVolume => ({ volumeId: 'vol-1', createdAt: HOURS_AGO, snapshotId: 'snap-root', tags, ...changes });
const loose = (changes: Partial<LooseInterface> = {}): LooseInterface => ({ networkInterfaceId: 'eni-1', isManagedByAws: false, tags, ...changes });
const young = { timing: { detectedAt: HOURS_AGO, decidedAt: HOURS_AGO, endedAt: '2026-11-21T08:00:00.001Z' } };
const held = { ...tags, 'perennial:hold': 'kim' };

describe('the decision about a volume (S0-27)', () => {
  it.each([
    ['the root of a replacement that never served', volume(), failedLaunch(), 'snap-root', 'delete'],
    ['an empty volume', { volumeId: 'vol-1', createdAt: HOURS_AGO, tags }, failedLaunch(), 'snap-root', 'report'],
    ['a volume from another snapshot: data', volume({ snapshotId: 'snap-data' }), failedLaunch(), 'snap-root', 'report'],
    ['an image that is gone', volume(), failedLaunch(), undefined, 'report'],
    ['a replacement that served', volume(), failedLaunch({ state: 'succeeded' }), 'snap-root', 'report'],
    ['a volume older than the launch', volume({ createdAt: '2026-11-21T05:59:59.000Z' }), failedLaunch(), 'snap-root', 'report'],
    ['no record', volume(), undefined, 'snap-root', 'report'],
    ['a record that launched nothing', volume(), failedLaunch({ calls: {} }), 'snap-root', 'report'],
    ['a running repair', volume(), failedLaunch({ state: 'running' }), 'snap-root', 'keep'],
    ['a repair that ended within the hour', volume(), failedLaunch(young), 'snap-root', 'keep'],
    ['a volume younger than an hour', volume({ createdAt: '2026-11-21T08:00:00.001Z' }), failedLaunch(), 'snap-root', 'keep'],
    ['a hold', volume({ tags: held }), failedLaunch(), 'snap-root', 'keep'],
  ] as const)('%s', (_what, given, remediation, rootSnapshotId, kind) => {
    expect(decideVolume(given, remediation, rootSnapshotId, NOW).kind).toBe(kind);
  });
});

describe('the decision about a root that a swap replaced', () => {
  const over = { ...tags, 'perennial:quarantine-until': '2026-11-21T08:59:59.000Z' };
  const kept = { 'keep-root:vol-1': { attempt: 1, intentAt: HOURS_AGO, outcomeAt: HOURS_AGO } };
  const swapped = failedLaunch({ state: 'succeeded', calls: kept });

  it.each([
    ['after its quarantine', volume({ tags: over }), swapped, 'delete'],
    ['of a repair that failed all the same', volume({ tags: over }), failedLaunch({ calls: kept }), 'delete'],
    ['before its end', volume({ tags: { ...over, 'perennial:quarantine-until': '2026-11-21T09:00:00.001Z' } }), swapped, 'keep'],
    ['on hold', volume({ tags: { ...over, 'perennial:hold': 'kim' } }), swapped, 'keep'],
    ['of a running repair', volume({ tags: over }), failedLaunch({ state: 'running', calls: kept }), 'keep'],
    ['without an end', volume(), swapped, 'report'],
    ['with an end that is no moment', volume({ tags: { ...over, 'perennial:quarantine-until': 'later' } }), swapped, 'report'],
    ['that the record does not name', volume({ volumeId: 'vol-data', tags: over }), swapped, 'report'],
    ['of no record', volume({ tags: over }), undefined, 'report'],
  ] as const)('%s', (_what, given, remediation, kind) => {
    expect(decideVolume(given, remediation, 'snap-root', NOW).kind).toBe(kind);
  });
});

describe('the decision about an interface', () => {
  it.each([
    ['left by a failed launch', loose(), failedLaunch(), 'delete'],
    ['left by a launch that was never heard of', loose(), failedLaunch({ calls: { launch: { attempt: 1, intentAt: HOURS_AGO } } }), 'delete'],
    ['managed by an AWS service', loose({ isManagedByAws: true }), failedLaunch(), 'report'],
    ['of no record', loose(), undefined, 'report'],
    ['of a record that launched nothing', loose(), failedLaunch({ calls: {} }), 'report'],
    ['of a running repair', loose(), failedLaunch({ state: 'running' }), 'keep'],
    ['of a repair that ended within the hour', loose(), failedLaunch(young), 'keep'],
    ['on hold', loose({ tags: held }), failedLaunch(), 'keep'],
  ] as const)('%s', (_what, given, remediation, kind) => {
    expect(decideInterface(given, remediation, NOW).kind).toBe(kind);
  });
});

describe('the search for volumes and interfaces', () => {
  it('deletes one id a call after saying so, reports a data volume once, and run twice does nothing more', async () => {
    const world = createReapingWorld();
    const { leftBehind } = world.region;
    await world.add(failedLaunch());
    leftBehind.setRootSnapshot('ami-v1', 'snap-root');
    leftBehind.addVolume(volume());
    leftBehind.addVolume(volume({ volumeId: 'vol-data', snapshotId: 'snap-data' }));
    leftBehind.addInterface(loose());
    await reapLeftovers(world.ports);
    expect(await leftBehind.interfaces()).toEqual([]);
    expect((await leftBehind.volumes()).map(({ volumeId }) => volumeId)).toEqual(['vol-data']);
    const said = await world.timeline();
    expect(said.map((text) => text.split('. ')[0])).toEqual(expect.arrayContaining(['Will delete eni-1', 'Will delete vol-1', 'Left vol-data alone']));
    await reapLeftovers(world.ports);
    expect(await world.timeline()).toEqual(said);
    expect((await leftBehind.volumes()).map(({ volumeId }) => volumeId)).toEqual(['vol-data']);
  });

  it('goes on when one is in use again, and deletes at most 20 of each a run', async () => {
    const world = createReapingWorld();
    const { leftBehind } = world.region;
    await world.add(failedLaunch());
    for (let index = 0; index < 25; index += 1) leftBehind.addInterface(loose({ networkInterfaceId: `eni-${index}` }));
    leftBehind.attach('eni-0');
    await reapLeftovers(world.ports);
    expect((await leftBehind.interfaces()).map(({ networkInterfaceId }) => networkInterfaceId)).toEqual(['eni-0', 'eni-21', 'eni-22', 'eni-23', 'eni-24']);
    expect(world.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('reports what it could not learn about, and deletes nothing on a guess', async () => {
    const world = createReapingWorld();
    await world.add(failedLaunch());
    world.region.leftBehind.addVolume(volume());
    const { leftBehind } = world.region;
    const failing: LeftBehind = {
      instances: () => leftBehind.instances(),
      volumes: () => leftBehind.volumes(),
      interfaces: () => leftBehind.interfaces(),
      deleteVolume: (id) => leftBehind.deleteVolume(id),
      deleteInterface: (id) => leftBehind.deleteInterface(id),
      rootSnapshotOf: async () => Promise.reject(new PermanentError('UnauthorizedOperation')),
    };
    expect(await reapLeftovers({ ...world.ports, leftBehind: failing })).toEqual([{ kind: 'report', id: 'vol-1', reason: 'UnauthorizedOperation' }]);
    expect(await world.region.leftBehind.volumes()).toHaveLength(1);
  });
});

describe('a whole run', () => {
  it('counts what it decided, and over a world where nothing is left it writes nothing', async () => {
    const world = createReapingWorld();
    await world.add(failedLaunch());
    world.region.addInstance({ instanceId: 'i-orphan', imageId: 'ami-v1', launchedAt: HOURS_AGO, tags });
    world.region.leftBehind.addInterface(loose());
    expect(await reapAll(world.ports)).toEqual({ repairs: {}, launched: { quarantine: 1 }, quarantined: { keep: 1 }, leftovers: { delete: 1 }, snapshots: {} });
    const before = world.store.snapshot();
    expect(await reapAll(world.ports)).toEqual({ repairs: {}, launched: {}, quarantined: { keep: 1 }, leftovers: {}, snapshots: {} });
    expect(world.store.snapshot()).toEqual(before);
  });
});
