import type { CatalogContent, RemediationPolicy, System } from '../../catalog/schema.ts';
import type { Hasher, Scope } from '../../environment/ports.ts';
import { present } from '../../environment/present.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { groupIdOf } from '../../inventory/classify.ts';
import { placeOfSubject, type Signal } from '../../signals/signal.ts';
import { buildRemediation } from '../admission/admit.ts';
import { type ClaimState, decideClaim, emptyPlatform } from '../admission/claim.ts';
import { closedBreaker, isBreakerOpen, nextBreaker, nextPlatform } from '../guardrails/breaker.ts';
import { releaseGroup, releasePlatform, releaseSlot } from '../driver/finish.ts';
import { isTriggerListed } from '../guardrails/triggers.ts';
import { isTroubleOf } from '../guardrails/unhealthy.ts';
import { ladderOf } from '../paths/path-choice.ts';
import type { Group, PathName, Platform, Remediation, Slot } from '../record.ts';

/*
 * What a policy would have done with the signals of the past (design section 9). The same claim and the same trigger list decide as
 * in a real repair; what only the present can answer (image, provenance, target health) is said to be not evaluated.
 */

/** Where a signal's instance stands; `undefined` for what belongs to no system. */
export interface BacktestPlace {
  readonly system: System;
  readonly slotId: string;
  readonly role: string;
  /** The member of an Auto Scaling group that is in trouble, where the inventory says that it is one: its slot is its group in its zone. */
  readonly memberId?: string;
}

export interface BacktestInput {
  readonly catalog: CatalogContent;
  readonly hasher: Hasher;
  readonly scope: Scope;
  /** In any order; repetitions count once. */
  readonly signals: readonly Signal[];
  readonly placeOf: (signal: Signal) => BacktestPlace | undefined;
  readonly membersOf: (groupId: string) => number;
  /** How long a repair of the system takes, in seconds, from detection to in service. */
  readonly repairSecondsOf: (system: System) => number;
}

export const backtestVerdicts = ['would-replace', 'vetoed', 'recovered-by-itself', 'incident-only', 'under-repair', 'unknown'] as const;
type Verdict = (typeof backtestVerdicts)[number];

/** One trouble of the past, from its first firing signal to its end. */
export interface BacktestEpisode {
  readonly at: Timestamp;
  readonly system: string | null;
  readonly place: string;
  readonly rule: string;
  readonly verdict: Verdict;
  /** The guardrail that would have stopped it. */
  readonly guardrail: string | null;
  readonly reason: string;
  /** The way it would have been repaired; absent where only the moment could have told. */
  readonly path?: PathName;
  /** Whether a person would have been paged. */
  readonly isPaged: boolean;
  /** How long the trouble lasted, in seconds; `null` when its end is not among the signals. */
  readonly lastedSeconds: number | null;
  /** By how much the repair would have been faster, in seconds. */
  readonly savedSeconds: number | null;
}

type Judged = Pick<BacktestEpisode, 'verdict' | 'guardrail' | 'reason' | 'path'>;

export interface Backtest {
  readonly episodes: readonly BacktestEpisode[];
  readonly totals: Readonly<Record<Verdict, number>> & { readonly paged: number; readonly savedMinutes: number };
  readonly notEvaluated: readonly string[];
}

/** What no past signal can answer. */
export const notEvaluated: readonly string[] = [
  'pause switches and maintenance windows of that time',
  'opt-in and provenance: tags and images of that time are not known',
  'image choice and preflight: they depend on what is approved and available at that moment',
  'a contradicting healthy target',
  'the breakers of shared causes (zone, image, deployment), and repairs that are tried again by themselves',
];

/** A firing signal with the moment its trouble ended. */
interface Trouble {
  readonly signal: Signal;
  readonly endedAt: Timestamp | undefined;
}

const keyOf = (signal: Signal): string => JSON.stringify([signal.kind, placeOfSubject(signal.subject), signal.rule]);

const byTime = (left: Signal, right: Signal): number => secondsBetween(right.at, left.at);

