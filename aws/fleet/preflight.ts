import {
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeSnapshotsCommand,
  DescribeSubnetsCommand,
  type EC2Client,
  type InstanceTypeInfo,
} from '@aws-sdk/client-ec2';
import { DescribeKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import { present } from '../../core/environment/present.ts';
import type { ImageSnapshot, InstanceTypeFacts, PreflightReader } from '../../core/remediation/preflight/preflight-ports.ts';
import { callAws } from '../platform/aws-errors.ts';
import { absentOr } from './instance-reader.ts';

export function createPreflightReader(ec2: EC2Client, kms: KMSClient): PreflightReader {
  return {
    instanceTypes: (names) => readTypes(ec2, names),
    offeredTypes: (names, availabilityZone) => readOffers(ec2, names, availabilityZone),
    snapshots: (snapshotIds) => readSnapshots(ec2, snapshotIds),
    keyState: (keyId) => readKey(kms, keyId),
    freeAddresses: (subnetId) => readFreeAddresses(ec2, subnetId),
  };
}

/** By a filter: a type that does not exist is missing in the answer, where `InstanceTypes` would fail the whole call. */
async function readTypes(ec2: EC2Client, names: readonly string[]): Promise<readonly InstanceTypeFacts[]> {
  if (names.length === 0) return [];
  const answer = await callAws(`describe the types ${names.join(', ')}`, () =>
    ec2.send(new DescribeInstanceTypesCommand({ Filters: [{ Name: 'instance-type', Values: [...names] }] })),
  );
  return (answer.InstanceTypes ?? []).map(typeOf);
}

function typeOf(info: InstanceTypeInfo): InstanceTypeFacts {
  return {
    instanceType: info.InstanceType ?? 'unknown',
    architectures: info.ProcessorInfo?.SupportedArchitectures ?? [],
    bootModes: info.SupportedBootModes ?? [],
    virtualizationTypes: info.SupportedVirtualizationTypes ?? [],
    rootDeviceTypes: info.SupportedRootDeviceTypes ?? [],
    enaSupport: info.NetworkInfo?.EnaSupport ?? 'unknown',
  };
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html */
async function readOffers(ec2: EC2Client, names: readonly string[], availabilityZone: string): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const answer = await callAws(`ask whether ${availabilityZone} offers ${names.join(', ')}`, () =>
    ec2.send(
      new DescribeInstanceTypeOfferingsCommand({
        LocationType: 'availability-zone',
        Filters: [
          { Name: 'location', Values: [availabilityZone] },
          { Name: 'instance-type', Values: [...names] },
        ],
      }),
    ),
  );
  return (answer.InstanceTypeOfferings ?? []).flatMap(({ InstanceType }) => InstanceType ?? []);
}

const absentSnapshots: readonly string[] = ['InvalidSnapshot.NotFound', 'InvalidSnapshotID.Malformed'];

/** One absent id fails the whole call: then each is asked for itself. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html */
async function readSnapshots(ec2: EC2Client, snapshotIds: readonly string[]): Promise<readonly ImageSnapshot[]> {
  if (snapshotIds.length === 0) return [];
  const answer = await absentOr(`describe the snapshots ${snapshotIds.join(', ')}`, absentSnapshots, () =>
    ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [...snapshotIds] })),
  );
  if (answer === undefined && snapshotIds.length === 1) return [];
  if (answer === undefined) return (await Promise.all(snapshotIds.map((snapshotId) => readSnapshots(ec2, [snapshotId])))).flat();
  return (answer.Snapshots ?? []).map(({ SnapshotId, State, KmsKeyId }) => ({
    snapshotId: SnapshotId ?? 'unknown',
    state: State ?? 'unknown',
    ...present({ kmsKeyId: KmsKeyId }),
  }));
}

/** https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html */
async function readKey(kms: KMSClient, keyId: string): Promise<string | undefined> {
  const answer = await absentOr(`describe the key ${keyId}`, ['NotFoundException'], () => kms.send(new DescribeKeyCommand({ KeyId: keyId })));
  return answer === undefined ? undefined : (answer.KeyMetadata?.KeyState ?? 'unknown');
}

async function readFreeAddresses(ec2: EC2Client, subnetId: string): Promise<number | undefined> {
  const answer = await absentOr(`describe the subnet ${subnetId}`, ['InvalidSubnetID.NotFound'], () =>
    ec2.send(new DescribeSubnetsCommand({ SubnetIds: [subnetId] })),
  );
  return answer === undefined ? undefined : (answer.Subnets?.[0]?.AvailableIpAddressCount ?? 0);
}
