import {
  AssociateIamInstanceProfileCommand,
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeIamInstanceProfileAssociationsCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DisassociateIamInstanceProfileCommand,
  type EC2Client,
  type IamInstanceProfileAssociation,
  ModifyNetworkInterfaceAttributeCommand,
  RevokeSecurityGroupEgressCommand,
  type SecurityGroup,
} from '@aws-sdk/client-ec2';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import type { QuarantineKeeper } from '../../core/remediation/ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';
import { tagsOf } from './instance-facts.ts';

const GROUP_NAME = 'perennial-quarantine';

export function createQuarantineKeeper(ec2: EC2Client): QuarantineKeeper {
  return {
    isolate: (instanceId, vpcId) => isolate(ec2, instanceId, vpcId),
    interfaceGroups: (instanceId) => interfaceGroups(ec2, instanceId),
    rejoin: (instanceId, groups) => rejoin(ec2, instanceId, groups),
    restoreProfile: (instanceId, instanceProfileArn) => restoreProfile(ec2, instanceId, instanceProfileArn),
    unmark: (instanceId, removeTagKeys, tags) => unmark(ec2, instanceId, removeTagKeys, tags),
    dropProfile: (instanceId) => dropProfile(ec2, instanceId),
    mark: (instanceId, tags, removeTagKeys) => mark(ec2, instanceId, tags, removeTagKeys),
  };
}

async function isolate(ec2: EC2Client, instanceId: string, vpcId: string): Promise<{ readonly securityGroupId: string }> {
  const group = (await findGroup(ec2, vpcId)) ?? (await createGroup(ec2, vpcId));
  const securityGroupId = group.GroupId;
  if (securityGroupId === undefined) throw new PermanentError(`The quarantine group of ${vpcId} has no id; ${instanceId} was not isolated.`);
  await removeEgress(ec2, group);
  const answer = await callAws(`describe ${instanceId}`, () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })));
  const interfaces = (answer.Reservations?.[0]?.Instances?.[0]?.NetworkInterfaces ?? []).flatMap(
    (networkInterface) => networkInterface.NetworkInterfaceId ?? [],
  );
  if (interfaces.length === 0) throw new PermanentError(`${instanceId} has no network interface to isolate.`);
  for (const NetworkInterfaceId of interfaces) {
    await callAws(`isolate ${NetworkInterfaceId} of ${instanceId}`, () =>
      ec2.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId, Groups: [securityGroupId] })),
    );
  }
  return { securityGroupId };
}

async function findGroup(ec2: EC2Client, vpcId: string): Promise<SecurityGroup | undefined> {
  const filters = [
    { Name: 'group-name', Values: [GROUP_NAME] },
    { Name: 'vpc-id', Values: [vpcId] },
  ];
  const answer = await callAws(`look for the quarantine group of ${vpcId}`, () => ec2.send(new DescribeSecurityGroupsCommand({ Filters: filters })));
  return answer.SecurityGroups?.[0];
}

/** Two repairs may make it at once: the name is unique in a VPC, and the loser finds the winner's. */
async function createGroup(ec2: EC2Client, vpcId: string): Promise<SecurityGroup> {
  try {
    await ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: GROUP_NAME,
        Description: 'Perennial: instances in quarantine, no traffic',
        VpcId: vpcId,
        TagSpecifications: [{ ResourceType: 'security-group', Tags: [{ Key: tagKeys.quarantine, Value: 'group' }] }],
      }),
    );
  } catch (error) {
    if (codeOf(error) !== 'InvalidGroup.Duplicate') throw toPortError(error, `make the quarantine group of ${vpcId}`);
  }
  const group = await findGroup(ec2, vpcId);
  // EC2 lists what is new a little later; the next try finds it by its name.
  if (group === undefined) throw new RetryableError(`The quarantine group of ${vpcId} was made and is not listed yet; it is looked for again.`);
  return group;
}

/** A new group lets everything out: https://docs.aws.amazon.com/vpc/latest/userguide/default-custom-security-groups.html */
async function removeEgress(ec2: EC2Client, group: SecurityGroup): Promise<void> {
  const rules = group.IpPermissionsEgress ?? [];
  if (rules.length === 0) return;
  try {
    await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId: group.GroupId, IpPermissions: rules }));
  } catch (error) {
    if (codeOf(error) !== 'InvalidPermission.NotFound') throw toPortError(error, `close the quarantine group ${group.GroupId}`);
  }
}

