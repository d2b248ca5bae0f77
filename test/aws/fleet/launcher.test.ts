import { createHash } from 'node:crypto';
import { EC2Client } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { createLauncher } from '../../../aws/fleet/launcher.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { UserDataLostError } from '../../../core/remediation/ports.ts';
import { capture, commandsOf, ec2Instance, inputsOf, launchRequest, reservations, serviceError, stubCommands, stubOptions } from './stub-fleet.ts';

type Answers = Parameters<typeof stubCommands>[1];

const image = { RootDeviceName: '/dev/sda1', BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { VolumeSize: 8 } }] };
const secret = Buffer.from('#!/bin/sh\n');
const userData = { sha256: createHash('sha256').update(secret).digest('hex'), sizeBytes: secret.length };

const launching: Answers = {
  DescribeInstances: () => reservations(),
  DescribeImages: () => ({ Images: [image] }),
  RunInstances: () => ({ Instances: [ec2Instance({ InstanceId: 'i-new' })] }),
};
const rehearsing: Answers = { DescribeImages: () => ({ Images: [image] }) };

function launcherWith(answers: Answers) {
  const ec2 = new EC2Client(stubOptions);
  const calls = stubCommands(ec2, answers);
  return { launcher: createLauncher(ec2), calls };
}

const failing =
  (name: string, status = 400) =>
  () => {
    throw serviceError(name, status);
  };

const withData = (answer: Answers[string]) => launcherWith({ ...launching, DescribeInstanceAttribute: answer });

async function rootOf(changes: object, answer: unknown = { Images: [image] }): Promise<unknown> {
  const { launcher, calls } = launcherWith({ ...launching, DescribeImages: () => answer });
  const [root, ...others] = capture().volumes;
  if (root === undefined) throw new Error('no root');
  await launcher.launch(launchRequest({ volumes: [{ ...root, ...changes }, ...others] }));
  const [input] = inputsOf(calls, 'RunInstances');
  return typeof input === 'object' && input !== null ? Reflect.get(input, 'BlockDeviceMappings') : undefined;
}

const rehearse = (answers: Answers) => launcherWith({ ...rehearsing, ...answers }).launcher.rehearse(launchRequest());

const bug = () => {
  throw new TypeError('bug');
};

const onTheNextPage: Answers[string] = (_input, call) =>
  call === 1 ? { Reservations: [], NextToken: 'more' } : reservations(ec2Instance({ InstanceId: 'i-earlier' }));
const listedLater: Answers[string] = (_input, call) => (call === 1 ? reservations() : reservations(ec2Instance({ InstanceId: 'i-earlier' })));

