import * as z from 'zod/mini';
import { broken, lineOf, nameSchema } from '../fields.ts';

/*
 * Where Perennial reads figures from: CloudWatch, and indicators of its own that stand for a set of CloudWatch metrics.
 */

/** A CloudWatch metric; limits as in https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html */
export const cloudWatchMetricSchema = z.strictObject({
  namespace: lineOf(255),
  metric: lineOf(255),
  dimensions: z._default(z.record(lineOf(255), lineOf(1024)).check(z.refine((dimensions) => Object.keys(dimensions).length <= 30, broken('dimensions'))), {}),
  statistic: z.string().check(z.regex(/^(Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d{1,10})?)$/, broken('statistic'))),
});
export type CloudWatchMetric = z.infer<typeof cloudWatchMetricSchema>;

const targetGroupNameSchema = z.string().check(z.minLength(1), z.maxLength(32), z.regex(/^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/, broken('word')));

const targetGroupSchema = z.strictObject({
  indicator: z.literal('target-group'),
  targetGroup: targetGroupNameSchema,
  /** `healthy-hosts`: the minute is good while so many targets serve. `http-codes`: the share of requests not answered with 5xx. */
  measure: z._default(z.enum(['healthy-hosts', 'http-codes']), 'healthy-hosts'),
  minimumHealthy: z._default(z.int().check(z.gte(1), z.lte(1000)), 1),
});

const canarySchema = z.strictObject({
  indicator: z.literal('canary'),
  /** Name of a Synthetics canary: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_metrics.html */
  canary: z.string().check(z.regex(/^[a-z0-9_-]{1,255}$/, broken('word'))),
});

const healthyMinutesSchema = z.strictObject({
  indicator: z.literal('instance-healthy-minutes'),
  /** The minute is good while so many instances of the system pass their status checks. */
  system: nameSchema,
  minimumHealthy: z._default(z.int().check(z.gte(1), z.lte(1000)), 1),
});

/** The form of each indicator of Perennial's own; each gives one share of success per minute, so it stands under `raw`. */
export const perennialIndicatorSchemas = {
  'target-group': targetGroupSchema,
  canary: canarySchema,
  'instance-healthy-minutes': healthyMinutesSchema,
} as const;

export const perennialIndicatorSchema = z.discriminatedUnion('indicator', [targetGroupSchema, canarySchema, healthyMinutesSchema]);
export type PerennialIndicator = z.infer<typeof perennialIndicatorSchema>;

export const sourceTypes = ['CloudWatch', 'Perennial'] as const;

/** A metric source as Perennial reads it. */
export type ReadableSource =
  | { readonly kind: 'cloudwatch'; readonly metric: CloudWatchMetric }
  | { readonly kind: 'perennial'; readonly indicator: PerennialIndicator }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** What a source of a compiled catalog is: its type is resolved, and its form was checked when the catalog was. */
export function readableSource({ type, spec }: { readonly type?: string | undefined; readonly spec: unknown }): ReadableSource {
  if (type === 'CloudWatch') {
    const parsed = cloudWatchMetricSchema.safeParse(spec);
    return parsed.success ? { kind: 'cloudwatch', metric: parsed.data } : { kind: 'unreadable', reason: 'its CloudWatch metric has not the known form' };
  }
  const parsed = perennialIndicatorSchema.safeParse(spec);
  if (type === 'Perennial' && parsed.success) return { kind: 'perennial', indicator: parsed.data };
  return { kind: 'unreadable', reason: `its source is ${type ?? 'unknown'}, and Perennial reads ${sourceTypes.join(' and ')}` };
}
