import {
  type _InstanceType,
  type BlockDeviceMapping,
  DescribeImagesCommand,
  type EC2Client,
  type Image,
  type ResourceType,
  type RunInstancesCommandInput,
  type VolumeType,
} from '@aws-sdk/client-ec2';
import { present } from '../../core/environment/present.ts';
import { type LaunchRequest, UserDataLostError } from '../../core/remediation/ports.ts';
import { hashOf, readUserData } from './capture-reader.ts';
import { absentImageCodes } from './images.ts';
import { absentCodes, absentOr } from './instance-reader.ts';

type Capture = LaunchRequest['capture'];

/** At most 64 ASCII characters: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html */
const MAX_TOKEN_CHARACTERS = 64;

/** The end is what differs between remediations, and between attempts. */
function clientToken({ remediationId, attempt, instanceType }: LaunchRequest): string {
  // Another type is another request, which the same token would refuse.
  const type = instanceType === undefined ? '' : `-${instanceType}`;
  return `${remediationId}-${attempt}${type}`.slice(-MAX_TOKEN_CHARACTERS);
}

/**
 * What RunInstances is asked, equal for equal requests so that the client token holds: one instance, everything as captured.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
 *
 * @throws UserDataLostError when there was user data and it cannot be read again as it was
 */
export async function launchInput(ec2: EC2Client, request: LaunchRequest): Promise<RunInstancesCommandInput> {
  const { capture, imageId, tags } = request;
  const [userData, image] = await Promise.all([userDataOf(ec2, request), readImage(ec2, imageId)]);
  return {
    ImageId: imageId,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- EC2 gave this text itself; the SDK's list of types is only as new as the SDK
    InstanceType: typeOf(request) as _InstanceType,
    MinCount: 1,
    MaxCount: 1,
    ClientToken: clientToken(request),
    SubnetId: capture.subnetId,
    SecurityGroupIds: [...capture.securityGroupIds],
    EbsOptimized: capture.ebsOptimized,
    Monitoring: { Enabled: capture.detailedMonitoring },
    DisableApiTermination: capture.terminationProtection,
    DisableApiStop: capture.stopProtection,
    InstanceInitiatedShutdownBehavior: capture.shutdownBehavior === 'terminate' ? 'terminate' : 'stop',
    MetadataOptions: {
      HttpTokens: capture.metadataOptions.httpTokens === 'required' ? 'required' : 'optional',
      HttpPutResponseHopLimit: capture.metadataOptions.httpPutResponseHopLimit,
      HttpEndpoint: capture.metadataOptions.httpEndpoint === 'disabled' ? 'disabled' : 'enabled',
      InstanceMetadataTags: capture.metadataOptions.instanceMetadataTags === 'enabled' ? 'enabled' : 'disabled',
    },
    TagSpecifications: (['instance', 'volume', 'network-interface'] satisfies ResourceType[]).map((ResourceType) => ({
      ResourceType,
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    })),
    ...optionalInput(request, userData, [...rootMappings(capture, image), ...leftOut(capture, image)]),
  };
}

function optionalInput(request: LaunchRequest, userData: string | undefined, mappings: BlockDeviceMapping[]): Partial<RunInstancesCommandInput> {
  const { capture } = request;
  // Only burstable types have credits: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances.html
  const isBurstable = /^t\d/.test(typeOf(request));
  return {
    ...(userData === undefined ? {} : { UserData: userData }),
    ...(capture.instanceProfileArn === undefined ? {} : { IamInstanceProfile: { Arn: capture.instanceProfileArn } }),
    ...(capture.keyName === undefined ? {} : { KeyName: capture.keyName }),
    ...(capture.creditSpecification === undefined || !isBurstable ? {} : { CreditSpecification: { CpuCredits: capture.creditSpecification } }),
    ...(mappings.length === 0 ? {} : { BlockDeviceMappings: mappings }),
  };
}

const typeOf = ({ instanceType, capture }: LaunchRequest): string => instanceType ?? capture.instanceType;

