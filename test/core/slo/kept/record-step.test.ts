import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateLedger } from '../../../../core/slo/evaluation/evaluate-points.ts';
import type { LedgerEntry, Sample } from '../../../../core/slo/evaluation/ledger.ts';
import { enterInLedger, readLedger } from '../../../../core/slo/kept/ledger-book.ts';
import { keys, partitions } from '../../../../core/records/keys.ts';
import { readRecord } from '../../../../core/records/record-type.ts';
import { recordStep, type RecordedStep } from '../../../../core/slo/kept/record-step.ts';
import type { HistoryCache } from '../../../../core/slo/kept/sealed-store.ts';
import type { BudgetSpecification } from '../../../../core/slo/objective/specification.ts';
import { objectiveHeadType } from '../../../../core/slo/kept/state.ts';
import { eventScale } from '../../../../core/slo/evaluation/ledger.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { scope } from '../../incidents/world.ts';
import { specificationOf } from '../documents.ts';
import { entriesOf, type History, history, samplesOf, specified } from '../histories.ts';
import { storeBudget } from '../stored-budget.ts';

const minute = 60_000;
const iso = (millis: number): string => new Date(millis).toISOString();

class World {
  readonly clock = new VirtualClock('2026-10-01T00:00:00.000Z');
  readonly store = new MemoryRecordStore(this.clock);
  readonly cache: HistoryCache = new Map();
  readonly specification: BudgetSpecification;

  constructor(specification: BudgetSpecification) {
    this.specification = specification;
  }

  async step(atMillis: number, incoming: readonly Sample[] = [], cache = this.cache, specification = this.specification): Promise<RecordedStep | undefined> {
    const now = iso(atMillis);
    this.clock.set(now);
    const head = await readRecord(this.store, objectiveHeadType, keys.objectiveState(scope, specification.name));
    const outcome = await recordStep({ store: this.store, scope }, cache, { specification, head, incoming, now, mayJudgeAll: () => true });
    return outcome.kind === 'recorded' ? outcome.step : undefined;
  }

  enter(entry: LedgerEntry) {
    return enterInLedger({ store: this.store, scope }, this.specification.name, entry);
  }
}

/** Readings once a minute, late by at most a few: what CloudWatch gives. */
function readable(samples: readonly Sample[], now: number): readonly Sample[] {
  return samples
    .map((sample) => {
      const atMillis = Math.floor(sample.atMillis / minute) * minute;
      return { ...sample, atMillis, observedAtMillis: atMillis + (Math.min(7, Math.round((sample.observedAtMillis - sample.atMillis) / minute)) + 1) * minute };
    })
    .filter(({ observedAtMillis }) => observedAtMillis <= now);
}

/** Lives through a history step by step and gives the last step. */
async function live(world: World, samples: readonly Sample[], entries: readonly LedgerEntry[], now: number, stride: number) {
  let waiting = [...entries];
  let left = [...samples].toSorted((a, b) => a.observedAtMillis - b.observedAtMillis);
  const first = Math.min(...samples.map(({ atMillis }) => atMillis));
  for (let at = first + stride * minute; at < now; at += stride * minute) {
    const due = left.filter(({ observedAtMillis }) => observedAtMillis <= at);
    left = left.filter(({ observedAtMillis }) => observedAtMillis > at);
    const step = await world.step(at, [...due, ...due]);
    const [entry] = waiting;
    if (step === undefined || entry === undefined) continue;
    await world.enter(entry);
    waiting = waiting.slice(1);
  }
  await world.step(now, left);
  for (const entry of waiting) await world.enter(entry);
  return world.step(now, left);
}

/** A declared alert looks back from moments within sealed hours, and its slices are as long as those. */
const correctedBeforeTheFirst: History = {
  window: '{ duration: 1d, calendar: { startTime: 2026-10-25 00:00:00, timeZone: America/New_York } }',
  slice: '10m',
  alerts: [{ op: 'gt', threshold: 0, lookBackMinutes: 60, alertAfterMinutes: 90 }],
  raw: {
    method: 'RatioTimeslices',
    sliceMillis: 600_000,
    members: [{ allowed: 0.5, sliceTarget: 0.5, weight: 0.5 }],
    noData: 'good',
    minimumEvents: 1,
    exclusions: 'good',
    points: [{ member: 0, at: 1_793_499_540_000, total: 0, bad: 0, observedAt: 1_793_499_540_000 }],
    entries: [{ as: 'bad', from: 1_793_494_800_000, to: 1_793_498_460_000, isWithdrawn: false }],
    now: 1_793_499_600_000,
  },
};

