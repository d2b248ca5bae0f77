import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { canonicalJson } from '../../../core/catalog/compile.ts';
import { currentCatalog, declaredIn, publishCatalog, readCatalog, readDocument, readPointer } from '../../../core/catalog/published.ts';
import { PermanentError } from '../../../core/environment/errors.ts';
import { sweep } from '../../../core/inventory/sweep.ts';
import { systemRecordType } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { dump } from '../remediation/builders.ts';
import { catalogOf, type SweepWorld, sweepWorld } from '../inventory/world.ts';
import { testScope, webPolicy, webSystem } from '../remediation/world.ts';

const hashOf = (letter: string): string => letter.repeat(64);
const first = catalogOf([webSystem()], [webPolicy()], hashOf('a'));
const second = catalogOf([], [], hashOf('b'));
const commit = '0123456789abcdef0123456789abcdef01234567';

let world: SweepWorld;
beforeEach(() => {
  world = sweepWorld();
});

const statusOf = async (): Promise<string | undefined> => (await readRecord(world.store, systemRecordType, keys.system(testScope, 'shop-web')))?.body.status;

describe('publishing a catalog', () => {
  it('writes the document first and the pointer after it: a reader never sees a pointer to nothing', async () => {
    await publishCatalog(world.ports, first);
    expect(world.store.written.map(({ sort }) => sort)).toEqual([`catalog@${hashOf('a')}`, 'current']);
    expect(await currentCatalog(world.store, testScope)).toEqual(first);
  });

  it('keeps the catalog in force when it dies before the pointer moves', async () => {
    await publishCatalog(world.ports, first);
    world.store.beforeWrite = (key) => (key.sort === 'current' ? Promise.reject(new Error('the process died')) : Promise.resolve());
    await expect(publishCatalog(world.ports, second)).rejects.toThrow('the process died');
    expect((await currentCatalog(world.store, testScope)).provenance.hash).toBe(hashOf('a'));
    world.store.beforeWrite = async () => {};
    await publishCatalog(world.ports, second);
    expect((await currentCatalog(world.store, testScope)).provenance.hash).toBe(hashOf('b'));
  });

  it('changes nothing when it is the same catalog again', async () => {
    await publishCatalog(world.ports, first);
    const before = dump(world.store.inner);
    world.clock.advance(3600);
    expect(await publishCatalog(world.ports, first)).toEqual({ hash: hashOf('a'), retired: [] });
    expect(dump(world.store.inner)).toEqual(before);
  });

  it('says the present commit of the same content from another commit', async () => {
    await publishCatalog(world.ports, first);
    world.clock.advance(3600);
    await publishCatalog(world.ports, { ...first, provenance: { ...first.provenance, commit } });
    expect(await readCatalog(world.store, testScope)).toEqual({
      catalog: { ...first, provenance: { hash: hashOf('a'), commit, dirty: false } },
      pointer: { hash: hashOf('a'), commit, dirty: false, publishedAt: '2026-11-21T10:00:00.000Z' },
    });
  });

  it('retires a system that is no longer declared and keeps what is known of it (S0-23)', async () => {
    await publishCatalog(world.ports, first);
    await sweep(world.ports, first);
    const before = (await readRecord(world.store, systemRecordType, keys.system(testScope, 'shop-web')))?.body;
    expect(before?.status).toBe('active');
    expect(await publishCatalog(world.ports, second)).toEqual({ hash: hashOf('b'), retired: ['shop-web'] });
    expect((await readRecord(world.store, systemRecordType, keys.system(testScope, 'shop-web')))?.body).toEqual({ ...before, status: 'retired' });
    expect(await publishCatalog(world.ports, second)).toEqual({ hash: hashOf('b'), retired: [] });
  });

  it('retires it also when it died right after the pointer moved', async () => {
    await publishCatalog(world.ports, first);
    await sweep(world.ports, first);
    world.store.beforeWrite = (key) => (key.sort === 'shop-web' ? Promise.reject(new Error('the process died')) : Promise.resolve());
    await expect(publishCatalog(world.ports, second)).rejects.toThrow('the process died');
    world.store.beforeWrite = async () => {};
    expect((await publishCatalog(world.ports, second)).retired).toEqual(['shop-web']);
    expect(await statusOf()).toBe('retired');
  });

  it('brings it back when an earlier catalog is in force again', async () => {
    await publishCatalog(world.ports, first);
    await sweep(world.ports, first);
    await publishCatalog(world.ports, second);
    await publishCatalog(world.ports, first);
    await sweep(world.ports, await currentCatalog(world.store, testScope));
    expect(await statusOf()).toBe('active');
  });

  it('replaces one that this version cannot read: deploying again is the way out', async () => {
    await publishCatalog(world.ports, first);
    const key = keys.catalog(testScope, hashOf('a'));
    await world.store.write([{ key, expectedVersion: 1, body: { formatVersion: 99 } }]);
    await expect(currentCatalog(world.store, testScope)).rejects.toThrow(PermanentError);
    await publishCatalog(world.ports, second);
    expect(await currentCatalog(world.store, testScope)).toEqual(second);
  });
});

