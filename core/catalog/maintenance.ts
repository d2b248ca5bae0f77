import { Cron } from 'croner';
import { addSeconds, parseTimestamp, type Timestamp } from '../environment/time.ts';
import type { MaintenanceWindow } from './schema.ts';

export interface OpenWindow {
  readonly name: string;
  readonly author: string;
  /** When it closes. */
  readonly until: Timestamp;
}

/** The window of this system that is open at this moment and closes last; `undefined` while none is. Pure. */
export function openWindow(windows: readonly MaintenanceWindow[], system: string, now: Timestamp): OpenWindow | undefined {
  const open = windows.flatMap((window) => (window.spec.systems.includes(system) ? (openNow(window, now) ?? []) : []));
  return open.toSorted((left, right) => (left.until < right.until ? 1 : Number(left.until > right.until) * -1)).at(0);
}

/** It is open when it has begun less than its duration ago. */
function openNow({ metadata, spec }: MaintenanceWindow, now: Timestamp): OpenWindow | undefined {
  if (spec.until !== undefined && now >= spec.until) return undefined;
  const seconds = spec.durationMinutes * 60;
  const start = firstStartAfter(spec, addSeconds(now, -seconds));
  if (start === undefined || start > now) return undefined;
  const end = addSeconds(start, seconds);
  const until = spec.until !== undefined && spec.until < end ? spec.until : end;
  return { name: metadata.name, author: spec.author, until };
}

/** Errors: those of croner, when pattern or time zone are none; the catalog is checked before it is published. */
export function firstStartAfter({ schedule, timeZone }: Pick<MaintenanceWindow['spec'], 'schedule' | 'timeZone'>, after: Timestamp): Timestamp | undefined {
  const next = new Cron(schedule, { timezone: timeZone, paused: true }).nextRun(new Date(after));
  return next === null ? undefined : parseTimestamp(next.toISOString());
}
