import { createMetricReader, createSignalQueue, createSubjectReader } from '../aws/runtime/adapters.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createBudgetGauges, createMeter } from '../aws/runtime/metrics.ts';
import { createRecordKeeper } from '../aws/runtime/platform.ts';
import { evaluateBudgets, type EvaluateSummary } from '../core/slo/evaluate.ts';

const environment = readEnvironment('budget');
const keeper = createRecordKeeper('budget', environment);
const ports = {
  ...keeper,
  metrics: createMetricReader(),
  queue: createSignalQueue(environment.SIGNALS_QUEUE_URL),
  subjects: createSubjectReader(keeper.clock),
  gauges: createBudgetGauges('budget'),
  cache: new Map(),
};
const meter = createMeter('budget');

/** Reads the objectives' minutes, charges the bad ones to what happened, shows what is left on dashboards, and says what burns. */
export async function handler(): Promise<EvaluateSummary> {
  const summary = await evaluateBudgets(ports, await keeper.catalog());
  keeper.log.info('The budgets have been evaluated', { ...summary });
  meter.count('BudgetsEvaluated', summary.evaluated);
  meter.flush();
  return summary;
}
