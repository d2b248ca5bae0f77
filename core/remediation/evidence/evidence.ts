import * as z from 'zod/mini';
import type { Scope } from '../../environment/ports.ts';
import { addSeconds } from '../../environment/time.ts';
import { keys, partitions } from '../../records/keys.ts';
import { utf8Bytes } from '../../records/limits.ts';
import { createRecord, readAll, type RecordType } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { maskPersonalData } from '../../signals/mask.ts';

/** What an instance said last, kept before anything was done to it. Masked; an item is cut to what it may hold. */
export const evidenceSchema = z.object({
  remediationId: z.string(),
  incidentId: z.string(),
  instanceId: z.string(),
  collectedAt: z.string(),
  items: z.array(z.object({ name: z.string(), text: z.string(), isCut: z.boolean() })),
  /** What could not be had, in words. */
  absent: z.array(z.string()),
  snapshotIds: z.array(z.string()),
});
export type EvidenceRecord = z.infer<typeof evidenceSchema>;
export type EvidenceItem = EvidenceRecord['items'][number];

/** Longer than an incident of a quarter is asked about. */
const KEPT_SECONDS = 400 * 86_400;

export const evidenceType: RecordType<EvidenceRecord> = {
  name: 'evidence',
  schema: evidenceSchema,
  expiresAt: (body) => addSeconds(body.collectedAt, KEPT_SECONDS),
};

/** Bytes of UTF-8: all items together stay below 100 KB, whatever a host writes. */
const MAX_ITEM_BYTES = 16_000;
const MAX_RECORD_BYTES = 90_000;

/** Masks and cuts one item: what a person needs stands at its end for a log, at its beginning for a tool. */
export function evidenceItem(name: string, text: string, keep: 'beginning' | 'end'): EvidenceItem {
  // Masked before it is cut, so that no cut hides what a secret is.
  const masked = maskPersonalData(text.toWellFormed()).trimEnd();
  const cut = cutTo(masked, MAX_ITEM_BYTES, keep);
  return { name, text: cut, isCut: cut !== masked };
}

function cutTo(text: string, maxBytes: number, keep: 'beginning' | 'end'): string {
  // A character has at most 4 bytes in UTF-8, a UTF-16 unit at most 3; counted exactly only near the bound.
  let length = maxBytes;
  for (;;) {
    const part = (keep === 'end' ? text.slice(-length) : text.slice(0, length)).toWellFormed();
    const bytes = utf8Bytes(part);
    if (bytes <= maxBytes) return part;
    length -= Math.max(1, Math.ceil((bytes - maxBytes) / 3));
  }
}

/** The record, with the items that fit in; the others are said to be absent. */
export function evidenceRecord(body: EvidenceRecord): EvidenceRecord {
  let bytes = 0;
  const fitting: EvidenceItem[] = [];
  const absent = [...body.absent];
  for (const item of body.items) {
    bytes += utf8Bytes(JSON.stringify(item));
    if (bytes <= MAX_RECORD_BYTES) fitting.push(item);
    else absent.push(`${item.name} (too much for one record)`);
  }
  return { ...body, items: fitting, absent };
}

/** Keeps it once: evidence of a second look, after a crash, changes nothing. */
export async function keepRecord(ports: { readonly store: RecordStore; readonly scope: Scope }, body: EvidenceRecord): Promise<void> {
  await createRecord(ports.store, evidenceType, keys.evidence(ports.scope, body.incidentId, body.remediationId, body.instanceId), evidenceRecord(body));
}

/** All evidence of an incident, oldest remediation first. */
export async function readEvidence(store: RecordStore, scope: Scope, incidentId: string): Promise<readonly EvidenceRecord[]> {
  return (await readAll(evidenceType, (page) => store.query(partitions.evidence(scope, incidentId), '', page))).map(({ body }) => body);
}
