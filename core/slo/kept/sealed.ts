import type { Timestamp } from '../../environment/time.ts';
import type { Amendments, LedgerEntry, Sample } from '../evaluation/ledger.ts';
import { dayMillis, type DayRollUp, decodeDay, encodeDay, hourFillOf, hourMillis } from './roll-ups.ts';
import { type Grid, judges, type Series } from '../evaluation/series.ts';
import { eventScale } from '../evaluation/ledger.ts';
import { samplesByMember } from '../evaluation/series.ts';
import { seriesOfMaterial } from '../evaluation/evaluate-points.ts';
import type { BudgetSpecification } from '../objective/specification.ts';
import { decodeMarks, emptyDay, encodeMarks, type ObjectiveDay } from './state.ts';
import { sliceSeconds } from '../objective/slices.ts';

/*
 * The part of an objective's history that only corrections change: days of 24 hours of sums, and the readings of the hours that
 * windows begin in. Held in memory between runs for as long as the revision in the head stays the same.
 */

/** One UTC day that is sealed, in part or as a whole. */
export interface SealedDay {
  readonly day: string;
  /** Version of its record; 0 = not stored yet. */
  readonly version: number;
  /** One for each series of the budget. */
  readonly rollUps: readonly DayRollUp[];
  /** Run lengths of 1,440 marks. */
  readonly marks: string;
  /** What an earlier version kept instead of readings. */
  readonly firstMarks?: string;
}

export interface SealedHistory {
  readonly revision: number;
  readonly days: ReadonlyMap<string, SealedDay>;
  readonly entries: readonly LedgerEntry[];
  readonly amendments: Amendments;
  /** Readings of sealed hours by their start, and the series of those that windows begin in: filled as they are needed. */
  readonly hours: Map<number, readonly Sample[]>;
  readonly edges: Map<number, readonly Series[]>;
}

/** Parts that make one event or one slice. */
export function scaleOf({ method }: Pick<BudgetSpecification, 'method'>): bigint {
  return method === 'Occurrences' ? eventScale : judges[method].scale;
}

/** How many series a budget has: a composite's slices are joined before they are counted, and its other figures are not. */
export function seriesCount({ method, members }: Pick<BudgetSpecification, 'method' | 'members'>): number {
  return method === 'Timeslices' ? 1 : members.length;
}

/** How readings are judged, in a word: days that were judged otherwise are judged again. A threshold is not in it, because it judges values that are not kept. */
export function rulesOf({ method, sliceSeconds: seconds, members, semantics }: BudgetSpecification): string {
  const targets = method === 'Timeslices' ? members.map(({ sliceTarget }) => sliceTarget.text).join('+') : String(members.length);
  return [method, seconds, targets, semantics.noData, semantics.minimumEvents, semantics.exclusions].join('/');
}

export function startOfDayMillis(day: string): number {
  return Date.parse(`${day}T00:00:00.000Z`);
}

export function dayOfMillis(epochMillis: number): string {
  return new Date(epochMillis).toISOString().slice(0, 10);
}

export function momentOf(epochMillis: number): Timestamp {
  return new Date(epochMillis).toISOString();
}

const minuteMillis = sliceSeconds * 1000;

/** What an earlier version's marks say of an hour: a minute was good or bad as a whole. */
export function samplesOfMarks(marks: string, startMillis: number, count: number): readonly Sample[] {
  const offset = (startMillis % dayMillis) / minuteMillis;
  return decodeMarks(marks)
    .slice(offset, offset + count)
    .split('')
    .flatMap((mark, minute) => {
      if (mark === '-') return [];
      const atMillis = startMillis + minute * minuteMillis;
      return [{ member: 0, atMillis, observedAtMillis: atMillis, bad: mark === 'b' ? eventScale : 0n, total: eventScale }];
    });
}

/** A sealed day from its record. A day of an earlier version, or of another number of series, has no sums yet. */
export function sealedDayOf({ day, marks, sums, firstMarks }: ObjectiveDay, version: number, specification: BudgetSpecification): SealedDay {
  const first = sums === undefined ? marks : firstMarks;
  const rollUps = sums?.length === seriesCount(specification) ? sums.map((text) => decodeDay(day, text, scaleOf(specification))) : [];
  return { day, version, marks, rollUps, ...(first === undefined ? {} : { firstMarks: first }) };
}

/** The record of a sealed day. */
export function dayRecordOf(objective: string, { day, marks, rollUps, firstMarks }: SealedDay, specification: BudgetSpecification): ObjectiveDay {
  const scale = scaleOf(specification);
  return { objective, day, marks, sums: rollUps.map((rollUp) => encodeDay(rollUp, scale)), ...(firstMarks === undefined ? {} : { firstMarks }) };
}

