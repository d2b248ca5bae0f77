/** How long a repair takes, from past ones. */
export interface Eta {
  /** Half of the past runs were at least this fast. */
  readonly p50Seconds: number;
  /** 95 of 100 past runs were at least this fast. */
  readonly p95Seconds: number;
  /** How many past runs this rests on. */
  readonly runs: number;
}

/** p50 and p95 by nearest rank, so that each is a time that was really measured; `undefined` without past runs. */
export function etaSeconds(pastRecoverySeconds: readonly number[]): Eta | undefined {
  const sorted = pastRecoverySeconds.filter((seconds) => Number.isFinite(seconds) && seconds >= 0).toSorted((left, right) => left - right);
  const p50Seconds = nearestRank(sorted, 50);
  const p95Seconds = nearestRank(sorted, 95);
  return p50Seconds === undefined || p95Seconds === undefined ? undefined : { p50Seconds, p95Seconds, runs: sorted.length };
}

function nearestRank(sorted: readonly number[], percent: number): number | undefined {
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1];
}

/** Limits of design.md section 4, "A page can not be lost behind a repair". */
const LONGEST_SILENCE_SECONDS = 15 * 60;
const LONGEST_SILENCE_WITHOUT_PAST_RUNS_SECONDS = 10 * 60;

/**
 * How long a page is held while a repair runs (design.md section 4): min(p95 of past runs + 50 %, RTO, 15 min), or
 * min(RTO, 10 min) without past runs.
 *
 * @returns whole seconds, at least 1
 */
export function pageAfterSeconds(past: { readonly pastRecoverySeconds: readonly number[]; readonly rtoSeconds: number }): number {
  const eta = etaSeconds(past.pastRecoverySeconds);
  const limits = eta === undefined ? [LONGEST_SILENCE_WITHOUT_PAST_RUNS_SECONDS] : [eta.p95Seconds * 1.5, LONGEST_SILENCE_SECONDS];
  return Math.max(1, Math.ceil(Math.min(past.rtoSeconds, ...limits)));
}
