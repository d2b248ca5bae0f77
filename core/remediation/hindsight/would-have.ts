import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import type { Incident } from '../../incidents/record.ts';
import type { Remediation } from '../record.ts';

/** What hindsight says of a repair that a dry run would have made. */
export interface WouldHave {
  readonly remediationId: string;
  readonly system: string;
  readonly at: Timestamp;
  /** `right`: the trouble outlasted a repair. `needless`: it was over sooner. `open`: too early to say. */
  readonly verdict: 'right' | 'needless' | 'open';
  readonly reason: string;
  /** By how much the repair would have been faster, in seconds; 0 unless it would have been right. */
  readonly savedSeconds: number;
}

/** What one replacement may take (S4-16), where no repair of the system has been measured. */
const ASSUMED_REPAIR_SECONDS = 600;

/**
 * Would the dry run have been right? It would, when the trouble outlasted the time a repair takes; pure.
 *
 * @param repairSeconds what a repair of the system takes; the median of past ones
 */
export function judgeWouldHave(remediation: Remediation, incident: Incident | undefined, repairSeconds: number | undefined, now: Timestamp): WouldHave {
  const { id, system, timing } = remediation;
  const expected = repairSeconds ?? ASSUMED_REPAIR_SECONDS;
  const lasted = Math.max(0, Math.round(secondsBetween(timing.detectedAt, incident?.resolvedAt ?? now)));
  const base = { remediationId: id, system, at: timing.decidedAt };
  if (incident === undefined) return { ...base, verdict: 'open', savedSeconds: 0, reason: 'Its incident is not recorded any more' };
  if (lasted > expected) {
    const how = incident.resolvedAt === undefined ? `still lasts after ${lasted} s` : `lasted ${lasted} s`;
    return { ...base, verdict: 'right', savedSeconds: lasted - expected, reason: `The trouble ${how}; a repair takes about ${expected} s` };
  }
  if (incident.resolvedAt === undefined) return { ...base, verdict: 'open', savedSeconds: 0, reason: `The trouble has lasted ${lasted} s so far` };
  return { ...base, verdict: 'needless', savedSeconds: 0, reason: `It was over after ${lasted} s, sooner than a repair of about ${expected} s` };
}
