import type { System } from '../../catalog/schema.ts';
import { PermanentError } from '../../environment/errors.ts';
import { imageRecordType } from '../../images/records.ts';
import { groupIdOf, slotIdOf } from '../../inventory/classify.ts';
import { tagKeys } from '../../inventory/records.ts';
import { keys, partitions } from '../../records/keys.ts';
import { parseRecord, readRecord, type RecordType } from '../../records/record-type.ts';
import type { RecordKey } from '../../records/store.ts';
import { evaluateGuardrails, type GuardrailFacts, type GuardrailVerdict, know, type Known } from '../guardrails.ts';
import { chooseImage, type ImageChoice } from '../image-choice.ts';
import type { InstanceFacts, TargetHealth } from '../ports.ts';
import type { ObservePhase, ObservePorts, PhaseContext, PhaseResult } from '../phase.ts';
import { type Group, groupType, type Pause, pauseType, platformType, type Remediation, type Slot, slotType } from '../record.ts';

/** What must exist by now, because the claim wrote it. */
async function readClaimed<Body>(ports: ObservePorts, type: RecordType<Body>, key: RecordKey): Promise<Body> {
  const found = await readRecord(ports.store, type, key);
  if (found === undefined) throw new PermanentError(`there is no ${type.name} record ${key.sort}`);
  return found.body;
}

async function readPauses(ports: ObservePorts, system: string): Promise<readonly Pause[]> {
  const found = await Promise.all(['global', `system#${system}`].map((target) => readRecord(ports.store, pauseType, keys.pause(ports.scope, target))));
  return found.filter((pause) => pause !== undefined).map((pause) => pause.body);
}

/** The group's members that run and are not in quarantine. */
async function readMembers(ports: ObservePorts, system: System, groupId: string): Promise<readonly InstanceFacts[]> {
  const { name } = system.metadata;
  const tagged = await ports.instances.findByTag(tagKeys.system, name);
  const isMember = (instance: InstanceFacts): boolean => groupIdOf(name, instance.tags[tagKeys.role] ?? system.spec.image.role) === groupId;
  return tagged.filter((instance) => instance.state === 'running' && instance.tags[tagKeys.quarantine] === undefined && isMember(instance));
}

/** In repair counts as unhealthy; starting and deliberately stopped ones are on neither side (design section 2). */
function countGroup(
  members: readonly InstanceFacts[],
  targets: readonly TargetHealth[],
  group: Group,
  { system, oldInstanceId }: Remediation,
): { members: number; unhealthy: number } {
  const unhealthySlots = new Set(group.unhealthy.map((entry) => entry.slotId));
  const unhealthyIds = new Set(targets.filter((target) => target.state === 'unhealthy').map((target) => target.instanceId));
  const isUnhealthy = (instance: InstanceFacts): boolean =>
    instance.instanceId === oldInstanceId || unhealthyIds.has(instance.instanceId) || unhealthySlots.has(slotIdOf(instance, system));
  const isOldCounted = members.some((instance) => instance.instanceId === oldInstanceId);
  return { members: members.length + (isOldCounted ? 0 : 1), unhealthy: members.filter(isUnhealthy).length + (isOldCounted ? 0 : 1) };
}

function peerImages(members: readonly InstanceFacts[], targets: readonly TargetHealth[], oldInstanceId: string): readonly string[] {
  const unhealthy = new Set(targets.filter((target) => target.state !== 'healthy').map((target) => target.instanceId));
  const peers = members.filter((instance) => instance.instanceId !== oldInstanceId && !unhealthy.has(instance.instanceId));
  return [...new Set(peers.map((instance) => instance.imageId))];
}

async function readImageChoice(
  { ports, session, system }: PhaseContext<ObservePorts>,
  members: readonly InstanceFacts[],
  targets: readonly TargetHealth[],
  slot: Slot,
): Promise<ImageChoice> {
  const { role } = system.spec.image;
  const [approvedHistory, stored] = await Promise.all([
    ports.images.approvedHistory(role),
    ports.store.query(partitions.images(ports.scope), `${role}#`, { limit: 200, newestFirst: true }),
  ]);
  return chooseImage({
    groupId: session.record.groupId,
    // A repair that worked is no reason to distrust its image.
    attempt: 1 + (slot.failuresInARow ?? 0),
    approvedHistory,
    records: stored.records.map((record) => parseRecord(imageRecordType, record).body),
    peerImageIds: peerImages(members, targets, session.record.oldInstanceId),
  });
}

