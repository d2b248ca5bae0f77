import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RemediationPolicy } from '../../../../core/catalog/schema.ts';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord, type RecordType, updateRecord } from '../../../../core/records/record-type.ts';
import { RecordConflictError, type RecordKey } from '../../../../core/records/store.ts';
import {
  claim,
  type ClaimDecision,
  type ClaimOutcome,
  type ClaimRule,
  type ClaimState,
  decideClaim,
  emptyPlatform,
} from '../../../../core/remediation/admission/claim.ts';
import { readDeclaration } from '../../../../core/remediation/admission/declaration.ts';
import { releaseGroup, releasePlatform, releaseSlot } from '../../../../core/remediation/driver/finish.ts';
import { groupType, type Platform, platformType, type Remediation, remediationType, slotType } from '../../../../core/remediation/record.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { WatchedStore } from '../../inventory/world.ts';
import { dump, groupOf, NOW, remediationOf, slotOf } from '../builders.ts';
import { testScope, webPolicy, webSystem } from '../world.ts';

const hoursAgo = (hours: number): string => addSeconds(NOW, -hours * 3600);

function rule(changes: Partial<ClaimRule> = {}): ClaimRule {
  return { policy: webPolicy(), groupMembers: 3, systemsInCatalog: 2, ...changes };
}

function state(changes: Partial<ClaimState> = {}): ClaimState {
  return { slot: slotOf(), group: groupOf(), platform: emptyPlatform, ...changes };
}

function refusalOf(decision: ClaimDecision): { readonly guardrail: string; readonly reason: string } {
  if (decision.kind !== 'refuse') throw new Error(`not refused: ${decision.reason}`);
  return { guardrail: decision.guardrail, reason: decision.reason };
}

const ids = (max: number) =>
  fc.uniqueArray(
    fc.integer({ min: 0, max: 99 }).map((id) => `rem-x${id}`),
    { maxLength: max },
  );
const times = (max: number, spanSeconds: number) =>
  fc.array(
    fc.nat(spanSeconds).map((seconds) => addSeconds(NOW, -seconds)),
    { maxLength: max },
  );

const failedAges = (...ages: readonly number[]) => state({ group: groupOf({ failedReplacements: ages.map((age) => addSeconds(NOW, -age)) }) });

