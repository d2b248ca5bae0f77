import fc from 'fast-check';
import { expect } from 'vitest';
import { durationSeconds } from '../../../core/catalog/durations.ts';
import { burnFactor, burnRatePairs } from '../../../core/slo/objective/burn-rate.ts';
import { quotient } from '../../../core/slo/objective/exact.ts';
import { evaluateLedger } from '../../../core/slo/evaluation/evaluate-points.ts';
import { eventScale, type LedgerEntry, type Sample } from '../../../core/slo/evaluation/ledger.ts';
import { part, policy, specificationOf } from './documents.ts';
import { type RawBudget, type RawEntry, type RawPoint, straightforward } from './straightforward.ts';

const minute = 60_000;
const hour = 60 * minute;
const zone = 'America/New_York';
/** The night of 1 November 2026 has an hour twice in New York. */
const base = Date.parse('2026-11-01T00:00:00Z');

export interface History {
  readonly raw: RawBudget;
  readonly window: string;
  readonly slice: string;
  readonly alerts: readonly RawAlert[];
}

interface RawAlert {
  readonly op: 'gt' | 'gte' | 'lt' | 'lte';
  readonly threshold: number;
  readonly lookBackMinutes: number;
  readonly alertAfterMinutes: number;
}

const windows = [
  '{ duration: 2h, isRolling: true }',
  '{ duration: 26h, isRolling: true }',
  `{ duration: 1d, calendar: { startTime: 2026-10-25 00:00:00, timeZone: ${zone} } }`,
];

export const history = fc
  .record({
    method: fc.constantFrom('Occurrences', 'Timeslices', 'RatioTimeslices'),
    window: fc.constantFrom(...windows),
    slice: fc.constantFrom('10m', '30m', '1h'),
    members: fc.array(fc.record({ percent: fc.constantFrom(50, 90, 99), sliceTarget: fc.constantFrom(0.5, 0.9, 1), weight: fc.constantFrom(0.5, 1, 3) }), {
      minLength: 1,
      maxLength: 2,
    }),
    noData: fc.constantFrom('good', 'bad', 'ignore'),
    minimumEvents: fc.constantFrom(1, 1, 4),
    exclusions: fc.constantFrom('good', 'drop'),
    alerts: fc.array(
      fc.record({
        op: fc.constantFrom('gt', 'gte', 'lt', 'lte'),
        threshold: fc.constantFrom(0, 0.5, 1, 1.5),
        lookBackMinutes: fc.constantFrom(10, 60, 95, 120),
        alertAfterMinutes: fc.constantFrom(0, 0, 5, 10, 90),
      }),
      { maxLength: 2 },
    ),
    nowMinutes: fc.integer({ min: 6, max: 240 }).map((tens) => tens * 10),
    nowSeconds: fc.constantFrom(0, 23),
    points: fc.array(
      fc.record({
        member: fc.nat(1),
        ago: fc.oneof(fc.nat(30 * 60), fc.nat(5)),
        total: fc.nat(6),
        bad: fc.nat(6),
        late: fc.constantFrom(0, 0, 1, 7, 90),
        offset: fc.constantFrom(0, 0, 0, 17),
      }),
      { maxLength: 60 },
    ),
    entries: fc.array(
      fc.record({
        as: fc.constantFrom('excluded', 'good', 'bad', 'no-data'),
        ago: fc.nat(30 * 60),
        minutes: fc.integer({ min: 1, max: 400 }),
        isWithdrawn: fc.boolean(),
      }),
      { maxLength: 4 },
    ),
  })
  .map((wild): History => {
    const method: RawBudget['method'] = wild.method;
    const members = wild.members.map(({ percent, sliceTarget, weight }) => ({ allowed: (100 - percent) / 100, sliceTarget, weight }));
    const now = base + wild.nowMinutes * minute + wild.nowSeconds * 1000;
    const points = wild.points.map(({ member, ago, total, bad, late, offset }): RawPoint => {
      const at = Math.floor(now / minute - ago) * minute + offset * 1000;
      return { member: Math.min(member, members.length - 1), at, total, bad: Math.min(bad, total), observedAt: at + late * minute };
    });
    const entries = wild.entries.map(({ as, ago, minutes, isWithdrawn }): RawEntry => {
      const from = Math.floor(now / minute - ago) * minute;
      return { as, from, to: from + minutes * minute, isWithdrawn };
    });
    const sliceMillis = wild.slice === '1h' ? hour : Number.parseInt(wild.slice, 10) * minute;
    const noData = method === 'Occurrences' && wild.noData === 'bad' ? 'good' : wild.noData;
    const { minimumEvents, exclusions, window, slice, alerts } = wild;
    return { window, slice, alerts, raw: { method, sliceMillis, members, noData, minimumEvents, exclusions, points, entries, now } };
  });

