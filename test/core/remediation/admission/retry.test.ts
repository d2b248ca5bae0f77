import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowSchema } from '../../../../core/catalog/schema.ts';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { recordResolvedSignal } from '../../../../core/incidents/incidents.ts';
import { type Incident, incidentType } from '../../../../core/incidents/record.ts';
import { systemRecordType } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, updateRecord } from '../../../../core/records/record-type.ts';
import type { RecordStore } from '../../../../core/records/store.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import { groupType, pauseType, platformType, type Remediation, remediationType, slotType } from '../../../../core/remediation/record.ts';
import { backOffSeconds, decideRetry, type RetryFacts, retryRepairs, type RetrySummary } from '../../../../core/remediation/admission/retry.ts';
import type { SignalQueue } from '../../../../core/signals/ports.ts';
import type { Signal } from '../../../../core/signals/signal.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { catalogOf } from '../../inventory/world.ts';
import { dump, groupOf, NOW, remediationOf, slotOf } from '../builders.ts';
import { type Fleet, fleet } from '../fleet-world.ts';
import { testHasher, testScope, webPolicy } from '../world.ts';

const BROKEN = 'i-00000000000000001';
const PEER = 'i-00000000000000002';
const ENDED = addSeconds(NOW, 300);

const incident: Incident = {
  id: 'inc-1',
  ...testScope,
  place: 'shop-web/1',
  system: 'shop-web',
  severity: 'high',
  state: 'open',
  title: 'unhealthy',
  impact: '',
  owner: 'team-shop',
  openedAt: NOW,
  updatedAt: NOW,
  signals: { 'f-1': { state: 'firing', rule: 'target-health', at: NOW } },
  remediationIds: ['rem-1'],
  subject: { type: 'instance', id: 'i-0000000000000001' },
  wasInInventory: true,
};

const endedAs = (state: Remediation['state'], changes: Partial<Remediation> = {}): Remediation => {
  const begun = remediationOf();
  return { ...begun, state, reason: 'no capacity', timing: { ...begun.timing, endedAt: ENDED }, ...changes };
};
const vetoedBy = (guardrail: string, reason = 'because'): Remediation =>
  endedAs('vetoed', { attempt: 0, reason, failure: { phase: 'guard', reason, guardrail } });

function facts(changes: Partial<RetryFacts> = {}): RetryFacts {
  return {
    incident,
    recent: [endedAs('failed')],
    claim: { slot: slotOf({ attempts: [NOW], failuresInARow: 1 }), group: groupOf(), platform: emptyPlatform },
    rule: { policy: webPolicy(), groupMembers: 3, systemsInCatalog: 2, trouble: { incidentId: 'inc-1', causes: [] } },
    pauses: [],
    ...changes,
  };
}

const decided = (changes: Partial<RetryFacts> = {}, afterSeconds = 600): readonly [string, string] => {
  const decision = decideRetry(facts(changes), addSeconds(ENDED, afterSeconds));
  return [decision.kind, decision.reason];
};

/** Three failures in a row, the last attempt so long before the incident. */
const wornSlot = (seconds: number) => slotOf({ attempts: [addSeconds(NOW, -seconds), NOW], failuresInARow: 3 });

const triggeredBy = (fingerprint: string) => endedAs('failed', { id: `rem-${fingerprint}`, trigger: { ...remediationOf().trigger, fingerprint } });

