import * as z from 'zod/mini';
import { addSeconds } from '../environment/time.ts';
import type { RecordType } from '../records/record-type.ts';

/** An instance as the sweep saw it. Written only when something changed. */
export const instanceRecordSchema = z.object({
  instanceId: z.string(),
  /** `managed`: tagged to a system of the catalog; `unknown`: matches none (S0-04); `elsewhere`: managed by EKS, EMR or Batch; `quarantined`; `gone`. */
  status: z.enum(['managed', 'unknown', 'elsewhere', 'quarantined', 'gone']),
  system: z.optional(z.string()),
  role: z.optional(z.string()),
  slotId: z.optional(z.string()),
  firstSeenAt: z.string(),
  changedAt: z.string(),
  /** Which incident showed us this instance, when one did (S0-04). */
  foundByIncidentId: z.optional(z.string()),
  state: z.string(),
  imageId: z.string(),
  instanceType: z.string(),
  availabilityZone: z.string(),
  subnetId: z.string(),
  vpcId: z.string(),
  securityGroupIds: z.array(z.string()),
  privateIpAddress: z.optional(z.string()),
  instanceProfileArn: z.optional(z.string()),
  /** When it was first seen in service on its present image; the "verified" of image choice rests on it. */
  inServiceSince: z.optional(z.string()),
  name: z.optional(z.string()),
  /** The Auto Scaling group that it is a member of. */
  autoScalingGroup: z.optional(z.string()),
});
export type InstanceRecord = z.infer<typeof instanceRecordSchema>;
/** What is gone is remembered for a quarter: long enough for questions, and groups that churn do not fill the inventory. */
const GONE_KEPT_SECONDS = 90 * 86_400;

export const instanceType: RecordType<InstanceRecord> = {
  name: 'instance',
  schema: instanceRecordSchema,
  expiresAt: (body) => (body.status === 'gone' ? addSeconds(body.changedAt, GONE_KEPT_SECONDS) : undefined),
};

/** A system: declared by the catalog, observed by the sweep. */
export const systemRecordSchema = z.object({
  name: z.string(),
  status: z.enum(['active', 'retired']),
  declaredHash: z.string(),
  observed: z.object({
    instanceIds: z.array(z.string()),
    imageIds: z.array(z.string()),
    zones: z.array(z.string()),
    /** Running members by role: the denominators of the groups. */
    membersByRole: z.record(z.string(), z.number()),
  }),
  /** Append-only, newest last, at most 50: who, when, why (S1-21). */
  changes: z.array(z.object({ at: z.string(), by: z.string(), what: z.string(), why: z.string(), changeClass: z.number() })),
});
export type SystemRecord = z.infer<typeof systemRecordSchema>;
export const systemRecordType: RecordType<SystemRecord> = { name: 'system', schema: systemRecordSchema };

/** Tags Perennial reads and writes; design sections 6 and 7. */
export const tagKeys = {
  system: 'perennial:system',
  role: 'perennial:role',
  slot: 'perennial:slot',
  hold: 'perennial:hold',
  remediation: 'perennial:remediation',
  /** Incident id on a quarantined instance (S0-16). */
  quarantine: 'perennial:quarantine',
  quarantineUntil: 'perennial:quarantine-until',
  alarmOf: 'perennial:alarm-of',
  /** Incident id on a snapshot that was taken as evidence. */
  evidenceOf: 'perennial:evidence-of',
  /** Set by AWS on every member: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html */
  autoScalingGroup: 'aws:autoscaling:groupName',
  /** The drill that an instance was made for: it is no member of anything. */
  drill: 'perennial:drill',
} as const;
