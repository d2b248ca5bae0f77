import type { Scope } from '../environment/ports.ts';
import { partitions } from '../records/keys.ts';
import { readAll } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { type ImageRecord, imageRecordType } from './records.ts';

/**
 * Every image that a role ever had, in no order that means anything: a part of them could lack the word that one is revoked.
 * Errors: `RetryableError` of the store; `PermanentError` for a record that cannot be read, and beyond 10,000 images.
 */
export async function readLineage(store: RecordStore, scope: Scope, role: string): Promise<readonly ImageRecord[]> {
  const found = await readAll(imageRecordType, (page) => store.query(partitions.images(scope), `${role}#`, page));
  return found.map(({ body }) => body);
}
