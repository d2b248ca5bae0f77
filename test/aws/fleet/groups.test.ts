import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { EC2Client } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { activityOf, createGroupReader } from '../../../aws/fleet/groups.ts';
import { stubCommands, stubOptions } from './stub-fleet.ts';

/** As https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-verify-scaling-activity.html prints them. */
describe('a scaling activity', () => {
  const StartTime = new Date('2026-11-21T09:00:00.000Z');

  it('that launched', () => {
    const activity = activityOf({
      ActivityId: 'a-1',
      AutoScalingGroupName: 'web',
      Cause: 'an instance was started in response to a difference between desired and actual capacity',
      StartTime,
      StatusCode: 'Successful',
      Description: 'Launching a new EC2 instance: i-0123456789abcdef0',
    });
    expect(activity).toMatchObject({ kind: 'launch', state: 'successful', instanceId: 'i-0123456789abcdef0', startedAt: '2026-11-21T09:00:00.000Z' });
  });

  it('that failed says why', () => {
    const activity = activityOf({
      ActivityId: 'a-2',
      AutoScalingGroupName: 'web',
      Cause: 'x',
      StartTime,
      StatusCode: 'Failed',
      Description: 'Launching a new EC2 instance.  Status Reason: The image id does not exist.',
      StatusMessage: 'The image id does not exist. Launching EC2 instance failed.',
    });
    expect(activity).toMatchObject({ kind: 'launch', state: 'failed', statusMessage: 'The image id does not exist. Launching EC2 instance failed.' });
    expect(activity.instanceId).toBeUndefined();
  });

  it.each([
    ['Terminating EC2 instance: i-0123456789abcdef0', 'InProgress', 'terminate', 'in-progress'],
    ['Terminating EC2 instance: i-0123456789abcdef0 - Waiting For ELB connection draining.', 'WaitingForELBConnectionDraining', 'terminate', 'in-progress'],
    ['Moving EC2 instance to Standby: i-0123456789abcdef0', 'Cancelled', 'other', 'cancelled'],
  ] as const)('%s (%s)', (Description, StatusCode, kind, state) => {
    expect(activityOf({ ActivityId: 'a', AutoScalingGroupName: 'web', Cause: 'x', StartTime, StatusCode, Description })).toMatchObject({
      kind,
      state,
      instanceId: 'i-0123456789abcdef0',
    });
  });
});

describe('what a group launches', () => {
  const template = { LaunchTemplateId: 'lt-1', Version: '3' };
  const data = {
    ImageId: 'ami-1',
    InstanceType: 'm7i.large',
    BlockDeviceMappings: [{ Ebs: { KmsKeyId: 'arn:key' } }, { Ebs: { KmsKeyId: 'arn:key' } }, { Ebs: {} }],
  };

  async function sourceOf(group: object, launchTemplateData: object = data): Promise<unknown> {
    const [autoScaling, ec2] = [new AutoScalingClient(stubOptions), new EC2Client(stubOptions)];
    stubCommands(autoScaling, {
      DescribeAutoScalingGroups: () => ({ AutoScalingGroups: [group] }),
      DescribeLaunchConfigurations: () => ({ LaunchConfigurations: [{ ImageId: 'ami-2', InstanceType: 'm5.large' }] }),
    });
    stubCommands(ec2, { DescribeLaunchTemplateVersions: () => ({ LaunchTemplateVersions: [{ LaunchTemplateData: launchTemplateData }] }) });
    const reader = createGroupReader(autoScaling, ec2);
    const found = await reader.read('web');
    return found === undefined ? undefined : reader.launchSource(found);
  }

  it('is what its template names, each key once', async () => {
    expect(await sourceOf({ LaunchTemplate: template })).toEqual({ imageId: 'ami-1', instanceTypes: ['m7i.large'], kmsKeyIds: ['arn:key'] });
  });

  it('is of the types of its mixed instances policy, in their order', async () => {
    const LaunchTemplate = { LaunchTemplateSpecification: template, Overrides: [{ InstanceType: 'm6i.large' }, { InstanceType: 'm5.large' }] };
    expect(await sourceOf({ MixedInstancesPolicy: { LaunchTemplate } })).toMatchObject({ instanceTypes: ['m6i.large', 'm5.large'] });
  });

  it('has no types where they are chosen by requirements, and perhaps no image', async () => {
    expect(await sourceOf({ LaunchTemplate: template }, { InstanceRequirements: {} })).toEqual({ instanceTypes: [], kmsKeyIds: [] });
  });

  it('is what a launch configuration names', async () => {
    expect(await sourceOf({ LaunchConfigurationName: 'old' })).toEqual({ imageId: 'ami-2', instanceTypes: ['m5.large'], kmsKeyIds: [] });
  });
});
