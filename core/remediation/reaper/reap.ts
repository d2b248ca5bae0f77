import { PermanentError } from '../../environment/errors.ts';
import type { Clock, Log, Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import { addTimelineEvent, type IncidentPorts } from '../../incidents/incidents.ts';
import { tagKeys } from '../../inventory/records.ts';
import type { RecordStore } from '../../records/store.ts';
import type { InstanceFacts, InstanceTerminator } from '../ports.ts';
import { reapLeftovers } from './reap-leftovers.ts';
import { reapOrphans } from './reap-orphans.ts';
import { finishQuarantines } from './reap-quarantines.ts';
import { reapRepairs } from './reap-repairs.ts';
import { reapSnapshots } from './reap-snapshots.ts';
import { frozenReason, momentOf, type ReapingPorts, readNamed, reportOnce, tellBefore, unlessFrozen } from './reaping.ts';
import type { MemberReleaser } from './reaping-ports.ts';
import type { Remediation } from '../record.ts';

export interface ReapPorts extends IncidentPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log: Log;
  readonly terminator: InstanceTerminator;
  readonly members: MemberReleaser;
}

export type ReapDecision =
  | { readonly kind: 'terminate'; readonly instanceId: string; readonly system: string; readonly incidentId: string; readonly reason: string }
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
  if (mayHoldWhatMoves(instance, remediation))
    return { kind: 'report', instanceId, reason: `${remediation.id} is half-done and what moves may still be at it` };
  const evidence = { incidentId, system: remediation.system, groupId: remediation.groupId, markedAt: mark.intentAt };
  return decideByTime(instance, untilTag, isAtRest(instance, remediation), evidence, now);
}

/** A data volume never ends with an instance (S0-27): a repair that could not give back what it moved leaves that to a person. */
function mayHoldWhatMoves({ dataVolumeIds }: InstanceFacts, { parts = [], phases, failure }: Remediation): boolean {
  const isHalfDone = phases.some(({ name, outcome }) => outcome === 'failed' && failure !== undefined && name !== failure.phase);
  return (parts.includes('volumes') && dataVolumeIds.length > 0) || (parts.includes('interfaces') && isHalfDone);
}

/** Stopped; or, where it cannot be stopped, alone in the group that the record says it was isolated into. */
function isAtRest({ instanceId, state, rootDeviceType, securityGroupIds }: InstanceFacts, { calls }: Remediation): boolean {
  if (state === 'stopped') return true;
  const isolation = calls[`isolate:${instanceId}`]?.result?.['securityGroupId'];
  const isIsolated = securityGroupIds.length > 0 && securityGroupIds.every((id) => id === isolation);
  return state === 'running' && rootDeviceType === 'instance-store' && isIsolated;
}

function keptReason({ state, tags }: InstanceFacts, remediation: Remediation): string | undefined {
  if (remediation.state === 'running') return `${remediation.id} is still running`;
  if (tags[tagKeys.hold] !== undefined) return `It is on hold (${tags[tagKeys.hold]})`;
  return state === 'shutting-down' || state === 'terminated' ? `It is ${state} already` : undefined;
}

function decideByTime({ instanceId, state }: InstanceFacts, untilTag: string, isResting: boolean, evidence: KeptEvidence, now: Timestamp): ReapDecision {
  const until = momentOf(untilTag);
  if (until === undefined) return { kind: 'report', instanceId, reason: `Its tag ${tagKeys.quarantineUntil} is no moment` };
  if (now < until) return { kind: 'keep', instanceId, reason: `Kept as evidence until ${until}`, ...(isResting ? { evidence } : {}) };
  if (!isResting)
    return { kind: 'report', instanceId, reason: `Its quarantine is over but it is ${state}: somebody started it again, or let it into other security groups` };
  return { kind: 'terminate', instanceId, system: evidence.system, incidentId: evidence.incidentId, reason: `Its quarantine ended at ${until}` };
}

/** How many quarantined instances a group of this system may keep; at least 1. */
export type QuarantineLimit = (system: string) => number;

