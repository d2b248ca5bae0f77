import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { host } from './host.ts';
import { isRunning, signalGroup } from './process-identity.ts';
import { SandboxError } from './sandbox-error.ts';

export interface EmulatorPlan {
  /** For people, for example `MiniStack`. */
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Answers 2xx when the emulator is ready. */
  readonly readyUrl: string;
}

const READY_TIMEOUT_MILLIS = 60_000;
const READY_POLL_MILLIS = 100;
// MiniStack gives its functions 2 s to end.
const STOP_TIMEOUT_MILLIS = 6000;
const STOP_POLL_MILLIS = 25;
const LOG_TAIL_LINES = 15;

/** One emulator in a process group of its own, so that a Ctrl-C of the terminal does not reach it before we stop it in order. */
export class Emulator {
  readonly plan: EmulatorPlan;
  readonly pid: number;
  readonly #child: ChildProcess;
  #ending: string | undefined;
  #isStopping = false;

  constructor(plan: EmulatorPlan) {
    this.plan = plan;
    mkdirSync(dirname(plan.logFile), { recursive: true });
    const log = openSync(plan.logFile, 'w');
    this.#child = spawn(plan.command, [...plan.arguments], { env: { ...plan.environment }, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    this.pid = this.#child.pid ?? 0;
    this.#child.once('error', (error) => {
      this.#ending = `could not be started: ${error.message}`;
    });
    this.#child.once('exit', (code, signal) => {
      this.#ending = `ended with ${signal ?? `exit code ${code}`}`;
    });
    // The emulator must not keep our process alive.
    this.#child.unref();
  }

  /** Throws a {@link SandboxError} with the end of the log when the emulator has died without being told to. */
  assertAlive(): void {
    if (this.#ending !== undefined && !this.#isStopping) {
      throw new SandboxError(
        `${this.plan.name} ${this.#ending}. The local AWS can not go on without it.\n` +
          `The end of its log (${this.plan.logFile}):\n${logTail(this.plan.logFile)}\nType the same command again; if it happens again, read that log.`,
      );
    }
  }

  onDeath(tell: (error: SandboxError) => void): void {
    this.#child.once('exit', () => {
      try {
        this.assertAlive();
      } catch (error) {
        if (error instanceof SandboxError) {
          tell(error);
        }
      }
    });
  }

  async waitUntilReady(): Promise<void> {
    const deadline = host.now() + READY_TIMEOUT_MILLIS;
    while (host.now() < deadline) {
      this.assertAlive();
      if (await answers(this.plan.readyUrl)) {
        return;
      }
      await host.sleep(READY_POLL_MILLIS);
    }
    throw new SandboxError(
      `${this.plan.name} was not ready after ${READY_TIMEOUT_MILLIS / 1000} s.\nThe end of its log (${this.plan.logFile}):\n${logTail(this.plan.logFile)}`,
    );
  }

  /** SIGTERM, then SIGKILL to the whole group; returns when it is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.pid === 0) {
      return;
    }
    // Only the emulator: it ends its own children in order.
    if (this.#ending === undefined) {
      this.#child.kill('SIGTERM');
    }
    const deadline = host.now() + STOP_TIMEOUT_MILLIS;
    while (this.#ending === undefined && isRunning(this.pid) && host.now() < deadline) {
      await host.sleep(STOP_POLL_MILLIS);
    }
    this.kill();
  }

  /** Ends the whole group at once; for the moment when our own process ends. */
  kill(): void {
    this.#isStopping = true;
    if (this.pid > 0) {
      signalGroup(this.pid, 'SIGKILL');
    }
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function logTail(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  } catch {
    return '(no log)';
  }
}
