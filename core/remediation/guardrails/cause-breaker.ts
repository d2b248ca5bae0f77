import type { Deployment } from '../../deployments/record.ts';
import { present } from '../../environment/present.ts';
import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import type { Platform, Remediation } from '../record.ts';

/**
 * The circuit breaker of a shared cause (design section 7): a zone, an image or a deployment that makes several groups unhealthy at
 * once. Replacing one instance after the other would not help, and would stampede once the cause is over. Figures: docs/adr/0010.
 */

type Trouble = NonNullable<Platform['troubles']>[number];
export type CauseBreaker = NonNullable<Platform['causeBreakers']>[number];

/** Who is in trouble, and what it may share with others: `zone:<name>`, `image:<id>`, `deployment:<id>`. */
export interface NewTrouble {
  readonly slotId: string;
  readonly groupId: string;
  readonly groupMembers: number;
  readonly incidentId: string;
  readonly causes: readonly string[];
}

/** More than this many slots … */
const MIN_SLOTS = 2;
/** … and more than this share of the groups that are hit; never more than MAX_SLOTS. */
const GROUP_PERCENT = 5;
const MAX_SLOTS = 100;
/** A single group is the business of its own breaker. */
const MIN_GROUPS = 2;
const WINDOW_SECONDS = 300;
const DEPLOYMENT_SECONDS = 3600;
/** What nobody has said to be over is forgotten: the instance may be gone, and the sweep tries again what still lasts. */
const TROUBLE_SECONDS = 86_400;
const MAX_TROUBLES = 200;
const MAX_CAUSES = 6;
const MAX_BREAKERS = 50;

/** What an instance shares with others. A deployment counts for an hour after its start. */
export function causesOf(
  instance: { readonly availabilityZone: string; readonly imageId: string } | undefined,
  deployment: Pick<Deployment, 'id' | 'startedAt'> | undefined,
  now: Timestamp,
): readonly string[] {
  const isRecent = deployment !== undefined && Math.abs(secondsBetween(deployment.startedAt, now)) < DEPLOYMENT_SECONDS;
  return [...named('zone', instance?.availabilityZone), ...named('image', instance?.imageId), ...(isRecent ? named('deployment', deployment.id) : [])];
}

function named(kind: string, id: string | undefined): readonly string[] {
  return id === undefined || id === '' || id === 'unknown' ? [] : [`${kind}:${id}`];
}

/** Notes a trouble; opens the breakers of causes that now make too many unhealthy. Closes nothing: calm is for the sweep to see. */
export function noteTrouble(platform: Platform, trouble: NewTrouble, now: Timestamp): Platform {
  const troubles = withTrouble(lasting(platform.troubles, now), trouble, now);
  if (troubles.length === 0) return platform;
  const known = platform.causeBreakers ?? [];
  const opened = trouble.causes
    .filter((cause) => !known.some((breaker) => breaker.cause === cause) && isOver(troubles, cause, now))
    .map((cause) => opening(cause, troubles, platform, now));
  const breakers = [...known.map((breaker) => (isOver(troubles, breaker.cause) ? withoutCalm(breaker) : breaker)), ...opened].slice(-MAX_BREAKERS);
  return { ...platform, troubles, ...(breakers.length === 0 ? {} : { causeBreakers: breakers }) };
}

function lasting(troubles: Platform['troubles'], now: Timestamp): Trouble[] {
  return (troubles ?? []).filter(({ at }) => secondsBetween(at, now) < TROUBLE_SECONDS);
}

/** A slot is one trouble for as long as its incident lasts, however often it speaks: only what has just begun opens a breaker. */
function withTrouble(troubles: readonly Trouble[], trouble: NewTrouble, now: Timestamp): Trouble[] {
  const before = troubles.find(({ slotId }) => slotId === trouble.slotId);
  const isSame = before?.incidentId === trouble.incidentId;
  const causes = [...new Set([...(isSame ? before.causes : []), ...trouble.causes])].slice(-MAX_CAUSES);
  const others = troubles.filter(({ slotId }) => slotId !== trouble.slotId);
  if (causes.length === 0) return others;
  const next: Trouble = { ...(isSame ? before : { at: now }), ...trouble, causes };
  return [...others, next].toSorted((left, right) => secondsBetween(right.at, left.at)).slice(-MAX_TROUBLES);
}

