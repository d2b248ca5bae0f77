import {
  AuthorizeSecurityGroupIngressCommand,
  CreateImageCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeImagesCommand,
  type EC2Client,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  type ElasticLoadBalancingV2Client,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';

/** What the demo runs on. */
export interface DemoFleet {
  readonly targetGroupArn: string;
  /** Golden images of the role `web`: v1 is the old one, v2 the approved one. */
  readonly imageV1: string;
  readonly imageV2: string;
  /** On v2, healthy, in both zones. */
  readonly peers: readonly string[];
  /** On v1; the one that will fail. */
  readonly victim: string;
  /** The only instance of the system `shop-batch`. */
  readonly single: string;
  /** Nobody knows what this one is for. */
  readonly unknown: string;
}

interface FleetClients {
  readonly ec2: EC2Client;
  readonly elb: ElasticLoadBalancingV2Client;
  readonly ssm: SSMClient;
}

function required(value: string | undefined, what: string): string {
  if (value === undefined) throw new Error(`The fleet's emulator gave no ${what}. Look at its log under .perennial/logs and start again.`);
  return value;
}

const INSTANCE_TYPE = 't3.micro';

interface Network {
  readonly vpcId: string;
  readonly subnets: readonly [string, string];
  readonly securityGroupId: string;
  readonly batchSecurityGroupId: string;
}

async function createNetwork(ec2: EC2Client, region: string): Promise<Network> {
  const vpc = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.20.0.0/16' }));
  const vpcId = required(vpc.Vpc?.VpcId, 'VPC');
  const subnet = async (zone: string, cidr: string): Promise<string> => {
    const answer = await ec2.send(new CreateSubnetCommand({ VpcId: vpcId, AvailabilityZone: `${region}${zone}`, CidrBlock: cidr }));
    return required(answer.Subnet?.SubnetId, 'subnet');
  };
  const group = async (name: string): Promise<string> => {
    const answer = await ec2.send(new CreateSecurityGroupCommand({ GroupName: name, Description: `Instances of ${name}`, VpcId: vpcId }));
    const groupId = required(answer.GroupId, 'security group');
    await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: groupId, IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIp: '10.20.0.0/16' }));
    return groupId;
  };
  return {
    vpcId,
    subnets: [await subnet('a', '10.20.1.0/24'), await subnet('c', '10.20.2.0/24')],
    securityGroupId: await group('shop-web'),
    batchSecurityGroupId: await group('shop-batch'),
  };
}

/** An instance of the emulator's own stock image, from which golden images are made; it ends when they are. */
async function runSeed(ec2: EC2Client, subnetId: string): Promise<string> {
  const images = await ec2.send(new DescribeImagesCommand({ Owners: ['amazon'], Filters: [{ Name: 'architecture', Values: ['x86_64'] }] }));
  const stock = images.Images?.find((image) => image.Name?.startsWith('amzn2') === true) ?? images.Images?.[0];
  const answer = await ec2.send(
    new RunInstancesCommand({ ImageId: required(stock?.ImageId, 'stock image'), InstanceType: INSTANCE_TYPE, MinCount: 1, MaxCount: 1, SubnetId: subnetId }),
  );
  return required(answer.Instances?.[0]?.InstanceId, 'seed instance');
}

/** A real CreateImage: what RegisterImage gives here lacks an architecture. */
async function bakeImage(ec2: EC2Client, seedId: string, name: string): Promise<string> {
  const answer = await ec2.send(new CreateImageCommand({ InstanceId: seedId, Name: name }));
  return required(answer.ImageId, `image ${name}`);
}

/** The parameter's history is the role's lineage: every value it ever had was approved. */
async function approveImage(ssm: SSMClient, role: string, imageId: string): Promise<void> {
  await ssm.send(new PutParameterCommand({ Name: `/perennial/images/${role}/approved`, Value: imageId, Type: 'String', Overwrite: true }));
}

interface InstanceWish {
  readonly name: string;
  readonly imageId: string;
  readonly subnetId: string;
  readonly securityGroupId: string;
  readonly tags: Readonly<Record<string, string>>;
}