describe('the decision to try a repair again', () => {
  it('waits for the back-off after the end, to the second', () => {
    expect(decided({}, 599.999)).toEqual(['wait', `The back-off lasts until ${addSeconds(ENDED, 600)}`]);
    expect(decideRetry(facts(), addSeconds(ENDED, 600))).toMatchObject({
      kind: 'retry',
      dueAt: addSeconds(ENDED, 600),
      reason: 'rem-1 ended failed: no capacity',
    });
  });

  it('doubles the back-off with every failure, up to an hour', () => {
    const waits = [1, 2, 3, 4, 20].map((failures) => backOffSeconds(webPolicy(), failures));
    expect(waits).toEqual([600, 1200, 2400, 3600, 3600]);
    expect(backOffSeconds(webPolicy({ cooldownSeconds: 7200 }), 3)).toBe(7200);
    const three = [1, 2, 3].map(() => endedAs('stood-down'));
    expect(decided({ recent: three }, 2399)[0]).toBe('wait');
    expect(decided({ recent: three }, 2400)[0]).toBe('retry');
  });

  it('forgets failures of before an hour of health for the back-off only', () => {
    const claim = facts().claim;
    expect(decided({ claim: { ...claim, slot: wornSlot(3599) } }, 2399)[0]).toBe('wait');
    expect(decided({ claim: { ...claim, slot: wornSlot(3600) } })[0]).toBe('retry');
    const worn = slotOf({ attempts: [addSeconds(NOW, -7200), addSeconds(NOW, -7000), NOW], failuresInARow: 3 });
    expect(decided({ claim: { ...claim, slot: worn } }, 50_000)).toEqual(['wait', 'retry cap: 3 attempts on this slot in 24 h, the cap is 3']);
  });

  it('counts only attempts of the incident that did not succeed, and never waits for less than what the slot remembers', () => {
    const refusedFirst = [vetoedBy('platform caps'), endedAs('succeeded'), endedAs('failed')];
    expect(decided({ recent: refusedFirst }, 600)[0]).toBe('retry');
    const { claim } = facts();
    const worn = { ...claim, slot: { ...wornSlot(60), failuresInARow: 1 } };
    expect(decided({ claim: worn, recent: [endedAs('failed'), endedAs('failed')] }, 1199)[0]).toBe('wait');
    expect(decided({ claim: { ...claim, slot: slotOf({ attempts: [addSeconds(NOW, -60), NOW] }) } }, 600)[0]).toBe('retry');
    // Never tried before the incident: what failed long ago is forgotten.
    expect(decided({ claim: { ...claim, slot: slotOf({ attempts: [NOW], failuresInARow: 5 }) } }, 600)[0]).toBe('retry');
  });

  it('takes the last attempt before the incident for its hour of health', () => {
    const attempts = [addSeconds(NOW, -9000), addSeconds(NOW, -60), NOW];
    const policy = webPolicy({ caps: { maxAttemptsPerDay: 20 } });
    const changes = { claim: { ...facts().claim, slot: slotOf({ attempts, failuresInARow: 3 }) }, rule: { ...facts().rule, policy } };
    expect(decided(changes, 2399)[0]).toBe('wait');
    expect(decided(changes, 2400)[0]).toBe('retry');
  });

  const heard = (at: string): Incident => ({ ...incident, signals: { 'f-1': { state: 'firing', rule: 'target-health', at } } });
  const { timing, trigger } = remediationOf();

  it.each([
    ['the end of the last one', {}, ENDED],
    ['when its signal was heard last', { incident: heard(addSeconds(ENDED, 60)) }, addSeconds(ENDED, 60)],
    ['when it was triggered', { recent: [endedAs('failed', { trigger: { ...trigger, at: addSeconds(ENDED, 90) } })] }, addSeconds(ENDED, 90)],
    [
      'when it was decided, where its end was not noted',
      { recent: [endedAs('failed', { timing: { ...timing, decidedAt: addSeconds(NOW, 400) } })] },
      addSeconds(NOW, 400),
    ],
  ] satisfies readonly (readonly [string, Partial<RetryFacts>, string])[])('counts the back-off from %s, if that is the latest', (_what, changes, from) => {
    expect(decideRetry(facts(changes), addSeconds(NOW, 100_000))).toMatchObject({ kind: 'retry', dueAt: addSeconds(from, 600) });
  });

  it('repeats the last signal that asked for a repair and still fires', () => {
    const signals = { 'f-1': { state: 'firing', rule: 'a', at: NOW }, 'f-2': { state: 'firing', rule: 'b', at: NOW } } as const;
    const decision = decideRetry(
      facts({ incident: { ...incident, signals }, recent: [triggeredBy('f-1'), triggeredBy('f-2'), triggeredBy('f-3')] }),
      addSeconds(NOW, 100_000),
    );
    expect(decision).toMatchObject({ kind: 'retry', last: { id: 'rem-f-3' }, trigger: { fingerprint: 'f-2' } });
  });

  it('claims its places, so that the next decision of the same sweep counts it', () => {
    const at = addSeconds(ENDED, 600);
    const decision = decideRetry(facts(), at);
    const last = endedAs('failed');
    expect(decision).toEqual({
      kind: 'retry',
      last,
      trigger: last.trigger,
      dueAt: at,
      reason: 'rem-1 ended failed: no capacity',
      claim: {
        slot: slotOf({ attempts: [NOW, at], failuresInARow: 1, remediationId: 'retry-of-rem-1' }),
        group: groupOf({ inFlight: ['retry-of-rem-1'], unhealthy: [{ slotId: 'shop-web/1', at }] }),
        platform: { ...emptyPlatform, inFlight: ['retry-of-rem-1'], starts: [at], unhealthySystems: [{ system: 'shop-web', at }] },
      },
    });
  });

  it('is the same whenever it is taken: due since the same moment', () => {
    fc.assert(
      fc.property(fc.nat(80_000), fc.nat(80_000), (first, second) => {
        const [left, right] = [first, second].map((seconds) => decideRetry(facts(), addSeconds(ENDED, 600 + seconds)));
        expect(left?.kind === 'retry' && right?.kind === 'retry' && left.dueAt === right.dueAt).toBe(true);
      }),
    );
  });

  it.each([
    ['the incident is over', { incident: { ...incident, state: 'resolved' } }, 'none', 'The incident is over'],
    ['nothing was tried', { recent: [] }, 'none', 'Nothing was tried yet'],
    ['all its signals are over', { incident: { ...incident, state: 'stable' } }, 'none', 'All its signals are over'],
    ['its incident is being repaired', { incident: { ...incident, state: 'repairing' } }, 'wait', 'A repair of the incident is under way'],
    ['it went well', { recent: [endedAs('succeeded')] }, 'none', 'It ended succeeded'],
    [
      'a person must look at what it could not undo, though it stood down',
      { recent: [endedAs('stood-down', { phases: [{ name: 'deregister-new', startedAt: NOW, endedAt: NOW, outcome: 'failed', reason: 'x' }] })] },
      'none',
      'What was begun is half-done; a person must look at it first',
    ],
    ['nobody knows what vetoed it', { recent: [endedAs('vetoed')] }, 'none', 'A person decides about the guardrail "unknown": no capacity'],
    [
      'it was left alone on purpose',
      { recent: [vetoedBy('pending duration', 'It is on hold (kim)')] },
      'none',
      'A person decides about the guardrail "pending duration": It is on hold (kim)',
    ],
    ['its signal is not known any more', { incident: { ...incident, signals: {} } }, 'none', 'No signal that asked for a repair still fires'],
    ['one is under way', { recent: [endedAs('running')] }, 'wait', 'A repair of the incident is under way'],
    ['another one holds the slot', { claim: { ...facts().claim, slot: slotOf({ remediationId: 'rem-9' }) } }, 'wait', 'rem-9 holds the slot'],
    ['it was a dry run', { recent: [endedAs('would-have')] }, 'none', 'It ended would-have'],
    ['it was a drill', { recent: [endedAs('failed', { isDrill: true })] }, 'none', 'It was a drill'],
    [
      'a person has taken it over',
      { recent: [endedAs('failed', { request: { by: 'kim', reason: 'by hand', at: NOW } })] },
      'none',
      'kim asked for it by hand and decides how it goes on',
    ],
    ['somebody aborted it', { recent: [endedAs('failed', { abort: { by: 'kim', reason: 'wrong host', at: NOW } })] }, 'none', 'kim aborted it: wrong host'],
    [
      'undoing failed too',
      { recent: [endedAs('failed', { phases: [{ name: 'deregister-new', startedAt: NOW, endedAt: NOW, outcome: 'failed', reason: 'x' }] })] },
      'none',
      'What was begun is half-done; a person must look at it first',
    ],
    [
      'its signal is over while another fires',
      {
        incident: { ...incident, signals: { 'f-1': { state: 'resolved', rule: 'target-health', at: NOW }, 'f-2': { state: 'firing', rule: 'disk', at: NOW } } },
      },
      'none',
      'No signal that asked for a repair still fires',
    ],
    [
      'no signal of the table asked for it',
      { recent: [endedAs('failed', { trigger: { ...remediationOf().trigger, kind: 'by-hand' } })] },
      'none',
      'No signal that asked for a repair still fires',
    ],
    ['a person must approve', { recent: [vetoedBy('opt-in and provenance')] }, 'none', 'A person decides about the guardrail "opt-in and provenance": because'],
    ['the alarm acts for itself', { recent: [vetoedBy('allow-list')] }, 'none', 'A person decides about the guardrail "allow-list": because'],
    ['it is paused', { pauses: [{ target: 'global', isPaused: true, by: 'kim', reason: 'migration', at: NOW }] }, 'wait', 'Paused (global) by kim: migration'],
    [
      'people are working on it',
      { recent: [vetoedBy('maintenance window')], window: { name: 'patching', author: 'kim', until: '2026-11-21T12:00:00.000Z' } },
      'wait',
      'People are working (maintenance window patching of kim) until 2026-11-21T12:00:00.000Z',
    ],
    [
      'the group is suspended',
      { claim: { ...facts().claim, group: groupOf({ failedReplacements: [NOW, NOW, NOW] }) } },
      'wait',
      'retry cap: The group is suspended: 3 replacements in 24 h did not stay healthy; a person must resume it',
    ],
    [
      'there is no room',
      { recent: [vetoedBy('platform caps')], claim: { ...facts().claim, platform: { ...emptyPlatform, inFlight: ['a', 'b', 'c', 'd', 'e'] } } },
      'wait',
      'platform caps: 5 remediations are in flight, the cap is 5',
    ],
  ] satisfies readonly (readonly [string, Partial<RetryFacts>, string, string])[])('is no, when %s', (_what, changes, kind, reason) => {
    expect(decided(changes)).toEqual([kind, reason]);
  });

  it('is yes where what failed was not the way back, and where the way back worked', () => {
    const phase = { startedAt: NOW, endedAt: NOW, reason: 'x' };
    const phases: Remediation['phases'] = [
      { ...phase, name: 'launch', outcome: 'failed' },
      { ...phase, name: 'deregister-new', outcome: 'done' },
    ];
    expect(decided({ recent: [endedAs('failed', { phases })] })).toEqual(['retry', 'rem-1 ended failed: no capacity']);
  });

  it('is not stopped by a switch that was set back', () => {
    expect(decided({ pauses: [{ target: 'global', isPaused: false, by: 'kim', reason: 'migration', at: NOW }] })[0]).toBe('retry');
  });

  it('takes up what was too young, two seconds after the veto, and not before', () => {
    const recent = [vetoedBy('pending duration', 'It is 10 s old, inside the grace period of 300 s')];
    expect(decided({ recent }, 1.9)).toEqual(['wait', `The back-off lasts until ${addSeconds(ENDED, 2)}`]);
    expect(decided({ recent }, 2)[0]).toBe('retry');
  });

  it.each(['pause', 'maintenance window', 'platform caps', 'circuit breaker', 'one at a time', 'retry cap'])(
    'takes up what "%s" refused as soon as there is room, without a back-off',
    (guardrail) => {
      expect(decided({ recent: [vetoedBy(guardrail)] }, 2)[0]).toBe('retry');
    },
  );
});

