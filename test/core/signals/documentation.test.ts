import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderSignalTable, signalNotes, type SignalNote } from '../../../core/signals/documentation.ts';
import { signalTable } from '../../../core/signals/table.ts';

const notes: readonly (readonly [string, SignalNote])[] = Object.entries(signalNotes);

describe('the documentation of signals', () => {
  it('is what docs/signals.md prints', () => {
    expect(readFileSync(new URL('../../../docs/signals.md', import.meta.url), 'utf8')).toBe(renderSignalTable());
  });

  it('has the rows of the table in its order', () => {
    expect(notes.map(([detailType]) => detailType)).toEqual(Object.keys(signalTable));
  });

  it.each(notes)('names an authority and a subject for %s', (_detailType, { authority, subjects }) => {
    expect(authority).toMatch(/^(?:https:\/\/docs\.aws\.amazon\.com\/\S+\.html|design\.md section \d+)$/);
    expect(subjects.length).toBeGreaterThan(0);
  });
});