describe('the decision of a claim', () => {
  it('takes slot, group and platform and counts the attempt', () => {
    const decision = decideClaim(state(), rule(), 'rem-1', NOW);
    expect(decision).toStrictEqual({
      kind: 'claim',
      attempt: 1,
      reason: 'Admitted',
      state: {
        slot: slotOf({ remediationId: 'rem-1', attempts: [NOW] }),
        group: groupOf({ inFlight: ['rem-1'], unhealthy: [{ slotId: 'shop-web/1', at: NOW }] }),
        platform: { inFlight: ['rem-1'], starts: [NOW], unhealthySystems: [{ system: 'shop-web', at: NOW }], breaker: { state: 'closed' } },
      },
    });
  });

  it('notes a member of an Auto Scaling group by its id, beside the others that share its slot, and makes the slot its own', () => {
    const unhealthy = [
      { slotId: 'shop-web/1', at: hoursAgo(1), instanceId: 'i-b' },
      { slotId: 'shop-web/1', at: hoursAgo(1), instanceId: 'i-a' },
    ];
    const decision = decideClaim(state({ group: groupOf({ unhealthy }) }), rule({ groupMembers: 20, memberId: 'i-a' }), 'rem-1', NOW);
    expect(decision.state.slot).toEqual(slotOf({ instanceId: 'i-a', remediationId: 'rem-1', attempts: [NOW] }));
    expect(decision.state.group.unhealthy).toEqual([unhealthy[0], { slotId: 'shop-web/1', at: NOW, instanceId: 'i-a' }]);
  });

  it('keeps the newest 1000 troubles of a group', () => {
    const unhealthy = Array.from({ length: 1000 }, (_, index) => ({ slotId: `shop-web/old-${index}`, at: NOW }));
    const decision = decideClaim(state({ group: groupOf({ unhealthy }) }), rule({ groupMembers: 5000 }), 'rem-1', NOW);
    expect(decision.state.group.unhealthy).toEqual([...unhealthy.slice(1), { slotId: 'shop-web/1', at: NOW }]);
  });

  it('is not refused by a closed breaker that remembers a failed probe', () => {
    const breaker = { state: 'closed', isProbeFailed: true } as const;
    const decision = decideClaim(state({ group: groupOf({ breaker }) }), rule(), 'rem-1', NOW);
    expect(decision).toMatchObject({ kind: 'claim', reason: 'Admitted', state: { group: { breaker } } });
  });

  it('is suspended by three bad replacements of the group within 24 h, to the second', () => {
    expect(refusalOf(decideClaim(failedAges(86_399, 60, 0), rule(), 'rem-1', NOW))).toEqual({
      guardrail: 'retry cap',
      reason: 'The group is suspended: 3 replacements in 24 h did not stay healthy; a person must resume it',
    });
    expect(decideClaim(failedAges(86_400, 60, 0), rule(), 'rem-1', NOW).kind).toBe('claim');
    expect(decideClaim(failedAges(60, 0), rule(), 'rem-1', NOW).kind).toBe('claim');
  });

  it('allows 3 attempts on a slot in any rolling 24 h, not in a calendar day', () => {
    const attempts = [hoursAgo(23.9), hoursAgo(20), hoursAgo(1)];
    expect(refusalOf(decideClaim(state({ slot: slotOf({ attempts }) }), rule(), 'rem-1', NOW))).toEqual({
      guardrail: 'retry cap',
      reason: '3 attempts on this slot in 24 h, the cap is 3',
    });
    const rolled = decideClaim(state({ slot: slotOf({ attempts }) }), rule(), 'rem-1', addSeconds(NOW, 360));
    expect(rolled).toMatchObject({ kind: 'claim', attempt: 3 });
    expect(rolled.state.slot.attempts).toEqual([hoursAgo(20), hoursAgo(1), addSeconds(NOW, 360)]);
  });

  it('allows 10 starts an hour, in any rolling hour', () => {
    const starts = Array.from({ length: 10 }, (_, index) => addSeconds(NOW, -3599 + index));
    const full = state({ platform: { ...emptyPlatform, starts } });
    expect(refusalOf(decideClaim(full, rule(), 'rem-1', NOW))).toEqual({
      guardrail: 'platform caps',
      reason: '10 remediations started within the hour, the cap is 10',
    });
    expect(decideClaim(full, rule(), 'rem-1', addSeconds(NOW, 1)).kind).toBe('claim');
  });

  it('allows 5 in flight', () => {
    const platform = { ...emptyPlatform, inFlight: ['a', 'b', 'c', 'd', 'e'] };
    expect(refusalOf(decideClaim(state({ platform }), rule(), 'rem-1', NOW))).toEqual({
      guardrail: 'platform caps',
      reason: '5 remediations are in flight, the cap is 5',
    });
  });

  it('keeps a held slot to its holder', () => {
    const held = state({ slot: slotOf({ remediationId: 'rem-0' }), group: groupOf({ inFlight: ['rem-0'] }) });
    expect(refusalOf(decideClaim(held, rule({ groupMembers: 30 }), 'rem-1', NOW))).toEqual({
      guardrail: 'one at a time',
      reason: 'rem-0 already repairs this slot',
    });
  });

  it('keeps to 10 % of the group in flight, and to one in a small group', () => {
    const busy = state({ group: groupOf({ inFlight: ['a', 'b', 'c'] }) });
    expect(refusalOf(decideClaim(busy, rule({ groupMembers: 30 }), 'rem-1', NOW))).toEqual({
      guardrail: 'one at a time',
      reason: '3 remediations run in the group, at most 3 may',
    });
    expect(decideClaim(busy, rule({ groupMembers: 40 }), 'rem-1', NOW).kind).toBe('claim');
    expect(refusalOf(decideClaim(state({ group: groupOf({ inFlight: ['a'] }) }), rule(), 'rem-1', NOW)).reason).toBe(
      '1 remediations run in the group, at most 1 may',
    );
  });

  it('notes the unhealthy slot and system also when it refuses: breakers count every trouble', () => {
    const paused = state({ slot: slotOf({ remediationId: 'rem-0' }) });
    const decision = decideClaim(paused, rule(), 'rem-1', NOW);
    expect(decision.kind).toBe('refuse');
    expect(decision.state.group.unhealthy).toEqual([{ slotId: 'shop-web/1', at: NOW }]);
    expect(decision.state.platform.unhealthySystems).toEqual([{ system: 'shop-web', at: NOW }]);
    expect(decision.state.slot).toEqual(paused.slot);
    expect(decision.state.platform.starts).toEqual([]);
  });

  it('counts a slot once, however often it speaks', () => {
    const first = decideClaim(state(), rule(), 'rem-1', NOW);
    const second = decideClaim(first.state, rule(), 'rem-2', addSeconds(NOW, 60));
    expect(second.state.group.unhealthy).toEqual([{ slotId: 'shop-web/1', at: addSeconds(NOW, 60) }]);
    expect(second.state.group.breaker.state).toBe('closed');
  });

  it('does not admit what an open platform breaker stops', () => {
    const platform = { ...emptyPlatform, breaker: { state: 'open' as const, since: NOW } };
    expect(refusalOf(decideClaim(state({ platform }), rule(), 'rem-1', NOW))).toEqual({
      guardrail: 'platform caps',
      reason: 'The platform breaker is open: 1 systems became unhealthy within 5 minutes',
    });
  });

  it('never admits beyond a cap, whatever the records say', () => {
    const world = fc.record({
      groupInFlight: ids(6),
      platformInFlight: ids(7),
      starts: times(14, 7200),
      attempts: times(5, 2 * 86_400),
      members: fc.integer({ min: 1, max: 60 }),
      isHeld: fc.boolean(),
      unhealthy: fc.nat(40),
    });
    fc.assert(
      fc.property(world, ({ groupInFlight, platformInFlight, starts, attempts, members, isHeld, unhealthy }) => {
        const slot = slotOf({ attempts, ...(isHeld ? { remediationId: 'rem-0' } : {}) });
        const troubled = Array.from({ length: unhealthy }, (_, index) => ({ slotId: `shop-web/other-${index}`, at: NOW }));
        const decision = decideClaim(
          state({ slot, group: groupOf({ inFlight: groupInFlight, unhealthy: troubled }), platform: { ...emptyPlatform, inFlight: platformInFlight, starts } }),
          rule({ groupMembers: members }),
          'rem-1',
          NOW,
        );
        if (decision.kind === 'refuse') {
          expect(decision.state.slot.remediationId).toBe(slot.remediationId);
          return;
        }
        const after = decision.state;
        expect(isHeld).toBe(false);
        expect(after.platform.inFlight.length).toBeLessThanOrEqual(5);
        expect(after.platform.starts.length).toBeLessThanOrEqual(10);
        expect(after.slot.attempts.length).toBeLessThanOrEqual(3);
        expect(after.group.inFlight.length).toBeLessThanOrEqual(Math.max(1, Math.floor(members / 10)));
        const isOver = unhealthy + 1 > Math.max(1, Math.floor(members / 2));
        expect(after.group.breaker.state).toBe(isOver ? 'open' : 'closed');
        if (isOver) expect(after.group.breaker.probeRemediationId).toBe('rem-1');
      }),
    );
  });
});

