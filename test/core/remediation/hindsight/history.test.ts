import { describe, expect, it } from 'vitest';
import { keys, partitions } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import type { RecordStore } from '../../../../core/records/store.ts';
import { listRemediations, pastRecoverySeconds } from '../../../../core/remediation/hindsight/history.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { NOW, remediationOf } from '../builders.ts';
import { testScope } from '../world.ts';

type Query = Parameters<RecordStore['query']>;

const withQuery = (store: RecordStore, query: RecordStore['query']): RecordStore => ({
  get: (key) => store.get(key),
  write: (writes) => store.write(writes),
  list: (...words) => store.list(...words),
  query,
});

/** A store with these remediations that writes down how it was asked. */
async function storeOf(remediations: readonly Remediation[]): Promise<{ readonly store: RecordStore; readonly asked: Query[] }> {
  const store = new MemoryRecordStore(new VirtualClock(NOW));
  for (const remediation of remediations) await createRecord(store, remediationType, keys.remediation(testScope, remediation.id), remediation);
  const asked: Query[] = [];
  const query = (...words: Query) => {
    asked.push(words);
    return store.query(...words);
  };
  return { store: withQuery(store, query), asked };
}

const many = (count: number): readonly Remediation[] =>
  Array.from({ length: count }, (_, index) => remediationOf({ id: `rem-${String(index + 1).padStart(4, '0')}` }));
const idsOf = (remediations: readonly Remediation[]): readonly string[] => remediations.map(({ id }) => id);

describe('the list of remediations', () => {
  it('has the newest first, and no more than the newest 200 where nobody says how many', async () => {
    const { store, asked } = await storeOf(many(205));
    const listed = await listRemediations(store, testScope);
    expect([listed.length, listed[0]?.id, listed.at(-1)?.id]).toEqual([200, 'rem-0205', 'rem-0006']);
    expect(asked).toEqual([[partitions.remediations(testScope), 'rem-', { limit: 200, newestFirst: true }]]);
  });

  it('has as many as are asked for, page by page', async () => {
    const { store, asked } = await storeOf(many(205));
    const listed = await listRemediations(store, testScope, 203);
    expect([listed.length, listed[0]?.id, listed.at(-1)?.id]).toEqual([203, 'rem-0205', 'rem-0003']);
    expect(new Set(idsOf(listed)).size).toBe(203);
    expect(asked.map(([, , { limit, newestFirst }]) => [limit, newestFirst])).toEqual([
      [200, true],
      [3, true],
    ]);
  });

  it('ends where there are no more', async () => {
    const { store } = await storeOf(many(3));
    expect(idsOf(await listRemediations(store, testScope, 1000))).toEqual(['rem-0003', 'rem-0002', 'rem-0001']);
    expect(await listRemediations((await storeOf([])).store, testScope)).toEqual([]);
  });

  it('asks no more of a store that gives short pages than it was asked for', async () => {
    const { store } = await storeOf(many(5));
    const limits: number[] = [];
    const short: RecordStore['query'] = (partition, prefix, page) => {
      limits.push(page.limit);
      return store.query(partition, prefix, { ...page, limit: Math.min(2, page.limit) });
    };
    expect(idsOf(await listRemediations(withQuery(store, short), testScope, 4))).toEqual(['rem-0005', 'rem-0004', 'rem-0003', 'rem-0002']);
    expect(limits).toEqual([4, 2]);
  });
});

describe('past recovery times of a system', () => {
  it('are those of its successful repairs that were measured, newest first; drills do not count', async () => {
    const measured = { state: 'succeeded', recoverySeconds: 100 } as const;
    const { store } = await storeOf([
      remediationOf({ id: 'rem-1' }, measured),
      remediationOf({ id: 'rem-2' }, { ...measured, recoverySeconds: 200 }),
      remediationOf({ id: 'rem-3' }, { ...measured, isDrill: true }),
      remediationOf({ id: 'rem-4' }, { ...measured, system: 'billing' }),
      remediationOf({ id: 'rem-5' }, { ...measured, state: 'failed' }),
      remediationOf({ id: 'rem-6' }, { state: 'succeeded' }),
    ]);
    expect(await pastRecoverySeconds(store, testScope, 'shop-web')).toEqual([200, 100]);
  });
});
