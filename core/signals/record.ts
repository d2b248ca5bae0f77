import * as z from 'zod/mini';
import { addSeconds } from '../environment/time.ts';
import type { RecordType } from '../records/record-type.ts';

/** One item per fingerprint: what was heard last, and whether it was handled to its end. */
export const signalRecordSchema = z.object({
  fingerprint: z.string(),
  kind: z.string(),
  state: z.enum(['firing', 'resolved', 'info']),
  changedAt: z.string(),
  rule: z.string(),
  subject: z.string(),
  summary: z.string(),
  /** False until everything it asks for is done: a crash before that lets the next delivery go on. */
  isHandled: z.boolean(),
});
export type SignalRecord = z.infer<typeof signalRecordSchema>;

/** One very event that was handled to its end; written last. */
export const signalEventSchema = z.object({ kind: z.string(), subject: z.string(), rule: z.string(), at: z.string(), handledAt: z.string() });
export type SignalEvent = z.infer<typeof signalEventSchema>;

const KEPT_SECONDS = 30 * 86_400;

export const signalRecordType: RecordType<SignalRecord> = {
  name: 'signal',
  schema: signalRecordSchema,
  expiresAt: (body) => addSeconds(body.changedAt, KEPT_SECONDS),
};

export const signalEventType: RecordType<SignalEvent> = {
  name: 'signal event',
  schema: signalEventSchema,
  expiresAt: (body) => addSeconds(body.handledAt, KEPT_SECONDS),
};
