import * as z from 'zod/mini';
import { broken, lineOf, nameSchema, wholeNumber } from './fields.ts';

/*
 * What a system is watched by without anybody having made an alarm: processor, memory and response time (S3-08), and what the catalog
 * names beside them, business figures among it (S3-07). `lib/monitoring-stack.ts` makes the alarms and the dashboard.
 */

const thresholdSchema = z.number().check(z.gte(-1e12), z.lte(1e12));

/** A CloudWatch metric that the catalog declares for a system. */
export const declaredMetricSchema = z.strictObject({
  name: nameSchema.check(z.describe('Part of the alarm name `<system>-<name>`.')),
  kind: z._default(z.enum(['business', 'technical']), 'business'),
  namespace: lineOf(255),
  metric: lineOf(255),
  dimensions: z._default(z.record(z.string().check(z.minLength(1), z.maxLength(255)), lineOf(1024)), {}).check(z.describe('Name and value, at most 30.')),
  statistic: z._default(z.enum(['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount', 'p50', 'p90', 'p95', 'p99']), 'Average'),
  unit: z._default(lineOf(32), 'count').check(z.describe('For people: ms, percent, visitors.')),
  tier: z
    .optional(nameSchema)
    .check(z.describe('Row of the dashboard: load balancer, web, application, database (S4-13). Without it, the label `tier` of the system.')),
  alarm: z
    .optional(
      z
        .strictObject({
          above: z.optional(thresholdSchema),
          below: z.optional(thresholdSchema),
          periodMinutes: z._default(wholeNumber(1, 1440), 5),
          periods: z._default(wholeNumber(1, 24), 3),
          severity: z._default(z.enum(['critical', 'high', 'warning', 'info']), 'warning'),
        })
        .check(z.refine(({ above, below }) => (above === undefined) !== (below === undefined), broken('oneThreshold'))),
    )
    .check(z.describe('Without it the metric is shown and rings nobody.')),
});
export type DeclaredMetric = z.infer<typeof declaredMetricSchema>;

/** Where a metric is read. */
export type MetricSource =
  | {
      readonly kind: 'metric';
      readonly namespace: string;
      readonly metric: string;
      readonly dimensions: Readonly<Record<string, string>>;
      readonly statistic: string;
    }
  /** A Metrics Insights query: follows the instances of a system as they come and go. */
  | { readonly kind: 'query'; readonly sql: string };

export interface MetricAlarm {
  readonly threshold: number;
  readonly isMinimum: boolean;
  readonly periodSeconds: number;
  readonly periods: number;
  readonly severity: 'critical' | 'high' | 'warning' | 'info';
}

/** One metric of a system with its alarm and its place on the dashboard. */
export interface WatchedMetric {
  /** `<system>-<name>`, at most 127 characters. */
  readonly alarmName: string;
  readonly system: string;
  readonly name: string;
  readonly kind: 'business' | 'technical';
  readonly tier: string;
  readonly unit: string;
  readonly source: MetricSource;
  readonly alarm?: MetricAlarm;
  /** What must be true for the metric to exist; for people. */
  readonly needs?: string;
}

interface Watched {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly metrics?: readonly DeclaredMetric[]; readonly targetGroups: readonly string[] };
}

const QUARTER_HOUR = { periodSeconds: 300, periods: 3 } as const;

/**
 * The two that every managed system has by its instances (S3-08). Tags in a query need "resource tags on telemetry" switched on in the account:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/EnableResourceTagsOnTelemetry.html
 */
function defaultsOf(system: string, tier: string): readonly WatchedMetric[] {
  const row = { system, kind: 'technical', tier, unit: 'percent' } as const;
  return [
    {
      ...row,
      name: 'cpu',
      alarmName: `${system}-cpu`,
      source: { kind: 'query', sql: `SELECT MAX(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId) WHERE tag."perennial:system" = '${system}'` },
      alarm: { ...QUARTER_HOUR, threshold: 90, isMinimum: false, severity: 'warning' },
      needs: 'Resource tags on telemetry are enabled in the account.',
    },
    {
      ...row,
      name: 'memory',
      alarmName: `${system}-memory`,
      // EC2 does not see inside an instance: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-collected-by-CloudWatch-agent.html
      source: { kind: 'query', sql: `SELECT MAX(mem_used_percent) FROM SCHEMA("CWAgent", InstanceId, System) WHERE System = '${system}'` },
      alarm: { ...QUARTER_HOUR, threshold: 90, isMinimum: false, severity: 'warning' },
      needs: `The CloudWatch agent runs on the instances and adds the dimensions InstanceId and System=${system} to mem_used_percent.`,
    },
  ];
}

/** Of what stands behind a load balancer; a system without one says in the catalog where its response time is measured. */
function responseTimeOf(system: string, tier: string): WatchedMetric {
  return {
    system,
    kind: 'technical',
    tier,
    unit: 's',
    name: 'response-time',
    alarmName: `${system}-response-time`,
    source: {
      kind: 'query',
      sql: `SELECT AVG(TargetResponseTime) FROM SCHEMA("AWS/ApplicationELB", LoadBalancer, TargetGroup) WHERE tag."perennial:system" = '${system}'`,
    },
    alarm: { ...QUARTER_HOUR, threshold: 1, isMinimum: false, severity: 'warning' },
    needs: 'Resource tags on telemetry are enabled in the account, and the target groups carry the tag perennial:system.',
  };
}

function declaredOf(system: string, tier: string, declared: DeclaredMetric): WatchedMetric {
  const { name, kind, namespace, metric, dimensions, statistic, unit, alarm } = declared;
  const threshold = alarm?.above ?? alarm?.below;
  return {
    alarmName: `${system}-${name}`,
    system,
    name,
    kind,
    tier: declared.tier ?? tier,
    unit,
    source: { kind: 'metric', namespace, metric, dimensions, statistic },
    ...(alarm === undefined || threshold === undefined
      ? {}
      : {
          alarm: { threshold, isMinimum: alarm.above === undefined, periodSeconds: alarm.periodMinutes * 60, periods: alarm.periods, severity: alarm.severity },
        }),
  };
}

/** All metrics that a system is watched by: the defaults, and what it declares. A declared one replaces the default of its name. */
export function watchedMetricsOf({ metadata, spec }: Watched): readonly WatchedMetric[] {
  const tier = metadata.labels?.['tier'] ?? metadata.name;
  const declared = (spec.metrics ?? []).map((metric) => declaredOf(metadata.name, tier, metric));
  const names = new Set(declared.map(({ name }) => name));
  const defaults = [...defaultsOf(metadata.name, tier), ...(spec.targetGroups.length === 0 ? [] : [responseTimeOf(metadata.name, tier)])];
  return [...defaults.filter(({ name }) => !names.has(name)), ...declared];
}

/** Whether an alarm is one of those made for a system. */
export function isWatchedAlarm(system: Watched, alarmName: string): boolean {
  return watchedMetricsOf(system).some((metric) => metric.alarmName === alarmName && metric.alarm !== undefined);
}
