import { describe, expect, it } from 'vitest';
import { rowOf, signalTable, type SignalRow } from '../../../core/signals/table.ts';

const rows: readonly (readonly [string, SignalRow])[] = Object.entries(signalTable);
const firstWords = new Set(['alarm', 'instance', 'group', 'image', 'storage', 'health', 'deploy', 'check', 'job', 'budget', 'change', 'platform', 'system']);

describe('the table of signals', () => {
  it.each(rows)('gives every case of %s a kind of ours and a state that fits its severity', (_detailType, row) => {
    for (const { kind, severity, state } of Object.values(row.outcomes)) {
      expect(firstWords).toContain(kind.split('.')[0]);
      expect(kind).toMatch(/^[a-z]+\.[a-z-]+$/);
      // What fires is heard, what does not fire wakes nobody
      expect(severity === 'info').toBe(state !== 'firing');
    }
  });

  it('ends a trouble under the rule and kind that began it', () => {
    const cases = rows.flatMap(([, row]) => Object.values(row.outcomes).map((outcome) => ({ ...outcome, rule: row.rule })));
    const begun = new Set(cases.filter(({ state }) => state === 'firing').map(({ kind, rule }) => `${kind} ${rule}`));
    const ended = cases.filter(({ state }) => state === 'resolved').map(({ kind, rule }) => `${kind} ${rule}`);
    expect(ended.filter((name) => !begun.has(name))).toEqual([]);
  });

  it('has no row for a name of the language', () => {
    expect(['__proto__', 'constructor', 'toString', ''].map(rowOf)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
