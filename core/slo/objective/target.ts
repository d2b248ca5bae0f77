import { durationSeconds } from '../../catalog/durations.ts';
import { type Fraction, fractionOf, parseDecimal, quotient } from './exact.ts';

/** Why something was not taken; a text for people: what is wrong, what it means, what to write. */
export interface Refused {
  readonly kind: 'refused';
  readonly reason: string;
}

/** The share of good service that is promised, above 0 and below 1, kept exactly. */
export interface Target {
  readonly kind: 'target';
  /** As it is shown, in percent: `99.9`. */
  readonly percent: string;
  /** 0.999. For showing only; rules use {@link Target.allowed}. */
  readonly ratio: number;
  /** The share that may fail, 1 − target, exactly: 1/1000 (S2-03). */
  readonly allowed: Fraction;
}

function refused(reason: string): Refused {
  return { kind: 'refused', reason };
}

const perfectReason =
  'A target of 100 % allows no failure at all: no deploy, no repair and no restart would ever fit into its budget, and users cannot ' +
  'tell it from 99.999 %, because their own network and devices fail more often. Choose a target below 100, for example 99.9.';

/** How a percentage is shown: without needless zeros, `99.90` as `99.9`. */
function shownPercent({ numerator, denominator }: Fraction): string {
  const digits = String(numerator).padStart(String(denominator).length, '0');
  const scale = String(denominator).length - 1;
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  const whole = digits.slice(0, digits.length - scale);
  return scale === 0 || fraction === '' ? whole : `${whole}.${fraction}`;
}

function targetOf(percent: Fraction, shown: string): Target | Refused {
  const whole = 100n * percent.denominator;
  if (percent.numerator === 0n) return refused('A target of 0 % promises nothing, so there is nothing to measure. Choose a target above 0, for example 99.9.');
  if (percent.numerator === whole) return refused(perfectReason);
  if (percent.numerator > whole) return refused(`A target of ${shown} % is more than everything. Choose a target below 100, for example 99.9.`);
  const allowed = { numerator: whole - percent.numerator, denominator: whole };
  return { kind: 'target', percent: shownPercent(percent), ratio: quotient(percent.numerator, whole), allowed };
}

/**
 * Reads a target in percent, such as `99.9` (or `99.9 %`).
 *
 * 100 % is refused on purpose (S2-07, design.md section 9); so are 0, more than 100 and what is no plain number.
 */
export function parseTarget(percentText: string): Target | Refused {
  const trimmed = percentText.trim().replace(/\s*%$/, '');
  const percent = parseDecimal(trimmed);
  if (percent !== undefined) return targetOf(percent, trimmed);
  return refused(`"${percentText.slice(0, 40)}" is not a target. Write the percentage as a plain number above 0 and below 100, for example 99.9.`);
}

/** The target of an OpenSLO objective, which says either `target` (0.999) or `targetPercent` (99.9). */
export function targetOfObjective(objective: { readonly target?: number | undefined; readonly targetPercent?: number | undefined }): Target | Refused {
  const value = objective.target ?? objective.targetPercent ?? Number.NaN;
  const fraction = fractionOf(value);
  if (fraction === undefined) return refused(`${value} is not a target. Write "target" as a share such as 0.999, or "targetPercent" such as 99.9.`);
  return targetOf(objective.target === undefined ? fraction : { ...fraction, numerator: fraction.numerator * 100n }, String(value));
}

/** A rolling window: the last so many seconds, always ending now. */
export interface RollingWindow {
  readonly kind: 'window';
  /** As it was written: `30d`. */
  readonly text: string;
  readonly seconds: number;
}

export const dayInSeconds = 86_400;
const MAX_WINDOW_DAYS = 90;

/** Reads a rolling window of 1 to 90 days such as `30d`, `4w` or `720h` (design.md section 9). */
export function parseWindow(text: string): RollingWindow | Refused {
  const trimmed = text.trim();
  const seconds = durationSeconds(trimmed);
  const shown = `"${text.slice(0, 40)}"`;
  if (seconds === undefined) return refused(`${shown} is not a window. Write a whole number of hours, days or weeks, for example 30d, 4w or 720h.`);
  if (/[MQY]$/.test(trimmed))
    return refused(`${shown} has no fixed length: months, quarters and years differ. A rolling window is written in days, for example 30d.`);
  if (/[sm]$/.test(trimmed)) return refused(`${shown} is written in too small a unit for a window. Use hours, days or weeks, for example 30d.`);
  if (seconds < dayInSeconds)
    return refused(`${shown} is shorter than one day: a single bad minute would decide it. Choose 1 to ${MAX_WINDOW_DAYS} days, for example 30d.`);
  if (seconds > MAX_WINDOW_DAYS * dayInSeconds) {
    return refused(
      `${shown} is longer than ${MAX_WINDOW_DAYS} days, further back than budgets are kept to the minute. Choose 1 to ${MAX_WINDOW_DAYS} days, for example 30d.`,
    );
  }
  return { kind: 'window', text: trimmed, seconds };
}

/** Seconds that may be bad in a window, exactly: 99.999 % over 30 days gives 25.92 (S2-04). */
export function budgetSeconds(target: Target, windowSeconds: number): number {
  return quotient(BigInt(windowSeconds) * target.allowed.numerator, target.allowed.denominator);
}
