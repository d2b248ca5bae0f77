import { describe, expect, it } from 'vitest';
import { activityOf } from '../../../aws/fleet/groups.ts';

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
