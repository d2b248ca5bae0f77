import { openWindow } from '../../catalog/maintenance.ts';
import type { MaintenanceWindow, RemediationPolicy, System } from '../../catalog/schema.ts';
import { PermanentError } from '../../environment/errors.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { tagKeys } from '../../inventory/records.ts';
import { isRequested, revertRefusal } from '../admission/asked.ts';
import { groupLimit, isBreakerOpen } from './breaker.ts';
import { type CauseBreaker, causeText, openCausesOf } from './cause-breaker.ts';
import { replacementRowOf } from './capability.ts';
import { isTriggerListed } from './triggers.ts';
import type { ImageChoice } from './image-choice.ts';
import type { PathChoice } from '../paths/path-choice.ts';
import type { AlarmFacts, InstanceFacts, InstanceStatus, TargetHealth } from '../ports.ts';
import { failureModeOf } from '../paths/procedure.ts';
import type { Group, PathName, Pause, Platform, Remediation, Slot } from '../record.ts';
import type { RecoveryCapability } from '../surroundings/recovery-ports.ts';

/** A fact that was read, or why it could not be read. A guardrail that needs an unknown fact vetoes: fail closed. */
export type Known<Value> = { readonly isKnown: true; readonly value: Value } | { readonly isKnown: false; readonly why: string };

/**
 * Reads a fact. A permanent failure becomes an unknown fact, which vetoes. What may work later (a throttle) is thrown on: the driver
 * asks again until the phase's deadline, and only then stands down.
 */
export async function know<Value>(read: () => Promise<Value>): Promise<Known<Value>> {
  try {
    return { isKnown: true, value: await read() };
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { isKnown: false, why: error.message };
  }
}

/** Everything the guardrails may look at; read afresh right before they are asked. */
export interface GuardrailFacts {
  readonly now: Timestamp;
  readonly remediation: Remediation;
  readonly system: System;
  readonly policy: RemediationPolicy;
  /** The switches that are set for `global` and for the system. */
  readonly pauses: Known<readonly Pause[]>;
  readonly platform: Known<Platform>;
  readonly group: Known<Group>;
  /** Members that run or are in repair, and how many of them are unhealthy or in repair. */
  readonly groupCount: Known<{ readonly members: number; readonly unhealthy: number }>;
  readonly slot: Known<Slot>;
  /** `undefined`: EC2 says there is no such instance. */
  readonly instance: Known<InstanceFacts | undefined>;
  readonly isGroupMember: Known<boolean>;
  /** What the instance can take; `undefined` when it is gone. */
  readonly capability: Known<RecoveryCapability | undefined>;
  /** The way to repair, chosen by the table of `path-choice.ts`. */
  readonly path: Known<PathChoice>;
  readonly status: Known<InstanceStatus | undefined>;
  readonly targets: Known<readonly TargetHealth[]>;
  /** The alarm that triggered, when one did. */
  readonly alarm: Known<AlarmFacts | undefined>;
  readonly isImageInLineage: Known<boolean>;
  readonly image: Known<ImageChoice>;
  /** When the system's last drill passed. */
  readonly drillPassedAt?: Known<Timestamp | undefined>;
  /** Maintenance windows of the catalog in force. */
  readonly windows?: readonly MaintenanceWindow[];
  /** The remediation that this one takes back. */
  readonly revertOf?: Known<Remediation | undefined>;
}

export interface GuardrailVerdict {
  readonly name: string;
  /** `approve`: may go on only with a person's approval. */
  readonly verdict: 'pass' | 'veto' | 'approve';
  readonly reason: string;
}

type Verdict = Omit<GuardrailVerdict, 'name'>;

export interface Guardrail {
  readonly name: string;
  /** Where the rule comes from. */
  readonly authority: string;
  readonly evaluate: (facts: GuardrailFacts) => Verdict;
}

const pass = (reason: string): Verdict => ({ verdict: 'pass', reason });
const veto = (reason: string): Verdict => ({ verdict: 'veto', reason });

