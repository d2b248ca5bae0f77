/**
 * Failures are permanent, retryable or a bug. Adapters map every AWS error to one of the first two,
 * so that a throttle never reads as "not found"; anything else that is thrown is a bug and surfaces as such.
 */

/** The same call may succeed later: throttling, time-outs, lost connections, 5xx answers. */
export class RetryableError extends Error {
  override readonly name: string = 'RetryableError';
}

/** The same call will never succeed: bad input, missing permission, a thing that does not exist. */
export class PermanentError extends Error {
  override readonly name: string = 'PermanentError';
}
