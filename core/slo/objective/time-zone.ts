/*
 * Wall clocks and moments. A local time is a number: the milliseconds it would be if its zone were UTC. The platform has no
 * Temporal yet, so offsets are asked of Intl.
 */

/** Tells the offset of a zone at a moment, in milliseconds east of UTC. */
export type OffsetAt = (epochMillis: number) => number;

/** The offsets of an IANA time zone, or `undefined` when there is no such zone. */
export function offsetsOf(timeZone: string): OffsetAt | undefined {
  const format = formatOf(timeZone);
  if (format === undefined) return undefined;
  return (epochMillis) => {
    const wholeSecond = Math.floor(epochMillis / 1000) * 1000;
    const parts = new Map(format.formatToParts(new Date(wholeSecond)).map(({ type, value }) => [type, Number(value)] as const));
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) - wholeSecond;
  };
}

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  const digits = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, calendar: 'iso8601', numberingSystem: 'latn', hourCycle: 'h23', ...digits });
  } catch {
    return undefined;
  }
}

const dayMillis = 86_400_000;

/**
 * The moment of a local time. A time that the clock shows twice is the first of the two; one that it skips is as long after the
 * skip as it would have been (RFC 5545 reads them so: https://www.rfc-editor.org/rfc/rfc5545#section-3.3.5).
 */
export function momentOfLocal(localMillis: number, offsetAt: OffsetAt): number {
  const before = localMillis - offsetAt(localMillis - dayMillis);
  const after = localMillis - offsetAt(localMillis + dayMillis);
  const fits = (moment: number): boolean => moment + offsetAt(moment) === localMillis;
  if (fits(before) && fits(after)) return Math.min(before, after);
  return fits(after) ? after : before;
}

/** A local time moved by whole months; a day that the month lacks becomes its last one. */
export function addMonths(localMillis: number, months: number): number {
  const date = new Date(localMillis);
  const first = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1);
  const target = new Date(first);
  const days = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate();
  return first + (Math.min(date.getUTCDate(), days) - 1) * dayMillis + (localMillis % dayMillis);
}
