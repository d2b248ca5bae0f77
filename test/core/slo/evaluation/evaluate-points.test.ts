import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateLedger } from '../../../../core/slo/evaluation/evaluate-points.ts';
import type { LedgerEntry } from '../../../../core/slo/evaluation/ledger.ts';
import { readPoints } from '../../../../core/slo/evaluation/points.ts';
import { evaluated, failureShare, part, specificationOf, threshold } from '../documents.ts';

const at = '2026-11-21T09:00:00Z';
const minute = 60_000;

/** Minutes that end at `at`, the newest last: `bad` of `total` in each of the last `badMinutes`, none before. */
function minutes(count: number, badMinutes: number, bad = 100, total = 100): readonly object[] {
  return Array.from({ length: count }, (_, index) => {
    const t = new Date(Date.parse(at) - (count - 1 - index) * minute).toISOString();
    return { t, bad: index >= count - badMinutes ? bad : 0, total };
  });
}

function objective(percent: number, more = 'timeSliceTarget: 0.99, timeSliceWindow: 1m'): readonly string[] {
  return [`{ targetPercent: ${percent}, ${more} }`];
}

const fourWeeks = '{ duration: 4w, isRolling: true }';
const twoWeeks = '{ duration: 2w, isRolling: true }';
const oneWeek = '{ duration: 1w, isRolling: true }';
type Parts = Parameters<typeof specificationOf>[0];
type Figures = Partial<ReturnType<typeof evaluated>>;

const occurrences: Parts = { method: 'Occurrences' };

/** Long windows of the pairs that fire when so many of 250,000 events are bad. */
function firingOver(bad: number): readonly number[] {
  return evaluated(occurrences, [{ t: at, bad, total: 250_000 }], at).firing.map(({ longWindowSeconds }) => longWindowSeconds);
}

function needing(minimum: string): Parts {
  return { ...occurrences, annotations: { 'perennial.io/minimum-events': minimum } };
}

/** Examples with their source, to the digit. */
const examples: readonly (readonly [source: string, parts: Parts, points: readonly object[], figures: Figures])[] = [
  [
    'a week of untouched budget at 99.95 % is 5 minutes 2.4 seconds (OpenSLO, low traffic)',
    { objectives: objective(99.95), window: oneWeek },
    minutes(1, 0),
    { budgetTotal: 5.04, sli: 1 },
  ],
  ['99.999 % over 30 days is 25.92 s, 0.432 of a minute (S2-04)', { objectives: objective(99.999) }, minutes(1, 0), { budgetTotal: 0.432 }],
  ['43.2 minutes in 30 days, 21 used (Nobl9)', {}, minutes(60, 21), { budgetTotal: 43.2, budgetConsumed: 21, budgetRemainingRatio: 22.2 / 43.2 }],
  [
    '10,000 requests at 99.9 %: 10 may be bad, 5 used are half (Nobl9)',
    occurrences,
    minutes(100, 1, 5),
    { budgetTotal: 10, budgetConsumed: 5, budgetRemainingRatio: 0.5, sli: 0.9995 },
  ],
  [
    'a million requests in four weeks at 99.9 %: 1,000 errors (SRE workbook)',
    { ...occurrences, window: fourWeeks },
    minutes(1000, 1, 1000, 1000),
    { budgetTotal: 1000, budgetConsumed: 1000, budgetRemainingRatio: 0 },
  ],
  [
    '43,200 periods at 99 %: 432 may be bad, 130 leave 302 (CloudWatch)',
    { objectives: objective(99) },
    minutes(200, 130),
    { budgetTotal: 432, budgetConsumed: 130, budgetRemainingRatio: 302 / 432 },
  ],
  ['a total outage of one hour takes 139 % of the month (SRE workbook: 140 %)', {}, minutes(60, 60), { budgetConsumed: 60, budgetRemainingRatio: -7 / 18 }],
  ['a spike of five minutes takes 11.6 % (SRE workbook: 12 %)', {}, minutes(60, 5), { budgetRemainingRatio: 38.2 / 43.2 }],
  [
    '0.1 % of errors for ten minutes takes 0.023 % (SRE workbook: 0.02 %)',
    { method: 'RatioTimeslices' },
    minutes(60, 10, 1, 1000),
    { budgetConsumed: 0.01, budgetRemainingRatio: 4319 / 4320 },
  ],
  [
    'two weeks at 95 % are 1,008 bad minutes, 16 h 48 min (OpenSLO, budgeting method)',
    { objectives: objective(95), window: twoWeeks },
    minutes(1, 0),
    { budgetTotal: 1008 },
  ],
  [
    '336,000 requests at 95 %: 16,800 may fail (OpenSLO, budgeting method)',
    { ...occurrences, objectives: objective(95), window: twoWeeks },
    minutes(10, 0, 0, 33_600),
    { budgetTotal: 16_800 },
  ],
  ['one bad of four is 75 %', occurrences, minutes(4, 1, 1, 1), { sli: 0.75, budgetTotal: 0.004, budgetConsumed: 1 }],
];