/** A catalog of so many systems, each with its policy. */
function catalogWith(count: number, hash: string): typeof first {
  const names = Array.from({ length: count }, (_, index) => `shop-${String(index).padStart(4, '0')}`);
  const systems = names.map((name) => ({ ...webSystem(), metadata: { ...webSystem().metadata, name } }));
  const policies = names.map((name) => ({ ...webPolicy(), metadata: { ...webPolicy().metadata, name }, spec: { ...webPolicy().spec, system: name } }));
  return catalogOf(systems, policies, hash);
}

const partsOf = (hash: string): readonly string[] => world.store.written.map(({ sort }) => sort).filter((sort) => sort.startsWith(`catalog@${hash}#`));

describe('a catalog that is larger than a record', () => {
  const large = catalogWith(2000, hashOf('d'));

  it('is published in parts: 2,000 systems, every part before the record that counts them, and that before the pointer', async () => {
    await publishCatalog(world.ports, large);
    const written = world.store.written.map(({ sort }) => sort);
    expect(partsOf(hashOf('d')).length).toBeGreaterThan(4);
    expect(written).toEqual([...partsOf(hashOf('d')), `catalog@${hashOf('d')}`, 'current']);
    expect(await currentCatalog(world.store, testScope)).toEqual(large);
    const pointer = await readPointer(world.store, testScope);
    expect(canonicalJson(await readDocument(world.store, testScope, pointer?.hash ?? ''))).toBe(canonicalJson(large));
  });

  it('stays as it was when it is published again, from another commit too', async () => {
    await publishCatalog(world.ports, large);
    const before = world.store.written.length;
    await publishCatalog(world.ports, { ...large, provenance: { ...large.provenance, commit, dirty: true } });
    expect(world.store.written.slice(before).map(({ sort }) => sort)).toEqual(['current']);
    expect((await currentCatalog(world.store, testScope)).provenance).toEqual({ hash: hashOf('d'), commit, dirty: true });
  });

  it('leaves the one before in force wherever its publication dies, and the next one goes on where it ended', async () => {
    await publishCatalog(world.ports, first);
    for (let fatal = 1; fatal <= 40; fatal += 1) {
      let writes = 0;
      world.store.beforeWrite = () => {
        writes += 1;
        return writes === 2 ? Promise.reject(new Error('the process died')) : Promise.resolve();
      };
      const died = await publishCatalog(world.ports, large).then(
        () => false,
        () => true,
      );
      if (!died) break;
      expect((await currentCatalog(world.store, testScope)).provenance.hash).toBe(hashOf('a'));
    }
    expect(await currentCatalog(world.store, testScope)).toEqual(large);
    // The pointer was the one write of the last try: nothing was written twice.
    expect(partsOf(hashOf('d')).length).toBeLessThan(2 * new Set(partsOf(hashOf('d'))).size);
  });

  it.each([
    ['a part is missing', (body: { text: string; of: number }) => ({ ...body, of: body.of + 1 })],
    ['a part is cut', (body: { text: string; of: number }) => ({ ...body, text: body.text.slice(1) })],
    ['a part is none', () => ({ nonsense: true })],
  ])('is read whole or not at all: %s', async (_what, damage) => {
    await publishCatalog(world.ports, large);
    const key = keys.catalogPart(testScope, hashOf('d'), 3);
    const stored = await readRecord(world.store, { name: 'part', schema: z.object({ text: z.string(), of: z.number() }) }, key);
    await world.store.write([{ key, expectedVersion: 1, body: damage(stored?.body ?? { text: '', of: 0 }) }]);
    await expect(currentCatalog(world.store, testScope)).rejects.toThrow(PermanentError);
  });

  it('is whole again after it was published once more', async () => {
    await publishCatalog(world.ports, large);
    await world.store.write([{ key: keys.catalogPart(testScope, hashOf('d'), 3), expectedVersion: 1, body: { text: 'cut', of: 1 } }]);
    await expect(currentCatalog(world.store, testScope)).rejects.toThrow('not whole');
    await publishCatalog(world.ports, large);
    expect(await currentCatalog(world.store, testScope)).toEqual(large);
  });

  it('is refused before anything is written when it is too large for that as well', async () => {
    await publishCatalog(world.ports, first);
    const [system = webSystem()] = first.systems;
    const labels = { note: 'x'.repeat(11 * 1024 * 1024) };
    const huge = catalogOf([{ ...system, metadata: { ...system.metadata, labels } }], [], hashOf('e'));
    await expect(publishCatalog(world.ports, huge)).rejects.toThrow('Shorten its documents');
    expect(partsOf(hashOf('e'))).toEqual([]);
    expect((await currentCatalog(world.store, testScope)).provenance.hash).toBe(hashOf('a'));
  });

  it('is one record as before as long as it fits: pinned functions of the version before can read it', async () => {
    await publishCatalog(world.ports, catalogWith(100, hashOf('f')));
    expect(partsOf(hashOf('f'))).toEqual([]);
    expect((await world.store.get(keys.catalog(testScope, hashOf('f'))))?.body).toEqual(catalogWith(100, hashOf('f')));
  });
});

