import type { Scope } from '../environment/ports.ts';
import { keys, partitions } from '../records/keys.ts';
import { readAll, readRecord, updateRecord } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { groupType, platformType, remediationType } from './record.ts';

interface SettlePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

/**
 * Recomputes what is in flight from the remediations themselves (design section 7, platform caps): a place under the caps that no
 * running remediation holds is given back. Writes only what changed.
 *
 * @returns how many records were written
 */
export async function settleClaims(ports: SettlePorts): Promise<number> {
  const { store, scope } = ports;
  const groups = await readAll(groupType, (page) => store.query(partitions.groups(scope), '', page));
  const platform = await readRecord(store, platformType, keys.platform(scope));
  const claimed = new Set([...groups.flatMap(({ body }) => body.inFlight), ...(platform?.body.inFlight ?? [])]);
  const over = new Set<string>();
  for (const id of claimed) if (!(await isRunning(ports, id))) over.add(id);
  if (over.size === 0) return 0;
  const kept = <Body extends { readonly inFlight: string[] }>(body: Body | undefined): Body | undefined =>
    body === undefined || !body.inFlight.some((id) => over.has(id)) ? body : { ...body, inFlight: body.inFlight.filter((id) => !over.has(id)) };
  let written = (await updateRecord(store, platformType, keys.platform(scope), kept)).written ? 1 : 0;
  for (const { body } of groups) if ((await updateRecord(store, groupType, keys.group(scope, body.id), kept)).written) written += 1;
  return written;
}

/** A claim writes its remediation in the same transaction, so that one without a record holds nothing. */
async function isRunning({ store, scope }: SettlePorts, id: string): Promise<boolean> {
  return (await readRecord(store, remediationType, keys.remediation(scope, id)))?.body.state === 'running';
}
