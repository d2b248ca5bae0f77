import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderCapabilityTable, renderPathTable } from '../../../../core/remediation/paths/path-tables.ts';

describe('docs/paths.md', () => {
  const lines = readFileSync(new URL('../../../../docs/paths.md', import.meta.url), 'utf8').split('\n');
  const printed = lines.filter((line) => line.startsWith('| ')).join('\n');

  it.each([
    ['the ways to repair', renderPathTable()],
    ['what replacing keeps', renderCapabilityTable()],
  ])('prints the table of %s', (_what, table) => {
    expect(printed).toContain(table);
  });
});
