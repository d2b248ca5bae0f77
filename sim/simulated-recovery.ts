import { PermanentError } from '../core/environment/errors.ts';
import type { Clock } from '../core/environment/ports.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import type { InstanceFacts, StatusCheck } from '../core/remediation/ports.ts';
import type {
  CommandOutcome,
  ProcessRestarter,
  Rebooter,
  RecoveryCapability,
  RecoveryReader,
  RootSwap,
  RootSwapper,
  RootSwapState,
} from '../core/remediation/surroundings/recovery-ports.ts';
import type { SimulatedLeftBehind } from './simulated-left-behind.ts';

/** What the gentler ways change of a region. */
export interface RecoverableRegion {
  find(instanceId: string): InstanceFacts | undefined;
  readonly leftBehind: SimulatedLeftBehind;
  setStatus(instanceId: string, check: 'system' | 'instance', value: StatusCheck): void;
  setTargetUnhealthy(instanceId: string, isUnhealthy: boolean): void;
  setImage(instanceId: string, imageId: string): void;
  alarmNames(): readonly { readonly name: string; readonly instanceId?: string }[];
  setAlarmState(name: string, state: 'OK'): void;
}

/** What makes an instance well again; nothing, unless a test says so. */
export type Cure = 'restart' | 'reboot' | 'root-swap';

interface Task {
  readonly taskId: string;
  readonly token: string;
  readonly instanceId: string;
  readonly imageId: string;
  readonly endsAt: Timestamp;
  readonly ending: RootSwapState;
  isApplied: boolean;
}

interface Command {
  readonly commandId: string;
  readonly key: string;
  readonly instanceId: string;
  readonly endsAt: Timestamp;
  readonly state: 'succeeded' | 'failed';
}

const SWAP_SECONDS = 30;
const COMMAND_SECONDS = 5;

const plain: RecoveryCapability = {
  isRecoveredByEc2: true,
  recoveryReason: 'its type and configuration are supported',
  isBareMetal: false,
  hasProductCode: false,
  isManagedOnline: false,
  isTerminationProtected: false,
  isStopProtected: false,
};

/** The in-memory fake of `core/remediation/surroundings/recovery-ports.ts`. */
export class SimulatedRecovery {
  readonly #clock: Clock;
  readonly #region: RecoverableRegion;
  readonly #capabilities = new Map<string, Partial<RecoveryCapability>>();
  readonly #cures = new Map<string, Cure>();
  readonly #tasks: Task[] = [];
  readonly #commands: Command[] = [];
  /** How often its root was replaced. */
  readonly #swapped = new Map<string, number>();
  readonly #swapEndings = new Map<string, RootSwapState>();
  readonly #failingCommands = new Set<string>();
  /** Instances in the order in which they were rebooted. */
  readonly reboots: string[] = [];

  constructor(clock: Clock, region: RecoverableRegion) {
    this.#clock = clock;
    this.#region = region;
  }

  setCapability(instanceId: string, capability: Partial<RecoveryCapability>): void {
    this.#capabilities.set(instanceId, { ...this.#capabilities.get(instanceId), ...capability });
  }

  /** From now on this makes the instance well. */
  setCure(instanceId: string, cure: Cure): void {
    this.#cures.set(instanceId, cure);
  }

  endNextSwap(instanceId: string, state: 'succeeded' | 'failed' | 'failed-detached'): void {
    this.#swapEndings.set(instanceId, state);
  }

  failCommands(instanceId: string): void {
    this.#failingCommands.add(instanceId);
  }

  get swaps(): readonly { readonly instanceId: string; readonly imageId: string }[] {
    return this.#tasks;
  }

  get commands(): readonly { readonly instanceId: string }[] {
    return this.#commands;
  }

  #apply(instanceId: string, cure: Cure): void {
    if (this.#cures.get(instanceId) !== cure) return;
    this.#region.setStatus(instanceId, 'instance', 'ok');
    this.#region.setTargetUnhealthy(instanceId, false);
    for (const alarm of this.#region.alarmNames()) if (alarm.instanceId === instanceId) this.#region.setAlarmState(alarm.name, 'OK');
  }

  #need(instanceId: string): InstanceFacts {
    const facts = this.#region.find(instanceId);
    if (facts === undefined || facts.state === 'terminated') throw new PermanentError(`There is no instance ${instanceId}.`);
    return facts;
  }

