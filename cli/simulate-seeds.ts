import * as z from 'zod/mini';
import type { ScenarioName } from '../sim/scenarios.ts';
import { simulate } from '../sim/simulate.ts';

/** Seeds `first`, `first + stride` …, `count` of them. */
export interface Seeds {
  readonly first: number;
  readonly count: number;
  readonly stride: number;
}

/** What a share of the runs came to. */
export const tallySchema = z.object({
  runs: z.number(),
  /** The smallest world and the calmest run among them. */
  fewestInstances: z.number(),
  fewestFaults: z.number(),
  remediations: z.number(),
  failingSeeds: z.array(z.number()),
});
export type Tally = z.infer<typeof tallySchema>;

/** So many failing seeds say enough: the rest of the share is not played. */
const MAX_FAILING_SEEDS = 20;

export async function simulateSeeds({ first, count, stride }: Seeds, scenario: ScenarioName | undefined): Promise<Tally> {
  const tally: Tally = { runs: 0, fewestInstances: Number.MAX_SAFE_INTEGER, fewestFaults: Number.MAX_SAFE_INTEGER, remediations: 0, failingSeeds: [] };
  for (let index = 0; index < count && tally.failingSeeds.length < MAX_FAILING_SEEDS; index += 1) {
    const run = await simulate(first + index * stride, scenario === undefined ? {} : { scenario });
    tally.runs += 1;
    tally.remediations += run.remediations;
    tally.fewestInstances = Math.min(tally.fewestInstances, run.instances);
    if (run.violations.length > 0) tally.failingSeeds.push(run.seed);
    else tally.fewestFaults = Math.min(tally.fewestFaults, run.faults);
  }
  return tally;
}