function rootMappings(capture: Capture, image: Image | undefined): BlockDeviceMapping[] {
  const root = rootMapping(capture, image);
  return root === undefined ? [] : [root];
}

/** Where a data volume will be attached, the image's own empty volume would be in its way: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_BlockDeviceMapping.html */
function leftOut({ volumes }: Capture, image: Image | undefined): BlockDeviceMapping[] {
  const taken = new Set(volumes.filter(({ isRoot }) => !isRoot).map(({ deviceName }) => deviceName));
  return (image?.BlockDeviceMappings ?? []).flatMap(({ DeviceName }) =>
    DeviceName === undefined || DeviceName === image?.RootDeviceName || !taken.has(DeviceName) ? [] : [{ DeviceName, NoDevice: '' }],
  );
}

/** User data is handed over in memory; without its source nothing is launched (design section 5). */
async function userDataOf(ec2: EC2Client, { capture, userDataFrom }: LaunchRequest): Promise<string | undefined> {
  if (capture.userData === undefined) return undefined;
  const bytes = await readUserDataOrNone(ec2, userDataFrom);
  if (bytes === undefined || hashOf(bytes) !== capture.userData.sha256) {
    throw new UserDataLostError(
      `The user data of ${userDataFrom ?? capture.instanceId} is ${bytes === undefined ? 'gone' : 'not what it was'}; without it the replacement would not be the same. Launch it by hand with the right user data.`,
    );
  }
  return bytes.toString('base64');
}

/** Only "there is no such instance" means gone: a missing permission must be seen as what it is. */
async function readUserDataOrNone(ec2: EC2Client, instanceId: string | undefined): Promise<Buffer | undefined> {
  return instanceId === undefined ? undefined : readUserData(ec2, instanceId, absentCodes);
}

async function readImage(ec2: EC2Client, imageId: string): Promise<Image | undefined> {
  const answer = await absentOr(`describe the image ${imageId}`, absentImageCodes, () =>
    ec2.send(new DescribeImagesCommand({ ImageIds: [imageId], IncludeDisabled: true })),
  );
  return answer?.Images?.[0];
}

/** Types of which a root may be: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html */
const rootTypes: Readonly<Record<string, VolumeType>> = { gp2: 'gp2', gp3: 'gp3', io1: 'io1', io2: 'io2', standard: 'standard' };

/**
 * The root keeps its size, type, speed and key; its content comes from the image. Named as the image names its root, because any other
 * name would add an empty volume; never smaller than the image's, which EC2 refuses.
 */
export function rootMapping(capture: Capture, image: Image | undefined): BlockDeviceMapping | undefined {
  const root = capture.volumes.find((volume) => volume.isRoot);
  const DeviceName = image?.RootDeviceName;
  if (root === undefined || root.sizeGiB === 0 || DeviceName === undefined) return undefined;
  const imageSizeGiB = image?.BlockDeviceMappings?.find((mapping) => mapping.DeviceName === DeviceName)?.Ebs?.VolumeSize ?? 0;
  return {
    DeviceName,
    Ebs: {
      VolumeSize: Math.max(root.sizeGiB, imageSizeGiB),
      ...speedOf(root),
      DeleteOnTermination: root.deleteOnTermination,
      ...(root.encrypted ? { Encrypted: true } : {}),
      ...present({ KmsKeyId: root.kmsKeyId }),
    },
  };
}

/** io1 and io2 must be given their speed, gp3 may be, the others must not: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html */
function speedOf({ volumeType, iops, throughputMiBps }: Capture['volumes'][number]): NonNullable<BlockDeviceMapping['Ebs']> {
  const VolumeType = rootTypes[volumeType] ?? 'gp3';
  if (VolumeType === 'gp3') return { VolumeType, ...present({ Iops: iops, Throughput: throughputMiBps }) };
  if (VolumeType !== 'io1' && VolumeType !== 'io2') return { VolumeType };
  // A capture of before the speed was kept.
  return iops === undefined ? { VolumeType: 'gp3' } : { VolumeType, Iops: iops };
}
