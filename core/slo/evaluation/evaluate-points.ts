import * as z from 'zod/mini';
import type { Timestamp } from '../../environment/time.ts';
import { type BurnSeverity, burnFactor, burnRatePairs } from '../objective/burn-rate.ts';
import { type Fraction, isGreater, numberOf, productOf, ratioOf, sumOf } from '../objective/exact.ts';
import type { WindowSpan } from '../objective/budget-window.ts';
import { type ConditionState, isTold, reachSeconds, readDeclared } from '../objective/declared-alerts.ts';
import { type Amendments, amendmentsOf, type LedgerEntry, type Sample } from './ledger.ts';
import { eventSeries, type Grid, joinSlices, judges, judgeSlices, samplesByMember, type Series, sliceSeries } from './series.ts';
import type { BudgetSpecification, Member } from '../objective/specification.ts';
import type { Refused } from '../objective/target.ts';

/*
 * Any error budget from its ledger: pure, exact, and the same for every order and repetition of the readings. Sums become numbers
 * only to be shown; no comparison is made with a rounded value.
 */

/** What a window came to. All three are in the method's unit: events, or slices. */
interface Measure {
  readonly total: Fraction;
  /** What was spent; of a composite after weighing. */
  readonly bad: Fraction;
  /** What may be spent. */
  readonly budget: Fraction;
}

type MeasureBetween = (fromMillis: number, untilMillis: number) => Measure;

const zero: Fraction = { numerator: 0n, denominator: 1n };
const everything: Fraction = { numerator: 1n, denominator: 1n };

function plainMeasure(series: Series, allowed: Fraction, from: number, until: number): Measure {
  const { bad, total } = series.between(from, until);
  const whole = { numerator: total, denominator: series.scale };
  return { total: whole, bad: { numerator: bad, denominator: series.scale }, budget: productOf(whole, allowed) };
}

/** Occurrences: every member burns the composite at its own rate times its weight (https://github.com/OpenSLO/OpenSLO#slo, composite). */
function weighedRates(measures: readonly Measure[], members: readonly Member[]): Measure {
  const burn = measures.reduce((sum, { bad, budget }, index) => sumOf(sum, productOf(ratioOf(bad, budget), members[index]?.weight ?? everything)), zero);
  const budget = measures.reduce((sum, measure) => sumOf(sum, measure.budget), zero);
  return { total: measures.reduce((sum, { total }) => sumOf(sum, total), zero), budget, bad: productOf(budget, burn) };
}

/** RatioTimeslices: the missing parts of the members, weighed, add up to at most everything. */
function summedShortfalls(measures: readonly Measure[], members: readonly Member[], allowed: Fraction): Measure {
  const sum = measures.reduce((missing, { bad, total }, index) => sumOf(missing, productOf(ratioOf(bad, total), members[index]?.weight ?? everything)), zero);
  const total = measures.reduce((most, measure) => (isGreater(measure.total, most) ? measure.total : most), zero);
  return { total, budget: productOf(total, allowed), bad: productOf(total, isGreater(sum, everything) ? everything : sum) };
}

interface Material {
  readonly specification: BudgetSpecification;
  /** One list a member. */
  readonly samples: readonly (readonly Sample[])[];
  readonly amendments: Amendments;
  readonly grid: Grid;
}

/**
 * The series a budget is computed from: of Timeslices one, in which a composite's slices are joined already; else one a member.
 * Whoever keeps roll-ups keeps them of these.
 */
export function seriesOfMaterial({ specification, samples, amendments, grid }: Material): readonly Series[] {
  const { members, semantics, method } = specification;
  if (method === 'Occurrences') return samples.map((own) => eventSeries(own, grid, semantics, amendments));
  const judge = judges[method];
  const judged = samples.map((own, index) => judgeSlices(own, grid, { semantics, amendments, member: members[index] ?? members[0], judge }));
  if (method === 'RatioTimeslices') return judged.map(sliceSeries);
  const joined = joinSlices(judged);
  return joined === undefined ? [] : [sliceSeries(joined)];
}

function measureOf({ members, method, target }: BudgetSpecification, series: readonly Series[]): MeasureBetween {
  return (from, until) => {
    const allowedOf = (index: number): Fraction => (method === 'Occurrences' ? (members[index] ?? members[0]).target.allowed : target.allowed);
    const measures = series.map((own, index) => plainMeasure(own, allowedOf(index), from, until));
    const [only, ...others] = measures;
    if (only !== undefined && others.length === 0) return only;
    return method === 'Occurrences' ? weighedRates(measures, members) : summedShortfalls(measures, members, target.allowed);
  };
}

