import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { backtest, type BacktestOptions } from './commands/backtest.ts';
import { drill, replace, revert } from './commands/by-hand.ts';
import { abort, approve, hold } from './commands/decisions.ts';
import { deadLettersList, deadLettersRedrive, deadLettersShow } from './commands/deadletters.ts';
import { deploy, deployActionNames, type DeployOptions } from './commands/deploy.ts';
import { doctor } from './commands/doctor.ts';
import { catalogCheck, eventExplain, sloExplain } from './commands/explain.ts';
import { sloEvaluate, type SloEvaluateOptions } from './commands/slo-evaluate.ts';
import { sloList, sloReport, sloShow } from './commands/budgets.ts';
import { gate, type GateOptions } from './commands/gate.ts';
import { acknowledge, closeByHand, noteByHand, openByHand, type ReportOptions } from './commands/incident-decisions.ts';
import { incidents } from './commands/incidents.ts';
import { instanceStatuses, inventoryList } from './commands/inventory.ts';
import { noise } from './commands/noise.ts';
import { plan } from './commands/plan.ts';
import {
  type ActionOptions,
  type CloseOptions,
  type NoteOptions,
  postMortemActionAdd,
  postMortemActionDone,
  postMortemClose,
  postMortemList,
  postMortemNote,
  postMortemShow,
} from './commands/postmortem.ts';
import { digest, recovery } from './commands/recovery.ts';
import { remediations } from './commands/remediations.ts';
import { correctionKinds, type CorrectOptions, type LedgerOptions, sloCorrect, sloExclude, sloLedger, sloWithdraw } from './commands/slo-ledger.ts';
import { silenceAdd, silenceEnd, silenceList, type SilenceOptions } from './commands/silence.ts';
import { simulateRuns, type SimulateOptions } from './commands/simulate.ts';
import { status } from './commands/status.ts';
import { subscriptionsConfirm, subscriptionsList } from './commands/subscriptions.ts';
import { pause, resume } from './commands/switches.ts';
import { toil } from './commands/toil.ts';
import { uninstall } from './commands/uninstall.ts';
import { gateExceptionKinds } from '../core/slo/gate.ts';
import { detectionSources } from '../core/incidents/learning/detection.ts';
import { type DigestRole, digestRoles } from '../core/incidents/learning/digest-text.ts';
import { actionTypes, noteSections } from '../core/incidents/learning/post-mortem.ts';
import { explainFailure } from './explain-failure.ts';
import { openTarget } from './open-target.ts';
import type { Answer, ExitCode, Output } from './output.ts';
import type { OpenTarget, Target, TargetOptions } from './target.ts';
import { version } from './version.ts';

interface CommonOptions extends TargetOptions {
  readonly json?: boolean;
  readonly limit?: number;
  readonly reason?: string;
}

/** What the commands are hung on. */
interface Frame {
  readonly program: Command;
  readonly output: Output;
  /** Prints an answer and remembers its exit code. */
  readonly run: (answer: Promise<Answer> | Answer, options: { readonly json?: boolean }) => Promise<void>;
  /** The same for a command that needs a deployed platform. */
  readonly runOn: (options: CommonOptions, use: (target: Target) => Promise<Answer>) => Promise<void>;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAX_LIMIT) throw new InvalidArgumentError(`Write a whole number from 1 to ${MAX_LIMIT}.`);
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
  return onTarget(command).addOption(new Option('--limit <count>', `how many, 1 to ${MAX_LIMIT}`).default(DEFAULT_LIMIT).argParser(wholeNumber));
}

function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  npm run -s perennial -- ${line}`).join('\n')}`);
}

