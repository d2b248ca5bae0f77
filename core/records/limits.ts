import { PermanentError } from '../environment/errors.ts';
import type { PageRequest, RecordKey, RecordWrite } from './store.ts';

/**
 * The bounds every `RecordStore` keeps, below DynamoDB's own so that its refusal is never how we learn of them:
 * 400 KB an item, 100 actions and 4 MB a transaction, 2,048 and 1,024 bytes of key
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
 */
export const recordLimits = {
  bodyBytes: 350 * 1024,
  writeBytes: 3_500_000,
  writes: 25,
  pageRecords: 200,
  partitionBytes: 2048,
  sortBytes: 1024,
} as const;

const encoder = new TextEncoder();

/** Bytes of `text` in UTF-8. */
export function utf8Bytes(text: string): number {
  return encoder.encode(text).length;
}

function hasKeyLength(text: string, maxBytes: number): boolean {
  return text.length > 0 && utf8Bytes(text) <= maxBytes;
}

function checkKey(key: RecordKey): void {
  const isRight = hasKeyLength(key.partition, recordLimits.partitionBytes) && hasKeyLength(key.sort, recordLimits.sortBytes);
  if (!isRight) throw new PermanentError(`A record key must have 1 to 2048 bytes of partition and 1 to 1024 bytes of sort: ${nameOf(key).slice(0, 200)}.`);
}

/** How a key is named in messages. */
export function nameOf(key: RecordKey): string {
  return `${key.partition}/${key.sort}`;
}

/** A write that has been found within the bounds, with its body as JSON text. */
export interface CheckedWrite {
  readonly write: RecordWrite;
  readonly json: string;
}

/** JSON would silently turn NaN into null, and DynamoDB rounds or refuses numbers beyond these. */
function storableValue(key: RecordKey, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  const size = Math.abs(value);
  const isStorable = value === 0 || (size <= Number.MAX_SAFE_INTEGER && size >= 1e-100);
  if (!isStorable) throw new PermanentError(`The record ${nameOf(key)} holds the number ${value}, which cannot be stored exactly.`);
  return value;
}

function checkWrite(write: RecordWrite): CheckedWrite {
  checkKey(write.key);
  if (write.listing !== undefined) checkKey({ partition: write.listing.list, sort: write.listing.order });
  if (!Number.isSafeInteger(write.expectedVersion) || write.expectedVersion < 0) {
    throw new PermanentError(`The expected version of ${nameOf(write.key)} must be a whole number from 0, not ${write.expectedVersion}.`);
  }
  // TypeScript's JSON.stringify hides that it gives undefined for undefined and functions.
  const json: string | undefined = JSON.stringify(write.body, (_property, value: unknown) => storableValue(write.key, value));
  if (json === undefined) throw new PermanentError(`The record ${nameOf(write.key)} has no body.`);
  const bytes = utf8Bytes(json);
  if (bytes > recordLimits.bodyBytes) {
    throw new PermanentError(`The record ${nameOf(write.key)} has ${bytes} bytes, more than ${recordLimits.bodyBytes}: keep less in it or split it.`);
  }
  return { write, json };
}

/** Refuses what breaks the bounds of `RecordStore.write` with a `PermanentError`. */
export function checkWrites(writes: readonly RecordWrite[]): readonly CheckedWrite[] {
  if (writes.length < 1 || writes.length > recordLimits.writes) {
    throw new PermanentError(`One call writes 1 to ${recordLimits.writes} records, not ${writes.length}.`);
  }
  const distinct = new Set(writes.map(({ key }) => JSON.stringify([key.partition, key.sort])));
  if (distinct.size !== writes.length) throw new PermanentError('One call writes each record at most once.');
  const checked = writes.map(checkWrite);
  const bytes = checked.reduce((sum, { json }) => sum + utf8Bytes(json), 0);
  if (bytes > recordLimits.writeBytes) {
    throw new PermanentError(`One call writes at most ${recordLimits.writeBytes} bytes together, not ${bytes}: write fewer records at once.`);
  }
  return checked;
}

/** Refuses a page that breaks the bounds of `RecordStore.query` and `list` with a `PermanentError`. */
export function checkPage(page: PageRequest): void {
  if (!Number.isSafeInteger(page.limit) || page.limit < 1 || page.limit > recordLimits.pageRecords) {
    throw new PermanentError(`A page has 1 to ${recordLimits.pageRecords} records, not ${page.limit}.`);
  }
}
