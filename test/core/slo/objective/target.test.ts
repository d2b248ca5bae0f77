import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetSeconds, parseTarget, parseWindow, type Target, targetOfObjective } from '../../../../core/slo/objective/target.ts';

function target(percent: string): Target {
  const parsed = parseTarget(percent);
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  return parsed;
}

const day = 86_400;

describe('parseTarget', () => {
  it('refuses a target of 100 % with the reason (S2-07)', () => {
    for (const text of ['100', '100.0', '100 %', '0100']) {
      expect(parseTarget(text)).toEqual({
        kind: 'refused',
        reason: expect.stringMatching(/^A target of 100 % allows no failure at all.*below 100, for example 99\.9\.$/) as unknown,
      });
    }
  });

  it.each([
    ['0', 'promises nothing'],
    ['0.000', 'promises nothing'],
    ['100.0001', 'more than everything'],
    ['250', 'more than everything'],
    ['NaN', 'is not a target'],
    ['Infinity', 'is not a target'],
    ['-99.9', 'is not a target'],
    ['99,9', 'is not a target'],
    ['9.99e1', 'is not a target'],
    ['.999', 'is not a target'],
    ['', 'is not a target'],
    ['99.9 % 30d', 'is not a target'],
    [`99.${'9'.repeat(19)}`, 'is not a target'],
  ])('refuses %j: %s', (text, reason) => {
    expect(parseTarget(text)).toEqual({ kind: 'refused', reason: expect.stringContaining(reason) as unknown });
  });

  it('keeps the allowed share exactly: 99.9 % allows 0.1 % (S2-03)', () => {
    expect(target('99.9')).toEqual({ kind: 'target', percent: '99.9', ratio: 0.999, allowed: { numerator: 1n, denominator: 1000n } });
  });

  it('shows the percentage without needless zeros', () => {
    expect(['99.90', '99', ' 99.5 % ', '0.50', '50.050', '10'].map((text) => target(text).percent)).toEqual(['99.9', '99', '99.5', '0.5', '50.05', '10']);
  });

  it('reads the share and the percentage of an OpenSLO objective as the same target', () => {
    for (const percent of ['99.9', '99.999', '99', '50.05', '0.00001']) {
      const { ratio } = target(percent);
      expect(targetOfObjective({ target: ratio })).toMatchObject({ percent, ratio });
      expect(targetOfObjective({ targetPercent: Number(percent) })).toMatchObject({ percent, ratio });
    }
    expect(targetOfObjective({ target: 1 })).toMatchObject({ kind: 'refused' });
    expect(targetOfObjective({ target: 0 })).toMatchObject({ kind: 'refused' });
    expect(targetOfObjective({ target: Number.NaN })).toMatchObject({ kind: 'refused' });
    expect(targetOfObjective({ targetPercent: -1 })).toMatchObject({ kind: 'refused' });
    expect(targetOfObjective({})).toMatchObject({ kind: 'refused' });
  });
});

describe('budgetSeconds', () => {
  it.each([
    ['99.999', 30, 25.92, 'S2-04'],
    ['99.999', 31, 26.784, 'S2-04, a month of 31 days'],
    ['99.9', 30, 2592, '43 min 12 s'],
    ['99', 30, 25_920, '432 minutes'],
    ['99.99', 30, 259.2, 'S2-05'],
    ['99.9', 28, 2419.2, '28 days'],
    ['99.9', 1, 86.4, 'one day'],
    ['99.977', 30, 596.16, 'just under one replacement'],
    ['99.97', 30, 777.6, 'over one replacement'],
    ['99.9999999', 90, 0.007776, 'nine nines'],
  ])('%s %% over %i days allows %d s to the digit (%s)', (percent, days, seconds) => {
    expect(budgetSeconds(target(percent), days * day)).toBe(seconds);
  });

  it('is the decimal that a person would calculate, for every target of up to nine digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99_999_999 }), fc.integer({ min: 1, max: 90 }), (millionths, days) => {
        const text = `${Math.floor(millionths / 1_000_000)}.${String(millionths % 1_000_000).padStart(6, '0')}`;
        // In hundred-millionths of a second everything is whole; the point is put back by hand.
        const digits = String(BigInt(100_000_000 - millionths) * BigInt(days * day)).padStart(9, '0');
        expect(budgetSeconds(target(text), days * day)).toBe(Number(`${digits.slice(0, -8)}.${digits.slice(-8)}`));
      }),
    );
  });
});

describe('parseWindow', () => {
  it.each([
    ['30d', 30 * day],
    ['28d', 28 * day],
    ['4w', 28 * day],
    ['720h', 30 * day],
    ['1d', day],
    ['24h', day],
    ['90d', 90 * day],
    [' 30d ', 30 * day],
  ])('reads %j', (text, seconds) => {
    expect(parseWindow(text)).toEqual({ kind: 'window', text: text.trim(), seconds });
  });

  it.each([
    ['91d', 'longer than 90 days'],
    ['13w', 'longer than 90 days'],
    ['23h', 'shorter than one day'],
    ['1M', 'no fixed length'],
    ['1Q', 'no fixed length'],
    ['43200m', 'too small a unit'],
    ['0d', 'is not a window'],
    ['-30d', 'is not a window'],
    ['1.5d', 'is not a window'],
    ['30', 'is not a window'],
    ['', 'is not a window'],
    ['month', 'is not a window'],
  ])('refuses %j: %s', (text, reason) => {
    expect(parseWindow(text)).toEqual({ kind: 'refused', reason: expect.stringContaining(reason) as unknown });
  });
});
