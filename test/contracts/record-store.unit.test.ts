import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../sim/memory-record-store.ts';
import { describeRecordStore } from './record-store.contract.ts';

const clock = new VirtualClock();
const shared = new MemoryRecordStore(clock);

describeRecordStore('MemoryRecordStore', () => ({ store: shared, clock }), { propertyRuns: 200 });

describe('MemoryRecordStore', () => {
  it('can let its lists lag behind writes, as real indexes do', async () => {
    const lagging = new VirtualClock();
    const store = new MemoryRecordStore(lagging, { listLagSeconds: 2 });
    await store.write([{ key: { partition: 'p', sort: 's' }, expectedVersion: 0, body: {}, listing: { list: 'open', order: '1' } }]);
    expect((await store.list('open', { limit: 5 })).records).toEqual([]);
    expect((await store.query('p', '', { limit: 5 })).records).toHaveLength(1);
    lagging.advance(2);
    expect((await store.list('open', { limit: 5 })).records).toHaveLength(1);
  });

  it('shows everything it holds, for invariants', async () => {
    const store = new MemoryRecordStore(clock);
    await store.write([
      { key: { partition: 'p', sort: 's' }, expectedVersion: 0, body: { n: 1 } },
      { key: { partition: 'q', sort: 's' }, expectedVersion: 0, body: { n: 2 } },
    ]);
    expect(store.snapshot().map(({ body }) => body)).toEqual([{ n: 1 }, { n: 2 }]);
  });
});