  readonly reader: RecoveryReader = {
    capability: async (instanceId) => {
      const facts = this.#region.find(instanceId);
      return facts === undefined || facts.state === 'terminated' ? undefined : { ...plain, ...this.#capabilities.get(instanceId) };
    },
    rootSwap: async (taskId) => {
      const task = this.#tasks.find((known) => known.taskId === taskId);
      return task === undefined ? undefined : this.#swapOf(task);
    },
  };

  #swapOf(task: Task): RootSwap {
    const { taskId, instanceId, endsAt, ending } = task;
    if (this.#clock.now() < endsAt) return { taskId, instanceId, state: 'in-progress' };
    if (ending === 'succeeded' && !task.isApplied) {
      this.#region.setImage(instanceId, task.imageId);
      this.#region.leftBehind.addVolume({ volumeId: this.#rootOf(instanceId), createdAt: this.#need(instanceId).launchedAt, tags: {} });
      this.#swapped.set(instanceId, (this.#swapped.get(instanceId) ?? 0) + 1);
      this.#apply(instanceId, 'root-swap');
    }
    task.isApplied = true;
    return { taskId, instanceId, state: ending, completedAt: endsAt };
  }

  #rootOf(instanceId: string): string {
    return `vol-root${this.#swapped.get(instanceId) ?? 0}-of-${instanceId}`;
  }

  readonly rebooter: Rebooter = {
    reboot: async (instanceId) => {
      if (this.#need(instanceId).state !== 'running') throw new PermanentError(`${instanceId} does not run and cannot be rebooted.`);
      this.reboots.push(instanceId);
      this.#apply(instanceId, 'reboot');
    },
  };

  readonly rootSwapper: RootSwapper = {
    rootVolumeOf: async (instanceId) => (this.#region.find(instanceId) === undefined ? undefined : this.#rootOf(instanceId)),
    keep: async (volumeId, tags) => this.#region.leftBehind.tagVolume(volumeId, tags),
    swap: async ({ remediationId, attempt, instanceId, imageId }) => {
      const token = `${remediationId}-${attempt}`;
      const known = this.#tasks.find((task) => task.token === token);
      if (known !== undefined) return { taskId: known.taskId };
      if (this.#need(instanceId).state !== 'running') throw new PermanentError(`${instanceId} does not run: its root cannot be replaced.`);
      const ending = this.#swapEndings.get(instanceId) ?? 'succeeded';
      const taskId = `replacevol-${String(this.#tasks.length + 1).padStart(4, '0')}`;
      this.#tasks.push({ taskId, token, instanceId, imageId, endsAt: addSeconds(this.#clock.now(), SWAP_SECONDS), ending, isApplied: false });
      return { taskId };
    },
  };

  readonly processRestarter: ProcessRestarter = {
    restart: async ({ remediationId, instanceId, service }) => {
      const key = `${remediationId} ${instanceId} ${service}`;
      const known = this.#commands.find((command) => command.key === key);
      if (known !== undefined) return { commandId: known.commandId };
      this.#need(instanceId);
      const state = this.#failingCommands.has(instanceId) ? 'failed' : 'succeeded';
      const commandId = `command-${this.#commands.length + 1}`;
      this.#commands.push({ commandId, key, instanceId, endsAt: addSeconds(this.#clock.now(), COMMAND_SECONDS), state });
      if (state === 'succeeded') this.#apply(instanceId, 'restart');
      return { commandId };
    },
    outcome: async (commandId, instanceId): Promise<CommandOutcome | undefined> => {
      const command = this.#commands.find((known) => known.commandId === commandId && known.instanceId === instanceId);
      if (command === undefined) return undefined;
      if (this.#clock.now() < command.endsAt) return { state: 'running', detail: 'InProgress' };
      return { state: command.state, detail: command.state === 'succeeded' ? 'Success' : 'Failed: the unit was not found' };
    },
  };
}
