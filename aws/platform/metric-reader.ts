import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type GetMetricDataCommandInput,
  type MetricDataQuery,
  type MetricDataResult,
} from '@aws-sdk/client-cloudwatch';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import type { Timestamp } from '../../core/environment/time.ts';
import type { MetricPoint, MetricQuery, MetricReader } from '../../core/slo/reading/ports.ts';
import { callAws } from './aws-errors.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html: 500 queries and 100,800 points a call. */
const QUERIES_PER_CALL = 500;
const MAX_QUERIES = 1000;
const MAX_PAGES = 20;
const MAX_POINTS_PER_QUERY = 100_800;

/** Reads metrics with GetMetricData, without metric math: arithmetic is done in core, where it is tested. */
export class CloudWatchMetricReader implements MetricReader {
  readonly #client: CloudWatchClient;

  constructor(client: CloudWatchClient) {
    this.#client = client;
  }

  async read(queries: readonly MetricQuery[], from: Timestamp, to: Timestamp, periodSeconds: number): Promise<ReadonlyMap<string, readonly MetricPoint[]>> {
    checkQueries(queries, from, to, periodSeconds);
    const points = new Map<string, MetricPoint[]>(queries.map(({ id }) => [id, []]));
    for (let start = 0; start < queries.length; start += QUERIES_PER_CALL) {
      const chunk = queries.slice(start, start + QUERIES_PER_CALL);
      const input = {
        StartTime: new Date(from),
        EndTime: new Date(to),
        ScanBy: 'TimestampAscending' as const,
        MetricDataQueries: chunk.map((query, index) => dataQueryOf(query, index, periodSeconds)),
      };
      await this.#readPages(input, (result) => points.get(queryOf(chunk, result).id)?.push(...pointsOf(result)));
    }
    for (const series of points.values()) series.sort((left, right) => (left.at < right.at ? -1 : 1));
    return points;
  }

  async #readPages(input: GetMetricDataCommandInput, take: (result: MetricDataResult) => void): Promise<void> {
    let nextToken: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const command = new GetMetricDataCommand({ ...input, ...(nextToken === undefined ? {} : { NextToken: nextToken }) });
      const answer = await callAws('read metrics', () => this.#client.send(command));
      for (const result of answer.MetricDataResults ?? []) {
        checkStatus(result, answer.NextToken !== undefined);
        take(result);
      }
      nextToken = answer.NextToken;
      if (nextToken === undefined) return;
    }
    throw new PermanentError(`The metrics fill more than ${MAX_PAGES} pages: ask for a shorter time.`);
  }
}

function checkQueries(queries: readonly MetricQuery[], from: Timestamp, to: Timestamp, periodSeconds: number): void {
  if (queries.length > MAX_QUERIES) throw new PermanentError(`One call reads at most ${MAX_QUERIES} metrics, not ${queries.length}.`);
  if (new Set(queries.map(({ id }) => id)).size !== queries.length) throw new PermanentError('Two metric queries of one call have the same id.');
  if (!Number.isSafeInteger(periodSeconds) || periodSeconds < 60 || periodSeconds % 60 !== 0) {
    throw new PermanentError(`A period is a multiple of 60 seconds, not ${periodSeconds}.`);
  }
  const periods = (Date.parse(to) - Date.parse(from)) / 1000 / periodSeconds;
  if (!(periods > 0 && periods <= MAX_POINTS_PER_QUERY)) {
    throw new PermanentError(`From ${from} to ${to} are ${periods} periods of ${periodSeconds} s; one call reads up to ${MAX_POINTS_PER_QUERY}.`);
  }
}

/** CloudWatch's ids begin with a lower-case letter and have no dots: ours are mapped to positions. */
function dataQueryOf(query: MetricQuery, index: number, periodSeconds: number): MetricDataQuery {
  const dimensions = Object.entries(query.dimensions).map(([Name, Value]) => ({ Name, Value }));
  return {
    Id: `q${index}`,
    ReturnData: true,
    MetricStat: {
      Metric: { Namespace: query.namespace, MetricName: query.metric, Dimensions: dimensions },
      Period: periodSeconds,
      Stat: query.statistic,
    },
  };
}

function queryOf(queries: readonly MetricQuery[], result: MetricDataResult): MetricQuery {
  const query = queries[Number(result.Id?.slice(1))];
  if (query === undefined) throw new PermanentError(`CloudWatch answered for "${result.Id}", which was not asked for.`);
  return query;
}

/** A part of the points must never read as all of them: missing ones would count as missing traffic. */
function checkStatus(result: MetricDataResult, hasNextPage: boolean): void {
  const messages = (result.Messages ?? []).map(({ Code, Value }) => `${Code}: ${Value}`).join('; ');
  switch (result.StatusCode) {
    case undefined:
    case 'Complete':
      return;
    case 'PartialData':
      if (!hasNextPage) throw new RetryableError(`CloudWatch gave only a part of the points. ${messages}`);
      return;
    case 'InternalError':
      throw new RetryableError(`CloudWatch could not read a metric just now. ${messages}`);
    case 'Forbidden':
      throw new PermanentError(`CloudWatch may not give us a metric. ${messages} Check the function's permissions.`);
  }
}

function pointsOf(result: MetricDataResult): readonly MetricPoint[] {
  return (result.Timestamps ?? []).flatMap((at, index) => {
    const value = result.Values?.[index];
    return value === undefined ? [] : [{ at: at.toISOString(), value }];
  });
}
