import { RetryableError } from '../../environment/errors.ts';
import { present } from '../../environment/present.ts';
import type { Capture, CapturedDnsRecord } from '../surroundings/capture.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import { failureModeOf } from '../paths/procedure.ts';
import { type Addresses, addressMap, lostAddresses } from '../preflight/reachability.ts';
import type { Remediation } from '../record.ts';
import { revertedBy, storedCapture } from './capture.ts';
import { backward, type Direction, forward, left, moveEach, moving, nothingMoved, type Progress, stuck, there } from './moving.ts';

/*
 * Only values that were addresses of the one instance are replaced by those of the other; everything else of a record set stays as it
 * is found at that moment. A record set that names neither was changed by somebody on purpose.
 */

type Context = PhaseContext<ActPorts>;
/** What is to be written instead of what. */
type Replacements = ReadonlyMap<string, string>;
/** What it means that a record set has no value to be replaced. */
type Unchanged = (record: CapturedDnsRecord, now: readonly string[]) => Progress;

export const moveRecords: ActPhase = (context) => forward(context, (direction) => rewriteRecords(context, direction));
export const returnRecords: ActPhase = (context) => backward(context, 'move-records', (direction) => rewriteRecords(context, direction));

async function rewriteRecords(context: Context, direction: Direction): Promise<PhaseResult> {
  const { session } = context;
  const capture = await storedCapture(context);
  if (session.record.revertOf !== undefined) return rewriteOfRevert(context, direction, capture);
  const { verb, to } = direction;
  // Nothing is written before they are noted: without them nothing is to be taken back, and nobody asks for what may be gone.
  const replacement = verb === 'move' ? await noteAddresses(context, NEW_ADDRESSES, to) : addressesIn(session.record.calls[NEW_ADDRESSES]?.result);
  if (replacement === undefined) return verb === 'move' ? noAddresses(to) : nothingMoved;
  const replacements = verb === 'move' ? addressMap(capture, replacement) : wayBack(session.record, capture, replacement);
  const unchangedIs: Unchanged = (record, now) => unchanged(session.record, record, direction, now, lostAddresses(capture));
  return moveEach(session.record, capture.dnsRecords ?? [], nameOf, (record) => rewriteRecord(context, record, direction, replacements, unchangedIs));
}

const noAddresses = (instanceId: string): PhaseResult => ({
  kind: 'failed',
  reason: `${instanceId} has no network interface, so its addresses are not known`,
});

/** Names of the calls that write addresses down. */
const NEW_ADDRESSES = 'addresses-of-new';
const OLD_ADDRESSES = 'addresses-of-old';

/** Written down before the first record is: the way back must know them, also when the instance is gone by then. */
async function noteAddresses({ ports, session }: Context, name: string, instanceId: string): Promise<Addresses | undefined> {
  const noted = await session.mutate(name, async () => {
    const primary = await ports.interfaces.primary(instanceId);
    if (primary === undefined) throw new RetryableError(`EC2 does not list the network interface of ${instanceId}; it is asked again.`);
    const { privateIpAddress, privateDnsName, publicIpAddress, publicDnsName } = primary;
    return present({ privateIpAddress, privateDnsName, publicIpAddress, publicDnsName });
  });
  return addressesIn(noted);
}

function addressesIn(noted: Readonly<Record<string, string>> | undefined): Addresses | undefined {
  return noted?.['privateIpAddress'] === undefined ? undefined : { ...noted, privateIpAddress: noted['privateIpAddress'] };
}

/**
 * Another repair has written the records. Both instances may have stopped and started since, which gives them other public addresses:
 * what was written then, and by this way back, gives way to what the one that serves now has now.
 */
async function rewriteOfRevert(context: Context, direction: Direction, capture: Capture): Promise<PhaseResult> {
  const { record } = context.session;
  const arriving = await noteAddresses(context, direction.verb === 'return' ? OLD_ADDRESSES : NEW_ADDRESSES, direction.to);
  if (arriving === undefined) return noAddresses(direction.to);
  const written = (await revertedBy(context))?.calls[NEW_ADDRESSES]?.result;
  const ours = record.calls[OLD_ADDRESSES]?.result;
  const leaving = [written, ours].flatMap((noted) => addressesIn(noted) ?? []);
  const replacements = new Map(leaving.flatMap((addresses) => [...addressMap({ ...addresses, elasticIps: capture.elasticIps }, arriving)]));
  const gone = leaving.flatMap((addresses) => lostAddresses({ ...addresses, elasticIps: capture.elasticIps }));
  const right: readonly string[] = Object.values(arriving);
  const unchangedIs: Unchanged = (dnsRecord, now) => {
    const stale = now.filter((value) => gone.includes(value) && !right.includes(value));
    if (stale.length > 0)
      return left(`the DNS record ${nameOf(dnsRecord)} (it names ${stale.join(', ')}, and ${direction.to} has no such address; set it by hand)`);
    return now.some((value) => right.includes(value)) ? there : left(`the DNS record ${nameOf(dnsRecord)} (it was changed to ${now.join(', ')} meanwhile)`);
  };
  return moveEach(record, capture.dnsRecords ?? [], nameOf, (dnsRecord) => rewriteRecord(context, dnsRecord, direction, replacements, unchangedIs));
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
  unchangedIs: Unchanged,
): Promise<Progress> {
  const now = await ports.dnsRecords.read(record);
  if (now === undefined) return left(`the DNS record ${nameOf(record)} (it does not exist any more)`);
  const call = callOf(direction, record);
  const recorded = session.record.calls[call];
  const wanted = [...new Set(now.map((value) => replacements.get(value) ?? value))];
  const isWritten = recorded?.outcomeAt !== undefined;
  if (wanted.join() === now.join() && recorded === undefined) return unchangedIs(record, now);
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
