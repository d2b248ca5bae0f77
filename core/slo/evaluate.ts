import * as z from 'zod/mini';
import type { CompiledCatalog } from '../catalog/schema.ts';
import { RetryableError } from '../environment/errors.ts';
import type { Clock, Log, Scope } from '../environment/ports.ts';
import { addSeconds, startOfMinute, type Timestamp } from '../environment/time.ts';
import type { IncidentPorts } from '../incidents/incidents.ts';
import { systemRecordType } from '../inventory/records.ts';
import { keys, partitions } from '../records/keys.ts';
import { readAll, readRecord, type RecordType, type Versioned, writeOf } from '../records/record-type.ts';
import { RecordConflictError, type RecordStore } from '../records/store.ts';
import type { SignalQueue } from '../signals/ports.ts';
import { catchUpSeconds } from './kept/advance.ts';
import { alertEvents, hasUntold } from './kept/alerts.ts';
import { isDue } from './reading/cadence.ts';
import { causeReader, type ReadCauses } from './spending/causes.ts';
import { chargeCauses } from './spending/charges.ts';
import { type BudgetGauges, gaugeOf, maxGaugedObjectives } from './reading/gauges.ts';
import type { IndicatorSubjects } from './reading/indicators.ts';
import type { MetricReader, SubjectReader } from './reading/ports.ts';
import { type MetricValues, type PlannedObjective, planReadings, readMetrics, samplesOf, subjectsWanted } from './reading/reading-plan.ts';
import { markTold, type RecordedStep, recordStep } from './kept/record-step.ts';
import { budgetNames, type BudgetSpecification } from './objective/specification.ts';
import { badMinutes, decodeState, type ObjectiveHead, objectiveHeadType } from './kept/state.ts';
import type { HistoryCache } from './kept/sealed-store.ts';
import { trailingReadSeconds } from './objective/slices.ts';

export interface EvaluatePorts extends IncidentPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: MetricReader;
  /** A budget that burns, is low or is spent is a signal. */
  readonly queue: SignalQueue;
  /** Where figures are shown on a dashboard; nowhere when it is absent. */
  readonly gauges?: BudgetGauges;
  /** Who Perennial's own indicators are about; without it, target groups are not found. */
  readonly subjects?: SubjectReader;
  /** Sealed history between the runs of one function; without it, every run reads it anew. */
  readonly cache?: HistoryCache;
}

export interface EvaluateSummary {
  readonly evaluated: number;
  /** Objectives of which something was written; 0 when no minute is new. */
  readonly written: number;
  /** Objectives that cannot be evaluated, readings that were refused, and metrics that fell silent since the last run, in words; at most 50. */
  readonly problems: readonly string[];
}

const MAX_PROBLEMS = 50;

/** The last run, so that the next one reads what was missed and says only once what is silent. */
const budgetRunSchema = z.object({ at: z.string(), silent: z.array(z.string()) });
type BudgetRun = z.infer<typeof budgetRunSchema>;
const budgetRunType: RecordType<BudgetRun> = { name: 'budget run', schema: budgetRunSchema };

/** Objectives that are worked on at once: their writes wait for the table, not for each other. */
const TOGETHER = 16;
/** Histories that one run judges again as a whole: after a change of rules, or of the version. */
const JUDGED_AGAIN = 30;

/**
 * Reads the minutes of every objective that is due in one call per 500 metrics, evaluates, charges bad minutes to what happened, and
 * puts what burns on the queue. Idempotent; a crash anywhere repeats and loses nothing.
 */
export async function evaluateBudgets(ports: EvaluatePorts, catalog: CompiledCatalog): Promise<EvaluateSummary> {
  const now = ports.clock.now();
  const { objectives, problems } = planReadings(catalog, await findSubjects(ports, catalog));
  const due = objectives.filter(({ specification }) => isDue(specification, Date.parse(now)));
  const heads = await readHeads(ports);
  await retire(ports, heads, catalog);
  if (due.length === 0) return { evaluated: 0, written: 0, problems: problems.slice(0, MAX_PROBLEMS) };
  const lastRun = await readRecord(ports.store, budgetRunType, keys.budgetRun(ports.scope));
  const to = startOfMinute(now);
  const from = readFrom(lastRun?.body, to);
  const values = await readMetrics(ports.metrics, due, from, to);
  const run: Run = {
    ports,
    cache: ports.cache ?? new Map(),
    heads,
    values,
    now,
    readCauses: causeReader(ports, causesRead),
    judgedAgain: { left: JUDGED_AGAIN },
  };
  const results = await inTurn(due, TOGETHER, (objective) => evaluateOne(run, objective));
  showGauges(ports, results, now);
  await tell(ports, results, now);
  const silent = results.flatMap((result) => (result.isSilent ? [result.name] : []));
  const isBehind = results.some(({ isPostponed }) => isPostponed);
  await rememberRun(ports, lastRun, { at: isBehind && lastRun !== undefined ? lastRun.body.at : now, silent: stillSilent(lastRun?.body, silent, results) });
  return {
    evaluated: due.length,
    written: results.filter(({ step }) => step?.isWritten === true).length,
    problems: [...problems, ...results.flatMap(({ problem }) => problem ?? []), ...newlySilent(lastRun?.body, silent)].slice(0, MAX_PROBLEMS),
  };
}

