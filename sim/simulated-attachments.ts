import { PermanentError } from '../core/environment/errors.ts';
import type { Clock } from '../core/environment/ports.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import { tagKeys } from '../core/inventory/records.ts';
import type {
  AddressMover,
  AssociationMover,
  AttachmentPorts,
  DnsRecordMover,
  DnsRecordName,
  InterfaceMover,
  InterfacePlace,
  PrimaryInterface,
  SnapshotFacts,
  SnapshotTaker,
  VolumeMover,
  VolumePlace,
} from '../core/remediation/surroundings/attachment-ports.ts';
import type { Capture, CapturedDnsRecord } from '../core/remediation/surroundings/capture.ts';
import type { InstanceFacts } from '../core/remediation/ports.ts';
import type { SnapshotKeeper } from '../core/remediation/reaper/reaping-ports.ts';
import { lostAddresses } from '../core/remediation/preflight/reachability.ts';

/** Who holds a volume or an interface, and until when that changes. */
interface Holding {
  readonly instanceId: string;
  /** Device name or device index. */
  readonly place: string;
  readonly attachedAt: Timestamp;
  /** Set when it comes off; until then it is `detaching`. */
  detachedAt?: Timestamp;
  deleteOnTermination: boolean;
}

interface SimulatedVolume {
  readonly volumeId: string;
  holding: Holding | undefined;
  isDeleted: boolean;
}

interface SimulatedInterface {
  readonly networkInterfaceId: string;
  readonly privateIpAddresses: readonly string[];
  holding: Holding | undefined;
  isDeleted: boolean;
}

interface SimulatedElasticIp {
  readonly allocationId: string;
  readonly publicIpAddress: string;
  networkInterfaceId: string | undefined;
  privateIpAddress: string | undefined;
}

interface SimulatedRecord extends DnsRecordName {
  readonly zoneName: string;
  values: readonly string[];
}

interface SimulatedSnapshot extends SnapshotFacts {
  readonly tags: Readonly<Record<string, string>>;
  readonly completedAt: Timestamp;
}

export interface AttachmentTimes {
  readonly attachSeconds: number;
  readonly detachSeconds: number;
  readonly snapshotSeconds: number;
  readonly dnsSeconds: number;
}

const defaultTimes: AttachmentTimes = { attachSeconds: 4, detachSeconds: 6, snapshotSeconds: 45, dnsSeconds: 20 };

interface HeldParts {
  readonly volumes: Capture['volumes'];
  readonly secondaryInterfaces: NonNullable<Capture['secondaryInterfaces']>;
}

/** What a world gives an instance beside what `InstanceSeed` says. */
export interface AttachmentSeed {
  readonly volumes?: readonly { readonly volumeId: string; readonly deviceName: string; readonly deleteOnTermination?: boolean }[];
  readonly interfaces?: readonly {
    readonly networkInterfaceId: string;
    readonly deviceIndex: number;
    readonly privateIpAddresses: readonly string[];
    readonly deleteOnTermination?: boolean;
  }[];
  readonly secondaryPrivateIpAddresses?: readonly string[];
  /** `on` a secondary private address or interface address; the primary address where it is absent. */
  readonly elasticIps?: readonly { readonly allocationId: string; readonly publicIpAddress: string; readonly on?: string }[];
  readonly records?: readonly { readonly zoneName: string; readonly name: string; readonly type: string; readonly values: readonly string[] }[];
  readonly associations?: readonly { readonly associationId: string; readonly documentName: string }[];
}

export const primaryInterfaceId = (instanceId: string): string => `eni-of-${instanceId}`;

/**
 * Volumes, interfaces, addresses, DNS records and associations of a simulated region: the in-memory fake of every port of
 * `core/remediation/surroundings/attachment-ports.ts`. Time makes their states, so that only the clock moves them.
 */
