import { eventScale, type Sample, scaledEvents } from './ledger.ts';
import type { BudgetSpecification, Judgement } from '../objective/specification.ts';
import type { Refused } from '../objective/target.ts';

/*
 * Points as people write them, one JSON object a line (design.md section 9):
 *
 *   {"t": "2026-11-21T09:00:00Z", "good": 99, "total": 100}     or "bad" instead of "good"
 *   {"t": "2026-11-21T09:00:00Z", "value": 0.27}                for a threshold, and for a share (0 to 1) that a raw ratio gives
 *
 * `observedAt` says when a point was read: late data and second readings carry it, and may then stand in any order. Without it,
 * time must not go backwards, because such a file was put together wrongly. Of a composite, `objective` names the part.
 */

/** Bounds a file: 90 days of minutes of ten parts are 1.3 million. */
export const MAX_POINTS = 2_000_000;

const instant = /^(\d{4})-(\d{2})-(\d{2})[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:?\d{2})$/;

function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Epoch milliseconds of an RFC 3339 moment; `undefined` for anything else, 30 February included. */
export function parseInstant(text: unknown): number | undefined {
  const match = typeof text === 'string' ? instant.exec(text) : null;
  if (match === null) return undefined;
  if (Number(match[3]) > daysInMonth(Number(match[1]), Number(match[2]))) return undefined;
  const millis = Date.parse(match[0].toUpperCase().replace(/([+-]\d{2})(\d{2})$/, '$1:$2'));
  return Number.isNaN(millis) ? undefined : millis;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Why a count is none; `undefined` when it is one. */
function countFault(name: string, value: unknown): string | undefined {
  if (value === undefined) return `"${name}" is missing`;
  if (value === null) return `"${name}" is null, which is how JSON writes NaN: it is no number`;
  if (typeof value !== 'number' || !Number.isFinite(value)) return `"${name}" is ${JSON.stringify(value)}, which is no number`;
  if (value < 0) return `"${name}" is ${value}, and a count is never below 0`;
  if (value > Number.MAX_SAFE_INTEGER) return `"${name}" is ${value}, more than can be counted exactly`;
  return undefined;
}

type Events = Pick<Sample, 'bad' | 'total'>;

function eventsOf({ good, bad, total }: Readonly<Record<string, unknown>>): Events | string {
  const name = good === undefined && bad !== undefined ? 'bad' : 'good';
  const counted = name === 'bad' ? bad : good;
  const fault = countFault('total', total) ?? countFault(name, counted);
  if (fault !== undefined) return fault;
  if (typeof counted !== 'number' || typeof total !== 'number') return '"good" and "total" must be numbers';
  if (counted > total) return `${counted} ${name} of ${total} in total: more ${name} than there were; the indicator counts two different things`;
  const part = scaledEvents(counted);
  const whole = scaledEvents(total);
  if (name === 'good' && !addsUp(part, bad, whole)) return '"good" and "bad" are both given and do not add up to "total"; give one of them';
  return { bad: name === 'bad' ? part : whole - part, total: whole };
}

function addsUp(good: bigint, bad: unknown, total: bigint): boolean {
  return bad === undefined || (countFault('bad', bad) === undefined && typeof bad === 'number' && good + scaledEvents(bad) === total);
}

const comparisons = {
  lt: (value: number, limit: number) => value < limit,
  lte: (value: number, limit: number) => value <= limit,
  gt: (value: number, limit: number) => value > limit,
  gte: (value: number, limit: number) => value >= limit,
} as const;

function measuredEvents(value: number, judgement: Exclude<Judgement, { kind: 'events' }>): Events | string {
  if (judgement.kind === 'threshold') return { bad: comparisons[judgement.op](value, judgement.value) ? 0n : eventScale, total: eventScale };
  if (value < 0 || value > 1) return `"value" is ${value}, and a share is from 0 to 1`;
  const share = scaledEvents(value);
  return { bad: judgement.of === 'failure' ? share : eventScale - share, total: eventScale };
}

function judgedEvents(point: Readonly<Record<string, unknown>>, judgement: Judgement): Events | string {
  const { value } = point;
  // A share may come with its counts, which say more than the share does.
  if (judgement.kind === 'events' || (judgement.kind === 'share' && value === undefined)) {
    return value !== undefined && point['total'] === undefined ? 'it has a "value", but the indicator counts good (or bad) events of a total' : eventsOf(point);
  }
  if (value === undefined) return '"value" is missing: the indicator compares a measured value';
  if (value === null) return '"value" is null, which is how JSON writes NaN: it is no number';
  if (typeof value !== 'number' || !Number.isFinite(value)) return `"value" is ${JSON.stringify(value)}, which is no number`;
  return measuredEvents(value, judgement);
}

function memberOf(point: Readonly<Record<string, unknown>>, { members }: BudgetSpecification): number | string {
  const name = point['objective'];
  if (members.length === 1) return 0;
  const known = members.map(({ names }) => names[0] ?? '').join(', ');
  if (name === undefined) return `"objective" is missing: it says which part of the composite it is about (${known})`;
  const index = members.findIndex(({ names }) => (typeof name === 'number' ? names.includes(String(name)) : names.some((own) => own === name)));
  return index < 0 ? `there is no objective ${JSON.stringify(name)}; there are: ${known}` : index;
}

/** One point as a sample, or what is wrong with it. */
export function sampleOf(point: unknown, specification: BudgetSpecification): Sample | string {
  if (!isMapping(point)) return 'it is not a JSON object such as {"t": "2026-11-21T09:00:00Z", "good": 99, "total": 100}';
  const atMillis = parseInstant(point['t']);
  if (atMillis === undefined)
    return point['t'] === undefined ? '"t" is missing' : `"t" is ${JSON.stringify(point['t'])}, which is no moment such as 2026-11-21T09:00:00Z`;
  const observedAtMillis = point['observedAt'] === undefined ? atMillis : parseInstant(point['observedAt']);
  if (observedAtMillis === undefined) return '"observedAt" is no moment such as 2026-11-21T09:00:00Z';
  if (observedAtMillis < atMillis) return 'it was observed before its own moment';
  const member = memberOf(point, specification);
  if (typeof member === 'string') return member;
  const events = judgedEvents(point, specification.members[member]?.judgement ?? specification.members[0].judgement);
  return typeof events === 'string' ? events : { member, atMillis, observedAtMillis, ...events };
}

function parseLine(line: string): { readonly point: unknown } | string {
  try {
    const point: unknown = JSON.parse(line);
    return { point };
  } catch {
    return /\b(?:NaN|-?Infinity)\b/.test(line)
      ? 'NaN and Infinity are no numbers; leave the point out when nothing was measured'
      : 'it is not JSON; write one object a line';
  }
}

interface ReadPoint extends Sample {
  readonly isDated: boolean;
}

function readPoint(line: string, specification: BudgetSpecification): ReadPoint | string {
  const parsed = parseLine(line);
  if (typeof parsed === 'string') return parsed;
  const sample = sampleOf(parsed.point, specification);
  return typeof sample === 'string' ? sample : { ...sample, isDated: isMapping(parsed.point) && parsed.point['observedAt'] !== undefined };
}

/** What a file of points says about time: forwards only, unless a point says when it was observed. */
function orderFault(point: ReadPoint, previous: ReadPoint | undefined): string | undefined {
  if (previous === undefined || point.isDated) return undefined;
  const at = new Date(point.atMillis).toISOString();
  if (point.atMillis < previous.atMillis)
    return `time goes backwards: ${at} after ${new Date(previous.atMillis).toISOString()}; sort the points, or give "observedAt" for readings that came late`;
  const differs = point.bad !== previous.bad || point.total !== previous.total;
  if (point.atMillis === previous.atMillis && differs) return `there are two different points of ${at}; give "observedAt" to say which is newer`;
  return undefined;
}

/** All samples of a file of points, or the first thing that is wrong, with its line. Empty lines are passed over. */
export function readPoints(lines: Iterable<string>, specification: BudgetSpecification): readonly Sample[] | Refused {
  const samples: Sample[] = [];
  const latest = new Map<number, ReadPoint>();
  let number = 0;
  for (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    if (samples.length >= MAX_POINTS) return { kind: 'refused', reason: `There are more than ${MAX_POINTS} points. Give those of one window.` };
    const point = readPoint(line, specification);
    const fault = typeof point === 'string' ? point : orderFault(point, latest.get(point.member));
    if (typeof point === 'string' || fault !== undefined) return { kind: 'refused', reason: `Line ${number}: ${fault ?? ''}.` };
    samples.push(point);
    if (point.atMillis >= (latest.get(point.member)?.atMillis ?? 0)) latest.set(point.member, point);
  }
  return samples;
}
