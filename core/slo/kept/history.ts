import type { CompiledCatalog } from '../../catalog/schema.ts';
import type { Scope } from '../../environment/ports.ts';
import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { keys, partitions } from '../../records/keys.ts';
import { readAll, readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { advance, rolledUntilOf, sealedUntilOf, sinceOf, type Step } from './advance.ts';
import { budgetOf } from '../objective/budget.ts';
import { burnRate } from '../objective/burn-rate.ts';
import type { BudgetPoint } from '../words/chart.ts';
import { evaluateSeries } from '../evaluation/evaluate-points.ts';
import { amendmentsOf } from '../evaluation/ledger.ts';
import { readLedger } from './ledger-book.ts';
import { hourMillis, hoursBetween } from './roll-ups.ts';
import { type SealedHistory, sealedDayOf } from './sealed.ts';
import { loadHours } from './sealed-store.ts';
import { sliceSeconds, type SliceTarget } from '../objective/slices.ts';
import { type BudgetSpecification, specificationsOf } from '../objective/specification.ts';
import {
  badMinutes,
  countSlices,
  decodeReadings,
  decodeState,
  type ObjectiveDay,
  objectiveDayType,
  type ObjectiveHead,
  objectiveHeadType,
  type ObjectiveState,
} from './state.ts';
import { edgeHours, storedSeries } from './stored-series.ts';
import { dayInSeconds, type Target } from '../objective/target.ts';

/*
 * What views, charges and plans read of stored budgets: the only module besides the evaluation that knows how they are stored.
 */

/** An objective of the catalog, as far as its history is read. */
export interface MeasuredObjective {
  /** `shop-web-availability`, or with `-2` for the second of several. */
  readonly name: string;
  readonly system: string;
  readonly target: Target;
  readonly windowSeconds: number;
  /** As it was written: `30d`. */
  readonly windowText: string;
  readonly sliceTarget: SliceTarget;
  readonly specification: BudgetSpecification;
}

/** The objectives of a catalog whose documents can be kept; what cannot is told by the evaluation. */
export function measuredObjectives({ objectives }: Pick<CompiledCatalog, 'objectives'>): readonly MeasuredObjective[] {
  return objectives.flatMap(specificationsOf).flatMap((specification) => {
    if (specification.kind === 'refused') return [];
    const { name, service, target, window, members } = specification;
    const windowSeconds = window.nominalSeconds;
    return [{ name, system: service, target, windowSeconds, windowText: window.text, sliceTarget: members[0].sliceTarget, specification }];
  });
}

/** What is stored of an objective at a glance. */
export interface BudgetHead {
  readonly objective: string;
  readonly system: string;
  /** The first minute that was evaluated. */
  readonly since: Timestamp;
  /** When the figures were written; they are the newest that differed. */
  readonly at: Timestamp;
  readonly windowSeconds: number;
  readonly targetRatio: number;
  readonly budgetSeconds: number;
  readonly remainingRatio: number;
  readonly sli: number;
}

/** One UTC day. */
export interface BudgetDay {
  readonly day: string;
  readonly badSeconds: number;
  /** Seconds with data; the others count as good. */
  readonly observedSeconds: number;
  /** At its end, or now. */
  readonly remainingRatio: number;
}

/** What a window came to. */
export interface BudgetFigures {
  readonly budgetSeconds: number;
  readonly consumedSeconds: number;
  /** 1 = untouched, 0 = spent, negative = overspent. */
  readonly remainingRatio: number;
  readonly sli: number;
}

export interface BudgetHistory {
  readonly head: BudgetHead;
  /** Of the window that holds now. */
  readonly budget: BudgetFigures;
  /** Right before that window began. */
  readonly windowStart: Timestamp;
  /** When a calendar window begins anew; a rolling one never does. */
  readonly resetsAt?: Timestamp;
  /** Starts of the bad minutes in (after, until], oldest first; at most the last 93 days are known. */
  readonly badMinutes: (after: Timestamp, until: Timestamp) => readonly Timestamp[];
  /** What was left at a moment of the window that held it; of time past, to the hour. `undefined` before a calendar began. */
  readonly remainingRatioAt: (at: Timestamp) => number | undefined;
  /** Of the time that ends now; 1 spends the whole budget in one window. `undefined`: not measured over so short a time. */
  readonly burnRate: (lookBackSeconds: number) => number | undefined;
  /** What was left over the window, at equal steps and now; begins where it is exactly known. */
  readonly points: (stepSeconds: number) => readonly BudgetPoint[];
  /** The newest days, oldest first, today included. */
  readonly days: (count: number) => readonly BudgetDay[];
}

/** What differs between a history with sums and one that an earlier version wrote, which has marks only. */
type Measured = Pick<BudgetHistory, 'budget' | 'windowStart' | 'resetsAt' | 'remainingRatioAt' | 'burnRate'>;

interface HistoryPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

/** Days that are kept and one more that has only begun. */
const DAYS_READ = 95;

/** Reads all that is kept of an objective: one head, at most 95 days of 3 KB, and up to 12 hours. `undefined`: it was never measured. */
export async function readBudgetHistory(ports: HistoryPorts, objective: MeasuredObjective, now: Timestamp): Promise<BudgetHistory | undefined> {
  const { store, scope } = ports;
  const stored = await readRecord(store, objectiveHeadType, keys.objectiveState(scope, objective.name));
  if (stored === undefined) return undefined;
  const days = (await readAll(objectiveDayType, (page) => store.query(partitions.objectiveDays(scope, objective.name), '', page))).slice(-DAYS_READ);
  const head = stored.body;
  const bodies = days.map(({ body }) => body);
  const measured = head.rules === undefined ? undefined : await bySums(ports, head, bodies, objective.specification, now);
  const state = decodeState(measured?.step.head ?? head, daysOf(bodies, measured?.step));
  const bad = badMinutes(state, '', now, objective.sliceTarget);
  return historyOf(headOf(head), { state, bad, measured: measured ?? byMarks(bad, objective, now) }, objective, now);
}

/** The stored days with those that are due to be sealed now. */
function daysOf(bodies: readonly ObjectiveDay[], step: Step | undefined): readonly Pick<ObjectiveDay, 'day' | 'marks'>[] {
  const all = new Map<string, Pick<ObjectiveDay, 'day' | 'marks'>>([...bodies, ...(step?.days ?? [])].map((day) => [day.day, day]));
  return [...all.values()];
}

/** All objectives that were ever measured, at a glance. */
export async function listBudgetHeads({ store, scope }: HistoryPorts): Promise<readonly BudgetHead[]> {
  const heads = await readAll(objectiveHeadType, (page) => store.query(partitions.objectives(scope), '', page));
  return heads.map(({ body }) => headOf(body));
}

function headOf({ objective, system, since, budget }: ObjectiveHead): BudgetHead {
  const { at, windowSeconds, targetRatio, budgetSeconds, remainingRatio, sli } = budget;
  return { objective, system, since, at, windowSeconds, targetRatio, budgetSeconds, remainingRatio, sli };
}

/** The number of entries of a sorted list that are not after a moment. */
function countUntil(sorted: readonly Timestamp[], moment: Timestamp): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') <= moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** From the marks alone: whole minutes in a rolling window, which is all that an earlier version measured. */
function byMarks(bad: readonly Timestamp[], objective: MeasuredObjective, now: Timestamp): Measured {
  const { target, windowSeconds } = objective;
  const countBad = (after: Timestamp, until: Timestamp): number => countUntil(bad, until) - countUntil(bad, after);
  const budgetAt = (at: Timestamp) => budgetOf(objective, { badSlices: countBad(addSeconds(at, -windowSeconds), at), observedSlices: 0 });
  const { budgetTotalSeconds: budgetSeconds, consumedSeconds, budgetRemainingRatio: remainingRatio, sli } = budgetAt(now);
  return {
    budget: { budgetSeconds, consumedSeconds, remainingRatio, sli },
    windowStart: addSeconds(now, -windowSeconds),
    remainingRatioAt: (at) => budgetAt(at).budgetRemainingRatio,
    burnRate: (seconds) => burnRate({ bad: countBad(addSeconds(now, -seconds), now), total: seconds / sliceSeconds }, target),
  };
}

/** From the sums, as the evaluation itself: any method, window and ledger. Nothing is written. */
async function bySums(
  ports: HistoryPorts,
  head: ObjectiveHead,
  bodies: readonly ObjectiveDay[],
  specification: BudgetSpecification,
  now: Timestamp,
): Promise<(Measured & { readonly step: Step }) | undefined> {
  const entries = (head.entries ?? 0) === 0 ? [] : await readLedger(ports, specification.name);
  const days = new Map(bodies.map((body) => [body.day, sealedDayOf(body, 0, specification)] as const));
  const history: SealedHistory = { revision: 0, days, entries, amendments: amendmentsOf(entries), hours: new Map(), edges: new Map() };
  const [nowMillis, sealedBefore] = [Date.parse(now), Date.parse(head.sealedUntil)];
  const rolledUntil = rolledUntilOf(sealedUntilOf(head, nowMillis), specification);
  const unrolled = hoursBetween(rolledUntilOf(sealedBefore, specification), sealedBefore);
  await loadHours(ports, specification, history, [...unrolled, ...edgeHours(specification, nowMillis, Math.min(rolledUntil, sealedBefore))]);
  const hourReadings = (hour: number) => history.hours.get(hour) ?? [];
  const step = advance({ specification, head, history, incoming: [], hourReadings, now });
  if (step === undefined) return undefined;
  const { budget } = step.head;
  const { window, burn } = step.evaluation;
  const material = {
    specification,
    amendments: history.amendments,
    sinceMillis: sinceOf(specification, step.head, []),
    days: new Map([...days, ...step.days.map((day) => [day.day, day] as const)]),
    rolledUntilMillis: rolledUntil,
    readings: [...unrolled.flatMap(hourReadings), ...decodeReadings(head)].filter(({ atMillis }) => atMillis >= rolledUntil),
    // What ends with an hour and is whole hours long begins with one: no hour is cut.
    hourReadings: () => [],
    edges: new Map(),
  };
  const isCalendar = specification.window.kind === 'calendar';
  return {
    step,
    budget,
    windowStart: isCalendar ? addSeconds(window.from, -0.001) : window.from,
    ...(isCalendar ? { resetsAt: addSeconds(window.to, 0.001) } : {}),
    remainingRatioAt: (at) => {
      if (at >= now) return budget.remainingRatio;
      const hourEnd = Math.floor(Date.parse(at) / hourMillis) * hourMillis - 1;
      const answer = evaluateSeries(specification, storedSeries(material, hourEnd).series, hourEnd);
      return answer.kind === 'refused' ? undefined : answer.evaluation.budgetRemainingRatio;
    },
    burnRate: (seconds) => burn.find(({ windowSeconds }) => windowSeconds === seconds)?.rate,
  };
}

interface Kept {
  readonly state: ObjectiveState;
  /** All bad minutes, oldest first. */
  readonly bad: readonly Timestamp[];
  readonly measured: Measured;
}

function historyOf(head: BudgetHead, { state, bad, measured }: Kept, objective: MeasuredObjective, now: Timestamp): BudgetHistory {
  const { remainingRatioAt } = measured;
  return {
    ...measured,
    head,
    badMinutes: (after, until) => bad.slice(countUntil(bad, after), countUntil(bad, until)),
    points: (stepSeconds) =>
      momentsOf(knownFrom(head, objective.windowSeconds, now), now, stepSeconds).flatMap((at) => {
        const remainingRatio = remainingRatioAt(at);
        return remainingRatio === undefined ? [] : [{ at, remainingRatio }];
      }),
    days: (count) =>
      Array.from({ length: count }, (_, index) => dayOfHistory(state, objective, addSeconds(now, (index + 1 - count) * dayInSeconds), now, remainingRatioAt)),
  };
}

/** Bad minutes are kept for so long. */
const keptDays = 92;

/** The start of the window, or where the window that ended then is still wholly kept: what was forgotten would read as good. */
function knownFrom({ since }: BudgetHead, windowSeconds: number, now: Timestamp): Timestamp {
  const windowStart = addSeconds(now, -windowSeconds);
  const keptSince = addSeconds(now, -keptDays * dayInSeconds);
  const wholeFrom = addSeconds(keptSince, windowSeconds);
  return since >= keptSince || wholeFrom < windowStart ? windowStart : wholeFrom;
}

const MAX_POINTS = 2000;

function momentsOf(from: Timestamp, now: Timestamp, stepSeconds: number): readonly Timestamp[] {
  const moments: Timestamp[] = [];
  for (let at = from; at < now && moments.length < MAX_POINTS - 1; at = addSeconds(at, stepSeconds)) moments.push(at);
  return [...moments, now];
}

function dayOfHistory(
  state: ObjectiveState,
  { sliceTarget }: MeasuredObjective,
  moment: Timestamp,
  now: Timestamp,
  remainingRatioAt: Measured['remainingRatioAt'],
): BudgetDay {
  const day = moment.slice(0, 10);
  const end = addSeconds(`${day}T00:00:00.000Z`, dayInSeconds);
  // A minute belongs to the day by its start.
  const { badSlices, observedSlices } = countSlices(state, addSeconds(end, -sliceSeconds), dayInSeconds, sliceTarget);
  const remainingRatio = remainingRatioAt(end < now ? end : now) ?? 1;
  return { day, badSeconds: badSlices * sliceSeconds, observedSeconds: observedSlices * sliceSeconds, remainingRatio };
}
