import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { CreateEventBusCommand, EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateScheduleGroupCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateFunctionCommand, LambdaClient, PublishVersionCommand, UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, inject, it } from 'vitest';
import * as z from 'zod';
import { S3CatalogAsset } from '../../../aws/platform/catalog-asset.ts';
import { boundedClientOptions } from '../../../aws/platform/client-options.ts';
import { EventBridgeDeployEventBus } from '../../../aws/platform/event-bus.ts';
import { StepFunctionsExecutionReader } from '../../../aws/platform/execution-reader.ts';
import { StepFunctionsExecutionStarter } from '../../../aws/platform/execution-starter.ts';
import { LambdaFunctionVersions } from '../../../aws/platform/function-versions.ts';
import { CloudWatchMetricReader } from '../../../aws/platform/metric-reader.ts';
import { SnsNotificationPublisher } from '../../../aws/platform/notification-publisher.ts';
import { SchedulerPageTimer } from '../../../aws/platform/page-timer.ts';
import { SqsSignalQueue } from '../../../aws/platform/signal-queue.ts';
import { systemClock, systemHasher } from '../../../aws/runtime/system.ts';
import { PermanentError } from '../../../core/environment/errors.ts';
import { addSeconds, startOfMinute } from '../../../core/environment/time.ts';

const { controlEndpoint, region } = inject('localAws');
const options = { ...boundedClientOptions, endpoint: controlEndpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
const sqs = new SQSClient(options);

/** A ZIP archive with an `index.mjs` that answers 1. */
const emptyHandler = Buffer.from(
  'UEsDBBQAAAAAAAAAIVwgRF52JgAAACYAAAAJAAAAaW5kZXgubWpzZXhwb3J0IGNvbnN0IGhhbmRsZXIgPSBhc3luYyAoKSA9PiAxOwpQSwECFAMUAAAAAAAAACFcIERediYAAAAmAAAACQAAAAAAAAAAAAAApAEAAAAAaW5kZXgubWpzUEsFBgAAAAABAAEANwAAAE0AAAAAAA==',
  'base64',
);

async function createQueue(name: string): Promise<{ url: string; arn: string }> {
  const arn = `arn:aws:sqs:${region}:111122223333:${name}`;
  // Topics and buses are refused without it, on AWS as here.
  const statement = { Effect: 'Allow', Principal: { Service: ['sns.amazonaws.com', 'events.amazonaws.com'] }, Action: 'sqs:SendMessage', Resource: arn };
  const Attributes = { Policy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) };
  const { QueueUrl: url } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  return { url: z.string().parse(url), arn };
}

/** By IAM's query API: the project has no use for a client of it elsewhere. */
async function createRole(RoleName: string, service: string): Promise<string> {
  const statement = { Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const response = await fetch(controlEndpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: 'AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x',
    },
    body: new URLSearchParams({ Version: '2010-05-08', Action: 'CreateRole', RoleName, AssumeRolePolicyDocument }),
  });
  expect(response.status).toBe(200);
  return `arn:aws:iam::111122223333:role/${RoleName}`;
}

const MAX_POLLS = 30;

/** Receives until `count` messages are there, and what comes in the second after them. */
async function receive(url: string, count: number): Promise<readonly string[]> {
  const bodies: string[] = [];
  for (let poll = 0; poll < MAX_POLLS; poll += 1) {
    const isAll = bodies.length >= count;
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }));
    bodies.push(...Messages.map(({ Body }) => Body ?? ''));
    if (isAll && Messages.length === 0) break;
  }
  return bodies;
}