function sharing(troubles: readonly Trouble[], cause: string): readonly Trouble[] {
  return troubles.filter(({ causes }) => causes.includes(cause));
}

/** How many slots may be unhealthy with one cause: `max(2, 5 % of the groups that are hit, rounded down)`. */
function limitOf(shared: readonly Trouble[]): number {
  const members = new Map(shared.map(({ groupId, groupMembers }) => [groupId, groupMembers]));
  const total = [...members.values()].reduce((sum, count) => sum + count, 0);
  return Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, Math.floor((total * GROUP_PERCENT) / 100)));
}

/** With `now`: of what began within 5 minutes (that opens it); without: of everything that lasts (that keeps it open). */
function isOver(troubles: readonly Trouble[], cause: string, now?: Timestamp): boolean {
  const shared = sharing(troubles, cause).filter(({ at }) => now === undefined || secondsBetween(at, now) <= WINDOW_SECONDS);
  return new Set(shared.map(({ groupId }) => groupId)).size >= MIN_GROUPS && shared.length > limitOf(shared);
}

/** A repair that is under way already is the first probe; who comes now is refused, so that a person is paged at once. */
function opening(cause: string, troubles: readonly Trouble[], platform: Platform, now: Timestamp): CauseBreaker {
  const shared = sharing(troubles, cause);
  const probeRemediationId = platform.inFlight.find((id) => shared.some(({ remediationId }) => remediationId === id));
  return { cause, since: now, isProbeFailed: false, ...present({ probeRemediationId }) };
}

function withoutCalm({ calmSince: _calmSince, ...breaker }: CauseBreaker): CauseBreaker {
  return breaker;
}

/** The open breakers that concern a slot. */
export function openCausesOf({ troubles, causeBreakers = [] }: Platform, slotId: string): readonly CauseBreaker[] {
  const own = troubles?.find((trouble) => trouble.slotId === slotId);
  return causeBreakers.filter(({ cause }) => own?.causes.includes(cause) === true);
}

function isProbing(platform: Platform, { probeRemediationId }: CauseBreaker): boolean {
  return platform.inFlight.some((id) => id === probeRemediationId);
}

/** Why no repair of this slot may start now; `undefined`: it may, as the next probe where a breaker is open. */
export function causeRefusal(before: Platform, platform: Platform, slotId: string): string | undefined {
  const open = openCausesOf(platform, slotId);
  const failed = open.find(({ isProbeFailed }) => isProbeFailed);
  if (failed !== undefined) return `${describe(platform, failed)}. The probe replacement failed, so nothing is tried until a person resumes`;
  const probing = open.find((breaker) => isProbing(platform, breaker));
  if (probing !== undefined) return `${describe(platform, probing)}. One probe is under way (${probing.probeRemediationId}); nothing else may start`;
  const fresh = open.find(({ cause }) => before.causeBreakers?.some((breaker) => breaker.cause === cause) !== true);
  return fresh === undefined ? undefined : `${describe(platform, fresh)}. Repairs pause here; one probe at a time is tried by the sweep`;
}

/** `zone:eu-central-1a` → `the zone eu-central-1a`. */
export function causeText(cause: string): string {
  return cause.replace(/^(zone|image|deployment):/, 'the $1 ');
}

const MAX_GROUPS_NAMED = 5;

