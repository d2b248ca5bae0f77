import { PermanentError } from '../environment/errors.ts';
import type { Timestamp } from '../environment/time.ts';
import type { Capture, CapturedTarget } from './surroundings/capture.ts';

/**
 * What the rules need from the outside, named by need. Every method may throw `RetryableError` (throttled, lost) and
 * `PermanentError` (will not work again); `undefined` is only ever AWS's own "there is no such thing".
 * Every mutating method is idempotent: called twice with the same arguments it leaves what one call leaves.
 */

/** `pending | running | stopping | stopped | shutting-down | terminated`, as EC2 says it. */
export type InstanceState = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';

export interface InstanceFacts {
  readonly instanceId: string;
  readonly state: InstanceState;
  /** Why EC2 stopped or ended it, in EC2's words. */
  readonly stateReason?: string;
  readonly launchedAt: Timestamp;
  readonly imageId: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly securityGroupIds: readonly string[];
  readonly securityGroupNames: readonly string[];
  readonly privateIpAddress?: string;
  readonly instanceProfileArn?: string;
  readonly lifecycle: 'on-demand' | 'spot';
  readonly rootDeviceType: 'ebs' | 'instance-store';
  /** Volumes beside the root. */
  readonly dataVolumeIds: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
}

export type StatusCheck = 'ok' | 'impaired' | 'initializing' | 'insufficient-data' | 'not-applicable';

export interface InstanceStatus {
  readonly instanceId: string;
  readonly system: StatusCheck;
  readonly instance: StatusCheck;
  readonly impairedSince?: Timestamp;
}

export interface InstanceReader {
  read(instanceId: string): Promise<InstanceFacts | undefined>;
  /** `undefined` when EC2 lists no status for it (it is not running). */
  readStatus(instanceId: string): Promise<InstanceStatus | undefined>;
  /** Instances of any state but terminated that carry this tag; at most 50. */
  findByTag(key: string, value: string): Promise<readonly InstanceFacts[]>;
  /** True while it belongs to an Auto Scaling group; those are repaired through their group. */
  isGroupMember(instanceId: string): Promise<boolean>;
}

/** Reads everything that a replacement must get back. */
export interface CaptureReader {
  /** `undefined` when the instance is gone or terminated. `targetGroupNames` and `hostedZones` (names) are those its system declares. */
  capture(instanceId: string, targetGroupNames: readonly string[], at: Timestamp, hostedZones?: readonly string[]): Promise<Capture | undefined>;
}

/** Elastic Load Balancing's words; `unregistered` is ours for a target that the group does not list. */
export type TargetState = 'initial' | 'healthy' | 'unhealthy' | 'draining' | 'unused' | 'unavailable' | 'unregistered';

export interface TargetHealth extends CapturedTarget {
  readonly instanceId: string;
  readonly state: TargetState;
  readonly reason?: string;
}

export interface TargetReader {
  /** One row per target asked for. */
  health(instanceId: string, targets: readonly CapturedTarget[]): Promise<readonly TargetHealth[]>;
  /** Every registered target of the named groups, for the group's unhealthy count and the traffic's view. */
  registered(targetGroupNames: readonly string[]): Promise<readonly TargetHealth[]>;
}

export interface TargetRegistrar {
  register(instanceId: string, targets: readonly CapturedTarget[]): Promise<void>;
  /** Gives the port with every target: without it only the default port is deregistered. */
  deregister(instanceId: string, targets: readonly CapturedTarget[]): Promise<void>;
}

export interface ImageFacts {
  readonly imageId: string;
  /** `pending | available | invalid | deregistered | transient | failed | error | disabled`. */
  readonly state: string;
  readonly architecture: string;
  readonly rootDeviceName: string;
  readonly rootDeviceType: 'ebs' | 'instance-store';
  readonly createdAt: Timestamp;
  /** The account that owns it. */
  readonly ownerId?: string;
  /** `legacy-bios | uefi | uefi-preferred`; absent: the default of the instance type. */
  readonly bootMode?: string;
  /** `hvm | paravirtual`. */
  readonly virtualizationType?: string;
  readonly isEnaEnabled?: boolean;
  readonly rootSizeGiB?: number;
  /** Of its volumes, the root's first. */
  readonly snapshotIds?: readonly string[];
}

export interface ImageReader {
  describe(imageId: string): Promise<ImageFacts | undefined>;
  /** Image ids the role's parameter has held, newest first, the present one at index 0; empty when there is no parameter. */
  approvedHistory(role: string): Promise<readonly string[]>;
}

export interface LaunchRequest {
  readonly remediationId: string;
  readonly attempt: number;
  readonly capture: Capture;
  readonly imageId: string;
  /** Tags of the replacement, whole. */
  readonly tags: Readonly<Record<string, string>>;
  /** Another type than the captured one, because EC2 had no capacity for that. */
  readonly instanceType?: string;
  /** Where the user data is read from in memory, and its hash checked; absent when there was none. */
  readonly userDataFrom?: string;
}

