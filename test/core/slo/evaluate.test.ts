import { describe, expect, it } from 'vitest';
import { type CompiledCatalog, compiledCatalogSchema } from '../../../core/catalog/schema.ts';
import { addSeconds, type Timestamp } from '../../../core/environment/time.ts';
import { incidentType } from '../../../core/incidents/record.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord, parseRecord, readRecord } from '../../../core/records/record-type.ts';
import { RecordConflictError, type RecordWrite } from '../../../core/records/store.ts';
import { type EvaluatePorts, evaluateBudgets, listBudgets } from '../../../core/slo/evaluate.ts';
import type { MetricPoint, MetricQuery, MetricReader } from '../../../core/slo/ports.ts';
import { objectiveDayType } from '../../../core/slo/state.ts';
import { CollectingLog, VirtualClock } from '../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../sim/memory-record-store.ts';
import { hasher, incidentOf, opening, scope } from '../incidents/world.ts';

function metric(name: string) {
  return { metricSource: { type: 'CloudWatch', spec: { namespace: 'Shop', metric: name, statistic: 'Sum' } } };
}

function objectiveDocument(change: object = {}) {
  return {
    apiVersion: 'openslo/v1',
    kind: 'SLO',
    metadata: { name: 'shop-web-availability' },
    spec: {
      service: 'shop-web',
      indicator: { spec: { ratioMetric: { good: metric('Good'), total: metric('Total') } } },
      timeWindow: [{ duration: '30d', isRolling: true }],
      budgetingMethod: 'Timeslices',
      objectives: [{ targetPercent: 99.9, timeSliceTarget: 0.99, timeSliceWindow: '60s' }],
      ...change,
    },
  };
}

function catalogOf(...objectives: readonly object[]): CompiledCatalog {
  const provenance = { hash: 'a'.repeat(64), commit: null, dirty: false };
  return compiledCatalogSchema.parse({ formatVersion: 1, systems: [], policies: [], routes: [], services: [], objectives, provenance });
}

/** Good and total of every minute, as CloudWatch would answer. */
class FakeMetrics implements MetricReader {
  readonly minutes = new Map<Timestamp, { good: number; total: number }>();
  readonly reads: number[] = [];

  put(minute: Timestamp, good: number, total: number): void {
    this.minutes.set(minute, { good, total });
  }

  read(queries: readonly MetricQuery[], from: Timestamp, to: Timestamp): Promise<ReadonlyMap<string, readonly MetricPoint[]>> {
    this.reads.push(queries.length);
    const inside = [...this.minutes].filter(([at]) => at >= from && at < to).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return Promise.resolve(
      new Map(queries.map(({ id, metric: name }) => [id, inside.map(([at, { good, total }]) => ({ at, value: name === 'Good' ? good : total }))])),
    );
  }
}

class CountingStore extends MemoryRecordStore {
  readonly writes: (readonly RecordWrite[])[] = [];
  conflicts = 0;

  override async write(writes: readonly RecordWrite[]): Promise<void> {
    if (this.conflicts > 0) {
      this.conflicts -= 1;
      throw new RecordConflictError('somebody was faster');
    }
    await super.write(writes);
    this.writes.push(writes);
  }
}

function createWorld() {
  const clock = new VirtualClock(addSeconds(opening, 300));
  const store = new CountingStore(clock);
  const metrics = new FakeMetrics();
  const ports: EvaluatePorts = { store, scope, clock, hasher, log: new CollectingLog(), metrics };
  for (let offset = -5; offset < 5; offset += 1) metrics.put(addSeconds(opening, offset * 60), 1200, 1200);
  return { clock, store, metrics, ports, catalog: catalogOf(objectiveDocument()) };
}

