import { setTimeout as delay } from 'node:timers/promises';
import { PublishCommand } from '@aws-sdk/client-sns';
import { GetFunctionConfigurationCommand, InvokeCommand, ListVersionsByFunctionCommand } from '@aws-sdk/client-lambda';
import { DescribeExecutionCommand, ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { ReceiveMessageCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import type { Instance } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import * as z from 'zod/mini';
import { deploy, synthesise } from '../../sandbox/demo/deploy.ts';
import { readBudgetFromMetrics } from '../../sandbox/demo/second-reader.ts';
import { ALARM_NAME, makeUnhealthy, runNow, until } from '../../sandbox/demo/story.ts';
import { revoke, signalsFunctionOf } from './permissions.ts';
import { killInMidCall } from './workers.ts';
import {
  buildWorld,
  type Delivered,
  launchedBy,
  markStatus,
  perennial,
  phaseOf,
  readAlarm,
  readDeliveries,
  readInstance,
  readInstances,
  readIsolation,
  readItems,
  readRepairs,
  readTargets,
  type RemediationItem,
  remediationItem,
  repairOf,
  tagsOf,
  typed,
  untilQuiet,
  type World,
} from './world.ts';

/*
 * One deployed platform, one fleet, and everything that happens to it, in the order of a bad day. Assertions read the emulators with
 * the plain SDK. Each story waits for conditions with a deadline; none sleeps for luck.
 */

const local = inject('localAws');

const incidentItem = z.object({
  id: z.string(),
  place: z.string(),
  state: z.string(),
  system: z.optional(z.string()),
  resolvedAt: z.optional(z.string()),
  budgetShare: z.optional(z.object({ objective: z.string(), badSeconds: z.number() })),
});
const instanceItem = z.object({
  instanceId: z.string(),
  status: z.string(),
  firstSeenAt: z.string(),
  system: z.optional(z.string()),
  slotId: z.optional(z.string()),
});
const timelineItem = z.object({ kind: z.string(), text: z.string() });
const notificationItem = z.object({
  id: z.string(),
  step: z.string(),
  incidentId: z.optional(z.string()),
  channels: z.array(z.string()),
  outcome: z.optional(z.string()),
  messageId: z.optional(z.string()),
});
const deploymentItem = z.object({ system: z.string(), version: z.string(), kind: z.string() });
const deadLetterItem = z.object({ messageId: z.string(), maskedBody: z.string(), reason: z.string() });
const signalItem = z.object({ subject: z.string(), state: z.string(), rule: z.string(), isHandled: z.boolean() });
const batchAnswer = z.object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string() })) });

let world: World;
let before: readonly Instance[] = [];
let first: RemediationItem;

const newIdOf = (repair: RemediationItem): string => repair.newInstanceId ?? 'none';

async function timelineOf(incidentId: string): Promise<readonly z.infer<typeof timelineItem>[]> {
  const items = await readItems(world, `timeline#${incidentId}`, z.partial(timelineItem));
  return items.flatMap(({ kind, text }) => (kind === undefined || text === undefined ? [] : [{ kind, text }]));
}

/**
 * All but that of the budget: a minute that was bad to its end sets the burn alert off, which is an incident of the system and pages.
 * Whether one ends in the middle of a story is up to the clock.
 */
async function incidentsOfStories(): Promise<readonly z.infer<typeof incidentItem>[]> {
  return (await readItems(world, 'incident', incidentItem)).filter(({ place }) => place !== 'system/shop-web');
}

/** E-mails about incidents of shop-web, that of its budget apart; `undefined` while one of them is not on record yet. */
async function mailsOfStories(): Promise<readonly Delivered[] | undefined> {
  const mails = (await readDeliveries(world)).filter(({ subject }) => /shop-web/.test(subject) && !subject.includes('5.3.0'));
  const told = new Map((await readItems(world, 'notification', notificationItem)).map(({ messageId, incidentId }) => [messageId, incidentId]));
  if (mails.some(({ messageId }) => !told.has(messageId))) return undefined;
  const incidents = new Set<string | undefined>((await incidentsOfStories()).map(({ id }) => id));
  return mails.filter(({ messageId }) => incidents.has(told.get(messageId)));
}

async function incidentOf(incidentId: string): Promise<z.infer<typeof incidentItem> | undefined> {
  return (await readItems(world, 'incident', incidentItem)).find(({ id }) => id === incidentId);
}

