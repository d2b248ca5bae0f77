import * as z from 'zod/mini';
import { durationSeconds } from '../durations.ts';
import { broken, lineOf, nameSchema, proseOf } from '../fields.ts';

/* What several kinds of OpenSLO v1 documents share (https://github.com/OpenSLO/OpenSLO#general-schema). */

export const openSloApiVersion = 'openslo/v1';

/**
 * Names as the specification's own examples write them, capitals included. What becomes a key of a record or names a System
 * (SLO, Service) keeps to the stricter form of {@link nameSchema}.
 */
export const objectNameSchema = z
  .string()
  .check(z.maxLength(63, broken('objectName')), z.regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, broken('objectName')));

const labelKeySchema = z.string().check(z.regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/));
const labelValueSchema = z.union([z.string().check(z.maxLength(256)), z.array(z.string().check(z.maxLength(256))).check(z.maxLength(20))]);

const annotationsSchema = z.record(lineOf(317), z.string().check(z.maxLength(1024)));

/** How gaps, little traffic and exclusions are judged is chosen in the document (docs of each key: core/slo/objective/semantics.ts). */
const annotationValues: Readonly<Record<string, RegExp>> = {
  'perennial.io/no-data': /^(good|bad|ignore)$/,
  'perennial.io/minimum-events': /^[1-9]\d{0,8}$/,
  'perennial.io/exclusions': /^(good|drop)$/,
};

const judgedAnnotationsSchema = annotationsSchema.check((context) => {
  for (const [key, value] of Object.entries(context.value)) {
    if (!key.startsWith('perennial.io/')) continue;
    const form = Object.hasOwn(annotationValues, key) ? annotationValues[key] : undefined;
    if (form?.test(value) === true) continue;
    context.issues.push({ code: 'custom', message: broken(form === undefined ? 'annotationKey' : 'annotationValue'), path: [key], input: value });
  }
});

const metadataShape = {
  displayName: z.optional(lineOf(256)),
  labels: z.optional(z.record(labelKeySchema, labelValueSchema)),
};

/** Of an SLO: the name is a record's key, and its annotations may hold Perennial's own. */
export const sloMetadataSchema = z.strictObject({
  ...metadataShape,
  name: nameSchema,
  annotations: z
    .optional(judgedAnnotationsSchema)
    .check(
      z.describe(
        'perennial.io/no-data (good, bad or ignore): what a slice without events counts as. perennial.io/minimum-events: fewer are too little to judge. perennial.io/exclusions (good or drop): how excluded time counts.',
      ),
    ),
});
export const serviceMetadataSchema = z.strictObject({ ...metadataShape, name: nameSchema, annotations: z.optional(annotationsSchema) });
export const objectMetadataSchema = z.strictObject({ ...metadataShape, name: objectNameSchema, annotations: z.optional(annotationsSchema) });

export const descriptionSchema = proseOf(1050);

/** A positive whole number and its unit, as the specification writes durations. */
export const durationSchema = z.string().check(z.regex(/^[1-9]\d{0,5}[mhdwMQY]$/, broken('duration')));

/** Zero is a duration only where "at once" is meant. */
export const delaySchema = z.string().check(z.regex(/^(0|[1-9]\d{0,5})[mhdwMQY]$/, broken('duration')));

/** Whether a duration is at most 90 days, counting months, quarters and years as 30, 90 and 365. */
export function isWithinQuarter(duration: string): boolean {
  return (durationSeconds(duration) ?? Number.POSITIVE_INFINITY) <= 90 * 86_400;
}