/** What decides about a span of readings. */
export interface Judging {
  readonly specification: BudgetSpecification;
  readonly amendments: Amendments;
  /** The first moment anything was heard of each member: gaps before it are nobody's fault. Infinite while nothing was. */
  readonly sinceMillis: readonly number[];
}

/** A sample that counts nothing and says when the first data came, for spans that begin later. */
function witnesses({ sinceMillis }: Judging): readonly Sample[] {
  return sinceMillis.flatMap((atMillis, member) => (Number.isFinite(atMillis) ? [{ member, atMillis, observedAtMillis: -1, bad: 0n, total: 0n }] : []));
}

/** The series of a span of readings. */
export function judgedSeries(judging: Judging, samples: readonly Sample[], span: Omit<Grid, 'sliceMillis'>): readonly Series[] {
  const { specification, amendments } = judging;
  const grid = { ...span, sliceMillis: specification.sliceSeconds * 1000 };
  const all = specification.semantics.noData === 'bad' ? [...witnesses(judging), ...samples] : samples;
  return seriesOfMaterial({ specification, amendments, grid, samples: samplesByMember(all, specification) });
}

type Span = readonly [fromMillis: number, lastMillis: number];

/** Events and shares are no slices: what failed in a span is more than may. */
function isOverAllowance(series: readonly Series[], [from, last]: Span, { target: { allowed } }: BudgetSpecification): boolean {
  return series.some((one) => {
    const { bad, total } = one.between(from, last);
    return bad * allowed.denominator > total * allowed.numerator;
  });
}

/** The slices among [first, end) in which anything was bad, by halves: mostly nothing was. */
function collectBad(series: readonly Series[], sliceMillis: number, first: number, end: number, found: Set<number>): void {
  if (end <= first || series.every((one) => one.between(first * sliceMillis, end * sliceMillis - 1).bad === 0n)) return;
  if (end - first === 1) {
    found.add(first);
    return;
  }
  const middle = Math.floor((first + end) / 2);
  collectBad(series, sliceMillis, first, middle, found);
  collectBad(series, sliceMillis, middle, end, found);
}

/** One mark a minute of [from, until): what was judged, and `-` where nothing was read and nothing is held against anybody. */
export function marksOf(
  series: readonly Series[],
  samples: readonly Sample[],
  { specification }: Pick<Judging, 'specification'>,
  fromMillis: number,
  untilMillis: number,
): string {
  const sliceMillis = specification.sliceSeconds * 1000;
  const sliceOf = (atMillis: number): number => Math.floor(atMillis / sliceMillis);
  const read = new Set(samples.map(({ atMillis }) => sliceOf(atMillis)));
  const bad = new Set<number>();
  collectBad(series, sliceMillis, sliceOf(fromMillis), sliceOf(untilMillis - 1) + 1, bad);
  const isBad = (slice: number): boolean => {
    if (!bad.has(slice)) return false;
    return specification.method === 'Timeslices' || isOverAllowance(series, [slice * sliceMillis, (slice + 1) * sliceMillis - 1], specification);
  };
  const count = Math.max(0, Math.floor((untilMillis - fromMillis) / minuteMillis));
  return Array.from({ length: count }, (_, minute) => {
    const slice = sliceOf(fromMillis + minute * minuteMillis);
    if (isBad(slice)) return 'b';
    return read.has(slice) ? 'g' : '-';
  }).join('');
}

/** A day with hours of it rolled up anew, from `fromMillis` to before `untilMillis`; its other hours stay as they are. */
export function rollInto(
  judging: Judging,
  known: SealedDay | undefined,
  day: string,
  material: { readonly series: readonly Series[]; readonly samples: readonly Sample[]; readonly fromMillis: number; readonly untilMillis: number },
): SealedDay {
  const { series, samples } = material;
  const start = startOfDayMillis(day);
  const from = Math.max(start, material.fromMillis);
  const until = Math.min(start + dayMillis, material.untilMillis);
  const fill = hourFillOf(judging.specification);
  const rollUps = series.map((one, index): DayRollUp => {
    const hours = Array.from({ length: dayMillis / hourMillis }, (_, hour) => {
      const at = start + hour * hourMillis;
      if (at >= from && at < until) return one.between(at, at + hourMillis - 1);
      return known?.rollUps[index]?.hours[hour] ?? fill(at / hourMillis);
    });
    return { day, hours, sum: hours.reduce((sum, { bad, total }) => ({ bad: sum.bad + bad, total: sum.total + total })) };
  });
  const before = known === undefined ? emptyDay : decodeMarks(known.marks);
  const marks = marksOf(series, samples, judging, from, until);
  const offset = (from - start) / minuteMillis;
  const joined = `${before.slice(0, offset)}${marks}${before.slice(offset + marks.length)}`;
  return { ...known, day, version: known?.version ?? 0, rollUps, marks: encodeMarks(joined) };
}
