import * as z from 'zod/mini';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import type { RecordType } from '../../records/record-type.ts';
import type { SliceCounts } from '../objective/budget.ts';
import { type Sample, scaledEvents } from '../evaluation/ledger.ts';
import { daySumsPattern, decimalOf, hourCountsPattern, partsOf } from './roll-ups.ts';
import { type Observation, sliceOf, sliceSeconds, type SliceTarget } from '../objective/slices.ts';
import { dayInSeconds } from '../objective/target.ts';

/*
 * What is stored of one objective. The last quarter to five quarters of an hour are kept as readings in its head, because late data may
 * still change them. Older hours are sealed: their readings go into a record of the hour, and their sums and marks into the record of
 * the UTC day, which every window is read from. So a minute costs one small write, and an hour two more (docs/adr/0019-ledger.md).
 */

/** A sealed minute. `-`: no data, or nothing was asked. */
type Mark = 'g' | 'b' | '-';

const minutesPerDay = 1440;
export const emptyDay = '-'.repeat(minutesPerDay);

export interface ObjectiveState {
  /** Start of an hour: minutes before it are sealed. */
  readonly sealedUntil: Timestamp;
  /** Readings of minutes from `sealedUntil` on, oldest first. */
  readonly recent: readonly Observation[];
  /** By UTC day (`2026-11-21`): 1,440 marks, one a minute. */
  readonly days: ReadonlyMap<string, string>;
  /** Marks of the minutes from `sealedUntil` on, as the evaluation judged them; a head of an earlier version has none. */
  readonly recentMarks?: string;
}

function startOfDay(day: string): Timestamp {
  return `${day}T00:00:00.000Z`;
}

function markOf(observation: Observation, target: SliceTarget): Mark {
  const { kind } = sliceOf(observation, target);
  if (kind === 'bad') return 'b';
  return kind === 'good' ? 'g' : '-';
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

/** The minutes that are not sealed: as they were judged, or by their own readings where that is not stored. */
function recentSlices({ recent, recentMarks, sealedUntil }: ObjectiveState, sliceTarget: SliceTarget): readonly { minute: Timestamp; mark: string }[] {
  if (recentMarks === undefined) return recent.map((observation) => ({ minute: observation.minute, mark: markOf(observation, sliceTarget) }));
  return recentMarks.split('').map((mark, index) => ({ minute: addSeconds(sealedUntil, index * sliceSeconds), mark }));
}

/** Bad and observed slices of the window (at − windowSeconds, at]: a slice belongs to it by the start of its minute. */
export function countSlices(state: ObjectiveState, at: Timestamp, windowSeconds: number, sliceTarget: SliceTarget): SliceCounts {
  const after = addSeconds(at, -windowSeconds);
  const recent = recentSlices(state, sliceTarget).flatMap(({ minute, mark }) => (minute > after && minute <= at ? [mark] : []));
  const sealed = [...state.days].map(([day, marks]) => countsOfMarks(marksBetween(day, marks, after, at)));
  return sumCounts([...sealed, countsOfMarks(recent.join(''))]);
}

/** Starts of the bad slices in (after, until], oldest first: what is charged to incidents, deploys and repairs. */
export function badMinutes(state: ObjectiveState, after: Timestamp, until: Timestamp, sliceTarget: SliceTarget): readonly Timestamp[] {
  const sealed = [...state.days].flatMap(([day, marks]) =>
    marks.split('').flatMap((mark, minute) => (mark === 'b' ? [addSeconds(startOfDay(day), minute * sliceSeconds)] : [])),
  );
  const recent = recentSlices(state, sliceTarget).flatMap(({ minute, mark }) => (mark === 'b' ? [minute] : []));
  return [...sealed, ...recent].filter((minute) => minute > after && minute <= until).toSorted();
}

const countPattern = String.raw`\d+(?:\.\d+)?(?:e[+-]?\d+)?`;
/** `7:1188/1200@65000#1`: minutes after `sealedUntil`, good/total, milliseconds from the start of the minute to the reading, part of a composite. */
const reading = new RegExp(String.raw`^(\d+):(${countPattern})/(${countPattern})@(\d+)(?:#(\d{1,2}))?$`);

const runsPattern = /^(?:\d{1,4}[gb-])*$/;

const momentSchema = z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/));

const figuresSchema = z.object({
  at: z.string(),
  windowSeconds: z.number(),
  targetRatio: z.number(),
  budgetSeconds: z.number(),
  consumedSeconds: z.number(),
  remainingRatio: z.number(),
  sli: z.number(),
  /** When nothing of what was counted is in the window any more. */
  validUntil: z.optional(z.string()),
});

/** How an alert stands. `told`: its event is on the queue; until then every run sends the same one again. */
const alertSchema = z.object({ level: z.string(), since: z.string(), told: z.boolean() });
export type StoredAlert = z.infer<typeof alertSchema>;

