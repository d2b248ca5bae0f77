import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Bytes } from '../../../../core/records/limits.ts';
import { evidenceItem, evidenceRecord, type EvidenceRecord, evidenceType, keepRecord, readEvidence } from '../../../../core/remediation/evidence/evidence.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { NOW } from '../builders.ts';
import { testScope } from '../world.ts';

const body = (changes: Partial<EvidenceRecord> = {}): EvidenceRecord => ({
  remediationId: 'rem-1',
  incidentId: 'inc-1',
  instanceId: 'i-1',
  collectedAt: NOW,
  items: [],
  absent: [],
  snapshotIds: [],
  ...changes,
});

describe('one item of evidence', () => {
  it('is masked before it is cut, at the end for a log and at the beginning for a tool', () => {
    const text = `first kim@example.com ${'x'.repeat(20_000)} last`;
    expect(evidenceItem('log', text, 'end')).toMatchObject({ isCut: true, text: containing(' last') });
    expect(evidenceItem('tool', text, 'beginning').text.startsWith('first [e-mail] x')).toBe(true);
    expect(evidenceItem('tool', 'short\n', 'beginning')).toEqual({ name: 'tool', text: 'short', isCut: false });
  });

  it.each([
    ['16,000 bytes are kept whole', 'x'.repeat(16_000), 'x'.repeat(16_000), false],
    ["spaces at the end are nobody's words", `x\n y ${' '.repeat(16_000)}\n`, 'x\n y', false],
    ['one byte more is cut', `a${'x'.repeat(16_000)}`, `a${'x'.repeat(15_999)}`, true],
    ['characters of three bytes are never halved', '€'.repeat(6000), '€'.repeat(5333), true],
    ['half a character is replaced', 'a\ud83d', 'a\ufffd', false],
  ])('keeps as much as fits in 16,000 bytes: %s', (_what, text, kept, isCut) => {
    expect(evidenceItem('tool', text, 'beginning')).toEqual({ name: 'tool', text: kept, isCut });
  });

  it('keeps as much of the end as fits', () => {
    expect(evidenceItem('log', `${'x'.repeat(16_000)}z`, 'end')).toEqual({ name: 'log', text: `${'x'.repeat(15_999)}z`, isCut: true });
    expect(evidenceItem('log', `${'€'.repeat(6000)}z`, 'end')).toEqual({ name: 'log', text: `${'€'.repeat(5333)}z`.slice(0, 5334), isCut: true });
  });

  it('never has more than 16,000 bytes, whatever characters it is made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.constantFrom('beginning', 'end'), (unit, keep) => {
        const { text } = evidenceItem('any', unit.repeat(400), keep);
        expect(utf8Bytes(text)).toBeLessThanOrEqual(16_000);
        expect(text.isWellFormed()).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

const containing = (part: string): unknown => expect.stringContaining(part);

/** So many bytes of JSON. */
const item = (name: string, bytes: number) => ({ name, text: 'x'.repeat(bytes - JSON.stringify({ name, text: '', isCut: false }).length), isCut: false });

describe('the record of evidence', () => {
  it('stays below 100 KB: what does not fit is said', () => {
    const items = Array.from({ length: 14 }, (_, index) => evidenceItem(`item ${index}`, '\\"'.repeat(8000), 'end'));
    const record = evidenceRecord(body({ items, absent: ['sar (not there)'] }));
    expect(utf8Bytes(JSON.stringify(record))).toBeLessThan(100 * 1024);
    expect(record.items.length + record.absent.length).toBe(15);
    expect(record.absent.at(-1)).toBe('item 13 (too much for one record)');
  });

  it('has the items up to 90,000 bytes, in their order; one that is too much leaves those behind it out too', () => {
    const [first, exact, over] = [item('first', 60_000), item('exact', 30_000), item('over', 30_001)];
    expect(evidenceRecord(body({ items: [first, exact] }))).toEqual(body({ items: [first, exact] }));
    expect(evidenceRecord(body({ items: [first, over, item('small', 100)], absent: ['sar (not there)'] }))).toEqual(
      body({ items: [first], absent: ['sar (not there)', 'over (too much for one record)', 'small (too much for one record)'] }),
    );
  });

  it('is kept for 400 days from when it was collected', async () => {
    expect(evidenceType.expiresAt?.(body())).toBe('2027-12-26T09:00:00.000Z');
    const clock = new VirtualClock(NOW);
    const store = new MemoryRecordStore(clock);
    await keepRecord({ store, scope: testScope }, body());
    clock.advance(400 * 86_400 - 1);
    expect(await readEvidence(store, testScope, 'inc-1')).toEqual([body()]);
  });

  it('is kept once for a remediation and instance, read by its incident, and forgotten in time', async () => {
    const clock = new VirtualClock(NOW);
    const store = new MemoryRecordStore(clock);
    const ports = { store, scope: testScope };
    await keepRecord(ports, body({ absent: ['first'] }));
    await keepRecord(ports, body({ absent: ['second'] }));
    await keepRecord(ports, body({ instanceId: 'i-2' }));
    expect((await readEvidence(store, testScope, 'inc-1')).map(({ instanceId, absent }) => [instanceId, absent])).toEqual([
      ['i-1', ['first']],
      ['i-2', []],
    ]);
    expect(await readEvidence(store, testScope, 'inc-2')).toEqual([]);
    clock.advance(400 * 86_400);
    expect(await readEvidence(store, testScope, 'inc-1')).toEqual([]);
  });
});