const claimBack = (changes: Partial<ClaimState>, policy = webPolicy()) => decideClaim(state(changes), rule({ course: 'revert', policy }), 'rem-1', NOW);

describe('a way back', () => {
  it('is asked by a person of a slot that serves: no breaker and no retry cap stops it, and none hears of trouble', () => {
    const before = {
      slot: slotOf({ attempts: [NOW, NOW, NOW] }),
      group: groupOf({ breaker: { state: 'open', since: hoursAgo(1), isProbeFailed: true }, failedReplacements: [NOW, NOW, NOW] }),
      platform: { ...emptyPlatform, breaker: { state: 'open', since: hoursAgo(0.1) } },
    } as const satisfies Partial<ClaimState>;
    const decision = claimBack(before);
    expect(decision).toMatchObject({ kind: 'claim', attempt: 4, state: { slot: { remediationId: 'rem-1' } } });
    expect([decision.state.group.unhealthy, decision.state.platform.unhealthySystems]).toEqual([[], []]);
  });

  it.each([
    [
      'the cap in flight',
      { platform: { ...emptyPlatform, inFlight: ['a', 'b', 'c', 'd', 'e'] } },
      { guardrail: 'platform caps', reason: '5 remediations are in flight, the cap is 5' },
    ],
    [
      'the cap of starts',
      { platform: { ...emptyPlatform, starts: Array.from({ length: 10 }, () => NOW) } },
      { guardrail: 'platform caps', reason: '10 remediations started within the hour, the cap is 10' },
    ],
    ['another repair of the slot', { slot: slotOf({ remediationId: 'rem-0' }) }, { guardrail: 'one at a time', reason: 'rem-0 already repairs this slot' }],
    [
      'another repair of the group',
      { group: groupOf({ inFlight: ['a'] }) },
      { guardrail: 'one at a time', reason: '1 remediations run in the group, at most 1 may' },
    ],
  ] satisfies readonly (readonly [string, Partial<ClaimState>, { guardrail: string; reason: string }])[])('is stopped by %s', (_what, changes, refusal) => {
    expect(refusalOf(claimBack(changes))).toEqual(refusal);
  });
});

