/**
 * How patiently a step that ended with an error of its own is called again before it is given up: a function that is throttled for a minute
 * or two must not cost a repair that has begun. The waits sum up to two minutes, less than any deadline a policy has by default.
 */
export const stepRetries = { intervalSeconds: 1, backoffRate: 2, maxAttempts: 8, maxDelaySeconds: 30 } as const;

/** The longest wait before the retry with this number, from 1; in seconds. */
export function retryDelaySeconds(retry: number): number {
  return Math.min(stepRetries.maxDelaySeconds, stepRetries.intervalSeconds * stepRetries.backoffRate ** (retry - 1));
}
