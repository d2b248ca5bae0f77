import { type Amendments, eventScale, mergeSamples, type Sample } from './ledger.ts';
import type { Semantics } from '../objective/semantics.ts';
import type { BudgetSpecification, Member } from '../objective/specification.ts';

/*
 * Samples as sums that any window can be read from. Occurrences adds events up; the two slice methods first judge every slice of a
 * grid that is aligned to midnight UTC, with or without data.
 */

/** What went wrong in a span, in parts of the scale of its series. */
export interface Sums {
  readonly bad: bigint;
  readonly total: bigint;
}

/** Sums over spans of time; both ends, in epoch milliseconds, belong to a span. */
export interface Series {
  /** Parts that make one event or one slice. */
  readonly scale: bigint;
  readonly between: (fromMillis: number, untilMillis: number) => Sums;
}

/** The span for which slices are judged. */
export interface Grid {
  readonly sliceMillis: number;
  readonly fromMillis: number;
  /** The moment asked about: nothing later is known. */
  readonly atMillis: number;
  readonly lastMillis: number;
}

/** How a slice counts: not at all, or with the part of it that was bad, in parts of `scale`. */
type Verdict = bigint | undefined;

/** The number of leading entries of a sorted list that are before `limit`. */
function countBefore(sorted: readonly number[], limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function runningSums(values: readonly bigint[]): readonly bigint[] {
  const sums = [0n];
  let sum = 0n;
  for (const value of values) {
    sum += value;
    sums.push(sum);
  }
  return sums;
}

function difference(sums: readonly bigint[], from: number, until: number): bigint {
  return until <= from ? 0n : (sums[until] ?? 0n) - (sums[from] ?? 0n);
}

function seriesOf(scale: bigint, moments: readonly number[], bad: readonly bigint[], total: readonly bigint[]): Series {
  const badSums = runningSums(bad);
  const totalSums = runningSums(total);
  return {
    scale,
    between: (from, until) => {
      const first = countBefore(moments, from);
      const end = countBefore(moments, until + 1);
      return { bad: difference(badSums, first, end), total: difference(totalSums, first, end) };
    },
  };
}

/** An event count after the entries about it; `undefined` when it does not count at all. */
function amendedEvents({ atMillis, bad, total }: Sample, { exclusions }: Semantics, amendments: Amendments): Sums | undefined {
  if (amendments.isEmpty) return { bad, total };
  if (amendments.isExcluded(atMillis)) return exclusions === 'drop' ? undefined : { bad: 0n, total };
  const correction = amendments.correctionAt(atMillis);
  if (correction === 'no-data') return undefined;
  if (correction === undefined) return { bad, total };
  return { bad: correction === 'bad' ? total : 0n, total };
}

/** Sums of the events of one member: nothing is judged, every event counts as itself. */
export function eventSeries(samples: readonly Sample[], grid: Grid, semantics: Semantics, amendments: Amendments): Series {
  const moments: number[] = [];
  const bad: bigint[] = [];
  const total: bigint[] = [];
  for (const sample of mergeSamples(samples)) {
    if (sample.atMillis > grid.atMillis) break;
    const events = amendedEvents(sample, semantics, amendments);
    if (events === undefined) continue;
    moments.push(sample.atMillis);
    bad.push(events.bad);
    total.push(events.total);
  }
  return seriesOf(eventScale, moments, bad, total);
}

/** Events by number of slice since 1970, and when the first was heard of. */
interface SlicedEvents {
  readonly bySlice: ReadonlyMap<number, Sums>;
  readonly firstMillis: number;
}

function sliceEvents(samples: readonly Sample[], { sliceMillis, atMillis }: Grid): SlicedEvents {
  const bySlice = new Map<number, Sums>();
  let firstMillis = Number.POSITIVE_INFINITY;
  for (const sample of mergeSamples(samples)) {
    if (sample.atMillis > atMillis) break;
    firstMillis = Math.min(firstMillis, sample.atMillis);
    const slice = Math.floor(sample.atMillis / sliceMillis);
    const known = bySlice.get(slice);
    bySlice.set(slice, known === undefined ? sample : { bad: known.bad + sample.bad, total: known.total + sample.total });
  }
  return { bySlice, firstMillis };
}

/** How slices with events are judged. */
export interface Judge {
  /** Parts that make a slice that is bad as a whole. */
  readonly scale: bigint;
  /** The bad part of a slice, 0 to `scale`. */
  readonly badPart: (events: Sums, member: Member) => bigint;
}

/** More digits than a double can tell apart; what a third leaves over is cut off, so that no comparison comes out too high. */
const shareScale = 10n ** 30n;

/** The two slice methods of https://github.com/OpenSLO/OpenSLO#slo: by the whole, strictly below the slice's target, or by the share. */
export const judges: Readonly<Record<'Timeslices' | 'RatioTimeslices', Judge>> = {
  Timeslices: {
    scale: 1n,
    // Almost every slice: what has nothing bad is below no target.
    badPart: ({ bad, total }, { sliceTarget: { ratio } }) => (bad !== 0n && (total - bad) * ratio.denominator < total * ratio.numerator ? 1n : 0n),
  },
  RatioTimeslices: { scale: shareScale, badPart: ({ bad, total }) => (bad === 0n ? 0n : (bad * shareScale) / total) },
};

interface SliceRules {
  readonly semantics: Semantics;
  readonly amendments: Amendments;
  readonly member: Member;
  readonly judge: Judge;
}

const good = 0n;

function verdictOfGap(startMillis: number, { sliceMillis, atMillis }: Grid, firstMillis: number, { semantics: { noData }, judge }: SliceRules): Verdict {
  // What lies ahead in a calendar window is neither missing nor bad yet.
  if (startMillis > atMillis || noData === 'good') return good;
  if (noData === 'ignore') return undefined;
  const isOver = startMillis + sliceMillis <= atMillis;
  return isOver && startMillis + sliceMillis > firstMillis ? judge.scale : good;
}

function verdictOfEvents(events: Sums, { semantics, member, judge }: SliceRules): Verdict {
  if (events.total >= BigInt(semantics.minimumEvents) * eventScale) return judge.badPart(events, member);
  // Shares and thresholds have one event a reading: a minimum above that means readings.
  return semantics.noData === 'ignore' ? undefined : good;
}

function verdictOf(startMillis: number, events: Sums | undefined, grid: Grid, firstMillis: number, rules: SliceRules): Verdict {
  const { semantics, amendments, judge } = rules;
  if (!amendments.isEmpty) {
    if (amendments.isExcluded(startMillis)) return semantics.exclusions === 'drop' ? undefined : good;
    const correction = amendments.correctionAt(startMillis);
    if (correction === 'no-data') return verdictOfGap(startMillis, grid, firstMillis, rules);
    if (correction !== undefined) return correction === 'bad' ? judge.scale : good;
  }
  if (events === undefined || events.total === 0n) return verdictOfGap(startMillis, grid, firstMillis, rules);
  return verdictOfEvents(events, rules);
}

/** Every slice of the grid judged, oldest first. */
export interface JudgedSlices {
  readonly firstSlice: number;
  readonly sliceMillis: number;
  readonly scale: bigint;
  readonly verdicts: readonly Verdict[];
}

/** Judges the slices of one member. */
export function judgeSlices(samples: readonly Sample[], grid: Grid, rules: SliceRules): JudgedSlices {
  const { bySlice, firstMillis } = sliceEvents(samples, grid);
  const firstSlice = Math.floor(grid.fromMillis / grid.sliceMillis);
  const count = Math.floor(grid.lastMillis / grid.sliceMillis) - firstSlice + 1;
  const verdicts = Array.from({ length: count }, (_, index) => {
    const slice = firstSlice + index;
    return verdictOf(slice * grid.sliceMillis, bySlice.get(slice), grid, firstMillis, rules);
  });
  return { firstSlice, sliceMillis: grid.sliceMillis, scale: rules.judge.scale, verdicts };
}

/** A composite's slices: bad if any member's is, good if any is, else not counted. */
export function joinSlices(members: readonly JudgedSlices[]): JudgedSlices | undefined {
  return members.reduce<JudgedSlices | undefined>((joined, next) => {
    if (joined === undefined) return next;
    return { ...joined, verdicts: joined.verdicts.map((verdict, index) => worse(verdict, next.verdicts[index])) };
  }, undefined);
}

function worse(a: Verdict, b: Verdict): Verdict {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}

/** Sums of judged slices. */
export function sliceSeries({ firstSlice, sliceMillis, scale, verdicts }: JudgedSlices): Series {
  const moments = verdicts.map((_, index) => (firstSlice + index) * sliceMillis);
  return seriesOf(
    scale,
    moments,
    verdicts.map((verdict) => verdict ?? 0n),
    verdicts.map((verdict) => (verdict === undefined ? 0n : scale)),
  );
}

/** Which samples of a composite belong to which of its members, in the order of the members. */
export function samplesByMember(samples: readonly Sample[], { members }: BudgetSpecification): readonly (readonly Sample[])[] {
  const groups = Map.groupBy(samples, ({ member }) => member);
  return members.map((_, index) => groups.get(index) ?? []);
}
