import * as z from 'zod/mini';
import { timeSliceSeconds } from '../durations.ts';
import { broken, lineOf, nameSchema, someOf } from '../fields.ts';
import { comparisons, policyEntrySchema } from './openslo-alerts.ts';
import { indicatorSchema } from './openslo-indicator.ts';
import {
  descriptionSchema,
  durationSchema,
  isWithinQuarter,
  objectNameSchema,
  openSloApiVersion,
  serviceMetadataSchema,
  sloMetadataSchema,
} from './openslo-parts.ts';

/*
 * `SLO` and `Service` of OpenSLO v1 as its specification writes them (https://github.com/OpenSLO/OpenSLO#slo). Unknown keys are
 * errors. In a compiled catalog every reference is resolved (openslo-resolve.ts): `indicator` holds what `indicatorRef` named.
 */

const timeWindowSchema = z
  .strictObject({
    duration: durationSchema,
    isRolling: z.optional(z.boolean()),
    calendar: z.optional(
      z.strictObject({
        startTime: z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}$/, broken('startTime'))),
        timeZone: z.string().check(z.maxLength(64), z.regex(/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/, broken('timeZone'))),
      }),
    ),
  })
  .check(
    z.refine(({ isRolling, calendar, duration }) => isRolling !== true || (calendar === undefined && isWithinQuarter(duration)), {
      error: broken('rollingWindow'),
      path: ['duration'],
    }),
    z.refine(({ isRolling, calendar }) => isRolling === true || calendar !== undefined, broken('calendarWindow')),
  );
export type TimeWindow = z.infer<typeof timeWindowSchema>;

const objectiveSchema = z
  .strictObject({
    displayName: z.optional(lineOf(256)),
    op: z.optional(z.enum(comparisons)),
    value: z.optional(z.number()),
    target: z.optional(z.number().check(z.gt(0, broken('emptyTarget')), z.lt(1, broken('perfectTarget')))),
    targetPercent: z.optional(z.number().check(z.gt(0, broken('emptyTarget')), z.lt(100, broken('perfectTarget')))),
    timeSliceTarget: z.optional(z.number().check(z.gt(0), z.lte(1))),
    timeSliceWindow: z.optional(
      z.union([z.number(), z.string()]).check(z.refine((window) => timeSliceSeconds(window) !== undefined, broken('timeSliceWindow'))),
    ),
    indicator: z.optional(indicatorSchema),
    indicatorRef: z.optional(objectNameSchema),
    compositeWeight: z.optional(z.number().check(z.gt(0), z.lte(1_000_000))),
  })
  .check(
    z.refine(({ target, targetPercent }) => (target === undefined) !== (targetPercent === undefined), broken('oneTarget')),
    z.refine(({ indicator, indicatorRef }) => indicator === undefined || indicatorRef === undefined, broken('oneIndicator')),
  );
export type Objective = z.infer<typeof objectiveSchema>;

function hasIndicator({ indicator, indicatorRef }: { readonly indicator?: unknown; readonly indicatorRef?: unknown }): boolean {
  return indicator !== undefined || indicatorRef !== undefined;
}

const sloSpecSchema = z
  .strictObject({
    description: z.optional(descriptionSchema),
    /** The System of that name. */
    service: nameSchema,
    indicator: z.optional(indicatorSchema),
    indicatorRef: z.optional(objectNameSchema),
    // The specification calls the window optional, and its own examples leave out the method: what most people mean by both.
    timeWindow: z._default(z.array(timeWindowSchema).check(z.minLength(1), z.maxLength(1)), [{ duration: '30d', isRolling: true }]),
    budgetingMethod: z._default(z.enum(['Occurrences', 'Timeslices', 'RatioTimeslices']), 'Occurrences'),
    objectives: someOf(objectiveSchema, 10),
    /** Empty is allowed: the specification's examples end with the bare key. */
    alertPolicies: z.optional(z.nullable(z.array(policyEntrySchema).check(z.maxLength(20)))),
  })
  .check(
    z.refine(({ indicator, indicatorRef }) => indicator === undefined || indicatorRef === undefined, broken('oneIndicator')),
    z.refine((spec) => hasIndicator(spec) || spec.objectives.every(hasIndicator), broken('someIndicator')),
    z.refine((spec) => !hasIndicator(spec) || !spec.objectives.some(hasIndicator), { error: broken('compositeIndicator'), path: ['objectives'] }),
    z.refine((spec) => !hasIndicator(spec) || spec.objectives.every((one) => one.compositeWeight === undefined), {
      error: broken('compositeWeight'),
      path: ['objectives'],
    }),
    z.refine(
      (spec) => spec.budgetingMethod !== 'Timeslices' || spec.objectives.every((one) => one.timeSliceTarget !== undefined && one.timeSliceWindow !== undefined),
      { error: broken('timeSlices'), path: ['objectives'] },
    ),
    z.refine((spec) => spec.budgetingMethod !== 'RatioTimeslices' || spec.objectives.every((one) => one.timeSliceWindow !== undefined), {
      error: broken('ratioTimeSlices'),
      path: ['objectives'],
    }),
    z.refine((spec) => hasIndicator(spec) || new Set(spec.objectives.map((one) => timeSliceSeconds(one.timeSliceWindow ?? 1))).size <= 1, {
      error: broken('compositeSlices'),
      path: ['objectives'],
    }),
    z.refine(
      (spec) =>
        spec.indicator?.spec.thresholdMetric === undefined ||
        (spec.objectives.length === 1 && spec.objectives.every((one) => one.op !== undefined && one.value !== undefined)),
      { error: broken('threshold'), path: ['objectives'] },
    ),
  );

/** An OpenSLO v1 `SLO` document. */
export const serviceLevelObjectiveSchema = z.strictObject({
  apiVersion: z.literal(openSloApiVersion),
  kind: z.literal('SLO'),
  metadata: sloMetadataSchema,
  spec: sloSpecSchema,
});
export type ServiceLevelObjective = z.infer<typeof serviceLevelObjectiveSchema>;

/** Whether its objectives have indicators of their own: parts of one journey with one budget. */
export function isComposite({ spec }: Pick<ServiceLevelObjective, 'spec'>): boolean {
  return spec.objectives.some(hasIndicator);
}

/** An OpenSLO v1 `Service` document; optional, and it must name a System. */
export const serviceSchema = z.strictObject({
  apiVersion: z.literal(openSloApiVersion),
  kind: z.literal('Service'),
  metadata: serviceMetadataSchema,
  spec: z.optional(z.nullable(z.strictObject({ description: z.optional(descriptionSchema) }))),
});
export type Service = z.infer<typeof serviceSchema>;