describe('probes of an open circuit breaker', () => {
  const two = state({ group: groupOf({ unhealthy: [{ slotId: 'shop-web/2', at: NOW }] }) });
  const admitted = decideClaim(two, rule(), 'rem-1', NOW);
  const third = (from: ClaimState, now = NOW): ClaimDecision => decideClaim({ ...from, slot: slotOf({ id: 'shop-web/2' }) }, rule(), 'rem-2', now);
  const ended = (changes: Partial<Remediation>): ClaimState => {
    const record = remediationOf({}, changes);
    return {
      slot: releaseSlot(admitted.state.slot, record),
      group: releaseGroup(admitted.state.group, record),
      platform: releasePlatform(admitted.state.platform, record),
    };
  };

  it('let exactly one pass', () => {
    expect(admitted).toMatchObject({
      kind: 'claim',
      reason: 'Admitted as the one probe of an open circuit breaker',
      state: { group: { breaker: { state: 'open', since: NOW, probeRemediationId: 'rem-1' } } },
    });
    expect(refusalOf(third(admitted.state))).toEqual({
      guardrail: 'circuit breaker',
      reason: `The circuit breaker is open (2 of 3 unhealthy since ${NOW}); its probe is under way`,
    });
  });

  it('are one at a time, since when it is open, and may follow one whose end nobody noted', () => {
    const later = addSeconds(NOW, 60);
    expect(refusalOf(third(admitted.state, later)).reason).toBe(`The circuit breaker is open (2 of 3 unhealthy since ${NOW}); its probe is under way`);
    const forgotten = { ...admitted.state, group: { ...admitted.state.group, inFlight: [] } };
    expect(third(forgotten, later)).toMatchObject({ kind: 'claim', state: { group: { breaker: { probeRemediationId: 'rem-2' } } } });
  });

  it('are said to be open since now where nobody noted since when', () => {
    const unknown = groupOf({ unhealthy: [{ slotId: 'shop-web/2', at: NOW }], breaker: { state: 'open', isProbeFailed: true } });
    expect(refusalOf(decideClaim(state({ group: unknown }), rule(), 'rem-1', NOW)).reason).toBe(
      `The circuit breaker is open (2 of 3 unhealthy since ${NOW}) and its probe failed; a person must resume it`,
    );
  });

  it('of a shared cause are told as such, though the breaker of the group is closed', () => {
    const causes = ['zone:eu-central-1a'];
    const platform: Platform = {
      ...emptyPlatform,
      troubles: [1, 2, 3].map((place) => ({
        slotId: `shop-${place}/${place}`,
        groupId: `shop-${place}/web`,
        groupMembers: 3,
        incidentId: `inc-${place}`,
        at: NOW,
        causes,
      })),
      causeBreakers: [{ cause: 'zone:eu-central-1a', since: NOW, isProbeFailed: false }],
    };
    const decision = decideClaim(state({ platform }), rule({ trouble: { incidentId: 'inc-4', causes } }), 'rem-1', addSeconds(NOW, 60));
    expect(decision).toMatchObject({
      kind: 'claim',
      reason: 'Admitted as the one probe of an open circuit breaker',
      state: {
        group: { breaker: { state: 'closed' } },
        platform: { causeBreakers: [{ cause: 'zone:eu-central-1a', since: NOW, isProbeFailed: false, probeRemediationId: 'rem-1' }] },
      },
    });
  });

  it('stop when one failed, until a person resumes, also when the count stays high for days', () => {
    const stopped = ended({ state: 'failed' });
    expect(stopped.group.breaker).toEqual({ state: 'open', since: NOW, isProbeFailed: true });
    expect(refusalOf(third(stopped))).toEqual({
      guardrail: 'circuit breaker',
      reason: `The circuit breaker is open (2 of 3 unhealthy since ${NOW}) and its probe failed; a person must resume it`,
    });
    expect(third(stopped, addSeconds(NOW, 3 * 86_400)).kind).toBe('refuse');
  });

  it('let the next one pass after a verified success, also while the breaker is still open', () => {
    const wide = decideClaim(
      state({ group: groupOf({ unhealthy: [2, 3, 4].map((place) => ({ slotId: `shop-web/${place}`, at: NOW })) }) }),
      rule({ groupMembers: 4 }),
      'rem-1',
      NOW,
    );
    const record = remediationOf({}, { state: 'succeeded', newInstanceId: 'i-new' });
    const group = releaseGroup(wide.state.group, record);
    expect(group.breaker).toEqual({ state: 'open', since: NOW, isProbeFailed: false });
    const next = decideClaim({ slot: slotOf({ id: 'shop-web/2' }), group, platform: emptyPlatform }, rule({ groupMembers: 4 }), 'rem-2', NOW);
    expect(next).toMatchObject({ kind: 'claim', state: { group: { breaker: { state: 'open', probeRemediationId: 'rem-2' } } } });
  });

  it('count one that was vetoed before it touched anything neither as success nor as failure', () => {
    const vetoed = ended({ state: 'vetoed' });
    expect(vetoed.group.breaker).toEqual({ state: 'open', since: NOW, isProbeFailed: false });
    expect(vetoed.group.unhealthy).toHaveLength(2);
    expect(third(vetoed).kind).toBe('claim');
  });
});