/** Pairs every first firing with the next resolve of the same rule and subject. */
export function troublesOf(signals: readonly Signal[]): readonly Trouble[] {
  const sorted = signals.toSorted(byTime);
  const open = new Map<string, Signal>();
  const troubles: Trouble[] = [];
  for (const signal of sorted) {
    const begun = open.get(keyOf(signal));
    if (signal.state === 'firing' && begun === undefined) open.set(keyOf(signal), signal);
    if (signal.state === 'resolved' && begun !== undefined) {
      open.delete(keyOf(signal));
      troubles.push({ signal: begun, endedAt: signal.at });
    }
  }
  troubles.push(...[...open.values()].map((signal) => ({ signal, endedAt: undefined })));
  return troubles.toSorted((left, right) => byTime(left.signal, right.signal));
}

/** So often the sweep lets time close open breakers (design section 4). */
const SWEEP_SECONDS = 600;

/** What a claim has noted of a trouble: its slot is well again at `at`. */
interface Recovery {
  readonly groupId: string;
  readonly slot: { readonly id: string; readonly memberId: string | undefined };
  readonly at: Timestamp;
}

/** The claims as they would have been: one state for all systems, moved along the signals' own time. */
class Replay {
  readonly #input: BacktestInput;
  readonly #slots = new Map<string, Slot>();
  readonly #groups = new Map<string, Group>();
  #platform: Platform = emptyPlatform;
  #running: readonly { readonly record: Remediation; readonly endsAt: Timestamp; readonly state: 'succeeded' | 'stood-down' }[] = [];
  #recoveries: readonly Recovery[] = [];
  #sweptAt: Timestamp | undefined;

  constructor(input: BacktestInput) {
    this.#input = input;
  }

  /** Ends what would have been over by now, sweep by sweep: between two troubles the breakers close as they would have. */
  advanceTo(now: Timestamp): void {
    for (let at = addSeconds(this.#sweptAt ?? now, SWEEP_SECONDS); at <= now; at = addSeconds(at, SWEEP_SECONDS)) {
      this.#endUntil(at);
      this.#settle(at);
      this.#sweptAt = at;
    }
    this.#sweptAt ??= now;
    this.#endUntil(now);
  }

  /** Ends repairs as successes, those that stood down in the pending time as such; what recovered is counted as unhealthy no longer. */
  #endUntil(now: Timestamp): void {
    const over = this.#running.filter(({ endsAt }) => endsAt <= now);
    this.#running = this.#running.filter(({ endsAt }) => endsAt > now);
    for (const { record, endsAt, state } of over) this.#release({ ...record, state, timing: { ...record.timing, endedAt: endsAt } });
    const recovered = this.#recoveries.filter(({ at }) => at <= now);
    this.#recoveries = this.#recoveries.filter(({ at }) => at > now);
    for (const { groupId, slot } of recovered) this.#changeGroup(groupId, (group) => calmed(group, slot));
  }

