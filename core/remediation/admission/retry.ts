import { openWindow, type OpenWindow } from '../../catalog/maintenance.ts';
import type { CompiledCatalog, RemediationPolicy } from '../../catalog/schema.ts';
import { PermanentError, RetryableError } from '../../environment/errors.ts';
import type { Clock, Scope } from '../../environment/ports.ts';
import { present } from '../../environment/present.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { listOpenIncidents } from '../../incidents/incidents.ts';
import { type Incident, isOver } from '../../incidents/record.ts';
import { systemRecordType } from '../../inventory/records.ts';
import { keys, partitions } from '../../records/keys.ts';
import { readAll, readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import type { SignalQueue } from '../../signals/ports.ts';
import { outcomesOf } from '../../signals/table.ts';
import { closedBreaker } from '../guardrails/breaker.ts';
import { membersOf } from '../guardrails/group-size.ts';
import { type ClaimRule, type ClaimState, decideClaim, emptyPlatform } from './claim.ts';
import { isCompensation } from '../paths/procedure.ts';
import { groupType, type Pause, pauseType, type Platform, platformType, type Remediation, remediationType, type Slot, slotType } from '../record.ts';

/*
 * A repair that failed or was refused is tried again while the trouble lasts (docs/adr/0010): the sweep decides here whether it is
 * due, and repeats the signal that asked for it. Everything else, from the truth read afresh to the caps, happens as for any signal.
 */

/** What a retry is decided on. */
export interface RetryFacts {
  readonly incident: Incident;
  /** The newest remediations of the incident, oldest first; at most 8. */
  readonly recent: readonly Remediation[];
  readonly claim: ClaimState;
  readonly rule: ClaimRule;
  /** The switches that are set for everything and for the system. */
  readonly pauses: readonly Pause[];
  /** The maintenance window of the system that is open now, if any. */
  readonly window?: OpenWindow;
}

export type RetryDecision =
  | {
      readonly kind: 'retry';
      readonly last: Remediation;
      /** The signal to repeat. */
      readonly trigger: Remediation['trigger'];
      /** Since when it is due: the same for every look, so that the same attempt gets the same ids. */
      readonly dueAt: Timestamp;
      readonly reason: string;
      /** The records as the attempt would leave them, so that the next decision of the same sweep counts it. */
      readonly claim: ClaimState;
    }
  /** It may be due later. */
  | { readonly kind: 'wait'; readonly reason: string }
  /** Only a person or a new signal starts another attempt. */
  | { readonly kind: 'none'; readonly reason: string };

type Refusal = Exclude<RetryDecision, { kind: 'retry' }>;

const none = (reason: string): Refusal => ({ kind: 'none', reason });
const wait = (reason: string): Refusal => ({ kind: 'wait', reason });
const underWay = wait('A repair of the incident is under way');

/** May this slot's repair be tried again by itself now? Pure. */
export function decideRetry(facts: RetryFacts, now: Timestamp): RetryDecision {
  const { incident, recent, claim, rule } = facts;
  const last = recent.at(-1);
  if (last === undefined) return none('Nothing was tried yet');
  const refusal = stateRefusal(incident, claim) ?? endingRefusal(last);
  if (refusal !== undefined) return refusal;
  const trigger = recent.findLast((remediation) => isRepeatable(remediation, incident))?.trigger;
  if (trigger === undefined) return none('No signal that asked for a repair still fires');
  const dueAt = dueTime(facts, last, trigger);
  if (dueAt > now) return wait(`The back-off lasts until ${dueAt}`);
  const stopped = stoppedBy(facts);
  if (stopped !== undefined) return wait(stopped);
  const rehearsed = decideClaim(claim, rule, `retry-of-${last.id}`, now);
  if (rehearsed.kind === 'refuse') return wait(`${rehearsed.guardrail}: ${rehearsed.reason}`);
  return { kind: 'retry', last, trigger, dueAt, claim: rehearsed.state, reason: `${last.id} ended ${last.state}: ${last.reason}` };
}

/** What people have stopped for a while; the guardrails would veto it again, and page. */
function stoppedBy({ pauses, window }: RetryFacts): string | undefined {
  const pause = pauses.find(({ isPaused }) => isPaused);
  if (pause !== undefined) return `Paused (${pause.target}) by ${pause.by}: ${pause.reason}`;
  return window === undefined ? undefined : `People are working (maintenance window ${window.name} of ${window.author}) until ${window.until}`;
}

function stateRefusal(incident: Incident, { slot }: ClaimState): Refusal | undefined {
  if (isOver(incident)) return none('The incident is over');
  if (incident.state === 'stable') return none('All its signals are over');
  if (incident.state === 'repairing') return underWay;
  return slot.remediationId === undefined ? undefined : wait(`${slot.remediationId} holds the slot`);
}

/** What becomes of an end by itself; `undefined`: its cause may pass. */
function endingRefusal(last: Remediation): Refusal | undefined {
  if (last.isDrill) return none('It was a drill');
  if (last.request !== undefined) return none(`${last.request.by} asked for it by hand and decides how it goes on`);
  if (last.abort !== undefined) return none(`${last.abort.by} aborted it: ${last.abort.reason}`);
  return endings[last.state](last);
}

const over = ({ state }: Remediation): Refusal => none(`It ended ${state}`);
const unlessHalfDone = (last: Remediation): Refusal | undefined =>
  isHalfDone(last) ? none('What was begun is half-done; a person must look at it first') : undefined;

const endings: Readonly<Record<Remediation['state'], (last: Remediation) => Refusal | undefined>> = {
  running: () => underWay,
  succeeded: over,
  'would-have': over,
  vetoed: (last) => (mayPass(last) ? undefined : none(`A person decides about the guardrail "${last.failure?.guardrail ?? 'unknown'}": ${last.reason}`)),
  failed: unlessHalfDone,
  'stood-down': unlessHalfDone,
};

function isHalfDone({ phases }: Remediation): boolean {
  return phases.some(({ name, outcome }) => outcome === 'failed' && isCompensation(name));
}

/** Vetoes that pass without a person's decision about this slot; every other one stands (design section 7). */
const passingVetoes: Readonly<Record<string, (reason: string) => boolean>> = {
  // They are over when somebody resumes, or at their time.
  pause: () => true,
  'maintenance window': () => true,
  // Room comes back; the claim is rehearsed before anything is sent.
  'platform caps': () => true,
  'circuit breaker': () => true,
  'one at a time': () => true,
  'retry cap': () => true,
  // Of what leaves an instance alone only its age passes by itself: a hold and a stop on purpose are decisions.
  'pending duration': (reason) => reason.includes('inside the grace period'),
};

function mayPass({ failure }: Remediation): boolean {
  return failure?.guardrail !== undefined && passingVetoes[failure.guardrail]?.(failure.reason) === true;
}

const repeatable: ReadonlySet<string> = new Set(outcomesOf('Repair Retry Due'));

function isRepeatable({ trigger }: Remediation, incident: Incident): boolean {
  return repeatable.has(trigger.kind) && incident.signals[trigger.fingerprint]?.state === 'firing';
}

/** A repetition must be more than a second younger than what it repeats (design section 2). */
const MIN_GAP_SECONDS = 2;
const MAX_BACK_OFF_SECONDS = 3600;
const HEALTHY_SECONDS = 3600;

/** Counted from the last end and the last word of the signal, never from now: two sweeps at once find the same moment. */
function dueTime({ incident, recent, claim, rule }: RetryFacts, last: Remediation, trigger: Remediation['trigger']): Timestamp {
  const heardAt = incident.signals[trigger.fingerprint]?.at ?? trigger.at;
  const base = [last.timing.endedAt ?? last.timing.decidedAt, heardAt, trigger.at].toSorted().at(-1) ?? trigger.at;
  // What was refused before it began has tried nothing: it waits for room, not for a back-off.
  const seconds = last.attempt === 0 ? 0 : backOffSeconds(rule.policy, failuresInARow(incident, recent, claim));
  return addSeconds(base, Math.max(MIN_GAP_SECONDS, seconds));
}

/** Attempts that ended without success. An hour of health before the incident resets the back-off, and only that (design section 7, retry cap). */
function failuresInARow(incident: Incident, recent: readonly Remediation[], { slot }: ClaimState): number {
  const ofIncident = recent.filter(({ attempt, state }) => attempt > 0 && state !== 'succeeded').length;
  const before = slot.attempts.filter((at) => at < incident.openedAt).at(-1);
  const wasHealthy = before === undefined || secondsBetween(before, incident.openedAt) >= HEALTHY_SECONDS;
  return wasHealthy ? ofIncident : Math.max(ofIncident, slot.failuresInARow ?? 0);
}

/** After so many failures, at least one: `cooldownSeconds × 2^(failures − 1)`, at most an hour, or the cool-down itself where a policy asks for a longer one. */
export function backOffSeconds({ spec }: RemediationPolicy, failures: number): number {
  const bound = Math.max(MAX_BACK_OFF_SECONDS, spec.cooldownSeconds);
  return Math.min(bound, spec.cooldownSeconds * 2 ** (failures - 1));
}

export interface RetryPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly queue: SignalQueue;
}

