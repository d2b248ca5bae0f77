import { decideLifecycleAction, type HookDecision } from '../surroundings/lifecycle-hooks.ts';
import type { AutoScalingGroupFacts, LifecycleHook, MemberFacts } from '../surroundings/member-ports.ts';
import type { ActPhase, ActPorts, ObservePorts, PhaseContext } from '../phase.ts';
import type { Remediation } from '../record.ts';
import { askedOf, newMembers } from './group-look.ts';

/*
 * Members that wait at lifecycle hooks while their group replaces one. A hook belongs to whoever put it there: only those that the policy
 * names are completed, once each; the others are waited for, and a person is told at which.
 */

/** One member at one hook, and what is decided about it. */
interface Waiting {
  readonly member: MemberFacts;
  readonly hook: LifecycleHook;
  readonly decision: HookDecision;
}

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html; warm pools have states of their own and are not ours. */
const transitions: Readonly<Record<string, LifecycleHook['transition']>> = { 'Pending:Wait': 'launching', 'Terminating:Wait': 'terminating' };

const hasEvidence = ({ phases }: Remediation): boolean => phases.some(({ name, outcome }) => name === 'evidence' && outcome === 'done');

/** The old member that waits to end, and those launched since the group was asked that wait to come into service. */
async function waitingAtHooks(
  { ports, session, policy }: PhaseContext<ObservePorts>,
  group: AutoScalingGroupFacts,
  hooks: readonly LifecycleHook[],
  since: string,
): Promise<readonly Waiting[]> {
  const { record } = session;
  const found: Waiting[] = [];
  for (const member of group.members) {
    const { instanceId, lifecycleState } = member;
    const transition = transitions[lifecycleState];
    if (transition === undefined || (transition === 'terminating') !== (instanceId === record.oldInstanceId)) continue;
    // one after the other: few members wait at once
    const facts = await ports.instances.read(instanceId);
    if (facts === undefined || (transition === 'launching' && facts.launchedAt < since)) continue;
    for (const hook of hooks.filter((known) => known.transition === transition)) {
      const waiting = { instanceId, hookName: hook.name, lifecycleState, tags: facts.tags, hasEvidence: hasEvidence(record) };
      found.push({ member, hook, decision: decideLifecycleAction(waiting, policy) });
    }
  }
  return found;
}

const holdsSomebody = ({ members }: AutoScalingGroupFacts): boolean => members.some(({ lifecycleState }) => transitions[lifecycleState] !== undefined);

const textOf = ({ member, hook, decision }: Waiting): string =>
  `${member.instanceId} waits at the hook ${hook.name} (${member.lifecycleState})${decision.kind === 'leave' ? `, which others must complete: ${decision.reason}` : ''}`;

/** Who waits at which hook that is not ours to complete, in words; empty when nobody does. */
export async function heldWords(context: PhaseContext<ObservePorts>, group: AutoScalingGroupFacts, since: string): Promise<string> {
  if (!holdsSomebody(group)) return '';
  const waiting = await waitingAtHooks(context, group, await context.ports.groups.hooks(group.name), since);
  return waiting
    .filter(({ hook, member }) => context.session.record.calls[callName(hook, member.instanceId)] === undefined)
    .map(textOf)
    .join('; ');
}

const callName = ({ name }: LifecycleHook, instanceId: string): string => `complete-hook:${name}:${instanceId}`;

interface Look {
  readonly since: string;
  readonly group: AutoScalingGroupFacts;
  readonly hooks: readonly LifecycleHook[];
  readonly waiting: readonly Waiting[];
}

/** Completes what waits now and is ours to complete, each once; `undefined` when there is no group. */
export async function completeWaiting(context: PhaseContext<ActPorts>): Promise<Look | undefined> {
  const { ports, session } = context;
  const asked = askedOf(session.record);
  const group = asked === undefined ? undefined : await ports.groups.read(asked.groupName);
  if (asked === undefined || group === undefined) return undefined;
  const hooks = await ports.groups.hooks(group.name);
  const waiting = await waitingAtHooks(context, group, hooks, asked.since);
  for (const { member, hook, decision } of waiting) {
    if (decision.kind === 'leave') continue;
    await session.mutate(callName(hook, member.instanceId), () =>
      ports.groupChanger.completeLifecycleAction(group.name, hook.name, member.instanceId).then(() => undefined),
    );
  }
  return { since: asked.since, group, hooks, waiting };
}

const standbyStates: readonly string[] = ['Standby', 'EnteringStandby'];

/** Which of our hooks nobody has come to yet: the old member at those of its end, a new one at those of its launch. */
function hooksAhead({ calls, oldInstanceId }: Remediation, { group, hooks }: Look, named: readonly string[]): readonly LifecycleHook[] {
  const old = group.members.find(({ instanceId }) => instanceId === oldInstanceId);
  const isEnding = old !== undefined && !standbyStates.includes(old.lifecycleState);
  return hooks.filter((hook) => {
    if (!named.includes(hook.name)) return false;
    if (hook.transition === 'terminating') return isEnding && calls[callName(hook, oldInstanceId)] === undefined;
    return !Object.keys(calls).some((name) => name.startsWith(callName(hook, '')));
  });
}

/**
 * Ends the waits that the policy asks to end, once each. Done as soon as none of its hooks lies ahead, or a new member is in service;
 * the hooks of others are waited for where the new member is (`await-member`).
 */
export const completeHooks: ActPhase = async (context) => {
  const { session, policy } = context;
  const look = await completeWaiting(context);
  if (look === undefined) return { kind: 'done', reason: 'There is no group whose members could wait at a hook' };
  const { group, hooks, waiting, since } = look;
  const { record } = session;
  const completed = Object.keys(record.calls).flatMap((name) => (name.startsWith('complete-hook:') ? [name.slice('complete-hook:'.length)] : []));
  const told = completed.length === 0 ? '' : `; completed: ${completed.join(', ')}`;
  if (hooks.length === 0) return { kind: 'done', reason: `${group.name} has no lifecycle hooks` };
  const ahead = hooksAhead(record, look, policy.spec.completeLifecycleHooks);
  if (ahead.length === 0) return { kind: 'done', reason: `No hook of ${group.name} that the policy names lies ahead${told}` };
  if ((await newMembers(context, group, since)).length > 0) return { kind: 'done', reason: `A new member of ${group.name} is in service${told}` };
  const held = waiting.filter(({ decision }) => decision.kind === 'leave').map(textOf);
  return {
    kind: 'wait',
    seconds: policy.spec.statusPollSeconds,
    reason: [`Nobody has come to the hook ${ahead.map(({ name }) => name).join(', ')} of ${group.name} yet`, ...held].join('; '),
  };
};
