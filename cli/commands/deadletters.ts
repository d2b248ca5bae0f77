import { keys, partitions } from '../../core/records/keys.ts';
import { readAll, readRecord } from '../../core/records/record-type.ts';
import { type DeadLetter, deadLetterType } from '../../core/signals/dead-letters.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, counted, moment, ok, table } from '../output.ts';
import type { DeadLetterAnswer, DeadLettersAnswer } from '../schemas.ts';
import { commandFor, headerOf, outputOf, type Target } from '../target.ts';

/** Where what could not be taken in waits, with the name of the stack's output. */
const queues = [
  { name: 'rejected (malformed)', output: 'RejectedQueueUrl' },
  { name: 'dead-letter (failed three times)', output: 'DeadLetterQueueUrl' },
] as const;

function itemOf(body: DeadLetter): DeadLettersAnswer[number] {
  return { id: body.id, system: null, state: 'rejected', startedAt: body.at, reason: body.reason, sizeBytes: body.sizeBytes };
}

/** `perennial dead-letters list`: what could not be read, newest first, and how much waits in the queues. */
export async function deadLettersList(target: Target, limit: number): Promise<Answer> {
  const { records, scope } = target;
  const found = await readAll(deadLetterType, (page) => records.query(partitions.deadLetters(scope), '', page));
  // Their ids come from messages and say nothing of time.
  const newest = found
    .map(({ body }) => body)
    .toSorted((left, right) => (left.at < right.at ? 1 : -1))
    .slice(0, limit);
  const waiting = await Promise.all(queues.map(async ({ name, output }) => `${name} ${await target.queues.depth(outputOf(target, output))}`));
  const rows = newest.map((letter) => [letter.id, moment(letter.at), String(letter.sizeBytes), letter.reason]);
  const text = [
    headerOf(target),
    `Waiting in the queues: ${waiting.join(', ')}`,
    table(['dead letter', 'at', 'bytes', 'why it was refused'], rows, 'No dead letters of the last 14 days.'),
    ...(newest.length < found.length ? [`${found.length - newest.length} older ones are not shown; see them with --limit.`] : []),
    ...(newest.length === 0 ? [] : [`Read one: ${commandFor(target, 'dead-letters show <id>')}`]),
  ];
  return ok(newest.map(itemOf), text.join('\n'));
}

/** `perennial dead-letters show <id>`: the record with its masked body. */
export async function deadLettersShow(target: Target, id: string): Promise<Answer> {
  const found = await readRecord(target.records, deadLetterType, keys.deadLetter(target.scope, id));
  if (found === undefined)
    throw new CliError(`There is no dead letter ${id}; they are kept for 14 days. List them: ${commandFor(target, 'dead-letters list')}`);
  const { body } = found;
  const json: DeadLetterAnswer = { ...itemOf(body), messageId: body.messageId, at: body.at, bodyHash: body.bodyHash, maskedBody: body.maskedBody };
  const text = [
    headerOf(target),
    `${body.id}  ${moment(body.at)}  ${counted(body.sizeBytes, 'byte')}, SHA-256 ${body.bodyHash.slice(0, 16)}…`,
    `Refused: ${body.reason}`,
    'Body (personal data is masked; the queue holds it unmodified):',
    body.maskedBody,
  ];
  return ok(json, text.join('\n'));
}

/** `perennial dead-letters redrive`: moves bodies from both queues back to the signals queue. */
export async function deadLettersRedrive(target: Target, limit: number): Promise<Answer> {
  const signalsQueueUrl = outputOf(target, 'SignalsQueueUrl');
  let moved = 0;
  for (const { output } of queues) moved += await moveMessages(target, outputOf(target, output), signalsQueueUrl, limit - moved);
  const text =
    moved === 0
      ? 'Nothing waits; nothing was moved.'
      : `Moved ${counted(moved, 'message')} back to the signals queue. What is still malformed comes back as a new dead letter.`;
  return ok({ moved }, `${headerOf(target)}\n${text}`);
}

/**
 * Takes everything out of sight first and sends afterwards: what is still malformed comes back to the rejected queue within a second,
 * and would be moved in circles.
 */
async function moveMessages({ queues: desk }: Target, from: string, to: string, limit: number): Promise<number> {
  if (limit <= 0) return 0;
  const messages = await desk.hide(from, limit);
  for (const message of messages) {
    // Sent first: a crash in between delivers twice, which changes nothing; the other order could lose it.
    await desk.send(to, message.body);
    await desk.remove(from, message);
  }
  return messages.length;
}
