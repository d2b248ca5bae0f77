import { RetryableError } from '../../environment/errors.ts';
import type { Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, type Versioned, writeOf } from '../../records/record-type.ts';
import { RecordConflictError, type RecordStore } from '../../records/store.ts';
import { advance, rolledUntilOf, sealedUntilOf, sinceOf, type Step } from './advance.ts';
import { type Alerts, isSameStand, nextAlerts, toldAlerts } from './alerts.ts';
import type { Sample } from '../evaluation/ledger.ts';
import { hoursBetween } from './roll-ups.ts';
import type { SealedDay, SealedHistory } from './sealed.ts';
import { historyAfter, type HistoryCache, loadHours, loadSealed, rollUpAgain, staleDays, writeSealed } from './sealed-store.ts';
import type { BudgetSpecification } from '../objective/specification.ts';
import { type ObjectiveHead, objectiveHeadType } from './state.ts';
import { edgeHours } from './stored-series.ts';

/*
 * One objective's step with its reads and writes. In a usual minute: its head, which was read with all others, is written; nothing else.
 */

export interface StepPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

/** A step that is stored. */
export interface RecordedStep extends Step {
  /** What was stored before. */
  readonly before: Versioned<ObjectiveHead> | undefined;
  readonly daysBefore: ReadonlyMap<string, SealedDay>;
  readonly version: number;
  readonly isWritten: boolean;
  /** Sealed days were judged again: what was charged before may be charged otherwise. */
  readonly isJudgedAgain: boolean;
  readonly history: SealedHistory;
}

export interface StepRequest {
  readonly specification: BudgetSpecification;
  /** As it was read with all others; read again after a conflict. */
  readonly head: Versioned<ObjectiveHead> | undefined;
  readonly incoming: readonly Sample[];
  readonly now: Timestamp;
  /** Takes one of the few whole histories that a run judges again; false when there is none left. */
  readonly mayJudgeAll: () => boolean;
}

const WRITE_ATTEMPTS = 12;

/** `postponed`: its history is to be judged again as a whole, and this run has done enough of that. */
export type StepOutcome = { readonly kind: 'recorded'; readonly step: RecordedStep } | { readonly kind: 'nothing' } | { readonly kind: 'postponed' };

/** Adds the readings to what is stored; reads and decides again while somebody else is faster, at most 12 times. */
export async function recordStep(ports: StepPorts, cache: HistoryCache, request: StepRequest): Promise<StepOutcome> {
  const { name } = request.specification;
  let { head } = request;
  for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt += 1) {
    try {
      return await attemptStep(ports, cache, request, head);
    } catch (error) {
      // What was in memory may be what is out of date.
      cache.delete(name);
      if (!(error instanceof RecordConflictError)) throw error;
    }
    head = await readRecord(ports.store, objectiveHeadType, keys.objectiveState(ports.scope, name));
  }
  throw new RetryableError(
    `The objective ${name} changed ${WRITE_ATTEMPTS} times while it was being evaluated; the next evaluation reads the same minutes again.`,
  );
}

async function attemptStep(ports: StepPorts, cache: HistoryCache, request: StepRequest, head: Versioned<ObjectiveHead> | undefined): Promise<StepOutcome> {
  const { specification, incoming, now } = request;
  const loaded = await loadSealed(ports, specification, head?.body, cache.get(specification.name));
  const judged = head === undefined ? asLoaded(loaded) : await judgeAgain(ports, request, head.body, loaded);
  if (judged === 'postponed') return { kind: 'postponed' };
  const { history } = judged;
  await loadHours(ports, specification, history, neededHours(specification, head?.body, now));
  const step = advance({ specification, head: head?.body, history, incoming, hourReadings: (hour) => history.hours.get(hour) ?? [], now });
  if (step === undefined) return { kind: 'nothing' };
  return { kind: 'recorded', step: await writeStep(ports, cache, request, { ...judged, head, daysBefore: loaded.days, step }) };
}

/** Sealed history as it is to be, and the days of it that are not stored so yet. */
interface Judged {
  readonly history: SealedHistory;
  readonly again: readonly SealedDay[];
  readonly isJudgedAgain: boolean;
}

