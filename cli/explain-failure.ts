import { codeOf } from '../aws/platform/aws-errors.ts';
import { PermanentError, RetryableError } from '../core/environment/errors.ts';
import { CliError } from './cli-error.ts';

interface FailureRow {
  readonly finds: RegExp;
  /** What it means and what to type. */
  readonly advice: string;
}

/**
 * What AWS and the network call a failure, and what a person does about it. Codes: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 * and https://docs.aws.amazon.com/awscloudformation/latest/APIReference/CommonErrors.html.
 */
const rows: readonly FailureRow[] = [
  {
    finds:
      /CredentialsProviderError|Could not load credentials|Could not resolve credentials|UnrecognizedClient|InvalidClientTokenId|AuthFailure|SignatureDoesNotMatch/,
    advice: 'There are no credentials that AWS accepts. Sign in (aws sso login), or name a profile of ~/.aws/config with --profile <name>.',
  },
  { finds: /ExpiredToken|TokenRefreshRequired|session.*expired/i, advice: 'Your credentials have expired. Sign in again: aws sso login' },
  {
    finds: /AccessDenied|UnauthorizedOperation|AuthorizationError|not authorized/,
    advice: 'Your credentials may not do this. Use others with --profile <name>, or have the permission added that the message names.',
  },
  { finds: /ENOTFOUND|EAI_AGAIN/, advice: 'The name does not resolve: the Region does not exist, or there is no network. Check --region and the connection.' },
  {
    finds: /ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|TimeoutError/,
    advice: 'The connection failed. Try again; for the local AWS, see whether npm start still runs.',
  },
  { finds: /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ProvisionedThroughput/, advice: 'AWS asks to call more slowly. Try again in a minute.' },
];

/** An error of the SDK in words: what happened, what it means, what to do. */
export function explainAwsFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const name = codeOf(error) ?? (error instanceof Error ? error.name : '');
  const row = rows.find(({ finds }) => finds.test(name) || finds.test(message));
  const what = message.startsWith(name) || name === 'Error' ? message : `${name}: ${message}`;
  return [/[.!?]$/.test(what) ? what : `${what}.`, ...(row === undefined ? [] : [row.advice])].join(' ');
}

/** Any error as text for a person; never a stack trace. */
export function explainFailure(error: unknown): string {
  if (error instanceof CliError) return error.message;
  if (error instanceof RetryableError) return `${error.message} Nothing is wrong with what you typed; try again in a minute.`;
  if (error instanceof PermanentError) return error.message;
  if (codeOf(error) !== undefined) return explainAwsFailure(error);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `The command failed in a way it does not know: ${message}. Nothing more was done; please report it with what you typed.`;
}
