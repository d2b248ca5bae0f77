import { DeleteMessageCommand, GetQueueAttributesCommand, type Message, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { keys, partitions } from '../../core/records/keys.ts';
import { parseRecord, readRecord } from '../../core/records/record-type.ts';
import { deadLetterType } from '../../core/signals/dead-letters.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok, table } from '../output.ts';
import { headerOf, type Target } from '../target.ts';

/** `perennial dead-letters list`: what could not be read, and how much waits in the queues. */
export async function deadLettersList(target: Target, limit: number): Promise<Answer> {
  const page = await target.records.query(partitions.deadLetters(target.scope), '', { limit, newestFirst: true });
  const rows = page.records.map((record) => parseRecord(deadLetterType, record).body);
  const json = rows.map((row) => ({ id: row.id, system: null, state: 'rejected', startedAt: row.at, reason: row.reason, sizeBytes: row.sizeBytes }));
  const waiting = await Promise.all(queueNames.map(async (name) => `${name}: ${await depthOf(target, name)}`));
  return ok(json, `${headerOf(target)}\nWaiting in the queues: ${waiting.join(', ')}\n${table(['id', 'at', 'bytes', 'reason'], json.map((row) => [row.id, row.startedAt, String(row.sizeBytes), row.reason]))}`);
}

const queueNames = ['RejectedQueueUrl', 'DeadLetterQueueUrl'] as const;

function queueUrlOf(target: Target, name: string): string {
  const url = target.outputs[name];
  if (url === undefined) throw new CliError(`The stack ${target.stackName} has no output ${name}. Deploy this version of Perennial first.`);
  return url;
}

async function depthOf(target: Target, name: string): Promise<string> {
  const answer = await target.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl: queueUrlOf(target, name), AttributeNames: ['ApproximateNumberOfMessages'] }));
  return answer.Attributes?.['ApproximateNumberOfMessages'] ?? 'unknown';
}

/** `perennial dead-letters show <id>`: the record with its masked body. */
export async function deadLettersShow(target: Target, id: string): Promise<Answer> {
  const found = await readRecord(target.records, deadLetterType, keys.deadLetter(target.scope, id));
  if (found === undefined) throw new CliError(`There is no dead letter ${id}; they are kept for 14 days. List them: npm run -s perennial -- dead-letters list`);
  return ok(found.body, `${headerOf(target)}\n${found.body.at}  ${found.body.reason}\n${found.body.maskedBody}`);
}

/** `perennial dead-letters redrive`: moves bodies from both queues back to the signals queue, sent before they are deleted. */
export async function deadLettersRedrive(target: Target, limit: number): Promise<Answer> {
  const signalsQueueUrl = queueUrlOf(target, 'SignalsQueueUrl');
  let moved = 0;
  for (const name of queueNames) moved += await moveMessages(target, queueUrlOf(target, name), signalsQueueUrl, limit - moved);
  return ok({ moved }, `${headerOf(target)}\nMoved ${moved} message(s) back to the signals queue. What is still malformed comes back as a dead letter.`);
}

/** Long enough to send 200 messages before the first of them is delivered to somebody else. */
const HIDDEN_SECONDS = 300;

/**
 * Takes everything out of sight first and sends afterwards: what is still malformed comes back to the rejected queue within a second,
 * and would be moved in circles.
 */
async function moveMessages(target: Target, from: string, to: string, limit: number): Promise<number> {
  const { sqs } = target.clients;
  const messages = await receiveAll(target, from, limit);
  for (const message of messages) {
    // Sent first: a crash in between delivers twice, which changes nothing; the other order could lose it.
    await sqs.send(new SendMessageCommand({ QueueUrl: to, MessageBody: message.Body ?? '' }));
    await sqs.send(new DeleteMessageCommand({ QueueUrl: from, ReceiptHandle: message.ReceiptHandle ?? '' }));
  }
  return messages.length;
}

async function receiveAll({ clients }: Target, QueueUrl: string, limit: number): Promise<readonly Message[]> {
  const messages: Message[] = [];
  while (messages.length < limit) {
    const command = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: Math.min(10, limit - messages.length),
      VisibilityTimeout: HIDDEN_SECONDS,
      WaitTimeSeconds: 1,
    });
    const found = (await clients.sqs.send(command)).Messages ?? [];
    if (found.length === 0) return messages;
    messages.push(...found);
  }
  return messages;
}
