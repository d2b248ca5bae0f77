import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { policySchema } from '../../../../core/catalog/schema.ts';
import { deadlineSeconds } from '../../../../core/remediation/guardrails/policy.ts';
import { procedure, rowOf } from '../../../../core/remediation/paths/procedure.ts';
import { renderProcedureTable } from '../../../../core/remediation/paths/procedure-table.ts';
import { phaseNames } from '../../../../core/remediation/record.ts';

const table = renderProcedureTable();
const rows = table
  .split('\n')
  .slice(2)
  .map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );

describe('the table of the procedure', () => {
  it('is what docs/architecture.md prints', () => {
    const document = readFileSync(new URL('../../../../docs/architecture.md', import.meta.url), 'utf8');
    expect(
      document
        .split('\n')
        .filter((line) => line.startsWith('| '))
        .join('\n'),
    ).toContain(table);
  });

  it('has one row for every phase, what is planned before what only undoes', () => {
    const names = rows.map(([name = '']) => name);
    expect(names.toSorted()).toEqual(phaseNames.toSorted());
    expect(names.indexOf('finish')).toBeLessThan(names.indexOf('deregister-new'));
  });

  it('says of every deadline what the policy makes of it', () => {
    const policy = policySchema.parse({
      apiVersion: 'perennial/v1',
      kind: 'RemediationPolicy',
      metadata: { name: 'p' },
      spec: { system: 's', pendingSeconds: 17, drainSeconds: 31 },
    });
    const fields: Readonly<Record<string, unknown>> = policy.spec;
    const said = (text: string): number =>
      text.split(' + ').reduce((sum, part) => sum + (/^\d+ s$/.test(part) ? Number(part.slice(0, -2)) : Number(fields[part])), 0);
    const wrong = Object.keys(procedure).flatMap((name) => {
      const row = rows.find(([first]) => first === name);
      const phase = phaseNames.find((known) => known === name);
      return phase !== undefined && said(row?.[3] ?? '') === deadlineSeconds(rowOf(phase).deadline, policy) ? [] : [name];
    });
    expect(wrong).toEqual([]);
  });
});
