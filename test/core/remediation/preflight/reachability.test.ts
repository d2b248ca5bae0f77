import { describe, expect, it } from 'vitest';
import { addressMap, keptWords, lostAddresses, movingElasticIps, partsOf } from '../../../../core/remediation/preflight/reachability.ts';
import type { Capture } from '../../../../core/remediation/surroundings/capture.ts';
import { capturedVolume } from '../builders.ts';

/** A captured instance with a root volume and a private address, and nothing else that could move. */
function capture(changes: Partial<Capture> = {}): Capture {
  return {
    formatVersion: 1,
    instanceId: 'i-old',
    capturedAt: '2026-11-21T09:00:00.000Z',
    imageId: 'ami-v1',
    instanceType: 't3.micro',
    architecture: 'x86_64',
    availabilityZone: 'eu-central-1a',
    subnetId: 'subnet-a',
    vpcId: 'vpc-1',
    securityGroupIds: ['sg-web'],
    ebsOptimized: false,
    detailedMonitoring: false,
    sourceDestCheck: true,
    terminationProtection: false,
    stopProtection: false,
    shutdownBehavior: 'stop',
    metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1, httpEndpoint: 'enabled', instanceMetadataTags: 'disabled' },
    rootDeviceName: '/dev/xvda',
    volumes: [capturedVolume()],
    tags: {},
    targets: [],
    cannotKeep: [],
    ...changes,
  };
}

const elasticIp = (name: string, networkInterfaceId: string) => ({
  allocationId: `eipalloc-${name}`,
  publicIpAddress: `198.51.100.${name}`,
  networkInterfaceId,
  privateIpAddress: '10.0.0.4',
});
const ownIp = elasticIp('1', 'eni-primary');
const secondIp = elasticIp('2', 'eni-second');
const primary = { networkInterfaceId: 'eni-primary', secondaryPrivateIpAddresses: [] };
const second = {
  networkInterfaceId: 'eni-second',
  deviceIndex: 1,
  deleteOnTermination: false,
  privateIpAddresses: ['10.0.1.4', '10.0.1.5'],
  securityGroupIds: ['sg-web'],
};
const dataVolume = capturedVolume({ volumeId: 'vol-data', deviceName: '/dev/sdf', isRoot: false });
const dnsRecord = { hostedZoneId: 'Z1', name: 'shop.example.com.', type: 'A', ttlSeconds: 60, values: ['10.0.0.4'] };
const association = { associationId: 'assoc-1', documentName: 'AWS-RunPatchBaseline' };

describe('the Elastic IP addresses that are moved', () => {
  it.each([
    ['those of the primary interface only', { elasticIps: [ownIp, secondIp], primaryInterface: primary }, [ownIp]],
    ['none where the primary interface is not known', { elasticIps: [ownIp] }, []],
    ['none where there is none', { primaryInterface: primary }, []],
    ['none where nothing is known', {}, []],
  ])('are %s', (_what, given, moving) => {
    expect(movingElasticIps(given)).toEqual(moving);
  });
});

const inside = { privateIpAddress: '10.0.0.4', privateDnsName: 'ip-10-0-0-4.internal' };
const outside = { publicIpAddress: '198.51.100.1', publicDnsName: 'ec2-198-51-100-1.example.com' };

describe('the addresses that no replacement can have', () => {
  it.each([
    ['its private ones', inside, ['10.0.0.4', 'ip-10-0-0-4.internal']],
    ['its private ones, and a public one that EC2 assigned', { ...inside, ...outside }, [...Object.values(inside), ...Object.values(outside)]],
    [
      'a public one, where the Elastic IP addresses are others',
      { ...inside, ...outside, elasticIps: [secondIp] },
      [...Object.values(inside), ...Object.values(outside)],
    ],
    ['not an Elastic IP address, nor its name', { ...inside, ...outside, elasticIps: [secondIp, ownIp] }, Object.values(inside)],
    ['no public name without a public address', { ...inside, publicDnsName: outside.publicDnsName }, Object.values(inside)],
    ['only what is there', { privateIpAddress: '10.0.0.4' }, ['10.0.0.4']],
    ['none', {}, []],
  ])('are %s', (_what, given, lost) => {
    expect(lostAddresses(given)).toEqual(lost);
  });
});

