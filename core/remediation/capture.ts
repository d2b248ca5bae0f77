import * as z from 'zod/mini';
import type { RecordType } from '../records/record-type.ts';

/**
 * Everything that must be restored on a replacement, as one versioned document (design section 2).
 * User data is never in it: only its hash and size (design section 5).
 */
export const captureSchema = z.object({
  formatVersion: z.literal(1),
  instanceId: z.string(),
  capturedAt: z.string(),
  imageId: z.string(),
  instanceType: z.string(),
  architecture: z.string(),
  availabilityZone: z.string(),
  subnetId: z.string(),
  vpcId: z.string(),
  securityGroupIds: z.array(z.string()),
  privateIpAddress: z.optional(z.string()),
  /** Instance profile ARN; its name and its role's name may differ. */
  instanceProfileArn: z.optional(z.string()),
  keyName: z.optional(z.string()),
  ebsOptimized: z.boolean(),
  detailedMonitoring: z.boolean(),
  sourceDestCheck: z.boolean(),
  terminationProtection: z.boolean(),
  stopProtection: z.boolean(),
  /** `stop` or `terminate`. */
  shutdownBehavior: z.string(),
  /** `standard` or `unlimited` for burstable types. */
  creditSpecification: z.optional(z.string()),
  metadataOptions: z.object({
    httpTokens: z.string(),
    httpPutResponseHopLimit: z.number(),
    httpEndpoint: z.string(),
    instanceMetadataTags: z.string(),
  }),
  userData: z.optional(z.object({ sha256: z.string(), sizeBytes: z.number() })),
  rootDeviceName: z.string(),
  volumes: z.array(
    z.object({
      volumeId: z.string(),
      deviceName: z.string(),
      isRoot: z.boolean(),
      deleteOnTermination: z.boolean(),
      sizeGiB: z.number(),
      volumeType: z.string(),
      encrypted: z.boolean(),
      kmsKeyId: z.optional(z.string()),
      /** Provisioned, for types that have it; captures made before this field lack it. */
      iops: z.optional(z.number()),
      throughputMiBps: z.optional(z.number()),
    }),
  ),
  /** All but `aws:*` and `perennial:*`, which are set afresh. */
  tags: z.record(z.string(), z.string()),
  targets: z.array(z.object({ targetGroupArn: z.string(), targetGroupName: z.string(), port: z.number(), vpcId: z.optional(z.string()) })),
  /** What a replacement cannot keep, in words, for the plan before and the record after. */
  cannotKeep: z.array(z.string()),
});
export type Capture = z.infer<typeof captureSchema>;
export type CapturedTarget = Capture['targets'][number];

export const captureType: RecordType<Capture> = { name: 'capture', schema: captureSchema };