const pair = [BROKEN, PEER].map((instanceId) => ({ system: 'shop-web', instanceId, zone: 'eu-central-1a', imageId: 'ami-1' }));
const YOUNG = 'i-00000000000000003';
const youngSeed = {
  instanceId: YOUNG,
  imageId: 'ami-1',
  tags: { 'perennial:system': 'shop-web', 'perennial:role': 'shop-web' },
  targets: [{ targetGroupArn: 'arn:tg/shop-web', targetGroupName: 'shop-web', port: 80 }],
};

/** Two web instances; the replacement of the first finds no capacity at first. */
async function noCapacity(): Promise<Fleet> {
  const all = await fleet(pair);
  all.world.region.refuseLaunches('InsufficientInstanceCapacity');
  expect((await all.break(BROKEN)).kind).toBe('repair');
  await all.playAll();
  expect(await all.remediations()).toMatchObject([{ state: 'stood-down' }]);
  return all;
}

async function incidentAfter(all: Fleet, seconds: number): Promise<readonly string[]> {
  all.world.clock.advance(seconds);
  return all.sweep();
}

describe('a repair that did not succeed', () => {
  it('is tried again after the back-off, and ends the incident when it works (S3-17)', async () => {
    const all = await noCapacity();
    expect(await incidentAfter(all, 300)).toEqual([]);
    all.world.region.refuseLaunches(undefined);
    const sent = await incidentAfter(all, 400);
    expect(sent).toHaveLength(1);
    expect((await all.drain()).map(({ kind }) => kind)).toEqual(['repair']);
    await all.playAll();
    const [second, first] = await all.remediations();
    expect([first?.state, second?.state]).toEqual(['stood-down', 'succeeded']);
    expect(second?.trigger).toMatchObject({ kind: 'instance.target-unhealthy', rule: 'target-health', fingerprint: first?.trigger.fingerprint });
    expect(second?.incidentId).toBe(first?.incidentId);
    expect(await all.incidents()).toEqual([]);
  });

  it('gets an execution of its own: a name that is taken would start nothing', async () => {
    const all = await noCapacity();
    await incidentAfter(all, 700);
    await all.drain();
    const [second, first] = await all.remediations();
    expect([first?.attempt, second?.attempt]).toEqual([1, 1]);
    expect(second?.executionName).not.toBe(first?.executionName);
  });

  it('gives one attempt, whether two sweeps run at once or the queue delivers again', async () => {
    const all = await noCapacity();
    const [first, second] = [await incidentAfter(all, 700), await incidentAfter(all, 30)];
    expect(second).toEqual(first);
    await all.drain();
    expect(await all.remediations()).toHaveLength(2);
    const before = dump(all.world.store);
    for (let delivery = 0; delivery < 3; delivery += 1) {
      all.world.clock.advance(40);
      expect(await all.deliver(first[0])).toMatchObject({ kind: 'duplicate' });
    }
    expect(dump(all.world.store)).toEqual(before);
    expect(all.world.started).toHaveLength(1);
    expect(await incidentAfter(all, 600)).toEqual([]);
  });

  it('is not tried again when the incident is over', async () => {
    const all = await noCapacity();
    all.world.clock.advance(60);
    await all.mend(BROKEN);
    expect(await all.incidents()).toMatchObject([{ state: 'stable' }]);
    expect(await incidentAfter(all, 700)).toEqual([]);
  });

  it('opens nothing when the incident ends between the sweep and the queue', async () => {
    const all = await noCapacity();
    const [body] = await incidentAfter(all, 700);
    const [open] = await all.incidents();
    const [fingerprint = ''] = Object.keys(open?.signals ?? {});
    const over: Signal = {
      kind: 'instance.target-unhealthy',
      subject: { type: 'instance', id: BROKEN },
      severity: 'info',
      state: 'resolved',
      at: all.world.clock.now(),
      source: 'perennial',
      rule: 'target-health',
      scope: testScope,
      summary: 'over',
      details: {},
    };
    // The incident alone: what the signal record says would stop the repetition too.
    const ports = { store: all.world.store, scope: testScope, clock: all.world.clock, hasher: testHasher };
    await recordResolvedSignal(ports, { signal: over, fingerprint, place: open?.place ?? '' });
    expect(await all.deliver(body)).toEqual({ kind: 'noted', reason: 'A repair was to be tried again, but its incident is over' });
    expect(await all.incidents()).toMatchObject([{ state: 'stable' }]);
    expect(await all.remediations()).toHaveLength(1);
  });

  it('counts by the original of its alarm, though the alarm is called otherwise now (S4-18)', async () => {
    const all = await fleet(pair);
    const name = `shop-web-unhealthy--${BROKEN}`;
    all.world.region.addAlarm({ name, state: 'ALARM', instanceId: BROKEN, alarmOf: 'shop-web-unhealthy' });
    all.world.region.setTargetUnhealthy(BROKEN, true);
    all.world.region.refuseLaunches('InsufficientInstanceCapacity');
    expect((await all.deliver(alarmEvent(all, name))).kind).toBe('repair');
    await all.playAll();
    await incidentAfter(all, 700);
    await all.drain();
    const [second, first] = await all.remediations();
    expect(second?.id).not.toBe(first?.id);
    expect(second?.trigger).toMatchObject({ alarmName: name, originalAlarmName: 'shop-web-unhealthy', fingerprint: first?.trigger.fingerprint });
  });

  it('waits for the end of a pause and goes on then', async () => {
    const all = await noCapacity();
    const key = keys.pause(testScope, 'system#shop-web');
    const paused = { target: 'system#shop-web', isPaused: true, by: 'kim', reason: 'migration', at: all.world.clock.now() };
    await createRecord(all.world.store, pauseType, key, paused);
    expect(await incidentAfter(all, 700)).toEqual([]);
    await updateRecord(all.world.store, pauseType, key, () => ({ ...paused, isPaused: false }));
    expect(await incidentAfter(all, 600)).toHaveLength(1);
  });

  it('is tried again when the instance was only too young', async () => {
    const all = await fleet(pair, { healthCheckGraceSeconds: 7200 });
    all.world.region.addInstance({ ...youngSeed, launchedAt: all.world.clock.now() });
    await all.sweep();
    await all.break(YOUNG);
    await all.playAll();
    expect(await all.remediations()).toMatchObject([{ state: 'vetoed', failure: { guardrail: 'pending duration' } }]);
    expect(await incidentAfter(all, 700)).toHaveLength(1);
  });

  it('is not tried again when a person holds the instance', async () => {
    const all = await fleet(pair);
    all.world.region.setTag(BROKEN, 'perennial:hold', 'kim');
    await all.break(BROKEN);
    await all.playAll();
    expect(await all.remediations()).toMatchObject([{ state: 'vetoed', failure: { guardrail: 'pending duration' } }]);
    for (let hour = 0; hour < 5; hour += 1) expect(await incidentAfter(all, 3600)).toEqual([]);
  });

  it('stops at three attempts in 24 hours', async () => {
    const all = await fleet(pair);
    all.world.region.makeImageBad('ami-1', 'Client.InternalError');
    await all.break(BROKEN);
    const gaps: number[] = [];
    for (let minute = 0; minute <= 600; minute += 10) {
      await all.playAll();
      if ((await incidentAfter(all, 600)).length > 0) gaps.push(minute);
      await all.drain();
    }
    expect(await all.remediations()).toHaveLength(3);
    expect(gaps).toHaveLength(2);
  });
});

