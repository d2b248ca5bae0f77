import type { RemediationPolicy } from '../../catalog/schema.ts';
import { secondsBetween } from '../../environment/time.ts';
import type { InstanceStatus } from '../ports.ts';
import type { ObservePhase, ObservePorts, PhaseContext, PhaseResult } from '../phase.ts';

function statusProblem(status: InstanceStatus | undefined): string | undefined {
  if (status === undefined) return 'EC2 reports no status yet';
  return status.system === 'ok' && status.instance === 'ok' ? undefined : `status checks: system ${status.system}, instance ${status.instance}`;
}

/** `running` must persist: an encrypted volume whose key may not be used lets EC2 say running and stop a moment later. */
export async function awaitRunningInstance({ ports, session, policy }: PhaseContext<ObservePorts>, instanceId: string): Promise<PhaseResult> {
  const [instance, status] = [await ports.instances.read(instanceId), await ports.instances.readStatus(instanceId)];
  const poll = policy.spec.statusPollSeconds;
  // Right after the launch EC2 may not know the id yet (eventual consistency): absence is not failure here, the deadline is.
  if (instance === undefined || instance.state === 'pending')
    return { kind: 'wait', seconds: poll, reason: `${instanceId} is ${instance?.state ?? 'not listed yet'}`, memory: {} };
  if (instance.state !== 'running')
    return { kind: 'failed', reason: `${instanceId} is ${instance.state} instead of running: ${instance.stateReason ?? 'EC2 gives no reason'}` };
  const now = ports.clock.now();
  const since = session.record.memory['runningSince'];
  const runningSince = typeof since === 'string' ? since : now;
  const problem = statusProblem(status) ?? persistenceProblem(runningSince, now, policy);
  if (problem !== undefined) return { kind: 'wait', seconds: poll, reason: `${instanceId} runs; ${problem}`, memory: { runningSince } };
  return { kind: 'done', reason: `${instanceId} has kept running since ${runningSince} and both status checks pass` };
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
