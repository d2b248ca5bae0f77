import { present } from '../../environment/present.ts';
import { instanceType, tagKeys } from '../../inventory/records.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import type { AutoScalingGroupFacts, ScalingActivity } from '../surroundings/member-ports.ts';
import type { ActPhase, ActPorts, ObservePhase, ObservePorts, PhaseContext, PhaseResult } from '../phase.ts';
import { failureModeOf, phasesAfter, traitsOf } from '../paths/procedure.ts';
import type { Remediation } from '../record.ts';
import { completeWaiting, heldWords } from './complete-hooks.ts';
import { askedOf, isWorking, newMembers } from './group-look.ts';
import { preflightMemberLaunch, preflightPatch, preflightWords } from './preflight.ts';
import { quarantine } from './quarantine.ts';
import { registeredTargets } from './recovery.ts';
import { describeTargets, inServicePatch } from './targets.ts';

/*
 * A member of an Auto Scaling group is repaired by its group. Asked first, because by default a group ends the old member and only
 * then finds out that it cannot launch a new one.
 */

/** The name under which a group that must not be asked is recorded as a veto. */
export const memberGuardrail = 'group member';

type Context = PhaseContext<ObservePorts>;

/** The group, also of a member that has left it: its tags remember for an hour, the inventory for longer. */
export async function findGroup({ ports, session }: Context): Promise<AutoScalingGroupFacts | undefined> {
  const { oldInstanceId } = session.record;
  const group = await ports.groups.groupOf(oldInstanceId);
  if (group !== undefined) return group;
  const tagged = (await ports.instances.read(oldInstanceId))?.tags[tagKeys.autoScalingGroup];
  const known = tagged ?? (await readRecord(ports.store, instanceType, keys.instance(ports.scope, oldInstanceId)))?.body.autoScalingGroup;
  return known === undefined ? undefined : ports.groups.read(known);
}

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html: what the way of asking needs. */
const neededProcesses = { 'mark-unhealthy': ['Launch', 'Terminate', 'ReplaceUnhealthy'], standby: ['Launch'] } as const;

function suspension(group: AutoScalingGroupFacts, how: keyof typeof neededProcesses): string | undefined {
  const needed: readonly string[] = neededProcesses[how];
  const found = group.suspendedProcesses.filter(({ name }) => needed.includes(name));
  return found.length === 0
    ? undefined
    : `${group.name} has suspended ${found.map(({ name, reason }) => `${name} (${reason})`).join(', ')}: somebody wants no replacement. Resume it, or replace by hand`;
}

/** Standby keeps the old member as evidence; two at once are not for a system of one. */
export function replacementOf({ policy, session }: Pick<Context, 'policy' | 'session'>): 'mark-unhealthy' | 'standby' {
  const { memberReplacement, evidenceRequired } = policy.spec;
  if (failureModeOf(session.record) === 'fenced') return 'mark-unhealthy';
  return evidenceRequired ? 'standby' : memberReplacement;
}

/** A group that launches before it ends has two at once for a while. */
function overlap(record: Remediation, group: AutoScalingGroupFacts): string | undefined {
  if (failureModeOf(record) !== 'fenced' || (group.minHealthyPercentage ?? 0) < 100) return undefined;
  return `Two of this system must never run at once, and the maintenance policy of ${group.name} launches before it ends (minimum healthy ${group.minHealthyPercentage} %)`;
}

interface OwnReplacement {
  /** When the group began, where it says so. */
  readonly since: string | undefined;
  readonly reason: string;
}

/** What shows that the group replaces it already: it has left, is leaving, or is marked. */
function ownReplacement(group: AutoScalingGroupFacts, activities: readonly ScalingActivity[], instanceId: string): OwnReplacement | undefined {
  const activity = activities.find((found) => found.kind === 'terminate' && found.instanceId === instanceId);
  const member = group.members.find((found) => found.instanceId === instanceId);
  if (member !== undefined && isWorking(member) && activity === undefined) return undefined;
  const state = member === undefined ? 'has left the group' : `is ${member.lifecycleState}${member.isHealthy ? '' : ' and marked unhealthy'}`;
  return { since: activity?.startedAt, reason: `${instanceId} ${state}: ${activity?.description ?? 'its group replaces it'}` };
}

