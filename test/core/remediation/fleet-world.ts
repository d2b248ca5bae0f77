import { type CompiledCatalog, policySchema, type RemediationPolicy, type System, systemSchema } from '../../../core/catalog/schema.ts';
import type { Incident } from '../../../core/incidents/record.ts';
import { listOpenIncidents } from '../../../core/incidents/incidents.ts';
import { tagKeys } from '../../../core/inventory/records.ts';
import { sweep } from '../../../core/inventory/sweep.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import type { DriverPorts } from '../../../core/remediation/driver/driver.ts';
import { listRemediations } from '../../../core/remediation/hindsight/history.ts';
import { type Platform, platformType, type Remediation } from '../../../core/remediation/record.ts';
import { retryRepairs } from '../../../core/remediation/admission/retry.ts';
import { type IntakeResult, takeIn } from '../../../core/signals/intake.ts';
import { readSignals } from '../../../core/signals/normalise.ts';
import { CollectingLog, VirtualClock } from '../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../sim/memory-record-store.ts';
import { SimulatedRegion } from '../../../sim/simulated-region.ts';
import { catalogOf, inventoryOf } from '../inventory/world.ts';
import { driverPorts, observePorts, play, readRemediation, testHasher, testScope, type World } from './world.ts';

export interface Seed {
  readonly system: string;
  readonly instanceId: string;
  readonly zone: string;
  readonly imageId: string;
}

/** A small fleet of several systems; signals come in as events, as they do on AWS. */
export interface Fleet {
  readonly world: World;
  readonly catalog: CompiledCatalog;
  /** What the sweep has put on the queue and nobody has taken off yet. */
  readonly queue: string[];
  /** Target health as the load balancer sees it, and the event that the poll makes of it. */
  readonly break: (instanceId: string) => Promise<IntakeResult>;
  readonly mend: (instanceId: string) => Promise<IntakeResult>;
  readonly deliver: (body: unknown) => Promise<IntakeResult>;
  /** The sweep and its retries; gives the bodies that were sent. */
  readonly sweep: () => Promise<readonly string[]>;
  /** Takes everything on the queue in. */
  readonly drain: () => Promise<readonly IntakeResult[]>;
  /** Runs every remediation that was started and has not ended, one after the other. */
  readonly playAll: () => Promise<void>;
  readonly remediations: () => Promise<readonly Remediation[]>;
  readonly incidents: () => Promise<readonly Incident[]>;
  readonly platform: () => Promise<Platform>;
}

function systemOf(name: string): System {
  return systemSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'System',
    metadata: { name },
    spec: {
      purpose: name,
      impact: `Nobody can use ${name}`,
      owners: { owner: 'team-shop' },
      environment: 'prod',
      topology: 'multiple',
      roles: [name],
      recovery: { rtoSeconds: 600, rpoSeconds: 0 },
      access: { securityGroups: ['shop-web'] },
      targetGroups: [name],
      alarms: [`${name}-*`],
      image: { role: name },
    },
  });
}

function policyOf(system: string, spec: Readonly<Record<string, unknown>>): RemediationPolicy {
  return policySchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'RemediationPolicy',
    metadata: { name: system },
    spec: {
      system,
      mode: 'auto',
      triggers: ['instance.status-check', 'instance.target-unhealthy', { alarm: `${system}-unhealthy` }],
      pendingSeconds: 0,
      drainSeconds: 0,
      ...spec,
    },
  });
}

