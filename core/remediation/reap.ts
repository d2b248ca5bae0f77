import { PermanentError } from '../environment/errors.ts';
import type { Clock, Log, Scope } from '../environment/ports.ts';
import { parseTimestamp, type Timestamp } from '../environment/time.ts';
import { addTimelineEvent, type IncidentPorts } from '../incidents/incidents.ts';
import { tagKeys } from '../inventory/records.ts';
import { keys } from '../records/keys.ts';
import { readRecord } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import type { InstanceFacts, InstanceTerminator } from './ports.ts';
import { reapLeftovers } from './reap-leftovers.ts';
import { reapOrphans } from './reap-orphans.ts';
import { reapRepairs } from './reap-repairs.ts';
import { type ReapingPorts, tellBefore } from './reaping.ts';
import { type Remediation, remediationType } from './record.ts';

export interface ReapPorts extends IncidentPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log: Log;
  readonly terminator: InstanceTerminator;
}

export type ReapDecision =
  | { readonly kind: 'terminate'; readonly instanceId: string; readonly incidentId: string; readonly reason: string }
  /** `evidence`: it is kept only because its time is not over. */
  | { readonly kind: 'keep'; readonly instanceId: string; readonly reason: string; readonly evidence?: KeptEvidence }
  /** The tag says quarantine, our record does not: somebody else's business, reported and left alone. */
  | { readonly kind: 'report'; readonly instanceId: string; readonly reason: string };

/** Whose evidence an instance is, and since when. */
export interface KeptEvidence {
  readonly incidentId: string;
  readonly system: string;
  readonly groupId: string;
  readonly markedAt: Timestamp;
}

/** Ended quarantines end one a call; more than this wait for the next run. */
const MAX_TERMINATIONS = 20;

/** Pure: tag and record must agree before anything is terminated (design section 7, quarantine). */
export function decideReap(instance: InstanceFacts, remediation: Remediation | undefined, now: Timestamp): ReapDecision {
  const { instanceId, tags } = instance;
  const untilTag = tags[tagKeys.quarantineUntil];
  const incidentId = tags[tagKeys.quarantine];
  if (incidentId === undefined || untilTag === undefined) return { kind: 'report', instanceId, reason: 'It carries a part of our quarantine tags only' };
  if (remediation === undefined || remediation.incidentId !== incidentId)
    return { kind: 'report', instanceId, reason: `No remediation of incident ${incidentId} knows it` };
  // The intent of this very call is the record's half of the agreement; being the old instance is not: a repair that was undone keeps it.
  const mark = remediation.calls[`mark:${instanceId}`];
  if (mark === undefined) return { kind: 'report', instanceId, reason: `The record ${remediation.id} did not put it into quarantine` };
  const kept = keptReason(instance, remediation);
  if (kept !== undefined) return { kind: 'keep', instanceId, reason: kept };
  return decideByTime(instance, untilTag, { incidentId, system: remediation.system, groupId: remediation.groupId, markedAt: mark.intentAt }, now);
}

function keptReason({ state, tags }: InstanceFacts, remediation: Remediation): string | undefined {
  if (remediation.state === 'running') return `${remediation.id} is still running`;
  if (tags[tagKeys.hold] !== undefined) return `It is on hold (${tags[tagKeys.hold]})`;
  return state === 'shutting-down' || state === 'terminated' ? `It is ${state} already` : undefined;
}

function decideByTime({ instanceId, state }: InstanceFacts, untilTag: string, evidence: KeptEvidence, now: Timestamp): ReapDecision {
  // Only a moment compares with a moment: a hand-written tag never ends an instance early.
  const until = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(untilTag) ? parseTimestamp(untilTag) : undefined;
  if (until === undefined) return { kind: 'report', instanceId, reason: `Its tag ${tagKeys.quarantineUntil} is no moment` };
  const isStopped = state === 'stopped';
  if (now < until) return { kind: 'keep', instanceId, reason: `Kept as evidence until ${until}`, ...(isStopped ? { evidence } : {}) };
  if (!isStopped) return { kind: 'report', instanceId, reason: `Its quarantine is over but it is ${state}: somebody started it again` };
  return { kind: 'terminate', instanceId, incidentId: evidence.incidentId, reason: `Its quarantine ended at ${until}` };
}

/** How many quarantined instances a group of this system may keep; at least 1. */
export type QuarantineLimit = (system: string) => number;

