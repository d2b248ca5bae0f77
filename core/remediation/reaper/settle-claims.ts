import type { Scope } from '../../environment/ports.ts';
import { keys, partitions } from '../../records/keys.ts';
import { readAll, readRecord, updateRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { type Group, groupType, platformType, type Remediation, remediationType, slotType } from '../record.ts';

interface SettlePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

/** What holds a place without running: an ended remediation, or one of which there is no record. */
type Stale = ReadonlyMap<string | undefined, Remediation | undefined>;

/**
 * Recomputes what is held from the remediations themselves (design section 7, platform caps): a slot, a place under the caps or a
 * breaker's one probe that no running remediation holds is given back. Writes only what changed.
 *
 * @returns how many records were written
 */
export async function settleClaims(ports: SettlePorts): Promise<number> {
  const { store, scope } = ports;
  const [groups, slots] = await Promise.all([
    readAll(groupType, (page) => store.query(partitions.groups(scope), '', page)),
    readAll(slotType, (page) => store.query(partitions.slots(scope), '', page)),
  ]);
  const platform = await readRecord(store, platformType, keys.platform(scope));
  const stale = await staleAmong(ports, [
    ...groups.flatMap(({ body }) => [...body.inFlight, body.breaker.probeRemediationId]),
    ...slots.map(({ body }) => body.remediationId),
    ...(platform?.body.inFlight ?? []),
  ]);
  if (stale.size === 0) return 0;
  let written = (await updateRecord(store, platformType, keys.platform(scope), (body) => withoutPlaces(body, stale))).written ? 1 : 0;
  for (const { body } of groups)
    if ((await updateRecord(store, groupType, keys.group(scope, body.id), (group) => settledGroup(group, stale))).written) written += 1;
  for (const { key, body } of slots) {
    if (!stale.has(body.remediationId)) continue;
    // As it is stored at this moment: it may have been claimed afresh meanwhile.
    const { written: isWritten } = await updateRecord(store, slotType, key, (slot) => {
      if (slot === undefined || !stale.has(slot.remediationId)) return slot;
      const { remediationId: _stale, ...free } = slot;
      return free;
    });
    if (isWritten) written += 1;
  }
  return written;
}

/** A claim writes its remediation in the same transaction, so that one without a record holds nothing. */
async function staleAmong({ store, scope }: SettlePorts, ids: readonly (string | undefined)[]): Promise<Stale> {
  const stale = new Map<string | undefined, Remediation | undefined>();
  for (const id of new Set(ids)) {
    if (id === undefined) continue;
    const remediation = (await readRecord(store, remediationType, keys.remediation(scope, id)))?.body;
    if (remediation?.state !== 'running') stale.set(id, remediation);
  }
  return stale;
}

function withoutPlaces<Body extends { readonly inFlight: string[] }>(body: Body | undefined, stale: Stale): Body | undefined {
  return body === undefined || !body.inFlight.some((id) => stale.has(id)) ? body : { ...body, inFlight: body.inFlight.filter((id) => !stale.has(id)) };
}

/** A probe that failed, or of which there is no record, stops probing until a person says so; any other end lets the next one pass. */
function settledGroup(group: Group | undefined, stale: Stale): Group | undefined {
  const places = withoutPlaces(group, stale);
  if (places === undefined || !stale.has(places.breaker.probeRemediationId)) return places;
  const { probeRemediationId: probe, ...breaker } = places.breaker;
  const state = stale.get(probe)?.state;
  return { ...places, breaker: { ...breaker, isProbeFailed: state === undefined || state === 'failed' } };
}
