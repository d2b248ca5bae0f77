import type { Timestamp } from '../../environment/time.ts';

/** The figures of one objective as a dashboard shows them. */
export interface BudgetGauge {
  readonly objective: string;
  readonly system: string;
  /** 100 = untouched; negative when overspent. */
  readonly remainingPercent: number;
  readonly remainingMinutes: number;
  /** Over the last hour; 1 spends the whole budget in one window. */
  readonly burnRate1h: number;
  readonly at: Timestamp;
}

/** Shows figures where the company's dashboards look. Never fails and never decides anything. */
export interface BudgetGauges {
  show(gauge: BudgetGauge): void;
}

/**
 * So many objectives are shown, in the order of the catalog. Each is three custom metrics, and those are paid by the month
 * (https://aws.amazon.com/cloudwatch/pricing/): nobody is to find a bill for a thousand of them.
 */
export const maxGaugedObjectives = 100;

/** What an evaluation came to, as a dashboard shows it; pure. */
export function gaugeOf(
  figures: Pick<BudgetGauge, 'objective' | 'system' | 'burnRate1h'> & { readonly remainingRatio: number; readonly budgetSeconds: number },
  at: Timestamp,
): BudgetGauge {
  const { objective, system, burnRate1h, remainingRatio, budgetSeconds } = figures;
  return { objective, system, remainingPercent: remainingRatio * 100, remainingMinutes: (remainingRatio * budgetSeconds) / 60, burnRate1h, at };
}
