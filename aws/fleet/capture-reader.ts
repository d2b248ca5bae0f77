import { createHash } from 'node:crypto';
import {
  DescribeInstanceAttributeCommand,
  DescribeInstanceCreditSpecificationsCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  type EC2Client,
  type Instance,
  type InstanceAttributeName,
  type Volume,
} from '@aws-sdk/client-ec2';
import type { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { present } from '../../core/environment/present.ts';
import type { Capture, CapturedTarget } from '../../core/remediation/surroundings/capture.ts';
import { codeOwnerOf } from '../../core/remediation/surroundings/code-owner.ts';
import type { CaptureReader, InstanceFacts } from '../../core/remediation/ports.ts';
import { callAws } from '../platform/aws-errors.ts';
import { readBelongings } from './belongings.ts';
import { cannotKeep } from './cannot-keep.ts';
import type { FleetClients } from './clients.ts';
import { factsOf } from './instance-facts.ts';
import { absentCodes, absentOr } from './instance-reader.ts';
import { findTargetGroups, readRegistered } from './targets.ts';

/** Reads every attribute of an instance that its replacement gets back. Nothing of the user data leaves but its hash and size. */
export function createCaptureReader(clients: Pick<FleetClients, 'ec2' | 'elb' | 'route53' | 'ssm'>): CaptureReader {
  const { ec2, elb } = clients;
  return {
    capture: async (instanceId, targetGroupNames, at, hostedZones = []) => {
      const answer = await absentOr(`describe ${instanceId}`, absentCodes, () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })));
      const instance = answer?.Reservations?.[0]?.Instances?.[0];
      if (instance === undefined) return undefined;
      const facts = factsOf(instance);
      if (facts.state === 'terminated' || facts.state === 'shutting-down') return undefined;
      const [attributes, volumes, targets, belongings] = [
        await readAttributes(ec2, instance, facts),
        await readVolumes(ec2, instance),
        await readTargets(elb, instanceId, targetGroupNames),
        await readBelongings(clients, instance, hostedZones),
      ];
      return { ...buildCapture(instance, facts, { attributes, volumes, targets, at }), ...belongings };
    },
  };
}

interface Parts {
  readonly attributes: Attributes;
  readonly volumes: Capture['volumes'];
  readonly targets: readonly CapturedTarget[];
  readonly at: string;
}

function buildCapture(instance: Instance, facts: InstanceFacts, { attributes, volumes, targets, at }: Parts): Capture {
  return {
    formatVersion: 1,
    instanceId: facts.instanceId,
    capturedAt: at,
    imageId: facts.imageId,
    instanceType: facts.instanceType,
    architecture: attributes.architecture,
    availabilityZone: facts.availabilityZone,
    subnetId: facts.subnetId,
    vpcId: facts.vpcId,
    securityGroupIds: [...facts.securityGroupIds],
    ebsOptimized: instance.EbsOptimized ?? false,
    detailedMonitoring: instance.Monitoring?.State === 'enabled' || instance.Monitoring?.State === 'pending',
    sourceDestCheck: instance.SourceDestCheck ?? true,
    terminationProtection: attributes.terminationProtection,
    stopProtection: attributes.stopProtection,
    shutdownBehavior: attributes.shutdownBehavior,
    metadataOptions: metadataOf(instance),
    rootDeviceName: instance.RootDeviceName ?? '/dev/xvda',
    volumes,
    tags: Object.fromEntries(Object.entries(facts.tags).filter(([key]) => !key.startsWith('aws:') && !key.startsWith('perennial:'))),
    targets: [...targets],
    cannotKeep: cannotKeep(instance, facts),
    ...present({
      codeOwner: codeOwnerOf(facts.tags),
      privateIpAddress: facts.privateIpAddress,
      instanceProfileArn: facts.instanceProfileArn,
      keyName: instance.KeyName,
      creditSpecification: attributes.creditSpecification,
      userData: attributes.userData,
    }),
  };
}

function metadataOf({ MetadataOptions: options }: Instance): Capture['metadataOptions'] {
  return {
    httpTokens: options?.HttpTokens ?? 'optional',
    httpPutResponseHopLimit: options?.HttpPutResponseHopLimit ?? 1,
    httpEndpoint: options?.HttpEndpoint ?? 'enabled',
    instanceMetadataTags: options?.InstanceMetadataTags ?? 'disabled',
  };
}

interface Attributes {
  readonly architecture: string;
  readonly terminationProtection: boolean;
  readonly stopProtection: boolean;
  readonly shutdownBehavior: string;
  readonly creditSpecification?: string;
  readonly userData?: { readonly sha256: string; readonly sizeBytes: number };
}

