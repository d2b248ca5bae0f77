import type { System } from '../core/catalog/schema.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../core/environment/time.ts';
import { tagKeys } from '../core/inventory/records.ts';
import { keys, partitions } from '../core/records/keys.ts';
import { incidentType, isOver, type Notification, notificationType } from '../core/incidents/record.ts';
import { parseRecord } from '../core/records/record-type.ts';
import type { StoredRecord } from '../core/records/store.ts';
import type { InstanceFacts } from '../core/remediation/ports.ts';
import type { Remediation } from '../core/remediation/record.ts';
import {
  abilities,
  DAY_SECONDS,
  declaredSince,
  groupLimit,
  HOUR_SECONDS,
  type Invariant,
  isFirstHarm,
  isForward,
  isHalfDone,
  isJustDisturbed,
  isOfRepair,
  isPartOf,
  isReplacement,
  isUp,
  isWithoutTrouble,
  membersOf,
  recordOf,
  runningClaims,
  servesOrWasDisturbed,
  servingAfter,
  VERIFY_MARGIN_SECONDS,
  wasDisturbedSince,
} from './judging.ts';
import { themeInvariants } from './theme-invariants.ts';
import type { Heard, Witness } from './witness.ts';
import type { Effect } from './world.ts';

/*
 * What must be true, whatever goes wrong (design section 11). Each row is one promise, asked right when something takes effect, with
 * the truth of the world before its eyes; it restates the promise and calls none of the rules that it judges. To add one: a row.
 */

// --- the table ----------------------------------------------------------------------------------------------------------------

