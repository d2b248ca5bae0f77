import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../../core/catalog/glob.ts';
import { editDistance, nearest } from '../../../core/catalog/nearest.ts';
import { durationSeconds, targetRatio, timeSliceSeconds } from '../../../core/catalog/durations.ts';

describe('the nearest name', () => {
  it('counts single-character edits', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('', 'abc')).toBe(3);
  });

  it('is a distance: zero for the same, the same both ways', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });

  it('is only said when it is near', () => {
    expect(nearest('shop-wed', ['shop-db', 'shop-web'])).toBe('shop-web');
    expect(nearest('payments', ['shop-db', 'shop-web'])).toBeUndefined();
  });
});

describe('alarm patterns', () => {
  it.each([
    ['shop-web-*', 'shop-web-unhealthy', true],
    ['shop-web-*', 'shop-api-unhealthy', false],
    ['*-cpu', 'shop-cpu', true],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['ab*ba', 'aba', false],
    ['exact', 'exact', true],
    ['exact', 'exactly', false],
    ['shop.web*', 'shopxweb1', false],
  ])('%s on %s: %s', (pattern, name, expected) => {
    expect(matchesGlob(pattern, name)).toBe(expected);
  });
});

describe('OpenSLO values', () => {
  it('reads durations in seconds', () => {
    expect(['1m', '2h', '30d', '4w', '1M', '60s'].map(durationSeconds)).toEqual([60, 7200, 2_592_000, 2_419_200, 2_592_000, 60]);
    expect(['', '0d', '1.5h', '30', 'd', '-1d', '30 d'].map(durationSeconds)).toEqual(Array.from({ length: 7 }, () => undefined));
  });

  it('reads slices: a number counts minutes', () => {
    expect([1, 5, '1m', '60s', '1h', '2h', '1d'].map(timeSliceSeconds)).toEqual([60, 300, 60, 60, 3600, 7200, 86_400]);
    expect([0, 7, 1.5, '30s', '5h', 'x'].map(timeSliceSeconds)).toEqual(Array.from({ length: 6 }, () => undefined));
  });

  it('gives the same ratio for target and targetPercent', () => {
    expect(targetRatio({ targetPercent: 99.9 })).toBe(0.999);
    expect(targetRatio({ targetPercent: 99.95 })).toBe(targetRatio({ target: 0.9995 }));
  });
});