/** What a claim writes, as far as a plan has rehearsed it: before the first claim of a group none of it is stored. */
type Rehearsed = Partial<Pick<GuardrailFacts, 'platform' | 'group' | 'slot'>>;

/** Both facts, or neither: what rests on two readings needs both. */
function both<Left, Right>(left: Known<Left>, right: Known<Right>): Known<readonly [Left, Right]> {
  if (!left.isKnown) return left;
  return right.isKnown ? { isKnown: true, value: [left.value, right.value] } : right;
}

function mapKnown<Value, Result>(fact: Known<Value>, map: (value: Value) => Result): Known<Result> {
  return fact.isKnown ? { isKnown: true, value: map(fact.value) } : fact;
}

/** The group's own records, as the claim has written them. */
async function readClaim(
  ports: ObservePorts,
  record: Remediation,
  rehearsed: Rehearsed,
): Promise<Pick<GuardrailFacts, 'pauses' | 'platform' | 'group' | 'slot'>> {
  const { scope } = ports;
  const [pauses, platform, group, slot] = await Promise.all([
    know(() => readPauses(ports, record.system)),
    rehearsed.platform ?? know(() => readClaimed(ports, platformType, keys.platform(scope))),
    rehearsed.group ?? know(() => readClaimed(ports, groupType, keys.group(scope, record.groupId))),
    rehearsed.slot ?? know(() => readClaimed(ports, slotType, keys.slot(scope, record.slotId))),
  ]);
  return { pauses, platform, group, slot };
}

/** Reads every fact afresh; what cannot be read stays unknown and vetoes. */
export async function readFacts(context: PhaseContext<ObservePorts>, rehearsed: Rehearsed = {}): Promise<GuardrailFacts> {
  const { ports, session, system, policy } = context;
  const { record } = session;
  const claim = await readClaim(ports, record, rehearsed);
  const { alarmName } = record.trigger;
  const [instance, isGroupMember, status, registered, members, history, alarm] = await Promise.all([
    know(() => ports.instances.read(record.oldInstanceId)),
    know(() => ports.instances.isGroupMember(record.oldInstanceId)),
    know(() => ports.instances.readStatus(record.oldInstanceId)),
    know(() => ports.targets.registered(system.spec.targetGroups)),
    know(() => readMembers(ports, system, record.groupId)),
    know(() => ports.images.approvedHistory(system.spec.image.role)),
    know(async () => (alarmName === undefined ? undefined : (await ports.alarms.read([alarmName]))[0])),
  ]);
  const seen = both(members, registered);
  const image = both(seen, claim.slot);
  return {
    now: ports.clock.now(),
    remediation: record,
    system,
    policy,
    ...claim,
    instance,
    isGroupMember,
    status,
    alarm,
    targets: mapKnown(registered, (targets) => targets.filter((target) => target.instanceId === record.oldInstanceId)),
    groupCount: mapKnown(both(seen, claim.group), ([[running, targets], group]) => countGroup(running, targets, group, record)),
    isImageInLineage: mapKnown(both(history, instance), ([images, facts]) => facts === undefined || images.includes(facts.imageId)),
    image: image.isKnown ? await know(() => readImageChoice(context, ...image.value[0], image.value[1])) : image,
  };
}

function vetoResult(decisive: GuardrailVerdict, verdicts: readonly GuardrailVerdict[]): PhaseResult {
  const reason = decisive.verdict === 'approve' ? `${decisive.reason}. Approval is not possible yet, so nothing was touched` : decisive.reason;
  return { kind: 'vetoed', guardrail: decisive.name, reason, patch: { guardrails: [...verdicts] } };
}

/** Asks every guardrail with fresh facts; the first that does not pass decides. */
export const guard: ObservePhase = async (context) => {
  const facts = await readFacts(context);
  const { verdicts, decisive } = evaluateGuardrails(facts);
  if (decisive !== undefined) return vetoResult(decisive, verdicts);
  const { image } = facts;
  if (!image.isKnown || image.value.kind === 'none') return { kind: 'failed', reason: 'The image to launch is not known' };
  const patch = { guardrails: [...verdicts], imageId: image.value.imageId, imageReason: image.value.reason };
  if (context.session.record.mode === 'dry-run') {
    return { kind: 'would-have', reason: `Would have replaced ${context.session.record.oldInstanceId} from ${image.value.imageId}`, patch };
  }
  return { kind: 'done', reason: `All ${verdicts.length} guardrails passed; ${image.value.reason}`, patch };
};