/** Pure: the oldest beyond the limit of their group end early. Never the newest, never one on hold, never one that runs. */
export function boundGroups(decisions: readonly ReapDecision[], limitOf: QuarantineLimit): readonly ReapDecision[] {
  const kept = decisions.flatMap((decision) => evidenceOf(decision) ?? []);
  return decisions.map((decision) => {
    const evidence = evidenceOf(decision);
    if (evidence === undefined) return decision;
    const { instanceId } = decision;
    const younger = kept.filter((other) => other.groupId === evidence.groupId && other.markedAt > evidence.markedAt).length;
    const limit = Math.max(1, limitOf(evidence.system));
    if (younger < limit) return decision;
    const reason = `The group ${evidence.groupId} keeps at most ${limit} in quarantine, and ${younger} younger ones are there`;
    return { kind: 'terminate', instanceId, system: evidence.system, incidentId: evidence.incidentId, reason };
  });
}

const evidenceOf = (decision: ReapDecision): KeptEvidence | undefined => (decision.kind === 'keep' ? decision.evidence : undefined);

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
  try {
    const remediation = await readNamed(ports, instance.tags[tagKeys.remediation]);
    const decision = decideReap(instance, remediation, ports.clock.now());
    return await unlessFrozen(ports, remediation, decision, (reason): ReapDecision => ({ kind: 'keep', instanceId: instance.instanceId, reason }));
  } catch (error) {
    // A record nobody can read agrees with nothing; it must not keep the others.
    if (!(error instanceof PermanentError)) throw error;
    return { kind: 'report', instanceId: instance.instanceId, reason: error.message };
  }
}

async function terminate(ports: ReapPorts, decision: ReapDecision & { kind: 'terminate' }): Promise<boolean> {
  const { instanceId, system, incidentId, reason } = decision;
  try {
    if ((await frozenReason(ports, system)) !== undefined) return false;
    await tellBefore(ports, incidentId, `end:${instanceId}`, `Will terminate ${instanceId}. ${reason}`);
    if (!(await leaveGroup(ports, decision))) return false;
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

/**
 * A member in standby leaves its group before it ends, else the group goes on listing it. Never with a smaller group: its place was taken
 * by another member long ago, and the group would end a healthy one
 * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-detach-attach-instances.html). True once it is in no group.
 */
async function leaveGroup(ports: ReapPorts, { instanceId, incidentId }: ReapDecision & { kind: 'terminate' }): Promise<boolean> {
  const membership = await ports.members.membership(instanceId);
  if (membership === undefined) return true;
  const { groupName, lifecycleState } = membership;
  if (lifecycleState === 'Standby') {
    await ports.members.release(groupName, instanceId);
    if ((await ports.members.membership(instanceId)) === undefined) return true;
  } else if (lifecycleState !== 'Detaching' && !lifecycleState.startsWith('Terminating')) {
    await reportOnce(ports, instanceId, incidentId, `It is ${lifecycleState} in ${groupName}: somebody took it out of standby`);
    return false;
  }
  ports.log.info('A quarantined instance leaves its group first; the next run goes on', { instanceId, groupName });
  return false;
}

const DEFAULT_MAX_QUARANTINED = 3;

/** How many decisions of which kind a run came to. */
export type ReapSummary = Readonly<Record<'quarantined' | 'launched' | 'repairs' | 'leftovers' | 'snapshots', Readonly<Record<string, number>>>>;

/**
 * One run of the reaper: repairs nobody carries on, instances nobody needs, quarantines that are over, and what is left of them.
 * Idempotent and bounded; a throttle ends the run and the next one goes on. Under a freeze it does nothing.
 */
export async function reapAll(ports: ReapingPorts): Promise<ReapSummary> {
  const frozen = await frozenReason(ports);
  if (frozen !== undefined) {
    ports.log.warn('The reaper stands still', { reason: frozen });
    return { quarantined: {}, launched: {}, repairs: {}, leftovers: {}, snapshots: {} };
  }
  const { policies } = await ports.catalog();
  const limits = new Map(policies.map(({ spec }) => [spec.system, spec.maxQuarantinedPerGroup]));
  const repairs = await reapRepairs(ports);
  const launched = await reapOrphans(ports);
  await finishQuarantines(ports);
  const quarantined = await reap(ports, (system) => limits.get(system) ?? DEFAULT_MAX_QUARANTINED);
  const leftovers = await reapLeftovers(ports);
  const snapshots = await reapSnapshots(ports);
  return {
    quarantined: countKinds(quarantined),
    launched: countKinds(launched),
    repairs: countKinds(repairs),
    leftovers: countKinds(leftovers),
    snapshots: countKinds(snapshots),
  };
}

function countKinds(decisions: readonly { readonly kind: string }[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { kind } of decisions) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
