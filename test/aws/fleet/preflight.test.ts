import { EC2Client } from '@aws-sdk/client-ec2';
import { KMSClient } from '@aws-sdk/client-kms';
import { SSMClient } from '@aws-sdk/client-ssm';
import { describe, expect, it } from 'vitest';
import { createImageReader } from '../../../aws/fleet/images.ts';
import { createPreflightReader } from '../../../aws/fleet/preflight.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { commandsOf, inputsOf, serviceError, stubCommands, stubOptions } from './stub-fleet.ts';

type Answers = Parameters<typeof stubCommands>[1];

function readerWith(answers: Answers) {
  const [ec2, kms] = [new EC2Client(stubOptions), new KMSClient(stubOptions)];
  const calls = stubCommands(ec2, answers);
  stubCommands(kms, answers);
  return { reader: createPreflightReader(ec2, kms), calls };
}

const failing =
  (name: string, status = 400) =>
  () => {
    throw serviceError(name, status);
  };

const describeImage = (image: object) => {
  const ec2 = new EC2Client(stubOptions);
  stubCommands(ec2, { DescribeImages: () => ({ Images: [{ State: 'available', ...image }] }) });
  return createImageReader(ec2, new SSMClient(stubOptions)).describe('ami-1');
};

describe('an image', () => {
  it('tells what a launch depends on, the snapshot of its root first', async () => {
    const facts = await describeImage({
      OwnerId: '111122223333',
      BootMode: 'uefi-preferred',
      VirtualizationType: 'hvm',
      EnaSupport: true,
      RootDeviceName: '/dev/xvda',
      BlockDeviceMappings: [
        { DeviceName: '/dev/sdf', Ebs: { SnapshotId: 'snap-data', VolumeSize: 100 } },
        { DeviceName: '/dev/xvda', Ebs: { SnapshotId: 'snap-root', VolumeSize: 8 } },
        { DeviceName: '/dev/sdg', VirtualName: 'ephemeral0' },
      ],
    });
    expect(facts).toMatchObject({
      ownerId: '111122223333',
      bootMode: 'uefi-preferred',
      virtualizationType: 'hvm',
      isEnaEnabled: true,
      rootSizeGiB: 8,
      snapshotIds: ['snap-root', 'snap-data'],
    });
  });

  it('that is not registered with ENA has none', async () => {
    expect(await describeImage({})).toMatchObject({ isEnaEnabled: false, snapshotIds: [] });
  });
});

describe('types', () => {
  it('are asked by a filter, so that one that does not exist fails nothing', async () => {
    const { reader, calls } = readerWith({ DescribeInstanceTypes: () => ({ InstanceTypes: [{ InstanceType: 'm7g.large' }] }) });
    expect(await reader.instanceTypes(['m7g.large', 'x9.none'])).toEqual([
      { instanceType: 'm7g.large', architectures: [], bootModes: [], virtualizationTypes: [], rootDeviceTypes: [], enaSupport: 'unknown' },
    ]);
    expect(inputsOf(calls, 'DescribeInstanceTypes')).toEqual([{ Filters: [{ Name: 'instance-type', Values: ['m7g.large', 'x9.none'] }] }]);
  });

  it('are offered or not by zone', async () => {
    const { reader, calls } = readerWith({ DescribeInstanceTypeOfferings: () => ({ InstanceTypeOfferings: [{ InstanceType: 'm7g.large' }] }) });
    expect(await reader.offeredTypes(['m7i.large', 'm7g.large'], 'eu-central-1a')).toEqual(['m7g.large']);
    expect(inputsOf(calls, 'DescribeInstanceTypeOfferings')).toMatchObject([{ LocationType: 'availability-zone' }]);
  });

  it('are not asked where there is none to ask about', async () => {
    const { reader, calls } = readerWith({});
    expect([await reader.instanceTypes([]), await reader.offeredTypes([], 'eu-central-1a'), await reader.snapshots([])]).toEqual([[], [], []]);
    expect(commandsOf(calls)).toEqual([]);
  });
});

describe('snapshots', () => {
  it('come with their keys', async () => {
    const { reader } = readerWith({ DescribeSnapshots: () => ({ Snapshots: [{ SnapshotId: 'snap-1', State: 'completed', KmsKeyId: 'arn:key' }] }) });
    expect(await reader.snapshots(['snap-1'])).toEqual([{ snapshotId: 'snap-1', state: 'completed', kmsKeyId: 'arn:key' }]);
  });

  it('are asked one by one when one of them is gone', async () => {
    const { reader, calls } = readerWith({
      DescribeSnapshots: (_input, call) => {
        if (call <= 2) throw serviceError('InvalidSnapshot.NotFound');
        return { Snapshots: [{ SnapshotId: 'snap-2', State: 'completed' }] };
      },
    });
    expect(await reader.snapshots(['snap-1', 'snap-2'])).toEqual([{ snapshotId: 'snap-2', state: 'completed' }]);
    expect(commandsOf(calls)).toHaveLength(3);
  });
});

describe('keys', () => {
  it('say their state', async () => {
    const { reader } = readerWith({ DescribeKey: () => ({ KeyMetadata: { KeyId: '1', KeyState: 'PendingDeletion' } }) });
    expect(await reader.keyState('arn:key')).toBe('PendingDeletion');
  });

  it('are none only where KMS says so; a denial is an error for good, and a throttle one for later', async () => {
    expect(await readerWith({ DescribeKey: failing('NotFoundException') }).reader.keyState('arn:key')).toBeUndefined();
    await expect(readerWith({ DescribeKey: failing('AccessDeniedException') }).reader.keyState('arn:key')).rejects.toThrow(PermanentError);
    await expect(readerWith({ DescribeKey: failing('ThrottlingException') }).reader.keyState('arn:key')).rejects.toThrow(RetryableError);
  });
});

describe('free addresses', () => {
  it('are those of the subnet; one that is gone has none to count', async () => {
    expect(await readerWith({ DescribeSubnets: () => ({ Subnets: [{ AvailableIpAddressCount: 7 }] }) }).reader.freeAddresses('subnet-1')).toBe(7);
    expect(await readerWith({ DescribeSubnets: () => ({}) }).reader.freeAddresses('subnet-1')).toBe(0);
    expect(await readerWith({ DescribeSubnets: failing('InvalidSubnetID.NotFound') }).reader.freeAddresses('subnet-1')).toBeUndefined();
    await expect(readerWith({ DescribeSubnets: failing('RequestLimitExceeded', 503) }).reader.freeAddresses('subnet-1')).rejects.toThrow(RetryableError);
  });
});
