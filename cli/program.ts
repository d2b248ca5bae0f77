import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { CliError } from './cli-error.ts';
import { type DeployAction, deploy, deployActions, type DeployOptions } from './commands/deploy.ts';
import { deadLettersList, deadLettersRedrive, deadLettersShow } from './commands/deadletters.ts';
import { doctor } from './commands/doctor.ts';
import { catalogCheck, eventExplain, sloExplain } from './commands/explain.ts';
import { plan } from './commands/plan.ts';
import { incidents, inventoryList, remediations, status } from './commands/records.ts';
import { pause, resume } from './commands/switches.ts';
import type { Answer, ExitCode, Output } from './output.ts';
import { openTarget, type Target, type TargetOptions } from './target.ts';

interface CommonOptions extends TargetOptions {
  readonly json?: boolean;
  readonly limit?: number;
  readonly reason?: string;
}

type Run = (answer: Promise<Answer> | Answer, options: { readonly json?: boolean }) => Promise<void>;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 200) throw new InvalidArgumentError('Write a whole number from 1 to 200.');
  return value;
}

/** The target is always explicit: nobody pauses the wrong account by accident (design section 9). */
function onTarget(command: Command): Command {
  return command
    .option('--local', 'the local AWS that npm start runs')
    .option('--profile <name>', 'AWS profile')
    .option('--region <region>', 'AWS Region of the platform')
    .option('--stack <name>', 'name of the deployed stack', 'Perennial')
    .option('--json', 'answer as JSON');
}

function onList(command: Command): Command {
  return onTarget(command).addOption(new Option('--limit <count>', 'how many, 1 to 200').default(50).argParser(wholeNumber));
}

function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  npm run -s perennial -- ${line}`).join('\n')}`);
}

async function withTarget(options: CommonOptions, use: (target: Target) => Promise<Answer>): Promise<Answer> {
  return use(await openTarget(options));
}

function addExplainers(program: Command, run: Run, output: Output): void {
  const catalog = program.command('catalog').description('the catalog in git');
  examples(catalog.command('check [dir]').description('say what is wrong in a catalog, where, and what to write').option('--json', 'answer as JSON'), ['catalog check', 'catalog check examples/three-tiers --json']).action(
    async (directory: string | undefined, options: CommonOptions) => run(catalogCheck(directory ?? 'ops'), options),
  );
  const event = program.command('event').description('what comes in');
  examples(event.command('explain <file>').description('how the platform reads an event, in any wrapping; - reads standard input').option('--json', 'always on: the answer is JSON'), ['event explain test/events/alarm-eventbridge.json']).action(
    async (file: string) => run(eventExplain(file, output), { json: true }),
  );
  const slo = program.command('slo').description('error budgets');
  examples(
    slo.command('explain').description('what an objective allows, and which burn-rate alerts can fire').requiredOption('--objective <percent>', 'for example 99.9').option('--window <days>', '1 to 90 days', '30d').option('--json', 'answer as JSON'),
    ['slo explain --objective 99.999 --window 30d'],
  ).action(async (options: { objective: string; window: string; json?: boolean }) => run(sloExplain(options.objective, options.window), options));
}

function addReaders(program: Command, run: Run): void {
  examples(onTarget(program.command('status').description('the whole picture on one page')), ['status --local', 'status --region eu-central-1 --json']).action(async (options: CommonOptions) => run(withTarget(options, status), options));
  examples(onList(program.command('incidents [id]').description('incidents, or one with its timeline')), ['incidents --local']).action(async (id: string | undefined, options: CommonOptions) =>
    run(withTarget(options, (target) => incidents(target, id, options.limit ?? 50)), options),
  );
  examples(onList(program.command('remediations [id]').description('repairs and vetoes, or one with its phases')), ['remediations --local']).action(async (id: string | undefined, options: CommonOptions) =>
    run(withTarget(options, (target) => remediations(target, id, options.limit ?? 50)), options),
  );
  const inventory = program.command('inventory').description('what runs');
  examples(onTarget(inventory.command('list').description('every instance and what it is to us').option('--status <status>', 'managed, unknown, elsewhere, quarantined or gone')), ['inventory list --local --status unknown']).action(
    async (options: CommonOptions & { status?: string }) => run(withTarget(options, (target) => inventoryList(target, options.status)), options),
  );
  examples(onTarget(program.command('plan <instance>').description('what replacing an instance would do, keep and lose; touches nothing')), ['plan i-0123456789abcdef0 --local']).action(
    async (instanceId: string, options: CommonOptions) => run(withTarget(options, (target) => plan(target, instanceId)), options),
  );
  examples(onTarget(program.command('doctor').description('is the platform itself in order?')), ['doctor --region eu-central-1']).action(async (options: CommonOptions) => run(withTarget(options, doctor), options));
}

