import { PermanentError } from '../../environment/errors.ts';
import { secondsBetween } from '../../environment/time.ts';
import type { VolumePlace } from '../surroundings/attachment-ports.ts';
import type { Capture, CapturedInterface, CapturedVolume } from '../surroundings/capture.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import { deadlineSeconds } from '../guardrails/policy.ts';
import type { InstanceFacts } from '../ports.ts';
import { rowOf } from '../paths/procedure.ts';
import { storedCapture } from './capture.ts';
import { backward, type Direction, forward, moveEach, moving, type Progress, stuck, there } from './moving.ts';

/*
 * Volumes are never deleted here and never taken from an instance that runs: a mounted volume would stay `busy`, and forcing it off
 * loses what is not written yet (https://docs.aws.amazon.com/ebs/latest/userguide/ebs-detaching-volume.html).
 */

type Context = PhaseContext<ActPorts>;

export const dataVolumesOf = (capture: Capture): readonly CapturedVolume[] => capture.volumes.filter(({ isRoot }) => !isRoot);
const interfacesOf = (capture: Capture): readonly CapturedInterface[] => capture.secondaryInterfaces ?? [];

export const isGone = (instance: InstanceFacts | undefined): boolean =>
  instance === undefined || instance.state === 'terminated' || instance.state === 'shutting-down';

/** Half of the phase's time is over and the thing has not come off: the moment of the last resort. */
export function isOverdue({ ports, session, policy }: Context): boolean {
  const { phase, phaseStartedAt } = session.record;
  return secondsBetween(phaseStartedAt, ports.clock.now()) > deadlineSeconds(rowOf(phase).deadline, policy) / 2;
}

export const moveVolumes: ActPhase = (context) => forward(context, (direction) => bringVolumes(context, direction));
export const returnVolumes: ActPhase = (context) => backward(context, 'move-volumes', (direction) => bringVolumes(context, direction));

async function bringVolumes(context: Context, direction: Direction): Promise<PhaseResult> {
  const volumes = dataVolumesOf(await storedCapture(context));
  return moveEach(
    context.session.record,
    volumes,
    ({ volumeId, deviceName }) => `${volumeId} at ${deviceName} of ${direction.to}`,
    (volume) => bringVolume(context, volume, direction),
  );
}

async function bringVolume(context: Context, volume: CapturedVolume, direction: Direction): Promise<Progress> {
  const { ports, session } = context;
  const { volumeId, deviceName } = volume;
  const place = await ports.volumes.read(volumeId);
  if (place === undefined || place.state === 'deleting' || place.state === 'deleted')
    return stuck(`The volume ${volumeId} is gone; restore it from its newest snapshot`);
  if (place.instanceId === direction.to) return settleOn(context, volume, place, direction);
  if (place.instanceId === direction.from) return takeOff(context, place, direction);
  if (place.instanceId !== undefined) return stuck(`The volume ${volumeId} is held by ${place.instanceId}, which is no part of this repair`);
  if (place.state !== 'available') return moving(`The volume ${volumeId} is ${place.state}`);
  await session.mutate(`${direction.verb}:attach:${volumeId}`, () => ports.volumes.attach(volumeId, direction.to, deviceName).then(() => undefined));
  return moving(`The volume ${volumeId} is being attached to ${direction.to}`);
}

/** Read back: only what EC2 says is attached, at the device where it was, is there. */
async function settleOn({ ports, session }: Context, volume: CapturedVolume, place: VolumePlace, { verb, to }: Direction): Promise<Progress> {
  const { volumeId, deviceName } = volume;
  if (place.attachmentState !== 'attached') return moving(`The volume ${volumeId} is ${place.attachmentState ?? place.state} at ${to}`);
  if (place.deviceName !== deviceName) return stuck(`The volume ${volumeId} is at ${place.deviceName ?? 'an unknown device'} of ${to}, not at ${deviceName}`);
  // Attaching sets it to false, so only the other value is set; what goes back to the old instance is set by the last phase.
  if (volume.deleteOnTermination && verb === 'move')
    await session.mutate(`${verb}:keep-setting:${volumeId}`, () => ports.volumes.setDeleteOnTermination(to, deviceName, true).then(() => undefined));
  return there;
}

