import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetOf, type Objective } from '../../../../core/slo/objective/budget.ts';
import { parseTarget } from '../../../../core/slo/objective/target.ts';

const day = 86_400;

function objective(percent: string, days = 30): Objective {
  const target = parseTarget(percent);
  if (target.kind === 'refused') throw new Error(target.reason);
  return { target, windowSeconds: days * day };
}

describe('budgetOf', () => {
  it('belongs to the window and not to what was observed: 43.2 minutes from the first one on', () => {
    expect(budgetOf(objective('99.9'), { badSlices: 1, observedSlices: 10 })).toEqual({
      method: 'Timeslices',
      kind: 'left',
      reason: '1 of 43.2 minutes are spent, 97.69 % are left',
      windowSeconds: 2_592_000,
      budgetTotalSlices: 43.2,
      budgetConsumedSlices: 1,
      budgetRemainingRatio: 42.2 / 43.2,
      budgetTotalSeconds: 2592,
      consumedSeconds: 60,
      sli: 43_199 / 43_200,
      observedSlices: 10,
    });
  });

  it('99 % of 43,200 minutes is a budget of 432; 130 bad ones leave 302 (AWS, period-based)', () => {
    const { budgetTotalSlices, budgetConsumedSlices, budgetRemainingRatio } = budgetOf(objective('99'), { badSlices: 130, observedSlices: 43_200 });
    expect([budgetTotalSlices, budgetTotalSlices - budgetConsumedSlices]).toEqual([432, 302]);
    expect(budgetRemainingRatio).toBe(302 / 432);
  });

  it('42,768 of 43,200 periods are exactly enough: the budget is spent and the target is met (AWS, period-based)', () => {
    const spent = budgetOf(objective('99'), { badSlices: 432, observedSlices: 43_200 });
    expect(spent).toMatchObject({ kind: 'spent', budgetRemainingRatio: 0, sli: 0.99 });
    expect(budgetOf(objective('99'), { badSlices: 431, observedSlices: 43_200 })).toMatchObject({ kind: 'left' });
  });

  it.each([
    ['99.9', 60, 60 / 43.2, 'a total outage of one hour is 140 % of a month'],
    ['99.9', 5, 5 / 43.2, 'a spike of five minutes is 12 %'],
    ['99.9', 21, 21 / 43.2, '21 of 43 minutes are about half (Nobl9)'],
  ])('at %s %% %i bad minutes spend %d of the budget: %s', (percent, badSlices, share) => {
    expect(1 - budgetOf(objective(percent), { badSlices, observedSlices: 43_200 }).budgetRemainingRatio).toBeCloseTo(share, 12);
  });

  it('one bad minute overspends 25.92 s (S2-04)', () => {
    expect(budgetOf(objective('99.999'), { badSlices: 1, observedSlices: 1 })).toMatchObject({
      kind: 'spent',
      reason: '1 of 0.43 minutes are spent, 131.48 % more than there is',
      budgetTotalSeconds: 25.92,
      budgetTotalSlices: 0.432,
      consumedSeconds: 60,
    });
  });

  it('falls with every bad slice, is 1 when untouched and sums with what was consumed to the total', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 90 }), fc.nat(1439), (hundredths, days, badSlices) => {
        const promise = objective(`${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`, days);
        const budget = budgetOf(promise, { badSlices, observedSlices: badSlices });
        const next = budgetOf(promise, { badSlices: badSlices + 1, observedSlices: badSlices + 1 });
        expect(next.budgetRemainingRatio).toBeLessThan(budget.budgetRemainingRatio);
        expect(budget.budgetRemainingRatio).toBeCloseTo(1 - budget.consumedSeconds / budget.budgetTotalSeconds, 9);
        expect(budget.kind === 'spent').toBe(budget.budgetRemainingRatio <= 0);
        expect(budgetOf(promise, { badSlices: 0, observedSlices: 0 })).toMatchObject({ budgetRemainingRatio: 1, sli: 1, kind: 'left' });
      }),
    );
  });
});