describe('reading the catalog in force', () => {
  it('says before the first deploy what to do', async () => {
    expect(await readCatalog(world.store, testScope)).toBeUndefined();
    await expect(currentCatalog(world.store, testScope)).rejects.toThrow(
      new PermanentError('No catalog has been published yet. Deploy the stack: it publishes ops/ as part of the deployment.'),
    );
  });

  it.each([
    ['a pointer to nothing', 'current', { hash: hashOf('c'), commit: null, dirty: false, publishedAt: '2026-11-21T09:00:00.000Z' }],
    ['a pointer that is none', 'current', { hash: 3 }],
    ['a document of another format', `catalog@${hashOf('a')}`, { formatVersion: 99 }],
  ])('fails for good on %s', async (_what, sort, body) => {
    await publishCatalog(world.ports, first);
    await world.store.write([{ key: { ...keys.catalogPointer(testScope), sort }, expectedVersion: 1, body }]);
    await expect(currentCatalog(world.store, testScope)).rejects.toThrow(PermanentError);
  });

  it('leaves out what a newer version has added', async () => {
    await publishCatalog(world.ports, first);
    await world.store.write([{ key: keys.catalog(testScope, hashOf('a')), expectedVersion: 1, body: { ...first, novelties: [1] } }]);
    expect(await currentCatalog(world.store, testScope)).toEqual(first);
  });

  it('gives a system with its policy, or nothing when one of them is missing', () => {
    expect(declaredIn(first, 'shop-web')).toEqual({ system: webSystem(), policy: webPolicy(), windows: [] });
    expect(declaredIn(catalogOf([webSystem()], []), 'shop-web')).toBeUndefined();
    expect(declaredIn(catalogOf([], [webPolicy()]), 'shop-web')).toBeUndefined();
    expect(declaredIn(first, 'shop-db')).toBeUndefined();
  });
});
