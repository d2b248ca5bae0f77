import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { budgetChart } from '../../../../core/slo/words/chart.ts';
import { allowedDowntimes } from '../../../../core/slo/words/downtime-table.ts';

const from = '2026-10-22T00:00:00.000Z';
const to = '2026-11-21T00:00:00.000Z';
const at = (days: number) => addSeconds(from, days * 86_400);

function chart(points: readonly (readonly [number, number])[], objective = 'shop-web-availability'): string {
  return budgetChart({ objective, from, to, points: points.map(([days, remainingRatio]) => ({ at: at(days), remainingRatio })) });
}

const pathOf = (svg: string): string => /<path class="line" d="([^"]*)"/.exec(svg)?.[1] ?? '';

describe('the chart of a budget', () => {
  it('goes in steps from the whole budget at the top to the spent one on the dashed line', () => {
    // Plot: x from 64 to 836, y from 48 (100 %) to 252 (0 %)
    expect(
      pathOf(
        chart([
          [0, 1],
          [15, 0.5],
          [30, 0],
        ]),
      ),
    ).toBe('M64,48H450V150H836V252H836');
  });

  it('makes room below zero for an overspent budget, in quarters and down to -100 %', () => {
    expect(chart([[0, -0.3]])).toContain('>-50 %<');
    expect(chart([[0, -7]])).toContain('>-100 %<');
    expect(chart([[0, -7]])).not.toContain('>-125 %<');
    expect(chart([[0, -7]])).toContain('overspent by 700 %');
  });

  it('says the figure in words, and that there is none', () => {
    expect(chart([[29, 0.42]])).toContain('<title id="title">Error budget of shop-web-availability: 42 % left on 2026-11-21 00:00 UTC.</title>');
    expect(chart([])).toContain('No figures of shop-web-availability');
    expect(pathOf(chart([]))).toBe('');
  });

  it('cannot be broken out of by a name', () => {
    expect(chart([[0, 1]], '<script>"&')).toContain('&lt;script&gt;&quot;&amp;');
  });

  it('stays small, whatever it is given', () => {
    const many = Array.from({ length: 43_200 }, (_, minute) => [minute / 1440, 1 - minute / 43_200] as const);
    expect(chart(many).length).toBeLessThan(60_000);
  });
});

describe('availability against allowed downtime (S2-05)', () => {
  it.each([
    ['99', 864, 6048, 25_920, 315_360],
    ['99.5', 432, 3024, 12_960, 157_680],
    ['99.9', 86.4, 604.8, 2592, 31_536],
    ['99.95', 43.2, 302.4, 1296, 15_768],
    ['99.99', 8.64, 60.48, 259.2, 3153.6],
    ['99.999', 0.864, 6.048, 25.92, 315.36],
  ])('%s %% allows %d s a day, %d s a week, %d s a month, %d s a year', (percent, day, week, month, year) => {
    expect(allowedDowntimes().find((row) => row.percent === percent)?.seconds).toEqual({ day, week, month, year });
  });

  it('leaves out what is no target', () => {
    expect(allowedDowntimes(['100', 'many'])).toEqual([]);
  });
});