  #release(record: Remediation): void {
    const slot = this.#slots.get(record.slotId);
    if (slot !== undefined) this.#slots.set(slot.id, releaseSlot(slot, record));
    this.#changeGroup(record.groupId, (group) => releaseGroup(group, record));
    this.#platform = releasePlatform(this.#platform, record);
  }

  #changeGroup(groupId: string, change: (group: Group) => Group): void {
    const group = this.#groups.get(groupId);
    if (group !== undefined) this.#groups.set(groupId, change(group));
  }

  /** As the sweep does it: time closes breakers, and opens none. */
  #settle(now: Timestamp): void {
    const { policies, systems } = this.#input.catalog;
    if (isBreakerOpen(this.#platform.breaker)) {
      const minimum = Math.min(...policies.map(({ spec }) => spec.caps.platformUnhealthySystems));
      this.#platform = nextPlatform(this.#platform, systems.length, undefined, minimum, now);
    }
    // A closed one stays closed: since the claim that looked at it last the group can only have become better.
    for (const group of this.#groups.values()) {
      const policy = policies.find(({ spec }) => group.id.startsWith(`${spec.system}/`));
      if (policy !== undefined) this.#groups.set(group.id, settled(group, policy, this.#input.membersOf(group.id), now));
    }
  }

  claim(place: BacktestPlace, policy: RemediationPolicy, trouble: Trouble): Judged {
    const { signal, endedAt } = trouble;
    const before = this.#stateOf(place, signal);
    const id = `rem-${signal.at}-${place.slotId}`;
    const { systems } = this.#input.catalog;
    const rule = { policy, groupMembers: this.#input.membersOf(before.group.id), systemsInCatalog: systems.length, ...present({ memberId: place.memberId }) };
    const decision = decideClaim(before, rule, id, signal.at);
    this.#keep(decision.state);
    if (endedAt !== undefined)
      this.#recoveries = [...this.#recoveries, { groupId: before.group.id, slot: { id: place.slotId, memberId: place.memberId }, at: endedAt }];
    if (before.slot.remediationId !== undefined)
      return { verdict: 'under-repair', guardrail: null, reason: `The repair that ${before.slot.remediationId} had begun was still running` };
    if (decision.kind === 'refuse') return { verdict: 'vetoed', guardrail: decision.guardrail, reason: decision.reason };
    const record = this.#recordOf(place, policy, signal, id, decision.attempt);
    return (
      this.#begin(record, place, policy, trouble) ?? {
        verdict: 'would-replace',
        guardrail: null,
        reason: decision.reason,
        ...present({ path: pathOf(place, policy) }),
      }
    );
  }

  /** Gives a verdict only for what ends by itself in the pending time. */
  #begin(record: Remediation, { system }: BacktestPlace, { spec }: RemediationPolicy, { signal, endedAt }: Trouble): Judged | undefined {
    if (endedAt !== undefined && secondsBetween(signal.at, endedAt) < spec.pendingSeconds) {
      this.#running = [...this.#running, { record, endsAt: endedAt, state: 'stood-down' }];
      const reason = `It was over after ${Math.round(secondsBetween(signal.at, endedAt))} s, within the pending time of ${spec.pendingSeconds} s`;
      return { verdict: 'recovered-by-itself', guardrail: 'pending duration', reason };
    }
    const endsAt = addSeconds(signal.at, this.#input.repairSecondsOf(system) + spec.verifiedAfterSeconds);
    this.#running = [...this.#running, { record, endsAt, state: 'succeeded' }];
    return undefined;
  }

  #recordOf({ system, slotId, role, memberId }: BacktestPlace, policy: RemediationPolicy, signal: Signal, id: string, attempt: number): Remediation {
    const trigger = { kind: signal.kind, rule: signal.rule, fingerprint: id, at: signal.at, summary: signal.summary };
    const slot = { id: slotId, groupId: groupIdOf(system.metadata.name, role), instanceId: signal.subject.id, ...present({ memberId }) };
    return buildRemediation(this.#input, { system, policy, slot, trigger, incidentId: 'inc-backtest' }, id, attempt, signal.at, 0);
  }

  #stateOf({ system, slotId, role }: BacktestPlace, signal: Signal): ClaimState {
    const groupId = groupIdOf(system.metadata.name, role);
    return {
      slot: this.#slots.get(slotId) ?? {
        id: slotId,
        system: system.metadata.name,
        groupId,
        instanceId: signal.subject.id,
        retiredInstanceIds: [],
        attempts: [],
      },
      group: this.#groups.get(groupId) ?? { id: groupId, inFlight: [], unhealthy: [], breaker: closedBreaker },
      platform: this.#platform,
    };
  }

  #keep({ slot, group, platform }: ClaimState): void {
    this.#slots.set(slot.id, slot);
    this.#groups.set(group.id, group);
    this.#platform = platform;
  }
}

function calmed(group: Group, slot: Recovery['slot']): Group {
  return { ...group, unhealthy: group.unhealthy.filter((entry) => !isTroubleOf(entry, slot)) };
}

