import { beforeEach, describe, expect, it } from 'vitest';
import { createCatalogCache } from '../../../core/catalog/cached.ts';
import { currentCatalog, publishCatalog, readDocument, readPointer } from '../../../core/catalog/published.ts';
import type { CompiledCatalog } from '../../../core/catalog/schema.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { catalogOf, type SweepWorld, sweepWorld } from '../inventory/world.ts';
import { testScope, webPolicy, webSystem } from '../remediation/world.ts';

const hashOf = (letter: string): string => letter.repeat(64);
const first = catalogOf([webSystem()], [webPolicy()], hashOf('a'));
const second = catalogOf([], [], hashOf('b'));
const commit = '0123456789abcdef0123456789abcdef01234567';

let world: SweepWorld;
let documentsRead: string[];
let refusal: Error | undefined;
let catalog: () => Promise<CompiledCatalog>;

beforeEach(() => {
  world = sweepWorld();
  documentsRead = [];
  refusal = undefined;
  catalog = createCatalogCache({
    readPointer: () => readPointer(world.store, testScope),
    readDocument: async (hash) => {
      documentsRead.push(hash);
      if (refusal !== undefined) throw refusal;
      return readDocument(world.store, testScope, hash);
    },
  });
});

describe('a cached catalog', () => {
  it('is the catalog in force, and its document is read once for many steps', async () => {
    await publishCatalog(world.ports, first);
    for (let step = 0; step < 20; step += 1) expect(await catalog()).toEqual(await currentCatalog(world.store, testScope));
    expect(documentsRead).toEqual([hashOf('a')]);
  });

  it('is the new one in the very next step after a deploy, and the old one after going back', async () => {
    await publishCatalog(world.ports, first);
    expect((await catalog()).systems).toHaveLength(1);
    await publishCatalog(world.ports, second);
    expect(await catalog()).toEqual(second);
    await publishCatalog(world.ports, first);
    expect(await catalog()).toEqual(first);
    expect(documentsRead).toEqual([hashOf('a'), hashOf('b'), hashOf('a')]);
  });

  it('has the provenance of the last publication, though the content has been read before', async () => {
    await publishCatalog(world.ports, first);
    await catalog();
    await publishCatalog(world.ports, { ...first, provenance: { ...first.provenance, commit, dirty: true } });
    expect((await catalog()).provenance).toEqual({ hash: hashOf('a'), commit, dirty: true });
    expect(documentsRead).toEqual([hashOf('a')]);
  });

  it('keeps nothing of a read that failed: the next step reads again, and never the catalog before', async () => {
    await publishCatalog(world.ports, first);
    await catalog();
    await publishCatalog(world.ports, second);
    refusal = new RetryableError('throttled');
    await expect(catalog()).rejects.toThrow('throttled');
    refusal = undefined;
    expect(await catalog()).toEqual(second);
  });

  it('says what to do when none has been published, and finds the first one', async () => {
    await expect(catalog()).rejects.toThrow(PermanentError);
    await expect(catalog()).rejects.toThrow('Deploy the stack');
    expect(documentsRead).toEqual([]);
    await publishCatalog(world.ports, first);
    expect(await catalog()).toEqual(first);
  });

  it('gives steps that run at the same time the same catalog', async () => {
    await publishCatalog(world.ports, first);
    expect(await Promise.all([catalog(), catalog()])).toEqual([first, first]);
  });
});
