import type { RemediationPolicy } from '../../catalog/schema.ts';
import { secondsBetween } from '../../environment/time.ts';
import type { InstanceState, InstanceStatus } from '../ports.ts';
import type { ObservePhase, ObservePorts, PhaseContext, PhaseResult } from '../phase.ts';

function statusProblem(status: InstanceStatus | undefined): string | undefined {
  if (status === undefined) return 'EC2 reports no status yet';
  return status.system === 'ok' && status.instance === 'ok' ? undefined : `status checks: system ${status.system}, instance ${status.instance}`;
}

/** `running` must persist: an encrypted volume whose key may not be used lets EC2 say running and stop a moment later. */
export async function awaitRunningInstance(context: PhaseContext<ObservePorts>, instanceId: string): Promise<PhaseResult> {
  const { ports, session, policy } = context;
  const [instance, status] = [await ports.instances.read(instanceId), await ports.instances.readStatus(instanceId)];
  const poll = policy.spec.statusPollSeconds;
  // Right after the launch EC2 may not know the id yet (eventual consistency): absence is not failure here, the deadline is.
  if (instance === undefined || instance.state === 'pending')
    return { kind: 'wait', seconds: poll, reason: `${instanceId} is ${instance?.state ?? 'not listed yet'}`, memory: {} };
  if (isYetToStart(context, instance.state)) return { kind: 'wait', seconds: poll, reason: `${instanceId} is still listed as ${instance.state}`, memory: {} };
  if (instance.state !== 'running')
    return { kind: 'failed', reason: `${instanceId} is ${instance.state} instead of running: ${instance.stateReason ?? 'EC2 gives no reason'}` };
  const now = ports.clock.now();
  const since = session.record.memory['runningSince'];
  const runningSince = typeof since === 'string' ? since : now;
  const problem = statusProblem(status) ?? persistenceProblem(runningSince, now, policy);
  if (problem !== undefined) return { kind: 'wait', seconds: poll, reason: `${instanceId} runs; ${problem}`, memory: { runningSince } };
  return { kind: 'done', reason: `${instanceId} has kept running since ${runningSince} and both status checks pass` };
}

/**
 * For so long an instance that was started may be listed as it was before
 * (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
 */
const STARTING_SECONDS = 60;

/** It was stopped, was told to start a moment ago, and has not been seen to run since. */
function isYetToStart({ ports, session }: PhaseContext<ObservePorts>, state: InstanceState): boolean {
  const { calls, memory, phase, phaseStartedAt } = session.record;
  const wasStarted = phase === 'await-old-running' ? calls['start-old'] !== undefined : calls['start-new'] !== undefined;
  const isYoung = secondsBetween(phaseStartedAt, ports.clock.now()) < STARTING_SECONDS;
  return wasStarted && isYoung && (state === 'stopped' || state === 'stopping') && memory['runningSince'] === undefined;
}

function persistenceProblem(runningSince: string, now: string, policy: RemediationPolicy): string | undefined {
  const persisted = secondsBetween(runningSince, now);
  const wanted = policy.spec.runningPersistSeconds;
  return persisted >= wanted ? undefined : `running for ${Math.round(persisted)} of ${wanted} s`;
}

/** Waits for the replacement. */
export const awaitRunning: ObservePhase = async (context) => {
  const { newInstanceId } = context.session.record;
  if (newInstanceId === undefined) return { kind: 'failed', reason: 'No replacement was launched' };
  return awaitRunningInstance(context, newInstanceId);
};

/** Waits for the old instance that was started again. */
export const awaitOldRunning: ObservePhase = (context) => awaitRunningInstance(context, context.session.record.oldInstanceId);
