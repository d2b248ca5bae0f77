import { type BudgetFigures, measureBudgets } from './budget-evaluation.ts';
import { type BundleFigures, measureBundles } from './bundles.ts';
import { columns, verdictOf } from './figures.ts';
import { type LaunchFigures, measureLaunchPath } from './launch-path.ts';
import { measureThroughput, type ThroughputFigures } from './signal-throughput.ts';
import { createStage } from './stage.ts';

/*
 * `npm run bench`: figures, not gates; docs/benchmarks.md says what they mean. Exit 1 only when something could not be measured.
 */

const LAUNCH_GOAL = 2;
const BUNDLE_GOAL = 1.3;
/** Signals a second on one core (issue "signals and incidents"). */
const THROUGHPUT_GOAL = 20_000;

/** Seconds for 1,000 objectives, bytes, and units of DynamoDB an objective and minute (issue "error budgets"). */
const BUDGET_GOALS = { computeSeconds: 0.4, bytes: 256 * 1024 * 1024, units: 4 } as const;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const ratioText = (ratio: number): string => `${ratio.toFixed(2)} ×`;
const thousands = (perSecond: number): string => `${(perSecond / 1000).toFixed(1)} k/s`;
const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
const kibibytes = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KiB`;

function printLaunch(figures: LaunchFigures): void {
  const { runs, perennialMilliseconds, scriptMilliseconds, ratio, calls, callsByCommand } = figures;
  say(`\nFrom an alarm's message to RunInstances, without configured waits (median of ${runs} pairs)`);
  say(
    columns([
      ['', 'median', 'ratio', `goal ≤ ${LAUNCH_GOAL} ×`],
      ['Perennial', `${perennialMilliseconds.toFixed(0)} ms`, ratioText(ratio), verdictOf(ratio, LAUNCH_GOAL)],
      ['script, the same calls', `${scriptMilliseconds.toFixed(0)} ms`, '', ''],
    ]),
  );
  const commands = Object.entries(callsByCommand).toSorted(([, left], [, right]) => right - left);
  say(`${calls} calls to AWS up to the launch: ${commands.map(([command, count]) => `${count} ${command}`).join(', ')}`);
}

function printThroughput({ messages, runs, coreASecond, floorASecond, ratio, admitted }: ThroughputFigures): void {
  say(`\nSignals a second on one core, without the table: ${messages} messages of which ${admitted} are news (median of ${runs} runs)`);
  say(
    columns([
      ['', 'a second', 'ratio', `goal ≥ ${THROUGHPUT_GOAL / 1000} k/s`],
      ['read, mask, recognise, decide', thousands(coreASecond), ratioText(ratio), coreASecond >= THROUGHPUT_GOAL ? 'within' : 'UNDER'],
      ['parse the JSON and hash it', thousands(floorASecond), '', ''],
    ]),
  );
}

function printBudgets(figures: BudgetFigures): void {
  const { objectives, runs, computeSeconds, floorSeconds, heldBytes, processBytes, readUnits, writeUnits, sealingWriteUnits } = figures;
  const { computeSeconds: goal, bytes, units } = BUDGET_GOALS;
  say(`\n${objectives} error budgets over four alert windows and 30 days of history, in one run (median of ${runs} runs)`);
  say(
    columns([
      ['', 'measured', 'goal', ''],
      ['evaluate, after loading', `${(computeSeconds * 1000).toFixed(0)} ms`, `≤ ${goal * 1000} ms`, verdictOf(computeSeconds, goal)],
      ['parse the JSON of the same records', `${(floorSeconds * 1000).toFixed(0)} ms`, '', ''],
      ['held in memory', mebibytes(heldBytes), `≤ ${mebibytes(bytes)}`, verdictOf(heldBytes, bytes)],
      ['the whole process, at most', mebibytes(processBytes), `≤ ${mebibytes(bytes)}`, verdictOf(processBytes, bytes)],
      ['read units, fullest minute', String(readUnits), `≤ ${units}`, verdictOf(readUnits, units)],
      ['write units, fullest minute', String(writeUnits), `≤ ${units}`, verdictOf(writeUnits, units)],
      ['write units, once an hour', String(sealingWriteUnits), '', ''],
    ]),
  );
}

function bundleRow(figures: BundleFigures): readonly string[] {
  const { name, bytes, gzipBytes, sdkBytes, clientBytes, importMilliseconds, sdkImportMilliseconds } = figures;
  const size = bytes / sdkBytes;
  const time = importMilliseconds / sdkImportMilliseconds;
  return [
    name,
    kibibytes(bytes),
    kibibytes(gzipBytes),
    kibibytes(sdkBytes),
    ratioText(size),
    verdictOf(size, BUNDLE_GOAL),
    ratioText(bytes / clientBytes),
    `${importMilliseconds.toFixed(0)} ms`,
    `${sdkImportMilliseconds.toFixed(0)} ms`,
    ratioText(time),
    verdictOf(time, BUNDLE_GOAL),
  ];
}

/** The heaviest first. */
function partsText(parts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(parts).toSorted(([, left], [, right]) => right - left);
  return sorted.map(([part, bytes]) => `${part} ${kibibytes(bytes)}`).join(', ');
}

function printBundles(bundles: readonly BundleFigures[]): void {
  say('\nEach function beside the SDK that it uses, alone');
  const goal = `≤ ${BUNDLE_GOAL} ×`;
  say(columns([['function', 'size', 'zipped', 'SDK', 'ratio', goal, 'to bare clients', 'import', 'SDK', 'ratio', goal], ...bundles.map(bundleRow)]));
  for (const { name, bytes, sdkBytes, parts } of bundles) {
    if (bytes / sdkBytes > BUNDLE_GOAL) say(`${name} is over: ${partsText(parts)}`);
  }
  const signals = bundles.find(({ name }) => name === 'signals');
  if (signals === undefined) throw new Error('There is no function "signals" to measure.');
  say(
    `signals holds ${signals.packages.includes('client-ec2') ? 'EC2, which it must not: every alarm pays for it' : 'no EC2'}: ${signals.packages.join(', ')}`,
  );
}

async function main(): Promise<void> {
  printBudgets(measureBudgets());
  printThroughput(measureThroughput());
  printBundles(await measureBundles());
  say('\nStarting the local AWS for the launch path');
  const stage = await createStage();
  try {
    printLaunch(await measureLaunchPath(stage, say));
  } finally {
    await stage.localAws.stop();
  }
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`The bench could not measure everything: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
