import { describe, expect, it } from 'vitest';
import { keys } from '../../../core/records/keys.ts';
import { updateRecord } from '../../../core/records/record-type.ts';
import { resumeCauses } from '../../../core/remediation/guardrails/cause-breaker.ts';
import { platformType } from '../../../core/remediation/record.ts';
import { type Fleet, fleet, ownEvent, type Seed } from './fleet-world.ts';
import { testScope } from './world.ts';

const ZONE_A = 'eu-central-1a';
const ZONE_B = 'eu-central-1b';
const idOf = (number: number): string => `i-${String(number).padStart(17, '0')}`;

/** Two systems of four, half of each in either zone. */
const twoZones: readonly Seed[] = ['shop-web', 'shop-api'].flatMap((system, index) =>
  [ZONE_A, ZONE_A, ZONE_B, ZONE_B].map((zone, place) => ({ system, zone, instanceId: idOf(index * 10 + place), imageId: `ami-${system}` })),
);
const [web1, web2, api1, api2] = [idOf(0), idOf(1), idOf(10), idOf(11)];

/** Ids of what went to phones, but for the word that it is over. */
const pageIds = (all: Fleet): readonly string[] =>
  all.world.sent
    .filter(({ channels, notificationId }) => channels.includes('sms') && !notificationId.endsWith(':recovered'))
    .map(({ notificationId }) => notificationId);
const pages = (all: Fleet): number => pageIds(all).length;
const causes = async (all: Fleet): Promise<readonly string[]> => ((await all.platform()).causeBreakers ?? []).map(({ cause }) => cause);

/** Zone a dies under both systems. */
async function zoneStorm(): Promise<Fleet> {
  const all = await fleet(twoZones);
  for (const instanceId of [web1, web2, api1, api2]) {
    await all.break(instanceId);
    all.world.clock.advance(20);
  }
  return all;
}

/** One turn of the sweep, ten minutes after the last: what is tried again is played to its end. */
async function turn(all: Fleet): Promise<number> {
  all.world.clock.advance(600);
  const sent = await all.sweep();
  await all.drain();
  await all.playAll();
  return sent.length;
}

describe('a zone that dies under two systems', () => {
  it('opens one breaker, pages at once in words, and goes on with one probe (C3)', async () => {
    const all = await zoneStorm();
    expect(all.world.started).toHaveLength(1);
    expect(await causes(all)).toEqual([`zone:${ZONE_A}`]);
    const vetoed = (await all.remediations()).filter(({ state }) => state === 'vetoed');
    expect(Object.fromEntries(vetoed.map(({ oldInstanceId, failure }) => [oldInstanceId, failure?.guardrail]))).toEqual({
      [web2]: 'one at a time',
      [api1]: 'circuit breaker',
      [api2]: 'circuit breaker',
    });
    expect(vetoed.find(({ oldInstanceId }) => oldInstanceId === api1)?.reason).toMatch(
      /^Many fail together: 3 instances of shop-web\/shop-web, shop-api\/shop-api share the zone eu-central-1a \(circuit breaker open since 2026-11-21T09:00:40\.000Z\)\. One probe is under way \(rem-20261121T090000-\w+\); nothing else may start$/,
    );
    // One for the breaker; what waits behind the probe of its own group is paged only when nothing follows.
    expect(pages(all)).toBe(1);
    expect(all.world.armed.map(({ remediationId }) => remediationId)).toContain(vetoed.find(({ oldInstanceId }) => oldInstanceId === web2)?.id);
  });

  it('is repaired one by one, each verified success letting the next probe pass, and then closes', async () => {
    const all = await zoneStorm();
    await all.playAll();
    const sent = [await turn(all), await turn(all), await turn(all)];
    expect(sent).toEqual([1, 1, 1]);
    expect((await all.remediations()).filter(({ state }) => state === 'succeeded')).toHaveLength(4);
    expect(await all.incidents()).toEqual([]);
    expect(await turn(all)).toBe(0);
    expect(await causes(all)).toEqual([]);
    expect((await all.platform()).troubles).toEqual([]);
  });

  it('never has two repairs under way at once, however often the sweep runs', async () => {
    const all = await zoneStorm();
    await all.playAll();
    all.world.clock.advance(600);
    await all.sweep();
    await all.drain();
    for (let run = 0; run < 5; run += 1) {
      expect(await all.sweep()).toEqual([]);
      all.world.clock.advance(60);
    }
    expect(all.world.started).toHaveLength(1);
    expect((await all.remediations()).filter(({ state }) => state === 'running')).toHaveLength(1);
  });

  it('whose probe fails stops until a person resumes, and goes on then', async () => {
    const all = await zoneStorm();
    all.world.region.makeImageBad('ami-shop-web', 'Client.InternalError');
    await all.playAll();
    expect((await all.platform()).causeBreakers).toMatchObject([{ cause: `zone:${ZONE_A}`, isProbeFailed: true }]);
    const sent = [await turn(all), await turn(all), await turn(all), await turn(all)];
    expect(sent).toEqual([0, 0, 0, 0]);
    const answer = await updateRecord(all.world.store, platformType, keys.platform(testScope), (platform) =>
      platform === undefined ? platform : resumeCauses(platform, 'shop-api').platform,
    );
    expect(answer.body?.causeBreakers).toMatchObject([{ cause: `zone:${ZONE_A}`, isProbeFailed: false }]);
    expect(await turn(all)).toBe(1);
  });

  it('asks again in the guard phase: what was admitted before it opened and is not its probe touches nothing', async () => {
    const all = await fleet(twoZones);
    await all.break(web1);
    await all.break(api1);
    expect(all.world.started).toHaveLength(2);
    await all.break(web2);
    await all.playAll();
    const ended = await all.remediations();
    expect(ended.find(({ oldInstanceId }) => oldInstanceId === web1)?.state).toBe('succeeded');
    const vetoed = ended.find(({ oldInstanceId }) => oldInstanceId === api1);
    expect(vetoed).toMatchObject({ state: 'vetoed', failure: { guardrail: 'circuit breaker' } });
    expect(vetoed?.reason).toContain('of the zone eu-central-1a is open since');
    expect(vetoed?.newInstanceId).toBeUndefined();
  });
});

