import { describe, expect, it } from 'vitest';
import { compiledCatalogSchema } from '../../../../core/catalog/schema.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { evaluateBudgets, listBudgets } from '../../../../core/slo/evaluate.ts';
import { type MeasuredObjective, listBudgetHeads, measuredObjectives, readBudgetHistory } from '../../../../core/slo/kept/history.ts';
import { CollectingLog, VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { hasher, scope } from '../../incidents/world.ts';
import { budgetCatalog } from '../budget-catalog.ts';
import { storeBudget, type StoredBudget } from '../stored-budget.ts';

const now = '2026-11-21T09:30:00.000Z';
const sealedUntil = '2026-11-21T08:00:00.000Z';
const name = 'shop-web-availability';

function objectiveOf(change: object = {}): MeasuredObjective {
  const [objective] = measuredObjectives(compiledCatalogSchema.parse(budgetCatalog(change)));
  if (objective === undefined) throw new Error('no objective');
  return objective;
}

async function worldOf(change: Partial<StoredBudget> = {}) {
  const store = new MemoryRecordStore(new VirtualClock(now));
  await storeBudget(store, scope, { objective: name, system: 'shop-web', sealedUntil, days: 40, bad: [], remainingRatio: 1, ...change });
  return { store, scope };
}

async function historyOf(change: Partial<StoredBudget>, objective = objectiveOf()) {
  const history = await readBudgetHistory(await worldOf(change), objective, now);
  if (history === undefined) throw new Error('not measured');
  return history;
}

const bad = ['2026-11-01T10:00:00.000Z', '2026-11-01T10:01:00.000Z', '2026-11-20T23:59:00.000Z', '2026-11-21T07:59:00.000Z'];

describe('readBudgetHistory, of a budget that an earlier version wrote', () => {
  it('knows nothing of what was never measured', async () => {
    expect(await readBudgetHistory({ store: new MemoryRecordStore(new VirtualClock(now)), scope }, objectiveOf(), now)).toBeUndefined();
  });

  it('gives the bad minutes of a span: after its beginning, up to its end', async () => {
    const { badMinutes, head } = await historyOf({ bad, recent: ['61:0/10@60000'] });
    expect(badMinutes('2026-11-01T10:00:00.000Z', now)).toEqual([...bad.slice(1), '2026-11-21T09:01:00.000Z']);
    expect(badMinutes('', '2026-11-20T23:59:00.000Z')).toEqual(bad.slice(0, 3));
    expect(head).toMatchObject({ objective: name, system: 'shop-web', since: addSeconds(sealedUntil, -40 * 86_400) });
  });

  it('says what is left now and was left at any moment, as the window stood then', async () => {
    const history = await historyOf({ bad });
    expect(history.budget).toMatchObject({ consumedSeconds: 240, remainingRatio: 39.2 / 43.2 });
    expect(history.remainingRatioAt('2026-11-01T09:59:59.000Z')).toBe(1);
    expect(history.remainingRatioAt('2026-11-01T10:00:00.000Z')).toBe(42.2 / 43.2);
    // 30 days later the first of them has left the window.
    expect(history.remainingRatioAt('2026-12-01T10:00:00.000Z')).toBe(40.2 / 43.2);
  });

  it('counts a day by the starts of its minutes, today until now', async () => {
    const { days } = await historyOf({ bad });
    expect(days(2)).toEqual([
      { day: '2026-11-20', badSeconds: 60, observedSeconds: 86_400, remainingRatio: 40.2 / 43.2 },
      { day: '2026-11-21', badSeconds: 60, observedSeconds: 8 * 3600, remainingRatio: 39.2 / 43.2 },
    ]);
  });

  it('burns by the last hour, six hours or days', async () => {
    const { burnRate } = await historyOf({ bad, recent: ['89:0/10@60000'] });
    // 1 of 60 minutes is 1.67 %, 16.7 times what may be bad.
    expect(burnRate(3600)).toBeCloseTo(1000 / 60, 9);
    expect(burnRate(86_400)).toBeCloseTo((3 / 1440) * 1000, 9);
  });

  it('draws the whole window in equal steps and now', async () => {
    const points = (await historyOf({ bad })).points(86_400);
    expect(points).toHaveLength(31);
    expect(points[0]).toEqual({ at: '2026-10-22T09:30:00.000Z', remainingRatio: 1 });
    expect(points.at(-1)).toEqual({ at: now, remainingRatio: 39.2 / 43.2 });
  });

  it('begins where nothing is forgotten yet: what is no longer kept would read as good', async () => {
    const quarter = objectiveOf({ timeWindow: [{ duration: '90d', isRolling: true }] });
    expect((await historyOf({ days: 93 }, quarter)).points(3600)[0]?.at).toBe(addSeconds(now, -2 * 86_400));
    expect((await historyOf({ days: 40 }, quarter)).points(86_400)[0]?.at).toBe(addSeconds(now, -90 * 86_400));
  });
});

/** Requests of every minute, every 97th of which fails, and a bad quarter of an hour. */
function trafficAt(at: string): { readonly good: number; readonly total: number } {
  const number = Date.parse(at) / 60_000;
  if (at >= '2026-11-21T02:20:00.000Z' && at < '2026-11-21T02:35:00.000Z') return { good: 50, total: 100 };
  return { good: number % 97 === 0 ? 0 : 100, total: 100 };
}

/** Evaluates every ten minutes and remembers what was left at each full hour. */
async function evaluated(spec: object) {
  const clock = new VirtualClock('2026-11-20T22:00:00.000Z');
  const store = new MemoryRecordStore(clock);
  const catalog = compiledCatalogSchema.parse(budgetCatalog(spec));
  const metrics = {
    read: async (queries: readonly { readonly id: string; readonly metric: string }[], from: string, to: string) => {
      const minutes = Array.from({ length: (Date.parse(to) - Date.parse(from)) / 60_000 }, (_, index) => addSeconds(from, index * 60));
      return new Map(queries.map(({ id, metric }) => [id, minutes.map((at) => ({ at, value: trafficAt(at)[metric === 'Good' ? 'good' : 'total'] }))]));
    },
  };
  const ports = { store, scope, clock, hasher, log: new CollectingLog(), metrics, queue: { send: async () => [] } };
  const hours = new Map<string, number>();
  for (let at = clock.now(); at <= '2026-11-21T09:30:00.000Z'; at = addSeconds(at, 600)) {
    clock.set(at);
    await evaluateBudgets(ports, catalog);
    if (at.endsWith(':00:00.000Z')) hours.set(at, (await listBudgets(store, scope))[0]?.remainingRatio ?? Number.NaN);
  }
  const [objective] = measuredObjectives(catalog);
  const history = objective === undefined ? undefined : await readBudgetHistory({ store, scope }, objective, now);
  if (history === undefined) throw new Error('not measured');
  return { history, hours, figures: (await listBudgets(store, scope))[0] };
}

const calendar = { timeWindow: [{ duration: '1M', calendar: { startTime: '2026-01-01 00:00:00', timeZone: 'Etc/UTC' } }] };

describe('readBudgetHistory', () => {
  it.each([
    ['minutes', {}],
    ['events', { budgetingMethod: 'Occurrences', objectives: [{ targetPercent: 99 }] }],
    ['shares', { budgetingMethod: 'RatioTimeslices', objectives: [{ targetPercent: 99, timeSliceWindow: '5m' }] }],
    ['minutes of a month', calendar],
  ])('says of %s what the evaluation says, now and at every hour before', async (_, spec) => {
    const { history, hours, figures } = await evaluated(spec);
    expect(history.budget.remainingRatio).toBeCloseTo(figures?.remainingRatio ?? Number.NaN, 12);
    expect(history.budget.consumedSeconds).toBeCloseTo(figures?.consumedSeconds ?? Number.NaN, 6);
    expect(history.budget.remainingRatio).toBeLessThan(1);
    for (const [at, remainingRatio] of hours) expect([at, history.remainingRatioAt(at)?.toFixed(3)]).toEqual([at, remainingRatio.toFixed(3)]);
  });

  it('knows which minutes were bad, those that are not sealed yet too', async () => {
    const { history } = await evaluated({});
    const found = history.badMinutes('2026-11-21T00:00:00.000Z', now);
    expect(found.filter((at) => at.startsWith('2026-11-21T02:'))).toHaveLength(15);
    expect(found.every((at) => trafficAt(at).good < 99)).toBe(true);
  });

  it('begins a calendar window anew and a rolling one never', async () => {
    expect((await evaluated(calendar)).history).toMatchObject({ windowStart: '2026-10-31T23:59:59.999Z', resetsAt: '2026-12-01T00:00:00.000Z' });
    expect((await evaluated({})).history).not.toHaveProperty('resetsAt');
  });
});

describe('listBudgetHeads', () => {
  it('lists what was measured, declared or not', async () => {
    expect(await listBudgetHeads(await worldOf({ remainingRatio: 0.25 }))).toMatchObject([{ objective: name, remainingRatio: 0.25, at: sealedUntil }]);
  });
});
