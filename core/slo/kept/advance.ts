import { type Evaluation, evaluateSeries } from '../evaluation/evaluate-points.ts';
import { mergeSamples, type Sample } from '../evaluation/ledger.ts';
import type { Timestamp } from '../../environment/time.ts';
import { dayMillis, encodeHour, hourMillis, hoursBetween, startOfHour } from './roll-ups.ts';
import { dayOfMillis, judgedSeries, type Judging, marksOf, momentOf, rollInto, rulesOf, type SealedDay, type SealedHistory } from './sealed.ts';
import type { BudgetSpecification } from '../objective/specification.ts';
import { sliceSeconds } from '../objective/slices.ts';
import { encodeMarks, encodeReading, type ObjectiveHead, type ObjectiveHour, readingsOf } from './state.ts';
import { storedSeries, type StoredMaterial } from './stored-series.ts';
import type { Series } from '../evaluation/series.ts';
import { present } from '../../environment/present.ts';
import { budgetSeconds } from '../objective/target.ts';

/*
 * One step of an objective: readings in, what is to be written and the figures out. Pure, and the same for any order and repetition of
 * readings that come before their hour is sealed.
 */

/** How long after its end an hour may still be corrected by readings: what each read covers. */
const sealAfterMillis = 900_000;
/** How far back a new objective takes readings, and how far an evaluation that was interrupted reads back. */
export const catchUpSeconds = 10_800;

const minuteMillis = sliceSeconds * 1000;

/** Hours are sealed until here; never moves backwards when the clock does. */
export function sealedUntilOf(head: Pick<ObjectiveHead, 'sealedUntil'> | undefined, nowMillis: number): number {
  const due = startOfHour(nowMillis - sealAfterMillis);
  return head === undefined ? startOfHour(nowMillis - catchUpSeconds * 1000) : Math.max(Date.parse(head.sealedUntil), due);
}

/** Hours are summed up until here: a slice longer than an hour only as a whole. */
export function rolledUntilOf(sealedUntilMillis: number, { sliceSeconds: seconds }: Pick<BudgetSpecification, 'sliceSeconds'>): number {
  const step = Math.max(hourMillis, seconds * 1000);
  return Math.floor(sealedUntilMillis / step) * step;
}

export interface StepInput {
  readonly specification: BudgetSpecification;
  readonly head: ObjectiveHead | undefined;
  readonly history: SealedHistory;
  /** Fresh readings, any order. */
  readonly incoming: readonly Sample[];
  /** Readings of a sealed hour; those that the step asks for must have been loaded. */
  readonly hourReadings: (hourMillis: number) => readonly Sample[];
  readonly now: Timestamp;
}

export interface Step {
  /** As it would be written, but for its alerts. */
  readonly head: ObjectiveHead;
  /** Whether anything is worth a write: a slice that is new or different, an hour that was sealed, figures that moved by themselves. */
  readonly isChanged: boolean;
  readonly days: readonly SealedDay[];
  readonly hours: readonly ObjectiveHour[];
  readonly evaluation: Evaluation;
}

function mergeMembers(samples: readonly Sample[], members: number): readonly Sample[] {
  if (members === 1) return mergeSamples(samples);
  return [...Map.groupBy(samples, ({ member }) => member).values()].flatMap((own) => mergeSamples(own)).toSorted((a, b) => a.atMillis - b.atMillis);
}

/** One number for a moment and a part; there are at most ten parts. */
function placeOf({ atMillis, member }: Sample): number {
  return atMillis * 16 + member;
}

function changedOf(before: readonly Sample[], after: readonly Sample[]): readonly number[] {
  const known = new Map(before.map((sample) => [placeOf(sample), sample]));
  return after.flatMap((sample) => {
    const one = known.get(placeOf(sample));
    return one?.bad === sample.bad && one.total === sample.total ? [] : [sample.atMillis];
  });
}

function hourRecords(specification: BudgetSpecification, sealing: readonly Sample[]): readonly ObjectiveHour[] {
  return [...Map.groupBy(sealing, ({ atMillis }) => startOfHour(atMillis))].map(([start, samples]) => {
    const hour = momentOf(start);
    return {
      objective: specification.name,
      hour,
      counts: specification.members.map((_, member) =>
        encodeHour(
          hour,
          samples.filter((sample) => sample.member === member),
        ),
      ),
    };
  });
}

interface Rolling extends Judging {
  readonly history: SealedHistory;
  readonly readings: readonly Sample[];
  readonly fromMillis: number;
  readonly untilMillis: number;
}

