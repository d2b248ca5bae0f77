import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { PermanentError } from '../../core/environment/errors.ts';
import { createRecord, readAll, type RecordType, readRecord, updateRecord } from '../../core/records/record-type.ts';
import { type PageRequest, RecordConflictError, type RecordPage, type RecordStore, type RecordWrite, type StoredRecord } from '../../core/records/store.ts';
import type { VirtualClock } from '../../sim/deterministic.ts';

/** A store under test; every test gets partitions of its own, so that the store may be shared. */
export interface RecordStoreUnderTest {
  readonly store: RecordStore;
  readonly clock: VirtualClock;
  /** Two stores on the same records, when the store lives outside of the process. */
  readonly other?: RecordStore;
}

const START = '2026-11-21T09:00:00.000Z';

/** How many examples each property tries; servers are slower than memory. */
interface SuiteOptions {
  readonly propertyRuns: number;
}

const claims: RecordType<{ holders: string[] }> = { name: 'claims', schema: z.object({ holders: z.array(z.string()) }) };

async function allPages(read: (page: PageRequest) => Promise<RecordPage>, page: PageRequest): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = [];
  let next: string | undefined;
  for (let pages = 0; pages < 100; pages += 1) {
    const answer = await read({ ...page, ...(next === undefined ? {} : { next }) });
    expect(answer.records.length).toBeLessThanOrEqual(page.limit);
    found.push(...answer.records);
    next = answer.next;
    if (next === undefined) return found;
  }
  throw new Error('more than 100 pages');
}

function sortsOf(records: readonly StoredRecord[]): readonly string[] {
  return records.map((record) => record.key.sort);
}