describe('the new addresses for the old ones', () => {
  const other = {
    privateIpAddress: '10.0.0.9',
    privateDnsName: 'ip-10-0-0-9.internal',
    publicIpAddress: '203.0.113.9',
    publicDnsName: 'ec2-203-0-113-9.example.com',
  };
  const privatePairs = [
    ['10.0.0.4', '10.0.0.9'],
    ['ip-10-0-0-4.internal', 'ip-10-0-0-9.internal'],
  ];
  const publicPairs = [
    ['198.51.100.1', '203.0.113.9'],
    ['ec2-198-51-100-1.example.com', 'ec2-203-0-113-9.example.com'],
  ];

  it.each([
    ['kind by kind', { ...inside, ...outside }, other, [...privatePairs, ...publicPairs]],
    ['without those that an Elastic IP address keeps', { ...inside, ...outside, elasticIps: [ownIp] }, other, privatePairs],
    ['without what the old one had not', { privateDnsName: inside.privateDnsName }, other, [privatePairs[1]]],
    ['without what the new one has not', { ...inside, ...outside }, { privateIpAddress: '10.0.0.9' }, [privatePairs[0]]],
  ])('are given %s', (_what, given, replacement, pairs) => {
    expect([...addressMap(given, replacement)]).toEqual(pairs);
  });
});

describe('what moves to the replacement', () => {
  const withAddress = { networkInterfaceId: 'eni-primary', secondaryPrivateIpAddresses: ['10.0.0.5'] };
  it.each<[what: string, changes: Partial<Capture>, parts: readonly string[], words: readonly string[]]>([
    ['nothing of a plain instance', {}, [], []],
    ['nothing of a primary interface alone', { primaryInterface: primary }, [], []],
    ['a data volume', { volumes: [capturedVolume(), dataVolume] }, ['volumes'], ['the data volume vol-data at /dev/sdf']],
    ['an interface', { secondaryInterfaces: [second] }, ['interfaces'], ['the network interface eni-second (10.0.1.4, 10.0.1.5)']],
    ['a secondary address', { primaryInterface: withAddress }, ['addresses'], ['the secondary private address 10.0.0.5']],
    ['an Elastic IP address', { primaryInterface: primary, elasticIps: [ownIp] }, ['addresses'], ['the Elastic IP address 198.51.100.1']],
    [
      'an Elastic IP address with its interface',
      { primaryInterface: primary, elasticIps: [secondIp], secondaryInterfaces: [second] },
      ['interfaces'],
      ['the network interface eni-second (10.0.1.4, 10.0.1.5)', 'the Elastic IP address 198.51.100.2'],
    ],
    ['a DNS record', { dnsRecords: [dnsRecord] }, ['records'], ['the DNS record shop.example.com. A, with the new address']],
    ['an association', { associations: [association] }, ['associations'], ['the association assoc-1 with AWS-RunPatchBaseline']],
    [
      'everything, in the order in which it moves',
      {
        associations: [association],
        dnsRecords: [dnsRecord],
        elasticIps: [ownIp],
        primaryInterface: withAddress,
        secondaryInterfaces: [second],
        volumes: [capturedVolume(), dataVolume],
      },
      ['volumes', 'interfaces', 'addresses', 'records', 'associations'],
      [
        'the data volume vol-data at /dev/sdf',
        'the network interface eni-second (10.0.1.4, 10.0.1.5)',
        'the secondary private address 10.0.0.5',
        'the Elastic IP address 198.51.100.1',
        'the DNS record shop.example.com. A, with the new address',
        'the association assoc-1 with AWS-RunPatchBaseline',
      ],
    ],
  ])('is %s', (_what, changes, parts, words) => {
    expect(partsOf(capture(changes))).toEqual(parts);
    expect(keptWords(capture(changes))).toEqual(words);
  });
});
