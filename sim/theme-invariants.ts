import { addSeconds, secondsBetween } from '../core/environment/time.ts';
import { tagKeys } from '../core/inventory/records.ts';
import { keys } from '../core/records/keys.ts';
import type { InstanceFacts } from '../core/remediation/ports.ts';
import type { Remediation } from '../core/remediation/record.ts';
import {
  abilities,
  declaredSince,
  type Invariant,
  isFirstHarm,
  isHalfDone,
  isJustDisturbed,
  isOfRepair,
  isReplacement,
  membersOf,
  recordOf,
  runningClaims,
  wasDisturbedSince,
} from './judging.ts';
import type { Witness } from './witness.ts';
import type { Effect } from './world.ts';

/*
 * Promises about what only some systems have: volumes and addresses that move, ladders, groups, approvals, maintenance windows, drills
 * and ways back. Rows like those of invariants.ts, which lists them all.
 */

export const themeInvariants: readonly Invariant[] = [
  {
    name: 'everything has one holder',
    sentence: 'Data volumes, interfaces, addresses, records and associations: at the instance that serves; a data volume is never deleted',
    onRecord: (witness, { before, after }) => {
      if (before?.state !== 'running' || after.state === 'running' || isHalfDone(after)) return undefined;
      return misplaced(witness, after);
    },
    onEffect: (witness, effect) => {
      if (effect.kind !== 'terminate' && effect.kind !== 'mark-unhealthy') return undefined;
      const held = thingsAt(witness, effect.subject);
      return held.length === 0 ? undefined : `${effect.subject} is ended while it has ${held.join(', ')}`;
    },
    atRest: (witness) => [...witness.world.things.keys()].flatMap((thing) => strayed(witness, thing)),
  },
  {
    name: 'nothing can end with it',
    sentence: 'Before harm: whatever ends the old instance, its volumes and interfaces stay',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || record.revertOf !== undefined || !isFirstHarm(effect, record)) return undefined;
      const armed = witness.world.region.attachments.endingWith(record.oldInstanceId);
      return armed.length === 0 ? undefined : `${effect.kind} of ${effect.subject} while ${armed.join(', ')} would end with ${record.oldInstanceId}`;
    },
  },
  {
    name: 'snapshot before data moves',
    sentence: 'Stateful systems need a fresh snapshot or an approval',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || effect.kind !== 'stop' || record.phase !== 'fence' || witness.play?.approved.has(record.id) === true) return undefined;
      const volumes = witness.world.region.attachments.dataVolumesOf(record.oldInstanceId);
      const since = addSeconds(record.timing.decidedAt, -abilities.lookSeconds);
      const fresh = witness.world.region.attachments.snapshotsTaken().filter(({ startedAt }) => startedAt >= since);
      const missing = volumes.filter((id) => !fresh.some(({ volumeId }) => volumeId === id));
      return missing.length === 0 ? undefined : `${effect.subject} is stopped and there is no fresh snapshot of ${missing.join(', ')}`;
    },
  },
  {
    name: 'volumes leave a stopped instance only',
    sentence: 'A data volume is never taken from an instance that runs',
    onEffect: ({ world }, effect) => {
      if (effect.kind !== 'detach' || effect.thing?.startsWith('vol-') !== true) return undefined;
      const state = world.region.find(effect.subject)?.state;
      return state === 'running' || state === 'pending' ? `${effect.thing} is taken off ${effect.subject}, which is ${state}` : undefined;
    },
  },
  {
    name: 'its ladder only',
    sentence: 'The ladder is policy: a step that it does not name is not taken, and none twice',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      const step = stepOf(effect);
      if (record === undefined || step === undefined) return undefined;
      const { policies } = declaredSince(witness, record.system, record.timing.decidedAt);
      const isNamed = policies.some(({ spec }) => spec.ladder.includes(step) || (step === 'root-swap' && spec.keepIdentity));
      if (!isNamed) return `${effect.kind} of ${effect.subject}, which no ladder of ${record.system} names`;
      const same = witness.effects.filter(({ kind, remediationId }) => kind === effect.kind && remediationId === record.id);
      return same.length > 1 + (witness.retriedCalls.get(record.id) ?? 0) ? `${effect.kind} of ${effect.subject} for the ${same.length}th time` : undefined;
    },
  },
  {
    name: 'a failing host is waited for',
    sentence: 'A failing system check waits for native recovery until `impairedSince` + 10 min, and nothing gentle is done to it',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || record.request !== undefined || !isOfRepair(effect) || !isFirstMeddling(effect, record)) return undefined;
      return hastyStep(witness, effect, record);
    },
  },
  {
    name: 'root swap only where it can help',
    sentence: 'Root-volume swap only where it can help: instance check failing, system check ok, running',
    onEffect: (witness, effect) => {
      // EC2 refuses to swap the root of what is gone.
      if (effect.kind !== 'swap-root' || isGone(witness, effect.subject)) return undefined;
      if (isJustDisturbed(witness, effect.subject)) return undefined;
      const { system = 'none', instance = 'none' } = witness.world.region.findStatus(effect.subject) ?? {};
      const isFine = instance === 'impaired' && system === 'ok';
      return isFine ? undefined : `the root of ${effect.subject} is swapped while its checks are ${system} and ${instance}`;
    },
  },
  {
    name: 'groups keep their size',
    sentence: 'A group’s desired capacity is never changed by us, and each ends with as many members as it wants',
    atRest: (witness) =>
      witness.world.stage.groups.flatMap(({ name, desiredCapacity }) => {
        const now = witness.world.region.groups.desiredCapacityOf(name);
        return now === desiredCapacity ? [] : [`${name} was to have ${desiredCapacity} members and is to have ${now} now`];
      }),
  },
  {
    name: 'a group that can',
    sentence: 'Instance refresh in progress, suspended processes, a launch template whose image is gone: blocked before anything is marked',
    onEffect: (witness, effect) => {
      if (effect.kind !== 'mark-unhealthy' && effect.kind !== 'standby') return undefined;
      const name = effect.before?.tags[tagKeys.autoScalingGroup] ?? '';
      const changedAt = witness.play?.groupChangedAt.get(name) ?? 0;
      if (witness.world.clock.millis - changedAt <= abilities.toleranceSeconds * 1000) return undefined;
      const obstacle = witness.world.region.groups.obstacleOf(name);
      return obstacle === undefined ? undefined : `${name} is told that ${effect.subject} is unhealthy though ${obstacle}`;
    },
  },
  {
    name: 'approved first',
    sentence: 'Nothing of an unapproved `approve` repair is touched, and an approval that comes too late is none',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || !isOfRepair(effect) || isTakenBackOrDrill(record) || witness.play?.approved.has(record.id) === true) return undefined;
      const modes = declaredSince(witness, record.system, record.timing.decidedAt).policies.map(({ spec }) => spec.mode);
      return modes.includes('auto') || modes.length === 0 ? undefined : `${effect.kind} of ${effect.subject}, and nobody approved ${record.id}`;
    },
    onRecord: (_witness, { before, after }) => {
      const { granted } = after.approval ?? {};
      const { expiresAt = '' } = before?.approval ?? {};
      if (granted === undefined || before?.approval?.granted !== undefined || before?.frozen !== undefined) return undefined;
      return granted.at >= expiresAt ? `${after.id} is approved at ${granted.at}, after ${expiresAt}` : undefined;
    },
  },
  {
    name: 'people are working',
    sentence: 'No repair begins in a maintenance window',
    onGuardPassed: ({ world }, record) => {
      const [early, late] = [addSeconds(world.clock.now(), -abilities.lookSeconds), addSeconds(world.clock.now(), abilities.lookSeconds)];
      const open = world.stage.windows.find(({ system, from, until }) => system === record.system && from < early && late < until);
      return open === undefined ? undefined : `${record.id} passes while people work on ${record.system} until ${open.until}`;
    },
  },
  {
    name: 'drills apart',
    sentence: 'Drills spend no budget, take no member’s place and touch only what they launched',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record?.isDrill !== true || !isOfRepair(effect) || effect.kind === 'launch') return undefined;
      if (witness.world.launched.get(effect.subject) !== record.id) return `the drill ${record.id} touches ${effect.subject} (${effect.kind})`;
      return effect.kind === 'register' ? `the drill ${record.id} registers ${effect.subject} with target groups` : undefined;
    },
    onRecord: (witness, { before, after }) => {
      if (!after.isDrill || before === undefined) return undefined;
      const slot = [...witness.world.staged.values()].find(({ place }) => place?.slotId === after.slotId || place?.groupId === after.groupId);
      return slot === undefined ? undefined : `the drill ${after.id} takes the place of ${slot.seed.instanceId}`;
    },
    atRest: ({ world, play }) =>
      world.region.all().flatMap(({ instanceId, tags, state }) => {
        const isTheirs = world.disturbedAt.has(instanceId) || play?.protectedInstances.has(instanceId) === true;
        if (tags[tagKeys.drill] === undefined || state === 'terminated' || isTheirs) return [];
        return world.remediation(tags[tagKeys.drill] ?? '')?.state === 'succeeded' ? [`${instanceId} of a drill is still ${state}`] : [];
      }),
  },
  {
    name: 'taken back whole',
    sentence: 'A way back ends with the old instance in service as it was, or with the replacement in service again',
    onGuardPassed: ({ world }, { revertOf, oldInstanceId, id }) => {
      const instance = revertOf === undefined ? undefined : world.region.find(oldInstanceId);
      const disturbedAt = world.disturbedAt.get(oldInstanceId) ?? 0;
      if (instance === undefined || world.clock.millis - disturbedAt < abilities.lookSeconds * 1000) return undefined;
      const isPutAway = instance.state === 'stopped' && instance.tags[tagKeys.quarantine] !== undefined;
      return isPutAway ? undefined : `${id} takes back ${oldInstanceId}, which is ${instance.state} and not in quarantine`;
    },
    onRecord: (witness, { before, after }) => {
      if (after.revertOf === undefined || before?.state !== 'running' || after.state === 'running' || isHalfDone(after)) return undefined;
      if (after.state !== 'succeeded' && after.state !== 'failed') return undefined;
      return halfTakenBack(witness, after);
    },
  },
  {
    name: 'nobody serves from quarantine',
    sentence: 'What is stopped or in quarantine is registered with no target group',
    onEffect: (witness, effect) => {
      const since = recordOf(witness, effect)?.timing.decidedAt;
      if (effect.kind !== 'register' || since === undefined || wasDisturbedSince(witness, effect.subject, since)) return undefined;
      const { tags = {}, state = 'gone' } = effect.before ?? {};
      if (state !== 'stopped' && tags[tagKeys.quarantine] === undefined) return undefined;
      return `${effect.subject} is registered with target groups while it is ${state}${tags[tagKeys.quarantine] === undefined ? '' : ' in quarantine'}`;
    },
  },
  {
    name: 'armed as it was',
    sentence: 'Compensation restores from the capture: what ended with the old instance ends with it again',
    onRecord: (witness, { before, after }) => {
      if (before?.state !== 'running' || after.state !== 'failed' || isHalfDone(after) || isPastDrain(after) || after.revertOf !== undefined) return undefined;
      const armed = armedAtFirst(witness, after.oldInstanceId);
      const missing = armed.filter((id) => !witness.world.region.attachments.endingWith(after.oldInstanceId).includes(id));
      // What an earlier repair could not give back is told already, and no later one has it to give.
      const isLostBefore = witness.world
        .remediations()
        .some((other) => other.id !== after.id && other.oldInstanceId === after.oldInstanceId && isHalfDone(other));
      if (missing.length === 0 || isLostBefore || isGone(witness, after.oldInstanceId)) return undefined;
      return `${after.id} has failed and ${missing.join(', ')} would not end with ${after.oldInstanceId} any more`;
    },
  },
  {
    name: 'shared cause',
    sentence: 'The breaker is also keyed by shared cause: while several groups of a zone fail together, one probe at a time',
    onGuardPassed: (witness, record) => {
      const zone = zoneOf(witness, record);
      if (isTakenBackOrDrill(record) || zone === undefined || !isStorm(witness, zone, record.timing.decidedAt)) return undefined;
      const other = runningClaims(witness).find(
        (known) => known.id !== record.id && witness.guardPassedAt.has(known.id) && !isTakenBackOrDrill(known) && zoneOf(witness, known) === zone,
      );
      if (other === undefined || !isStorm(witness, zone, other.timing.decidedAt)) return undefined;
      return `${record.id} passes beside ${other.id} while several groups of ${zone} fail together`;
    },
  },
  {
    name: 'only what is left behind is deleted',
    sentence: 'Loose volumes and interfaces: tag and record agree, older than an hour, and a data volume is never deleted',
    onEffect: (witness, effect) => {
      if (effect.kind !== 'delete') return undefined;
      if (witness.world.things.has(effect.subject)) return `${effect.subject} is deleted`;
      return witness.play?.untouchable.has(effect.subject) === true ? `${effect.subject} is deleted and is data, or of others` : undefined;
    },
  },
];

