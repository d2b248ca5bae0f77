import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../aws/runtime/system.ts';
import { secondsBetween } from '../../core/environment/time.ts';
import { isScenarioName, type ScenarioName, scenarioNames } from '../../sim/scenarios.ts';
import { shrink } from '../../sim/shrink.ts';
import { type Run, simulate } from '../../sim/simulate.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, counted, spoken } from '../output.ts';
import type { SimulateAnswer } from '../schemas.ts';
import { simulateSeeds, type Tally, tallySchema } from '../simulate-seeds.ts';

export interface SimulateOptions {
  readonly runs: number;
  readonly seed: number;
  readonly scenario?: string;
  readonly trace?: boolean;
}

/** A worker starts in the time of about so many runs. */
const RUNS_WORTH_A_WORKER = 60;
/** A run's world is young when it ends: with this much room it is never copied, which a tenth of the time went into. */
const YOUNG_MEGABYTES = 96;
/** Failing seeds that are shrunk and traced; all are named. */
const MAX_SHRUNK = 5;

/** `perennial simulate`: plays bad days against the rules, one per seed. Exit 2 when an invariant was broken. */
export async function simulateRuns({ runs, seed, scenario, trace }: SimulateOptions): Promise<Answer> {
  const name = scenarioOf(scenario);
  const startedAt = systemClock.now();
  const tallies = await play(runs, seed, name);
  const failingSeeds = tallies.flatMap((tally) => tally.failingSeeds).toSorted((left, right) => left - right);
  const violations: SimulateAnswer['violations'] = [];
  for (const [index, failing] of failingSeeds.entries()) violations.push(await explain(failing, name, index < MAX_SHRUNK));
  const json: SimulateAnswer = {
    runs: sum(tallies, 'runs'),
    violations,
    seconds: secondsBetween(startedAt, systemClock.now()),
    fewestInstances: Math.min(...tallies.map(({ fewestInstances }) => fewestInstances)),
    fewestFaults: Math.min(...tallies.map(({ fewestFaults }) => fewestFaults)),
    remediations: sum(tallies, 'remediations'),
  };
  const replay = trace === true && runs === 1 ? (await simulate(seed, { ...named(name), isTraced: true })).trace : [];
  return { json, text: [...replay, ...textOf(json)].join('\n'), exitCode: violations.length === 0 ? 0 : 2 };
}

const named = (scenario: ScenarioName | undefined): { readonly scenario?: ScenarioName } => (scenario === undefined ? {} : { scenario });

function scenarioOf(name: string | undefined): ScenarioName | undefined {
  if (name === undefined || isScenarioName(name)) return name;
  throw new CliError(`There is no scenario ${name}. There are: ${scenarioNames.join(', ')}.`);
}

function sum(tallies: readonly Tally[], field: 'runs' | 'remediations'): number {
  return tallies.reduce((total, tally) => total + tally[field], 0);
}

/** Few runs are played here, many on every processor: each worker takes every n-th seed, so that all have the same work. */
async function play(runs: number, seed: number, scenario: ScenarioName | undefined): Promise<readonly Tally[]> {
  const workers = Math.min(availableParallelism(), Math.floor(runs / RUNS_WORTH_A_WORKER));
  if (workers < 2) return [await simulateSeeds({ first: seed, count: runs, stride: 1 }, scenario)];
  const shares = Array.from({ length: workers }, (_, index) => ({ first: seed + index, count: Math.ceil((runs - index) / workers), stride: workers }));
  return Promise.all(shares.map((share) => playElsewhere({ ...share, ...named(scenario) })));
}

function playElsewhere(workerData: object): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(join(import.meta.dirname, '..', 'simulate-worker.ts'), {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    worker.once('message', (answer: unknown) => resolve(tallySchema.parse(answer)));
    worker.once('error', reject);
  });
}

/** Why a seed fails, with as few faults as possible. */
async function explain(seed: number, scenario: ScenarioName | undefined, isShrunk: boolean): Promise<SimulateAnswer['violations'][number]> {
  const failing = await simulate(seed, named(scenario));
  const run: Run = isShrunk ? (await shrink(failing, named(scenario))).run : failing;
  const [first] = run.violations;
  return { seed, scenario: run.scenario, invariant: first?.invariant ?? 'none', what: first?.what ?? '', trace: [...run.trace] };
}

const MAX_TRACE_LINES = 120;

function textOf({ runs, violations, seconds, fewestInstances, fewestFaults, remediations }: SimulateAnswer): readonly string[] {
  const summary = `${counted(runs, 'run')} in ${spoken(seconds)}: each with at least ${fewestInstances} instances and ${fewestFaults} faults, ${counted(remediations, 'remediation')}.`;
  if (violations.length === 0) return [summary, 'No invariant was broken.'];
  return [
    summary,
    ...violations.flatMap(({ seed, scenario, invariant, what, trace }) => [
      '',
      `Seed ${seed} (${scenario}) breaks "${invariant}": ${what}`,
      ...trace.slice(-MAX_TRACE_LINES).map((line) => `  ${line}`),
      `  Replay it: npm run -s perennial -- simulate --seed ${seed} --runs 1 --trace`,
    ]),
  ];
}
