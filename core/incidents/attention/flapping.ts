import { addSeconds, type Timestamp } from '../../environment/time.ts';
import type { TimelineEvent } from '../record.ts';

/** More changes of one signal than this, within this time, are flapping. */
const FLAPPING_CHANGES = 5;
const FLAPPING_SECONDS = 1800;

export interface Flapping {
  /** State changes of the worst signal within the time. */
  readonly changes: number;
  readonly seconds: number;
}

/** `signal:<fingerprint>:<time>` and `signal:<fingerprint>:resolved:<time>`, as incidents.ts writes them. */
const eventForm = /^signal:([^:]+):(resolved:)?/;

/**
 * Pure: whether a signal of the incident changes to and fro, from the facts on its timeline (in any order). A state that is said again is
 * no change.
 */
export function flappingOf(timeline: readonly TimelineEvent[], now: Timestamp): Flapping | undefined {
  const since = addSeconds(now, -FLAPPING_SECONDS);
  const last = new Map<string, 'firing' | 'resolved'>();
  const changes = new Map<string, number>();
  const said = timeline.filter(({ kind, at }) => kind === 'signal' && at > since && at <= now).toSorted((left, right) => (left.at < right.at ? -1 : 1));
  for (const { eventId } of said) {
    const match = eventForm.exec(eventId);
    const fingerprint = match?.[1];
    if (fingerprint === undefined) continue;
    const state = match?.[2] === undefined ? 'firing' : 'resolved';
    if (last.get(fingerprint) !== state) changes.set(fingerprint, (changes.get(fingerprint) ?? 0) + 1);
    last.set(fingerprint, state);
  }
  const most = Math.max(0, ...changes.values());
  return most > FLAPPING_CHANGES ? { changes: most, seconds: FLAPPING_SECONDS } : undefined;
}

/** What people and the timeline are told. */
export function flappingText({ changes, seconds }: Flapping): string {
  return `Flapping: its state changed ${changes} times in ${seconds / 60} minutes. What can wait is told once per interval until it settles.`;
}
