import type { Incident } from '../record.ts';

/** How one can learn of trouble (S4-43): a rule of a machine, a test that plays a customer, a customer, somebody of the company. */
export const detectionSources = ['alarm', 'canary', 'customer', 'person'] as const;
export type DetectionSource = (typeof detectionSources)[number];

export const detectionTexts = {
  alarm: 'a machine noticed it (alarm, status check or event)',
  canary: 'a test that plays a customer noticed it',
  customer: 'a customer told us',
  person: 'somebody of the company noticed it',
} as const satisfies Record<DetectionSource, string>;

/** Rules of what people ask for by hand; core/signals/table.ts. */
const rulesByHand: ReadonlySet<string> = new Set(['replace-requested', 'revert-requested', 'by-hand']);

/** How an incident was learned of: what its post-mortem or whoever opened it said, else what its first signal was; pure. */
export function detectionOf(incident: Incident, corrected?: DetectionSource): DetectionSource {
  const said = corrected ?? incident.detectedBy;
  if (said !== undefined) return said;
  const first = Object.values(incident.signals).toSorted((left, right) => (left.at < right.at ? -1 : 1))[0];
  // An incident without a signal was opened by somebody.
  if (first === undefined || rulesByHand.has(first.rule)) return 'person';
  return incident.subject.type === 'check' ? 'canary' : 'alarm';
}

/** Practice is no trouble: it counts in no statistics of incidents (S3-19). */
export function isDrillIncident({ subject, signals }: Pick<Incident, 'subject' | 'signals'>): boolean {
  const isAskedFor = Object.values(signals).some(({ rule }) => rule === 'drill-requested');
  return isAskedFor || (subject.type === 'check' && subject.id.startsWith('drill-of-'));
}
