import type { EvidenceRecord } from '../core/remediation/evidence/evidence.ts';
import { moment } from './output.ts';

const MAX_LINES = 12;

/** Evidence for a person: what was kept, its last lines, and what could not be had. All of it is in the answer with --json. */
export function evidenceLines(records: readonly EvidenceRecord[]): readonly string[] {
  return records.flatMap(({ instanceId, collectedAt, items, absent, snapshotIds }) => [
    `Evidence of ${instanceId}, ${moment(collectedAt)}:`,
    ...items.flatMap(({ name, text, isCut }) => [`  ${name}${isCut ? ' (cut)' : ''}`, ...shortened(text).map((line) => `      | ${line}`)]),
    ...(snapshotIds.length === 0 ? [] : [`  snapshots: ${snapshotIds.join(', ')}`]),
    ...(absent.length === 0 ? [] : [`  not to be had: ${absent.join(', ')}`]),
  ]);
}

function shortened(text: string): readonly string[] {
  const lines = text.trimEnd().split('\n');
  return lines.length <= MAX_LINES ? lines : [`… ${lines.length - MAX_LINES} more lines with --json`, ...lines.slice(-MAX_LINES)];
}
