import * as z from 'zod/mini';
import type { RecordType } from '../../records/record-type.ts';
import { codeOwnerSchema } from './code-owner.ts';

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
  /** How it is reached beside that; what of it cannot be kept stands in `cannotKeep`. */
  publicIpAddress: z.optional(z.string()),
  privateDnsName: z.optional(z.string()),
  publicDnsName: z.optional(z.string()),
  /** The interface it was launched with: it cannot move, but its secondary private addresses can. */
  primaryInterface: z.optional(z.object({ networkInterfaceId: z.string(), secondaryPrivateIpAddresses: z.array(z.string()) })),
  secondaryInterfaces: z.optional(
    z.array(
      z.object({
        networkInterfaceId: z.string(),
        deviceIndex: z.number(),
        deleteOnTermination: z.boolean(),
        privateIpAddresses: z.array(z.string()),
        securityGroupIds: z.array(z.string()),
      }),
    ),
  ),
  /** Also those on secondary interfaces, which move with them. */
  elasticIps: z.optional(
    z.array(z.object({ allocationId: z.string(), publicIpAddress: z.string(), networkInterfaceId: z.string(), privateIpAddress: z.string() })),
  ),
  /** Record sets of declared hosted zones with a value that is an address of the instance which its replacement cannot have. */
  dnsRecords: z.optional(
    z.array(
      z.object({
        hostedZoneId: z.string(),
        name: z.string(),
        type: z.string(),
        setIdentifier: z.optional(z.string()),
        ttlSeconds: z.optional(z.number()),
        values: z.array(z.string()),
      }),
    ),
  ),
  /** Systems Manager associations that name the instance by its id. */
  associations: z.optional(z.array(z.object({ associationId: z.string(), documentName: z.string(), name: z.optional(z.string()) }))),
  targets: z.array(z.object({ targetGroupArn: z.string(), targetGroupName: z.string(), port: z.number(), vpcId: z.optional(z.string()) })),
  /** Who describes it as code, by its tags; absent when nobody is known to. */
  codeOwner: z.optional(codeOwnerSchema),
  /** What a replacement cannot keep, in words, for the plan before and the record after. */
  cannotKeep: z.array(z.string()),
});
export type Capture = z.infer<typeof captureSchema>;
export type CapturedTarget = Capture['targets'][number];
export type CapturedVolume = Capture['volumes'][number];
export type CapturedInterface = NonNullable<Capture['secondaryInterfaces']>[number];
export type CapturedElasticIp = NonNullable<Capture['elasticIps']>[number];
export type CapturedDnsRecord = NonNullable<Capture['dnsRecords']>[number];
export type CapturedAssociation = NonNullable<Capture['associations']>[number];

export const captureType: RecordType<Capture> = { name: 'capture', schema: captureSchema };
