import type { BudgetAttribution, Cost } from './attribution.ts';
import { budgetSeconds, dayInSeconds, type Target } from '../objective/target.ts';

/*
 * One class of trouble that took more than a fifth of a quarter's budget belongs on the plan of the next quarter
 * (https://sre.google/workbook/error-budget-policy/, "Outage policy"). A quarter is 90 days, as far back as bad minutes are kept.
 */

export const quarterSeconds = 90 * dayInSeconds;
const PLANNED_PERCENT = 20n;
const MAX_ROWS = 20;

export interface PlannedWork {
  readonly objective: string;
  readonly system: string;
  readonly kind: 'rule' | 'deploys' | 'repairs';
  /** A rule's name; of the other kinds, in words. */
  readonly cause: string;
  readonly badSeconds: number;
  /** Part of the quarter's budget. */
  readonly share: number;
  readonly incidents: number;
  /** For the plan: what, how much, why it is here. */
  readonly reason: string;
}

type Cause = Pick<PlannedWork, 'kind' | 'cause'> & Pick<Cost, 'badSeconds'> & { readonly incidents: number };

const deploys = { kind: 'deploys', cause: 'deploys' } as const;
const repairs = { kind: 'repairs', cause: 'own repairs' } as const;

/** Every charge once: an incident that a deploy brought counts among deploys, else by its rule. */
function causesOf(attribution: BudgetAttribution): readonly Cause[] {
  return [
    ...attribution.incidents.map(({ cause, badSeconds, deployId }): Cause => {
      const named = deployId === undefined ? ({ kind: 'rule', cause } as const) : deploys;
      return { ...named, badSeconds, incidents: badSeconds > 0 ? 1 : 0 };
    }),
    ...attribution.deploys.map(({ badSeconds }): Cause => ({ ...deploys, badSeconds, incidents: 0 })),
    ...attribution.repairs.map(({ badSeconds }): Cause => ({ ...repairs, badSeconds, incidents: 0 })),
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Strictly more than a fifth, compared before anything is rounded. */
function isPlanned(badSeconds: number, target: Target): boolean {
  return BigInt(badSeconds) * target.allowed.denominator * 100n > BigInt(quarterSeconds) * target.allowed.numerator * PLANNED_PERCENT;
}

/**
 * The causes of one objective that took more than 20 % of a quarter's budget, the dearest first, at most 20; pure.
 *
 * @param attribution of the bad slices of the last 90 days
 */
export function plannedWorkOf(
  { name, system, target }: { readonly name: string; readonly system: string; readonly target: Target },
  attribution: BudgetAttribution,
): readonly PlannedWork[] {
  const budget = budgetSeconds(target, quarterSeconds);
  return [...Map.groupBy(causesOf(attribution), ({ kind, cause }) => `${kind}\n${cause}`).values()]
    .flatMap(([first, ...others]): readonly PlannedWork[] => {
      if (first === undefined) return [];
      const badSeconds = sum([first, ...others].map((one) => one.badSeconds));
      if (!isPlanned(badSeconds, target)) return [];
      const { kind, cause } = first;
      const share = badSeconds / budget;
      const incidents = sum([first, ...others].map((one) => one.incidents));
      const told = incidents === 0 ? '' : ` in ${incidents} ${incidents === 1 ? 'incident' : 'incidents'}`;
      const reason = `${cause} took ${Number((share * 100).toFixed(1))} % of a quarter's error budget of ${name}${told}: more than 20 % is planned work.`;
      return [{ objective: name, system, kind, cause, badSeconds, share, incidents, reason }];
    })
    .toSorted((left, right) => right.badSeconds - left.badSeconds || (left.cause < right.cause ? -1 : 1))
    .slice(0, MAX_ROWS);
}
