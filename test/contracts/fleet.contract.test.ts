import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAlarmCloner } from '../../aws/fleet/alarm-cloner.ts';
import { createAlarmReader } from '../../aws/fleet/alarm-reader.ts';
import { createCaptureReader } from '../../aws/fleet/capture-reader.ts';
import { createImageReader } from '../../aws/fleet/images.ts';
import { createEvidenceCollector, createInstancePower } from '../../aws/fleet/instance-power.ts';
import { createInstanceReader } from '../../aws/fleet/instance-reader.ts';
import { createTerminator } from '../../aws/fleet/instance-terminator.ts';
import { createLauncher } from '../../aws/fleet/launcher.ts';
import { createQuarantineKeeper } from '../../aws/fleet/quarantine-keeper.ts';
import { createTargetReader, createTargetRegistrar } from '../../aws/fleet/targets.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import { createMotoFleet, type MotoFleet, unique } from './fleet-on-moto.ts';
import { describeFleet, type FleetPorts, type FleetUnderTest } from './fleet.contract.ts';

describe('on moto behind the overlay', () => {
  let moto: MotoFleet;
  const launched: string[] = [];

  beforeAll(async () => {
    moto = await createMotoFleet('contract');
  });

  afterAll(async () => {
    await moto.end(launched);
  });

  function portsOf({ clients }: MotoFleet): FleetPorts {
    const { autoScaling, cloudWatch, ec2, elb, ssm } = clients;
    const launcher = createLauncher(ec2);
    return {
      instances: createInstanceReader(ec2, autoScaling),
      captures: createCaptureReader(clients),
      targets: createTargetReader(elb),
      registrar: createTargetRegistrar(elb),
      images: createImageReader(ec2, ssm),
      launcher: {
        rehearse: (request) => launcher.rehearse(request),
        launch: async (request) => {
          const answer = await launcher.launch(request);
          launched.push(answer.instanceId);
          return answer;
        },
      },
      power: createInstancePower(ec2),
      evidence: createEvidenceCollector(ec2),
      quarantine: createQuarantineKeeper(ec2),
      terminator: createTerminator(ec2),
      alarms: createAlarmReader(cloudWatch),
      alarmCloner: createAlarmCloner(cloudWatch),
    };
  }

  const create = (): FleetUnderTest => ({
    ports: portsOf(moto),
    target: moto.target,
    imageId: moto.imageIds[1],
    role: moto.role,
    approved: moto.imageIds,
    addInstance: (tags) => moto.addInstance(moto.imageIds[1], tags),
    setTargetUnhealthy: (instanceId, isUnhealthy) => moto.setTargetUnhealthy(instanceId, isUnhealthy),
    addAlarm: (name, instanceId) => moto.addAlarm(name, instanceId),
    pass: () => delay(100),
    unique,
  });

  describeFleet('the AWS adapters', create);

  it('finds what a launch left behind whose answer never came, by its tag alone', async () => {
    const ports = portsOf(moto);
    const oldId = await moto.addInstance(moto.imageIds[1], {});
    const capture = await ports.captures.capture(oldId, [], '2026-11-21T09:00:00.000Z');
    if (capture === undefined) throw new Error('no capture');
    const remediationId = unique('rem');
    // Launched by somebody else's hand with our tag: no client token leads to it.
    const orphan = await moto.addInstance(moto.imageIds[1], { [tagKeys.remediation]: remediationId });
    expect(await ports.launcher.launch({ remediationId, attempt: 1, capture, imageId: moto.imageIds[1], tags: {} })).toEqual({ instanceId: orphan });
  });
});
