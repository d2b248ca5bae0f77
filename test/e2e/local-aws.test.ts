import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand, waitUntilStackCreateComplete } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient, DescribeAlarmsCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  DescribeInstanceStatusCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  EC2Client,
  paginateDescribeInstances,
  RegisterImageCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  CreateTargetGroupCommand,
  DeregisterTargetsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ReceiveMessageCommand, SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import * as z from 'zod/mini';
import { until } from '../../sandbox/demo/story.ts';
import { scrubbedEnvironment } from '../../sandbox/emulators/environment.ts';
import { expectMoment } from '../contracts/moment.ts';

const run = promisify(execFile);
const local = inject('localAws');
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
const control = { endpoint: local.controlEndpoint, region: local.region, credentials };
const fleet = { endpoint: local.fleetEndpoint, region: local.region, credentials };
const ec2 = new EC2Client(fleet);
const loadBalancing = new ElasticLoadBalancingV2Client(fleet);

const fleetCalls = z.array(z.object({ service: z.string(), action: z.string(), accessKeyId: z.string(), userAgent: z.string(), statusCode: z.number() }));

const mark = (path: string, body: unknown): Promise<Response> =>
  fetch(`${local.fleetEndpoint}/_perennial/${path}`, { method: 'POST', body: JSON.stringify(body) });

const denyPlain = (action: string, resource: unknown): unknown => ({
  Effect: 'Deny',
  Principal: { AWS: '*' },
  Action: action,
  Resource: resource,
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});
const alarm = (instanceId: string): unknown => ({
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    AlarmName: `smoke-${instanceId}`,
    Namespace: 'Smoke',
    MetricName: 'Unhealthy',
    Dimensions: [{ Name: 'InstanceId', Value: instanceId }],
    Period: 60,
    EvaluationPeriods: 1,
    Statistic: 'Maximum',
    Threshold: 1,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    AlarmActions: [{ Ref: 'Topic' }],
  },
});

/** Local addresses (as the kernel writes them) on which a process listens. */
function listening(pid: number): readonly string[] {
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
    } catch {
      return [];
    }
  });
  const rows = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/${pid}/net/${table}`, 'utf8').trim().split('\n').slice(1));
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && links.includes(`socket:[${inode}]`))
    .map(([, address = '']) => address.split(':')[0] ?? '');
}

describe('the two accounts', () => {
  it('have one account id', async () => {
    const identity = await new STSClient(control).send(new GetCallerIdentityCommand({}));
    const groups = await ec2.send(new DescribeSecurityGroupsCommand({}));
    expect(identity.Account).toBe(local.accountId);
    expect(new Set(groups.SecurityGroups?.map((group) => group.OwnerId))).toEqual(new Set([local.accountId]));
  });

  it.skipIf(process.platform !== 'linux')('listen on 127.0.0.1 and nowhere else', () => {
    expect(listening(local.ministackPid)).toEqual(['0100007F']);
    expect(listening(local.motoPid)).toEqual(['0100007F']);
  });
});

describe('the scrubbed environment', () => {
  const environment = scrubbedEnvironment(local, 'platform');

  it('keeps a call to a service that nobody emulates on this machine, where it is refused', async () => {
    // Python tells every address that a program connects to or looks up.
    const script = `
import sys
sys.addaudithook(lambda event, args: print("connect", args[1][0]) if event == "socket.connect" else print("lookup", args[0]) if event == "socket.getaddrinfo" else None)
import boto3
try:
    boto3.client("redshift").describe_clusters()
except Exception as error:
    print("refused" if "Unsupported service: redshift" in str(error) else error)
