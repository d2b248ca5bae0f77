import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listBudgets } from '../core/slo/evaluate.ts';
import type { Remediation } from '../core/remediation/record.ts';
import { createClients, openRecords } from './demo/clients.ts';
import { putContacts } from './demo/contacts.ts';
import { bootstrap, deploy, STACK_NAME, type StackOutputs } from './demo/deploy.ts';
import { createDemoFleet, type DemoFleet } from './demo/fleet.ts';
import { subscribeMailbox } from './demo/mailbox.ts';
import { prove, type Proof } from './demo/proof.ts';
import { readBudgetFromMetrics } from './demo/second-reader.ts';
import {
  followRepair,
  learnFleet,
  makeUnhealthy,
  printInventory,
  putInstanceAlarm,
  readIncident,
  runNow,
  type StoryParts,
  until,
  untilHealthy,
} from './demo/story.ts';
import { startTraffic, type Traffic } from './demo/traffic.ts';
import { host } from './emulators/host.ts';
import { assertPortsAreFree, DEFAULT_PORT_BASE } from './emulators/ports.ts';
import { type LocalAws, startLocalAws, STATE_FOLDER, stopOnSignals } from './emulators/processes.ts';
import { ensureVenv, findPython } from './emulators/python.ts';
import { SandboxError } from './emulators/sandbox-error.ts';

const ACCOUNT_ID = '111122223333';
const REGION = 'eu-central-1';
const projectFolder = join(import.meta.dirname, '..');
const stateFolder = join(projectFolder, STATE_FOLDER);
const localFile = join(stateFolder, 'local.json');

const help = `npm start [-- options]   runs Perennial's main job on a local AWS

  --exit            end after the story: 0 only if everything was read back from the emulators
  --port-base <n>   first of three ports (default ${DEFAULT_PORT_BASE})
  --help            this text

Examples:
  npm start
  npm start -- --exit
  npm start -- --port-base 4700`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs one step and says how long it took. */
async function step<Value>(title: string, work: () => Promise<Value>): Promise<Value> {
  const began = host.now();
  try {
    const value = await work();
    say(`  ✔ ${title} (${((host.now() - began) / 1000).toFixed(1)} s)`);
    return value;
  } catch (error) {
    say(`  ✖ ${title} (${((host.now() - began) / 1000).toFixed(1)} s)`);
    throw error;
  }
}

async function startPlatform(portBase: number): Promise<LocalAws> {
  if (Number(process.versions.node.split('.')[0]) < 24)
    throw new SandboxError(`Node ${process.versions.node} cannot run the TypeScript sources. Start it through npm, which brings Node 24: npm start`);
  const python = await step('Python with venv', () => findPython());
  const ports = await step(`ports ${portBase} to ${portBase + 2} are free`, () => assertPortsAreFree(portBase));
  const venvPython = await step('emulators installed (MiniStack, moto)', () =>
    ensureVenv(python, join(projectFolder, 'sandbox', 'requirements.txt'), stateFolder),
  );
  return step('local AWS started, IAM enforced', () =>
    startLocalAws({ ports, accountId: ACCOUNT_ID, region: REGION, projectFolder, venvPython, initialHealthSeconds: 2 }),
  );
}

async function deployApp(localAws: LocalAws): Promise<StackOutputs> {
  const deployment = { ...localAws, projectFolder, workFolder: join(stateFolder, 'deploy'), catalogDirectory: 'sandbox/ops' };
  mkdirSync(deployment.workFolder, { recursive: true });
  await step('cdk bootstrap', () => bootstrap(deployment));
  await putContacts(localAws);
  return step('cdk deploy of the real app', () => deploy(deployment));
}

interface Stage extends StoryParts {
  readonly localAws: LocalAws;
  readonly traffic: Traffic;
}

async function setStage(localAws: LocalAws): Promise<Stage> {
  const outputs = await deployApp(localAws);
  const clients = createClients(localAws);
  const fleet = await step('demo fleet: VPC, two zones, target group, five instances', () => createDemoFleet(clients, REGION));
  const topicArns = [outputs.CriticalTopicArn, outputs.HighTopicArn, outputs.WarningTopicArn, outputs.InfoTopicArn];
  const mailboxUrl = await step('mailbox subscribed (an SQS queue that stands in for e-mail)', () => subscribeMailbox(clients, topicArns));
  const records = openRecords(clients, outputs.TableName);
  const parts: StoryParts = {
    clients,
    outputs,
    fleet,
    fleetEndpoint: localAws.fleetEndpoint,
    mailboxUrl,
    records,
    scope: { accountId: ACCOUNT_ID, region: REGION },
    say,
  };
  await step('alarm of the instance', () => putInstanceAlarm(parts));
  await step('the load balancer finds all targets healthy', () => untilHealthy(parts, 3));
  const traffic = startTraffic({ elb: clients.elb, cloudWatch: clients.cloudWatch, targetGroupArn: fleet.targetGroupArn, service: 'shop-web' });
  writeLocalFile(localAws, outputs, fleet, mailboxUrl);
  return { ...parts, localAws, traffic };
}

function writeLocalFile(localAws: LocalAws, outputs: StackOutputs, fleet: DemoFleet, mailboxUrl: string, remediation?: Remediation): void {
  const ids = remediation === undefined ? {} : { oldInstanceId: remediation.oldInstanceId, newInstanceId: remediation.newInstanceId };
  const local = {
    controlEndpoint: localAws.controlEndpoint,
    fleetEndpoint: localAws.fleetEndpoint,
    region: REGION,
    tableName: outputs.TableName,
    stateMachineArn: outputs.StateMachineArn,
    signalsQueueUrl: outputs.SignalsQueueUrl,
    mailboxQueueUrl: mailboxUrl,
    goldenImageId: fleet.imageV2,
    ...ids,
  };
  writeFileSync(localFile, `${JSON.stringify(local, undefined, 2)}\n`);
}

