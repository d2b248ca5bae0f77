/** Bad input or a thing that cannot be done: told to the person in words, never as a stack trace. Exit code 1. */
export class CliError extends Error {
  override readonly name = 'CliError';
}