function addExplainers({ program, output, run }: Frame): void {
  const catalog = examples(program.command('catalog').description('the catalog in git'), ['catalog check ops']);
  const check = catalog
    .command('check [dir]')
    .description('say what is wrong in a catalog (default: ops), where, and what to write')
    .option('--json', 'answer as JSON');
  examples(check, ['catalog check', 'catalog check examples/three-tiers --json']).action((directory: string | undefined, options: CommonOptions) =>
    run(catalogCheck(directory ?? 'ops'), options),
  );
  const event = examples(program.command('event').description('what comes in'), ['event explain test/events/alarm-metric-sns.json']);
  const explain = event
    .command('explain <file>')
    .description('how the platform reads an event, in any wrapping; - reads standard input')
    .option('--json', 'always on: the answer is JSON');
  examples(explain, ['event explain test/events/alarm-metric-eventbridge.json', 'event explain - < event.json']).action((file: string) =>
    run(eventExplain(file, output), { json: true }),
  );
  const slo = examples(program.command('slo').description('error budgets'), ['slo explain --objective 99.9']);
  const objective = slo
    .command('explain')
    .description('what an objective allows, and which burn-rate alerts can fire; exit 2 when it is refused')
    .requiredOption('--objective <percent>', 'for example 99.9')
    .option('--window <days>', 'rolling window, 1 to 90 days', '30d')
    .option('--json', 'answer as JSON');
  examples(objective, ['slo explain --objective 99.999 --window 30d', 'slo explain --objective 99.9 --json']).action(
    (options: { objective: string; window: string; json?: boolean }) => run(sloExplain(options.objective, options.window), options),
  );
  const figures = slo
    .command('evaluate')
    .description('the error budget of an OpenSLO document from points in a file, to the digit; touches nothing')
    .requiredOption('--spec <file>', 'OpenSLO v1 documents, or - for standard input')
    .requiredOption('--points <file>', 'one point a line: {"t": …, "good": n, "total": n}, "bad" for "good", or {"t": …, "value": x}; - for standard input')
    .requiredOption('--at <time>', 'the end of the window, for example 2026-11-21T09:00:00Z')
    .option('--entries <file>', 'corrections and exclusions, one entry a line')
    .option('--slo <name>', 'which SLO, when the documents hold several')
    .option('--objective <name>', 'which objective of it, by displayName or number; without it the first')
    .option('--json', 'answer as JSON');
  examples(figures, [
    'slo evaluate --spec slo.yaml --points points.jsonl --at 2026-11-21T09:00:00Z',
    'slo evaluate --spec slo.yaml --points - --at 2026-11-21T09:00:00Z --json < points.jsonl',
  ]).action((options: SloEvaluateOptions) => run(sloEvaluate(options, output), options));
}

function addReaders({ program, run, runOn }: Frame): void {
  const whole = onTarget(program.command('status').description('the whole picture on one page'));
  examples(whole, ['status --local', 'status --region eu-central-1 --json']).action((options: CommonOptions) => runOn(options, status));
  const incident = onList(program.command('incidents [id]').description('incidents, or one with its timeline'));
  examples(incident, ['incidents --local', 'incidents inc-20261121T090000-1a2b3c4d --local']).action((id: string | undefined, options: CommonOptions) =>
    runOn(options, (target) => incidents(target, id, options.limit ?? DEFAULT_LIMIT)),
  );
  const remediation = onList(program.command('remediations [id]').description('repairs and vetoes, or one with its phases'));
  examples(remediation, ['remediations --local', 'remediations rem-20261121T090000-1a2b3c4d5e --local']).action(
    (id: string | undefined, options: CommonOptions) => runOn(options, (target) => remediations(target, id, options.limit ?? DEFAULT_LIMIT)),
  );
  const inventory = examples(program.command('inventory').description('what runs'), ['inventory list --local']);
  const all = onTarget(inventory.command('list').description('every instance and what it is to Perennial')).addOption(
    new Option('--status <status>', 'only these').choices(instanceStatuses),
  );
  examples(all, ['inventory list --local', 'inventory list --local --status unknown']).action((options: CommonOptions & { status?: string }) =>
    runOn(options, (target) => inventoryList(target, options.status)),
  );
  const rehearsal = onTarget(program.command('plan <instance>').description('what replacing an instance would do, keep and lose; touches nothing'));
  examples(rehearsal, ['plan i-0123456789abcdef0 --local']).action((instanceId: string, options: CommonOptions) =>
    runOn(options, (target) => plan(target, instanceId)),
  );
  const times = onTarget(program.command('recovery [system]').description('how long repairs took: mean, median, 95th percentile, RTO met'));
  examples(times, ['recovery --local', 'recovery shop-web --region eu-central-1 --json']).action((system: string | undefined, options: CommonOptions) =>
    runOn(options, (target) => recovery(target, system)),
  );
  const week = onTarget(program.command('digest').description('the newest weekly digest, as it is mailed to a role')).addOption(
    new Option('--role <role>', 'whose: operators (and owners) get everything').default('operators').choices(digestRoles),
  );
  examples(week, ['digest --local', 'digest --role business --local']).action((options: CommonOptions & { role: DigestRole }) =>
    runOn(options, (target) => digest(target, options.role)),
  );
  const past = onTarget(program.command('backtest').description('what the policies in git would have done with the alarms of the past; touches nothing'))
    .option('--events <file>', 'recorded events, one a line; without it the alarm history of the platform')
    .option('--catalog <dir>', 'the catalog to try', 'ops')
    .option('--inventory <file>', 'the answer of inventory list --json, when no platform is named')
    .addOption(new Option('--days <days>', 'how far back, 1 to 30').default(30).argParser(wholeNumber));
  examples(past, ['backtest --region eu-central-1 --days 14', 'backtest --events alarms.jsonl --inventory inventory.json --json']).action(
    async (options: CommonOptions & BacktestOptions) => {
      const isOnPlatform = options.local === true || options.region !== undefined;
      await (isOnPlatform ? runOn(options, (target) => backtest(options, target)) : run(backtest(options, undefined), options));
    },
  );
  const health = onTarget(program.command('doctor').description('is the platform itself in order? exit 2 when it is not'));
  examples(health, ['doctor --local', 'doctor --region eu-central-1 --json']).action((options: CommonOptions) => runOn(options, doctor));
}