/** One sweep looks at this many incidents, those that changed last, and sends at most three retries, one for each group. */
const MAX_INCIDENTS = 200;
const MAX_RETRIES = 3;
const MAX_RECENT = 8;

export interface RetrySummary {
  /** The remediations that are tried again. */
  readonly retried: readonly string[];
  /** Incidents that could not be judged. */
  readonly problems: readonly string[];
}

type Due = Extract<RetryDecision, { kind: 'retry' }>;

interface Candidate {
  readonly facts: RetryFacts;
  readonly due: Due;
}

/**
 * Repeats, through the queue, the signals whose repairs may be tried again; who has waited longest comes first. Writes nothing: two
 * sweeps at once send the same events, which are one attempt.
 */
export async function retryRepairs(ports: RetryPorts, catalog: CompiledCatalog): Promise<RetrySummary> {
  const now = ports.clock.now();
  const candidates: Candidate[] = [];
  const problems: string[] = [];
  for (const incident of await troubledIncidents(ports)) {
    try {
      // paced: one incident is about ten reads
      const facts = await readFacts(ports, catalog, incident);
      if (facts === undefined) continue;
      const decision = decideRetry(facts, now);
      if (decision.kind === 'retry') candidates.push({ facts, due: decision });
    } catch (error) {
      // One record that cannot be read holds up no other.
      if (!(error instanceof PermanentError)) throw error;
      problems.push(`${incident.id}: ${error.message}`);
    }
  }
  const chosen = choose(candidates, now);
  await send(ports, chosen);
  return { retried: chosen.map(({ last }) => last.id), problems };
}

