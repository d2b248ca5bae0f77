import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import type { Remediation } from '../../remediation/record.ts';
import { type InterventionKind, interventionKinds, interventionsOf } from './interventions.ts';
import { plain } from '../messages/message-text.ts';
import type { Past, PastIncident } from './past.ts';
import type { Incident } from '../record.ts';

/** What people did by hand for one system and cause (S2-01). */
export interface ToilRow {
  readonly system: string;
  /** The rule that spoke. */
  readonly cause: string;
  readonly interventions: number;
  readonly byKind: Readonly<Partial<Record<InterventionKind, number>>>;
  readonly incidents: number;
  /** From the first intervention to the end, summed over incidents that are over; `null` where none is. */
  readonly minutes: number | null;
  /** Done by hand again and again: worth a machine. */
  readonly isRepeated: boolean;
  readonly lastAt: Timestamp;
}

export interface Toil {
  readonly from: Timestamp;
  readonly to: Timestamp;
  readonly rows: readonly ToilRow[];
  readonly interventions: number;
  readonly minutes: number;
  /** Drills asked for by hand: administration, counted nowhere else (S2-02). */
  readonly drills: number;
  readonly isCut: boolean;
}

/** One-off work is no toil: what was done in so many incidents of one cause is. */
const REPEATED_INCIDENTS = 3;
const MAX_ROWS = 100;

interface Entry {
  readonly system: string;
  readonly cause: string;
  readonly kinds: readonly InterventionKind[];
  readonly seconds: number | undefined;
  readonly lastAt: Timestamp;
}

/**
 * Counts manual interventions by system and cause, the most work first; pure. Planned and administrative work (drills, plans, pauses
 * for maintenance, reports) never counts (S2-02).
 */
export function toilOf(past: Pick<Past, 'from' | 'to' | 'incidents' | 'remediations' | 'isCut'>): Toil {
  const { from, to, isCut } = past;
  const byIncident = Map.groupBy(past.remediations, ({ incidentId }) => incidentId);
  const entries = past.incidents.flatMap((one) => entryOf(one, byIncident.get(one.incident.id) ?? []));
  const rows = [...Map.groupBy(entries, ({ system, cause }) => `${system}\n${cause}`).values()].map(rowOf);
  const sorted = rows.toSorted(
    (left, right) => right.interventions - left.interventions || (right.minutes ?? 0) - (left.minutes ?? 0) || compare(nameOf(left), nameOf(right)),
  );
  return {
    from,
    to,
    rows: sorted.slice(0, MAX_ROWS),
    interventions: rows.reduce((sum, row) => sum + row.interventions, 0),
    minutes: rows.reduce((sum, row) => sum + (row.minutes ?? 0), 0),
    drills: past.remediations.filter(({ isDrill, request }) => isDrill && request !== undefined && request.at > from && request.at <= to).length,
    isCut,
  };
}

const compare = (left: string, right: string): number => (left === right ? 0 : left < right ? -1 : 1);
const nameOf = ({ system, cause }: ToilRow): string => `${system} ${cause}`;

function entryOf({ incident, timeline }: PastIncident, remediations: readonly Remediation[]): readonly Entry[] {
  const interventions = interventionsOf(incident, timeline, remediations);
  const [first] = interventions;
  const last = interventions.at(-1);
  if (first === undefined || last === undefined) return [];
  const seconds = incident.resolvedAt === undefined ? undefined : Math.max(0, secondsBetween(first.at, incident.resolvedAt));
  return [
    { system: plain(incident.system ?? 'no system', 80), cause: causeOf(incident), kinds: interventions.map(({ kind }) => kind), seconds, lastAt: last.at },
  ];
}

/** The rule that spoke first; what a person opened has none. */
export function causeOf({ signals }: Pick<Incident, 'signals'>): string {
  const first = Object.values(signals).toSorted((left, right) => compare(left.at, right.at) || compare(left.rule, right.rule))[0];
  return first === undefined ? 'opened by hand' : plain(first.rule, 120);
}

function rowOf(entries: readonly Entry[]): ToilRow {
  const kinds = entries.flatMap((entry) => entry.kinds);
  const measured = entries.flatMap(({ seconds }) => seconds ?? []);
  return {
    system: entries[0]?.system ?? '',
    cause: entries[0]?.cause ?? '',
    interventions: kinds.length,
    byKind: Object.fromEntries(interventionKinds.flatMap((kind) => (kinds.includes(kind) ? [[kind, kinds.filter((other) => other === kind).length]] : []))),
    incidents: entries.length,
    minutes: measured.length === 0 ? null : Math.round(measured.reduce((sum, seconds) => sum + seconds, 0) / 60),
    isRepeated: entries.length >= REPEATED_INCIDENTS,
    lastAt: entries.reduce((latest, { lastAt }) => (lastAt > latest ? lastAt : latest), ''),
  };
}

/** `2 acknowledge, 1 approve`. */
export function kindsText(byKind: ToilRow['byKind']): string {
  return interventionKinds.flatMap((kind) => (byKind[kind] === undefined ? [] : [`${byKind[kind]} ${kind}`])).join(', ');
}
