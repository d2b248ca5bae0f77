import type { Instance } from '@aws-sdk/client-ec2';
import type { Capture } from '../../../core/remediation/surroundings/capture.ts';
import type { LaunchRequest } from '../../../core/remediation/ports.ts';
import { type RecordedCall, stubClient } from '../platform/stub-client.ts';

export { serviceError, stubOptions } from '../platform/stub-client.ts';

/** Gives the output of a command, or throws what AWS would answer; `call` counts the calls of that command from 1. */
type Answer = (input: unknown, call: number) => unknown;

/** Makes a real client answer by command, for example `{ RunInstances: () => ({ Instances: [] }) }`; a command without an answer is a failure of the test. */
export function stubCommands(client: Parameters<typeof stubClient>[0], answers: Readonly<Record<string, Answer>>): readonly RecordedCall[] {
  const calls: readonly RecordedCall[] = stubClient(client, (input) => {
    const { command = '' } = calls.at(-1) ?? {};
    const answer = answers[command.replace(/Command$/, '')];
    if (answer === undefined) throw new Error(`The test did not expect ${command}`);
    return answer(input, calls.filter((call) => call.command === command).length);
  });
  return calls;
}

/** The commands in the order of the calls, without their suffix. */
export const commandsOf = (calls: readonly RecordedCall[]): readonly string[] => calls.map(({ command }) => command.replace(/Command$/, ''));

/** The inputs of one command, in order. */
export const inputsOf = (calls: readonly RecordedCall[], command: string): readonly unknown[] =>
  calls.filter((call) => call.command === `${command}Command`).map(({ input }) => input);

/** An instance as EC2 describes it. */
export function ec2Instance(changes: Partial<Instance> = {}): Instance {
  return {
    InstanceId: 'i-1',
    State: { Name: 'running' },
    LaunchTime: new Date('2026-11-21T08:00:00Z'),
    ImageId: 'ami-1',
    InstanceType: 'm7g.large',
    Architecture: 'arm64',
    Placement: { AvailabilityZone: 'eu-central-1a', Tenancy: 'default', GroupName: '' },
    SubnetId: 'subnet-1',
    VpcId: 'vpc-1',
    SecurityGroups: [{ GroupId: 'sg-1', GroupName: 'web' }],
    PrivateIpAddress: '10.0.0.4',
    RootDeviceName: '/dev/xvda',
    RootDeviceType: 'ebs',
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeId: 'vol-1', DeleteOnTermination: true } }],
    NetworkInterfaces: [{ NetworkInterfaceId: 'eni-1', Attachment: { DeviceIndex: 0 } }],
    SourceDestCheck: true,
    Tags: [{ Key: 'tier', Value: 'web' }],
    ...changes,
  };
}

/** DescribeInstances with these. */
export const reservations = (...Instances: readonly Instance[]) => ({ Reservations: Instances.length === 0 ? [] : [{ Instances }] });

export function capture(changes: Partial<Capture> = {}): Capture {
  return {
    formatVersion: 1,
    instanceId: 'i-old',
    capturedAt: '2026-11-21T09:00:00.000Z',
    imageId: 'ami-1',
    instanceType: 't3.micro',
    architecture: 'x86_64',
    availabilityZone: 'eu-central-1a',
    subnetId: 'subnet-1',
    vpcId: 'vpc-1',
    securityGroupIds: ['sg-1', 'sg-2'],
    instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/web',
    keyName: 'ops',
    ebsOptimized: true,
    detailedMonitoring: true,
    sourceDestCheck: true,
    terminationProtection: true,
    stopProtection: true,
    shutdownBehavior: 'terminate',
    creditSpecification: 'unlimited',
    metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 2, httpEndpoint: 'enabled', instanceMetadataTags: 'enabled' },
    rootDeviceName: '/dev/xvda',
    volumes: [
      {
        volumeId: 'vol-1',
        deviceName: '/dev/xvda',
        isRoot: true,
        deleteOnTermination: true,
        sizeGiB: 20,
        volumeType: 'gp3',
        encrypted: true,
        kmsKeyId: 'key-1',
        iops: 4000,
        throughputMiBps: 250,
      },
      { volumeId: 'vol-2', deviceName: '/dev/xvdb', isRoot: false, deleteOnTermination: false, sizeGiB: 100, volumeType: 'gp3', encrypted: false },
    ],
    tags: { tier: 'web' },
    targets: [],
    cannotKeep: [],
    ...changes,
  };
}

export function launchRequest(changes: Partial<Capture> = {}, more: Partial<LaunchRequest> = {}): LaunchRequest {
  const tags = { tier: 'web', 'perennial:remediation': 'rem-1' };
  return { remediationId: 'rem-1', attempt: 2, capture: capture(changes), imageId: 'ami-2', tags, ...more };
}
