import { Cron } from 'croner';
import type { ReadDocument } from './documents.ts';
import { rules } from './rules.ts';
import type { CatalogProblem } from './problem.ts';

/** Apart from the schema, which every function carries: only a check asks whether a schedule ever comes. */
function namesMoment(schedule: string): boolean {
  try {
    return new Cron(schedule, { paused: true }).nextRun(new Date(0)) !== null;
  } catch {
    return false;
  }
}

/** Schedules of five fields that are no cron expression, or one that never comes, such as 31 February. */
export function checkSchedules(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  return documents.flatMap(({ value, locate }) =>
    value?.kind === 'MaintenanceWindow' && !namesMoment(value.spec.schedule) ? [locate({ path: ['spec', 'schedule'], ...rules.cron })] : [],
  );
}
