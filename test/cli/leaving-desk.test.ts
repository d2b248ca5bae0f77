import { describe, expect, it } from 'vitest';
import { endQuarantined } from '../../cli/leaving-desk.ts';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import type { MemberReleaser } from '../../core/remediation/reaper/reaping-ports.ts';

/** Its lifecycle states in its group, one for each look; the last one stays. `undefined`: in no group. */
function desk(states: readonly (string | undefined)[]) {
  const calls: string[] = [];
  const left = [...states];
  const members: MemberReleaser = {
    membership: async () => {
      const state = left.length > 1 ? left.shift() : left[0];
      return state === undefined ? undefined : { groupName: 'web', lifecycleState: state };
    },
    release: async (groupName, instanceId) => void calls.push(`release ${instanceId} from ${groupName}`),
  };
  const end = () => endQuarantined(members, { terminate: async (instanceId) => void calls.push(`terminate ${instanceId}`) }, 'i-old');
  return { calls, end };
}

describe('the end of a quarantined instance when Perennial leaves', () => {
  it('is its termination where it is in no group', async () => {
    const { calls, end } = desk([undefined]);
    await end();
    expect(calls).toEqual(['terminate i-old']);
  });

  it('comes after it has left its group, for a member that was kept in standby', async () => {
    const { calls, end } = desk(['Standby', undefined]);
    await end();
    expect(calls).toEqual(['release i-old from web', 'terminate i-old']);
  });

  it('waits for the next run while it is on its way out', async () => {
    const { calls, end } = desk(['Standby', 'Detaching']);
    await expect(end()).rejects.toThrow(RetryableError);
    expect(calls).toEqual(['release i-old from web']);
    const going = desk(['Detaching']);
    await expect(going.end()).rejects.toThrow('run the same command again');
    expect(going.calls).toEqual([]);
  });

  it('is refused for one that serves its group again', async () => {
    const { calls, end } = desk(['InService']);
    await expect(end()).rejects.toThrow(PermanentError);
    expect(calls).toEqual([]);
  });
});
