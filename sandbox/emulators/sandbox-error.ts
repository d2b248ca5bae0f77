/** The local AWS can not be started or has ended. The message tells what happened and what to type; it needs no stack trace. */
export class SandboxError extends Error {
  override readonly name: string = 'SandboxError';
}
