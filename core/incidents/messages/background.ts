import type { System } from '../../catalog/schema.ts';
import type { Deployment } from '../../deployments/record.ts';
import type { Scope } from '../../environment/ports.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { type EvidenceRecord, evidenceType } from '../../remediation/evidence/evidence.ts';
import { listRemediations } from '../../remediation/hindsight/history.ts';
import type { Remediation } from '../../remediation/record.ts';
import type { Incident } from '../record.ts';
import { linkedSystems, readRecentChanges, type RecentChange } from './recent-changes.ts';
import { readPastIncidents, type SimilarIncident, similarIncidents } from './similar.ts';

/** What helps whoever is asked to do something, beyond what every message says. */
export interface Background {
  /** Newest first, at most 5. */
  readonly changes: readonly RecentChange[];
  /** The systems that were asked for changes beside its own. */
  readonly linked: readonly string[];
  /** The most similar first, at most 3. */
  readonly similar: readonly SimilarIncident[];
  /** What the instance said last; absent when nothing was kept. */
  readonly evidence?: EvidenceRecord;
}

export interface BackgroundQuestion {
  readonly incident: Incident;
  readonly system?: System | undefined;
  readonly remediation?: Remediation | undefined;
  /** Of the system of the incident. */
  readonly deployments: readonly Deployment[];
}

/** Reads it: two queries of one page each, one of deploy events for each linked system (at most 4), and at most six items. */
export async function readBackground(
  ports: { readonly store: RecordStore; readonly scope: Scope },
  { incident, system, remediation, deployments }: BackgroundQuestion,
): Promise<Background> {
  const { store, scope } = ports;
  const [past, remediations, evidence] = await Promise.all([
    readPastIncidents(ports),
    listRemediations(store, scope),
    remediation === undefined ? undefined : keptEvidence(ports, remediation),
  ]);
  return {
    changes: await readRecentChanges(ports, incident, system, { deployments, remediations }),
    linked: linkedSystems(system),
    similar: similarIncidents(incident, past, remediations),
    ...(evidence === undefined ? {} : { evidence }),
  };
}

async function keptEvidence(
  { store, scope }: { readonly store: RecordStore; readonly scope: Scope },
  { id, incidentId, oldInstanceId, phases }: Remediation,
): Promise<EvidenceRecord | undefined> {
  if (!phases.some(({ name }) => name === 'evidence')) return undefined;
  return (await readRecord(store, evidenceType, keys.evidence(scope, incidentId, id, oldInstanceId)))?.body;
}