// --- the longer answers ---------------------------------------------------------------------------------------------------------

const idOf = (thing: { readonly volumeId: string } | { readonly networkInterfaceId: string }): string =>
  'volumeId' in thing ? thing.volumeId : thing.networkInterfaceId;

/** What ended with it when the play began. */
function armedAtFirst({ world }: Witness, instanceId: string): readonly string[] {
  const { volumes = [], interfaces = [] } = world.staged.get(instanceId)?.attachments ?? {};
  return [...volumes, ...interfaces].flatMap((thing) => (thing.deleteOnTermination === true ? [idOf(thing)] : []));
}

const zoneOf = ({ world }: Witness, { oldInstanceId }: Remediation): string | undefined => world.region.find(oldInstanceId)?.availabilityZone;

/** Far more than the rule needs, so that no lag and no skew excuses anybody. */
const STORM = { seconds: 300 - abilities.toleranceSeconds, slots: 5, percent: 12, groups: 3 } as const;

/** Instances of several groups of the zone that have begun to fail shortly before this moment and fail still. */
function isStorm(witness: Witness, zone: string, at: string): boolean {
  const { world } = witness;
  const from = addSeconds(at, -STORM.seconds);
  const failing = world.remediations().filter((record) => {
    const { decidedAt } = record.timing;
    if (decidedAt < from || decidedAt >= at || record.request !== undefined || zoneOf(witness, record) !== zone) return false;
    return (world.disturbedAt.get(record.oldInstanceId) ?? 0) <= Date.parse(decidedAt) && world.region.find(record.oldInstanceId)?.state === 'running';
  });
  const groups = new Set(failing.map(({ groupId }) => groupId));
  const members = [...groups].reduce((sum, groupId) => sum + membersOf(witness, groupId), 0);
  const slots = new Set(failing.map(({ slotId }) => slotId)).size;
  return groups.size >= STORM.groups && slots >= Math.max(STORM.slots, Math.ceil((members * STORM.percent) / 100));
}