async function send(ports: RetryPorts, chosen: readonly Due[]): Promise<void> {
  if (chosen.length === 0) return;
  const failures = await ports.queue.send(chosen.map((due) => ({ body: eventOf(ports.scope, due) })));
  if (failures.length > 0)
    throw new RetryableError(
      `${failures.length} of ${chosen.length} retries could not be put on the queue (${failures[0]?.reason}); the next sweep sends them.`,
    );
}

async function troubledIncidents({ store, scope }: RetryPorts): Promise<readonly Incident[]> {
  const open = (await listOpenIncidents(store, scope)).filter(({ state }) => state === 'open' || state === 'acknowledged');
  return open.toSorted((left, right) => secondsBetween(left.updatedAt, right.updatedAt)).slice(0, MAX_INCIDENTS);
}

async function readFacts(ports: RetryPorts, catalog: CompiledCatalog, incident: Incident): Promise<RetryFacts | undefined> {
  const { store, scope } = ports;
  const policy = catalog.policies.find(({ spec }) => spec.system === incident.system);
  const ids = incident.remediationIds.slice(-MAX_RECENT);
  const remediations = await Promise.all(ids.map((id) => readRecord(store, remediationType, keys.remediation(scope, id))));
  const recent = remediations.flatMap((remediation) => (remediation === undefined ? [] : [remediation.body]));
  const last = recent.at(-1);
  if (policy === undefined || last === undefined) return undefined;
  const [stored, group, platform, system, pauses] = await Promise.all([
    readRecord(store, slotType, keys.slot(scope, last.slotId)),
    readRecord(store, groupType, keys.group(scope, last.groupId)),
    readRecord(store, platformType, keys.platform(scope)),
    readRecord(store, systemRecordType, keys.system(scope, last.system)),
    readAll(pauseType, (page) => store.query(partitions.pauses(scope), '', page)),
  ]);
  const slot = stored?.body ?? unclaimedSlot(last);
  return {
    incident,
    recent,
    claim: {
      slot,
      group: group?.body ?? { id: slot.groupId, inFlight: [], unhealthy: [], breaker: closedBreaker },
      platform: platform?.body ?? emptyPlatform,
    },
    rule: {
      policy,
      groupMembers: membersOf(slot.groupId, system?.body),
      systemsInCatalog: catalog.systems.length,
      trouble: { incidentId: incident.id, causes: [] },
      // A slot that members share: the one that was in trouble is, not whoever was repaired last.
      ...(last.path === 'group-member' ? { memberId: last.oldInstanceId } : {}),
    },
    ...present({ window: openWindow(catalog.windows ?? [], last.system, ports.clock.now()) }),
    pauses: pauses.map(({ body }) => body).filter(({ target }) => target === 'global' || target === `system#${slot.system}`),
  };
}

/** What was refused before its first claim, by a pause, has no record of its slot yet. */
function unclaimedSlot({ slotId, system, groupId, oldInstanceId }: Remediation): Slot {
  return { id: slotId, system, groupId, instanceId: oldInstanceId, retiredInstanceIds: [], attempts: [] };
}

/** Each is decided again on the records as those before it leave them: what was refused together does not come back together. */
function choose(candidates: readonly Candidate[], now: Timestamp): readonly Due[] {
  const chosen: Due[] = [];
  const groups = new Set<string>();
  let platform: Platform | undefined;
  for (const { facts } of candidates.toSorted((left, right) => secondsBetween(right.due.dueAt, left.due.dueAt))) {
    if (chosen.length >= MAX_RETRIES) break;
    const { claim } = facts;
    if (groups.has(claim.group.id)) continue;
    const decision = decideRetry({ ...facts, claim: { ...claim, platform: platform ?? claim.platform } }, now);
    if (decision.kind !== 'retry') continue;
    platform = decision.claim.platform;
    groups.add(claim.group.id);
    chosen.push(decision);
  }
  return chosen;
}

/** The trigger once more, in the form of our own bus. */
function eventOf({ accountId, region }: Scope, { last, trigger, dueAt, claim }: Due): string {
  return JSON.stringify({
    version: '0',
    id: `retry-${last.id}`,
    source: 'perennial',
    'detail-type': 'Repair Retry Due',
    account: accountId,
    region,
    time: dueAt,
    resources: [],
    detail: {
      instanceId: claim.slot.instanceId,
      kind: trigger.kind,
      rule: trigger.alarmName ?? trigger.rule,
      incidentId: last.incidentId,
      retryOf: last.id,
    },
  });
}
