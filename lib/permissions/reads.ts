import { attachmentReads, belongingReads } from './attachments.ts';
import { arnOf, type CatalogScope, inChunks } from './catalog-scope.ts';
import { type Permission, permission } from './permission.ts';

/*
 * Reading the fleet. Which calls have resource types stands in AWS's tables:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_ec2.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_elasticloadbalancingv2.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_autoscaling.html
 */

const hasNoResources = 'Calls that describe have no resource types in the Service Authorization Reference; they read.';

/** What the poll of impaired instances asks: who is in trouble, and which targets are. */
export function healthReads(): readonly Permission[] {
  return [
    permission({ sid: 'ReadHealth', actions: ['ec2:DescribeInstances', 'ec2:DescribeInstanceStatus'], resources: ['*'] }, hasNoResources),
    permission(
      { sid: 'ReadTargets', actions: ['elasticloadbalancing:DescribeTargetGroups', 'elasticloadbalancing:DescribeTargetHealth'], resources: ['*'] },
      hasNoResources,
    ),
  ];
}

/** What a capture needs beside that, and which images are approved. */
export function inventoryReads(scope: CatalogScope): readonly Permission[] {
  const actions = ['ec2:DescribeImages', 'ec2:DescribeInstanceCreditSpecifications', 'ec2:DescribeVolumes', 'autoscaling:DescribeAutoScalingInstances'];
  return [
    ...healthReads(),
    permission({ sid: 'ReadInstances', actions, resources: ['*'] }, hasNoResources),
    ...attributeReads(scope),
    ...belongingReads(scope),
    permission(
      { sid: 'ReadApprovedImages', actions: ['ssm:GetParameterHistory'], resources: [arnOf('ssm', 'parameter/perennial/images/*')] },
      'One parameter per image role, all of them ours.',
    ),
  ];
}

/** What the act function looks at before it launches or isolates. */
export function surroundingsReads(): readonly Permission[] {
  const actions = ['ec2:DescribeIamInstanceProfileAssociations', 'ec2:DescribeInstanceTypeOfferings', 'ec2:DescribeSecurityGroups', 'ec2:DescribeSubnets'];
  return [
    permission({ sid: 'ReadSurroundings', actions, resources: ['*'] }, hasNoResources),
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
    permission(
      { sid: 'ReadKeys', actions: ['kms:DescribeKey'], resources: [arnOf('kms', 'key/*')] },
      'Volumes are encrypted with keys that no catalog lists; of this account only, and it reads.',
    ),
    ...attachmentReads(),
  ];
}

/**
 * Any alarm of the account may arrive as a signal and is read again. A scope narrower than `*` hides composite alarms:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
 */
export function alarmReads(): readonly Permission[] {
  const anyAlarm = 'Any alarm of the account may arrive as a signal and is read again; a narrower scope hides composite alarms; reading only.';
  return [
    permission({ sid: 'ReadAlarms', actions: ['cloudwatch:DescribeAlarms'], resources: ['*'] }, anyAlarm),
    permission({ sid: 'ReadAlarmTags', actions: ['cloudwatch:ListTagsForResource'], resources: [arnOf('cloudwatch', 'alarm:*')] }, anyAlarm),
  ];
}

/** Attributes hold the user data, which may hold secrets: only of instances that are ours to repair. */
function attributeReads(scope: CatalogScope): readonly Permission[] {
  return inChunks(scope.systemNames).map((names) =>
    permission(
      {
        actions: ['ec2:DescribeInstanceAttribute'],
        resources: [arnOf('ec2', 'instance/*')],
        conditions: { StringEquals: { 'aws:ResourceTag/perennial:system': names } },
      },
      'Instance ids change with every repair; the tag of a listed system is what counts.',
    ),
  );
}

/** GetMetricData has no resource type but data sets: https://docs.aws.amazon.com/service-authorization/latest/reference/list_cloudwatch.html */
export function metricReads(): readonly Permission[] {
  return [
    permission(
      { sid: 'ReadMetrics', actions: ['cloudwatch:GetMetricData'], resources: ['*'] },
      'Metrics are no resources in the Service Authorization Reference; it reads.',
    ),
  ];
}

/** How CloudWatch names a target group and its load balancer. */
export function targetGroupReads(): readonly Permission[] {
  return [permission({ sid: 'ReadTargetGroups', actions: ['elasticloadbalancing:DescribeTargetGroups'], resources: ['*'] }, hasNoResources)];
}

/** Whether agents answer, and what scripts on hosts wrote: neither call has resource types (service authorization reference of ssm). */
export function commandReads(): readonly Permission[] {
  const actions = ['ssm:DescribeInstanceInformation', 'ssm:GetCommandInvocation'];
  return [permission({ sid: 'ReadCommands', actions, resources: ['*'] }, hasNoResources)];
}