export class SimulatedAttachments implements AttachmentPorts {
  readonly #clock: Clock;
  readonly #times: AttachmentTimes;
  readonly #instanceOf: (instanceId: string) => InstanceFacts | undefined;
  readonly #volumes = new Map<string, SimulatedVolume>();
  /** Instances that have had a volume at some time. */
  readonly #everHeld = new Set<string>();
  readonly #interfaces = new Map<string, SimulatedInterface>();
  /** Secondary private address → the interface that has it. */
  readonly #privateAddresses = new Map<string, string>();
  readonly #elasticIps = new Map<string, SimulatedElasticIp>();
  readonly #records: SimulatedRecord[] = [];
  readonly #associations = new Map<string, { readonly documentName: string; targets: readonly string[] }>();
  readonly #snapshots = new Map<string, SimulatedSnapshot>();
  readonly #changes = new Map<string, Timestamp>();
  readonly #busy = new Set<string>();

  constructor(clock: Clock, instanceOf: (instanceId: string) => InstanceFacts | undefined, times: Partial<AttachmentTimes> = {}) {
    this.#clock = clock;
    this.#instanceOf = instanceOf;
    this.#times = { ...defaultTimes, ...times };
  }

  // --- building and disturbing the world -------------------------------------------------------------------------

  give(instanceId: string, seed: AttachmentSeed): void {
    this.#giveDetachables(instanceId, seed);
    this.#giveAddresses(instanceId, seed);
    for (const record of seed.records ?? []) this.#records.push({ ...record, hostedZoneId: `zone-of-${record.zoneName}` });
    for (const { associationId, documentName } of seed.associations ?? []) this.#associations.set(associationId, { documentName, targets: [instanceId] });
  }

