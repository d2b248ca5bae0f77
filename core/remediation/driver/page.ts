import { PermanentError } from '../../environment/errors.ts';
import type { Scope } from '../../environment/ports.ts';
import { incidentType, isAnswered as isHandled } from '../../incidents/record.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import type { RemediationJournal } from './journal.ts';
import { isServing } from './overdue.ts';
import { remediationType } from '../record.ts';

interface PagePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly journal: RemediationJournal;
}

/** Ends that have told people themselves; only these keep the armed page silent (design section 4). */
const silent: readonly string[] = ['succeeded', 'would-have'];

/** The page that can not be lost behind a repair: silent only for a recorded success, or once the replacement is recorded to serve; the desk watches the rest. */
export async function pageUnlessRecovered({ store, scope, journal }: PagePorts, remediationId: string): Promise<boolean> {
  const found = await readRecord(store, remediationType, keys.remediation(scope, remediationId));
  if (found === undefined)
    throw new PermanentError(`The page timer names the remediation ${remediationId}, which has no record. Look for its incident: perennial incidents`);
  if (silent.includes(found.body.state) || isServing(found.body)) return false;
  if (found.body.state === 'vetoed' && (await isAnswered(store, scope, found.body.incidentId))) return false;
  await journal.pageAnyway(found.body);
  return true;
}

/** What waited behind another repair is over, or is being repaired now with a page of its own armed. */
async function isAnswered(store: RecordStore, scope: Scope, incidentId: string): Promise<boolean> {
  const incident = (await readRecord(store, incidentType, keys.incident(scope, incidentId)))?.body;
  return incident !== undefined && isHandled(incident);
}