function asLoaded(history: SealedHistory): Judged {
  return { history, again: [], isJudgedAgain: false };
}

async function judgeAgain(
  ports: StepPorts,
  { specification, mayJudgeAll }: StepRequest,
  head: ObjectiveHead,
  loaded: SealedHistory,
): Promise<Judged | 'postponed'> {
  const { isWhole, days } = staleDays(specification, head, loaded);
  if (!isWhole && (head.pending ?? []).length === 0) return asLoaded(loaded);
  if (isWhole && days.length > 0 && !mayJudgeAll()) return 'postponed';
  const judging = { specification, amendments: loaded.amendments, sinceMillis: sinceOf(specification, head, []) };
  const again = await rollUpAgain(ports, judging, head, loaded, days);
  return { history: { ...loaded, days: withDays(loaded.days, again), hours: new Map(), edges: new Map() }, again, isJudgedAgain: true };
}

interface Decided extends Judged {
  readonly head: Versioned<ObjectiveHead> | undefined;
  readonly daysBefore: ReadonlyMap<string, SealedDay>;
  readonly step: Step;
}

/** The head with how its alerts stand now; entries that waited are applied. */
function bodyOf({ head }: Step, alerts: Alerts, revision: number): ObjectiveHead {
  return { ...head, revision, ...(Object.keys(alerts).length === 0 ? {} : { alerts }) };
}

function revisionOf({ head, isJudgedAgain, step }: Decided): number {
  return isJudgedAgain ? (head?.body.revision ?? 0) + 1 : (step.head.revision ?? 0);
}

async function writeStep(ports: StepPorts, cache: HistoryCache, { specification, now }: StepRequest, decided: Decided): Promise<RecordedStep> {
  const { head, history, again, isJudgedAgain, daysBefore, step } = decided;
  const { name } = specification;
  const days = [...withDays(new Map(again.map((day) => [day.day, day])), step.days).values()];
  const before = head?.body.alerts;
  const alerts = nextAlerts(before, step.evaluation, now);
  const body = bodyOf(step, alerts, revisionOf(decided));
  const version = head?.version ?? 0;
  const isWritten = step.isChanged || isJudgedAgain || !isSameStand(before, alerts);
  const recorded = { ...step, head: body, days, before: head, daysBefore, isJudgedAgain };
  if (!isWritten) {
    cache.set(name, history);
    return { ...recorded, version, isWritten, history };
  }
  const headWrite = writeOf(objectiveHeadType, keys.objectiveState(ports.scope, name), body, version);
  await writeSealed(ports, specification, { days, hours: step.hours }, headWrite);
  const after = historyAfter(history, { head: body, days });
  cache.set(name, after);
  return { ...recorded, version: version + 1, isWritten, history: after };
}

function withDays(days: ReadonlyMap<string, SealedDay>, changed: readonly SealedDay[]): ReadonlyMap<string, SealedDay> {
  return changed.length === 0 ? days : new Map([...days, ...changed.map((day) => [day.day, day] as const)]);
}

function neededHours(specification: BudgetSpecification, head: ObjectiveHead | undefined, now: Timestamp): readonly number[] {
  if (head === undefined) return [];
  const sealedBefore = Date.parse(head.sealedUntil);
  const unrolled = hoursBetween(rolledUntilOf(sealedBefore, specification), sealedBefore);
  const rolledUntil = rolledUntilOf(sealedUntilOf(head, Date.parse(now)), specification);
  // Hours that are sealed by this very step come from its readings.
  return [...unrolled, ...edgeHours(specification, Date.parse(now), Math.min(rolledUntil, sealedBefore))];
}

/** Ticks the alerts of a head off; somebody who was faster only means that they are told once more. */
export async function markTold({ store, scope }: StepPorts, { head, version }: Pick<RecordedStep, 'head' | 'version'>): Promise<void> {
  const { alerts, ...rest } = head;
  const told = toldAlerts(alerts ?? {});
  const body = { ...rest, ...(Object.keys(told).length === 0 ? {} : { alerts: told }) };
  try {
    await store.write([writeOf(objectiveHeadType, keys.objectiveState(scope, head.objective), body, version)]);
  } catch (error) {
    if (!(error instanceof RecordConflictError)) throw error;
  }
}