/** An alarm of the broken instance, as EventBridge brings it. */
function alarmEvent(all: Fleet, name: string): unknown {
  const at = all.world.clock.now();
  return {
    version: '0',
    id: 'x',
    'detail-type': 'CloudWatch Alarm State Change',
    source: 'aws.cloudwatch',
    account: testScope.accountId,
    region: testScope.region,
    time: at,
    resources: [`arn:aws:cloudwatch:${testScope.region}:${testScope.accountId}:alarm:${name}`],
    detail: {
      alarmName: name,
      state: { value: 'ALARM', reason: 'Threshold Crossed', timestamp: at },
      previousState: { value: 'OK', timestamp: at },
      configuration: {
        metrics: [
          {
            id: 'm1',
            returnData: true,
            metricStat: { metric: { namespace: 'AWS/EC2', name: 'StatusCheckFailed', dimensions: { InstanceId: BROKEN } }, period: 60, stat: 'Maximum' },
          },
        ],
      },
    },
  };
}

describe('the sweep', () => {
  it('sends at most three, one for each group, and those that have waited longest first', async () => {
    const systems = ['s-1', 's-2', 's-3', 's-4', 's-5'];
    const seeds = systems.flatMap((system, index) =>
      [0, 1, 2, 3].map((place) => ({
        system,
        instanceId: `i-${String(index * 10 + place).padStart(17, '0')}`,
        zone: `z-${system}-${place}`,
        imageId: `ami-${system}`,
      })),
    );
    const all = await fleet(seeds);
    const key = keys.pause(testScope, 'global');
    const paused = { target: 'global', isPaused: true, by: 'kim', reason: 'migration', at: all.world.clock.now() };
    await createRecord(all.world.store, pauseType, key, paused);
    const troubled = seeds.filter(({ zone }) => zone.endsWith('-0') || zone.endsWith('-1'));
    for (const { instanceId } of troubled) {
      await all.break(instanceId);
      all.world.clock.advance(10);
    }
    expect((await all.remediations()).every(({ failure }) => failure?.guardrail === 'pause')).toBe(true);
    await updateRecord(all.world.store, pauseType, key, () => ({ ...paused, isPaused: false }));
    const sent = await incidentAfter(all, 600);
    expect(sent.map((body) => /i-\d+/.exec(body)?.[0])).toEqual([0, 10, 20].map((number) => `i-${String(number).padStart(17, '0')}`));
    await all.drain();
    expect(all.world.started).toHaveLength(3);
  });

  it('writes the signal once more as an event of our own bus, from whoever is in trouble', async () => {
    const all = await noCapacity();
    const [first] = await all.remediations();
    all.world.region.refuseLaunches(undefined);
    const [body = ''] = await incidentAfter(all, 700);
    const dueAt = addSeconds(first?.timing.endedAt ?? '', 600);
    expect(JSON.parse(body)).toEqual({
      version: '0',
      id: `retry-${first?.id}`,
      source: 'perennial',
      'detail-type': 'Repair Retry Due',
      account: '111122223333',
      region: 'eu-central-1',
      time: dueAt,
      resources: [],
      detail: { instanceId: BROKEN, kind: 'instance.target-unhealthy', rule: 'target-health', incidentId: first?.incidentId, retryOf: first?.id },
    });
  });

  it('goes on after an incident that cannot be read, and says which', async () => {
    const all = await noCapacity();
    const other = await all.incidents();
    const id = other[0]?.remediationIds[0] ?? '';
    const found = await all.world.store.get(keys.remediation(testScope, id));
    await all.world.store.write([{ key: keys.remediation(testScope, id), expectedVersion: found?.version ?? 0, body: { id } }]);
    const queue = { send: async () => [] };
    const summary = await retryRepairs({ store: all.world.store, scope: testScope, clock: all.world.clock, queue }, all.catalog);
    expect(summary.retried).toEqual([]);
    expect(summary.problems).toMatchObject([expect.stringContaining(`The remediation record`)]);
  });

  it('says so when the queue takes nothing: the next one sends the same', async () => {
    const all = await noCapacity();
    all.world.clock.advance(700);
    const queue = { send: async () => [{ index: 0, reason: 'ServiceUnavailable', isRetryable: true }] };
    await expect(retryRepairs({ store: all.world.store, scope: testScope, clock: all.world.clock, queue }, all.catalog)).rejects.toThrow(
      '1 of 1 retries could not be put on the queue (ServiceUnavailable)',
    );
    expect(await all.sweep()).toHaveLength(1);
  });
});