describe('adapters on the local AWS', () => {
  it('SqsSignalQueue delivers more than one batch', async () => {
    const { url } = await createQueue('adapters-signals');
    const bodies = Array.from({ length: 13 }, (_, index) => `{"n":${index}}`);
    expect(await new SqsSignalQueue(sqs, url).send(bodies.map((body) => ({ body })))).toEqual([]);
    expect((await receive(url, 13)).toSorted()).toEqual(bodies.toSorted());
  });

  it('SnsNotificationPublisher reaches only the subscriptions whose channels match, each with its text', async () => {
    const sns = new SNSClient(options);
    const { TopicArn: topicArn } = await sns.send(new CreateTopicCommand({ Name: 'adapters-high' }));
    const arn = z.string().parse(topicArn);
    const mailbox = await createQueue('adapters-mailbox');
    const phone = await createQueue('adapters-phone');
    for (const [queue, channel] of [
      [mailbox, 'email'],
      [phone, 'sms'],
    ] as const) {
      const Attributes = { FilterPolicy: JSON.stringify({ channels: [channel] }), RawMessageDelivery: 'true' };
      await sns.send(new SubscribeCommand({ TopicArn: arn, Protocol: 'sqs', Endpoint: queue.arn, Attributes }));
    }
    const publisher = new SnsNotificationPublisher({ client: sns, topicArns: { critical: arn, high: arn, warning: arn, info: arn } });
    const { messageId } = await publisher.publish({
      notificationId: 'ntf-1',
      severity: 'high',
      channels: ['https', 'email'],
      system: 'shop-web',
      subject: 'shop-web: replacing',
      text: 'What happened, in full',
      sms: 'short',
      data: {},
      isRepeat: false,
    });
    expect(messageId).not.toBe('');
    expect(await receive(mailbox.url, 1)).toEqual(['What happened, in full']);
    expect(await receive(phone.url, 0)).toEqual([]);
  });

  it('SnsNotificationPublisher reaches a mailbox per role, and one that filters on no role (S4-40)', async () => {
    const sns = new SNSClient(options);
    const { TopicArn: topicArn } = await sns.send(new CreateTopicCommand({ Name: 'adapters-roles' }));
    const arn = z.string().parse(topicArn);
    const rows = [
      ['operators', ['operators']],
      ['orders', ['team-orders', 'upstream']],
      ['everything', undefined],
    ] as const;
    const mailboxes = new Map<string, string>();
    for (const [name, roles] of rows) {
      const queue = await createQueue(`adapters-role-${name}`);
      const Attributes = { FilterPolicy: JSON.stringify({ channels: ['email'], ...(roles === undefined ? {} : { roles }) }), RawMessageDelivery: 'true' };
      await sns.send(new SubscribeCommand({ TopicArn: arn, Protocol: 'sqs', Endpoint: queue.arn, Attributes }));
      mailboxes.set(name, queue.url);
    }
    const publisher = new SnsNotificationPublisher({ client: sns, topicArns: { critical: arn, high: arn, warning: arn, info: arn } });
    const message = { severity: 'high', channels: ['https', 'email'], subject: 's', sms: 's', data: {}, isRepeat: false } as const;
    await publisher.publish({ ...message, notificationId: 'page', roles: ['operators', 'owner', 'team-shop'], text: 'page' });
    await publisher.publish({ ...message, notificationId: 'upstream', roles: ['owner', 'upstream', 'team-orders'], text: 'upstream' });
    await publisher.publish({ ...message, notificationId: 'old', text: 'without roles' });
    const got = async (name: string, count: number) => (await receive(mailboxes.get(name) ?? '', count)).toSorted();
    expect(await got('everything', 3)).toEqual(['page', 'upstream', 'without roles']);
    expect(await got('operators', 2)).toEqual(['page', 'without roles']);
    expect(await got('orders', 2)).toEqual(['upstream', 'without roles']);
  });

  it('SchedulerPageTimer arms once and disarms', async () => {
    const client = new SchedulerClient(options);
    await client.send(new CreateScheduleGroupCommand({ Name: 'adapters' }));
    const timer = new SchedulerPageTimer({
      client,
      clock: systemClock,
      hasher: systemHasher,
      groupName: 'adapters',
      pageFunctionArn: `arn:aws:lambda:${region}:111122223333:function:page`,
      roleArn: 'arn:aws:iam::111122223333:role/scheduler',
      deadLetterArn: `arn:aws:sqs:${region}:111122223333:dead`,
    });
    const schedules = async () => (await client.send(new ListSchedulesCommand({ GroupName: 'adapters' }))).Schedules ?? [];
    const at = addSeconds(systemClock.now(), 3600);
    await timer.arm('rem-1', at);
    await timer.arm('rem-1', addSeconds(at, 60));
    expect(await schedules()).toHaveLength(1);
    await timer.disarm('rem-1');
    await timer.disarm('rem-1');
    expect(await schedules()).toEqual([]);
  });

  it('EventBridgeDeployEventBus puts events that a rule on our bus can match', async () => {
    const client = new EventBridgeClient(options);
    await client.send(new CreateEventBusCommand({ Name: 'adapters' }));
    const queue = await createQueue('adapters-events');
    await client.send(new PutRuleCommand({ Name: 'deploys', EventBusName: 'adapters', EventPattern: '{"source":["perennial"]}' }));
    await client.send(new PutTargetsCommand({ Rule: 'deploys', EventBusName: 'adapters', Targets: [{ Id: 'queue', Arn: queue.arn }] }));
    const detail = {
      system: 'shop-web',
      version: '2',
      commit: 'a1',
      previousVersion: '1',
      deployer: 'dev',
      databaseChange: false,
      rollbackTested: true,
      at: systemClock.now(),
    };
    const { eventId } = await new EventBridgeDeployEventBus(client, 'adapters').announce('Deployment Started', detail);
    const [body = '{}'] = await receive(queue.url, 1);
    expect(JSON.parse(body)).toMatchObject({ id: eventId, source: 'perennial', 'detail-type': 'Deployment Started', detail });
  });

  it('CloudWatchMetricReader reads what was put, and nothing for what was not', async () => {
    const client = new CloudWatchClient(options);
    const at = addSeconds(startOfMinute(systemClock.now()), -120);
    const dimensions = { Service: 'adapters' };
    const datum = { MetricName: 'Good', Dimensions: [{ Name: 'Service', Value: 'adapters' }], Timestamp: new Date(addSeconds(at, 10)), Value: 3 };
    await client.send(new PutMetricDataCommand({ Namespace: 'Adapters', MetricData: [datum, { ...datum, Value: 4 }] }));
    const query = { namespace: 'Adapters', dimensions, statistic: 'Sum' as const };
    const queries = [
      { ...query, id: 'good', metric: 'Good' },
      { ...query, id: 'other', metric: 'Other' },
    ];
    const points = await new CloudWatchMetricReader(client).read(queries, at, addSeconds(at, 60), 60);
    expect(points.get('good')).toEqual([{ at, value: 7 }]);
    expect(points.get('other')).toEqual([]);
  });

  it('S3CatalogAsset reads the catalog and refuses a missing or a huge one', async () => {
    const client = new S3Client({ ...options, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: 'adapters', CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' } }));
    const put = (key: string, text: string) => client.send(new PutObjectCommand({ Bucket: 'adapters', Key: key, Body: text }));
    await put('small.json', '{"name":"ä€"}');
    await put('huge.json', 'x'.repeat(5 * 1024 * 1024 + 1));
    const asset = new S3CatalogAsset(client);
    expect(await asset.read('adapters', 'small.json')).toBe('{"name":"ä€"}');
    await expect(asset.read('adapters', 'missing.json')).rejects.toBeInstanceOf(PermanentError);
    await expect(asset.read('adapters', 'huge.json')).rejects.toThrow('larger than');
  });

  it('LambdaFunctionVersions deletes exactly the version that it names', async () => {
    const client = new LambdaClient(options);
    const Role = await createRole('adapters-lambda', 'lambda.amazonaws.com');
    const settings = { FunctionName: 'adapters-act', Role, Runtime: 'nodejs24.x' as const, Handler: 'index.handler', Code: { ZipFile: emptyHandler } };
    const { FunctionArn } = await client.send(new CreateFunctionCommand(settings));
    const functionArn = z.string().parse(FunctionArn);
    // Publishing the same code again gives the same version (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
    for (const Description of ['one', 'two', 'three']) {
      await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: functionArn, Description }));
      await client.send(new PublishVersionCommand({ FunctionName: functionArn }));
    }
    const versions = new LambdaFunctionVersions(client);
    const listed = await versions.list(functionArn);
    expect(listed.map(({ arn, number }) => [arn, number])).toEqual([1, 2, 3].map((number) => [`${functionArn}:${number}`, number]));
    for (const version of listed.slice(0, 2)) await versions.delete(version);
    expect(await versions.list(functionArn)).toEqual(listed.slice(2));
    // A second sweep may come by at the same time.
    for (const version of listed.slice(0, 2)) await versions.delete(version);
    expect(await versions.list(functionArn)).toEqual(listed.slice(2));
    await expect(versions.list(`${functionArn}-missing`)).rejects.toBeInstanceOf(PermanentError);
  });

  it('StepFunctionsExecutionReader reads what the starter has started, and nothing of what was not', async () => {
    const client = new SFNClient(options);
    const definition = JSON.stringify({ StartAt: 'Done', States: { Done: { Type: 'Succeed' } } });
    const roleArn = await createRole('adapters-states', 'states.amazonaws.com');
    const { stateMachineArn = '' } = await client.send(new CreateStateMachineCommand({ name: 'adapters', definition, roleArn }));
    const [observeVersionArn, actVersionArn] = [
      'arn:aws:lambda:eu-central-1:111122223333:function:observe:1',
      'arn:aws:lambda:eu-central-1:111122223333:function:act:2',
    ];
    await new StepFunctionsExecutionStarter({ client, stateMachineArn, observeVersionArn, actVersionArn }).start({ name: 'rem-1', remediationId: 'rem-1' });
    const reader = new StepFunctionsExecutionReader(client, stateMachineArn);
    expect(await reader.versionsOf('rem-1')).toEqual([observeVersionArn, actVersionArn]);
    expect(await reader.versionsOf('rem-2')).toEqual([]);
  });
});
