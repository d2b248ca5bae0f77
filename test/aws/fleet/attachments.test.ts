import { EC2Client, type Instance } from '@aws-sdk/client-ec2';
import { Route53Client } from '@aws-sdk/client-route-53';
import { SSMClient } from '@aws-sdk/client-ssm';
import { describe, expect, it } from 'vitest';
import { createAssociationMover, readAssociations } from '../../../aws/fleet/associations.ts';
import { cannotKeep } from '../../../aws/fleet/cannot-keep.ts';
import { createDnsRecordMover, readDnsRecords } from '../../../aws/fleet/dns-records.ts';
import { factsOf } from '../../../aws/fleet/instance-facts.ts';
import { createInterfaceMover } from '../../../aws/fleet/interfaces.ts';
import { launchInput } from '../../../aws/fleet/launch-input.ts';
import { createLauncher } from '../../../aws/fleet/launcher.ts';
import { createVolumeMover } from '../../../aws/fleet/volumes.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { InsufficientCapacityError } from '../../../core/remediation/ports.ts';
import { commandsOf, ec2Instance, inputsOf, launchRequest, reservations, serviceError, stubCommands, stubOptions } from './stub-fleet.ts';

const attachedTo = (InstanceId: string, State: string) => ({
  Volumes: [{ VolumeId: 'vol-1', State: 'in-use', Attachments: [{ InstanceId, Device: '/dev/sdf', State, DeleteOnTermination: true }] }],
});

describe('volumes', () => {
  it('are where EC2 says, without what is detached already', async () => {
    const ec2 = new EC2Client(stubOptions);
    stubCommands(ec2, { DescribeVolumes: (_, call) => (call === 1 ? attachedTo('i-1', 'attached') : attachedTo('i-1', 'detached')) });
    const mover = createVolumeMover(ec2);
    expect(await mover.read('vol-1')).toEqual({
      volumeId: 'vol-1',
      state: 'in-use',
      instanceId: 'i-1',
      deviceName: '/dev/sdf',
      attachmentState: 'attached',
      deleteOnTermination: true,
    });
    expect(await mover.read('vol-1')).toEqual({ volumeId: 'vol-1', state: 'in-use' });
  });

  it('a throttle is never "there is no such volume"', async () => {
    const ec2 = new EC2Client(stubOptions);
    stubCommands(ec2, {
      DescribeVolumes: (_, call) => {
        throw serviceError(call === 1 ? 'RequestLimitExceeded' : 'InvalidVolume.NotFound');
      },
    });
    const mover = createVolumeMover(ec2);
    await expect(mover.read('vol-1')).rejects.toThrow(RetryableError);
    expect(await mover.read('vol-1')).toBeUndefined();
  });

  it.each([
    ['VolumeInUse', attachedTo('i-new', 'attaching'), undefined],
    ['VolumeInUse', attachedTo('i-other', 'attached'), PermanentError],
    ['IncorrectState', attachedTo('i-old', 'detaching'), RetryableError],
  ])('attaching that is refused with %s is judged by where the volume is', async (code, place, error) => {
    const ec2 = new EC2Client(stubOptions);
    stubCommands(ec2, {
      AttachVolume: () => {
        throw serviceError(code);
      },
      DescribeVolumes: () => place,
    });
    const attaching = createVolumeMover(ec2).attach('vol-1', 'i-new', '/dev/sdf');
    const thrown = await attaching.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(thrown instanceof Error ? thrown.constructor : thrown).toBe(error);
  });

  it('are forced off only when it is asked for', async () => {
    const ec2 = new EC2Client(stubOptions);
    const calls = stubCommands(ec2, { DetachVolume: () => ({}) });
    const mover = createVolumeMover(ec2);
    await mover.detach('vol-1', 'i-1', false);
    await mover.detach('vol-1', 'i-1', true);
    expect(inputsOf(calls, 'DetachVolume')).toEqual([
      { VolumeId: 'vol-1', InstanceId: 'i-1' },
      { VolumeId: 'vol-1', InstanceId: 'i-1', Force: true },
    ]);
  });
});

describe('interfaces', () => {
  it('set what becomes of them by their attachment', async () => {
    const ec2 = new EC2Client(stubOptions);
    const calls = stubCommands(ec2, {
      DescribeNetworkInterfaces: () => ({ NetworkInterfaces: [{ NetworkInterfaceId: 'eni-2', Attachment: { AttachmentId: 'eni-attach-1' } }] }),
      ModifyNetworkInterfaceAttribute: () => ({}),
    });
    await createInterfaceMover(ec2).setDeleteOnTermination('eni-2', false);
    expect(inputsOf(calls, 'ModifyNetworkInterfaceAttribute')).toEqual([
      { NetworkInterfaceId: 'eni-2', Attachment: { AttachmentId: 'eni-attach-1', DeleteOnTermination: false } },
    ]);
  });
});

