import { type System, systemSchema } from '../../../core/catalog/schema.ts';
import { keys } from '../../../core/records/keys.ts';
import { updateRecord } from '../../../core/records/record-type.ts';
import { captureType } from '../../../core/remediation/surroundings/capture.ts';
import type { AttachmentSeed } from '../../../sim/simulated-attachments.ts';
import { createWorld, OLD, testScope, verifyImage, webSystem, type World } from './world.ts';

/** Everything that can move, on the failing instance of a world. */
export const everything: AttachmentSeed = {
  volumes: [
    { volumeId: 'vol-data', deviceName: '/dev/sdf', deleteOnTermination: true },
    { volumeId: 'vol-logs', deviceName: '/dev/sdg' },
  ],
  interfaces: [{ networkInterfaceId: 'eni-second', deviceIndex: 1, privateIpAddresses: ['10.0.1.10'], deleteOnTermination: true }],
  secondaryPrivateIpAddresses: ['10.0.0.200'],
  elasticIps: [
    { allocationId: 'eipalloc-1', publicIpAddress: '198.51.100.1' },
    { allocationId: 'eipalloc-2', publicIpAddress: '198.51.100.2', on: '10.0.0.200' },
    { allocationId: 'eipalloc-3', publicIpAddress: '198.51.100.3', on: '10.0.1.10' },
  ],
  associations: [{ associationId: 'assoc-1', documentName: 'AWS-ConfigureAWSPackage' }],
};

/** What moves beside a running old instance. */
export const reachableOnly: AttachmentSeed = {
  secondaryPrivateIpAddresses: ['10.0.0.200'],
  elasticIps: [{ allocationId: 'eipalloc-1', publicIpAddress: '198.51.100.1' }],
  associations: [{ associationId: 'assoc-1', documentName: 'AWS-ConfigureAWSPackage' }],
};

export const zone = 'shop.example.com';
export const recordName = 'web.shop.example.com';

/** A stateful system whose recovery point objective leaves room for a snapshot, so that `auto` may go on. */
export function statefulSystem(topology: 'multiple' | 'single' = 'multiple', recovery: Readonly<Record<string, unknown>> = {}): System {
  const system = webSystem(topology);
  return systemSchema.parse({
    ...system,
    spec: { ...system.spec, hostedZones: [zone], recovery: { rtoSeconds: 600, rpoSeconds: 3600, stateful: true, ...recovery } },
  });
}

/** The failing instance has these things, and a DNS record names its private address. */
export function worldWith(seed: AttachmentSeed, topology: 'multiple' | 'single' = 'multiple', spec: Readonly<Record<string, unknown>> = {}): World {
  const hasVolumes = (seed.volumes ?? []).length > 0;
  const world = { ...createWorld(topology, spec), system: statefulSystem(topology, { stateful: hasVolumes }) };
  world.region.attachments.give(OLD, { ...seed, records: [{ zoneName: zone, name: recordName, type: 'A', values: [addressOf(world, OLD), '10.0.0.99'] }] });
  return world;
}

export function addressOf(world: World, instanceId: string): string {
  return world.region.all().find((facts) => facts.instanceId === instanceId)?.privateIpAddress ?? 'none';
}

/** Who holds each thing when all of it is at this instance. */
export function allAt(world: World, instanceId: string): Readonly<Record<string, string>> {
  const holders = world.region.attachments.holders();
  return Object.fromEntries(
    Object.keys(holders).map((thing) => [thing, thing === recordName ? `${addressOf(world, instanceId)},10.0.0.99` : instanceId] as const),
  );
}

/** Captures the old instance as the sweep does: as it is now. */
export async function sweepOld(world: World): Promise<void> {
  const capture = await world.region.captures.capture(OLD, world.system.spec.targetGroups, world.clock.now(), world.system.spec.hostedZones);
  if (capture !== undefined) await updateRecord(world.store, captureType, keys.capture(testScope, OLD), () => capture);
}

export async function readyWorld(...words: Parameters<typeof worldWith>): Promise<World> {
  const world = worldWith(...words);
  await verifyImage(world);
  return world;
}
