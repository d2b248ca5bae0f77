import type { RemediationPolicy, System } from '../core/catalog/schema.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../core/environment/time.ts';
import { tagKeys } from '../core/inventory/records.ts';
import { keys, partitions } from '../core/records/keys.ts';
import type { InstanceFacts } from '../core/remediation/ports.ts';
import type { Remediation } from '../core/remediation/record.ts';
import type { Heard, Witness } from './witness.ts';
import type { Effect, Frame } from './world.ts';

/*
 * What must be true, whatever goes wrong (design section 11). Each row is one promise, asked right when something takes effect, with
 * the truth of the world before its eyes; it restates the promise and calls none of the rules that it judges. To add one: a row.
 */

/** A remediation's record as it changes. */
interface RecordChange {
  readonly before: Remediation | undefined;
  readonly after: Remediation;
  readonly frame: Frame;
}

/** Each question answers with what is wrong, in words, or with nothing. */
export interface Invariant {
  readonly name: string;
  /** The design's sentence. */
  readonly sentence: string;
  readonly onEffect?: (witness: Witness, effect: Effect) => string | undefined;
  readonly onRecord?: (witness: Witness, change: RecordChange) => string | undefined;
  /** The guardrails let a remediation pass, at this moment. */
  readonly onGuardPassed?: (witness: Witness, record: Remediation) => string | undefined;
  readonly onHeard?: (witness: Witness, heard: Heard) => string | undefined;
  /** When nothing more will happen. */
  readonly atRest?: (witness: Witness) => readonly string[];
}

/** What this version does; a row turns true when the rules learn it, and the checks become stricter by that. */
export const abilities = {
  /** The reaper ends launched instances that no remediation owns any more. */
  reapsOrphans: true,
  /**
   * A launch whose answer was lost is found by its undoing even while reads lag. Today a read by tag that is a moment old finds nothing,
   * and the orphan waits for the reaper (seed 403 of the first corpus).
   */
  findsUnheardLaunches: false,
  /** Reads, skews and judgements of the world may lie this many seconds apart without anybody being wrong. */
  toleranceSeconds: 75,
  /** One look of the guardrails: clocks, lagging reads and what overlaps it. */
  lookSeconds: 15,
} as const;

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 86_400;

// --- words of the table ---------------------------------------------------------------------------------------------------

function recordOf(witness: Witness, effect: Effect): Remediation | undefined {
  return effect.remediationId === undefined ? undefined : witness.world.remediation(effect.remediationId);
}

/** Systems and policies that were in force at some moment since then: a deploy in between makes either right. */
function declaredSince(
  witness: Witness,
  name: string,
  since: Timestamp,
): { readonly systems: readonly System[]; readonly policies: readonly RemediationPolicy[] } {
  const { catalogs } = witness.world;
  const earliest = addSeconds(since, -abilities.toleranceSeconds);
  const inForce = catalogs.filter((_, index) => (catalogs[index + 1]?.at ?? '9999') >= earliest).map(({ catalog }) => catalog);
  return {
    systems: inForce.flatMap((catalog) => catalog.systems.filter(({ metadata }) => metadata.name === name)),
    policies: inForce.flatMap((catalog) => catalog.policies.filter(({ spec }) => spec.system === name)),
  };
}

/** The world changed this instance a moment ago, so that nobody could know. */
function isJustDisturbed(witness: Witness, instanceId: string, seconds: number = abilities.toleranceSeconds): boolean {
  const at = witness.world.disturbedAt.get(instanceId);
  return at !== undefined && witness.world.clock.millis - at <= seconds * 1000;
}

function wasDisturbedSince(witness: Witness, instanceId: string, since: Timestamp): boolean {
  const at = witness.world.disturbedAt.get(instanceId);
  return at !== undefined && at >= Date.parse(since) - abilities.toleranceSeconds * 1000;
}

function servesOrWasDisturbed(witness: Witness, instanceId: string, since: Timestamp): boolean {
  return witness.world.isServing(instanceId) || wasDisturbedSince(witness, instanceId, since);
}

const isUp = (instance: InstanceFacts | undefined): boolean =>
  instance !== undefined && (instance.state === 'running' || instance.state === 'pending' || instance.state === 'stopping');

const isOfRepair = (effect: Effect): boolean => effect.by === 'driver' && effect.kind !== 'publish' && effect.kind !== 'execute';

/** Steps forward that a pause forbids: undoing and finishing are allowed. */
function isForward(effect: Effect, record: Remediation): boolean {
  if (record.failure !== undefined) return false;
  if (effect.kind === 'launch') return true;
  if (effect.kind === 'register') return effect.subject === record.newInstanceId;
  return effect.subject === record.oldInstanceId && (effect.kind === 'deregister' || (effect.kind === 'stop' && record.phase === 'fence'));
}

