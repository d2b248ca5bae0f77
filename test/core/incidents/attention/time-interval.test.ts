import * as z from 'zod/mini';
import { describe, expect, it } from 'vitest';
import { isInside, type TimeInterval, timeIntervalSchema } from '../../../../core/incidents/attention/time-interval.ts';
import { parseTimestamp } from '../../../../core/environment/time.ts';

const at = (text: string): string => parseTimestamp(text) ?? text;
const workdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'] as const;

/** The examples of Alertmanager's own tests (timeinterval/timeinterval_test.go), and both changes of daylight saving. */
const office: TimeInterval = { timeZone: 'Etc/UTC', times: [{ start: '09:00', end: '17:00' }], weekdays: [...workdays] };
const endOfMonth: TimeInterval = { timeZone: 'Etc/UTC', daysOfMonth: [{ from: -3, to: -1 }] };
const lastDayInNewYork: TimeInterval = { timeZone: 'America/New_York', daysOfMonth: [{ from: -1, to: -1 }] };
const sydneyMornings: TimeInterval = { timeZone: 'Australia/Sydney', times: [{ start: '09:00', end: '17:00' }] };
const berlinNights: TimeInterval = { timeZone: 'Europe/Berlin', times: [{ start: '02:00', end: '03:00' }] };

describe('isInside', () => {
  it.each([
    ['an afternoon of a workday', office, '2020-07-01T16:59:00Z', true],
    ['the end is not inside', office, '2020-07-01T17:00:00Z', false],
    ['before it opens', office, '2020-07-01T08:59:00Z', false],
    ['a Saturday', office, '2020-07-04T10:00:00Z', false],
    ['the last days of a leap February', endOfMonth, '2020-02-29T12:00:00Z', true],
    ['the third last day', endOfMonth, '2020-02-27T00:00:00Z', true],
    ['the fourth last day', endOfMonth, '2020-02-26T23:59:00Z', false],
    ['the first of March', endOfMonth, '2020-03-01T00:00:00Z', false],
    ['the last day in New York, in summer time', lastDayInNewYork, '2021-03-31T12:00:00-04:00', true],
    ['the last day in New York, when UTC is a day ahead', lastDayInNewYork, '2021-03-31T23:30:00-04:00', true],
    ['the day before in New York', lastDayInNewYork, '2021-03-30T12:00:00-04:00', false],
    ['09:00 in Sydney is the evening before in UTC', sydneyMornings, '2020-10-31T22:00:00Z', true],
    ['08:59 in Sydney', sydneyMornings, '2020-10-31T21:59:00Z', false],
    ['the same UTC hour in Sydney’s winter time is 08:00', sydneyMornings, '2020-06-30T22:00:00Z', false],
    ['an hour that daylight saving leaves out never comes', berlinNights, '2026-03-29T01:00:00Z', false],
    ['an hour that comes twice: the first time', berlinNights, '2026-10-25T00:30:00Z', true],
    ['an hour that comes twice: the second time', berlinNights, '2026-10-25T01:30:00Z', true],
    ['and not a third time', berlinNights, '2026-10-25T02:30:00Z', false],
  ])('%s', (_name, interval, moment, expected) => expect(isInside(interval, at(moment))).toBe(expected));
});

const times = (start: string, end: string) => ({ timeZone: 'Etc/UTC', times: [{ start, end }] });

describe('timeIntervalSchema', () => {
  it.each([
    ['empty: 17:31 to 17:31', times('17:31', '17:31')],
    ['backwards', times('17:31', '09:00')],
    ['a start at 24:00', times('24:00', '24:00')],
    ['an end at 24:01', times('09:00', '24:01')],
    ['a day 0', { timeZone: 'Etc/UTC', daysOfMonth: [{ from: 0, to: 1 }] }],
    ['days counted from both ends', { timeZone: 'Etc/UTC', daysOfMonth: [{ from: -3, to: 3 }] }],
    ['days backwards', { timeZone: 'Etc/UTC', daysOfMonth: [{ from: -1, to: -3 }] }],
    ['a zone that is none', { timeZone: 'Mars/Olympus', weekdays: ['monday'] }],
    ['nothing at all', { timeZone: 'Etc/UTC' }],
  ])('refuses %s', (_name, interval) => expect(z.safeParse(timeIntervalSchema, interval).success).toBe(false));

  it('takes the end of the day', () => expect(z.safeParse(timeIntervalSchema, times('22:00', '24:00')).success).toBe(true));
});