  #giveDetachables(instanceId: string, { volumes = [], interfaces = [] }: AttachmentSeed): void {
    const attachedAt = this.#clock.now();
    if (volumes.length > 0) this.#everHeld.add(instanceId);
    for (const { volumeId, deviceName, deleteOnTermination = false } of volumes)
      this.#volumes.set(volumeId, { volumeId, isDeleted: false, holding: { instanceId, place: deviceName, attachedAt, deleteOnTermination } });
    for (const { networkInterfaceId, deviceIndex, privateIpAddresses, deleteOnTermination = false } of interfaces) {
      const holding = { instanceId, place: String(deviceIndex), attachedAt, deleteOnTermination };
      this.#interfaces.set(networkInterfaceId, { networkInterfaceId, privateIpAddresses, isDeleted: false, holding });
    }
  }

  #giveAddresses(instanceId: string, { secondaryPrivateIpAddresses = [], elasticIps = [] }: AttachmentSeed): void {
    for (const address of secondaryPrivateIpAddresses) this.#privateAddresses.set(address, primaryInterfaceId(instanceId));
    for (const { allocationId, publicIpAddress, on } of elasticIps) {
      const holder = [...this.#interfaces.values()].find(({ privateIpAddresses }) => on !== undefined && privateIpAddresses.includes(on));
      const networkInterfaceId = holder?.networkInterfaceId ?? primaryInterfaceId(instanceId);
      this.#elasticIps.set(allocationId, { allocationId, publicIpAddress, networkInterfaceId, privateIpAddress: on ?? this.#addressOf(instanceId) });
    }
  }

  /** It stays `busy` when it is detached, unless by force. */
  keepBusy(id: string): void {
    this.#busy.add(id);
  }

  removeVolume(volumeId: string): void {
    this.#need(this.#volumes, volumeId).isDeleted = true;
  }

  /** By a person, without any port. */
  giveElasticIp(allocationId: string, networkInterfaceId: string): void {
    this.#need(this.#elasticIps, allocationId).networkInterfaceId = networkInterfaceId;
  }

  setRecord(name: string, values: readonly string[]): void {
    for (const record of this.#records.filter((candidate) => candidate.name === name)) record.values = values;
  }

  /** Who holds this volume or interface; of an address, record or association as {@link holders} says. `undefined` when it is unknown. */
  holderOf(thing: string): string | undefined {
    const held = this.#volumes.get(thing) ?? this.#interfaces.get(thing);
    if (held === undefined) return this.holders()[thing];
    return held.isDeleted ? 'deleted' : (this.#settled(held)?.instanceId ?? 'nobody');
  }

  /** Who holds what, for assertions: each thing once, by its id. */
  holders(): Readonly<Record<string, string>> {
    const held = [...this.#volumes.values(), ...this.#interfaces.values()].map((thing) => {
      const id = 'volumeId' in thing ? thing.volumeId : thing.networkInterfaceId;
      return [id, thing.isDeleted ? 'deleted' : (this.#settled(thing)?.instanceId ?? 'nobody')] as const;
    });
    const addresses = [...this.#elasticIps.values()].map(
      ({ publicIpAddress, networkInterfaceId }) => [publicIpAddress, this.#ownerOf(networkInterfaceId)] as const,
    );
    const secondary = [...this.#privateAddresses].map(([address, networkInterfaceId]) => [address, this.#ownerOf(networkInterfaceId)] as const);
    const records = this.#records.map(({ name, values }) => [name, values.join(',')] as const);
    const associations = [...this.#associations].map(([id, { targets }]) => [id, targets.join(',')] as const);
    return Object.fromEntries([...held, ...addresses, ...secondary, ...records, ...associations]);
  }

  /** What would end with the instance now, beside its root. */
  endingWith(instanceId: string): readonly string[] {
    return [...this.#volumes.values(), ...this.#interfaces.values()].flatMap((thing) => {
      const holding = this.#settled(thing);
      const id = 'volumeId' in thing ? thing.volumeId : thing.networkInterfaceId;
      return holding?.instanceId === instanceId && holding.deleteOnTermination ? [id] : [];
    });
  }

  snapshotsTaken(): readonly SnapshotFacts[] {
    return [...this.#snapshots.values()];
  }

  // --- what a region says of its instances ----------------------------------------------------------------------

  dataVolumesOf(instanceId: string): readonly string[] {
    // Asked for every instance at every look; few ever have a volume.
    if (!this.#everHeld.has(instanceId)) return [];
    return [...this.#volumes.values()].filter((volume) => this.#settled(volume)?.instanceId === instanceId).map(({ volumeId }) => volumeId);
  }

  /** The parts of a capture that are kept here. */
  captureOf(facts: InstanceFacts, hostedZones: readonly string[]): Partial<Capture> {
    const { instanceId } = facts;
    const volumes = [...this.#volumes.values()].flatMap((volume) => {
      const holding = this.#settled(volume);
      if (holding?.instanceId !== instanceId) return [];
      const { deleteOnTermination, place: deviceName } = holding;
      return [{ volumeId: volume.volumeId, deviceName, isRoot: false, deleteOnTermination, sizeGiB: 10, volumeType: 'gp3', encrypted: false }];
    });
    const secondaryInterfaces = [...this.#interfaces.values()].flatMap(({ networkInterfaceId, privateIpAddresses, ...thing }) => {
      const holding = this.#settled(thing);
      if (holding?.instanceId !== instanceId) return [];
      const { deleteOnTermination, place } = holding;
      return [
        { networkInterfaceId, deviceIndex: Number(place), deleteOnTermination, privateIpAddresses: [...privateIpAddresses], securityGroupIds: ['sg-web'] },
      ];
    });
    return this.#captureReachable(facts, { volumes, secondaryInterfaces }, hostedZones);
  }

  #captureReachable(facts: InstanceFacts, held: HeldParts, hostedZones: readonly string[]): Partial<Capture> {
    const { instanceId } = facts;
    const own = [primaryInterfaceId(instanceId), ...held.secondaryInterfaces.map(({ networkInterfaceId }) => networkInterfaceId)];
    const elasticIps = [...this.#elasticIps.values()].flatMap(({ allocationId, publicIpAddress, networkInterfaceId, privateIpAddress }) =>
      networkInterfaceId !== undefined && privateIpAddress !== undefined && own.includes(networkInterfaceId)
        ? [{ allocationId, publicIpAddress, networkInterfaceId, privateIpAddress }]
        : [],
    );
    const associations = [...this.#associations].flatMap(([associationId, { documentName, targets }]) =>
      targets.includes(instanceId) ? [{ associationId, documentName }] : [],
    );
    const primaryInterface = {
      networkInterfaceId: primaryInterfaceId(instanceId),
      secondaryPrivateIpAddresses: this.#secondaryOf(primaryInterfaceId(instanceId)),
    };
    const reachable = { elasticIps, ...(facts.privateIpAddress === undefined ? {} : { privateIpAddress: facts.privateIpAddress }) };
    return { ...held, ...reachable, primaryInterface, associations, dnsRecords: this.#recordsOf(lostAddresses(reachable), hostedZones) };
  }

  #recordsOf(lost: readonly string[], hostedZones: readonly string[]): CapturedDnsRecord[] {
    const named = this.#records.filter(({ zoneName, values }) => hostedZones.includes(zoneName) && values.some((value) => lost.includes(value)));
    return named.map(({ hostedZoneId, name, type, values }) => ({ hostedZoneId, name, type, values: [...values] }));
  }

  // --- time ------------------------------------------------------------------------------------------------------

  #need<Value>(things: ReadonlyMap<string, Value>, id: string): Value {
    const thing = things.get(id);
    if (thing === undefined) throw new PermanentError(`There is no ${id}.`);
    return thing;
  }

  /** Who holds it now; what ended has let go of it, or taken it along. */
  #settled(thing: { holding: Holding | undefined; isDeleted: boolean }): Holding | undefined {
    const { holding } = thing;
    if (holding === undefined || thing.isDeleted) return undefined;
    const holder = this.#instanceOf(holding.instanceId);
    if (holder?.state === 'terminated') {
      thing.holding = undefined;
      thing.isDeleted = holding.deleteOnTermination;
    } else if (holding.detachedAt !== undefined && this.#clock.now() >= holding.detachedAt) thing.holding = undefined;
    return thing.holding;
  }

  #detach(id: string, thing: { holding: Holding | undefined; isDeleted: boolean }, isForced: boolean): void {
    const holding = this.#settled(thing);
    if (holding === undefined || (holding.detachedAt !== undefined && !isForced)) return;
    holding.detachedAt = addSeconds(this.#clock.now(), this.#busy.has(id) && !isForced ? 1_000_000 : this.#times.detachSeconds);
  }

  #attach(id: string, thing: { holding: Holding | undefined; isDeleted: boolean }, instanceId: string, place: string): void {
    const holding = this.#settled(thing);
    if (thing.isDeleted) throw new PermanentError(`${id} does not exist any more.`);
    if (holding?.instanceId === instanceId && holding.detachedAt === undefined) return;
    if (holding !== undefined) throw new PermanentError(`${id} is in use by ${holding.instanceId}.`);
    if (this.#instanceOf(instanceId) === undefined) throw new PermanentError(`There is no instance ${instanceId}.`);
    this.#everHeld.add(instanceId);
    thing.holding = { instanceId, place, attachedAt: addSeconds(this.#clock.now(), this.#times.attachSeconds), deleteOnTermination: false };
  }

  /** EC2's words for both. */
  #stateOf(id: string, holding: Holding | undefined): { readonly state: string; readonly attachmentState?: string; readonly instanceId?: string } {
    if (holding === undefined) return { state: 'available' };
    const { instanceId, detachedAt, attachedAt } = holding;
    const leaving = this.#busy.has(id) ? 'busy' : 'detaching';
    const settledState = this.#clock.now() < attachedAt ? 'attaching' : 'attached';
    return { state: 'in-use', instanceId, attachmentState: detachedAt === undefined ? settledState : leaving };
  }

  #addressOf(instanceId: string): string {
    return this.#instanceOf(instanceId)?.privateIpAddress ?? '';
  }

  #secondaryOf(networkInterfaceId: string): string[] {
    return [...this.#privateAddresses].flatMap(([address, holder]) => (holder === networkInterfaceId ? [address] : []));
  }

  #ownerOf(networkInterfaceId: string | undefined): string {
    const secondary = networkInterfaceId === undefined ? undefined : this.#interfaces.get(networkInterfaceId);
    return secondary === undefined ? (networkInterfaceId ?? 'nobody').replace(/^eni-of-/, '') : (this.#settled(secondary)?.instanceId ?? 'nobody');
  }

  // --- the ports -------------------------------------------------------------------------------------------------

  readonly volumes: VolumeMover = {
    read: async (volumeId): Promise<VolumePlace | undefined> => {
      const volume = this.#volumes.get(volumeId);
      const holding = volume === undefined ? undefined : this.#settled(volume);
      if (volume === undefined || volume.isDeleted) return undefined;
      const where = holding === undefined ? {} : { deviceName: holding.place, deleteOnTermination: holding.deleteOnTermination };
      return { volumeId, ...this.#stateOf(volumeId, holding), ...where };
    },
    detach: async (volumeId, _instanceId, isForced) => this.#detach(volumeId, this.#need(this.#volumes, volumeId), isForced),
    attach: async (volumeId, instanceId, deviceName) => this.#attach(volumeId, this.#need(this.#volumes, volumeId), instanceId, deviceName),
    setDeleteOnTermination: async (instanceId, deviceName, isDeleted) => {
      const holding = [...this.#volumes.values()]
        .map((volume) => this.#settled(volume))
        .find((held) => held?.instanceId === instanceId && held.place === deviceName);
      if (holding === undefined) throw new PermanentError(`${instanceId} has nothing at ${deviceName}.`);
      holding.deleteOnTermination = isDeleted;
    },
  };

  readonly interfaces: InterfaceMover = {
    read: async (networkInterfaceId): Promise<InterfacePlace | undefined> => {
      const found = this.#interfaces.get(networkInterfaceId);
      const holding = found === undefined ? undefined : this.#settled(found);
      if (found === undefined || found.isDeleted) return undefined;
      const where = holding === undefined ? {} : { deviceIndex: Number(holding.place), deleteOnTermination: holding.deleteOnTermination };
      return { networkInterfaceId, ...this.#stateOf(networkInterfaceId, holding), ...where };
    },
    detach: async (networkInterfaceId, isForced) => this.#detach(networkInterfaceId, this.#need(this.#interfaces, networkInterfaceId), isForced),
    attach: async (networkInterfaceId, instanceId, deviceIndex) =>
      this.#attach(networkInterfaceId, this.#need(this.#interfaces, networkInterfaceId), instanceId, String(deviceIndex)),
    setDeleteOnTermination: async (networkInterfaceId, isDeleted) => {
      const holding = this.#settled(this.#need(this.#interfaces, networkInterfaceId));
      if (holding === undefined) throw new PermanentError(`${networkInterfaceId} is not attached.`);
      holding.deleteOnTermination = isDeleted;
    },
    primary: async (instanceId): Promise<PrimaryInterface | undefined> => {
      const facts = this.#instanceOf(instanceId);
      if (facts?.privateIpAddress === undefined || facts.state === 'terminated') return undefined;
      const networkInterfaceId = primaryInterfaceId(instanceId);
      return { networkInterfaceId, privateIpAddress: facts.privateIpAddress, secondaryPrivateIpAddresses: this.#secondaryOf(networkInterfaceId) };
    },
    assignPrivateAddresses: async (networkInterfaceId, addresses) => {
      for (const address of addresses) {
        this.#privateAddresses.set(address, networkInterfaceId);
        // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssignPrivateIpAddresses.html: an Elastic IP address on it moves too.
        for (const elasticIp of this.#elasticIps.values()) if (elasticIp.privateIpAddress === address) elasticIp.networkInterfaceId = networkInterfaceId;
      }
    },
  };

  readonly addresses: AddressMover = {
    read: async (allocationId) => {
      const found = this.#elasticIps.get(allocationId);
      if (found === undefined) return undefined;
      const { publicIpAddress, networkInterfaceId, privateIpAddress } = found;
      const where = networkInterfaceId === undefined || privateIpAddress === undefined ? {} : { networkInterfaceId, privateIpAddress };
      return { allocationId, publicIpAddress, ...where };
    },
    associate: async (allocationId, networkInterfaceId, privateIpAddress) => {
      const elasticIp = this.#need(this.#elasticIps, allocationId);
      elasticIp.networkInterfaceId = networkInterfaceId;
      elasticIp.privateIpAddress = privateIpAddress;
    },
  };

  #recordOf({ hostedZoneId, name, type }: DnsRecordName): SimulatedRecord | undefined {
    return this.#records.find((record) => record.hostedZoneId === hostedZoneId && record.name === name && record.type === type);
  }

  readonly dnsRecords: DnsRecordMover = {
    read: async (name) => this.#recordOf(name)?.values,
    replace: async (name, expected, values) => {
      const record = this.#recordOf(name);
      if (record === undefined || record.values.join() !== expected.join()) throw new PermanentError(`The record ${name.name} is not what it was.`);
      record.values = values;
      const changeId = `change-${this.#changes.size + 1}`;
      this.#changes.set(changeId, addSeconds(this.#clock.now(), this.#times.dnsSeconds));
      return { changeId };
    },
    isInSync: async (changeId) => this.#clock.now() >= this.#need(this.#changes, changeId),
  };

  readonly associations: AssociationMover = {
    targets: async (associationId) => this.#associations.get(associationId)?.targets,
    retarget: async (associationId, fromInstanceId, toInstanceId) => {
      const association = this.#need(this.#associations, associationId);
      association.targets = [...new Set(association.targets.map((target) => (target === fromInstanceId ? toInstanceId : target)))];
    },
  };

  /** Puts a snapshot there that was taken long ago, by a repair or by its owner. */
  addSnapshot(snapshot: {
    readonly snapshotId: string;
    readonly volumeId: string;
    readonly startedAt: Timestamp;
    readonly tags: Readonly<Record<string, string>>;
  }): void {
    this.#snapshots.set(snapshot.snapshotId, { ...snapshot, state: 'completed', completedAt: snapshot.startedAt });
  }

  readonly oldSnapshots: SnapshotKeeper = {
    olderThan: async (at) =>
      [...this.#snapshots.values()].filter(
        ({ tags, startedAt, completedAt }) => tags[tagKeys.remediation] !== undefined && startedAt < at && completedAt <= this.#clock.now(),
      ),
    hasYounger: async (volumeId, at) =>
      [...this.#snapshots.values()].some((other) => other.volumeId === volumeId && other.startedAt > at && other.completedAt <= this.#clock.now()),
    delete: async (snapshotId) => void this.#snapshots.delete(snapshotId),
  };

  readonly snapshots: SnapshotTaker = {
    take: async (_instanceId, volumeIds, tags) => {
      const earlier = [...this.#snapshots.values()].filter((snapshot) => JSON.stringify(snapshot.tags) === JSON.stringify(tags));
      if (earlier.length > 0) return earlier;
      const startedAt = this.#clock.now();
      for (const volumeId of volumeIds) {
        const snapshotId = `snap-${this.#snapshots.size + 1}`;
        const completedAt = addSeconds(startedAt, this.#times.snapshotSeconds);
        this.#snapshots.set(snapshotId, { snapshotId, volumeId, state: 'pending', startedAt, tags, completedAt });
      }
      return [...this.#snapshots.values()].filter((snapshot) => JSON.stringify(snapshot.tags) === JSON.stringify(tags));
    },
    read: async (snapshotIds) =>
      [...this.#snapshots.values()]
        .filter(({ snapshotId }) => snapshotIds.includes(snapshotId))
        .map(({ snapshotId, volumeId, startedAt, completedAt }) => ({
          snapshotId,
          volumeId,
          startedAt,
          state: this.#clock.now() >= completedAt ? 'completed' : 'pending',
        })),
  };
}
