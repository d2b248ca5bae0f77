import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import * as z from 'zod/mini';
import { createActPorts } from '../../aws/fleet/act-ports.ts';
import { createAlarmReader } from '../../aws/fleet/alarm-reader.ts';
import { createFleetClients } from '../../aws/fleet/clients.ts';
import { DynamoRecordStore } from '../../aws/platform/dynamo-record-store.ts';
import { StepFunctionsExecutionStarter } from '../../aws/platform/execution-starter.ts';
import { SnsNotificationPublisher } from '../../aws/platform/notification-publisher.ts';
import { SchedulerPageTimer } from '../../aws/platform/page-timer.ts';
import { sleepMilliseconds, systemClock, systemHasher, systemIds, systemRandomness } from '../../aws/runtime/system.ts';
import { createCatalogCache } from '../../core/catalog/cached.ts';
import { declaredIn, publishCatalog, readDocument, readPointer } from '../../core/catalog/published.ts';
import type { Clock } from '../../core/environment/ports.ts';
import { addSeconds } from '../../core/environment/time.ts';
import { imageRecordType } from '../../core/images/records.ts';
import { instanceType } from '../../core/inventory/records.ts';
import { keys } from '../../core/records/keys.ts';
import { createRecord } from '../../core/records/record-type.ts';
import type { RecordStore } from '../../core/records/store.ts';
import { advance } from '../../core/remediation/driver/driver.ts';
import { createJournal } from '../../core/remediation/driver/journal.ts';
import { takeIn } from '../../core/signals/intake.ts';
import { readSignals } from '../../core/signals/normalise.ts';
import { medianOf } from './figures.ts';
import { outcomeOf, type RecordedCall, type Recorder, recording } from './recorder.ts';
import { ACCOUNT_ID, ALARM_NAME, createTable, raiseAlarm, REGION, ROLE_NAME, type Stage } from './stage.ts';

/*
 * From an alarm's message in hand to the moment RunInstances is called, with the real rules and the real adapters against the local
 * AWS, in this process. Beside it, in the same run, a plain script makes the very same calls, one after the other.
 */

const scope = { accountId: ACCOUNT_ID, region: REGION };

/** The real clock, which also jumps over waits, so that only work is measured. */
class SkippingClock implements Clock {
  #skippedSeconds = 0;

