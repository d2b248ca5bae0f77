import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../core/environment/time.ts';
import { endMessages, GROUPS, spoiled, stormMessages, stormWorld } from './storm-world.ts';

/** Fewer of each group than the slow suite, whose 10,000 take seconds; the groups are all there. */
const SIGNALS = 1000;
const begin = '2026-11-21T09:00:00.000Z';
const end = addSeconds(begin, 400);
const incidentIds = (ids: readonly string[]): ReadonlySet<string> => new Set(ids.map((id) => id.split(':')[0] ?? id));

describe('a storm in 100 groups (issue 5, "how it is shown")', () => {
  it('is exactly 100 incidents and 100 first notifications; all of it again is none; its end is 100 (S4-31)', async () => {
    const world = stormWorld();
    const messages = stormMessages(begin).slice(0, SIGNALS);
    await world.take(messages);
    expect(await world.incidents()).toHaveLength(GROUPS);
    expect(world.publisher.delivered).toHaveLength(GROUPS);
    expect(incidentIds(world.told('needs-person')).size).toBe(GROUPS);

    world.clock.advance(30);
    await world.take(messages);
    await world.sendDue();
    expect(await world.incidents()).toHaveLength(GROUPS);
    expect(world.publisher.delivered).toHaveLength(GROUPS);

    world.clock.advance(400);
    await world.take(endMessages(end));
    await world.minutes(13);
    expect(incidentIds(world.told('recovered')).size).toBe(GROUPS);
    expect(world.told('recovered')).toHaveLength(GROUPS);
    await world.take(endMessages(end));
    await world.minutes(2);
    expect(world.told('recovered')).toHaveLength(GROUPS);
    expect((await world.incidents()).filter(({ state }) => state !== 'resolved')).toEqual([]);
  });

  it('is the same with 5 % duplicates, in any order, and 5 % that cannot be read', async () => {
    const world = stormWorld();
    const storm = spoiled(stormMessages(begin).slice(0, SIGNALS), 7);
    await world.take(storm.messages);
    expect(world.rejected()).toBe(storm.malformed);
    expect(storm.malformed).toBe(SIGNALS / 20);
    expect(await world.incidents()).toHaveLength(GROUPS);
    expect(world.publisher.delivered).toHaveLength(GROUPS);
    expect(incidentIds(world.told('needs-person')).size).toBe(GROUPS);
  });

  it('loses nothing when functions are killed at random, and repeats only what is marked as a repeat', async () => {
    const world = stormWorld();
    const messages = stormMessages(begin).slice(0, SIGNALS);
    const crashes = await world.takeThroughCrashes(messages, 11);
    expect(crashes).toBeGreaterThan(30);
    world.clock.advance(61);
    while ((await world.sendDue()).length > 0) world.clock.advance(61);
    expect(await world.incidents()).toHaveLength(GROUPS);
    const heard = world.publisher.delivered.map(({ notificationId }) => notificationId);
    expect(incidentIds(heard).size).toBe(GROUPS);
    const first = world.publisher.delivered.filter(({ isRepeat }) => !isRepeat).map(({ notificationId }) => notificationId);
    expect(new Set(first).size).toBe(first.length);
    expect(new Set(heard).size).toBe(GROUPS);
    world.clock.advance(400);
    await world.takeThroughCrashes(endMessages(end), 12);
    await world.minutes(13);
    expect(incidentIds(world.told('recovered')).size).toBe(GROUPS);
  });
});
