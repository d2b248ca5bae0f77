import { PermanentError } from '../core/environment/errors.ts';
import type { ImageSnapshot, InstanceTypeFacts, PreflightReader } from '../core/remediation/preflight/preflight-ports.ts';

/** Of every type of which nobody has said otherwise. */
const usualType: Omit<InstanceTypeFacts, 'instanceType'> = {
  architectures: ['x86_64'],
  bootModes: ['legacy-bios', 'uefi'],
  virtualizationTypes: ['hvm'],
  rootDeviceTypes: ['ebs'],
  enaSupport: 'required',
};

/** The in-memory fake of `core/remediation/preflight/preflight-ports.ts`: everything fits, exists and is offered, until it is told otherwise. */
export class SimulatedPreflight {
  readonly #types = new Map<string, Partial<InstanceTypeFacts>>();
  /** `type zone`. */
  readonly #withdrawn = new Set<string>();
  readonly #snapshots = new Map<string, Partial<ImageSnapshot>>();
  readonly #lostSnapshots = new Set<string>();
  readonly #keys = new Map<string, string | undefined>();
  readonly #deniedKeys = new Set<string>();
  readonly #freeAddresses = new Map<string, number | undefined>();

  setType(instanceType: string, facts: Partial<InstanceTypeFacts>): void {
    this.#types.set(instanceType, facts);
  }

  /** The zone does not offer the type any more. */
  withdrawType(instanceType: string, availabilityZone: string): void {
    this.#withdrawn.add(`${instanceType} ${availabilityZone}`);
  }

  setSnapshot(snapshotId: string, facts: Partial<ImageSnapshot>): void {
    this.#snapshots.set(snapshotId, facts);
  }

  loseSnapshot(snapshotId: string): void {
    this.#lostSnapshots.add(snapshotId);
  }

  /** `undefined`: there is no such key. */
  setKeyState(keyId: string, state: string | undefined): void {
    this.#keys.set(keyId, state);
  }

  /** Nobody may ask about the key. */
  denyKey(keyId: string): void {
    this.#deniedKeys.add(keyId);
  }

  /** `undefined`: there is no such subnet. */
  setFreeAddresses(subnetId: string, count: number | undefined): void {
    this.#freeAddresses.set(subnetId, count);
  }

  readonly reader: PreflightReader = {
    instanceTypes: async (names) => names.map((instanceType) => ({ ...usualType, instanceType, ...this.#types.get(instanceType) })),
    offeredTypes: async (names, zone) => names.filter((name) => !this.#withdrawn.has(`${name} ${zone}`)),
    snapshots: async (ids) =>
      ids
        .filter((snapshotId) => !this.#lostSnapshots.has(snapshotId))
        .map((snapshotId) => ({ snapshotId, state: 'completed', ...this.#snapshots.get(snapshotId) })),
    keyState: async (keyId) => {
      if (this.#deniedKeys.has(keyId)) throw new PermanentError(`AccessDeniedException: not authorized to perform kms:DescribeKey on ${keyId}.`);
      return this.#keys.has(keyId) ? this.#keys.get(keyId) : 'Enabled';
    },
    freeAddresses: async (subnetId) => (this.#freeAddresses.has(subnetId) ? this.#freeAddresses.get(subnetId) : 250),
  };
}