export const invariants: readonly Invariant[] = [
  {
    name: 'service floor',
    sentence: 'In-service never falls below the group’s floor because of us',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      const takesOut = effect.kind === 'deregister' || effect.kind === 'stop' || effect.kind === 'isolate';
      // Data moves only from a stopped instance: there the instance is fenced in whatever topology.
      if (record === undefined || !takesOut || record.topology !== 'multiple' || record.isFenced === true) return undefined;
      return unservedBy(witness, effect, record);
    },
  },
  {
    name: 'one running instance of a single slot',
    sentence: 'Never two running instances of a slot of a `single` system (unless `concurrencySafe`)',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || (effect.kind !== 'launch' && effect.kind !== 'start')) return undefined;
      if (!isFencedSystem(witness, record)) return undefined;
      const others = witness.world.region
        .all()
        .filter((other) => other.instanceId !== effect.subject && isUp(other) && witness.world.slotOf(other) === record.slotId);
      // One that somebody started again in its quarantine is that person's; it is isolated.
      const isTheirs = (other: InstanceFacts): boolean => other.tags[tagKeys.quarantine] !== undefined && witness.world.disturbedAt.has(other.instanceId);
      const ours = others.filter((other) => !isJustDisturbed(witness, other.instanceId) && !isTheirs(other));
      return ours.length === 0 ? undefined : `${effect.subject} is ${effect.kind === 'launch' ? 'launched' : 'started'} while ${ours.map(describe).join(', ')}`;
    },
  },
  {
    name: 'one remediation of a slot',
    sentence: 'Never two remediations of one slot',
    onRecord: (witness, { before, after }) => {
      if (before !== undefined || after.state !== 'running') return undefined;
      const other = witness.world.remediations().find(({ slotId, id, state }) => slotId === after.slotId && id !== after.id && state === 'running');
      return other === undefined ? undefined : `${after.id} claims ${after.slotId} while ${other.id} runs`;
    },
  },
  {
    name: 'one replacement of a remediation',
    sentence: 'At most one replacement beside the old',
    onEffect: (witness, effect) => {
      if (effect.kind !== 'launch') return undefined;
      const launched = [...witness.world.launched].filter(([, remediationId]) => remediationId === effect.remediationId);
      return launched.length <= (recordOf(witness, effect)?.isDrill === true ? 2 : 1)
        ? undefined
        : `${effect.remediationId ?? ''} has launched ${launched.map(([id]) => id).join(' and ')}`;
    },
  },
  {
    name: 'reason before harm',
    sentence: 'Never a quarantine or termination without reason, capture and, for `multiple`, a serving replacement',
    onEffect: (witness, effect) => {
      if (!isOfRepair(effect)) return undefined;
      const record = recordOf(witness, effect);
      if (record === undefined) return `${effect.kind} of ${effect.subject} without a remediation`;
      if (record.reason === '') return `${effect.kind} of ${effect.subject} without a reason`;
      if (record.guardrails.length === 0 || record.guardrails.some(({ verdict }) => verdict === 'veto'))
        return `${effect.kind} of ${effect.subject} without the guardrails`;
      return undefined;
    },
  },
  {
    name: 'capture before harm',
    sentence: 'Never a quarantine or termination without reason, capture and, for `multiple`, a serving replacement',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || !isOfRepair(effect)) return undefined;
      // A way back restores what the repair that it takes back has captured; the gentler ways, groups and drills restore nothing.
      const isCapturing = record.path === undefined || record.path === 'replace' || record.path === 'root-swap';
      if (!isCapturing) return undefined;
      if (!record.phases.some(({ name, outcome }) => name === 'capture' && outcome === 'done'))
        return `${effect.kind} of ${effect.subject} before the capture phase`;
      const stored = witness.world.store.peek(keys.capture(witness.world.scope, record.id));
      return stored === undefined ? `${effect.kind} of ${effect.subject}, of which no capture is stored` : undefined;
    },
  },
  {
    name: 'evidence before quarantine',
    sentence: 'Evidence first (console output, logs, snapshot), isolate, then stop',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || effect.kind !== 'mark') return undefined;
      const kept = [...witness.world.store.peekAll(partitions.timeline(witness.world.scope, record.incidentId))].some(({ key }) =>
        key.sort.includes(`${record.id}:evidence:${effect.subject}`),
      );
      return kept ? undefined : `${effect.subject} is put into quarantine and no evidence of it is kept`;
    },
  },
  {
    name: 'serving replacement before quarantine',
    sentence: 'Never a quarantine or termination without reason, capture and, for `multiple`, a serving replacement',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || record.topology !== 'multiple' || effect.subject !== record.oldInstanceId) return undefined;
      if ((effect.kind !== 'mark' && effect.kind !== 'deregister') || isWithoutTrouble(record)) return undefined;
      const { newInstanceId, timing } = record;
      if (newInstanceId === undefined || timing.inServiceAt === undefined)
        return `${effect.subject} is taken out (${effect.kind}) and nothing was ever seen to serve in its place`;
      const isFine = witness.world.isServing(newInstanceId) || wasJustSeen(witness, effect, { ...record, newInstanceId });
      return isFine ? undefined : `${effect.subject} is taken out (${effect.kind}) while its replacement ${newInstanceId} does not serve`;
    },
  },
  {
    name: 'success is verified',
    sentence: 'Unverifiable success is failure: `running` must persist, target health must be read back',
    onRecord: (witness, { before, after }) => {
      const newInstanceId = servingAfter(after) ?? after.oldInstanceId;
      const isNews = isFirstInService(before, after);
      const isEnd = after.state === 'succeeded' && before?.state === 'running';
      // What a drill launches serves nobody.
      if ((!isNews && !isEnd) || after.isDrill) return undefined;
      const since = isEnd ? lastProof(witness, after) : after.phaseStartedAt;
      const unseen = isEnd ? verifiedUnseen(witness, after) : undefined;
      if (unseen !== undefined) return unseen;
      return servesOrWasDisturbed(witness, newInstanceId, since)
        ? undefined
        : `${after.id} says that ${newInstanceId} ${isEnd ? 'is verified' : 'is in service'}, and it is not`;
    },
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || effect.kind !== 'register' || effect.subject !== record.newInstanceId || record.revertOf !== undefined) return undefined;
      const status = witness.world.region.findStatus(effect.subject);
      const isFine = (status?.instance === 'ok' && status.system === 'ok') || wasDisturbedSince(witness, effect.subject, record.timing.decidedAt);
      return isFine ? undefined : `${effect.subject} is registered while its status checks are ${status?.instance ?? 'unknown'}`;
    },
  },
  {
    name: 'only ours',
    sentence: 'Nothing owned by others is touched',
    onEffect: (witness, effect) => {
      if (effect.kind === 'publish' || effect.kind === 'execute' || effect.kind === 'launch') return undefined;
      return effect.by === 'reap' ? touchedByReaper(witness, effect) : touchedByRepair(witness, effect);
    },
  },
  {
    name: 'termination agrees',
    sentence: 'The reaper acts only where tag and record agree, one id per call; kept 96 h',
    onEffect: (witness, effect) => (effect.kind === 'terminate' ? wrongTermination(witness, effect) : undefined),
  },
  {
    name: 'platform caps',
    sentence: 'Caps and breakers hold: at most so many repairs in flight and starts an hour',
    onRecord: (witness, { before, after }) => {
      if (before !== undefined || after.state !== 'running') return undefined;
      const caps = declaredSince(witness, after.system, witness.world.clock.now()).policies.map(({ spec }) => spec.caps);
      const inFlight = runningClaims(witness).filter(({ id }) => id !== after.id).length + 1;
      if (inFlight > Math.max(...caps.map(({ maxInFlight }) => maxInFlight))) return `${after.id} is the ${inFlight}th in flight`;
      const starts = witness.claims.filter(
        ({ at, remediationId }) => secondsBetween(at, witness.world.clock.now()) < HOUR_SECONDS - 30 && hasCounted(witness, remediationId),
      ).length;
      return starts > Math.max(...caps.map(({ maxStartsPerHour }) => maxStartsPerHour)) ? `${after.id} is the ${starts}th start within an hour` : undefined;
    },
  },
  {
    name: 'platform breaker',
    sentence: 'More than max(5, 10 % of systems) distinct systems unhealthy within 5 min open the platform breaker',
    onRecord: (witness, { before, after }) => {
      if (before !== undefined || after.state !== 'running') return undefined;
      const { world } = witness;
      const policies = declaredSince(witness, after.system, world.clock.now()).policies;
      const limit = Math.max(Math.floor(world.catalog.systems.length / 10), ...policies.map(({ spec }) => spec.caps.platformUnhealthySystems));
      const seconds = 300 - abilities.toleranceSeconds;
      const recent = world
        .remediations()
        .filter(
          (record) =>
            record.id !== after.id &&
            record.request === undefined &&
            record.failure?.guardrail !== 'pause' &&
            secondsBetween(record.timing.decidedAt, world.clock.now()) < seconds,
        )
        .map(({ system }) => system);
      const systems = new Set([...recent, ...(after.request === undefined ? [after.system] : [])]);
      return systems.size > limit ? `${after.id} is admitted while ${systems.size} systems asked for a repair within ${seconds} s` : undefined;
    },
  },
  {
    name: 'group cap',
    sentence: 'One at a time: in flight per group at most max(1, 10 % rounded down)',
    onRecord: (witness, { before, after }) => {
      if (before !== undefined || after.state !== 'running') return undefined;
      const percent = Math.max(...declaredSince(witness, after.system, witness.world.clock.now()).policies.map(({ spec }) => spec.caps.maxInFlightPercent));
      const inFlight = runningClaims(witness).filter(({ id, groupId }) => groupId === after.groupId && id !== after.id).length + 1;
      const limit = groupLimit(membersOf(witness, after.groupId), percent);
      return inFlight > limit ? `${after.id} is the ${inFlight}th in flight in ${after.groupId}, at most ${limit} may` : undefined;
    },
  },
  {
    name: 'circuit breaker',
    sentence: 'More than max(1, 50 %) unhealthy open the breaker; one probe at a time may pass; a failed probe stops probing',
    onGuardPassed: (witness, record) => {
      const { world } = witness;
      if (isWithoutTrouble(record)) return undefined;
      const percent = Math.max(...declaredSince(witness, record.system, world.clock.now()).policies.map(({ spec }) => spec.caps.maxUnhealthyPercent));
      const members = membersOf(witness, record.groupId);
      const unhealthy = unhealthyMembers(witness, record.groupId);
      if (unhealthy <= groupLimit(members, percent)) return undefined;
      const others = runningClaims(witness).filter(({ id, groupId }) => groupId === record.groupId && id !== record.id && witness.guardPassedAt.has(id));
      if (others.length > 0) return `${unhealthy} of ${members} are unhealthy and ${record.id} passes beside ${others.map(({ id }) => id).join(', ')}`;
      const failed = lastProbe(witness, record);
      witness.openPasses.set(record.groupId, record.id);
      return failed === undefined ? undefined : `${unhealthy} of ${members} are unhealthy, ${failed} has failed, and ${record.id} tries again`;
    },
  },
  {
    name: 'retry cap',
    sentence: '3 per slot in any rolling 24 h; replacements that stay unhealthy suspend the group',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || !tries.has(effect.kind)) return undefined;
      const cap = Math.max(...declaredSince(witness, record.system, effect.at).policies.map(({ spec }) => spec.caps.maxAttemptsPerDay), 0);
      const onSlot = witness.effects.filter(
        (other) => tries.has(other.kind) && recordOf(witness, other)?.slotId === record.slotId && secondsBetween(other.at, effect.at) < DAY_SECONDS,
      );
      const attempts = new Set(onSlot.map(({ remediationId }) => remediationId)).size;
      return cap > 0 && attempts > cap ? `${effect.subject} is attempt ${attempts} for ${record.slotId} within a day` : undefined;
    },
    onRecord: (witness, { before, after }) => {
      if (before !== undefined || after.state !== 'running') return undefined;
      const ended = witness.world.remediations().filter(({ groupId, state }) => groupId === after.groupId && (state === 'failed' || state === 'succeeded'));
      const sorted = ended.toSorted((left, right) => ((left.timing.endedAt ?? '') < (right.timing.endedAt ?? '') ? -1 : 1));
      const lastGood = sorted.findLastIndex(({ state }) => state === 'succeeded');
      const bad = sorted
        .slice(lastGood + 1)
        .filter(({ failure }) => ['await-running', 'await-healthy', 'verify', 'await-member', 'verify-serving'].includes(failure?.phase ?? ''));
      return bad.length >= 3 ? `${after.id} is claimed though ${bad.length} replacements of ${after.groupId} in a row did not stay healthy` : undefined;
    },
  },
  {
    name: 'listed triggers only',
    sentence: 'Only triggers that the policy lists may repair; an alarm with its own action is a veto',
    onGuardPassed: (witness, record) => {
      if (record.request !== undefined) return undefined;
      const { policies } = declaredSince(witness, record.system, record.timing.decidedAt);
      const name = record.trigger.originalAlarmName;
      const isListed = policies.some(({ spec }) =>
        spec.triggers.some((trigger) => (typeof trigger === 'string' ? trigger === record.trigger.kind : trigger.alarm === name)),
      );
      if (!isListed) return `${record.id} was triggered by ${name ?? record.trigger.kind}, which no policy lists`;
      const alarm = record.trigger.alarmName === undefined ? undefined : witness.world.region.findAlarm(record.trigger.alarmName);
      return alarm?.hasOwnAction === true ? `${record.id} was triggered by ${alarm.name}, which acts by itself` : undefined;
    },
  },
  {
    name: 'opted in and what it says it is',
    sentence: 'Tag membership, a policy in `auto`, provenance and corroboration; else it is left alone',
    onGuardPassed: (witness, record) => {
      if (witness.play?.approved.has(record.id) === true || isWithoutTrouble(record)) return undefined;
      const modes = declaredSince(witness, record.system, record.timing.decidedAt).policies.map(({ spec }) => spec.mode);
      if (!modes.includes('auto')) return `${record.id} passes in mode ${modes.join(', ')} and nobody approved it`;
      return doubtOf(witness, record);
    },
  },
  {
    name: 'within its abilities',
    sentence: 'Spot, instance-store and stateful instances have their own capability row; members are repaired through their group',
    onGuardPassed: (witness, record) => {
      if (witness.play?.approved.has(record.id) === true || isWithoutTrouble(record) || keepsItsDisks(record)) return undefined;
      return beyondAbilities(witness, record);
    },
  },
  {
    name: 'the trouble is still there',
    sentence: 'The triggering source must still be true when re-read; in grace, on hold, stopped on purpose: left alone',
    onGuardPassed: (witness, record) => {
      const { region } = witness.world;
      const instance = region.find(record.oldInstanceId);
      if (instance === undefined || instance.state === 'terminated' || isJustDisturbed(witness, record.oldInstanceId, abilities.lookSeconds)) return undefined;
      if (isWithoutTrouble(record)) return undefined;
      if (instance.tags[tagKeys.hold] !== undefined) return `${record.oldInstanceId} is on hold`;
      if (instance.tags[tagKeys.quarantine] !== undefined) return `${record.oldInstanceId} is in quarantine`;
      if (record.request !== undefined) return undefined;
      if (instance.state === 'stopped') return `${record.oldInstanceId} was stopped on purpose`;
      const { policies } = declaredSince(witness, record.system, record.timing.decidedAt);
      const grace = Math.min(...policies.map(({ spec }) => spec.healthCheckGraceSeconds));
      const ageSeconds = secondsBetween(instance.launchedAt, witness.world.clock.now());
      if (ageSeconds < grace - 30) return `${record.oldInstanceId} is ${Math.round(ageSeconds)} s old, inside its grace period`;
      const pending = Math.min(...policies.map(({ spec }) => spec.pendingSeconds));
      if (secondsBetween(record.trigger.at, witness.world.clock.now()) < pending - 30) return `${record.id} passes before the pending time of ${pending} s`;
      return truthOfTrigger(witness, record);
    },
  },
  {
    name: 'image somebody has run',
    sentence: 'The newest approved image already verified in this group, else the one healthy peers run; never an untried one',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      // A drill is there to see an image at work that nobody has run.
      if (record === undefined || effect.imageId === undefined || record.isDrill) return undefined;
      const { imageId } = effect;
      const image = witness.world.region.findImage(imageId);
      const isFresh = witness.guardPassedAt.get(record.id) ?? effect.at;
      const { systems } = declaredSince(witness, record.system, record.timing.decidedAt);
      const isApproved = systems.some(({ spec }) => witness.world.region.approvedImages(spec.image.role).includes(imageId));
      if (image === undefined || !isApproved) return `${effect.subject} is launched from ${imageId}, which is not approved`;
      const hasRun = witness.world.region
        .all()
        .some((other) => other.imageId === imageId && other.tags[tagKeys.system] === record.system && other.launchedAt < isFresh);
      return hasRun ? undefined : `${effect.subject} is launched from ${imageId}, which ${record.system} has never run`;
    },
  },
  {
    name: 'preflight before harm',
    sentence: 'Image, architecture, capacity are asked before the old instance is touched',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || !isFirstHarm(effect, record)) return undefined;
      const preflight = record.phases.findLast(({ name, outcome }) => (name === 'preflight' || name === 'preflight-member') && outcome === 'done');
      if (preflight === undefined) return `${effect.kind} of ${effect.subject} before the preflight`;
      const isRecent = (witness.play?.imagesChangedAt ?? 0) >= Date.parse(preflight.endedAt) - abilities.toleranceSeconds * 1000;
      return isRecent || record.path === 'group-member' ? undefined : unpreparedLaunch(witness, record);
    },
  },
  {
    name: 'paused means safe point',
    sentence: 'Paused means safe point: no new repair, and running ones go no further before the drain',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || !isOfRepair(effect) || !isForward(effect, record)) return undefined;
      const paused = pausedBefore(witness, record.system, witness.world.frame.startedAt);
      return paused === undefined ? undefined : `${effect.kind} of ${effect.subject} though ${paused}`;
    },
    onRecord: (witness, { before, after, frame }) => {
      if (before !== undefined || after.state !== 'running') return undefined;
      const paused = pausedBefore(witness, after.system, frame.startedAt);
      return paused === undefined ? undefined : `${after.id} begins though ${paused}`;
    },
  },
  {
    name: 'frozen means nothing',
    sentence: 'Frozen means nothing: the literal stop',
    onEffect: (witness, effect) => {
      const since = witness.play?.frozenSince;
      const isMeant = isOfRepair(effect) || (effect.by === 'reap' && effect.kind !== 'publish');
      return isMeant && since !== undefined && since < witness.world.frame.startedAt
        ? `${effect.kind} of ${effect.subject} though all is frozen since ${since}`
        : undefined;
    },
  },
  {
    name: 'undone as captured',
    sentence: 'Compensation restores from the capture',
    onRecord: (witness, { before, after }) => {
      if (before?.state !== 'running' || after.state !== 'failed') return undefined;
      return leftovers(witness, after);
    },
  },
  {
    name: 'page armed first',
    sentence: 'A one-time "page anyway" is armed before the execution starts',
    onEffect: (witness, effect) =>
      // Nobody waits for a drill: what becomes of it is told when it ends. What the reaper starts again hours later has paged already.
      effect.kind === 'execute' &&
      !witness.world.pagesArmed.has(effect.subject) &&
      !witness.world.published.has(`${effect.subject}:page-anyway`) &&
      witness.world.remediation(effect.subject)?.isDrill !== true
        ? `the execution of ${effect.subject} starts and no page is armed`
        : undefined,
  },
  {
    name: 'at most one repeat',
    sentence: 'Notifications: one per step without a crash, at most one repeat per crash in that gap',
    onEffect: (witness, effect) => {
      if (effect.kind !== 'publish') return undefined;
      const sent = witness.world.published.get(effect.subject)?.length ?? 0;
      const allowed = 1 + (witness.cutOff.get(effect.subject) ?? 0);
      return sent > allowed ? `${effect.subject} is published ${sent} times, ${allowed - 1} crashes were in its way` : undefined;
    },
  },
  {
    name: 'never zero',
    sentence: 'Notifications: never zero',
    atRest: (witness) => [
      ...[...witness.world.store.peekAll(partitions.notifications(witness.world.scope))]
        .filter((record) => !witness.world.published.has(record.key.sort) && !isMutedToTheEnd(witness, record))
        .map(({ key }) => `${key.sort} was meant to be sent and never was`),
      ...witness.world.remediations().flatMap((record) => untold(witness, record)),
    ],
  },
  {
    name: 'every trouble is answered',
    sentence: 'Every trouble signal ends in a repair, a page or a recorded veto',
    atRest: (witness) => witness.heard.flatMap((heard) => unanswered(witness, heard)),
  },
  {
    name: 'every repair ends',
    sentence: 'Every repair ends, and what it claimed is free again',
    atRest: (witness) => [
      ...witness.world
        .remediations()
        .filter(({ state }) => state === 'running')
        .map(({ id, phase, reason }) => `${id} still runs in ${phase}: ${reason}`),
      ...stillClaimed(witness),
    ],
  },
  {
    name: 'no orphan outlives the reaper',
    sentence: 'No orphan outlives the reaper',
    atRest: (witness) => orphans(witness),
  },
  {
    name: 're-delivery changes nothing',
    sentence: 'Re-delivery changes nothing',
    onHeard: (_witness, { signal, result, isRedelivery, wroteTo }) => {
      if (!isRedelivery || signal.kind === 'platform.execution') return undefined;
      if (result.kind === 'incident' || result.kind === 'repair')
        return `${signal.kind} of ${signal.subject.id} was delivered again and gave ${result.kind}: ${result.reason}`;
      return wroteTo.size === 0 ? undefined : `${signal.kind} of ${signal.subject.id} was delivered again and wrote to ${[...wroteTo].join(', ')}`;
    },
  },
  ...themeInvariants,
];