describe('launch', () => {
  it('asks for one instance, everything as captured, under a token of remediation and attempt', async () => {
    const { launcher, calls } = launcherWith(launching);
    expect(await launcher.launch(launchRequest())).toEqual({ instanceId: 'i-new' });
    const Tags = [
      { Key: 'tier', Value: 'web' },
      { Key: 'perennial:remediation', Value: 'rem-1' },
    ];
    expect(inputsOf(calls, 'RunInstances')).toEqual([
      {
        ImageId: 'ami-2',
        InstanceType: 't3.micro',
        MinCount: 1,
        MaxCount: 1,
        ClientToken: 'rem-1-2',
        SubnetId: 'subnet-1',
        SecurityGroupIds: ['sg-1', 'sg-2'],
        EbsOptimized: true,
        Monitoring: { Enabled: true },
        DisableApiTermination: true,
        DisableApiStop: true,
        InstanceInitiatedShutdownBehavior: 'terminate',
        MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2, HttpEndpoint: 'enabled', InstanceMetadataTags: 'enabled' },
        TagSpecifications: ['instance', 'volume', 'network-interface'].map((ResourceType) => ({ ResourceType, Tags })),
        IamInstanceProfile: { Arn: 'arn:aws:iam::111122223333:instance-profile/web' },
        KeyName: 'ops',
        CreditSpecification: { CpuCredits: 'unlimited' },
        BlockDeviceMappings: [
          {
            DeviceName: '/dev/sda1',
            Ebs: { VolumeSize: 20, VolumeType: 'gp3', Iops: 4000, Throughput: 250, DeleteOnTermination: true, Encrypted: true, KmsKeyId: 'key-1' },
          },
        ],
      },
    ]);
  });

  it('never gives EC2 a token of more than 64 characters, and keeps the attempt in it', async () => {
    const { launcher, calls } = launcherWith(launching);
    await launcher.launch(launchRequest({}, { remediationId: `rem-${'x'.repeat(90)}` }));
    expect(inputsOf(calls, 'RunInstances')).toMatchObject([{ ClientToken: `${'x'.repeat(62)}-2` }]);
  });

  it('launches nothing when an earlier call has (S1-17), also one that stopped by itself', async () => {
    for (const Name of ['pending', 'stopped'] as const) {
      const found = () => reservations(ec2Instance({ InstanceId: 'i-earlier', State: { Name } }));
      const { launcher, calls } = launcherWith({ ...launching, DescribeInstances: found });
      expect(await launcher.launch(launchRequest())).toEqual({ instanceId: 'i-earlier' });
      expect(commandsOf(calls)).toEqual(['DescribeInstances']);
    }
  });

  it('takes neither the old instance nor one in quarantine for what it has launched', async () => {
    const old = ec2Instance({ InstanceId: 'i-old' });
    const away = ec2Instance({ InstanceId: 'i-away', Tags: [{ Key: 'perennial:quarantine', Value: 'inc-1' }] });
    const { launcher } = launcherWith({ ...launching, DescribeInstances: () => reservations(old, away) });
    expect(await launcher.launch(launchRequest())).toEqual({ instanceId: 'i-new' });
  });

  it('looks on the next page too', async () => {
    const { launcher } = launcherWith({ ...launching, DescribeInstances: onTheNextPage });
    expect(await launcher.launch(launchRequest())).toEqual({ instanceId: 'i-earlier' });
  });

  it('looks again when the token was used with other parameters, and never launches a second one', async () => {
    const mismatch = { ...launching, RunInstances: failing('IdempotentParameterMismatch') };
    const found = launcherWith({ ...mismatch, DescribeInstances: listedLater });
    expect(await found.launcher.launch(launchRequest())).toEqual({ instanceId: 'i-earlier' });
    const notYet = launcherWith(mismatch);
    await expect(notYet.launcher.launch(launchRequest())).rejects.toThrow(RetryableError);
    expect(inputsOf(notYet.calls, 'RunInstances')).toHaveLength(1);
  });

  it('tells "later" from "never"', async () => {
    await expect(launcherWith({ ...launching, RunInstances: failing('RequestLimitExceeded', 503) }).launcher.launch(launchRequest())).rejects.toThrow(
      RetryableError,
    );
    await expect(launcherWith({ ...launching, RunInstances: failing('UnauthorizedOperation', 403) }).launcher.launch(launchRequest())).rejects.toThrow(
      PermanentError,
    );
    await expect(launcherWith({ ...launching, DescribeInstances: failing('RequestLimitExceeded', 503) }).launcher.launch(launchRequest())).rejects.toThrow(
      RetryableError,
    );
    await expect(launcherWith({ ...launching, RunInstances: () => ({ Instances: [] }) }).launcher.launch(launchRequest())).rejects.toThrow(PermanentError);
  });

  it('switches the source/destination check off where it was off, also on one that it found', async () => {
    const answers = { ...launching, ModifyNetworkInterfaceAttribute: () => ({}) };
    const launched = launcherWith(answers);
    await launched.launcher.launch(launchRequest({ sourceDestCheck: false }));
    const found = launcherWith({ ...answers, DescribeInstances: () => reservations(ec2Instance({ InstanceId: 'i-earlier' })) });
    await found.launcher.launch(launchRequest({ sourceDestCheck: false }));
    for (const { calls } of [launched, found])
      expect(inputsOf(calls, 'ModifyNetworkInterfaceAttribute')).toEqual([{ NetworkInterfaceId: 'eni-1', SourceDestCheck: { Value: false } }]);
  });

  it('waits for an interface that EC2 does not know yet', async () => {
    const request = launchRequest({ sourceDestCheck: false });
    const unknown = launcherWith({ ...launching, ModifyNetworkInterfaceAttribute: failing('InvalidNetworkInterfaceID.NotFound') });
    await expect(unknown.launcher.launch(request)).rejects.toThrow(RetryableError);
    const unlisted = launcherWith({ ...launching, RunInstances: () => ({ Instances: [{ InstanceId: 'i-new' }] }) });
    await expect(unlisted.launcher.launch(request)).rejects.toThrow(RetryableError);
    const forbidden = launcherWith({ ...launching, ModifyNetworkInterfaceAttribute: failing('UnauthorizedOperation', 403) });
    await expect(forbidden.launcher.launch(request)).rejects.toThrow(PermanentError);
  });
});