function needs<Value>(fact: Known<Value>, what: string, decide: (value: Value) => Verdict): Verdict {
  return fact.isKnown ? decide(fact.value) : veto(`${what} could not be read, which counts as a no: ${fact.why}`);
}

function evaluatePause(facts: GuardrailFacts): Verdict {
  return needs(facts.pauses, 'The pause switches', (pauses) => {
    const set = pauses.find((pause) => pause.isPaused);
    return set === undefined ? pass('Neither the platform nor the system is paused') : veto(`Paused (${set.target}) by ${set.by}: ${set.reason}`);
  });
}

function evaluatePlatformCaps(facts: GuardrailFacts): Verdict {
  return needs(facts.platform, 'The platform caps', (platform) => {
    const { maxInFlight } = facts.policy.spec.caps;
    if (platform.breaker.state === 'open') return veto(`The platform breaker is open since ${platform.breaker.since ?? 'an unknown time'}`);
    if (!platform.inFlight.includes(facts.remediation.id)) return veto('This remediation holds no place under the platform caps');
    if (platform.inFlight.length > maxInFlight) return veto(`${platform.inFlight.length} remediations are in flight, the cap is ${maxInFlight}`);
    return pass(`${platform.inFlight.length} of ${maxInFlight} remediations in flight`);
  });
}

function evaluateAllowList(facts: GuardrailFacts): Verdict {
  const { trigger, request } = facts.remediation;
  // The list says what may repair by itself; what a person asks for by name is theirs to answer for.
  if (request !== undefined && isRequested(trigger)) return pass(`${request.by} asked for it: ${request.reason}`);
  if (!isTriggerListed(facts.policy, trigger))
    return veto(`The policy ${facts.policy.metadata.name} does not list ${trigger.originalAlarmName ?? trigger.kind} as a trigger`);
  if (trigger.alarmName === undefined) return pass(`The policy lists ${trigger.kind}`);
  return needs(facts.alarm, 'The alarm', (alarm) => {
    if (alarm === undefined) return veto(`The alarm ${trigger.alarmName} does not exist any more`);
    if (alarm.hasOwnAction) return veto(`The alarm ${alarm.name} acts on EC2 or scaling itself; two healers would race`);
    return pass(`The policy lists the alarm ${trigger.originalAlarmName ?? alarm.name}`);
  });
}

/** What shows that the tag tells the truth: the role, a security group or a subnet that the catalog declares for the system. */
function corroborationOf(instance: InstanceFacts, system: System): string | undefined {
  const { instanceRole, securityGroups } = system.spec.access;
  if (instanceRole !== undefined && instance.instanceProfileArn?.split('/').at(-1) === instanceRole) return `its instance profile is ${instanceRole}`;
  const shared = securityGroups.find((name) => instance.securityGroupNames.includes(name) || instance.securityGroupIds.includes(name));
  if (shared !== undefined) return `it is in the security group ${shared}`;
  return system.spec.network.subnets.includes(instance.subnetId) ? `it is in the subnet ${instance.subnetId}` : undefined;
}

/** Findings that let `auto` fall to `approve`. */
function provenanceFindings(facts: GuardrailFacts, instance: InstanceFacts): readonly string[] {
  return [...lineageFindings(facts, instance), ...surroundingFindings(facts, instance)];
}

function lineageFindings(facts: GuardrailFacts, { imageId }: InstanceFacts): readonly string[] {
  const { isImageInLineage } = facts;
  if (drillText(facts) !== undefined) return [];
  if (!isImageInLineage.isKnown) return [`the image history could not be read: ${isImageInLineage.why}`];
  return isImageInLineage.value ? [] : [`its image ${imageId} was never an approved image of the role`];
}

/** What the instance itself shows against its tag. */
function surroundingFindings({ system }: GuardrailFacts, instance: InstanceFacts): readonly string[] {
  const findings: string[] = [];
  if (corroborationOf(instance, system) === undefined) findings.push('no role, security group or subnet confirms that it belongs to the system');
  if (!system.spec.recovery.stateful && instance.dataVolumeIds.length > 0)
    findings.push(`it has data volumes (${instance.dataVolumeIds.join(', ')}) though the system is declared stateless`);
  return findings;
}

