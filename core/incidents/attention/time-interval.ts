import * as z from 'zod/mini';
import type { Timestamp } from '../../environment/time.ts';
import { isTimeZone, wallClockAt } from '../../environment/wall-clock.ts';

/*
 * Time intervals as Alertmanager reads them (https://prometheus.io/docs/alerting/latest/configuration/#time_interval): a moment is inside when
 * its wall-clock time in the zone is, so that daylight saving needs no arithmetic.
 */

export const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

const clockTime = z.string().check(z.regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'must be a time such as 09:00; 24:00 is the end of the day'));

/** `end` is not inside: 09:00 to 17:00 holds 16:59. */
const timesSchema = z
  .object({ start: clockTime, end: clockTime })
  .check(z.refine(({ start, end }) => start < end, 'must end after it starts, within one day; write two times for a night'));

const dayOfMonth = z.int().check(
  z.gte(-31),
  z.lte(31),
  z.refine((day) => day !== 0, 'counts from 1, or from -1 for the last day of the month'),
);
const daysSchema = z
  .object({ from: dayOfMonth, to: dayOfMonth })
  .check(
    z.refine(({ from, to }) => from <= to && Math.sign(from) === Math.sign(to), 'must be in order and count from one end of the month, for example -3 to -1'),
  );

/** What is absent does not matter; all that is present must hold. */
export const timeIntervalSchema = z
  .object({
    timeZone: z.string().check(z.maxLength(64), z.refine(isTimeZone, 'must be a time zone of the IANA database, for example "Asia/Seoul"')),
    times: z.optional(z.array(timesSchema).check(z.minLength(1), z.maxLength(10))),
    weekdays: z.optional(z.array(z.enum(weekdays)).check(z.minLength(1), z.maxLength(7))),
    daysOfMonth: z.optional(z.array(daysSchema).check(z.minLength(1), z.maxLength(10))),
  })
  .check(
    z.refine(
      (interval) => [interval.times, interval.weekdays, interval.daysOfMonth].some((part) => part !== undefined),
      'must say when: an interval that says nothing would be always',
    ),
  );
export type TimeInterval = z.infer<typeof timeIntervalSchema>;

/** Pure: whether the moment is inside the interval. */
export function isInside(interval: TimeInterval, now: Timestamp): boolean {
  const clock = wallClockAt(now, interval.timeZone);
  const isTime = interval.times === undefined || interval.times.some(({ start, end }) => start <= clock.time && clock.time < end);
  const isWeekday = interval.weekdays === undefined || interval.weekdays.some((name) => name === weekdays[clock.weekday]);
  const counted = (day: number): number => (day > 0 ? day : clock.daysInMonth + 1 + day);
  const isDay = interval.daysOfMonth === undefined || interval.daysOfMonth.some(({ from, to }) => counted(from) <= clock.day && clock.day <= counted(to));
  return isTime && isWeekday && isDay;
}
