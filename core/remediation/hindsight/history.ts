import type { Scope } from '../../environment/ports.ts';
import { partitions } from '../../records/keys.ts';
import { parseRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { type Remediation, remediationType } from '../record.ts';

const HISTORY_LIMIT = 200;
const PAGE_RECORDS = 200;

/** The newest remediations of the account-region, newest first, at most `limit`. */
export async function listRemediations(store: RecordStore, scope: Scope, limit = HISTORY_LIMIT): Promise<readonly Remediation[]> {
  const found: Remediation[] = [];
  let next: string | undefined;
  do {
    const page = { limit: Math.min(PAGE_RECORDS, limit - found.length), newestFirst: true, ...(next === undefined ? {} : { next }) };
    const answer = await store.query(partitions.remediations(scope), 'rem-', page);
    found.push(...answer.records.map((record) => parseRecord(remediationType, record).body));
    next = answer.next;
  } while (next !== undefined && found.length < limit);
  return found;
}

/** Recovery times, in seconds, of the system's successful remediations among the newest 200; drills do not count. */
export async function pastRecoverySeconds(store: RecordStore, scope: Scope, system: string): Promise<readonly number[]> {
  const remediations = await listRemediations(store, scope);
  return remediations
    .filter((remediation) => remediation.system === system && remediation.state === 'succeeded' && !remediation.isDrill)
    .flatMap((remediation) => (remediation.recoverySeconds === undefined ? [] : [remediation.recoverySeconds]));
}
