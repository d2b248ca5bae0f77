import { expect } from 'vitest';
import { policySchema } from '../../../core/catalog/schema.ts';
import { addTimelineEvent, readTimeline } from '../../../core/incidents/incidents.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../core/records/record-type.ts';
import type { RecordStore } from '../../../core/records/store.ts';
import type { ExecutionState } from '../../../core/remediation/reaper/reaping-ports.ts';
import type { ReapingPorts } from '../../../core/remediation/reaper/reaping.ts';
import { type Remediation, remediationType } from '../../../core/remediation/record.ts';
import { CollectingLog, VirtualClock } from '../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../sim/memory-record-store.ts';
import { SimulatedRegion } from '../../../sim/simulated-region.ts';
import { NOW, remediationOf } from './builders.ts';
import { testHasher, testScope, webPolicy, webSystem } from './world.ts';

/** Everything the reaper sees, in memory. */
export interface ReapingWorld {
  readonly ports: ReapingPorts;
  readonly clock: VirtualClock;
  readonly region: SimulatedRegion;
  readonly store: MemoryRecordStore;
  readonly log: CollectingLog;
  readonly executions: Map<string, ExecutionState>;
  readonly started: string[];
  readonly finished: Remediation[];
  /** Ids of the repairs whose page was asked for. */
  readonly paged: string[];
  add(record: Remediation): Promise<void>;
  read(id: string): Promise<Remediation>;
  timeline(incidentId?: string): Promise<readonly string[]>;
}

export const HOURS_AGO = '2026-11-21T06:00:00.000Z';

/** A remediation of three hours ago that launched `i-orphan` and failed. */
export function failedLaunch(changes: Partial<Remediation> = {}): Remediation {
  const launch = { attempt: 1, intentAt: HOURS_AGO, outcomeAt: HOURS_AGO, result: { instanceId: 'i-orphan' } };
  const base = remediationOf({ at: HOURS_AGO });
  return { ...base, state: 'failed', imageId: 'ami-v1', calls: { launch }, timing: { ...base.timing, endedAt: HOURS_AGO }, ...changes };
}

/** The store of a world, for a test that answers some of its questions itself. */
export function storeWith({ store }: Pick<ReapingWorld, 'store'>, own: Partial<RecordStore>): RecordStore {
  return {
    get: (key) => store.get(key),
    write: (writes) => store.write(writes),
    query: (partition, prefix, page) => store.query(partition, prefix, page),
    list: (list, page) => store.list(list, page),
    ...own,
  };
}

/** A store, or any call of a port, that refuses each time it is asked. */
export function refusing(error: Error): () => Promise<never> {
  return async () => {
    throw error;
  };
}

export function refusingStore(error: Error): RecordStore {
  const refuse = refusing(error);
  return { get: refuse, write: refuse, query: refuse, list: refuse };
}

/** What stands where a record of this id was written by hand. */
export function unreadableReason(id: string): unknown {
  return expect.stringContaining(`The remediation record 111122223333#eu-central-1#remediation/${id} cannot be read`);
}

export function createReapingWorld(policySpec: Readonly<Record<string, unknown>> = {}): ReapingWorld {
  const clock = new VirtualClock(NOW);
  const store = new MemoryRecordStore(clock);
  const region = new SimulatedRegion(clock);
  const log = new CollectingLog();
  const executions = new Map<string, ExecutionState>();
  const started: string[] = [];
  const finished: Remediation[] = [];
  const paged: string[] = [];
  const ports: ReapingPorts = {
    store,
    scope: testScope,
    clock,
    hasher: testHasher,
    log,
    catalog: async () => ({ policies: [policySchema.parse(webPolicy(policySpec))], systems: [webSystem()] }),
    journal: { finished: async (record) => void finished.push(record), pageAnyway: async (record) => void paged.push(record.id) },
    terminator: region.terminator,
    leftBehind: region.leftBehind,
    members: region.groups.releaser,
    oldSnapshots: region.attachments.oldSnapshots,
    power: region.power,
    quarantine: region.quarantine,
    executions: {
      start: async ({ name }) => {
        started.push(name);
        executions.set(name, 'running');
      },
    },
    executionStates: { stateOf: async (name) => executions.get(name) ?? 'absent' },
  };
  return {
    ports,
    clock,
    region,
    store,
    log,
    executions,
    started,
    finished,
    paged,
    add: async (record) => {
      await createRecord(store, remediationType, keys.remediation(testScope, record.id), record);
      await addTimelineEvent(ports, record.incidentId, { at: HOURS_AGO, eventId: 'begun', kind: 'state', text: 'begun' });
    },
    read: async (id) => {
      const found = await readRecord(store, remediationType, keys.remediation(testScope, id));
      if (found === undefined) throw new Error(`no remediation ${id}`);
      return found.body;
    },
    timeline: async (incidentId = 'inc-1') =>
      (await readTimeline(store, testScope, incidentId)).filter(({ kind }) => kind === 'reaper').map(({ text }) => text),
  };
}
