import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../core/environment/errors.ts';
import { addSeconds } from '../../../core/environment/time.ts';
import { takeInHeartbeat } from '../../../core/signals/take-in-heartbeat.ts';
import { createWorld, opening, signalOf } from '../incidents/world.ts';

function beat(afterSeconds: number) {
  return signalOf({ kind: 'platform.heartbeat', state: 'info', severity: 'info', rule: 'heartbeat', at: addSeconds(opening, afterSeconds) });
}

describe('a heartbeat', () => {
  it('reaches the mailbox of the watchdog and no person (S4-28)', async () => {
    const world = createWorld();
    await takeInHeartbeat(world.ports, beat(0));
    expect(world.publisher.delivered.map(({ channels, severity }) => ({ channels, severity }))).toEqual([{ channels: ['heartbeat'], severity: 'critical' }]);
  });

  it('that is older than the newest is not passed on: it would make a dead path look alive', async () => {
    const world = createWorld();
    await takeInHeartbeat(world.ports, beat(300));
    const late = await takeInHeartbeat(world.ports, beat(0));
    expect(late.kind).toBe('late');
    expect(world.publisher.delivered).toHaveLength(1);
  });

  it('goes back to the queue when the topic refuses it, and is passed on the next time', async () => {
    const world = createWorld();
    const refusing = { publish: () => Promise.reject(new RetryableError('The topic does not answer.')) };
    await expect(takeInHeartbeat({ ...world.ports, publisher: refusing }, beat(0))).rejects.toThrow('does not answer');
    await takeInHeartbeat(world.ports, beat(0));
    expect(world.publisher.delivered).toHaveLength(1);
  });
});
