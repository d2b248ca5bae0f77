import * as z from 'zod/mini';
import { PermanentError, RetryableError } from '../environment/errors.ts';
import type { Timestamp } from '../environment/time.ts';
import { type Listing, type PageRequest, RecordConflictError, type RecordKey, type RecordStore, type RecordWrite, type StoredRecord } from './store.ts';

/** A kind of record: how its body reads, and what lists it is on. */
export interface RecordType<Body> {
  readonly name: string;
  readonly schema: z.ZodMiniType<Body>;
  /** The list a body belongs on, if any. */
  readonly listing?: (body: Body) => Listing | undefined;
  /** When a body may be forgotten, if ever. */
  readonly expiresAt?: (body: Body) => Timestamp | undefined;
}

/** A body with the version it was read at. */
export interface Versioned<Body> {
  readonly key: RecordKey;
  readonly version: number;
  readonly body: Body;
}

/** A stored record does not read as its type: somebody wrote it by hand, or a newer Perennial did. */
export class UnreadableRecordError extends PermanentError {
  override readonly name = 'UnreadableRecordError';
}

/** Reads one record. Errors: those of the store, and {@link UnreadableRecordError}. */
export async function readRecord<Body>(store: RecordStore, type: RecordType<Body>, key: RecordKey): Promise<Versioned<Body> | undefined> {
  const stored = await store.get(key);
  return stored === undefined ? undefined : parseRecord(type, stored);
}

/** Gives the body of a stored record its type. */
export function parseRecord<Body>(type: RecordType<Body>, stored: StoredRecord): Versioned<Body> {
  const parsed = z.safeParse(type.schema, stored.body);
  if (!parsed.success) {
    throw new UnreadableRecordError(
      `The ${type.name} record ${stored.key.partition}/${stored.key.sort} cannot be read: ${z.prettifyError(parsed.error)}. ` +
        'It was written by another version of Perennial or by hand; nothing was changed. Restore it from a backup or correct it.',
    );
  }
  return { key: stored.key, version: stored.version, body: parsed.data };
}

/** The write that creates (`expectedVersion` 0) or replaces a record. */
export function writeOf<Body>(type: RecordType<Body>, key: RecordKey, body: Body, expectedVersion: number): RecordWrite {
  const listing = type.listing?.(body);
  const expiresAt = type.expiresAt?.(body);
  return {
    key,
    expectedVersion,
    body,
    ...(listing === undefined ? {} : { listing }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** Creates a record; `false` when there is one already, which re-delivery makes normal. */
export async function createRecord<Body>(store: RecordStore, type: RecordType<Body>, key: RecordKey, body: Body): Promise<boolean> {
  try {
    await store.write([writeOf(type, key, body, 0)]);
    return true;
  } catch (error) {
    if (error instanceof RecordConflictError) return false;
    throw error;
  }
}

const UPDATE_ATTEMPTS = 12;

/**
 * Reads, changes and writes one record; reads again when somebody else was faster, at most 12 times.
 *
 * @param change gets the present body (`undefined` when there is none) and gives the new one, or the same object for "nothing to change"
 * @returns the body that is now stored, and whether this call wrote it
 */
export async function updateRecord<Body>(
  store: RecordStore,
  type: RecordType<Body>,
  key: RecordKey,
  change: (body: Body | undefined) => Body | undefined,
): Promise<{ readonly body: Body | undefined; readonly written: boolean }> {
  for (let attempt = 1; attempt <= UPDATE_ATTEMPTS; attempt += 1) {
    const current = await readRecord(store, type, key);
    const body = change(current?.body);
    if (body === undefined || body === current?.body) return { body: current?.body, written: false };
    try {
      await store.write([writeOf(type, key, body, current?.version ?? 0)]);
      return { body, written: true };
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
    }
  }
  throw new RetryableError(`The ${type.name} record ${key.partition}/${key.sort} changed ${UPDATE_ATTEMPTS} times while it was being updated; try again.`);
}

const MAX_PAGES = 50;

/** All records of a partition (or a list), page by page, at most 50 pages of 200. */
export async function readAll<Body>(
  type: RecordType<Body>,
  readPage: (page: PageRequest) => Promise<{ readonly records: readonly StoredRecord[]; readonly next?: string }>,
): Promise<readonly Versioned<Body>[]> {
  const found: Versioned<Body>[] = [];
  let next: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await readPage({ limit: 200, ...(next === undefined ? {} : { next }) });
    found.push(...answer.records.map((record) => parseRecord(type, record)));
    next = answer.next;
    if (next === undefined) return found;
  }
  throw new PermanentError(`More than ${MAX_PAGES * 200} ${type.name} records: read them page by page instead.`);
}
