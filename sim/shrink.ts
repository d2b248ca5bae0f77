import { type Run, type RunOptions, simulate } from './simulate.ts';

/** How many runs shrinking may take. */
const MAX_RUNS = 150;

/**
 * Leaves out faults for as long as the same invariant is still broken: first many at once, then one by one. What remains is what a
 * person has to look at.
 *
 * @returns the smallest failing run that was found, traced, and the indexes of the faults that it does without
 */
export async function shrink(failing: Run, options: RunOptions = {}): Promise<{ readonly run: Run; readonly without: ReadonlySet<number> }> {
  const invariant = failing.violations[0]?.invariant;
  let without: ReadonlySet<number> = options.without ?? new Set();
  let runs = 0;
  for (let size = Math.ceil(failing.plannedFaults / 2); size >= 1 && runs < MAX_RUNS; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < failing.plannedFaults && runs < MAX_RUNS; start += size) {
      const fewer = new Set([...without, ...Array.from({ length: size }, (_, offset) => start + offset)]);
      if (fewer.size === without.size) continue;
      runs += 1;
      const run = await simulate(failing.seed, { ...options, without: fewer });
      if (run.violations[0]?.invariant === invariant) without = fewer;
    }
  }
  return { run: await simulate(failing.seed, { ...options, without, isTraced: true }), without };
}
