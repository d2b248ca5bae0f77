import * as z from 'zod/mini';
import type { CompiledCatalog, RemediationPolicy, System } from '../catalog/schema.ts';
import type { Clock, Log, Scope } from '../environment/ports.ts';
import { present } from '../environment/present.ts';
import { secondsBetween, type Timestamp } from '../environment/time.ts';
import { type ImageRecord, imageRecordType } from '../images/records.ts';
import { keys, partitions } from '../records/keys.ts';
import { createRecord, readAll, readRecord, type RecordType, updateRecord, type Versioned } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { type Capture, captureType } from '../remediation/surroundings/capture.ts';
import { slotType } from '../remediation/record.ts';
import type { CaptureReader, ImageReader, InstanceFacts, TargetHealth, TargetReader } from '../remediation/ports.ts';
import { settleBreakers } from '../remediation/guardrails/settle-breakers.ts';
import { settleClaims } from '../remediation/reaper/settle-claims.ts';
import { classify, groupIdOf, slotIdOf } from './classify.ts';
import type { InventoryReader } from './ports.ts';
import { type InstanceRecord, instanceType, type SystemRecord, systemRecordType, tagKeys } from './records.ts';

export interface SweepPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log: Log;
  readonly inventory: InventoryReader;
  readonly targets: TargetReader;
  readonly images: ImageReader;
  readonly captures: CaptureReader;
}

export interface SweepSummary {
  readonly counts: Readonly<Record<InstanceRecord['status'], number>>;
  /** Records written; 0 over an unchanged fleet. */
  readonly written: number;
  readonly capturesKept: number;
  /** What went wrong for single instances; the sweep goes on. */
  readonly problems: readonly string[];
}

/** How many captures one sweep may renew; the rest waits for the next one. */
const MAX_CAPTURES = 100;

/**
 * The level-triggered truth: lists every instance, says what each is to us, keeps captures of healthy ones and learns which images
 * serve, and lets calm close breakers. Writes only what changed. A crawl that fails on any page throws before anything is called gone.
 */
export async function sweep(ports: SweepPorts, catalog: CompiledCatalog): Promise<SweepSummary> {
  const live = await listAll(ports.inventory);
  const targetGroups = [...new Set(catalog.systems.flatMap((system) => system.spec.targetGroups))];
  const targets = targetGroups.length === 0 ? [] : await ports.targets.registered(targetGroups);
  const stored = await readAll(instanceType, (page) => ports.store.query(partitions.instances(ports.scope), '', page));
  const world: World = {
    catalog,
    systems: systemsOf(catalog),
    live,
    targets: Map.groupBy(targets, ({ instanceId }) => instanceId),
    stored: new Map(stored.map((record) => [record.body.instanceId, record])),
    now: ports.clock.now(),
  };
  const writes = [
    await writeInstances(ports, world),
    await writeGone(ports, world),
    await writeImages(ports, world),
    await writeSystems(ports, world),
    await settleClaims(ports),
    await settleBreakers(ports, catalog),
  ];
  const captures = await keepCaptures(ports, world);
  const summary = {
    counts: countStatuses(world),
    written: writes.reduce((sum, count) => sum + count, 0) + captures.kept,
    capturesKept: captures.kept,
    problems: captures.problems,
  };
  ports.log.info('The sweep has ended', { ...summary });
  return summary;
}

interface World {
  readonly catalog: CompiledCatalog;
  /** Name → system; made once, because every instance asks. */
  readonly systems: ReadonlyMap<string, System>;
  readonly live: readonly InstanceFacts[];
  /** Instance → what it is registered as; made once, because every instance asks. */
  readonly targets: ReadonlyMap<string, readonly TargetHealth[]>;
  readonly stored: ReadonlyMap<string, Versioned<InstanceRecord>>;
  readonly now: Timestamp;
}

async function listAll(inventory: InventoryReader): Promise<readonly InstanceFacts[]> {
  const found: InstanceFacts[] = [];
  for await (const page of inventory.listInstances()) found.push(...page);
  return found;
}

function systemsOf(catalog: CompiledCatalog): ReadonlyMap<string, System> {
  return new Map(catalog.systems.map((system) => [system.metadata.name, system]));
}

/** In service: running, and healthy in every target group it is in. */
function isInService(instance: InstanceFacts, system: System, targets: World['targets']): boolean {
  if (instance.state !== 'running') return false;
  const own = targets.get(instance.instanceId) ?? [];
  return own.every((target) => target.state === 'healthy') && (system.spec.targetGroups.length === 0 || own.length > 0);
}