  now(): string {
    return addSeconds(systemClock.now(), this.#skippedSeconds);
  }

  skip(seconds: number): void {
    this.#skippedSeconds += seconds;
  }
}

function storeOn(client: ConstructorParameters<typeof DynamoRecordStore>[0]['client'], tableName: string, clock: Clock): RecordStore {
  return new DynamoRecordStore({ client, tableName, clock, ids: systemIds, randomness: systemRandomness, sleepMilliseconds });
}

/** What deploy and sweep would have written: the catalog, the victim, and that image v2 is verified. */
async function prepareTable(stage: Stage, tableName: string): Promise<void> {
  await createTable(stage, tableName);
  const store = storeOn(stage.clients.dynamo, tableName, systemClock);
  await publishCatalog({ store, scope, clock: systemClock }, stage.catalog);
  const { victim, peers, imageV1, imageV2 } = stage.fleet;
  const at = addSeconds(systemClock.now(), -3600);
  await createRecord(store, instanceType, keys.instance(scope, victim), {
    instanceId: victim,
    status: 'managed',
    system: 'shop-web',
    role: 'web',
    slotId: `shop-web/${victim}`,
    firstSeenAt: at,
    changedAt: at,
    state: 'running',
    imageId: imageV1,
    instanceType: 't3.micro',
    availabilityZone: `${REGION}a`,
    subnetId: 'subnet-bench',
    vpcId: 'vpc-bench',
    securityGroupIds: [],
  });
  await createRecord(store, imageRecordType, keys.image(scope, 'web', imageV2), {
    role: 'web',
    imageId: imageV2,
    firstApprovedAt: at,
    isApproved: true,
    isRevoked: false,
    verifiedGroups: [{ groupId: 'shop-web/web', at, instanceId: peers[0] ?? '' }],
  });
}

/** The event as EventBridge puts it on the queue: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html */
function alarmMessage(instanceId: string): string {
  const time = systemClock.now();
  const state = { value: 'ALARM', reason: 'Threshold Crossed', timestamp: time };
  const metric = { namespace: 'Bench', name: 'FailedChecks', dimensions: { InstanceId: instanceId } };
  return JSON.stringify({
    version: '0',
    id: systemIds.next('event'),
    'detail-type': 'CloudWatch Alarm State Change',
    source: 'aws.cloudwatch',
    account: ACCOUNT_ID,
    region: REGION,
    time,
    resources: [`arn:aws:cloudwatch:${REGION}:${ACCOUNT_ID}:alarm:${ALARM_NAME}`],
    detail: {
      alarmName: ALARM_NAME,
      state,
      previousState: { ...state, value: 'OK' },
      configuration: { metrics: [{ id: 'm1', metricStat: { metric, period: 60, stat: 'Maximum' }, returnData: true }] },
    },
  });
}

/** The composition of lambdas/signals.ts, observe.ts and act.ts, with clients that are listened to. */
function composePerennial(stage: Stage, tableName: string, tell: Recorder) {
  const { clients, localAws } = stage;
  const clock = new SkippingClock();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const plain = createFleetClients(
    { region: REGION, endpoint: localAws.fleetEndpoint, credentials },
    { region: REGION, endpoint: localAws.controlEndpoint, credentials },
  );
  const fleet = {
    autoScaling: recording('autoscaling', plain.autoScaling, tell),
    cloudWatch: recording('cloudwatch', plain.cloudWatch, tell),
    ec2: recording('ec2', plain.ec2, tell),
    elb: recording('elb', plain.elb, tell),
    kms: recording('kms', plain.kms, tell),
    route53: recording('route53', plain.route53, tell),
    ssm: recording('ssm', plain.ssm, tell),
  };
  const store = storeOn(recording('dynamodb', clients.dynamo, tell), tableName, clock);
  const { topicArn } = stage;
  const publisher = new SnsNotificationPublisher({
    client: recording('sns', clients.sns, tell),
    topicArns: { critical: topicArn, high: topicArn, warning: topicArn, info: topicArn },
  });
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  // Each function keeps a catalog of its own, so each reads the document once
  const keeperOf = () => ({
    store,
    scope,
    clock,
    hasher: systemHasher,
    log,
    publisher,
    catalog: createCatalogCache({ readPointer: () => readPointer(store, scope), readDocument: (hash) => readDocument(store, scope, hash) }),
  });
  const stepOf = (keeper: ReturnType<typeof keeperOf>) => ({ catalog: keeper.catalog, act: createActPorts(keeper, fleet), journal: createJournal(keeper) });
  const functionArn = `arn:aws:lambda:${REGION}:${ACCOUNT_ID}:function:bench`;
  const intake = {
    ...keeperOf(),
    alarms: createAlarmReader(fleet.cloudWatch),
    executions: new StepFunctionsExecutionStarter({
      client: recording('states', clients.stepFunctions, tell),
      stateMachineArn: stage.stateMachineArn,
      observeVersionArn: `${functionArn}:1`,
      actVersionArn: `${functionArn}:2`,
    }),
    pageTimer: new SchedulerPageTimer({
      client: recording('scheduler', stage.scheduler, tell),
      clock,
      hasher: systemHasher,
      groupName: stage.scheduleGroup,
      pageFunctionArn: functionArn,
      roleArn: `arn:aws:iam::${ACCOUNT_ID}:role/${ROLE_NAME}`,
      deadLetterArn: `arn:aws:sqs:${REGION}:${ACCOUNT_ID}:bench`,
    }),
  };
  return { clock, intake, observe: stepOf(keeperOf()), act: stepOf(keeperOf()) };
}

const MAX_STEPS = 40;

/** Takes the alarm in and walks the driver loop until the replacement is launched; every step reads which catalog is in force, as every function does. */
async function walkToLaunch(stage: Stage, tableName: string, tell: Recorder, isLaunched: () => boolean): Promise<void> {
  const perennial = composePerennial(stage, tableName, tell);
  const { clock, intake } = perennial;
  const { signals, rejected } = readSignals(alarmMessage(stage.fleet.victim), { hasher: systemHasher, scope, receivedAt: clock.now() });
  const [signal] = signals;
  if (signal === undefined) throw new Error(`The alarm was rejected: ${rejected[0]?.reason}`);
  const taken = await takeIn(intake, await intake.catalog(), signal);
  if (taken.kind !== 'repair') throw new Error(`The alarm started no repair: ${taken.kind}, ${taken.reason}`);
  let role: 'observe' | 'act' = 'observe';
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { catalog, act, journal } = perennial[role];
    const inForce = await catalog();
    const ports = { observe: act, act, journal, declared: async (system: string) => declaredIn(inForce, system) };
    const answer = await advance(ports, taken.remediationId, role);
    if (isLaunched()) return;
    if (answer.next === 'end') throw new Error(`The repair ended before its launch: ${answer.reason}`);
    clock.skip(answer.waitSeconds);
    role = answer.next;
  }
  throw new Error(`No launch within ${MAX_STEPS} steps.`);
}

const isLaunch = (call: Pick<RecordedCall, 'command' | 'input'>): boolean =>
  call.command === 'RunInstancesCommand' && !('DryRun' in call.input && call.input.DryRun === true);

interface Walk {
  readonly milliseconds: number;
  /** Up to the launch and with it. */
  readonly calls: readonly RecordedCall[];
}