const isTakenBackOrDrill = ({ revertOf, isDrill }: Remediation): boolean => revertOf !== undefined || isDrill;

/** Data volumes and interfaces at an instance. */
function thingsAt({ world }: Witness, instanceId: string): readonly string[] {
  if (world.things.size === 0) return [];
  const holders = world.region.attachments.holders();
  return [...world.things.keys()].filter((thing) => /^(vol|eni)-/.test(thing) && holders[thing] === instanceId);
}

/** Who has the thing: an instance; of a record the one whose address it names. */
function holderOf({ world }: Witness, thing: string): string {
  const holder = world.region.attachments.holderOf(thing) ?? 'nobody';
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(holder)) return holder;
  return world.region.all().find(({ privateIpAddress }) => privateIpAddress === holder)?.instanceId ?? 'nobody';
}

/** Where the repair has left what its instance was given. */
function misplaced(witness: Witness, record: Remediation): string | undefined {
  const { world } = witness;
  if (world.things.size === 0 || !hasTouchedSomething(witness, record) || !(isReplacement(record) || record.revertOf !== undefined)) return undefined;
  const { oldInstanceId, newInstanceId = '', id, revertOf = id, state } = record;
  if ([oldInstanceId, newInstanceId].some((known) => wasDisturbedSince(witness, known, record.timing.detectedAt) && isGone(witness, known))) return undefined;
  const expected = rightfulHolder(record);
  const named = JSON.stringify(world.store.peek(keys.capture(world.scope, revertOf))?.body ?? {});
  const wrong = [...world.things.keys()].filter((thing) => named.includes(`"${thing}"`) && holderOf(witness, thing) !== expected);
  const where = wrong.map((thing) => `${thing} is at ${holderOf(witness, thing)}`).join(', ');
  return wrong.length === 0 ? undefined : `${record.id} ended ${state} and ${where}, not at ${expected ?? 'nobody'}`;
}