describe('user data', () => {
  const from = { userDataFrom: 'i-old' };

  it('is handed over in memory as it was', async () => {
    const { launcher, calls } = withData(() => ({ UserData: { Value: secret.toString('base64') } }));
    await launcher.launch(launchRequest({ userData }, from));
    expect(inputsOf(calls, 'RunInstances')).toMatchObject([{ UserData: secret.toString('base64') }]);
    expect(inputsOf(calls, 'DescribeInstanceAttribute')).toEqual([{ InstanceId: 'i-old', Attribute: 'userData' }]);
  });

  it.each([
    ['gone with its instance', failing('InvalidInstanceID.NotFound')],
    ['empty now', () => ({ UserData: {} })],
    ['changed', () => ({ UserData: { Value: Buffer.from('other').toString('base64') } })],
  ])('that is %s stops the launch', async (_title, answer) => {
    const { launcher, calls } = withData(answer);
    await expect(launcher.launch(launchRequest({ userData }, from))).rejects.toThrow(UserDataLostError);
    expect(commandsOf(calls)).not.toContain('RunInstances');
  });

  it('without any source stops the launch', async () => {
    const { launcher, calls } = launcherWith(launching);
    await expect(launcher.launch(launchRequest({ userData }))).rejects.toThrow(UserDataLostError);
    expect(commandsOf(calls)).not.toContain('RunInstances');
  });

  it('that may not be read is a missing permission, not lost data; a throttle is neither', async () => {
    const forbidden = withData(failing('UnauthorizedOperation', 403)).launcher.launch(launchRequest({ userData }, from));
    await expect(forbidden).rejects.toThrow(/UnauthorizedOperation/);
    await expect(forbidden).rejects.not.toThrow(UserDataLostError);
    await expect(withData(failing('RequestLimitExceeded', 503)).launcher.launch(launchRequest({ userData }, from))).rejects.toThrow(RetryableError);
  });
});

describe('the root volume', () => {
  it('is never smaller than the image', async () => {
    expect(await rootOf({ sizeGiB: 4 })).toMatchObject([{ Ebs: { VolumeSize: 8 } }]);
  });

  it('keeps its type, and the speed that was bought', async () => {
    expect(await rootOf({ volumeType: 'io2', iops: 16_000 })).toMatchObject([{ Ebs: { VolumeType: 'io2', Iops: 16_000 } }]);
    expect(await rootOf({ volumeType: 'gp2', iops: 100 })).toEqual([
      { DeviceName: '/dev/sda1', Ebs: { VolumeSize: 20, VolumeType: 'gp2', DeleteOnTermination: true, Encrypted: true, KmsKeyId: 'key-1' } },
    ]);
    expect(await rootOf({ volumeType: 'io1', iops: undefined })).toMatchObject([{ Ebs: { VolumeType: 'gp3' } }]);
    expect(JSON.stringify(await rootOf({ encrypted: false, kmsKeyId: undefined }))).not.toContain('Encrypted');
  });

  it('is left to the image when nothing is known of either', async () => {
    expect(await rootOf({ sizeGiB: 0 })).toBeUndefined();
    expect(await rootOf({}, { Images: [] })).toBeUndefined();
  });
});

describe('rehearse', () => {
  it('is possible when EC2 says so, and touches nothing', async () => {
    const { launcher, calls } = launcherWith({ ...rehearsing, RunInstances: failing('DryRunOperation', 412) });
    expect(await launcher.rehearse(launchRequest())).toEqual({ kind: 'possible', reason: "EC2's dry run passed" });
    expect(inputsOf(calls, 'RunInstances')).toMatchObject([{ DryRun: true, ClientToken: 'rem-1-2' }]);
  });

  it.each([
    ['UnauthorizedOperation', 403],
    ['InvalidAMIID.NotFound', 400],
    ['InsufficientInstanceCapacity', 500],
  ])('is impossible after %s, with the reason', async (name, status) => {
    expect(await rehearse({ RunInstances: failing(name, status) })).toEqual({ kind: 'impossible', reason: `EC2's dry run says ${name}: ${name} by the stub` });
  });

  it.each([
    ['RequestLimitExceeded', 503],
    ['SomethingNew', 500],
  ])('has no answer after %s: it is asked again', async (name, status) => {
    await expect(rehearse({ RunInstances: failing(name, status) })).rejects.toThrow(RetryableError);
  });

  it('stops for good when a dry run launches', async () => {
    await expect(rehearse({ RunInstances: () => ({ Instances: [] }) })).rejects.toThrow(PermanentError);
  });

  it('lets a bug surface as one', async () => {
    await expect(rehearse({ RunInstances: bug })).rejects.toThrow(TypeError);
  });
});
