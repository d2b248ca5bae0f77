import type { ScenarioName } from '../../sim/scenarios.ts';

/** Seeds that once broke an invariant, with what it was: they are played with every test run. Add one whenever a run fails. */
export const onceFailingSeeds: readonly { readonly seed: number; readonly scenario?: ScenarioName; readonly why: string }[] = [
  { seed: 28, why: 'A throttle between publishing and its note: one repeat is allowed then' },
  { seed: 107, scenario: 'single-machine-storm', why: 'An execution that died of throttling left its repair half-done' },
  { seed: 403, why: 'A launch whose answer was lost, undone while reads lag: its orphan waits for the reaper' },
  { seed: 770, why: 'A replacement that dies during the drain' },
  { seed: 898, why: 'A repair carried on half an hour after its verification' },
  { seed: 5331, why: 'A catalog without the system, published in mid-repair: nothing can be undone, and it is said' },
];
