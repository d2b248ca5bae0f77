import { type Fraction, quotient } from './exact.ts';
import type { Target } from './target.ts';

/*
 * Alerts on how fast the budget burns. Burn rate 1 spends exactly the whole budget in one window. Each alert needs two windows
 * to burn at once: the long one says that it matters, the short one that it is still going on, so that it ends soon after the
 * trouble does (https://sre.google/workbook/alerting-on-slos/, "Multiwindow, Multi-Burn-Rate Alerts").
 */

/** The severities burn alerts use; design.md section 2. */
export type BurnSeverity = 'critical' | 'high' | 'warning';

export interface BurnRatePair {
  readonly severity: BurnSeverity;
  readonly longWindowSeconds: number;
  readonly shortWindowSeconds: number;
  /** Percent of the whole budget that is gone when the long window has burnt at the factor from end to end. */
  readonly budgetPercent: number;
}

/**
 * The four pairs. The percentages are the fixed part and the factors follow from them: 14.4, 6, 3 and 1 at 30 days,
 * 13.44, 5.6, 2.8 and 0.93 at 28 (workbook, tables 5-6 and 5-8; the third pair is from its code sample).
 */
export const burnRatePairs: readonly BurnRatePair[] = [
  { severity: 'critical', longWindowSeconds: 3600, shortWindowSeconds: 300, budgetPercent: 2 },
  { severity: 'high', longWindowSeconds: 21_600, shortWindowSeconds: 1800, budgetPercent: 5 },
  { severity: 'warning', longWindowSeconds: 86_400, shortWindowSeconds: 7200, budgetPercent: 10 },
  { severity: 'warning', longWindowSeconds: 259_200, shortWindowSeconds: 21_600, budgetPercent: 10 },
];

/** Whether an alert can ever fire, with the arithmetic. */
export interface Reachability {
  readonly kind: 'reachable' | 'unreachable';
  readonly reason: string;
}

export interface BurnRateAlert extends BurnRatePair {
  /** Burn rate above which (never at which) it fires. */
  readonly factor: number;
  readonly reachability: Reachability;
}

/** The factor as a fraction: budgetPercent/100 × window/long window. */
function factorParts(pair: BurnRatePair, windowSeconds: number): readonly [bigint, bigint] {
  return [BigInt(pair.budgetPercent) * BigInt(windowSeconds), 100n * BigInt(pair.longWindowSeconds)];
}

/** The burn rate above which a pair fires, exactly. */
export function burnFactor(pair: BurnRatePair, windowSeconds: number): Fraction {
  const [numerator, denominator] = factorParts(pair, windowSeconds);
  return { numerator, denominator };
}

/** At most 4 digits, for texts only. */
function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function reachabilityOf(pair: BurnRatePair, target: Target, windowSeconds: number): Reachability {
  if (pair.longWindowSeconds >= windowSeconds) {
    return {
      kind: 'unreachable',
      reason: `its long window of ${pair.longWindowSeconds} s would have to be shorter than the objective's own ${windowSeconds} s`,
    };
  }
  const [factorNumerator, factorDenominator] = factorParts(pair, windowSeconds);
  const { numerator, denominator } = target.allowed;
  const needed = shown(quotient(factorNumerator * numerator * 100n, factorDenominator * denominator));
  const arithmetic = `${shown(quotient(factorNumerator, factorDenominator))} × ${shown(quotient(numerator * 100n, denominator))} % = ${needed} % of everything would have to fail`;
  // The comparison is strict, so a factor that only a total outage reaches is one that nothing exceeds.
  if (factorNumerator * numerator >= factorDenominator * denominator) return { kind: 'unreachable', reason: `more than ${arithmetic}, which cannot happen` };
  return { kind: 'reachable', reason: `more than ${arithmetic}` };
}

/** The burn-rate alerts of an objective, scaled to its window, those that cannot fire marked with the reason. */
export function burnRateAlerts(target: Target, windowSeconds: number): readonly BurnRateAlert[] {
  return burnRatePairs.map((pair) => ({
    ...pair,
    factor: quotient(...factorParts(pair, windowSeconds)),
    reachability: reachabilityOf(pair, target, windowSeconds),
  }));
}

/** What was bad in a look-back window: slices or events, whole numbers. */
export interface BadCounts {
  readonly bad: number;
  readonly total: number;
}

/** Burn rate of a look-back window, unrounded: the share of bad divided by the share that may be bad. Nothing measured burns nothing. */
export function burnRate({ bad, total }: BadCounts, target: Target): number {
  return total === 0 ? 0 : quotient(BigInt(bad) * target.allowed.denominator, BigInt(total) * target.allowed.numerator);
}

/** Seconds until a whole budget is gone at a steady burn rate; infinite at rate 0. */
export function exhaustionSeconds(windowSeconds: number, rate: number): number {
  return windowSeconds / rate;
}

/** Seconds of trouble of the given error share (1 = total outage) until a long window burns at `factor`. */
export function detectionSeconds(target: Target, longWindowSeconds: number, factor: number, errorShare: number): number {
  return (quotient(target.allowed.numerator, target.allowed.denominator) * longWindowSeconds * factor) / errorShare;
}
