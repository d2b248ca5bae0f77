import { durationSeconds, timeSliceSeconds } from '../catalog/durations.ts';
import type { Objective } from '../catalog/openslo.ts';
import type { RatioMetric } from '../catalog/openslo-indicator.ts';
import { readableSource } from '../catalog/openslo-sources.ts';
import type { CompiledCatalog, ServiceLevelObjective } from '../catalog/schema.ts';
import { RetryableError } from '../environment/errors.ts';
import type { Clock, Log, Scope } from '../environment/ports.ts';
import { addSeconds, startOfMinute, type Timestamp } from '../environment/time.ts';
import { type IncidentPorts, recordBudgetShare } from '../incidents/incidents.ts';
import { type Incident, incidentType } from '../incidents/record.ts';
import { keys, partitions } from '../records/keys.ts';
import { parseRecord, readAll, readRecord, type Versioned, writeOf } from '../records/record-type.ts';
import { RecordConflictError, type RecordStore, type RecordWrite } from '../records/store.ts';
import { attribute, type Budget, budgetOf, type Charge, type ChargeableInterval } from './budget.ts';
import type { MetricPoint, MetricQuery, MetricReader } from './ports.ts';
import { type Observation, parseSliceTarget, sliceSeconds, type SliceTarget, trailingReadSeconds } from './slices.ts';
import {
  applyObservations,
  badMinutes,
  countSlices,
  dayOf,
  decodeState,
  encodeMarks,
  encodeReadings,
  newObjectiveState,
  type ObjectiveDay,
  objectiveDayType,
  type ObjectiveHead,
  objectiveHeadType,
  type ObjectiveState,
} from './state.ts';
import { dayInSeconds, type Target, targetOfObjective } from './target.ts';

export interface EvaluatePorts extends IncidentPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: MetricReader;
}

/** One objective of a catalog document that this version evaluates: `Timeslices` of one minute over good and total. */
interface Evaluated {
  readonly name: string;
  readonly system: string;
  readonly target: Target;
  readonly windowSeconds: number;
  readonly sliceTarget: SliceTarget;
  readonly good: MetricQuery;
  readonly total: MetricQuery;
  /** The numerator is the bad count. */
  readonly countsBad: boolean;
}

export interface EvaluateSummary {
  readonly evaluated: number;
  /** Records written; 0 when no minute is new. */
  readonly written: number;
  /** Objectives that are declared but not evaluated by this version, and readings that were refused, in words. */
  readonly problems: readonly string[];
}

/** Reads the minutes of every objective in one call per 500 metrics, charges bad ones, and attributes them to incidents. Idempotent. */
export async function evaluateBudgets(ports: EvaluatePorts, catalog: CompiledCatalog): Promise<EvaluateSummary> {
  const { objectives, problems } = selectObjectives(catalog);
  if (objectives.length === 0) return { evaluated: 0, written: 0, problems };
  const now = ports.clock.now();
  const to = startOfMinute(now);
  const from = addSeconds(to, -trailingReadSeconds);
  const series = await ports.metrics.read(
    objectives.flatMap((objective) => [objective.good, objective.total]),
    from,
    to,
    sliceSeconds,
  );
  let written = 0;
  const refusals: string[] = [];
  for (const objective of objectives) {
    const evaluation = await record(ports, objective, observationsOf(objective, series, now), now);
    refusals.push(...evaluation.refusals);
    if (evaluation.isWritten) written += 1;
    await attributeShares(ports, objective, evaluation, now);
  }
  return { evaluated: objectives.length, written, problems: [...problems, ...refusals] };
}

function selectObjectives(catalog: CompiledCatalog): { readonly objectives: readonly Evaluated[]; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const objectives = catalog.objectives.flatMap((document) =>
    document.spec.objectives.flatMap((objective, index) => {
      const selected = select(document, objective, index);
      if (typeof selected === 'string') problems.push(`${document.metadata.name}: ${selected}`);
      return typeof selected === 'string' ? [] : [selected];
    }),
  );
  return { objectives, problems };
}

