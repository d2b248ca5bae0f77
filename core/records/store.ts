import { PermanentError } from '../environment/errors.ts';
import type { Timestamp } from '../environment/time.ts';

/** Where a record lives: one item of the table. Built only by `keys.ts`. */
export interface RecordKey {
  readonly partition: string;
  readonly sort: string;
}

/** A record that is on a list (a sparse index), for example the open incidents. */
export interface Listing {
  readonly list: string;
  /** Sorts the list, ascending as text. */
  readonly order: string;
}

export interface StoredRecord {
  readonly key: RecordKey;
  /** 1 at first, one more with every write. */
  readonly version: number;
  /** JSON as it was written; parsed by the record's type. */
  readonly body: unknown;
  readonly listing?: Listing;
  readonly expiresAt?: Timestamp;
}

/** One conditional write: it takes effect only when the stored version is the expected one. */
export interface RecordWrite {
  readonly key: RecordKey;
  /** The version that was read; 0 = there must be no such record. */
  readonly expectedVersion: number;
  readonly body: unknown;
  readonly listing?: Listing;
  readonly expiresAt?: Timestamp;
}

export interface RecordPage {
  readonly records: readonly StoredRecord[];
  /** Pass it to read on; absent at the end. */
  readonly next?: string;
}

export interface PageRequest {
  /** 1 to 200. */
  readonly limit: number;
  readonly newestFirst?: boolean;
  readonly next?: string;
}

/** Somebody else wrote one of the records in between: read again and decide again. */
export class RecordConflictError extends PermanentError {
  override readonly name = 'RecordConflictError';
}

/**
 * The one table. Records are never deleted by us: a lock is released by writing it free, and what may be forgotten carries
 * `expiresAt`, which readers honour (TTL is only clean-up).
 *
 * Errors: {@link RecordConflictError} when an expected version does not match; `RetryableError` for throttles and lost
 * connections (never "not found"); `PermanentError` for anything that will fail again, such as a record over 350 KB.
 */
export interface RecordStore {
  /** Strongly consistent. Gives `undefined` for what was never written and for what has expired. */
  get(key: RecordKey): Promise<StoredRecord | undefined>;
  /** All or nothing; 1 to 25 writes on distinct keys. */
  write(writes: readonly RecordWrite[]): Promise<void>;
  /** Records of one partition in the order of their sort keys, strongly consistent, without expired ones. */
  query(partition: string, sortPrefix: string, page: PageRequest): Promise<RecordPage>;
  /** Records on one list in its order; may lag behind writes by a moment. */
  list(list: string, page: PageRequest): Promise<RecordPage>;
}
