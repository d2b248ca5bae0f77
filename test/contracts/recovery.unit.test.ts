import { VirtualClock } from '../../sim/deterministic.ts';
import { SimulatedRegion } from '../../sim/simulated-region.ts';
import { describeRecovery, type RecoveryUnderTest } from './recovery.contract.ts';

const clock = new VirtualClock('2026-11-21T09:00:00.000Z');

function create(): RecoveryUnderTest {
  const region = new SimulatedRegion(clock);
  region.addImage('ami-1');
  let count = 0;
  const unique = (prefix: string): string => {
    count += 1;
    return `${prefix}-${count}`;
  };
  return {
    ports: {
      instances: region.instances,
      power: region.power,
      recovery: region.recovery.reader,
      rebooter: region.recovery.rebooter,
      rootSwapper: region.recovery.rootSwapper,
      processRestarter: region.recovery.processRestarter,
    },
    imageId: 'ami-1',
    addInstance: async () => {
      const instanceId = unique('i');
      region.addInstance({ instanceId, imageId: 'ami-1', tags: {}, launchedAt: clock.now() });
      return instanceId;
    },
    setAgent: async (instanceId, isManagedOnline) => region.recovery.setCapability(instanceId, { isManagedOnline }),
    endNextSwap: async (instanceId, ending) => region.recovery.endNextSwap(instanceId, ending),
    pass: async () => void clock.advance(5),
    unique,
  };
}

describeRecovery('SimulatedRecovery', create);