`;
    const { stdout } = await run(local.venvPython, ['-c', script], { env: environment, timeout: 60_000 });
    expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['lookup 127.0.0.1', 'connect 127.0.0.1', 'refused']));
  });

  it('sends the calls for the fleet to the overlay, without a word in the code', async () => {
    const script =
      "import { EC2Client, DescribeVpcsCommand } from '@aws-sdk/client-ec2'; await new EC2Client({ customUserAgent: 'scrubbed' }).send(new DescribeVpcsCommand({}));";
    await run(process.execPath, ['--input-type=module', '-e', script], { env: environment, timeout: 60_000 });
    const calls: unknown = await (await fetch(`${local.fleetEndpoint}/_perennial/calls`)).json();
    const ours = fleetCalls.parse(calls).filter(({ userAgent }) => userAgent.includes('scrubbed'));
    expect(ours).toMatchObject([{ service: 'ec2', action: 'DescribeVpcs', accessKeyId: 'test', statusCode: 200 }]);
  });
});

describe('MiniStack as we start it', () => {
  const template = {
    Resources: {
      Role: {
        Type: 'AWS::IAM::Role',
        Properties: {
          AssumeRolePolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
              { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${local.accountId}:root` }, Action: 'sts:AssumeRole' },
            ],
          },
        },
      },
      Function: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
          Code: { ZipFile: 'exports.handler = async () => ({ version: process.version, fleet: process.env.AWS_ENDPOINT_URL_EC2 });' },
        },
      },
      Topic: { Type: 'AWS::SNS::Topic' },
      Queue: { Type: 'AWS::SQS::Queue' },
      QueuePolicy: {
        Type: 'AWS::SQS::QueuePolicy',
        Properties: {
          Queues: [{ Ref: 'Queue' }],
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              denyPlain('sqs:*', { 'Fn::GetAtt': ['Queue', 'Arn'] }),
              {
                Effect: 'Allow',
                Principal: { Service: 'sns.amazonaws.com' },
                Action: 'sqs:SendMessage',
                Resource: { 'Fn::GetAtt': ['Queue', 'Arn'] },
                Condition: { ArnEquals: { 'aws:SourceArn': { Ref: 'Topic' } } },
              },
            ],
          },
        },
      },
      Subscription: {
        Type: 'AWS::SNS::Subscription',
        Properties: { TopicArn: { Ref: 'Topic' }, Protocol: 'sqs', Endpoint: { 'Fn::GetAtt': ['Queue', 'Arn'] }, RawMessageDelivery: true },
      },
      SickAlarm: alarm('i-00000000000000001'),
      PeerAlarm: alarm('i-00000000000000002'),
    },
    Outputs: { Function: { Value: { Ref: 'Function' } }, Queue: { Value: { Ref: 'Queue' } }, Role: { Value: { 'Fn::GetAtt': ['Role', 'Arn'] } } },
  };
  let outputs: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    const client = new CloudFormationClient(control);
    await client.send(new CreateStackCommand({ StackName: 'smoke', TemplateBody: JSON.stringify(template), Capabilities: ['CAPABILITY_IAM'] }));
    await waitUntilStackCreateComplete({ client, maxWaitTime: 240, minDelay: 1, maxDelay: 1 }, { StackName: 'smoke' });
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: 'smoke' }));
    outputs = Object.fromEntries((Stacks?.[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));
  });

  it('runs functions on Node 24, with the fleet in their environment', async () => {
    const { Payload } = await new LambdaClient(control).send(new InvokeCommand({ FunctionName: outputs['Function'] }));
    const anyNode24: unknown = expect.stringMatching(/^v24\./);
    expect(JSON.parse(Buffer.from(Payload ?? []).toString())).toEqual({ version: anyNode24, fleet: local.fleetEndpoint });
  });

  it('enforces the policies of roles', async () => {
    const { Credentials } = await new STSClient(control).send(new AssumeRoleCommand({ RoleArn: outputs['Role'], RoleSessionName: 'smoke' }));
    const role = {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    };
    const call = new SQSClient({ ...control, credentials: role }).send(new SendMessageCommand({ QueueUrl: outputs['Queue'], MessageBody: 'no' }));
    await expect(call).rejects.toThrow(/not authorized to perform: sqs:SendMessage/);
  });

  it('lets calls and deliveries pass a policy that demands TLS, and sets off the alarm of the sick instance only', async () => {
    const cloudWatch = new CloudWatchClient(control);
    const dimensions = [{ Name: 'InstanceId', Value: 'i-00000000000000001' }];
    await cloudWatch.send(new PutMetricDataCommand({ Namespace: 'Smoke', MetricData: [{ MetricName: 'Unhealthy', Value: 1, Dimensions: dimensions }] }));
    const sqs = new SQSClient(control);
    const message = await until('The message of the alarm', 60, async () => {
      const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: outputs['Queue'], WaitTimeSeconds: 1 }));
      return Messages?.[0];
    });
    const { MetricAlarms } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNamePrefix: 'smoke-' }));
    expect(JSON.parse(message.Body ?? '{}')).toMatchObject({ AlarmName: 'smoke-i-00000000000000001', NewStateValue: 'ALARM' });
    expect(MetricAlarms?.map(({ StateValue }) => StateValue)).toEqual(['ALARM', 'INSUFFICIENT_DATA']);
  });
});

