import type { RemediationPolicy, System } from '../../catalog/schema.ts';
import { RetryableError } from '../../environment/errors.ts';
import type { Clock, Scope } from '../../environment/ports.ts';
import { present } from '../../environment/present.ts';
import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, type Versioned, writeOf } from '../../records/record-type.ts';
import { RecordConflictError, type RecordStore, type RecordWrite } from '../../records/store.ts';
import { closedBreaker, groupLimit, nextBreaker, nextPlatform } from '../guardrails/breaker.ts';
import { beginRepair, causeRefusal, noteTrouble as noteCauses, openCausesOf } from '../guardrails/cause-breaker.ts';
import { declarationWrite } from './declaration.ts';
import { type Group, groupType, type Platform, platformType, type Remediation, remediationType, type Slot, slotType } from '../record.ts';
import { isTroubleOf } from '../guardrails/unhealthy.ts';

/** What the claim looks at; all four are written in one transaction or not at all. */
export interface ClaimState {
  readonly slot: Slot;
  readonly group: Group;
  readonly platform: Platform;
}

export interface ClaimRule {
  readonly policy: RemediationPolicy;
  /** Members of the group by the inventory. */
  readonly groupMembers: number;
  readonly systemsInCatalog: number;
  /** Asked for by hand: nothing is wrong with the slot, so no breaker hears of it. A way back passes breakers and the retry cap too. */
  readonly course?: 'replace' | 'revert' | 'drill';
  /** The member of an Auto Scaling group that is in trouble: its slot is shared, and its instance is whoever is in trouble. */
  readonly memberId?: string;
  /** Its incident, and what it may share with others (`causesOf`); without it no breaker of a cause hears of the trouble. */
  readonly trouble?: { readonly incidentId: string; readonly causes: readonly string[] };
}

export type ClaimDecision =
  | { readonly kind: 'claim'; readonly state: ClaimState; readonly attempt: number; readonly reason: string }
  /** The trouble is noted (breakers count it), but no repair may start now. */
  | { readonly kind: 'refuse'; readonly state: ClaimState; readonly guardrail: string; readonly reason: string };

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3600;

/** Pure: may this slot be claimed, and what do the records say afterwards? */
export function decideClaim(before: ClaimState, rule: ClaimRule, remediationId: string, now: Timestamp): ClaimDecision {
  const state = noteTrouble(before, rule, now);
  const refusal = refusalOf(before, state, rule, now);
  if (refusal !== undefined) return { kind: 'refuse', state, ...refusal };
  const isProbe = state.group.breaker.state === 'open';
  const isAnyProbe = isProbe || openCausesOf(state.platform, state.slot.id).length > 0;
  return {
    kind: 'claim',
    attempt: state.slot.attempts.length + 1,
    reason: isAnyProbe ? 'Admitted as the one probe of an open circuit breaker' : 'Admitted',
    state: {
      slot: { ...state.slot, remediationId, attempts: [...state.slot.attempts, now], ...present({ instanceId: rule.memberId }) },
      group: {
        ...state.group,
        inFlight: [...state.group.inFlight, remediationId],
        breaker: isProbe ? { ...state.group.breaker, probeRemediationId: remediationId } : state.group.breaker,
      },
      platform: beginRepair(
        { ...state.platform, inFlight: [...state.platform.inFlight, remediationId], starts: [...state.platform.starts, now] },
        state.slot.id,
        remediationId,
      ),
    },
  };
}

/** Breakers are evaluated before anything per instance (design section 4, storm order). */
function noteTrouble({ slot, group, platform }: ClaimState, rule: ClaimRule, now: Timestamp): ClaimState {
  const { memberId } = rule;
  const others = group.unhealthy.filter((entry) => !isTroubleOf(entry, { id: slot.id, memberId }));
  const own = { slotId: slot.id, at: now, ...present({ instanceId: memberId }) };
  const unhealthy = rule.course === undefined ? [...others, own].slice(-1000) : group.unhealthy;
  const { maxUnhealthyPercent, platformUnhealthySystems } = rule.policy.spec.caps;
  const { cooldownSeconds } = rule.policy.spec;
  return {
    slot: { ...slot, attempts: slot.attempts.filter((at) => secondsBetween(at, now) < DAY_SECONDS) },
    group: {
      ...group,
      unhealthy,
      breaker: nextBreaker(group.breaker, { members: rule.groupMembers, unhealthy: unhealthy.length }, { maxUnhealthyPercent, cooldownSeconds }, now),
    },
    platform: withCauses(
      nextPlatform(
        { ...platform, starts: platform.starts.filter((at) => secondsBetween(at, now) < HOUR_SECONDS) },
        rule.systemsInCatalog,
        rule.course === undefined ? slot.system : undefined,
        platformUnhealthySystems,
        now,
      ),
      slot,
      rule,
      now,
    ),
  };
}