/** Since when it serves on its present image; another image starts the clock again. */
function inServiceSince(instance: InstanceFacts, system: System | undefined, world: World, before: InstanceRecord | undefined): Timestamp | undefined {
  if (system === undefined || !isInService(instance, system, world.targets)) return undefined;
  return before?.imageId === instance.imageId ? (before.inServiceSince ?? world.now) : world.now;
}

/** What the record of an instance should say now, given what it said before. */
function observed(instance: InstanceFacts, world: World, before: InstanceRecord | undefined): InstanceRecord {
  const { systems } = world;
  const { status, system } = classify(instance, systems);
  const declared = system === undefined ? undefined : systems.get(system);
  const membership =
    system === undefined ? {} : { system, slotId: slotIdOf(instance, system), role: instance.tags[tagKeys.role] ?? declared?.spec.image.role ?? 'unknown' };
  return {
    instanceId: instance.instanceId,
    status,
    ...membership,
    firstSeenAt: before?.firstSeenAt ?? world.now,
    changedAt: before?.changedAt ?? world.now,
    state: instance.state,
    imageId: instance.imageId,
    instanceType: instance.instanceType,
    availabilityZone: instance.availabilityZone,
    subnetId: instance.subnetId,
    vpcId: instance.vpcId,
    securityGroupIds: instance.securityGroupIds.toSorted(byText),
    ...present({
      foundByIncidentId: before?.foundByIncidentId,
      privateIpAddress: instance.privateIpAddress,
      instanceProfileArn: instance.instanceProfileArn,
      inServiceSince: status === 'managed' ? inServiceSince(instance, declared, world, before) : undefined,
      name: instance.tags['Name'],
      autoScalingGroup: instance.tags[tagKeys.autoScalingGroup],
    }),
  };
}

const byText = (left: string, right: string): number => (left < right ? -1 : Number(left > right));

/** When it was looked at is no fact. */
const timesOfLook: ReadonlySet<string> = new Set(['changedAt', 'capturedAt']);

/** Same facts: their order and the time of the look do not count. */
function isSame(left: object, right: object): boolean {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].every((name) => timesOfLook.has(name) || isSameFact(Reflect.get(left, name), Reflect.get(right, name)));
}