const LATER = addSeconds(ENDED, 700);

/** Stores something more. */
type Seeding = (store: MemoryRecordStore) => Promise<unknown>;

/** What a sweep finds stored: an incident of each number, with the repairs that were tried. */
async function sweepOf(
  incidents: readonly Partial<Incident>[],
  remediations: readonly Remediation[] = [endedAs('failed')],
  others: Partial<Pick<RecordStore, 'get'>> = {},
  catalog = catalogOf(),
  seed: Seeding = async () => undefined,
): Promise<{ readonly summary: RetrySummary; readonly sent: readonly string[]; readonly reads: readonly string[] }> {
  const clock = new VirtualClock(LATER);
  const store = new MemoryRecordStore(clock);
  for (const [index, changes] of incidents.entries()) {
    const body = { ...incident, id: `inc-${index + 1}`, ...changes };
    await createRecord(store, incidentType, keys.incident(testScope, body.id), body);
  }
  for (const body of remediations) await createRecord(store, remediationType, keys.remediation(testScope, body.id), body);
  await seed(store);
  const sent: string[] = [];
  const reads: string[] = [];
  const read: RecordStore = {
    get: async (key) => {
      reads.push(key.sort);
      return (others.get ?? store.get.bind(store))(key);
    },
    write: () => Promise.reject(new Error('a sweep writes nothing')),
    query: store.query.bind(store),
    list: store.list.bind(store),
  };
  const send: SignalQueue['send'] = async (messages) => {
    if (messages.length === 0) throw new Error('nothing to send');
    sent.push(...messages.map(({ body }) => body));
    return [];
  };
  return { summary: await retryRepairs({ store: read, scope: testScope, clock, queue: { send } }, catalog), sent, reads };
}

