import { EC2Client } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { createLeftBehind } from '../../../aws/fleet/left-behind.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { ec2Instance, inputsOf, reservations, serviceError, stubCommands, stubOptions } from './stub-fleet.ts';

function leftBehindThat(answers: Parameters<typeof stubCommands>[1]) {
  const ec2 = new EC2Client(stubOptions);
  return { calls: stubCommands(ec2, answers), leftBehind: createLeftBehind(ec2) };
}

const ours = { Name: 'tag-key', Values: ['perennial:remediation'] };
const Tags = [{ Key: 'perennial:remediation', Value: 'rem-1' }];
const tags = { 'perennial:remediation': 'rem-1' };

describe('what launches of ours left behind', () => {
  it('lists instances that carry our tag, page by page', async () => {
    const { leftBehind, calls } = leftBehindThat({
      DescribeInstances: (_input, call) =>
        call === 1 ? { ...reservations(ec2Instance()), NextToken: 'more' } : reservations(ec2Instance({ InstanceId: 'i-2' })),
    });
    expect((await leftBehind.instances()).map(({ instanceId }) => instanceId)).toEqual(['i-1', 'i-2']);
    expect(inputsOf(calls, 'DescribeInstances')[0]).toMatchObject({ Filters: [ours, { Name: 'instance-state-name' }], MaxResults: 100 });
  });

  it('lists loose volumes; one without an id or a time is not touched', async () => {
    const CreateTime = new Date('2026-11-21T06:00:00Z');
    const { leftBehind, calls } = leftBehindThat({
      DescribeVolumes: () => ({
        Volumes: [
          { VolumeId: 'vol-1', CreateTime, SnapshotId: 'snap-1', Tags },
          { VolumeId: 'vol-2', CreateTime, SnapshotId: '', Tags },
          { VolumeId: 'vol-3', Tags },
        ],
      }),
    });
    const createdAt = CreateTime.toISOString();
    expect(await leftBehind.volumes()).toEqual([
      { volumeId: 'vol-1', createdAt, snapshotId: 'snap-1', tags },
      { volumeId: 'vol-2', createdAt, tags },
    ]);
    expect(inputsOf(calls, 'DescribeVolumes')[0]).toMatchObject({ Filters: [ours, { Name: 'status', Values: ['available'] }] });
  });

  it('lists loose interfaces, and says which AWS manages', async () => {
    const { leftBehind } = leftBehindThat({
      DescribeNetworkInterfaces: () => ({
        NetworkInterfaces: [
          { NetworkInterfaceId: 'eni-1', TagSet: Tags },
          { NetworkInterfaceId: 'eni-2', RequesterManaged: true, TagSet: Tags },
        ],
      }),
    });
    expect(await leftBehind.interfaces()).toEqual([
      { networkInterfaceId: 'eni-1', isManagedByAws: false, tags },
      { networkInterfaceId: 'eni-2', isManagedByAws: true, tags },
    ]);
  });

  it('knows the root snapshot of an image, and none of one that is gone', async () => {
    const BlockDeviceMappings = [
      { DeviceName: '/dev/sdb', Ebs: { SnapshotId: 'snap-data' } },
      { DeviceName: '/dev/xvda', Ebs: { SnapshotId: 'snap-root' } },
    ];
    const image = leftBehindThat({ DescribeImages: () => ({ Images: [{ RootDeviceName: '/dev/xvda', BlockDeviceMappings }] }) });
    expect(await image.leftBehind.rootSnapshotOf('ami-1')).toBe('snap-root');
    const gone = leftBehindThat({
      DescribeImages: () => {
        throw serviceError('InvalidAMIID.NotFound');
      },
    });
    expect(await gone.leftBehind.rootSnapshotOf('ami-1')).toBeUndefined();
  });

  it.each([
    ['deleteVolume', 'DeleteVolume', 'InvalidVolume.NotFound', 'VolumeInUse'],
    ['deleteInterface', 'DeleteNetworkInterface', 'InvalidNetworkInterfaceID.NotFound', 'InvalidParameterValue'],
  ] as const)('%s: gone is success, in use and a throttle are not', async (method, command, goneCode, inUseCode) => {
    const failing = (name: string) =>
      leftBehindThat({
        [command]: () => {
          throw serviceError(name);
        },
      }).leftBehind[method]('x-1');
    await expect(failing(goneCode)).resolves.toBeUndefined();
    await expect(failing(inUseCode)).rejects.toThrow(PermanentError);
    await expect(failing('RequestLimitExceeded')).rejects.toThrow(RetryableError);
  });
});