/** The first harm of a repair: from here on the world is not as it was. */
function isFirstHarm(effect: Effect, record: Remediation): boolean {
  return effect.kind === 'launch' || (effect.kind === 'stop' && record.phase === 'fence');
}

const groupLimit = (members: number, percent: number): number => Math.max(1, Math.floor((members * percent) / 100));

/** Members of a group: those staged there, and never fewer than the truth shows running. */
function membersOf(witness: Witness, groupId: string): number {
  const staged = [...witness.world.staged.values()].filter(({ place }) => place?.groupId === groupId).length;
  return Math.max(1, staged);
}

function runningClaims(witness: Witness): readonly Remediation[] {
  return witness.claims.flatMap(({ remediationId }) => {
    const record = witness.world.remediation(remediationId);
    return record?.state === 'running' && !isWaitingForPeople(record) ? [record] : [];
  });
}

/** It holds its slot, but no place under the caps. */
function isWaitingForPeople(record: Remediation): boolean {
  return record.approval !== undefined && record.approval.granted === undefined;
}

const isHalfDone = (record: Remediation): boolean => record.reason.includes('Half-done');

// --- the table ----------------------------------------------------------------------------------------------------------------

export const invariants: readonly Invariant[] = [
  {
    name: 'service floor',
    sentence: 'In-service never falls below the group’s floor because of us',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      const takesOut = effect.kind === 'deregister' || effect.kind === 'stop' || effect.kind === 'isolate';
      if (record === undefined || !takesOut || record.topology !== 'multiple' || effect.subject !== record.oldInstanceId) return undefined;
      if (!witness.world.isServing(effect.subject)) return undefined;
      const replacement = record.newInstanceId;
      if (replacement === undefined) return `${effect.subject} serves and is taken out (${effect.kind}) with no replacement`;
      if (witness.world.isServing(replacement) || wasDisturbedSince(witness, replacement, record.timing.inServiceAt ?? record.phaseStartedAt)) return undefined;
      return `${effect.subject} serves and is taken out (${effect.kind}) while its replacement ${replacement} does not serve`;
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
      const ours = others.filter((other) => !isJustDisturbed(witness, other.instanceId) && !isUnheard(record, other.instanceId));
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
      return launched.length <= 1 ? undefined : `${effect.remediationId ?? ''} has launched ${launched.map(([id]) => id).join(' and ')}`;
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
      if (!record.phases.some(({ name, outcome }) => name === 'capture' && outcome === 'done'))
        return `${effect.kind} of ${effect.subject} before the capture phase`;
      const stored = witness.world.store.peek(keys.capture(witness.world.scope, record.oldInstanceId));
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
      if (effect.kind !== 'mark' && effect.kind !== 'deregister') return undefined;
      const { newInstanceId, timing } = record;
      if (newInstanceId === undefined || timing.inServiceAt === undefined)
        return `${effect.subject} is taken out (${effect.kind}) and nothing was ever seen to serve in its place`;
      const isFine = witness.world.isServing(newInstanceId) || wasDisturbedSince(witness, newInstanceId, timing.inServiceAt);
      return isFine ? undefined : `${effect.subject} is taken out (${effect.kind}) while its replacement ${newInstanceId} does not serve`;
    },
  },
  {
    name: 'success is verified',
    sentence: 'Unverifiable success is failure: `running` must persist, target health must be read back',
    onRecord: (witness, { before, after }) => {
      const { newInstanceId, timing } = after;
      const isNews = timing.inServiceAt !== undefined && before?.timing.inServiceAt === undefined;
      const isEnd = after.state === 'succeeded' && before?.state === 'running';
      if ((!isNews && !isEnd) || newInstanceId === undefined) return undefined;
      // A repair that is carried on long after its verification does not look again (seed 898 of the first corpus).
      const since = (isEnd ? timing.verifiedAt : undefined) ?? after.phaseStartedAt;
      return servesOrWasDisturbed(witness, newInstanceId, since)
        ? undefined
        : `${after.id} says that ${newInstanceId} ${isEnd ? 'is verified' : 'is in service'}, and it is not`;
    },
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || effect.kind !== 'register' || effect.subject !== record.newInstanceId) return undefined;
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
          (record) => record.id !== after.id && record.failure?.guardrail !== 'pause' && secondsBetween(record.timing.decidedAt, world.clock.now()) < seconds,
        )
        .map(({ system }) => system);
      const systems = new Set([...recent, after.system]);
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
      const percent = Math.max(...declaredSince(witness, record.system, world.clock.now()).policies.map(({ spec }) => spec.caps.maxUnhealthyPercent));
      const members = membersOf(witness, record.groupId);
      const unhealthy = unhealthyMembers(witness, record.groupId);
      if (unhealthy <= groupLimit(members, percent)) return undefined;
      const others = runningClaims(witness).filter(({ id, groupId }) => groupId === record.groupId && id !== record.id && witness.guardPassedAt.has(id));
      if (others.length > 0) return `${unhealthy} of ${members} are unhealthy and ${record.id} passes beside ${others.map(({ id }) => id).join(', ')}`;
      const failed = lastProbe(witness, record);
      return failed === undefined ? undefined : `${unhealthy} of ${members} are unhealthy, ${failed} has failed, and ${record.id} tries again`;
    },
  },
  {
    name: 'retry cap',
    sentence: '3 per slot in any rolling 24 h; replacements that stay unhealthy suspend the group',
    onEffect: (witness, effect) => {
      const record = recordOf(witness, effect);
      if (record === undefined || effect.kind !== 'launch') return undefined;
      const cap = Math.max(...declaredSince(witness, record.system, effect.at).policies.map(({ spec }) => spec.caps.maxAttemptsPerDay), 0);
      const onSlot = witness.effects.filter(
        (other) => other.kind === 'launch' && recordOf(witness, other)?.slotId === record.slotId && secondsBetween(other.at, effect.at) < DAY_SECONDS,
      );
      return cap > 0 && onSlot.length > cap ? `${effect.subject} is launch ${onSlot.length} for ${record.slotId} within a day` : undefined;
    },
    onRecord: (witness, { before, after }) => {
      if (before !== undefined || after.state !== 'running') return undefined;
      const ended = witness.world.remediations().filter(({ groupId, state }) => groupId === after.groupId && (state === 'failed' || state === 'succeeded'));
      const sorted = ended.toSorted((left, right) => ((left.timing.endedAt ?? '') < (right.timing.endedAt ?? '') ? -1 : 1));
      const lastGood = sorted.findLastIndex(({ state }) => state === 'succeeded');
      const bad = sorted.slice(lastGood + 1).filter(({ failure }) => ['await-running', 'await-healthy', 'verify'].includes(failure?.phase ?? ''));
      return bad.length >= 3 ? `${after.id} is claimed though ${bad.length} replacements of ${after.groupId} in a row did not stay healthy` : undefined;
    },
  },
  {
    name: 'listed triggers only',
    sentence: 'Only triggers that the policy lists may repair; an alarm with its own action is a veto',
    onGuardPassed: (witness, record) => {
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
      if (witness.play?.approved.has(record.id) === true) return undefined;
      const modes = declaredSince(witness, record.system, record.timing.decidedAt).policies.map(({ spec }) => spec.mode);
      if (!modes.includes('auto')) return `${record.id} passes in mode ${modes.join(', ')} and nobody approved it`;
      const instance = witness.world.region.find(record.oldInstanceId);
      if (instance === undefined || instance.state === 'terminated' || isJustDisturbed(witness, record.oldInstanceId, abilities.lookSeconds)) return undefined;
      if (instance.tags[tagKeys.system] !== record.system) return `${record.oldInstanceId} is not tagged for ${record.system}`;
      const { systems } = declaredSince(witness, record.system, record.timing.decidedAt);
      if (!systems.some(({ spec }) => spec.access.securityGroups.some((name) => instance.securityGroupNames.includes(name))))
        return `nothing corroborates that ${record.oldInstanceId} belongs to ${record.system}`;
      if (!systems.some(({ spec }) => witness.world.region.approvedImages(spec.image.role).includes(instance.imageId)))
        return `${record.oldInstanceId} runs ${instance.imageId}, which was never approved`;
      const isStateless = systems.every(({ spec }) => !spec.recovery.stateful);
      return isStateless && instance.dataVolumeIds.length > 0 ? `${record.oldInstanceId} has data volumes though its system is stateless` : undefined;
    },
  },
  {
    name: 'within its abilities',
    sentence: 'Spot, instance-store and stateful instances have their own capability row; members are repaired through their group',
    onGuardPassed: (witness, record) => {
      if (witness.play?.approved.has(record.id) === true) return undefined;
      const instance = witness.world.region.find(record.oldInstanceId);
      if (instance?.lifecycle === 'spot') return `${record.oldInstanceId} is a Spot instance`;
      if (instance?.tags['aws:autoscaling:groupName'] !== undefined && record.path === 'replace')
        return `${record.oldInstanceId} belongs to an Auto Scaling group`;
      const { systems } = declaredSince(witness, record.system, record.timing.decidedAt);
      return systems.length > 0 && systems.every(({ spec }) => spec.recovery.stateful) ? `${record.system} is stateful` : undefined;
    },
  },
  {
    name: 'the trouble is still there',
    sentence: 'The triggering source must still be true when re-read; in grace, on hold, stopped on purpose: left alone',
    onGuardPassed: (witness, record) => {
      const { region } = witness.world;
      const instance = region.find(record.oldInstanceId);
      if (instance === undefined || instance.state === 'terminated' || isJustDisturbed(witness, record.oldInstanceId, abilities.lookSeconds)) return undefined;
      if (instance.tags[tagKeys.hold] !== undefined) return `${record.oldInstanceId} is on hold`;
      if (instance.tags[tagKeys.quarantine] !== undefined) return `${record.oldInstanceId} is in quarantine`;
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
      if (record === undefined || effect.kind !== 'launch') return undefined;
      const { imageId = '' } = effect;
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
      const preflight = record.phases.find(({ name, outcome }) => name === 'preflight' && outcome === 'done');
      if (preflight === undefined) return `${effect.kind} of ${effect.subject} before the preflight`;
      const isRecent = (witness.play?.imagesChangedAt ?? 0) >= Date.parse(preflight.endedAt) - abilities.toleranceSeconds * 1000;
      return isRecent ? undefined : unpreparedLaunch(witness, record);
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
      return isOfRepair(effect) && since !== undefined && since < witness.world.frame.startedAt
        ? `${effect.kind} of ${effect.subject} though all is frozen since ${since}`
        : undefined;
    },
  },
  {
    name: 'undone as captured',
    sentence: 'Compensation restores from the capture',
    onRecord: (witness, { before, after }) => {
      if (before?.state !== 'running' || after.state !== 'failed' || isHalfDone(after)) return undefined;
      return leftovers(witness, after);
    },
  },
  {
    name: 'page armed first',
    sentence: 'A one-time "page anyway" is armed before the execution starts',
    onEffect: (witness, effect) =>
      effect.kind === 'execute' && !witness.world.pagesArmed.has(effect.subject) ? `the execution of ${effect.subject} starts and no page is armed` : undefined,
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
        .filter(({ key }) => !witness.world.published.has(key.sort))
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
    onHeard: (witness, { signal, result, isRedelivery, wroteTo }) => {
      if (!isRedelivery || signal.kind === 'platform.execution') return undefined;
      if (result.kind === 'incident' || result.kind === 'repair')
        return `${signal.kind} of ${signal.subject.id} was delivered again and gave ${result.kind}: ${result.reason}`;
      const harmless = partitions.systems(witness.world.scope).replace(/#system$/, '#signal');
      const written = [...wroteTo].filter((partition) => partition !== harmless);
      return written.length === 0 ? undefined : `${signal.kind} of ${signal.subject.id} was delivered again and wrote to ${written.join(', ')}`;
    },
  },
];

