import type { Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import { RetryableError } from '../../environment/errors.ts';
import { keys, partitions } from '../../records/keys.ts';
import { readAll, readRecord, type RecordType, writeOf } from '../../records/record-type.ts';
import { RecordConflictError, type RecordStore } from '../../records/store.ts';
import { type LedgerEntry, ledgerEntrySchema } from '../evaluation/ledger.ts';
import { objectiveHeadType } from './state.ts';

/*
 * Entries of people in the ledger of an objective: records that are never changed and never expire. An entry and the note about it in
 * the objective's head are one write, so that an evaluation reads entries only when there is a new one.
 */

export const ledgerEntryType: RecordType<LedgerEntry> = { name: 'ledger entry', schema: ledgerEntrySchema };

interface BookPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

/** Bounds what an evaluation judges readings by. */
export const MAX_LEDGER_ENTRIES = 500;
/** Entries between two evaluations. */
const MAX_PENDING = 50;
const WRITE_ATTEMPTS = 12;

export type Entered = { readonly kind: 'entered'; readonly entry: LedgerEntry } | { readonly kind: 'refused'; readonly reason: string };

/** Enters a correction, an exclusion or a withdrawal; the next evaluation applies it. The same entry twice is entered once. */
export async function enterInLedger({ store, scope }: BookPorts, objective: string, entry: LedgerEntry): Promise<Entered> {
  const key = keys.ledgerEntry(scope, objective, entry.at, entry.id);
  for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt += 1) {
    const head = await readRecord(store, objectiveHeadType, keys.objectiveState(scope, objective));
    if (head === undefined) return { kind: 'refused', reason: `${objective} has not been measured yet, so there is nothing to correct.` };
    const { entries = 0, pending = [] } = head.body;
    if ((await readRecord(store, ledgerEntryType, key)) !== undefined) return { kind: 'entered', entry };
    if (entries >= MAX_LEDGER_ENTRIES)
      return { kind: 'refused', reason: `The ledger of ${objective} holds ${entries} entries, which is all it may. Write one longer span instead.` };
    if (pending.length >= MAX_PENDING)
      return { kind: 'refused', reason: `${pending.length} entries of ${objective} wait for the next evaluation. Try again in a minute.` };
    const body = { ...head.body, entries: entries + 1, pending: [...pending, entry.id] };
    try {
      await store.write([writeOf(ledgerEntryType, key, entry, 0), writeOf(objectiveHeadType, head.key, body, head.version)]);
      return { kind: 'entered', entry };
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
    }
  }
  throw new RetryableError(`The objective ${objective} changed ${WRITE_ATTEMPTS} times while an entry was written; nothing was entered. Try again.`);
}

/** All entries of an objective, in the order they were entered. */
export async function readLedger({ store, scope }: BookPorts, objective: string): Promise<readonly LedgerEntry[]> {
  const found = await readAll(ledgerEntryType, (page) => store.query(partitions.ledgerEntries(scope, objective), '', page));
  return found.map(({ body }) => body);
}

/** A span of time an entry is about. */
export interface AmendedSpan {
  readonly from: Timestamp;
  readonly to: Timestamp;
}

/** What the entries with these ids change: their own spans, and of a withdrawal that of what it takes back. */
export function spansOfEntries(entries: readonly LedgerEntry[], ids: readonly string[]): readonly AmendedSpan[] {
  const spanOf = (id: string): readonly AmendedSpan[] =>
    entries.flatMap((entry) => {
      if (entry.id !== id) return [];
      return entry.kind === 'withdrawal' ? (entry.entry === id ? [] : spanOf(entry.entry)) : [{ from: entry.from, to: entry.to }];
    });
  return ids.flatMap(spanOf);
}
