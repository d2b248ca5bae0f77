import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { rowOf } from '../paths/procedure.ts';
import type { Pause, Remediation } from '../record.ts';

/*
 * `pause --freeze` (design section 7): the literal stop. Every repair stays exactly where it is, nothing changes AWS, people read what
 * is half-done, and are paged after ten minutes. `resume` lets it go on where it stood.
 */

/** A freeze that lasts longer than this pages: something is half-done, and nobody repairs it. */
export const FREEZE_PAGE_SECONDS = 600;

/** What a frozen repair has begun and not ended, in words. */
export function halfDoneText(record: Remediation): string {
  const { phase, phaseStartedAt, calls, oldInstanceId, newInstanceId, remaining } = record;
  const open = Object.entries(calls).filter(([, call]) => call.outcomeAt === undefined);
  const done = Object.entries(calls).filter(([, call]) => call.outcomeAt !== undefined);
  return [
    `It stands in the phase ${phase} (${inSentence(rowOf(phase).summary)}) since ${phaseStartedAt}`,
    done.length === 0 ? 'it has changed nothing yet' : `changed so far: ${done.map(([name]) => name).join(', ')}`,
    ...(open.length === 0 ? [] : [`begun, outcome unknown: ${open.map(([name]) => name).join(', ')}`]),
    `old instance ${oldInstanceId}, replacement ${newInstanceId ?? 'none'}`,
    `still to come: ${[phase, ...remaining].join(', ')}`,
  ].join('; ');
}

/** Names keep their capitals: `Let EC2 move …` → `let EC2 move …`. */
const inSentence = (text: string): string => `${text.charAt(0).toLowerCase()}${text.slice(1)}`;

/** The record when a freeze is first seen. */
export function freeze(record: Remediation, { target, by, reason }: Pause, now: Timestamp): Remediation {
  return { ...record, frozen: { at: now, target, by, reason }, reason: `Frozen (${target}) by ${by}: ${reason}. ${halfDoneText(record)}` };
}

/** The record when it goes on: neither the deadline of its phase nor a request for approval has run out meanwhile. */
export function thaw(record: Remediation, now: Timestamp): Remediation {
  const { frozen, ...rest } = record;
  if (frozen === undefined) return record;
  const seconds = Math.max(0, secondsBetween(frozen.at, now));
  return {
    ...rest,
    frozenSeconds: (record.frozenSeconds ?? 0) + seconds,
    ...(record.approval === undefined ? {} : { approval: { ...record.approval, expiresAt: addSeconds(record.approval.expiresAt, seconds) } }),
    reason: `It goes on after ${Math.round(seconds)} s of standing still`,
  };
}

/** How long the present phase has run, in seconds; the time it was frozen does not count. */
export function phaseSeconds(record: Pick<Remediation, 'phaseStartedAt' | 'frozenSeconds'>, now: Timestamp): number {
  return secondsBetween(record.phaseStartedAt, now) - (record.frozenSeconds ?? 0);
}
