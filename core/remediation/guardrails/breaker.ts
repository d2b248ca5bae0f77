import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import type { Group, Platform } from '../record.ts';

type Breaker = Group['breaker'];

/** `max(1, percent rounded down)`: 50 % of 3 = 1, 10 % of 30 = 3. Small groups are never frozen by rounding. */
export function groupLimit(members: number, percent: number): number {
  return Math.max(1, Math.floor((members * percent) / 100));
}

export function isBreakerOpen(breaker: { readonly state: 'open' | 'closed' }): boolean {
  return breaker.state === 'open';
}

export const closedBreaker: Breaker = { state: 'closed', isProbeFailed: false };

/**
 * The group's circuit breaker (design section 7): opens when more than the limit are unhealthy; closes when the count has stayed
 * at or under the limit for the cool-down. A person reopens probing by resuming the system, or a repair of the group that succeeds: that
 * few are heard of while it is paused is no calm, so a failed probe is remembered when the breaker closes.
 */
export function nextBreaker(
  breaker: Breaker,
  count: { readonly members: number; readonly unhealthy: number },
  rule: { readonly maxUnhealthyPercent: number; readonly cooldownSeconds: number },
  now: Timestamp,
): Breaker {
  const isOver = count.unhealthy > groupLimit(count.members, rule.maxUnhealthyPercent);
  if (breaker.state === 'closed') return isOver ? { state: 'open', since: now, isProbeFailed: breaker.isProbeFailed } : breaker;
  if (isOver) return withoutCalm(breaker);
  if (breaker.calmSince === undefined) return { ...breaker, calmSince: now };
  return secondsBetween(breaker.calmSince, now) >= rule.cooldownSeconds ? { state: 'closed', isProbeFailed: breaker.isProbeFailed } : breaker;
}

/**
 * What a fresh look at the group finds over its limit opens the breaker, or keeps it open, whatever has been heard of so far: the look
 * of one repair may come before the signals of the others.
 */
export function openedOnSight(breaker: Breaker, now: Timestamp): Breaker {
  return isBreakerOpen(breaker) ? withoutCalm(breaker) : { state: 'open', since: now, isProbeFailed: breaker.isProbeFailed };
}

function withoutCalm(breaker: Breaker): Breaker {
  if (breaker.calmSince === undefined) return breaker;
  const { calmSince: _calmSince, ...rest } = breaker;
  return rest;
}

const PLATFORM_WINDOW_SECONDS = 300;
const PLATFORM_CALM_SECONDS = 1800;

/**
 * The platform breaker: more than max(5, 10 % of systems) distinct systems unhealthy within 5 minutes opens it;
 * it closes after 30 minutes below, or when a person resumes.
 */
export function nextPlatform(
  platform: Platform,
  systemsInCatalog: number,
  unhealthySystem: string | undefined,
  minimumSystems: number,
  now: Timestamp,
): Platform {
  const recent = platform.unhealthySystems.filter((entry) => entry.system !== unhealthySystem && secondsBetween(entry.at, now) < PLATFORM_WINDOW_SECONDS);
  const unhealthySystems = unhealthySystem === undefined ? recent : [...recent, { system: unhealthySystem, at: now }];
  const isOver = unhealthySystems.length > Math.max(minimumSystems, Math.floor(systemsInCatalog / 10));
  return { ...platform, unhealthySystems, breaker: nextPlatformBreaker(platform.breaker, isOver, now) };
}

function nextPlatformBreaker(breaker: Platform['breaker'], isOver: boolean, now: Timestamp): Platform['breaker'] {
  if (breaker.state === 'closed') return isOver ? { state: 'open', since: now } : breaker;
  if (isOver) return { state: 'open', ...(breaker.since === undefined ? {} : { since: breaker.since }) };
  if (breaker.calmSince === undefined) return { ...breaker, calmSince: now };
  return secondsBetween(breaker.calmSince, now) >= PLATFORM_CALM_SECONDS ? { state: 'closed' } : breaker;
}
