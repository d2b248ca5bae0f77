import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { etaSeconds, pageAfterSeconds } from '../../../../core/incidents/messages/eta.ts';

describe('etaSeconds', () => {
  it('is unknown without past runs', () => {
    expect(etaSeconds([])).toBeUndefined();
    expect(etaSeconds([Number.NaN, -1])).toBeUndefined();
  });

  it('gives times that were really measured', () => {
    expect(etaSeconds([100])).toEqual({ p50Seconds: 100, p95Seconds: 100, runs: 1 });
    expect(etaSeconds(Array.from({ length: 100 }, (_, index) => 100 - index))).toEqual({ p50Seconds: 50, p95Seconds: 95, runs: 100 });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1 }), (past) => {
        const eta = etaSeconds(past);
        expect(past).toContain(eta?.p50Seconds);
        expect(past).toContain(eta?.p95Seconds);
        expect(eta?.p95Seconds).toBeGreaterThanOrEqual(eta?.p50Seconds ?? Infinity);
      }),
    );
  });
});

describe('pageAfterSeconds', () => {
  it('waits min(RTO, 10 min) without past runs', () => {
    expect(pageAfterSeconds({ pastRecoverySeconds: [], rtoSeconds: 3600 })).toBe(600);
    expect(pageAfterSeconds({ pastRecoverySeconds: [], rtoSeconds: 300 })).toBe(300);
  });

  it('waits p95 and a half, but no longer than the RTO and 15 min', () => {
    expect(pageAfterSeconds({ pastRecoverySeconds: [60, 80, 100], rtoSeconds: 600 })).toBe(150);
    expect(pageAfterSeconds({ pastRecoverySeconds: [500], rtoSeconds: 600 })).toBe(600);
    expect(pageAfterSeconds({ pastRecoverySeconds: [5000], rtoSeconds: 86_400 })).toBe(900);
  });

  it('is a whole number of seconds from 1 to 15 min for all inputs', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 100_000, noNaN: true })), fc.integer({ min: 1, max: 2_592_000 }), (pastRecoverySeconds, rtoSeconds) => {
        const seconds = pageAfterSeconds({ pastRecoverySeconds, rtoSeconds });
        expect(Number.isInteger(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(1);
        expect(seconds).toBeLessThanOrEqual(Math.min(900, rtoSeconds));
      }),
    );
  });
});
