import {
  AllocateAddressCommand,
  AssignPrivateIpAddressesCommand,
  AssociateAddressCommand,
  AttachNetworkInterfaceCommand,
  AttachVolumeCommand,
  CreateNetworkInterfaceCommand,
  CreateVolumeCommand,
  ReleaseAddressCommand,
} from '@aws-sdk/client-ec2';
import { ChangeResourceRecordSetsCommand, CreateHostedZoneCommand } from '@aws-sdk/client-route-53';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe } from 'vitest';
import { createAttachmentPorts } from '../../aws/fleet/attachment-ports.ts';
import { createCaptureReader } from '../../aws/fleet/capture-reader.ts';
import { createInstancePower } from '../../aws/fleet/instance-power.ts';
import { createInstanceReader } from '../../aws/fleet/instance-reader.ts';
import { type AttachmentsUnderTest, describeAttachments } from './attachments.contract.ts';
import { createMotoFleet, type MotoFleet, unique } from './fleet-on-moto.ts';

const zoneName = 'contract.example.com';

describe('on moto', () => {
  let moto: MotoFleet;
  let hostedZoneId: string;
  const allocated: string[] = [];

  beforeAll(async () => {
    moto = await createMotoFleet('attachments');
    const { HostedZone } = await moto.clients.route53.send(new CreateHostedZoneCommand({ Name: zoneName, CallerReference: unique('zone') }));
    hostedZoneId = HostedZone?.Id ?? '';
  });

  afterAll(async () => {
    await moto.end();
    for (const AllocationId of allocated) await moto.clients.ec2.send(new ReleaseAddressCommand({ AllocationId }));
  });

  const factsOf = async (instanceId: string) => {
    const facts = await createInstanceReader(moto.clients.ec2, moto.clients.autoScaling).read(instanceId);
    if (facts === undefined) throw new Error(`no instance ${instanceId}`);
    return facts;
  };

  async function addVolume(instanceId: string): Promise<string> {
    const { ec2 } = moto.clients;
    const { availabilityZone } = await factsOf(instanceId);
    const VolumeId = (await ec2.send(new CreateVolumeCommand({ AvailabilityZone: availabilityZone, Size: 1, VolumeType: 'gp3' }))).VolumeId ?? '';
    await ec2.send(new AttachVolumeCommand({ VolumeId, InstanceId: instanceId, Device: '/dev/sdf' }));
    return VolumeId;
  }

  async function addInterface(instanceId: string): Promise<{ readonly networkInterfaceId: string; readonly privateIpAddress: string }> {
    const { ec2 } = moto.clients;
    const { subnetId } = await factsOf(instanceId);
    const { NetworkInterface } = await ec2.send(new CreateNetworkInterfaceCommand({ SubnetId: subnetId }));
    const networkInterfaceId = NetworkInterface?.NetworkInterfaceId ?? '';
    await ec2.send(new AttachNetworkInterfaceCommand({ NetworkInterfaceId: networkInterfaceId, InstanceId: instanceId, DeviceIndex: 1 }));
    return { networkInterfaceId, privateIpAddress: NetworkInterface?.PrivateIpAddress ?? '' };
  }

  async function addElasticIp(instanceId: string): Promise<{ readonly allocationId: string; readonly publicIpAddress: string }> {
    const { ec2 } = moto.clients;
    const { AllocationId = '', PublicIp = '' } = await ec2.send(new AllocateAddressCommand({ Domain: 'vpc' }));
    allocated.push(AllocationId);
    const primary = await createAttachmentPorts(moto.clients).interfaces.primary(instanceId);
    await ec2.send(new AssociateAddressCommand({ AllocationId, NetworkInterfaceId: primary?.networkInterfaceId, PrivateIpAddress: primary?.privateIpAddress }));
    return { allocationId: AllocationId, publicIpAddress: PublicIp };
  }

  const create = (): AttachmentsUnderTest => ({
    ports: createAttachmentPorts(moto.clients),
    instances: createInstanceReader(moto.clients.ec2, moto.clients.autoScaling),
    captures: createCaptureReader(moto.clients),
    power: createInstancePower(moto.clients.ec2),
    zoneName,
    addInstance: () => moto.addInstance(moto.imageIds[1], {}),
    addVolume,
    addInterface,
    addSecondaryAddress: async (instanceId) => {
      const primary = await createAttachmentPorts(moto.clients).interfaces.primary(instanceId);
      const address = '10.30.1.201';
      await moto.clients.ec2.send(new AssignPrivateIpAddressesCommand({ NetworkInterfaceId: primary?.networkInterfaceId, PrivateIpAddresses: [address] }));
      return address;
    },
    addElasticIp,
    addRecord: async (Name, values) => {
      const ResourceRecordSet = { Name, Type: 'A' as const, TTL: 60, ResourceRecords: values.map((Value) => ({ Value })) };
      await moto.clients.route53.send(
        new ChangeResourceRecordSetsCommand({ HostedZoneId: hostedZoneId, ChangeBatch: { Changes: [{ Action: 'CREATE', ResourceRecordSet }] } }),
      );
    },
    pass: () => delay(50),
    unique,
  });

  describeAttachments('the AWS adapters of what moves', create);
});
