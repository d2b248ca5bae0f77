import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateLedger, evaluateSeries, gridOf, seriesOfMaterial } from '../../../../core/slo/evaluation/evaluate-points.ts';
import { amendmentsOf, eventScale, type Sample } from '../../../../core/slo/evaluation/ledger.ts';
import {
  dayMillis,
  type DayRollUp,
  decodeHour,
  encodeHour,
  hourCountsPattern,
  hourFillOf,
  hourMillis,
  rolledUpSeries,
} from '../../../../core/slo/kept/roll-ups.ts';
import { eventSeries, judges, judgeSlices, samplesByMember, type Series, sliceSeries } from '../../../../core/slo/evaluation/series.ts';
import { specificationOf } from '../documents.ts';
import { entriesOf, history, samplesOf, specified } from '../histories.ts';

const base = Date.parse('2026-11-20T00:00:00Z');
const days = ['2026-11-20', '2026-11-21', '2026-11-22'];
const at = base + 3 * dayMillis - 1;
const grid = { sliceMillis: 60_000, fromMillis: base, atMillis: at, lastMillis: at };
const specification = specificationOf({});
const [member] = specification.members;
const amendments = amendmentsOf([]);

/** A day whose hours are summed from the raw series: what whoever seals a day comes to. */
function rollUpDay(day: string, series: Series): DayRollUp {
  const start = Date.parse(`${day}T00:00:00.000Z`);
  const hours = Array.from({ length: 24 }, (_, hour) => series.between(start + hour * hourMillis, start + (hour + 1) * hourMillis - 1));
  return { day, hours, sum: hours.reduce((a, b) => ({ bad: a.bad + b.bad, total: a.total + b.total })) };
}

const samples = fc.array(
  fc.record({ minute: fc.nat(3 * 1440 - 1), total: fc.integer({ min: 1, max: 9 }), bad: fc.nat(9) }).map(({ minute, total, bad }): Sample => {
    const atMillis = base + minute * 60_000;
    return { member: 0, atMillis, observedAtMillis: atMillis, bad: BigInt(Math.min(bad, total)) * eventScale, total: BigInt(total) * eventScale };
  }),
  { maxLength: 40 },
);

const kinds: readonly (readonly [string, (readings: readonly Sample[]) => Series])[] = [
  ['Occurrences', (readings) => eventSeries(readings, grid, specification.semantics, amendments)],
  ['Timeslices', (readings) => sliceSeries(judgeSlices(readings, grid, { semantics: specification.semantics, amendments, member, judge: judges.Timeslices }))],
  [
    'RatioTimeslices',
    (readings) => sliceSeries(judgeSlices(readings, grid, { semantics: specification.semantics, amendments, member, judge: judges.RatioTimeslices })),
  ],
];

describe('roll-ups', () => {
  it.each(kinds)('equal the readings over any span, to the last part (%s)', (_, seriesOf) => {
    fc.assert(
      fc.property(samples, fc.nat(3 * 86_400_000), fc.nat(3 * 86_400_000), (readings, one, other) => {
        const series = seriesOf(readings);
        const rolled = days.map((day) => rollUpDay(day, series));
        const [from, until] = [base + Math.min(one, other), base + Math.max(one, other) - 1];
        expect(rolledUpSeries(rolled, series).between(from, until)).toEqual(series.between(from, until));
      }),
      { numRuns: 60 },
    );
  });

  it('read at most two edges from the readings', () => {
    const readings = eventSeries([], grid, specification.semantics, amendments);
    const asked: (readonly [number, number])[] = [];
    const counting: Series = { scale: 1n, between: (from, until) => (asked.push([from, until]), readings.between(from, until)) };
    rolledUpSeries([], counting).between(base + 90_000, base + 2 * dayMillis + 90_000);
    expect(asked).toEqual([
      [base + 90_000, base + 3_599_999],
      [base + 2 * dayMillis, base + 2 * dayMillis + 90_000],
    ]);
  });

  it('have a fixed size: 24 hours and a sum', () => {
    expect(rollUpDay('2026-11-20', eventSeries([], grid, specification.semantics, amendments)).hours).toHaveLength(24);
  });
});

