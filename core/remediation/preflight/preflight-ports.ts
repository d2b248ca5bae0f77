/*
 * What is asked before a launch beside its image and EC2's dry run. Errors as in `ports.ts`: `undefined`, or a missing row, is only ever
 * AWS's own "there is no such thing".
 */

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceTypeInfo.html; an empty list: EC2 does not say. */
export interface InstanceTypeFacts {
  readonly instanceType: string;
  readonly architectures: readonly string[];
  /** `legacy-bios | uefi`. */
  readonly bootModes: readonly string[];
  /** `hvm | paravirtual`. */
  readonly virtualizationTypes: readonly string[];
  /** `ebs | instance-store`. */
  readonly rootDeviceTypes: readonly string[];
  /** `unsupported | supported | required`. */
  readonly enaSupport: string;
}

export interface ImageSnapshot {
  readonly snapshotId: string;
  /** `pending | completed | error | recoverable | recovering`. */
  readonly state: string;
  /** ARN of the key that it is encrypted with. */
  readonly kmsKeyId?: string;
}

export interface PreflightReader {
  /** Types that EC2 does not know are missing in the answer. */
  instanceTypes(names: readonly string[]): Promise<readonly InstanceTypeFacts[]>;
  /** Those of the types that are offered in the zone. Being offered says nothing of the capacity there is now. */
  offeredTypes(names: readonly string[], availabilityZone: string): Promise<readonly string[]>;
  /** Those of the snapshots that exist and are visible to this account. */
  snapshots(snapshotIds: readonly string[]): Promise<readonly ImageSnapshot[]>;
  /** For example `Enabled`, `Disabled`, `PendingDeletion`; `undefined` when there is no such key. */
  keyState(keyId: string): Promise<string | undefined>;
  /** `undefined` when there is no such subnet. */
  freeAddresses(subnetId: string): Promise<number | undefined>;
}