function describe(platform: Platform, { cause, since }: CauseBreaker): string {
  const shared = sharing(platform.troubles ?? [], cause);
  const groups = [...new Set(shared.map(({ groupId }) => groupId))];
  const left = groups.length - MAX_GROUPS_NAMED;
  const names = `${groups.slice(0, MAX_GROUPS_NAMED).join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
  return `Many fail together: ${shared.length} instances of ${names} share ${causeText(cause)} (circuit breaker open since ${since})`;
}

/** Notes the repair with its trouble; it is the probe of every open breaker that concerns it and has none under way. */
export function beginRepair(platform: Platform, slotId: string, remediationId: string): Platform {
  if (platform.troubles === undefined) return platform;
  const unprobed = openCausesOf(platform, slotId).filter((breaker) => !isProbing(platform, breaker));
  const probed = new Set(unprobed.map(({ cause }) => cause));
  return {
    ...platform,
    troubles: platform.troubles.map((trouble) => (trouble.slotId === slotId ? { ...trouble, remediationId } : trouble)),
    ...(platform.causeBreakers === undefined
      ? {}
      : {
          causeBreakers: platform.causeBreakers.map((breaker) => (probed.has(breaker.cause) ? { ...breaker, probeRemediationId: remediationId } : breaker)),
        }),
  };
}

/** A failed probe stops probing, a verified one lets the next pass; what touched nothing is neither. */
export function endRepair(platform: Platform, record: Pick<Remediation, 'id' | 'slotId' | 'state'>): Platform {
  const calmed = record.state === 'succeeded' ? calmSlot(platform, record.slotId) : platform;
  if (calmed.causeBreakers === undefined) return calmed;
  const causeBreakers = calmed.causeBreakers.map((breaker) => {
    if (breaker.probeRemediationId !== record.id) return breaker;
    const { probeRemediationId: _ended, ...rest } = breaker;
    return { ...rest, isProbeFailed: record.state === 'failed' };
  });
  return { ...calmed, causeBreakers };
}

/** The slot is well: it no longer counts for any cause. The same object when it did not count. */
export function calmSlot(platform: Platform, slotId: string): Platform {
  return platform.troubles?.some((trouble) => trouble.slotId === slotId) === true
    ? { ...platform, troubles: platform.troubles.filter((trouble) => trouble.slotId !== slotId) }
    : platform;
}

/** Lets time close the breakers of causes: the count has stayed under the limit for the cool-down. Opens nothing. */
export function settleCauses(platform: Platform, cooldownSeconds: number, now: Timestamp): Platform {
  if (platform.causeBreakers === undefined || platform.causeBreakers.length === 0) return platform;
  const troubles = lasting(platform.troubles, now);
  const causeBreakers = platform.causeBreakers.flatMap((breaker): CauseBreaker[] => {
    if (isOver(troubles, breaker.cause)) return [withoutCalm(breaker)];
    if (breaker.calmSince === undefined) return [{ ...breaker, calmSince: now }];
    return secondsBetween(breaker.calmSince, now) >= cooldownSeconds ? [] : [breaker];
  });
  return { ...platform, troubles, causeBreakers };
}

/**
 * A person resumes. Everything: the breakers close and counting begins anew. One system: what its slots share with others may be
 * probed again. The same object when there was nothing to resume.
 *
 * @param system `undefined` for everything
 */
export function resumeCauses(platform: Platform, system: string | undefined): { readonly platform: Platform; readonly causes: readonly string[] } {
  const open = platform.causeBreakers ?? [];
  if (system === undefined) {
    if (open.length === 0 && platform.troubles === undefined) return { platform, causes: [] };
    const { troubles: _troubles, causeBreakers: _breakers, ...rest } = platform;
    return { platform: rest, causes: open.map(({ cause }) => cause) };
  }
  const shared = new Set((platform.troubles ?? []).filter(({ groupId }) => groupId.startsWith(`${system}/`)).flatMap(({ causes }) => causes));
  const failed = open.filter(({ cause, isProbeFailed }) => isProbeFailed && shared.has(cause)).map(({ cause }) => cause);
  if (failed.length === 0) return { platform, causes: [] };
  const causeBreakers = open.map((breaker) => (failed.includes(breaker.cause) ? { ...breaker, isProbeFailed: false } : breaker));
  return { platform: { ...platform, causeBreakers }, causes: failed };
}
