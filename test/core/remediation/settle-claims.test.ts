import { describe, expect, it } from 'vitest';
import { keys } from '../../../core/records/keys.ts';
import { readRecord, updateRecord } from '../../../core/records/record-type.ts';
import { groupType, platformType } from '../../../core/remediation/record.ts';
import { settleClaims } from '../../../core/remediation/settle-claims.ts';
import { createWorld, startOld, testScope, verifyImage } from './world.ts';

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
});
