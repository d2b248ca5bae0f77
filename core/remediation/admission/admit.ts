import type { RemediationPolicy, System } from '../../catalog/schema.ts';
import type { Clock, Hasher, Scope } from '../../environment/ports.ts';
import { present } from '../../environment/present.ts';
import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { pageAfterSeconds } from '../../incidents/messages/eta.ts';
import { keys } from '../../records/keys.ts';
import { createRecord, readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { type Course, isRequested } from './asked.ts';
import { claim, type ClaimRule } from './claim.ts';
import { isTriggerListed } from '../guardrails/triggers.ts';
import { pastRecoverySeconds } from '../hindsight/history.ts';
import type { ExecutionStarter, PageTimer } from '../ports.ts';
import { allPhasesOf, failureModeOf, procedureVersion, traitsOf } from '../paths/procedure.ts';
import { type PathName, type PhaseName, type Remediation, remediationType } from '../record.ts';
import { pausedBy, readSwitches } from '../guardrails/switches.ts';

export interface AdmitPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly executions: ExecutionStarter;
  readonly pageTimer: PageTimer;
}

export interface AdmitRequest {
  readonly system: System;
  readonly policy: RemediationPolicy;
  readonly incidentId: string;
  /** `memberId`: the slot is shared by members of an Auto Scaling group, and this one is in trouble. */
  readonly slot: { readonly id: string; readonly groupId: string; readonly instanceId: string; readonly memberId?: string };
  readonly trigger: Remediation['trigger'];
  readonly groupMembers: number;
  readonly systemsInCatalog: number;
  /** Who asked for it by hand, and what it is to do; absent for a repair of trouble. */
  readonly request?: NonNullable<Remediation['request']>;
  readonly course?: Course;
  /** What the instance shares with others (`causesOf`). */
  readonly causes?: readonly string[];
}

export type Admission =
  | { readonly kind: 'started'; readonly remediation: Remediation; readonly reason: string }
  /** Only triggers that the policy lists may repair: an incident, nothing else. */
  | { readonly kind: 'incident-only'; readonly reason: string }
  | { readonly kind: 'vetoed'; readonly guardrail: string; readonly reason: string; readonly remediation: Remediation };

/** Sorts by time and is the same for every delivery of the same signal. */
export function remediationIdOf(hasher: Hasher, slotId: string, incidentId: string, trigger: { readonly fingerprint: string; readonly at: Timestamp }): string {
  const time = trigger.at.replaceAll(/[-:]/g, '').slice(0, 15);
  return `rem-${time}-${hasher.sha256([slotId, incidentId, trigger.fingerprint, trigger.at].join('\n')).slice(0, 10)}`;
}

/**
 * Execution name: hex of sha256(slot, incident, attempt), 64 characters (design section 4). The attempt is named by its remediation:
 * its number comes back after one that did not count, but AWS keeps a closed name for 90 days and would start nothing.
 */
export function executionNameOf(hasher: Hasher, slotId: string, incidentId: string, remediationId: string): string {
  return hasher.sha256([slotId, incidentId, remediationId].join('\n'));
}

/**
 * Decides whether a trouble signal starts a repair, and starts it: claim → page armed → execution. In this order a crash leaves
 * a claim that the next delivery finds and goes on with; the page is armed before anything can go wrong.
 */
export async function admit(ports: AdmitPorts, request: AdmitRequest): Promise<Admission> {
  const unlisted = listRefusal(request);
  if (unlisted !== undefined) return { kind: 'incident-only', reason: unlisted };
  const past = await pastRecoverySeconds(ports.store, ports.scope, request.system.metadata.name);
  const pageSeconds = pageAfterSeconds({ pastRecoverySeconds: past, rtoSeconds: request.system.spec.recovery.rtoSeconds });
  const remediationId = remediationIdOf(ports.hasher, request.slot.id, request.incidentId, request.trigger);
  const build = (attempt: number, now: Timestamp): Remediation => buildRemediation(ports, request, remediationId, attempt, now, pageSeconds);
  // What an earlier delivery claimed goes on even when a pause came between: its driver takes it to the safe point and frees the slot.
  const earlier = await readRecord(ports.store, remediationType, keys.remediation(ports.scope, remediationId));
  const paused = earlier === undefined ? pausedBy(await readSwitches(ports.store, ports.scope, request.system.metadata.name)) : undefined;
  if (paused !== undefined) return recordVeto(ports, build, 'pause', paused);
  const outcome = await claim(ports, {
    system: request.system,
    policy: request.policy,
    groupMembers: request.groupMembers,
    systemsInCatalog: request.systemsInCatalog,
    ...occasionOf(request),
    slot: { ...request.slot, system: request.system.metadata.name },
    ...present({ memberId: request.slot.memberId }),
    remediationId,
    build,
  });
  if (outcome.kind === 'refused') return recordVeto(ports, build, outcome.guardrail, outcome.reason);
  const { remediation } = outcome;
  // A veto that an earlier delivery recorded stands: the same signal does not get a second answer.
  if (remediation.state === 'vetoed' && remediation.failure !== undefined) {
    return { kind: 'vetoed', guardrail: remediation.failure.guardrail ?? 'unknown', reason: remediation.reason, remediation };
  }
  if (remediation.state === 'running') await begin(ports, remediation);
  return { kind: 'started', remediation, reason: outcome.kind === 'claimed' ? outcome.reason : 'Claimed by an earlier delivery of this signal' };
}