export const objectiveHeadSchema = z.object({
  objective: z.string(),
  system: z.string(),
  /** The first minute that was evaluated. */
  since: z.string(),
  /** The same for each part of a composite; nothing was heard yet of one that has none. */
  firsts: z.optional(z.array(z.nullable(z.string()))),
  sealedUntil: momentSchema,
  recent: z.array(z.string().check(z.regex(reading))),
  /** The figures of the last evaluation that changed something, for people and the dashboard. */
  budget: figuresSchema,
  /** Run lengths of the marks of the minutes from `sealedUntil` on. */
  recentMarks: z.optional(z.string().check(z.regex(runsPattern))),
  /** One more with every change of a sealed day or hour: whoever keeps those in memory compares it. */
  revision: z.optional(z.number()),
  /** How the sealed days were judged: another target or other semantics judge them again. */
  rules: z.optional(z.string()),
  /** How many entries of people there are about it, and the ids of those that the sealed days do not show yet. */
  entries: z.optional(z.number()),
  pending: z.optional(z.array(z.string())),
  alerts: z.optional(
    z.object({
      burn: z.optional(alertSchema),
      low: z.optional(alertSchema),
      spent: z.optional(alertSchema),
      /** Those that the document declares, by the name of the policy. */
      declared: z.optional(z.record(z.string(), alertSchema)),
    }),
  ),
  /** It is in no catalog any more. */
  retired: z.optional(z.boolean()),
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
  /** Sums of its hours, one text for each series of the budget; a day of an earlier version has only marks. */
  sums: z.optional(z.array(z.string().check(z.regex(daySumsPattern)))),
  /** The marks of an earlier version, which are all that is known of its readings. */
  firstMarks: z.optional(z.string().check(z.regex(runsPattern))),
});
export type ObjectiveDay = z.infer<typeof objectiveDaySchema>;
export const objectiveDayType: RecordType<ObjectiveDay> = {
  name: 'objective day',
  schema: objectiveDaySchema,
  expiresAt: ({ day }) => addSeconds(startOfDay(day), dayKeptDays * dayInSeconds),
};

/** The readings of one hour that is sealed: what corrections and the edges of windows are computed from. */
export const objectiveHourSchema = z.object({
  objective: z.string(),
  hour: momentSchema,
  /** By part of a composite; one text otherwise. */
  counts: z.array(z.string().check(z.regex(hourCountsPattern))),
});
export type ObjectiveHour = z.infer<typeof objectiveHourSchema>;
export const objectiveHourType: RecordType<ObjectiveHour> = {
  name: 'objective hour',
  schema: objectiveHourSchema,
  expiresAt: ({ hour }) => addSeconds(hour, dayKeptDays * dayInSeconds),
};

/** Marks as run lengths. */
export function encodeMarks(marks: string): string {
  return marks.replaceAll(/(?<mark>.)\k<mark>*/g, (run) => `${run.length}${run.charAt(0)}`);
}

/** Run lengths as marks. */
export function decodeMarks(runs: string): string {
  return runs.replaceAll(/(\d+)([gb-])/g, (_, length: string, mark: string) => mark.repeat(Number(length)));
}

/** A reading as a short text, relative to `sealedUntil`. */
export function encodeReading({ member, atMillis, observedAtMillis, bad, total }: Sample, sealedUntilMillis: number): string {
  const offset = (atMillis - sealedUntilMillis) / (sliceSeconds * 1000);
  const part = member === 0 ? '' : `#${member}`;
  return `${offset}:${decimalOf(total - bad)}/${decimalOf(total)}@${observedAtMillis - atMillis}${part}`;
}

/** The readings of a head, which its schema has checked. */
export function decodeReadings({ recent, sealedUntil }: Pick<ObjectiveHead, 'recent' | 'sealedUntil'>): readonly Sample[] {
  const start = Date.parse(sealedUntil);
  return recent.flatMap((text) => {
    const [, offset, good = '0', total = '0', lagMillis, member = '0'] = reading.exec(text) ?? [];
    if (lagMillis === undefined) return [];
    const atMillis = start + Number(offset) * sliceSeconds * 1000;
    const whole = partsOfCount(total);
    return [{ member: Number(member), atMillis, observedAtMillis: atMillis + Number(lagMillis), bad: whole - partsOfCount(good), total: whole }];
  });
}

const readings = new WeakMap<object, readonly Sample[]>();

/** {@link decodeReadings}, once for a head. */
export function readingsOf(head: Pick<ObjectiveHead, 'recent' | 'sealedUntil'>): readonly Sample[] {
  const known = readings.get(head);
  if (known !== undefined) return known;
  const decoded = decodeReadings(head);
  readings.set(head, decoded);
  return decoded;
}

/** An earlier version wrote large counts with an exponent. */
function partsOfCount(text: string): bigint {
  return text.includes('e') ? scaledEvents(Number(text)) : partsOf(text);
}

function decodeReading(text: string, sealedUntil: Timestamp): readonly Observation[] {
  const [, offset, good, total, lagMillis] = reading.exec(text) ?? [];
  if (lagMillis === undefined) return [];
  const minute = addSeconds(sealedUntil, Number(offset) * sliceSeconds);
  return [{ minute, good: Number(good), total: Number(total), observedAt: addSeconds(minute, Number(lagMillis) / 1000) }];
}

/** The state of an objective from its records, which their schemas have checked. */
export function decodeState(
  head: Pick<ObjectiveHead, 'sealedUntil' | 'recent' | 'recentMarks'>,
  days: readonly Pick<ObjectiveDay, 'day' | 'marks'>[],
): ObjectiveState {
  return {
    sealedUntil: head.sealedUntil,
    recent: head.recent.flatMap((text) => decodeReading(text, head.sealedUntil)),
    ...(head.recentMarks === undefined ? {} : { recentMarks: decodeMarks(head.recentMarks) }),
    days: new Map(days.map(({ day, marks }) => [day, decodeMarks(marks)] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}