function addSwitches({ program, runOn }: Frame): void {
  const stop = onTarget(program.command('pause [system]').description('no new repairs; running ones go to their nearest safe point')).requiredOption(
    '--reason <text>',
    'why; people read it',
  );
  stop.option('--freeze', 'the literal stop: running repairs stay exactly where they are');
  examples(stop, ['pause --local --reason "network work"', 'pause shop-web --local --reason "load test"']).action(
    (system: string | undefined, options: CommonOptions & { freeze?: boolean }) =>
      runOn(options, (target) => pause(target, system, options.reason ?? '', options.freeze === true)),
  );
  const start = onTarget(program.command('resume [system]').description('repairs may start again; closes breakers that wait for a person')).option(
    '--reason <text>',
    'why',
    'resumed by hand',
  );
  examples(start, ['resume --local', 'resume shop-web --local']).action((system: string | undefined, options: CommonOptions) =>
    runOn(options, (target) => resume(target, system, options.reason ?? '')),
  );
}

function addDecisions({ program, runOn }: Frame): void {
  const yes = onTarget(program.command('approve <remediation>').description('say yes to the plan that a repair waits with')).option(
    '--by <name>',
    'who approves; without it who is logged in',
  );
  examples(yes, ['approve rem-20261121T090000-1a2b3c4d5e --local']).action((id: string, options: CommonOptions & { by?: string }) =>
    runOn(options, (target) => approve(target, id, options.by)),
  );
  const end = onTarget(
    program.command('abort <remediation>').description('take a repair to its nearest safe point: undone before the drain, finished after it'),
  ).requiredOption('--reason <text>', 'why; people read it');
  examples(end, ['abort rem-20261121T090000-1a2b3c4d5e --reason "wrong alarm" --local']).action((id: string, options: CommonOptions) =>
    runOn(options, (target) => abort(target, id, options.reason ?? '')),
  );
  const leave = onTarget(program.command('hold <instance>').description('leave an instance alone: no repair, no reaper; a tag, written with your own rights'))
    .option('--release', 'end the hold')
    .option('--reason <text>', 'why', 'by hand');
  examples(leave, ['hold i-0123456789abcdef0 --reason "being looked at" --local', 'hold i-0123456789abcdef0 --release --local']).action(
    (instanceId: string, options: CommonOptions & { release?: boolean }) =>
      runOn(options, (target) => hold(target, instanceId, { isReleased: options.release === true, reason: options.reason ?? 'by hand' })),
  );
}

const WHO = 'who says so; without it who is logged in';

