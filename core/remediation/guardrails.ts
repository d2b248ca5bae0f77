import type { RemediationPolicy, System } from '../catalog/schema.ts';
import { PermanentError } from '../environment/errors.ts';
import { secondsBetween, type Timestamp } from '../environment/time.ts';
import { tagKeys } from '../inventory/records.ts';
import { groupLimit, isBreakerOpen } from './breaker.ts';
import type { ImageChoice } from './image-choice.ts';
import type { AlarmFacts, InstanceFacts, InstanceStatus, TargetHealth } from './ports.ts';
import type { Group, Pause, Platform, Remediation, Slot } from './record.ts';

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
  readonly status: Known<InstanceStatus | undefined>;
  readonly targets: Known<readonly TargetHealth[]>;
  /** The alarm that triggered, when one did. */
  readonly alarm: Known<AlarmFacts | undefined>;
  readonly isImageInLineage: Known<boolean>;
  readonly image: Known<ImageChoice>;
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

/** True when the policy lists this trigger; alarms count by their original name. */
export function isTriggerListed(policy: RemediationPolicy, trigger: { readonly kind: string; readonly originalAlarmName?: string | undefined }): boolean {
  return policy.spec.triggers.some((listed) =>
    typeof listed === 'string' ? listed === trigger.kind : trigger.originalAlarmName !== undefined && matchesAlarm(listed.alarm, trigger.originalAlarmName),
  );
}

/** `listed` is a name, or a prefix that ends with `*`. */
function matchesAlarm(listed: string, alarmName: string): boolean {
  return listed.endsWith('*') ? alarmName.startsWith(listed.slice(0, -1)) : listed === alarmName;
}

function evaluateAllowList(facts: GuardrailFacts): Verdict {
  const { trigger } = facts.remediation;
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
  const findings: string[] = [];
  const inLineage = facts.isImageInLineage;
  if (!inLineage.isKnown) findings.push(`the image history could not be read: ${inLineage.why}`);
  else if (!inLineage.value) findings.push(`its image ${instance.imageId} was never an approved image of the role`);
  if (corroborationOf(instance, facts.system) === undefined) findings.push('no role, security group or subnet confirms that it belongs to the system');
  if (!facts.system.spec.recovery.stateful && instance.dataVolumeIds.length > 0)
    findings.push(`it has data volumes (${instance.dataVolumeIds.join(', ')}) though the system is declared stateless`);
  return findings;
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
    return pass(`Opted in by tag, image ${instance.imageId} is in the lineage, and ${corroborationOf(instance, facts.system) ?? 'it is corroborated'}`);
  });
}

/** Capability rows (design section 7): what this procedure replaces. */
function evaluateCapability(facts: GuardrailFacts): Verdict {
  if (facts.system.spec.recovery.stateful) return veto('The system is stateful: it needs a fresh snapshot or an approval, which this version does not take');
  return needs(facts.instance, 'The instance', (instance) => {
    if (instance === undefined) return pass('The instance is gone; nothing of it can be lost');
    if (instance.lifecycle === 'spot') return veto('Spot instances are not replaced by this version: the request would not be kept');
    if (instance.rootDeviceType !== 'ebs') return veto('Instance-store roots are not replaced: stopping would erase the evidence');
    return needs(facts.isGroupMember, 'Group membership', (isMember) =>
      isMember ? veto('It belongs to an Auto Scaling group, which replaces its own members') : pass('A stand-alone instance with an EBS root'),
    );
  });
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

/** In a `multiple` system a source that is independent of the trigger may contradict it: a healthy target against an alarm or a status check. */
function contradiction(facts: GuardrailFacts): string | undefined {
  if (facts.remediation.topology !== 'multiple' || facts.remediation.trigger.kind === 'instance.target-unhealthy') return undefined;
  if (!facts.targets.isKnown) return `its target health could not be read, which counts as healthy: ${facts.targets.why}`;
  if (facts.targets.value.length === 0) return undefined;
  return facts.targets.value.every((target) => target.state === 'healthy') ? 'its targets are healthy' : undefined;
}

function leftAlone(facts: GuardrailFacts, instance: InstanceFacts): string | undefined {
  if (instance.tags[tagKeys.hold] !== undefined) return `It is on hold (${instance.tags[tagKeys.hold]})`;
  if (instance.tags[tagKeys.quarantine] !== undefined) return 'It is in quarantine already';
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
    const state = triggerState(facts);
    if (state.verdict !== 'pass') return state;
    const against = contradiction(facts);
    return against === undefined ? state : veto(`${state.reason}, but ${against}: an incident, not a repair`);
  });
}

function evaluateBreaker(facts: GuardrailFacts): Verdict {
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
  return needs(facts.image, 'The image to launch', (choice) => (choice.kind === 'chosen' ? pass(choice.reason) : veto(choice.reason)));
}

/** The guardrails in the order in which they are asked (design section 7). Preflight, fencing, capture and quarantine are phases. */
export const guardrails: readonly Guardrail[] = [
  { name: 'pause', authority: 'design section 7, pause', evaluate: evaluatePause },
  { name: 'platform caps', authority: 'design section 7, platform caps', evaluate: evaluatePlatformCaps },
  { name: 'allow-list', authority: 'design section 7, allow-list', evaluate: evaluateAllowList },
  { name: 'opt-in and provenance', authority: 'design section 7, opt-in and provenance', evaluate: evaluateOptIn },
  { name: 'capability', authority: 'design section 7, capability rows', evaluate: evaluateCapability },
  { name: 'pending duration', authority: 'design section 7, pending duration', evaluate: evaluatePending },
  { name: 'circuit breaker', authority: 'design section 7, circuit breaker', evaluate: evaluateBreaker },
  { name: 'one at a time', authority: 'design section 7, one at a time', evaluate: evaluateOneAtATime },
  { name: 'retry cap', authority: 'design section 7, retry cap', evaluate: evaluateRetryCap },
  { name: 'image choice', authority: 'design section 7, image choice', evaluate: evaluateImage },
];

/** Asks every guardrail. All are asked, so that the record shows every reason; the first that does not pass decides. */
export function evaluateGuardrails(facts: GuardrailFacts): { readonly verdicts: readonly GuardrailVerdict[]; readonly decisive: GuardrailVerdict | undefined } {
  const verdicts = guardrails.map((guardrail) => ({ name: guardrail.name, ...guardrail.evaluate(facts) }));
  return { verdicts, decisive: verdicts.find((verdict) => verdict.verdict !== 'pass') };
}