/** What every finished replacement must look like, whatever happened on the way. */
async function expectOneReplacement(repair: RemediationItem): Promise<void> {
  expect(repair.state, repair.reason).toBe('succeeded');
  expect(await launchedBy(world, repair)).toEqual([repair.newInstanceId]);
  expect((await readInstance(world, newIdOf(repair))).State?.Name).toBe('running');
  const old = await readInstance(world, repair.oldInstanceId);
  expect(old.State?.Name).toBe('stopped');
  expect(tagsOf(old)['perennial:quarantine']).toBe(repair.incidentId);
  expect((await incidentOf(repair.incidentId))?.state).toBe('resolved');
}

const targetEvent = (instanceId: string): string =>
  JSON.stringify({
    version: '0',
    id: `target-unhealthy-${instanceId}`,
    source: 'perennial',
    'detail-type': 'Target Unhealthy',
    account: local.accountId,
    region: local.region,
    time: new Date().toISOString(),
    resources: [],
    detail: { instanceId, checks: 'shop-web:80 Target.FailedHealthChecks' },
  });

beforeAll(async () => {
  world = await buildWorld();
  before = await readInstances(world);
});

afterAll(async () => {
  await world?.close();
});

describe('an unhealthy instance on the old image', () => {
  beforeAll(async () => {
    await makeUnhealthy(world, world.fleet.victim);
    await phaseOf(world, world.fleet.victim, 'confirm');
    // In this process: a program that takes its time to start would come after the repair.
    await obey(['deploy', 'start', 'shop-web', '--version', '5.3.0', '--previous', '5.2.1', '--commit', '1a2b3c4', '--rollback-tested']);
    first = await repairOf(world, world.fleet.victim);
  });

  it('is replaced from the approved golden image, and the replacement serves (S0-14, S1-14)', async () => {
    await expectOneReplacement(first);
    expect((await readInstance(world, newIdOf(first))).ImageId).toBe(world.fleet.imageV2);
    expect((await readTargets(world))[newIdOf(first)]).toBe('healthy');
  });

  it('is out of service, isolated, stopped and carries the incident (S0-16)', async () => {
    const old = await readInstance(world, world.fleet.victim);
    expect(Object.keys(await readTargets(world))).not.toContain(world.fleet.victim);
    expect(await readIsolation(world, old)).toEqual({ groups: 1, rules: 0 });
    expect(old.State?.Name).toBe('stopped');
    expect(tagsOf(old)['perennial:quarantine']).toBe(first.incidentId);
  });

  it('costs nobody else anything: one instance more, all others as they were', async () => {
    const after = await readInstances(world);
    const others = (instances: readonly Instance[]) =>
      instances
        .filter(({ InstanceId }) => InstanceId !== world.fleet.victim && InstanceId !== first.newInstanceId)
        .map(({ InstanceId, State, ImageId, Tags, SecurityGroups }) => ({ InstanceId, state: State?.Name, ImageId, Tags, SecurityGroups }))
        .toSorted((left, right) => String(left.InstanceId).localeCompare(String(right.InstanceId)));
    expect(after).toHaveLength(before.length + 1);
    expect(others(after)).toEqual(others(before));
  });

  it('leaves a record with phases, guardrails and timing, inside the recovery objective (S0-19, S0-20)', () => {
    expect(first.guardrails.every(({ verdict }) => verdict === 'pass')).toBe(true);
    expect(first.phases.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['confirm', 'guard', 'launch', 'await-healthy', 'deregister', 'drain', 'quarantine', 'verify']),
    );
    expect(first.phases.every(({ startedAt, endedAt }) => startedAt <= endedAt)).toBe(true);
    const { timing } = first;
    const moments = ['detectedAt', 'decidedAt', 'launchedAt', 'inServiceAt', 'verifiedAt', 'endedAt'].map((name) => timing[name] ?? '');
    expect(moments).toEqual(moments.toSorted());
    expect(first).toMatchObject({ rtoSeconds: 600, isRtoMet: true });
    expect(first.recoverySeconds).toBeGreaterThan(0);
  });

  it('ends its incident, whose timeline tells it and the deploy announced meanwhile (S0-23, S3-26)', async () => {
    const timeline = await timelineOf(first.incidentId);
    expect((await incidentOf(first.incidentId))?.state).toBe('resolved');
    expect(timeline.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['signal', 'state', 'remediation', 'notification', 'deployment']));
    expect(timeline.filter(({ kind, text }) => kind === 'deployment' && text.includes('5.3.0'))).toHaveLength(1);
  });

  it('sends one e-mail when it begins and one when it is over, and wakes nobody (S0-22)', async () => {
    const mails = await until('Both e-mails', 60, async () => {
      const found = (await mailsOfStories()) ?? [];
      return found.length >= 2 ? found : undefined;
    });
    expect(mails).toHaveLength(2);
    for (const step of ['replacing', 'recovered'])
      expect(
        mails.filter(({ subject }) => subject.includes(step)),
        step,
      ).toHaveLength(1);
    expect(mails.some(({ channels }) => channels.includes('sms'))).toBe(false);
    const told = (await readItems(world, 'notification', notificationItem)).filter(({ incidentId }) => incidentId === first.incidentId);
    expect(told.filter(({ channels }) => channels.includes('sms'))).toEqual([]);
    expect(told.filter(({ outcome }) => outcome !== 'sent')).toEqual([]);
  });

  it('hands its alarm over: a clone watches the replacement, the old one is silent', async () => {
    const clone = await readAlarm(world, `${ALARM_NAME}--${newIdOf(first)}`);
    const original = await readAlarm(world, ALARM_NAME);
    expect(clone.tags['perennial:alarm-of']).toBe(ALARM_NAME);
    expect(clone.alarm).toMatchObject({
      ActionsEnabled: true,
      AlarmActions: [world.outputs.AlarmsTopicArn],
      Dimensions: [{ Name: 'InstanceId', Value: first.newInstanceId }],
    });
    expect(original.alarm.ActionsEnabled).toBe(false);
  });

  it('is only information from then on: a later ALARM of its id changes nothing', async () => {
    const [incidents, executions] = [await incidentsOfStories(), await countExecutions()];
    expect(incidents.map(({ id }) => id)).toContain(first.incidentId);
    await publishLateAlarm();
    await until('The late alarm', 60, async () =>
      (await readItems(world, 'signal', signalItem)).find(
        ({ subject, isHandled, state, rule }) => subject === `instance/${world.fleet.victim}` && isHandled && state === 'info' && rule === ALARM_NAME,
      ),
    );
    expect((await incidentsOfStories()).map(({ id }) => id)).toEqual(incidents.map(({ id }) => id));
    expect(await countExecutions()).toBe(executions);
    expect((await readRepairs(world, world.fleet.victim)).map(({ id }) => id)).toEqual([first.id]);
  });

  it('is in the inventory with its successor, and the unknown instance is listed and untouched (S0-02, S0-04)', async () => {
    await runNow(world.clients, world.outputs.SweepFunctionName);
    const items = await readItems(world, 'instance', instanceItem);
    const existing = (await readInstances(world)).filter(({ State }) => State?.Name !== 'terminated');
    expect(
      items
        .filter(({ status }) => status !== 'gone')
        .map(({ instanceId }) => instanceId)
        .toSorted(),
    ).toEqual(existing.map(({ InstanceId = '' }) => InstanceId).toSorted());
    const byId = new Map(items.map((item) => [item.instanceId, item]));
    expect(byId.get(world.fleet.unknown)).toMatchObject({ status: 'unknown', firstSeenAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown });
    expect(byId.get(world.fleet.victim)?.status).toBe('quarantined');
    expect(byId.get(newIdOf(first))).toMatchObject({ status: 'managed', system: 'shop-web', slotId: byId.get(world.fleet.victim)?.slotId });
    const unknown = await readInstance(world, world.fleet.unknown);
    expect([unknown.State?.Name, unknown.Tags ?? []]).toEqual(['running', [{ Key: 'Name', Value: 'what-is-this' }]]);
  });
});

