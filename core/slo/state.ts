import * as z from 'zod/mini';
import { addSeconds, secondsBetween, type Timestamp } from '../environment/time.ts';
import type { RecordType } from '../records/record-type.ts';
import type { SliceCounts } from './budget.ts';
import { mergeObservations, type Observation, refusalOf, sliceOf, sliceSeconds, type SliceTarget } from './slices.ts';
import { dayInSeconds } from './target.ts';

/*
 * What is known of one objective. The last one to two hours are kept as readings, because late data may still change them; older
 * hours are sealed: each minute becomes one mark of its UTC day. So a minute costs one small write (the readings), an hour one more
 * (its day), and every bad minute of the window stays known exactly: for the rolling edge and for whom it is charged to.
 */

/** A sealed minute. `-`: no data, or nothing was asked. */
type Mark = 'g' | 'b' | '-';

const minutesPerDay = 1440;
const emptyDay = '-'.repeat(minutesPerDay);

/** How long after its end an hour may still be corrected by late readings; four times what each read covers. */
const sealAfterSeconds = 3600;

export interface ObjectiveState {
  /** Start of an hour: minutes before it are sealed. */
  readonly sealedUntil: Timestamp;
  /** Readings of minutes from `sealedUntil` on, oldest first. */
  readonly recent: readonly Observation[];
  /** By UTC day (`2026-11-21`): 1,440 marks, one a minute. */
  readonly days: ReadonlyMap<string, string>;
}

export interface ObjectiveSettings {
  readonly sliceTarget: SliceTarget;
  readonly windowSeconds: number;
}

function startOfHour(at: Timestamp): Timestamp {
  return `${at.slice(0, 13)}:00:00.000Z`;
}

/** The UTC day of a moment: `2026-11-21`. */
export function dayOf(at: Timestamp): string {
  return at.slice(0, 10);
}

function startOfDay(day: string): Timestamp {
  return `${day}T00:00:00.000Z`;
}

function minuteOfDay(minute: Timestamp): number {
  return Number(minute.slice(11, 13)) * 60 + Number(minute.slice(14, 16));
}

/** An objective of which nothing is known yet. It takes readings from the whole window, so that history can be filled in, oldest first. */
export function newObjectiveState(now: Timestamp, windowSeconds: number): ObjectiveState {
  return { sealedUntil: startOfHour(addSeconds(now, -windowSeconds)), recent: [], days: new Map() };
}

/** A reading that was not taken, with the reason. */
export interface RefusedObservation {
  readonly observation: Observation;
  readonly reason: string;
}

export interface AppliedObservations {
  readonly state: ObjectiveState;
  /** Whether anything is worth writing: a slice that is new or different, or an hour that was sealed. */
  readonly changed: boolean;
  readonly changedSlices: readonly Observation[];
  /** Days whose record must be written, before the head: a crash in between then only repeats work. */
  readonly changedDays: readonly string[];
  readonly refused: readonly RefusedObservation[];
}

function refusalReason(observation: Observation, state: ObjectiveState, now: Timestamp, { windowSeconds }: ObjectiveSettings): string | undefined {
  const { minute, observedAt } = observation;
  const refusal = refusalOf(observation);
  if (refusal !== undefined) return refusal.reason;
  if (observedAt > now) return `The reading of ${minute} is refused: it says it was read at ${observedAt}, which is still to come (it is ${now}).`;
  if (minute <= addSeconds(now, -windowSeconds)) return `The reading of ${minute} is refused: it is older than the window.`;
  if (minute < state.sealedUntil) return `The reading of ${minute} is refused: its hour was sealed and only a correction can change it.`;
  return undefined;
}

function markOf(observation: Observation, target: SliceTarget): Mark {
  const { kind } = sliceOf(observation, target);
  if (kind === 'bad') return 'b';
  return kind === 'good' ? 'g' : '-';
}

/** `days` with the marks of the readings; a minute has one mark, so sealing it again changes nothing. */
function sealInto(days: ReadonlyMap<string, string>, readings: readonly Observation[], target: SliceTarget): ReadonlyMap<string, string> {
  const sealed = new Map(days);
  for (const [day, observations] of Map.groupBy(readings, ({ minute }) => dayOf(minute))) {
    const marks = (sealed.get(day) ?? emptyDay).split('');
    for (const observation of observations) marks[minuteOfDay(observation.minute)] = markOf(observation, target);
    sealed.set(day, marks.join(''));
  }
  return sealed;
}

