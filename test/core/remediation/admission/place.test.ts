import { beforeEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { systemRecordType } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import { RecordConflictError } from '../../../../core/records/store.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import { decidePlace, type PlaceDecision, reclaimPlace, releasePlace } from '../../../../core/remediation/admission/place.ts';
import { groupType, platformType } from '../../../../core/remediation/record.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { WatchedStore } from '../../inventory/world.ts';
import { groupOf, NOW, remediationOf } from '../builders.ts';
import { testScope, webPolicy } from '../world.ts';

const groupKey = keys.group(testScope, 'shop-web/web');
const platformKey = keys.platform(testScope);
const policy = webPolicy({ caps: { maxInFlight: 3, maxInFlightPercent: 10 } });
const platformOf = (...inFlight: string[]) => ({ ...emptyPlatform, inFlight });

const decide = (platform: readonly string[], group: readonly string[], members = 20): PlaceDecision =>
  decidePlace(platformOf(...platform), groupOf({ inFlight: [...group] }), 'rem-1', members, policy);

const heldBy = (platform: readonly string[], group: readonly string[]): PlaceDecision => ({
  kind: 'held',
  platform: platformOf(...platform),
  group: groupOf({ inFlight: [...group] }),
});

describe('whether a repair may have its place under the caps back', () => {
  it.each([
    ['the last place of the platform and of its group', ['a', 'b'], ['a'], heldBy(['a', 'b', 'rem-1'], ['a', 'rem-1'])],
    ['what it still holds, though both are full', ['a', 'b', 'rem-1', 'c'], ['a', 'rem-1', 'c'], heldBy(['a', 'b', 'rem-1', 'c'], ['a', 'rem-1', 'c'])],
    ['the one of its group, when it still holds that of the platform', ['a', 'b', 'rem-1'], [], heldBy(['a', 'b', 'rem-1'], ['rem-1'])],
    [
      'nothing, where as many run as may',
      ['a', 'b', 'c'],
      [],
      { kind: 'refused', guardrail: 'platform caps', reason: '3 remediations are in flight, the cap is 3' },
    ],
    [
      'nothing, where its group is full',
      ['a', 'b'],
      ['a', 'b'],
      { kind: 'refused', guardrail: 'one at a time', reason: '2 remediations run in the group, at most 2 may' },
    ],
  ] as const satisfies readonly (readonly [string, readonly string[], readonly string[], PlaceDecision])[])('gets %s', (_what, platform, group, decision) => {
    expect(decide(platform, group)).toEqual(decision);
  });

  it('writes nothing anew where it holds both: the records are the very same', () => {
    const [platform, group] = [platformOf('rem-1'), groupOf({ inFlight: ['rem-1'] })];
    const decision = decidePlace(platform, group, 'rem-1', 20, policy);
    expect(decision.kind === 'held' && decision.platform === platform && decision.group === group).toBe(true);
  });
});

let store: WatchedStore;
const ports = () => ({ store, scope: testScope });

async function stored(platform: readonly string[] | undefined, group: readonly string[] | undefined): Promise<void> {
  if (platform !== undefined) await createRecord(store, platformType, platformKey, platformOf(...platform));
  if (group !== undefined) await createRecord(store, groupType, groupKey, groupOf({ inFlight: [...group] }));
  store.written.length = 0;
}

async function swept(members: number): Promise<void> {
  const observed = { instanceIds: [], imageIds: [], zones: [], membersByRole: { web: members } };
  await createRecord(store, systemRecordType, keys.system(testScope, 'shop-web'), {
    name: 'shop-web',
    status: 'active',
    declaredHash: '',
    observed,
    changes: [],
  });
}

const inFlight = async () => [
  (await readRecord(store, platformType, platformKey))?.body.inFlight,
  (await readRecord(store, groupType, groupKey))?.body.inFlight,
];

beforeEach(() => {
  store = new WatchedStore(new MemoryRecordStore(new VirtualClock(NOW)));
});

describe('the place of a repair that waits for a person', () => {
  it('is given back on the platform and in its group; who else runs there stays', async () => {
    await stored(['a', 'rem-1', 'b'], ['rem-1', 'b']);
    await releasePlace(ports(), remediationOf());
    expect(await inFlight()).toEqual([['a', 'b'], ['b']]);
    expect(store.written).toEqual([platformKey, groupKey]);
  });

  it('is given back once: what it does not hold is not written', async () => {
    await stored(['a'], ['rem-1']);
    await releasePlace(ports(), remediationOf());
    await releasePlace(ports(), remediationOf());
    expect(await inFlight()).toEqual([['a'], []]);
    expect(store.written).toEqual([groupKey]);
  });

  it('of which there is no record stays without one', async () => {
    await releasePlace(ports(), remediationOf());
    expect(await inFlight()).toEqual([undefined, undefined]);
    expect(store.written).toEqual([]);
  });
});

const reclaim = () => reclaimPlace(ports(), policy, remediationOf());

describe('a place that is taken back after the yes', () => {
  it('is taken on both records at once', async () => {
    await stored(['a'], []);
    expect(await reclaim()).toEqual({ kind: 'held', platform: platformOf('a', 'rem-1'), group: groupOf({ inFlight: ['rem-1'] }) });
    expect(await inFlight()).toEqual([['a', 'rem-1'], ['rem-1']]);
    expect(store.written).toEqual([platformKey, groupKey]);
  });

  it.each([
    ['nothing, when both are held', ['rem-1'], ['rem-1'], []],
    ['the group alone, when the platform is held', ['rem-1'], [], [groupKey]],
    ['the platform alone, when the group is held', [], ['rem-1'], [platformKey]],
  ] as const)('writes %s', async (_what, platform, group, written) => {
    await stored(platform, group);
    expect(await reclaim()).toMatchObject({ kind: 'held' });
    expect(await inFlight()).toEqual([['rem-1'], ['rem-1']]);
    expect(store.written).toEqual(written);
  });

  it('is refused where the caps are full, and nothing is written', async () => {
    await stored(['a'], ['a']);
    expect(await reclaim()).toEqual({ kind: 'refused', guardrail: 'one at a time', reason: '1 remediations run in the group, at most 1 may' });
    expect(store.written).toEqual([]);
  });

  it('counts the group as the last sweep saw it', async () => {
    await swept(20);
    await stored(['a'], ['a']);
    expect(await reclaim()).toMatchObject({ kind: 'held' });
  });

  it.each([
    ['platform', undefined, []],
    ['group', [], undefined],
  ] as const)('is refused without the record of the %s: nobody knows how many run', async (_what, platform, group) => {
    await stored(platform, group);
    expect(await reclaim()).toEqual({ kind: 'refused', guardrail: 'platform caps', reason: 'The records of the caps are gone' });
  });

  it('is asked for again when somebody else was faster, and is then refused if they took it', async () => {
    await stored(['a'], []);
    let isFirst = true;
    store.beforeWrite = async () => {
      if (!isFirst) return;
      isFirst = false;
      await store.inner.write([{ key: groupKey, expectedVersion: 1, body: groupOf({ inFlight: ['faster'] }) }]);
    };
    expect(await reclaim()).toMatchObject({ kind: 'refused', guardrail: 'one at a time' });
    expect(await inFlight()).toEqual([['a'], ['faster']]);
  });

  it('is given up after 50 tries, to be tried again with the step', async () => {
    await stored([], ['rem-1']);
    store.beforeWrite = () => Promise.reject(new RecordConflictError('changed'));
    await expect(reclaim()).rejects.toThrow(
      new RetryableError('The place of rem-1 could not be taken back in 50 tries because its records kept changing; it is tried again.'),
    );
    expect(store.written).toHaveLength(50);
  });

  it('is not tried again when the table itself says no', async () => {
    await stored([], ['rem-1']);
    store.beforeWrite = () => Promise.reject(new RetryableError('throttled'));
    await expect(reclaim()).rejects.toThrow('throttled');
    expect(store.written).toHaveLength(1);
  });
});
