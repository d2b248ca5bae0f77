import { secondsBetween, type Timestamp } from '../environment/time.ts';
import type { SignalState } from './signal.ts';

/** What is remembered of a fingerprint. */
export interface StoredSignal {
  readonly fingerprint: string;
  readonly state: SignalState;
  readonly changedAt: Timestamp;
}

export interface SignalDecision {
  readonly kind: 'new' | 'duplicate' | 'late';
  readonly reason: string;
}

/** Both ways an alarm arrives may round its time differently (design section 2). */
const SAME_MOMENT_SECONDS = 1;

/** Of two states at the very same moment the louder one stands, whichever is delivered first. */
const loudness = { info: 0, resolved: 1, firing: 2 } as const satisfies Record<SignalState, number>;

/**
 * Whether a signal says something new (design section 2): its state differs, or it is more than a second younger than what is
 * stored. What is older changes nothing. As long as opposite changes of one fingerprint are not within a second of a repetition,
 * any order and any number of deliveries end in the same state.
 */
export function decideSignal(
  stored: StoredSignal | undefined,
  signal: { readonly state: SignalState; readonly at: Timestamp; readonly fingerprint: string },
): SignalDecision {
  if (stored === undefined) return { kind: 'new', reason: 'First signal of its kind here' };
  if (stored.fingerprint !== signal.fingerprint) return { kind: 'new', reason: 'What is stored belongs to another fingerprint' };
  const laterBySeconds = secondsBetween(stored.changedAt, signal.at);
  return stored.state === signal.state ? decideRepetition(stored, laterBySeconds) : decideChange(stored, signal.state, laterBySeconds);
}

function decideRepetition(stored: StoredSignal, laterBySeconds: number): SignalDecision {
  if (laterBySeconds > SAME_MOMENT_SECONDS) return { kind: 'new', reason: `${stored.state} again, ${laterBySeconds} s later` };
  if (laterBySeconds < -SAME_MOMENT_SECONDS) return { kind: 'late', reason: `Already ${stored.state} since a later moment, ${stored.changedAt}` };
  return { kind: 'duplicate', reason: `Already ${stored.state} since ${stored.changedAt}` };
}

function decideChange(stored: StoredSignal, state: SignalState, laterBySeconds: number): SignalDecision {
  if (laterBySeconds < 0) return { kind: 'late', reason: `Older than what is known: ${stored.state} since ${stored.changedAt}` };
  if (laterBySeconds === 0 && loudness[state] < loudness[stored.state]) {
    return { kind: 'late', reason: `At the same moment as ${stored.state}, which stands` };
  }
  return { kind: 'new', reason: `Changed from ${stored.state} to ${state}` };
}
