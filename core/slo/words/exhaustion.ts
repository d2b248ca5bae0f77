import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { exhaustionSeconds } from '../objective/burn-rate.ts';
import { spokenDuration } from './explain.ts';
import { dayInSeconds } from '../objective/target.ts';

/** When a budget is gone if it goes on burning as it does. */
export interface Exhaustion {
  /** `lasts`: slower than the window gives back; `calm`: nothing burns. */
  readonly kind: 'spent' | 'calm' | 'lasts' | 'runs-out';
  /** Only of `runs-out`. */
  readonly at?: Timestamp;
  /** A sentence for people. */
  readonly reason: string;
}

export interface Pace {
  /** 1 = untouched. */
  readonly remainingRatio: number;
  readonly windowSeconds: number;
  readonly budgetSeconds: number;
  readonly burnRate: number;
  /** What the rate was measured over. */
  readonly lookBackSeconds: number;
  /** When a calendar window begins anew. */
  readonly resetsAt?: Timestamp;
}

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

/** `Thursday 14:20 UTC`; further ahead than a weekday names one day, with the date. */
function spokenMoment(at: Timestamp, now: Timestamp): string {
  const weekday = weekdays[new Date(at).getUTCDay()] ?? '';
  const date = at < addSeconds(now, 6 * dayInSeconds) ? '' : ` ${at.slice(0, 10)}`;
  return `${weekday}${date} ${at.slice(11, 16)} UTC`;
}

/** `the month's 43 minutes`, `the 129 minutes of 90 days`. */
export function spokenBudget(budgetSeconds: number, windowSeconds: number): string {
  const days = windowSeconds / dayInSeconds;
  const minutes = Math.floor(budgetSeconds / 60);
  const amount = budgetSeconds < 120 ? `${Number(budgetSeconds.toPrecision(4))} seconds` : `${minutes} minutes`;
  if (days === 1) return `the day's ${amount}`;
  if (days === 7) return `the week's ${amount}`;
  if (days >= 28 && days <= 31) return `the month's ${amount}`;
  return `the ${amount} of ${spokenDuration(windowSeconds)}`;
}

/** Seconds below a minute do not matter in what is to come. */
function roughly(seconds: number): string {
  return spokenDuration(seconds < 60 ? Math.round(seconds) : Math.round(seconds / 60) * 60);
}

/** In how long a budget is gone at a steady pace, and what to say of it; pure. */
export function exhaustionOf({ remainingRatio, windowSeconds, budgetSeconds, burnRate, lookBackSeconds, resetsAt }: Pace, now: Timestamp): Exhaustion {
  const budget = spokenBudget(budgetSeconds, windowSeconds);
  const lookBack = lookBackSeconds === 3600 ? 'hour' : spokenDuration(lookBackSeconds);
  if (remainingRatio <= 0) return { kind: 'spent', reason: `Nothing is left of ${budget}.` };
  if (burnRate === 0) return { kind: 'calm', reason: `Nothing was bad in the last ${lookBack}, so the budget does not burn.` };
  const seconds = remainingRatio * exhaustionSeconds(windowSeconds, burnRate);
  const pace = `At the pace of the last ${lookBack} (${Number(burnRate.toPrecision(3))} ×)`;
  // A rolling window gives back at rate 1 what it was spent at.
  if (seconds >= windowSeconds) return { kind: 'lasts', reason: `${pace} ${budget} last longer than their window.` };
  const at = addSeconds(now, seconds);
  if (resetsAt !== undefined && at >= resetsAt)
    return { kind: 'lasts', reason: `${pace} ${budget} last until they begin anew on ${spokenMoment(resetsAt, now)}.` };
  const subject = remainingRatio === 1 ? `${budget} are` : `what is left of ${budget} (${roughly(budgetSeconds * remainingRatio)}) is`;
  return { kind: 'runs-out', at, reason: `${pace} ${subject} gone on ${spokenMoment(at, now)}, in ${roughly(seconds)}.` };
}
