import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { systemRecordType } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import { type Group, groupType, type Platform, platformType } from '../../../../core/remediation/record.ts';
import { settleBreakers } from '../../../../core/remediation/guardrails/settle-breakers.ts';
import { catalogOf, type SweepWorld, sweepWorld } from '../../inventory/world.ts';
import { groupOf, NOW } from '../builders.ts';
import { testScope, webPolicy, webSystem } from '../world.ts';

const open: Group['breaker'] = { state: 'open', since: NOW, isProbeFailed: true };

async function worldWith(group: Partial<Group>, platform: Partial<Platform> = {}, members = 3): Promise<SweepWorld> {
  const world = sweepWorld();
  const observed = { instanceIds: ['i-1', 'i-2', 'i-3'], imageIds: [], zones: [], membersByRole: { web: members } };
  await createRecord(world.store, systemRecordType, keys.system(testScope, 'shop-web'), {
    name: 'shop-web',
    status: 'active',
    declaredHash: '',
    observed,
    changes: [],
  });
  await createRecord(world.store, groupType, keys.group(testScope, 'shop-web/web'), groupOf(group));
  await createRecord(world.store, platformType, keys.platform(testScope), { ...emptyPlatform, ...platform });
  world.store.written.length = 0;
  return world;
}

/** Settles every five minutes, and says when (in minutes) something was written. */
async function settleFor(world: SweepWorld, minutes: number): Promise<readonly number[]> {
  const written: number[] = [];
  for (let minute = 0; minute <= minutes; minute += 5) {
    if ((await settleBreakers(world.ports, catalogOf())) > 0) written.push(minute);
    world.clock.advance(300);
  }
  return written;
}