const seeded = async (seed: Seeding) => (await sweepOf([{}], undefined, {}, catalogOf(), seed)).summary;

const retriedOf = async (...words: Parameters<typeof sweepOf>) => (await sweepOf(...words)).summary;

const failingGet = (error: Error): Partial<Pick<RecordStore, 'get'>> => ({
  get: async () => {
    throw error;
  },
});

const pausing =
  (target: string): Seeding =>
  (store) =>
    createRecord(store, pauseType, keys.pause(testScope, target), { target, isPaused: true, by: 'kim', reason: 'migration', at: NOW });

const lastServedByAnother: Seeding = (store) => createRecord(store, slotType, keys.slot(testScope, 'shop-web/1'), slotOf({ instanceId: 'i-last' }));

const fourInFlight: Seeding = (store) => createRecord(store, platformType, keys.platform(testScope), { ...emptyPlatform, inFlight: ['a', 'b', 'c', 'd'] });

describe('what a sweep looks at', () => {
  it.each(['open', 'acknowledged'] as const)('is an %s incident of which a repair was tried', async (state) => {
    expect(await retriedOf([{ state }])).toEqual({ retried: ['rem-1'], problems: [] });
  });

  it.each([
    ['is being repaired', { state: 'repairing' }],
    ['is calm', { state: 'stable' }],
    ['is over', { state: 'resolved' }],
    ['has had no repair', { remediationIds: [] }],
  ] as const)('is no incident that %s: nothing of it is read', async (_what, changes) => {
    const { summary, sent, reads } = await sweepOf([{ ...changes, remediationIds: 'remediationIds' in changes ? [] : ['rem-1'] }]);
    expect([summary, sent, reads]).toEqual([{ retried: [], problems: [] }, [], []]);
  });

  it('is none whose system has left the catalog, and none whose repairs are forgotten: neither is a problem', async () => {
    expect(await retriedOf([{}], undefined, {}, catalogOf([], []))).toEqual({ retried: [], problems: [] });
    expect(await retriedOf([{}], [])).toEqual({ retried: [], problems: [] });
  });

  it('are the newest eight repairs of the incident', async () => {
    const ids = Array.from({ length: 10 }, (_, index) => `rem-${index}`);
    const { reads } = await sweepOf([{ remediationIds: ids }], []);
    expect(reads.map((sort) => /rem-\d/.exec(sort)?.[0])).toEqual(ids.slice(2));
  });

  it('are the 200 incidents that changed last', async () => {
    const incidents = Array.from({ length: 201 }, (_, index) => ({ updatedAt: addSeconds(NOW, (index * 7) % 201), remediationIds: [`rem-${index}`] }));
    const { reads } = await sweepOf(incidents, []);
    expect(reads).toHaveLength(200);
    expect(reads.some((sort) => sort.endsWith('rem-0'))).toBe(false);
  });

  it('is the open window of the system', async () => {
    const window = windowSchema.parse({
      apiVersion: 'perennial/v1',
      kind: 'MaintenanceWindow',
      metadata: { name: 'patching' },
      spec: { systems: ['shop-web'], schedule: '0 9 * * *', durationMinutes: 60, author: 'kim' },
    });
    expect(await retriedOf([{}], undefined, {}, { ...catalogOf(), windows: [window] })).toEqual({ retried: [], problems: [] });
    expect(await retriedOf([{}], undefined, {}, { ...catalogOf(), windows: [] })).toEqual({ retried: ['rem-1'], problems: [] });
  });

  it('is what is paused for everything and for the system, and for no other', async () => {
    const retried = await Promise.all(['global', 'system#shop-web', 'system#shop-db'].map(async (target) => (await seeded(pausing(target))).retried));
    expect(retried).toEqual([[], [], ['rem-1']]);
  });

  it.each([
    ['of the slot', slotType, keys.slot(testScope, 'shop-web/1'), slotOf({ remediationId: 'rem-9' })],
    ['of the group', groupType, keys.group(testScope, 'shop-web/web'), groupOf({ inFlight: ['rem-9'] })],
    ['of the platform', platformType, keys.platform(testScope), { ...emptyPlatform, inFlight: ['a', 'b', 'c', 'd', 'e'] }],
  ] as const)('is the record %s as it is: where others hold the place, it waits', async (_what, type, key, body) => {
    expect(await seeded((store) => store.write([{ key, expectedVersion: 0, body: type.schema.parse(body) }]))).toEqual({ retried: [], problems: [] });
  });

  it('is the group as the last sweep saw it: two of twenty may run at once', async () => {
    const observed = { instanceIds: [], imageIds: [], zones: [], membersByRole: { web: 20 } };
    const both: Seeding = async (store) => {
      await createRecord(store, groupType, keys.group(testScope, 'shop-web/web'), groupOf({ inFlight: ['rem-9'] }));
      await createRecord(store, systemRecordType, keys.system(testScope, 'shop-web'), {
        name: 'shop-web',
        status: 'active',
        declaredHash: '',
        observed,
        changes: [],
      });
    };
    expect(await seeded(both)).toEqual({ retried: ['rem-1'], problems: [] });
  });

  it('repeats the alarm that asked, and the member that was in trouble, of a slot that members share', async () => {
    const member = endedAs('failed', {
      path: 'group-member',
      oldInstanceId: 'i-member',
      trigger: { ...remediationOf().trigger, kind: 'alarm.state-change', alarmName: 'shop-web-unhealthy--i-member' },
    });
    const whole = await sweepOf([{}], undefined, {}, catalogOf(), lastServedByAnother);
    expect(JSON.parse(whole.sent[0] ?? '')).toMatchObject({ detail: { instanceId: 'i-last' } });
    const { sent } = await sweepOf([{}], [member], {}, catalogOf(), lastServedByAnother);
    expect(JSON.parse(sent[0] ?? '')).toMatchObject({ detail: { instanceId: 'i-member', kind: 'alarm.state-change', rule: 'shop-web-unhealthy--i-member' } });
  });

  it('that cannot be read holds up no other; what may work later ends the sweep', async () => {
    const broken = { ...incident, id: 'inc-0', remediationIds: ['rem-broken'] };
    expect(await retriedOf([broken], undefined, failingGet(new PermanentError('odd')))).toEqual({ retried: [], problems: ['inc-0: odd'] });
    await expect(retriedOf([broken], undefined, failingGet(new RetryableError('throttled')))).rejects.toThrow('throttled');
  });

  it('goes by the policy of its own system', async () => {
    const patient = webPolicy({ system: 'shop-db', cooldownSeconds: 3600 });
    expect(await retriedOf([{}], undefined, {}, catalogOf(undefined, [patient, webPolicy()]))).toEqual({ retried: ['rem-1'], problems: [] });
    expect(await retriedOf([{}], undefined, {}, catalogOf(undefined, [webPolicy({ cooldownSeconds: 3600 })]))).toEqual({ retried: [], problems: [] });
  });

  it('is as many repairs as have room together: what was refused together does not come back together', async () => {
    const other = endedAs('failed', { id: 'rem-2', slotId: 'shop-web/2', groupId: 'shop-web/worker' });
    const incidents = [{}, { remediationIds: ['rem-2'] }];
    expect(await retriedOf(incidents, [endedAs('failed'), other])).toEqual({ retried: ['rem-1', 'rem-2'], problems: [] });
    expect(await retriedOf(incidents, [endedAs('failed'), other], {}, catalogOf(), fourInFlight)).toEqual({ retried: ['rem-1'], problems: [] });
  });

  it('is one repair of a group, the one that has waited longest', async () => {
    const second = endedAs('failed', { id: 'rem-2', slotId: 'shop-web/2', timing: { ...remediationOf().timing, endedAt: addSeconds(ENDED, -60) } });
    expect(await retriedOf([{}, { remediationIds: ['rem-2'] }], [endedAs('failed'), second])).toEqual({ retried: ['rem-2'], problems: [] });
  });
});