describe('worked examples', () => {
  it.each(examples)('%s (S2-03)', (_, parts, points, figures) => {
    expect(evaluated(parts, points, at)).toMatchObject(figures);
  });

  it('an attack that leaves 1 % of the requests takes 13 h 43 min to spend two weeks at 95 % that usually has 99 % (OpenSLO, budgeting method)', () => {
    const share = (attacked: number) =>
      Array.from({ length: 20_160 }, (_, index) => ({
        t: new Date(Date.parse(at) - index * minute).toISOString(),
        bad: index < attacked ? 99 : 1,
        total: 100,
      })).toReversed();
    const parts = { method: 'RatioTimeslices', objectives: objective(95), window: twoWeeks };
    expect(evaluated(parts, share(822), at)).toMatchObject({ budgetTotal: 1008, budgetConsumed: 1007.16 });
    expect(evaluated(parts, share(823), at).budgetRemainingRatio).toBeLessThan(0);
  });

  it('two parts at 95 % make a journey of 90 % (OpenSLO, composite RatioTimeslices)', () => {
    const rest = 'target: 0.9, timeSliceWindow: 1m';
    const points = ['a', 'b'].map((name) => ({ t: at, objective: name, good: 95, total: 100 }));
    const parts = { method: 'RatioTimeslices', objectives: [part('a', rest), part('b', rest)], annotations: { 'perennial.io/no-data': 'ignore' } };
    expect(evaluated(parts, points, at)).toMatchObject({ sli: 0.9, budgetConsumed: 0.1, budgetTotal: 0.1, budgetRemainingRatio: 0 });
  });

  it('a composite of Timeslices has a bad minute when any part has one, and its strictest target', () => {
    const rest = 'timeSliceTarget: 0.9, timeSliceWindow: 1m';
    const [first, second] = ['2026-11-21T08:58:00Z', '2026-11-21T08:59:00Z'];
    const points = [
      { t: first, objective: 'a', good: 0, total: 1 },
      { t: second, objective: 'a', good: 1, total: 1 },
      { t: first, objective: 'b', good: 0, total: 1 },
      { t: second, objective: 'b', good: 0, total: 1 },
    ];
    expect(evaluated({ objectives: [part('a', `target: 0.99, ${rest}`), part('b', `target: 0.999, ${rest}`)] }, points, at)).toMatchObject({
      budgetConsumed: 2,
      budgetTotal: 43.2,
      targetPercent: '99.9',
    });
  });

  it('a composite of Occurrences burns at the rates of its parts, each times its weight', () => {
    const parts = { method: 'Occurrences', objectives: [part('a', 'target: 0.9'), part('b', 'target: 0.99, compositeWeight: 0.5')] };
    // a burns at 0.5 (5 % of 10 %), b at 4 (4 % of 1 %): 0.5 + 4 × 0.5 = 2.5
    const points = [
      { t: at, objective: 'a', bad: 5, total: 100 },
      { t: at, objective: 'b', bad: 4, total: 100 },
    ];
    const { burn, budgetTotal, budgetConsumed, budgetRemainingRatio } = evaluated(parts, points, at);
    expect([burn.at(-1)?.rate, budgetTotal, budgetConsumed, budgetRemainingRatio]).toEqual([2.5, 11, 27.5, -1.5]);
  });

  it('15 % of errors for ten minutes page after six, and stop five minutes after the trouble (SRE workbook, multiwindow)', () => {
    const errors = Array.from({ length: 120 }, (_, index) => ({
      t: new Date(Date.parse(at) + (index - 59) * minute).toISOString(),
      bad: index >= 60 && index < 70 ? 15 : 0,
      total: 100,
    }));
    const isPaging = (minutesAfter: number) =>
      evaluated(occurrences, errors, new Date(Date.parse(at) + minutesAfter * minute).toISOString()).firing.some(({ severity }) => severity === 'critical');
    expect([5, 6, 10, 14, 15].map(isPaging)).toEqual([false, true, true, true, false]);
  });

  it('a target of 90 % never burns at 14.4: a total outage of an hour burns at 10 and pages nobody', () => {
    const { burn, firing } = evaluated({ ...occurrences, objectives: objective(90) }, minutes(120, 60), at);
    expect(burn.find(({ windowSeconds }) => windowSeconds === 3600)?.rate).toBe(10);
    expect(firing.map(({ severity }) => severity)).not.toContain('critical');
  });

  it('a rate that equals the factor fires nothing: 1.44 % of bad events are 14.4 times 0.1 %', () => {
    expect(firingOver(3600)).not.toContain(3600);
    expect(firingOver(3601)).toContain(3600);
  });
});