function withCauses(platform: Platform, { id: slotId, groupId }: Slot, { trouble, groupMembers }: ClaimRule, now: Timestamp): Platform {
  return trouble === undefined ? platform : noteCauses(platform, { slotId, groupId, groupMembers, ...trouble }, now);
}

type Refusal = { readonly guardrail: string; readonly reason: string };

function refusalOf(before: ClaimState, state: ClaimState, rule: ClaimRule, now: Timestamp): Refusal | undefined {
  if (rule.course === 'revert') return capRefusal(state.platform, rule) ?? placeRefusal(state, rule);
  return (
    platformRefusal(state.platform, rule) ??
    sharedCauseRefusal(before.platform, state) ??
    breakerRefusal(state.group, rule, now) ??
    suspension(state.group, now) ??
    slotRefusal(state, rule)
  );
}

function sharedCauseRefusal(before: Platform, { slot, platform }: ClaimState): Refusal | undefined {
  const reason = causeRefusal(before, platform, slot.id);
  return reason === undefined ? undefined : { guardrail: 'circuit breaker', reason };
}

const capped = (reason: string): Refusal => ({ guardrail: 'platform caps', reason });

function platformRefusal(platform: Platform, rule: ClaimRule): Refusal | undefined {
  if (platform.breaker.state === 'open')
    return capped(`The platform breaker is open: ${platform.unhealthySystems.length} systems became unhealthy within 5 minutes`);
  return capRefusal(platform, rule);
}

function capRefusal(platform: Platform, rule: ClaimRule): Refusal | undefined {
  const { maxInFlight, maxStartsPerHour } = rule.policy.spec.caps;
  if (platform.inFlight.length >= maxInFlight) return capped(`${platform.inFlight.length} remediations are in flight, the cap is ${maxInFlight}`);
  return platform.starts.length >= maxStartsPerHour
    ? capped(`${platform.starts.length} remediations started within the hour, the cap is ${maxStartsPerHour}`)
    : undefined;
}

function breakerRefusal(group: Group, rule: ClaimRule, now: Timestamp): Refusal | undefined {
  const { breaker } = group;
  if (breaker.state === 'closed') return undefined;
  const count = `${group.unhealthy.length} of ${rule.groupMembers} unhealthy since ${breaker.since ?? now}`;
  if (breaker.isProbeFailed)
    return { guardrail: 'circuit breaker', reason: `The circuit breaker is open (${count}) and its probe failed; a person must resume it` };
  const isProbing = group.inFlight.some((id) => id === breaker.probeRemediationId);
  return isProbing ? { guardrail: 'circuit breaker', reason: `The circuit breaker is open (${count}); its probe is under way` } : undefined;
}

const SUSPENDING_FAILURES = 3;

/** Replacements that stay unhealthy suspend the group (design section 7, retry cap); a person resumes it. */
function suspension(group: Group, now: Timestamp): Refusal | undefined {
  const recent = group.failedReplacements?.filter((at) => secondsBetween(at, now) < DAY_SECONDS).length ?? 0;
  return recent >= SUSPENDING_FAILURES
    ? { guardrail: 'retry cap', reason: `The group is suspended: ${recent} replacements in 24 h did not stay healthy; a person must resume it` }
    : undefined;
}

function slotRefusal(state: ClaimState, rule: ClaimRule): Refusal | undefined {
  const { maxAttemptsPerDay } = rule.policy.spec.caps;
  const { attempts } = state.slot;
  return (
    placeRefusal(state, rule) ??
    (attempts.length >= maxAttemptsPerDay
      ? { guardrail: 'retry cap', reason: `${attempts.length} attempts on this slot in 24 h, the cap is ${maxAttemptsPerDay}` }
      : undefined)
  );
}

function placeRefusal({ slot, group }: ClaimState, rule: ClaimRule): Refusal | undefined {
  if (slot.remediationId !== undefined) return { guardrail: 'one at a time', reason: `${slot.remediationId} already repairs this slot` };
  const groupCap = groupLimit(rule.groupMembers, rule.policy.spec.caps.maxInFlightPercent);
  return group.inFlight.length >= groupCap
    ? { guardrail: 'one at a time', reason: `${group.inFlight.length} remediations run in the group, at most ${groupCap} may` }
    : undefined;
}

export interface ClaimPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
}

