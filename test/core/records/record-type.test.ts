import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { createRecord, readAll, type RecordType, readRecord, UnreadableRecordError, updateRecord, writeOf } from '../../../core/records/record-type.ts';
import { RecordConflictError, type RecordStore } from '../../../core/records/store.ts';
import { VirtualClock } from '../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../sim/memory-record-store.ts';

interface Door {
  readonly isOpen: boolean;
  readonly until?: string | undefined;
}
const doors: RecordType<Door> = {
  name: 'door',
  schema: z.object({ isOpen: z.boolean(), until: z.optional(z.string()) }),
  listing: (body) => (body.isOpen ? { list: 'open-doors', order: 'x' } : undefined),
  expiresAt: (body) => body.until,
};
const key = { partition: 'doors', sort: 'front' };

const newStore = () => new MemoryRecordStore(new VirtualClock('2026-11-21T09:00:00.000Z'));

/** A store whose writes fail with what `errors` gives, then succeed. */
function failing(store: RecordStore, errors: (attempt: number) => Error | undefined): RecordStore & { readonly attempts: () => number } {
  let attempt = 0;
  return {
    get: (at) => store.get(at),
    query: (partition, prefix, page) => store.query(partition, prefix, page),
    list: (list, page) => store.list(list, page),
    write: async (writes) => {
      attempt += 1;
      const error = errors(attempt);
      if (error !== undefined) throw error;
      await store.write(writes);
    },
    attempts: () => attempt,
  };
}

describe('records with a type', () => {
  it('puts a body on its list and off again, and expires it when its type says so', () => {
    expect(writeOf(doors, key, { isOpen: true }, 0)).toEqual({ key, expectedVersion: 0, body: { isOpen: true }, listing: { list: 'open-doors', order: 'x' } });
    expect(writeOf(doors, key, { isOpen: false, until: '2026-11-22T09:00:00.000Z' }, 3)).toEqual({
      key,
      expectedVersion: 3,
      body: { isOpen: false, until: '2026-11-22T09:00:00.000Z' },
      expiresAt: '2026-11-22T09:00:00.000Z',
    });
  });

  it('creates once; re-delivery is no error', async () => {
    const store = newStore();
    expect(await createRecord(store, doors, key, { isOpen: true })).toBe(true);
    expect(await createRecord(store, doors, key, { isOpen: false })).toBe(false);
    expect((await readRecord(store, doors, key))?.body).toEqual({ isOpen: true });
  });

  it('never mistakes a failure for "there is one already"', async () => {
    const store = failing(newStore(), () => new RetryableError('throttled'));
    await expect(createRecord(store, doors, key, { isOpen: true })).rejects.toBeInstanceOf(RetryableError);
  });

  it('refuses a record that somebody wrote by hand, and says which', async () => {
    const store = newStore();
    await store.write([{ key, expectedVersion: 0, body: { isOpen: 'yes' } }]);
    await expect(readRecord(store, doors, key)).rejects.toBeInstanceOf(UnreadableRecordError);
    await expect(readRecord(store, doors, key)).rejects.toThrow('doors/front');
  });

  it('writes nothing when nothing changes (change-only writes)', async () => {
    const store = newStore();
    await createRecord(store, doors, key, { isOpen: true });
    expect(await updateRecord(store, doors, key, (body) => body)).toEqual({ body: { isOpen: true }, written: false });
    expect(await updateRecord(store, doors, key, () => undefined)).toEqual({ body: { isOpen: true }, written: false });
    expect((await store.get(key))?.version).toBe(1);
  });

  it('decides again on what another has written in between', async () => {
    const store = newStore();
    await createRecord(store, doors, key, { isOpen: true });
    const seen: (Door | undefined)[] = [];
    const answer = await updateRecord(
      failing(store, (attempt) => (attempt === 1 ? new RecordConflictError('another was faster') : undefined)),
      doors,
      key,
      (body) => {
        seen.push(body);
        return { isOpen: false };
      },
    );
    expect(seen).toHaveLength(2);
    expect(answer).toEqual({ body: { isOpen: false }, written: true });
  });

  it('stops after 12 conflicts, retryable, and lets other errors through at once', async () => {
    const conflicts = failing(newStore(), () => new RecordConflictError('always'));
    await expect(updateRecord(conflicts, doors, key, () => ({ isOpen: true }))).rejects.toBeInstanceOf(RetryableError);
    expect(conflicts.attempts()).toBe(12);
    const broken = failing(newStore(), () => new PermanentError('denied'));
    await expect(updateRecord(broken, doors, key, () => ({ isOpen: true }))).rejects.toBeInstanceOf(PermanentError);
    expect(broken.attempts()).toBe(1);
  });

  it('reads at most 50 pages', async () => {
    let pages = 0;
    const read = readAll(doors, () => {
      pages += 1;
      return Promise.resolve({ records: [], next: 'more' });
    });
    await expect(read).rejects.toBeInstanceOf(PermanentError);
    expect(pages).toBe(50);
  });
});
