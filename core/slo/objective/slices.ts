import { addSeconds, startOfMinute, type Timestamp } from '../../environment/time.ts';
import { type Fraction, fractionOf, isShareBelow } from './exact.ts';
import type { Refused } from './target.ts';

/*
 * OpenSLO's `Timeslices` (https://github.com/OpenSLO/OpenSLO#slo): time is cut into minutes, each good or bad as a whole, and only
 * bad minutes spend the budget (design.md section 8).
 */

/** One slice: the smallest piece of time that is judged as a whole. */
export const sliceSeconds = 60;

/** Each read of the metrics covers this much, so that data which arrives late is still seen; it costs the same (design.md section 8). */
export const trailingReadSeconds = 900;

/** What was read about one minute. The same minute is read many times; the newest reading counts. */
export interface Observation {
  /** Start of the minute, UTC. */
  readonly minute: Timestamp;
  /** Good events in the minute, 0 to `total`. */
  readonly good: number;
  readonly total: number;
  /** When it was read; not before the minute was over. */
  readonly observedAt: Timestamp;
}

/** How a minute was judged. `no-data` spends nothing: without a request, nobody was let down. */
export interface Slice {
  readonly kind: 'good' | 'bad' | 'no-data';
  readonly reason: string;
}

/** The share of a minute's events that must be good for the minute to be good: above 0, at most 1. */
export interface SliceTarget {
  readonly kind: 'slice-target';
  /** As it was written: `0.99`. */
  readonly text: string;
  readonly ratio: Fraction;
}

/** Reads `timeSliceTarget`; 1 is allowed here, because a strict minute still leaves a budget of minutes. */
export function parseSliceTarget(value: number): SliceTarget | Refused {
  const ratio = fractionOf(value);
  if (ratio === undefined || ratio.numerator === 0n || ratio.numerator > ratio.denominator) {
    return { kind: 'refused', reason: `A timeSliceTarget of ${value} judges nothing. Write a share above 0 and at most 1, for example 0.99.` };
  }
  return { kind: 'slice-target', text: String(value), ratio };
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

/** One row per way in which a reading can be wrong; the first that applies is the reason. Authority: design.md section 8. */
const refusals: readonly (readonly [(observation: Observation) => boolean, (observation: Observation) => string])[] = [
  [({ minute }) => Number.isNaN(Date.parse(minute)) || startOfMinute(minute) !== minute, ({ minute }) => `"${minute}" is not the start of a minute`],
  [({ good, total }) => !isCount(good) || !isCount(total), ({ good, total }) => `${good} good of ${total} are not two counts from 0 up`],
  [
    ({ good, total }) => good > total,
    ({ good, total }) => `${good} good of ${total} in total: more good than there were; the indicator counts two different things`,
  ],
  [({ minute, observedAt }) => observedAt < addSeconds(minute, sliceSeconds), ({ observedAt }) => `it was read at ${observedAt}, before the minute was over`],
];

/** Why an observation cannot be judged at all, or `undefined`. */
export function refusalOf(observation: Observation): Refused | undefined {
  const row = refusals.find(([applies]) => applies(observation));
  return row === undefined ? undefined : { kind: 'refused', reason: `The reading of ${observation.minute} is refused: ${row[1](observation)}.` };
}

/** Judges one minute: bad if, and only if, good/total is below the slice target (strictly, without rounding). */
export function sliceOf(observation: Observation, target: SliceTarget): Slice | Refused {
  const refusal = refusalOf(observation);
  if (refusal !== undefined) return refusal;
  const { good, total } = observation;
  if (total === 0) return { kind: 'no-data', reason: 'nothing was asked of the service in this minute, so nothing failed: it spends no budget' };
  const share = `${good} of ${total} good`;
  return isShareBelow(good, total, target.ratio)
    ? { kind: 'bad', reason: `${share}, below the slice target of ${target.text}` }
    : { kind: 'good', reason: `${share}, at or above the slice target of ${target.text}` };
}
