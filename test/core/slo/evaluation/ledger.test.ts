import { describe, expect, it } from 'vitest';
import {
  amendmentsOf,
  eventScale,
  type LedgerEntry,
  ledgerEntrySchema,
  mergeSamples,
  type Sample,
  scaledEvents,
} from '../../../../core/slo/evaluation/ledger.ts';

function sample(observedAtMillis: number, bad: bigint, total: bigint): Sample {
  return { member: 0, atMillis: 60_000, observedAtMillis, bad, total };
}

describe('mergeSamples', () => {
  it.each([
    ['the newer', sample(9, 0n, 1n), sample(8, 5n, 5n)],
    ['of two at once the fuller', sample(9, 0n, 9n), sample(9, 5n, 5n)],
    ['of two as full the worse', sample(9, 2n, 5n), sample(9, 1n, 5n)],
  ])('keeps %s reading of a moment, in either order', (_, kept, other) => {
    expect(mergeSamples([kept, other])).toEqual([kept]);
    expect(mergeSamples([other, kept])).toEqual([kept]);
  });
});

describe('scaledEvents', () => {
  it('keeps decimals exactly', () => {
    expect([scaledEvents(3), scaledEvents(0.1), scaledEvents(1e-7)]).toEqual([3n * eventScale, eventScale / 10n, eventScale / 10_000_000n]);
  });
});

const common = { author: 'kim', reason: 'load test from outside', from: '2026-11-21T09:00:00Z', to: '2026-11-21T10:00:00+00:00' };

function correction(as: 'good' | 'bad', at: string): LedgerEntry {
  return { kind: 'correction', id: 'x1', at, as, ...common };
}

describe('entries', () => {
  it('need an author, a reason, an id and a span that goes forwards', () => {
    const entry = { kind: 'exclusion', id: 'x1', at: '2026-11-22T00:00:00Z', ...common };
    expect(ledgerEntrySchema.parse(entry)).toMatchObject({ from: '2026-11-21T09:00:00.000Z', to: '2026-11-21T10:00:00.000Z' });
    for (const wrong of [{ author: '' }, { reason: undefined }, { to: '2026-11-21T09:00:00Z' }, { at: '2026-99-22T00:00:00Z' }, { extra: 1 }])
      expect(ledgerEntrySchema.safeParse({ ...entry, ...wrong }).success).toBe(false);
  });

  it('of one id: the first that was entered counts, so that nobody rewrites what was said', () => {
    const [first, second] = [correction('good', '2026-11-22T00:00:00.000Z'), correction('bad', '2026-11-23T00:00:00.000Z')];
    for (const entries of [
      [first, second],
      [second, first],
    ])
      expect(amendmentsOf(entries).correctionAt(Date.parse('2026-11-21T09:30:00Z'))).toBe('good');
  });

  it('end before their end', () => {
    const { isExcluded } = amendmentsOf([{ kind: 'exclusion', id: 'x1', at: '2026-11-22T00:00:00.000Z', ...common }]);
    expect(['08:59:59', '09:00:00', '09:59:59', '10:00:00'].map((time) => isExcluded(Date.parse(`2026-11-21T${time}Z`)))).toEqual([false, true, true, false]);
  });
});