const causesRead = { incidents: 200, repairs: 200 };

async function findSubjects({ store, scope, subjects }: EvaluatePorts, catalog: CompiledCatalog): Promise<IndicatorSubjects> {
  const wanted = subjectsWanted(catalog);
  const targetGroups = wanted.targetGroups.length === 0 || subjects === undefined ? new Map<string, never>() : await subjects.targetGroups(wanted.targetGroups);
  const instances = new Map<string, readonly string[]>();
  for (const system of wanted.systems) {
    const stored = await readRecord(store, systemRecordType, keys.system(scope, system));
    instances.set(system, stored?.body.observed.instanceIds ?? []);
  }
  return { targetGroups, instances };
}

type Heads = ReadonlyMap<string, Versioned<ObjectiveHead>>;

/** All heads in a page or a few: about 2 KB each. */
async function readHeads({ store, scope }: EvaluatePorts): Promise<Heads> {
  const heads = await readAll(objectiveHeadType, (page) => store.query(partitions.objectives(scope), '', page));
  return new Map(heads.map((head) => [head.body.objective, head]));
}

/** An objective that left the catalog decides nothing any more; it is remembered, and comes back with its document. */
async function retire({ store }: EvaluatePorts, heads: Heads, { objectives }: CompiledCatalog): Promise<void> {
  const declared = new Set(objectives.flatMap(budgetNames));
  for (const { key, version, body } of heads.values()) {
    if (body.retired === true || declared.has(body.objective)) continue;
    await ignoreConflict(() => store.write([writeOf(objectiveHeadType, key, { ...body, retired: true }, version)]));
  }
}

async function ignoreConflict(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof RecordConflictError)) throw error;
  }
}

/** The trailing 15 minutes; after an interruption also what was missed, at most three hours. */
function readFrom(last: BudgetRun | undefined, to: Timestamp): Timestamp {
  const usual = addSeconds(to, -trailingReadSeconds);
  if (last === undefined || last.at >= usual) return usual;
  const missed = addSeconds(startOfMinute(last.at), -trailingReadSeconds);
  const oldest = addSeconds(to, -catchUpSeconds);
  return missed < oldest ? oldest : missed;
}

interface Run {
  readonly ports: EvaluatePorts;
  readonly cache: HistoryCache;
  readonly heads: Heads;
  readonly values: MetricValues;
  readonly now: Timestamp;
  readonly readCauses: ReadCauses;
  readonly judgedAgain: { left: number };
}

interface Result {
  readonly name: string;
  readonly specification: BudgetSpecification;
  readonly step?: RecordedStep;
  readonly problem?: string;
  readonly isSilent: boolean;
  readonly isPostponed: boolean;
}

async function evaluateOne(run: Run, objective: PlannedObjective): Promise<Result> {
  const { ports, cache, now } = run;
  const { specification } = objective;
  const { name } = specification;
  const { samples, fault } = samplesOf(objective, run.values, now);
  const mayJudgeAll = (): boolean => (run.judgedAgain.left -= 1) >= 0;
  const outcome = await recordStep(ports, cache, { specification, head: run.heads.get(name), incoming: samples, now, mayJudgeAll });
  const found = {
    name,
    specification,
    isSilent: samples.length === 0 && fault === undefined,
    ...(fault === undefined ? {} : { problem: `${name}: ${fault}` }),
  };
  switch (outcome.kind) {
    case 'nothing':
      return { ...found, isPostponed: false };
    case 'postponed':
      return { ...found, isPostponed: true, problem: `${name}: its history is judged again by one of the next runs, because its rules are new` };
    case 'recorded':
      await charge(run, specification, outcome.step);
      return { ...found, isPostponed: false, step: outcome.step };
  }
}

/** Works through a list, so many at a time; the results are in the order of the list. */
async function inTurn<Item, Outcome>(items: readonly Item[], together: number, work: (item: Item) => Promise<Outcome>): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let start = 0; start < items.length; start += together) {
    outcomes.push(...(await Promise.all(items.slice(start, start + together).map(work))));
  }
  return outcomes;
}

function badSince(head: Pick<ObjectiveHead, 'sealedUntil' | 'recent' | 'recentMarks'>): boolean {
  return head.recentMarks?.includes('b') ?? true;
}

/**
 * What happened is charged the bad minutes it overlaps (design section 8); nothing is read while no minute that may change is bad.
 * Events and shares are no minutes: only budgets of whole slices are charged.
 */