/** Prints the recorded figure beside one that a second reader computes from the raw metric. */
async function settleBudget(stage: Stage, remediation: Remediation): Promise<void> {
  const { clients, outputs, records, scope } = stage;
  await until('The budget evaluation of the bad minutes', 150, async () => {
    await runNow(clients, outputs.BudgetFunctionName);
    const incident = await readIncident(stage, remediation.incidentId);
    const inServiceMinute = (remediation.timing.inServiceAt ?? '').slice(0, 16);
    const isMinuteOver = new Date(host.now()).toISOString().slice(0, 16) > inServiceMinute;
    return isMinuteOver && (incident?.budgetShare?.badSeconds ?? 0) > 0 ? true : undefined;
  });
  const [budget] = await listBudgets(records, scope);
  const second = await readBudgetFromMetrics(clients, 'shop-web');
  const incident = await readIncident(stage, remediation.incidentId);
  say(`\nError budget of ${budget?.objective} (99.9 % over 30 days, 2592 s)`);
  say(`  recorded by the platform:          ${budget?.consumedSeconds} s used, ${((budget?.remainingRatio ?? 0) * 100).toFixed(2)} % left`);
  say(`  second reader, from raw metrics:   ${second.badSeconds} s used, ${(second.remainingRatio * 100).toFixed(2)} % left`);
  say(`  attributed to ${remediation.incidentId}: ${incident?.budgetShare?.badSeconds} s`);
}

async function tellStory(stage: Stage): Promise<Remediation> {
  say('\nInventory before');
  await printInventory(stage);
  const [before] = await listBudgets(stage.records, stage.scope);
  say(`Error budget before: ${before === undefined ? 'untouched, 2592 s' : `${(before.remainingRatio * 100).toFixed(2)} % left`}`);
  say(`\nNow ${stage.fleet.victim} (image v1) becomes unhealthy.`);
  const began = host.now();
  const elapsed = (): string => `${((host.now() - began) / 1000).toFixed(1).padStart(6)} s`;
  await makeUnhealthy(stage, stage.fleet.victim);
  const remediation = await followRepair(stage, elapsed);
  const { timing } = remediation;
  say('\nGuardrails, as they answered');
  for (const guardrail of remediation.guardrails) say(`  ${guardrail.verdict.padEnd(5)} ${guardrail.name}: ${guardrail.reason}`);
  say(
    `\nRecovery: ${remediation.recoverySeconds ?? '-'} s from detection to in service; the RTO is ${remediation.rtoSeconds} s: ${remediation.isRtoMet === true ? 'met' : 'missed'}`,
  );
  say(
    `  detected ${timing.detectedAt}  decided ${timing.decidedAt}  launched ${timing.launchedAt ?? '-'}  in service ${timing.inServiceAt ?? '-'}  verified ${timing.verifiedAt ?? '-'}`,
  );
  await settleBudget(stage, remediation);
  await runNow(stage.clients, stage.outputs.SweepFunctionName);
  say('\nInventory after');
  await printInventory(stage);
  return remediation;
}

function report(proofs: readonly Proof[]): boolean {
  say('\nRead back from the emulators');
  for (const proof of proofs) say(`  ${proof.isTrue ? '✔' : '✖'} ${proof.what} (${proof.found})`);
  return proofs.every((proof) => proof.isTrue);
}

const explore = `
It stays up. In another terminal, from this folder:
  npm run -s perennial -- status --local
  npm run -s perennial -- incidents --local
  npm run -s perennial -- remediations --local
  npm run -s perennial -- inventory list --local
  npm run -s perennial -- plan <instance> --local
  npm run -s perennial -- pause --local --reason "just looking"
Ctrl-C stops everything it started.`;

const removeLocalFile = (): void => rmSync(localFile, { force: true });

async function run(portBase: number, isExit: boolean): Promise<number> {
  say('Perennial on a local AWS');
  say(`account ${ACCOUNT_ID} · ${REGION} · stack ${STACK_NAME}\n`);
  const localAws = await startPlatform(portBase);
  let traffic: Traffic | undefined;
  stopOnSignals(localAws, () => {
    removeLocalFile();
    void traffic?.stop();
  });
  localAws.onDeath((error) => {
    process.stderr.write(`\n${error.message}\n`);
    removeLocalFile();
    process.exit(1);
  });
  try {
    const stage = await setStage(localAws);
    traffic = stage.traffic;
    await step('image v2 verified: the sweep has seen it in service', () => learnFleet(stage));
    const remediation = await tellStory(stage);
    if (remediation.state === 'succeeded') writeLocalFile(localAws, stage.outputs, stage.fleet, stage.mailboxUrl, remediation);
    const isProven = report(await prove(stage, remediation));
    if (isExit) return isProven ? 0 : 1;
    say(explore);
    return await new Promise<number>(() => undefined);
  } finally {
    await traffic?.stop();
    removeLocalFile();
    await localAws.stop();
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { exit: { type: 'boolean', default: false }, 'port-base': { type: 'string' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    say(help);
    return 0;
  }
  if (!existsSync(join(projectFolder, 'node_modules'))) throw new SandboxError('The packages are not installed. Type: npm ci');
  return run(values['port-base'] === undefined ? DEFAULT_PORT_BASE : Number(values['port-base']), values.exit);
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(
    `\n${error instanceof SandboxError || (error instanceof TypeError && 'code' in error) ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
}
