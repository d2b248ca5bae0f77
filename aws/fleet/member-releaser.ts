import { type AutoScalingClient, DescribeAutoScalingInstancesCommand, DetachInstancesCommand } from '@aws-sdk/client-auto-scaling';
import { PermanentError } from '../../core/environment/errors.ts';
import type { MemberReleaser } from '../../core/remediation/reaper/reaping-ports.ts';
import { callAws } from '../platform/aws-errors.ts';

export function createMemberReleaser(autoScaling: AutoScalingClient): MemberReleaser {
  return {
    membership: (instanceId) => readMembership(autoScaling, instanceId),
    release: (groupName, instanceId) => release(autoScaling, groupName, instanceId),
  };
}

type Membership = Awaited<ReturnType<MemberReleaser['membership']>>;

async function readMembership(autoScaling: AutoScalingClient, instanceId: string): Promise<Membership> {
  const answer = await callAws(`ask which Auto Scaling group ${instanceId} is in`, () =>
    autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] })),
  );
  const member = answer.AutoScalingInstances?.[0];
  const groupName = member?.AutoScalingGroupName;
  return groupName === undefined ? undefined : { groupName, lifecycleState: member?.LifecycleState ?? 'unknown' };
}

/**
 * Detached, not ended by the group: what ends it is a call that the instance's own tag allows. The desired capacity does not count
 * members in standby, so that leaving it as it is launches nothing, while making it smaller would end a healthy member:
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-detach-attach-instances.html
 */
async function release(autoScaling: AutoScalingClient, groupName: string, instanceId: string): Promise<void> {
  const membership = await readMembership(autoScaling, instanceId);
  if (membership === undefined || membership.lifecycleState === 'Detaching') return;
  if (membership.lifecycleState !== 'Standby' || membership.groupName !== groupName)
    throw new PermanentError(`${instanceId} is ${membership.lifecycleState} in ${membership.groupName}, not in standby in ${groupName}; it was left there.`);
  await callAws(`detach ${instanceId} from ${groupName}`, () =>
    autoScaling.send(new DetachInstancesCommand({ AutoScalingGroupName: groupName, InstanceIds: [instanceId], ShouldDecrementDesiredCapacity: false })),
  );
}
