import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { burnRate, burnRateAlerts, detectionSeconds, exhaustionSeconds } from '../../../../core/slo/objective/burn-rate.ts';
import { parseTarget, type Target } from '../../../../core/slo/objective/target.ts';
import { evaluated } from '../documents.ts';

function target(percent: string): Target {
  const parsed = parseTarget(percent);
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  return parsed;
}

const day = 86_400;
const month = 30 * day;
const at = '2026-11-21T09:00:00Z';
const before = '2026-11-21T08:30:00Z';

describe('burnRateAlerts', () => {
  it.each([
    [30, [14.4, 6, 3, 1]],
    [28, [13.44, 5.6, 2.8, 0.9333333333333333]],
    [7, [3.36, 1.4, 0.7, 0.23333333333333334]],
    [90, [43.2, 18, 9, 3]],
  ])('has the factors of a window of %i days to the digit', (days, factors) => {
    expect(burnRateAlerts(target('99.9'), days * day).map(({ factor }) => factor)).toEqual(factors);
  });

  it('pairs 1 h/5 min, 6 h/30 min, 24 h/2 h and 3 d/6 h with their severities and shares of the budget', () => {
    const rows = burnRateAlerts(target('99.9'), month).map((alert) => [alert.severity, alert.longWindowSeconds, alert.shortWindowSeconds, alert.budgetPercent]);
    expect(rows).toEqual([
      ['critical', 3600, 300, 2],
      ['high', 21_600, 1800, 5],
      ['warning', 86_400, 7200, 10],
      ['warning', 259_200, 21_600, 10],
    ]);
  });

  it.each([
    ['90', 30, ['unreachable', 'reachable', 'reachable', 'reachable']],
    ['80', 30, ['unreachable', 'unreachable', 'reachable', 'reachable']],
    ['50', 30, ['unreachable', 'unreachable', 'unreachable', 'reachable']],
    // 14.4 × 6.9444445 % is a hair more than everything, 14.4 × 6.9444444 % a hair less.
    ['93.0555555', 30, ['unreachable', 'reachable', 'reachable', 'reachable']],
    ['93.0555556', 30, ['reachable', 'reachable', 'reachable', 'reachable']],
    ['75', 40, ['unreachable', 'unreachable', 'unreachable', 'reachable']],
    ['99.9', 1, ['reachable', 'reachable', 'unreachable', 'unreachable']],
    ['99.9', 3, ['reachable', 'reachable', 'reachable', 'unreachable']],
    ['99.9', 4, ['reachable', 'reachable', 'reachable', 'reachable']],
  ])('knows which pairs can fire at %s %% over %i days', (percent, days, kinds) => {
    expect(burnRateAlerts(target(percent), days * day).map(({ reachability }) => reachability.kind)).toEqual(kinds);
  });

  it('counts a factor that only a total outage reaches as unreachable, because the comparison is strict', () => {
    // 10 % of 40 days in one day is factor 4; 4 × 25 % is exactly everything.
    const [, , day24] = burnRateAlerts(target('75'), 40 * day);
    expect(day24).toMatchObject({
      factor: 4,
      reachability: { kind: 'unreachable', reason: 'more than 4 × 25 % = 100 % of everything would have to fail, which cannot happen' },
    });
  });
});

/** The pairs that fire over such points. */
const firing = (percent: string, window: string, points: readonly object[]) =>
  evaluated({ method: 'Occurrences', objectives: [`{ targetPercent: ${percent} }`], window: `{ duration: ${window}, isRolling: true }` }, points, at).firing;

/** Whether the page fires when so many of 1,000 are bad in the hour and in the five minutes: at 99 % it is at 14.4, which are 144. */
const isPaging = (long: number, short: number) => {
  const points = [
    { t: before, bad: 2 * long - short, total: 1000 },
    { t: at, bad: short, total: 1000 },
  ];
  return firing('99', '30d', points).some(({ severity }) => severity === 'critical');
};

describe('a pair of windows', () => {
  it('is "unreachable" exactly when a total outage of both windows does not fire', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 4, max: 90 }), (hundredths, days) => {
        const percent = `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`;
        const burning = firing(percent, `${days}d`, [{ t: at, bad: 60, total: 60 }]).map(({ longWindowSeconds }) => longWindowSeconds);
        const reachable = burnRateAlerts(target(percent), days * day).filter(({ reachability }) => reachability.kind === 'reachable');
        expect(reachable.map(({ longWindowSeconds }) => longWindowSeconds)).toEqual(burning);
      }),
    );
  });

  it('needs both windows, strictly above the factor', () => {
    expect([isPaging(145, 145), isPaging(144, 145), isPaging(145, 144), isPaging(144, 144)]).toEqual([true, false, false, false]);
  });

  it('burns nothing without data', () => {
    expect(burnRate({ bad: 0, total: 0 }, target('99.9'))).toBe(0);
  });
});

describe('the worked examples of the Site Reliability Workbook', () => {
  it.each([
    [1, 30 * day],
    [2, 15 * day],
    [10, 3 * day],
    [1000, 43.2 * 60],
  ])('a burn rate of %i spends a month in %d s (table 5-4)', (rate, seconds) => {
    expect(exhaustionSeconds(month, rate)).toBe(seconds);
  });

  it('a steady 35 × exhausts a month in 20.5 hours', () => {
    expect(exhaustionSeconds(month, 35) / 3600).toBeCloseTo(20.57, 2);
  });

  it('a total outage at 99.9 % is noticed after 0.6 s of a 10-minute window and after 2 min 10 s of 36 hours', () => {
    expect(detectionSeconds(target('99.9'), 600, 1, 1)).toBeCloseTo(0.6, 10);
    expect(detectionSeconds(target('99.9'), 36 * 3600, 1, 1)).toBeCloseTo(129.6, 10);
  });

  it('15 % errors trip the long window of the page after about 5 minutes', () => {
    expect(detectionSeconds(target('99.9'), 3600, 14.4, 0.15)).toBeCloseTo(345.6, 10);
  });

  it('burn rate is the share of bad over the allowed share, unrounded', () => {
    expect(burnRate({ bad: 1, total: 1000 }, target('99.9'))).toBe(1);
    expect(burnRate({ bad: 60, total: 60 }, target('99.9'))).toBe(1000);
    expect(burnRate({ bad: 36, total: 2500 }, target('99.9'))).toBe(14.4);
  });
});
