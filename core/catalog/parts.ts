import { recordLimits } from '../records/limits.ts';

/**
 * Bytes of text in one part. A record is measured as JSON, which writes at most two bytes for one byte of JSON text (`"` becomes
 * `\"`; control characters are escaped in JSON text already), so that every part fits whatever it holds.
 */
const PART_BYTES = Math.floor((recordLimits.bodyBytes - 1024) / 2);

/** About 10 MB: more than a catalog file may have when it is published. */
export const MAX_PARTS = 60;

/** Reads at a time. */
const CONCURRENT_READS = 8;

const encoder = new TextEncoder();
// A byte order mark at the beginning of a part is text like any other.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The bytes of a character after its first one begin with the bits 10. */
const isWithinCharacter = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x80 && byte < 0xc0;

/** Splits JSON text into parts of bounded size in UTF-8, never within a character. Put together they are the text again. */
export function splitText(text: string, partBytes = PART_BYTES): readonly string[] {
  const bytes = encoder.encode(text);
  const parts: string[] = [];
  let start = 0;
  while (start < bytes.length) {
    let end = Math.min(start + partBytes, bytes.length);
    while (isWithinCharacter(bytes[end])) end -= 1;
    parts.push(decoder.decode(bytes.subarray(start, end)));
    start = end;
  }
  return parts;
}

/** Reads all parts, eight at a time, and puts them together; `undefined` when one is missing. */
export async function joinParts(count: number, readPart: (index: number) => Promise<string | undefined>): Promise<string | undefined> {
  const texts: string[] = [];
  for (let start = 0; start < count; start += CONCURRENT_READS) {
    const indexes = Array.from({ length: Math.min(CONCURRENT_READS, count - start) }, (_, offset) => start + offset);
    const read = await Promise.all(indexes.map(readPart));
    if (read.includes(undefined)) return undefined;
    texts.push(...read.filter((part) => part !== undefined));
  }
  return texts.join('');
}
