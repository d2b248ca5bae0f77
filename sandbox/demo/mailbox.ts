import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { SubscribeCommand } from '@aws-sdk/client-sns';
import * as z from 'zod/mini';
import type { DemoClients } from './clients.ts';

/** A message as the reader of the mailbox sees it. */
export interface Mail {
  readonly notificationId: string;
  readonly subject: string;
  readonly text: string;
  readonly isForPhones: boolean;
}

const envelopeSchema = z.object({
  Subject: z.optional(z.string()),
  Message: z.string(),
  MessageAttributes: z.optional(z.record(z.string(), z.object({ Value: z.string() }))),
});

/** An SQS queue that stands in for e-mail: subscribed like an e-mail address, with the same filter, so that it gets just what a reader would. */
export async function subscribeMailbox(clients: DemoClients, topicArns: readonly string[], QueueName = 'perennial-demo-mailbox'): Promise<string> {
  const created = await clients.sqs.send(new CreateQueueCommand({ QueueName }));
  const queueUrl = created.QueueUrl;
  if (queueUrl === undefined) throw new Error('The local SQS gave no queue URL for the mailbox. Stop everything and start again.');
  const attributes = await clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['QueueArn'] }));
  const queueArn = attributes.Attributes?.['QueueArn'] ?? '';
  const policy = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: queueArn,
        Condition: { ArnEquals: { 'aws:SourceArn': topicArns } },
      },
    ],
  };
  await clients.sqs.send(new SetQueueAttributesCommand({ QueueUrl: queueUrl, Attributes: { Policy: JSON.stringify(policy) } }));
  for (const TopicArn of topicArns) {
    await clients.sns.send(
      new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: queueArn, Attributes: { FilterPolicy: JSON.stringify({ channels: ['email'] }) } }),
    );
  }
  return queueUrl;
}

/** Reads what has arrived; messages stay in the mailbox and become visible again after a second. */
export async function readMailbox(clients: DemoClients, queueUrl: string): Promise<readonly Mail[]> {
  const found = new Map<string, Mail>();
  for (let read = 0; read < 10; read += 1) {
    const answer = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 1, WaitTimeSeconds: 0 }));
    const messages = answer.Messages ?? [];
    for (const message of messages) {
      const mail = mailOf(message.Body ?? '');
      if (mail !== undefined) found.set(mail.notificationId, mail);
    }
    if (messages.length === 0) break;
  }
  return [...found.values()];
}

function mailOf(body: string): Mail | undefined {
  const envelope = z.safeParse(envelopeSchema, JSON.parse(body));
  if (!envelope.success) return undefined;
  const { Subject, Message, MessageAttributes } = envelope.data;
  return {
    notificationId: MessageAttributes?.['notificationId']?.Value ?? Subject ?? Message.slice(0, 80),
    subject: Subject ?? '',
    text: Message,
    isForPhones: MessageAttributes?.['channels']?.Value.includes('sms') === true,
  };
}