function addSwitches(program: Command, run: Run): void {
  const reason = '--reason <text>';
  examples(onTarget(program.command('pause [system]').description('no new repairs; running ones go to their nearest safe point').requiredOption(reason, 'why; people read it')), ['pause --local --reason "network work"']).action(
    async (system: string | undefined, options: CommonOptions) => run(withTarget(options, (target) => pause(target, system, options.reason ?? '')), options),
  );
  examples(onTarget(program.command('resume [system]').description('repairs may start again; closes breakers that wait for a person').option(reason, 'why', 'resumed by hand')), ['resume --local']).action(
    async (system: string | undefined, options: CommonOptions) => run(withTarget(options, (target) => resume(target, system, options.reason ?? '')), options),
  );
}

const isDeployAction = (name: string): name is DeployAction => Object.hasOwn(deployActions, name);

function addDeploys(program: Command, run: Run): void {
  const command = program.command('deploy <action> <system>').description('tell the platform of a deploy: start, finish, fail or rollback');
  onTarget(command)
    .requiredOption('--version <version>', 'what is deployed')
    .requiredOption('--previous <version>', 'what ran before: where a rollback would go')
    .requiredOption('--commit <commit>', 'git commit')
    .option('--config-version <version>', 'configuration version')
    .option('--approver <name>', 'who approved it')
    .option('--database-change', 'the deploy changes a database schema')
    .option('--rollback-tested', 'the way back has been tested');
  examples(command, ['deploy start shop-web --version 5.3.0 --previous 5.2.1 --commit 1a2b3c4 --local']).action(async (action: string, system: string, options: CommonOptions & DeployOptions) => {
    if (!isDeployAction(action)) throw new CliError(`There is no deploy action "${action}". Write one of: ${Object.keys(deployActions).join(', ')}.`);
    await run(withTarget(options, (target) => deploy(target, action, system, options)), options);
  });
}

function addDeadLetters(program: Command, run: Run): void {
  const letters = program.command('dead-letters').description('what could not be read');
  examples(onList(letters.command('list').description('dead letters and queue depths')), ['dead-letters list --local']).action(async (options: CommonOptions) => run(withTarget(options, (target) => deadLettersList(target, options.limit ?? 50)), options));
  onTarget(letters.command('show <id>').description('one dead letter, masked')).action(async (id: string, options: CommonOptions) => run(withTarget(options, (target) => deadLettersShow(target, id)), options));
  onList(letters.command('redrive').description('move the bodies back to the signals queue')).action(async (options: CommonOptions) => run(withTarget(options, (target) => deadLettersRedrive(target, options.limit ?? 50)), options));
}

/** Runs one command line. Never throws: what goes wrong is said in words. */
export async function runProgram(words: readonly string[], output: Output): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const run: Run = async (answer, options) => {
    const found = await answer;
    output.out(options.json === true ? JSON.stringify(found.json, undefined, 2) : found.text);
    exitCode = found.exitCode;
  };
  const program = new Command('perennial').description('Keeps services always on.').exitOverride().configureOutput({ writeOut: output.out, writeErr: output.error });
  addExplainers(program, run, output);
  addReaders(program, run);
  addSwitches(program, run);
  addDeploys(program, run);
  addDeadLetters(program, run);
  for (const command of program.commands) inheritSettings(program, command);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (error) {
    return explainFailure(error, output);
  }
}

function inheritSettings(program: Command, command: Command): void {
  command.copyInheritedSettings(program);
  for (const child of command.commands) inheritSettings(command, child);
}

function explainFailure(error: unknown, output: Output): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
  output.error(error instanceof Error ? error.message : String(error));
  return 1;
}
