import { describe, expect, it } from 'vitest';
import { keys } from '../../../../core/records/keys.ts';
import { readRecord } from '../../../../core/records/record-type.ts';
import { bestCapture, capture, revertedBy, storedCapture, traitsWith } from '../../../../core/remediation/phases/capture.ts';
import type { PhaseName, Remediation } from '../../../../core/remediation/record.ts';
import { type Capture, captureType } from '../../../../core/remediation/surroundings/capture.ts';
import { capturedVolume, NOW, remediationOf } from '../builders.ts';
import { OLD, testScope, webTarget } from '../world.ts';
import { failed, openStage, type Stage, storeCapture, storeRemediation } from './stage.ts';

const stored = async ({ world }: Stage, id: string) => (await readRecord(world.store, captureType, keys.capture(testScope, id)))?.body;
const gone = { captures: { capture: async () => undefined } };

const volume = capturedVolume();
const dataVolume = capturedVolume({ volumeId: 'vol-data', deviceName: '/dev/sdf', isRoot: false });
const secondInterface = { networkInterfaceId: 'eni-2', deviceIndex: 1, deleteOnTermination: true, privateIpAddresses: ['10.0.1.10'], securityGroupIds: [] };
const afterCapture: readonly PhaseName[] = [
  'evidence',
  'launch',
  'await-running',
  'register',
  'await-healthy',
  'deregister',
  'drain',
  'transfer-alarms',
  'quarantine',
  'verify',
  'finish',
];

describe('the capture before harm', () => {
  it('is kept under the instance and under the remediation, and says what cannot be kept (S0-09)', async () => {
    const stage = await openStage();
    expect(await stage.run(capture)).toEqual({
      kind: 'done',
      reason: 'Captured now; cannot be kept: its private address',
      patch: { captureAgeSeconds: 0, differences: ['its private address'], parts: [], isFenced: false, remaining: afterCapture },
    });
    const now = await stage.world.region.captures.capture(OLD, ['shop-web'], NOW);
    expect(await stored(stage, OLD)).toEqual(now);
    expect(await stored(stage, 'rem-1')).toEqual(now);
  });

  it('takes the place of the last one that the sweep has kept', async () => {
    const stage = await openStage();
    await storeCapture(stage.world, { capturedAt: '2026-11-21T08:00:00.000Z', instanceType: 'm1.small' }, OLD);
    await stage.run(capture);
    expect(await stored(stage, OLD)).toMatchObject({ capturedAt: NOW, instanceType: 't3.micro' });
  });

  it('names all that is lost, or nothing where nothing is', async () => {
    const stage = await openStage();
    const live = await storeCapture(stage.world);
    const of = (cannotKeep: Capture['cannotKeep']) => ({ captures: { capture: async () => ({ ...live, cannotKeep }) } });
    expect(await stage.run(capture, of([]))).toMatchObject({ reason: 'Captured now', patch: { differences: [] } });
    expect(await stage.run(capture, of(['its private address', 'its instance store']))).toMatchObject({
      reason: 'Captured now; cannot be kept: its private address, its instance store',
    });
  });

  it.for<[ageSeconds: number, said: number, reason: string]>([
    [-3, 0, 'Captured now'],
    [4.4, 4, 'Captured now'],
    [4.6, 5, 'The instance is gone; the capture is 5 s old'],
    [3600, 3600, 'The instance is gone; the capture is 3600 s old'],
  ])('is the last one of the sweep where the instance is gone, and its age is said: %s s', async ([ageSeconds, said, reason]) => {
    const stage = await openStage();
    await storeCapture(stage.world, { cannotKeep: [] }, OLD);
    if (ageSeconds >= 0) stage.world.clock.advance(ageSeconds);
    else await storeCapture(stage.world, { cannotKeep: [], capturedAt: '2026-11-21T09:00:03.000Z' }, OLD);
    expect(await stage.run(capture, gone)).toMatchObject({ kind: 'done', reason, patch: { captureAgeSeconds: said } });
    expect(await stored(stage, 'rem-1')).toEqual(await stored(stage, OLD));
  });

  it('fails where the instance is gone and nothing was kept: nothing is touched', async () => {
    const stage = await openStage();
    expect(await stage.run(capture, gone)).toEqual(failed('i-old is gone and the sweep has kept no capture of it; nothing can be restored'));
    expect(await stored(stage, 'rem-1')).toBeUndefined();
  });
});

