import * as z from 'zod/mini';
import { durationSeconds, timeSliceSeconds } from './durations.ts';
import { lineOf, nameSchema, proseOf, broken, someOf, wordSchema } from './fields.ts';

/*
 * OpenSLO v1 as its specification writes it (https://github.com/OpenSLO/OpenSLO#slo), as far as Perennial can keep the
 * promise: one inline indicator over CloudWatch metrics. What the specification allows and Perennial cannot read is refused.
 */

export const openSloApiVersion = 'openslo/v1';

const labelValueSchema = z.union([z.string().check(z.maxLength(256)), z.array(z.string().check(z.maxLength(256))).check(z.maxLength(20))]);

const metadataSchema = z.strictObject({
  name: nameSchema,
  displayName: z.optional(lineOf(256)),
  labels: z.optional(z.record(wordSchema, labelValueSchema)),
  annotations: z.optional(z.record(lineOf(317), z.string().check(z.maxLength(1024)))),
});

/** A CloudWatch metric; limits as in https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html */
const cloudWatchMetricSchema = z.strictObject({
  namespace: lineOf(255),
  metric: lineOf(255),
  dimensions: z._default(z.record(lineOf(255), lineOf(1024)).check(z.refine((dimensions) => Object.keys(dimensions).length <= 30, broken('dimensions'))), {}),
  statistic: z.string().check(z.regex(/^(Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d{1,10})?)$/, broken('statistic'))),
});

const metricSchema = z.strictObject({
  metricSource: z.strictObject({ type: z.literal('CloudWatch'), spec: cloudWatchMetricSchema }),
});

const ratioMetricSchema = z
  .strictObject({
    /** True for a metric that only ever rises; CloudWatch counts per period, so mostly false. */
    counter: z._default(z.boolean(), false),
    good: z.optional(metricSchema),
    bad: z.optional(metricSchema),
    total: metricSchema,
  })
  .check(z.refine(({ good, bad }) => (good === undefined) !== (bad === undefined), broken('oneNumerator')));

const indicatorSchema = z.strictObject({
  metadata: z.optional(metadataSchema),
  spec: z
    .strictObject({ description: z.optional(proseOf(1050)), ratioMetric: z.optional(ratioMetricSchema), thresholdMetric: z.optional(metricSchema) })
    .check(z.refine(({ ratioMetric, thresholdMetric }) => (ratioMetric === undefined) !== (thresholdMetric === undefined), broken('oneMetric'))),
});

const day = 86_400;

function isRollingWindow({ duration, isRolling, calendar }: { duration: string; isRolling?: boolean | undefined; calendar?: unknown }): boolean {
  const seconds = durationSeconds(duration) ?? 0;
  return isRolling === true && calendar === undefined && /[hdw]$/.test(duration) && seconds >= day && seconds <= 90 * day;
}

const timeWindowSchema = z
  .strictObject({
    duration: z.string().check(z.regex(/^[1-9]\d{0,5}[mhdwMQY]$/, broken('duration'))),
    isRolling: z.optional(z.boolean()),
    calendar: z.optional(
      z.strictObject({
        startTime: z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}$/, broken('startTime'))),
        timeZone: z.string().check(z.maxLength(64), z.regex(/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/, broken('timeZone'))),
      }),
    ),
  })
  .check(
    z.refine((window) => window.isRolling !== true || isRollingWindow(window), { error: broken('rollingWindow'), path: ['duration'] }),
    z.refine((window) => window.isRolling === true || (window.calendar !== undefined && /[dwMQY]$/.test(window.duration)), broken('calendarWindow')),
  );

const objectiveSchema = z
  .strictObject({
    displayName: z.optional(lineOf(256)),
    op: z.optional(z.enum(['lte', 'gte', 'lt', 'gt'])),
    value: z.optional(z.number()),
    target: z.optional(z.number().check(z.gt(0, broken('emptyTarget')), z.lt(1, broken('perfectTarget')))),
    targetPercent: z.optional(z.number().check(z.gt(0, broken('emptyTarget')), z.lt(100, broken('perfectTarget')))),
    timeSliceTarget: z.optional(z.number().check(z.gt(0), z.lte(1))),
    timeSliceWindow: z.optional(
      z.union([z.number(), z.string()]).check(z.refine((window) => timeSliceSeconds(window) !== undefined, broken('timeSliceWindow'))),
    ),
  })
  .check(z.refine(({ target, targetPercent }) => (target === undefined) !== (targetPercent === undefined), broken('oneTarget')));
export type Objective = z.infer<typeof objectiveSchema>;

const sloSpecSchema = z
  .strictObject({
    description: z.optional(proseOf(1050)),
    /** The System of that name. */
    service: nameSchema,
    indicator: indicatorSchema,
    timeWindow: z.array(timeWindowSchema).check(z.minLength(1), z.maxLength(1)),
    budgetingMethod: z.enum(['Occurrences', 'Timeslices', 'RatioTimeslices']),
    objectives: someOf(objectiveSchema, 10),
    /** Read, but not used: Perennial raises its own burn-rate alerts (design.md section 8). */
    alertPolicies: z.optional(z.array(z.unknown()).check(z.maxLength(20))),
  })
  .check(
    z.refine(
      (spec) => spec.budgetingMethod !== 'Timeslices' || spec.objectives.every((one) => one.timeSliceTarget !== undefined && one.timeSliceWindow !== undefined),
      { error: broken('timeSlices'), path: ['objectives'] },
    ),
    z.refine((spec) => spec.budgetingMethod !== 'RatioTimeslices' || spec.objectives.every((one) => one.timeSliceWindow !== undefined), {
      error: broken('ratioTimeSlices'),
      path: ['objectives'],
    }),
    z.refine(
      (spec) =>
        spec.indicator.spec.thresholdMetric === undefined ||
        (spec.objectives.length === 1 && spec.objectives.every((one) => one.op !== undefined && one.value !== undefined)),
      { error: broken('threshold'), path: ['objectives'] },
    ),
  );

/** An OpenSLO v1 `SLO` document. */
export const serviceLevelObjectiveSchema = z.strictObject({
  apiVersion: z.literal(openSloApiVersion),
  kind: z.literal('SLO'),
  metadata: metadataSchema,
  spec: sloSpecSchema,
});
export type ServiceLevelObjective = z.infer<typeof serviceLevelObjectiveSchema>;

/** An OpenSLO v1 `Service` document; optional, and it must name a System. */
export const serviceSchema = z.strictObject({
  apiVersion: z.literal(openSloApiVersion),
  kind: z.literal('Service'),
  metadata: metadataSchema,
  spec: z.optional(z.strictObject({ description: z.optional(proseOf(1050)) })),
});
export type Service = z.infer<typeof serviceSchema>;
