import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { type CompiledCatalog, compiledCatalogSchema } from '../../../core/catalog/schema.ts';
import { addSeconds, type Timestamp } from '../../../core/environment/time.ts';
import { incidentType } from '../../../core/incidents/record.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord, parseRecord, readRecord } from '../../../core/records/record-type.ts';
import { type PageRequest, RecordConflictError, type RecordKey, type RecordPage, type RecordWrite, type StoredRecord } from '../../../core/records/store.ts';
import type { SignalQueue } from '../../../core/signals/ports.ts';
import { type EvaluatePorts, evaluateBudgets, listBudgets } from '../../../core/slo/evaluate.ts';
import type { MetricPoint, MetricQuery, MetricReader } from '../../../core/slo/reading/ports.ts';
import { objectiveDayType } from '../../../core/slo/kept/state.ts';
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

const bytesOf = (value: unknown): number => JSON.stringify(value).length;

/**
 * What DynamoDB would charge: a write unit a KB, twice that in a transaction; a read unit for 4 KB of a strongly consistent get or page
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html).
 */
class CountingStore extends MemoryRecordStore {
  readonly writes: (readonly RecordWrite[])[] = [];
  conflicts = 0;
  readUnits = 0;
  writeUnits = 0;

  writesOf(collection: string): readonly (readonly RecordWrite[])[] {
    return this.writes.filter((writes) => writes.some(({ key }) => `${key.partition}#`.includes(`#${collection}#`)));
  }

  override async get(key: RecordKey): Promise<StoredRecord | undefined> {
    const found = await super.get(key);
    this.readUnits += Math.max(1, Math.ceil((found === undefined ? 0 : bytesOf(found)) / 4096));
    return found;
  }

  override async query(partition: string, prefix: string, page: PageRequest): Promise<RecordPage> {
    const found = await super.query(partition, prefix, page);
    this.readUnits += Math.max(1, Math.ceil(found.records.reduce((sum, record) => sum + bytesOf(record), 0) / 4096));
    return found;
  }

  override async write(writes: readonly RecordWrite[]): Promise<void> {
    if (this.conflicts > 0) {
      this.conflicts -= 1;
      throw new RecordConflictError('somebody was faster');
    }
    await super.write(writes);
    this.writes.push(writes);
    const units = writes.reduce((sum, write) => sum + Math.ceil(bytesOf(write) / 1024), 0);
    this.writeUnits += writes.length === 1 ? units : units * 2;
  }
}

function createWorld() {
  const clock = new VirtualClock(addSeconds(opening, 300));
  const store = new CountingStore(clock);
  const metrics = new FakeMetrics();
  const sent: string[] = [];
  const queue: SignalQueue = { send: (messages) => (sent.push(...messages.map(({ body }) => body)), Promise.resolve([])) };
  const ports: EvaluatePorts = { store, scope, clock, hasher, log: new CollectingLog(), metrics, queue };
  for (let offset = -5; offset < 5; offset += 1) metrics.put(addSeconds(opening, offset * 60), 1200, 1200);
  return { clock, store, metrics, ports, sent, catalog: catalogOf(objectiveDocument()) };
}

const eventSchema = z.object({
  id: z.string(),
  'detail-type': z.string(),
  time: z.string(),
  detail: z.object({ system: z.string(), objective: z.string(), severity: z.optional(z.string()), alert: z.optional(z.string()), reason: z.string() }),
});

