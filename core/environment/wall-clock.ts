import type { Timestamp } from './time.ts';

/** Whether there is a time zone of this name in the IANA database of the runtime. */
export function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** What a clock on the wall shows; by it daylight saving needs no arithmetic. */
export interface WallClock {
  /** `HH:MM`. */
  readonly time: string;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly day: number;
  readonly daysInMonth: number;
}

export function wallClockAt(now: Timestamp, timeZone: string): WallClock {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  });
  const parts = Object.fromEntries(format.formatToParts(new Date(now)).map(({ type, value }) => [type, value]));
  const [year, month, day] = [Number(parts['year']), Number(parts['month']), Number(parts['day'])];
  return {
    time: `${parts['hour']}:${parts['minute']}`,
    weekday: new Date(Date.UTC(year, month - 1, day)).getUTCDay(),
    day,
    daysInMonth: new Date(Date.UTC(year, month, 0)).getUTCDate(),
  };
}