interface Wish {
  readonly id: string;
  readonly slotId: string;
  readonly groupId: string;
  readonly system: string;
}

function request(wish: Wish, groupMembers: number, policy: RemediationPolicy, systemsInCatalog = 100) {
  const slot = { id: wish.slotId, groupId: wish.groupId, system: wish.system, instanceId: `i-${wish.id}` };
  return {
    policy,
    groupMembers,
    systemsInCatalog,
    slot,
    remediationId: wish.id,
    build: (attempt: number, at: string) =>
      remediationOf({ id: wish.id, slotId: wish.slotId, groupId: wish.groupId, instanceId: slot.instanceId, attempt, at }),
  };
}

const fifty = (wishOf: (index: number) => Omit<Wish, 'id'>): readonly Wish[] =>
  Array.from({ length: 50 }, (_, index) => ({ id: `rem-${index}`, ...wishOf(index) }));

interface Storm {
  readonly store: MemoryRecordStore;
  readonly outcomes: readonly ClaimOutcome[];
}

async function storm(wishes: readonly Wish[], groupMembers: number, policy = webPolicy(), systemsInCatalog = 100): Promise<Storm> {
  const clock = new VirtualClock(NOW);
  const store = new MemoryRecordStore(clock);
  const ports = { store, scope: testScope, clock };
  const outcomes = await Promise.all(wishes.map((wish) => claim(ports, request(wish, groupMembers, policy, systemsInCatalog))));
  return { store, outcomes };
}

const claimedOf = ({ outcomes }: Storm): number => outcomes.filter((outcome) => outcome.kind === 'claimed').length;

async function recordsAgree({ store, outcomes }: Storm): Promise<void> {
  const claimed = outcomes.flatMap((outcome) => (outcome.kind === 'claimed' ? [outcome.remediation.id] : []));
  const platform = await readRecord(store, platformType, keys.platform(testScope));
  expect(platform?.body.inFlight.toSorted()).toEqual(claimed.toSorted());
  expect(platform?.body.starts).toHaveLength(claimed.length);
  for (const id of claimed) {
    const record = await readRecord(store, remediationType, keys.remediation(testScope, id));
    const slot = await readRecord(store, slotType, keys.slot(testScope, record?.body.slotId ?? ''));
    expect(slot?.body.remediationId).toBe(id);
  }
}

