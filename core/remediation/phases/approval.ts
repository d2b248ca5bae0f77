import { addSeconds, secondsBetween } from '../../environment/time.ts';
import type { GuardrailVerdict } from '../guardrails/guardrails.ts';
import { keptOf } from '../paths/kept.ts';
import type { ObservePhase, ObservePorts, PhaseContext, PhaseResult, RecordPatch } from '../phase.ts';
import { reclaimPlace, releasePlace } from '../admission/place.ts';
import { bestCapture } from './capture.ts';

/** The name under which a request that nobody granted is recorded as a veto. */
export const approvalGuardrail = 'approval';

/** Asks a person: the request carries everything that a yes needs, and is told with the message of this phase's end (design section 7). */
export async function askApproval(context: PhaseContext<ObservePorts>, asking: readonly GuardrailVerdict[], patch: RecordPatch): Promise<PhaseResult> {
  const { ports, session, policy } = context;
  const { record } = session;
  const now = ports.clock.now();
  const capture = await bestCapture(context);
  const remaining = patch.remaining ?? record.remaining;
  const findings = asking.map(({ name, reason }) => `${name}: ${reason}`);
  const approval = {
    requestedAt: now,
    expiresAt: addSeconds(now, policy.spec.approvalExpiresSeconds),
    findings,
    plan: {
      phases: [...remaining],
      ...(patch.imageId === undefined ? {} : { imageId: patch.imageId }),
      kept: [...keptOf(capture)],
      cannotKeep: [...(capture?.cannotKeep ?? ['everything: the instance is gone and no capture of it was kept'])],
    },
  };
  return {
    kind: 'done',
    reason: `A person is asked until ${approval.expiresAt}: ${findings.join('; ')}`,
    // Whoever says yes says it of the facts of now; the guardrails are asked again with those of then.
    patch: { ...patch, approval, remaining: ['await-approval', 'guard', ...record.remaining] },
  };
}

/** As far as every look backs off (design section 4): whoever says yes waits no longer for it. */
const MAX_WAIT_SECONDS = 30;

/** Waits for the yes. It holds its slot, but no place under the caps: people may sleep for longer than others can wait. */
export const awaitApproval: ObservePhase = async ({ ports, session, policy }) => {
  const { record } = session;
  const { approval } = record;
  if (approval === undefined) return { kind: 'failed', reason: 'Nobody was asked for approval' };
  if (approval.granted !== undefined) {
    const place = await reclaimPlace(ports, policy, record);
    return place.kind === 'held'
      ? { kind: 'done', reason: `Approved by ${approval.granted.by} at ${approval.granted.at}` }
      : { kind: 'vetoed', guardrail: place.guardrail, reason: `Approved by ${approval.granted.by}, but ${place.reason}` };
  }
  const leftSeconds = secondsBetween(ports.clock.now(), approval.expiresAt);
  if (leftSeconds <= 0) {
    return { kind: 'vetoed', guardrail: approvalGuardrail, reason: `Too late: nobody approved it by ${approval.expiresAt}, so nothing was touched` };
  }
  await releasePlace(ports, record);
  return { kind: 'wait', seconds: Math.min(MAX_WAIT_SECONDS, leftSeconds), reason: `Waiting for approval until ${approval.expiresAt}`, memory: record.memory };
};