// --- the longer answers ---------------------------------------------------------------------------------------------------------

/** Who leaves still serves; who comes in its place must serve already. On a way back it is the replacement that leaves. */
function unservedBy(witness: Witness, { kind, subject }: Effect, record: Remediation): string | undefined {
  const { revertOf, oldInstanceId, newInstanceId, timing, phaseStartedAt } = record;
  const leaving = revertOf === undefined ? oldInstanceId : newInstanceId;
  if (subject !== leaving || !witness.world.isServing(subject)) return undefined;
  const coming = servingAfter(record);
  if (coming === undefined) return `${subject} serves and is taken out (${kind}) with no replacement`;
  const isFine = witness.world.isServing(coming) || wasDisturbedSince(witness, coming, timing.inServiceAt ?? phaseStartedAt);
  return isFine ? undefined : `${subject} serves and is taken out (${kind}) while its replacement ${coming} does not serve`;
}

/** What counts as an attempt on a slot. */
const tries: ReadonlySet<Effect['kind']> = new Set(['launch', 'swap-root', 'reboot', 'restart', 'mark-unhealthy', 'standby']);

function hasPassedDrill({ world }: Witness, system: string): boolean {
  return world.remediations().some((record) => record.isDrill && record.system === system && record.state === 'succeeded');
}