describe('an objective that is evaluated step by step', () => {
  it('has, from what is stored, the figures of all its readings together, whatever the method, the gaps and the corrections (S2-05)', async () => {
    const cases = fc.tuple(history, fc.constantFrom('1m', '10m', '1h', '2h', '1d'), fc.integer({ min: 5, max: 55 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([one, slice, stride]) => {
        fc.pre(!one.window.includes('2h') || slice === '1m' || slice === '10m');
        fc.pre(!one.window.includes('calendar') || slice !== '1d');
        const specification = specified({ ...one, slice });
        const samples = readable(samplesOf(one.raw), one.raw.now);
        fc.pre(samples.length > 0);
        const entries = entriesOf(one.raw);
        const world = new World(specification);
        const last = await live(world, samples, entries, one.raw.now, stride);
        const direct = evaluateLedger({ ...specification, semantics: { ...specification.semantics, isNoDataChosen: true } }, { samples, entries }, one.raw.now);
        if (direct.kind === 'refused') throw new Error(direct.reason);
        expect(last?.evaluation).toEqual(direct.evaluation);
        // A function that has just started knows what the others knew; nothing is new, so nothing is written.
        const cold = await world.step(one.raw.now, samples, new Map());
        expect(cold?.evaluation).toEqual(direct.evaluation);
        expect(cold?.isWritten).toBe(false);
      }),
      { numRuns: 150, examples: [[[correctedBeforeTheFirst, '1h', 5]]] },
    );
  });

  it('replays to the same figure: entries and readings in another order end the same (S2-05)', async () => {
    const specification = specificationOf({ window: '{ duration: 1d, isRolling: true }' });
    const start = Date.parse('2026-11-20T00:00:00Z');
    const samples = Array.from({ length: 300 }, (_, index): Sample => {
      const atMillis = start + index * minute;
      return { member: 0, atMillis, observedAtMillis: atMillis + minute, bad: index % 50 === 0 ? eventScale : 0n, total: eventScale };
    });
    const entry = (id: string, fromMinute: number, as: 'good' | 'bad'): LedgerEntry => {
      const span = { from: iso(start + fromMinute * minute), to: iso(start + (fromMinute + 60) * minute) };
      return { kind: 'correction', id, author: 'kim', reason: 'replay', at: iso(start + 400 * minute), ...span, as };
    };
    const entries = [entry('a', 0, 'good'), entry('b', 40, 'bad'), entry('c', 120, 'good')];
    const now = start + 420 * minute;
    const figures = [];
    for (const order of [entries, entries.toReversed()]) {
      const last = await live(new World(specification), samples, order, now, 20);
      figures.push(last?.evaluation);
    }
    expect(figures[0]).toEqual(figures[1]);
    expect(figures[0]?.budgetConsumed).toBe(60 + 3);
  });

  it('takes a correction in at the next evaluation, also after days, and a withdrawal takes it back', async () => {
    const specification = specificationOf({});
    const world = new World(specification);
    const start = Date.parse('2026-11-20T06:00:00Z');
    const bad: Sample[] = Array.from({ length: 10 }, (_, index) => {
      const atMillis = start + index * minute;
      return { member: 0, atMillis, observedAtMillis: atMillis + minute, bad: eventScale, total: eventScale };
    });
    await world.step(start + 20 * minute, bad);
    const later = start + 4 * 86_400_000;
    expect((await world.step(later))?.head.budget.consumedSeconds).toBe(600);
    const span = { from: iso(start), to: iso(start + 4 * minute) };
    const common = { author: 'kim', reason: 'the probe was wrong', at: iso(later) };
    expect(await world.enter({ kind: 'exclusion', id: 'one', ...common, ...span })).toMatchObject({ kind: 'entered' });
    expect(await world.enter({ kind: 'exclusion', id: 'one', ...common, ...span })).toMatchObject({ kind: 'entered' });
    expect(await readLedger({ store: world.store, scope }, specification.name)).toHaveLength(1);
    expect((await world.step(later + minute))?.head.budget.consumedSeconds).toBe(360);
    await world.enter({ kind: 'withdrawal', id: 'two', ...common, entry: 'one' });
    expect((await world.step(later + 2 * minute))?.head.budget.consumedSeconds).toBe(600);
  });

  it('goes on from the records of an earlier version, whose days have only marks', async () => {
    const specification = specificationOf({});
    const world = new World(specification);
    const sealedUntil = '2026-11-20T08:00:00.000Z';
    world.clock.set(sealedUntil);
    const bad = ['2026-11-18T10:00:00.000Z', '2026-11-20T07:30:00.000Z'];
    const recent = ['3:0/1200@65000', '4:1200/1200@65000'];
    await storeBudget(world.store, scope, { objective: 'shop', system: 'shop-web', sealedUntil, days: 5, bad, recent, remainingRatio: 1 });
    const step = await world.step(Date.parse('2026-11-20T08:10:00Z'));
    expect(step?.head.budget.consumedSeconds).toBe(180);
    expect(step?.evaluation.burn.find(({ windowSeconds }) => windowSeconds === 3600)?.rate).toBeCloseTo((2 / 60) * 1000, 9);
    const span = { from: '2026-11-18T09:00:00.000Z', to: '2026-11-18T11:00:00.000Z' };
    await world.enter({ kind: 'correction', id: 'c', author: 'kim', reason: 'no', at: sealedUntil, ...span, as: 'good' });
    expect((await world.step(Date.parse('2026-11-20T08:11:00Z')))?.head.budget.consumedSeconds).toBe(120);
  });

  it('judges its history again when its rules change', async () => {
    const world = new World(specificationOf({}));
    const start = Date.parse('2026-11-20T06:00:00Z');
    const sample = (index: number): Sample => ({
      member: 0,
      atMillis: start + index * minute,
      observedAtMillis: start + (index + 1) * minute,
      bad: eventScale,
      total: 50n * eventScale,
    });
    await world.step(start + 20 * minute, [0, 1, 2].map(sample));
    const later = start + 2 * 86_400_000;
    expect((await world.step(later))?.head.budget.consumedSeconds).toBe(180);
    const lenient = specificationOf({ objectives: ['{ targetPercent: 99.9, timeSliceTarget: 0.9, timeSliceWindow: 1m }'] });
    expect((await world.step(later + minute, [], world.cache, lenient))?.head.budget.consumedSeconds).toBe(0);
  });

  it('never takes figures from memory that somebody else has changed', async () => {
    const world = new World(specificationOf({}));
    const start = Date.parse('2026-11-20T06:00:00Z');
    const sample = (index: number, bad: bigint): Sample => ({
      member: 0,
      atMillis: start + index * minute,
      observedAtMillis: start + (index + 1) * minute,
      bad,
      total: eventScale,
    });
    await world.step(start + 5 * minute, [sample(0, eventScale)]);
    const other: HistoryCache = new Map();
    await world.step(start + 6 * minute, [], other);
    // The other function seals the hour; this one still remembers a day without it.
    await world.step(start + 80 * minute, [sample(6, eventScale)], other);
    expect((await world.step(start + 26 * 60 * minute))?.head.budget.consumedSeconds).toBe(120);
  });

  it('creates records of days and hours only for what was read', async () => {
    const world = new World(specificationOf({}));
    const start = Date.parse('2026-11-20T06:00:00Z');
    await world.step(start + minute, [{ member: 0, atMillis: start, observedAtMillis: start + minute, bad: 0n, total: eventScale }]);
    for (let day = 1; day < 5; day += 1) await world.step(start + day * 86_400_000);
    const days = await world.store.query(partitions.objectiveDays(scope, 'shop'), '', { limit: 10 });
    const hours = await world.store.query(partitions.objectiveHours(scope, 'shop'), '', { limit: 10 });
    expect([days.records.length, hours.records.length]).toEqual([1, 1]);
  });
});
