import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { decideInterface, decideVolume, reapLeftovers } from '../../../../core/remediation/reaper/reap-leftovers.ts';
import { reapAll } from '../../../../core/remediation/reaper/reap.ts';
import type { LooseDecision } from '../../../../core/remediation/reaper/reaping.ts';
import type { LeftBehind, LooseInterface, LooseVolume } from '../../../../core/remediation/reaper/reaping-ports.ts';
import { NOW } from '../builders.ts';
import { createReapingWorld, failedLaunch, HOURS_AGO, refusing } from '../reaping-world.ts';

const tags = { 'perennial:remediation': 'rem-1' };
const volume = (changes: Partial<LooseVolume> = {}): LooseVolume => ({ volumeId: 'vol-1', createdAt: HOURS_AGO, snapshotId: 'snap-root', tags, ...changes });
const loose = (changes: Partial<LooseInterface> = {}): LooseInterface => ({ networkInterfaceId: 'eni-1', isManagedByAws: false, tags, ...changes });
const young = { timing: { detectedAt: HOURS_AGO, decidedAt: HOURS_AGO, endedAt: '2026-11-21T08:00:00.001Z' } };
const held = { ...tags, 'perennial:hold': 'kim' };

const NO_RECORD = 'Its tag names a remediation of which there is no record';
const NO_ROOT = 'It is not known to be a root volume of the image that was launched: a data volume is never deleted';
const SERVES = 'rem-1 put its replacement into service: what is on this volume may be needed';
const OWN_ROOT = 'It is the root of a replacement that rem-1 launched and that never came into service';
const LAUNCHED_NOTHING = 'It carries the tag of rem-1, which launched nothing';
const call = (intentAt: string, result?: Readonly<Record<string, string>>) => ({ attempt: 1, intentAt, ...(result && { outcomeAt: intentAt, result }) });
const LATER = '2026-11-21T06:00:00.001Z';
const refusedThenLaunched = { launch: call(HOURS_AGO, { insufficient: 'no t3.micro' }), 'launch:t3a.micro': call(LATER, { instanceId: 'i-orphan' }) };

describe('the decision about a volume (S0-27)', () => {
  it.each([
    ['the root of a replacement that never served', volume(), failedLaunch(), 'delete', OWN_ROOT],
    ['the root of the copy of a drill', volume(), failedLaunch({ calls: { 'launch-throwaway': call(HOURS_AGO) } }), 'delete', OWN_ROOT],
    ['the root of a launch as another type', volume({ createdAt: LATER }), failedLaunch({ calls: refusedThenLaunched }), 'delete', OWN_ROOT],
    [
      'the root of the first of two launches',
      volume(),
      failedLaunch({ calls: { 'launch-throwaway': call(HOURS_AGO), launch: call(LATER) } }),
      'delete',
      OWN_ROOT,
    ],
    ['made exactly an hour ago', volume({ createdAt: '2026-11-21T08:00:00.000Z' }), failedLaunch(), 'delete', OWN_ROOT],
    ['an empty volume', { volumeId: 'vol-1', createdAt: HOURS_AGO, tags }, failedLaunch(), 'report', NO_ROOT],
    ['a volume from another snapshot: data', volume({ snapshotId: 'snap-data' }), failedLaunch(), 'report', NO_ROOT],
    ['a replacement that served', volume(), failedLaunch({ state: 'succeeded' }), 'report', SERVES],
    ['one older than the launch', volume({ createdAt: '2026-11-21T05:59:59.000Z' }), failedLaunch(), 'report', 'It is older than the launch of rem-1'],
    [
      'one older than the launch that EC2 did not refuse',
      volume(),
      failedLaunch({ calls: refusedThenLaunched }),
      'report',
      'It is older than the launch of rem-1',
    ],
    ['a record that launched nothing', volume(), failedLaunch({ calls: {} }), 'report', LAUNCHED_NOTHING],
    ['a record whose launch was refused', volume(), failedLaunch({ calls: { launch: call(HOURS_AGO, { refused: 'no' }) } }), 'report', LAUNCHED_NOTHING],
    ['a running repair', volume(), failedLaunch({ state: 'running' }), 'keep', 'rem-1 is still running'],
    ['a repair that ended within the hour', volume(), failedLaunch(young), 'keep', 'rem-1 ended less than an hour ago'],
    ['a volume younger than an hour', volume({ createdAt: '2026-11-21T08:00:00.001Z' }), failedLaunch(), 'keep', 'It was made less than an hour ago'],
    ['a hold', volume({ tags: held }), failedLaunch(), 'keep', 'It is on hold (kim)'],
  ] as const)('%s', (_what, given, remediation, kind, reason) => {
    expect(decideVolume(given, remediation, 'snap-root', NOW)).toEqual(decisionOf('vol-1', kind, reason));
  });

  it.each([
    ['no record', volume(), undefined, { kind: 'report', id: 'vol-1', reason: NO_RECORD }],
    ['an image that is gone', volume(), failedLaunch(), decisionOf('vol-1', 'report', NO_ROOT)],
    ['an image that is gone, and an empty volume', { volumeId: 'vol-1', createdAt: HOURS_AGO, tags }, failedLaunch(), decisionOf('vol-1', 'report', NO_ROOT)],
  ] as const)('of %s, where no root is known', (_what, given, remediation, decision) => {
    expect(decideVolume(given, remediation, undefined, NOW)).toEqual(decision);
  });
});

