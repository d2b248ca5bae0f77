import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { eventScale, type Sample } from '../evaluation/ledger.ts';
import { judges, type Series, type Sums } from '../evaluation/series.ts';
import type { BudgetSpecification } from '../objective/specification.ts';

/*
 * History of a fixed size: a day is 24 hours of sums and their total, however much happened in it. Whole days and hours of a window
 * are read from the roll-ups; only the minutes at its edges need the readings themselves. For `Timeslices` the marks of state.ts say
 * the same in less room; these serve `Occurrences` and `RatioTimeslices`, whose slices are no mere good or bad.
 */

/** One UTC day. Sums are in the parts of its series' scale. */
export interface DayRollUp {
  readonly day: string;
  /** 24, by UTC hour. */
  readonly hours: readonly Sums[];
  readonly sum: Sums;
}

export const hourMillis = 3_600_000;
export const dayMillis = 24 * hourMillis;

export function startOfHour(atMillis: number): number {
  return Math.floor(atMillis / hourMillis) * hourMillis;
}

/** The starts of the hours in [from, until). */
export function hoursBetween(fromMillis: number, untilMillis: number): readonly number[] {
  const count = Math.max(0, Math.ceil((untilMillis - fromMillis) / hourMillis));
  return Array.from({ length: count }, (_, number) => fromMillis + number * hourMillis);
}

const nothing: Sums = { bad: 0n, total: 0n };

function plus(a: Sums, b: Sums): Sums {
  return { bad: a.bad + b.bad, total: a.total + b.total };
}

function startOf(day: string): number {
  return Date.parse(`${day}T00:00:00.000Z`);
}

/** What an hour comes to of which nothing is kept, by its number since 1970: before the first data, in a gap, or ahead in a calendar window. */
export type HourFill = (hour: number) => Sums;

/** The sums of an hour without data, as the document judges gaps; from the first data on, gaps are in the roll-ups. */
export function hourFillOf({ method, sliceSeconds, semantics }: Pick<BudgetSpecification, 'method' | 'sliceSeconds' | 'semantics'>): HourFill {
  if (method === 'Occurrences' || semantics.noData === 'ignore') return () => nothing;
  const hoursPerSlice = (sliceSeconds * 1000) / hourMillis;
  const full = { bad: 0n, total: BigInt(Math.max(1, Math.round(1 / hoursPerSlice))) * judges[method].scale };
  return (hour) => (hoursPerSlice <= 1 || hour % hoursPerSlice === 0 ? full : nothing);
}

const hoursPerDay = 24;

/** Sums of whole days and hours, by their number since 1970. */
interface Calendar {
  readonly dayAt: (day: number) => Sums;
  readonly hourAt: (hour: number) => Sums;
}

function calendarOf(days: readonly DayRollUp[], fill: HourFill): Calendar {
  const byDay = new Map(days.map((rollUp) => [startOf(rollUp.day) / dayMillis, rollUp] as const));
  const hourAt = (hour: number): Sums => byDay.get(Math.floor(hour / hoursPerDay))?.hours[hour % hoursPerDay] ?? fill(hour);
  const filledDay = (day: number): Sums => Array.from({ length: hoursPerDay }, (_, hour) => fill(day * hoursPerDay + hour)).reduce(plus, nothing);
  return { hourAt, dayAt: (day) => byDay.get(day)?.sum ?? filledDay(day) };
}

/** Sums of whole hours: of whole days where there are any. */
function wholeHours(firstHour: number, endHour: number, { dayAt, hourAt }: Calendar): Sums {
  let sums = nothing;
  let hour = firstHour;
  while (hour < endHour) {
    const isWholeDay = hour % hoursPerDay === 0 && hour + hoursPerDay <= endHour;
    sums = plus(sums, isWholeDay ? dayAt(hour / hoursPerDay) : hourAt(hour));
    hour += isWholeDay ? hoursPerDay : 1;
  }
  return sums;
}

/**
 * Roll-ups as one series: what evaluates from readings evaluates from these. A span is whole days, then whole hours, and at most
 * two edges, shorter than an hour, from `readings`. Equal, to the last part, to adding up every single reading.
 */
export function rolledUpSeries(days: readonly DayRollUp[], readings: Series, fill: HourFill = () => nothing): Series {
  const calendar = calendarOf(days, fill);
  return {
    scale: readings.scale,
    between: (from, until) => {
      const firstHour = Math.ceil(from / hourMillis);
      const endHour = Math.floor((until + 1) / hourMillis);
      if (endHour <= firstHour) return readings.between(from, until);
      const edges = [
        ...(from < firstHour * hourMillis ? [readings.between(from, firstHour * hourMillis - 1)] : []),
        ...(until >= endHour * hourMillis ? [readings.between(endHour * hourMillis, until)] : []),
      ];
      return edges.reduce(plus, wholeHours(firstHour, endHour, calendar));
    },
  };
}

