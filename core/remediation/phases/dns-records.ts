import { RetryableError } from '../../environment/errors.ts';
import { present } from '../../environment/present.ts';
import type { Capture, CapturedDnsRecord } from '../capture.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import { failureModeOf } from '../procedure.ts';
import { type Addresses, addressMap, lostAddresses } from '../reachability.ts';
import type { Remediation } from '../record.ts';
import { storedCapture } from './capture.ts';
import { backward, type Direction, forward, left, moveEach, moving, type Progress, stuck, there } from './moving.ts';

/*
 * Only values that were addresses of the one instance are replaced by those of the other; everything else of a record set stays as it
 * is found at that moment. A record set that names neither was changed by somebody on purpose.
 */

type Context = PhaseContext<ActPorts>;
/** What is to be written instead of what. */
type Replacements = ReadonlyMap<string, string>;

export const moveRecords: ActPhase = (context) => forward(context, (direction) => rewriteRecords(context, direction));
export const returnRecords: ActPhase = (context) => backward(context, 'move-records', (direction) => rewriteRecords(context, direction));

async function rewriteRecords(context: Context, direction: Direction): Promise<PhaseResult> {
  const { session } = context;
  const capture = await storedCapture(context);
  const { newInstanceId = '' } = session.record;
  const replacement = await addressesOfNew(context, newInstanceId);
  if (replacement === undefined) return { kind: 'failed', reason: `${newInstanceId} has no network interface, so its addresses are not known` };
  const lost = lostAddresses(capture);
  const replacements = direction.verb === 'move' ? addressMap(capture, replacement) : wayBack(session.record, capture, replacement);
  return moveEach(session.record, capture.dnsRecords ?? [], nameOf, (record) => rewriteRecord(context, record, direction, replacements, lost));
}

/** Written down before the first record is: the way back must know them, also when the replacement is gone by then. */
async function addressesOfNew({ ports, session }: Context, newInstanceId: string): Promise<Addresses | undefined> {
  const noted = await session.mutate('addresses-of-new', async () => {
    const primary = await ports.interfaces.primary(newInstanceId);
    if (primary === undefined) throw new RetryableError(`EC2 does not list the network interface of ${newInstanceId}; it is asked again.`);
    const { privateIpAddress, privateDnsName, publicIpAddress, publicDnsName } = primary;
    return present({ privateIpAddress, privateDnsName, publicIpAddress, publicDnsName });
  });
  return noted['privateIpAddress'] === undefined ? undefined : { ...noted, privateIpAddress: noted['privateIpAddress'] };
}

/** A public address that EC2 assigned has ended with the stop of a fenced instance: nobody may be sent to it, it may be a stranger's by now. */
function wayBack(record: Remediation, capture: Capture, replacement: Addresses): Replacements {
  const isPublicOver = failureModeOf(record) === 'fenced';
  return new Map([...addressMap(capture, replacement)].flatMap(([from, to]) => (isPublicOver && isAssigned(capture, from) ? [] : [[to, from] as const])));
}

const isAssigned = ({ publicIpAddress, publicDnsName }: Capture, address: string): boolean => address === publicIpAddress || address === publicDnsName;

const nameOf = ({ name, type, setIdentifier }: CapturedDnsRecord): string => `${name} ${type}${setIdentifier === undefined ? '' : ` (${setIdentifier})`}`;
const callOf = ({ verb }: Pick<Direction, 'verb'>, record: CapturedDnsRecord): string =>
  `${verb}:record:${record.hostedZoneId}:${record.name}:${record.type}:${record.setIdentifier ?? ''}`;

async function rewriteRecord(
  { ports, session }: Context,
  record: CapturedDnsRecord,
  direction: Direction,
  replacements: Replacements,
  lost: readonly string[],
): Promise<Progress> {
  const now = await ports.dnsRecords.read(record);
  if (now === undefined) return left(`the DNS record ${nameOf(record)} (it does not exist any more)`);
  const call = callOf(direction, record);
  const recorded = session.record.calls[call];
  const wanted = [...new Set(now.map((value) => replacements.get(value) ?? value))];
  const isWritten = recorded?.outcomeAt !== undefined;
  if (wanted.join() === now.join() && recorded === undefined) return unchanged(session.record, record, direction, now, lost);
  if (isWritten && wanted.join() !== now.join()) return stuck(`The DNS record ${nameOf(record)} was written and shows another value: ${now.join(', ')}`);
  // Also after a crash in between, when the values are there already: only the change's id can tell whether all name servers have it.
  const { changeId } = await session.mutate(call, () => ports.dnsRecords.replace(record, now, wanted));
  if (changeId === undefined) return stuck(`Route 53 gave no id for the change of ${nameOf(record)}`);
  return (await ports.dnsRecords.isInSync(changeId)) ? there : moving(`The change of ${nameOf(record)} is on its way to the name servers`);
}

/** Nothing of it is to be replaced: somebody changed it, or the replacement has no address of the kind it names. */
function unchanged(remediation: Remediation, record: CapturedDnsRecord, { verb }: Direction, now: readonly string[], lost: readonly string[]): Progress {
  if (verb === 'return') {
    const wasMoved = remediation.calls[callOf({ verb: 'move' }, record)] !== undefined;
    const stale = now.some((value) => !record.values.includes(value));
    return wasMoved && stale ? left(`the DNS record ${nameOf(record)} (it names ${now.join(', ')}; what it named before has ended, set it by hand)`) : there;
  }
  const still = now.filter((value) => lost.includes(value));
  if (still.length > 0) return stuck(`The DNS record ${nameOf(record)} names ${still.join(', ')}, and the replacement has no such address`);
  return left(`the DNS record ${nameOf(record)} (it was changed to ${now.join(', ')} meanwhile)`);
}
