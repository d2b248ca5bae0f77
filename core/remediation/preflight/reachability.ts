import type { PrimaryInterface } from '../surroundings/attachment-ports.ts';
import type { Capture, CapturedElasticIp } from '../surroundings/capture.ts';
import type { PartName } from '../record.ts';

/** Elastic IP addresses of the primary interface. Those of secondary interfaces go with them. */
export function movingElasticIps({ elasticIps = [], primaryInterface }: Pick<Capture, 'elasticIps' | 'primaryInterface'>): readonly CapturedElasticIp[] {
  return elasticIps.filter(({ networkInterfaceId }) => networkInterfaceId === primaryInterface?.networkInterfaceId);
}

/** How an instance is reached by the interface that it was launched with. */
export type Addresses = Pick<PrimaryInterface, 'privateIpAddress' | 'privateDnsName' | 'publicIpAddress' | 'publicDnsName'>;

type Reachable = Pick<Capture, 'privateIpAddress' | 'privateDnsName' | 'publicIpAddress' | 'publicDnsName' | 'elasticIps'>;

/** A public address that EC2 has assigned by itself: it ends when the instance stops. */
function hasAssignedPublicAddress({ publicIpAddress, elasticIps = [] }: Reachable): boolean {
  return publicIpAddress !== undefined && !elasticIps.some((elasticIp) => elasticIp.publicIpAddress === publicIpAddress);
}

/** The addresses and names of the instance that no replacement can have: a DNS record with one of them must be rewritten. */
export function lostAddresses(capture: Reachable): readonly string[] {
  const { privateIpAddress, privateDnsName, publicIpAddress, publicDnsName } = capture;
  const isPublicLost = hasAssignedPublicAddress(capture);
  return [privateIpAddress, privateDnsName, ...(isPublicLost ? [publicIpAddress, publicDnsName] : [])].flatMap((address) => address ?? []);
}

/** Old address → the other instance's address of the same kind, where it has one. */
export function addressMap(capture: Reachable, other: Addresses): ReadonlyMap<string, string> {
  const isPublicLost = hasAssignedPublicAddress(capture);
  const pairs = [
    [capture.privateIpAddress, other.privateIpAddress],
    [capture.privateDnsName, other.privateDnsName],
    ...(isPublicLost
      ? [
          [capture.publicIpAddress, other.publicIpAddress],
          [capture.publicDnsName, other.publicDnsName],
        ]
      : []),
  ];
  return new Map(pairs.flatMap(([from, to]) => (from === undefined || to === undefined ? [] : [[from, to] as const])));
}

/** What of an instance moves to its replacement, beside what the launch gives it. */
export function partsOf(capture: Capture): readonly PartName[] {
  const { volumes, secondaryInterfaces = [], primaryInterface, dnsRecords = [], associations = [] } = capture;
  const has: Readonly<Record<PartName, boolean>> = {
    volumes: volumes.some(({ isRoot }) => !isRoot),
    interfaces: secondaryInterfaces.length > 0,
    addresses: movingElasticIps(capture).length > 0 || (primaryInterface?.secondaryPrivateIpAddresses.length ?? 0) > 0,
    records: dnsRecords.length > 0,
    associations: associations.length > 0,
  };
  return (['volumes', 'interfaces', 'addresses', 'records', 'associations'] as const).filter((part) => has[part]);
}

/** What the replacement gets back, in words, for the plan. */
export function keptWords(capture: Capture): readonly string[] {
  const { volumes, secondaryInterfaces = [], primaryInterface, elasticIps = [], dnsRecords = [], associations = [] } = capture;
  return [
    ...volumes.filter(({ isRoot }) => !isRoot).map(({ volumeId, deviceName }) => `the data volume ${volumeId} at ${deviceName}`),
    ...secondaryInterfaces.map(
      ({ networkInterfaceId, privateIpAddresses }) => `the network interface ${networkInterfaceId} (${privateIpAddresses.join(', ')})`,
    ),
    ...(primaryInterface?.secondaryPrivateIpAddresses ?? []).map((address) => `the secondary private address ${address}`),
    ...elasticIps.map(({ publicIpAddress }) => `the Elastic IP address ${publicIpAddress}`),
    ...dnsRecords.map(({ name, type }) => `the DNS record ${name} ${type}, with the new address`),
    ...associations.map(({ associationId, documentName }) => `the association ${associationId} with ${documentName}`),
  ];
}