/** Mail and phones stay silent; incidents, repairs and HTTPS go on. */
function addSilences({ program, runOn }: Frame): void {
  const silence = examples(program.command('silence').description('keep mail and phones quiet about something, with an end'), ['silence list --local']);
  const add = onTarget(silence.command('add').description('all that is given must match; * stands for any characters'))
    .option('--system <glob>', 'the system')
    .option('--severity <list>', 'for example warning,info')
    .option('--rule <glob>', 'the alarm; every alarm that fires must match')
    .option('--instance <glob>', 'the instance')
    .requiredOption('--reason <text>', 'why; people read it')
    .option('--for <duration>', 'how long, at most 30d')
    .option('--until <time>', 'instead of --for, for example 2026-11-21T18:00:00Z')
    .option('--from <time>', 'when it begins; without it now')
    .option('--by <name>', WHO)
    .option('--cron <schedule>', 'only from each of these moments for --duration, for example "0 2 * * 6"')
    .option('--duration <duration>', 'how long each time of --cron lasts')
    .option('--between <times>', 'only at this time of day, for example 09:00-17:00')
    .option('--on <weekdays>', 'only on these, for example sat,sun')
    .option('--days <from:to>', 'only on these days of the month, for example --days=-3:-1 for the last three')
    .option('--timezone <zone>', 'of the times above', 'Etc/UTC');
  examples(add, [
    'silence add --system shop-web --for 2h --reason "load test" --local',
    'silence add --rule "batch-*" --severity warning --for 30d --between 01:00-03:00 --timezone Asia/Seoul --reason "nightly batch" --local',
    'silence add --system shop-db --for 30d --cron "0 2 * * 6" --duration 2h --reason "vacuum" --local',
  ]).action((options: CommonOptions & SilenceOptions) => runOn(options, (target) => silenceAdd(target, options)));
  const list = onTarget(silence.command('list').description('silences that are not over')).option('--all', 'also those that are over, for 90 days');
  examples(list, ['silence list --local', 'silence list --all --local --json']).action((options: CommonOptions & { all?: boolean }) =>
    runOn(options, (target) => silenceList(target, options.all === true)),
  );
  const end = onTarget(silence.command('end <id>').description('end a silence now; what is still bad is told within a minute or two'));
  examples(end, ['silence end sil-20261121T090000-1a2b3c4d --local']).action((id: string, options: CommonOptions) =>
    runOn(options, (target) => silenceEnd(target, id)),
  );
}

/** What a person tells an incident; `incidents` itself lists them. */
function addIncidentDecisions({ program, runOn }: Frame): void {
  const mine = onTarget(program.command('acknowledge <incident>').description('you have it: nobody else is asked until your time is over'))
    .option('--for <duration>', 'how long, 1m to 24h', '30m')
    .option('--by <name>', WHO);
  examples(mine, ['acknowledge inc-20261121T090000-1a2b3c4d --local', 'acknowledge inc-20261121T090000-1a2b3c4d --for 2h --region eu-central-1']).action(
    (id: string, options: CommonOptions & { for?: string; by?: string }) => runOn(options, (target) => acknowledge(target, id, options)),
  );
  const incident = program.commands.find((command) => command.name() === 'incidents');
  if (incident === undefined) return;
  const open = onTarget(incident.command('open').description('report trouble that no signal has told of'))
    .requiredOption('--system <name>', 'the system it concerns')
    .requiredOption('--title <text>', 'what is wrong, in one sentence')
    .addOption(new Option('--severity <severity>', 'critical and high wake people').choices(['critical', 'high', 'warning']).default('high'))
    .option('--customer', 'a customer told us')
    .option('--by <name>', WHO);
  examples(open, ['incidents open --system shop-web --severity high --title "checkout shows an empty page" --local']).action(
    (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions & ReportOptions>();
      return runOn(options, (target) => openByHand(target, options));
    },
  );
  const close = onTarget(incident.command('close <id>').description('close what nothing else closes, for example after its instance was ended by hand'))
    .requiredOption('--reason <text>', 'why; people read it')
    .option('--by <name>', WHO);
  examples(close, ['incidents close inc-20261121T090000-1a2b3c4d --reason "instance was ended by hand" --local']).action(
    (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions & { by?: string }>();
      return runOn(options, (target) => closeByHand(target, id, { ...options, reason: options.reason ?? '' }));
    },
  );
  const note = onTarget(incident.command('note <id> <text>').description('put a fact on the timeline; personal data is masked')).option('--by <name>', WHO);
  examples(note, ['incidents note inc-20261121T090000-1a2b3c4d "database is fine, it is the cache" --local']).action(
    (id: string, text: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions & { by?: string }>();
      return runOn(options, (target) => noteByHand(target, id, text, options));
    },
  );
}

