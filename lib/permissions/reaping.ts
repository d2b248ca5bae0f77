import { Aws } from 'aws-cdk-lib';
import { tagKeys } from '../../core/inventory/records.ts';
import { remediationMachineName } from '../remediation-machine.ts';
import { arnOf } from './catalog-scope.ts';
import { type Permission, permission } from './permission.ts';

/*
 * Resource types and condition keys per action:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_ec2.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
 */

const isTagged = (key: string): Readonly<Record<string, string>> => ({ [`aws:ResourceTag/${key}`]: 'false' });
const onlyTagged = 'Only what carries our tag; the ids are not known before.';

/**
 * Ends instances, but only those that carry our quarantine tag
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/control-access-with-tags.html), and what launches of ours left behind.
 */
export function reapPermissions(): readonly Permission[] {
  return [
    permission(
      {
        sid: 'FindOurs',
        actions: [
          'autoscaling:DescribeAutoScalingInstances',
          'ec2:DescribeImages',
          'ec2:DescribeInstances',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeSnapshots',
          'ec2:DescribeVolumes',
        ],
        resources: ['*'],
      },
      'Calls that describe have no resource types in the Service Authorization Reference; they read.',
    ),
    permission(
      {
        sid: 'EndQuarantined',
        // Termination protection is carried over to replacements, so it is lifted first.
        actions: ['ec2:ModifyInstanceAttribute', 'ec2:TerminateInstances'],
        resources: [arnOf('ec2', 'instance/*')],
        conditions: { Null: { [`ec2:ResourceTag/${tagKeys.quarantine}`]: 'false' } },
      },
      'Only instances that carry our quarantine tag; their ids are not known before.',
    ),
    ...orphanPermissions(),
    ...leftoverPermissions(),
    ...restartPermissions(),
  ];
}

/** Orphans are stopped and put into quarantine; only what a launch of ours tagged, and only with our quarantine's tags. */
function orphanPermissions(): readonly Permission[] {
  const launched = [arnOf('ec2', 'instance/*')];
  return [
    permission({ sid: 'StopOrphans', actions: ['ec2:StopInstances'], resources: launched, conditions: { Null: isTagged(tagKeys.remediation) } }, onlyTagged),
    permission(
      {
        sid: 'MarkOrphans',
        actions: ['ec2:CreateTags'],
        resources: launched,
        conditions: {
          Null: { ...isTagged(tagKeys.remediation), 'aws:TagKeys': 'false' },
          'ForAllValues:StringEquals': { 'aws:TagKeys': [tagKeys.quarantine, tagKeys.quarantineUntil, tagKeys.remediation] },
        },
      },
      onlyTagged,
    ),
  ];
}

/** What is left once an instance is away; and members in standby leave their groups before they end. */
function leftoverPermissions(): readonly Permission[] {
  return [
    permission(
      {
        sid: 'DeleteInterfaces',
        actions: ['ec2:DeleteNetworkInterface'],
        resources: [arnOf('ec2', 'network-interface/*')],
        conditions: { Null: isTagged(tagKeys.remediation) },
      },
      onlyTagged,
    ),
    permission(
      { sid: 'DeleteVolumes', actions: ['ec2:DeleteVolume'], resources: [arnOf('ec2', 'volume/*')], conditions: { Null: isTagged(tagKeys.remediation) } },
      onlyTagged,
    ),
    permission(
      {
        sid: 'DeleteSnapshots',
        actions: ['ec2:DeleteSnapshot'],
        // Snapshots belong to no account in their ARN.
        resources: [`arn:${Aws.PARTITION}:ec2:${Aws.REGION}::snapshot/*`],
        conditions: { Null: isTagged(tagKeys.remediation) },
      },
      onlyTagged,
    ),
    // Takes members out of groups, but ends none: that takes the quarantine tag of the instance as well.
    permission(
      {
        sid: 'ReleaseStandby',
        actions: ['autoscaling:DetachInstances'],
        resources: [arnOf('autoscaling', 'autoScalingGroup:*:autoScalingGroupName/*')],
        conditions: { Null: { [`autoscaling:ResourceTag/${tagKeys.system}`]: 'false' } },
      },
      'Only groups that carry the tag of a system; the group is the only resource type of the call.',
    ),
  ];
}

/** Repairs whose execution ended without them are started again. */
function restartPermissions(): readonly Permission[] {
  return [
    permission(
      { sid: 'LookAtRepairs', actions: ['states:DescribeExecution'], resources: [arnOf('states', `execution:${remediationMachineName}:*`)] },
      'Executions of the one state machine; their names are made when they start.',
    ),
    permission({ sid: 'RestartRepairs', actions: ['states:StartExecution'], resources: [arnOf('states', `stateMachine:${remediationMachineName}`)] }),
  ];
}
