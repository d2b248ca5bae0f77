import { setTimeout as delay } from 'node:timers/promises';
import { CreateAutoScalingGroupCommand, DeleteAutoScalingGroupCommand, PutLifecycleHookCommand, SuspendProcessesCommand } from '@aws-sdk/client-auto-scaling';
import { CreateLaunchTemplateCommand } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe } from 'vitest';
import { createGroupChanger, createGroupReader } from '../../aws/fleet/groups.ts';
import { createMemberReleaser } from '../../aws/fleet/member-releaser.ts';
import { createInstanceReader } from '../../aws/fleet/instance-reader.ts';
import { createMotoFleet, type MotoFleet, unique } from './fleet-on-moto.ts';
import { describeGroups, type GroupsUnderTest } from './groups.contract.ts';

describe('on moto behind the overlay', () => {
  let moto: MotoFleet;
  const names: string[] = [];

  beforeAll(async () => {
    moto = await createMotoFleet('groups');
  });

  afterAll(async () => {
    const { autoScaling } = moto.clients;
    await Promise.all(names.map((AutoScalingGroupName) => autoScaling.send(new DeleteAutoScalingGroupCommand({ AutoScalingGroupName, ForceDelete: true }))));
    await moto.end();
  });

  const addGroup = async (): Promise<string> => {
    const { autoScaling, ec2 } = moto.clients;
    const name = unique('group');
    const instance = await createInstanceReader(ec2, autoScaling).read(await moto.addInstance(moto.imageIds[1], {}));
    const LaunchTemplateData = { ImageId: moto.imageIds[1], InstanceType: 't3.micro' } as const;
    const made = await ec2.send(new CreateLaunchTemplateCommand({ LaunchTemplateName: name, LaunchTemplateData }));
    await autoScaling.send(
      new CreateAutoScalingGroupCommand({
        AutoScalingGroupName: name,
        MinSize: 2,
        MaxSize: 4,
        DesiredCapacity: 2,
        VPCZoneIdentifier: instance?.subnetId,
        LaunchTemplate: { LaunchTemplateId: made.LaunchTemplate?.LaunchTemplateId, Version: '1' },
      }),
    );
    names.push(name);
    return name;
  };

  const create = (): GroupsUnderTest => {
    const { autoScaling, ec2 } = moto.clients;
    return {
      groups: createGroupReader(autoScaling, ec2),
      changer: createGroupChanger(autoScaling, ec2),
      instances: createInstanceReader(ec2, autoScaling),
      imageId: moto.imageIds[1],
      addGroup,
      releaser: createMemberReleaser(autoScaling),
      addHook: async (AutoScalingGroupName, { name, transition }) =>
        void (await autoScaling.send(
          new PutLifecycleHookCommand({
            AutoScalingGroupName,
            LifecycleHookName: name,
            LifecycleTransition: transition === 'launching' ? 'autoscaling:EC2_INSTANCE_LAUNCHING' : 'autoscaling:EC2_INSTANCE_TERMINATING',
          }),
        )),
      suspend: async (AutoScalingGroupName, process) =>
        void (await autoScaling.send(new SuspendProcessesCommand({ AutoScalingGroupName, ScalingProcesses: [process] }))),
      addInstance: () => moto.addInstance(moto.imageIds[1], {}),
      pass: () => delay(100),
    };
  };

  describeGroups('the AWS adapters', create);
});