async function runInstance(ec2: EC2Client, wish: InstanceWish): Promise<string> {
  const answer = await ec2.send(
    new RunInstancesCommand({
      ImageId: wish.imageId,
      InstanceType: INSTANCE_TYPE,
      MinCount: 1,
      MaxCount: 1,
      SubnetId: wish.subnetId,
      SecurityGroupIds: [wish.securityGroupId],
      UserData: Buffer.from(`#!/bin/sh\necho "${wish.name} is up"\n`).toString('base64'),
      TagSpecifications: [{ ResourceType: 'instance', Tags: Object.entries({ Name: wish.name, ...wish.tags }).map(([Key, Value]) => ({ Key, Value })) }],
    }),
  );
  return required(answer.Instances?.[0]?.InstanceId, `instance ${wish.name}`);
}

async function createTargetGroup(elb: ElasticLoadBalancingV2Client, network: Network, instanceIds: readonly string[]): Promise<string> {
  const answer = await elb.send(
    new CreateTargetGroupCommand({ Name: 'shop-web', Protocol: 'HTTP', Port: 80, VpcId: network.vpcId, TargetType: 'instance', HealthCheckPath: '/health' }),
  );
  const arn = required(answer.TargetGroups?.[0]?.TargetGroupArn, 'target group');
  await elb.send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn: arn, Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '3' }] }));
  const balancer = await elb.send(
    new CreateLoadBalancerCommand({ Name: 'shop-web', Subnets: [...network.subnets], SecurityGroups: [network.securityGroupId] }),
  );
  const balancerArn = required(balancer.LoadBalancers?.[0]?.LoadBalancerArn, 'load balancer');
  await elb.send(
    new CreateListenerCommand({ LoadBalancerArn: balancerArn, Protocol: 'HTTP', Port: 80, DefaultActions: [{ Type: 'forward', TargetGroupArn: arn }] }),
  );
  await elb.send(new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: instanceIds.map((Id) => ({ Id, Port: 80 })) }));
  return arn;
}

/** Builds the demo's world: two zones, three web instances behind a target group, a single machine, and one nobody knows. */
export async function createDemoFleet(clients: FleetClients, region: string): Promise<DemoFleet> {
  const { ec2, elb, ssm } = clients;
  const network = await createNetwork(ec2, region);
  const seedId = await runSeed(ec2, network.subnets[0]);
  const imageV1 = await bakeImage(ec2, seedId, 'web-golden-v1');
  const imageV2 = await bakeImage(ec2, seedId, 'web-golden-v2');
  const batchImage = await bakeImage(ec2, seedId, 'batch-golden-v1');
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [seedId] }));
  await approveImage(ssm, 'web', imageV1);
  await approveImage(ssm, 'web', imageV2);
  await approveImage(ssm, 'batch', batchImage);
  const web = (name: string, imageId: string, subnetId: string): Promise<string> =>
    runInstance(ec2, {
      name,
      imageId,
      subnetId,
      securityGroupId: network.securityGroupId,
      tags: { 'perennial:system': 'shop-web', 'perennial:role': 'web', tier: 'web' },
    });
  const [zoneA, zoneC] = network.subnets;
  const peers = [await web('shop-web-1', imageV2, zoneA), await web('shop-web-2', imageV2, zoneC)];
  const victim = await web('shop-web-3', imageV1, zoneA);
  const single = await runInstance(ec2, {
    name: 'shop-batch-1',
    imageId: batchImage,
    subnetId: zoneA,
    securityGroupId: network.batchSecurityGroupId,
    tags: { 'perennial:system': 'shop-batch', 'perennial:role': 'batch' },
  });
  const unknown = await runInstance(ec2, { name: 'what-is-this', imageId: imageV1, subnetId: zoneC, securityGroupId: network.securityGroupId, tags: {} });
  const targetGroupArn = await createTargetGroup(elb, network, [...peers, victim]);
  return { targetGroupArn, imageV1, imageV2, peers, victim, single, unknown };
}
