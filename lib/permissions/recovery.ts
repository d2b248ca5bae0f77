import { Aws } from 'aws-cdk-lib';
import { tagKeys } from '../../core/inventory/records.ts';
import { arnOf, type CatalogScope, inChunks } from './catalog-scope.ts';
import { type Permission, permission } from './permission.ts';

/*
 * The gentler ways to repair, and members of Auto Scaling groups: one statement per resource type. Nothing here ends an instance.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html (one resource type, the group, with its tags
 * under both autoscaling:ResourceTag and aws:ResourceTag; reading has none)
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
 */

type Conditions = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

const hasNoResources = 'Calls that describe or list have no resource types in the Service Authorization Reference; they read.';
const ofOurInstance = 'EC2 checks the instance of the same call as well, and that must carry the tag of a listed system.';
const taggedOnly = 'Ids and names change with every repair or deploy; the tag of a listed system is what counts.';

const ec2 = (type: string): string => arnOf('ec2', `${type}/*`);

function allow(actions: readonly string[], resource: string, reason: string, conditions?: Conditions): Permission {
  return permission({ actions: [...actions], resources: [resource], conditions }, reason);
}

/** What the choice of a path looks at. */
export function recoveryReads(): readonly Permission[] {
  const actions = [
    'autoscaling:DescribeAutoScalingGroups',
    'autoscaling:DescribeInstanceRefreshes',
    'autoscaling:DescribeLaunchConfigurations',
    'autoscaling:DescribeLifecycleHooks',
    'autoscaling:DescribeScalingActivities',
    'ec2:DescribeInstanceTypes',
    'ec2:DescribeLaunchTemplateVersions',
    'ec2:DescribeReplaceRootVolumeTasks',
    'ssm:ListCommands',
  ];
  return [
    permission({ sid: 'ReadWays', actions, resources: ['*'] }, hasNoResources),
    // A launch template may name its image by one of these: https://docs.aws.amazon.com/autoscaling/ec2/userguide/using-systems-manager-parameters.html
    permission(
      { sid: 'ResolveImages', actions: ['ssm:GetParameters'], resources: [arnOf('ssm', 'parameter/perennial/images/*')] },
      'One parameter per image role, all of them ours.',
    ),
  ];
}

/** What the act function changes. */
export function recoveryChanges({ systemNames, restartDocumentArns }: CatalogScope): readonly Permission[] {
  return [
    ...inChunks(systemNames).flatMap(systemChanges),
    // Required are instance, task and the new volume; the image is checked as well, a snapshot only where one is named.
    ...['replace-root-volume-task', 'volume'].map((type) => allow(['ec2:CreateReplaceRootVolumeTask'], ec2(type), ofOurInstance)),
    // Images belong to no account in their ARN.
    allow(['ec2:CreateReplaceRootVolumeTask'], `arn:${Aws.PARTITION}:ec2:${Aws.REGION}::image/*`, ofOurInstance),
    // The root that was replaced carries whatever tags its owner gave it, so that nothing of the volume bounds this; the tags that may be set do.
    allow(['ec2:CreateTags'], ec2('volume'), 'Volumes of an owner carry no tags of ours; only the two that keep a replaced root may be set.', {
      'ForAllValues:StringEquals': { 'aws:TagKeys': [tagKeys.remediation, tagKeys.quarantineUntil] },
      Null: { 'aws:TagKeys': 'false', [`aws:RequestTag/${tagKeys.remediation}`]: 'false' },
    }),
    // Only ever rehearsed; what may be launched is bounded by the statement about instances.
    allow(['ec2:RunInstances'], ec2('launch-template'), 'Templates are made by their owners; what a launch gives must carry our tags.'),
    ...inChunks(restartDocumentArns).map((arns) => permission({ actions: ['ssm:SendCommand'], resources: [...arns] })),
  ];
}

function systemChanges(systemNames: readonly string[]): readonly Permission[] {
  const groups = arnOf('autoscaling', 'autoScalingGroup:*:autoScalingGroupName/*');
  const actions = ['autoscaling:SetInstanceHealth', 'autoscaling:EnterStandby', 'autoscaling:CompleteLifecycleAction'];
  return [
    allow(['ec2:RebootInstances', 'ec2:CreateReplaceRootVolumeTask'], ec2('instance'), taggedOnly, {
      StringEquals: { [`aws:ResourceTag/${tagKeys.system}`]: systemNames },
    }),
    allow(actions, groups, taggedOnly, { StringEquals: { [`autoscaling:ResourceTag/${tagKeys.system}`]: systemNames } }),
  ];
}
