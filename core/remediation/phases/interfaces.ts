import type { InterfacePlace } from '../surroundings/attachment-ports.ts';
import type { CapturedInterface } from '../surroundings/capture.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import { storedCapture } from './capture.ts';
import { backward, type Direction, forward, moveEach, moving, type Progress, stuck, there } from './moving.ts';
import { isOverdue } from './volumes.ts';

/*
 * A secondary interface takes its private addresses, their Elastic IP addresses and its security groups along
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html). It comes off a running instance as well as off a stopped one.
 */

type Context = PhaseContext<ActPorts>;

export const moveInterfaces: ActPhase = (context) => forward(context, (direction) => bringInterfaces(context, direction));
export const returnInterfaces: ActPhase = (context) => backward(context, 'move-interfaces', (direction) => bringInterfaces(context, direction));

async function bringInterfaces(context: Context, direction: Direction): Promise<PhaseResult> {
  const { secondaryInterfaces = [] } = await storedCapture(context);
  return moveEach(
    context.session.record,
    secondaryInterfaces,
    ({ networkInterfaceId, deviceIndex }) => `${networkInterfaceId} as interface ${deviceIndex} of ${direction.to}`,
    (captured) => bringInterface(context, captured, direction),
  );
}

async function bringInterface(context: Context, captured: CapturedInterface, direction: Direction): Promise<Progress> {
  const { ports, session } = context;
  const { networkInterfaceId, deviceIndex } = captured;
  const place = await ports.interfaces.read(networkInterfaceId);
  if (place === undefined) return stuck(`The network interface ${networkInterfaceId} does not exist any more`);
  if (place.instanceId === direction.to) return settleOn(context, captured, place, direction);
  if (place.instanceId === direction.from) return takeOff(context, place, direction);
  if (place.instanceId !== undefined)
    return stuck(`The network interface ${networkInterfaceId} is held by ${place.instanceId}, which is no part of this repair`);
  if (place.state !== 'available') return moving(`The network interface ${networkInterfaceId} is ${place.state}`);
  await session.mutate(`${direction.verb}:attach:${networkInterfaceId}`, () =>
    ports.interfaces.attach(networkInterfaceId, direction.to, deviceIndex).then(() => undefined),
  );
  return moving(`The network interface ${networkInterfaceId} is being attached to ${direction.to}`);
}

/** Read back, as for volumes. */
async function settleOn({ ports, session }: Context, captured: CapturedInterface, place: InterfacePlace, { verb, to }: Direction): Promise<Progress> {
  const { networkInterfaceId, deviceIndex } = captured;
  if (place.attachmentState !== 'attached') return moving(`The network interface ${networkInterfaceId} is ${place.attachmentState ?? place.state} at ${to}`);
  if (place.deviceIndex !== deviceIndex)
    return stuck(`The network interface ${networkInterfaceId} is number ${place.deviceIndex ?? 'unknown'} of ${to}, not ${deviceIndex}`);
  if (captured.deleteOnTermination && verb === 'move')
    await session.mutate(`${verb}:keep-setting:${networkInterfaceId}`, () =>
      ports.interfaces.setDeleteOnTermination(networkInterfaceId, true).then(() => undefined),
    );
  return there;
}

async function takeOff(context: Context, { networkInterfaceId, attachmentState }: InterfacePlace, { verb, from }: Direction): Promise<Progress> {
  const { ports, session } = context;
  await session.mutate(`${verb}:detach:${networkInterfaceId}`, () => ports.interfaces.detach(networkInterfaceId, false).then(() => undefined));
  const holder = isOverdue(context) ? await ports.instances.read(from) : undefined;
  if (holder?.state === 'stopped')
    await session.mutate(`${verb}:force-detach:${networkInterfaceId}`, () => ports.interfaces.detach(networkInterfaceId, true).then(() => undefined));
  return moving(`The network interface ${networkInterfaceId} is ${attachmentState ?? 'held'} at ${from}`);
}