// --- the longer answers ---------------------------------------------------------------------------------------------------------

function touchedByReaper({ world }: Witness, { kind, subject, before }: Effect): string | undefined {
  if (kind !== 'terminate') return world.launched.has(subject) ? undefined : `the reaper touches ${subject}, which we never launched`;
  return before?.tags[tagKeys.quarantine] === undefined ? `${subject} is terminated and never was in quarantine` : undefined;
}

function touchedByRepair(witness: Witness, effect: Effect): string | undefined {
  const { kind, subject, before } = effect;
  const record = recordOf(witness, effect);
  if (record === undefined) return `${kind} of ${subject} by nobody's remediation`;
  const system = before?.tags[tagKeys.system];
  const isOurs = witness.world.launched.get(subject) === record.id || (subject === record.oldInstanceId && system === record.system);
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

/** The id of a failed repair of the group, when it failed while the breaker was open and nothing has succeeded or calmed since. */
function lastProbe(witness: Witness, record: Remediation): string | undefined {
  const { world } = witness;
  const stored = world.store.peek(keys.group(world.scope, record.groupId));
  const others = world
    .remediations()
    .filter(({ groupId, id, state }) => groupId === record.groupId && id !== record.id && (state === 'failed' || state === 'succeeded'))
    .toSorted((left, right) => ((left.timing.endedAt ?? '') < (right.timing.endedAt ?? '') ? 1 : -1));
  const [newest] = others;
  const wasProbe = newest?.state === 'failed' && JSON.stringify(stored?.body ?? {}).includes('"isProbeFailed":true');
  return wasProbe && newest !== undefined ? newest.id : undefined;
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

/** Behind the drain nothing is undone: the replacement serves, and the repair finishes or a person is told. */
function isAfterDrain({ failure, phases }: Remediation): boolean {
  return failure !== undefined && phases.some(({ name, outcome }) => name === 'deregister' && outcome === 'done');
}

/** What a failed repair has left of itself: a replacement that runs or serves, an old instance that does not come back. */
function leftovers(witness: Witness, record: Remediation): string | undefined {
  const { world } = witness;
  const launched = [...world.launched].filter(([, remediationId]) => remediationId === record.id).map(([instanceId]) => instanceId);
  if (isAfterDrain(record)) return undefined;
  const running = launched.filter((id) => isUp(world.region.find(id)) && !isUnheard(record, id) && !wasDisturbedSince(witness, id, record.timing.decidedAt));
  if (running.length > 0) return `${record.id} has failed and its replacement ${running.join(', ')} is still there`;
  const registered = launched.filter((id) => !wasDisturbedSince(witness, id, record.timing.decidedAt) && isRegistered(witness, id, record));
  if (registered.length > 0) return `${record.id} has failed and its replacement ${registered.join(', ')} is still in the target groups`;
  const touchedOld = witness.effects.some(
    (effect) => effect.remediationId === record.id && effect.subject === record.oldInstanceId && (effect.kind === 'stop' || effect.kind === 'deregister'),
  );
  const old = world.region.find(record.oldInstanceId);
  if (!touchedOld || old === undefined || wasDisturbedSince(witness, record.oldInstanceId, record.timing.decidedAt)) return undefined;
  if (!isUp(old)) return `${record.id} has failed and ${describe(old)}`;
  const system = declaredSince(witness, record.system, record.timing.decidedAt).systems[0];
  const lost = (system?.spec.targetGroups ?? []).filter((group) =>
    ['unregistered', 'draining'].includes(
      world.region.findTarget(record.oldInstanceId, { targetGroupArn: `arn:tg/${group}`, targetGroupName: group, port: 80 }),
    ),
  );
  return lost.length === 0 ? undefined : `${record.id} has failed and ${record.oldInstanceId} is not in ${lost.join(', ')} any more`;
}

/** Launched, and the answer was lost with the function that asked. */
function isUnheard(record: Remediation, instanceId: string): boolean {
  return !abilities.findsUnheardLaunches && record.newInstanceId !== instanceId && record.calls['launch']?.outcomeAt === undefined;
}

function isRegistered(witness: Witness, instanceId: string, record: Remediation): boolean {
  const groups = declaredSince(witness, record.system, record.timing.decidedAt).systems[0]?.spec.targetGroups ?? [];
  return groups.some((group) => {
    const state = witness.world.region.findTarget(instanceId, { targetGroupArn: `arn:tg/${group}`, targetGroupName: group, port: 80 });
    return state !== 'unregistered' && state !== 'draining';
  });
}

/** What people must have been told of a remediation: that it began, how it ended. Steps that find the trouble gone need nobody. */
function untold(witness: Witness, record: Remediation): readonly string[] {
  const told = [...witness.world.published.keys()].filter((id) => id.startsWith(`${record.id}:`)).map((id) => id.slice(record.id.length + 1));
  const expects = (steps: readonly string[], why: string): readonly string[] =>
    steps.some((step) => told.includes(step)) ? [] : [`${record.id} ${why}, and nobody was told (${told.join(', ') || 'nothing'})`];
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
  if (until !== undefined) {
    const isForgotten = until < world.clock.now() && state === 'stopped';
    return isForgotten ? `${instanceId} was in quarantine until ${until} and is still ${state}` : undefined;
  }
  const remediationId = world.launched.get(instanceId);
  if (!abilities.reapsOrphans || remediationId === undefined || isLeftToPeople(world.remediation(remediationId))) return undefined;
  return `${instanceId}, launched by ${remediationId}, belongs to nobody and is ${state}`;
}

const isKeptByOthers = ({ world, play }: Witness, instanceId: string): boolean =>
  world.disturbedAt.has(instanceId) || play?.protectedInstances.has(instanceId) === true;

/**
 * After the drain the replacement is all that serves: a repair that fails there leaves it, and the reaper only reports it. The same of
 * one that could not be undone and says so.
 */
function isLeftToPeople(record: Remediation | undefined): boolean {
  return record !== undefined && (record.state === 'succeeded' || isAfterDrain(record) || isHalfDone(record));
}