const minuteMillis = 60_000;
const minutesPerHour = 60;

/** Parts of a scale, a power of ten, as a decimal number: exact, and short where it is round. */
export function decimalOf(parts: bigint, scale = eventScale): string {
  const rest = parts % scale;
  // Almost all counts are whole.
  if (rest === 0n) return String(parts / scale);
  const fraction = String(rest).padStart(digitsOf(scale), '0').replace(/0+$/, '');
  return `${parts / scale}.${fraction}`;
}

/** The inverse of {@link decimalOf}; what is finer than the scale is cut off. */
export function partsOf(decimal: string, scale = eventScale): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  if (fraction === '') return BigInt(whole) * scale;
  const digits = digitsOf(scale);
  return BigInt(whole) * scale + BigInt(`0${fraction.slice(0, digits).padEnd(digits, '0')}`);
}

function digitsOf(scale: bigint): number {
  return String(scale).length - 1;
}

/** Counts of an hour as they are stored: run lengths of `bad/total`, `-` where nothing was read: `58*0/100,1*7/100,1*-`. */
export const hourCountsPattern = /^(?:\d{1,2}\*(?:-|\d+(?:\.\d{1,18})?\/\d+(?:\.\d{1,18})?)(?:,|$)){1,60}$/;

/** The minutes of one hour as text; at most about 1 KB, and 10 bytes when all are alike. Samples within a minute are added up. */
export function encodeHour(hour: Timestamp, samples: readonly Sample[]): string {
  const start = Date.parse(hour);
  const byMinute = Map.groupBy(samples, ({ atMillis }) => Math.floor((atMillis - start) / minuteMillis));
  const texts = Array.from({ length: minutesPerHour }, (_, minute) => {
    const own = byMinute.get(minute);
    if (own === undefined) return '-';
    const { bad, total } = own.reduce<Sums>(plus, nothing);
    return `${decimalOf(bad)}/${decimalOf(total)}`;
  });
  return runLengths(texts);
}

function runLengths(texts: readonly string[]): string {
  const runs: { text: string; length: number }[] = [];
  for (const text of texts) {
    const last = runs.at(-1);
    if (last?.text === text) last.length += 1;
    else runs.push({ text, length: 1 });
  }
  return runs.map(({ text, length }) => `${length}*${text}`).join(',');
}

function expanded(runs: string): readonly string[] {
  return runs.split(',').flatMap((run) => {
    const [length = '0', text = ''] = run.split('*');
    return Array.from({ length: Number(length) }, () => text);
  });
}

/** Sums of the hours of a day as they are stored: run lengths of `bad/total`, 24 in all: `9*0/60,1*3/60,14*0/60`. */
export const daySumsPattern = /^(?:\d{1,2}\*\d+(?:\.\d{1,30})?\/\d+(?:\.\d{1,30})?(?:,|$)){1,24}$/;

/** The 24 hours of a day as text: 6 bytes when all are alike, about 2 KB at most. */
export function encodeDay({ hours }: Pick<DayRollUp, 'hours'>, scale: bigint): string {
  return runLengths(hours.map(({ bad, total }) => `${decimalOf(bad, scale)}/${decimalOf(total, scale)}`));
}

/** The roll-up of a day from its text, which {@link daySumsPattern} has checked. */
export function decodeDay(day: string, text: string, scale: bigint): DayRollUp {
  const hours = text.split(',').flatMap((run) => {
    const [length = '0', counts = ''] = run.split('*');
    const [bad = '0', total = '0'] = counts.split('/');
    // One for all hours of a run: a thousand objectives have close to a million hours.
    const sums: Sums = { bad: partsOf(bad, scale), total: partsOf(total, scale) };
    return Array.from({ length: Number(length) }, () => sums);
  });
  return { day, hours, sum: hours.reduce(plus, nothing) };
}

/** The samples of an hour from its text, which {@link hourCountsPattern} has checked: one a minute that was read. */
export function decodeHour(hour: Timestamp, text: string): readonly Sample[] {
  return expanded(text).flatMap((counts, minute) => {
    const [bad, total] = counts.split('/');
    if (bad === undefined || total === undefined) return [];
    const atMillis = Date.parse(addSeconds(hour, minute * 60));
    return [{ member: 0, atMillis, observedAtMillis: atMillis, bad: partsOf(bad), total: partsOf(total) }];
  });
}
