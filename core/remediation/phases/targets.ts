import { secondsBetween } from '../../environment/time.ts';
import { tagKeys } from '../../inventory/records.ts';
import { phaseSeconds } from '../guardrails/freeze.ts';
import type { TargetHealth } from '../ports.ts';
import type { ActPhase, ActPorts, ObservePhase, ObservePorts, PhaseContext, PhaseResult } from '../phase.ts';
import { storedCapture } from './capture.ts';
import { cloneCallOf } from './transfer-alarms.ts';

const noTargets: PhaseResult = { kind: 'done', reason: 'The instance was in no target group' };

export function describeTargets(health: readonly TargetHealth[]): string {
  return health
    .map((target) => `${target.targetGroupName}:${target.port} ${target.state}${target.reason === undefined ? '' : ` (${target.reason})`}`)
    .join(', ');
}

/** Recovery time ends here: detected → in service (S0-19). */
export function inServicePatch(context: PhaseContext<unknown>, at: string): { timing: typeof record.timing; recoverySeconds: number; isRtoMet: boolean } {
  const { record } = context.session;
  const recoverySeconds = Math.round(secondsBetween(record.timing.detectedAt, at));
  return { timing: { ...record.timing, inServiceAt: at }, recoverySeconds, isRtoMet: recoverySeconds <= record.rtoSeconds };
}

async function registerInstance(context: PhaseContext<ActPorts>, instanceId: string, call: string): Promise<PhaseResult> {
  const { targets } = await storedCapture(context);
  if (targets.length === 0) return noTargets;
  await context.session.mutate(call, async () => {
    await context.ports.registrar.register(instanceId, targets);
    return undefined;
  });
  return { kind: 'done', reason: `Registered ${instanceId} with ${targets.map((target) => `${target.targetGroupName}:${target.port}`).join(', ')}` };
}

async function deregisterInstance(context: PhaseContext<ActPorts>, instanceId: string, call: string): Promise<PhaseResult> {
  const { targets } = await storedCapture(context);
  if (targets.length === 0) return noTargets;
  await context.session.mutate(call, async () => {
    await context.ports.registrar.deregister(instanceId, targets);
    return undefined;
  });
  return { kind: 'done', reason: `Deregistered ${instanceId}` };
}

export const register: ActPhase = async (context) => {
  const { newInstanceId } = context.session.record;
  return newInstanceId === undefined ? { kind: 'failed', reason: 'No replacement was launched' } : registerInstance(context, newInstanceId, 'register-new');
};

/** Only reads that say healthy several times in a row count; anything else starts the count again. */
export async function awaitHealthyInstance(context: PhaseContext<ObservePorts>, instanceId: string): Promise<PhaseResult> {
  const { ports, session, policy } = context;
  const { memory } = session.record;
  const { targets } = await storedCapture(context);
  const now = ports.clock.now();
  if (targets.length === 0) return { kind: 'done', reason: 'It was in no target group; running is in service', patch: inServicePatch(context, now) };
  const health = await ports.targets.health(instanceId, targets);
  const isHealthy = health.length === targets.length && health.every((target) => target.state === 'healthy');
  const reads = isHealthy ? Number(memory['healthyReads'] ?? 0) + 1 : 0;
  const wanted = policy.spec.healthyReads;
  if (reads >= wanted) return { kind: 'done', reason: `Healthy ${reads} times in a row: ${describeTargets(health)}`, patch: inServicePatch(context, now) };
  return {
    kind: 'wait',
    seconds: policy.spec.healthyReadIntervalSeconds,
    reason: `${reads} of ${wanted} healthy reads: ${describeTargets(health)}`,
    memory: { healthyReads: reads },
  };
}

export const awaitHealthy: ObservePhase = async (context) => {
  const { newInstanceId } = context.session.record;
  return newInstanceId === undefined ? { kind: 'failed', reason: 'No replacement was launched' } : awaitHealthyInstance(context, newInstanceId);
};

export const deregister: ActPhase = (context) => deregisterInstance(context, context.session.record.oldInstanceId, 'deregister-old');

/** Ends when the target groups let the old one go, at the latest after the policy's drain time. */
export const drain: ObservePhase = async (context) => {
  const { ports, session, policy } = context;
  const { targets } = await storedCapture(context);
  if (targets.length === 0) return noTargets;
  const health = await ports.targets.health(session.record.oldInstanceId, targets);
  const isOut = health.every((target) => target.state === 'unregistered' || target.state === 'unused');
  if (isOut) return { kind: 'done', reason: 'No target group sends it traffic any more' };
  const waited = secondsBetween(session.record.phaseStartedAt, ports.clock.now());
  if (waited >= policy.spec.drainSeconds)
    return { kind: 'done', reason: `The drain time of ${policy.spec.drainSeconds} s is over: ${describeTargets(health)}` };
  return { kind: 'wait', seconds: Math.min(30, Math.ceil(policy.spec.drainSeconds - waited)), reason: describeTargets(health) };
};

