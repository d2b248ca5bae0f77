import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogJsonSchemas, schemaText } from '../core/catalog/json-schema.ts';
import { commandJsonSchemas, schemaIndex } from './schemas.ts';

/*
 * Writes the JSON Schemas of docs/schema (`npm run schemas`). A test fails while the committed files differ.
 */

const directory = join(import.meta.dirname, '..', 'docs', 'schema');
mkdirSync(directory, { recursive: true });
for (const { fileName, schema } of [...catalogJsonSchemas(), ...commandJsonSchemas()]) {
  writeFileSync(join(directory, fileName), schemaText(schema));
}
writeFileSync(join(directory, 'README.md'), schemaIndex());