/** Behind the drain a repair goes forward only: what has moved stays with the replacement. */
function rightfulHolder(record: Remediation): string | undefined {
  const { revertOf, state, oldInstanceId, newInstanceId } = record;
  if (revertOf !== undefined) return state === 'succeeded' ? oldInstanceId : newInstanceId;
  return state === 'succeeded' || isPastDrain(record) ? newInstanceId : oldInstanceId;
}

const isPastDrain = ({ phases }: Remediation): boolean => phases.some(({ name, outcome }) => name === 'deregister' && outcome === 'done');

const isGone = ({ world }: Witness, instanceId: string): boolean => ['terminated', 'shutting-down', undefined].includes(world.region.find(instanceId)?.state);

function hasTouchedSomething(witness: Witness, { id }: Remediation): boolean {
  return witness.effects.some(({ remediationId, kind, by }) => remediationId === id && by === 'driver' && kind !== 'publish' && kind !== 'execute');
}

/** At rest nothing is lost: whoever has it is there, unless the world took its holder away or a person was told that it is half-done. */
function strayed(witness: Witness, thing: string): readonly string[] {
  const { world } = witness;
  const first = world.things.get(thing) ?? '';
  const slotId = world.staged.get(first)?.place?.slotId;
  const onSlot = world.remediations().filter((record) => record.slotId === slotId);
  if (onSlot.some(isHalfDone)) return [];
  const holder = holderOf(witness, thing);
  const known = [first, ...onSlot.flatMap(({ newInstanceId }) => newInstanceId ?? [])];
  if (known.some((id) => world.disturbedAt.has(id) && isGone(witness, id))) return [];
  return known.includes(holder) && !isGone(witness, holder) ? [] : [`${thing} of ${first} is at ${holder}`];
}

