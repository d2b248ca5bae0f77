import { expect, it } from 'vitest';
import { VirtualClock } from '../../sim/deterministic.ts';
import { SimulatedRegion } from '../../sim/simulated-region.ts';
import { describeFleet, type FleetUnderTest } from './fleet.contract.ts';

const clock = new VirtualClock('2026-11-21T09:00:00.000Z');
const target = { targetGroupArn: 'arn:tg/contract', targetGroupName: 'contract', port: 80 };
const profile = 'arn:aws:iam::111122223333:instance-profile/contract';

function create(): FleetUnderTest {
  const region = new SimulatedRegion(clock);
  let count = 0;
  for (const imageId of ['ami-1', 'ami-2']) {
    region.addImage(imageId);
    region.approveImage('contract', imageId);
  }
  const unique = (prefix: string): string => {
    count += 1;
    return `${prefix}-${count}`;
  };
  return {
    ports: region,
    target,
    imageId: 'ami-2',
    role: 'contract',
    approved: ['ami-1', 'ami-2'],
    addInstance: async (tags) => {
      const instanceId = unique('i');
      region.addInstance({ instanceId, imageId: 'ami-2', tags, launchedAt: clock.now(), instanceProfileArn: profile });
      return instanceId;
    },
    setTargetUnhealthy: async (instanceId, isUnhealthy) => region.setTargetUnhealthy(instanceId, isUnhealthy),
    addAlarm: async (name, instanceId) => region.addAlarm({ name, state: 'OK', instanceId }),
    pass: async () => void clock.advance(5),
    unique,
  };
}

describeFleet('SimulatedRegion', create);

it('says that a launch is impossible, which the emulator never does', async () => {
  const region = new SimulatedRegion(clock);
  region.addImage('ami-1');
  region.addInstance({ instanceId: 'i-1', imageId: 'ami-1', tags: {}, launchedAt: clock.now() });
  region.refuseLaunches('InsufficientInstanceCapacity');
  const capture = await region.captures.capture('i-1', [], clock.now());
  if (capture === undefined) throw new Error('no capture');
  expect(await region.launcher.rehearse({ remediationId: 'rem-1', attempt: 1, capture, imageId: 'ami-1', tags: {} })).toEqual({
    kind: 'impossible',
    reason: 'InsufficientInstanceCapacity',
  });
});
