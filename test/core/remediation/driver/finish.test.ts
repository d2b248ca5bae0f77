import { beforeEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { imageRecordType } from '../../../../core/images/records.ts';
import { type InstanceRecord, instanceType } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { RecordConflictError } from '../../../../core/records/store.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import { finalState, finish, releaseGroup, releasePlatform, releaseSlot } from '../../../../core/remediation/driver/finish.ts';
import { RemediationSession } from '../../../../core/remediation/driver/session.ts';
import {
  type Group,
  groupType,
  type PathName,
  phaseNames,
  type PhaseName,
  type Platform,
  platformType,
  type Remediation,
  remediationType,
  type RemediationState,
  slotType,
} from '../../../../core/remediation/record.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { WatchedStore } from '../../inventory/world.ts';
import { groupOf, NOW, remediationOf, slotOf } from '../builders.ts';
import { testScope } from '../world.ts';

function failedIn(phase: PhaseName, guardrail?: string): Remediation {
  return remediationOf({}, { failure: { phase, reason: 'because', ...(guardrail === undefined ? {} : { guardrail }) } });
}

const ended = (state: RemediationState, changes: Partial<Remediation> = {}): Remediation => remediationOf({}, { state, ...changes });
const endings = ['failed', 'vetoed', 'would-have', 'stood-down'] as const;

describe('how a remediation ended', () => {
  it.each([
    ['nothing failed', remediationOf(), 'succeeded'],
    ['a guardrail said no', failedIn('guard', 'pause'), 'vetoed'],
    ['a guardrail said no in another phase', failedIn('preflight', 'image choice'), 'vetoed'],
    [
      'a dry run went as far as it may',
      remediationOf(
        {},
        { failure: { phase: 'guard', reason: 'dry run' }, phases: [{ name: 'guard', startedAt: NOW, endedAt: NOW, outcome: 'skipped', reason: 'dry run' }] },
      ),
      'would-have',
    ],
  ] as const)('%s → %#', (_what, record, state) => {
    expect(finalState(record)).toBe(state);
  });

  it('stands down where nothing was touched yet; anything later has failed', () => {
    const states = Object.fromEntries(phaseNames.map((phase) => [phase, finalState(failedIn(phase))]));
    const harmless = Object.keys(states).filter((phase) => states[phase] === 'stood-down');
    expect(harmless).toEqual([
      'confirm',
      'guard',
      'await-approval',
      'preflight',
      'capture',
      'evidence',
      'defuse',
      'snapshot',
      'choose-step',
      'await-native-recovery',
      'preflight-member',
    ]);
    expect(Object.values(states).filter((state) => state === 'failed')).toHaveLength(phaseNames.length - harmless.length);
  });
});

const tried = (path: PathName) => [{ path, startedAt: NOW, endedAt: NOW, reason: 'it did not help' }];

describe('a step of the ladder that did not help', () => {
  it('has touched the instance, so that a harmless failure after it is none; waiting for EC2 has not', () => {
    expect(finalState({ ...failedIn('choose-step'), triedPaths: tried('reboot') })).toBe('failed');
    expect(finalState({ ...failedIn('choose-step'), triedPaths: tried('native-recovery') })).toBe('stood-down');
    expect(finalState({ ...failedIn('choose-step'), triedPaths: [...tried('native-recovery'), ...tried('restart')] })).toBe('failed');
  });
});

describe('the slot afterwards', () => {
  const held = slotOf({ remediationId: 'rem-1', attempts: [addSeconds(NOW, -60), NOW], retiredInstanceIds: ['i-older'] });

  it('is free and holds the new instance after a success', () => {
    expect(releaseSlot(held, ended('succeeded', { newInstanceId: 'i-new' }))).toEqual(
      slotOf({ instanceId: 'i-new', attempts: [addSeconds(NOW, -60), NOW], retiredInstanceIds: ['i-older', 'i-0000000000000001'] }),
    );
  });

  it('forgets its failures with a success, counts one more with a failure, and keeps them where nothing was touched', () => {
    const worn = { ...held, failuresInARow: 2 };
    expect(releaseSlot(worn, ended('succeeded', { newInstanceId: 'i-new' }))).not.toHaveProperty('failuresInARow');
    expect(releaseSlot(worn, ended('failed')).failuresInARow).toBe(3);
    expect(releaseSlot(held, ended('failed')).failuresInARow).toBe(1);
    expect(releaseSlot(worn, ended('vetoed')).failuresInARow).toBe(2);
    expect(releaseSlot(held, ended('vetoed'))).not.toHaveProperty('failuresInARow');
  });

  it('keeps its instance, and nobody retires, where the same instance serves again', () => {
    const { remediationId: _held, ...free } = held;
    expect(releaseSlot({ ...held, failuresInARow: 2 }, ended('succeeded', { path: 'reboot' }))).toStrictEqual(free);
  });

  it('of a drill keeps everything and notes when it passed', () => {
    const { remediationId: _held, ...free } = held;
    const drill = ended('succeeded', { isDrill: true, newInstanceId: 'i-new' });
    expect(releaseSlot({ ...held, failuresInARow: 1 }, drill)).toStrictEqual({ ...free, drillPassedAt: NOW });
    const later = { ...drill, timing: { ...drill.timing, endedAt: addSeconds(NOW, 60) } };
    expect(releaseSlot(held, later).drillPassedAt).toBe(addSeconds(NOW, 60));
  });

  it('holds the old instance again after a way back, and the replacement is the one that has left', () => {
    const back = ended('succeeded', { revertOf: 'rem-0', oldInstanceId: 'i-older', newInstanceId: 'i-new' });
    expect(releaseSlot({ ...held, instanceId: 'i-new' }, back)).toMatchObject({ instanceId: 'i-older', retiredInstanceIds: ['i-new'] });
  });

  it('lists an instance once among those that have left, the last time', () => {
    const twice = slotOf({ retiredInstanceIds: ['i-0000000000000001', 'i-older'] });
    expect(releaseSlot(twice, ended('succeeded', { newInstanceId: 'i-new' })).retiredInstanceIds).toEqual(['i-older', 'i-0000000000000001']);
  });

  it.each(endings)('is free and keeps its instance when it %s', (state) => {
    const slot = releaseSlot(held, ended(state, { newInstanceId: 'i-new' }));
    expect(slot.remediationId).toBeUndefined();
    expect(slot.instanceId).toBe('i-0000000000000001');
    expect(slot.retiredInstanceIds).toEqual(['i-older']);
  });

  it('counts an attempt that touched something, and no other', () => {
    const attempts = Object.fromEntries((['succeeded', ...endings] as const).map((state) => [state, releaseSlot(held, ended(state)).attempts.length]));
    expect(attempts).toEqual({ succeeded: 2, failed: 2, vetoed: 1, 'would-have': 1, 'stood-down': 1 });
  });

  it('keeps the newest 50 retired instances', () => {
    const many = slotOf({ retiredInstanceIds: Array.from({ length: 50 }, (_, index) => `i-${index}`) });
    const retired = releaseSlot(many, ended('succeeded')).retiredInstanceIds;
    expect(retired).toHaveLength(50);
    expect(retired.at(0)).toBe('i-1');
    expect(retired.at(-1)).toBe('i-0000000000000001');
  });
});

const breakerWhen = (breaker: Group['breaker'], state: RemediationState) => releaseGroup(groupOf({ breaker }), ended(state)).breaker;

describe('the group afterwards', () => {
  const group = groupOf({
    inFlight: ['rem-0', 'rem-1'],
    unhealthy: [
      { slotId: 'shop-web/1', at: NOW },
      { slotId: 'shop-web/2', at: NOW },
    ],
  });

  it('no longer counts it; only a success makes the slot healthy', () => {
    expect(releaseGroup(group, ended('succeeded'))).toEqual({ ...group, inFlight: ['rem-0'], unhealthy: [{ slotId: 'shop-web/2', at: NOW }] });
    for (const state of endings) expect(releaseGroup(group, ended(state))).toEqual({ ...group, inFlight: ['rem-0'] });
  });

  it('forgets only the trouble of its own member', () => {
    const unhealthy = ['i-a', 'i-b'].map((instanceId) => ({ slotId: 'shop-web/1', at: NOW, instanceId }));
    expect(releaseGroup(groupOf({ unhealthy }), ended('succeeded', { oldInstanceId: 'i-a' })).unhealthy).toEqual([unhealthy[1]]);
  });

  it.each(['await-running', 'await-healthy', 'verify', 'await-member', 'verify-serving'] as const)(
    'notes a replacement that was no good: it failed in %s',
    (phase) => {
      const failed = ended('failed', { failure: { phase, reason: 'because' } });
      expect(releaseGroup(group, failed).failedReplacements).toEqual([NOW]);
      const later = { ...failed, timing: { ...failed.timing, endedAt: addSeconds(NOW, 60) } };
      expect(releaseGroup({ ...group, failedReplacements: [NOW] }, later).failedReplacements).toEqual([NOW, addSeconds(NOW, 60)]);
    },
  );

  it('keeps the newest ten bad replacements, and a clean sheet after a good one', () => {
    const failedReplacements = Array.from({ length: 10 }, (_, index) => addSeconds(NOW, index - 20));
    const failed = ended('failed', { failure: { phase: 'verify', reason: 'because' } });
    expect(releaseGroup({ ...group, failedReplacements }, failed).failedReplacements).toEqual([...failedReplacements.slice(1), NOW]);
    expect(releaseGroup({ ...group, failedReplacements }, ended('succeeded')).failedReplacements).toEqual([]);
    expect(releaseGroup(group, ended('succeeded'))).not.toHaveProperty('failedReplacements');
  });

  it.each([
    ['failed', 'launch'],
    ['vetoed', 'verify'],
    ['stood-down', 'verify'],
  ] as const)('blames no replacement for what %s in %s', (state, phase) => {
    const known = { ...group, failedReplacements: [NOW] };
    expect(releaseGroup(known, ended(state, { failure: { phase, reason: 'because' } })).failedReplacements).toEqual([NOW]);
    expect(releaseGroup(group, ended(state))).not.toHaveProperty('failedReplacements');
  });

  it('trusts repairs again after a success of a group whose breaker is closed, not while it is open', () => {
    expect(breakerWhen({ state: 'closed', isProbeFailed: true }, 'succeeded')).toEqual({ state: 'closed', isProbeFailed: false });
    expect(breakerWhen({ state: 'closed', isProbeFailed: true }, 'failed')).toEqual({ state: 'closed', isProbeFailed: true });
    expect(breakerWhen({ state: 'open', since: NOW, isProbeFailed: true }, 'succeeded')).toEqual({ state: 'open', since: NOW, isProbeFailed: true });
  });

  it.each([
    ['succeeded', false],
    ['failed', true],
    ['vetoed', false],
    ['would-have', false],
    ['stood-down', false],
  ] as const)('its probe %s: probing stops: %s', (state, isProbeFailed) => {
    const probing = groupOf({ breaker: { state: 'open', since: NOW, isProbeFailed: false, probeRemediationId: 'rem-1' } });
    expect(releaseGroup(probing, ended(state)).breaker).toEqual({ state: 'open', since: NOW, isProbeFailed });
  });

  it('keeps a probe that is another one', () => {
    const breaker = { state: 'open', since: NOW, isProbeFailed: false, probeRemediationId: 'rem-0' } as const;
    expect(releaseGroup(groupOf({ breaker }), ended('failed')).breaker).toEqual(breaker);
  });
});

describe('the platform afterwards', () => {
  const platform: Platform = {
    inFlight: ['rem-0', 'rem-1'],
    starts: [addSeconds(NOW, -60), NOW],
    unhealthySystems: [{ system: 'shop-web', at: NOW }],
    breaker: { state: 'closed' },
  };

  it('no longer counts it in flight; a start counts when something was touched; a success makes the system healthy', () => {
    expect(releasePlatform(platform, ended('succeeded'))).toEqual({ ...platform, inFlight: ['rem-0'], unhealthySystems: [] });
    expect(releasePlatform(platform, ended('failed'))).toEqual({ ...platform, inFlight: ['rem-0'] });
    expect(releasePlatform(platform, ended('vetoed'))).toEqual({ ...platform, inFlight: ['rem-0'], starts: [addSeconds(NOW, -60)] });
  });

  it.each(endings)('keeps the system unhealthy when it %s', (state) => {
    expect(
      releasePlatform(
        {
          ...platform,
          unhealthySystems: [
            { system: 'shop-web', at: NOW },
            { system: 'db', at: NOW },
          ],
        },
        ended(state),
      ).unhealthySystems,
    ).toHaveLength(2);
  });

  it('lets no other system be well with it', () => {
    const both = [
      { system: 'shop-web', at: NOW },
      { system: 'shop-db', at: NOW },
    ];
    expect(releasePlatform({ ...platform, unhealthySystems: both }, ended('succeeded')).unhealthySystems).toEqual([both[1]]);
  });

  it('lets go of the probe of a shared cause', () => {
    const causeBreakers = [{ cause: 'zone:a', since: NOW, isProbeFailed: false, probeRemediationId: 'rem-1' }];
    expect(releasePlatform({ ...platform, causeBreakers }, ended('failed')).causeBreakers).toEqual([{ cause: 'zone:a', since: NOW, isProbeFailed: true }]);
  });

  it('takes back its own start only, also when another one began in the same millisecond', () => {
    const busy: Platform = { ...platform, starts: [NOW, NOW, NOW] };
    expect(releasePlatform(busy, ended('vetoed')).starts).toEqual([NOW, NOW]);
  });
});

const listed = (instanceId: string): InstanceRecord => ({
  instanceId,
  status: 'managed',
  system: 'shop-web',
  role: 'web',
  slotId: 'shop-web/1',
  state: 'running',
  imageId: 'ami-v1',
  instanceType: 't3.micro',
  availabilityZone: 'eu-central-1a',
  subnetId: 'subnet-a',
  vpcId: 'vpc-1',
  securityGroupIds: [],
  firstSeenAt: NOW,
  changedAt: NOW,
});

let store: WatchedStore;
let clock: VirtualClock;
/** What people were told, and whether the end was on record by then. */
let told: { readonly record: Remediation; readonly stored: string | undefined }[];
const remediationKey = keys.remediation(testScope, 'rem-1');
const END = addSeconds(NOW, 90.4);

const bodyOf = async () => (await readRecord(store, remediationType, remediationKey))?.body;
const slotNow = async () => (await readRecord(store, slotType, keys.slot(testScope, 'shop-web/1')))?.body;
const groupNow = async () => (await readRecord(store, groupType, keys.group(testScope, 'shop-web/web')))?.body;
const platformNow = async () => (await readRecord(store, platformType, keys.platform(testScope)))?.body;

beforeEach(() => {
  clock = new VirtualClock(NOW);
  store = new WatchedStore(new MemoryRecordStore(clock));
  told = [];
});

const ports = () => ({
  observe: { store, scope: testScope, clock },
  journal: { finished: async (record: Remediation) => void told.push({ record, stored: (await bodyOf())?.state }) },
});

async function openSession(changes: Partial<Remediation>): Promise<RemediationSession> {
  await createRecord(store, remediationType, remediationKey, remediationOf({}, { phase: 'finish', ...changes }));
  const session = await RemediationSession.open(store, clock, testScope, 'rem-1');
  if (session === undefined) throw new Error('no session');
  clock.advance(90.4);
  return session;
}

async function claimed(holder = 'rem-1'): Promise<void> {
  await createRecord(store, slotType, keys.slot(testScope, 'shop-web/1'), slotOf({ remediationId: holder, attempts: [NOW] }));
  await createRecord(store, groupType, keys.group(testScope, 'shop-web/web'), groupOf({ inFlight: ['rem-1'], unhealthy: [{ slotId: 'shop-web/1', at: NOW }] }));
  await createRecord(store, platformType, keys.platform(testScope), { ...emptyPlatform, inFlight: ['rem-1'], starts: [NOW] });
}

describe('the end of a remediation', () => {
  it('tells people first, then writes the end and frees slot, group and caps at once', async () => {
    await claimed();
    const session = await openSession({ newInstanceId: 'i-new' });
    store.written.length = 0;
    await finish(ports(), session, undefined);
    const body = remediationOf(
      {},
      {
        phase: 'finish',
        newInstanceId: 'i-new',
        state: 'succeeded',
        reason: 'i-0000000000000001 was replaced by i-new',
        phases: [{ name: 'finish', startedAt: NOW, endedAt: END, outcome: 'done', reason: 'Ended as succeeded after 90 s' }],
        timing: { detectedAt: NOW, decidedAt: NOW, endedAt: END },
      },
    );
    expect(await bodyOf()).toEqual(body);
    expect(session.record).toEqual(body);
    expect(told).toEqual([{ record: body, stored: 'running' }]);
    expect(await slotNow()).toEqual(slotOf({ instanceId: 'i-new', attempts: [NOW], retiredInstanceIds: ['i-0000000000000001'] }));
    expect(await groupNow()).toEqual(groupOf());
    expect(await platformNow()).toEqual({ ...emptyPlatform, starts: [NOW] });
    expect(store.written).toEqual([remediationKey, keys.slot(testScope, 'shop-web/1'), keys.group(testScope, 'shop-web/web'), keys.platform(testScope)]);
  });

  it('leaves a slot to whoever holds it now', async () => {
    await claimed('rem-2');
    await finish(ports(), await openSession({ newInstanceId: 'i-new' }), undefined);
    expect(await slotNow()).toEqual(slotOf({ remediationId: 'rem-2', attempts: [NOW] }));
    expect(await groupNow()).toEqual(groupOf());
  });

  it('is written also where nothing was claimed', async () => {
    await finish(ports(), await openSession({ newInstanceId: 'i-new' }), undefined);
    expect((await bodyOf())?.state).toBe('succeeded');
    expect([await slotNow(), await groupNow(), await platformNow()]).toEqual([undefined, undefined, undefined]);
  });

  it('is written again when somebody else was faster, and tells people once', async () => {
    await claimed();
    const session = await openSession({ newInstanceId: 'i-new' });
    let isFirst = true;
    store.beforeWrite = async () => {
      if (!isFirst) return;
      isFirst = false;
      await updateRecord(store.inner, groupType, keys.group(testScope, 'shop-web/web'), () => groupOf({ inFlight: ['rem-1', 'rem-2'] }));
    };
    await finish(ports(), session, undefined);
    expect(await groupNow()).toEqual(groupOf({ inFlight: ['rem-2'] }));
    expect(told).toHaveLength(1);
  });

  it('is given up after 20 tries, to be repeated with the step; what is no conflict ends it at once', async () => {
    const session = await openSession({});
    store.written.length = 0;
    store.beforeWrite = () => Promise.reject(new RecordConflictError('changed'));
    await expect(finish(ports(), session, undefined)).rejects.toThrow(
      new RetryableError('The claim of rem-1 could not be released in 20 tries; the step will be repeated.'),
    );
    expect(store.written).toHaveLength(20);
    store.beforeWrite = () => Promise.reject(new RetryableError('throttled'));
    await expect(finish(ports(), session, undefined)).rejects.toThrow('throttled');
    expect(store.written).toHaveLength(21);
  });
});

const ran = (name: PhaseName, outcome: 'done' | 'failed', endedAt = NOW) => ({ name, startedAt: NOW, endedAt, outcome, reason: `${name} said no` });

const said = async (changes: Partial<Remediation>, extra?: string): Promise<string | undefined> => {
  await finish(ports(), await openSession(changes), extra);
  return told[0]?.record.reason;
};

describe('what a remediation says at its end', () => {
  const failure = { phase: 'launch', reason: 'no capacity' } as const;

  it.each([
    ['a success', { newInstanceId: 'i-new' }, 'i-0000000000000001 was replaced by i-new'],
    ['a success of which nobody knows the replacement', {}, 'i-0000000000000001 was replaced by nothing'],
    ['the same instance', { path: 'reboot' }, 'i-0000000000000001 serves again by the path reboot; it is the same instance'],
    [
      'a drill',
      { isDrill: true, drill: { groupId: 'shop-web/web' }, newInstanceId: 'i-new' },
      'The drill passed: i-0000000000000001 was replaced by i-new; both go to the reaper',
    ],
    ['a way back', { revertOf: 'rem-0', newInstanceId: 'i-new' }, 'i-0000000000000001 is back in the place of i-new: rem-0 is taken back'],
    ['a failure', { failure, phases: [ran('launch', 'failed')] }, 'no capacity'],
    [
      'a failure that could not be undone',
      { failure, phases: [ran('launch', 'failed'), ran('deregister-new', 'failed'), ran('quarantine-new', 'failed'), ran('start-old', 'done')] },
      'no capacity. Half-done: deregister-new failed (deregister-new said no); quarantine-new failed (quarantine-new said no).',
    ],
    [
      'a success that could not tidy up',
      { newInstanceId: 'i-new', phases: [ran('transfer-alarms', 'failed')] },
      'i-0000000000000001 was replaced by i-new. Left for a person to finish: transfer-alarms failed (transfer-alarms said no).',
    ],
    [
      'a success whose quarantine has begun',
      { newInstanceId: 'i-new', calls: { 'mark:i-0000000000000001': { attempt: 1, intentAt: NOW } }, phases: [ran('quarantine', 'failed')] },
      'i-0000000000000001 was replaced by i-new. Left to finish, the quarantine by the reaper: quarantine failed (quarantine said no).',
    ],
    [
      'a step of the ladder that did not help, and one that did',
      {
        path: 'reboot',
        triedPaths: [{ path: 'restart', startedAt: NOW, endedAt: addSeconds(NOW, 10), reason: 'it did not help' }],
        phases: [ran('await-recovered', 'failed', addSeconds(NOW, 10)), ran('verify-serving', 'failed', addSeconds(NOW, 11))],
      },
      'i-0000000000000001 serves again by the path reboot; it is the same instance. Left for a person to finish: verify-serving failed (verify-serving said no).',
    ],
  ] satisfies readonly (readonly [string, Partial<Remediation>, string])[])('of %s', async (_what, changes, text) => {
    expect(await said(changes)).toBe(text);
  });

  it('ends with what the last step adds', async () => {
    expect(await said({ failure }, 'The step kept failing: odd')).toBe('no capacity. The step kept failing: odd.');
  });
});

const imageNow = async () => (await readRecord(store, imageRecordType, keys.image(testScope, 'web', 'ami-v2')))?.body;

describe('what a success teaches', () => {
  const drill = { isDrill: true, drill: { groupId: 'shop-web/web' }, newInstanceId: 'i-new', imageId: 'ami-v2' } as const;
  const seen = { groupId: 'shop-web/web', at: END, instanceId: 'i-new' };
  const known = { role: 'web', imageId: 'ami-v2', firstApprovedAt: NOW, isApproved: true, isRevoked: false };

  it('is that an image has been seen at work in the group, after a drill', async () => {
    await finish(ports(), await openSession(drill), undefined);
    expect(await imageNow()).toEqual({ ...known, firstApprovedAt: END, verifiedGroups: [seen] });
  });

  it('is added to what is known of the image, once for each group', async () => {
    const other = { groupId: 'shop-api/web', at: NOW, instanceId: 'i-x' };
    await createRecord(store, imageRecordType, keys.image(testScope, 'web', 'ami-v2'), { ...known, isApproved: false, verifiedGroups: [other] });
    await finish(ports(), await openSession(drill), undefined);
    const after = { ...known, isApproved: false, verifiedGroups: [other, seen] };
    expect(await imageNow()).toEqual(after);
    await updateRecord(store, remediationType, remediationKey, (body) => (body === undefined ? body : { ...body, state: 'running' as const }));
    const again = await RemediationSession.open(store, clock, testScope, 'rem-1');
    if (again === undefined) throw new Error('no session');
    clock.advance(60);
    await finish(ports(), again, undefined);
    expect(await imageNow()).toEqual(after);
  });

  it('is nothing after a drill that failed', async () => {
    await finish(ports(), await openSession({ ...drill, failure: { phase: 'launch', reason: 'no capacity' } }), undefined);
    expect(await imageNow()).toBeUndefined();
  });

  it.each([
    ['a replacement', { newInstanceId: 'i-new' }, 'i-0000000000000001', 'i-new'],
    ['a way back', { newInstanceId: 'i-new', revertOf: 'rem-0' }, 'i-new', 'i-0000000000000001'],
  ] as const)('is who is where now, after %s', async (_what, changes, leaving, coming) => {
    await createRecord(store, instanceType, keys.instance(testScope, leaving), listed(leaving));
    await finish(ports(), await openSession({ ...changes, imageId: 'ami-v2' }), undefined);
    const read = async (id: string) => (await readRecord(store, instanceType, keys.instance(testScope, id)))?.body;
    expect(await read(leaving)).toMatchObject({ status: 'quarantined', changedAt: END });
    expect(await read(coming)).toMatchObject({ status: 'managed', slotId: 'shop-web/1', imageId: 'ami-v2', changedAt: END });
  });

  it.each([
    ['that failed', { newInstanceId: 'i-new', imageId: 'ami-v2', failure: { phase: 'verify', reason: 'because' } }],
    ['whose image is not known', { newInstanceId: 'i-new' }],
    ['that replaced nothing', { imageId: 'ami-v2' }],
  ] satisfies readonly (readonly [string, Partial<Remediation>])[])('is nothing after a repair %s', async (_what, changes) => {
    await createRecord(store, instanceType, keys.instance(testScope, 'i-0000000000000001'), listed('i-0000000000000001'));
    await finish(ports(), await openSession(changes), undefined);
    const found = await readRecord(store, instanceType, keys.instance(testScope, 'i-0000000000000001'));
    expect(found?.body.status).toBe('managed');
  });
});
