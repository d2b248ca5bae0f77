import { describe, expect, it } from 'vitest';
import { compiledCatalogSchema } from '../../../../core/catalog/schema.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { evaluateBudgets } from '../../../../core/slo/evaluate.ts';
import { type BudgetGauge, gaugeOf, maxGaugedObjectives } from '../../../../core/slo/reading/gauges.ts';
import { CollectingLog, VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { hasher, opening, scope } from '../../incidents/world.ts';
import { budgetCatalog, budgetDocument } from '../budget-catalog.ts';

/** Ten minutes of requests, of which one was bad. */
async function shown(objectives: number): Promise<readonly BudgetGauge[]> {
  const clock = new VirtualClock(addSeconds(opening, 600));
  const gauges: BudgetGauge[] = [];
  const documents = Array.from({ length: objectives }, (_, index) => budgetDocument({}, `objective-${index}`));
  const catalog = compiledCatalogSchema.parse({ ...budgetCatalog(), objectives: documents });
  const points = Array.from({ length: 10 }, (_, index) => addSeconds(opening, index * 60));
  const metrics = {
    read: async (queries: readonly { readonly id: string; readonly metric: string }[]) =>
      new Map(queries.map(({ id, metric }) => [id, points.map((at, index) => ({ at, value: metric === 'Good' && index === 5 ? 0 : 100 }))])),
  };
  const ports = { store: new MemoryRecordStore(clock), scope, clock, hasher, log: new CollectingLog(), metrics, queue: { send: () => Promise.resolve([]) } };
  await evaluateBudgets({ ...ports, gauges: { show: (gauge) => void gauges.push(gauge) } }, catalog);
  return gauges;
}

describe('gauges', () => {
  it('are shown of every objective that was evaluated', async () => {
    const [gauge, ...others] = await shown(1);
    expect(others).toEqual([]);
    expect(gauge).toMatchObject({ objective: 'objective-0', system: 'shop-web', at: addSeconds(opening, 600) });
    expect(gauge?.remainingMinutes).toBeCloseTo(42.2, 9);
    expect(gauge?.remainingPercent).toBeCloseTo((42.2 / 43.2) * 100, 9);
    expect(gauge?.burnRate1h).toBeCloseTo(1000 / 60, 9);
  });

  it('are bounded: each costs three custom metrics', async () => {
    expect(await shown(maxGaugedObjectives + 1)).toHaveLength(maxGaugedObjectives);
  });

  it('are negative when more was spent than there was', () => {
    const figures = { objective: 'o', system: 's', burnRate1h: 0, remainingRatio: -0.5, budgetSeconds: 2592 };
    expect(gaugeOf(figures, opening)).toEqual({ objective: 'o', system: 's', burnRate1h: 0, remainingPercent: -50, remainingMinutes: -21.6, at: opening });
  });
});
