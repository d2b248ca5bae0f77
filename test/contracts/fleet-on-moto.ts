import { PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch';
import {
  CreateImageCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeImagesCommand,
  type EC2Client,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { CreateTargetGroupCommand, ModifyTargetGroupAttributesCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { inject } from 'vitest';
import { createFleetClients, type FleetClients } from '../../aws/fleet/clients.ts';
import { systemIds } from '../../aws/runtime/system.ts';
import type { CapturedTarget } from '../../core/remediation/surroundings/capture.ts';

const local = inject('localAws');
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** A small network of its own in moto, so that tests do not meet the demo's fleet. */
export interface MotoFleet {
  readonly clients: FleetClients;
  readonly subnetId: string;
  readonly target: CapturedTarget;
  /** Two images of one role, approved in this order. */
  readonly imageIds: readonly [string, string];
  readonly role: string;
  addInstance(imageId: string, tags: Readonly<Record<string, string>>): Promise<string>;
  setTargetUnhealthy(instanceId: string, isUnhealthy: boolean): Promise<void>;
  addAlarm(name: string, instanceId: string): Promise<void>;
  /** Ends every instance that was added here or carries one of these ids, so that others do not find them. */
  end(moreInstanceIds?: readonly string[]): Promise<void>;
}

function clientsOf(): FleetClients {
  const { region, fleetEndpoint, controlEndpoint } = local;
  return createFleetClients({ region, credentials, endpoint: fleetEndpoint }, { region, credentials, endpoint: controlEndpoint });
}

/** EC2 knows a profile only when IAM does; the fleet's side has no other need of IAM. */
async function createProfile(name: string): Promise<void> {
  const response = await fetch(local.fleetEndpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: 'AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x',
    },
    body: new URLSearchParams({ Action: 'CreateInstanceProfile', InstanceProfileName: name, Version: '2010-05-08' }),
  });
  if (!response.ok) throw new Error(`CreateInstanceProfile: ${response.status} ${await response.text()}`);
}

async function createNetwork(ec2: EC2Client, name: string): Promise<{ readonly vpcId: string; readonly subnetId: string; readonly groupId: string }> {
  const vpcId = (await ec2.send(new CreateVpcCommand({ CidrBlock: '10.30.0.0/16' }))).Vpc?.VpcId ?? '';
  const subnet = await ec2.send(new CreateSubnetCommand({ VpcId: vpcId, AvailabilityZone: `${local.region}a`, CidrBlock: '10.30.1.0/24' }));
  const group = await ec2.send(new CreateSecurityGroupCommand({ GroupName: name, Description: name, VpcId: vpcId }));
  return { vpcId, subnetId: subnet.Subnet?.SubnetId ?? '', groupId: group.GroupId ?? '' };
}

/** CreateImage from a running instance: what RegisterImage gives in moto has no architecture. */
async function bakeImages(ec2: EC2Client, subnetId: string, names: readonly [string, string]): Promise<readonly [string, string]> {
  const stock = await ec2.send(new DescribeImagesCommand({ Owners: ['amazon'], Filters: [{ Name: 'architecture', Values: ['x86_64'] }] }));
  const ImageId = (stock.Images?.find((image) => image.Name?.startsWith('amzn2') === true) ?? stock.Images?.[0])?.ImageId;
  const seed = await ec2.send(new RunInstancesCommand({ ImageId, InstanceType: 't3.micro', MinCount: 1, MaxCount: 1, SubnetId: subnetId }));
  const InstanceId = seed.Instances?.[0]?.InstanceId ?? '';
  const bake = async (Name: string): Promise<string> => (await ec2.send(new CreateImageCommand({ InstanceId, Name }))).ImageId ?? '';
  const images = [await bake(names[0]), await bake(names[1])] as const;
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [InstanceId] }));
  return images;
}

async function createTarget({ elb }: FleetClients, name: string, vpcId: string): Promise<CapturedTarget> {
  const { TargetGroups } = await elb.send(new CreateTargetGroupCommand({ Name: name, Protocol: 'HTTP', Port: 80, VpcId: vpcId, TargetType: 'instance' }));
  const targetGroupArn = TargetGroups?.[0]?.TargetGroupArn ?? '';
  await elb.send(
    new ModifyTargetGroupAttributesCommand({ TargetGroupArn: targetGroupArn, Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '1' }] }),
  );
  return { targetGroupArn, targetGroupName: name, port: 80 };
}

async function putAlarm({ cloudWatch }: FleetClients, AlarmName: string, instanceId: string): Promise<void> {
  await cloudWatch.send(
    new PutMetricAlarmCommand({
      AlarmName,
      Namespace: 'Contract',
      MetricName: 'Failed',
      Dimensions: [{ Name: 'InstanceId', Value: instanceId }],
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    }),
  );
}

/** @param name of its target group, security group, profile and image role; once per local AWS */
export async function createMotoFleet(name: string): Promise<MotoFleet> {
  const clients = clientsOf();
  const { ec2, ssm } = clients;
  await createProfile(name);
  const { vpcId, subnetId, groupId } = await createNetwork(ec2, name);
  const imageIds = await bakeImages(ec2, subnetId, [`${name}-v1`, `${name}-v2`]);
  for (const Value of imageIds) await ssm.send(new PutParameterCommand({ Name: `/perennial/images/${name}/approved`, Value, Type: 'String', Overwrite: true }));
  const target = await createTarget(clients, name, vpcId);
  const added: string[] = [];
  const addInstance = async (ImageId: string, tags: Readonly<Record<string, string>>): Promise<string> => {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const answer = await ec2.send(
      new RunInstancesCommand({
        ImageId,
        InstanceType: 't3.micro',
        MinCount: 1,
        MaxCount: 1,
        SubnetId: subnetId,
        SecurityGroupIds: [groupId],
        IamInstanceProfile: { Name: name },
        UserData: Buffer.from('#!/bin/sh\necho up\n').toString('base64'),
        ...(Tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType: 'instance', Tags }] }),
      }),
    );
    const instanceId = answer.Instances?.[0]?.InstanceId ?? '';
    added.push(instanceId);
    return instanceId;
  };
  return {
    clients,
    subnetId,
    target,
    imageIds,
    role: name,
    addInstance,
    setTargetUnhealthy: async (instanceId, isUnhealthy) => {
      await fetch(`${local.fleetEndpoint}/_perennial/targets/${instanceId}`, {
        method: 'POST',
        body: JSON.stringify({ state: isUnhealthy ? 'unhealthy' : 'healthy' }),
      });
    },
    addAlarm: (alarmName, instanceId) => putAlarm(clients, alarmName, instanceId),
    end: async (more = []) => {
      const InstanceIds = [...added.splice(0), ...more];
      if (InstanceIds.length > 0) await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
    },
  };
}

/** Never the same twice. */
export const unique = (prefix: string): string => systemIds.next(prefix);