/** The days that hours are sealed of. A day without a reading is only kept when a gap in it is held against the objective, or somebody entered something. */
function rolledDays({ history, readings, fromMillis, untilMillis, ...judging }: Rolling): readonly SealedDay[] {
  if (untilMillis <= fromMillis) return [];
  const sealing = readings.filter(({ atMillis }) => atMillis < untilMillis);
  const isAll = judging.specification.semantics.noData === 'bad' || !judging.amendments.isEmpty;
  if (!isAll && sealing.length === 0) return [];
  const series = judgedSeries(judging, sealing, { fromMillis, atMillis: untilMillis, lastMillis: untilMillis - 1 });
  const first = Math.floor(fromMillis / dayMillis);
  const days = Array.from({ length: Math.ceil(untilMillis / dayMillis) - first }, (_, number) => dayOfMillis((first + number) * dayMillis));
  const read = new Set(sealing.map(({ atMillis }) => dayOfMillis(atMillis)));
  return days
    .filter((day) => isAll || read.has(day))
    .map((day) => rollInto(judging, history.days.get(day), day, { series, samples: sealing, fromMillis, untilMillis }));
}

/** Budget and consumption as time: slices are; events stand for their share of the window. */
function figuresOf(specification: BudgetSpecification, evaluation: Evaluation, now: Timestamp): ObjectiveHead['budget'] {
  const { window, target, method, sliceSeconds: seconds } = specification;
  const { budgetTotal, budgetConsumed, budgetRemainingRatio, sli } = evaluation;
  const whole = method === 'Occurrences' ? budgetSeconds(target, window.nominalSeconds) : Number((budgetTotal * seconds).toPrecision(15));
  const consumed = method === 'Occurrences' ? Number(((1 - budgetRemainingRatio) * whole).toPrecision(12)) : budgetConsumed * seconds;
  const validUntil = window.kind === 'calendar' ? evaluation.window.to : momentOf(Date.parse(now) + window.nominalSeconds * 1000);
  return {
    at: now,
    windowSeconds: window.nominalSeconds,
    targetRatio: target.ratio,
    budgetSeconds: whole,
    consumedSeconds: Math.abs(consumed) < 1e-9 ? 0 : consumed,
    remainingRatio: Math.abs(budgetRemainingRatio) < 1e-12 ? 0 : budgetRemainingRatio,
    sli,
    validUntil,
  };
}

/** Old trouble leaves the window without a reading: worth a write when it shows, and always when the gate would answer otherwise. */
const SHOWN_RATIO = 0.001;

function hasMoved(before: ObjectiveHead['budget'], after: ObjectiveHead['budget']): boolean {
  return before.remainingRatio > 0 !== after.remainingRatio > 0 || Math.abs(before.remainingRatio - after.remainingRatio) >= SHOWN_RATIO;
}

/** What is known of an objective once the fresh readings are in. */
interface Taken extends Judging {
  readonly known: readonly Sample[];
  readonly merged: readonly Sample[];
  readonly firstMillis: number;
  readonly sealedBefore: number;
  readonly sealedUntil: number;
  readonly nowMillis: number;
}

function takeIn({ specification, head, history, incoming, now }: StepInput): Taken {
  const nowMillis = Date.parse(now);
  const sealedBefore = head === undefined ? sealedUntilOf(undefined, nowMillis) : Date.parse(head.sealedUntil);
  const known = head === undefined ? [] : readingsOf(head);
  const taken = incoming.filter(({ atMillis, member }) => atMillis >= sealedBefore && atMillis <= nowMillis && member < specification.members.length);
  const merged = mergeMembers([...known, ...taken], specification.members.length);
  const sinceMillis = sinceOf(specification, head, merged);
  const sealedUntil = Math.max(sealedBefore, startOfHour(nowMillis - sealAfterMillis));
  const { amendments } = history;
  return { specification, amendments, known, merged, sinceMillis, firstMillis: Math.min(...sinceMillis), sealedBefore, sealedUntil, nowMillis };
}

