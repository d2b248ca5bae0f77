import { describe, expect, it } from 'vitest';
import { exhaustionOf, type Pace, spokenBudget } from '../../../../core/slo/words/exhaustion.ts';

// A Wednesday.
const now = '2026-11-25T12:00:00.000Z';
const month: Pace = { remainingRatio: 1, windowSeconds: 2_592_000, budgetSeconds: 2592, burnRate: 0, lookBackSeconds: 3600 };

describe('exhaustionOf', () => {
  it('says in plain words when a budget is gone', () => {
    const { kind, at, reason } = exhaustionOf({ ...month, burnRate: 27.339_901_477_832_51 }, now);
    expect(kind).toBe('runs-out');
    expect(at).toMatch(/^2026-11-26T14:20/);
    expect(reason).toBe("At the pace of the last hour (27.3 ×) the month's 43 minutes are gone on Thursday 14:20 UTC, in 1 d 2 h 20 min.");
  });

  it('speaks of what is left once some of it is spent', () => {
    const { reason } = exhaustionOf({ ...month, remainingRatio: 0.25, burnRate: 1000 }, now);
    expect(reason).toBe("At the pace of the last hour (1000 ×) what is left of the month's 43 minutes (11 min) is gone on Wednesday 12:10 UTC, in 11 min.");
  });

  it('names the date where a weekday could be either of two', () => {
    const { at, reason } = exhaustionOf({ ...month, burnRate: 4 }, now);
    expect(at).toBe('2026-12-03T00:00:00.000Z');
    expect(reason).toContain('Thursday 2026-12-03 00:00 UTC');
  });

  it('does not prophesy an end that a rolling window puts off for ever', () => {
    expect(exhaustionOf({ ...month, burnRate: 1 }, now)).toMatchObject({ kind: 'lasts' });
    expect(exhaustionOf({ ...month, burnRate: 0 }, now)).toMatchObject({
      kind: 'calm',
      reason: 'Nothing was bad in the last hour, so the budget does not burn.',
    });
    expect(exhaustionOf({ ...month, remainingRatio: 0, burnRate: 5 }, now)).toMatchObject({
      kind: 'spent',
      reason: "Nothing is left of the month's 43 minutes.",
    });
  });

  it('ends a prophecy where a calendar window begins anew', () => {
    const resetsAt = '2026-12-01T00:00:00.000Z';
    expect(exhaustionOf({ ...month, burnRate: 4, resetsAt }, now)).toEqual({
      kind: 'lasts',
      reason: "At the pace of the last hour (4 ×) the month's 43 minutes last until they begin anew on Tuesday 00:00 UTC.",
    });
    expect(exhaustionOf({ ...month, burnRate: 30, resetsAt }, now).kind).toBe('runs-out');
  });

  it.each([
    [86.4, 86_400, "the day's 86.4 seconds"],
    [604.8, 604_800, "the week's 10 minutes"],
    [7776, 7_776_000, 'the 129 minutes of 90 d'],
    [25.92, 2_592_000, "the month's 25.92 seconds"],
  ])('calls %d s in %d s %s', (budgetSeconds, windowSeconds, text) => {
    expect(spokenBudget(budgetSeconds, windowSeconds)).toBe(text);
  });
});