/** What `perennial slo evaluate` answers for one budget (design.md section 9). Units by method: events, or slices. */
export const evaluationSchema = z.object({
  method: z.enum(['Occurrences', 'Timeslices', 'RatioTimeslices']),
  /** The share that was good, of the part of the window that is over. */
  sli: z.number(),
  budgetTotal: z.number(),
  budgetConsumed: z.number(),
  /** 1: untouched; 0: spent; below 0: overspent. */
  budgetRemainingRatio: z.number(),
  /** Rate 1 spends the whole budget in one window. The last one is over the objective's own window. */
  burn: z.array(z.object({ windowSeconds: z.number(), rate: z.number() })),
  firing: z.array(z.object({ severity: z.enum(['critical', 'high', 'warning']), longWindowSeconds: z.number() })),
  /** Alert conditions that the document declares; left out where it declares none. `threshold` is a burn rate, as `rate` is. */
  declared: z.optional(
    z.array(
      z.object({
        policy: z.string(),
        severity: z.enum(['critical', 'high', 'warning']),
        op: z.enum(['lte', 'gte', 'lt', 'gt']),
        threshold: z.number(),
        lookBackSeconds: z.number(),
        alertAfterSeconds: z.number(),
        rate: z.number(),
        state: z.enum(['quiet', 'waiting', 'breached', 'no-data'] satisfies readonly ConditionState[]),
        /** Whether people are told: a policy says whether a breach, missing data, both or neither alert. */
        isFiring: z.boolean(),
      }),
    ),
  ),
  /** Name of the budget: the SLO's, with a number when it has several objectives. */
  objective: z.string(),
  targetPercent: z.string(),
  /** A rolling window begins right after `from`; of a calendar window `to` is its last millisecond, which may lie ahead. */
  window: z.object({ from: z.string(), to: z.string(), text: z.string() }),
});
export type Evaluation = z.infer<typeof evaluationSchema>;

function refused(reason: string): Refused {
  return { kind: 'refused', reason };
}

function instantText(epochMillis: number): Timestamp {
  return new Date(epochMillis).toISOString();
}

/** Why nothing can be said: no point in the window, or none with an event. A document that says how to judge that is not refused. */
function emptyReason(samples: readonly Sample[], { from, until }: WindowSpan): string | undefined {
  const inWindow = samples.filter(({ atMillis }) => atMillis >= from && atMillis <= until);
  const between = `from ${instantText(from)} to ${instantText(until)}`;
  if (inWindow.length === 0)
    return `There is no point ${between}: the metric does not exist, or the points are of another time. Say what that means with the annotation perennial.io/no-data.`;
  if (inWindow.some(({ total }) => total > 0n)) return undefined;
  return `All points ${between} have a total of 0: nothing was asked of the service, so there is no share to compute. Say what that means with the annotation perennial.io/no-data.`;
}

/** Look-back windows worth showing: whole slices, and shorter than the objective's own. */
function burnWindows({ window, sliceSeconds }: BudgetSpecification): readonly number[] {
  const all = burnRatePairs.flatMap(({ longWindowSeconds, shortWindowSeconds }) => [longWindowSeconds, shortWindowSeconds]);
  return [...new Set(all)].filter((seconds) => seconds >= sliceSeconds && seconds < window.nominalSeconds).toSorted((a, b) => a - b);
}

function burnRateOf({ bad, budget }: Measure): Fraction {
  return ratioOf(bad, budget);
}

/** The pairs of which both windows burn faster than the factor, strictly. */
function firingPairs({ window, semantics, method }: BudgetSpecification, measures: ReadonlyMap<number, Measure>) {
  const minimum = { numerator: BigInt(semantics.minimumEvents), denominator: 1n };
  const firing: { severity: BurnSeverity; longWindowSeconds: number }[] = [];
  for (const pair of burnRatePairs) {
    // Only windows that are whole slices and shorter than the objective's own are measured.
    const long = measures.get(pair.longWindowSeconds);
    const short = measures.get(pair.shortWindowSeconds);
    if (long === undefined || short === undefined) continue;
    if (method === 'Occurrences' && isGreater(minimum, long.total)) continue;
    const factor = burnFactor(pair, window.nominalSeconds);
    if (isGreater(burnRateOf(long), factor) && isGreater(burnRateOf(short), factor))
      firing.push({ severity: pair.severity, longWindowSeconds: pair.longWindowSeconds });
  }
  return firing;
}