describe('the fleet behind the overlay', () => {
  let imageId = '';
  let targetGroupArn = '';

  beforeAll(async () => {
    imageId = (await ec2.send(new RegisterImageCommand({ Name: `smoke-${local.motoPid}`, RootDeviceName: '/dev/xvda' }))).ImageId ?? '';
    const vpcId = (await ec2.send(new DescribeVpcsCommand({}))).Vpcs?.[0]?.VpcId;
    const { TargetGroups } = await loadBalancing.send(
      new CreateTargetGroupCommand({ Name: 'smoke', Protocol: 'HTTP', Port: 80, VpcId: vpcId, TargetType: 'instance' }),
    );
    targetGroupArn = TargetGroups?.[0]?.TargetGroupArn ?? '';
    const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: '1' }];
    await loadBalancing.send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn: targetGroupArn, Attributes }));
  });

  const launch = async (token: string, instanceType: 't3.micro' | 't3.small' = 't3.micro'): Promise<string> => {
    const command = new RunInstancesCommand({ ImageId: imageId, MinCount: 1, MaxCount: 1, InstanceType: instanceType, ClientToken: token });
    return (await ec2.send(command)).Instances?.[0]?.InstanceId ?? '';
  };
  const health = async (instanceId: string): Promise<string> => {
    const command = new DescribeTargetHealthCommand({ TargetGroupArn: targetGroupArn, Targets: [{ Id: instanceId }] });
    const { TargetHealthDescriptions } = await loadBalancing.send(command);
    const { State = '', Reason = '' } = TargetHealthDescriptions?.[0]?.TargetHealth ?? {};
    return `${State} ${Reason}`.trim();
  };

  it('launches once for one client token', async () => {
    const [first, second] = await Promise.all([launch('one'), launch('one')]);
    expect(first).toMatch(/^i-/);
    expect(second).toBe(first);
    await expect(launch('one', 't3.small')).rejects.toThrow(expect.objectContaining({ name: 'IdempotentParameterMismatch' }));
    // moto pages after 100 instances, and other files of this project leave ended ones behind.
    const ids: (string | undefined)[] = [];
    for await (const page of paginateDescribeInstances({ client: ec2 }, { Filters: [{ Name: 'client-token', Values: ['one'] }] }))
      ids.push(...(page.Reservations ?? []).flatMap(({ Instances }) => (Instances ?? []).map(({ InstanceId }) => InstanceId)));
    expect(ids).toEqual([first]);
  });

  it('refuses an image that does not exist', async () => {
    const command = new RunInstancesCommand({ ImageId: 'ami-00000000000000000', MinCount: 1, MaxCount: 1 });
    await expect(ec2.send(command)).rejects.toThrow(expect.objectContaining({ name: 'InvalidAMIID.NotFound' }));
  });

  it('takes a target through initial, healthy, unhealthy, draining and unused', async () => {
    const instanceId = await launch('target');
    const target = { TargetGroupArn: targetGroupArn, Targets: [{ Id: instanceId }] };
    const eventually = (wanted: string): Promise<void> =>
      vi.waitFor(async () => expect(await health(instanceId)).toBe(wanted), { timeout: 60_000, interval: 100 });
    const join = async () => {
      await loadBalancing.send(new DeregisterTargetsCommand(target));
      await loadBalancing.send(new RegisterTargetsCommand(target));
      return health(instanceId);
    };
    await expectMoment(join, ['initial Elb.InitialHealthChecking']);
    await eventually('healthy');
    await mark(`targets/${instanceId}`, { state: 'unhealthy' });
    expect(await health(instanceId)).toBe('unhealthy Target.FailedHealthChecks');
    const leave = async () => {
      await loadBalancing.send(new RegisterTargetsCommand(target));
      await loadBalancing.send(new DeregisterTargetsCommand(target));
      return health(instanceId);
    };
    await expectMoment(leave, ['draining Target.DeregistrationInProgress']);
    await eventually('unused Target.NotRegistered');
  });

  it('answers an impaired status with the moment it began, also by filter', async () => {
    const instanceId = await launch('status');
    await mark(`instances/${instanceId}/status`, { instance: 'impaired' });
    const filter = { Name: 'instance-status.status', Values: ['impaired'] };
    const { InstanceStatuses } = await ec2.send(new DescribeInstanceStatusCommand({ Filters: [filter] }));
    expect(InstanceStatuses?.map(({ InstanceId }) => InstanceId)).toEqual([instanceId]);
    const anyMoment: unknown = expect.any(Date);
    expect(InstanceStatuses?.[0]?.InstanceStatus).toEqual({
      Status: 'impaired',
      Details: [{ Name: 'reachability', Status: 'failed', ImpairedSince: anyMoment }],
    });
    expect(InstanceStatuses?.[0]?.SystemStatus?.Status).toBe('ok');
    // The other files of this project share the fleet, and the platform deployed there asks for impaired instances.
    await mark(`instances/${instanceId}/status`, { instance: 'ok' });
  });
});