/** The whole fleet is a day old and has been swept twice, so that its images are verified. */
export async function fleet(seeds: readonly Seed[], spec: Readonly<Record<string, unknown>> = {}): Promise<Fleet> {
  const clock = new VirtualClock('2026-11-21T08:40:00.000Z');
  const region = new SimulatedRegion(clock);
  const names = [...new Set(seeds.map(({ system }) => system))];
  const systems = names.map(systemOf);
  const policies = names.map((name) => policyOf(name, spec));
  const catalog = catalogOf(systems, policies);
  for (const imageId of new Set(seeds.map((seed) => seed.imageId))) region.addImage(imageId);
  for (const { system, imageId } of seeds) region.approveImage(system, imageId);
  for (const { system, instanceId, zone, imageId } of seeds) {
    region.addInstance({
      instanceId,
      imageId,
      availabilityZone: zone,
      tags: { [tagKeys.system]: system, [tagKeys.role]: system, Name: system },
      launchedAt: '2026-11-20T09:00:00.000Z',
      targets: [{ targetGroupArn: `arn:tg/${system}`, targetGroupName: system, port: 80 }],
    });
  }
  const [system, policy] = [systems[0], policies[0]];
  if (system === undefined || policy === undefined) throw new Error('a fleet has systems');
  const world: World = { clock, region, store: new MemoryRecordStore(clock), sent: [], armed: [], started: [], system, policy };
  const queue: string[] = [];
  const parts = { world, catalog, queue };
  const all: Fleet = {
    ...parts,
    break: (instanceId) => {
      region.setTargetUnhealthy(instanceId, true);
      return all.deliver(targetEvent(world, 'Target Unhealthy', instanceId));
    },
    mend: (instanceId) => {
      region.setTargetUnhealthy(instanceId, false);
      return all.deliver(targetEvent(world, 'Target Healthy', instanceId));
    },
    deliver: (body) => deliver(parts, body),
    sweep: () => sweepOnce(parts),
    drain: async () => {
      const results: IntakeResult[] = [];
      for (const body of queue.splice(0)) results.push(await all.deliver(body));
      return results;
    },
    playAll: () => playAll(parts),
    remediations: () => listRemediations(world.store, testScope),
    incidents: () => listOpenIncidents(world.store, testScope),
    platform: async () => {
      const found = await readRecord(world.store, platformType, keys.platform(testScope));
      if (found === undefined) throw new Error('nothing was claimed yet');
      return found.body;
    },
  };
  await all.sweep();
  clock.advance(1200);
  await all.sweep();
  return all;
}

type Parts = Pick<Fleet, 'world' | 'catalog' | 'queue'>;

function targetEvent(world: World, detailType: string, instanceId: string): unknown {
  return ownEvent(world, detailType, { instanceId, checks: '' });
}

/** An event of our own bus that happens now. */
export function ownEvent(world: World, detailType: string, detail: Readonly<Record<string, unknown>>): unknown {
  const { accountId, region } = testScope;
  return { version: '0', id: 'x', source: 'perennial', 'detail-type': detailType, account: accountId, region, time: world.clock.now(), resources: [], detail };
}

async function deliver({ world, catalog }: Parts, body: unknown): Promise<IntakeResult> {
  const read = readSignals(body, { hasher: testHasher, scope: testScope, receivedAt: world.clock.now() });
  const [signal] = read.signals;
  if (signal === undefined) throw new Error(`not understood: ${JSON.stringify(read.rejected)}`);
  const ports = {
    store: world.store,
    scope: testScope,
    clock: world.clock,
    hasher: testHasher,
    alarms: world.region.alarms,
    publisher: {
      publish: async (message: World['sent'][number]) => {
        world.sent.push(message);
        return { messageId: `m-${world.sent.length}` };
      },
    },
    catalog: async () => catalog,
    executions: { start: async ({ remediationId }: { readonly remediationId: string }) => void world.started.push(remediationId) },
    pageTimer: { arm: async (remediationId: string, at: string) => void world.armed.push({ remediationId, at }) },
  };
  return takeIn(ports, catalog, signal);
}

async function sweepOnce({ world, catalog, queue }: Parts): Promise<readonly string[]> {
  await sweep({ ...observePorts(world), log: new CollectingLog(), inventory: inventoryOf(world.region) }, catalog);
  const before = queue.length;
  const send = async (messages: readonly { readonly body: string }[]): Promise<readonly never[]> => {
    queue.push(...messages.map(({ body }) => body));
    return [];
  };
  await retryRepairs({ store: world.store, scope: testScope, clock: world.clock, queue: { send } }, catalog);
  return queue.slice(before);
}

async function playAll({ world, catalog }: Parts): Promise<void> {
  for (const id of world.started.splice(0)) {
    const { system: name } = await readRemediation(world, id);
    const system = catalog.systems.find((candidate) => candidate.metadata.name === name);
    const policy = catalog.policies.find(({ spec }) => spec.system === name);
    if (system === undefined || policy === undefined) throw new Error(`no system ${name}`);
    const own: World = { ...world, system, policy };
    const ports = (): DriverPorts => driverPorts(own);
    await play(own, id, ports);
  }
}