describe('50 parallel claims', () => {
  it('on slots of different systems admit exactly 5, the platform cap', async () => {
    const result = await storm(
      fifty((index) => ({ slotId: `s-${index}/1`, groupId: `s-${index}/web`, system: `s-${index % 5}` })),
      10,
    );
    expect(claimedOf(result)).toBe(5);
    expect(result.outcomes.filter((outcome) => outcome.kind === 'refused' && outcome.guardrail === 'platform caps')).toHaveLength(45);
    await recordsAgree(result);
  });

  it('of 500 single-machine systems are stopped by the platform breaker, which stays open', async () => {
    const policy = webPolicy({ caps: { maxInFlight: 100, maxStartsPerHour: 1000 } });
    const result = await storm(
      fifty((index) => ({ slotId: `s-${index}/1`, groupId: `s-${index}/web`, system: `s-${index}` })),
      1,
      policy,
      60,
    );
    // More than max(5, 10 % of 60) = 6: the 7th opens it.
    expect(claimedOf(result)).toBe(6);
    expect((await readRecord(result.store, platformType, keys.platform(testScope)))?.body.breaker).toEqual({ state: 'open', since: NOW });
  });

  it('of many groups in one zone admit exactly 2: the third opens the breaker of the zone, and one of the two is its probe', async () => {
    const policy = webPolicy({ caps: { maxInFlight: 100, maxStartsPerHour: 1000, platformUnhealthySystems: 1000 } });
    const clock = new VirtualClock(NOW);
    const ports = { store: new MemoryRecordStore(clock), scope: testScope, clock };
    const wishes = fifty((index) => ({ slotId: `s-${index % 25}/${index}`, groupId: `s-${index % 25}/web`, system: `s-${index % 25}` }));
    const outcomes = await Promise.all(
      wishes.map((wish) => claim(ports, { ...request(wish, 4, policy), trouble: { incidentId: `inc-${wish.id}`, causes: ['zone:eu-central-1a'] } })),
    );
    const claimed = outcomes.flatMap((outcome) => (outcome.kind === 'claimed' ? [outcome.remediation.id] : []));
    expect(claimed).toHaveLength(2);
    expect(outcomes.filter((outcome) => outcome.kind === 'refused' && outcome.guardrail === 'circuit breaker')).toHaveLength(48);
    const platform = (await readRecord(ports.store, platformType, keys.platform(testScope)))?.body;
    expect(platform?.troubles).toHaveLength(50);
    expect(platform?.causeBreakers).toHaveLength(1);
    expect(claimed).toContain(platform?.causeBreakers?.[0]?.probeRemediationId);
  });

  it('within one group of 30 admit exactly 3, its cap', async () => {
    const policy = webPolicy({ caps: { maxUnhealthyPercent: 100 } });
    const result = await storm(
      fifty((index) => ({ slotId: `shop-web/${index}`, groupId: 'shop-web/web', system: 'shop-web' })),
      30,
      policy,
    );
    expect(claimedOf(result)).toBe(3);
    const group = await readRecord(result.store, groupType, keys.group(testScope, 'shop-web/web'));
    expect(group?.body.inFlight).toHaveLength(3);
    expect(group?.body.unhealthy).toHaveLength(50);
    await recordsAgree(result);
  });

  it('on one slot admit exactly 1', async () => {
    const result = await storm(
      fifty(() => ({ slotId: 'shop-web/1', groupId: 'shop-web/web', system: 'shop-web' })),
      100,
    );
    expect(claimedOf(result)).toBe(1);
    await recordsAgree(result);
  });
});

