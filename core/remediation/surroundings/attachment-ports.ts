/**
 * What moves with an instance to its replacement, and back. Every method may throw `RetryableError` and `PermanentError` as the other
 * ports do; every mutating one is idempotent; nothing here deletes a volume, an interface, an address, a record or an association.
 */

/** Where an EBS volume is, in EC2's words (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Volume.html). */
export interface VolumePlace {
  readonly volumeId: string;
  /** `creating | available | in-use | deleting | deleted | error`. */
  readonly state: string;
  /** The instance that holds it, also while it is being attached or detached. */
  readonly instanceId?: string;
  readonly deviceName?: string;
  /** `attaching | attached | detaching | busy`. */
  readonly attachmentState?: string;
  readonly deleteOnTermination?: boolean;
}

export interface VolumeMover {
  /** `undefined`: there is no such volume. */
  read(volumeId: string): Promise<VolumePlace | undefined>;
  /** `isForced` may lose what is not written yet: only for a holder that does not run. */
  detach(volumeId: string, instanceId: string, isForced: boolean): Promise<void>;
  attach(volumeId: string, instanceId: string, deviceName: string): Promise<void>;
  setDeleteOnTermination(instanceId: string, deviceName: string, isDeleted: boolean): Promise<void>;
}

/** Where a network interface is (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterface.html). */
export interface InterfacePlace {
  readonly networkInterfaceId: string;
  /** `available | associated | attaching | in-use | detaching`. */
  readonly state: string;
  readonly instanceId?: string;
  readonly deviceIndex?: number;
  /** `attaching | attached | detaching | detached`. */
  readonly attachmentState?: string;
  readonly deleteOnTermination?: boolean;
}

/** The interface that an instance is launched with and can never give away. */
export interface PrimaryInterface {
  readonly networkInterfaceId: string;
  readonly privateIpAddress: string;
  readonly secondaryPrivateIpAddresses: readonly string[];
  /** Elastic or assigned by EC2. */
  readonly publicIpAddress?: string;
  readonly privateDnsName?: string;
  readonly publicDnsName?: string;
}

export interface InterfaceMover {
  read(networkInterfaceId: string): Promise<InterfacePlace | undefined>;
  detach(networkInterfaceId: string, isForced: boolean): Promise<void>;
  attach(networkInterfaceId: string, instanceId: string, deviceIndex: number): Promise<void>;
  setDeleteOnTermination(networkInterfaceId: string, isDeleted: boolean): Promise<void>;
  /** `undefined`: the instance is gone, or EC2 does not list it yet. */
  primary(instanceId: string): Promise<PrimaryInterface | undefined>;
  /** Puts secondary private addresses on this interface, wherever they are now. An Elastic IP address on one of them moves with it. */
  assignPrivateAddresses(networkInterfaceId: string, addresses: readonly string[]): Promise<void>;
}

/** Where an Elastic IP address points. */
export interface AddressPlace {
  readonly allocationId: string;
  readonly publicIpAddress: string;
  readonly networkInterfaceId?: string;
  readonly privateIpAddress?: string;
}

export interface AddressMover {
  read(allocationId: string): Promise<AddressPlace | undefined>;
  /** Also takes it from where it is. */
  associate(allocationId: string, networkInterfaceId: string, privateIpAddress: string): Promise<void>;
}

/** Names one record set of a hosted zone. */
export interface DnsRecordName {
  readonly hostedZoneId: string;
  readonly name: string;
  readonly type: string;
  /** Of a record set with a routing policy. */
  readonly setIdentifier?: string | undefined;
}

export interface DnsRecordMover {
  /** Its values now; `undefined`: there is no such record set. */
  read(record: DnsRecordName): Promise<readonly string[] | undefined>;
  /** Writes the values if they still are `expected`, and changes nothing else of the record set. Errors: `PermanentError` when they are not. */
  replace(record: DnsRecordName, expected: readonly string[], values: readonly string[]): Promise<{ readonly changeId: string }>;
  /** True when every name server of Route 53 answers with the change. */
  isInSync(changeId: string): Promise<boolean>;
}

export interface AssociationMover {
  /** The instances that it names by id; `undefined`: there is no such association. */
  targets(associationId: string): Promise<readonly string[] | undefined>;
  /** Names the one instead of the other and leaves all else as it is. */
  retarget(associationId: string, fromInstanceId: string, toInstanceId: string): Promise<void>;
}

export interface SnapshotFacts {
  readonly snapshotId: string;
  readonly volumeId: string;
  /** `pending | completed | error | recoverable | recovering`. */
  readonly state: string;
  readonly startedAt: string;
}

export interface SnapshotTaker {
  /** Snapshots of these volumes of one instance at one moment, tagged; finds those of an earlier, unanswered call by the tags. */
  take(instanceId: string, volumeIds: readonly string[], tags: Readonly<Record<string, string>>): Promise<readonly SnapshotFacts[]>;
  read(snapshotIds: readonly string[]): Promise<readonly SnapshotFacts[]>;
}

/** All of them, as the phases that change AWS have them. */
export interface AttachmentPorts {
  readonly volumes: VolumeMover;
  readonly interfaces: InterfaceMover;
  readonly addresses: AddressMover;
  readonly dnsRecords: DnsRecordMover;
  readonly associations: AssociationMover;
  readonly snapshots: SnapshotTaker;
}