/** What is learned from trouble. */
function addLearning({ program, runOn }: Frame): void {
  const rows = [
    { name: 'toil', use: toil, about: 'what people did by hand, by system and cause; administration is not counted' },
    { name: 'noise', use: noise, about: 'alarms that led to no action, the most repeated ones, and how trouble was learned of' },
  ] as const;
  for (const { name, use, about } of rows) {
    const command = onTarget(program.command(name).description(about)).addOption(
      new Option('--days <days>', 'how far back, 1 to 200').default(30).argParser(wholeNumber),
    );
    examples(command, [`${name} --local`, `${name} --days 7 --region eu-central-1 --json`]).action((options: CommonOptions & { days: number }) =>
      runOn(options, (target) => use(target, options.days)),
    );
  }
  const whole = examples(program.command('postmortem').description('what was learned of an incident'), [
    'postmortem show inc-20261121T090000-1a2b3c4d --local',
  ]);
  const list = onTarget(whole.command('list').description('post-mortems: due, begun, closed, and their open actions'));
  examples(list, ['postmortem list --local']).action((options: CommonOptions) => runOn(options, postMortemList));
  const show = onTarget(whole.command('show <incident>').description('the draft from what records say, with what people added')).option(
    '--markdown',
    'all of it, as a document',
  );
  examples(show, ['postmortem show inc-20261121T090000-1a2b3c4d --markdown --local']).action((id: string, options: CommonOptions & { markdown?: boolean }) =>
    runOn(options, (target) => postMortemShow(target, id, options.markdown === true)),
  );
  addPostMortemChanges(whole, runOn);
}

function addPostMortemChanges(whole: Command, runOn: Frame['runOn']): void {
  const id = 'inc-20261121T090000-1a2b3c4d';
  const note = onTarget(whole.command('note <incident>').description('add what only people know'))
    .addOption(new Option('--section <section>', 'where it belongs').default('factor').choices(noteSections))
    .option('--text <text>', 'one sentence; names roles and changes, not people')
    .option('--began <time>', 'when the trouble began, for the time to detect')
    .addOption(new Option('--detected-by <source>', 'how it was learned of, where the signals do not tell').choices(detectionSources));
  examples(note, [
    `postmortem note ${id} --section factor --text "the check ran once an hour" --local`,
    `postmortem note ${id} --detected-by customer --local`,
  ]).action((incident: string, options: CommonOptions & NoteOptions) => runOn(options, (target) => postMortemNote(target, incident, options)));
  const action = examples(whole.command('action').description('follow-up work'), [`postmortem action done ${id} a1 --local`]);
  const add = onTarget(action.command('add <incident>').description('work that follows from it'))
    .requiredOption('--text <text>', 'what is done')
    .addOption(new Option('--type <type>', 'what it does').makeOptionMandatory().choices(actionTypes))
    .requiredOption('--owner <team>', 'a team or a role')
    .requiredOption('--due <day>', 'for example 2026-12-31');
  examples(add, [`postmortem action add ${id} --type detect --owner team-shop --due 2026-12-31 --text "a check that orders" --local`]).action(
    (incident: string, options: CommonOptions & ActionOptions) => runOn(options, (target) => postMortemActionAdd(target, incident, options)),
  );
  const done = onTarget(action.command('done <incident> <action>').description('it is done'));
  examples(done, [`postmortem action done ${id} a1 --local`]).action((incident: string, actionId: string, options: CommonOptions) =>
    runOn(options, (target) => postMortemActionDone(target, incident, actionId)),
  );
  const close = onTarget(whole.command('close <incident>').description('close it: with the link of a test that now covers it, or a reason why there is none'))
    .option('--test-link <url>', 'the test')
    .option('--no-test-reason <text>', 'why there is none');
  examples(close, [`postmortem close ${id} --test-link https://git.example.com/shop/tests/42 --local`]).action(
    (incident: string, options: CommonOptions & CloseOptions) => runOn(options, (target) => postMortemClose(target, incident, options)),
  );
}