const eventsOf = (sent: readonly string[]) => sent.map((text) => eventSchema.parse(JSON.parse(text)));

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
        validUntil: addSeconds(opening, 300 + 30 * 86_400),
      },
    ]);
    // What was read with the page that it raised, and the note that the page was sent.
    expect(store.writesOf('slo')).toHaveLength(2);
    expect(await evaluateBudgets(ports, catalog)).toEqual({ evaluated: 1, written: 0, problems: [] });
    expect(store.writesOf('slo')).toHaveLength(2);
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
    const composite = {
      ...objectiveDocument(),
      metadata: { name: 'counter' },
      spec: { ...objectiveDocument().spec, indicator: { spec: { ratioMetric: { counter: true, good: metric('Good'), total: metric('Total') } } } },
    };
    const summary = await evaluateBudgets(ports, catalogOf(calendar, objectiveDocument(), composite));
    expect(summary).toMatchObject({ evaluated: 2, written: 2 });
    expect(summary.problems).toEqual([
      expect.stringContaining('counter: a counter that only rises is not read'),
      expect.stringContaining('more good than there were'),
      expect.stringContaining('more good than there were'),
    ]);
  });

  it('reads what several objectives need once, and 500 metrics a call', async () => {
    const { ports, metrics } = createWorld();
    const documents = Array.from({ length: 300 }, (_, index) => {
      const own = { spec: { ratioMetric: { good: metric(`Good${index}`), total: metric(`Total${index}`) } } };
      return { ...objectiveDocument({ indicator: own }), metadata: { name: `objective-${index}` } };
    });
    const same = Array.from({ length: 200 }, (_, index) => ({ ...objectiveDocument(), metadata: { name: `same-${index}` } }));
    await evaluateBudgets(ports, catalogOf(...documents, ...same));
    expect(metrics.reads).toEqual([500, 102]);
  });

  it('says once that metrics give nothing, and evaluates on', async () => {
    const { ports, metrics, catalog, clock } = createWorld();
    metrics.minutes.clear();
    expect((await evaluateBudgets(ports, catalog)).problems).toEqual([expect.stringContaining('gave nothing for 15 minutes')]);
    clock.advance(60);
    expect((await evaluateBudgets(ports, catalog)).problems).toEqual([]);
  });

  it('reads what it missed after an interruption, at most three hours', async () => {
    const { ports, metrics, store, catalog, clock } = createWorld();
    await evaluateBudgets(ports, catalog);
    metrics.put(addSeconds(opening, 600), 0, 1200);
    clock.advance(7200);
    await evaluateBudgets(ports, catalog);
    expect(await listBudgets(store, scope)).toMatchObject([{ consumedSeconds: 60 }]);
  });

  it('gives budget back without a reading, and stops showing what left the catalog', async () => {
    const { ports, metrics, store, catalog, clock } = createWorld();
    for (let minute = 0; minute < 5; minute += 1) metrics.put(addSeconds(opening, minute * 60), 0, 1200);
    await evaluateBudgets(ports, catalog);
    expect(await listBudgets(store, scope)).toMatchObject([{ consumedSeconds: 300 }]);
    clock.set(addSeconds(opening, 30 * 86_400 + 130));
    await evaluateBudgets(ports, catalog);
    expect(await listBudgets(store, scope)).toMatchObject([{ consumedSeconds: 120 }]);
    await evaluateBudgets(ports, catalogOf());
    expect(await listBudgets(store, scope)).toEqual([]);
    await evaluateBudgets(ports, catalog);
    expect(await listBudgets(store, scope)).toMatchObject([{ consumedSeconds: 120 }]);
  });

  it('costs at most 4 read and 4 write units an objective and minute, whatever the window, and an hour once more (design section 8)', async () => {
    const { ports, metrics, store, clock } = createWorld();
    const catalog = catalogOf(objectiveDocument({ timeWindow: [{ duration: '90d', isRolling: true }] }));
    const cached = { ...ports, cache: new Map() };
    clock.set(addSeconds(opening, -600));
    const minutes: { readonly reads: number; readonly writes: number; readonly isSealing: boolean }[] = [];
    for (let minute = 0; minute < 420; minute += 1) {
      clock.advance(60);
      const now = clock.now();
      metrics.minutes.delete(addSeconds(now, -3 * 3600));
      metrics.put(addSeconds(now, -60), 1_234_567 + (minute % 97), 1_240_000 + (minute % 89));
      const [reads, writes, seals] = [store.readUnits, store.writeUnits, store.writesOf('slo-hour').length];
      await evaluateBudgets(cached, catalog);
      // One unit of the run itself, however many objectives it has.
      minutes.push({ reads: store.readUnits - reads - 1, writes: store.writeUnits - writes - 1, isSealing: store.writesOf('slo-hour').length > seals });
    }
    const usual = minutes.slice(120).filter(({ isSealing }) => !isSealing);
    expect(Math.max(...usual.map(({ writes }) => writes))).toBeLessThanOrEqual(4);
    // Once an hour the windows begin in other hours, whose readings are read.
    expect(usual.filter(({ reads }) => reads > 4).length).toBeLessThanOrEqual(usual.length / 60 + 1);
    expect(Math.max(...minutes.map(({ writes }) => writes))).toBeLessThanOrEqual(16);
    const average = (of: (one: (typeof minutes)[number]) => number) => minutes.slice(120).reduce((sum, one) => sum + of(one), 0) / (minutes.length - 120);
    expect(average(({ writes }) => writes)).toBeLessThanOrEqual(4);
    expect(average(({ reads }) => reads)).toBeLessThanOrEqual(4);
  });
});