async function charge({ ports, now, readCauses }: Run, specification: BudgetSpecification, step: RecordedStep): Promise<void> {
  if (specification.method !== 'Timeslices') return;
  const isQuiet = !badSince(step.head) && (step.before === undefined || !badSince(step.before.body)) && !step.isJudgedAgain && !hasNewBad(step);
  if (isQuiet) return;
  const { name, service: system, target, window, members } = specification;
  const windowStart = addSeconds(now, -window.nominalSeconds);
  const days = [...new Map([...step.history.days, ...step.days.map((day) => [day.day, day] as const)]).values()];
  const bad = badMinutes(decodeState(step.head, days), windowStart, now, members[0].sliceTarget);
  await chargeCauses(ports, { name, system, target, windowSeconds: window.nominalSeconds }, bad, await readCauses(system, windowStart), now);
}

/** Bad minutes that were sealed by this very step, after an interruption. */
function hasNewBad({ days, daysBefore }: RecordedStep): boolean {
  return days.some(({ day, marks }) => marks.includes('b') && daysBefore.get(day)?.marks !== marks);
}

const HOUR_SECONDS = 3600;

function showGauges({ gauges }: EvaluatePorts, results: readonly Result[], now: Timestamp): void {
  if (gauges === undefined) return;
  for (const { step } of results.slice(0, maxGaugedObjectives)) {
    if (step === undefined) continue;
    const { objective, system, budget } = step.head;
    const burnRate1h = step.evaluation.burn.find(({ windowSeconds }) => windowSeconds === HOUR_SECONDS)?.rate ?? 0;
    const remainingRatio = step.evaluation.budgetRemainingRatio;
    gauges.show(gaugeOf({ objective, system, burnRate1h, remainingRatio, budgetSeconds: budget.budgetSeconds }, now));
  }
}

const MESSAGES_PER_CALL = 100;

interface Untold {
  readonly step: RecordedStep;
  readonly bodies: readonly string[];
}

/** Puts what changed on the queue and ticks it off; what was not taken is sent again by the next run, as the same event. */
async function tell(ports: EvaluatePorts, results: readonly Result[], now: Timestamp): Promise<void> {
  const untold = results.flatMap(({ step }): readonly Untold[] =>
    step !== undefined && hasUntold(step.head.alerts) ? [{ step, bodies: alertEvents(step.head, step.evaluation, ports.scope, now) }] : [],
  );
  const events = untold.flatMap(({ step, bodies }) => bodies.map((body) => ({ step, body })));
  const failed = new Set<RecordedStep>();
  for (let start = 0; start < events.length; start += MESSAGES_PER_CALL) {
    const batch = events.slice(start, start + MESSAGES_PER_CALL);
    for (const { index } of await ports.queue.send(batch.map(({ body }) => ({ body })))) {
      const step = batch[index]?.step;
      if (step !== undefined) failed.add(step);
    }
  }
  for (const { step } of untold) if (!failed.has(step)) await markTold(ports, step);
  if (failed.size > 0) throw new RetryableError(`The alerts of ${failed.size} objectives could not be put on the queue; the next evaluation sends them again.`);
}

const MAX_SILENT = 200;

/** Those that were not asked this time stay as they were. */
function stillSilent(last: BudgetRun | undefined, silent: readonly string[], results: readonly Result[]): string[] {
  const asked = new Set(results.map(({ name }) => name));
  return [...(last?.silent ?? []).filter((name) => !asked.has(name)), ...silent].toSorted().slice(0, MAX_SILENT);
}

function newlySilent(last: BudgetRun | undefined, silent: readonly string[]): readonly string[] {
  const known = new Set(last?.silent);
  if (known.size >= MAX_SILENT) return [];
  return silent.flatMap((name) =>
    known.has(name)
      ? []
      : [
          `${name}: its metrics gave nothing for ${trailingReadSeconds / 60} minutes; they do not exist, have other dimensions, or nothing is asked of the service`,
        ],
  );
}

/** Two runs at once remember one of them, which is enough. */
async function rememberRun({ store, scope }: EvaluatePorts, last: Versioned<BudgetRun> | undefined, run: BudgetRun): Promise<void> {
  await ignoreConflict(() => store.write([writeOf(budgetRunType, keys.budgetRun(scope), run, last?.version ?? 0)]));
}

/** The budgets as `perennial status` lists them. */
export interface BudgetFigure {
  readonly objective: string;
  readonly system: string;
  readonly budgetSeconds: number;
  readonly consumedSeconds: number;
  readonly remainingRatio: number;
  readonly sli: number;
  readonly at: Timestamp;
  /** When nothing of what was counted is in the window any more, should nobody evaluate until then. */
  readonly validUntil?: Timestamp;
}

/** The figures of every objective of the catalog; the evaluation keeps them at "now" although no reading comes. */
export async function listBudgets(store: RecordStore, scope: Scope): Promise<readonly BudgetFigure[]> {
  const states = await readAll(objectiveHeadType, (page) => store.query(partitions.objectives(scope), '', page));
  return states
    .filter(({ body }) => body.retired !== true)
    .map(({ body }) => {
      const { budgetSeconds, consumedSeconds, remainingRatio, sli, at, validUntil } = body.budget;
      const figures = { objective: body.objective, system: body.system, budgetSeconds, consumedSeconds, remainingRatio, sli, at };
      return validUntil === undefined ? figures : { ...figures, validUntil };
    });
}