/** What a person starts by hand; all of it goes through the queue and every guardrail. */
function addByHand({ program, output, runOn }: Frame): void {
  const rows = [
    {
      words: 'replace <instance>',
      use: replace,
      about: 'replace an instance as if it had failed; prints the plan and asks first',
      example: 'replace i-0123456789abcdef0 --reason "odd noises" --local',
    },
    {
      words: 'revert <remediation>',
      use: revert,
      about: 'swap back to the quarantined old instance',
      example: 'revert rem-20261121T090000-1a2b3c4d5e --local',
    },
    { words: 'drill <system>', use: drill, about: 'run the whole procedure on a throw-away copy of a healthy member', example: 'drill shop-web --yes --local' },
  ] as const;
  for (const { words, use, about, example } of rows) {
    const command = onTarget(program.command(words).description(about))
      .option('--reason <text>', 'why; people read it', 'by hand')
      .option('--yes', 'do not ask');
    examples(command, [example]).action((id: string, options: CommonOptions & { yes?: boolean }) =>
      runOn(options, (target) => use(target, output, id, { reason: options.reason ?? 'by hand', yes: options.yes === true, json: options.json === true })),
    );
  }
}

function addDeploys({ program, runOn }: Frame): void {
  const command = program.command('deploy <action> <system>').description(`tell the platform of a deploy; the action is ${deployActionNames.join(', ')}`);
  onTarget(command)
    .option('--version <version>', 'what is deployed; for a rollback, what is taken back')
    .option('--previous <version>', 'what ran before: where a rollback goes')
    .option('--commit <commit>', 'git commit')
    .option('--config-version <version>', 'configuration version')
    .option('--approver <name>', 'who approved it')
    .option('--database-change', 'the deploy changes a database schema')
    .option('--rollback-tested', 'the way back has been tested');
  examples(command, [
    'deploy start shop-web --version 5.3.0 --previous 5.2.1 --commit 1a2b3c4 --local',
    'deploy finish shop-web --version 5.3.0 --previous 5.2.1 --commit 1a2b3c4 --local',
    'deploy rollback shop-web --version 5.3.0 --previous 5.2.1 --commit 1a2b3c4 --local',
  ]).action((action: string, system: string, options: CommonOptions & DeployOptions) => runOn(options, (target) => deploy(target, action, system, options)));
}

interface BudgetViewOptions extends CommonOptions {
  readonly system?: string;
  readonly svg?: string;
}

/** What is left of the error budgets, and who spent it. */
function addBudgets({ program, runOn }: Frame): void {
  const slo = program.commands.find((command) => command.name() === 'slo');
  if (slo === undefined) return;
  const list = onList(slo.command('list').description('every objective: what is left, how fast it goes')).option('--system <name>', 'only of this system');
  examples(list, ['slo list --local', 'slo list --system shop-web --region eu-central-1 --json']).action((options: BudgetViewOptions) =>
    runOn(options, (target) => sloList(target, { ...options, limit: options.limit ?? DEFAULT_LIMIT })),
  );
  const show = onTarget(slo.command('show <objective>').description('one error budget: attainment, burn, history by day, who spent it')).option(
    '--svg <file>',
    'also draw the budget over its window',
  );
  examples(show, ['slo show shop-web-availability --local', 'slo show shop-web-availability --local --svg budget.svg']).action(
    (name: string, options: BudgetViewOptions) => runOn(options, (target) => sloShow(target, name, options)),
  );
  const report = onTarget(slo.command('report').description('all error budgets, who spent them, planned work, and what an availability allows'))
    .option('--system <name>', 'only of this system')
    .option('--svg <file>', 'also draw each budget over its window; with several objectives one file each, named after it');
  examples(report, ['slo report --local', 'slo report --system shop-web --local --svg budget.svg']).action((options: BudgetViewOptions) =>
    runOn(options, (target) => sloReport(target, options)),
  );
}

