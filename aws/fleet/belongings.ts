import type { Instance, InstanceNetworkInterface } from '@aws-sdk/client-ec2';
import type { Capture, CapturedInterface } from '../../core/remediation/surroundings/capture.ts';
import { lostAddresses } from '../../core/remediation/preflight/reachability.ts';
import { readElasticIps } from './addresses.ts';
import { readAssociations } from './associations.ts';
import type { FleetClients } from './clients.ts';
import { readDnsRecords } from './dns-records.ts';
import { primaryOf } from './interfaces.ts';

type Belongings = Pick<
  Capture,
  'publicIpAddress' | 'privateDnsName' | 'publicDnsName' | 'primaryInterface' | 'secondaryInterfaces' | 'elasticIps' | 'dnsRecords' | 'associations'
>;

/** What moves with an instance, beside its volumes. Hosted zones and their records are only read where the system declares some. */
export async function readBelongings(
  { ec2, route53, ssm }: Pick<FleetClients, 'ec2' | 'route53' | 'ssm'>,
  instance: Instance,
  hostedZones: readonly string[],
): Promise<Belongings> {
  const secondaryInterfaces = secondaryInterfacesOf(instance);
  const primary = primaryOf(instance);
  const interfaceIds = [
    ...(primary === undefined ? [] : [primary.networkInterfaceId]),
    ...secondaryInterfaces.map(({ networkInterfaceId }) => networkInterfaceId),
  ];
  const elasticIps = await readElasticIps(ec2, interfaceIds);
  const reachable = { ...reachabilityOf(primary), elasticIps };
  const dnsRecords = hostedZones.length === 0 ? [] : await readDnsRecords(route53, hostedZones, lostAddresses(reachable));
  const associations = await readAssociations(ssm, instance.InstanceId ?? '');
  const { privateIpAddress: _kept, ...names } = reachable;
  return { ...names, secondaryInterfaces, dnsRecords, associations, ...primaryInterfaceOf(primary) };
}

type Primary = ReturnType<typeof primaryOf>;

function reachabilityOf(primary: Primary): Pick<Capture, 'privateIpAddress' | 'publicIpAddress' | 'privateDnsName' | 'publicDnsName'> {
  if (primary === undefined) return {};
  const { networkInterfaceId: _id, secondaryPrivateIpAddresses: _secondary, ...names } = primary;
  return names;
}

function primaryInterfaceOf(primary: Primary): Pick<Capture, 'primaryInterface'> {
  if (primary === undefined) return {};
  const { networkInterfaceId, secondaryPrivateIpAddresses } = primary;
  return { primaryInterface: { networkInterfaceId, secondaryPrivateIpAddresses: [...secondaryPrivateIpAddresses] } };
}

function secondaryInterfacesOf({ NetworkInterfaces = [] }: Instance): CapturedInterface[] {
  return NetworkInterfaces.flatMap((networkInterface) => (canMove(networkInterface) ? capturedOf(networkInterface) : []));
}

/** Interfaces of another kind (trunk, branch, load balancer) belong to the service that made them: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterface.html */
export function canMove({ Attachment, InterfaceType = 'interface' }: InstanceNetworkInterface): boolean {
  return (Attachment?.DeviceIndex ?? 0) > 0 && InterfaceType === 'interface';
}

function capturedOf({ NetworkInterfaceId, Attachment, PrivateIpAddresses = [], Groups = [] }: InstanceNetworkInterface): CapturedInterface[] {
  if (NetworkInterfaceId === undefined || Attachment?.DeviceIndex === undefined) return [];
  return [
    {
      networkInterfaceId: NetworkInterfaceId,
      deviceIndex: Attachment.DeviceIndex,
      deleteOnTermination: Attachment.DeleteOnTermination ?? false,
      privateIpAddresses: PrivateIpAddresses.flatMap(({ PrivateIpAddress }) => PrivateIpAddress ?? []),
      securityGroupIds: Groups.flatMap(({ GroupId }) => GroupId ?? []),
    },
  ];
}