/** Neither it nor what may follow puts another disk to work. */
function keepsItsDisks({ path = 'replace', nextPaths = [] }: Remediation): boolean {
  return [path, ...nextPaths].every((step) => step === 'native-recovery' || step === 'restart' || step === 'reboot');
}

/** What speaks against the word of its tag. */
function doubtOf(witness: Witness, record: Remediation): string | undefined {
  const instance = witness.world.region.find(record.oldInstanceId);
  if (instance === undefined || instance.state === 'terminated' || isJustDisturbed(witness, record.oldInstanceId, abilities.lookSeconds)) return undefined;
  if (instance.tags[tagKeys.system] !== record.system) return `${record.oldInstanceId} is not tagged for ${record.system}`;
  const { systems } = declaredSince(witness, record.system, record.timing.decidedAt);
  if (!systems.some(({ spec }) => spec.access.securityGroups.some((name) => instance.securityGroupNames.includes(name))))
    return `nothing corroborates that ${record.oldInstanceId} belongs to ${record.system}`;
  const isKnownImage = systems.some(({ spec }) => witness.world.region.approvedImages(spec.image.role).includes(instance.imageId));
  if (!isKnownImage && !hasPassedDrill(witness, record.system)) return `${record.oldInstanceId} runs ${instance.imageId}, which was never approved`;
  const isStateless = systems.every(({ spec }) => !spec.recovery.stateful);
  return isStateless && instance.dataVolumeIds.length > 0 ? `${record.oldInstanceId} has data volumes though its system is stateless` : undefined;
}

