import { CreateNetworkInterfaceCommand, CreateSnapshotCommand, CreateVolumeCommand, type ResourceType } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { createCommandRunner } from '../../aws/fleet/commands.ts';
import { createLeftBehind } from '../../aws/fleet/left-behind.ts';
import { createSnapshotKeeper } from '../../aws/fleet/snapshot-keeper.ts';
import { createMotoFleet, type MotoFleet, unique } from './fleet-on-moto.ts';
import { describeLeftBehind } from './left-behind.contract.ts';

const { region } = inject('localAws');

const tagged = (type: ResourceType, tags: Readonly<Record<string, string>>) => [
  { ResourceType: type, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) },
];

describe('on moto behind the overlay', () => {
  let moto: MotoFleet;

  beforeAll(async () => {
    moto = await createMotoFleet('leftovers');
  });

  afterAll(async () => {
    await moto.end();
  });

  describeLeftBehind('the AWS adapters', () => {
    const { ec2, ssm } = moto.clients;
    return {
      leftBehind: createLeftBehind(ec2),
      commands: createCommandRunner(ssm),
      addInstance: (tags) => moto.addInstance(moto.imageIds[0], tags),
      addVolume: async (tags) => {
        const answer = await ec2.send(new CreateVolumeCommand({ AvailabilityZone: `${region}a`, Size: 1, TagSpecifications: tagged('volume', tags) }));
        return answer.VolumeId ?? '';
      },
      oldSnapshots: createSnapshotKeeper(ec2),
      addSnapshot: async (VolumeId, tags) => {
        const answer = await ec2.send(new CreateSnapshotCommand({ VolumeId, TagSpecifications: tagged('snapshot', tags) }));
        return answer.SnapshotId ?? '';
      },
      addInterface: async (tags) => {
        const answer = await ec2.send(new CreateNetworkInterfaceCommand({ SubnetId: moto.subnetId, TagSpecifications: tagged('network-interface', tags) }));
        return answer.NetworkInterface?.NetworkInterfaceId ?? '';
      },
      unique,
    };
  });
});