/** What a person asks for by name needs no list. */
function listRefusal({ policy, trigger }: AdmitRequest): string | undefined {
  if (isRequested(trigger) || isTriggerListed(policy, trigger)) return undefined;
  return `The policy ${policy.metadata.name} does not list ${trigger.originalAlarmName ?? trigger.kind} as a trigger`;
}

/** Trouble is noted by the breakers; what is asked for by hand is none. */
function occasionOf({ course, incidentId, causes = [] }: AdmitRequest): Pick<ClaimRule, 'course' | 'trouble'> {
  return course === undefined ? { trouble: { incidentId, causes } } : { course: course.kind };
}

async function begin(ports: AdmitPorts, remediation: Remediation): Promise<void> {
  // Nobody is woken for a drill.
  if (!remediation.isDrill) await ports.pageTimer.arm(remediation.id, remediation.pageAt);
  await ports.executions.start({ name: remediation.executionName, remediationId: remediation.id });
}

/** Every veto is a record of its own, so that `perennial remediations` lists it with its reason. */
async function recordVeto(ports: AdmitPorts, build: (attempt: number, now: Timestamp) => Remediation, guardrail: string, reason: string): Promise<Admission> {
  const now = ports.clock.now();
  const draft = build(0, now);
  const remediation: Remediation = {
    ...draft,
    state: 'vetoed',
    reason,
    phase: 'finish',
    remaining: [],
    failure: { phase: 'guard', reason, guardrail },
    guardrails: [{ name: guardrail, verdict: 'veto', reason }],
    timing: { ...draft.timing, endedAt: now },
  };
  await createRecord(ports.store, remediationType, keys.remediation(ports.scope, remediation.id), remediation);
  return { kind: 'vetoed', guardrail, reason, remediation };
}

/** The record of a remediation that begins now. */
export function buildRemediation(
  ports: Pick<AdmitPorts, 'scope' | 'hasher'>,
  request: Pick<AdmitRequest, 'system' | 'policy' | 'slot' | 'trigger' | 'incidentId' | 'request' | 'course'>,
  id: string,
  attempt: number,
  now: Timestamp,
  pageSeconds: number,
): Remediation {
  const { system, policy, slot, trigger, incidentId } = request;
  const { topology, concurrencySafe, recovery } = system.spec;
  const isFenced = topology === 'single' && !concurrencySafe;
  // The guard phase chooses; that a member goes through its group is known before.
  const path = slot.memberId === undefined ? 'replace' : 'group-member';
  const [phase = 'finish', ...remaining]: readonly PhaseName[] = allPhasesOf(path, { isFenced });
  return {
    id,
    accountId: ports.scope.accountId,
    region: ports.scope.region,
    slotId: slot.id,
    groupId: slot.groupId,
    system: system.metadata.name,
    incidentId,
    attempt,
    executionName: executionNameOf(ports.hasher, slot.id, incidentId, id),
    procedureVersion,
    topology,
    isFenced,
    path,
    mode: policy.spec.mode,
    isDrill: false,
    trigger,
    oldInstanceId: slot.instanceId,
    state: 'running',
    reason: trigger.summary,
    phase,
    phaseStartedAt: now,
    remaining: [...remaining],
    memory: {},
    phases: [],
    guardrails: [],
    calls: {},
    timing: { detectedAt: trigger.at, decidedAt: now },
    rtoSeconds: recovery.rtoSeconds,
    pageAt: addSeconds(now, pageSeconds),
    differences: [],
    ...(request.request === undefined ? {} : { request: request.request }),
    ...handMade(request.course, isFenced),
  };
}

/** What is different about a way back and a drill. */
function handMade(course: Course | undefined, isFenced: boolean): Partial<Remediation> {
  switch (course?.kind) {
    case undefined:
    case 'replace':
      return {};
    case 'revert': {
      const { id, oldInstanceId, newInstanceId, parts } = course.revertOf;
      const instances = newInstanceId === undefined ? { oldInstanceId } : { oldInstanceId, newInstanceId };
      // What had to stop to give its things away must stop to get them back.
      const known = { isFenced: isFenced || failureModeOf(course.revertOf) === 'fenced', ...present({ parts }) };
      return { ...instances, revertOf: id, ...known, ...startOf(known.isFenced ? 'revert-fenced' : 'revert', known) };
    }
    case 'drill':
      return { isDrill: true, drill: { groupId: course.groupId }, ...startOf('drill', { isFenced }) };
  }
}

function startOf(
  path: PathName,
  known: Required<Pick<Remediation, 'isFenced'>> & Pick<Remediation, 'parts'>,
): Pick<Remediation, 'path' | 'pathReason' | 'phase' | 'remaining'> {
  const [phase = 'finish', ...remaining]: readonly PhaseName[] = allPhasesOf(path, traitsOf({ ...known, topology: 'multiple' }));
  return { path, pathReason: 'A person asked for it', phase, remaining };
}