describe('evaluateBudgets', () => {
  it('charges bad minutes only, and writes nothing when nothing is new', async () => {
    const { ports, store, metrics, catalog } = createWorld();
    metrics.put(addSeconds(opening, 60), 1187, 1200);
    metrics.put(addSeconds(opening, 120), 1188, 1200);
    expect(await evaluateBudgets(ports, catalog)).toEqual({ evaluated: 1, written: 1, problems: [] });
    expect(await listBudgets(store, scope)).toEqual([
      {
        objective: 'shop-web-availability',
        system: 'shop-web',
        budgetSeconds: 2592,
        consumedSeconds: 60,
        remainingRatio: 42.2 / 43.2,
        sli: 43_199 / 43_200,
        at: addSeconds(opening, 300),
      },
    ]);
    expect(await evaluateBudgets(ports, catalog)).toEqual({ evaluated: 1, written: 0, problems: [] });
    expect(store.writes).toHaveLength(1);
  });

  it('corrects a minute when late data arrives', async () => {
    const { ports, store, metrics, catalog, clock } = createWorld();
    metrics.put(addSeconds(opening, 60), 0, 1200);
    await evaluateBudgets(ports, catalog);
    metrics.put(addSeconds(opening, 60), 1200, 1200);
    clock.advance(60);
    await evaluateBudgets(ports, catalog);
    expect(await listBudgets(store, scope)).toMatchObject([{ consumedSeconds: 0, remainingRatio: 1 }]);
  });

  it('attributes an incident the bad minutes it overlaps, and takes them back when they are corrected', async () => {
    const { ports, store, metrics, catalog, clock } = createWorld();
    const incident = incidentOf();
    await createRecord(store, incidentType, keys.incident(scope, incident.id), incident);
    for (const offset of [-1, 0, 1, 2]) metrics.put(addSeconds(opening, offset * 60), 600, 1200);
    await evaluateBudgets(ports, catalog);
    const shareOf = async () => (await readRecord(store, incidentType, keys.incident(scope, incident.id)))?.body.budgetShare;
    expect(await shareOf()).toEqual({ objective: 'shop-web-availability', badSeconds: 180, share: 180 / 2592 });
    metrics.put(addSeconds(opening, 120), 1200, 1200);
    clock.advance(60);
    await evaluateBudgets(ports, catalog);
    expect(await shareOf()).toMatchObject({ badSeconds: 120 });
  });

  it('keeps bad minutes for the whole window in day records and lets them go one by one', async () => {
    const { ports, store, metrics, clock } = createWorld();
    const catalog = catalogOf(objectiveDocument({ timeWindow: [{ duration: '1d', isRolling: true }] }));
    metrics.put(addSeconds(opening, 60), 0, 1200);
    metrics.put(addSeconds(opening, 120), 0, 1200);
    await evaluateBudgets(ports, catalog);
    const consumed: number[] = [];
    for (const seconds of [7200, 86_400 + 59, 86_400 + 60, 86_400 + 120]) {
      clock.set(addSeconds(opening, seconds));
      // Something new each time, because an evaluation that learns nothing writes nothing.
      metrics.put(addSeconds(opening, Math.floor(seconds / 60) * 60 - 60), 1200, 1200);
      await evaluateBudgets(ports, catalog);
      consumed.push((await listBudgets(store, scope))[0]?.consumedSeconds ?? -1);
    }
    const [page] = (await store.query(keys.objectiveDay(scope, 'shop-web-availability', 'x').partition, '', { limit: 10 })).records;
    expect(page === undefined ? undefined : parseRecord(objectiveDayType, page).body.marks).toBe('535-6g2b2g114-1g780-');
    expect(consumed).toEqual([120, 120, 60, 0]);
  });

  it('reads again when somebody else was faster', async () => {
    const { ports, store, catalog } = createWorld();
    store.conflicts = 3;
    expect(await evaluateBudgets(ports, catalog)).toMatchObject({ written: 1 });
    const fresh = createWorld();
    fresh.store.conflicts = 100;
    await expect(evaluateBudgets(fresh.ports, fresh.catalog)).rejects.toThrow('changed 12 times');
  });

  it('says what it does not evaluate, refuses wrong readings and goes on with the others', async () => {
    const { ports, metrics } = createWorld();
    metrics.put(addSeconds(opening, 60), 1300, 1200);
    const calendar = {
      ...objectiveDocument({ timeWindow: [{ duration: '1M', calendar: { startTime: '2026-01-01 00:00:00', timeZone: 'UTC' } }] }),
      metadata: { name: 'monthly' },
    };
    const summary = await evaluateBudgets(ports, catalogOf(calendar, objectiveDocument()));
    expect(summary).toMatchObject({ evaluated: 1, written: 1 });
    expect(summary.problems).toEqual(['monthly: calendar windows are not evaluated by this version', expect.stringContaining('more good than there were')]);
  });
});