/** There was user data and no source of it is left: never launch without it. */
export class UserDataLostError extends PermanentError {
  override readonly name = 'UserDataLostError';
}

/** EC2 has no capacity for this type in this zone just now; another type may do. Nothing was launched. */
export class InsufficientCapacityError extends PermanentError {
  override readonly name = 'InsufficientCapacityError';
}

export interface ReplacementLauncher {
  /** EC2's dry run. Touches nothing; what it does not check stands in `preflight.ts`. */
  rehearse(request: LaunchRequest): Promise<{ readonly kind: 'possible' | 'impossible'; readonly reason: string }>;
  /** Client token = remediation, attempt and, where it is not the captured one, type; also finds what an earlier, unanswered call launched. */
  launch(request: LaunchRequest): Promise<{ readonly instanceId: string }>;
}

export interface InstancePower {
  stop(instanceId: string): Promise<void>;
  start(instanceId: string): Promise<void>;
}

/** What is taken from a failed instance before anything is done to it. */
export interface Evidence {
  readonly consoleOutput?: string;
  readonly collectedAt: Timestamp;
  /** What could not be had, in words. */
  readonly absent: readonly string[];
}

export interface EvidenceCollector {
  collect(instanceId: string, at: Timestamp): Promise<Evidence>;
}

export interface QuarantineKeeper {
  /** Puts every interface into a security group without rules; makes the group in the VPC when there is none. */
  isolate(instanceId: string, vpcId: string): Promise<{ readonly securityGroupId: string }>;
  /** Security groups of every interface, as they are now. */
  interfaceGroups(instanceId: string): Promise<Readonly<Record<string, readonly string[]>>>;
  /** Puts each interface back into its groups. */
  rejoin(instanceId: string, groups: Readonly<Record<string, readonly string[]>>): Promise<void>;
  /** Gives the instance a profile; one that it has already stays. */
  restoreProfile(instanceId: string, instanceProfileArn: string): Promise<void>;
  /** Takes tags of ours off and puts back what `mark` removed. */
  unmark(instanceId: string, removeTagKeys: readonly string[], tags: Readonly<Record<string, string>>): Promise<void>;
  /** Takes the instance profile away; gives its ARN, or nothing when there was none. */
  dropProfile(instanceId: string): Promise<{ readonly instanceProfileArn?: string }>;
  /** Sets our tags and removes foreign automation tags; gives what was removed, for the record. */
  mark(
    instanceId: string,
    tags: Readonly<Record<string, string>>,
    removeTagKeys: readonly string[],
  ): Promise<{ readonly removedTags: Readonly<Record<string, string>> }>;
}

/** Ends quarantined instances; only the reap role may. */
export interface InstanceTerminator {
  /** Instances that carry our quarantine tag; bounded. */
  quarantined(): Promise<readonly InstanceFacts[]>;
  /** One id a call: one protected id blocks its batch. */
  terminate(instanceId: string): Promise<void>;
}

export interface AlarmFacts {
  readonly name: string;
  readonly arn: string;
  readonly state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
  readonly stateReason: string;
  readonly changedAt: Timestamp;
  /** The instance its metrics name, when they name exactly one. */
  readonly instanceId?: string;
  readonly treatsMissingDataAsBreaching: boolean;
  /** It acts on EC2 or scaling itself: a veto. */
  readonly hasOwnAction: boolean;
  /** The alarm it was cloned from (tag `perennial:alarm-of`). */
  readonly alarmOf?: string;
}

export interface AlarmReader {
  /** At most 100 names a call. Names that do not exist are missing in the answer. */
  read(names: readonly string[]): Promise<readonly AlarmFacts[]>;
  /** Metric alarms with a name that matches one of the globs and whose metrics name this instance. */
  ofInstance(instanceId: string, nameGlobs: readonly string[]): Promise<readonly AlarmFacts[]>;
}

export interface AlarmCloner {
  /** Puts a copy of the alarm that watches `newInstanceId`, tagged `perennial:alarm-of=<original name>`; gives its name. */
  clone(alarmName: string, originalName: string, oldInstanceId: string, newInstanceId: string): Promise<{ readonly alarmName: string }>;
  /** Takes the actions off the old instance's alarm; it is deleted with the instance. */
  retire(alarmName: string): Promise<void>;
  /** Undoes `retire`. */
  revive(alarmName: string): Promise<void>;
}

/** Starts the driver loop for a remediation. */
export interface ExecutionStarter {
  /** Idempotent by name. Success never means "this call started it". */
  start(execution: { readonly name: string; readonly remediationId: string }): Promise<void>;
}

/** Arms and disarms the page that comes when a repair does not report success in time. */
export interface PageTimer {
  arm(remediationId: string, at: Timestamp): Promise<void>;
}
