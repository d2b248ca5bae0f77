import * as z from 'zod/mini';

const stepEventSchema = z.object({
  remediationId: z.string().check(z.minLength(1)),
  giveUp: z.optional(z.object({ error: z.string(), cause: z.string() })),
});

/** What the state machine hands to a step. */
export interface StepEvent {
  readonly remediationId: string;
  /** Present when a step kept failing. */
  readonly giveUp?: { readonly error: string; readonly cause: string };
}

/** Reads the state machine's input; a wrong one is a bug of the machine's definition and throws. */
export function readStepEvent(event: unknown): StepEvent {
  const { remediationId, giveUp } = stepEventSchema.parse(event);
  return giveUp === undefined ? { remediationId } : { remediationId, giveUp };
}