const DRILL_COUNTS_SECONDS = 90 * 86_400;

/** A drill that passed stands for the lineage of the image: the procedure has been seen to work here (design section 7). */
function drillText({ drillPassedAt, now }: GuardrailFacts): string | undefined {
  const at = drillPassedAt?.isKnown === true ? drillPassedAt.value : undefined;
  return at !== undefined && secondsBetween(at, now) <= DRILL_COUNTS_SECONDS ? `a drill of the system passed at ${at}` : undefined;
}

function evaluateOptIn(facts: GuardrailFacts): Verdict {
  if (facts.remediation.mode === 'approve') return { verdict: 'approve', reason: `The policy ${facts.policy.metadata.name} asks for approval` };
  return needs(facts.instance, 'The instance', (instance) => {
    if (instance === undefined) return pass('The instance is gone; its slot was opted in');
    if (instance.tags[tagKeys.system] !== facts.system.metadata.name)
      return veto(`The instance does not carry the tag ${tagKeys.system}=${facts.system.metadata.name}`);
    if (facts.remediation.mode === 'dry-run') return pass('Dry run: nothing will be touched');
    const findings = provenanceFindings(facts, instance);
    if (findings.length > 0) return { verdict: 'approve', reason: `auto falls to approve: ${findings.join('; ')}` };
    const provenance = drillText(facts) ?? `image ${instance.imageId} is in the lineage`;
    return pass(`Opted in by tag, ${provenance}, and ${corroborationOf(instance, facts.system)}`);
  });
}

const approve = (reason: string): Verdict => ({ verdict: 'approve', reason });

function goneVerdict({ spec }: System): Verdict {
  return spec.recovery.stateful
    ? approve('The instance of a stateful system is gone: a person must see whether its data volumes have outlived it')
    : pass('The instance is gone; nothing of it can be lost');
}

/**
 * A stateful system needs a fresh snapshot before harm, or an approval (design section 7). A snapshot holds what was written before it,
 * so it is enough only where its recovery point objective leaves room for that; what is on the root volume never moves.
 */
function dataFinding({ spec }: System, { dataVolumeIds }: InstanceFacts): string | undefined {
  const { stateful, rpoSeconds } = spec.recovery;
  if (!stateful) return undefined;
  if (dataVolumeIds.length === 0) return 'The system is stateful and the instance has no data volume: what is on its root would not move';
  return rpoSeconds > 0 ? undefined : 'The system is stateful and allows no loss of data (rpoSeconds 0), which no snapshot before the stop can promise';
}

/** Its group launches, from what its own template names. */
export const isForGroup = (choice: PathChoice): boolean => choice.kind === 'chosen' && choice.path === 'group-member';

