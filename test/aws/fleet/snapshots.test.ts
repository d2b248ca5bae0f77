import { EC2Client } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { createSnapshotTaker } from '../../../aws/fleet/snapshots.ts';
import { ec2Instance, inputsOf, reservations, stubCommands, stubOptions } from './stub-fleet.ts';

const BlockDeviceMappings = [
  { DeviceName: '/dev/xvda', Ebs: { VolumeId: 'vol-root' } },
  { DeviceName: '/dev/sdf', Ebs: { VolumeId: 'vol-data' } },
  { DeviceName: '/dev/sdg', Ebs: { VolumeId: 'vol-more' } },
];

describe('snapshots of an instance', () => {
  it.each([
    [['vol-data', 'vol-more'], { ExcludeBootVolume: true }],
    [['vol-data'], { ExcludeBootVolume: true, ExcludeDataVolumeIds: ['vol-more'] }],
    [['vol-root', 'vol-data', 'vol-more'], { ExcludeBootVolume: false }],
  ])('are of the volumes that are named: %j', async (volumeIds, excluded) => {
    const ec2 = new EC2Client(stubOptions);
    const calls = stubCommands(ec2, {
      DescribeSnapshots: () => ({}),
      DescribeInstances: () => reservations(ec2Instance({ BlockDeviceMappings })),
      CreateSnapshots: () => ({ Snapshots: [] }),
    });
    await createSnapshotTaker(ec2).take('i-1', volumeIds, { 'perennial:remediation': 'rem-1' });
    expect(inputsOf(calls, 'CreateSnapshots')).toMatchObject([{ InstanceSpecification: { InstanceId: 'i-1', ...excluded } }]);
  });
});
