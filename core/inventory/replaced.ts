import type { Timestamp } from '../environment/time.ts';
import type { Scope } from '../environment/ports.ts';
import { keys } from '../records/keys.ts';
import { readRecord, updateRecord } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { type InstanceRecord, instanceType } from './records.ts';

export interface Replaced {
  readonly oldInstanceId: string;
  readonly newInstanceId: string;
  readonly imageId: string;
  readonly slotId: string;
  readonly at: Timestamp;
}

/**
 * Lets the inventory know of a replacement at once: its own trouble may come before the next sweep, and must find its slot.
 * The sweep fills in what is only known by looking.
 */
export async function recordReplaced(
  ports: { readonly store: RecordStore; readonly scope: Scope },
  { oldInstanceId, newInstanceId, imageId, slotId, at }: Replaced,
): Promise<void> {
  const { store, scope } = ports;
  const old = (await readRecord(store, instanceType, keys.instance(scope, oldInstanceId)))?.body;
  // An instance that was never listed leaves nothing to copy; the sweep lists its successor.
  if (old === undefined) return;
  const { privateIpAddress: _address, inServiceSince: _since, foundByIncidentId: _found, ...kept } = old;
  await updateRecord(store, instanceType, keys.instance(scope, newInstanceId), (before): InstanceRecord =>
    before?.slotId === slotId && before.status === 'managed'
      ? before
      : { ...kept, instanceId: newInstanceId, status: 'managed', slotId, imageId, state: 'running', firstSeenAt: before?.firstSeenAt ?? at, changedAt: at },
  );
  await updateRecord(store, instanceType, keys.instance(scope, oldInstanceId), (before): InstanceRecord | undefined =>
    before === undefined || before.status !== 'managed' ? before : { ...before, status: 'quarantined', changedAt: at },
  );
}
