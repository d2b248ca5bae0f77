import { sweep } from '../core/inventory/sweep.ts';
import { type Fault, type FaultKind, faultKinds } from './faults.ts';
import { type Violation, Witness } from './witness.ts';
import { Play } from './play.ts';
import { Dice } from './random.ts';
import { rememberParsing } from './remembered-parsing.ts';
import { type Scenario, type ScenarioName, scenarioNames, scenarios } from './scenarios.ts';
import { SharedRecordStore } from './shared-record-store.ts';
import { buildStage, type Stage, START_MILLIS } from './stage.ts';
import { type Tamper, World } from './world.ts';

/*
 * The simulation of design section 11: the same rules and the same procedure as in production, over ports in memory and virtual time.
 *
 * To add to it: a fault is a row in faults.ts, a kind of day a row in scenarios.ts, an invariant a row in invariants.ts, a planted bug a
 * row in test/sim/planted. A new port of the rules is one line in `SimulatedPorts` and its fake in simulated-region.ts.
 */

export interface RunOptions {
  readonly scenario?: ScenarioName;
  /** Indexes of planned faults that are left out; used to shrink. */
  readonly without?: ReadonlySet<number>;
  readonly isTraced?: boolean;
  /** Every record is checked and frozen: slower, and any change of what was read throws. */
  readonly isStrict?: boolean;
  readonly tamper?: Tamper;
}

export interface Run {
  readonly seed: number;
  readonly scenario: ScenarioName;
  readonly violations: readonly Violation[];
  readonly instances: number;
  readonly faults: number;
  readonly plannedFaults: number;
  readonly remediations: number;
  /** How remediations ended: state → how many. */
  readonly endings: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
}

/** Setting a stage costs as much as two runs: kinds of days that are played often have more of them. */
const stagesOf = (scenario: ScenarioName): number => Math.min(6, Math.ceil(scenarios[scenario].share / 3));

/** Plays the run of a seed. The same seed and options give the same run, always. */
export async function simulate(seed: number, options: RunOptions = {}): Promise<Run> {
  rememberParsing();
  const dice = new Dice(seed);
  const drawn = drawScenario(dice);
  const scenario = options.scenario ?? drawn;
  const { stage, store } = await stageOf(scenario, dice.between(0, stagesOf(scenario) - 1));
  const faults = drawFaults(scenarios[scenario], dice);
  const kept = faults.filter((_, index) => options.without?.has(index) !== true);
  const trace: string[] = [];
  const world = new World(stage, { from: store, isStrict: options.isStrict ?? false, ...(options.tamper === undefined ? {} : { tamper: options.tamper }) });
  const witness = new Witness(world);
  const play = new Play(world, { faults: kept, seed, audience: witness, ...(options.isTraced === true ? { trace } : {}) });
  witness.watch(play);
  await play.run(() => witness.violations.length > 0);
  if (witness.violations.length === 0) witness.atRest();
  const remediations = world.remediations();
  return {
    seed,
    scenario,
    violations: witness.violations,
    instances: stage.instances.length,
    faults: play.faultCount,
    plannedFaults: faults.length,
    remediations: remediations.length,
    endings: Object.fromEntries(
      Map.groupBy(remediations, ({ state, failure }) => (state === 'vetoed' ? `vetoed: ${failure?.guardrail ?? ''}` : state))
        .entries()
        .map(([state, records]) => [state, records.length]),
    ),
    trace,
  };
}

function drawScenario(dice: Dice): ScenarioName {
  const shares = scenarioNames.map((name) => [name, scenarios[name].share] as const);
  return drawByWeight(dice, shares) ?? 'mixed';
}

function drawByWeight<Name>(dice: Dice, weighted: readonly (readonly [Name, number])[]): Name | undefined {
  let left = dice.between(
    1,
    weighted.reduce((sum, [, weight]) => sum + weight, 0),
  );
  for (const [name, weight] of weighted) {
    left -= weight;
    if (left <= 0) return name;
  }
  return undefined;
}

const isFaultKind = (name: string): name is FaultKind => Object.hasOwn(faultKinds, name);
const LAST_FAULT_AT_SECONDS = 3000;

/** The plan of a run's faults, in the order of time. */
function drawFaults({ always, weights, plannedFaults }: Scenario, dice: Dice): readonly Fault[] {
  const weighted = Object.entries(weights).flatMap(([name, weight]) => (isFaultKind(name) ? [[name, weight] as const] : []));
  const drawn = Array.from({ length: plannedFaults - always.length }, () => drawByWeight(dice, weighted) ?? 'trouble');
  const faults = [
    ...always.map((kind): Fault => ({ kind, at: dice.between(5, 900), seed: dice.seed() })),
    ...drawn.map((kind): Fault => ({ kind, at: dice.between(5, LAST_FAULT_AT_SECONDS), seed: dice.seed() })),
  ];
  return faults.toSorted((left, right) => left.at - right.at);
}

interface SetStage {
  readonly stage: Stage;
  /** As the first sweeps leave it: every instance listed, captured, and the images it runs verified. */
  readonly store: SharedRecordStore;
}

const setStages = new Map<string, Promise<SetStage>>();

/** Setting the stage is the same work for every run on it, so it is done once: the records are shared and never changed. */
function stageOf(scenario: ScenarioName, number: number): Promise<SetStage> {
  const name = `${scenario}/${number}`;
  const known = setStages.get(name);
  if (known !== undefined) return known;
  const setting = setStage(buildStage(scenarios[scenario].size, number + 1));
  setStages.set(name, setting);
  return setting;
}

/** Two sweeps an hour apart, before the play begins: the second has seen the images in service for long enough. */
async function setStage(stage: Stage): Promise<SetStage> {
  const world = new World(stage);
  const hourBefore = START_MILLIS - 3_600_000;
  for (const millis of [hourBefore, START_MILLIS - 60_000]) {
    world.clocks.sweep.skewMillis = millis - START_MILLIS;
    for (let turn = 0; turn < 1 + Math.ceil(stage.instances.length / 100); turn += 1)
      await sweep({ ...world.base('sweep'), ...world.ports, log: world.log }, world.catalog);
  }
  return { stage, store: world.store };
}
