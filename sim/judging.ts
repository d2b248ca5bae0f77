import type { RemediationPolicy, System } from '../core/catalog/schema.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import { tagKeys } from '../core/inventory/records.ts';
import type { InstanceFacts } from '../core/remediation/ports.ts';
import type { Remediation } from '../core/remediation/record.ts';
import type { Heard, Witness } from './witness.ts';
import type { Effect, Frame } from './world.ts';

/*
 * What invariants are made of: the questions that a row may ask, and words about the truth of the world that several rows need. None of
 * them calls a rule that is judged.
 */

/** A remediation's record as it changes. */
export interface RecordChange {
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
  /** Reads, skews and judgements of the world may lie this many seconds apart without anybody being wrong. */
  toleranceSeconds: 75,
  /** One look of the guardrails: clocks, lagging reads and what overlaps it. */
  lookSeconds: 15,
} as const;

export const HOUR_SECONDS = 3600;
export const DAY_SECONDS = 86_400;
/** What a verification may take beyond its own time. */
export const VERIFY_MARGIN_SECONDS = 300;

// --- words of the table ---------------------------------------------------------------------------------------------------

export function recordOf(witness: Witness, effect: Effect): Remediation | undefined {
  return effect.remediationId === undefined ? undefined : witness.world.remediation(effect.remediationId);
}

/** Systems and policies that were in force at some moment since then: a deploy in between makes either right. */
export function declaredSince(
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
export function isJustDisturbed(witness: Witness, instanceId: string, seconds: number = abilities.toleranceSeconds): boolean {
  const at = witness.world.disturbedAt.get(instanceId);
  return at !== undefined && witness.world.clock.millis - at <= seconds * 1000;
}

export function wasDisturbedSince(witness: Witness, instanceId: string, since: Timestamp): boolean {
  const at = witness.world.disturbedAt.get(instanceId);
  return at !== undefined && at >= Date.parse(since) - abilities.toleranceSeconds * 1000;
}

export function servesOrWasDisturbed(witness: Witness, instanceId: string, since: Timestamp): boolean {
  return witness.world.isServing(instanceId) || wasDisturbedSince(witness, instanceId, since);
}

export const isUp = (instance: InstanceFacts | undefined): boolean =>
  instance !== undefined && (instance.state === 'running' || instance.state === 'pending' || instance.state === 'stopping');

export const isOfRepair = (effect: Effect): boolean => effect.by === 'driver' && effect.kind !== 'publish' && effect.kind !== 'execute';

const forwardKinds: ReadonlySet<Effect['kind']> = new Set(['launch', 'mark-unhealthy', 'standby', 'reboot', 'restart', 'swap-root', 'snapshot']);

/** Steps forward that a pause forbids: undoing and finishing are allowed, and a way back is one from its first step. */
export function isForward(effect: Effect, record: Remediation): boolean {
  if (record.failure !== undefined || record.revertOf !== undefined) return false;
  if (forwardKinds.has(effect.kind)) return true;
  if (effect.kind === 'register') return effect.subject === record.newInstanceId;
  return (
    effect.subject === record.oldInstanceId &&
    (effect.kind === 'deregister' || effect.kind === 'detach' || (effect.kind === 'stop' && record.phase === 'fence'))
  );
}

const harmingKinds: ReadonlySet<Effect['kind']> = new Set(['launch', 'swap-root', 'mark-unhealthy', 'standby']);

/** The first harm of a repair: from here on the world is not as it was. */
export function isFirstHarm(effect: Effect, record: Remediation): boolean {
  if (record.phase === 'launch-throwaway') return false;
  return harmingKinds.has(effect.kind) || (effect.kind === 'stop' && record.phase === 'fence');
}

/** It replaces an instance: by itself, or by telling a group to. Waiting, restarting and ways back replace nothing. */
export const isReplacement = ({ path = 'replace' }: Remediation): boolean => path === 'replace' || path === 'group-member' || path === 'root-swap';

/** A person asked for a way back or a drill: no instance has trouble. */
export const isWithoutTrouble = ({ revertOf, isDrill }: Remediation): boolean => revertOf !== undefined || isDrill;

/** Who serves once it has succeeded; `undefined` where the instance stays itself. */
export function servingAfter({ revertOf, oldInstanceId, newInstanceId }: Remediation): string | undefined {
  return revertOf === undefined ? newInstanceId : oldInstanceId;
}

/** Instances that a repair may change: its own two, and what it launched. */
export function isPartOf({ world }: Witness, { id, oldInstanceId, newInstanceId }: Remediation, instanceId: string): boolean {
  return instanceId === oldInstanceId || instanceId === newInstanceId || world.launched.get(instanceId) === id;
}

export const groupLimit = (members: number, percent: number): number => Math.max(1, Math.floor((members * percent) / 100));

/** Members of a group: those staged there, and never fewer than the truth shows running. */
export function membersOf(witness: Witness, groupId: string): number {
  const staged = [...witness.world.staged.values()].filter(({ place }) => place?.groupId === groupId);
  const groupName = staged[0]?.seed.tags[tagKeys.autoScalingGroup];
  if (groupName === undefined) return Math.max(1, staged.length);
  // An Auto Scaling group launches beside one in standby: for a while there are more.
  const present = witness.world.region.all().filter(({ tags, state }) => tags[tagKeys.autoScalingGroup] === groupName && state === 'running').length;
  return Math.max(staged.length, present);
}

export function runningClaims(witness: Witness): readonly Remediation[] {
  return witness.claims.flatMap(({ remediationId }) => {
    const record = witness.world.remediation(remediationId);
    return record?.state === 'running' && !isWaitingForPeople(record) ? [record] : [];
  });
}

/** It holds its slot, but no place under the caps; after a yes it asks for one again. */
export function isWaitingForPeople(record: Remediation): boolean {
  return record.approval !== undefined && (record.approval.granted === undefined || record.phase === 'await-approval');
}

export const isHalfDone = (record: Remediation): boolean => record.reason.includes('Half-done');