describe('alerts', () => {
  it('page when the budget burns fast, and say when it is over', async () => {
    const { ports, metrics, catalog, clock, sent } = createWorld();
    for (let minute = -5; minute < 5; minute += 1) metrics.put(addSeconds(opening, minute * 60), 0, 1200);
    await evaluateBudgets(ports, catalog);
    expect(eventsOf(sent)).toMatchObject([
      {
        'detail-type': 'Budget Burning',
        time: clock.now(),
        detail: {
          system: 'shop-web',
          objective: 'shop-web-availability',
          severity: 'page',
          reason: expect.stringMatching(/the month's 43 minutes .* gone on/) as unknown,
        },
      },
    ]);
    clock.advance(60);
    await evaluateBudgets(ports, catalog);
    expect(sent).toHaveLength(1);
    clock.set(addSeconds(opening, 4 * 86_400));
    await evaluateBudgets(ports, catalog);
    expect(eventsOf(sent.slice(1))).toMatchObject([{ 'detail-type': 'Budget Recovered', time: clock.now() }]);
  });

  it('say that little is left before nothing is, and when enough is left again', async () => {
    const { ports, metrics, clock, sent } = createWorld();
    // 11.52 minutes of two days may be bad: 11 leave less than a tenth.
    const small = catalogOf(
      objectiveDocument({
        timeWindow: [{ duration: '2d', isRolling: true }],
        objectives: [{ targetPercent: 99.6, timeSliceTarget: 0.99, timeSliceWindow: '60s' }],
      }),
    );
    for (let minute = -8; minute < 3; minute += 1) metrics.put(addSeconds(opening, minute * 60), 0, 1200);
    await evaluateBudgets(ports, small);
    const low = eventsOf(sent).find((event) => event['detail-type'] === 'Budget Low');
    expect(low?.detail).toEqual({
      system: 'shop-web',
      objective: 'shop-web-availability',
      reason: expect.stringMatching(/^4\.5 % of the 11 minutes of 2 d are left\. At the pace of the last hour .* gone on/) as unknown,
    });
    const told = sent.length;
    clock.set(addSeconds(opening, 2 * 86_400 + 3600));
    await evaluateBudgets(ports, small);
    expect(
      eventsOf(sent)
        .slice(told)
        .map(({ detail, ...event }) => [event['detail-type'], detail.alert, detail.reason]),
    ).toContainEqual(['Budget Recovered', 'low', '100 % of the budget are left']);
  });

  it('say that nothing is left, and when that is over', async () => {
    const { ports, metrics, catalog, clock, sent } = createWorld();
    const small = catalogOf(
      objectiveDocument({
        timeWindow: [{ duration: '2d', isRolling: true }],
        objectives: [{ targetPercent: 99.9, timeSliceTarget: 0.99, timeSliceWindow: '60s' }],
      }),
    );
    for (const minute of [0, 1]) metrics.put(addSeconds(opening, minute * 60), 0, 1200);
    metrics.put(addSeconds(opening, 120), 0, 1200);
    await evaluateBudgets(ports, small);
    expect(eventsOf(sent).map((event) => event['detail-type'])).toEqual(['Budget Burning', 'Budget Exhausted']);
    clock.set(addSeconds(opening, 2 * 86_400 + 30));
    await evaluateBudgets(ports, small);
    clock.set(addSeconds(opening, 2 * 86_400 + 3600));
    await evaluateBudgets(ports, small);
    expect(
      eventsOf(sent)
        .slice(2)
        .map(({ detail, ...event }) => [event['detail-type'], detail.alert]),
    ).toEqual([
      ['Budget Recovered', undefined],
      ['Budget Recovered', 'spent'],
    ]);
    expect(catalog.objectives).toHaveLength(1);
  });

  it('are sent again as the same event when the queue, or the note that they were sent, failed', async () => {
    const { ports, metrics, catalog, clock, sent } = createWorld();
    for (let minute = -5; minute < 5; minute += 1) metrics.put(addSeconds(opening, minute * 60), 0, 1200);
    const refusing: SignalQueue = {
      send: (messages) => (sent.push(...messages.map(({ body }) => body)), Promise.resolve([{ index: 0, reason: 'busy', isRetryable: true }])),
    };
    await expect(evaluateBudgets({ ...ports, queue: refusing }, catalog)).rejects.toThrow('the next evaluation sends them again');
    clock.advance(60);
    await evaluateBudgets(ports, catalog);
    const [first, second, ...more] = eventsOf(sent);
    expect(more).toEqual([]);
    expect([second?.id, second?.time]).toEqual([first?.id, first?.time]);
  });
});
