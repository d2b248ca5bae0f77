import type { RatioMetric } from '../../catalog/openslo/openslo-indicator.ts';
import { type CloudWatchMetric, readableSource } from '../../catalog/openslo/openslo-sources.ts';
import type { CompiledCatalog, ServiceLevelObjective } from '../../catalog/schema.ts';
import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { type IndicatorPoint, indicatorReading, type IndicatorSubjects } from './indicators.ts';
import type { Sample } from '../evaluation/ledger.ts';
import { sampleOf } from '../evaluation/points.ts';
import type { MetricPoint, MetricQuery, MetricReader } from './ports.ts';
import { sliceSeconds } from '../objective/slices.ts';
import { type BudgetSpecification, specificationsOf } from '../objective/specification.ts';

/*
 * Which metrics the objectives of a catalog are computed from, and what the answers say.
 */

/** A point of one minute; `bad` where the numerator counts failures. */
type Point = IndicatorPoint | { readonly bad: number; readonly total: number };

interface MemberPlan {
  readonly queries: readonly MetricQuery[];
  readonly pointOf: (values: ReadonlyMap<string, number>) => Point;
}

/** One budget with the metrics it needs. */
export interface PlannedObjective {
  readonly specification: BudgetSpecification;
  readonly members: readonly MemberPlan[];
}

export interface ReadingPlan {
  readonly objectives: readonly PlannedObjective[];
  /** What of the catalog cannot be evaluated, in words. */
  readonly problems: readonly string[];
}

type Written = ServiceLevelObjective['spec']['objectives'][number]['indicator'];

function metricQuery(id: string, { namespace, metric, dimensions, statistic }: CloudWatchMetric): MetricQuery {
  return { id, namespace, metric, dimensions, statistic };
}

/** Counts are sums, whatever statistic a gauge would want. */
function countQuery(id: string, metric: CloudWatchMetric): MetricQuery {
  return { ...metricQuery(id, metric), statistic: 'Sum' };
}

function valuePlan(query: MetricQuery): MemberPlan {
  return {
    queries: [query],
    pointOf: (values) => {
      const value = values.get(query.id);
      return value === undefined ? undefined : { value };
    },
  };
}

/** A missing numerator beside a total is a minute in which none was counted. */
function countsPlan(id: string, { good, bad, total, counter }: RatioMetric): MemberPlan | string {
  const numerator = good ?? bad;
  if (numerator === undefined || total === undefined) return 'its ratio needs good or bad events, and a total';
  if (counter) return 'a counter that only rises is not read; CloudWatch counts per period, so write counter: false';
  const counted = readableSource(numerator.metricSource);
  const all = readableSource(total.metricSource);
  if (counted.kind !== 'cloudwatch' || all.kind !== 'cloudwatch') return 'only CloudWatch metrics are counted';
  const name = good === undefined ? 'bad' : 'good';
  return {
    queries: [countQuery(`${id}:${name}`, counted.metric), countQuery(`${id}:total`, all.metric)],
    pointOf: (values) => {
      const whole = values.get(`${id}:total`);
      if (whole === undefined) return undefined;
      const part = values.get(`${id}:${name}`) ?? 0;
      return name === 'bad' ? { bad: part, total: whole } : { good: part, total: whole };
    },
  };
}

/** Perennial's own indicators give shares of success. */
function rawPlan(id: string, { raw, rawType }: RatioMetric, subjects: IndicatorSubjects): MemberPlan | string {
  if (raw === undefined) return 'its ratio has no raw metric';
  const source = readableSource(raw.metricSource);
  switch (source.kind) {
    case 'unreadable':
      return source.reason;
    case 'cloudwatch':
      return valuePlan(metricQuery(id, source.metric));
    case 'perennial': {
      if (rawType === 'failure') return `the indicator ${source.indicator.indicator} gives a share of success; write rawType: success`;
      const reading = indicatorReading(id, source.indicator, subjects);
      return reading.queries.length > 0 ? reading : `nothing in CloudWatch is what the indicator ${source.indicator.indicator} is about`;
    }
  }
}

function memberPlan(id: string, indicator: Written, subjects: IndicatorSubjects): MemberPlan | string {
  const { ratioMetric, thresholdMetric } = indicator?.spec ?? {};
  if (thresholdMetric !== undefined) {
    const source = readableSource(thresholdMetric.metricSource);
    return source.kind === 'cloudwatch' ? valuePlan(metricQuery(id, source.metric)) : 'only a CloudWatch metric is compared with a threshold';
  }
  if (ratioMetric === undefined) return 'its indicator is not there';
  return ratioMetric.raw === undefined ? countsPlan(id, ratioMetric) : rawPlan(id, ratioMetric, subjects);
}

/** The indicators of a budget, in the order of its members. */
function indicatorsOf(document: ServiceLevelObjective, specification: BudgetSpecification): readonly Written[] {
  const { objectives, indicator } = document.spec;
  return specification.members.length > 1 ? objectives.map((one) => one.indicator ?? indicator) : [indicator ?? objectives[0]?.indicator];
}