/** Those whose look-back has a whole slice. */
function measurable({ alerts, raw, slice }: History): readonly RawAlert[] {
  const sliceMinutes = raw.method === 'Occurrences' ? 1 : (durationSeconds(slice) ?? 0) / 60;
  return alerts.filter(({ lookBackMinutes }) => lookBackMinutes >= sliceMinutes);
}

export function specified(one: History) {
  const { raw, window, slice } = one;
  const objectives = raw.members.map(({ allowed, sliceTarget, weight }, index) => {
    const rest = `targetPercent: ${Math.round((1 - allowed) * 100)}, timeSliceTarget: ${sliceTarget}, timeSliceWindow: ${slice}`;
    return raw.members.length === 1 ? `{ ${rest} }` : part(`m${index}`, `${rest}, compositeWeight: ${weight}`);
  });
  const annotations = {
    'perennial.io/no-data': raw.noData,
    'perennial.io/minimum-events': String(raw.minimumEvents),
    'perennial.io/exclusions': raw.exclusions,
  };
  const alerts = measurable(one).map(({ op, threshold, lookBackMinutes, alertAfterMinutes }, index) =>
    policy(`p${index}`, `op: ${op}, threshold: ${threshold}, lookbackWindow: ${lookBackMinutes}m, alertAfter: ${alertAfterMinutes}m`),
  );
  return specificationOf({ method: raw.method, window, objectives, annotations, alerts });
}

export function samplesOf(raw: RawBudget): readonly Sample[] {
  return raw.points.map(({ member, at, bad, total, observedAt }) => ({
    member,
    atMillis: at,
    observedAtMillis: observedAt,
    bad: BigInt(bad) * eventScale,
    total: BigInt(total) * eventScale,
  }));
}

function iso(millis: number): string {
  return new Date(millis).toISOString();
}

export function entriesOf(raw: RawBudget): readonly LedgerEntry[] {
  return raw.entries.flatMap(({ as, from, to, isWithdrawn }, index): readonly LedgerEntry[] => {
    const common = { id: `e${index}`, author: 'kim', reason: 'test', at: iso(base + index * 1000) };
    const span = { from: iso(from), to: iso(to) };
    const entry: LedgerEntry = as === 'excluded' ? { kind: 'exclusion', ...common, ...span } : { kind: 'correction', ...common, ...span, as };
    const withdrawal: LedgerEntry = { ...common, kind: 'withdrawal', id: `w${index}`, entry: common.id };
    return isWithdrawn ? [entry, withdrawal] : [entry];
  });
}

const localDay = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' });

/** Which moments belong to the window, and which to all of it: by the duration, or by the date on the wall in New York. */
function windowOf({ window, raw }: History): { readonly past: (at: number) => boolean; readonly whole: (at: number) => boolean } {
  const isPast = (at: number) => at <= raw.now;
  if (window.includes('isRolling')) {
    const length = (window.includes('26h') ? 26 : 2) * hour;
    const past = (at: number) => isPast(at) && at > raw.now - length;
    return { past, whole: past };
  }
  const today = localDay.format(new Date(raw.now));
  const whole = (at: number) => Math.abs(at - raw.now) < 30 * hour && localDay.format(new Date(at)) === today;
  return { past: (at) => isPast(at) && whole(at), whole };
}

/** Every slice that could matter. */
function sliceStarts({ sliceMillis, now }: RawBudget): readonly number[] {
  const first = Math.floor((now - 30 * hour) / sliceMillis);
  return Array.from({ length: Math.ceil((60 * hour) / sliceMillis) }, (_, index) => (first + index) * sliceMillis);
}

