import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { simulateRuns } from '../../cli/commands/simulate.ts';
import { simulateSchema } from '../../cli/schemas.ts';
import { invariants } from '../../sim/invariants.ts';
import { shrink } from '../../sim/shrink.ts';
import { simulate } from '../../sim/simulate.ts';
import { onceFailingSeeds } from './once-failing-seeds.ts';
import { catchingSeeds } from './planted/catching-seeds.ts';
import { plantedBugs } from './planted/planted-bugs.ts';
import { renderSimulation } from './planted/render.ts';

const CORPUS_RUNS = 1000;
/** About a quarter of a minute on two idle processors. */
const CORPUS_MILLIS = 300_000;

describe('the simulation', () => {
  it(
    'breaks no invariant in a fixed corpus of 1,000 runs, each with 100 instances and 20 faults (S4-34)',
    async () => {
      const { json, exitCode, text } = await simulateRuns({ runs: CORPUS_RUNS, seed: 1 });
      const answer = simulateSchema.parse(json);
      expect(answer.violations, text).toEqual([]);
      expect(exitCode).toBe(0);
      expect(answer.runs).toBe(CORPUS_RUNS);
      expect(answer.fewestInstances).toBeGreaterThanOrEqual(100);
      expect(answer.fewestFaults).toBeGreaterThanOrEqual(20);
    },
    CORPUS_MILLIS,
  );

  it.each(onceFailingSeeds)('breaks nothing any more with seed $seed: $why', async ({ seed, scenario }) => {
    expect((await simulate(seed, scenario === undefined ? {} : { scenario })).violations).toEqual([]);
  });

  it('gives the same run for the same seed', async () => {
    const [first, second] = [await simulate(77, { isTraced: true }), await simulate(77, { isTraced: true })];
    expect(first.trace.length).toBeGreaterThan(50);
    expect(second).toEqual(first);
  });

  it('never changes what the rules have written or read: strict runs keep frozen copies', async () => {
    for (let seed = 1; seed <= 25; seed += 1) {
      const strict = await simulate(seed, { isStrict: true });
      expect(strict.violations, `seed ${seed}`).toEqual([]);
      expect(strict.endings, `seed ${seed}`).toEqual((await simulate(seed)).endings);
    }
  });
});

describe('planted bugs', () => {
  it('each has the seed that catches it', () => {
    expect(catchingSeeds.map(({ bug }) => bug)).toEqual(plantedBugs.map(({ name }) => name));
  });

  it.each(catchingSeeds)('catches "$bug" with seed $seed', async ({ bug, seed, invariant }) => {
    const planted = plantedBugs.find(({ name }) => name === bug);
    if (planted === undefined) throw new Error(`There is no planted bug "${bug}" any more: run find-seeds.ts`);
    const { tamper, scenario } = planted;
    const run = await simulate(seed, { tamper, ...(scenario === undefined ? {} : { scenario }) });
    expect(run.violations.map((violation) => violation.invariant)).toContain(invariant);
    expect((await simulate(seed, scenario === undefined ? {} : { scenario })).violations, 'the same run without the bug').toEqual([]);
  });

  it('shrinks a failing run to fewer faults that still break the same invariant', async () => {
    const planted = plantedBugs.find(({ name }) => name === 'evidence is lost');
    if (planted === undefined) throw new Error('the planted bug is gone');
    const { tamper } = planted;
    const failing = await simulate(1, { tamper });
    const { run, without } = await shrink(failing, { tamper });
    expect(run.violations[0]?.invariant).toBe(failing.violations[0]?.invariant);
    expect(run.plannedFaults - without.size).toBeLessThan(failing.plannedFaults / 2);
    expect(run.trace.some((line) => line.includes('VIOLATED evidence before quarantine'))).toBe(true);
  });

  it('every one is in the table of docs/simulation.md, which is written from it', () => {
    expect(readFileSync('docs/simulation.md', 'utf8')).toBe(renderSimulation(catchingSeeds));
    expect(invariants.length).toBeGreaterThan(20);
  });
});
