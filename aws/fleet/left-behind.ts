import {
  DeleteNetworkInterfaceCommand,
  DeleteVolumeCommand,
  DescribeImagesCommand,
  type EC2Client,
  type NetworkInterface,
  paginateDescribeInstances,
  paginateDescribeNetworkInterfaces,
  paginateDescribeVolumes,
  type Volume,
} from '@aws-sdk/client-ec2';
import { present } from '../../core/environment/present.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import type { InstanceFacts } from '../../core/remediation/ports.ts';
import type { LeftBehind, LooseInterface, LooseVolume } from '../../core/remediation/reaper/reaping-ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';
import { absentImageCodes } from './images.ts';
import { factsOf, tagsOf } from './instance-facts.ts';
import { absentOr } from './instance-reader.ts';

const MAX_FOUND = 500;
const PAGE = 100;

export function createLeftBehind(ec2: EC2Client): LeftBehind {
  return {
    instances: () => listInstances(ec2),
    volumes: () => listVolumes(ec2),
    interfaces: () => listInterfaces(ec2),
    rootSnapshotOf: (imageId) => rootSnapshotOf(ec2, imageId),
    deleteVolume: (VolumeId) => unlessGone(`delete the volume ${VolumeId}`, 'InvalidVolume.NotFound', () => ec2.send(new DeleteVolumeCommand({ VolumeId }))),
    deleteInterface: (NetworkInterfaceId) =>
      unlessGone(`delete the interface ${NetworkInterfaceId}`, 'InvalidNetworkInterfaceID.NotFound', () =>
        ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId })),
      ),
  };
}

const isOurs = { Name: 'tag-key', Values: [tagKeys.remediation] };
const isAvailable = { Name: 'status', Values: ['available'] };

async function listInstances(ec2: EC2Client): Promise<readonly InstanceFacts[]> {
  return callAws('list what launches of ours made', async () => {
    const Filters = [isOurs, { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] }];
    const found: InstanceFacts[] = [];
    for await (const page of paginateDescribeInstances({ client: ec2 }, { Filters, MaxResults: PAGE })) {
      found.push(...(page.Reservations ?? []).flatMap((reservation) => (reservation.Instances ?? []).map(factsOf)));
      if (found.length >= MAX_FOUND) break;
    }
    return found;
  });
}

async function listVolumes(ec2: EC2Client): Promise<readonly LooseVolume[]> {
  return callAws('list the volumes that launches of ours left', async () => {
    const found: LooseVolume[] = [];
    for await (const page of paginateDescribeVolumes({ client: ec2 }, { Filters: [isOurs, isAvailable], MaxResults: PAGE })) {
      found.push(...(page.Volumes ?? []).flatMap(volumeOf));
      if (found.length >= MAX_FOUND) break;
    }
    return found;
  });
}

/** One without an id or a time of creation is not touched. */
function volumeOf({ VolumeId, CreateTime, SnapshotId, Tags }: Volume): readonly LooseVolume[] {
  if (VolumeId === undefined || CreateTime === undefined) return [];
  // EC2 gives an empty text for a volume that was made empty.
  const snapshotId = SnapshotId === '' ? undefined : SnapshotId;
  return [{ volumeId: VolumeId, createdAt: CreateTime.toISOString(), tags: tagsOf(Tags), ...present({ snapshotId }) }];
}

async function listInterfaces(ec2: EC2Client): Promise<readonly LooseInterface[]> {
  return callAws('list the interfaces that launches of ours left', async () => {
    const found: LooseInterface[] = [];
    for await (const page of paginateDescribeNetworkInterfaces({ client: ec2 }, { Filters: [isOurs, isAvailable], MaxResults: PAGE })) {
      found.push(...(page.NetworkInterfaces ?? []).flatMap(interfaceOf));
      if (found.length >= MAX_FOUND) break;
    }
    return found;
  });
}

function interfaceOf({ NetworkInterfaceId, RequesterManaged, TagSet }: NetworkInterface): readonly LooseInterface[] {
  return NetworkInterfaceId === undefined ? [] : [{ networkInterfaceId: NetworkInterfaceId, isManagedByAws: RequesterManaged === true, tags: tagsOf(TagSet) }];
}

async function rootSnapshotOf(ec2: EC2Client, imageId: string): Promise<string | undefined> {
  const answer = await absentOr(`describe the image ${imageId}`, absentImageCodes, () =>
    ec2.send(new DescribeImagesCommand({ ImageIds: [imageId], IncludeDisabled: true })),
  );
  const image = answer?.Images?.[0];
  return image?.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName !== undefined && DeviceName === image.RootDeviceName)?.Ebs?.SnapshotId;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
async function unlessGone(action: string, goneCode: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (codeOf(error) !== goneCode) throw toPortError(error, action);
  }
}