function expected(one: History) {
  const { raw } = one;
  const { past, whole } = windowOf(one);
  const starts = sliceStarts(raw);
  const spent = straightforward(raw, starts, past);
  const all = straightforward(raw, starts, whole);
  const rate = (seconds: number): number => {
    const { bad, budget } = straightforward(raw, starts, (at) => at <= raw.now && at > raw.now - seconds * 1000);
    return budget === 0 ? 0 : bad / budget;
  };
  return {
    figures: {
      sli: spent.total === 0 ? 1 : 1 - spent.bad / spent.total,
      budgetTotal: all.budget,
      budgetConsumed: spent.bad,
      budgetRemainingRatio: all.budget === 0 ? 1 : 1 - spent.bad / all.budget,
    },
    rate,
    eventsOver: (seconds: number) => straightforward({ ...raw, method: 'Occurrences' }, starts, (at) => at <= raw.now && at > raw.now - seconds * 1000).total,
  };
}

export function shuffled<Value>(values: readonly Value[], seed: number): readonly Value[] {
  return values
    .map((value, index) => ({ value, key: Math.sin(seed + index * 7.13) }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ value }) => value);
}

const comparisons = {
  gt: (rate: number, limit: number) => rate > limit,
  gte: (rate: number, limit: number) => rate >= limit,
  lt: (rate: number, limit: number) => rate < limit,
  lte: (rate: number, limit: number) => rate <= limit,
};

/** How a declared alert stands, slice by slice; `undefined` where plain numbers are too close to tell. */
function expectedState({ raw }: History, sliceSeconds: number, { op, threshold, lookBackMinutes, alertAfterMinutes }: RawAlert) {
  const starts = sliceStarts(raw);
  const heldAt = (ago: number) => {
    const until = raw.now - ago * 1000;
    const inside = (at: number) => at <= until && at > until - lookBackMinutes * minute;
    const { bad, budget, total } = straightforward(raw, starts, inside);
    const rate = budget === 0 ? 0 : bad / budget;
    const isEnough = raw.method !== 'Occurrences' || total >= raw.minimumEvents;
    return { total, isClose: Math.abs(rate - threshold) < 1e-9 && rate !== threshold, holds: total > 0 && isEnough && comparisons[op](rate, threshold) };
  };
  const moments = Array.from({ length: Math.floor((alertAfterMinutes * 60) / sliceSeconds) + 1 }, (_, index) => heldAt(index * sliceSeconds));
  if (moments.some(({ isClose }) => isClose)) return undefined;
  if (moments[0]?.total === 0) return 'no-data';
  if (moments[0]?.holds !== true) return 'quiet';
  return moments.every(({ holds }) => holds) ? 'breached' : 'waiting';
}

/** Evaluates a history both ways and compares every figure. */
export function expectAgreement(one: History): void {
  const specification = specified(one);
  const answer = evaluateLedger(specification, { samples: samplesOf(one.raw), entries: entriesOf(one.raw) }, one.raw.now);
  if (answer.kind === 'refused') throw new Error(answer.reason);
  const { figures, rate, eventsOver } = expected(one);
  for (const [name, value] of Object.entries(figures)) expect(Reflect.get(answer.evaluation, name), name).toBeCloseTo(value, 9);
  for (const burn of answer.evaluation.burn.slice(0, -1)) expect(burn.rate, `burn over ${burn.windowSeconds}`).toBeCloseTo(rate(burn.windowSeconds), 9);
  const firing = answer.evaluation.firing.map(({ longWindowSeconds }) => longWindowSeconds);
  for (const pair of burnRatePairs) {
    if (pair.longWindowSeconds >= specification.window.nominalSeconds || pair.shortWindowSeconds < specification.sliceSeconds) continue;
    const { numerator, denominator } = burnFactor(pair, specification.window.nominalSeconds);
    const factor = quotient(numerator, denominator);
    const rates = [rate(pair.longWindowSeconds), rate(pair.shortWindowSeconds)];
    if (rates.some((found) => Math.abs(found - factor) < 1e-9)) continue;
    const isEnough = one.raw.method !== 'Occurrences' || eventsOver(pair.longWindowSeconds) >= one.raw.minimumEvents;
    expect(firing.includes(pair.longWindowSeconds), `firing over ${pair.longWindowSeconds}`).toBe(isEnough && rates.every((found) => found > factor));
  }
  for (const [index, alert] of measurable(one).entries()) {
    const found = answer.evaluation.declared?.[index];
    expect(found?.state, JSON.stringify(alert)).toBe(expectedState(one, specification.sliceSeconds, alert) ?? found?.state);
  }
}