async function countExecutions(): Promise<number> {
  const answer = await world.clients.stepFunctions.send(new ListExecutionsCommand({ stateMachineArn: world.outputs.StateMachineArn }));
  return answer.executions?.length ?? 0;
}

/** As the local CloudWatch writes it (test/events/local-alarm-sns.json); the silenced alarm cannot publish it any more. */
async function publishLateAlarm(): Promise<void> {
  const message = {
    AlarmName: ALARM_NAME,
    AlarmDescription: '',
    AWSAccountId: local.accountId,
    NewStateValue: 'ALARM',
    NewStateReason: 'Threshold Crossed: Maximum 1.0 GreaterThanOrEqualToThreshold 1.0',
    StateChangeTime: new Date().toISOString(),
    Region: local.region,
    OldStateValue: 'OK',
    Trigger: {
      MetricName: 'FailedChecks',
      Namespace: 'Demo/Shop',
      Statistic: 'Maximum',
      Unit: null,
      Period: 10,
      EvaluationPeriods: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: 1,
      Dimensions: [{ Name: 'InstanceId', Value: world.fleet.victim }],
    },
  };
  await world.clients.sns.send(
    new PublishCommand({ TopicArn: world.outputs.AlarmsTopicArn, Subject: `ALARM: "${ALARM_NAME}"`, Message: JSON.stringify(message) }),
  );
}

