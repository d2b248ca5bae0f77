import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { renderProcedureTable } from '../../../core/remediation/procedure-table.ts';

it('the architecture page prints the procedure as it is', () => {
  const cells = (text: string): readonly string[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.replaceAll(/\s+|-{3,}/g, ' ').trim());
  const page = readFileSync('docs/architecture.md', 'utf8');
  const printed = page.slice(page.indexOf('<!-- procedure -->'), page.indexOf('<!-- /procedure -->'));
  expect(cells(printed)).toEqual(cells(renderProcedureTable()));
});
