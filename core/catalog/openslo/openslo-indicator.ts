import * as z from 'zod/mini';
import { broken, lineOf } from '../fields.ts';
import { descriptionSchema, objectMetadataSchema, objectNameSchema, openSloApiVersion } from './openslo-parts.ts';

/*
 * Indicators and where their figures come from (https://github.com/OpenSLO/OpenSLO#sli, #datasource). Any source is part of the
 * language; which ones Perennial can read is asked when a catalog is checked (openslo-sources.ts).
 */

const metricSourceSchema = z
  .strictObject({
    metricSourceRef: z.optional(objectNameSchema),
    type: z.optional(lineOf(64)),
    spec: z.record(z.string(), z.unknown()),
  })
  .check(z.refine(({ metricSourceRef, type }) => metricSourceRef !== undefined || type !== undefined, broken('sourceType')));
export type MetricSource = z.infer<typeof metricSourceSchema>;

const metricSchema = z.strictObject({ metricSource: metricSourceSchema });

const ratioMetricSchema = z
  .strictObject({
    /** True for a metric that only ever rises; CloudWatch counts per period, so mostly false. */
    counter: z._default(z.boolean(), false),
    good: z.optional(metricSchema),
    bad: z.optional(metricSchema),
    total: z.optional(metricSchema),
    /** Whether `raw` is the share of successes or of failures. */
    rawType: z.optional(z.enum(['success', 'failure'])),
    raw: z.optional(metricSchema),
  })
  .check(
    z.refine(
      ({ good, bad, total, raw }) => (raw === undefined ? total !== undefined : total === undefined && good === undefined && bad === undefined),
      broken('ratioForm'),
    ),
    z.refine(({ good, bad, total }) => total === undefined || (good === undefined) !== (bad === undefined), broken('oneNumerator')),
    z.refine(({ raw, rawType }) => (raw === undefined) === (rawType === undefined), broken('rawType')),
  );
export type RatioMetric = z.infer<typeof ratioMetricSchema>;

const indicatorSpecSchema = z
  .strictObject({ description: z.optional(descriptionSchema), ratioMetric: z.optional(ratioMetricSchema), thresholdMetric: z.optional(metricSchema) })
  .check(z.refine(({ ratioMetric, thresholdMetric }) => (ratioMetric === undefined) !== (thresholdMetric === undefined), broken('oneMetric')));

/** An indicator inside an SLO; the specification's examples leave out what a document of its own begins with. */
export const indicatorSchema = z.strictObject({
  apiVersion: z.optional(z.literal(openSloApiVersion)),
  kind: z.optional(z.literal('SLI')),
  metadata: z.optional(objectMetadataSchema),
  spec: indicatorSpecSchema,
});
export type Indicator = z.infer<typeof indicatorSchema>;

/** An OpenSLO v1 `SLI` document. */
export const indicatorDocumentSchema = z.strictObject({
  apiVersion: z.literal(openSloApiVersion),
  kind: z.literal('SLI'),
  metadata: objectMetadataSchema,
  spec: indicatorSpecSchema,
});
export type IndicatorDocument = z.infer<typeof indicatorDocumentSchema>;

/** An OpenSLO v1 `DataSource` document. What it says of a connection is read but never published. */
export const dataSourceSchema = z.strictObject({
  apiVersion: z.literal(openSloApiVersion),
  kind: z.literal('DataSource'),
  metadata: objectMetadataSchema,
  spec: z.strictObject({
    description: z.optional(descriptionSchema),
    type: lineOf(64),
    connectionDetails: z.optional(z.nullable(z.record(z.string(), z.unknown()))),
  }),
});
export type DataSource = z.infer<typeof dataSourceSchema>;

/** The metrics of an indicator with the place of each, from `spec` of the indicator on. */
export function sourcesOf({ spec }: Pick<Indicator, 'spec'>): readonly { readonly path: readonly string[]; readonly source: MetricSource }[] {
  const { ratioMetric, thresholdMetric } = spec;
  const named = [
    [['thresholdMetric'], thresholdMetric],
    [['ratioMetric', 'good'], ratioMetric?.good],
    [['ratioMetric', 'bad'], ratioMetric?.bad],
    [['ratioMetric', 'total'], ratioMetric?.total],
    [['ratioMetric', 'raw'], ratioMetric?.raw],
  ] as const;
  return named.flatMap(([path, metric]) => (metric === undefined ? [] : [{ path: ['spec', ...path, 'metricSource'], source: metric.metricSource }]));
}
