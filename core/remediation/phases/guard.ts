import type { System } from '../../catalog/schema.ts';
import { PermanentError } from '../../environment/errors.ts';
import { readLineage } from '../../images/lineage.ts';
import { groupIdOf, slotIdOf } from '../../inventory/classify.ts';
import { instanceType, tagKeys } from '../../inventory/records.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, type RecordType, updateRecord } from '../../records/record-type.ts';
import type { RecordKey } from '../../records/store.ts';
import { drillPlaceOf, isRequested } from '../admission/asked.ts';
import { openedOnSight } from '../guardrails/breaker.ts';
import { evaluateGuardrails, type GuardrailFacts, type GuardrailVerdict, isForGroup, isGroupOver, know, type Known } from '../guardrails/guardrails.ts';
import { chooseImage, type ImageChoice } from '../guardrails/image-choice.ts';
import { choosePath, type PathChoice } from '../paths/path-choice.ts';
import { failureModeOf, phasesOf, traitsOf } from '../paths/procedure.ts';
import type { InstanceFacts, TargetHealth } from '../ports.ts';
import type { ObservePhase, ObservePorts, PhaseContext, PhaseResult, RecordPatch } from '../phase.ts';
import { askApproval } from './approval.ts';
import { readPauses } from '../guardrails/switches.ts';
import { type Group, groupType, type PathName, platformType, type Remediation, remediationType, type Slot, slotType } from '../record.ts';

/** What must exist by now, because the claim wrote it. */
async function readClaimed<Body>(ports: ObservePorts, type: RecordType<Body>, key: RecordKey): Promise<Body> {
  const found = await readRecord(ports.store, type, key);
  if (found === undefined) throw new PermanentError(`there is no ${type.name} record ${key.sort}`);
  return found.body;
}

/** The group's members that run and are not in quarantine. */
export async function readMembers(ports: ObservePorts, system: System, groupId: string): Promise<readonly InstanceFacts[]> {
  const { name } = system.metadata;
  const tagged = await ports.instances.findByTag(tagKeys.system, name);
  const isMember = (instance: InstanceFacts): boolean => groupIdOf(name, instance.tags[tagKeys.role] ?? system.spec.image.role) === groupId;
  return tagged.filter(
    (instance) =>
      instance.state === 'running' && instance.tags[tagKeys.quarantine] === undefined && instance.tags[tagKeys.drill] === undefined && isMember(instance),
  );
}

/** In repair counts as unhealthy; starting and deliberately stopped ones are on neither side (design section 2). */
function countGroup(
  members: readonly InstanceFacts[],
  targets: readonly TargetHealth[],
  group: Group,
  { system, oldInstanceId }: Remediation,
): { members: number; unhealthy: number } {
  // A slot that members share says nothing of the others in it.
  const unhealthySlots = new Set(group.unhealthy.filter(({ instanceId }) => instanceId === undefined).map((entry) => entry.slotId));
  const unhealthyTargets = targets.filter((target) => target.state === 'unhealthy').map((target) => target.instanceId);
  const unhealthyIds = new Set([...unhealthyTargets, ...group.unhealthy.flatMap(({ instanceId }) => instanceId ?? [])]);
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
  const [approvedHistory, records] = await Promise.all([ports.images.approvedHistory(role), readLineage(ports.store, ports.scope, role)]);
  return chooseImage({
    groupId: session.record.groupId,
    // A repair that worked is no reason to distrust its image.
    attempt: 1 + (slot.failuresInARow ?? 0),
    approvedHistory,
    records,
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
    know(() => readPauses(ports.store, scope, record.system)),
    rehearsed.platform ?? know(() => readClaimed(ports, platformType, keys.platform(scope))),
    rehearsed.group ?? know(() => readClaimed(ports, groupType, keys.group(scope, record.groupId))),
    rehearsed.slot ?? know(() => readClaimed(ports, slotType, keys.slot(scope, record.slotId))),
  ]);
  return { pauses, platform, group, slot };
}

