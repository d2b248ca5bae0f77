import * as z from 'zod/mini';
import type { Clock, Hasher, Scope } from '../environment/ports.ts';
import { RetryableError } from '../environment/errors.ts';
import { addSeconds } from '../environment/time.ts';
import { composeDeadLetterMessage } from '../incidents/messages/messages.ts';
import { notify, type NotifyPorts } from '../incidents/notify.ts';
import { keys } from '../records/keys.ts';
import { createRecord, type RecordType } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { maskPersonalData } from './mask.ts';
import type { RejectedQueue } from './ports.ts';

/** What was on the queue and could not be read (design section 4). The unmodified body waits in the `rejected` queue. */
const deadLetterSchema = z.object({
  id: z.string(),
  messageId: z.string(),
  at: z.string(),
  reason: z.string(),
  /** SHA-256 of the unmodified body. */
  bodyHash: z.string(),
  sizeBytes: z.number(),
  /** The first 64 KB, masked. */
  maskedBody: z.string(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

const KEPT_SECONDS = 14 * 86_400;
const MAX_BODY_CHARACTERS = 65_536;
/** Longer than anything that is masked, so that no cut lies inside of it. */
const MARGIN_CHARACTERS = 1024;

export const deadLetterType: RecordType<DeadLetter> = { name: 'dead letter', schema: deadLetterSchema, expiresAt: (body) => addSeconds(body.at, KEPT_SECONDS) };

export interface DeadLetterPorts extends NotifyPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly rejected: RejectedQueue;
}

/**
 * Keeps a malformed message: first the unmodified body in the `rejected` queue, then the record. The id comes from the message, so a
 * re-delivery writes no second record (the queue may then hold the body twice, which a redrive does not mind).
 *
 * @throws RetryableError when the queue refuses it: the message then stays on the signals queue and is delivered again
 */
export async function keepDeadLetter(ports: DeadLetterPorts, message: { readonly messageId: string; readonly body: string }, reason: string): Promise<void> {
  const { store, scope, clock, hasher } = ports;
  const at = clock.now();
  const id = `dead-${message.messageId}`;
  const [failure] = await ports.rejected.send([message.body]);
  if (failure !== undefined) throw new RetryableError(`The malformed message ${message.messageId} could not be kept in the rejected queue: ${failure.reason}`);
  const deadLetter: DeadLetter = {
    id,
    messageId: message.messageId,
    at,
    reason: reason.slice(0, 1000),
    bodyHash: hasher.sha256(message.body),
    sizeBytes: sizeOf(message.body),
    maskedBody: maskPersonalData(message.body.slice(0, MAX_BODY_CHARACTERS + MARGIN_CHARACTERS)).slice(0, MAX_BODY_CHARACTERS),
  };
  await createRecord(store, deadLetterType, keys.deadLetter(scope, id), deadLetter);
  await notify(ports, { id: `dead-letter:${id}`, step: 'dead-letter', severity: 'warning', message: composeDeadLetterMessage({ scope, deadLetter, now: at }) });
}

/** Bytes of the UTF-8 form. */
function sizeOf(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}
