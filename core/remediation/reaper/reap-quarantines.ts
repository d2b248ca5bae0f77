import { PermanentError } from '../../environment/errors.ts';
import { tagKeys } from '../../inventory/records.ts';
import type { InstanceFacts } from '../ports.ts';
import { frozenReason, type ReapingPorts, readNamed, reportOnce, tellBefore, unlessFrozen } from './reaping.ts';
import type { Remediation } from '../record.ts';
import { RemediationSession } from '../driver/session.ts';

/** What is decided about a marked instance that a repair did not see stopped. */
export type UnfinishedDecision =
  | { readonly kind: 'stop'; readonly instanceId: string; readonly remediation: Remediation; readonly reason: string }
  | { readonly kind: 'keep'; readonly instanceId: string; readonly reason: string };

/** One run stops at most so many; the rest waits for the next one. */
const MAX_STOPS = 20;

/**
 * Pure. A repair whose replacement serves succeeds though it could not put the old instance away to the end: what it had marked and never
 * stopped is stopped here. One that was stopped and runs again was started by somebody.
 */
export function decideUnfinished(instance: InstanceFacts, remediation: Remediation | undefined): UnfinishedDecision {
  const { instanceId, state, tags } = instance;
  const keep = (reason: string): UnfinishedDecision => ({ kind: 'keep', instanceId, reason });
  if (state !== 'running' && state !== 'pending') return keep(`It is ${state}`);
  if (tags[tagKeys.hold] !== undefined) return keep(`It is on hold (${tags[tagKeys.hold]})`);
  if (remediation?.state !== 'succeeded') return keep('No successful remediation put it into quarantine');
  const { calls, incidentId, id } = remediation;
  if (incidentId !== tags[tagKeys.quarantine] || calls[`mark:${instanceId}`] === undefined) return keep(`The record ${id} did not put it into quarantine`);
  if (instance.rootDeviceType !== 'ebs') return keep('It cannot be stopped, only ended');
  return calls[`stop:${instanceId}`]?.outcomeAt === undefined
    ? { kind: 'stop', instanceId, remediation, reason: `${id} put it into quarantine and could not stop it` }
    : keep('It was stopped; somebody started it again');
}

/** Goes on with quarantines that repairs left unfinished. Says what it will do before it does it; bounded; run twice it does nothing more. */
export async function finishQuarantines(ports: ReapingPorts): Promise<readonly UnfinishedDecision[]> {
  const decisions: UnfinishedDecision[] = [];
  for (const instance of await ports.terminator.quarantined()) decisions.push(await decideOne(ports, instance));
  let stopped = 0;
  for (const decision of decisions) {
    if (decision.kind !== 'stop' || stopped === MAX_STOPS) continue;
    // Only what was stopped counts: protected instances must not stop the others, however many they are.
    if (await stop(ports, decision)) stopped += 1;
  }
  return decisions;
}

async function decideOne(ports: ReapingPorts, instance: InstanceFacts): Promise<UnfinishedDecision> {
  try {
    const remediation = await readNamed(ports, instance.tags[tagKeys.remediation]);
    const keep = (reason: string): UnfinishedDecision => ({ kind: 'keep', instanceId: instance.instanceId, reason });
    return await unlessFrozen(ports, remediation, decideUnfinished(instance, remediation), keep);
  } catch (error) {
    // A record nobody can read agrees with nothing; it must not keep the others.
    if (!(error instanceof PermanentError)) throw error;
    return { kind: 'keep', instanceId: instance.instanceId, reason: error.message };
  }
}

async function stop(ports: ReapingPorts, decision: UnfinishedDecision & { kind: 'stop' }): Promise<boolean> {
  const { instanceId, remediation, reason } = decision;
  try {
    const session = await RemediationSession.open(ports.store, ports.clock, ports.scope, remediation.id);
    if (session === undefined || (await frozenReason(ports, remediation.system)) !== undefined) return false;
    await tellBefore(ports, remediation.incidentId, `stop:${instanceId}`, `Will stop ${instanceId}. ${reason}`);
    await session.mutate(`stop:${instanceId}`, () => ports.power.stop(instanceId).then(() => undefined));
    return true;
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    await reportOnce(ports, instanceId, remediation.incidentId, `Its quarantine could not be finished: ${error.message}`);
    return false;
  }
}
