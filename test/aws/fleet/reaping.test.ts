import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { EC2Client } from '@aws-sdk/client-ec2';
import { SSMClient } from '@aws-sdk/client-ssm';
import { describe, expect, it } from 'vitest';
import { createGroupChanger, createGroupReader } from '../../../aws/fleet/groups.ts';
import { createMemberReleaser } from '../../../aws/fleet/member-releaser.ts';
import { createRecoveryPorts } from '../../../aws/fleet/recovery.ts';
import { createSnapshotKeeper } from '../../../aws/fleet/snapshot-keeper.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { commandsOf, ec2Instance, inputsOf, reservations, serviceError, stubCommands, stubOptions } from './stub-fleet.ts';

type Answers = Parameters<typeof stubCommands>[1];

function groupsThat(answers: Answers) {
  const [autoScaling, ec2] = [new AutoScalingClient(stubOptions), new EC2Client(stubOptions)];
  const calls = stubCommands(autoScaling, answers);
  return { calls, reader: createGroupReader(autoScaling, ec2), changer: createGroupChanger(autoScaling, ec2), releaser: createMemberReleaser(autoScaling) };
}

describe('lifecycle hooks', () => {
  it('are read with what they hold; one of a kind that is not known is left out', async () => {
    const { reader } = groupsThat({
      DescribeLifecycleHooks: () => ({
        LifecycleHooks: [
          { LifecycleHookName: 'warm-up', LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING' },
          { LifecycleHookName: 'drain-queue', LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING' },
          { LifecycleHookName: 'other', LifecycleTransition: 'autoscaling:SOMETHING_NEW' },
        ],
      }),
    });
    expect(await reader.hooks('web')).toEqual([
      { name: 'warm-up', transition: 'launching' },
      { name: 'drain-queue', transition: 'terminating' },
    ]);
  });

  it('are completed with CONTINUE; at one that holds the instance no more nothing is to be done', async () => {
    const { changer, calls } = groupsThat({
      CompleteLifecycleAction: (_input, call) => {
        if (call === 2) throw Object.assign(serviceError('ValidationError'), { message: 'No active Lifecycle Action found with instance ID i-1' });
        return {};
      },
    });
    await changer.completeLifecycleAction('web', 'drain-queue', 'i-1');
    await changer.completeLifecycleAction('web', 'drain-queue', 'i-1');
    expect(inputsOf(calls, 'CompleteLifecycleAction')[0]).toEqual({
      AutoScalingGroupName: 'web',
      LifecycleHookName: 'drain-queue',
      InstanceId: 'i-1',
      LifecycleActionResult: 'CONTINUE',
    });
  });

  it('that do not exist are an error, and so is a throttle', async () => {
    const unknown = groupsThat({
      CompleteLifecycleAction: () => {
        throw Object.assign(serviceError('ValidationError'), { message: 'No Lifecycle Hook found' });
      },
    });
    await expect(unknown.changer.completeLifecycleAction('web', 'x', 'i-1')).rejects.toThrow(PermanentError);
    const throttled = groupsThat({
      CompleteLifecycleAction: () => {
        throw serviceError('Throttling');
      },
    });
    await expect(throttled.changer.completeLifecycleAction('web', 'x', 'i-1')).rejects.toThrow(RetryableError);
  });
});

const member = (LifecycleState: string) => () => ({ AutoScalingInstances: [{ InstanceId: 'i-1', AutoScalingGroupName: 'web', LifecycleState }] });

describe('leaving a group', () => {
  it('never makes the group smaller', async () => {
    const { releaser, calls } = groupsThat({ DescribeAutoScalingInstances: member('Standby'), DetachInstances: () => ({ Activities: [] }) });
    await releaser.release('web', 'i-1');
    expect(inputsOf(calls, 'DetachInstances')).toEqual([{ AutoScalingGroupName: 'web', InstanceIds: ['i-1'], ShouldDecrementDesiredCapacity: false }]);
  });

  it.each([
    ['has left', () => ({ AutoScalingInstances: [] })],
    ['leaves already', member('Detaching')],
  ])('is nothing to do for one that %s', async (_what, answer) => {
    const { releaser, calls } = groupsThat({ DescribeAutoScalingInstances: answer });
    await releaser.release('web', 'i-1');
    expect(commandsOf(calls)).toEqual(['DescribeAutoScalingInstances']);
  });

  it('is refused to one in service, and to one of another group', async () => {
    await expect(groupsThat({ DescribeAutoScalingInstances: member('InService') }).releaser.release('web', 'i-1')).rejects.toThrow(PermanentError);
    await expect(groupsThat({ DescribeAutoScalingInstances: member('Standby') }).releaser.release('other', 'i-1')).rejects.toThrow(PermanentError);
  });
});

const snapshot = (SnapshotId: string, at: string) => ({
  SnapshotId,
  VolumeId: 'vol-1',
  StartTime: new Date(at),
  Tags: [{ Key: 'perennial:remediation', Value: 'rem-1' }],
});

function keeperThat(answers: Answers) {
  const ec2 = new EC2Client(stubOptions);
  return { calls: stubCommands(ec2, answers), keeper: createSnapshotKeeper(ec2) };
}

const throwing = (code: string) => () => {
  throw serviceError(code);
};

describe('old snapshots', () => {
  it('are our own with our tag, page by page; a younger one and one without a time are left out', async () => {
    const { keeper, calls } = keeperThat({
      DescribeSnapshots: (_input, call) =>
        call === 1
          ? { Snapshots: [snapshot('snap-1', '2026-01-01T00:00:00Z'), { SnapshotId: 'snap-x', VolumeId: 'vol-1' }], NextToken: 'more' }
          : { Snapshots: [snapshot('snap-2', '2026-03-01T00:00:00Z')] },
    });
    const tags = { 'perennial:remediation': 'rem-1' };
    expect(await keeper.olderThan('2026-02-01T00:00:00.000Z')).toEqual([
      { snapshotId: 'snap-1', volumeId: 'vol-1', startedAt: '2026-01-01T00:00:00.000Z', tags },
    ]);
    expect(inputsOf(calls, 'DescribeSnapshots')[0]).toMatchObject({
      OwnerIds: ['self'],
      Filters: [
        { Name: 'tag-key', Values: ['perennial:remediation'] },
        { Name: 'status', Values: ['completed', 'error'] },
      ],
    });
  });

  it('have a younger one only when it is complete and of the same volume', async () => {
    const { keeper, calls } = keeperThat({ DescribeSnapshots: () => ({ Snapshots: [snapshot('snap-1', '2026-01-01T00:00:00Z')] }) });
    expect(await keeper.hasYounger('vol-1', '2026-01-01T00:00:00.000Z')).toBe(false);
    expect(await keeper.hasYounger('vol-1', '2025-12-31T00:00:00.000Z')).toBe(true);
    expect(inputsOf(calls, 'DescribeSnapshots')[0]).toMatchObject({
      Filters: [
        { Name: 'volume-id', Values: ['vol-1'] },
        { Name: 'status', Values: ['completed'] },
      ],
    });
  });

  it('that are gone are deleted; one that an image uses is an error', async () => {
    await keeperThat({ DeleteSnapshot: throwing('InvalidSnapshot.NotFound') }).keeper.delete('snap-1');
    await expect(keeperThat({ DeleteSnapshot: throwing('InvalidSnapshot.InUse') }).keeper.delete('snap-1')).rejects.toThrow(PermanentError);
  });
});

describe('the root volume', () => {
  it('is the one at the root device, and is tagged by its id', async () => {
    const ec2 = new EC2Client(stubOptions);
    const BlockDeviceMappings = [
      { DeviceName: '/dev/sdf', Ebs: { VolumeId: 'vol-data' } },
      { DeviceName: '/dev/xvda', Ebs: { VolumeId: 'vol-root' } },
    ];
    const calls = stubCommands(ec2, { DescribeInstances: () => reservations(ec2Instance({ BlockDeviceMappings })), CreateTags: () => ({}) });
    const { rootSwapper } = createRecoveryPorts(ec2, new SSMClient(stubOptions));
    expect(await rootSwapper.rootVolumeOf('i-1')).toBe('vol-root');
    await rootSwapper.keep('vol-root', { 'perennial:remediation': 'rem-1' });
    expect(inputsOf(calls, 'CreateTags')).toEqual([{ Resources: ['vol-root'], Tags: [{ Key: 'perennial:remediation', Value: 'rem-1' }] }]);
  });
});