async function dropProfile(ec2: EC2Client, instanceId: string): Promise<{ readonly instanceProfileArn?: string }> {
  const association = await profileOf(ec2, instanceId);
  if (association?.AssociationId === undefined) return {};
  const { AssociationId } = association;
  await callAws(`take the profile off ${instanceId}`, () => ec2.send(new DisassociateIamInstanceProfileCommand({ AssociationId })));
  const instanceProfileArn = association.IamInstanceProfile?.Arn;
  return instanceProfileArn === undefined ? {} : { instanceProfileArn };
}

async function profileOf(ec2: EC2Client, instanceId: string): Promise<IamInstanceProfileAssociation | undefined> {
  const filters = [{ Name: 'instance-id', Values: [instanceId] }];
  const answer = await callAws(`read the profile of ${instanceId}`, () => ec2.send(new DescribeIamInstanceProfileAssociationsCommand({ Filters: filters })));
  return (answer.IamInstanceProfileAssociations ?? []).find(({ State }) => State === 'associated' || State === 'associating');
}

/** A second association is refused, so that one that is there is left: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateIamInstanceProfile.html */
async function restoreProfile(ec2: EC2Client, instanceId: string, instanceProfileArn: string): Promise<void> {
  if ((await profileOf(ec2, instanceId)) !== undefined) return;
  await callAws(`give ${instanceId} its profile back`, () =>
    ec2.send(new AssociateIamInstanceProfileCommand({ InstanceId: instanceId, IamInstanceProfile: { Arn: instanceProfileArn } })),
  );
}

async function interfaceGroups(ec2: EC2Client, instanceId: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const answer = await callAws(`describe ${instanceId}`, () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })));
  const interfaces = answer.Reservations?.[0]?.Instances?.[0]?.NetworkInterfaces ?? [];
  return Object.fromEntries(
    interfaces.flatMap(({ NetworkInterfaceId, Groups }) =>
      NetworkInterfaceId === undefined ? [] : [[NetworkInterfaceId, (Groups ?? []).flatMap(({ GroupId }) => GroupId ?? [])]],
    ),
  );
}

/** The whole list replaces what is there, so that a repetition changes nothing. */
async function rejoin(ec2: EC2Client, instanceId: string, groups: Readonly<Record<string, readonly string[]>>): Promise<void> {
  for (const [NetworkInterfaceId, ids] of Object.entries(groups)) {
    // EC2 takes no empty list: an interface always has a group
    if (ids.length === 0) continue;
    await callAws(`put ${NetworkInterfaceId} of ${instanceId} back into its security groups`, () =>
      ec2.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId, Groups: [...ids] })),
    );
  }
}

/** What was taken off comes back first: a crash in between leaves the tags that say what the instance is. */
async function unmark(ec2: EC2Client, instanceId: string, removeTagKeys: readonly string[], tags: Readonly<Record<string, string>>): Promise<void> {
  const restored = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  if (restored.length > 0) {
    await callAws(`put automation tags back on ${instanceId}`, () => ec2.send(new CreateTagsCommand({ Resources: [instanceId], Tags: restored })));
  }
  await callAws(`take the quarantine tags off ${instanceId}`, () =>
    ec2.send(new DeleteTagsCommand({ Resources: [instanceId], Tags: removeTagKeys.map((Key) => ({ Key })) })),
  );
}

async function mark(
  ec2: EC2Client,
  instanceId: string,
  tags: Readonly<Record<string, string>>,
  removeTagKeys: readonly string[],
): Promise<{ readonly removedTags: Readonly<Record<string, string>> }> {
  const answer = await callAws(`describe ${instanceId}`, () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })));
  const present = tagsOf(answer.Reservations?.[0]?.Instances?.[0]?.Tags);
  const removed = Object.entries(present).filter(([key]) => removeTagKeys.includes(key));
  await callAws(`tag ${instanceId}`, () =>
    ec2.send(new CreateTagsCommand({ Resources: [instanceId], Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) })),
  );
  if (removed.length > 0) {
    await callAws(`take automation tags off ${instanceId}`, () =>
      ec2.send(new DeleteTagsCommand({ Resources: [instanceId], Tags: removed.map(([Key]) => ({ Key })) })),
    );
  }
  return { removedTags: Object.fromEntries(removed) };
}