async function takeOff(context: Context, { volumeId, attachmentState }: VolumePlace, { verb, from }: Direction): Promise<Progress> {
  const { ports, session } = context;
  const holder = await ports.instances.read(from);
  if (holder?.state === 'running' || holder?.state === 'pending') return stuck(`${from} is ${holder.state}; its volume ${volumeId} is not taken from it`);
  // What ends lets go of its volumes by itself.
  if (holder?.state === 'stopping' || isGone(holder)) return moving(`${from} is ${holder?.state ?? 'gone'} and still holds ${volumeId}`);
  await session.mutate(`${verb}:detach:${volumeId}`, () => ports.volumes.detach(volumeId, from, false).then(() => undefined));
  if (isOverdue(context)) await session.mutate(`${verb}:force-detach:${volumeId}`, () => ports.volumes.detach(volumeId, from, true).then(() => undefined));
  return moving(`The volume ${volumeId} is ${attachmentState ?? 'held'} at ${from}`);
}

/** Before harm: whatever ends the old instance from here on, its volumes and interfaces stay. */
export const defuse: ActPhase = async (context) => {
  const { ports, session } = context;
  const { oldInstanceId } = session.record;
  const [capture, old] = [await storedCapture(context), await ports.instances.read(oldInstanceId)];
  const lost = await lostVolume(context, capture);
  if (lost !== undefined) return { kind: 'failed', reason: `The data volume ${lost} does not exist any more; restore it from its newest snapshot` };
  if (isGone(old)) return { kind: 'done', reason: `${oldInstanceId} is gone; its data volumes have outlived it` };
  await setAll(context, capture, 'defuse', false);
  const [armed] = await stillArmed(context, capture);
  // EC2 may show the change a moment later.
  if (armed !== undefined) return { kind: 'wait', seconds: 3, reason: `${armed} would still end with ${oldInstanceId}` };
  return { kind: 'done', reason: `Nothing but ${oldInstanceId} itself can end with it` };
};

async function lostVolume({ ports }: Context, capture: Capture): Promise<string | undefined> {
  for (const { volumeId } of dataVolumesOf(capture)) {
    const place = await ports.volumes.read(volumeId);
    if (place === undefined || place.state === 'deleting' || place.state === 'deleted') return volumeId;
  }
  return undefined;
}

async function stillArmed({ ports, session }: Context, capture: Capture): Promise<readonly string[]> {
  const { oldInstanceId } = session.record;
  const armed: string[] = [];
  for (const { volumeId } of capture.volumes) {
    const place = await ports.volumes.read(volumeId);
    if (place?.instanceId === oldInstanceId && place.deleteOnTermination === true) armed.push(volumeId);
  }
  for (const { networkInterfaceId } of interfacesOf(capture)) {
    const place = await ports.interfaces.read(networkInterfaceId);
    if (place?.instanceId === oldInstanceId && place.deleteOnTermination === true) armed.push(networkInterfaceId);
  }
  return armed;
}

/** Sets it on everything that had it set when it was captured and that the old instance holds now. */
async function setAll({ ports, session }: Context, capture: Capture, verb: 'defuse' | 'rearm', isDeleted: boolean): Promise<void> {
  const { oldInstanceId } = session.record;
  for (const { volumeId, deviceName } of capture.volumes.filter(({ deleteOnTermination }) => deleteOnTermination)) {
    const place = await ports.volumes.read(volumeId);
    if (place?.instanceId !== oldInstanceId) continue;
    await session.mutate(`${verb}:${volumeId}`, () => ports.volumes.setDeleteOnTermination(oldInstanceId, deviceName, isDeleted).then(() => undefined));
  }
  for (const { networkInterfaceId } of interfacesOf(capture).filter(({ deleteOnTermination }) => deleteOnTermination)) {
    const place = await ports.interfaces.read(networkInterfaceId);
    if (place?.instanceId !== oldInstanceId) continue;
    await session.mutate(`${verb}:${networkInterfaceId}`, () => ports.interfaces.setDeleteOnTermination(networkInterfaceId, isDeleted).then(() => undefined));
  }
}

/** What the old instance holds ends with it again, as it was: after a success its root alone, after a failure all. */
async function rearmOldInstance(context: Context): Promise<PhaseResult> {
  const { oldInstanceId } = context.session.record;
  const old = await context.ports.instances.read(oldInstanceId);
  if (isGone(old)) return { kind: 'done', reason: `${oldInstanceId} is gone` };
  try {
    await setAll(context, await storedCapture(context), 'rearm', true);
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    // Nothing is lost by it: a volume that outlives its instance is found by the reaper.
    return { kind: 'done', reason: `Volumes and interfaces may outlive ${oldInstanceId}: ${error.message}` };
  }
  return { kind: 'done', reason: `What ${oldInstanceId} holds ends with it again, as it was` };
}

export const rearm: ActPhase = (context) => rearmOldInstance(context);
export const rearmOld: ActPhase = (context) => rearmOldInstance(context);