/** Pure: the oldest beyond the limit of their group end early. Never the newest, never one on hold, never one that runs. */
export function boundGroups(decisions: readonly ReapDecision[], limitOf: QuarantineLimit): readonly ReapDecision[] {
  const kept = decisions.flatMap((decision) => (decision.kind === 'keep' && decision.evidence !== undefined ? [decision.evidence] : []));
  return decisions.map((decision) => {
    if (decision.kind !== 'keep' || decision.evidence === undefined) return decision;
    const { evidence, instanceId } = decision;
    const younger = kept.filter((other) => other.groupId === evidence.groupId && other.markedAt > evidence.markedAt).length;
    const limit = Math.max(1, limitOf(evidence.system));
    if (younger < limit) return decision;
    const reason = `The group ${evidence.groupId} keeps at most ${limit} in quarantine, and ${younger} younger ones are there`;
    return { kind: 'terminate', instanceId, incidentId: evidence.incidentId, reason };
  });
}

const unlimited: QuarantineLimit = () => Number.POSITIVE_INFINITY;

/** Ends expired quarantines, and those beyond the limit of their group. Says what it will do before it does it; one id a call; bounded per run; run twice it does nothing more. */
export async function reap(ports: ReapPorts, limitOf: QuarantineLimit = unlimited): Promise<readonly ReapDecision[]> {
  const quarantined = await ports.terminator.quarantined();
  const decisions = boundGroups(await Promise.all(quarantined.map((instance) => decide(ports, instance))), limitOf);
  ports.log.info('The reaper has decided', { decisions });
  let terminated = 0;
  for (const decision of decisions) {
    if (decision.kind !== 'terminate' || terminated === MAX_TERMINATIONS) continue;
    // One id a call, and only what ended counts: protected instances must not stop the others, however many they are.
    if (await terminate(ports, decision)) terminated += 1;
  }
  return decisions;
}

async function decide(ports: ReapPorts, instance: InstanceFacts): Promise<ReapDecision> {
  const remediationId = instance.tags[tagKeys.remediation];
  try {
    const record = remediationId === undefined ? undefined : await readRecord(ports.store, remediationType, keys.remediation(ports.scope, remediationId));
    return decideReap(instance, record?.body, ports.clock.now());
  } catch (error) {
    // A record nobody can read agrees with nothing; it must not keep the others.
    if (!(error instanceof PermanentError)) throw error;
    return { kind: 'report', instanceId: instance.instanceId, reason: error.message };
  }
}

async function terminate(ports: ReapPorts, decision: ReapDecision & { kind: 'terminate' }): Promise<boolean> {
  const { instanceId, incidentId, reason } = decision;
  try {
    await tellBefore(ports, incidentId, `end:${instanceId}`, `Will terminate ${instanceId}. ${reason}`);
    await ports.terminator.terminate(instanceId);
    await addTimelineEvent(ports, incidentId, {
      at: ports.clock.now(),
      eventId: `reaped:${instanceId}`,
      kind: 'reaper',
      text: `Terminated ${instanceId}. ${reason}`,
    });
    return true;
  } catch (error) {
    // One that cannot be ended must not keep the others; the next run tries again and the alarm on this log line tells a person.
    if (!(error instanceof PermanentError)) throw error;
    ports.log.error('A quarantined instance could not be terminated', { instanceId, reason: error.message });
    return false;
  }
}

const DEFAULT_MAX_QUARANTINED = 3;

/** How many decisions of which kind a run came to. */
export type ReapSummary = Readonly<Record<'quarantined' | 'launched' | 'repairs' | 'leftovers', Readonly<Record<string, number>>>>;

/**
 * One run of the reaper: repairs nobody carries on, instances nobody needs, quarantines that are over, and what is left of them.
 * Idempotent and bounded; a throttle ends the run and the next one goes on.
 */
export async function reapAll(ports: ReapingPorts): Promise<ReapSummary> {
  const { policies } = await ports.catalog();
  const limits = new Map(policies.map(({ spec }) => [spec.system, spec.maxQuarantinedPerGroup]));
  const repairs = await reapRepairs(ports);
  const launched = await reapOrphans(ports);
  const quarantined = await reap(ports, (system) => limits.get(system) ?? DEFAULT_MAX_QUARANTINED);
  const leftovers = await reapLeftovers(ports);
  return { quarantined: countKinds(quarantined), launched: countKinds(launched), repairs: countKinds(repairs), leftovers: countKinds(leftovers) };
}

function countKinds(decisions: readonly { readonly kind: string }[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { kind } of decisions) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
