import type { ScenarioName } from '../../sim/scenarios.ts';

/** Seeds that once broke an invariant, with what it was: they are played with every test run. Add one whenever a run fails. */
export const onceFailingSeeds: readonly { readonly seed: number; readonly scenario?: ScenarioName; readonly why: string }[] = [
  { seed: 2, why: 'A stop that was stuck behind the drain: the replacement that served held no slot' },
  { seed: 28, why: 'A throttle between publishing and its note: one repeat is allowed then' },
  { seed: 46, why: 'A late repetition under another catalog opened a new incident' },
  { seed: 107, scenario: 'single-machine-storm', why: 'An execution that died of throttling left its repair half-done' },
  { seed: 249, why: 'The old instance came back with a failing check and was not registered again' },
  { seed: 403, why: 'A launch whose answer was lost, undone while reads lag: found and put away all the same' },
  { seed: 770, why: 'A replacement that dies during the drain: the old instance is not put away' },
  { seed: 898, why: 'A repair carried on half an hour after its verification: verified again' },
  { seed: 5331, why: 'A catalog without the system, published in mid-repair: undone by what was declared at the claim' },
  { seed: 760, why: 'A failed probe was forgotten when the breaker closed for a calm that was only heard of' },
  { seed: 7071, why: 'A host that began to fail after the last gentle step was not left to EC2' },
  { seed: 3878, why: 'A crash behind the stop while reads lag: the old instance was not listed and counted as fenced' },
  { seed: 8325, why: 'A crash behind the stop while reads lag: the replacement was not listed and the old instance started beside it' },
  { seed: 1892, scenario: 'by-hand', why: 'The same at the fence of a replacement by hand' },
  {
    seed: 303,
    scenario: 'by-hand',
    why: 'An operator starts the replacement that is in quarantine: a person is told, and the old instance does not start beside it',
  },
  { seed: 9901, why: 'A claim without an armed page, started again by the reaper, which pages first' },
];