/** What is decided about something of rem-1, whole. */
function decisionOf(id: string, kind: 'delete' | 'report' | 'keep', reason: string): LooseDecision {
  if (kind === 'keep') return { kind, id, reason };
  return kind === 'delete' ? { kind, id, system: 'shop-web', incidentId: 'inc-1', reason } : { kind, id, incidentId: 'inc-1', reason };
}

describe('the decision about a root that a swap replaced', () => {
  const END = '2026-11-21T08:59:59.000Z';
  const over = { ...tags, 'perennial:quarantine-until': END };
  const kept = { 'keep-root:vol-1': { attempt: 1, intentAt: HOURS_AGO, outcomeAt: HOURS_AGO } };
  const swapped = failedLaunch({ state: 'succeeded', calls: kept });
  const ENDED = `It is the root that rem-1 replaced, and its quarantine ended at ${END}`;
  const NO_MOMENT = 'rem-1 replaced this root, but its tag perennial:quarantine-until is no moment';
  const until = (moment: string) => volume({ tags: { ...over, 'perennial:quarantine-until': moment } });

  it.each([
    ['after its quarantine', volume({ tags: over }), swapped, 'delete', ENDED],
    ['at the very end of it', until(NOW), swapped, 'delete', `It is the root that rem-1 replaced, and its quarantine ended at ${NOW}`],
    ['of a repair that failed all the same', volume({ tags: over }), failedLaunch({ calls: kept }), 'delete', ENDED],
    ['before its end', until('2026-11-21T09:00:00.001Z'), swapped, 'keep', 'Kept as evidence until 2026-11-21T09:00:00.001Z'],
    ['on hold', volume({ tags: { ...over, 'perennial:hold': 'kim' } }), swapped, 'keep', 'It is on hold (kim)'],
    ['of a running repair', volume({ tags: over }), failedLaunch({ state: 'running', calls: kept }), 'keep', 'rem-1 is still running'],
    ['without an end', volume(), swapped, 'report', NO_MOMENT],
    ['with an end that is no moment', until('later'), swapped, 'report', NO_MOMENT],
    ['with a moment somewhere in its end', until(`not before ${END}`), swapped, 'report', NO_MOMENT],
    ['with an end that lost its last digit', until('2026-11-21T08:5'), swapped, 'report', NO_MOMENT],
  ] as const)('%s', (_what, given, remediation, kind, reason) => {
    expect(decideVolume(given, remediation, 'snap-root', NOW)).toEqual(decisionOf('vol-1', kind, reason));
  });

  it.each([
    ['that the record does not name', swapped, { kind: 'report', id: 'vol-data', incidentId: 'inc-1', reason: LAUNCHED_NOTHING }],
    ['of no record', undefined, { kind: 'report', id: 'vol-data', reason: NO_RECORD }],
  ] as const)('%s', (_what, remediation, decision) => {
    expect(decideVolume(volume({ volumeId: 'vol-data', tags: over }), remediation, 'snap-root', NOW)).toEqual(decision);
  });
});

