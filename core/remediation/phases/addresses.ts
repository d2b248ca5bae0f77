import type { PrimaryInterface } from '../surroundings/attachment-ports.ts';
import type { CapturedElasticIp } from '../surroundings/capture.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import { movingElasticIps } from '../preflight/reachability.ts';
import { storedCapture } from './capture.ts';
import { backward, type Direction, forward, left, moveEach, moving, type Progress, stuck, there } from './moving.ts';

/*
 * Addresses of the primary interface: it stays with its instance, its secondary private addresses and Elastic IP addresses can go. They
 * move only to something that serves: until then they lead to the old instance.
 */

type Context = PhaseContext<ActPorts>;

/** Both ends, each with what it is launched with; the old end may be gone. */
interface Ends {
  readonly direction: Direction;
  /** Private addresses that move. */
  readonly secondary: readonly string[];
  readonly from: PrimaryInterface | undefined;
  readonly to: PrimaryInterface;
}

export const moveAddresses: ActPhase = (context) => forward(context, (direction) => bringAddresses(context, direction));
export const returnAddresses: ActPhase = (context) => backward(context, 'move-addresses', (direction) => bringAddresses(context, direction));

async function bringAddresses(context: Context, direction: Direction): Promise<PhaseResult> {
  const { ports, session } = context;
  const [capture, from, to] = [await storedCapture(context), await ports.interfaces.primary(direction.from), await ports.interfaces.primary(direction.to)];
  if (to === undefined) return { kind: 'failed', reason: `${direction.to} has no network interface that could take the addresses` };
  const secondary = capture.primaryInterface?.secondaryPrivateIpAddresses ?? [];
  const ends = { direction, secondary, from, to };
  const privateResult = await moveEach(
    session.record,
    secondary.length === 0 ? [] : [secondary],
    (addresses) => addresses.join(', '),
    (addresses) => bringPrivateAddresses(context, ends, addresses),
  );
  const elasticIps = movingElasticIps(capture);
  if (privateResult.kind !== 'done' || elasticIps.length === 0) return privateResult;
  const elasticResult = await moveEach(
    session.record,
    elasticIps,
    ({ publicIpAddress }) => publicIpAddress,
    (elasticIp) => bringElasticIp(context, ends, elasticIp),
  );
  return secondary.length === 0 ? elasticResult : { ...elasticResult, reason: `${privateResult.reason}; ${elasticResult.reason}` };
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssignPrivateIpAddresses.html: remapping is asynchronous, so it is read back. */
async function bringPrivateAddresses({ ports, session }: Context, { direction, to }: Ends, addresses: readonly string[]): Promise<Progress> {
  const missing = addresses.filter((address) => !to.secondaryPrivateIpAddresses.includes(address));
  if (missing.length === 0) return there;
  await session.mutate(`${direction.verb}:private-addresses`, () =>
    ports.interfaces.assignPrivateAddresses(to.networkInterfaceId, missing).then(() => undefined),
  );
  return moving(`${missing.join(', ')} on the way to ${to.networkInterfaceId}`);
}

async function bringElasticIp({ ports, session }: Context, ends: Ends, elasticIp: CapturedElasticIp): Promise<Progress> {
  const { direction, from, to } = ends;
  const { allocationId, publicIpAddress } = elasticIp;
  const place = await ports.addresses.read(allocationId);
  if (place === undefined) return stuck(`The Elastic IP address ${publicIpAddress} is not allocated to this account any more`);
  const privateIpAddress = targetOf(ends, elasticIp);
  if (place.networkInterfaceId === to.networkInterfaceId && place.privateIpAddress === privateIpAddress) return there;
  const ours = [from?.networkInterfaceId, to.networkInterfaceId, elasticIp.networkInterfaceId];
  // Nowhere is not elsewhere.
  if (place.networkInterfaceId !== undefined && !ours.includes(place.networkInterfaceId))
    return left(`the Elastic IP address ${publicIpAddress} (it was given to ${place.networkInterfaceId} meanwhile)`);
  await session.mutate(`${direction.verb}:elastic-ip:${allocationId}`, () =>
    ports.addresses.associate(allocationId, to.networkInterfaceId, privateIpAddress).then(() => undefined),
  );
  return moving(`${publicIpAddress} on the way to ${to.networkInterfaceId}`);
}

/** On the primary private address it goes to the other one's; on a secondary address it follows that. */
function targetOf({ secondary, to }: Ends, { privateIpAddress }: CapturedElasticIp): string {
  return secondary.includes(privateIpAddress) ? privateIpAddress : to.privateIpAddress;
}
