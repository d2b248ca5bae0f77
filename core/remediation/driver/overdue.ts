import type { RemediationPolicy } from '../../catalog/schema.ts';
import type { Scope } from '../../environment/ports.ts';
import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { keys, lists } from '../../records/keys.ts';
import { readAll, readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import type { RemediationJournal } from './journal.ts';
import { type Remediation, remediationType } from '../record.ts';

/*
 * Recovery is over when the replacement serves; draining and putting away the old one, and watching the new one, then takes as long as
 * the policy says, often longer than the page was armed for. So the armed page stays silent for a repair that serves, and the desk looks
 * each minute whether what is left takes too long (ADR 0006).
 */

/** What people and a slow API may add to what the policy allows. */
const MARGIN_SECONDS = 600;
/** Of a system whose policy has left the catalog. */
const WITHOUT_POLICY_SECONDS = 3600;

/** The replacement serves, and what is left goes its way. */
export function isServing({ state, timing, frozen }: Remediation): boolean {
  return state === 'running' && timing.inServiceAt !== undefined && frozen === undefined;
}

/** By when a repair that serves must have ended. */
export function overdueAt(inServiceAt: Timestamp, policy: RemediationPolicy | undefined): Timestamp {
  if (policy === undefined) return addSeconds(inServiceAt, WITHOUT_POLICY_SECONDS);
  const { drainSeconds, drainDeadlineSeconds, stopDeadlineSeconds, verifiedAfterSeconds } = policy.spec;
  return addSeconds(inServiceAt, drainSeconds + drainDeadlineSeconds + stopDeadlineSeconds + verifiedAfterSeconds + MARGIN_SECONDS);
}

interface OverduePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly journal: Pick<RemediationJournal, 'pageAnyway'>;
}

/** Pages for each repair that serves and does not come to its end; each once. At most 10,000 are running. Gives their ids. */
export async function pageOverdue({ store, scope, journal }: OverduePorts, policies: readonly RemediationPolicy[], now: Timestamp): Promise<readonly string[]> {
  const running = await readAll(remediationType, (page) => store.list(lists.runningRemediations(scope), page));
  const paged: string[] = [];
  for (const { body } of running.filter(({ body: listed }) => isOverdue(listed, policies, now))) {
    // The list may lag behind.
    const record = (await readRecord(store, remediationType, keys.remediation(scope, body.id)))?.body;
    if (record === undefined || !isOverdue(record, policies, now)) continue;
    await journal.pageAnyway(record);
    paged.push(record.id);
  }
  return paged;
}

function isOverdue(record: Remediation, policies: readonly RemediationPolicy[], now: Timestamp): boolean {
  const { inServiceAt } = record.timing;
  if (inServiceAt === undefined || !isServing(record)) return false;
  const policy = policies.find(({ spec }) => spec.system === record.system);
  return now >= overdueAt(inServiceAt, policy) && now >= record.pageAt;
}