/** What is to be read from roll-ups, and what of it this step has rolled up. */
function materialOf(
  { specification, history, hourReadings }: StepInput,
  taken: Taken,
): { readonly material: StoredMaterial; readonly days: readonly SealedDay[] } {
  const { merged, sealedBefore, amendments, sinceMillis } = taken;
  const rolledBefore = rolledUntilOf(sealedBefore, specification);
  const rolledUntil = rolledUntilOf(taken.sealedUntil, specification);
  const readings = [...hoursBetween(rolledBefore, sealedBefore).flatMap(hourReadings), ...merged];
  const judging: Judging = { specification, amendments, sinceMillis };
  const fromMillis = Math.max(rolledBefore, rolledUntilOf(taken.firstMillis, specification), startOfHistory(taken.nowMillis));
  const days = rolledDays({ ...judging, history, readings, fromMillis, untilMillis: rolledUntil });
  const material: StoredMaterial = {
    ...judging,
    days: days.length === 0 ? history.days : new Map([...history.days, ...days.map((day) => [day.day, day] as const)]),
    rolledUntilMillis: rolledUntil,
    readings: readings.filter(({ atMillis }) => atMillis >= rolledUntil),
    hourReadings: (hour: number) => (hour >= sealedBefore ? merged.filter(({ atMillis }) => startOfHour(atMillis) === hour) : hourReadings(hour)),
    edges: history.edges,
  };
  return { material, days };
}

/** The parts of a head that tell when each part of a composite was first heard of. */
function firstsOf({ members }: BudgetSpecification, sinceMillis: readonly number[]): Pick<ObjectiveHead, 'firsts'> {
  return members.length === 1 ? {} : { firsts: sinceMillis.map((first) => (Number.isFinite(first) ? momentOf(first) : null)) };
}

function headOf(
  before: ObjectiveHead | undefined,
  taken: Taken,
  recent: readonly Series[],
  isSealing: boolean,
  budget: ObjectiveHead['budget'],
): ObjectiveHead {
  const { specification, merged, sealedUntil, nowMillis, sinceMillis, firstMillis } = taken;
  const kept = merged.filter(({ atMillis }) => atMillis >= sealedUntil);
  const { entries, revision = 0 } = before ?? {};
  return {
    objective: specification.name,
    system: specification.service,
    since: momentOf(firstMillis),
    ...firstsOf(specification, sinceMillis),
    sealedUntil: momentOf(sealedUntil),
    recent: kept.map((sample) => encodeReading(sample, sealedUntil)),
    recentMarks: encodeMarks(marksOf(recent, kept, taken, sealedUntil, startOfMinuteMillis(nowMillis) + minuteMillis)),
    revision: isSealing ? revision + 1 : revision,
    rules: rulesOf(specification),
    budget,
    ...present({ entries }),
  };
}

/** Takes readings in and evaluates; `undefined` when there is nothing to say yet: no reading ever, or a calendar that has not begun. */
export function advance(input: StepInput): Step | undefined {
  const { specification, head, now } = input;
  const taken = takeIn(input);
  if (!Number.isFinite(taken.firstMillis)) return undefined;
  const { material, days } = materialOf(input, taken);
  const { series, recent } = storedSeries(material, taken.nowMillis);
  const answer = evaluateSeries(specification, series, taken.nowMillis);
  if (answer.kind === 'refused') return undefined;
  const { evaluation } = answer;
  const hours = hourRecords(
    specification,
    taken.merged.filter(({ atMillis }) => atMillis < taken.sealedUntil),
  );
  const isSealing = hours.length > 0 || days.length > 0;
  const budget = figuresOf(specification, evaluation, now);
  const hasNews = isSealing || changedOf(taken.known, taken.merged).length > 0;
  const isChanged = hasNews || head === undefined || head.retired === true || hasMoved(head.budget, budget);
  return { head: headOf(head, taken, recent, isSealing, budget), isChanged, days, hours, evaluation };
}

function startOfMinuteMillis(atMillis: number): number {
  return Math.floor(atMillis / minuteMillis) * minuteMillis;
}

/** Nothing older than this is in any window. */
const HISTORY_DAYS = 93;

function startOfHistory(nowMillis: number): number {
  return Math.floor(nowMillis / dayMillis - HISTORY_DAYS) * dayMillis;
}

/** When each member was first heard of. */
export function sinceOf(
  { members }: BudgetSpecification,
  head: Pick<ObjectiveHead, 'since' | 'firsts'> | undefined,
  samples: readonly Sample[],
): readonly number[] {
  return members.map((_, member) => {
    const own = samples.find((sample) => sample.member === member)?.atMillis ?? Number.POSITIVE_INFINITY;
    const known = head?.firsts === undefined ? head?.since : head.firsts[member];
    return Math.min(own, known === undefined || known === null ? Number.POSITIVE_INFINITY : Date.parse(known));
  });
}
