import { VirtualClock } from '../../sim/deterministic.ts';
import { SimulatedRegion } from '../../sim/simulated-region.ts';
import { describePreflight, type PreflightUnderTest } from './preflight.contract.ts';

function create(): PreflightUnderTest {
  const region = new SimulatedRegion(new VirtualClock('2026-11-21T09:00:00.000Z'));
  region.addImage('ami-1', { ownerId: '111122223333' });
  region.preflight.withdrawType('m1.small', 'eu-central-1a');
  region.preflight.setKeyState('key-none', undefined);
  return {
    preflight: region.preflight.reader,
    images: region.images,
    imageId: 'ami-1',
    availabilityZone: 'eu-central-1a',
    subnetId: 'subnet-1',
    notOffered: 'm1.small',
    addKey: async (state) => {
      region.preflight.setKeyState(`key-${state}`, state);
      return `key-${state}`;
    },
    absentKey: () => 'key-none',
  };
}

describePreflight('SimulatedPreflight', create);