function beyondAbilities(witness: Witness, record: Remediation): string | undefined {
  const instance = witness.world.region.find(record.oldInstanceId);
  if (instance?.lifecycle === 'spot' && instance.state !== 'terminated') return `${record.oldInstanceId} is a Spot instance`;
  const isMember = instance?.tags[tagKeys.autoScalingGroup] !== undefined;
  if (isMember && record.path === 'replace') return `${record.oldInstanceId} belongs to an Auto Scaling group`;
  const { systems } = declaredSince(witness, record.system, record.timing.decidedAt);
  const isStateful = systems.length > 0 && systems.every(({ spec }) => spec.recovery.stateful);
  return isStateful && !isMovable(instance, record, systems) ? `${record.system} is stateful` : undefined;
}

/** What it holds on data volumes moves with them; what was written since the snapshot may be lost only where the system says so. */
function isMovable(instance: InstanceFacts | undefined, { path }: Remediation, systems: readonly System[]): boolean {
  return instance !== undefined && instance.dataVolumeIds.length > 0 && path === 'replace' && systems.some(({ spec }) => spec.recovery.rpoSeconds > 0);
}

const isFirstInService = (before: Remediation | undefined, { timing, revertOf }: Remediation): boolean =>
  timing.inServiceAt !== undefined && before?.timing.inServiceAt === undefined && revertOf === undefined;

function touchedByReaper({ world }: Witness, { kind, subject, before }: Effect): string | undefined {
  // Loose volumes and interfaces have a promise of their own, and a member in standby leaves its group before it ends.
  if (kind === 'delete' || kind === 'leave-group') return undefined;
  if (kind !== 'terminate') return world.launched.has(subject) ? undefined : `the reaper touches ${subject}, which we never launched`;
  return before?.tags[tagKeys.quarantine] === undefined ? `${subject} is terminated and never was in quarantine` : undefined;
}

function touchedByRepair(witness: Witness, effect: Effect): string | undefined {
  const { kind, subject, before } = effect;
  const record = recordOf(witness, effect);
  if (record === undefined) return `${kind} of ${subject} by nobody's remediation`;
  if (kind === 'clone-alarm' || kind === 'switch-alarm' || kind === 'write-record') return undefined;
  const system = before?.tags[tagKeys.system];
  const isOurs = witness.world.launched.get(subject) === record.id || (isPartOf(witness, record, subject) && system === record.system);
  return isOurs ? undefined : `${kind} of ${subject} (${system ?? 'no system'}) by a repair of ${record.oldInstanceId} of ${record.system}`;
}

function wrongTermination(witness: Witness, effect: Effect): string | undefined {
  const { subject } = effect;
  const { tags = {}, state } = effect.before ?? {};
  if (isTooEarly(witness, effect)) return `${subject} is terminated before ${tags[tagKeys.quarantineUntil] ?? 'any moment'}`;
  if (state !== 'stopped') return `${subject} is terminated while it is ${state ?? 'gone'}`;
  if (tags[tagKeys.hold] !== undefined) return `${subject} is on hold and is terminated`;
  const record = witness.world.remediation(tags[tagKeys.remediation] ?? '');
  const agrees = record !== undefined && record.incidentId === tags[tagKeys.quarantine] && record.calls[`mark:${subject}`] !== undefined;
  return agrees ? undefined : `${subject} is terminated though no record put it into quarantine`;
}

function isTooEarly(witness: Witness, effect: Effect): boolean {
  const until = effect.before?.tags[tagKeys.quarantineUntil];
  if (until === undefined) return true;
  return secondsBetween(until, effect.at) < -60 && !witness.world.region.all().some((other) => isYoungerEvidence(effect, other));
}

function unpreparedLaunch({ world }: Witness, { id, imageId = '' }: Remediation): string | undefined {
  const image = world.region.findImage(imageId);
  if (image?.state !== 'available') return `${id} goes on with the image ${imageId}, which is ${image?.state ?? 'gone'}`;
  if (image.architecture !== 'x86_64') return `${id} goes on with an image of another architecture`;
  return world.region.launchRefusal === undefined ? undefined : `${id} goes on though no launch is possible`;
}