async function runPerennial(stage: Stage, tableName: string): Promise<Walk> {
  const calls: RecordedCall[] = [];
  let launchedAt: number | undefined;
  const tell: Recorder = (call) => {
    if (launchedAt !== undefined) return;
    calls.push(call);
    if (isLaunch(call)) launchedAt = performance.now();
  };
  const beganAt = performance.now();
  await walkToLaunch(stage, tableName, tell, () => launchedAt !== undefined);
  await endLaunched(stage, calls.at(-1)?.answer());
  return { milliseconds: (launchedAt ?? 0) - beganAt, calls };
}

/** Names that AWS would know again get another one; the table is the script's own. */
function inputFor({ command, input }: RecordedCall, tableName: string, run: string): object {
  const renamed = withTable(input, tableName);
  if (typeof renamed !== 'object' || renamed === null) return input;
  switch (command) {
    case 'RunInstancesCommand':
      return { ...renamed, ClientToken: `script-${run}` };
    case 'StartExecutionCommand':
      return { ...renamed, name: `script-${run}` };
    case 'CreateScheduleCommand':
      return { ...renamed, Name: `script-${run}` };
    case 'TransactWriteCommand':
      return { ...renamed, ClientRequestToken: systemIds.next('t').slice(-36) };
    default:
      return renamed;
  }
}

function withTable(value: unknown, tableName: string): unknown {
  if (Array.isArray(value)) return value.map((entry) => withTable(entry, tableName));
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, key === 'TableName' ? tableName : withTable(entry, tableName)]));
}

/** The plain script: the same calls in the same order, each awaited; the clock stops when RunInstances is called. */
async function runScript(stage: Stage, { calls }: Walk, tableName: string, run: string): Promise<number> {
  const prepared = calls.map((call) => ({ call, input: inputFor(call, tableName, run) }));
  const outcomes: string[] = [];
  let launched: Promise<{ readonly outcome: string; readonly answer: unknown }> | undefined;
  let endedAt = 0;
  const beganAt = performance.now();
  for (const { call, input } of prepared) {
    if (isLaunch(call)) {
      endedAt = performance.now();
      launched = outcomeOf(() => call.repeat(input));
      outcomes.push((await launched).outcome);
    } else outcomes.push((await outcomeOf(() => call.repeat(input))).outcome);
  }
  await endLaunched(stage, (await launched)?.answer);
  const different = prepared.filter(({ call }, index) => call.outcome() !== outcomes[index]).map(({ call }) => `${call.service} ${call.command}`);
  if (different.length > 0) throw new Error(`The script's calls ended otherwise than Perennial's, so they cannot be compared: ${different.join(', ')}`);
  return endedAt - beganAt;
}

const launchAnswerSchema = z.object({ Instances: z.tuple([z.object({ InstanceId: z.string() })]) });

/** So that the next run finds the group as this one did. */
async function endLaunched({ clients }: Stage, answer: unknown): Promise<void> {
  const [instance] = z.parse(launchAnswerSchema, answer).Instances;
  await clients.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance.InstanceId] }));
}

export interface LaunchFigures {
  readonly runs: number;
  readonly perennialMilliseconds: number;
  readonly scriptMilliseconds: number;
  readonly ratio: number;
  readonly calls: number;
  /** `dynamodb Get` → how often. */
  readonly callsByCommand: Readonly<Record<string, number>>;
}

const WARM_UP_RUNS = 3;
const MEASURED_RUNS = 15;

/** Pairs of runs, Perennial and script in turn, so that both meet the same machine. */
export async function measureLaunchPath(stage: Stage, say: (line: string) => void): Promise<LaunchFigures> {
  const perennial: number[] = [];
  const script: number[] = [];
  let last: Walk | undefined;
  for (let index = 0; index < WARM_UP_RUNS + MEASURED_RUNS; index += 1) {
    const run = systemIds.next('b').slice(-20);
    await Promise.all([prepareTable(stage, `bench-perennial-${run}`), prepareTable(stage, `bench-script-${run}`)]);
    await raiseAlarm(stage);
    const walk = await runPerennial(stage, `bench-perennial-${run}`);
    const milliseconds = await runScript(stage, walk, `bench-script-${run}`, run);
    say(`  run ${index + 1}${index < WARM_UP_RUNS ? ' (warm-up)' : ''}: Perennial ${walk.milliseconds.toFixed(0)} ms, script ${milliseconds.toFixed(0)} ms`);
    if (index < WARM_UP_RUNS) continue;
    perennial.push(walk.milliseconds);
    script.push(milliseconds);
    last = walk;
  }
  const calls = last?.calls ?? [];
  const byCommand = Object.groupBy(calls, ({ service, command }) => `${service} ${command.replace(/Command$/, '')}`);
  const callsByCommand = Object.fromEntries(Object.entries(byCommand).map(([command, made]) => [command, made?.length ?? 0]));
  const perennialMilliseconds = medianOf(perennial);
  const scriptMilliseconds = medianOf(script);
  return {
    runs: perennial.length,
    perennialMilliseconds,
    scriptMilliseconds,
    ratio: perennialMilliseconds / scriptMilliseconds,
    calls: calls.length,
    callsByCommand,
  };
}
