import { CreateSnapshotsCommand, DescribeInstancesCommand, DescribeSnapshotsCommand, type EC2Client, type InstanceSpecification } from '@aws-sdk/client-ec2';
import { tagKeys } from '../../core/inventory/records.ts';
import type { SnapshotFacts, SnapshotTaker } from '../../core/remediation/surroundings/attachment-ports.ts';
import { callAws } from '../platform/aws-errors.ts';

interface Described {
  readonly SnapshotId?: string | undefined;
  readonly VolumeId?: string | undefined;
  readonly State?: string | undefined;
  readonly StartTime?: Date | undefined;
}

function factsOf({ SnapshotId, VolumeId, State, StartTime }: Described): SnapshotFacts[] {
  if (SnapshotId === undefined || VolumeId === undefined || StartTime === undefined) return [];
  return [{ snapshotId: SnapshotId, volumeId: VolumeId, state: State ?? 'pending', startedAt: StartTime.toISOString() }];
}

export function createSnapshotTaker(ec2: EC2Client): SnapshotTaker {
  return {
    take: (instanceId, volumeIds, tags) => take(ec2, instanceId, volumeIds, tags),
    read: async (snapshotIds) => {
      if (snapshotIds.length === 0) return [];
      const answer = await callAws(`describe ${snapshotIds.join(', ')}`, () => ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [...snapshotIds] })));
      return (answer.Snapshots ?? []).flatMap(factsOf);
    },
  };
}

/**
 * All volumes at one moment (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshots.html). The call knows no client
 * token: an earlier one is found by its tag, and one that is not listed yet costs no more than a second set of snapshots.
 */
async function take(
  ec2: EC2Client,
  instanceId: string,
  volumeIds: readonly string[],
  tags: Readonly<Record<string, string>>,
): Promise<readonly SnapshotFacts[]> {
  const Filters = [
    { Name: `tag:${tagKeys.remediation}`, Values: [tags[tagKeys.remediation] ?? ''] },
    { Name: 'volume-id', Values: [...volumeIds] },
  ];
  const earlier = await callAws(`look for snapshots of ${instanceId}`, () => ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'], Filters })));
  const known = (earlier.Snapshots ?? []).flatMap(factsOf);
  if (volumeIds.every((id) => known.some(({ volumeId }) => volumeId === id))) return known;
  const excluded = await allBut(ec2, instanceId, volumeIds);
  const answer = await callAws(`take snapshots of volumes of ${instanceId}`, () =>
    ec2.send(
      new CreateSnapshotsCommand({
        InstanceSpecification: { InstanceId: instanceId, ...excluded },
        Description: `Perennial: before ${instanceId} is replaced`,
        TagSpecifications: [{ ResourceType: 'snapshot', Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }],
      }),
    ),
  );
  return (answer.Snapshots ?? []).flatMap(factsOf);
}

/** The call takes all volumes of an instance but those it is told to leave out. */
async function allBut(ec2: EC2Client, instanceId: string, volumeIds: readonly string[]): Promise<Omit<InstanceSpecification, 'InstanceId'>> {
  const answer = await callAws(`describe ${instanceId}`, () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })));
  const { RootDeviceName, BlockDeviceMappings = [] } = answer.Reservations?.[0]?.Instances?.[0] ?? {};
  const unwanted = BlockDeviceMappings.filter(({ Ebs }) => Ebs?.VolumeId !== undefined && !volumeIds.includes(Ebs.VolumeId));
  const ExcludeBootVolume = unwanted.some(({ DeviceName }) => DeviceName === RootDeviceName);
  const ExcludeDataVolumeIds = unwanted.filter(({ DeviceName }) => DeviceName !== RootDeviceName).flatMap(({ Ebs }) => Ebs?.VolumeId ?? []);
  return { ExcludeBootVolume, ...(ExcludeDataVolumeIds.length === 0 ? {} : { ExcludeDataVolumeIds }) };
}
