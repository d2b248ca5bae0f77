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

const KEPT_SECONDS = 30 * 86_400;

export const signalRecordType: RecordType<SignalRecord> = {
  name: 'signal',
  schema: signalRecordSchema,
  expiresAt: (body) => addSeconds(body.changedAt, KEPT_SECONDS),
};