describe('the best capture', () => {
  it('asks for what the system declares', async () => {
    const stage = await openStage();
    expect(await bestCapture(await stage.context(gone))).toBeUndefined();
    expect(stage.heard('captures')).toEqual([['captures.capture', OLD, ['shop-web'], NOW, []]]);
  });

  const admin = { targetGroupArn: 'arn:tg/admin', targetGroupName: 'admin', port: 8443 };
  it.for<[what: string, live: Capture['targets'], kept: Capture['targets'] | undefined, targets: Capture['targets']]>([
    ['is in its target groups', [webTarget], [admin], [webTarget]],
    ['is out of them already', [], [webTarget, admin], [webTarget, admin]],
    ['never was in one', [], undefined, []],
  ])('of an instance that %s', async ([, live, kept, targets]) => {
    const stage = await openStage();
    const found = await storeCapture(stage.world);
    if (kept !== undefined) await storeCapture(stage.world, { targets: kept, instanceType: 'm1.small' }, OLD);
    const captures = { capture: async () => ({ ...found, targets: live }) };
    expect(await bestCapture(await stage.context({ captures }))).toEqual({ ...found, targets });
  });
});

describe('what a capture changes about the way of a repair', () => {
  const withParts = (changes: Partial<Capture>): Partial<Capture> => ({ volumes: [volume], ...changes });
  it.for<[what: string, changes: Partial<Capture>, record: Partial<Remediation>, parts: string[], isFenced: boolean]>([
    ['has only a root', withParts({}), {}, [], false],
    ['has a data volume', withParts({ volumes: [volume, dataVolume] }), {}, ['volumes'], true],
    ['has a second interface', withParts({ secondaryInterfaces: [secondInterface] }), {}, ['interfaces'], true],
    ['has an address', withParts({ primaryInterface: { networkInterfaceId: 'eni-1', secondaryPrivateIpAddresses: ['10.0.0.9'] } }), {}, ['addresses'], false],
    ['is of a single system', withParts({}), { isFenced: true }, [], true],
    // The root is exchanged in place: nothing is taken off the instance.
    ['has a data volume and a new root', withParts({ volumes: [volume, dataVolume] }), { path: 'root-swap' }, ['volumes'], false],
    ['has a data volume, in a record of before there were paths', withParts({ volumes: [volume, dataVolume] }), { path: undefined }, ['volumes'], true],
  ])('of an instance that %s', async ([, changes, record, parts, isFenced]) => {
    const stage = await openStage({ record });
    const found = await storeCapture(stage.world, changes);
    const result = await stage.run(capture, { captures: { capture: async () => found } });
    expect(result).toMatchObject({ kind: 'done', patch: { parts, isFenced } });
    const remaining = result.patch?.remaining ?? [];
    expect(remaining.includes('fence')).toBe(isFenced);
    expect(remaining.includes('move-volumes')).toBe(parts.includes('volumes') && record.path !== 'root-swap');
    const traits = traitsWith(await stage.record(), found);
    expect([traits.isFenced, traits.hasVolumes, traits.hasInterfaces, traits.hasAddresses]).toEqual([
      isFenced,
      ...['volumes', 'interfaces', 'addresses'].map((part) => parts.includes(part)),
    ]);
  });

  it('is nothing without a capture: the record says what is known', () => {
    const { isFenced, hasVolumes } = traitsWith(remediationOf({}, { isFenced: true, parts: ['volumes'] }), undefined);
    expect([isFenced, hasVolumes]).toEqual([true, true]);
  });
});

describe('the capture that a repair restores from', () => {
  it('is its own, though the sweep goes on', async () => {
    const stage = await openStage();
    const own = await storeCapture(stage.world, { instanceType: 'own' });
    await storeCapture(stage.world, { instanceType: 'of the sweep' }, OLD);
    expect(await storedCapture(await stage.context())).toEqual(own);
  });

  it('is, of a way back, the one of the remediation that it takes back', async () => {
    const stage = await openStage({ record: { revertOf: 'rem-0' } });
    const own = await storeCapture(stage.world, { instanceType: 'of the repair' }, 'rem-0');
    await storeCapture(stage.world, { instanceType: 'of the way back' });
    expect(await storedCapture(await stage.context())).toEqual(own);
  });

  it('is the one under the instance where there is no other', async () => {
    const stage = await openStage();
    const kept = await storeCapture(stage.world, { instanceType: 'of the sweep' }, OLD);
    expect(await storedCapture(await stage.context())).toEqual(kept);
  });

  it('is missed loudly', async () => {
    const stage = await openStage();
    await expect(storedCapture(await stage.context())).rejects.toThrow('There is no capture of i-old though its phase has passed');
  });
});

it.for<[what: string, revertOf: string | undefined, isFound: boolean]>([
  ['that is known', 'rem-0', true],
  ['whose record is gone', 'rem-gone', false],
  ['of nothing', undefined, false],
])('a way back %s', async ([, revertOf, isFound]) => {
  const stage = await openStage({ record: revertOf === undefined ? {} : { revertOf } });
  const reverted = await storeRemediation(stage.world);
  expect(await revertedBy(await stage.context())).toEqual(isFound ? reverted : undefined);
});