describe('points', () => {
  it('count by value: good while it compares as the objective says', () => {
    const values = [0.29, 0.3, 0.31].map((value, index) => ({ t: `2026-11-21T08:5${index}:00Z`, value }));
    const sli = (op: string) =>
      evaluated({ method: 'Occurrences', indicator: threshold, objectives: [`{ target: 0.9, op: ${op}, value: 0.3 }`] }, values, at).sli;
    expect(['lt', 'lte', 'gt', 'gte'].map(sli)).toEqual([1 / 3, 2 / 3, 1 / 3, 2 / 3]);
  });

  it('count as shares where the indicator is a ratio already: 0.1 of failures is 0.9 of successes, exactly', () => {
    expect(evaluated({ method: 'Occurrences', indicator: failureShare }, [{ t: at, value: 0.1 }], at)).toMatchObject({
      sli: 0.9,
      budgetTotal: 0.001,
      budgetConsumed: 0.1,
    });
  });

  it('belong to the window (at − duration, at]', () => {
    const sli = (t: string) => evaluated(occurrences, [{ t, bad: 1, total: 1 }, ...(t < at ? [{ t: at, bad: 0, total: 1 }] : [])], at).sli;
    expect([sli('2026-10-22T09:00:00Z'), sli('2026-10-22T09:00:00.001Z'), sli(at)]).toEqual([1, 0.5, 0]);
  });

  it('of one slice are judged together', () => {
    const points = [5, 6, 7].map((second) => ({ t: `2026-11-21T08:59:0${second}Z`, bad: second === 5 ? 1 : 0, total: 50 }));
    expect(evaluated({}, points, at).budgetConsumed).toBe(0);
    expect(evaluated({}, points.slice(0, 1), at).budgetConsumed).toBe(1);
  });
});

const entry = { id: 'x1', author: 'kim', reason: 'planned work', at: '2026-11-22T00:00:00.000Z' };
const last30 = { from: '2026-11-21T08:31:00.000Z', to: '2026-11-21T09:01:00.000Z' };
const exclusion: LedgerEntry = { kind: 'exclusion', ...entry, ...last30 };

