import * as z from 'zod/mini';
import { PermanentError } from '../../core/environment/errors.ts';
import { type FunctionEnvironment, type FunctionName, functionEnvironments } from '../../core/environment/function-environment.ts';
import type { Scope } from '../../core/environment/ports.ts';

/** The function was deployed without a variable that it needs, or with a wrong one. */
export class EnvironmentError extends PermanentError {
  override readonly name = 'EnvironmentError';
}

/** The same table, in the form in which TypeScript can follow the name of a function to its schema. */
const schemas: { readonly [Name in FunctionName]: z.ZodMiniType<FunctionEnvironment<Name>> } = functionEnvironments;

/**
 * The environment of a function, checked and frozen. Call it once, when the function is loaded: this is the only file of
 * the functions' program that reads `process.env`.
 *
 * @param source for tests; the process's own environment otherwise
 */
export function readEnvironment<Name extends FunctionName>(
  name: Name,
  source: Readonly<Record<string, string | undefined>> = process.env,
): FunctionEnvironment<Name> {
  const parsed = z.safeParse(schemas[name], source);
  if (parsed.success) return Object.freeze(parsed.data);
  throw new EnvironmentError(
    `The environment of the function "${name}" is not complete: ${z.prettifyError(parsed.error)}. It was deployed wrongly; nothing was done. Deploy again.`,
  );
}

/** The account and Region that the function works in. */
export function scopeOf(environment: { readonly ACCOUNT_ID: string; readonly AWS_REGION: string }): Scope {
  return { accountId: environment.ACCOUNT_ID, region: environment.AWS_REGION };
}
