import * as z from 'zod/mini';
import type { ReadResult } from './normalise.ts';

const severities = z.enum(['critical', 'high', 'warning', 'info']);
const states = z.enum(['firing', 'resolved', 'info']);
const subjectTypes = z.enum(['instance', 'group', 'target-group', 'image', 'volume', 'system', 'alarm', 'deployment', 'job', 'check', 'account']);

const explainedSignalSchema = z.strictObject({
  kind: z.string(),
  subject: z.strictObject({ type: subjectTypes, id: z.string() }),
  severity: severities,
  state: states,
  at: z.string(),
  source: z.string(),
  fingerprint: z.string(),
  summary: z.string(),
});

const rejectionSchema = z.strictObject({
  /** Position in the outermost list of records; 0 when there is none. */
  index: z.int().check(z.minimum(0)),
  reason: z.string(),
});

/** What `perennial event explain` prints (design section 9). */
export const explanationSchema = z.strictObject({ signals: z.array(explainedSignalSchema), rejected: z.array(rejectionSchema) });
export type Explanation = z.infer<typeof explanationSchema>;

z.globalRegistry.add(explanationSchema, {
  title: 'perennial event explain',
  description: 'How Perennial reads an event: one entry per signal, and what it refuses, with the reason.',
});

/** How the platform reads an event, for a person or a script. */
export function explanationOf(result: ReadResult): Explanation {
  return {
    signals: result.signals.map(({ kind, subject, severity, state, at, source, fingerprint, summary }) => ({
      kind,
      subject: { type: subject.type, id: subject.id },
      severity,
      state,
      at,
      source,
      fingerprint,
      summary,
    })),
    rejected: result.rejected.map(({ index, reason }) => ({ index, reason })),
  };
}
