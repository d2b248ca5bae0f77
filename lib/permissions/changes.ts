import { Aws } from 'aws-cdk-lib';
import { tagKeys } from '../../core/inventory/records.ts';
import { foreignAutomationTags } from '../../core/remediation/phases/quarantine.ts';
import { attachmentChanges } from './attachments.ts';
import { arnOf, type CatalogScope, inChunks } from './catalog-scope.ts';
import { type Permission, permission } from './permission.ts';
import { recoveryChanges } from './recovery.ts';

/*
 * What the act function may change (design.md section 7): one statement per resource type, scoped by what the catalog lists.
 * Resource types and condition keys per action: https://docs.aws.amazon.com/service-authorization/latest/reference/list_ec2.html
 * Nothing here can terminate an instance or delete anything.
 */

type Condition = Readonly<Record<string, string | readonly string[]>>;

/** Ids of instances, volumes and interfaces change with every repair, so what bounds each statement is its type and its conditions. */
const boundedByConditions =
  'The ARN names one resource type of this account and Region; the condition, or the other statements that the same call needs, say which of them.';

function allow(actions: readonly string[], resources: readonly string[], conditions?: Readonly<Record<string, Condition>>): Permission {
  return permission({ actions: [...actions], resources: [...resources], conditions }, boundedByConditions);
}

const ec2 = (type: string): string => arnOf('ec2', `${type}/*`);
const tagOfResource = (key: string): string => `aws:ResourceTag/${key}`;
const tagInRequest = (key: string): string => `aws:RequestTag/${key}`;

export function changePermissions(scope: CatalogScope): readonly Permission[] {
  // Without a system there is nothing that could be ours to change.
  if (scope.systemNames.length === 0) return [];
  return [
    ...inChunks(scope.systemNames).flatMap(instanceChanges),
    ...inChunks(scope.systemNames).flatMap(hostCommands),
    shellDocument,
    ...launchSurroundings,
    ...isolation,
    ...targetChanges(scope),
    ...alarmChanges(scope),
    ...dashboardChanges(scope),
    ...attachmentChanges(scope),
    ...recoveryChanges(scope),
    ...passingRoles(scope),
  ];
}

/** `ForAllValues` alone is also true of a request without any key. */
const onlyKeys = (keys: readonly string[]) => ({ 'ForAllValues:StringLike': { 'aws:TagKeys': keys }, Null: { 'aws:TagKeys': 'false' } });

/** Stop, start, mark and strip only what carries the tag of a listed system; launch only what will carry it. */
function instanceChanges(systemNames: readonly string[]): readonly Permission[] {
  const isOurs = { StringEquals: { [tagOfResource(tagKeys.system)]: systemNames } };
  return [
    allow(
      ['ec2:StopInstances', 'ec2:StartInstances', 'ec2:GetConsoleOutput', 'ec2:AssociateIamInstanceProfile', 'ec2:DisassociateIamInstanceProfile'],
      [ec2('instance')],
      isOurs,
    ),
    allow(['ec2:CreateTags'], [ec2('instance')], { ...isOurs, ...onlyKeys(['perennial:*']) }),
    allow(['ec2:DeleteTags'], [ec2('instance')], { ...isOurs, ...onlyKeys(foreignAutomationTags) }),
    // The way back: what the quarantine put on comes off, what it took off comes back.
    allow(['ec2:DeleteTags'], [ec2('instance')], { ...isOurs, ...onlyKeys([tagKeys.quarantine, tagKeys.quarantineUntil, tagKeys.remediation]) }),
    allow(['ec2:CreateTags'], [ec2('instance')], { ...isOurs, ...onlyKeys(foreignAutomationTags) }),
    allow(['ec2:RunInstances'], [ec2('instance')], {
      StringEquals: { [tagInRequest(tagKeys.system)]: systemNames },
      Null: { [tagInRequest(tagKeys.remediation)]: 'false' },
    }),
  ];
}

/**
 * Scripts on hosts, of listed systems only: the evidence that is kept before anything is done. Run Command checks the document and the
 * instance (https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html); AWS's own documents belong to no
 * account (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html).
 */