function isSameFact(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

async function writeInstances(ports: SweepPorts, world: World): Promise<number> {
  let written = 0;
  for (const instance of world.live) {
    const before = world.stored.get(instance.instanceId)?.body;
    const next = observed(instance, world, before);
    if (before !== undefined && isSame(before, next)) continue;
    // change-only writes: rarely more than a few a sweep
    // From what is stored at this moment: an incident may have listed the instance meanwhile (S0-04).
    await updateRecord(ports.store, instanceType, keys.instance(ports.scope, instance.instanceId), (current) => ({
      ...observed(instance, world, current),
      changedAt: world.now,
    }));
    written += 1;
  }
  return written;
}

/** Reached only after every page was read: a partial crawl deletes nothing. */
async function writeGone(ports: SweepPorts, world: World): Promise<number> {
  const seen = new Set(world.live.map((instance) => instance.instanceId));
  const gone = [...world.stored.values()].filter(({ body }) => !seen.has(body.instanceId) && body.status !== 'gone');
  for (const { body } of gone) {
    const { inServiceSince: _ended, ...rest } = body;
    await updateRecord(ports.store, instanceType, keys.instance(ports.scope, body.instanceId), (): InstanceRecord => ({
      ...rest,
      status: 'gone',
      state: 'terminated',
      changedAt: world.now,
    }));
  }
  return gone.length;
}

function policyOf(catalog: CompiledCatalog, system: string): RemediationPolicy | undefined {
  return catalog.policies.find((policy) => policy.spec.system === system);
}

/** "Verified" is what the sweep has seen in service in this group for the policy's verification time (design section 7, image choice). */
async function writeImages(ports: SweepPorts, world: World): Promise<number> {
  let written = 0;
  for (const role of new Set(world.catalog.systems.map((system) => system.spec.image.role))) {
    // one role after the other keeps Parameter Store calls paced
    const history = await ports.images.approvedHistory(role);
    for (const imageId of history) {
      const verified = verifiedGroups(world, role, imageId);
      const result = await updateRecord(ports.store, imageRecordType, keys.image(ports.scope, role, imageId), (before) =>
        nextImage(before, { role, imageId, isApproved: imageId === history[0], verified, now: world.now }),
      );
      if (result.written) written += 1;
    }
  }
  return written;
}

type Verified = ImageRecord['verifiedGroups'][number];

function verifiedGroups(world: World, role: string, imageId: string): readonly Verified[] {
  return world.live.flatMap((instance): readonly Verified[] => {
    if (instance.imageId !== imageId) return [];
    const record = observed(instance, world, world.stored.get(instance.instanceId)?.body);
    const policy = policyOf(world.catalog, record.system ?? '');
    if (record.role !== role || record.inServiceSince === undefined || record.system === undefined || policy === undefined) return [];
    const isLong = secondsBetween(record.inServiceSince, world.now) >= policy.spec.verifiedAfterSeconds;
    return isLong ? [{ groupId: groupIdOf(record.system, role), at: world.now, instanceId: instance.instanceId }] : [];
  });
}

interface ImageSeen {
  readonly role: string;
  readonly imageId: string;
  readonly isApproved: boolean;
  readonly verified: readonly Verified[];
  readonly now: Timestamp;
}

function nextImage(before: ImageRecord | undefined, seen: ImageSeen): ImageRecord {
  const known = before?.verifiedGroups ?? [];
  const added = seen.verified.filter(
    (entry, index, all) => !known.some((old) => old.groupId === entry.groupId) && all.findIndex((other) => other.groupId === entry.groupId) === index,
  );
  if (before !== undefined && added.length === 0 && before.isApproved === seen.isApproved) return before;
  return {
    role: seen.role,
    imageId: seen.imageId,
    firstApprovedAt: before?.firstApprovedAt ?? seen.now,
    isApproved: seen.isApproved,
    isRevoked: before?.isRevoked ?? false,
    verifiedGroups: [...known, ...added],
  };
}

async function writeSystems(ports: SweepPorts, world: World): Promise<number> {
  let written = 0;
  for (const system of world.catalog.systems) {
    const name = system.metadata.name;
    const members = world.live.filter(
      (instance) => instance.tags[tagKeys.system] === name && instance.tags[tagKeys.quarantine] === undefined && instance.state === 'running',
    );
    const next = {
      instanceIds: members.map((instance) => instance.instanceId).toSorted(byText),
      imageIds: [...new Set(members.map((instance) => instance.imageId))].toSorted(byText),
      zones: [...new Set(members.map((instance) => instance.availabilityZone))].toSorted(byText),
      membersByRole: countRoles(members, system),
    };
    const result = await updateRecord(ports.store, systemRecordType, keys.system(ports.scope, name), (before) => nextSystem(before, name, next, world));
    if (result.written) written += 1;
  }
  return written;
}

/** In the order of the role's name, so that the same fleet gives the same text. */
function countRoles(members: readonly InstanceFacts[], system: System): Record<string, number> {
  const roles = members.map((instance) => instance.tags[tagKeys.role] ?? system.spec.image.role).toSorted(byText);
  return Object.fromEntries(
    Map.groupBy(roles, (role) => role)
      .entries()
      .map(([role, same]) => [role, same.length]),
  );
}

const MAX_CHANGES = 50;

function nextSystem(before: SystemRecord | undefined, name: string, observedNow: SystemRecord['observed'], world: World): SystemRecord {
  const isKnown = before?.status === 'active' && before.declaredHash === world.catalog.provenance.hash;
  if (isKnown && JSON.stringify(before.observed) === JSON.stringify(observedNow)) return before;
  const change = {
    at: world.now,
    by: 'sweep',
    what: `Instances: ${observedNow.instanceIds.join(', ') || 'none'}; images: ${observedNow.imageIds.join(', ') || 'none'}`,
    why: 'Seen by the sweep',
    changeClass: 2,
  };
  return {
    name,
    status: 'active',
    declaredHash: world.catalog.provenance.hash,
    observed: observedNow,
    changes: [...(before?.changes ?? []), change].slice(-MAX_CHANGES),
  };
}

/** Keeps the last good capture of every instance in service: an instance that vanishes can still be replaced as it was. */
async function keepCaptures(ports: SweepPorts, world: World): Promise<{ readonly kept: number; readonly problems: readonly string[] }> {
  const { systems } = world;
  const problems: string[] = [];
  let kept = 0;
  const serving = world.live.flatMap((instance) => {
    const system = systems.get(instance.tags[tagKeys.system] ?? '');
    const isOurs = system !== undefined && instance.tags[tagKeys.quarantine] === undefined && isInService(instance, system, world.targets);
    return isOurs ? [{ instance, system }] : [];
  });
  const turn = await captureTurn(ports, serving);
  for (const { instance, system } of turn) {
    try {
      // paced: a capture is about eight calls
      if (await keepCapture(ports, instance, system)) kept += 1;
    } catch (error) {
      problems.push(`${instance.instanceId}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (serving.length > turn.length) await rememberTurn(ports, turn.at(-1)?.instance.instanceId ?? '');
  return { kept, problems };
}

/** Where the captures of the last sweep ended. Only a fleet that needs several turns has and writes it. */
const turnType: RecordType<{ capturedUpTo: string }> = { name: 'sweep', schema: z.object({ capturedUpTo: z.string() }) };

/** Whose turn it is to be captured: in the order of ids, after those of the last sweep, so that everybody has a turn. */
async function captureTurn<Serving extends { readonly instance: InstanceFacts }>(ports: SweepPorts, serving: readonly Serving[]): Promise<readonly Serving[]> {
  if (serving.length <= MAX_CAPTURES) return serving;
  const last = (await readRecord(ports.store, turnType, keys.sweep(ports.scope)))?.body.capturedUpTo ?? '';
  const sorted = serving.toSorted((left, right) => byText(left.instance.instanceId, right.instance.instanceId));
  const start = Math.max(
    0,
    sorted.findIndex(({ instance }) => instance.instanceId > last),
  );
  return [...sorted.slice(start), ...sorted.slice(0, start)].slice(0, MAX_CAPTURES);
}

async function rememberTurn(ports: SweepPorts, capturedUpTo: string): Promise<void> {
  await updateRecord(ports.store, turnType, keys.sweep(ports.scope), () => ({ capturedUpTo }));
}

async function keepCapture(ports: SweepPorts, instance: InstanceFacts, system: System): Promise<boolean> {
  const found = await ports.captures.capture(instance.instanceId, system.spec.targetGroups, ports.clock.now(), system.spec.hostedZones);
  if (found === undefined || (await isBeingChanged(ports, instance, system, found))) return false;
  // Nothing but what the format names is stored, whatever the reader adds: secrets never enter (design section 5).
  const capture = captureType.schema.parse(found);
  const key = keys.capture(ports.scope, instance.instanceId);
  const result = await updateRecord(ports.store, captureType, key, (before) => (before !== undefined && isSame(before, capture) ? before : capture));
  return result.written;
}

/**
 * The list is seconds old by now: an instance that a repair has taken out of its target groups meanwhile is not as it was in service,
 * and its good capture is what the repair restores from.
 */
async function isBeingChanged({ store, scope }: SweepPorts, instance: InstanceFacts, system: System, found: Capture): Promise<boolean> {
  if (system.spec.targetGroups.length > 0 && found.targets.length === 0) return true;
  const slot = await readRecord(store, slotType, keys.slot(scope, slotIdOf(instance, system.metadata.name)));
  return slot?.body.remediationId !== undefined;
}

function countStatuses(world: World): Record<InstanceRecord['status'], number> {
  const counts = { managed: 0, unknown: 0, elsewhere: 0, quarantined: 0, gone: 0 };
  for (const instance of world.live) counts[classify(instance, world.systems).status] += 1;
  const seen = new Set(world.live.map((instance) => instance.instanceId));
  counts.gone = [...world.stored.keys()].filter((instanceId) => !seen.has(instanceId)).length;
  return counts;
}

/** An instance that a signal names but no sweep has listed yet enters the inventory at once (S0-04). */
export async function recordUnlisted(ports: Pick<SweepPorts, 'store' | 'scope' | 'clock'>, instanceId: string, incidentId: string): Promise<void> {
  const now = ports.clock.now();
  await createRecord(ports.store, instanceType, keys.instance(ports.scope, instanceId), {
    instanceId,
    status: 'unknown',
    firstSeenAt: now,
    changedAt: now,
    foundByIncidentId: incidentId,
    state: 'unknown',
    imageId: 'unknown',
    instanceType: 'unknown',
    availabilityZone: 'unknown',
    subnetId: 'unknown',
    vpcId: 'unknown',
    securityGroupIds: [],
  });
}
