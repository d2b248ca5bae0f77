import type { CompiledCatalog, RemediationPolicy, System } from '../../../core/catalog/schema.ts';
import type { InventoryReader } from '../../../core/inventory/ports.ts';
import type { SweepPorts } from '../../../core/inventory/sweep.ts';
import type { RecordKey, RecordStore, RecordWrite } from '../../../core/records/store.ts';
import { CollectingLog, VirtualClock } from '../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../sim/memory-record-store.ts';
import { SimulatedRegion } from '../../../sim/simulated-region.ts';
import { testScope, webPolicy, webSystem } from '../remediation/world.ts';

export function catalogOf(
  systems: readonly System[] = [webSystem()],
  policies: readonly RemediationPolicy[] = [webPolicy()],
  hash = 'a'.repeat(64),
): CompiledCatalog {
  return {
    formatVersion: 1,
    systems: [...systems],
    policies: [...policies],
    routes: [],
    objectives: [],
    services: [],
    provenance: { hash, commit: null, dirty: false },
  };
}

/** Counts writes, and does something right before the first one that touches a key. */
export class WatchedStore implements RecordStore {
  readonly inner: MemoryRecordStore;
  readonly written: RecordKey[] = [];
  beforeWrite: (key: RecordKey) => Promise<void> = async () => {};

  constructor(inner: MemoryRecordStore) {
    this.inner = inner;
  }

  get: RecordStore['get'] = (key) => this.inner.get(key);
  query: RecordStore['query'] = (partition, prefix, page) => this.inner.query(partition, prefix, page);
  list: RecordStore['list'] = (list, page) => this.inner.list(list, page);

  async write(writes: readonly RecordWrite[]): Promise<void> {
    for (const { key } of writes) {
      this.written.push(key);
      await this.beforeWrite(key);
    }
    await this.inner.write(writes);
  }
}

export interface SweepWorld {
  readonly clock: VirtualClock;
  readonly region: SimulatedRegion;
  readonly store: WatchedStore;
  readonly log: CollectingLog;
  readonly ports: SweepPorts;
}

/** The region's instances that are not terminated, a page of `pageSize` at a time. */
export function inventoryOf(region: SimulatedRegion, pageSize = 1000): InventoryReader {
  return {
    async *listInstances() {
      const live = region.all().filter(({ state }) => state !== 'terminated');
      for (let start = 0; start < live.length; start += pageSize) yield live.slice(start, start + pageSize);
    },
    async *listStatuses() {
      const statuses = await Promise.all(region.all().map(({ instanceId }) => region.instances.readStatus(instanceId)));
      yield statuses.filter((status) => status?.system === 'impaired' || status?.instance === 'impaired').flatMap((status) => status ?? []);
    },
  };
}

export function sweepWorld(): SweepWorld {
  const clock = new VirtualClock('2026-11-21T09:00:00.000Z');
  const region = new SimulatedRegion(clock);
  const store = new WatchedStore(new MemoryRecordStore(clock));
  const log = new CollectingLog();
  const ports = {
    store,
    scope: testScope,
    clock,
    log,
    inventory: inventoryOf(region),
    targets: region.targets,
    images: region.images,
    captures: region.captures,
  };
  return { clock, region, store, log, ports };
}
