import { describe, expect, it } from 'vitest';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { groupType, platformType, remediationType, slotType } from '../../../../core/remediation/record.ts';
import { settleClaims } from '../../../../core/remediation/reaper/settle-claims.ts';
import { groupOf, remediationOf, slotOf } from '../builders.ts';
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
});
