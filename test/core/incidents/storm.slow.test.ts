import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../core/environment/time.ts';
import { endMessages, GROUPS, spoiled, stormMessages, stormWorld } from './storm-world.ts';

const begin = '2026-11-21T09:00:00.000Z';

describe('a storm of 10,000 signals in 100 groups (issue 5, "how it is shown")', () => {
  it('is exactly 100 incidents and 100 first notifications; all of it again is none; its end is 100', async () => {
    const world = stormWorld();
    const messages = stormMessages(begin);
    expect(messages).toHaveLength(10_000);
    await world.take(messages);
    await world.take(messages);
    await world.sendDue();
    expect(await world.incidents()).toHaveLength(GROUPS);
    expect(world.told('needs-person')).toHaveLength(GROUPS);
    expect(world.publisher.delivered).toHaveLength(GROUPS);
    world.clock.advance(400);
    await world.take(endMessages(addSeconds(begin, 400)));
    await world.minutes(13);
    expect(world.told('recovered')).toHaveLength(GROUPS);
  });

  it('is the same with 5 % duplicates, in any order, and 5 % that cannot be read', async () => {
    const world = stormWorld();
    const storm = spoiled(stormMessages(begin), 7);
    await world.take(storm.messages);
    expect(world.rejected()).toBe(500);
    expect(await world.incidents()).toHaveLength(GROUPS);
    expect(world.told('needs-person')).toHaveLength(GROUPS);
    expect(world.publisher.delivered).toHaveLength(GROUPS);
  });
});
