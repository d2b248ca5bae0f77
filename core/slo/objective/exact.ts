/**
 * Exact arithmetic on decimals. 1 − 0.999 is not 0.001 in binary floating point, and a budget that is compared a hair too
 * early or too late pages people; so targets are whole-number fractions and are only turned into numbers to be shown.
 */

/** `numerator / denominator`, both whole and not negative, the denominator at least 1. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Digits after the point that a text may have; far more than any target needs, few enough to stay cheap. */
const MAX_FRACTION_DIGITS = 18;

/** Reads a plain decimal such as `99.9`; `undefined` for signs, exponents, thousands separators, NaN and anything else. */
export function parseDecimal(text: string): Fraction | undefined {
  const match = /^(\d{1,15})(?:\.(\d+))?$/.exec(text);
  const fractionDigits = match?.[2] ?? '';
  if (match === null || fractionDigits.length > MAX_FRACTION_DIGITS) return undefined;
  return { numerator: BigInt(`${match[1] ?? ''}${fractionDigits}`), denominator: 10n ** BigInt(fractionDigits.length) };
}

/** The decimal a person meant by `value`, that is its shortest notation: 0.1 is one tenth, not 0.1000000000000000055. */
export function fractionOf(value: number): Fraction | undefined {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value));
  if (match === null) return undefined;
  const fractionDigits = match[2] ?? '';
  const digits = BigInt(`${match[1] ?? ''}${fractionDigits}`);
  const exponent = Number(match[3] ?? '0') - fractionDigits.length;
  return exponent >= 0 ? { numerator: digits * 10n ** BigInt(exponent), denominator: 1n } : { numerator: digits, denominator: 10n ** BigInt(-exponent) };
}

/** `a + b`. */
export function sumOf(a: Fraction, b: Fraction): Fraction {
  if (a.denominator === b.denominator) return { numerator: a.numerator + b.numerator, denominator: a.denominator };
  return { numerator: a.numerator * b.denominator + b.numerator * a.denominator, denominator: a.denominator * b.denominator };
}

/** `a × b`. */
export function productOf(a: Fraction, b: Fraction): Fraction {
  return { numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator };
}

/** `a / b`; 0 when `b` is 0: what may not fail and has not been there has not failed. */
export function ratioOf(a: Fraction, b: Fraction): Fraction {
  if (b.numerator === 0n) return { numerator: 0n, denominator: 1n };
  return { numerator: a.numerator * b.denominator, denominator: a.denominator * b.numerator };
}

/** Whether `a > b`, strictly and without rounding. */
export function isGreater(a: Fraction, b: Fraction): boolean {
  return a.numerator * b.denominator > b.numerator * a.denominator;
}

/** A fraction as the number closest to it. */
export function numberOf({ numerator, denominator }: Fraction): number {
  return quotient(numerator, denominator);
}

/** Digits behind the point of a quotient: more than a double can tell apart. */
const QUOTIENT_SCALE = 10n ** 30n;

/** `numerator / denominator` as the number closest to it; every finite decimal comes out as it is written. */
export function quotient(numerator: bigint, denominator: bigint): number {
  const sign = numerator < 0n ? '-' : '';
  const scaled = ((numerator < 0n ? -numerator : numerator) * QUOTIENT_SCALE) / denominator;
  return Number(`${sign}${scaled / QUOTIENT_SCALE}.${String(scaled % QUOTIENT_SCALE).padStart(30, '0')}`);
}

/** Whether `part / whole < limit`, without dividing and without rounding. `part` and `whole` must be finite and not negative. */
export function isShareBelow(part: number, whole: number, limit: Fraction): boolean {
  const partFraction = fractionOf(part);
  const wholeFraction = fractionOf(whole);
  if (partFraction === undefined || wholeFraction === undefined) return false;
  const left = partFraction.numerator * wholeFraction.denominator * limit.denominator;
  return left < wholeFraction.numerator * partFraction.denominator * limit.numerator;
}
