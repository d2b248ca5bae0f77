import * as z from 'zod/mini';
import { secondsBetween, type Timestamp } from '../../environment/time.ts';

/*
 * A phone that rings for the tenth time in a minute is put away, and every message costs money. The first page of a quiet time goes at once;
 * those of the next 120 s become one message at the end of that time.
 */

const BUNDLE_SECONDS = 120;
/** A tick that never came must not keep a page: after this the next one goes at once. */
const STUCK_SECONDS = 300;

/** The time since a message went to the phones of one role, and what waits meanwhile. */
export const smsWindowSchema = z.object({
  openedAt: z.string(),
  count: z.number(),
  /** Names of the first few that wait. */
  names: z.array(z.string()),
});
export type SmsWindow = z.infer<typeof smsWindowSchema>;
export type SmsWindows = Readonly<Record<string, SmsWindow>>;

/** What becomes of the SMS of one page. */
export interface SmsPlan {
  readonly windows: SmsWindows;
  /** Their phones ring now. */
  readonly now: readonly string[];
  /** Their phones get it in the bundle. */
  readonly held: readonly string[];
}

/** A role may be called `constructor`. */
function own<Value>(values: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

const MAX_NAMES = 8;
/** More roles than any page has; beyond it a page goes at once. */
const MAX_WINDOWS = 200;

/** Whether its 120 s are over. A clock that went back ends none. */
export function isWindowOver({ openedAt }: SmsWindow, now: Timestamp): boolean {
  return secondsBetween(openedAt, now) >= BUNDLE_SECONDS;
}

/** Whether a page that comes now waits for the bundle. */
function isWaiting(window: SmsWindow | undefined, now: Timestamp): boolean {
  if (window === undefined) return false;
  return isWindowOver(window, now) ? window.count > 0 && secondsBetween(window.openedAt, now) < STUCK_SECONDS : true;
}

/** Pure: which roles' phones ring now, which wait. `roles` are those that may still be sent to. */
export function planSms(windows: SmsWindows, roles: readonly string[], name: string, now: Timestamp): SmsPlan {
  const kept = withoutIdle(windows, now);
  const held = roles.filter((role) => isWaiting(own(kept, role), now));
  const ringing = roles.filter((role) => !held.includes(role));
  const joined = Object.fromEntries(held.map((role) => [role, withPage(own(kept, role) ?? openedWindow(undefined, now), name)]));
  const opened = Object.fromEntries(ringing.map((role) => [role, openedWindow(own(kept, role), now)]));
  const all = { ...kept, ...joined, ...opened };
  return { windows: Object.keys(all).length > MAX_WINDOWS ? { ...kept, ...joined } : all, now: ringing, held };
}

/** What waits stays: it is told by the next tick. */
function openedWindow(before: SmsWindow | undefined, now: Timestamp): SmsWindow {
  return { openedAt: now, count: before?.count ?? 0, names: [...(before?.names ?? [])] };
}

function withPage(window: SmsWindow, name: string): SmsWindow {
  const isKnown = window.names.includes(name) || window.names.length >= MAX_NAMES;
  return { ...window, count: window.count + 1, names: isKnown ? window.names : [...window.names, name] };
}

/** A quiet time that is over needs no window. */
function withoutIdle(windows: SmsWindows, now: Timestamp): SmsWindows {
  return Object.fromEntries(Object.entries(windows).filter(([, window]) => window.count > 0 || !isWindowOver(window, now)));
}

/** Roles whose phones get the very same bundle. */
export interface SmsBundle {
  readonly roles: readonly string[];
  readonly window: SmsWindow;
}

/** Pure: what is to be sent now. Roles with the same pages share one message. */
export function dueBundles(windows: SmsWindows, now: Timestamp): readonly SmsBundle[] {
  const due = Object.entries(windows).filter(([, window]) => window.count > 0 && isWindowOver(window, now));
  const groups = Map.groupBy(due, ([, { openedAt, count, names }]) => [openedAt, count, ...names].join('\n'));
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    return first === undefined ? [] : [{ roles: members.map(([role]) => role).toSorted(), window: first[1] }];
  });
}

/** Pure: a bundle was sent. What came meanwhile stays, and a new quiet time begins, because a phone has just rung. */
export function withoutBundle(windows: SmsWindows, { roles, window }: SmsBundle, now: Timestamp): SmsWindows {
  return Object.fromEntries(
    Object.entries(windows).map(([role, current]) => {
      if (!roles.includes(role) || current.openedAt !== window.openedAt || current.count < window.count) return [role, current];
      const left = current.count - window.count;
      return [role, { openedAt: now, count: left, names: left === 0 ? [] : current.names.slice(window.names.length) }];
    }),
  );
}

/** What one role's phones have cost this month. */
export const smsMonthSchema = z.object({
  /** `2026-11`, in UTC, as SNS's own limit counts. */
  month: z.string(),
  /** Role → messages that went to its phones. */
  sent: z.record(z.string(), z.number()),
  /** Roles that have been told that theirs are used up. */
  warned: z.array(z.string()),
});
export type SmsMonth = z.infer<typeof smsMonthSchema>;

/** A page that is worth an SMS, six times a day, every day, is a problem that money does not solve. */
export const SMS_PAGES_PER_MONTH = 200;

/** Role → how many messages its phones may get in a month; a role that is not named has {@link SMS_PAGES_PER_MONTH}. */
export type SmsLimits = Readonly<Record<string, number>>;

export function smsMonthOf(stored: SmsMonth | undefined, now: Timestamp): SmsMonth {
  const month = now.slice(0, 7);
  // A clock that went back over the end of a month does not give the month anew.
  return stored !== undefined && stored.month >= month ? stored : { month, sent: {}, warned: [] };
}

/** The roles whose phones may still ring this month. */
export function rolesWithinLimit(month: SmsMonth, roles: readonly string[], limits: SmsLimits): readonly string[] {
  return roles.filter((role) => sentTo(month, role) < limitOf(role, limits));
}

function limitOf(role: string, limits: SmsLimits): number {
  return own(limits, role) ?? SMS_PAGES_PER_MONTH;
}

function sentTo({ sent }: SmsMonth, role: string): number {
  return own(sent, role) ?? 0;
}

/** One more message to the phones of these roles. */
export function withSent(month: SmsMonth, roles: readonly string[]): SmsMonth {
  return { ...month, sent: { ...month.sent, ...Object.fromEntries(roles.map((role) => [role, sentTo(month, role) + 1])) } };
}

/** Roles with a phone in the catalog whose messages are used up, and who have not been told. */
export function usedUpRoles(month: SmsMonth, limits: SmsLimits): readonly string[] {
  return Object.keys(limits).filter((role) => !month.warned.includes(role) && sentTo(month, role) >= limitOf(role, limits));
}