/** A group keeps a bounded number in quarantine: the oldest may go before its time when there are younger ones of the same system. */
function isYoungerEvidence({ subject, before }: Effect, other: InstanceFacts): boolean {
  const until = other.tags[tagKeys.quarantineUntil];
  const isSameSystem = other.tags[tagKeys.system] === before?.tags[tagKeys.system];
  return other.instanceId !== subject && isSameSystem && until !== undefined && until > (before?.tags[tagKeys.quarantineUntil] ?? '');
}

const describe = (instance: InstanceFacts): string => `${instance.instanceId} is ${instance.state}`;

/** Before the old instance is put away it is looked at the replacement again, right then; before it is taken out, when it came into service. */
function wasJustSeen(witness: Witness, effect: Effect, record: Remediation & { readonly newInstanceId: string }): boolean {
  const { newInstanceId, timing } = record;
  if (effect.kind === 'mark') return isJustDisturbed(witness, newInstanceId, abilities.lookSeconds) || hasBegunBefore(record, effect);
  return wasDisturbedSince(witness, newInstanceId, timing.inServiceAt ?? timing.decidedAt);
}

/** The quarantine was begun by an earlier call, which had looked, and is finished now. */
function hasBegunBefore({ calls }: Remediation, { subject }: Effect): boolean {
  return (calls[`mark:${subject}`]?.attempt ?? 0) > 1;
}

function isFencedSystem(witness: Witness, record: Remediation): boolean {
  const { systems } = declaredSince(witness, record.system, record.timing.decidedAt);
  return record.topology === 'single' && systems.every(({ spec }) => !spec.concurrencySafe);
}

/** A start counts against the caps unless it ended without touching anything. */
function hasCounted(witness: Witness, remediationId: string): boolean {
  const state = witness.world.remediation(remediationId)?.state;
  return state === 'running' || state === 'failed' || state === 'succeeded';
}

/** Members that truly are unhealthy and have been for a while, and that a signal has spoken of. */
function unhealthyMembers(witness: Witness, groupId: string): number {
  const { world } = witness;
  const spoken = new Set(
    world
      .remediations()
      .filter((record) => record.groupId === groupId)
      .map(({ oldInstanceId }) => oldInstanceId),
  );
  return [...world.staged.values()].filter(({ place, seed }) => {
    if (place?.groupId !== groupId || !spoken.has(seed.instanceId) || isJustDisturbed(witness, seed.instanceId)) return false;
    const instance = world.region.find(seed.instanceId);
    return instance?.state === 'running' && instance.tags[tagKeys.quarantine] === undefined && !world.isServing(seed.instanceId);
  }).length;
}

/**
 * The id of the repair that passed last while the breaker had to be open, when it has failed and nothing in the group has changed since:
 * by what was seen, not by what the rules have noted.
 */
function lastProbe({ world, openPasses }: Witness, record: Remediation): string | undefined {
  const probe = world.remediation(openPasses.get(record.groupId) ?? '');
  const endedAt = probe?.timing.endedAt;
  if (probe?.state !== 'failed' || probe.id === record.id || endedAt === undefined || probe.abort !== undefined) return undefined;
  const hasChanged = [...world.staged.values()].some(
    ({ place, seed }) => place?.groupId === record.groupId && (world.disturbedAt.get(seed.instanceId) ?? 0) > Date.parse(probe.timing.decidedAt),
  );
  const hasSucceeded = world
    .remediations()
    .some(({ groupId, state, timing }) => groupId === record.groupId && state === 'succeeded' && (timing.endedAt ?? '') > probe.timing.decidedAt);
  return hasChanged || hasSucceeded ? undefined : probe.id;
}

function truthOfTrigger(witness: Witness, record: Remediation): string | undefined {
  const { region } = witness.world;
  const { trigger, oldInstanceId, topology } = record;
  const { systems } = declaredSince(witness, record.system, record.timing.decidedAt);
  const states = (systems[0]?.spec.targetGroups ?? []).map((group) =>
    region.findTarget(oldInstanceId, { targetGroupArn: `arn:tg/${group}`, targetGroupName: group, port: 80 }),
  );
  if (trigger.kind === 'instance.target-unhealthy')
    return states.includes('unhealthy') ? undefined : `the target of ${oldInstanceId} is ${states.join(', ') || 'nowhere'}`;
  if (!isStillSaid(witness, record)) return `${trigger.alarmName ?? 'the status check'} of ${oldInstanceId} does not say so any more`;
  const isContradicted = topology === 'multiple' && states.length > 0 && states.every((state) => state === 'healthy');
  return isContradicted ? `the targets of ${oldInstanceId} are healthy` : undefined;
}

function isStillSaid({ world }: Witness, { trigger, oldInstanceId }: Remediation): boolean {
  if (trigger.alarmName !== undefined) return world.region.findAlarm(trigger.alarmName)?.state === 'ALARM';
  const status = world.region.findStatus(oldInstanceId);
  return status?.instance === 'impaired' || status?.system === 'impaired';
}

function pausedBefore(witness: Witness, system: string, moment: Timestamp): string | undefined {
  for (const target of ['global', `system#${system}`]) {
    const since = witness.play?.pauses.get(target);
    if (since !== undefined && since < moment) return `${target} is paused since ${since}`;
  }
  return undefined;
}

/** Behind the drain nothing is undone: the replacement serves and the repair finishes, or it does not and a person is told. */
function isAfterDrain({ failure, phases }: Remediation): boolean {
  return failure !== undefined && phases.some(({ name, outcome }) => name === 'deregister' && outcome === 'done');
}

/** A replacement that serves holds the slot, whatever could not be tidied up behind it. */
function heldByNobody(witness: Witness, { id, newInstanceId, timing }: Remediation): string | undefined {
  if (newInstanceId === undefined || !witness.world.isServing(newInstanceId) || wasDisturbedSince(witness, newInstanceId, timing.decidedAt)) return undefined;
  return `${id} has failed behind the drain though ${newInstanceId} serves`;
}