describe('the decision about an interface', () => {
  const LOOSE = 'rem-1 launched it, ended failed, and nobody has it attached';
  const anHourAgo = { timing: { detectedAt: HOURS_AGO, decidedAt: HOURS_AGO, endedAt: '2026-11-21T08:00:00.000Z' } };

  it.each([
    ['left by a failed launch', loose(), failedLaunch(), 'delete', LOOSE],
    ['left by a launch that was never heard of', loose(), failedLaunch({ calls: { launch: call(HOURS_AGO) } }), 'delete', LOOSE],
    ['left by the copy of a drill', loose(), failedLaunch({ calls: { 'launch-throwaway': call(HOURS_AGO) } }), 'delete', LOOSE],
    ['left by a launch as another type only', loose(), failedLaunch({ calls: { 'launch:t3a.micro': call(HOURS_AGO) } }), 'delete', LOOSE],
    ['of a repair that ended exactly an hour ago', loose(), failedLaunch(anHourAgo), 'delete', LOOSE],
    ['managed by an AWS service', loose({ isManagedByAws: true }), failedLaunch(), 'report', 'An AWS service manages it'],
    ['of a record that launched nothing', loose(), failedLaunch({ calls: {} }), 'report', LAUNCHED_NOTHING],
    ['of a running repair', loose(), failedLaunch({ state: 'running' }), 'keep', 'rem-1 is still running'],
    ['of a repair that ended within the hour', loose(), failedLaunch(young), 'keep', 'rem-1 ended less than an hour ago'],
    [
      'of a repair that says no end, and began within the hour',
      loose(),
      failedLaunch({ timing: { detectedAt: NOW, decidedAt: NOW } }),
      'keep',
      'rem-1 ended less than an hour ago',
    ],
    ['on hold', loose({ tags: held }), failedLaunch(), 'keep', 'It is on hold (kim)'],
  ] as const)('%s', (_what, given, remediation, kind, reason) => {
    expect(decideInterface(given, remediation, NOW)).toEqual(decisionOf('eni-1', kind, reason));
  });

  it('of no record is reported', () => {
    expect(decideInterface(loose(), undefined, NOW)).toEqual({ kind: 'report', id: 'eni-1', reason: NO_RECORD });
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
    expect(said).toHaveLength(3);
    expect(said).toEqual(
      expect.arrayContaining([
        'Will delete eni-1. rem-1 launched it, ended failed, and nobody has it attached',
        `Will delete vol-1. ${OWN_ROOT}`,
        `Left vol-data alone. ${NO_ROOT}. Look at it and end it by hand if nobody needs it.`,
      ]),
    );
    const dataVolume = { id: 'vol-data', incidentId: 'inc-1', reason: NO_ROOT };
    expect(world.log.lines).toEqual([
      {
        level: 'info',
        message: 'The reaper has looked for volumes and interfaces',
        fields: {
          decisions: [
            decisionOf('eni-1', 'delete', 'rem-1 launched it, ended failed, and nobody has it attached'),
            decisionOf('vol-1', 'delete', OWN_ROOT),
            { kind: 'report', ...dataVolume },
          ],
        },
      },
      { level: 'warn', message: 'The reaper leaves something alone that a person should look at', fields: { id: 'vol-data', reason: NO_ROOT } },
    ]);
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
    expect(world.log.lines.filter(({ level }) => level === 'error')).toEqual([
      { level: 'error', message: 'Something that was left behind could not be deleted', fields: { id: 'eni-0', reason: 'eni-0 is in use.' } },
    ]);
  });

  it('asks for no root where the record names no image or where there is no record, and reports what no record knows', async () => {
    const world = createReapingWorld();
    const { imageId: _none, ...withoutImage } = failedLaunch();
    await world.add(withoutImage);
    world.region.leftBehind.addVolume(volume());
    world.region.leftBehind.addVolume(volume({ volumeId: 'vol-lost', tags: { 'perennial:remediation': 'rem-lost' } }));
    world.region.leftBehind.addVolume(volume({ volumeId: 'vol-empty-tag', tags: { 'perennial:remediation': '' } }));
    const asked: string[] = [];
    const leftBehind: LeftBehind = {
      instances: async () => [],
      volumes: () => world.region.leftBehind.volumes(),
      interfaces: async () => [],
      deleteVolume: async (id) => void asked.push(id),
      deleteInterface: async (id) => void asked.push(id),
      rootSnapshotOf: async (imageId) => void asked.push(imageId),
    };
    expect(await reapLeftovers({ ...world.ports, leftBehind })).toEqual([
      decisionOf('vol-1', 'report', NO_ROOT),
      { kind: 'report', id: 'vol-lost', reason: NO_RECORD },
      { kind: 'report', id: 'vol-empty-tag', reason: NO_RECORD },
    ]);
    expect(asked).toEqual([]);
    expect(await world.timeline()).toEqual([`Left vol-1 alone. ${NO_ROOT}. Look at it and end it by hand if nobody needs it.`]);
  });

  it('stops at a throttle: the next run goes on', async () => {
    const world = createReapingWorld();
    await world.add(failedLaunch());
    world.region.leftBehind.addVolume(volume());
    const { leftBehind } = world.region;
    const throttled = refusing(new RetryableError('RequestLimitExceeded'));
    const failing = { interfaces: async () => [], instances: async () => [], volumes: () => leftBehind.volumes(), deleteInterface: throttled };
    const whileLooking: LeftBehind = { ...failing, rootSnapshotOf: throttled, deleteVolume: throttled };
    await expect(reapLeftovers({ ...world.ports, leftBehind: whileLooking })).rejects.toThrow('RequestLimitExceeded');
    const whileDeleting: LeftBehind = { ...failing, rootSnapshotOf: async () => 'snap-root', deleteVolume: throttled };
    await expect(reapLeftovers({ ...world.ports, leftBehind: whileDeleting })).rejects.toThrow('RequestLimitExceeded');
    expect(world.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
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

  it.each([
    ['the policy of its system allows one', { maxQuarantinedPerGroup: 1 }, 'shop-web', { terminate: 3, keep: 1 }],
    ['no policy is left for its system, which means three', { maxQuarantinedPerGroup: 1 }, 'shop-gone', { terminate: 1, keep: 3 }],
  ])('ends the oldest of a group early when %s', async (_what, policy, system, quarantined) => {
    const world = createReapingWorld(policy);
    const ids = ['i-1', 'i-2', 'i-3', 'i-4'];
    const marking = ids.map((id, index) => [`mark:${id}`, call(`2026-11-21T06:0${index}:00.000Z`, {})] as const);
    await world.add(failedLaunch({ system, state: 'succeeded', calls: Object.fromEntries(marking) }));
    const marked = { ...tags, 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': '2026-11-25T09:00:00.000Z' };
    for (const instanceId of ids) {
      world.region.addInstance({ instanceId, imageId: 'ami-v1', launchedAt: HOURS_AGO, tags: marked });
      world.region.setState(instanceId, 'stopped', 'quarantine');
    }
    expect(await reapAll(world.ports)).toEqual({ repairs: {}, launched: {}, quarantined, leftovers: {}, snapshots: {} });
    const ended = world.region.all().filter(({ state }) => state === 'shutting-down');
    expect(ended.map(({ instanceId }) => instanceId)).toEqual(ids.slice(0, quarantined.terminate));
  });
});
