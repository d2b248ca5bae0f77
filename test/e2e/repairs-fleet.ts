import { AutoScalingClient, CreateAutoScalingGroupCommand, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { type Dimension, PutMetricAlarmCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  AllocateAddressCommand,
  AssociateAddressCommand,
  AttachVolumeCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateImageCommand,
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVolumeCommand,
  CreateVpcCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  type EC2Client,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { CreateTargetGroupCommand, ModifyTargetGroupAttributesCommand, RegisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { inject } from 'vitest';
import type { DemoClients } from '../../sandbox/demo/clients.ts';
import { SECURITY_GROUP, targetGroupsOf, type TestSystem } from './catalog.ts';

/** One system as it stands in the fleet. */
export interface Cast {
  readonly instanceIds: readonly string[];
  readonly imageId: string;
  /** Name → ARN. */
  readonly targetGroupArns: Readonly<Record<string, string>>;
}

const local = inject('localAws');
const autoScaling = new AutoScalingClient({
  endpoint: local.fleetEndpoint,
  region: local.region,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

const INSTANCE_TYPE = 't3.micro';

interface Network {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupId: string;
}

function required(value: string | undefined, what: string): string {
  if (value === undefined) throw new Error(`The emulator gave no ${what}`);
  return value;
}

async function createNetwork(ec2: EC2Client, region: string): Promise<Network> {
  const vpcId = required((await ec2.send(new CreateVpcCommand({ CidrBlock: '10.50.0.0/16' }))).Vpc?.VpcId, 'VPC');
  const subnetIds: string[] = [];
  for (const [index, zone] of ['a', 'b', 'c'].entries()) {
    const answer = await ec2.send(new CreateSubnetCommand({ VpcId: vpcId, AvailabilityZone: `${region}${zone}`, CidrBlock: `10.50.${index + 1}.0/24` }));
    subnetIds.push(required(answer.Subnet?.SubnetId, 'subnet'));
  }
  const group = await ec2.send(new CreateSecurityGroupCommand({ GroupName: SECURITY_GROUP, Description: 'Instances of the stories', VpcId: vpcId }));
  const securityGroupId = required(group.GroupId, 'security group');
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: securityGroupId, IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIp: '10.50.0.0/16' }));
  return { vpcId, subnetIds, securityGroupId };
}

/** An instance of the emulator's own stock image, from which golden images are made; RegisterImage gives none with an architecture. */
async function runSeed(ec2: EC2Client, subnetId: string): Promise<string> {
  const stock = await ec2.send(new DescribeImagesCommand({ Owners: ['amazon'], Filters: [{ Name: 'architecture', Values: ['x86_64'] }] }));
  const ImageId = required((stock.Images?.find(({ Name }) => Name?.startsWith('amzn2') === true) ?? stock.Images?.[0])?.ImageId, 'stock image');
  const answer = await ec2.send(new RunInstancesCommand({ ImageId, InstanceType: INSTANCE_TYPE, MinCount: 1, MaxCount: 1, SubnetId: subnetId }));
  return required(answer.Instances?.[0]?.InstanceId, 'seed instance');
}

async function createTargetGroups({ elb }: DemoClients, system: TestSystem, vpcId: string): Promise<Cast['targetGroupArns']> {
  const arns: Record<string, string> = {};
  for (const { name } of targetGroupsOf(system)) {
    const answer = await elb.send(new CreateTargetGroupCommand({ Name: name, Protocol: 'HTTP', Port: 80, VpcId: vpcId, TargetType: 'instance' }));
    const TargetGroupArn = required(answer.TargetGroups?.[0]?.TargetGroupArn, 'target group');
    await elb.send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn, Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '1' }] }));
    arns[name] = TargetGroupArn;
  }
  return arns;
}

/** With their own ports, which are not the groups' default. */
async function register({ elb }: DemoClients, system: TestSystem, arns: Cast['targetGroupArns'], instanceIds: readonly string[]): Promise<void> {
  for (const { name, port } of targetGroupsOf(system))
    await elb.send(new RegisterTargetsCommand({ TargetGroupArn: arns[name], Targets: instanceIds.map((Id) => ({ Id, Port: port })) }));
}

interface Stage extends Network {
  readonly clients: DemoClients;
  /** From it the golden images are made. */
  readonly seedId: string;
}

async function makeImage({ clients, seedId }: Stage, { name, hasNoImage }: TestSystem): Promise<string> {
  const imageId = required((await clients.ec2.send(new CreateImageCommand({ InstanceId: seedId, Name: `${name}-golden-v1` }))).ImageId, 'image');
  if (hasNoImage !== true)
    await clients.ssm.send(new PutParameterCommand({ Name: `/perennial/images/${name}/approved`, Value: imageId, Type: 'String', Overwrite: true }));
  return imageId;
}

const tagsOf = (name: string): Readonly<Record<string, string>> => ({ Name: name, 'perennial:system': name, 'perennial:role': name });

async function runAlone({ clients, subnetIds, securityGroupId }: Stage, { name, size, zone }: TestSystem, imageId: string): Promise<readonly string[]> {
  const answer = await clients.ec2.send(
    new RunInstancesCommand({
      ImageId: imageId,
      InstanceType: INSTANCE_TYPE,
      MinCount: size,
      MaxCount: size,
      SubnetId: subnetIds[zone],
      SecurityGroupIds: [securityGroupId],
      UserData: Buffer.from(`#!/bin/sh\necho "${name} is up"\n`).toString('base64'),
      TagSpecifications: [{ ResourceType: 'instance', Tags: Object.entries(tagsOf(name)).map(([Key, Value]) => ({ Key, Value })) }],
    }),
  );
  return (answer.Instances ?? []).map(({ InstanceId }) => required(InstanceId, 'instance'));
}

