import { PermanentError } from '../core/environment/errors.ts';
import { tagKeys } from '../core/inventory/records.ts';
import type { InstanceFacts } from '../core/remediation/ports.ts';
import type { LeftBehind, LooseInterface, LooseVolume } from '../core/remediation/reaper/reaping-ports.ts';

/** What launches left behind, in memory: volumes and interfaces that nobody has attached. */
export class SimulatedLeftBehind implements LeftBehind {
  readonly #instances: () => readonly InstanceFacts[];
  readonly #volumes = new Map<string, LooseVolume>();
  readonly #interfaces = new Map<string, LooseInterface>();
  readonly #rootSnapshots = new Map<string, string>();
  readonly #attached = new Set<string>();

  constructor(instances: () => readonly InstanceFacts[]) {
    this.#instances = instances;
  }

  addVolume(volume: LooseVolume): void {
    this.#volumes.set(volume.volumeId, volume);
  }

  findVolume(volumeId: string): LooseVolume | undefined {
    return this.#volumes.get(volumeId);
  }

  tagVolume(volumeId: string, tags: Readonly<Record<string, string>>): void {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) throw new PermanentError(`There is no volume ${volumeId}.`);
    this.#volumes.set(volumeId, { ...volume, tags: { ...volume.tags, ...tags } });
  }

  addInterface(loose: LooseInterface): void {
    this.#interfaces.set(loose.networkInterfaceId, loose);
  }

  setRootSnapshot(imageId: string, snapshotId: string): void {
    this.#rootSnapshots.set(imageId, snapshotId);
  }

  /** Somebody attaches it between the look and the deletion. */
  attach(id: string): void {
    this.#attached.add(id);
  }

  async instances(): Promise<readonly InstanceFacts[]> {
    return this.#instances().filter(({ tags, state }) => tags[tagKeys.remediation] !== undefined && state !== 'terminated' && state !== 'shutting-down');
  }

  async volumes(): Promise<readonly LooseVolume[]> {
    return [...this.#volumes.values()].filter(({ tags }) => tags[tagKeys.remediation] !== undefined);
  }

  async interfaces(): Promise<readonly LooseInterface[]> {
    return [...this.#interfaces.values()].filter(({ tags }) => tags[tagKeys.remediation] !== undefined);
  }

  async rootSnapshotOf(imageId: string): Promise<string | undefined> {
    return this.#rootSnapshots.get(imageId);
  }

  async deleteVolume(volumeId: string): Promise<void> {
    this.#refuseAttached(volumeId);
    this.#volumes.delete(volumeId);
  }

  async deleteInterface(networkInterfaceId: string): Promise<void> {
    this.#refuseAttached(networkInterfaceId);
    this.#interfaces.delete(networkInterfaceId);
  }

  #refuseAttached(id: string): void {
    if (this.#attached.has(id)) throw new PermanentError(`${id} is in use.`);
  }
}
