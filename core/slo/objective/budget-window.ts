import { durationSeconds } from '../../catalog/durations.ts';
import type { TimeWindow } from '../../catalog/openslo/openslo.ts';
import { dayInSeconds, type Refused } from './target.ts';
import { addMonths, momentOfLocal, type OffsetAt, offsetsOf } from './time-zone.ts';

/*
 * The windows of OpenSLO (https://github.com/OpenSLO/OpenSLO#slo): rolling, or aligned to the calendar of a time zone.
 */

/** The span of a window at one moment, in epoch milliseconds. What starts at `from` and at `until` belongs to it. */
export interface WindowSpan {
  readonly from: number;
  /** The moment asked about. */
  readonly until: number;
  /** The last millisecond of the whole window: `until` of a rolling one, the end of the month of a calendar month. */
  readonly last: number;
}

export interface BudgetWindow {
  readonly kind: 'rolling' | 'calendar';
  /** As it was written: `30d`. */
  readonly text: string;
  /** Months, quarters and years count 30, 90 and 365 days; the span of a calendar window is exact all the same. */
  readonly nominalSeconds: number;
  /** The span at a moment; refused before a calendar's first window. */
  readonly spanAt: (epochMillis: number) => (WindowSpan & { readonly kind: 'span' }) | Refused;
}

const MAX_ROLLING_SECONDS = 90 * dayInSeconds;
const MAX_CALENDAR_SECONDS = 365 * dayInSeconds;

function refused(reason: string): Refused {
  return { kind: 'refused', reason };
}

function rollingWindow(text: string, seconds: number): BudgetWindow | Refused {
  if (seconds > MAX_ROLLING_SECONDS)
    return refused(`A window of "${text}" is longer than 90 days, further back than budgets are kept to the minute. Write 1 to 90 days, for example 30d.`);
  return {
    kind: 'rolling',
    text,
    nominalSeconds: seconds,
    // (at − duration, at]: the edge itself is out.
    spanAt: (at) => ({ kind: 'span', from: at - seconds * 1000 + 1, until: at, last: at }),
  };
}

type Calendar = NonNullable<TimeWindow['calendar']>;

const monthsPerUnit: Readonly<Record<string, number>> = { M: 1, Q: 3, Y: 12 };

/** Where the windows of a calendar begin, by number; 0 is the one that starts at `startTime`. */
function edgesOf(duration: string, seconds: number, startLocal: number, offsetAt: OffsetAt): (number: number) => number {
  const unit = duration.slice(-1);
  const count = Number(duration.slice(0, -1));
  const months = monthsPerUnit[unit];
  // Counted from the start each time, or a start on the 31st would creep to the 28th for good.
  if (months !== undefined) return (number) => momentOfLocal(addMonths(startLocal, number * count * months), offsetAt);
  if (unit === 'd' || unit === 'w') return (number) => momentOfLocal(startLocal + number * seconds * 1000, offsetAt);
  const start = momentOfLocal(startLocal, offsetAt);
  return (number) => start + number * seconds * 1000;
}

function calendarWindow(duration: string, seconds: number, { startTime, timeZone }: Calendar): BudgetWindow | Refused {
  const offsetAt = offsetsOf(timeZone);
  if (offsetAt === undefined) return refused(`"${timeZone}" is no time zone of the IANA database. Write one such as Asia/Seoul or Etc/UTC.`);
  const startLocal = Date.parse(`${startTime.replace(' ', 'T')}Z`);
  if (Number.isNaN(startLocal)) return refused(`"${startTime}" is no date and time. Write one such as 2026-01-01 00:00:00.`);
  const isLongUnit = /[MQY]$/.test(duration);
  if (seconds > (isLongUnit ? MAX_CALENDAR_SECONDS : MAX_ROLLING_SECONDS))
    return refused(`A calendar window of "${duration}" is too long. Write at most 90 days, a quarter (1Q) or a year (1Y).`);
  const edge = edgesOf(duration, seconds, startLocal, offsetAt);
  const first = edge(0);
  return {
    kind: 'calendar',
    text: duration,
    nominalSeconds: seconds,
    spanAt: (at) => {
      if (at < first) return refused(`The first window begins at ${new Date(first).toISOString()}, and ${new Date(at).toISOString()} is before it.`);
      let number = Math.max(0, Math.floor((at - first) / (seconds * 1000)) - 1);
      while (edge(number) > at) number -= 1;
      while (edge(number + 1) <= at) number += 1;
      return { kind: 'span', from: edge(number), until: at, last: edge(number + 1) - 1 };
    },
  };
}

/** A window of a document as rules use it; what cannot be kept is refused with the reason. */
export function budgetWindowOf({ duration, isRolling, calendar }: TimeWindow): BudgetWindow | Refused {
  const seconds = durationSeconds(duration);
  if (seconds === undefined) return refused(`"${duration}" is not a duration. Write a whole number and one of m, h, d, w, M, Q, Y, for example 30d.`);
  if (isRolling === true) return rollingWindow(duration, seconds);
  if (calendar === undefined) return refused('A window that is not rolling needs "calendar" with startTime and timeZone.');
  return calendarWindow(duration, seconds, calendar);
}