function select(document: ServiceLevelObjective, objective: Objective, index: number): Evaluated | string {
  const { spec, metadata } = document;
  const [window] = spec.timeWindow;
  const windowSeconds = window?.isRolling === true ? durationSeconds(window.duration) : undefined;
  if (windowSeconds === undefined) return 'calendar windows are not evaluated by this version';
  if (spec.budgetingMethod !== 'Timeslices' || timeSliceSeconds(objective.timeSliceWindow ?? 0) !== sliceSeconds)
    return 'only Timeslices of one minute are evaluated by this version';
  const ratioMetric = spec.indicator?.spec.ratioMetric;
  if (ratioMetric === undefined) return 'only ratio indicators are evaluated by this version';
  const promise = promiseOf(objective);
  if (typeof promise === 'string') return promise;
  const name = spec.objectives.length === 1 ? metadata.name : `${metadata.name}-${index + 1}`;
  const queries = queriesOf(name, ratioMetric);
  return typeof queries === 'string' ? queries : { name, system: spec.service, windowSeconds, ...promise, ...queries };
}

function promiseOf(objective: Objective): Pick<Evaluated, 'target' | 'sliceTarget'> | string {
  const target = targetOfObjective(objective);
  if (target.kind === 'refused') return target.reason;
  const sliceTarget = parseSliceTarget(objective.timeSliceTarget ?? target.ratio);
  return sliceTarget.kind === 'refused' ? sliceTarget.reason : { target, sliceTarget };
}

function queriesOf(name: string, { good, bad, total }: RatioMetric): Pick<Evaluated, 'good' | 'total' | 'countsBad'> | string {
  const numerator = good ?? bad;
  if (numerator === undefined || total === undefined) return 'only good or bad events of a total are evaluated by this version';
  const counted = readableSource(numerator.metricSource);
  const all = readableSource(total.metricSource);
  if (counted.kind !== 'cloudwatch' || all.kind !== 'cloudwatch') return 'only CloudWatch metrics are evaluated by this version';
  return { good: queryOf(`${name}:good`, counted.metric), total: queryOf(`${name}:total`, all.metric), countsBad: good === undefined };
}

type CatalogMetric = { readonly namespace: string; readonly metric: string; readonly dimensions: Readonly<Record<string, string>> };

/** Counts are sums, whatever statistic a gauge would want. */
function queryOf(id: string, { namespace, metric, dimensions }: CatalogMetric): MetricQuery {
  return { id, namespace, metric, dimensions, statistic: 'Sum' };
}

/** One observation per minute in which requests were counted; a missing numerator beside a total is a minute in which none was good. */
function observationsOf(objective: Evaluated, series: ReadonlyMap<string, readonly MetricPoint[]>, observedAt: Timestamp): readonly Observation[] {
  const numerators = new Map((series.get(objective.good.id) ?? []).map((point) => [point.at, point.value]));
  return (series.get(objective.total.id) ?? []).map(({ at, value: total }) => {
    const counted = numerators.get(at) ?? 0;
    return { minute: at, good: objective.countsBad ? total - counted : counted, total, observedAt };
  });
}

/** What an evaluation left behind for one objective. */
interface Evaluation {
  readonly before: ObjectiveState;
  readonly after: ObjectiveState;
  readonly isWritten: boolean;
  readonly refusals: readonly string[];
}

const WRITE_ATTEMPTS = 12;

/** Adds the readings to what is stored; reads and decides again while somebody else is faster, at most 12 times. */
async function record(ports: EvaluatePorts, objective: Evaluated, incoming: readonly Observation[], now: Timestamp): Promise<Evaluation> {
  for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt += 1) {
    const stored = await readObjective(ports, objective, now);
    const { state, changed, changedDays, refused } = applyObservations(stored.state, incoming, now, objective);
    const evaluation = { before: stored.state, after: state, isWritten: changed, refusals: refused.map(({ reason }) => `${objective.name}: ${reason}`) };
    if (!changed) return evaluation;
    const since = stored.head?.body.since ?? state.recent[0]?.minute ?? now;
    const head: ObjectiveHead = {
      objective: objective.name,
      system: objective.system,
      since,
      sealedUntil: state.sealedUntil,
      recent: encodeReadings(state),
      budget: figuresOf(budgetOf(objective, countSlices(state, now, objective.windowSeconds, objective.sliceTarget)), objective, now),
    };
    const dayWrites = changedDays.map((day) => dayWrite(ports, objective, stored, day, state));
    const headWrite = writeOf(objectiveHeadType, keys.objectiveState(ports.scope, objective.name), head, stored.head?.version ?? 0);
    try {
      await ports.store.write([...dayWrites, headWrite]);
      return evaluation;
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
    }
  }
  throw new RetryableError(
    `The objective ${objective.name} changed ${WRITE_ATTEMPTS} times while it was being evaluated; the next evaluation reads the same minutes again.`,
  );
}

interface StoredObjective {
  readonly head: Versioned<ObjectiveHead> | undefined;
  readonly days: ReadonlyMap<string, Versioned<ObjectiveDay>>;
  readonly state: ObjectiveState;
}