async function runInGroup({ clients, subnetIds, securityGroupId }: Stage, { name, size, zone }: TestSystem, imageId: string): Promise<readonly string[]> {
  const { LaunchTemplate } = await clients.ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: name,
      LaunchTemplateData: { ImageId: imageId, InstanceType: INSTANCE_TYPE, SecurityGroupIds: [securityGroupId] },
    }),
  );
  await autoScaling.send(
    new CreateAutoScalingGroupCommand({
      AutoScalingGroupName: name,
      LaunchTemplate: { LaunchTemplateId: LaunchTemplate?.LaunchTemplateId, Version: '1' },
      MinSize: size,
      MaxSize: size + 1,
      DesiredCapacity: size,
      VPCZoneIdentifier: subnetIds[zone],
      Tags: Object.entries(tagsOf(name)).map(([Key, Value]) => ({ Key, Value, PropagateAtLaunch: true })),
    }),
  );
  const { AutoScalingGroups } = await autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] }));
  return (AutoScalingGroups?.[0]?.Instances ?? []).map(({ InstanceId }) => required(InstanceId, 'member'));
}

async function castOne(stage: Stage, system: TestSystem): Promise<Cast> {
  const imageId = await makeImage(stage, system);
  const instanceIds = await (system.isInGroup === true ? runInGroup : runAlone)(stage, system, imageId);
  const targetGroupArns = await createTargetGroups(stage.clients, system, stage.vpcId);
  await register(stage.clients, system, targetGroupArns, instanceIds);
  return { instanceIds, imageId, targetGroupArns };
}

export interface RepairsFleet {
  /** Launches systems: each with its image, its instances and its target groups. */
  add(systems: readonly TestSystem[]): Promise<void>;
  of(system: string): Cast;
  /** An instance that belongs to somebody else. */
  addForeign(): Promise<string>;
  /** Ends the instance that only images were made from. */
  close(): Promise<void>;
}

/** Builds the network of all stories; systems come when their story needs them. */
export async function createRepairsFleet(clients: DemoClients, region: string): Promise<RepairsFleet> {
  const network = await createNetwork(clients.ec2, region);
  const stage = { ...network, clients, seedId: await runSeed(clients.ec2, required(network.subnetIds[0], 'subnet')) };
  const casts = new Map<string, Cast>();
  return {
    async add(systems) {
      for (const system of systems) casts.set(system.name, await castOne(stage, system));
    },
    of(system) {
      const found = casts.get(system);
      if (found === undefined) throw new Error(`No system ${system} in the fleet`);
      return found;
    },
    async addForeign() {
      const answer = await clients.ec2.send(
        new RunInstancesCommand({
          ImageId: casts.get('clerk')?.imageId,
          InstanceType: INSTANCE_TYPE,
          MinCount: 1,
          MaxCount: 1,
          SubnetId: stage.subnetIds[0],
          TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'team', Value: 'others' }] }],
        }),
      );
      return required(answer.Instances?.[0]?.InstanceId, 'instance of another team');
    },
    async close() {
      await clients.ec2.send(new TerminateInstancesCommand({ InstanceIds: [stage.seedId] }));
    },
  };
}

/** What a machine has beside itself, and what must find its way to the one that replaces it. */
export interface Belongings {
  readonly volumeId: string;
  readonly allocationId: string;
  readonly publicIp: string;
}

export const DATA_DEVICE = '/dev/sdf';

/** Gives an instance a data volume and an Elastic IP address. */
export async function equip({ ec2 }: DemoClients, instanceId: string): Promise<Belongings> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  const AvailabilityZone = Reservations?.[0]?.Instances?.[0]?.Placement?.AvailabilityZone;
  const volumeId = required((await ec2.send(new CreateVolumeCommand({ AvailabilityZone, Size: 20, VolumeType: 'gp3' }))).VolumeId, 'volume');
  await ec2.send(new AttachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId, Device: DATA_DEVICE }));
  const { AllocationId, PublicIp } = await ec2.send(new AllocateAddressCommand({ Domain: 'vpc' }));
  await ec2.send(new AssociateAddressCommand({ AllocationId, InstanceId: instanceId }));
  return { volumeId, allocationId: required(AllocationId, 'allocation'), publicIp: required(PublicIp, 'address') };
}

const ALARM_METRIC = { Namespace: 'Tests/Repairs', MetricName: 'FailedChecks' };
const dimensionsOf = (instanceId: string): Dimension[] => [{ Name: 'InstanceId', Value: instanceId }];

/** The alarm that a team would have for one instance, with the platform's topic as its action. */
export async function putInstanceAlarm({ cloudWatch }: DemoClients, AlarmName: string, instanceId: string, topicArn: string): Promise<void> {
  await cloudWatch.send(
    new PutMetricAlarmCommand({
      AlarmName,
      AlarmDescription: 'The instance fails its checks',
      ...ALARM_METRIC,
      Dimensions: dimensionsOf(instanceId),
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'missing',
      AlarmActions: [topicArn],
      OKActions: [topicArn],
    }),
  );
}

/** The metric crosses the alarm's threshold. */
export async function failChecks({ cloudWatch }: DemoClients, instanceId: string): Promise<void> {
  const MetricData = [{ MetricName: ALARM_METRIC.MetricName, Dimensions: dimensionsOf(instanceId), Value: 1 }];
  await cloudWatch.send(new PutMetricDataCommand({ Namespace: ALARM_METRIC.Namespace, MetricData }));
}
