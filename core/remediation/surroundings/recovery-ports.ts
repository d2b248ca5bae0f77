import type { Timestamp } from '../../environment/time.ts';

/*
 * What the gentler ways to repair need: those that keep the instance. Errors and idempotency as in `ports.ts`.
 */

/** What an instance can take, beside what its description says. */
export interface RecoveryCapability {
  /** EC2 moves it to another host by itself when its system check fails (simplified automatic recovery). */
  readonly isRecoveredByEc2: boolean;
  /** Why it is or is not, in words. */
  readonly recoveryReason: string;
  readonly isBareMetal: boolean;
  /** It was launched from an image with a product code, whose root EC2 does not replace from another image. */
  readonly hasProductCode: boolean;
  /** Its Systems Manager agent answers. */
  readonly isManagedOnline: boolean;
  readonly isTerminationProtected: boolean;
  readonly isStopProtected: boolean;
}

/** `failed`: the old root is still attached. `failed-detached`: there is no root any more. */
export type RootSwapState = 'pending' | 'in-progress' | 'failing' | 'succeeded' | 'failed' | 'failed-detached';

export interface RootSwap {
  readonly taskId: string;
  readonly instanceId: string;
  readonly state: RootSwapState;
  readonly completedAt?: Timestamp;
}

export interface CommandOutcome {
  readonly state: 'running' | 'succeeded' | 'failed';
  /** What Systems Manager says of it, with the end of what the command printed. */
  readonly detail: string;
}

export interface RecoveryReader {
  /** `undefined` when the instance is gone. */
  capability(instanceId: string): Promise<RecoveryCapability | undefined>;
  rootSwap(taskId: string): Promise<RootSwap | undefined>;
}

export interface Rebooter {
  /** Asks for a reboot; EC2 does it within minutes. Asking twice is a second reboot at most, which harms no more than the first. */
  reboot(instanceId: string): Promise<void>;
}

export interface RootSwapRequest {
  readonly remediationId: string;
  readonly attempt: number;
  readonly instanceId: string;
  readonly imageId: string;
}

export interface RootSwapper {
  /** The root volume that it has now; `undefined` when there is none. */
  rootVolumeOf(instanceId: string): Promise<string | undefined>;
  /** Tags a root volume that was replaced: it stays as evidence until the reaper deletes it. */
  keep(volumeId: string, tags: Readonly<Record<string, string>>): Promise<void>;
  /** Client token = remediation and attempt; the replaced volume is kept as evidence. */
  swap(request: RootSwapRequest): Promise<{ readonly taskId: string }>;
}

export interface RestartRequest {
  readonly remediationId: string;
  readonly instanceId: string;
  /** A document of Run Command that takes the parameter `service`; without it the service manager of a Linux host is asked. */
  readonly document?: string;
  readonly service: string;
}

export interface ProcessRestarter {
  /** Finds the command that an earlier, unanswered call sent for this remediation, else sends it. */
  restart(request: RestartRequest): Promise<{ readonly commandId: string }>;
  /** `undefined` while Systems Manager does not list it yet. */
  outcome(commandId: string, instanceId: string): Promise<CommandOutcome | undefined>;
}

/** What changing phases use of it. */
export interface RecoveryPorts {
  readonly rebooter: Rebooter;
  readonly rootSwapper: RootSwapper;
  readonly processRestarter: ProcessRestarter;
}
