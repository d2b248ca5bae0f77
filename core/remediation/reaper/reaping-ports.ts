import type { Timestamp } from '../../environment/time.ts';
import type { InstanceFacts } from '../ports.ts';

/*
 * What the reaper asks and ends beside quarantined instances. Every method may throw `RetryableError` and `PermanentError` as the other
 * ports do; every mutating one is idempotent and names one id a call.
 */

/** A volume nobody has attached. */
export interface LooseVolume {
  readonly volumeId: string;
  readonly createdAt: Timestamp;
  /** What it was made from; absent for one that was made empty. */
  readonly snapshotId?: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** A network interface nobody has attached. EC2 does not say when it was made. */
export interface LooseInterface {
  readonly networkInterfaceId: string;
  /** An AWS service made it for itself: not ours to delete. */
  readonly isManagedByAws: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** What launches of ours may have left behind: everything here carries the tag `perennial:remediation`. Lists are bounded. */
export interface LeftBehind {
  /** Instances that carry our tag and are not terminated; those in quarantine too. */
  instances(): Promise<readonly InstanceFacts[]>;
  /** Volumes in state `available`. */
  volumes(): Promise<readonly LooseVolume[]>;
  /** Interfaces in state `available`. */
  interfaces(): Promise<readonly LooseInterface[]>;
  /** The snapshot that the root volumes of an image's launches are made from; `undefined` when the image is gone or says none. */
  rootSnapshotOf(imageId: string): Promise<string | undefined>;
  /** Fails for one that is attached again; one that is gone is success. */
  deleteVolume(volumeId: string): Promise<void>;
  /** Fails for one that is attached again; one that is gone is success. */
  deleteInterface(networkInterfaceId: string): Promise<void>;
}

/** A snapshot of ours that is complete or has failed. */
export interface LooseSnapshot {
  readonly snapshotId: string;
  readonly volumeId: string;
  readonly startedAt: Timestamp;
  readonly tags: Readonly<Record<string, string>>;
}

/** Snapshots that carry the tag `perennial:remediation`. */
export interface SnapshotKeeper {
  /** Begun before this moment, and no longer pending; bounded. */
  olderThan(at: Timestamp): Promise<readonly LooseSnapshot[]>;
  /** Whether anybody, we or its owner, has a complete snapshot of the volume that began after this moment. */
  hasYounger(volumeId: string, at: Timestamp): Promise<boolean>;
  /** One that is gone is success; one that an image uses fails. */
  delete(snapshotId: string): Promise<void>;
}

/** A quarantined instance may still be a member of its Auto Scaling group, in standby. */
export interface MemberReleaser {
  /** `undefined` when it is in no group. */
  membership(instanceId: string): Promise<{ readonly groupName: string; readonly lifecycleState: string } | undefined>;
  /** Takes one in standby out of its group, whose size stays what it is. Ends nothing; one that has left is success. */
  release(groupName: string, instanceId: string): Promise<void>;
}

/** `absent`: there is none of this name, because it never began or AWS has forgotten it (after 90 days). */
export type ExecutionState = 'running' | 'ended' | 'absent';

/** How an execution of the driver loop stands. */
export interface ExecutionWatcher {
  stateOf(executionName: string): Promise<ExecutionState>;
}