function later(a: Timestamp, b: Timestamp): Timestamp {
  return a > b ? a : b;
}

/**
 * Adds readings to what is known. Idempotent: any order and any repetition of readings that come before their hour is sealed (an
 * hour after its end) gives the same state. Never moves backwards when the clock does.
 *
 * @param state with all days of the window
 */
export function applyObservations(
  state: ObjectiveState,
  observations: readonly Observation[],
  now: Timestamp,
  settings: ObjectiveSettings,
): AppliedObservations {
  const judged = observations.map((observation) => ({ observation, reason: refusalReason(observation, state, now, settings) }));
  const taken = judged.filter(({ reason }) => reason === undefined).map(({ observation }) => observation);
  const refused = judged.flatMap(({ observation, reason }) => (reason === undefined ? [] : [{ observation, reason }]));
  const merged = mergeObservations(state.recent, taken);
  const sealedUntil = later(state.sealedUntil, startOfHour(addSeconds(now, -sealAfterSeconds)));
  const sealing = merged.observations.filter(({ minute }) => minute < sealedUntil);
  const oldestDay = dayOf(addSeconds(now, -settings.windowSeconds));
  const days = sealInto(state.days, sealing, settings.sliceTarget);
  return {
    state: {
      sealedUntil,
      recent: merged.observations.filter(({ minute }) => minute >= sealedUntil),
      days: new Map([...days].filter(([day]) => day >= oldestDay).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    },
    changed: merged.changed.length > 0 || sealing.length > 0,
    changedSlices: merged.changed,
    changedDays: [...new Set(sealing.map(({ minute }) => dayOf(minute)))].filter((day) => day >= oldestDay).toSorted(),
    refused,
  };
}

/** The marks of one day with a minute in (after, until]. */
function marksBetween(day: string, marks: string, after: Timestamp, until: Timestamp): string {
  const first = Math.floor(secondsBetween(startOfDay(day), after) / sliceSeconds) + 1;
  const last = Math.floor(secondsBetween(startOfDay(day), until) / sliceSeconds);
  return marks.slice(Math.max(0, first), Math.max(0, last + 1));
}

function countMark(marks: string, mark: Mark): number {
  return marks.split(mark).length - 1;
}

function countsOfMarks(marks: string): SliceCounts {
  const badSlices = countMark(marks, 'b');
  return { badSlices, observedSlices: badSlices + countMark(marks, 'g') };
}

function sumCounts(counts: readonly SliceCounts[]): SliceCounts {
  return {
    badSlices: counts.reduce((sum, { badSlices }) => sum + badSlices, 0),
    observedSlices: counts.reduce((sum, { observedSlices }) => sum + observedSlices, 0),
  };
}

/** Bad and observed slices of the window (at − windowSeconds, at]: a slice belongs to it by the start of its minute. */
export function countSlices(state: ObjectiveState, at: Timestamp, windowSeconds: number, sliceTarget: SliceTarget): SliceCounts {
  const after = addSeconds(at, -windowSeconds);
  const recent = state.recent.filter(({ minute }) => minute > after && minute <= at).map((observation) => markOf(observation, sliceTarget));
  const sealed = [...state.days].map(([day, marks]) => countsOfMarks(marksBetween(day, marks, after, at)));
  return sumCounts([...sealed, countsOfMarks(recent.join(''))]);
}

/** Starts of the bad slices in (after, until], oldest first: what is charged to incidents, deploys and repairs. */
export function badMinutes(state: ObjectiveState, after: Timestamp, until: Timestamp, sliceTarget: SliceTarget): readonly Timestamp[] {
  const sealed = [...state.days].flatMap(([day, marks]) =>
    marks.split('').flatMap((mark, minute) => (mark === 'b' ? [addSeconds(startOfDay(day), minute * sliceSeconds)] : [])),
  );
  const recent = state.recent.filter((observation) => markOf(observation, sliceTarget) === 'b').map(({ minute }) => minute);
  return [...sealed, ...recent].filter((minute) => minute > after && minute <= until).toSorted();
}

/** One hour of a sealed day. */
export interface HourlyRollUp extends SliceCounts {
  /** 0 to 23, UTC. */
  readonly hour: number;
}

/** The 24 hours of a sealed day, for charts. */
export function hourlyRollUps(marks: string): readonly HourlyRollUp[] {
  return Array.from({ length: 24 }, (_, hour) => ({ hour, ...countsOfMarks(marks.slice(hour * 60, hour * 60 + 60)) }));
}

/*
 * How it is stored: the head (written each minute with something new; about 20 bytes a reading, at most 120 readings) and one record
 * a day (written once an hour; about 100 bytes, 3 KB when every minute differs from the one before).
 */

const countPattern = String.raw`\d+(?:\.\d+)?(?:e[+-]?\d+)?`;
/** `7:1188/1200@65000`: minutes after `sealedUntil`, good/total, milliseconds from the start of the minute to the reading. */
const reading = new RegExp(String.raw`^(\d+):(${countPattern})/(${countPattern})@(\d+)$`);

const momentSchema = z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/));