/** What was done before: the last drill of the system, and what a way back takes back. */
async function readPast({ store, scope }: ObservePorts, { system, revertOf }: Remediation): Promise<Pick<GuardrailFacts, 'drillPassedAt' | 'revertOf'>> {
  return {
    drillPassedAt: await know(async () => (await readRecord(store, slotType, keys.slot(scope, drillPlaceOf(system).id)))?.body.drillPassedAt),
    revertOf: await know(async () =>
      revertOf === undefined ? undefined : (await readRecord(store, remediationType, keys.remediation(scope, revertOf)))?.body,
    ),
  };
}

/** One that is gone is a member no more; its tags, or the inventory, remember what it was. */
async function readMembership({ ports, session }: PhaseContext<ObservePorts>, instance: InstanceFacts | undefined): Promise<boolean> {
  const { oldInstanceId } = session.record;
  if (instance !== undefined && instance.state !== 'terminated') return ports.instances.isGroupMember(oldInstanceId);
  if (instance?.tags[tagKeys.autoScalingGroup] !== undefined) return true;
  return (await readRecord(ports.store, instanceType, keys.instance(ports.scope, oldInstanceId)))?.body.autoScalingGroup !== undefined;
}

/** What the instance is, and which way to repair follows from it. Ways back and drills were chosen by who asked for them. */
async function readWays(context: PhaseContext<ObservePorts>): Promise<Pick<GuardrailFacts, 'instance' | 'isGroupMember' | 'status' | 'capability' | 'path'>> {
  const { ports, session, policy } = context;
  const { record } = session;
  const [instance, status, capability] = await Promise.all([
    know(() => ports.instances.read(record.oldInstanceId)),
    know(() => ports.instances.readStatus(record.oldInstanceId)),
    know(() => ports.recovery.capability(record.oldInstanceId)),
  ]);
  const isGroupMember = instance.isKnown ? await know(() => readMembership(context, instance.value)) : instance;
  const asked = record.isDrill || record.revertOf !== undefined ? record.path : undefined;
  const path = mapKnown(both(both(instance, isGroupMember), both(status, capability)), ([[facts, isMember], [checks, taken]]): PathChoice =>
    asked === undefined
      ? choosePath({
          now: ports.clock.now(),
          policy: policy.spec,
          isFenced: failureModeOf(record) === 'fenced',
          isRequested: isRequested(record.trigger),
          instance: facts?.state === 'terminated' ? undefined : facts,
          isGroupMember: isMember,
          status: checks,
          capability: taken,
        })
      : { kind: 'chosen', path: asked, reason: record.pathReason ?? 'asked for', nextPaths: [], skipped: [] },
  );
  return { instance, isGroupMember, status, capability, path };
}

/** Reads every fact afresh; what cannot be read stays unknown and vetoes. */
export async function readFacts(context: PhaseContext<ObservePorts>, rehearsed: Rehearsed = {}): Promise<GuardrailFacts> {
  const { ports, session, system, policy } = context;
  const { record } = session;
  const claim = await readClaim(ports, record, rehearsed);
  const { alarmName } = record.trigger;
  const [ways, registered, members, history, alarm] = await Promise.all([
    readWays(context),
    know(() => ports.targets.registered(system.spec.targetGroups)),
    know(() => readMembers(ports, system, record.groupId)),
    know(() => ports.images.approvedHistory(system.spec.image.role)),
    know(async () => (alarmName === undefined ? undefined : (await ports.alarms.read([alarmName]))[0])),
  ]);
  const { instance } = ways;
  const seen = both(members, registered);
  const image = both(seen, claim.slot);
  return {
    now: ports.clock.now(),
    windows: context.windows ?? [],
    ...(await readPast(ports, record)),
    remediation: record,
    system,
    policy,
    ...claim,
    ...ways,
    alarm,
    targets: mapKnown(registered, (targets) => targets.filter((target) => target.instanceId === record.oldInstanceId)),
    groupCount: mapKnown(both(seen, claim.group), ([[running, targets], group]) => countGroup(running, targets, group, record)),
    isImageInLineage: mapKnown(both(history, instance), ([images, facts]) => facts === undefined || images.includes(facts.imageId)),
    image: image.isKnown ? await know(() => readImageChoice(context, ...image.value[0], image.value[1])) : image,
  };
}

