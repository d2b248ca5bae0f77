/**
 * Bounds of every SDK client: without them a lost connection waits until the function's own time-out.
 * https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/migrate-client-constructors.html
 */
export const boundedClientOptions = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 2000, requestTimeout: 10_000 },
} as const;