function hostCommands(systemNames: readonly string[]): readonly Permission[] {
  return [allow(['ssm:SendCommand'], [ec2('instance')], { StringEquals: { [`ssm:resourceTag/${tagKeys.system}`]: systemNames } })];
}

const shellDocument: Permission = permission({
  sid: 'RunShellScript',
  actions: ['ssm:SendCommand'],
  resources: [`arn:${Aws.PARTITION}:ssm:${Aws.REGION}::document/AWS-RunShellScript`],
});

/** What EC2 makes tagged belongs to a remediation; the rest is only used by the launch. */
const launchSurroundings: readonly Permission[] = [
  ...['volume', 'network-interface'].map((type) => allow(['ec2:RunInstances'], [ec2(type)], { Null: { [tagInRequest(tagKeys.remediation)]: 'false' } })),
  ...['subnet', 'security-group', 'key-pair'].map((type) => allow(['ec2:RunInstances'], [ec2(type)])),
  // Images belong to no account in their ARN.
  allow(['ec2:RunInstances'], [`arn:${Aws.PARTITION}:ec2:${Aws.REGION}::image/*`]),
  // Tagging only in the same call that creates: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
  ...['instance', 'volume', 'network-interface'].map((type) =>
    allow(['ec2:CreateTags'], [ec2(type)], { StringEquals: { 'ec2:CreateAction': 'RunInstances' } }),
  ),
  // Without these an instance with volumes under a customer key starts and stops at once; only EC2 may use them, for a disk of ours.
  // https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
  allow(['kms:CreateGrant'], [arnOf('kms', 'key/*')], {
    StringEquals: { 'kms:ViaService': `ec2.${Aws.REGION}.amazonaws.com` },
    Bool: { 'kms:GrantIsForAWSResource': 'true' },
  }),
  allow(['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'], [arnOf('kms', 'key/*')], {
    StringEquals: { 'kms:ViaService': `ec2.${Aws.REGION}.amazonaws.com` },
  }),
];

/**
 * Quarantine and the way back. Interfaces do not inherit the tags of their instance, and the groups it had are known by name only, so
 * that these statements are bounded by the resource type: who may change an interface here may launch one into any group as well.
 */
const isolation: readonly Permission[] = [
  allow(['ec2:CreateSecurityGroup'], [ec2('security-group')], { Null: { [tagInRequest(tagKeys.quarantine)]: 'false' } }),
  allow(['ec2:CreateSecurityGroup'], [ec2('vpc')]),
  allow(['ec2:CreateTags'], [ec2('security-group')], { StringEquals: { 'ec2:CreateAction': 'CreateSecurityGroup' } }),
  allow(['ec2:RevokeSecurityGroupEgress'], [ec2('security-group')], { Null: { [tagOfResource(tagKeys.quarantine)]: 'false' } }),
  // Into our group, and on the way back into those it had, which are those that a launch may use as well.
  allow(['ec2:ModifyNetworkInterfaceAttribute'], [ec2('security-group')]),
  allow(['ec2:ModifyNetworkInterfaceAttribute'], [ec2('network-interface')]),
];

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_elasticloadbalancingv2.html: both act on target groups. */
function targetChanges({ targetGroupArns }: CatalogScope): readonly Permission[] {
  return inChunks(targetGroupArns).map((arns) => allow(['elasticloadbalancing:RegisterTargets', 'elasticloadbalancing:DeregisterTargets'], arns));
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_cloudwatch.html: all three act on alarms. */
function alarmChanges({ alarmArns }: CatalogScope): readonly Permission[] {
  return inChunks(alarmArns).map((arns) =>
    allow(['cloudwatch:PutMetricAlarm', 'cloudwatch:TagResource', 'cloudwatch:DisableAlarmActions', 'cloudwatch:EnableAlarmActions'], arns),
  );
}

function dashboardChanges({ dashboardArns }: CatalogScope): readonly Permission[] {
  return inChunks(dashboardArns).map((arns) => allow(['cloudwatch:GetDashboard', 'cloudwatch:PutDashboard'], arns));
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html: the role of the profile, to EC2 only. */
function passingRoles({ instanceRoleArns }: CatalogScope): readonly Permission[] {
  return inChunks(instanceRoleArns).map((arns) => allow(['iam:PassRole'], arns, { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } }));
}
