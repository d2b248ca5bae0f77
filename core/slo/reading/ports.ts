import type { Timestamp } from '../../environment/time.ts';

/** One series to read. */
export interface MetricQuery {
  /** The caller's name for the answer; distinct within a call. */
  readonly id: string;
  readonly namespace: string;
  readonly metric: string;
  /** Exactly the dimensions of the metric: CloudWatch does not aggregate over absent ones. */
  readonly dimensions: Readonly<Record<string, string>>;
  /** `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`. */
  readonly statistic: string;
}

/** The value of one period. */
export interface MetricPoint {
  /** Start of the period. */
  readonly at: Timestamp;
  readonly value: number;
}

/**
 * Reads metrics. A period without data has no point: absence is not zero.
 *
 * Errors: `RetryableError` (throttled, lost, answered in part), `PermanentError` (forbidden, a broken query).
 */
export interface MetricReader {
  /**
   * @param queries at most 1,000
   * @param from start of the first period
   * @param to end of the last period, exclusive
   * @param periodSeconds a multiple of 60
   * @returns one entry per query id, its points oldest first
   */
  read(queries: readonly MetricQuery[], from: Timestamp, to: Timestamp, periodSeconds: number): Promise<ReadonlyMap<string, readonly MetricPoint[]>>;
}

/** Names of a catalog in CloudWatch's words. */
export interface SubjectReader {
  /**
   * @returns the dimensions of the target groups that exist and are behind a load balancer, by name
   *
   * Errors: `RetryableError` (throttled, lost), `PermanentError` (forbidden).
   */
  targetGroups(names: readonly string[]): Promise<ReadonlyMap<string, { readonly targetGroup: string; readonly loadBalancer: string }>>;
}
