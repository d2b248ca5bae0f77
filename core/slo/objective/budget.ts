import { quotient } from './exact.ts';
import { sliceSeconds } from './slices.ts';
import { budgetSeconds, type Target } from './target.ts';

/** Slices inside a window: those judged bad, and those that had data. */
export interface SliceCounts {
  readonly badSlices: number;
  readonly observedSlices: number;
}

/** An error budget over the rolling window (at − window, at]. */
export interface Budget {
  readonly method: 'Timeslices';
  /** `spent` when nothing is left, that is when as much was bad as may be. */
  readonly kind: 'left' | 'spent';
  /** For people: `25 of 43.2 minutes are spent, 42.13 % are left`. */
  readonly reason: string;
  readonly windowSeconds: number;
  /** Slices that may be bad; a fraction of a slice counts (43.2). */
  readonly budgetTotalSlices: number;
  readonly budgetConsumedSlices: number;
  /** 1 = untouched, 0 = spent, negative = overspent. */
  readonly budgetRemainingRatio: number;
  readonly budgetTotalSeconds: number;
  readonly consumedSeconds: number;
  /** Share of the window's slices that were not bad. */
  readonly sli: number;
  /** Slices with data; the others count as good. */
  readonly observedSlices: number;
}

/** A window and the target over it. */
export interface Objective {
  readonly target: Target;
  readonly windowSeconds: number;
  /** Seconds of a slice; 60 unless the objective says otherwise. */
  readonly sliceSeconds?: number;
}

function shown(value: number): string {
  return String(Number(value.toFixed(2)));
}

/**
 * The budget that bad slices leave. It belongs to the whole window, not to the slices observed so far: 99.9 % over 30 days is
 * 43.2 of 43,200 minutes from the first minute on, or one bad minute of a new service would be an overspent budget.
 */
export function budgetOf(objective: Objective, counts: SliceCounts): Budget {
  const { target, windowSeconds } = objective;
  const length = BigInt(objective.sliceSeconds ?? sliceSeconds);
  const bad = BigInt(counts.badSlices);
  // Both in seconds times the denominator of the target, so that everything stays whole.
  const allowed = BigInt(windowSeconds) * target.allowed.numerator;
  const consumed = bad * length * target.allowed.denominator;
  const total = quotient(allowed, target.allowed.denominator * length);
  const remaining = quotient(allowed - consumed, allowed);
  const minutes = `${shown(quotient(bad * length, 60n))} of ${shown(budgetSeconds(target, windowSeconds) / 60)} minutes are spent`;
  return {
    method: 'Timeslices',
    kind: consumed >= allowed ? 'spent' : 'left',
    reason: `${minutes}, ${remaining < 0 ? `${shown(-remaining * 100)} % more than there is` : `${shown(remaining * 100)} % are left`}`,
    windowSeconds,
    budgetTotalSlices: total,
    budgetConsumedSlices: counts.badSlices,
    budgetRemainingRatio: remaining,
    budgetTotalSeconds: budgetSeconds(target, windowSeconds),
    consumedSeconds: Number(bad * length),
    sli: quotient(BigInt(windowSeconds) - bad * length, BigInt(windowSeconds)),
    observedSlices: counts.observedSlices,
  };
}
