import { invariants } from '../../../sim/invariants.ts';
import { scenarioNames, scenarios } from '../../../sim/scenarios.ts';
import { plantedBugs } from './planted-bugs.ts';

export type Caught = readonly { readonly bug: string; readonly seed: number; readonly invariant: string }[];

/** A Markdown table as the formatter leaves it. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = header.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

/** docs/simulation.md, from the tables themselves; a test keeps them equal. */
export function renderSimulation(caught: Caught): string {
  return [
    '# The simulation',
    '',
    '`perennial simulate` plays bad days against the rules that run in production: the same intake, guardrails, procedure, sweep, reaper and notifications, with every port in memory and time that jumps from one event to the next. A seed decides everything: the fleet, the catalog, what fails and when. The same seed gives the same run.',
    '',
    '```sh',
    'npm run -s perennial -- simulate --runs 1000 --seed 1             # exit 2 and the seed when a promise is broken',
    'npm run -s perennial -- simulate --runs 1 --seed 4711 --trace     # everything that happened in one run',
    'npm run -s perennial -- simulate --runs 500 --scenario zone-loss',
    '```',
    '',
    'A seed that fails is played again with fewer and fewer faults for as long as the same promise is broken; what remains is printed. It then belongs into `test/sim/once-failing-seeds.ts`, which every test run plays.',
    '',
    '## Kinds of days',
    '',
    ...table(
      ['scenario', 'runs of 100', 'planned faults', 'that surely happen'],
      scenarioNames.map((name) => [
        name,
        String(scenarios[name].share),
        String(scenarios[name].plannedFaults),
        [...new Set(scenarios[name].always)].join(', '),
      ]),
    ),
    '',
    'Every run has at least 100 instances and at least 20 faults. What can fail is the table in `sim/faults.ts`; crashes, throttles and overlapping calls strike between any two calls of a function.',
    '',
    '## What must be true',
    '',
    'Asked whenever something takes effect, with the truth of the simulated world and without calling the rules that are judged (`sim/invariants.ts`).',
    '',
    ...table(
      ['invariant', 'the design says'],
      invariants.map(({ name, sentence }) => [name, sentence]),
    ),
    '',
    '## Planted bugs',
    '',
    'Each bug exists only in the tests (`test/sim/planted/planted-bugs.ts`). The simulation finds every one; the first run that does is played in `npm test`. `node test/sim/planted/find-seeds.ts` looks for the seeds again and writes this page.',
    '',
    ...table(
      ['planted bug', 'breaks', 'how', 'found by', 'seed'],
      plantedBugs.map(({ name, breaks, how, scenario }) => {
        const found = caught.find(({ bug }) => bug === name);
        return [
          name,
          breaks,
          how,
          found?.invariant ?? '**not found**',
          found === undefined ? '–' : `${found.seed}${scenario === undefined ? '' : ` (${scenario})`}`,
        ];
      }),
    ),
    '',
    'Not reached: a repair, not a way back, whose proof has grown old before its success is recorded. Between `verify` and `finish` lies less than a second, and none of 2,000 runs of by-hand or of deploys-and-pauses was lost or frozen just there. What the driver does then is proved by `test/core/remediation/driver/advance.test.ts` ("a success that is recorded long after its proof").',
    '',
  ].join('\n');
}
