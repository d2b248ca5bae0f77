import { Aws } from 'aws-cdk-lib';
import { tagKeys } from '../../core/inventory/records.ts';
import { arnOf, type CatalogScope, inChunks } from './catalog-scope.ts';
import { type Permission, permission } from './permission.ts';

/*
 * What moves with an instance: one statement per resource type. Nothing here deletes anything.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
 */

type Conditions = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

const boundedByInstance =
  'Volumes, interfaces and addresses carry no tags of ours, because their owner made them; EC2 checks the instance of the same call as well, and that must be ours.';
const ofItsType =
  'An interface or address is named by its id only, which no catalog lists; the resource type bounds the statement, and the call deletes nothing.';
const hasNoResources = 'Calls that describe or list have no resource types in the Service Authorization Reference; they read.';

const ec2 = (type: string): string => arnOf('ec2', `${type}/*`);
const ssm = (type: string): string => arnOf('ssm', `${type}/*`);
/** Route 53 is global: no Region and no account in its ARNs. */
const route53 = (resource: string): string => `arn:${Aws.PARTITION}:route53:::${resource}`;

function allow(actions: readonly string[], resource: string, reason: string, conditions?: Conditions): Permission {
  return permission({ actions: [...actions], resources: [resource], conditions }, reason);
}

/** What the act function changes. */
export function attachmentChanges(scope: CatalogScope): readonly Permission[] {
  const { systemNames } = scope;
  const isOurs = { StringEquals: { [`aws:ResourceTag/${tagKeys.system}`]: systemNames } };
  const isOfRemediation = { Null: { [`aws:RequestTag/${tagKeys.remediation}`]: 'false' } };
  const moves = ['ec2:AttachVolume', 'ec2:DetachVolume', 'ec2:AttachNetworkInterface', 'ec2:DetachNetworkInterface', 'ec2:CreateSnapshots'];
  return [
    // Only what becomes of its disks is set, by the adapter; no condition key says that.
    allow([...moves, 'ec2:ModifyInstanceAttribute'], ec2('instance'), 'Only instances that carry the tag of a listed system.', isOurs),
    allow(['ec2:AttachVolume', 'ec2:DetachVolume', 'ec2:CreateSnapshots'], ec2('volume'), boundedByInstance),
    allow(['ec2:AttachNetworkInterface', 'ec2:DetachNetworkInterface'], ec2('network-interface'), boundedByInstance),
    allow(['ec2:AssignPrivateIpAddresses', 'ec2:AssociateAddress'], ec2('network-interface'), ofItsType),
    allow(['ec2:AssociateAddress'], ec2('elastic-ip'), ofItsType),
    // Snapshots belong to no account in their ARN.
    allow(['ec2:CreateSnapshots'], `arn:${Aws.PARTITION}:ec2:${Aws.REGION}::snapshot/*`, 'Only what is made with the tag of its remediation.', isOfRemediation),
    allow(['ec2:CreateTags'], `arn:${Aws.PARTITION}:ec2:${Aws.REGION}::snapshot/*`, 'Only in the call that makes the snapshot.', {
      StringEquals: { 'ec2:CreateAction': 'CreateSnapshots' },
    }),
    ...recordChanges(scope),
    ...associationChanges(scope),
  ];
}

/** UPSERT only, addresses and names only, and only of names within a declared zone: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html */
function recordChanges({ hostedZoneNames }: CatalogScope): readonly Permission[] {
  return inChunks(hostedZoneNames).map((names) =>
    allow(['route53:ChangeResourceRecordSets'], route53('hostedzone/*'), 'Zone ids are not in the catalog; the names of the records are, by their zone.', {
      'ForAllValues:StringLike': { 'route53:ChangeResourceRecordSetsNormalizedRecordNames': names.flatMap((name) => [name, `*.${name}`]) },
      'ForAllValues:StringEquals': {
        'route53:ChangeResourceRecordSetsActions': ['UPSERT'],
        'route53:ChangeResourceRecordSetsRecordTypes': ['A', 'CNAME'],
      },
      Null: { 'route53:ChangeResourceRecordSetsActions': 'false' },
    }),
  );
}

/** The instances that an association names are resources of the call: with this it can only be pointed at instances of listed systems. */
function associationChanges({ systemNames }: CatalogScope): readonly Permission[] {
  const actions = ['ssm:DescribeAssociation', 'ssm:UpdateAssociation'];
  return [
    allow(actions, ssm('association'), 'Associations are named by ids, which no catalog lists; the instance statement says which may be aimed at.'),
    allow(['ssm:UpdateAssociation'], arnOf('ssm', 'document/*'), 'The document of an association stays the one it has.'),
    allow(
      ['ssm:UpdateAssociation'],
      `arn:${Aws.PARTITION}:ssm:${Aws.REGION}::document/*`,
      'Documents of AWS belong to no account in their ARN; the one of an association stays.',
    ),
    allow(actions, ec2('instance'), 'Only instances that carry the tag of a listed system.', {
      StringEquals: { [`ssm:resourceTag/${tagKeys.system}`]: systemNames },
    }),
  ];
}

/** What the act function reads back. */
export function attachmentReads(): readonly Permission[] {
  return [
    permission({ sid: 'ReadAttachments', actions: ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSnapshots'], resources: ['*'] }, hasNoResources),
    permission(
      { sid: 'ReadChanges', actions: ['route53:GetChange'], resources: [route53('change/*')] },
      'Changes are named by ids that Route 53 gives; it reads.',
    ),
  ];
}

/** What a capture reads of it. */
export function belongingReads({ hostedZoneNames }: CatalogScope): readonly Permission[] {
  const common = permission({ sid: 'ReadBelongings', actions: ['ec2:DescribeAddresses', 'ssm:ListAssociations'], resources: ['*'] }, hasNoResources);
  if (hostedZoneNames.length === 0) return [common];
  return [
    common,
    permission({ sid: 'FindZones', actions: ['route53:ListHostedZonesByName'], resources: ['*'] }, hasNoResources),
    permission(
      { sid: 'ReadRecords', actions: ['route53:ListResourceRecordSets'], resources: [route53('hostedzone/*')] },
      'Zone ids are not in the catalog, their names are; it reads.',
    ),
  ];
}