describe('an image that two systems share', () => {
  it('opens its breaker in whatever zones they run', async () => {
    const seeds = ['shop-web', 'shop-api'].flatMap((system, index) =>
      ['a', 'b', 'c'].map((zone, place) => ({ system, zone: `eu-central-1${zone}`, instanceId: idOf(index * 10 + place), imageId: 'ami-base' })),
    );
    const all = await fleet(seeds);
    const results = [await all.break(idOf(0)), await all.break(idOf(11)), await all.break(idOf(12))];
    expect(results.map(({ kind }) => kind)).toEqual(['repair', 'repair', 'incident']);
    expect(results[2]?.reason).toContain('share the image ami-base');
    expect(await causes(all)).toEqual(['image:ami-base']);
  });
});

describe('a group of which more than half fail', () => {
  const five: readonly Seed[] = [0, 1, 2, 3, 4].map((number) => ({ system: 'shop-web', zone: ZONE_A, instanceId: idOf(number), imageId: 'ami-shop-web' }));

  const breakerPage: unknown = expect.stringMatching(/^breaker:shop-web\/shop-web:/);

  /** All three fail at once, but the repair of the first comes to its guardrails before the others are heard of. */
  async function seenBeforeHeard(): Promise<Fleet> {
    const all = await fleet(five, { mode: 'auto' });
    for (const number of [1, 2]) all.world.region.setTargetUnhealthy(idOf(number), true);
    await all.break(idOf(0));
    await all.playAll();
    return all;
  }

  it('pages once, also when a repair sees it before the last signal is heard', async () => {
    const all = await seenBeforeHeard();
    expect(pageIds(all)).toEqual([breakerPage]);
    expect((await all.remediations()).map(({ state, failure }) => [state, failure?.guardrail])).toEqual([['vetoed', 'circuit breaker']]);
    for (const number of [1, 2]) {
      all.world.clock.advance(20);
      await all.break(idOf(number));
      await all.playAll();
    }
    expect(pageIds(all)).toEqual([breakerPage]);
  });

  it('is repaired one by one from there, each as the probe of the breaker', async () => {
    const all = await seenBeforeHeard();
    for (const number of [1, 2]) await all.break(idOf(number));
    expect(all.world.started).toHaveLength(1);
    await all.playAll();
    for (let time = 0; time < 4; time += 1) await turn(all);
    expect((await all.remediations()).filter(({ state }) => state === 'succeeded')).toHaveLength(3);
    expect(await all.incidents()).toEqual([]);
    expect(pageIds(all)).toEqual([breakerPage]);
  });

  it('goes on even when nobody ever speaks of the others: the next attempt is the probe', async () => {
    const all = await seenBeforeHeard();
    expect(await turn(all)).toBe(1);
    expect((await all.remediations()).map(({ state }) => state)).toEqual(['succeeded', 'vetoed']);
    expect(pageIds(all)).toEqual([breakerPage]);
  });
});

describe('trouble that is no storm', () => {
  it('of one system, in one zone, on one image, is the business of its own breaker', async () => {
    const all = await fleet(twoZones.map((seed) => ({ ...seed, zone: ZONE_A })));
    for (const number of [0, 1, 2, 3]) await all.break(idOf(number));
    expect(await causes(all)).toEqual([]);
  });

  it('of two systems with one failure each is repaired, also in a zone of two', async () => {
    const all = await fleet(twoZones);
    expect([await all.break(web1), await all.break(api1)].map(({ kind }) => kind)).toEqual(['repair', 'repair']);
    expect(await causes(all)).toEqual([]);
  });

  it('that comes slowly, or was over when the next came, opens nothing', async () => {
    const slow = await fleet(twoZones);
    for (const instanceId of [web1, web2, api1]) {
      await slow.break(instanceId);
      slow.world.clock.advance(301);
    }
    expect(await causes(slow)).toEqual([]);
    const calmed = await fleet(twoZones);
    for (const instanceId of [web1, web2, api1]) {
      await calmed.break(instanceId);
      calmed.world.clock.advance(10);
      await calmed.mend(instanceId);
    }
    expect(await causes(calmed)).toEqual([]);
  });

  it('of a system that was just deployed names the deployment as its cause', async () => {
    const all = await fleet(twoZones);
    const detail = { system: 'shop-web', version: '5.2.1', commit: '1a2b3c4', previousVersion: '5.2.0', deployer: 'kim', at: all.world.clock.now() };
    await all.deliver(ownEvent(all.world, 'Deployment Started', detail));
    all.world.clock.advance(3000);
    await all.break(web1);
    const noted = (await all.platform()).troubles?.[0]?.causes;
    expect(noted?.slice(0, 2)).toEqual([`zone:${ZONE_A}`, 'image:ami-shop-web']);
    expect(noted?.[2]).toMatch(/^deployment:shop-web\/20261121090000000-/);
    all.world.clock.advance(700);
    await all.break(idOf(2));
    expect((await all.platform()).troubles?.[1]?.causes).toEqual([`zone:${ZONE_B}`, 'image:ami-shop-web']);
  });
});
