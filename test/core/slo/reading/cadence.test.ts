import { describe, expect, it } from 'vitest';
import { cadenceOf, isDue } from '../../../../core/slo/reading/cadence.ts';
import { policy, specificationOf } from '../documents.ts';

function objective(percent: number, slice = '1m', window = '30d') {
  return specificationOf({
    objectives: [`{ targetPercent: ${percent}, timeSliceTarget: 0.99, timeSliceWindow: ${slice} }`],
    window: `{ duration: ${window}, isRolling: true }`,
  });
}

function declaring(severity: string, lookBack: string) {
  return specificationOf({
    objectives: ['{ targetPercent: 90, timeSliceTarget: 0.99, timeSliceWindow: 1m }'],
    alerts: [policy('mine', `op: gt, threshold: 2, lookbackWindow: ${lookBack}`, { severity })],
  });
}

describe('how often an objective is read (design section 8)', () => {
  it.each([
    ['99.9 % can page within minutes', objective(99.9), 1, 'looks at the last 300 s'],
    ['90 % cannot: 14.4 times its budget is more than everything', objective(90), 5, 'cannot fire'],
    ['slices of ten minutes say nothing about five', objective(99.9, '10m'), 5, 'longer than the short window'],
    ['a declared page over five minutes makes 90 % as urgent', declaring('page', '5m'), 1, 'its page mine looks at the last 300 s'],
    ['a declared ticket does not', declaring('ticket', '5m'), 5, 'cannot fire'],
    ['nor a page over an hour', declaring('page', '1h'), 5, 'cannot fire'],
  ] as const)('%s', (_, specification, everyMinutes, words) => {
    expect(cadenceOf(specification)).toMatchObject({ everyMinutes, reason: expect.stringContaining(words) as unknown });
  });

  it('reads the slow ones in exactly one minute of five, whatever their names', () => {
    for (const name of ['a', 'b', 'shop-web-availability']) {
      const due = [0, 1, 2, 3, 4].filter((minute) => isDue({ ...objective(90), name }, minute * 60_000));
      expect(due).toHaveLength(1);
    }
    expect([0, 1, 2].every((minute) => isDue(objective(99.9), minute * 60_000))).toBe(true);
  });
});
