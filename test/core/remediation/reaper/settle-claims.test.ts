import { describe, expect, it } from 'vitest';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { groupType, platformType, remediationType, slotType } from '../../../../core/remediation/record.ts';
import { settleClaims } from '../../../../core/remediation/reaper/settle-claims.ts';
import { groupOf, remediationOf, slotOf } from '../builders.ts';
import { createReapingWorld, storeWith } from '../reaping-world.ts';
import { createWorld, startOld, testScope, verifyImage } from '../world.ts';

describe('what is in flight, recomputed', () => {
  it('gives back a place that no running remediation holds, keeps the one that does, and writes nothing when all is right', async () => {
    const world = createWorld();
    await verifyImage(world);
    const id = await startOld(world);
    const ports = { store: world.store, scope: testScope };
    expect(await settleClaims(ports)).toBe(0);
    await updateRecord(world.store, platformType, keys.platform(testScope), (body) =>
      body === undefined ? body : { ...body, inFlight: [...body.inFlight, 'rem-lost'] },
    );
    await updateRecord(world.store, groupType, keys.group(testScope, 'shop-web/web'), (body) =>
      body === undefined ? body : { ...body, inFlight: ['rem-lost', ...body.inFlight] },
    );
    expect(await settleClaims(ports)).toBe(2);
    expect((await readRecord(world.store, platformType, keys.platform(testScope)))?.body.inFlight).toEqual([id]);
    expect((await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')))?.body.inFlight).toEqual([id]);
  });

  it('frees a slot whose remediation ended or is lost, and a probe that will never report', async () => {
    const world = createWorld();
    await verifyImage(world);
    const id = await startOld(world);
    const ports = { store: world.store, scope: testScope };
    await createRecord(
      world.store,
      slotType,
      keys.slot(testScope, 'shop-web/lost'),
      slotOf({ id: 'shop-web/lost', remediationId: 'rem-lost', attempts: ['a'] }),
    );
    await createRecord(world.store, remediationType, keys.remediation(testScope, 'rem-good'), remediationOf({ id: 'rem-good' }, { state: 'succeeded' }));
    await createRecord(world.store, remediationType, keys.remediation(testScope, 'rem-bad'), remediationOf({ id: 'rem-bad' }, { state: 'failed' }));
    for (const probe of ['rem-good', 'rem-bad', 'rem-gone']) {
      const breaker = { state: 'open', isProbeFailed: false, probeRemediationId: probe } as const;
      await createRecord(world.store, groupType, keys.group(testScope, probe), groupOf({ id: probe, breaker }));
    }
    expect(await settleClaims(ports)).toBe(4);
    expect((await readRecord(world.store, slotType, keys.slot(testScope, 'shop-web/lost')))?.body).toEqual(slotOf({ id: 'shop-web/lost', attempts: ['a'] }));
    expect((await readRecord(world.store, slotType, keys.slot(testScope, 'shop-web/i-old')))?.body.remediationId).toBe(id);
    const breakers = ['rem-good', 'rem-bad', 'rem-gone'].map(
      async (probe) => (await readRecord(world.store, groupType, keys.group(testScope, probe)))?.body.breaker,
    );
    expect(await Promise.all(breakers)).toEqual([
      { state: 'open', isProbeFailed: false },
      { state: 'open', isProbeFailed: true },
      { state: 'open', isProbeFailed: true },
    ]);
    expect(await settleClaims(ports)).toBe(0);
  });

  it('asks for nothing a second time when all is right, and only for what is held wrongly when something is', async () => {
    const world = createReapingWorld();
    const { store } = world;
    await world.add(remediationOf({ id: 'rem-runs' }));
    await createRecord(store, slotType, keys.slot(testScope, 'shop-web/free'), slotOf({ id: 'shop-web/free' }));
    await createRecord(store, slotType, keys.slot(testScope, 'shop-web/held'), slotOf({ id: 'shop-web/held', remediationId: 'rem-runs' }));
    await createRecord(store, groupType, keys.group(testScope, 'shop-web/web'), groupOf({ inFlight: ['rem-runs'] }));
    const asked: string[] = [];
    const counting = storeWith(world, {
      get: (key) => {
        asked.push(key.sort);
        return store.get(key);
      },
    });
    const ports = { store: counting, scope: testScope };
    expect(await settleClaims(ports)).toBe(0);
    expect(asked.splice(0)).toEqual(['caps', 'rem-runs']);
    await createRecord(store, slotType, keys.slot(testScope, 'shop-web/lost'), slotOf({ id: 'shop-web/lost', remediationId: 'rem-lost' }));
    expect(await settleClaims(ports)).toBe(1);
    expect(asked).toEqual(['caps', 'rem-runs', 'rem-lost', 'caps', 'shop-web/web', 'shop-web/lost']);
    expect((await readRecord(store, slotType, keys.slot(testScope, 'shop-web/lost')))?.body).toEqual(slotOf({ id: 'shop-web/lost' }));
  });

  it('leaves a slot alone that was freed or claimed afresh since it was looked at', async () => {
    for (const fresh of [slotOf({ remediationId: 'rem-runs' }), slotOf()]) {
      const world = createReapingWorld();
      const { store } = world;
      await world.add(remediationOf({ id: 'rem-runs' }));
      const key = keys.slot(testScope, 'shop-web/1');
      await createRecord(store, slotType, key, slotOf({ remediationId: 'rem-lost' }));
      const racing = storeWith(world, {
        get: async (asked) => {
          if (asked.sort === 'rem-lost') await updateRecord(store, slotType, key, () => fresh);
          return store.get(asked);
        },
      });
      expect(await settleClaims({ store: racing, scope: testScope })).toBe(0);
      expect((await readRecord(store, slotType, key))?.body).toEqual(fresh);
    }
  });

  it('gives back a place of a group beside a probe that runs, and a probe that stood down does not count as failed', async () => {
    const world = createReapingWorld();
    const { store } = world;
    await world.add(remediationOf({ id: 'rem-runs' }));
    await world.add(remediationOf({ id: 'rem-stood' }, { state: 'stood-down' }));
    const open = { state: 'open', isProbeFailed: true } as const;
    const running = groupOf({ id: 'running', inFlight: ['rem-runs', 'rem-lost'], breaker: { ...open, probeRemediationId: 'rem-runs' } });
    const stood = groupOf({ id: 'stood', breaker: { ...open, probeRemediationId: 'rem-stood' } });
    const closed = groupOf({ id: 'closed', inFlight: ['rem-lost'] });
    for (const group of [running, stood, closed]) await createRecord(store, groupType, keys.group(testScope, group.id), group);
    expect(await settleClaims({ store, scope: testScope })).toBe(3);
    const bodies = ['running', 'stood', 'closed'].map(async (id) => (await readRecord(store, groupType, keys.group(testScope, id)))?.body);
    expect(await Promise.all(bodies)).toEqual([
      { ...running, inFlight: ['rem-runs'] },
      { ...stood, breaker: { state: 'open', isProbeFailed: false } },
      { ...closed, inFlight: [] },
    ]);
  });
});