describe('what is said on the queue and the bus', () => {
  it('a deploy is recorded and told, start and finish (S3-29, S4-03)', async () => {
    await perennial(world, ['deploy', 'finish', 'shop-web', '--version', '5.3.0', '--previous', '5.2.1', '--commit', '1a2b3c4', '--rollback-tested']);
    const events = await until('Both deploy events', 60, async () => {
      const found = (await readItems(world, 'deployment', deploymentItem)).filter(({ version }) => version === '5.3.0');
      return found.length >= 2 ? found : undefined;
    });
    expect(events.map(({ kind }) => kind).toSorted()).toEqual(['finished', 'started']);
    const mails = await until('Both e-mails of the deploy', 60, async () => {
      const found = (await readDeliveries(world)).filter(({ subject }) => subject.includes('5.3.0'));
      return found.length >= 2 ? found : undefined;
    });
    expect(mails).toHaveLength(2);
    expect(mails.every(({ subject }) => subject.includes('shop-web'))).toBe(true);
  });

  it('a malformed message is kept as it is, masked in the record, and spoils nothing beside it', async () => {
    const malformed = '{"hello": "call +12025550199 or mail jane.doe@example.com", "unfinished": ';
    const healthy = JSON.stringify({
      version: '0',
      id: 'beside-the-malformed',
      source: 'perennial',
      'detail-type': 'Deployment Failed',
      account: local.accountId,
      region: local.region,
      time: new Date().toISOString(),
      detail: {
        system: 'shop-batch',
        version: '3.5',
        commit: 'abc1234',
        previousVersion: '3.4',
        deployer: 'ci',
        databaseChange: false,
        rollbackTested: true,
        at: new Date().toISOString(),
      },
    });
    const Entries = [malformed, healthy].map((MessageBody, index) => ({ Id: String(index), MessageBody }));
    await world.clients.sqs.send(new SendMessageBatchCommand({ QueueUrl: world.outputs.SignalsQueueUrl, Entries }));
    const letter = await until('The dead letter', 60, async () => (await readItems(world, 'dead-letter', deadLetterItem))[0]);
    expect(letter.maskedBody).not.toMatch(/2025550199|jane\.doe/);
    expect(letter.reason).not.toBe('');
    expect(await readRejected()).toEqual([malformed]);
    const beside = await until('The message beside it', 60, async () =>
      (await readItems(world, 'deployment', deploymentItem)).find(({ version }) => version === '3.5'),
    );
    expect(beside).toMatchObject({ system: 'shop-batch', kind: 'failed' });
  });

  it('a redrive moves it back to the queue, from where it comes back unchanged', async () => {
    const answer = z.object({ moved: z.number() }).parse(await perennial(world, ['dead-letters', 'redrive']));
    expect(answer.moved).toBe(1);
    const letters = await until('The second dead letter', 60, async () => {
      const found = await readItems(world, 'dead-letter', deadLetterItem);
      return found.length >= 2 ? found : undefined;
    });
    expect(new Set(letters.map(({ messageId }) => messageId)).size).toBe(2);
    expect(await readRejected()).toHaveLength(1);
    await untilQuiet(world);
  });
});

/** Bodies in the rejected queue; they stay there. */
async function readRejected(): Promise<readonly string[]> {
  return until('The rejected body', 60, async () => {
    const answer = await world.clients.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: world.outputs.RejectedQueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 1, WaitTimeSeconds: 1 }),
    );
    return answer.Messages?.map(({ Body = '' }) => Body);
  });
}