/** What every `RecordStore` does, in memory and on DynamoDB alike. */
export function describeRecordStore(name: string, create: () => RecordStoreUnderTest, options: SuiteOptions): void {
  describe(`${name} as RecordStore`, () => {
    let counter = 0;
    let store: RecordStore;
    let clock: VirtualClock;
    let partition: string;

    beforeEach(() => {
      counter += 1;
      ({ store, clock } = create());
      clock.set(START);
      partition = `111122223333#eu-central-1#test-${counter}`;
    });

    const key = (sort: string) => ({ partition, sort });
    const write = (sort: string, expectedVersion: number, body: unknown, rest: Partial<RecordWrite> = {}): RecordWrite => ({
      key: key(sort),
      expectedVersion,
      body,
      ...rest,
    });
    const onList = (sort: string, order: string, list = 'open') => write(sort, 0, {}, { listing: { list: `${partition}#${list}`, order } });
    const listed = async (list = 'open', newestFirst = false) =>
      sortsOf(await allPages((page) => store.list(`${partition}#${list}`, page), { limit: 2, newestFirst }));

    describe('versions', () => {
      it('gives back what was written, with its version', async () => {
        const body = { text: 'ä€😀', count: 0, ratio: 0.1, empty: '', none: null, list: [], nested: { flags: [true, false] } };
        await store.write([write('a', 0, body)]);
        expect(await store.get(key('a'))).toEqual({ key: key('a'), version: 1, body });
      });

      it('knows nothing of what was never written', async () => {
        expect(await store.get(key('a'))).toBeUndefined();
      });

      it('counts one more with every write and replaces the whole body', async () => {
        await store.write([write('a', 0, { first: 1 })]);
        await store.write([write('a', 1, { second: 2 })]);
        expect(await store.get(key('a'))).toEqual({ key: key('a'), version: 2, body: { second: 2 } });
      });

      it('refuses a second creation, a stale version and a version of nothing', async () => {
        await store.write([write('a', 0, { n: 1 })]);
        await store.write([write('a', 1, { n: 2 })]);
        await expect(store.write([write('a', 0, { n: 3 })])).rejects.toBeInstanceOf(RecordConflictError);
        await expect(store.write([write('a', 1, { n: 3 })])).rejects.toBeInstanceOf(RecordConflictError);
        await expect(store.write([write('a', 3, { n: 3 })])).rejects.toBeInstanceOf(RecordConflictError);
        await expect(store.write([write('b', 1, { n: 3 })])).rejects.toBeInstanceOf(RecordConflictError);
        expect((await store.get(key('a')))?.body).toEqual({ n: 2 });
        expect(await store.get(key('b'))).toBeUndefined();
      });

      it('keeps what it stored when the writer changes the object afterwards', async () => {
        const body = { names: ['one'] };
        await store.write([write('a', 0, body)]);
        body.names.push('two');
        expect((await store.get(key('a')))?.body).toEqual({ names: ['one'] });
      });

      it('drops properties that are undefined, as JSON does', async () => {
        await store.write([write('a', 0, { kept: 1, dropped: undefined })]);
        expect(JSON.stringify((await store.get(key('a')))?.body)).toBe('{"kept":1}');
      });
    });

    describe('several writes', () => {
      it('writes all of 25 at once', async () => {
        await store.write(Array.from({ length: 25 }, (_, index) => write(`s${index}`, 0, { index })));
        const records = await allPages((page) => store.query(partition, '', page), { limit: 200 });
        expect(records).toHaveLength(25);
      });

      it('writes nothing when one condition fails', async () => {
        await store.write([write('b', 0, { n: 1 })]);
        await expect(store.write([write('a', 0, { n: 1 }), write('b', 0, { n: 2 }), write('c', 0, { n: 1 })])).rejects.toBeInstanceOf(RecordConflictError);
        expect(await store.get(key('a'))).toBeUndefined();
        expect(await store.get(key('c'))).toBeUndefined();
        expect((await store.get(key('b')))?.body).toEqual({ n: 1 });
      });

      it.each([
        ['no write', () => []],
        ['26 writes', () => Array.from({ length: 26 }, (_, index) => write(`s${index}`, 0, {}))],
        ['one record twice', () => [write('a', 0, { n: 1 }), write('a', 1, { n: 2 })]],
        ['an empty key', () => [write('', 0, {})]],
        ['a body of more than 350 KB', () => [write('a', 0, { text: 'x'.repeat(350 * 1024) })]],
        ['a body of more than 350 KB in UTF-8 only', () => [write('a', 0, { text: '€'.repeat(130_000) })]],
        ['more than 3.5 MB together', () => Array.from({ length: 11 }, (_, index) => write(`s${index}`, 0, { text: 'x'.repeat(330_000) }))],
        ['a number that JSON does not know', () => [write('a', 0, { ratio: Number.NaN })]],
        ['a number that is not exact', () => [write('a', 0, { big: 2 ** 60 })]],
        ['no body', () => [write('a', 0, undefined)]],
        ['half a version', () => [write('a', 0.5, {})]],
      ])('refuses %s for good', async (_, writes) => {
        const attempt = store.write(writes());
        await expect(attempt).rejects.toBeInstanceOf(PermanentError);
        await expect(attempt).rejects.not.toBeInstanceOf(RecordConflictError);
        expect(await store.get(key('a'))).toBeUndefined();
      });

      it('takes a body of just under 350 KB', async () => {
        await store.write([write('a', 0, { text: 'x'.repeat(350 * 1024 - 20) })]);
        expect((await store.get(key('a')))?.version).toBe(1);
      });
    });

    describe('expiry', () => {
      const expiresAt = '2026-11-21T10:00:00.000Z';

      it('hides an expired record from every reader, to the second', async () => {
        await store.write([write('a', 0, { n: 1 }, { expiresAt, listing: { list: `${partition}#list`, order: '1' } })]);
        clock.set('2026-11-21T09:59:59.999Z');
        expect((await store.get(key('a')))?.expiresAt).toBe(expiresAt);
        expect((await store.query(partition, '', { limit: 10 })).records).toHaveLength(1);
        clock.set(expiresAt);
        expect(await store.get(key('a'))).toBeUndefined();
        expect((await store.query(partition, '', { limit: 10 })).records).toEqual([]);
        expect((await store.list(`${partition}#list`, { limit: 10 })).records).toEqual([]);
      });

      it('lets an expired record be created anew, from version 1', async () => {
        await store.write([write('a', 0, { n: 1 }, { expiresAt })]);
        await store.write([write('a', 1, { n: 2 }, { expiresAt })]);
        await expect(store.write([write('a', 0, { n: 3 })])).rejects.toBeInstanceOf(RecordConflictError);
        clock.set(expiresAt);
        await store.write([write('a', 0, { n: 3 })]);
        expect(await store.get(key('a'))).toEqual({ key: key('a'), version: 1, body: { n: 3 } });
      });

      it('refuses to go on from a version that has expired, cleaned up or not', async () => {
        await store.write([write('a', 0, { n: 1 }, { expiresAt })]);
        clock.set(expiresAt);
        await expect(store.write([write('a', 1, { n: 2 })])).rejects.toBeInstanceOf(RecordConflictError);
      });

      it('forgets the expiry when it is written without one', async () => {
        await store.write([write('a', 0, { n: 1 }, { expiresAt })]);
        await store.write([write('a', 1, { n: 2 })]);
        clock.set('2027-11-21T10:00:00.000Z');
        expect((await store.get(key('a')))?.body).toEqual({ n: 2 });
      });
    });

    describe('pages', () => {
      it('gives the records of one partition in the order of their sort keys', async () => {
        // By UTF-8 bytes: capitals first, then letters, then what is beyond ASCII; 😀 after U+FFFD.
        const sorts = ['b', 'a', 'a#2', 'a#10', 'B', 'ä', '\uFFFD', '😀'];
        await store.write(sorts.map((sort) => write(sort, 0, {})));
        await store.write([{ key: { partition: `${partition}-neighbour`, sort: 'a' }, expectedVersion: 0, body: {} }]);
        const records = await allPages((page) => store.query(partition, '', page), { limit: 3 });
        expect(sortsOf(records)).toEqual(['B', 'a', 'a#10', 'a#2', 'b', 'ä', '\uFFFD', '😀']);
        const newest = await allPages((page) => store.query(partition, '', page), { limit: 3, newestFirst: true });
        expect(sortsOf(newest)).toEqual(sortsOf(records).toReversed());
      });

      it('gives only what begins with the prefix', async () => {
        await store.write(['a#1', 'a#2', 'ab', 'b'].map((sort) => write(sort, 0, {})));
        expect(sortsOf(await allPages((page) => store.query(partition, 'a#', page), { limit: 1 }))).toEqual(['a#1', 'a#2']);
        expect(await allPages((page) => store.query(partition, 'c', page), { limit: 10 })).toEqual([]);
      });

      it('goes on past records that have expired', async () => {
        const expiresAt = '2026-11-21T10:00:00.000Z';
        await store.write(['a', 'b', 'c', 'd', 'e'].map((sort) => write(sort, 0, {}, sort === 'e' ? {} : { expiresAt })));
        clock.set(expiresAt);
        expect(sortsOf(await allPages((page) => store.query(partition, '', page), { limit: 2 }))).toEqual(['e']);
      });

      it.each([0, 201, 1.5, -1])('refuses a page of %d', async (limit) => {
        await expect(store.query(partition, '', { limit })).rejects.toBeInstanceOf(PermanentError);
        await expect(store.list(partition, { limit })).rejects.toBeInstanceOf(PermanentError);
      });

      it.each(['', 'nonsense', 'e30', '"x"'])('refuses to continue from %j, which it never gave out', async (next) => {
        await expect(store.query(partition, '', { limit: 1, next })).rejects.toBeInstanceOf(PermanentError);
      });

      it('reads more than one page of 200 with readAll', async () => {
        for (let start = 0; start < 210; start += 25) {
          const count = Math.min(25, 210 - start);
          await store.write(Array.from({ length: count }, (_, index) => write(`s${start + index}`, 0, { holders: [] })));
        }
        expect(await readAll(claims, (page) => store.query(partition, '', page))).toHaveLength(210);
      });
    });

    describe('lists', () => {
      it('gives the records on a list in its order, whatever their partition', async () => {
        await store.write([onList('a', '3'), onList('b', '1'), onList('c', '2'), write('d', 0, {})]);
        const elsewhere = { partition: `${partition}-elsewhere`, sort: 'z' };
        await store.write([{ key: elsewhere, expectedVersion: 0, body: {}, listing: { list: `${partition}#open`, order: '4' } }]);
        expect(await listed()).toEqual(['b', 'c', 'a', 'z']);
        expect(await listed('open', true)).toEqual(['z', 'a', 'c', 'b']);
      });

      it('gives the whole record', async () => {
        const listing = { list: `${partition}#open`, order: '1' };
        await store.write([write('a', 0, { n: 1 }, { listing, expiresAt: '2026-11-22T09:00:00.000Z' })]);
        const stored = { key: key('a'), version: 1, body: { n: 1 }, listing, expiresAt: '2026-11-22T09:00:00.000Z' };
        expect((await store.list(listing.list, { limit: 5 })).records).toEqual([stored]);
        expect(await store.get(key('a'))).toEqual(stored);
      });

      it('moves a record to another list, to another place, and off all lists', async () => {
        await store.write([onList('a', '1'), onList('b', '2')]);
        await store.write([write('a', 1, {}, { listing: { list: `${partition}#open`, order: '3' } })]);
        expect(await listed()).toEqual(['b', 'a']);
        await store.write([write('a', 2, {}, { listing: { list: `${partition}#closed`, order: '1' } })]);
        expect(await listed()).toEqual(['b']);
        expect(await listed('closed')).toEqual(['a']);
        await store.write([write('a', 3, {})]);
        expect(await listed('closed')).toEqual([]);
        expect((await store.get(key('a')))?.listing).toBeUndefined();
      });
    });

    describe('many writers', () => {
      it('admits exactly the cap of 5 among 50 parallel claims', async () => {
        const stores = [store, create().other ?? store];
        const claim = (id: string, index: number) =>
          updateRecord(stores[index % 2] ?? store, claims, key('claims'), (body) => {
            const holders = body?.holders ?? [];
            return holders.length >= 5 ? body : { holders: [...holders, id] };
          });
        const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => claim(`claim-${index}`, index)));
        const winners = answers.flatMap(({ written }, index) => (written ? [`claim-${index}`] : []));
        const stored = await readRecord(store, claims, key('claims'));
        expect(winners).toHaveLength(5);
        expect(stored?.body.holders.toSorted()).toEqual(winners.toSorted());
        expect(stored?.version).toBe(5);
      });

      it('lets exactly one of 20 parallel creators create', async () => {
        const created = await Promise.all(Array.from({ length: 20 }, () => createRecord(store, claims, key('one'), { holders: [] })));
        expect(created.filter(Boolean)).toHaveLength(1);
      });

      it('lets exactly one of 20 overlapping transactions through', async () => {
        const attempts = Array.from({ length: 20 }, (_, index) => store.write([write('shared', 0, { index }), write(`own-${index}`, 0, { index })]));
        const outcomes = await Promise.allSettled(attempts);
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        const rest = await allPages((page) => store.query(partition, 'own-', page), { limit: 50 });
        expect(rest).toHaveLength(1);
      });
    });

    describe('re-delivery', () => {
      it('leaves after any duplicates and any order what one delivery of each leaves', async () => {
        let run = 0;
        const deliveries = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 12 });
        const property = fc.asyncProperty(deliveries, async (ids) => {
          run += 1;
          const place = key(`re-delivery-${run}`);
          const deliver = (id: string) =>
            updateRecord(store, claims, place, (body) => {
              if (body?.holders.includes(id) === true) return body;
              return { holders: [...(body?.holders ?? []), id].toSorted() };
            });
          for (const id of ids) await deliver(id);
          await Promise.all(ids.map(deliver));
          const stored = await readRecord(store, claims, place);
          const distinct = [...new Set(ids)].toSorted();
          expect(stored?.body.holders).toEqual(distinct);
          expect(stored?.version).toBe(distinct.length);
        });
        await fc.assert(property, { numRuns: options.propertyRuns });
      });

      it('agrees with a plain map under any sequence of writes', async () => {
        let run = 0;
        const steps = fc.array(fc.record({ sort: fc.constantFrom('x', 'y'), expectedVersion: fc.nat({ max: 4 }) }), { maxLength: 15 });
        const property = fc.asyncProperty(steps, async (writes) => {
          run += 1;
          const model = new Map<string, number>();
          for (const { sort, expectedVersion } of writes) {
            const fits = (model.get(sort) ?? 0) === expectedVersion;
            const attempt = store.write([write(`model-${run}-${sort}`, expectedVersion, { expectedVersion })]);
            if (fits) await expect(attempt).resolves.toBeUndefined();
            else await expect(attempt).rejects.toBeInstanceOf(RecordConflictError);
            if (fits) model.set(sort, expectedVersion + 1);
          }
          for (const sort of ['x', 'y']) expect((await store.get(key(`model-${run}-${sort}`)))?.version).toBe(model.get(sort));
        });
        await fc.assert(property, { numRuns: options.propertyRuns });
      });
    });
  });
}
