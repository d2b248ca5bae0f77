/** A script for an instance's shell. */
export interface HostScript {
  /** What it is for, in a few words; shown in Systems Manager's list of commands. */
  readonly name: string;
  readonly script: string;
  /** Longer than this it may neither wait for the instance nor run: 30 to 3,600. */
  readonly timeoutSeconds: number;
}

export type HostCommand =
  | { readonly state: 'running' }
  /** `exitCode` is -1 where the shell never ran it. `output` is what it wrote, at most 24,000 characters. */
  | { readonly state: 'ended'; readonly exitCode: number; readonly output: string; readonly errors: string };

/**
 * Runs scripts on instances through their agent. Errors: `RetryableError`, `PermanentError`. Systems Manager has no token that makes a
 * start idempotent: a script that may be started twice after a crash must bear it.
 */
export interface CommandRunner {
  /** Its agent answers now. */
  isOnline(instanceId: string): Promise<boolean>;
  start(instanceId: string, script: HostScript): Promise<{ readonly commandId: string }>;
  read(instanceId: string, commandId: string): Promise<HostCommand>;
}
