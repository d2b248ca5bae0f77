import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { type Observation, parseSliceTarget, sliceOf, type SliceTarget } from '../../../../core/slo/objective/slices.ts';

const minute = '2026-11-21T09:00:00.000Z';

function sliceTarget(value: number): SliceTarget {
  const parsed = parseSliceTarget(value);
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  return parsed;
}

function observed(good: number, total: number, lagSeconds = 65, at = minute): Observation {
  return { minute: at, good, total, observedAt: addSeconds(at, lagSeconds) };
}

describe('parseSliceTarget', () => {
  it('takes a share above 0 and at most 1', () => {
    expect([1, 0.99, 0.5, 1e-7].map((value) => parseSliceTarget(value).kind)).toEqual(['slice-target', 'slice-target', 'slice-target', 'slice-target']);
    expect([0, 1.01, -0.5, Number.NaN, Infinity].map((value) => parseSliceTarget(value).kind)).toEqual(['refused', 'refused', 'refused', 'refused', 'refused']);
  });
});

describe('sliceOf', () => {
  it.each([
    [99, 100, 0.99, 'good', 'exactly the target is good'],
    [98.999, 100, 0.99, 'bad', 'a hair below is bad'],
    [1188, 1200, 0.99, 'good', 'exactly the target of the demo'],
    [1187, 1200, 0.99, 'bad', 'one request below'],
    [0, 1, 0.99, 'bad', 'everything failed'],
    [1200, 1200, 1, 'good', 'a slice target of 1'],
    [1199, 1200, 1, 'bad', 'a slice target of 1, one failure'],
    // In floating point 0.57 * 100 is 56.99999999999999, so that a rule that multiplies would differ from one that divides.
    [57, 100, 0.57, 'good', 'no rounding before the comparison'],
    [0.3, 0.3, 1, 'good', 'fractions of events'],
    [0.1, 0.3, 0.34, 'bad', 'fractions of events'],
    [0, 0, 0.99, 'no-data', 'nothing was asked'],
  ])('judges %d of %d at %d as %s: %s', (good, total, target, kind) => {
    expect(sliceOf(observed(good, total), sliceTarget(target))).toMatchObject({ kind });
  });

  it('gives the reason in words', () => {
    expect(sliceOf(observed(1187, 1200), sliceTarget(0.99))).toEqual({ kind: 'bad', reason: '1187 of 1200 good, below the slice target of 0.99' });
    expect(sliceOf(observed(0, 0), sliceTarget(0.99))).toMatchObject({ reason: expect.stringContaining('spends no budget') as unknown });
  });

  it.each([
    [observed(2, 1), 'more good than there were'],
    [observed(Number.NaN, 1), 'not two counts'],
    [observed(-1, 1), 'not two counts'],
    [observed(1, Infinity), 'not two counts'],
    [observed(1, 1, 59.999), 'before the minute was over'],
    [observed(1, 1, -3600), 'before the minute was over'],
    [{ ...observed(1, 1), minute: '2026-11-21T09:00:30.000Z' }, 'not the start of a minute'],
    [{ ...observed(1, 1), minute: 'yesterday' }, 'not the start of a minute'],
  ])('refuses %j: %s', (observation, reason) => {
    expect(sliceOf(observation, sliceTarget(0.99))).toEqual({ kind: 'refused', reason: expect.stringContaining(reason) as unknown });
  });
});
