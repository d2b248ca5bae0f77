import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetWindowOf } from '../../../../core/slo/objective/budget-window.ts';
import { momentOfLocal, offsetsOf } from '../../../../core/slo/objective/time-zone.ts';

function spanOf(duration: string, startTime: string, timeZone: string, at: string): readonly string[] | string {
  const window = budgetWindowOf({ duration, calendar: { startTime, timeZone } });
  if (window.kind === 'refused') return window.reason;
  const span = window.spanAt(Date.parse(at));
  if (span.kind === 'refused') return span.reason;
  return [new Date(span.from).toISOString(), new Date(span.last + 1).toISOString()];
}

describe('calendar windows', () => {
  it.each([
    ['a month in Seoul', '1M', '2026-01-01 00:00:00', 'Asia/Seoul', '2026-11-21T09:00:00Z', '2026-10-31T15:00:00.000Z', '2026-11-30T15:00:00.000Z'],
    ['its first moment', '1M', '2026-01-01 00:00:00', 'Asia/Seoul', '2026-10-31T15:00:00Z', '2026-10-31T15:00:00.000Z', '2026-11-30T15:00:00.000Z'],
    ['a day of 25 hours', '1d', '2026-01-01 00:00:00', 'America/New_York', '2026-11-01T12:00:00Z', '2026-11-01T04:00:00.000Z', '2026-11-02T05:00:00.000Z'],
    ['a day of 23 hours', '1d', '2026-01-01 00:00:00', 'America/New_York', '2026-03-08T12:00:00Z', '2026-03-08T05:00:00.000Z', '2026-03-09T04:00:00.000Z'],
    [
      'a week that begins in summer time',
      '1w',
      '2026-10-26 00:00:00',
      'America/New_York',
      '2026-11-01T12:00:00Z',
      '2026-10-26T04:00:00.000Z',
      '2026-11-02T05:00:00.000Z',
    ],
    [
      'a start on the 31st: February ends it on the 28th, March begins it on the 31st again',
      '1M',
      '2026-01-31 00:00:00',
      'Etc/UTC',
      '2026-03-01T00:00:00Z',
      '2026-02-28T00:00:00.000Z',
      '2026-03-31T00:00:00.000Z',
    ],
    ['a leap year', '1M', '2024-01-31T00:00:00', 'Etc/UTC', '2024-03-01T00:00:00Z', '2024-02-29T00:00:00.000Z', '2024-03-31T00:00:00.000Z'],
    ['a quarter', '1Q', '2026-01-01 00:00:00', 'Etc/UTC', '2026-11-21T09:00:00Z', '2026-10-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['a year', '1Y', '2020-01-21 12:30:00', 'America/New_York', '2026-11-21T09:00:00Z', '2026-01-21T17:30:00.000Z', '2027-01-21T17:30:00.000Z'],
    [
      'the minute of the specification’s own example',
      '1m',
      '2022-01-01 12:00:00',
      'America/New_York',
      '2026-11-21T09:00:30Z',
      '2026-11-21T09:00:00.000Z',
      '2026-11-21T09:01:00.000Z',
    ],
  ])('%s', (_, duration, startTime, timeZone, at, from, end) => {
    expect(spanOf(duration, startTime, timeZone, at)).toEqual([from, end]);
  });

  it.each([
    ['91d', '2026-01-01 00:00:00', 'Etc/UTC', /too long/],
    ['2Y', '2020-01-01 00:00:00', 'Etc/UTC', /too long/],
    ['1M', '2026-01-01 00:00:00', 'Europe/Nowhere', /no time zone/],
    ['1M', '2026-13-01 00:00:00', 'Etc/UTC', /no date and time/],
    ['1M', '2027-01-01 00:00:00', 'Etc/UTC', /first window begins at 2027/],
  ])('refuse %s from %s in %s', (duration, startTime, timeZone, reason) => {
    expect(spanOf(duration, startTime, timeZone, '2026-11-21T09:00:00Z')).toMatch(reason);
  });

  it('follow each other without a gap and without an overlap, in any zone', () => {
    const zones = ['America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'America/Sao_Paulo', 'Etc/UTC'];
    fc.assert(
      fc.property(fc.constantFrom(...zones), fc.constantFrom('1d', '1w', '1M', '1Q'), fc.nat(500 * 86_400), (timeZone, duration, seconds) => {
        const window = budgetWindowOf({ duration, calendar: { startTime: '2025-01-31 02:30:00', timeZone } });
        if (window.kind === 'refused') throw new Error(window.reason);
        const at = Date.parse('2025-02-02T00:00:00Z') + seconds * 1000;
        const span = window.spanAt(at);
        if (span.kind === 'refused') throw new Error(span.reason);
        expect(span.from <= at && at <= span.last).toBe(true);
        expect(window.spanAt(span.last + 1)).toMatchObject({ from: span.last + 1 });
        expect(window.spanAt(span.last)).toMatchObject({ from: span.from });
      }),
      { numRuns: 200 },
    );
  });
});

const tooLong: unknown = expect.stringContaining('longer than 90 days');

describe('rolling windows', () => {
  it('are (at − duration, at], to the millisecond', () => {
    const window = budgetWindowOf({ duration: '30d', isRolling: true });
    const at = Date.parse('2026-11-21T09:00:00Z');
    expect(window.kind === 'rolling' && window.spanAt(at)).toEqual({ kind: 'span', from: at - 2_592_000_000 + 1, until: at, last: at });
  });

  it.each(['91d', '13w', '1Y', '2161h'])('of %s are refused', (duration) => {
    expect(budgetWindowOf({ duration, isRolling: true })).toMatchObject({ kind: 'refused', reason: tooLong });
  });
});

describe('local times', () => {
  const offsetAt = offsetsOf('America/New_York') ?? (() => Number.NaN);

  it.each([
    ['in winter', '2026-01-15T12:00:00Z', '2026-01-15T17:00:00.000Z'],
    ['that come twice are the first of the two', '2026-11-01T01:30:00Z', '2026-11-01T05:30:00.000Z'],
    ['that never come are as long after the skip', '2026-03-08T02:30:00Z', '2026-03-08T07:30:00.000Z'],
  ])('%s', (_, local, moment) => {
    expect(new Date(momentOfLocal(Date.parse(local), offsetAt)).toISOString()).toBe(moment);
  });

  it('know no zone that does not exist', () => {
    expect(offsetsOf('Mars/Olympus')).toBeUndefined();
  });
});