/** What people say about measurements of an error budget. */
function addLedger({ program, runOn }: Frame): void {
  const slo = program.commands.find((command) => command.name() === 'slo');
  if (slo === undefined) return;
  const entering = (command: Command): Command =>
    onTarget(command).requiredOption('--reason <text>', 'why; it is read in reviews').option('--by <name>', 'who answers for it (default: you)');
  const span = (command: Command): Command =>
    entering(command).requiredOption('--from <moment>', 'first moment, for example 2026-11-21T09:00:00Z').requiredOption('--to <moment>', 'end, not included');
  const correct = span(slo.command('correct <objective>').description('what was measured was wrong: enter what a span counts as')).addOption(
    new Option('--as <kind>', 'what it counts as').choices(correctionKinds).makeOptionMandatory(),
  );
  examples(correct, [
    'slo correct shop-web-availability --from 2026-11-21T09:00:00Z --to 2026-11-21T09:20:00Z --as good --reason "the probe was wrong" --local',
  ]).action((objective: string, options: CommonOptions & CorrectOptions) => runOn(options, (target) => sloCorrect(target, objective, options)));
  const exclude = span(slo.command('exclude <objective>').description('a span shall not count, also after the fact'));
  examples(exclude, ['slo exclude shop-web-availability --from 2026-11-21T22:00:00Z --to 2026-11-21T23:00:00Z --reason "planned move" --local']).action(
    (objective: string, options: CommonOptions & LedgerOptions) => runOn(options, (target) => sloExclude(target, objective, options)),
  );
  const withdraw = entering(slo.command('withdraw <objective> <entry>').description('take a correction or an exclusion back'));
  examples(withdraw, ['slo withdraw shop-web-availability led-20261121T0900-1a2b3c4d --reason "wrong day" --local']).action(
    (objective: string, entry: string, options: CommonOptions & LedgerOptions) => runOn(options, (target) => sloWithdraw(target, objective, entry, options)),
  );
  const ledger = onTarget(slo.command('ledger <objective>').description('every correction and exclusion, with who and why'));
  examples(ledger, ['slo ledger shop-web-availability --local']).action((objective: string, options: CommonOptions) =>
    runOn(options, (target) => sloLedger(target, objective)),
  );
}

/** What the error budget says to a deploy. */
function addGate({ program, runOn }: Frame): void {
  const door = onTarget(program.command('gate <system>').description('may it ship? exit 0 with budget left, 2 when it is spent'))
    .addOption(new Option('--exception <kind>', 'first record that this passes although the budget is spent').choices(gateExceptionKinds))
    .option('--reason <text>', 'why; it is read in the review')
    .option('--by <name>', 'who lets it pass; without it who is logged in')
    .option('--for <duration>', 'how long the exception holds, at most 24h', '4h');
  examples(door, [
    'gate shop-web --local',
    'gate shop-web --region eu-central-1 --json',
    'gate shop-web --exception security --reason "CVE-2026-1234" --local',
  ]).action((system: string, options: CommonOptions & GateOptions) => runOn(options, (target) => gate(target, system, options)));
}

function addLeaving({ program, runOn }: Frame): void {
  const leave = onTarget(program.command('uninstall').description('what Perennial left outside its stacks, and with --yes what becomes of it'))
    .option('--yes', 'do it; without it nothing is changed')
    .option('--hand-over', 'leave everything to its owners instead of ending it');
  examples(leave, ['uninstall --local', 'uninstall --region eu-central-1 --hand-over', 'uninstall --region eu-central-1 --yes']).action(
    (options: CommonOptions & { yes?: boolean; handOver?: boolean }) => runOn(options, (target) => uninstall(target, options)),
  );
}

/** Who hears of what. */
function addSubscriptions({ program, runOn }: Frame): void {
  const subscriptions = examples(program.command('subscriptions').description('who hears of what, and whether they do'), ['subscriptions list --local']);
  const list = onTarget(subscriptions.command('list').description('the subscriptions of the catalog; exit 2 when one does not stand'));
  examples(list, ['subscriptions list --local']).action((options: CommonOptions) => runOn(options, subscriptionsList));
  const confirm = onTarget(
    subscriptions.command('confirm <link>').description('confirm a subscription by the link of its mail, so that only the account can end it'),
  );
  const link = 'https://sns.eu-central-1.amazonaws.com/confirmation.html?TopicArn=...&Token=...';
  examples(confirm, [`subscriptions confirm "${link}" --region eu-central-1`]).action((address: string, options: CommonOptions) =>
    runOn(options, (target) => subscriptionsConfirm(target, address)),
  );
}