/** The slices that an evaluation looks at: those of the window, and of the longest look-back of an alert. */
export function gridOf(specification: BudgetSpecification, span: WindowSpan): Grid {
  const { sliceSeconds } = specification;
  const longest = Math.max(0, ...burnWindows(specification), ...specification.alerts.map(reachSeconds)) * 1000;
  return { sliceMillis: sliceSeconds * 1000, fromMillis: Math.min(span.from, span.until - longest), atMillis: span.until, lastMillis: span.last };
}

/** How the declared alerts stand; nothing where there are none. */
function declaredFigures(
  { alerts, sliceSeconds, semantics, method }: BudgetSpecification,
  measure: MeasureBetween,
  until: number,
): Pick<Evaluation, 'declared'> {
  if (alerts.length === 0) return {};
  const minimumEvents = { numerator: method === 'Occurrences' ? BigInt(semantics.minimumEvents) : 0n, denominator: 1n };
  const declared = alerts.map((alert) => {
    const reading = readDeclared(alert, { sliceSeconds, minimumEvents }, measure, until);
    const { state, rate } = reading;
    const { policy, severity, op, threshold, lookBackSeconds, alertAfterSeconds } = alert;
    return { policy, severity, op, threshold: numberOf(threshold), lookBackSeconds, alertAfterSeconds, rate, state, isFiring: isTold(reading) };
  });
  return { declared };
}

function figuresOf(specification: BudgetSpecification, span: WindowSpan, measure: MeasureBetween): Evaluation {
  const { until, from, last } = span;
  const measures = new Map(burnWindows(specification).map((seconds) => [seconds, measure(until - seconds * 1000 + 1, until)] as const));
  const past = measure(from, until);
  // The budget of a calendar window is that of all of it, what lies ahead included; events that lie ahead are not known.
  const whole = last === until ? past : measure(from, last);
  const share = ratioOf(past.bad, past.total);
  const remaining = ratioOf(past.bad, whole.budget);
  const burn = [...measures].map(([windowSeconds, spent]) => ({ windowSeconds, rate: numberOf(burnRateOf(spent)) }));
  return {
    method: specification.method,
    sli: quotientBelow(share),
    budgetTotal: numberOf(whole.budget),
    budgetConsumed: numberOf(past.bad),
    budgetRemainingRatio: quotientBelow(remaining),
    burn: [...burn, { windowSeconds: specification.window.nominalSeconds, rate: numberOf(burnRateOf(past)) }],
    firing: firingPairs(specification, measures),
    ...declaredFigures(specification, measure, until),
    objective: specification.name,
    targetPercent: specification.target.percent,
    window: { from: instantText(specification.window.kind === 'rolling' ? from - 1 : from), to: instantText(last), text: specification.window.text },
  };
}

/** `1 − fraction`, subtracted before it is rounded. */
function quotientBelow({ numerator, denominator }: Fraction): number {
  return numberOf({ numerator: denominator - numerator, denominator });
}

/** What is known of one budget. */
export interface BudgetLedger {
  readonly samples: readonly Sample[];
  readonly entries: readonly LedgerEntry[];
}

/**
 * Evaluates one budget at a moment; only readings of up to that moment count. Refused, with the reason, where nothing can be said:
 * before a calendar's first window, and without any event in the window unless the document says what that means.
 */
export function evaluateLedger(
  specification: BudgetSpecification,
  { samples, entries }: BudgetLedger,
  atMillis: number,
): { readonly kind: 'evaluated'; readonly evaluation: Evaluation } | Refused {
  const span = specification.window.spanAt(atMillis);
  if (span.kind === 'refused') return span;
  const empty = specification.semantics.isNoDataChosen ? undefined : emptyReason(samples, span);
  if (empty !== undefined) return refused(empty);
  const series = seriesOfMaterial({
    specification,
    samples: samplesByMember(samples, specification),
    amendments: amendmentsOf(entries),
    grid: gridOf(specification, span),
  });
  return { kind: 'evaluated', evaluation: figuresOf(specification, span, measureOf(specification, series)) };
}

/**
 * The same from series that somebody keeps, such as roll-ups ({@link seriesOfMaterial} says which). Refused only before a
 * calendar's first window: whether there is data is for who reads it to say.
 */
export function evaluateSeries(
  specification: BudgetSpecification,
  series: readonly Series[],
  atMillis: number,
): { readonly kind: 'evaluated'; readonly evaluation: Evaluation } | Refused {
  const span = specification.window.spanAt(atMillis);
  if (span.kind === 'refused') return span;
  return { kind: 'evaluated', evaluation: figuresOf(specification, span, measureOf(specification, series)) };
}
