import type { Instance } from '@aws-sdk/client-ec2';
import type { InstanceFacts } from '../../core/remediation/ports.ts';
import { canMove } from './belongings.ts';

/**
 * Types with disks of the host: families that are made of them, and those with a `d` among the letters after the generation
 * (https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html).
 */
const hasHostDisks = /^(?:(?:[dhi]|im|is)\d|[a-z]+\d+[a-z]*d[a-z]*[-.])/;

/** What AWS lets nobody take over: said in words, before in the plan and after in the record. */
export function cannotKeep(instance: Instance, facts: InstanceFacts): string[] {
  return ['the instance id', ...addresses(instance, facts), ...disks(facts), ...interfaces(instance), ...placement(instance, facts)];
}

function addresses(instance: Instance, { privateIpAddress }: InstanceFacts): readonly string[] {
  const primary = (instance.NetworkInterfaces ?? []).find(({ Attachment }) => (Attachment?.DeviceIndex ?? 0) === 0);
  const ipv6 = (primary?.Ipv6Addresses ?? []).flatMap(({ Ipv6Address }) => Ipv6Address ?? []);
  return [
    // A primary interface cannot be detached: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html
    ...(privateIpAddress === undefined ? [] : [`the private address ${privateIpAddress}`]),
    ...publicAddress(instance),
    ...ipv6.map((address) => `the IPv6 address ${address}`),
  ];
}

/** EC2 owns what it assigned by itself; an Elastic IP belongs to the account and moves (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterfaceAssociation.html). */
function publicAddress({ NetworkInterfaces = [], PublicIpAddress: address }: Instance): readonly string[] {
  if (address === undefined) return [];
  const association = NetworkInterfaces.find((networkInterface) => networkInterface.Association?.PublicIp === address)?.Association;
  const isElastic = association?.IpOwnerId !== undefined && association.IpOwnerId !== 'amazon';
  return isElastic ? [] : [`the public address ${address}`];
}

function disks({ instanceType, rootDeviceType }: InstanceFacts): readonly string[] {
  return rootDeviceType === 'instance-store' || hasHostDisks.test(instanceType) ? ['what is on instance-store volumes'] : [];
}

function interfaces({ NetworkInterfaces = [] }: Instance): readonly string[] {
  const foreign = NetworkInterfaces.filter((candidate) => (candidate.Attachment?.DeviceIndex ?? 0) > 0 && !canMove(candidate));
  return foreign.map(({ NetworkInterfaceId, InterfaceType }) => `the network interface ${NetworkInterfaceId ?? ''} (${InterfaceType ?? 'of another kind'})`);
}

function placement({ Placement }: Instance, { lifecycle }: InstanceFacts): readonly string[] {
  const isDedicated = Placement?.Tenancy !== undefined && Placement.Tenancy !== 'default';
  return [
    ...(lifecycle === 'spot' ? ['the Spot price (the replacement runs on demand)'] : []),
    ...(isDedicated ? [`the tenancy ${Placement.Tenancy}`] : []),
    ...(Placement?.GroupName === undefined || Placement.GroupName === '' ? [] : [`its place in the placement group ${Placement.GroupName}`]),
  ];
}