describe('exclusions and corrections', () => {
  it('of requests take good and bad out; all of them out is an attainment of 100 % (CloudWatch)', () => {
    expect(evaluated(occurrences, minutes(60, 30), at, [exclusion])).toMatchObject({ sli: 1, budgetTotal: 3, budgetConsumed: 0 });
    expect(evaluated(occurrences, minutes(30, 30), at, [exclusion])).toMatchObject({ sli: 1, budgetTotal: 0, budgetRemainingRatio: 1 });
  });

  it('of time count as good, or leave the sum where the document says so', () => {
    expect(evaluated({}, minutes(60, 30), at, [exclusion])).toMatchObject({ sli: 1, budgetTotal: 43.2, budgetConsumed: 0 });
    const dropped = evaluated({ annotations: { 'perennial.io/exclusions': 'drop' } }, minutes(60, 40), at, [exclusion]);
    expect(dropped).toMatchObject({ budgetTotal: 43.17, budgetConsumed: 10 });
  });

  it('may come long after, and are taken back by a further entry', () => {
    const withdrawal: LedgerEntry = { kind: 'withdrawal', ...entry, id: 'x2', entry: 'x1' };
    expect(evaluated({}, minutes(60, 30), at, [exclusion, withdrawal]).budgetConsumed).toBe(30);
  });

  it('the correction entered last counts', () => {
    const good: LedgerEntry = { kind: 'correction', ...entry, ...last30, as: 'good' };
    const bad: LedgerEntry = { kind: 'correction', ...entry, ...last30, id: 'x2', at: '2026-11-23T00:00:00.000Z', as: 'bad' };
    expect(evaluated({}, minutes(60, 30), at, [good]).budgetConsumed).toBe(0);
    expect(evaluated({}, minutes(60, 10), at, [bad, good]).budgetConsumed).toBe(30);
  });
});

describe('no data and little traffic', () => {
  const gap = minutes(60, 0).filter((_, index) => index < 10 || index >= 20);

  it.each([
    ['good', 43.2, 0],
    ['bad', 43.2, 10],
    ['ignore', 0.05, 0],
  ])('gaps count as the document says: %s', (noData, budgetTotal, budgetConsumed) => {
    expect(evaluated({ annotations: { 'perennial.io/no-data': noData } }, gap, at)).toMatchObject({ budgetTotal, budgetConsumed });
  });

  it('charges nothing for the time before the first data, nor for the minute that is not over', () => {
    const points = minutes(60, 0).slice(30, 59);
    expect(evaluated({ annotations: { 'perennial.io/no-data': 'bad' } }, points, '2026-11-21T09:00:30Z').budgetConsumed).toBe(0);
    expect(evaluated({ annotations: { 'perennial.io/no-data': 'bad' } }, points, '2026-11-21T09:01:00Z').budgetConsumed).toBe(1);
  });

  it('judges no minute with fewer events than the minimum', () => {
    expect(evaluated({}, minutes(60, 30, 4, 4), at).budgetConsumed).toBe(30);
    expect(evaluated({ annotations: { 'perennial.io/minimum-events': '5' } }, minutes(60, 30, 4, 4), at).budgetConsumed).toBe(0);
  });

  it('Occurrences count every event, but raise no alert over fewer than the minimum', () => {
    expect(evaluated(needing('60'), minutes(60, 60, 1, 1), at)).toMatchObject({
      budgetConsumed: 60,
      firing: [{ longWindowSeconds: 3600 }, { longWindowSeconds: 21_600 }, { longWindowSeconds: 86_400 }, { longWindowSeconds: 259_200 }],
    });
    expect(evaluated(needing('61'), minutes(60, 60, 1, 1), at).firing).toEqual([]);
  });

  it.each([
    ['no point in the window', [{ t: '2026-11-22T00:00:00Z', good: 1, total: 1 }], /no point .*the metric does not exist/],
    ['only totals of 0', [{ t: at, good: 0, total: 0 }], /total of 0/],
  ])('says nothing about %s, unless the document says what that means', (_, points, reason) => {
    expect(() => evaluated({}, points, at)).toThrow(reason);
    expect(evaluated({ annotations: { 'perennial.io/no-data': 'good' } }, points, at)).toMatchObject({ sli: 1, budgetConsumed: 0 });
  });
});

