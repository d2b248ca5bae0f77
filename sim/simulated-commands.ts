import { PermanentError } from '../core/environment/errors.ts';
import type { Clock } from '../core/environment/ports.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import type { CommandRunner, HostScript } from '../core/remediation/evidence/command-ports.ts';

interface Started {
  readonly instanceId: string;
  readonly script: HostScript;
  readonly answersAt: Timestamp;
}

/** What a host writes for a script; `undefined`: it never answers. */
export type HostAnswer = (script: HostScript) => string | undefined;

/** Systems Manager in memory: instances whose agent is online, and what their hosts write. */
export class SimulatedCommands implements CommandRunner {
  readonly #clock: Clock;
  readonly #isRunning: (instanceId: string) => boolean;
  readonly #hosts = new Map<string, HostAnswer>();
  readonly #started: Started[] = [];
  readonly #seconds: number;

  constructor(clock: Clock, isRunning: (instanceId: string) => boolean, seconds = 3) {
    this.#clock = clock;
    this.#isRunning = isRunning;
    this.#seconds = seconds;
  }

  /** Its agent is there from now on. */
  bringOnline(instanceId: string, answer: HostAnswer = () => ''): void {
    this.#hosts.set(instanceId, answer);
  }

  takeOffline(instanceId: string): void {
    this.#hosts.delete(instanceId);
  }

  /** What was run, oldest first. */
  runs(): readonly { readonly instanceId: string; readonly script: HostScript }[] {
    return this.#started;
  }

  async isOnline(instanceId: string): Promise<boolean> {
    return this.#hosts.has(instanceId) && this.#isRunning(instanceId);
  }

  async start(instanceId: string, script: HostScript): Promise<{ readonly commandId: string }> {
    // Systems Manager refuses what it does not know (InvalidInstanceId).
    if (!this.#hosts.has(instanceId)) throw new PermanentError(`Systems Manager does not know ${instanceId}.`);
    this.#started.push({ instanceId, script, answersAt: addSeconds(this.#clock.now(), this.#seconds) });
    return { commandId: `command-${this.#started.length}` };
  }

  async read(instanceId: string, commandId: string): ReturnType<CommandRunner['read']> {
    const started = this.#started[Number(commandId.replace('command-', '')) - 1];
    if (started === undefined || started.instanceId !== instanceId || this.#clock.now() < started.answersAt) return { state: 'running' };
    const output = this.#hosts.get(instanceId)?.(started.script);
    if (output !== undefined) return { state: 'ended', exitCode: 0, output, errors: '' };
    const isTimedOut = this.#clock.now() >= addSeconds(started.answersAt, started.script.timeoutSeconds);
    return isTimedOut ? { state: 'ended', exitCode: -1, output: '', errors: '' } : { state: 'running' };
  }
}
