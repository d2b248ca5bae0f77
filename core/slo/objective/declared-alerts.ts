import { delaySeconds, durationSeconds } from '../../catalog/durations.ts';
import { alertSeverityOf } from '../../catalog/openslo/alert-severity.ts';
import type { Objective, ServiceLevelObjective } from '../../catalog/openslo/openslo.ts';
import type { BurnSeverity } from './burn-rate.ts';
import { type Fraction, fractionOf, isGreater, numberOf, ratioOf } from './exact.ts';

/*
 * The alert conditions that an SLO document declares itself (https://github.com/OpenSLO/OpenSLO#alertpolicy), beside the four pairs
 * that every objective has. Pure, and without memory: whether a condition has held for its `alertAfter` is read from the same
 * counts as the burn rate, so that replaying a ledger raises the same alerts (docs/adr/0020-declared-alerts.md).
 */

export type BurnComparison = NonNullable<Objective['op']>;

/** One declared condition of one budget. */
export interface DeclaredAlert {
  /** Name of its AlertPolicy; of one without a name, `policy-` and its place, counted from 1. */
  readonly policy: string;
  readonly severity: BurnSeverity;
  readonly op: BurnComparison;
  /** A burn rate: 1 spends exactly the whole budget in one window. */
  readonly threshold: Fraction;
  readonly lookBackSeconds: number;
  /** How long it must hold without a break; 0 alerts at once. */
  readonly alertAfterSeconds: number;
  /** Whether its breach is told, and whether it is told that nothing was counted. */
  readonly isToldWhen: { readonly breaching: boolean; readonly noData: boolean };
}

/** `waiting`: it holds, for less than `alertAfter`. `no-data`: nothing was counted over the look-back window, so there is no burn rate. */
export type ConditionState = 'quiet' | 'waiting' | 'breached' | 'no-data';

export interface DeclaredReading {
  readonly alert: DeclaredAlert;
  readonly state: ConditionState;
  /** Over the look-back window; 0 without data. */
  readonly rate: number;
}

/** What a look-back window came to, in the unit of the budgeting method. */
export interface WindowCounts {
  readonly total: Fraction;
  readonly bad: Fraction;
  readonly budget: Fraction;
}

type Policy = NonNullable<NonNullable<ServiceLevelObjective['spec']['alertPolicies']>[number]>;

function declaredOf({ metadata, spec }: Policy, index: number): DeclaredAlert | undefined {
  const found = spec?.conditions[0]?.spec;
  if (spec === undefined || found === undefined) return undefined;
  const { op, threshold, lookbackWindow, alertAfter } = found.condition;
  const limit = fractionOf(threshold);
  const lookBackSeconds = durationSeconds(lookbackWindow);
  // Refused by the catalog check; whoever reads without it is not alerted by it.
  if (limit === undefined || lookBackSeconds === undefined) return undefined;
  return {
    policy: metadata?.name ?? `policy-${index + 1}`,
    severity: alertSeverityOf(found.severity) ?? 'warning',
    op,
    threshold: limit,
    lookBackSeconds,
    alertAfterSeconds: delaySeconds(alertAfter),
    isToldWhen: { breaching: spec.alertWhenBreaching, noData: spec.alertWhenNoData },
  };
}

/** The alerts that a document whose references are resolved declares. */
export function declaredAlertsOf({ spec }: ServiceLevelObjective): readonly DeclaredAlert[] {
  return (spec.alertPolicies ?? []).flatMap((policy, index) => declaredOf(policy, index) ?? []);
}

const isMet: Readonly<Record<BurnComparison, (rate: Fraction, threshold: Fraction) => boolean>> = {
  gt: (rate, threshold) => isGreater(rate, threshold),
  gte: (rate, threshold) => !isGreater(threshold, rate),
  lt: (rate, threshold) => isGreater(threshold, rate),
  lte: (rate, threshold) => !isGreater(rate, threshold),
};

export interface DeclaredRules {
  readonly sliceSeconds: number;
  /** Fewer events than these in a look-back window say nothing; 0 for slices. */
  readonly minimumEvents: Fraction;
}

/**
 * How a declared alert stands at a moment. `measure` counts between two moments, both included, in milliseconds of the epoch. It is
 * compared before anything is rounded; at every slice of `alertAfter` again, newest first, until one does not hold.
 */
export function readDeclared(
  alert: DeclaredAlert,
  { sliceSeconds, minimumEvents }: DeclaredRules,
  measure: (fromMillis: number, untilMillis: number) => WindowCounts,
  untilMillis: number,
): DeclaredReading {
  const { op, threshold, lookBackSeconds, alertAfterSeconds } = alert;
  const countsAt = (until: number): WindowCounts => measure(until - lookBackSeconds * 1000 + 1, until);
  const holds = ({ total, bad, budget }: WindowCounts): boolean =>
    total.numerator > 0n && !isGreater(minimumEvents, total) && isMet[op](ratioOf(bad, budget), threshold);
  const now = countsAt(untilMillis);
  if (now.total.numerator === 0n) return { alert, state: 'no-data', rate: 0 };
  const rate = numberOf(ratioOf(now.bad, now.budget));
  if (!holds(now)) return { alert, state: 'quiet', rate };
  for (let heldSeconds = sliceSeconds; heldSeconds <= alertAfterSeconds; heldSeconds += sliceSeconds) {
    if (!holds(countsAt(untilMillis - heldSeconds * 1000))) return { alert, state: 'waiting', rate };
  }
  return { alert, state: 'breached', rate };
}

/** Whether a reading is told to people: each policy says of what it tells. */
export function isTold({ alert, state }: Pick<DeclaredReading, 'state'> & { readonly alert: Pick<DeclaredAlert, 'isToldWhen'> }): boolean {
  return (state === 'breached' && alert.isToldWhen.breaching) || (state === 'no-data' && alert.isToldWhen.noData);
}

/** Seconds that the windows of an alert reach back at most. */
export function reachSeconds({ lookBackSeconds, alertAfterSeconds }: Pick<DeclaredAlert, 'lookBackSeconds' | 'alertAfterSeconds'>): number {
  return lookBackSeconds + alertAfterSeconds;
}