/** Unverifiable success is failure: two bad reads in a row fail, silence does not pass. */
export const verify: ObservePhase = async (context) => {
  const { ports, session } = context;
  const { newInstanceId } = session.record;
  if (newInstanceId === undefined) return { kind: 'failed', reason: 'No replacement was launched' };
  const { targets } = await storedCapture(context);
  const instance = await ports.instances.read(newInstanceId);
  if (instance?.state !== 'running')
    return { kind: 'failed', reason: `${newInstanceId} is ${instance?.state ?? 'gone'} during verification: ${instance?.stateReason ?? 'no reason given'}` };
  const trouble = targets.length === 0 ? await clonedTrouble(context) : targetsTrouble(await ports.targets.health(newInstanceId, targets));
  return verification(context, newInstanceId, trouble);
};

/** What does not serve as a target, in words. */
export function targetsTrouble(health: readonly TargetHealth[]): string | undefined {
  return health.every((target) => target.state === 'healthy') ? undefined : describeTargets(health);
}

/** Where nobody sends it traffic, the alarm that began it is all that tells whether it serves: its clone must not ring for the replacement. */
async function clonedTrouble({ ports, session }: PhaseContext<ObservePorts>): Promise<string | undefined> {
  const { trigger, calls } = session.record;
  const clone = calls[cloneCallOf(trigger.alarmName ?? '')]?.result?.['alarmName'];
  if (clone === undefined) return undefined;
  const [alarm] = await ports.alarms.read([clone]);
  return alarm?.state === 'ALARM' ? `the alarm ${clone} rings for it` : undefined;
}

/** What one look during the verification time means. */
export function verification({ ports, session, policy }: PhaseContext<ObservePorts>, newInstanceId: string, trouble: string | undefined): PhaseResult {
  const { memory, timing } = session.record;
  const isBad = trouble !== undefined;
  const badReads = isBad ? Number(memory['badReads'] ?? 0) + 1 : 0;
  if (badReads >= 2) return { kind: 'failed', reason: `${newInstanceId} stopped serving during verification: ${trouble}` };
  const now = ports.clock.now();
  // Nobody looks while a repair is frozen: that time verifies nothing.
  const leftSeconds = policy.spec.verifiedAfterSeconds - phaseSeconds(session.record, now);
  if (leftSeconds <= 0 && !isBad)
    return { kind: 'done', reason: `It has served for ${policy.spec.verifiedAfterSeconds} s`, patch: { timing: { ...timing, verifiedAt: now } } };
  const seconds = Math.min(policy.spec.healthyReadIntervalSeconds, Math.max(1, Math.ceil(leftSeconds)));
  return { kind: 'wait', seconds, reason: `Verifying, ${Math.max(0, Math.ceil(leftSeconds))} s left`, memory: { badReads } };
}

/** The replacement may have been launched without anybody hearing of it: then it is found by its tag. */
export const deregisterNew: ActPhase = async (context) => {
  const { newInstanceId } = context.session.record;
  return newInstanceId === undefined
    ? { kind: 'done', reason: 'No replacement is known that could be registered' }
    : deregisterInstance(context, newInstanceId, 'deregister-new');
};

/**
 * An instance must be running to be registered (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html);
 * what was stopped on purpose meanwhile stays out.
 */
export const registerOld: ActPhase = async (context) => {
  const { oldInstanceId } = context.session.record;
  const instance = await context.ports.instances.read(oldInstanceId);
  if (instance?.state === 'pending') return { kind: 'wait', seconds: context.policy.spec.statusPollSeconds, reason: `${oldInstanceId} is pending` };
  if (instance?.state !== 'running') return { kind: 'failed', reason: `${oldInstanceId} is ${instance?.state ?? 'gone'} and cannot be registered` };
  return registerInstance(context, oldInstanceId, 'register-old');
};

/** After the drain the old one comes back only if it can still serve. */
export const restoreOld: ActPhase = async (context) => {
  const { ports, session } = context;
  const { oldInstanceId } = session.record;
  const [instance, status] = [await ports.instances.read(oldInstanceId), await ports.instances.readStatus(oldInstanceId)];
  const isServing = instance?.state === 'running' && status?.system === 'ok' && status.instance === 'ok';
  // Its quarantine may have begun and not have come to the stop: isolated, it runs and reaches nobody.
  const isPutAway = instance?.tags[tagKeys.quarantine] !== undefined;
  if (!isServing || isPutAway) {
    const seen = `${instance?.state ?? 'gone'}${isPutAway ? ' in quarantine' : ''}`;
    return { kind: 'done', reason: `The old instance ${oldInstanceId} is ${seen} and cannot serve; a person must decide` };
  }
  return registerInstance(context, oldInstanceId, 'restore-old');
};
