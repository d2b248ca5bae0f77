import type { Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import { partitions } from '../../records/keys.ts';
import { parseRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { listRemediations } from '../../remediation/hindsight/history.ts';
import type { Remediation } from '../../remediation/record.ts';
import { isDrillIncident } from './detection.ts';
import { readTimeline } from '../incidents.ts';
import { listPostMortems } from './post-mortem-reading.ts';
import type { PostMortem } from './post-mortem.ts';
import { type Incident, incidentType, type TimelineEvent } from '../record.ts';

/** Some weeks of incidents with what was done about each. */
export interface Past {
  readonly from: Timestamp;
  readonly to: Timestamp;
  readonly incidents: readonly PastIncident[];
  readonly remediations: readonly Remediation[];
  readonly postMortems: readonly PostMortem[];
  /** True when there were more than were read: the figures are of the newest ones. */
  readonly isCut: boolean;
}

export interface PastIncident {
  readonly incident: Incident;
  readonly timeline: readonly TimelineEvent[];
}

const MAX_INCIDENTS = 400;
const PAGE_RECORDS = 200;
const MAX_REMEDIATIONS = 1000;
const TIMELINES_AT_ONCE = 8;

interface PastPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

/**
 * Reads the incidents that began in (from, to], newest first, at most 400, each with the newest 200 entries of its timeline; the newest
 * 1,000 repairs; and all post-mortems. Drills are left out: practice is no trouble (S3-19).
 */
export async function readPast(ports: PastPorts, from: Timestamp, to: Timestamp): Promise<Past> {
  const { store, scope } = ports;
  const found = await readIncidents(ports, from, to);
  const remediations = await listRemediations(store, scope, MAX_REMEDIATIONS);
  const incidents: PastIncident[] = [];
  for (let start = 0; start < found.incidents.length; start += TIMELINES_AT_ONCE) {
    const some = found.incidents.slice(start, start + TIMELINES_AT_ONCE);
    const timelines = await Promise.all(some.map(({ id }) => readTimeline(store, scope, id)));
    incidents.push(...some.map((incident, index) => ({ incident, timeline: timelines[index] ?? [] })));
  }
  return { from, to, incidents, remediations, postMortems: await listPostMortems(ports), isCut: found.isCut };
}

async function readIncidents(
  { store, scope }: PastPorts,
  from: Timestamp,
  to: Timestamp,
): Promise<{ readonly incidents: readonly Incident[]; readonly isCut: boolean }> {
  const incidents: Incident[] = [];
  let next: string | undefined;
  for (let page = 0; page * PAGE_RECORDS < MAX_INCIDENTS; page += 1) {
    const answer = await store.query(partitions.incidents(scope), '', { limit: PAGE_RECORDS, newestFirst: true, ...(next === undefined ? {} : { next }) });
    const bodies = answer.records.map((record) => parseRecord(incidentType, record).body);
    incidents.push(...bodies.filter((incident) => incident.openedAt > from && incident.openedAt <= to && !isDrillIncident(incident)));
    next = answer.next;
    // Ids begin with the moment they were opened, to the second.
    if (next === undefined || bodies.some(({ openedAt }) => openedAt <= from)) return { incidents, isCut: false };
  }
  return { incidents, isCut: true };
}
