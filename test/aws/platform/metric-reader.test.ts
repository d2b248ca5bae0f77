import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { CloudWatchMetricReader } from '../../../aws/platform/metric-reader.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import type { MetricQuery } from '../../../core/slo/reading/ports.ts';
import { serviceError, stubClient, stubOptions } from './stub-client.ts';

const FROM = '2026-11-21T09:00:00.000Z';
const TO = '2026-11-21T09:15:00.000Z';
const inputSchema = z.object({ MetricDataQueries: z.array(z.object({ Id: z.string() })), NextToken: z.string().optional() });

function query(id: string): MetricQuery {
  return { id, namespace: 'Shop', metric: 'Good', dimensions: { Service: 'web' }, statistic: 'Sum' };
}

function readerThat(answer: (input: unknown, call: number) => unknown) {
  const client = new CloudWatchClient(stubOptions);
  const calls = stubClient(client, answer);
  return { reader: new CloudWatchMetricReader(client), calls };
}

describe('CloudWatchMetricReader', () => {
  it('gives the points of every query oldest first, and none for silence', async () => {
    const { reader, calls } = readerThat(() => ({
      MetricDataResults: [
        { Id: 'q0', StatusCode: 'Complete', Timestamps: [new Date('2026-11-21T09:01:00Z'), new Date(FROM)], Values: [2, 1] },
        { Id: 'q1', StatusCode: 'Complete', Timestamps: [], Values: [] },
      ],
    }));
    const points = await reader.read([query('shop.good'), query('shop.total')], FROM, TO, 60);
    expect(points.get('shop.good')).toEqual([
      { at: FROM, value: 1 },
      { at: '2026-11-21T09:01:00.000Z', value: 2 },
    ]);
    expect(points.get('shop.total')).toEqual([]);
    expect(calls[0]?.input).toMatchObject({
      StartTime: new Date(FROM),
      EndTime: new Date(TO),
      MetricDataQueries: [
        {
          Id: 'q0',
          MetricStat: { Metric: { Namespace: 'Shop', MetricName: 'Good', Dimensions: [{ Name: 'Service', Value: 'web' }] }, Period: 60, Stat: 'Sum' },
        },
        { Id: 'q1' },
      ],
    });
  });

  it('reads on over pages and over 500 queries', async () => {
    const { reader, calls } = readerThat((input) => {
      const { MetricDataQueries, NextToken } = inputSchema.parse(input);
      const minute = NextToken === undefined ? '00' : '01';
      const results = MetricDataQueries.map(({ Id }) => ({
        Id,
        StatusCode: 'PartialData',
        Timestamps: [new Date(`2026-11-21T09:${minute}:00Z`)],
        Values: [1],
      }));
      return NextToken === undefined
        ? { MetricDataResults: results, NextToken: 'more' }
        : { MetricDataResults: results.map((one) => ({ ...one, StatusCode: 'Complete' })) };
    });
    const points = await reader.read(
      Array.from({ length: 501 }, (_, index) => query(`m${index}`)),
      FROM,
      TO,
      60,
    );
    expect(calls).toHaveLength(4);
    expect(points.get('m500')).toHaveLength(2);
  });

  it.each([
    ['PartialData', RetryableError],
    ['InternalError', RetryableError],
    ['Forbidden', PermanentError],
  ])('never takes a part for the whole: %s', async (StatusCode, expected) => {
    const { reader } = readerThat(() => ({ MetricDataResults: [{ Id: 'q0', StatusCode, Timestamps: [new Date(FROM)], Values: [1] }] }));
    await expect(reader.read([query('a')], FROM, TO, 60)).rejects.toBeInstanceOf(expected);
  });

  it('never takes a throttle for silence', async () => {
    const { reader } = readerThat(() => {
      throw serviceError('Throttling');
    });
    await expect(reader.read([query('a')], FROM, TO, 60)).rejects.toBeInstanceOf(RetryableError);
  });

  it('stops after 20 pages', async () => {
    const { reader, calls } = readerThat(() => ({ MetricDataResults: [], NextToken: 'again' }));
    await expect(reader.read([query('a')], FROM, TO, 60)).rejects.toBeInstanceOf(PermanentError);
    expect(calls).toHaveLength(20);
  });

  it.each([
    ['a period of 30 s', [query('a')], FROM, TO, 30],
    ['an end before the start', [query('a')], TO, FROM, 60],
    ['the same id twice', [query('a'), query('a')], FROM, TO, 60],
    ['too many points', [query('a')], '2026-01-01T00:00:00.000Z', TO, 60],
  ] as const)('refuses %s', async (_, queries, from, to, periodSeconds) => {
    const { reader, calls } = readerThat(() => ({}));
    await expect(reader.read(queries, from, to, periodSeconds)).rejects.toBeInstanceOf(PermanentError);
    expect(calls).toEqual([]);
  });
});
