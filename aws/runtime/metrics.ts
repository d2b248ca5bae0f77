import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Meter } from '../../core/environment/meter.ts';
import type { BudgetGauges } from '../../core/slo/reading/gauges.ts';

/** The namespace of Perennial's own metrics in CloudWatch. */
export const METRIC_NAMESPACE = 'Perennial';

/** Counts in the embedded metric format: a log line, so that no call is made and none can fail (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html). */
export function createMeter(serviceName: string): Meter {
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE, serviceName });
  return {
    count: (name, value = 1) => {
      metrics.addMetric(name, MetricUnit.Count, value);
    },
    seconds: (name, value) => {
      metrics.addMetric(name, MetricUnit.Seconds, value);
    },
    flush: () => {
      // Without this Powertools warns of every invocation that had nothing to count.
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    },
  };
}

/**
 * One document an objective, with the dimensions `objective`, `system` and, as in all our metrics, `service`. A document of three
 * metrics is far from the 100 that a metric directive may hold and from the 1 MB of a log event
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
 */
export function createBudgetGauges(serviceName: string): BudgetGauges {
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE, serviceName });
  return {
    show: ({ objective, system, remainingPercent, remainingMinutes, burnRate1h, at }) => {
      metrics.addDimensions({ objective, system });
      metrics.setTimestamp(new Date(at));
      metrics.addMetric('BudgetRemainingPercent', MetricUnit.Percent, remainingPercent);
      metrics.addMetric('BudgetRemainingMinutes', MetricUnit.NoUnit, remainingMinutes);
      metrics.addMetric('BurnRate1h', MetricUnit.NoUnit, burnRate1h);
      // Dimensions are those of one document: they are cleared with it.
      metrics.publishStoredMetrics();
    },
  };
}