describe('while the minutes of the first failure are counted', () => {
  it.concurrent('the error budget is charged what a second reader finds in the raw metric, and the incident its share', async ({ expect: check }) => {
    // The run of the schedule beside it may have written the budget and not yet the share: one look must find all three.
    const settled = await until('The budget of the bad minutes', 240, async () => {
      if (new Date().toISOString().slice(0, 16) <= (first.timing['inServiceAt'] ?? '').slice(0, 16)) return undefined;
      await runNow(world.clients, world.outputs.BudgetFunctionName);
      const [second, status] = [await readBudgetFromMetrics(world.clients, 'shop-web'), budgetsOf(await perennial(world, ['status']))];
      const recorded = status.find(({ objective }) => objective.startsWith('shop-web'));
      const share = (await incidentOf(first.incidentId))?.budgetShare?.badSeconds;
      return second.badSeconds > 0 && recorded?.consumedSeconds === second.badSeconds && share === second.badSeconds ? { second, recorded } : undefined;
    });
    check(settled.recorded.remainingRatio).toBeCloseTo(settled.second.remainingRatio, 6);
  });

  it.concurrent('a single machine is fenced before its replacement is launched: never two that run (S0-14)', async ({ expect: check }) => {
    const sampler = sampleRunning('shop-batch');
    await markStatus(world, world.fleet.single, 'impaired');
    await runNow(world.clients, world.outputs.ImpairedFunctionName);
    const repair = await repairOf(world, world.fleet.single);
    const samples = await sampler.stop();
    await expectOneReplacement(repair);
    const at = (name: string): string => repair.phases.find((phase) => phase.name === name)?.endedAt ?? '';
    check(at('fence') < (repair.timing['launchedAt'] ?? '')).toBe(true);
    check(samples.length).toBeGreaterThan(20);
    check(Math.max(...samples)).toBe(1);
  });
});

function budgetsOf(status: unknown) {
  return z.object({ budgets: z.array(z.object({ objective: z.string(), consumedSeconds: z.number(), remainingRatio: z.number() })) }).parse(status).budgets;
}