function addDeadLetters({ program, runOn }: Frame): void {
  const letters = examples(program.command('dead-letters').description('what could not be read'), ['dead-letters list --local']);
  const list = onList(letters.command('list').description('dead letters and queue depths'));
  examples(list, ['dead-letters list --local']).action((options: CommonOptions) =>
    runOn(options, (target) => deadLettersList(target, options.limit ?? DEFAULT_LIMIT)),
  );
  const show = onTarget(letters.command('show <id>').description('one dead letter, masked'));
  examples(show, ['dead-letters show dead-2f77b71e-2d1b-43a0-b3ea-fa1c99c2efc1 --local']).action((id: string, options: CommonOptions) =>
    runOn(options, (target) => deadLettersShow(target, id)),
  );
  const redrive = onList(letters.command('redrive').description('move the bodies back to the signals queue'));
  examples(redrive, ['dead-letters redrive --local --limit 10']).action((options: CommonOptions) =>
    runOn(options, (target) => deadLettersRedrive(target, options.limit ?? DEFAULT_LIMIT)),
  );
}

function atMost(limit: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > limit) throw new InvalidArgumentError(`Write a whole number from 1 to ${limit}.`);
    return value;
  };
}

function addSimulation({ program, run }: Frame): void {
  const command = program
    .command('simulate')
    .description('play bad days against the rules, in memory; exit 2 when a promise is broken')
    .addOption(new Option('--runs <count>', 'how many runs, 1 to 1000000').default(100).argParser(atMost(1_000_000)))
    .addOption(new Option('--seed <number>', 'the first seed; each run takes the next one').default(1).argParser(atMost(2 ** 31)))
    .option('--scenario <name>', 'only this kind of day')
    .option('--trace', 'with --runs 1: say everything that happened')
    .option('--json', 'answer as JSON');
  examples(command, ['simulate --runs 1000 --seed 1', 'simulate --runs 1 --seed 4711 --trace', 'simulate --runs 500 --scenario zone-loss --json']).action(
    (options: SimulateOptions & { json?: boolean }) => run(simulateRuns(options), options),
  );
}

/** Commander's `error: unknown command 'x'` as a sentence. */
function sentence(text: string): string {
  const plain = text.replace(/^error: /, '').trimEnd();
  return `${plain.slice(0, 1).toUpperCase()}${plain.slice(1)}${/[.!?)]$/.test(plain) ? '' : '.'}`;
}

function createProgram(output: Output): Command {
  const program = new Command('perennial')
    .description('Keeps services always on.')
    // `deploy … --version 5.3.0` is the version of what is deployed: this one counts before the command only.
    .enablePositionalOptions()
    .version(version, '-V, --version', 'the version of Perennial')
    .exitOverride()
    .showHelpAfterError('Commands, options and examples: npm run -s perennial -- --help')
    .configureOutput({ writeOut: output.out, writeErr: output.error, outputError: (text, write) => write(sentence(text)) });
  return examples(program, ['status --local', 'catalog check ops', 'pause --region eu-central-1 --reason "network work"', 'deploy --help']);
}

/** Runs one command line. Never throws: what goes wrong is said in words. */
export async function runProgram(words: readonly string[], output: Output, open: OpenTarget = openTarget): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const run: Frame['run'] = async (answer, options) => {
    const found = await answer;
    output.out(options.json === true ? JSON.stringify(found.json, undefined, 2) : found.text);
    exitCode = found.exitCode;
  };
  const program = createProgram(output);
  const frame: Frame = { program, output, run, runOn: async (options, use) => run(use(await open(options)), options) };
  for (const add of [
    addExplainers,
    addReaders,
    addSwitches,
    addDecisions,
    addIncidentDecisions,
    addSilences,
    addLearning,
    addByHand,
    addDeploys,
    addBudgets,
    addLedger,
    addGate,
    addDeadLetters,
    addSubscriptions,
    addLeaving,
    addSimulation,
  ])
    add(frame);
  for (const command of program.commands) inheritSettings(program, command);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has said it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    output.error(explainFailure(error));
    return 1;
  }
}

function inheritSettings(program: Command, command: Command): void {
  command.copyInheritedSettings(program);
  for (const child of command.commands) inheritSettings(command, child);
}