describe('claim', () => {
  it('changes nothing when the same signal is delivered again, and gives the first answer', async () => {
    const clock = new VirtualClock(NOW);
    const store = new MemoryRecordStore(clock);
    const wish = request({ id: 'rem-1', slotId: 'shop-web/1', groupId: 'shop-web/web', system: 'shop-web' }, 3, webPolicy());
    const first = await claim({ store, scope: testScope, clock }, wish);
    const before = dump(store);
    clock.advance(60);
    const second = await claim({ store, scope: testScope, clock }, wish);
    expect(first.kind).toBe('claimed');
    expect(second).toEqual({ kind: 'already', remediation: first.kind === 'claimed' ? first.remediation : undefined });
    expect(dump(store)).toEqual(before);
  });

  it('writes slot, group, caps and remediation of a first trouble, with what the catalog declares of it', async () => {
    const clock = new VirtualClock(NOW);
    const store = new MemoryRecordStore(clock);
    const wish = request({ id: 'rem-1', slotId: 'shop-web/1', groupId: 'shop-web/web', system: 'shop-web' }, 3, webPolicy());
    const outcome = await claim({ store, scope: testScope, clock }, { ...wish, system: webSystem() });
    expect(outcome).toEqual({ kind: 'claimed', reason: 'Admitted', remediation: wish.build(1, NOW) });
    const read = async <Body>(type: RecordType<Body>, key: RecordKey) => (await readRecord(store, type, key))?.body;
    expect(await read(slotType, keys.slot(testScope, 'shop-web/1'))).toEqual(slotOf({ instanceId: 'i-rem-1', remediationId: 'rem-1', attempts: [NOW] }));
    expect(await read(groupType, keys.group(testScope, 'shop-web/web'))).toEqual(
      groupOf({ inFlight: ['rem-1'], unhealthy: [{ slotId: 'shop-web/1', at: NOW }] }),
    );
    expect(await read(platformType, keys.platform(testScope))).toEqual({
      ...emptyPlatform,
      inFlight: ['rem-1'],
      starts: [NOW],
      unhealthySystems: [{ system: 'shop-web', at: NOW }],
    });
    expect(await read(remediationType, keys.remediation(testScope, 'rem-1'))).toEqual(wish.build(1, NOW));
    expect(await readDeclaration({ store, scope: testScope }, 'rem-1')).toEqual({ system: webSystem(), policy: webPolicy(), windows: [] });
  });

  it('notes the trouble it refuses, and writes neither a remediation nor what declares it', async () => {
    const clock = new VirtualClock(NOW);
    const store = new MemoryRecordStore(clock);
    await createRecord(store, platformType, keys.platform(testScope), { ...emptyPlatform, inFlight: ['a', 'b', 'c', 'd', 'e'] });
    const wish = request({ id: 'rem-1', slotId: 'shop-web/1', groupId: 'shop-web/web', system: 'shop-web' }, 3, webPolicy());
    expect(await claim({ store, scope: testScope, clock }, { ...wish, system: webSystem() })).toEqual({
      kind: 'refused',
      guardrail: 'platform caps',
      reason: '5 remediations are in flight, the cap is 5',
    });
    expect((await readRecord(store, groupType, keys.group(testScope, 'shop-web/web')))?.body.unhealthy).toEqual([{ slotId: 'shop-web/1', at: NOW }]);
    expect(await readRecord(store, remediationType, keys.remediation(testScope, 'rem-1'))).toBeUndefined();
    expect(await readDeclaration({ store, scope: testScope }, 'rem-1')).toBeUndefined();
  });

  it('is given up after 100 tries, and left to the next delivery; what is no conflict ends it at once', async () => {
    const clock = new VirtualClock(NOW);
    const store = new WatchedStore(new MemoryRecordStore(clock));
    const wish = request({ id: 'rem-1', slotId: 'shop-web/1', groupId: 'shop-web/web', system: 'shop-web' }, 3, webPolicy());
    store.beforeWrite = () => Promise.reject(new RecordConflictError('changed'));
    await expect(claim({ store, scope: testScope, clock }, wish)).rejects.toThrow(
      new RetryableError('The slot shop-web/1 could not be claimed in 100 tries because its records kept changing; the signal will be delivered again.'),
    );
    expect(store.written).toHaveLength(100);
    store.beforeWrite = () => Promise.reject(new RetryableError('throttled'));
    await expect(claim({ store, scope: testScope, clock }, wish)).rejects.toThrow('throttled');
    expect(store.written).toHaveLength(101);
  });

  it('starts at most 10 in any hour, one after the other, whatever ends in between', async () => {
    const clock = new VirtualClock(NOW);
    const store = new MemoryRecordStore(clock);
    const started: number[] = [];
    for (let minute = 0; minute < 120; minute += 1) {
      const wish = request({ id: `rem-${minute}`, slotId: `shop-web/${minute}`, groupId: `g-${minute}/web`, system: 'shop-web' }, 10, webPolicy());
      const outcome = await claim({ store, scope: testScope, clock }, wish);
      if (outcome.kind === 'claimed') {
        started.push(minute);
        await updateRecord(store, platformType, keys.platform(testScope), (platform) =>
          platform === undefined ? platform : releasePlatform(platform, { ...outcome.remediation, state: 'succeeded' }),
        );
      }
      clock.advance(60);
    }
    expect(started).toEqual([...Array.from({ length: 10 }, (_, index) => index), ...Array.from({ length: 10 }, (_, index) => 60 + index)]);
  });
});