/** Counts the running and starting instances of a system, again and again. */
function sampleRunning(system: string): { readonly stop: () => Promise<readonly number[]> } {
  const samples: number[] = [];
  const over = new AbortController();
  const loop = (async () => {
    while (!over.signal.aborted) {
      const instances = await readInstances(world, { 'tag:perennial:system': system });
      samples.push(instances.filter(({ State }) => State?.Name === 'running' || State?.Name === 'pending').length);
      await delay(100);
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await loop;
      return samples;
    },
  };
}

describe('the next failures, and trouble with the platform itself', () => {
  /** Of the same group as what comes after it: one at a time. */
  let second: Promise<RemediationItem>;

  beforeAll(async () => {
    await makeUnhealthy(world, newIdOf(first));
    second = repairOf(world, newIdOf(first));
    second.catch(() => undefined);
  });

  /** What is said while a permission is missing comes again after minutes only: nothing else may begin meanwhile. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const mine = turn.catch(() => undefined).then(work);
    turn = mine;
    return mine;
  }

  it.concurrent('the second failure of the same slot is repaired, told by the cloned alarm', async ({ expect: check }) => {
    const repair = await second;
    await expectOneReplacement(repair);
    check(repair).toMatchObject({ slotId: first.slotId, attempt: 2 });
    check((await readTargets(world))[newIdOf(repair)]).toBe('healthy');
    check((await readAlarm(world, `${ALARM_NAME}--${newIdOf(repair)}`)).tags['perennial:alarm-of']).toBe(ALARM_NAME);
  });

  it.concurrent('a missing permission is shown, and once it is given the repair goes on and outlives the kill of the process that acts', async ({
    expect: check,
  }) => {
    await second;
    const [victim = 'none'] = world.fleet.peers;
    const signals = await signalsFunctionOf(world);
    await inTurn(async () => {
      const restore = await revoke(world, signals, 'states:StartExecution');
      const body = targetEvent(victim);
      // Said before it is so: the poll of the schedule would say it too, and what it says last is what counts.
      try {
        check(await deliver(signals, body)).toEqual({ batchItemFailures: [{ itemIdentifier: 'm-1' }] });
        check(await isStarted(victim)).toBe(false);
      } finally {
        await restore();
      }
      await makeUnhealthy(world, victim);
      check(await deliver(signals, body)).toEqual({ batchItemFailures: [] });
    });
    check(await isStarted(victim)).toBe(true);
    const [claimed] = await readRepairs(world, victim);
    if (claimed === undefined) throw new Error('nothing was claimed');
    const cut = await killInMidCall(world, claimed, local.ministackPid, 120);
    const repair = await repairOf(world, victim);
    await expectOneReplacement(repair);
    check(repair.calls[cut]?.attempt).toBeGreaterThan(1);
  });

  it.concurrent('a repair ends with the version it began with when Perennial is deployed in between', async ({ expect: check }) => {
    const [batch] = await readRepairs(world, world.fleet.single);
    const victim = batch?.newInstanceId ?? 'none';
    // Names the endpoints that the functions use anyway: another environment, so new versions, and nothing else.
    const changed = { ...world.deployment, context: { fleetEndpoint: world.fleetEndpoint } };
    await synthesise(changed);
    const begun = await inTurn(async () => {
      await markStatus(world, victim, 'impaired');
      await runNow(world.clients, world.outputs.ImpairedFunctionName);
      await until('The start of its repair', 120, async () => ((await isStarted(victim)) ? true : undefined));
      return phaseOf(world, victim, 'confirm');
    });
    const deploying = deploy(changed, { isSynthesised: true });
    const { input } = await describeExecution(begun);
    const [old] = /(\d+)(?=")/.exec(input.split(`${world.outputs.ActFunctionName}:`)[1] ?? '') ?? [];
    const replacedAt = await replacedInMidRepair(begun, Number(old));
    const [repair] = await Promise.all([repairOf(world, victim), deploying]);
    await expectOneReplacement(repair);
    check(Number(old)).toBeGreaterThan(0);
    check(replacedAt > (repair.timing['decidedAt'] ?? 'z') && replacedAt < (repair.timing['endedAt'] ?? ''), 'the functions were replaced in mid-repair').toBe(
      true,
    );
    const latest = await latestVersionOf(world.outputs.ActFunctionName);
    const { Environment } = await world.clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: await signalsFunctionOf(world) }));
    check(Environment?.Variables?.['ACT_VERSION_ARN']).toMatch(new RegExp(`:${latest}$`));
  });
});

async function deliver(functionName: string, body: string): Promise<z.infer<typeof batchAnswer>> {
  const event = { Records: [{ messageId: 'm-1', body, eventSource: 'aws:sqs', receiptHandle: 'none', attributes: {}, messageAttributes: {} }] };
  const answer = await world.clients.lambda.send(new InvokeCommand({ FunctionName: functionName, Payload: Buffer.from(JSON.stringify(event)) }));
  return batchAnswer.parse(JSON.parse(Buffer.from(answer.Payload ?? []).toString()));
}

async function isStarted(oldInstanceId: string): Promise<boolean> {
  const [repair] = await readRepairs(world, oldInstanceId);
  const answer = await world.clients.stepFunctions.send(new ListExecutionsCommand({ stateMachineArn: world.outputs.StateMachineArn }));
  return (answer.executions ?? []).some(({ name }) => name === repair?.executionName);
}

async function describeExecution({ executionName }: RemediationItem): Promise<{ readonly input: string }> {
  const executionArn = `${world.outputs.StateMachineArn.replace(':stateMachine:', ':execution:')}:${executionName}`;
  const { input = '' } = await world.clients.stepFunctions.send(new DescribeExecutionCommand({ executionArn }));
  return { input };
}

/**
 * Waits for a new version of the act function. Where the deploy is slower than the repair, the repair stands still before its end until the
 * version is there: otherwise nothing would be proved.
 */
async function replacedInMidRepair({ id, system }: RemediationItem, old: number): Promise<string> {
  let isHeld = false;
  const replacedAt = await until('A new version of the act function', 240, async () => {
    if ((await latestVersionOf(world.outputs.ActFunctionName)) > old) return new Date().toISOString();
    const repair = (await readItems(world, 'remediation', remediationItem)).find((item) => item.id === id);
    if (!isHeld && repair?.phase === 'verify') {
      await obey(['pause', system, '--freeze', '--reason', 'the deploy takes its time']);
      isHeld = true;
    }
    return undefined;
  });
  if (isHeld) await obey(['resume', system]);
  return replacedAt;
}

/** Types a command that must succeed. */
async function obey(words: readonly string[]): Promise<void> {
  const { exitCode, text } = await typed(words);
  if (exitCode !== 0) throw new Error(`perennial ${words.join(' ')} ended with ${exitCode}: ${text}`);
}

async function latestVersionOf(FunctionName: string): Promise<number> {
  const { Versions } = await world.clients.lambda.send(new ListVersionsByFunctionCommand({ FunctionName }));
  return Math.max(...(Versions ?? []).map(({ Version }) => Number(Version)).filter((version) => !Number.isNaN(version)));
}
