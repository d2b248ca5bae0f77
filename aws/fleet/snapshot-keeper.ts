import { DeleteSnapshotCommand, type EC2Client, paginateDescribeSnapshots, type Snapshot } from '@aws-sdk/client-ec2';
import { tagKeys } from '../../core/inventory/records.ts';
import type { LooseSnapshot, SnapshotKeeper } from '../../core/remediation/reaper/reaping-ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';
import { tagsOf } from './instance-facts.ts';

const MAX_FOUND = 500;
const PAGE = 100;

export function createSnapshotKeeper(ec2: EC2Client): SnapshotKeeper {
  return {
    olderThan: (at) => listOlder(ec2, at),
    hasYounger: (volumeId, at) => hasYounger(ec2, volumeId, at),
    delete: (snapshotId) => deleteSnapshot(ec2, snapshotId),
  };
}

function snapshotOf({ SnapshotId, VolumeId, StartTime, Tags }: Snapshot): readonly LooseSnapshot[] {
  if (SnapshotId === undefined || VolumeId === undefined || StartTime === undefined) return [];
  return [{ snapshotId: SnapshotId, volumeId: VolumeId, startedAt: StartTime.toISOString(), tags: tagsOf(Tags) }];
}

/** Filters: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html; none is by age. */
async function listOlder(ec2: EC2Client, at: string): Promise<readonly LooseSnapshot[]> {
  const Filters = [
    { Name: 'tag-key', Values: [tagKeys.remediation] },
    { Name: 'status', Values: ['completed', 'error'] },
  ];
  return callAws('list the snapshots that repairs took', async () => {
    const found: LooseSnapshot[] = [];
    for await (const page of paginateDescribeSnapshots({ client: ec2 }, { OwnerIds: ['self'], Filters, MaxResults: PAGE })) {
      found.push(...(page.Snapshots ?? []).flatMap(snapshotOf).filter(({ startedAt }) => startedAt < at));
      if (found.length >= MAX_FOUND) break;
    }
    return found;
  });
}

async function hasYounger(ec2: EC2Client, volumeId: string, at: string): Promise<boolean> {
  const Filters = [
    { Name: 'volume-id', Values: [volumeId] },
    { Name: 'status', Values: ['completed'] },
  ];
  return callAws(`list the snapshots of ${volumeId}`, async () => {
    for await (const page of paginateDescribeSnapshots({ client: ec2 }, { OwnerIds: ['self'], Filters, MaxResults: PAGE })) {
      if ((page.Snapshots ?? []).flatMap(snapshotOf).some(({ startedAt }) => startedAt > at)) return true;
    }
    return false;
  });
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html */
async function deleteSnapshot(ec2: EC2Client, SnapshotId: string): Promise<void> {
  try {
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
  } catch (error) {
    if (codeOf(error) !== 'InvalidSnapshot.NotFound') throw toPortError(error, `delete the snapshot ${SnapshotId}`);
  }
}