/** A remediation that may be created; the claim adds the attempt and its execution name. */
export interface ClaimRequest extends ClaimRule {
  readonly slot: { readonly id: string; readonly system: string; readonly groupId: string; readonly instanceId: string };
  readonly remediationId: string;
  /** What declares it, kept for the case that it leaves the catalog in the middle of the repair. */
  readonly system?: System;
  /** Builds the record once the attempt is known. */
  readonly build: (attempt: number, now: Timestamp) => Remediation;
}

export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly remediation: Remediation; readonly reason: string }
  /** This very signal has been claimed before: re-delivery. */
  | { readonly kind: 'already'; readonly remediation: Remediation }
  | { readonly kind: 'refused'; readonly guardrail: string; readonly reason: string };

/** Each conflict means that another claim, refusal (it notes its trouble too) or release went through: more tries than claims run at once. */
const CLAIM_ATTEMPTS = 100;

/**
 * Claims a slot: slot lock, group count, platform caps and the remediation record in one conditional transaction.
 * Many parallel claims give exactly as many as the caps allow.
 */
export async function claim(ports: ClaimPorts, request: ClaimRequest): Promise<ClaimOutcome> {
  for (let attempt = 1; attempt <= CLAIM_ATTEMPTS; attempt += 1) {
    const outcome = await tryClaim(ports, request);
    if (outcome !== 'conflict') return outcome;
  }
  throw new RetryableError(
    `The slot ${request.slot.id} could not be claimed in ${CLAIM_ATTEMPTS} tries because its records kept changing; the signal will be delivered again.`,
  );
}

interface StoredClaim {
  readonly slot: Versioned<Slot> | undefined;
  readonly group: Versioned<Group> | undefined;
  readonly platform: Versioned<Platform> | undefined;
}

async function readClaim({ store, scope }: ClaimPorts, place: ClaimRequest['slot']): Promise<StoredClaim> {
  const [slot, group, platform] = await Promise.all([
    readRecord(store, slotType, keys.slot(scope, place.id)),
    readRecord(store, groupType, keys.group(scope, place.groupId)),
    readRecord(store, platformType, keys.platform(scope)),
  ]);
  return { slot, group, platform };
}

function stateOf(stored: StoredClaim, place: ClaimRequest['slot']): ClaimState {
  return {
    slot: stored.slot?.body ?? {
      id: place.id,
      system: place.system,
      groupId: place.groupId,
      instanceId: place.instanceId,
      retiredInstanceIds: [],
      attempts: [],
    },
    group: stored.group?.body ?? { id: place.groupId, inFlight: [], unhealthy: [], breaker: closedBreaker },
    platform: stored.platform?.body ?? emptyPlatform,
  };
}

function claimWrites(
  { scope }: ClaimPorts,
  stored: StoredClaim,
  { slot, group, platform }: ClaimState,
  remediation: Remediation | undefined,
): readonly RecordWrite[] {
  return [
    writeOf(slotType, keys.slot(scope, slot.id), slot, stored.slot?.version ?? 0),
    writeOf(groupType, keys.group(scope, group.id), group, stored.group?.version ?? 0),
    writeOf(platformType, keys.platform(scope), platform, stored.platform?.version ?? 0),
    ...(remediation === undefined ? [] : [writeOf(remediationType, keys.remediation(scope, remediation.id), remediation, 0)]),
  ];
}

function declarationWrites({ scope }: ClaimPorts, { system, policy }: ClaimRequest, remediation: Remediation | undefined): readonly RecordWrite[] {
  if (remediation === undefined || system === undefined) return [];
  return [declarationWrite(scope, remediation.id, { claimedAt: remediation.timing.decidedAt, system, policy })];
}

async function tryClaim(ports: ClaimPorts, request: ClaimRequest): Promise<ClaimOutcome | 'conflict'> {
  const { slot: place, remediationId } = request;
  const existing = await readRecord(ports.store, remediationType, keys.remediation(ports.scope, remediationId));
  if (existing !== undefined) return { kind: 'already', remediation: existing.body };
  const stored = await readClaim(ports, place);
  const now = ports.clock.now();
  const decision = decideClaim(stateOf(stored, place), request, remediationId, now);
  const outcome: ClaimOutcome =
    decision.kind === 'claim'
      ? { kind: 'claimed', remediation: request.build(decision.attempt, now), reason: decision.reason }
      : { kind: 'refused', guardrail: decision.guardrail, reason: decision.reason };
  const remediation = outcome.kind === 'claimed' ? outcome.remediation : undefined;
  try {
    await ports.store.write([...claimWrites(ports, stored, decision.state, remediation), ...declarationWrites(ports, request, remediation)]);
  } catch (error) {
    if (error instanceof RecordConflictError) return 'conflict';
    throw error;
  }
  return outcome;
}

export const emptyPlatform: Platform = { inFlight: [], starts: [], unhealthySystems: [], breaker: { state: 'closed' } };