describe('DNS records', () => {
  const weighted = {
    Name: 'web.example.com.',
    Type: 'A',
    SetIdentifier: 'blue',
    Weight: 10,
    TTL: 60,
    HealthCheckId: 'check-1',
    ResourceRecords: [{ Value: '10.0.0.4' }],
  };
  const name = { hostedZoneId: 'Z1', name: 'web.example.com', type: 'A', setIdentifier: 'blue' };

  it('keep routing, weight, health check and time to live when their values are replaced', async () => {
    const route53 = new Route53Client(stubOptions);
    const calls = stubCommands(route53, {
      ListResourceRecordSets: () => ({ ResourceRecordSets: [{ ...weighted, SetIdentifier: 'green' }, weighted] }),
      ChangeResourceRecordSets: () => ({ ChangeInfo: { Id: '/change/C1', Status: 'PENDING' } }),
    });
    expect(await createDnsRecordMover(route53).replace(name, ['10.0.0.4'], ['10.0.0.9'])).toEqual({ changeId: '/change/C1' });
    expect(inputsOf(calls, 'ChangeResourceRecordSets')).toMatchObject([
      { ChangeBatch: { Changes: [{ Action: 'UPSERT', ResourceRecordSet: { ...weighted, ResourceRecords: [{ Value: '10.0.0.9' }] } }] } },
    ]);
  });

  it('that were changed meanwhile are left as they are', async () => {
    const route53 = new Route53Client(stubOptions);
    const calls = stubCommands(route53, { ListResourceRecordSets: () => ({ ResourceRecordSets: [weighted] }) });
    await expect(createDnsRecordMover(route53).replace(name, ['10.0.0.5'], ['10.0.0.9'])).rejects.toThrow(PermanentError);
    expect(commandsOf(calls)).toEqual(['ListResourceRecordSets']);
  });

  it('are read from all pages of all zones with the name, by address', async () => {
    const route53 = new Route53Client(stubOptions);
    const calls = stubCommands(route53, {
      ListHostedZonesByName: () => ({
        HostedZones: [
          { Id: '/hostedzone/Z1', Name: 'example.com.' },
          { Id: '/hostedzone/Z2', Name: 'example.net.' },
        ],
      }),
      ListResourceRecordSets: (_, call) =>
        call === 1
          ? {
              ResourceRecordSets: [weighted, { Name: 'txt.example.com.', Type: 'TXT', ResourceRecords: [{ Value: '10.0.0.4' }] }],
              IsTruncated: true,
              NextRecordName: 'x',
            }
          : { ResourceRecordSets: [{ Name: 'y.example.com.', Type: 'CNAME', ResourceRecords: [{ Value: 'ip-10-0-0-4.internal.' }] }], IsTruncated: false },
    });
    const found = await readDnsRecords(route53, ['Example.com'], ['10.0.0.4', 'ip-10-0-0-4.internal']);
    expect(found.map((record) => record.name)).toEqual(['web.example.com', 'y.example.com']);
    expect(found[0]).toEqual({ ...name, ttlSeconds: 60, values: ['10.0.0.4'] });
    expect(inputsOf(calls, 'ListResourceRecordSets')).toMatchObject([{ HostedZoneId: 'Z1' }, { HostedZoneId: 'Z1', StartRecordName: 'x' }]);
  });
});

describe('associations', () => {
  const described = {
    AssociationId: 'a-1',
    Name: 'AWS-RunShellScript',
    AssociationName: 'nightly',
    Parameters: { commands: ['true'] },
    ScheduleExpression: 'rate(1 day)',
    ApplyOnlyAtCronInterval: true,
    Targets: [
      { Key: 'InstanceIds', Values: ['i-old', 'i-peer'] },
      { Key: 'tag:tier', Values: ['web'] },
    ],
  };

  it('are updated whole, because what an update leaves out is lost', async () => {
    const ssm = new SSMClient(stubOptions);
    const calls = stubCommands(ssm, { DescribeAssociation: () => ({ AssociationDescription: described }), UpdateAssociation: () => ({}) });
    const mover = createAssociationMover(ssm);
    expect(await mover.targets('a-1')).toEqual(['i-old', 'i-peer']);
    await mover.retarget('a-1', 'i-old', 'i-new');
    const { Name: _name, ...kept } = described;
    expect(inputsOf(calls, 'UpdateAssociation')).toEqual([{ ...kept, Targets: [{ Key: 'InstanceIds', Values: ['i-new', 'i-peer'] }, described.Targets[1]] }]);
  });

  it('that find their instances by tag are not captured', async () => {
    const ssm = new SSMClient(stubOptions);
    stubCommands(ssm, {
      ListAssociations: () => ({
        Associations: [
          { AssociationId: 'a-1', Name: 'doc', Targets: [{ Key: 'InstanceIds', Values: ['i-old'] }] },
          { AssociationId: 'a-2', Name: 'doc', Targets: [{ Key: 'tag:tier', Values: ['web'] }] },
        ],
      }),
    });
    expect(await readAssociations(ssm, 'i-old')).toEqual([{ associationId: 'a-1', documentName: 'doc' }]);
  });

  it('that do not exist are not there', async () => {
    const ssm = new SSMClient(stubOptions);
    stubCommands(ssm, {
      DescribeAssociation: () => {
        throw serviceError('AssociationDoesNotExist');
      },
    });
    expect(await createAssociationMover(ssm).targets('a-1')).toBeUndefined();
  });
});