function stepOf({ kind }: Effect): 'restart' | 'reboot' | 'root-swap' | undefined {
  if (kind === 'swap-root') return 'root-swap';
  return kind === 'restart' || kind === 'reboot' ? kind : undefined;
}

function isFirstMeddling(effect: Effect, record: Remediation): boolean {
  return effect.subject === record.oldInstanceId && (stepOf(effect) !== undefined || (effect.kind === 'stop' && record.phase === 'fence'));
}

function hastyStep(witness: Witness, effect: Effect, record: Remediation): string | undefined {
  const { world } = witness;
  const status = world.region.findStatus(record.oldInstanceId);
  if (status?.system !== 'impaired' || isJustDisturbed(witness, record.oldInstanceId)) return undefined;
  // The way, or the next step of it, was chosen before the host failed.
  const chosenAt = record.phases.findLast(({ name, outcome }) => name === 'choose-step' && outcome === 'done')?.endedAt;
  if ((status.impairedSince ?? '') > (chosenAt ?? witness.guardPassedAt.get(record.id) ?? '')) return undefined;
  if (stepOf(effect) !== undefined) return `${effect.kind} of ${effect.subject} though its host fails`;
  return recoverySpoilt(witness, effect, record, status.impairedSince ?? world.clock.now());
}

function recoverySpoilt(witness: Witness, { subject }: Effect, record: Remediation, impairedSince: string): string | undefined {
  const { world } = witness;
  const canRecover = world.staged.get(record.oldInstanceId)?.capability?.isRecoveredByEc2 === true;
  const { policies } = declaredSince(witness, record.system, record.timing.decidedAt);
  const seconds = Math.min(...policies.map(({ spec }) => spec.nativeRecoverySeconds));
  const until = addSeconds(impairedSince, seconds - 30);
  // It passed and failed again between two looks: nobody can know, and the whole time was waited since the first failure.
  const waited = record.phases.find(({ name }) => name === 'await-native-recovery');
  const hasWaited = waited !== undefined && impairedSince > waited.startedAt && secondsBetween(record.trigger.at, waited.endedAt) >= seconds - 30;
  if (hasWaited) return undefined;
  return canRecover && world.clock.now() < until ? `${subject} is stopped though EC2 may recover it until ${until}` : undefined;
}

function halfTakenBack(witness: Witness, record: Remediation): string | undefined {
  const { world } = witness;
  const { oldInstanceId, newInstanceId = '', state, timing } = record;
  if ([oldInstanceId, newInstanceId].some((id) => wasDisturbedSince(witness, id, timing.decidedAt)) || !hasTouchedSomething(witness, record)) return undefined;
  const [serving, put] = state === 'succeeded' ? [oldInstanceId, newInstanceId] : [newInstanceId, oldInstanceId];
  // An image that turned bad ends what runs from it.
  if (isGone(witness, serving) && !witness.effects.some(({ kind, subject }) => kind === 'terminate' && subject === serving)) return undefined;
  const lacking = lackingInService(world.region.find(serving));
  if (lacking !== undefined) return `${record.id} ended ${state} and ${serving} is ${lacking}`;
  return world.region.find(put)?.state === 'running' ? `${record.id} ended ${state} and ${put} still runs` : undefined;
}

function lackingInService(instance: InstanceFacts | undefined): string | undefined {
  if (instance?.state !== 'running') return instance?.state ?? 'gone';
  const isIsolated = instance.tags[tagKeys.quarantine] !== undefined || instance.securityGroupNames.includes('perennial-quarantine');
  return isIsolated ? 'still isolated' : undefined;
}
