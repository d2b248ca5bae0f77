import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { simulate } from '../../../sim/simulate.ts';
import { catchingSeeds } from './catching-seeds.ts';
import { plantedBugs, type PlantedBug } from './planted-bugs.ts';
import { renderSimulation } from './render.ts';

/*
 * Finds, for each planted bug, the first run that catches it, and writes the list and docs/simulation.md. Known seeds are tried first.
 * `node test/sim/planted/find-seeds.ts`; exit 1 when a bug stays undetected for 2,000 runs.
 */

const MAX_RUNS = 2000;

async function catches(bug: PlantedBug, seed: number): Promise<string | undefined> {
  const { scenario, tamper } = bug;
  const options = scenario === undefined ? {} : { scenario };
  const caught = (await simulate(seed, { tamper, ...options })).violations[0]?.invariant;
  // A seed that fails without the bug, too, has caught another one.
  return caught === undefined || (await simulate(seed, options)).violations.length > 0 ? undefined : caught;
}

async function find(bug: PlantedBug): Promise<{ readonly bug: string; readonly seed: number; readonly invariant: string } | undefined> {
  const known = catchingSeeds.find(({ bug: name }) => name === bug.name);
  for (const seed of [...(known === undefined ? [] : [known.seed]), ...Array.from({ length: MAX_RUNS }, (_, index) => index + 1)]) {
    const invariant = await catches(bug, seed);
    if (invariant !== undefined) return { bug: bug.name, seed, invariant };
  }
  return undefined;
}

const found: { readonly bug: string; readonly seed: number; readonly invariant: string }[] = [];
for (const bug of plantedBugs) {
  const caught = await find(bug);
  process.stdout.write(`${bug.name}: ${caught === undefined ? `NOT CAUGHT in ${MAX_RUNS} runs` : `seed ${caught.seed}, ${caught.invariant}`}\n`);
  if (caught === undefined) process.exitCode = 1;
  else found.push(caught);
}
const rows = found.map((row) => `  { bug: ${JSON.stringify(row.bug)}, seed: ${row.seed}, invariant: ${JSON.stringify(row.invariant)} },`.replaceAll('"', "'"));
const text = [
  '/** Written by find-seeds.ts: the first run of each planted bug that catches it, and the invariant that does. */',
  'export const catchingSeeds: readonly { readonly bug: string; readonly seed: number; readonly invariant: string }[] = [',
  ...rows,
  '];',
  '',
];
writeFileSync(join(import.meta.dirname, 'catching-seeds.ts'), text.join('\n'));
writeFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'simulation.md'), renderSimulation(found));