/** A veto decides before anything that a person may pass: nobody is asked for what would be refused anyway. */
export function vetoOf(verdicts: readonly GuardrailVerdict[]): Extract<PhaseResult, { readonly kind: 'vetoed' }> | undefined {
  const found = verdicts.find(({ verdict }) => verdict === 'veto');
  return found === undefined ? undefined : { kind: 'vetoed', guardrail: found.name, reason: found.reason, patch: { guardrails: [...verdicts] } };
}

/**
 * A group that is found over its limit has its breaker open from now on: whoever it stops shares one page, and the next attempt is its
 * probe. What a person asked for is no trouble, and opens nothing.
 */
async function openBreakerOnSight({ ports, session }: PhaseContext<ObservePorts>, facts: GuardrailFacts): Promise<void> {
  const { groupId, request } = session.record;
  if (request !== undefined || !isGroupOver(facts)) return;
  await updateRecord(ports.store, groupType, keys.group(ports.scope, groupId), (group) => {
    if (group === undefined) return group;
    const breaker = openedOnSight(group.breaker, facts.now);
    return breaker === group.breaker ? group : { ...group, breaker };
  });
}

/** Asks every guardrail with fresh facts; the first that does not pass decides. */
export const guard: ObservePhase = async (context) => {
  const facts = await readFacts(context);
  const { verdicts } = evaluateGuardrails(facts);
  const veto = vetoOf(verdicts);
  if (veto !== undefined) {
    if (veto.guardrail === 'circuit breaker') await openBreakerOnSight(context, facts);
    return veto;
  }
  const { record } = context.session;
  const course = courseOf(record, facts);
  if (course === undefined) return { kind: 'failed', reason: 'What to do is not known though no guardrail vetoes' };
  const patch = { guardrails: [...verdicts], ...course.patch };
  if (record.mode === 'dry-run') return { kind: 'would-have', reason: course.wouldHave, patch };
  const asking = verdicts.filter(({ verdict }) => verdict === 'approve');
  const { granted } = record.approval ?? {};
  if (asking.length > 0 && granted === undefined) return askApproval(context, asking, patch);
  const passed = granted === undefined ? `All ${verdicts.length} guardrails passed` : `No guardrail vetoes, and ${granted.by} approved`;
  return { kind: 'done', reason: `${passed}; ${course.reason}`, patch };
};

interface CourseFound {
  readonly reason: string;
  readonly wouldHave: string;
  readonly patch: RecordPatch;
}

/** What was chosen; nothing where it is not known or nothing can be chosen, which the guardrails have vetoed. */
export function chosenOf<Choice extends { readonly kind: string }>(fact: Known<Choice>): Extract<Choice, { readonly kind: 'chosen' }> | undefined {
  return fact.isKnown && isChosen(fact.value) ? fact.value : undefined;
}

const isChosen = <Choice extends { readonly kind: string }>(choice: Choice): choice is Extract<Choice, { readonly kind: 'chosen' }> => choice.kind === 'chosen';

/** The chosen path with its phases, and the image where Perennial itself may launch one. */
function courseOf(record: Remediation, facts: GuardrailFacts): CourseFound | undefined {
  const choice = chosenOf(facts.path);
  if (choice === undefined) return undefined;
  const way = { path: choice.path, pathReason: choice.reason, nextPaths: [...choice.nextPaths], remaining: [...phasesOf(choice.path, traitsOf(record))] };
  const wouldHave = wouldHaveText(record, choice.path);
  if (isForGroup(choice)) return { reason: choice.reason, wouldHave, patch: way };
  const image = chosenOf(facts.image);
  if (image === undefined) return undefined;
  return {
    reason: `${choice.reason}; ${image.reason}`,
    wouldHave: `${wouldHave}${choice.path === 'replace' ? ` from ${image.imageId}` : ''}`,
    patch: { ...way, imageId: image.imageId, imageReason: image.reason },
  };
}

function wouldHaveText({ oldInstanceId }: Remediation, path: PathName): string {
  return path === 'replace' ? `Would have replaced ${oldInstanceId}` : `Would have taken the path ${path} for ${oldInstanceId}`;
}
