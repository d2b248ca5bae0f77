import { createMetricReader } from '../aws/runtime/adapters.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createMeter } from '../aws/runtime/metrics.ts';
import { createRecordKeeper } from '../aws/runtime/platform.ts';
import { evaluateBudgets, type EvaluateSummary } from '../core/slo/evaluate.ts';

const keeper = createRecordKeeper('budget', readEnvironment('budget'));
const metrics = createMetricReader();
const meter = createMeter('budget');

/** Reads the objectives' minutes, charges the bad ones and attributes them to incidents. */
export async function handler(): Promise<EvaluateSummary> {
  const summary = await evaluateBudgets({ ...keeper, metrics }, await keeper.catalog());
  keeper.log.info('The budgets have been evaluated', { ...summary });
  meter.count('BudgetsEvaluated', summary.evaluated);
  meter.flush();
  return summary;
}
