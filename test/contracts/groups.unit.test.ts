import { VirtualClock } from '../../sim/deterministic.ts';
import { SimulatedRegion } from '../../sim/simulated-region.ts';
import { describeGroups, type GroupsUnderTest } from './groups.contract.ts';

const clock = new VirtualClock('2026-11-21T09:00:00.000Z');

function create(): GroupsUnderTest {
  const region = new SimulatedRegion(clock);
  region.addImage('ami-1');
  const launchedAt = clock.now();
  return {
    groups: region.groups.reader,
    changer: region.groups.changer,
    instances: region.instances,
    imageId: 'ami-1',
    addGroup: async () => {
      region.groups.addGroup({ name: 'web', imageId: 'ami-1', zones: ['eu-central-1a'], targets: [], memberTags: {} });
      for (const instanceId of ['i-1', 'i-2']) region.addInstance({ instanceId, imageId: 'ami-1', tags: { 'aws:autoscaling:groupName': 'web' }, launchedAt });
      return 'web';
    },
    releaser: region.groups.releaser,
    addHook: async (groupName, hook) => region.groups.addHook(groupName, hook),
    suspend: async (groupName, process) => region.groups.suspend(groupName, process, 'by hand'),
    addInstance: async () => {
      region.addInstance({ instanceId: 'i-alone', imageId: 'ami-1', tags: {}, launchedAt });
      return 'i-alone';
    },
    pass: async () => void clock.advance(5),
  };
}

describeGroups('SimulatedGroups', create);
