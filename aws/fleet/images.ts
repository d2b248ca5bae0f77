import { type BlockDeviceMapping, DescribeImagesCommand, type EC2Client, type Image } from '@aws-sdk/client-ec2';
import { paginateGetParameterHistory, type SSMClient } from '@aws-sdk/client-ssm';
import { present } from '../../core/environment/present.ts';
import { parseTimestamp } from '../../core/environment/time.ts';
import type { ImageFacts, ImageReader } from '../../core/remediation/ports.ts';
import { absentOr } from './instance-reader.ts';

export const absentImageCodes: readonly string[] = ['InvalidAMIID.NotFound', 'InvalidAMIID.Unavailable', 'InvalidAMIID.Malformed'];

/** The oldest of all, so that an image of unknown age never passes for the newest. */
const UNKNOWN_CREATION = '1970-01-01T00:00:00.000Z';

/** A parameter keeps at most 100 versions: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html */
const PAGE = 50;

export function createImageReader(ec2: EC2Client, ssm: SSMClient): ImageReader {
  return {
    describe: (imageId) => describeImage(ec2, imageId),
    approvedHistory: (role) => readHistory(ssm, `/perennial/images/${role}/approved`),
  };
}

async function describeImage(ec2: EC2Client, imageId: string): Promise<ImageFacts | undefined> {
  const answer = await absentOr(`describe the image ${imageId}`, absentImageCodes, () =>
    ec2.send(new DescribeImagesCommand({ ImageIds: [imageId], IncludeDisabled: true })),
  );
  const image = answer?.Images?.[0];
  return image === undefined ? undefined : imageFacts(imageId, image);
}

function imageFacts(imageId: string, image: Image): ImageFacts {
  const mappings = image.BlockDeviceMappings ?? [];
  const isRoot = ({ DeviceName }: BlockDeviceMapping): boolean => DeviceName === image.RootDeviceName;
  const rootFirst = [...mappings.filter(isRoot), ...mappings.filter((mapping) => !isRoot(mapping))];
  return {
    imageId,
    state: image.State ?? 'unknown',
    architecture: image.Architecture ?? 'unknown',
    rootDeviceName: image.RootDeviceName ?? '/dev/xvda',
    rootDeviceType: image.RootDeviceType === 'instance-store' ? 'instance-store' : 'ebs',
    createdAt: parseTimestamp(image.CreationDate ?? '') ?? UNKNOWN_CREATION,
    // Said only of images on which it is set: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
    isEnaEnabled: image.EnaSupport === true,
    snapshotIds: rootFirst.flatMap(({ Ebs }) => Ebs?.SnapshotId ?? []),
    ...present({
      ownerId: image.OwnerId,
      bootMode: image.BootMode,
      virtualizationType: image.VirtualizationType,
      rootSizeGiB: mappings.find(isRoot)?.Ebs?.VolumeSize,
    }),
  };
}

/** Newest first, each id once. */
async function readHistory(ssm: SSMClient, name: string): Promise<readonly string[]> {
  const versions = await absentOr(`read the history of ${name}`, ['ParameterNotFound'], async () => {
    const found: { readonly version: number; readonly value: string }[] = [];
    for await (const page of paginateGetParameterHistory({ client: ssm }, { Name: name, MaxResults: PAGE })) {
      found.push(
        ...(page.Parameters ?? []).flatMap(({ Version, Value }) => (Version === undefined || Value === undefined ? [] : [{ version: Version, value: Value }])),
      );
    }
    return found;
  });
  const newestFirst = (versions ?? []).toSorted((left, right) => right.version - left.version);
  return [...new Set(newestFirst.map(({ value }) => value))];
}
