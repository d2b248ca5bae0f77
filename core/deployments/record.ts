import * as z from 'zod/mini';
import { lineOf, nameSchema, textOf } from '../catalog/fields.ts';
import { parseTimestamp } from '../environment/time.ts';
import type { RecordType } from '../records/record-type.ts';
import type { DeployEventType } from './ports.ts';

/** How a deploy can go on. `stopped` is CodeDeploy's word for one that a person ended. */
export const deploymentKindSchema = z.enum(['started', 'finished', 'failed', 'stopped', 'rolled-back']);
export type DeploymentKind = z.infer<typeof deploymentKindSchema>;

/** Our own bus's detail-types (design.md section 6). */
export const deployEventTypes = {
  started: 'Deployment Started',
  finished: 'Deployment Finished',
  failed: 'Deployment Failed',
  'rolled-back': 'Deployment Rolled Back',
} as const satisfies Record<Exclude<DeploymentKind, 'stopped'>, DeployEventType>;

const momentSchema = z.pipe(
  z.string().check(z.refine((text) => parseTimestamp(text) !== undefined, 'must be a moment such as 2026-11-21T09:00:00Z')),
  z.transform((text) => parseTimestamp(text) ?? text),
);

/**
 * The detail of a deploy event (design.md section 6). What a good event must say but this one does not is an empty text: such an
 * event is recorded with a finding instead of being lost, because a deploy nobody knows of is worse than a badly described one.
 */
export const deployEventDetailSchema = z.object({
  system: nameSchema,
  version: z._default(textOf(128), ''),
  configVersion: z.optional(lineOf(128)),
  commit: z._default(textOf(128), ''),
  /** What runs again after a rollback. */
  previousVersion: z._default(textOf(128), ''),
  deployer: z._default(textOf(128), ''),
  approver: z.optional(lineOf(128)),
  databaseChange: z._default(z.boolean(), false),
  /** The way back was tried, with the database as this deploy leaves it. */
  rollbackTested: z._default(z.boolean(), false),
  at: momentSchema,
});
export type DeployDetail = z.infer<typeof deployEventDetailSchema>;

/** What is wrong with how a deploy was announced. */
export const findingSchema = z.object({ rule: z.string(), text: z.string() });
export type Finding = z.infer<typeof findingSchema>;

/** The answer of the error budget policy to a deploy (S2-08). */
const deployGateSchema = z.object({ answer: z.enum(['go', 'freeze']), reason: z.string() });
export type DeployGate = z.infer<typeof deployGateSchema>;

/**
 * One deploy event as it was recorded; append-only. A deployment is what its events say together, so that their order of
 * arrival does not matter.
 */
export const deploymentEventRecordSchema = z.object({
  ...deployEventDetailSchema.shape,
  at: z.string(),
  /** `<system>/<digits of at>-<hash>`: the events of a system sort by time. */
  id: z.string(),
  accountId: z.string(),
  region: z.string(),
  kind: deploymentKindSchema,
  /** `perennial`, `aws.codedeploy` … */
  source: z.string(),
  findings: z.array(findingSchema),
  /** What the error budget said to its beginning (S2-08). */
  gate: z.optional(deployGateSchema),
});
export type DeploymentEventRecord = z.infer<typeof deploymentEventRecordSchema>;
export const deploymentEventType: RecordType<DeploymentEventRecord> = { name: 'deploy event', schema: deploymentEventRecordSchema };

/** One deployment, from its first event to its newest. */
export interface Deployment extends Omit<DeployDetail, 'at'> {
  /** The id of its first event. */
  readonly id: string;
  readonly accountId: string;
  readonly region: string;
  readonly state: DeploymentKind;
  /** Of its first event. */
  readonly startedAt: string;
  /** Of its newest event. */
  readonly changedAt: string;
  /** What the error budget said to its beginning; absent where that was not heard of. */
  readonly gate?: DeployGate | undefined;
  /** Of all its events, each rule once. */
  readonly findings: readonly Finding[];
  readonly eventIds: readonly string[];
}
