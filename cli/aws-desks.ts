import { CreateTagsCommand, DeleteTagsCommand, DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetSMSAttributesCommand, GetSMSSandboxAccountStatusCommand, ListSubscriptionsByTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import { DeleteMessageCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { boundedClientOptions } from '../aws/platform/client-options.ts';
import { CliError } from './cli-error.ts';
import type { ClientSettings } from './open-target.ts';
import type { AccountReader, HiddenMessage, QueueDesk, TagDesk } from './target.ts';

/** Long enough to send 200 messages before the first of them is delivered to somebody else. */
const HIDDEN_SECONDS = 300;

/** The queues on SQS. */
export function createQueueDesk(settings: ClientSettings): QueueDesk {
  // A receive waits a second by itself, well inside the time-out.
  const sqs = new SQSClient({ ...boundedClientOptions, ...settings });
  return {
    depth: async (QueueUrl) => {
      const answer = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }));
      return Number(answer.Attributes?.['ApproximateNumberOfMessages'] ?? 0);
    },
    hide: (queueUrl, limit) => hideMessages(sqs, queueUrl, limit),
    send: async (QueueUrl, MessageBody) => {
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    },
    remove: async (QueueUrl, { receipt }) => {
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: receipt }));
    },
  };
}

async function hideMessages(sqs: SQSClient, QueueUrl: string, limit: number): Promise<readonly HiddenMessage[]> {
  const messages: HiddenMessage[] = [];
  while (messages.length < limit) {
    const MaxNumberOfMessages = Math.min(10, limit - messages.length);
    const answer = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages, VisibilityTimeout: HIDDEN_SECONDS, WaitTimeSeconds: 1 }));
    const found = answer.Messages ?? [];
    if (found.length === 0) return messages;
    messages.push(...found.map(({ Body = '', ReceiptHandle = '' }) => ({ body: Body, receipt: ReceiptHandle })));
  }
  return messages;
}

const MAX_PAGES = 100;

/** What SNS and Lambda say of the account. */
export function createAccountReader(settings: ClientSettings): AccountReader {
  const sns = new SNSClient({ ...boundedClientOptions, ...settings });
  const lambda = new LambdaClient({ ...boundedClientOptions, ...settings });
  return {
    subscriptions: (topicArn) => countSubscriptions(sns, topicArn),
    sms: async () => {
      const isInSandbox = (await sns.send(new GetSMSSandboxAccountStatusCommand({}))).IsInSandbox === true;
      const limit = (await sns.send(new GetSMSAttributesCommand({ attributes: ['MonthlySpendLimit'] }))).attributes?.['MonthlySpendLimit'];
      return { isInSandbox, ...(limit === undefined ? {} : { monthlyLimitDollars: Number(limit) }) };
    },
    concurrency: async () => {
      const unreserved = (await lambda.send(new GetAccountSettingsCommand({}))).AccountLimit?.UnreservedConcurrentExecutions;
      if (unreserved === undefined) throw new CliError('Lambda did not say how many executions may run at once.');
      return { unreserved };
    },
  };
}

async function countSubscriptions(sns: SNSClient, TopicArn: string): Promise<{ readonly total: number; readonly unconfirmed: number }> {
  let total = 0;
  let unconfirmed = 0;
  let NextToken: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn, ...(NextToken === undefined ? {} : { NextToken }) }));
    const found = answer.Subscriptions ?? [];
    total += found.length;
    unconfirmed += found.filter(({ SubscriptionArn }) => SubscriptionArn === 'PendingConfirmation').length;
    NextToken = answer.NextToken;
    if (NextToken === undefined) break;
  }
  return { total, unconfirmed };
}

/** How many instances EC2 itself lists as running. */
export async function countRunning(settings: ClientSettings): Promise<number> {
  const ec2 = new EC2Client({ ...boundedClientOptions, ...settings });
  let count = 0;
  let NextToken: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const Filters = [{ Name: 'instance-state-name', Values: ['running'] }];
    const answer = await ec2.send(new DescribeInstancesCommand({ MaxResults: 1000, Filters, ...(NextToken === undefined ? {} : { NextToken }) }));
    count += (answer.Reservations ?? []).reduce((sum, reservation) => sum + (reservation.Instances?.length ?? 0), 0);
    NextToken = answer.NextToken;
    if (NextToken === undefined) return count;
  }
  throw new CliError('EC2 lists more than 100,000 running instances, too many to count here. Count them with AWS Config instead.');
}

/** Tags of instances. A tag that is set again, or removed twice, is no error: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html */
export function createTagDesk(settings: ClientSettings): TagDesk {
  const ec2 = new EC2Client({ ...boundedClientOptions, ...settings });
  return {
    set: async (instanceId, Key, Value) => {
      await ec2.send(new CreateTagsCommand({ Resources: [instanceId], Tags: [{ Key, Value }] }));
    },
    remove: async (instanceId, Key) => {
      await ec2.send(new DeleteTagsCommand({ Resources: [instanceId], Tags: [{ Key }] }));
    },
  };
}