const blocked = (group: AutoScalingGroupFacts, problem: string): PhaseResult => ({
  kind: 'failed',
  reason: `Blocked before anything was touched: ${group.name} would end its member and then fail to launch another one, because ${problem}`,
});

function launchTags({ session, system }: Context): Readonly<Record<string, string>> {
  const { id, slotId } = session.record;
  return { [tagKeys.system]: system.metadata.name, [tagKeys.role]: system.spec.image.role, [tagKeys.slot]: slotId, [tagKeys.remediation]: id };
}

/** Asks everything before the group is asked to do anything. An error is never an empty answer: it fails or is tried again. */
export const preflightMember: ActPhase = async (context) => {
  const { ports, session } = context;
  const { oldInstanceId } = session.record;
  const group = await findGroup(context);
  if (group === undefined) return { kind: 'failed', reason: `${oldInstanceId} is in no Auto Scaling group any more` };
  const no = suspension(group, replacementOf(context)) ?? overlap(session.record, group);
  if (no !== undefined) return { kind: 'vetoed', guardrail: memberGuardrail, reason: no };
  const refreshes = await ports.groups.openRefreshes(group.name);
  if (refreshes.length > 0)
    return {
      kind: 'wait',
      seconds: 30,
      reason: `${group.name} refreshes its instances (${refreshes.map(({ refreshId, status }) => `${refreshId} ${status}`).join(', ')})`,
    };
  const own = ownReplacement(group, await ports.groups.activities(group.name), oldInstanceId);
  if (own !== undefined) return adopt(context, group, own);
  return rehearse(context, group);
};

/** What the group has begun is waited for, and nothing is asked of it. */
async function adopt({ session }: PhaseContext<ActPorts>, group: AutoScalingGroupFacts, own: OwnReplacement): Promise<PhaseResult> {
  const { record } = session;
  const since = own.since === undefined || own.since > record.timing.detectedAt ? record.timing.detectedAt : own.since;
  // While it waits at a hook it can still say something.
  const isThere = group.members.some(({ instanceId }) => instanceId === record.oldInstanceId);
  // No call: what is adopted must be known to the phases that follow.
  await session.mutate('adopt', () => Promise.resolve({ groupName: group.name, since }));
  return {
    kind: 'done',
    reason: `Adopted, nothing is marked: ${own.reason}`,
    patch: { remaining: [...(isThere ? (['evidence'] as const) : []), ...phasesAfter('replace-member', 'group-member', traitsOf(record))] },
  };
}

async function rehearse(context: PhaseContext<ActPorts>, group: AutoScalingGroupFacts): Promise<PhaseResult> {
  const { ports, session } = context;
  const source = await ports.groups.launchSource(group);
  const imageId = source?.imageId;
  if (source === undefined || imageId === undefined) return blocked(group, 'what the group launches from is gone or names no image');
  const instance = await ports.instances.read(session.record.oldInstanceId);
  const decision = await preflightMemberLaunch(context, { ...source, imageId }, group, () =>
    ports.groupChanger.rehearse({ group, subnetId: instance?.subnetId ?? '', tags: launchTags(context) }),
  );
  const { preflight } = preflightPatch(decision);
  if (decision.failures.length > 0) return { ...blocked(group, decision.failures.join('; ')), patch: present({ preflight }) };
  const imageReason = `${imageId} is what ${group.name} launches; it is approved`;
  return {
    kind: 'done',
    reason: `${group.name} can launch ${imageId}: ${preflightWords(decision)}`,
    patch: { imageReason, imageId, ...present({ preflight }) },
  };
}