function planObjective(document: ServiceLevelObjective, specification: BudgetSpecification, subjects: IndicatorSubjects): PlannedObjective | string {
  const plans = indicatorsOf(document, specification).map((indicator, index) => memberPlan(`${specification.name}:${index}`, indicator, subjects));
  const fault = plans.find((plan) => typeof plan === 'string');
  return fault ?? { specification, members: plans.flatMap((plan) => (typeof plan === 'string' ? [] : [plan])) };
}

/** Every budget of a catalog with the metrics it needs. */
export function planReadings({ objectives }: Pick<CompiledCatalog, 'objectives'>, subjects: IndicatorSubjects): ReadingPlan {
  const problems: string[] = [];
  const planned = objectives.flatMap((document) =>
    specificationsOf(document).flatMap((specification) => {
      const plan = specification.kind === 'refused' ? specification.reason : planObjective(document, specification, subjects);
      if (typeof plan !== 'string') return [plan];
      problems.push(`${specification.kind === 'refused' ? document.metadata.name : specification.name}: ${plan}`);
      return [];
    }),
  );
  return { objectives: planned, problems };
}

/** What Perennial's own indicators of a catalog are about: names that CloudWatch knows otherwise. */
export function subjectsWanted({ objectives }: Pick<CompiledCatalog, 'objectives'>): {
  readonly targetGroups: readonly string[];
  readonly systems: readonly string[];
} {
  const indicators = objectives.flatMap(({ spec }) =>
    [spec.indicator, ...spec.objectives.map(({ indicator }) => indicator)].flatMap((indicator) => {
      const raw = indicator?.spec.ratioMetric?.raw;
      const source = raw === undefined ? undefined : readableSource(raw.metricSource);
      return source?.kind === 'perennial' ? [source.indicator] : [];
    }),
  );
  return {
    targetGroups: [...new Set(indicators.flatMap((one) => (one.indicator === 'target-group' ? [one.targetGroup] : [])))],
    systems: [...new Set(indicators.flatMap((one) => (one.indicator === 'instance-healthy-minutes' ? [one.system] : [])))],
  };
}

/** What GetMetricData takes in one call; each call of ours is one of its. */
const QUERIES_PER_CALL = 500;

function contentOf({ namespace, metric, dimensions, statistic }: MetricQuery): string {
  return JSON.stringify([namespace, metric, statistic, Object.entries(dimensions).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}

export type MetricValues = ReadonlyMap<string, readonly MetricPoint[]>;

/** Reads the metrics of all objectives, 500 a call; what several objectives need is read once. */
export async function readMetrics(metrics: MetricReader, objectives: readonly PlannedObjective[], from: Timestamp, to: Timestamp): Promise<MetricValues> {
  const queries = objectives.flatMap(({ members }) => members.flatMap((member) => member.queries));
  const byContent = Map.groupBy(queries, contentOf);
  const distinct = [...byContent.values()].flatMap(([first]) => first ?? []);
  const answers = new Map<string, readonly MetricPoint[]>();
  for (let start = 0; start < distinct.length; start += QUERIES_PER_CALL) {
    const answer = await metrics.read(distinct.slice(start, start + QUERIES_PER_CALL), from, to, sliceSeconds);
    for (const [id, points] of answer) answers.set(id, points);
  }
  return new Map([...byContent.values()].flatMap((same) => same.map(({ id }) => [id, answers.get(same[0]?.id ?? id) ?? []] as const)));
}

export interface ReadSamples {
  readonly samples: readonly Sample[];
  /** The first reading that was refused, in words. */
  readonly fault?: string;
}

function valuesByMinute({ queries }: MemberPlan, values: MetricValues): ReadonlyMap<Timestamp, ReadonlyMap<string, number>> {
  const minutes = new Map<Timestamp, Map<string, number>>();
  for (const { id } of queries) {
    for (const { at, value } of values.get(id) ?? []) {
      const minute = minutes.get(at) ?? new Map<string, number>();
      minutes.set(at, minute.set(id, value));
    }
  }
  return minutes;
}

/** The readings of an objective; a reading that cannot be one is refused, and the others count. */
export function samplesOf({ specification, members }: PlannedObjective, values: MetricValues, observedAt: Timestamp): ReadSamples {
  const samples: Sample[] = [];
  let fault: string | undefined;
  for (const [index, member] of members.entries()) {
    for (const [at, minute] of valuesByMinute(member, values)) {
      const point = member.pointOf(minute);
      // A minute that is not over would be judged by its beginning.
      if (point === undefined || addSeconds(at, sliceSeconds) > observedAt) continue;
      const sample = sampleOf({ ...point, t: at, observedAt, ...(members.length > 1 ? { objective: String(index + 1) } : {}) }, specification);
      if (typeof sample === 'string') fault ??= `the reading of ${at} is refused: ${sample}`;
      else samples.push({ ...sample, member: index });
    }
  }
  return { samples, ...(fault === undefined ? {} : { fault }) };
}
