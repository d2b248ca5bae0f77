import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogJsonSchemas, schemaText } from '../../../core/catalog/json-schema.ts';

const directory = join(import.meta.dirname, '..', '..', '..', 'docs', 'schema');

describe('the published JSON Schemas', () => {
  it.each(catalogJsonSchemas())('docs/schema/$fileName is what "npm run schemas" writes', ({ fileName, schema }) => {
    expect(readFileSync(join(directory, fileName), 'utf8')).toBe(schemaText(schema));
  });

  it('are all committed', () => {
    expect(readdirSync(directory)).toEqual(expect.arrayContaining(catalogJsonSchemas().map(({ fileName }) => fileName)));
  });

  it('refuse unknown keys and let defaults be left out', () => {
    const policy = JSON.stringify(catalogJsonSchemas().find(({ fileName }) => fileName === 'remediation-policy.schema.json')?.schema);
    expect(policy).toContain('"additionalProperties":false');
    expect(policy).toContain('"required":["system"]');
    expect(policy).toContain('"default":60');
  });
});