/** What a failed repair has left of itself: a replacement that runs or serves, an old instance that does not come back. */
function leftovers(witness: Witness, record: Remediation): string | undefined {
  const { world } = witness;
  const launched = [...world.launched].filter(([, remediationId]) => remediationId === record.id).map(([instanceId]) => instanceId);
  if (!isReplacement(record)) return undefined;
  if (isAfterDrain(record)) return heldByNobody(witness, record);
  const running = launched.filter(
    (id) => isUp(world.region.find(id)) && !isStopStuck(world.region.find(id)) && !wasDisturbedSince(witness, id, record.timing.decidedAt),
  );
  if (running.length > 0) return `${record.id} has failed and its replacement ${running.join(', ')} is still there`;
  const registered = launched.filter((id) => !wasDisturbedSince(witness, id, record.timing.decidedAt) && isRegistered(witness, id, record));
  if (registered.length > 0) return `${record.id} has failed and its replacement ${registered.join(', ')} is still in the target groups`;
  // A group has been told, and nothing of that can be taken back.
  if (record.path === 'group-member') return undefined;
  // Of two that must never run at once the old one can not start while the stop of the other is stuck.
  if (launched.some((id) => isStopStuck(world.region.find(id)))) return undefined;
  // Nor while the other one runs that somebody has started again after we had stopped it: a person has been told.
  if (isHalfDone(record) && launched.some((id) => isUp(world.region.find(id)) && wasDisturbedSince(witness, id, record.timing.decidedAt))) return undefined;
  // Its volume went with the replacement that somebody ended: it waits, stopped, until a person has restored its data.
  return isHalfDone(record) && isEndedByOthers(witness, record) ? undefined : lossOfOld(witness, record);
}

/** How the old instance that a failed repair has touched is not what it was. */
function lossOfOld(witness: Witness, record: Remediation): string | undefined {
  const { world } = witness;
  const touchedOld = witness.effects.some(
    (effect) => effect.remediationId === record.id && effect.subject === record.oldInstanceId && (effect.kind === 'stop' || effect.kind === 'deregister'),
  );
  const old = world.region.find(record.oldInstanceId);
  // We end nothing in a repair: what is gone was ended by others.
  if (!touchedOld || old === undefined || old.state === 'terminated' || wasDisturbedSince(witness, record.oldInstanceId, record.timing.decidedAt))
    return undefined;
  // What could not be undone has been told to a person; all else runs again when it ends.
  if (!isUp(old) || (old.state !== 'running' && !isHalfDone(record))) return `${record.id} has failed and ${describe(old)}`;
  const system = declaredSince(witness, record.system, record.timing.decidedAt).systems[0];
  const lost = (system?.spec.targetGroups ?? []).filter((group) =>
    ['unregistered', 'draining'].includes(
      world.region.findTarget(record.oldInstanceId, { targetGroupArn: `arn:tg/${group}`, targetGroupName: group, port: 80 }),
    ),
  );
  return lost.length === 0 ? undefined : `${record.id} has failed and ${record.oldInstanceId} is not in ${lost.join(', ')} any more`;
}

/** Somebody else has ended the replacement during the repair: we end nothing then. */
function isEndedByOthers(witness: Witness, { newInstanceId, timing }: Remediation): boolean {
  if (newInstanceId === undefined) return false;
  return witness.world.region.find(newInstanceId)?.state === 'terminated' && wasDisturbedSince(witness, newInstanceId, timing.decidedAt);
}

/** A success rests on a proof that is at most as old as a verification may take. */
function lastProof(witness: Witness, { system, timing }: Remediation): Timestamp {
  const { clock } = witness.world;
  const longest =
    Math.max(0, ...declaredSince(witness, system, timing.decidedAt).policies.map(({ spec }) => spec.verifiedAfterSeconds)) + VERIFY_MARGIN_SECONDS;
  const oldest = addSeconds(clock.now(), -longest);
  return timing.verifiedAt === undefined || timing.verifiedAt < oldest ? oldest : timing.verifiedAt;
}

/** While all is frozen nobody looks: a verification that rests on such time has seen too little. */
function verifiedUnseen(witness: Witness, { id, system, timing, phases }: Remediation): string | undefined {
  const proof = phases.findLast(({ name, outcome }) => outcome === 'done' && (name === 'verify' || name === 'verify-serving'));
  const { policies } = declaredSince(witness, system, timing.decidedAt);
  if (proof === undefined || policies.length === 0) return undefined;
  const frozen = (witness.play?.freezes ?? []).map((freeze) => overlapSeconds(freeze, proof));
  const seconds = secondsBetween(proof.startedAt, proof.endedAt) - frozen.reduce((sum, each) => sum + each, 0);
  // That all is frozen shows at the next look only.
  const wanted = Math.min(...policies.map(({ spec }) => spec.verifiedAfterSeconds - spec.healthyReadIntervalSeconds)) - abilities.lookSeconds;
  return seconds < wanted ? `${id} is called verified though it was looked at for ${Math.round(seconds)} s only` : undefined;
}

function overlapSeconds(
  { from, until }: { readonly from: Timestamp; readonly until: Timestamp },
  { startedAt, endedAt }: { readonly startedAt: Timestamp; readonly endedAt: Timestamp },
): number {
  return Math.max(0, secondsBetween(from > startedAt ? from : startedAt, until < endedAt ? until : endedAt));
}

/** Put into quarantine, and EC2 takes longer to stop it than the repair may wait. */
function isStopStuck(instance: InstanceFacts | undefined): boolean {
  return instance?.state === 'stopping' && instance.tags[tagKeys.quarantine] !== undefined;
}

function isRegistered(witness: Witness, instanceId: string, record: Remediation): boolean {
  const groups = declaredSince(witness, record.system, record.timing.decidedAt).systems[0]?.spec.targetGroups ?? [];
  return groups.some((group) => {
    const state = witness.world.region.findTarget(instanceId, { targetGroupArn: `arn:tg/${group}`, targetGroupName: group, port: 80 });
    return state !== 'unregistered' && state !== 'draining';
  });
}

