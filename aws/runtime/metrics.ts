import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Meter } from '../../core/environment/meter.ts';

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
