import { Logger } from '@aws-lambda-powertools/logger';
import type { Log } from '../../core/environment/ports.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A log whose lines name the function and what they belong to. */
export interface FunctionLog extends Log {
  /** Puts `correlation_id` into every line from now on: a request, a message or a remediation. Set it first in every invocation. */
  correlate(correlationId: string): void;
}

/** Structured lines by Powertools; fields named `error` that hold an error are written with name, message and stack. */
export function createLog(serviceName: string): FunctionLog {
  const logger = new Logger({ serviceName });
  return {
    correlate: (correlationId) => logger.setCorrelationId(correlationId),
    info: (message, fields = {}) => logger.info(message, linesOf(fields)),
    warn: (message, fields = {}) => logger.warn(message, linesOf(fields)),
    error: (message, fields = {}) => logger.error(message, linesOf(fields)),
  };
}

/** Under one key, so that no field of ours can overwrite one of Powertools' own; an error stays on top, where it is formatted. */
function linesOf(fields: Fields): Record<string, unknown> {
  const { error, ...rest } = fields;
  return { ...(error === undefined ? {} : { error }), ...(Object.keys(rest).length === 0 ? {} : { fields: rest }) };
}
