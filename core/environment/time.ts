/**
 * A moment in UTC as ISO 8601 with milliseconds, for example `2026-11-21T09:00:00.000Z`.
 * All moments inside Perennial have exactly this form, so that they compare as text.
 */
export type Timestamp = string;

/** Reads any RFC 3339 moment (also AWS's `+0000` offsets) and gives it in our one form; `undefined` when it is not a moment. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const normalised = text.replace(/([+-]\d{2})(\d{2})$/, '$1:$2');
  const millis = Date.parse(normalised);
  return Number.isNaN(millis) ? undefined : new Date(millis).toISOString();
}

/** `timestamp` moved by `seconds` (may be negative or a fraction). */
export function addSeconds(timestamp: Timestamp, seconds: number): Timestamp {
  return new Date(Date.parse(timestamp) + seconds * 1000).toISOString();
}

/** Seconds from `start` to `end`; negative when `end` is earlier. */
export function secondsBetween(start: Timestamp, end: Timestamp): number {
  return (Date.parse(end) - Date.parse(start)) / 1000;
}

/** Whole seconds since 1970, as DynamoDB's TTL wants them. */
export function toEpochSeconds(timestamp: Timestamp): number {
  return Math.floor(Date.parse(timestamp) / 1000);
}

/** The start of the UTC minute that holds `timestamp`. */
export function startOfMinute(timestamp: Timestamp): Timestamp {
  return `${timestamp.slice(0, 17)}00.000Z`;
}
