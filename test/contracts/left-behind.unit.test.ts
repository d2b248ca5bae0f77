import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../sim/deterministic.ts';
import { SimulatedRegion } from '../../sim/simulated-region.ts';
import { describeLeftBehind, type LeftBehindUnderTest } from './left-behind.contract.ts';

const clock = new VirtualClock('2026-11-21T09:00:00.000Z');

function create(): LeftBehindUnderTest {
  const region = new SimulatedRegion(clock);
  let count = 0;
  const unique = (prefix: string): string => {
    count += 1;
    return `${prefix}-${count}`;
  };
  return {
    leftBehind: region.leftBehind,
    commands: region.commands,
    addInstance: async (tags) => {
      const instanceId = unique('i');
      region.addInstance({ instanceId, imageId: 'ami-1', tags, launchedAt: clock.now() });
      return instanceId;
    },
    addVolume: async (tags) => {
      const volumeId = unique('vol');
      region.leftBehind.addVolume({ volumeId, createdAt: clock.now(), tags });
      return volumeId;
    },
    oldSnapshots: region.attachments.oldSnapshots,
    addSnapshot: async (volumeId, tags) => {
      const snapshotId = unique('snap');
      region.attachments.addSnapshot({ snapshotId, volumeId, startedAt: clock.now(), tags });
      return snapshotId;
    },
    addInterface: async (tags) => {
      const networkInterfaceId = unique('eni');
      region.leftBehind.addInterface({ networkInterfaceId, isManagedByAws: false, tags });
      return networkInterfaceId;
    },
    unique,
  };
}

describeLeftBehind('SimulatedRegion', create);

describe('an agent in memory, which the emulator does not have', () => {
  it('answers a script after a while, and not when its instance has stopped', async () => {
    const region = new SimulatedRegion(clock);
    region.addInstance({ instanceId: 'i-1', imageId: 'ami-1', tags: {}, launchedAt: clock.now() });
    region.commands.bringOnline('i-1', ({ script }) => `ran ${script}`);
    expect(await region.commands.isOnline('i-1')).toBe(true);
    const { commandId } = await region.commands.start('i-1', { name: 'test', script: 'free', timeoutSeconds: 30 });
    expect(await region.commands.read('i-1', commandId)).toEqual({ state: 'running' });
    clock.advance(5);
    expect(await region.commands.read('i-1', commandId)).toEqual({ state: 'ended', exitCode: 0, output: 'ran free', errors: '' });
    region.setState('i-1', 'stopped', 'by hand');
    expect(await region.commands.isOnline('i-1')).toBe(false);
  });
});
