import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import * as z from 'zod/mini';
import { checkDirectory } from '../../../catalog-files/read-catalog.ts';
import { checkCatalog } from '../../../core/catalog/check.ts';
import { CatalogUnreadableError, canonicalJson, compileCatalog, parseCompiledCatalog } from '../../../core/catalog/compile.ts';
import type { CatalogContent } from '../../../core/catalog/schema.ts';

const hasher = { sha256: (text: string) => createHash('sha256').update(text).digest('hex') };

function exampleContent(): CatalogContent {
  const { catalog } = checkDirectory('examples/three-tiers');
  if (catalog === undefined) throw new Error('The example must be a valid catalog');
  return catalog;
}

/** The same value with the keys of every mapping in another order. */
function shuffleKeys(value: unknown, next: () => number): unknown {
  if (Array.isArray(value)) return value.map((entry: unknown) => shuffleKeys(entry, next));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]: [string, unknown]) => ({ key, inner: shuffleKeys(inner, next), rank: next() }));
  return Object.fromEntries(entries.toSorted((a, b) => a.rank - b.rank).map(({ key, inner }) => [key, inner]));
}

describe('compiling', () => {
  const content = exampleContent();
  const compiled = compileCatalog(content, { commit: null, dirty: false }, hasher);
  const documents = [...content.systems, ...content.policies, ...content.routes, ...content.objectives, ...content.services, ...(content.windows ?? [])];

  it('gives one hash whatever the order of files, documents and keys', () => {
    const text = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 8, maxLength: 64 });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 5 }), (ranks, fileCount) => {
        let position = 0;
        const next = () => {
          position += 1;
          return ((ranks[position % ranks.length] ?? 0) * 7919 + position * 31) % 1;
        };
        const shuffled = documents.map((document) => ({ text: stringify(shuffleKeys(document, next)), rank: next() })).toSorted((a, b) => a.rank - b.rank);
        const files = Array.from({ length: fileCount }, (_, index) => ({
          path: `${next()}.yaml`,
          text: shuffled
            .filter((_document, place) => place % fileCount === index)
            .map((document) => document.text)
            .join('---\n'),
        }));
        const { catalog, errors } = checkCatalog(files);
        expect(errors).toEqual([]);
        expect(catalog).toEqual(content);
        expect(catalog === undefined ? '' : compileCatalog(catalog, { commit: null, dirty: true }, hasher).provenance.hash).toBe(compiled.provenance.hash);
      }),
      { numRuns: 40 },
    );
  });

  it('changes the hash with the content, and only with it', () => {
    const other = compileCatalog({ ...content, routes: [] }, { commit: null, dirty: false }, hasher);
    expect(other.provenance.hash).not.toBe(compiled.provenance.hash);
    expect(compileCatalog(content, { commit: 'a'.repeat(40), dirty: true }, hasher).provenance).toEqual({
      hash: compiled.provenance.hash,
      commit: 'a'.repeat(40),
      dirty: true,
    });
  });

  it('writes canonical JSON that reads back as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // JSON has no -0 and no own key __proto__ survives an object literal, so both sides go through JSON first.
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(canonicalJson(plain))).toEqual(plain);
      }),
    );
    expect(canonicalJson({ b: 1, a: { d: undefined, c: [2, { f: 1, e: 2 }] } })).toBe('{"a":{"c":[2,{"e":2,"f":1}]},"b":1}');
  });
});

describe('reading a stored catalog', () => {
  const compiled = compileCatalog(exampleContent(), { commit: null, dirty: false }, hasher);

  it('reads what was compiled, through JSON', () => {
    expect(parseCompiledCatalog(JSON.parse(JSON.stringify(compiled)))).toEqual(compiled);
  });

  it('drops what a newer version has added, at any depth', () => {
    const newer = z.looseObject({ systems: z.array(z.looseObject({ spec: z.looseObject({}) })) }).parse(JSON.parse(JSON.stringify(compiled)));
    const systems = newer.systems.map((system) => ({ ...system, added: 1, spec: { ...system.spec, added: { deep: true } } }));
    expect(parseCompiledCatalog({ ...newer, systems, jobs: [] })).toEqual(compiled);
  });

  it('refuses another format, and says what to do', () => {
    expect(() => parseCompiledCatalog({ ...compiled, formatVersion: 2 })).toThrow(CatalogUnreadableError);
    expect(() => parseCompiledCatalog(undefined)).toThrow(/Deploy Perennial again/);
  });
});
