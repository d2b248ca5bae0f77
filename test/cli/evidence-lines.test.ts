import { describe, expect, it } from 'vitest';
import { evidenceLines } from '../../cli/evidence-lines.ts';

describe('evidence for a person', () => {
  it('shows what was kept, its last lines, and what could not be had (S4-33)', () => {
    const log = Array.from({ length: 14 }, (_, index) => `line ${index + 1}`).join('\n');
    const record = {
      remediationId: 'rem-1',
      incidentId: 'inc-1',
      instanceId: 'i-1',
      collectedAt: '2026-11-21T09:00:00.000Z',
      items: [
        { name: 'free', text: 'Mem: 1', isCut: false },
        { name: 'console output', text: log, isCut: true },
      ],
      absent: ['sar (not there)'],
      snapshotIds: ['snap-1'],
    };
    const lines = evidenceLines([record]);
    expect(lines.slice(0, 5)).toEqual([
      'Evidence of i-1, 2026-11-21 09:00:00Z:',
      '  free',
      '      | Mem: 1',
      '  console output (cut)',
      '      | … 2 more lines with --json',
    ]);
    expect(lines.slice(-3)).toEqual(['      | line 14', '  snapshots: snap-1', '  not to be had: sar (not there)']);
    expect(evidenceLines([])).toEqual([]);
  });
});