const breakerOf = async (world: SweepWorld) => (await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')))?.body.breaker;
const platformBreakerOf = async (world: SweepWorld) => (await readRecord(world.store, platformType, keys.platform(testScope)))?.body.breaker;

describe('breakers that nobody asks', () => {
  it('of a group close after the cool-down, with one write when calm begins and one when it has lasted', async () => {
    const world = await worldWith({ breaker: open, unhealthy: [{ slotId: 'shop-web/1', at: NOW }] });
    expect(await settleFor(world, 60)).toEqual([0, 10]);
    // That a probe has failed is remembered, for when it opens again.
    expect(await breakerOf(world)).toEqual({ state: 'closed', isProbeFailed: true });
  });

  it('of a group stay open, without a write, while too many are unhealthy', async () => {
    const unhealthy = [1, 2].map((slot) => ({ slotId: `shop-web/${slot}`, at: NOW }));
    const world = await worldWith({ breaker: open, unhealthy });
    expect(await settleFor(world, 60)).toEqual([]);
    expect(await breakerOf(world)).toEqual(open);
  });

  it('of the platform close after 30 calm minutes', async () => {
    const unhealthySystems = Array.from({ length: 6 }, (_, index) => ({ system: `system-${index}`, at: NOW }));
    const world = await worldWith({}, { breaker: { state: 'open', since: NOW }, unhealthySystems });
    expect(await settleFor(world, 60)).toEqual([5, 35]);
    expect(await platformBreakerOf(world)).toEqual({ state: 'closed' });
  });

  it('of a group count its members as the sweep saw them', async () => {
    const unhealthy = [1, 2].map((slot) => ({ slotId: `shop-web/${slot}`, at: NOW }));
    const world = await worldWith({ breaker: open, unhealthy }, {}, 4);
    expect(await settleFor(world, 0)).toEqual([0]);
    expect(await breakerOf(world)).toEqual({ ...open, calmSince: NOW });
  });

  it('of several groups are settled in one look, and each is one write; the platform is one too', async () => {
    const world = await worldWith({ breaker: open }, { breaker: { state: 'open', since: NOW } });
    await createRecord(world.store, groupType, keys.group(testScope, 'shop-web/worker'), groupOf({ id: 'shop-web/worker', breaker: open }));
    expect(await settleBreakers(world.ports, catalogOf())).toBe(3);
    expect(await settleBreakers(world.ports, catalogOf())).toBe(0);
  });

  it('of a group whose system has no policy any more, or was never swept, are left alone', async () => {
    const world = await worldWith({ breaker: open });
    expect(await settleBreakers(world.ports, catalogOf([webSystem()], [webPolicy({ system: 'shop' })]))).toBe(0);
    await createRecord(world.store, groupType, keys.group(testScope, 'new/web'), groupOf({ id: 'new/web', breaker: open }));
    expect(await settleBreakers(world.ports, catalogOf([webSystem()], [webPolicy({ system: 'new' })]))).toBe(0);
    expect(await breakerOf(world)).toEqual(open);
  });

  it('are nobody to close where the catalog has no policy, and nothing where nothing was claimed yet', async () => {
    const world = await worldWith({ breaker: open }, { breaker: { state: 'open', since: NOW } });
    expect(await settleBreakers(world.ports, catalogOf([], []))).toBe(0);
    expect(await settleBreakers(sweepWorld().ports, catalogOf())).toBe(0);
  });

  it('of a group close by the share and the cool-down of its own policy', async () => {
    const unhealthy = [1, 2].map((slot) => ({ slotId: `shop-web/${slot}`, at: NOW }));
    const world = await worldWith({ breaker: { ...open, calmSince: NOW }, unhealthy });
    world.clock.advance(1200);
    const others = [webPolicy({ system: 'shop-db', cooldownSeconds: 7200 }), webPolicy({ cooldownSeconds: 1200, caps: { maxUnhealthyPercent: 100 } })];
    expect(await settleBreakers(world.ports, catalogOf([webSystem()], others))).toBe(1);
    expect(await breakerOf(world)).toEqual({ state: 'closed', isProbeFailed: true });
  });

  const cause = { cause: 'zone:eu-central-1a', since: NOW, isProbeFailed: false };

  it('of the platform and of shared causes close by the strictest policy, one after the other', async () => {
    const world = await worldWith({}, { troubles: [], causeBreakers: [{ ...cause, calmSince: NOW }] });
    const policies = [webPolicy(), webPolicy({ system: 'shop-db', cooldownSeconds: 7200 })];
    world.clock.advance(7199);
    expect(await settleBreakers(world.ports, catalogOf([webSystem()], policies))).toBe(0);
    world.clock.advance(1);
    expect(await settleBreakers(world.ports, catalogOf([webSystem()], policies))).toBe(1);
    expect((await readRecord(world.store, platformType, keys.platform(testScope)))?.body.causeBreakers).toEqual([]);
  });

  it('of the platform stay open while more systems are unhealthy than the strictest policy allows', async () => {
    const unhealthySystems = ['a', 'b', 'c', 'd'].map((system) => ({ system, at: NOW }));
    const world = await worldWith({}, { breaker: { state: 'open', since: NOW }, unhealthySystems });
    const policies = [webPolicy({ caps: { platformUnhealthySystems: 9 } }), webPolicy({ system: 'shop-db', caps: { platformUnhealthySystems: 3 } })];
    expect(await settleBreakers(world.ports, catalogOf([webSystem()], policies))).toBe(0);
    expect(await platformBreakerOf(world)).toEqual({ state: 'open', since: NOW });
    expect(await settleBreakers(world.ports, catalogOf([webSystem()], policies.slice(0, 1)))).toBe(1);
    expect(await platformBreakerOf(world)).toEqual({ state: 'open', since: NOW, calmSince: NOW });
  });

  it('are left as they are when they are closed: time opens nothing', async () => {
    const unhealthySystems = Array.from({ length: 60 }, (_, index) => ({ system: `system-${index}`, at: addSeconds(NOW, 1) }));
    const unhealthy = [1, 2, 3].map((slot) => ({ slotId: `shop-web/${slot}`, at: NOW }));
    const world = await worldWith({ unhealthy }, { unhealthySystems });
    expect(await settleFor(world, 60)).toEqual([]);
  });
});