async function readAttribute(ec2: EC2Client, instanceId: string, attribute: InstanceAttributeName) {
  return callAws(`read the ${attribute} of ${instanceId}`, () =>
    ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute: attribute })),
  );
}

async function readAttributes(ec2: EC2Client, instance: Instance, facts: InstanceFacts): Promise<Attributes> {
  const { instanceId } = facts;
  const [userData, termination, stop, shutdown] = await Promise.all([
    readUserData(ec2, instanceId),
    readAttribute(ec2, instanceId, 'disableApiTermination'),
    readAttribute(ec2, instanceId, 'disableApiStop'),
    readAttribute(ec2, instanceId, 'instanceInitiatedShutdownBehavior'),
  ]);
  const creditSpecification = await readCredits(ec2, facts);
  return {
    // The instance says it itself: its image may be deregistered long since.
    architecture: instance.Architecture ?? 'unknown',
    terminationProtection: termination.DisableApiTermination?.Value ?? false,
    stopProtection: stop.DisableApiStop?.Value ?? false,
    shutdownBehavior: shutdown.InstanceInitiatedShutdownBehavior?.Value ?? 'stop',
    ...present({ creditSpecification, userData: userData === undefined ? undefined : { sha256: hashOf(userData), sizeBytes: userData.length } }),
  };
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The user data itself: only ever in memory. `undefined` when there is none, or when EC2 answers with one of `absent`. */
export async function readUserData(ec2: EC2Client, instanceId: string, absent: readonly string[] = []): Promise<Buffer | undefined> {
  const answer = await absentOr(`read the userData of ${instanceId}`, absent, () =>
    ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute: 'userData' })),
  );
  const text = answer?.UserData?.Value;
  return text === undefined || text === '' ? undefined : Buffer.from(text, 'base64');
}

/** Only burstable types have credits: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances.html */
async function readCredits(ec2: EC2Client, facts: InstanceFacts): Promise<string | undefined> {
  if (!/^t\d/.test(facts.instanceType)) return undefined;
  const answer = await callAws(`read the credits of ${facts.instanceId}`, () =>
    ec2.send(new DescribeInstanceCreditSpecificationsCommand({ InstanceIds: [facts.instanceId] })),
  );
  return answer.InstanceCreditSpecifications?.[0]?.CpuCredits;
}

async function readVolumes(ec2: EC2Client, instance: Instance): Promise<Capture['volumes']> {
  const mappings = (instance.BlockDeviceMappings ?? []).flatMap((mapping) =>
    mapping.Ebs?.VolumeId === undefined ? [] : [{ ...mapping, volumeId: mapping.Ebs.VolumeId }],
  );
  if (mappings.length === 0) return [];
  const answer = await callAws(`describe the volumes of ${instance.InstanceId}`, () =>
    ec2.send(new DescribeVolumesCommand({ VolumeIds: mappings.map(({ volumeId }) => volumeId) })),
  );
  return mappings.map(({ DeviceName = '', Ebs, volumeId }) => ({
    volumeId,
    deviceName: DeviceName,
    isRoot: DeviceName === instance.RootDeviceName,
    deleteOnTermination: Ebs?.DeleteOnTermination ?? false,
    ...diskOf(answer.Volumes?.find((candidate) => candidate.VolumeId === volumeId)),
  }));
}

function diskOf(
  volume: Volume | undefined,
): Pick<Capture['volumes'][number], 'sizeGiB' | 'volumeType' | 'encrypted' | 'kmsKeyId' | 'iops' | 'throughputMiBps'> {
  return {
    sizeGiB: volume?.Size ?? 0,
    volumeType: volume?.VolumeType ?? 'gp3',
    encrypted: volume?.Encrypted ?? false,
    ...present({ kmsKeyId: volume?.KmsKeyId, iops: volume?.Iops, throughputMiBps: volume?.Throughput }),
  };
}

async function readTargets(elb: ElasticLoadBalancingV2Client, instanceId: string, names: readonly string[]): Promise<readonly CapturedTarget[]> {
  const groups = await findTargetGroups(elb, names);
  const registered = (await Promise.all(groups.map((group) => readRegistered(elb, group)))).flat();
  const own = registered.filter((target) => target.instanceId === instanceId && target.state !== 'draining' && target.state !== 'unregistered');
  return own.map(({ targetGroupArn, targetGroupName, port }) => ({ targetGroupArn, targetGroupName, port }));
}
