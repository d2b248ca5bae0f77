import type { Timestamp } from './time.ts';

/** `prefix-20261121090000000-suffix`: sorts by time of creation as text, to the millisecond. */
export function identifier(prefix: string, at: Timestamp, suffix: string): string {
  return `${prefix}-${at.replaceAll(/\D/g, '')}-${suffix}`;
}