/** A group ends its member with all its volumes, whatever they hold. */
function memberVerdict({ spec }: System, reason: string): Verdict {
  return spec.recovery.stateful ? approve(`The system is stateful, and ${reason}: the volumes of the old member end with it`) : pass(sentence(reason));
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** Capability rows (`capability.ts`, design section 7), as far as the chosen path or one that may follow it puts another disk to work. */
function evaluateCapability(facts: GuardrailFacts): Verdict {
  return needs(facts.path, 'The way to repair', (choice) => {
    if (choice.kind === 'none') return veto(choice.reason);
    if (choice.path === 'group-member') return memberVerdict(facts.system, choice.reason);
    const isKept = ![choice.path, ...choice.nextPaths].some((path) => !isHarmlessToDisks(path));
    return isKept ? pass(`It keeps its disks: ${choice.reason}`) : evaluateReplacement(facts, choice.reason);
  });
}

const isHarmlessToDisks = (path: PathName): boolean => path === 'native-recovery' || path === 'restart' || path === 'reboot';

function evaluateReplacement(facts: GuardrailFacts, reason: string): Verdict {
  return needs(facts.instance, 'The instance', (instance) =>
    needs(facts.capability, 'What the instance can take', (capability) => {
      if (instance === undefined) return goneVerdict(facts.system);
      const row = replacementRowOf({ instance, isGroupMember: false, isFenced: failureModeOf(facts.remediation) === 'fenced', capability });
      if (row.verdict === 'approve') return approve(row.reason);
      const finding = dataFinding(facts.system, instance);
      if (finding !== undefined) return approve(finding);
      // A row that vetoes has already taken the replacement out of the ladder, and speaks of nothing that is left.
      return pass(row.verdict === 'veto' ? sentence(reason) : `${row.reason}; ${reason}`);
    }),
  );
}

function triggerState(facts: GuardrailFacts): Verdict {
  const { trigger } = facts.remediation;
  if (trigger.alarmName !== undefined) {
    return needs(facts.alarm, 'The alarm', (alarm) =>
      alarm?.state === 'ALARM' ? pass(`The alarm ${alarm.name} is still in ALARM`) : veto(`The alarm ${trigger.alarmName} is ${alarm?.state ?? 'gone'} now`),
    );
  }
  if (trigger.kind === 'instance.target-unhealthy') {
    return needs(facts.targets, 'The target health', (targets) =>
      targets.some((target) => target.state === 'unhealthy') ? pass('Its target is still unhealthy') : veto('Its target is not unhealthy any more'),
    );
  }
  return needs(facts.status, 'The status checks', (status) =>
    status?.system === 'impaired' || status?.instance === 'impaired' ? pass('A status check still fails') : veto('No status check fails any more'),
  );
}

/** In a `multiple` system a source that is independent of the trigger may contradict it: healthy targets an alarm or a status check. */
function contradiction(facts: GuardrailFacts): string | undefined {
  if (facts.remediation.topology !== 'multiple') return undefined;
  if (!facts.targets.isKnown) return `its target health could not be read, which counts as healthy: ${facts.targets.why}`;
  if (facts.targets.value.length === 0) return undefined;
  return facts.targets.value.every((target) => target.state === 'healthy') ? 'its targets are healthy' : undefined;
}

/** What keeps also a person's request away: somebody said so, or it is done already. */
function setApart(instance: InstanceFacts): string | undefined {
  if (instance.tags[tagKeys.hold] !== undefined) return `It is on hold (${instance.tags[tagKeys.hold]})`;
  return instance.tags[tagKeys.quarantine] === undefined ? undefined : 'It is in quarantine already';
}

function leftAlone(facts: GuardrailFacts, instance: InstanceFacts): string | undefined {
  const apart = setApart(instance);
  // Its age and a stop on purpose bind what acts by itself; a person may know better.
  if (apart !== undefined || facts.remediation.request !== undefined) return apart;
  if (instance.state === 'stopped' || instance.state === 'stopping') return 'It was stopped on purpose';
  const ageSeconds = secondsBetween(instance.launchedAt, facts.now);
  const graceSeconds = facts.policy.spec.healthCheckGraceSeconds;
  return ageSeconds < graceSeconds ? `It is ${Math.floor(ageSeconds)} s old, inside the grace period of ${graceSeconds} s` : undefined;
}

function evaluatePending(facts: GuardrailFacts): Verdict {
  return needs(facts.instance, 'The instance', (instance) => {
    if (instance === undefined || instance.state === 'terminated' || instance.state === 'shutting-down') return pass('EC2 says the instance is gone');
    const alone = leftAlone(facts, instance);
    if (alone !== undefined) return veto(alone);
    if (facts.remediation.request !== undefined) return pass('A person asked for it: nothing has to last or to be read again');
    const state = triggerState(facts);
    if (state.verdict !== 'pass') return state;
    const against = contradiction(facts);
    return against === undefined ? state : veto(`${state.reason}, but ${against}: an incident, not a repair`);
  });
}

/** The breakers of shared causes as the claims have left them, then the group's own with a fresh count. */
function evaluateBreaker(facts: GuardrailFacts): Verdict {
  return needs(facts.platform, 'The breakers of shared causes', (platform) => {
    const open = causeAgainst(facts, platform);
    return open === undefined
      ? evaluateGroupBreaker(facts)
      : veto(`The circuit breaker of ${causeText(open.cause)} is open since ${open.since}: several groups fail together, and this is not its probe`);
  });
}

function causeAgainst({ remediation }: GuardrailFacts, platform: Platform): CauseBreaker | undefined {
  return openCausesOf(platform, remediation.slotId).find(({ probeRemediationId }) => probeRemediationId !== remediation.id);
}

/** The fresh count is over the limit of the group, and no breaker of a shared cause says so already. */
export function isGroupOver(facts: GuardrailFacts): boolean {
  const { groupCount, platform, policy } = facts;
  if (!groupCount.isKnown || !platform.isKnown || causeAgainst(facts, platform.value) !== undefined) return false;
  return groupCount.value.unhealthy > groupLimit(groupCount.value.members, policy.spec.caps.maxUnhealthyPercent);
}

function evaluateGroupBreaker(facts: GuardrailFacts): Verdict {
  return needs(facts.groupCount, 'The group', (count) =>
    needs(facts.group, 'The group record', (group) => {
      const limit = groupLimit(count.members, facts.policy.spec.caps.maxUnhealthyPercent);
      if (!isBreakerOpen(group.breaker) && count.unhealthy <= limit) return pass(`${count.unhealthy} of ${count.members} unhealthy, the limit is ${limit}`);
      if (group.breaker.probeRemediationId === facts.remediation.id)
        return pass(`The breaker is open (${count.unhealthy} of ${count.members} unhealthy); this is its one probe`);
      return veto(`The circuit breaker is open: ${count.unhealthy} of ${count.members} unhealthy, the limit is ${limit}`);
    }),
  );
}

function evaluateOneAtATime(facts: GuardrailFacts): Verdict {
  return needs(facts.slot, 'The slot', (slot) => {
    if (slot.remediationId !== facts.remediation.id) return veto(`The slot is held by ${slot.remediationId ?? 'nobody'}, not by this remediation`);
    return needs(facts.group, 'The group record', (group) =>
      needs(facts.groupCount, 'The group', (count) => {
        const limit = groupLimit(count.members, facts.policy.spec.caps.maxInFlightPercent);
        const others = group.inFlight.filter((id) => id !== facts.remediation.id).length;
        return others + 1 > limit
          ? veto(`${others} other remediations run in the group, at most ${limit} may`)
          : pass(`${others + 1} of at most ${limit} in flight in the group`);
      }),
    );
  });
}

function evaluateRetryCap(facts: GuardrailFacts): Verdict {
  return needs(facts.slot, 'The slot', (slot) => {
    const { maxAttemptsPerDay } = facts.policy.spec.caps;
    return slot.attempts.length > maxAttemptsPerDay
      ? veto(`${slot.attempts.length} attempts on this slot in 24 h, the cap is ${maxAttemptsPerDay}`)
      : pass(`Attempt ${slot.attempts.length} of ${maxAttemptsPerDay} in 24 h`);
  });
}

function evaluateImage(facts: GuardrailFacts): Verdict {
  if (facts.path.isKnown && isForGroup(facts.path.value))
    return pass('The template of its Auto Scaling group names the image; the group is asked before anything is done');
  return needs(facts.image, 'The image to launch', (choice) => (choice.kind === 'chosen' ? pass(choice.reason) : veto(choice.reason)));
}

/** People are working: what looks like a failure is theirs. */
function evaluateMaintenance(facts: GuardrailFacts): Verdict {
  const open = openWindow(facts.windows ?? [], facts.system.metadata.name, facts.now);
  if (open === undefined) return pass('No maintenance window is open');
  return veto(`People are working (maintenance window ${open.name} of ${open.author}) until ${open.until}`);
}

/** Time enough to take the tags off before the reaper comes. */
const QUARANTINE_MARGIN_SECONDS = 900;

/** A way back needs the old instance as its remediation has put it away. */
function evaluateQuarantine(facts: GuardrailFacts): Verdict {
  return needs(facts.revertOf ?? { isKnown: true, value: undefined }, 'The remediation to take back', (record) => {
    const refusal = record === undefined ? `There is no remediation ${facts.remediation.revertOf}` : revertRefusal(record);
    if (refusal !== undefined) return veto(refusal);
    return needs(facts.instance, 'The old instance', (instance) => {
      const problem = quarantineProblem(instance, facts.remediation, facts.now);
      return problem === undefined ? pass('The old instance is in quarantine, stopped, and may return') : veto(problem);
    });
  });
}

/** Why the old instance cannot return, if so. Pure. */
export function quarantineProblem(
  instance: InstanceFacts | undefined,
  { oldInstanceId }: Pick<Remediation, 'oldInstanceId'>,
  now: Timestamp,
): string | undefined {
  if (instance === undefined || instance.state === 'terminated' || instance.state === 'shutting-down')
    return `${oldInstanceId} is terminated: its quarantine is over and nothing can be swapped back`;
  const until = instance.tags[tagKeys.quarantineUntil];
  if (instance.tags[tagKeys.quarantine] === undefined || until === undefined) return `${oldInstanceId} is not in quarantine any more`;
  if (addSeconds(now, QUARANTINE_MARGIN_SECONDS) >= until)
    return `The quarantine of ${oldInstanceId} ends at ${until}; the reaper may come before it runs again`;
  return instance.state === 'stopped' ? undefined : `${oldInstanceId} is ${instance.state}: somebody started it again`;
}

/** The guardrails in the order in which they are asked (design section 7). Preflight, fencing, capture and quarantine are phases. */
export const guardrails: readonly Guardrail[] = [
  { name: 'pause', authority: 'design section 7, pause', evaluate: evaluatePause },
  { name: 'maintenance window', authority: 'design section 6, MaintenanceWindow', evaluate: evaluateMaintenance },
  { name: 'platform caps', authority: 'design section 7, platform caps', evaluate: evaluatePlatformCaps },
  // A person's request passes it (`replace`, `revert`, `drill`: design section 9).
  { name: 'allow-list', authority: 'design section 7, allow-list', evaluate: evaluateAllowList },
  { name: 'opt-in and provenance', authority: 'design section 7, opt-in and provenance', evaluate: evaluateOptIn },
  { name: 'capability', authority: 'design section 7, capability rows', evaluate: evaluateCapability },
  { name: 'pending duration', authority: 'design section 7, pending duration', evaluate: evaluatePending },
  { name: 'circuit breaker', authority: 'design section 7, circuit breaker', evaluate: evaluateBreaker },
  { name: 'one at a time', authority: 'design section 7, one at a time', evaluate: evaluateOneAtATime },
  { name: 'retry cap', authority: 'design section 7, retry cap', evaluate: evaluateRetryCap },
  { name: 'image choice', authority: 'design section 7, image choice', evaluate: evaluateImage },
  { name: 'quarantine', authority: 'design section 9, revert', evaluate: evaluateQuarantine },
];

/** Of what does no repair of trouble only these are asked: the others speak of a failing instance, or of an image to launch. */
const askedOf = {
  revert: ['pause', 'maintenance window', 'platform caps', 'allow-list', 'one at a time', 'quarantine'],
  drill: ['pause', 'maintenance window', 'platform caps', 'allow-list', 'capability', 'one at a time', 'retry cap', 'image choice'],
} as const;

function isAsked({ name }: Guardrail, { revertOf, isDrill }: Remediation): boolean {
  const only: readonly string[] | undefined = revertOf === undefined ? (isDrill ? askedOf.drill : undefined) : askedOf.revert;
  return only === undefined ? name !== 'quarantine' : only.includes(name);
}

/** Asks every guardrail. All are asked, so that the record shows every reason; the first that does not pass decides. */
export function evaluateGuardrails(facts: GuardrailFacts): { readonly verdicts: readonly GuardrailVerdict[]; readonly decisive: GuardrailVerdict | undefined } {
  const verdicts = guardrails
    .filter((guardrail) => isAsked(guardrail, facts.remediation))
    .map((guardrail) => ({ name: guardrail.name, ...guardrail.evaluate(facts) }));
  return { verdicts, decisive: verdicts.find((verdict) => verdict.verdict !== 'pass') };
}
