import { PermanentError, RetryableError } from '../../core/environment/errors.ts';

/**
 * Codes that say "later", across the services that Perennial calls.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html and each service's list of common errors.
 */
const RETRYABLE_CODES: ReadonlySet<string> = new Set([
  // Throttling
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'ExecutionLimitExceeded',
  'KMSThrottlingException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
  'TransactionConflictException',
  // The service is unwell
  'InternalError',
  'InternalErrorException',
  'InternalException',
  'InternalFailure',
  'InternalServerError',
  'InternalServerException',
  'InternalServiceError',
  'ServiceException',
  'ServiceUnavailable',
  'Unavailable',
  // The credentials of a role are renewed by themselves
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
  // The connection was lost
  'AbortError',
  'RequestTimeout',
  'RequestTimeoutException',
  'TimeoutError',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

function textOf(error: object, property: string): string | undefined {
  const value: unknown = Reflect.get(error, property);
  return typeof value === 'string' ? value : undefined;
}

function statusOf(error: object): number | undefined {
  const metadata: unknown = Reflect.get(error, '$metadata');
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const status: unknown = Reflect.get(metadata, 'httpStatusCode');
  return typeof status === 'number' ? status : undefined;
}

/** The service's or the network's name for what went wrong; `undefined` when neither said it (then it is a bug of ours). */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code = textOf(error, 'code') ?? textOf(error, 'Code');
  if (code !== undefined) return code;
  const name = textOf(error, 'name');
  const isFromAws = '$metadata' in error || (name !== undefined && RETRYABLE_CODES.has(name)) || name === 'CredentialsProviderError';
  return isFromAws ? name : undefined;
}

/** Whether the same call may succeed later, by the service's code and the HTTP status where there is one. */
export function isRetryableCode(code: string, status?: number): boolean {
  return RETRYABLE_CODES.has(code) || status === 429 || (status !== undefined && status >= 500);
}

/**
 * What a port throws for an error of the SDK: `RetryableError` or `PermanentError`, with the original as `cause`.
 * Errors that are neither AWS's nor the network's are given back as they are: they are bugs and must surface as such.
 *
 * @param action what was being done, for the message: "start the execution abc"
 */
export function toPortError(error: unknown, action: string): unknown {
  if (error instanceof RetryableError || error instanceof PermanentError) return error;
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error)) return error;
  if (isRetryableCode(code, statusOf(error))) {
    return new RetryableError(`Could not ${action} just now (${code}): ${error.message}`, { cause: error });
  }
  return new PermanentError(`Could not ${action} (${code}): ${error.message}`, { cause: error });
}

/** Makes a call and maps what it throws with {@link toPortError}. */
export async function callAws<Answer>(action: string, call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    throw toPortError(error, action);
  }
}