describe('a launch', () => {
  const image = {
    Images: [
      {
        RootDeviceName: '/dev/xvda',
        BlockDeviceMappings: [
          { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 8 } },
          { DeviceName: '/dev/xvdb', Ebs: { VolumeSize: 50 } },
          { DeviceName: '/dev/xvdz', Ebs: { VolumeSize: 1 } },
        ],
      },
    ],
  };

  it('leaves the empty volume of the image out where a data volume will be attached', async () => {
    const ec2 = new EC2Client(stubOptions);
    stubCommands(ec2, { DescribeImages: () => image });
    const { BlockDeviceMappings } = await launchInput(ec2, launchRequest());
    expect(BlockDeviceMappings).toMatchObject([{ DeviceName: '/dev/xvda' }, { DeviceName: '/dev/xvdb', NoDevice: '' }]);
  });

  it('of another type has another client token, and credits only where the type has them', async () => {
    const ec2 = new EC2Client(stubOptions);
    stubCommands(ec2, { DescribeImages: () => image });
    const [captured, other] = [await launchInput(ec2, launchRequest()), await launchInput(ec2, launchRequest({}, { instanceType: 'm7i.large' }))];
    expect([captured.InstanceType, other.InstanceType]).toEqual(['t3.micro', 'm7i.large']);
    expect(other.ClientToken).not.toBe(captured.ClientToken);
    expect(captured.CreditSpecification).toEqual({ CpuCredits: 'unlimited' });
    expect(other.CreditSpecification).toBeUndefined();
  });

  it('without capacity says so, so that the next type is tried', async () => {
    const ec2 = new EC2Client(stubOptions);
    stubCommands(ec2, {
      DescribeInstances: () => reservations(),
      DescribeImages: () => image,
      RunInstances: () => {
        throw serviceError('InsufficientInstanceCapacity', 500);
      },
    });
    await expect(createLauncher(ec2).launch(launchRequest())).rejects.toThrow(InsufficientCapacityError);
  });
});

const saidOf = (changes: Partial<Instance>): readonly string[] => {
  const instance = ec2Instance(changes);
  return cannotKeep(instance, factsOf(instance));
};

describe('what cannot be kept', () => {
  it('is no longer what moves: data volumes, secondary interfaces, Elastic IP addresses', () => {
    const said = saidOf({
      PublicIpAddress: '198.51.100.1',
      BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeId: 'vol-2' } }],
      NetworkInterfaces: [
        { NetworkInterfaceId: 'eni-1', Attachment: { DeviceIndex: 0 }, Association: { PublicIp: '198.51.100.1', IpOwnerId: '111122223333' } },
        { NetworkInterfaceId: 'eni-2', Attachment: { DeviceIndex: 1 }, InterfaceType: 'interface' },
      ],
    });
    expect(said).toEqual(['the instance id', 'the private address 10.0.0.4']);
  });

  it('is the address that EC2 assigned, the disks of the host, and interfaces of another service', () => {
    const said = saidOf({
      InstanceType: 'i3.large',
      PublicIpAddress: '203.0.113.9',
      NetworkInterfaces: [
        { NetworkInterfaceId: 'eni-1', Attachment: { DeviceIndex: 0 }, Association: { PublicIp: '203.0.113.9', IpOwnerId: 'amazon' } },
        { NetworkInterfaceId: 'eni-3', Attachment: { DeviceIndex: 1 }, InterfaceType: 'trunk' },
      ],
    });
    expect(said).toEqual([
      'the instance id',
      'the private address 10.0.0.4',
      'the public address 203.0.113.9',
      'what is on instance-store volumes',
      'the network interface eni-3 (trunk)',
    ]);
  });
});