/** One head and the days of the window: two reads, together about 4 KB. */
async function readObjective({ store, scope }: Pick<EvaluatePorts, 'store' | 'scope'>, objective: Evaluated, now: Timestamp): Promise<StoredObjective> {
  const head = await readRecord(store, objectiveHeadType, keys.objectiveState(scope, objective.name));
  if (head === undefined) return { head, days: new Map(), state: newObjectiveState(now, objective.windowSeconds) };
  // The window touches one day more than it is long.
  const limit = Math.ceil(objective.windowSeconds / dayInSeconds) + 1;
  const page = await store.query(keys.objectiveDay(scope, objective.name, dayOf(now)).partition, '', { limit, newestFirst: true });
  const days = page.records.map((stored) => parseRecord(objectiveDayType, stored));
  const state = decodeState(
    head.body,
    days.map(({ body }) => body),
  );
  return { head, days: new Map(days.map((day) => [day.body.day, day])), state };
}

function dayWrite({ scope }: EvaluatePorts, { name }: Evaluated, stored: StoredObjective, day: string, state: ObjectiveState): RecordWrite {
  const body = { objective: name, day, marks: encodeMarks(state.days.get(day) ?? '') };
  return writeOf(objectiveDayType, keys.objectiveDay(scope, name, day), body, stored.days.get(day)?.version ?? 0);
}

function figuresOf(budget: Budget, { target }: Evaluated, at: Timestamp): ObjectiveHead['budget'] {
  const { windowSeconds, budgetTotalSeconds, consumedSeconds, budgetRemainingRatio, sli } = budget;
  return { at, windowSeconds, targetRatio: target.ratio, budgetSeconds: budgetTotalSeconds, consumedSeconds, remainingRatio: budgetRemainingRatio, sli };
}

const INCIDENTS_READ = 200;

/** Incidents are attributed the bad minutes they overlap (design section 8); the newest 200 are looked at, and only after bad minutes. */
async function attributeShares(ports: EvaluatePorts, objective: Evaluated, { before, after }: Evaluation, now: Timestamp): Promise<void> {
  const windowStart = addSeconds(now, -objective.windowSeconds);
  const bad = badMinutes(after, windowStart, now, objective.sliceTarget);
  const isQuiet = [...bad, ...badMinutes(before, windowStart, now, objective.sliceTarget)].every((minute) => minute < after.sealedUntil);
  if (isQuiet) return;
  const page = await ports.store.query(partitions.incidents(ports.scope), '', { limit: INCIDENTS_READ, newestFirst: true });
  const incidents = page.records
    .map((stored) => parseRecord(incidentType, stored).body)
    .filter((incident) => incident.system === objective.system && !isDrill(incident));
  const { charges } = attribute(bad, incidents.map(intervalOf), objective);
  for (const incident of incidents) {
    const charge = charges.find(({ id }) => id === incident.id);
    if (charge === undefined || !isNews(incident, charge, objective.name)) continue;
    await recordBudgetShare(ports, incident.id, { objective: objective.name, badSeconds: charge.badSeconds, share: charge.share });
  }
}

/** What is bad while its calm is being verified may still be its doing: the interval ends when it is over. */
function intervalOf({ id, openedAt, resolvedAt }: Incident): ChargeableInterval {
  return { id, from: openedAt, ...(resolvedAt === undefined ? {} : { to: resolvedAt }) };
}

/** A drill touches nothing that serves: what is bad meanwhile is not its doing (S3-19). */
function isDrill({ subject }: Incident): boolean {
  return subject.type === 'check' && subject.id.startsWith('drill-of-');
}

/** An incident shows the objective it cost most: another one takes its place only with a larger share. */
function isNews({ budgetShare }: Incident, { badSeconds, share }: Charge, objective: string): boolean {
  if (budgetShare === undefined) return badSeconds > 0;
  return budgetShare.objective === objective ? budgetShare.badSeconds !== badSeconds : share > budgetShare.share;
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
}

export async function listBudgets(store: RecordStore, scope: Scope): Promise<readonly BudgetFigure[]> {
  const states = await readAll(objectiveHeadType, (page) => store.query(partitions.objectives(scope), '', page));
  return states.map(({ body }) => {
    const { budgetSeconds, consumedSeconds, remainingRatio, sli, at } = body.budget;
    return { objective: body.objective, system: body.system, budgetSeconds, consumedSeconds, remainingRatio, sli, at };
  });
}