/**
 * Muted while people worked, and calm before they ended: programs got it, and nobody else needs it (docs/adr/0015-attention.md). The end
 * of such an incident needs nobody either, as long as no message about it reached people. Nothing else mutes here: there are no silences,
 * no links between systems and no routes.
 */
function isMutedToTheEnd(witness: Witness, record: StoredRecord): boolean {
  const { world } = witness;
  const notification = parseRecord(notificationType, record).body;
  const found = [...world.store.peekAll(partitions.incidents(world.scope))].find(({ key }) => key.sort === notification.incidentId);
  const incident = found === undefined ? undefined : parseRecord(incidentType, found).body;
  if (incident === undefined || (incident.state !== 'stable' && !isOver(incident))) return false;
  if (notification.step !== 'recovered') return wasMuted(witness, notification);
  const ofIncident = [...world.store.peekAll(partitions.notifications(world.scope))]
    .map((other) => parseRecord(notificationType, other).body)
    .filter(({ incidentId }) => incidentId === incident.id);
  return ofIncident.some((other) => wasMuted(witness, other)) && ofIncident.every(({ id }) => !world.published.has(id));
}

/** Programs got it and people did not, and people worked on the system when it was meant to be sent. */
function wasMuted({ world }: Witness, { id, system, intentAt }: Notification): boolean {
  const isPlanned = world.stage.windows.some(
    (window) =>
      window.system === system && intentAt >= addSeconds(window.from, -abilities.lookSeconds) && intentAt <= addSeconds(window.until, abilities.lookSeconds),
  );
  return isPlanned && world.published.has(`${id}:data`) && !world.published.has(id);
}

/** What people must have been told of a remediation: that it began, how it ended. Steps that find the trouble gone need nobody. */
function untold(witness: Witness, record: Remediation): readonly string[] {
  const told = [...witness.world.published.keys()].filter((id) => id.startsWith(`${record.id}:`)).map((id) => id.slice(record.id.length + 1));
  const expects = (steps: readonly string[], why: string): readonly string[] =>
    steps.some((step) => told.includes(step)) ? [] : [`${record.id} ${why}, and nobody was told (${told.join(', ') || 'nothing'})`];
  // A drill says once what it has shown.
  if (record.isDrill) return record.state === 'running' || record.state === 'vetoed' ? [] : expects(['drill-ended'], `ended as ${record.state}`);
  const isBegun = witness.guardPassedAt.has(record.id) && record.mode === 'auto';
  const isUnderOther = record.state === 'vetoed' && record.attempt === 0;
  const ending =
    record.state === 'failed' || record.state === 'stood-down' ? expects(['needs-person', 'recovered', 'page-anyway'], `ended as ${record.state}`) : [];
  const good = record.state === 'succeeded' ? expects(['recovered'], 'succeeded') : [];
  return [...(isBegun && !isUnderOther ? expects(['replacing'], 'began') : []), ...ending, ...good];
}

/** A firing signal must have led to a remediation record (a repair or a veto) or to a message. */
function unanswered(witness: Witness, { signal, result }: Heard): readonly string[] {
  if (signal.state !== 'firing' || (result.kind !== 'incident' && result.kind !== 'repair')) return [];
  const { world } = witness;
  const incidentId = result.incidentId;
  const hasRecord = world.remediations().some((record) => record.incidentId === incidentId);
  const hasMessage = [...world.published.values()].some((messages) => messages.some(({ data }) => data['incidentId'] === incidentId));
  return hasRecord || hasMessage ? [] : [`${signal.kind} of ${signal.subject.id} opened ${incidentId}, and nothing came of it`];
}

function stillClaimed(witness: Witness): readonly string[] {
  const { world } = witness;
  const running = new Set(
    world
      .remediations()
      .filter(({ state }) => state === 'running')
      .map(({ id }) => id),
  );
  return [partitions.slots(world.scope), partitions.groups(world.scope)].flatMap((partition) =>
    [...world.store.peekAll(partition)].flatMap(({ key, body }) => {
      const text = JSON.stringify(body);
      const held = [
        ...text.matchAll(/"(?:remediationId)":"(rem-[^"]+)"/g),
        ...(/"inFlight":\[([^\]]*)\]/.exec(text)?.[1] ?? '').matchAll(/"(rem-[^"]+)"/g),
      ].map((match) => match[1] ?? '');
      return held.filter((id) => !running.has(id)).map((id) => `${key.sort} is still claimed by ${id}, which has ended`);
    }),
  );
}

function orphans(witness: Witness): readonly string[] {
  return witness.world.region.all().flatMap((instance) => orphanOf(witness, instance) ?? []);
}

function orphanOf(witness: Witness, { instanceId, tags, state }: InstanceFacts): string | undefined {
  const { world } = witness;
  if (tags[tagKeys.hold] !== undefined || state === 'terminated' || state === 'shutting-down' || isKeptByOthers(witness, instanceId)) return undefined;
  const until = tags[tagKeys.quarantineUntil];
  if (until !== undefined) return isForgotten(witness, until, tags, state) ? `${instanceId} was in quarantine until ${until} and is still ${state}` : undefined;
  const remediationId = world.launched.get(instanceId);
  if (!abilities.reapsOrphans || remediationId === undefined || isLeftToPeople(world.remediation(remediationId))) return undefined;
  return `${instanceId}, launched by ${remediationId}, belongs to nobody and is ${state}`;
}

function isForgotten({ world }: Witness, until: Timestamp, tags: InstanceFacts['tags'], state: InstanceFacts['state']): boolean {
  if (until >= world.clock.now() || state !== 'stopped') return false;
  const by = world.remediation(tags[tagKeys.remediation] ?? '');
  // What could not be given back stays where it is until a person has seen to it.
  const isForPeople = by !== undefined && isHalfDone(by) && (by.parts?.length ?? 0) > 0;
  return !isForPeople;
}

const isKeptByOthers = ({ world, play }: Witness, instanceId: string): boolean =>
  world.disturbedAt.has(instanceId) || play?.protectedInstances.has(instanceId) === true;

/** The replacement of a repair that succeeded is no orphan; it is ended, if at all, by people or as the old instance of another repair. */
function isLeftToPeople(record: Remediation | undefined): boolean {
  return record?.state === 'succeeded';
}
