import { addSeconds, secondsBetween } from '../../environment/time.ts';
import type { ObservePhase } from '../phase.ts';

/** Waits out the pending duration; the guard phase then reads the triggering source again. */
export const confirm: ObservePhase = ({ ports, session, policy }) => {
  const { trigger, timing, request } = session.record;
  if (request !== undefined) return Promise.resolve({ kind: 'done', reason: `${request.by} asked for it (${request.reason}); nothing has to last` });
  const until = addSeconds(timing.detectedAt, policy.spec.pendingSeconds);
  const leftSeconds = secondsBetween(ports.clock.now(), until);
  return Promise.resolve(
    leftSeconds > 0
      ? { kind: 'wait', seconds: Math.ceil(leftSeconds), reason: `Pending for ${policy.spec.pendingSeconds} s, in case ${trigger.rule} recovers by itself` }
      : { kind: 'done', reason: `Pending time of ${policy.spec.pendingSeconds} s is over` },
  );
};
