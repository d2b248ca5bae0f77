import type { PerennialIndicator } from '../../catalog/openslo/openslo-sources.ts';
import type { MetricQuery } from './ports.ts';

/*
 * Perennial's own indicators as CloudWatch metrics: which to read, and what their values of one minute say. Pure; who the indicator
 * is about in CloudWatch's words is looked up by the caller.
 */

/** How CloudWatch names what an indicator is about. */
export interface IndicatorSubjects {
  /** `targetgroup/shop-web/73e2d6bc24d8a067`, `app/shop/50dc6c495c0c9188`, by the name of the target group. */
  readonly targetGroups: ReadonlyMap<string, { readonly targetGroup: string; readonly loadBalancer: string }>;
  /** Ids of the instances in service, by system. */
  readonly instances: ReadonlyMap<string, readonly string[]>;
}

/** A point as `slo evaluate` takes it, without its time; `undefined` where nothing was measured. */
export type IndicatorPoint = { readonly good: number; readonly total: number } | { readonly value: number } | undefined;

interface IndicatorReading {
  readonly queries: readonly MetricQuery[];
  /** Reads the values of one minute by the ids of the queries; a metric without data has none. */
  readonly pointOf: (values: ReadonlyMap<string, number>) => IndicatorPoint;
}

/** Nothing in CloudWatch is what the indicator is about: there is nothing to read. */
const nothing: IndicatorReading = { queries: [], pointOf: () => undefined };

type Query = Pick<MetricQuery, 'namespace' | 'metric' | 'dimensions' | 'statistic'>;

function targetGroupReading(
  id: string,
  indicator: Extract<PerennialIndicator, { indicator: 'target-group' }>,
  { targetGroups }: IndicatorSubjects,
): IndicatorReading {
  const found = targetGroups.get(indicator.targetGroup);
  if (found === undefined) return nothing;
  // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
  const about: Pick<Query, 'namespace' | 'dimensions'> = {
    namespace: 'AWS/ApplicationELB',
    dimensions: { LoadBalancer: found.loadBalancer, TargetGroup: found.targetGroup },
  };
  if (indicator.measure === 'healthy-hosts') {
    return {
      queries: [{ id, ...about, metric: 'HealthyHostCount', statistic: 'Minimum' }],
      pointOf: (values) => shareOf(values.get(id), indicator.minimumHealthy),
    };
  }
  return {
    queries: [
      { id: `${id}:total`, ...about, metric: 'RequestCount', statistic: 'Sum' },
      { id: `${id}:bad`, ...about, metric: 'HTTPCode_Target_5XX_Count', statistic: 'Sum' },
    ],
    pointOf: (values) => {
      const total = values.get(`${id}:total`);
      // The load balancer reports a code only where it occurred: no count of errors beside requests is none.
      return total === undefined ? undefined : { total, good: Math.max(0, total - (values.get(`${id}:bad`) ?? 0)) };
    },
  };
}

function shareOf(healthy: number | undefined, minimumHealthy: number): IndicatorPoint {
  return healthy === undefined ? undefined : { value: healthy >= minimumHealthy ? 1 : 0 };
}

function canaryReading(id: string, { canary }: Extract<PerennialIndicator, { indicator: 'canary' }>): IndicatorReading {
  return {
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_metrics.html
    queries: [{ id, namespace: 'CloudWatchSynthetics', metric: 'SuccessPercent', dimensions: { CanaryName: canary }, statistic: 'Average' }],
    pointOf: (values) => {
      const percent = values.get(id);
      return percent === undefined ? undefined : { value: Math.min(1, Math.max(0, percent / 100)) };
    },
  };
}

/** Bounds the metrics of one indicator; a system with more is better watched by its target group. */
export const MAX_WATCHED_INSTANCES = 50;

function healthyMinutesReading(
  id: string,
  { system, minimumHealthy }: Extract<PerennialIndicator, { indicator: 'instance-healthy-minutes' }>,
  { instances }: IndicatorSubjects,
): IndicatorReading {
  const watched = (instances.get(system) ?? []).slice(0, MAX_WATCHED_INSTANCES);
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html (status check metrics: 0 passed, 1 failed)
  const queries = watched.map((instanceId): MetricQuery => ({
    id: `${id}:${instanceId}`,
    namespace: 'AWS/EC2',
    metric: 'StatusCheckFailed',
    dimensions: { InstanceId: instanceId },
    statistic: 'Maximum',
  }));
  return {
    queries,
    pointOf: (values) => {
      const checks = queries.flatMap((query) => values.get(query.id) ?? []);
      return checks.length === 0 ? undefined : shareOf(checks.filter((failed) => failed === 0).length, minimumHealthy);
    },
  };
}

/**
 * What to read for an indicator.
 *
 * @param id the caller's name for it; the ids of its queries begin with it
 */
export function indicatorReading(id: string, indicator: PerennialIndicator, subjects: IndicatorSubjects): IndicatorReading {
  switch (indicator.indicator) {
    case 'target-group':
      return targetGroupReading(id, indicator, subjects);
    case 'canary':
      return canaryReading(id, indicator);
    case 'instance-healthy-minutes':
      return healthyMinutesReading(id, indicator, subjects);
  }
}