describe('an evaluation', () => {
  it('from roll-ups gives the figures of one from readings, whatever the method, the gaps and the corrections', () => {
    fc.assert(
      fc.property(history, (one) => {
        const written = specified(one);
        const entries = entriesOf(one.raw);
        const direct = evaluateLedger(written, { samples: samplesOf(one.raw), entries }, one.raw.now);
        const span = written.window.spanAt(one.raw.now);
        if (span.kind === 'refused') throw new Error(span.reason);
        const own = samplesByMember(samplesOf(one.raw), written);
        const readings = seriesOfMaterial({ specification: written, samples: own, amendments: amendmentsOf(entries), grid: gridOf(written, span) });
        // Days that are over are kept; of the one that runs, the readings.
        const kept = [-3, -2, -1].map((offset) => new Date(one.raw.now + offset * dayMillis).toISOString().slice(0, 10));
        const rolled = readings.map((series) =>
          rolledUpSeries(
            kept.map((day) => rollUpDay(day, series)),
            series,
            (hour) => series.between(hour * 3_600_000, (hour + 1) * 3_600_000 - 1),
          ),
        );
        expect(evaluateSeries(written, rolled, one.raw.now)).toEqual(direct);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['Timeslices', '10m', 'good'],
    ['Timeslices', '2h', 'good'],
    ['Timeslices', '1h', 'bad'],
    ['Timeslices', '1h', 'ignore'],
    ['RatioTimeslices', '30m', 'good'],
    ['RatioTimeslices', '1d', 'bad'],
  ])('fills hours of which nothing is kept as the document judges gaps before any data: %s of %s, %s', (method, slice, noData) => {
    const objectives = [`{ target: 0.9, timeSliceTarget: 0.9, timeSliceWindow: ${slice} }`];
    const written = specificationOf({ method, objectives, window: '{ duration: 5d, isRolling: true }', annotations: { 'perennial.io/no-data': noData } });
    const now = base + 6 * dayMillis + 5_000_000;
    const span = written.window.spanAt(now);
    if (span.kind === 'refused') throw new Error(span.reason);
    const readings = seriesOfMaterial({ specification: written, samples: [[]], amendments, grid: gridOf(written, span) });
    const filled = readings.map((series) => rolledUpSeries([], series, hourFillOf(written)));
    expect(evaluateSeries(written, filled, now)).toEqual(evaluateSeries(written, readings, now));
  });

  it('of a thousand objectives over four windows takes a fraction of a second', () => {
    const written = specificationOf({});
    const now = base + 30 * dayMillis;
    const wide = { sliceMillis: 60_000, fromMillis: base, atMillis: now, lastMillis: now };
    const [series] = seriesOfMaterial({ specification: written, samples: [[]], amendments, grid: wide });
    if (series === undefined) throw new Error('no series');
    const rolled = Array.from({ length: 31 }, (_, index) => rollUpDay(new Date(base + index * dayMillis).toISOString().slice(0, 10), series));
    const began = performance.now();
    for (let objective = 0; objective < 1000; objective += 1) evaluateSeries(written, [rolledUpSeries(rolled, series)], now);
    // 0.4 s on a quiet core; the margin is for a machine that does other things as well.
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

describe('the counts of an hour', () => {
  const hour = '2026-11-20T07:00:00.000Z';

  it('come back as they were stored', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(59), { maxLength: 60 }),
        fc.array(fc.tuple(fc.nat(9999), fc.nat(9)), { minLength: 60, maxLength: 60 }),
        (minutes, counts) => {
          const readings = minutes
            .toSorted((a, b) => a - b)
            .map((minute): Sample => {
              const [bad = 0, tenths = 0] = counts[minute] ?? [];
              const atMillis = Date.parse(hour) + minute * 60_000;
              const parts = BigInt(bad) * eventScale + (BigInt(tenths) * eventScale) / 10n;
              return { member: 0, atMillis, observedAtMillis: atMillis, bad: parts, total: parts + eventScale };
            });
          const text = encodeHour(hour, readings);
          expect(text).toMatch(hourCountsPattern);
          expect(decodeHour(hour, text)).toEqual(readings);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are ten bytes while every minute is alike', () => {
    expect(encodeHour(hour, [])).toBe('60*-');
  });
});
