import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import { createInstancePower } from '../../aws/fleet/instance-power.ts';
import { createInstanceReader } from '../../aws/fleet/instance-reader.ts';
import { createRecoveryPorts, createRecoveryReader } from '../../aws/fleet/recovery.ts';
import { createMotoFleet, type MotoFleet, unique } from './fleet-on-moto.ts';
import { describeRecovery, type RecoveryUnderTest } from './recovery.contract.ts';

const { fleetEndpoint } = inject('localAws');
const control = async (instanceId: string, what: string, wanted: object): Promise<void> =>
  void (await fetch(`${fleetEndpoint}/_perennial/instances/${instanceId}/${what}`, { method: 'POST', body: JSON.stringify(wanted) }));

describe('on moto behind the overlay', () => {
  let moto: MotoFleet;

  beforeAll(async () => {
    moto = await createMotoFleet('recovery');
  });

  afterAll(async () => {
    await moto.end();
  });

  const create = (): RecoveryUnderTest => {
    const { autoScaling, ec2, ssm } = moto.clients;
    return {
      ports: {
        ...createRecoveryPorts(ec2, ssm),
        recovery: createRecoveryReader(ec2, ssm),
        instances: createInstanceReader(ec2, autoScaling),
        power: createInstancePower(ec2),
      },
      imageId: moto.imageIds[1],
      addInstance: () => moto.addInstance(moto.imageIds[1], {}),
      setAgent: (instanceId, isOnline) => control(instanceId, 'agent', { ping: isOnline ? 'Online' : 'ConnectionLost' }),
      endNextSwap: (instanceId, ends) => control(instanceId, 'root-swap', { ends }),
      pass: () => delay(100),
      unique,
    };
  };

  describeRecovery('the AWS adapters', create);
});
