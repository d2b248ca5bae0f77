import { addSeconds, type Timestamp } from '../environment/time.ts';
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

/** Something that may have cost budget: an incident, a deploy, a repair. */
export interface ChargeableInterval {
  readonly id: string;
  /** When the trouble began, not when it was noticed: the minutes in between are its cost too. */
  readonly from: Timestamp;
  /** Exclusive; absent while it goes on. */
  readonly to?: Timestamp;
}

/** What one interval cost. */
export interface Charge {
  readonly id: string;
  readonly badSlices: number;
  readonly badSeconds: number;
  /** Part of the whole budget; 0.01 = 1 %. Above 1 when it took more than there is. */
  readonly share: number;
  /** Bad slices it overlaps as well, charged to an earlier one: shown, never counted twice. */
  readonly chargedToOthers: readonly { readonly minute: Timestamp; readonly id: string }[];
}

export interface Attribution {
  /** One per interval, in the order they began (then by id). */
  readonly charges: readonly Charge[];
  /** Bad slices no interval overlaps, oldest first. */
  readonly unattributed: readonly Timestamp[];
  readonly unattributedSeconds: number;
}

function overlaps(minute: Timestamp, end: Timestamp, { from, to }: ChargeableInterval): boolean {
  // One that ends the moment it begins still belongs to the slice it is in.
  return from < end && (to === undefined || to > minute || from >= minute);
}

function compareIntervals(a: ChargeableInterval, b: ChargeableInterval): number {
  if (a.from !== b.from) return a.from < b.from ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

function chargeOf(id: string, charged: readonly Timestamp[], chargedToOthers: Charge['chargedToOthers'], objective: Objective): Charge {
  const { target, windowSeconds } = objective;
  const badSeconds = charged.length * (objective.sliceSeconds ?? sliceSeconds);
  const share = quotient(BigInt(badSeconds) * target.allowed.denominator, BigInt(windowSeconds) * target.allowed.numerator);
  return { id, badSlices: charged.length, badSeconds, share, chargedToOthers };
}

/**
 * Attributes bad slices to what happened at the time. Only slices consume budget; this says to whom they belong, and charges each
 * at most once: to the interval that began first (design.md section 8).
 *
 * @param badMinutes starts of the bad slices, any order, duplicates count once
 */
export function attribute(badMinutes: readonly Timestamp[], intervals: readonly ChargeableInterval[], objective: Objective): Attribution {
  const ordered = intervals.toSorted(compareIntervals);
  const charged = new Map<string, Timestamp[]>(ordered.map(({ id }) => [id, []]));
  const others = new Map<string, { minute: Timestamp; id: string }[]>(ordered.map(({ id }) => [id, []]));
  const unattributed: Timestamp[] = [];
  for (const minute of [...new Set(badMinutes)].toSorted()) {
    const end = addSeconds(minute, objective.sliceSeconds ?? sliceSeconds);
    const [first, ...rest] = ordered.filter((interval) => overlaps(minute, end, interval));
    if (first === undefined) unattributed.push(minute);
    else charged.get(first.id)?.push(minute);
    for (const { id } of rest) if (first !== undefined) others.get(id)?.push({ minute, id: first.id });
  }
  return {
    charges: [...charged.keys()].map((id) => chargeOf(id, charged.get(id) ?? [], others.get(id) ?? [], objective)),
    unattributed,
    unattributedSeconds: unattributed.length * (objective.sliceSeconds ?? sliceSeconds),
  };
}