const figuresSchema = z.object({
  at: z.string(),
  windowSeconds: z.number(),
  targetRatio: z.number(),
  budgetSeconds: z.number(),
  consumedSeconds: z.number(),
  remainingRatio: z.number(),
  sli: z.number(),
});

export const objectiveHeadSchema = z.object({
  objective: z.string(),
  system: z.string(),
  /** The first minute that was evaluated. */
  since: z.string(),
  sealedUntil: momentSchema,
  recent: z.array(z.string().check(z.regex(reading))),
  /** The figures of the last evaluation that changed something, for people and the dashboard. */
  budget: figuresSchema,
});
export type ObjectiveHead = z.infer<typeof objectiveHeadSchema>;
export const objectiveHeadType: RecordType<ObjectiveHead> = { name: 'objective', schema: objectiveHeadSchema };

/** The longest window, its rolling edge, and a day of slack: whoever lengthens a window finds its history still there. */
const dayKeptDays = 93;

export const objectiveDaySchema = z.object({
  objective: z.string(),
  day: z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}$/)),
  /** Run lengths that add up to 1,440 minutes: `600g3b837g`. */
  marks: z.string().check(
    z.regex(/^(?:\d{1,4}[gb-])+$/),
    z.refine((runs) => decodeMarks(runs).length === minutesPerDay, 'must hold the marks of 1,440 minutes'),
  ),
});
export type ObjectiveDay = z.infer<typeof objectiveDaySchema>;
export const objectiveDayType: RecordType<ObjectiveDay> = {
  name: 'objective day',
  schema: objectiveDaySchema,
  expiresAt: ({ day }) => addSeconds(startOfDay(day), dayKeptDays * dayInSeconds),
};

/** Marks as run lengths. */
export function encodeMarks(marks: string): string {
  return marks.replaceAll(/(?<mark>.)\k<mark>*/g, (run) => `${run.length}${run.charAt(0)}`);
}

/** Run lengths as marks. */
export function decodeMarks(runs: string): string {
  return runs.replaceAll(/(\d+)([gb-])/g, (_, length: string, mark: string) => mark.repeat(Number(length)));
}

/** Readings as short texts, relative to `sealedUntil`. */
export function encodeReadings({ recent, sealedUntil }: ObjectiveState): string[] {
  return recent.map(
    ({ minute, good, total, observedAt }) =>
      `${secondsBetween(sealedUntil, minute) / sliceSeconds}:${good}/${total}@${Math.round(secondsBetween(minute, observedAt) * 1000)}`,
  );
}

function decodeReading(text: string, sealedUntil: Timestamp): readonly Observation[] {
  const [, offset, good, total, lagMillis] = reading.exec(text) ?? [];
  if (lagMillis === undefined) return [];
  const minute = addSeconds(sealedUntil, Number(offset) * sliceSeconds);
  return [{ minute, good: Number(good), total: Number(total), observedAt: addSeconds(minute, Number(lagMillis) / 1000) }];
}

/** The state of an objective from its records, which their schemas have checked. */
export function decodeState(head: Pick<ObjectiveHead, 'sealedUntil' | 'recent'>, days: readonly Pick<ObjectiveDay, 'day' | 'marks'>[]): ObjectiveState {
  return {
    sealedUntil: head.sealedUntil,
    recent: head.recent.flatMap((text) => decodeReading(text, head.sealedUntil)),
    days: new Map(days.map(({ day, marks }) => [day, decodeMarks(marks)] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}
