/** A message to put on a queue, exactly as it should arrive. */
export interface QueueMessage {
  readonly body: string;
  /** 0 to 900: SQS delays no longer than 15 minutes; beyond that a one-time schedule is needed. */
  readonly delaySeconds?: number;
}

/** A message that is not on the queue. */
export interface SendFailure {
  /** Its position in what was sent. */
  readonly index: number;
  readonly reason: string;
  /** False when the same message will be refused again. */
  readonly isRetryable: boolean;
}

/**
 * The queue of everything that comes in. At most 100 messages a call.
 *
 * A failed message does not fail its neighbours: what could not be sent is the answer, empty when all went well.
 * Errors: `PermanentError` for a call that breaks these bounds; failures of the queue itself are {@link SendFailure}s.
 */
export interface SignalQueue {
  send(messages: readonly QueueMessage[]): Promise<readonly SendFailure[]>;
}

/** Where malformed events go, unmodified, so that they can be sent again once the cause is repaired. Same bounds and answer as {@link SignalQueue}. */
export interface RejectedQueue {
  send(bodies: readonly string[]): Promise<readonly SendFailure[]>;
}