function settled(group: Group, { spec: { caps, cooldownSeconds } }: RemediationPolicy, members: number, now: Timestamp): Group {
  const { maxUnhealthyPercent } = caps;
  return { ...group, breaker: nextBreaker(group.breaker, { members, unhealthy: group.unhealthy.length }, { maxUnhealthyPercent, cooldownSeconds }, now) };
}

/**
 * Known without a look at the instance: a member goes through its group; and where the ladder has the full replacement only and nothing is
 * waited for, that is the way. All else depends on status checks and agents of that moment.
 */
function pathOf({ memberId }: BacktestPlace, { spec }: RemediationPolicy): PathName | undefined {
  if (memberId !== undefined) return 'group-member';
  const isOnlyWay = ladderOf(spec).every((step) => step === 'replace') && spec.nativeRecoverySeconds === 0;
  return isOnlyWay ? 'replace' : undefined;
}

function judge(input: BacktestInput, replay: Replay, trouble: Trouble, place: BacktestPlace | undefined): Judged {
  const { signal } = trouble;
  if (place === undefined) return { verdict: 'unknown', guardrail: null, reason: 'It belongs to no system of the catalog' };
  const policy = input.catalog.policies.find(({ spec }) => spec.system === place.system.metadata.name);
  if (policy === undefined) return { verdict: 'incident-only', guardrail: null, reason: `No policy says how to repair ${place.system.metadata.name}` };
  const isAlarm = signal.kind === 'alarm.state-change';
  if (isTriggerListed(policy, { kind: signal.kind, ...(isAlarm ? { originalAlarmName: signal.rule } : {}) })) return replay.claim(place, policy, trouble);
  return { verdict: 'incident-only', guardrail: 'allow-list', reason: `The policy ${policy.metadata.name} does not list ${signal.rule} as a trigger` };
}

const quietVerdicts: readonly Verdict[] = ['would-replace', 'recovered-by-itself', 'under-repair'];

function episodeOf(input: BacktestInput, replay: Replay, trouble: Trouble): BacktestEpisode {
  const { signal, endedAt } = trouble;
  replay.advanceTo(signal.at);
  const place = input.placeOf(signal);
  const judged = judge(input, replay, trouble, place);
  const lastedSeconds = endedAt === undefined ? null : Math.round(secondsBetween(signal.at, endedAt));
  return {
    at: signal.at,
    system: place?.system.metadata.name ?? null,
    place: place?.slotId ?? placeOfSubject(signal.subject),
    rule: signal.rule,
    ...judged,
    // Critical pages at once, repair or not; high where no repair comes (design section 2).
    isPaged: signal.severity === 'critical' || (signal.severity === 'high' && !quietVerdicts.includes(judged.verdict)),
    lastedSeconds,
    savedSeconds: place === undefined ? null : savedSeconds(judged.verdict, lastedSeconds, input.repairSecondsOf(place.system)),
  };
}

function savedSeconds(verdict: Verdict, lastedSeconds: number | null, repairSeconds: number): number | null {
  return verdict !== 'would-replace' || lastedSeconds === null ? null : Math.max(0, lastedSeconds - repairSeconds);
}

/** Replays the signals against the catalog's policies, every policy as if it were `auto`. */
export function backtest(input: BacktestInput): Backtest {
  const replay = new Replay(input);
  const episodes = troublesOf(input.signals).map((trouble) => episodeOf(input, replay, trouble));
  const count = (verdict: Verdict): number => episodes.filter((episode) => episode.verdict === verdict).length;
  const saved = episodes.reduce((sum, episode) => sum + (episode.savedSeconds ?? 0), 0);
  return {
    episodes,
    totals: {
      'would-replace': count('would-replace'),
      vetoed: count('vetoed'),
      'recovered-by-itself': count('recovered-by-itself'),
      'incident-only': count('incident-only'),
      'under-repair': count('under-repair'),
      unknown: count('unknown'),
      paged: episodes.filter(({ isPaged }) => isPaged).length,
      savedMinutes: Math.round(saved / 6) / 10,
    },
    notEvaluated,
  };
}
