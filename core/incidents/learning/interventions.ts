import type { Timestamp } from '../../environment/time.ts';
import type { Remediation } from '../../remediation/record.ts';
import type { Incident, TimelineEvent } from '../record.ts';

/** What somebody did by hand. */
export const interventionKinds = ['acknowledge', 'approve', 'replace', 'revert', 'abort', 'freeze', 'open', 'close'] as const;
export type InterventionKind = (typeof interventionKinds)[number];

export interface Intervention {
  readonly kind: InterventionKind;
  readonly at: Timestamp;
  /** Who; shown nowhere but used to leave names out of texts. */
  readonly by?: string;
}

/** Which entries of a timeline are the work of a person; acknowledge.ts and by-hand.ts write them. */
const timelineRules: readonly { readonly kind: InterventionKind; readonly isIt: (event: TimelineEvent) => boolean }[] = [
  { kind: 'acknowledge', isIt: ({ kind }) => kind === 'acknowledged' },
  // The record of a repair forgets a freeze when it is over.
  { kind: 'freeze', isIt: ({ kind, eventId }) => kind === 'remediation' && eventId.includes(':frozen:') },
  { kind: 'close', isIt: ({ kind, eventId }) => kind === 'state' && eventId.startsWith('closed:') },
];

/**
 * Everything that people did for one incident, oldest first; pure. What serves no trouble (a drill, a plan, a pause for planned work) is
 * administration and not among it (S2-02).
 *
 * @param timeline of the incident; says what its record forgets, such as an acknowledgement that ran out
 */
export function interventionsOf(incident: Incident, timeline: readonly TimelineEvent[], remediations: readonly Remediation[]): readonly Intervention[] {
  const { acknowledged, detectedBy, openedAt } = incident;
  const told = timeline.flatMap((event) => timelineRules.flatMap(({ kind, isIt }) => (isIt(event) ? [{ kind, at: event.at }] : [])));
  const isToldOfAck = told.some(({ kind }) => kind === 'acknowledge');
  return [
    ...told,
    // Only a report of somebody says how it was learned of.
    ...(detectedBy === undefined ? [] : [{ kind: 'open' as const, at: openedAt }]),
    // A record whose timeline does not say so was written in between two calls.
    ...(acknowledged === undefined || isToldOfAck ? [] : [{ kind: 'acknowledge' as const, at: acknowledged.at, by: acknowledged.by }]),
    ...remediations.filter(({ incidentId, isDrill }) => incidentId === incident.id && !isDrill).flatMap(interventionsInRepair),
  ].toSorted((left, right) => (left.at === right.at ? 0 : left.at < right.at ? -1 : 1));
}

function interventionsInRepair({ request, revertOf, approval, abort }: Remediation): readonly Intervention[] {
  return [
    ...(request === undefined ? [] : [{ kind: revertOf === undefined ? ('replace' as const) : ('revert' as const), at: request.at, by: request.by }]),
    ...(approval?.granted === undefined ? [] : [{ kind: 'approve' as const, ...approval.granted }]),
    ...(abort === undefined ? [] : [{ kind: 'abort' as const, at: abort.at, by: abort.by }]),
  ];
}

/** How a timeline names who acted. */
const namings = [/^(?:Acknowledged|Approved|Closed) by (?<name>.{1,80}?)(?: until |: |$)/, /^(?<name>.{1,80}?) asks for its end: /] as const;
const NOTE_OF = /^(?<name>.{1,80}?): /;

function nameIn({ kind, text }: TimelineEvent): string | undefined {
  const found = kind === 'note' ? NOTE_OF.exec(text) : namings.map((naming) => naming.exec(text)).find((match) => match !== null);
  return found?.groups?.['name'];
}

/** The people that records of an incident name; their names belong into no text (S3-23). */
export function peopleOf(incident: Incident, timeline: readonly TimelineEvent[], remediations: readonly Remediation[]): readonly string[] {
  const { acknowledged, closedBy } = incident;
  const names = [...remediations.flatMap(interventionsInRepair).flatMap(({ by }) => by ?? []), ...remediations.flatMap(({ frozen }) => frozen?.by ?? [])];
  return [
    ...new Set([
      ...names,
      ...timeline.flatMap((event) => nameIn(event) ?? []),
      ...(acknowledged === undefined ? [] : [acknowledged.by]),
      ...(closedBy === undefined ? [] : [closedBy]),
    ]),
  ];
}
