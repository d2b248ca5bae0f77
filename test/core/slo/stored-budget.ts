import type { Scope } from '../../../core/environment/ports.ts';
import { addSeconds, type Timestamp } from '../../../core/environment/time.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord } from '../../../core/records/record-type.ts';
import type { RecordStore } from '../../../core/records/store.ts';
import { encodeMarks, objectiveDayType, objectiveHeadType } from '../../../core/slo/kept/state.ts';

export interface StoredBudget {
  readonly objective: string;
  readonly system: string;
  /** Start of an hour: everything before it is stored by the day, nothing after it. */
  readonly sealedUntil: Timestamp;
  readonly days: number;
  /** Starts of bad minutes. */
  readonly bad: readonly Timestamp[];
  readonly remainingRatio: number;
  /** Readings after `sealedUntil`, as a head holds them. */
  readonly recent?: readonly string[];
}

/** Writes the records of a budget that was measured without a gap, as an evaluation leaves them. */
export async function storeBudget(store: RecordStore, scope: Scope, budget: StoredBudget): Promise<void> {
  const { objective, system, sealedUntil, days, bad, remainingRatio, recent = [] } = budget;
  const since = addSeconds(sealedUntil, -days * 86_400);
  const badStarts = new Set(bad);
  for (let day = since.slice(0, 10); day <= sealedUntil.slice(0, 10); day = addSeconds(`${day}T00:00:00.000Z`, 86_400).slice(0, 10)) {
    const marks = Array.from({ length: 1440 }, (_, index) => addSeconds(`${day}T00:00:00.000Z`, index * 60)).map((at) => {
      if (at < since || at >= sealedUntil) return '-';
      return badStarts.has(at) ? 'b' : 'g';
    });
    const body = { objective, day, marks: encodeMarks(marks.join('')) };
    await createRecord(store, objectiveDayType, keys.objectiveDay(scope, objective, day), body);
  }
  const figures = {
    windowSeconds: 2_592_000,
    targetRatio: 0.999,
    budgetSeconds: 2592,
    consumedSeconds: 2592 * (1 - remainingRatio),
    remainingRatio,
    sli: 0.999,
  };
  await createRecord(store, objectiveHeadType, keys.objectiveState(scope, objective), {
    objective,
    system,
    since,
    sealedUntil,
    recent: [...recent],
    budget: { at: sealedUntil, ...figures },
  });
}