describe('calendar windows', () => {
  const month = '{ duration: 1M, calendar: { startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin } }';

  it('have the budget of all of their days, and the attainment of those that are over', () => {
    const points = minutes(60, 30);
    const { budgetTotal, budgetConsumed, sli, window } = evaluated({ window: month }, points, at);
    expect([budgetTotal, budgetConsumed, window]).toEqual([43.2, 30, { from: '2026-10-31T23:00:00.000Z', to: '2026-11-30T22:59:59.999Z', text: '1M' }]);
    expect(sli).toBe(1 - 30 / (20 * 1440 + 10 * 60 + 1));
  });

  it('begin anew: what was bad before midnight on the wall is another month', () => {
    const points = [
      { t: '2026-10-31T22:59:00Z', bad: 1, total: 1 },
      { t: '2026-10-31T23:00:00Z', bad: 1, total: 1 },
    ];
    expect(evaluated({ window: month }, points, at).budgetConsumed).toBe(1);
    // An hour more than 31 days: the clock was set back.
    expect(evaluated({ window: month }, points, '2026-10-31T22:59:30Z')).toMatchObject({ budgetConsumed: 1, budgetTotal: (31 * 1440 + 60) / 1000 });
  });

  it('before the first one there is nothing to say', () => {
    expect(() => evaluated({ window: month }, [{ t: '2025-11-21T08:00:00Z', bad: 1, total: 1 }], '2025-11-21T09:00:00Z')).toThrow(
      /first window begins at 2025-12-31T23:00:00/,
    );
  });
});

describe('the remaining budget', () => {
  it.each(['Timeslices', 'RatioTimeslices'])('never grows within a calendar window while nothing is corrected (%s)', (method) => {
    const specification = specificationOf({
      method,
      window: '{ duration: 1d, calendar: { startTime: 2026-11-01 00:00:00, timeZone: Asia/Seoul } }',
      objectives: objective(99, 'timeSliceTarget: 0.9, timeSliceWindow: 1h'),
    });
    fc.assert(
      fc.property(fc.array(fc.nat(10), { minLength: 24, maxLength: 24 }), (bad) => {
        const lines = bad.map((count, hour) =>
          JSON.stringify({ t: new Date(Date.parse('2026-11-20T15:00:00Z') + hour * 60 * minute).toISOString(), bad: count, total: 10 }),
        );
        const samples = readPoints(lines, specification);
        if ('kind' in samples) throw new Error(samples.reason);
        const left = Array.from({ length: 24 }, (_, hour) => {
          const answer = evaluateLedger(specification, { samples, entries: [] }, Date.parse('2026-11-20T15:00:00Z') + hour * 60 * minute);
          return answer.kind === 'evaluated' ? answer.evaluation.budgetRemainingRatio : Number.NaN;
        });
        expect(left.every((value, index) => index === 0 || value <= (left[index - 1] ?? 0))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe('speed', () => {
  it('evaluates 30 days of minutes well under a second', () => {
    const lines = minutes(43_200, 25).map((point) => JSON.stringify(point));
    const began = performance.now();
    const specification = specificationOf({});
    const samples = readPoints(lines, specification);
    if ('kind' in samples) throw new Error(samples.reason);
    expect(evaluateLedger(specification, { samples, entries: [] }, Date.parse(at))).toMatchObject({ evaluation: { budgetConsumed: 25 } });
    // Half a second on a quiet core; the margin is for a machine that does other things as well.
    expect(performance.now() - began).toBeLessThan(3000);
  });
});
