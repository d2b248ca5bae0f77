import type { CompiledCatalog, EscalationLevel, EscalationPolicy } from '../../catalog/schema.ts';
import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { wallClockAt } from '../../environment/wall-clock.ts';
import { clockText, durationText } from '../messages/message-text.ts';
import { type Incident, isAnswered } from '../record.ts';

/*
 * Who is asked next when nobody answers. SNS says of no mail whether anybody read it, so what was not acknowledged in time counts as
 * undelivered and goes to the next level (ADR 0018).
 */

export type Escalation = EscalationPolicy['spec'];

/** Holds where the catalog has no EscalationPolicy; ops/ spells it out. */
export const builtInEscalation: Escalation = {
  systems: [],
  severities: ['critical', 'high'],
  levels: [
    { afterMinutes: 5, roles: ['operators'], channels: ['https', 'email', 'sms'] },
    { afterMinutes: 15, roles: ['operators', 'owner'], channels: ['https', 'email', 'sms'] },
    { afterMinutes: 30, roles: ['operators', 'owner', 'developers', 'business'], channels: ['https', 'email', 'sms'] },
  ],
  repeats: 2,
  repeatAfterMinutes: 30,
  acknowledgedForMinutes: 30,
};

/** What holds for a system: the document that names it, else the one that names none, else the built-in levels. */
export function escalationOf({ escalations = [] }: Pick<CompiledCatalog, 'escalations'>, system: string | undefined): Escalation {
  const named = escalations.find(({ spec }) => system !== undefined && spec.systems.includes(system));
  return (named ?? escalations.find(({ spec }) => spec.systems.length === 0))?.spec ?? builtInEscalation;
}

export type EscalationDecision =
  | { readonly kind: 'none' | 'wait' | 'exhausted'; readonly reason: string }
  | {
      readonly kind: 'escalate';
      /** From 1; grows for as long as the incident lives, so that no two messages have one id. */
      readonly round: number;
      /** From 1. */
      readonly level: number;
      readonly roles: readonly string[];
      readonly channels: EscalationLevel['channels'];
      readonly reason: string;
    };

/** One level that may be asked, and from when on. */
interface Candidate {
  readonly round: number;
  readonly index: number;
  readonly level: EscalationLevel;
  readonly dueAt: Timestamp;
}

/**
 * Who is asked now, if anybody. Answered is what a person has acknowledged, what is under repair, calm or over. Levels come one at a
 * time, each its wait after the one before it; one outside its hours is passed over. After the last round nobody is asked any more.
 * Pure: the same incident, policy and moment give the same decision.
 */
export function nextEscalation(incident: Incident, policy: Escalation, now: Timestamp): EscalationDecision {
  if (isAnswered(incident)) return { kind: 'none', reason: `It is ${incident.state}: somebody or something has it` };
  if (!policy.severities.includes(incident.severity)) return { kind: 'none', reason: `${incident.severity} wakes nobody` };
  const position = positionOf(incident);
  if (position.isExhausted === true) return { kind: 'none', reason: 'All levels have been asked as often as the policy says' };
  const due = candidatesOf(position, policy).filter(({ dueAt }) => dueAt <= now);
  const next = due.find(({ level }) => isWithinHours(level.hours, now));
  if (next !== undefined) return escalate(incident, next, policy, now);
  if (due.length > 0) return { kind: 'wait', reason: `Every level that is due is outside of its hours` };
  const last = endOf(position, policy);
  return last !== undefined && last <= now
    ? { kind: 'exhausted', reason: exhaustedText(position, policy) }
    : { kind: 'wait', reason: 'The next level is not due yet' };
}

type Position = NonNullable<Incident['escalation']>;

function positionOf({ escalation, openSince, openedAt }: Incident): Position {
  return escalation ?? { round: 1, level: 0, at: openSince ?? openedAt, firstRound: 1 };
}

/** The rest of this round, then the next one, while the policy repeats. */
function candidatesOf({ round, level, at, firstRound }: Position, policy: Escalation): readonly Candidate[] {
  const { levels, repeatAfterMinutes, repeats } = policy;
  const passed = passedMinutes(level, levels);
  const lastMinutes = Math.max(passed, levels.at(-1)?.afterMinutes ?? 0);
  const nextRoundMinutes = lastMinutes - passed + repeatAfterMinutes;
  const firstMinutes = levels[0]?.afterMinutes ?? 0;
  const rest = levels.flatMap((each, index) =>
    index < level ? [] : [{ round, index, level: each, dueAt: addSeconds(at, Math.max(0, each.afterMinutes - passed) * 60) }],
  );
  if (round >= firstRound + repeats) return rest;
  const next = levels.map((each, index) => ({
    round: round + 1,
    index,
    level: each,
    dueAt: addSeconds(at, (nextRoundMinutes + each.afterMinutes - firstMinutes) * 60),
  }));
  return [...rest, ...next];
}

function passedMinutes(level: number, levels: readonly EscalationLevel[]): number {
  return level === 0 ? 0 : (levels[Math.min(level, levels.length) - 1]?.afterMinutes ?? 0);
}

/** When the last level of the last round has had its time; `undefined` while something is still to come. */
function endOf({ round, level, at, firstRound }: Position, { levels, repeats, repeatAfterMinutes }: Escalation): Timestamp | undefined {
  return round >= firstRound + repeats && level >= levels.length ? addSeconds(at, repeatAfterMinutes * 60) : undefined;
}

function escalate(incident: Incident, { round, index, level }: Candidate, { levels }: Escalation, now: Timestamp): EscalationDecision {
  const since = incident.openSince ?? incident.openedAt;
  const before = positionOf(incident);
  const asked = before.level === 0 ? [] : (levels[Math.min(before.level, levels.length) - 1]?.roles ?? []);
  const silent = asked.length === 0 ? '' : ` ${asked.join(', ')} did not answer since ${clockText(before.at)}.`;
  const waited = Math.max(0, Math.round((Date.parse(now) - Date.parse(since)) / 1000));
  return {
    kind: 'escalate',
    round,
    level: index + 1,
    roles: level.roles,
    channels: level.channels,
    reason: `Nobody has acknowledged it for ${durationText(waited)}.${silent} Now asked: ${level.roles.join(', ')} (level ${index + 1} of ${levels.length}, round ${round}).`,
  };
}

function exhaustedText({ firstRound, round }: Position, { levels }: Escalation): string {
  const rounds = round - firstRound + 1;
  return `Nobody has answered: ${levels.length} levels were asked ${rounds === 1 ? 'once' : `${rounds} times`}. It stays open, and nobody is paged for it again until something changes.`;
}

type Hours = NonNullable<EscalationLevel['hours']>;

const dayNames: readonly string[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Without hours: always. What ends at or before its begin ends on the next day. By the wall clock of the zone, also across daylight saving. */
export function isWithinHours(hours: EscalationLevel['hours'], now: Timestamp): boolean {
  if (hours === undefined) return true;
  const { weekday: day, time } = wallClockAt(now, hours.timeZone);
  if (hours.from < hours.to) return isOn(hours, day) && time >= hours.from && time < hours.to;
  return time >= hours.from ? isOn(hours, day) : time < hours.to && isOn(hours, (day + 6) % 7);
}

function isOn({ days }: Hours, day: number): boolean {
  return days.some((name) => name === dayNames[day]);
}