/** Asks the group, once. */
export const replaceMember: ActPhase = async (context) => {
  const { ports, session } = context;
  const { oldInstanceId, timing } = session.record;
  const group = await findGroup(context);
  if (group === undefined) return { kind: 'failed', reason: `${oldInstanceId} is in no Auto Scaling group any more` };
  const how = replacementOf(context);
  await session.mutate(how, async () => {
    if (how === 'standby') await ports.groupChanger.enterStandby(group.name, oldInstanceId);
    else await ports.groupChanger.markUnhealthy(oldInstanceId);
    return { groupName: group.name };
  });
  const done =
    how === 'standby' ? `${oldInstanceId} goes into standby; ${group.name} launches another one` : `${group.name} is told that ${oldInstanceId} is unhealthy`;
  return { kind: 'done', reason: done, patch: { timing: { ...timing, launchedAt: ports.clock.now() } } };
};

/** What the group says of launches that failed since then, newest first. */
function groupWords(activities: readonly ScalingActivity[], since: string): string {
  const said = activities.filter(({ startedAt, state, kind }) => startedAt >= since && kind === 'launch' && state !== 'successful');
  return said
    .slice(0, 3)
    .map(({ description, state, statusMessage }) => `${description}: ${state}${statusMessage === undefined ? '' : ` (${statusMessage})`}`)
    .join('; ');
}

/** A new member, in service by the group's word and healthy in its target groups by theirs, several times in a row. */
export const awaitMember: ObservePhase = async (context) => {
  const { ports, session, policy } = context;
  const asked = askedOf(session.record);
  if (asked === undefined) return { kind: 'failed', reason: 'No group was asked to replace the member' };
  const { groupName, since } = asked;
  const group = await ports.groups.read(groupName);
  if (group === undefined) return { kind: 'failed', reason: `The Auto Scaling group ${groupName} does not exist any more` };
  const [instanceId] = await newMembers(context, group, since);
  const poll = policy.spec.statusPollSeconds;
  if (instanceId === undefined) {
    const words = groupWords(await ports.groups.activities(groupName), since);
    const held = await heldWords(context, group, since);
    const said = `${held === '' ? '' : `. ${held}`}${words === '' ? '' : `. It says: ${words}`}`;
    return { kind: 'wait', seconds: poll, reason: `${groupName} has no new member in service yet${said}`, memory: {} };
  }
  return awaitServing(context, group, instanceId);
};

async function awaitServing(context: Context, group: AutoScalingGroupFacts, instanceId: string): Promise<PhaseResult> {
  const { ports, session, policy, system } = context;
  const { memory } = session.record;
  const [instance, targets] = await Promise.all([ports.instances.read(instanceId), registeredTargets(ports, system.spec.targetGroups, instanceId)]);
  const isServing = system.spec.targetGroups.length === 0 || (targets.length > 0 && targets.every(({ state }) => state === 'healthy'));
  const reads = isServing ? (memory['member'] === instanceId ? Number(memory['healthyReads'] ?? 0) : 0) + 1 : 0;
  const wanted = policy.spec.healthyReads;
  const seen = targets.length === 0 ? `${instanceId} is InService` : `${instanceId}: ${describeTargets(targets)}`;
  if (reads < wanted)
    return {
      kind: 'wait',
      seconds: policy.spec.healthyReadIntervalSeconds,
      reason: `${reads} of ${wanted} healthy reads; ${seen}`,
      memory: { member: instanceId, healthyReads: reads },
    };
  return {
    kind: 'done',
    reason: `${group.name} has replaced it: ${seen}`,
    patch: {
      ...inServicePatch(context, ports.clock.now()),
      newInstanceId: instanceId,
      ...(instance === undefined ? {} : { imageId: instance.imageId }),
      differences: [...lostWith(session.record)],
    },
  };
}

function lostWith({ calls, oldInstanceId }: Remediation): readonly string[] {
  const isKept = calls['standby'] !== undefined;
  return ['its id and its addresses', ...(isKept ? [] : [`everything on the volumes of ${oldInstanceId}, which its group has ended`])];
}

/** Only a member that was kept in standby is there to be put away; what the group ends is the group's. */
export const quarantineMember: ActPhase = async (context) => {
  const { calls, oldInstanceId } = context.session.record;
  if (calls['standby'] !== undefined) return quarantine(context);
  // A group that launches first ends the old one only now.
  await completeWaiting(context);
  return { kind: 'done', reason: `${oldInstanceId} is ended by its group; there is nothing to keep` };
};
