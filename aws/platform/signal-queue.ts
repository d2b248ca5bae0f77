import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import { utf8Bytes } from '../../core/records/limits.ts';
import type { QueueMessage, RejectedQueue, SendFailure, SignalQueue } from '../../core/signals/ports.ts';
import { toPortError } from './aws-errors.ts';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html: ten messages and 1 MiB a batch. */
const BATCH_MESSAGES = 10;
const BATCH_BYTES = 1_048_576;
const MAX_MESSAGES = 100;
const MAX_DELAY_SECONDS = 900;

interface NumberedMessage {
  readonly index: number;
  readonly message: QueueMessage;
  readonly bytes: number;
}

/** Sends to one queue in batches. */
export class SqsSignalQueue implements SignalQueue {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  async send(messages: readonly QueueMessage[]): Promise<readonly SendFailure[]> {
    checkMessages(messages);
    const failures: SendFailure[] = [];
    for (const batch of batchesOf(messages)) failures.push(...(await this.#sendBatch(batch)));
    return failures;
  }

  async #sendBatch(batch: readonly NumberedMessage[]): Promise<readonly SendFailure[]> {
    try {
      const answer = await this.#client.send(new SendMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries: batch.map(entryOf) }));
      return (answer.Failed ?? []).map((failed) => ({
        index: Number(failed.Id),
        reason: [failed.Code, failed.Message].filter(Boolean).join(': '),
        isRetryable: failed.SenderFault !== true,
      }));
    } catch (error) {
      // One lost batch is no reason to forget the others: the caller learns of each message.
      const mapped = toPortError(error, 'send to the queue');
      if (!(mapped instanceof RetryableError || mapped instanceof PermanentError)) throw error;
      return batch.map(({ index }) => ({ index, reason: mapped.message, isRetryable: mapped instanceof RetryableError }));
    }
  }
}

/** Sends malformed events, unmodified, to the queue where they wait for a person. */
export class SqsRejectedQueue implements RejectedQueue {
  readonly #queue: SqsSignalQueue;

  constructor(client: SQSClient, queueUrl: string) {
    this.#queue = new SqsSignalQueue(client, queueUrl);
  }

  send(bodies: readonly string[]): Promise<readonly SendFailure[]> {
    return this.#queue.send(bodies.map((body) => ({ body })));
  }
}

function checkMessages(messages: readonly QueueMessage[]): void {
  if (messages.length > MAX_MESSAGES) throw new PermanentError(`One call sends at most ${MAX_MESSAGES} messages, not ${messages.length}.`);
  const wrong = messages.find(({ delaySeconds = 0 }) => !Number.isSafeInteger(delaySeconds) || delaySeconds < 0 || delaySeconds > MAX_DELAY_SECONDS);
  if (wrong !== undefined) throw new PermanentError(`A message can be delayed by 0 to ${MAX_DELAY_SECONDS} whole seconds, not ${wrong.delaySeconds}.`);
}

function batchesOf(messages: readonly QueueMessage[]): readonly (readonly NumberedMessage[])[] {
  const batches: NumberedMessage[][] = [];
  let bytes = 0;
  for (const [index, message] of messages.entries()) {
    const one = { index, message, bytes: utf8Bytes(message.body) };
    const current = batches.at(-1);
    const hasRoom = current !== undefined && current.length < BATCH_MESSAGES && bytes + one.bytes <= BATCH_BYTES;
    if (hasRoom) current.push(one);
    else batches.push([one]);
    bytes = hasRoom ? bytes + one.bytes : one.bytes;
  }
  return batches;
}

function entryOf({ index, message }: NumberedMessage): SendMessageBatchRequestEntry {
  return {
    Id: String(index),
    MessageBody: message.body,
    ...(message.delaySeconds === undefined ? {} : { DelaySeconds: message.delaySeconds }),
  };
}
