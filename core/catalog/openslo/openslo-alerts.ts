import * as z from 'zod/mini';
import { broken, lineOf } from '../fields.ts';
import { delaySchema, descriptionSchema, durationSchema, objectMetadataSchema, objectNameSchema, openSloApiVersion } from './openslo-parts.ts';

/* Alert documents of OpenSLO v1 (https://github.com/OpenSLO/OpenSLO#alertpolicy): each may stand alone or inside the one that uses it. */

export const comparisons = ['lte', 'gte', 'lt', 'gt'] as const;

const conditionSpecSchema = z.strictObject({
  description: z.optional(descriptionSchema),
  severity: lineOf(64),
  condition: z.strictObject({
    kind: z._default(z.literal('burnrate'), 'burnrate'),
    op: z.enum(comparisons),
    /** A burn rate: 1 spends exactly the whole budget in one window. */
    threshold: z.number().check(z.gte(0)),
    lookbackWindow: durationSchema,
    alertAfter: z._default(delaySchema, '0m'),
  }),
});

const targetSpecSchema = z.strictObject({ target: lineOf(128), description: z.optional(descriptionSchema) });

/** What an inlined document may begin with. */
function head<Kind extends string>(kind: Kind) {
  return { apiVersion: z.optional(z.literal(openSloApiVersion)), kind: z.optional(z.literal(kind)), metadata: z.optional(objectMetadataSchema) };
}

/** One object with all keys instead of a union, so that a misspelt key is named and not "none of the allowed forms". */
const isEither = (reference: unknown, spec: unknown): boolean => (reference === undefined) !== (spec === undefined);

const conditionEntrySchema = z
  .strictObject({ conditionRef: z.optional(objectNameSchema), ...head('AlertCondition'), spec: z.optional(conditionSpecSchema) })
  .check(z.refine(({ conditionRef, spec }) => isEither(conditionRef, spec), broken('conditionEntry')));

const targetEntrySchema = z
  .strictObject({ targetRef: z.optional(objectNameSchema), ...head('AlertNotificationTarget'), spec: z.optional(targetSpecSchema) })
  .check(z.refine(({ targetRef, spec }) => isEither(targetRef, spec), broken('targetEntry')));

const policySpecSchema = z.strictObject({
  description: z.optional(descriptionSchema),
  alertWhenNoData: z._default(z.boolean(), false),
  alertWhenResolved: z._default(z.boolean(), false),
  alertWhenBreaching: z._default(z.boolean(), false),
  // The specification keeps the list for later and allows one entry today.
  conditions: z.array(conditionEntrySchema).check(z.minLength(1), z.maxLength(1, broken('oneCondition'))),
  notificationTargets: z.array(targetEntrySchema).check(z.maxLength(20)),
});

/** An entry of `spec.alertPolicies`: by name, or the policy itself. */
export const policyEntrySchema = z
  .strictObject({ alertPolicyRef: z.optional(objectNameSchema), ...head('AlertPolicy'), spec: z.optional(policySpecSchema) })
  .check(z.refine(({ alertPolicyRef, spec }) => isEither(alertPolicyRef, spec), broken('policyEntry')));
export type PolicyEntry = z.infer<typeof policyEntrySchema>;

function documentSchema<Kind extends string, Spec extends z.core.SomeType>(kind: Kind, spec: Spec) {
  return z.strictObject({ apiVersion: z.literal(openSloApiVersion), kind: z.literal(kind), metadata: objectMetadataSchema, spec });
}

export const alertPolicySchema = documentSchema('AlertPolicy', policySpecSchema);
export type AlertPolicy = z.infer<typeof alertPolicySchema>;
export const alertConditionSchema = documentSchema('AlertCondition', conditionSpecSchema);
export type AlertCondition = z.infer<typeof alertConditionSchema>;
export const alertTargetSchema = documentSchema('AlertNotificationTarget', targetSpecSchema);
export type AlertNotificationTarget = z.infer<typeof alertTargetSchema>;
