import { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import type { DemoClients } from './clients.ts';
import { host } from '../emulators/host.ts';
import { SERVICE_NAMESPACE } from './traffic.ts';

/**
 * A second opinion on the budget, in as few lines as possible: reads the raw metric and counts. It shares no code with `core/slo`,
 * so that a mistake there does not repeat itself here.
 */
export async function readBudgetFromMetrics(clients: DemoClients, service: string): Promise<{ readonly badSeconds: number; readonly remainingRatio: number }> {
  const end = new Date(Math.floor(host.now() / 60_000) * 60_000);
  const stat = (name: string) => ({
    Metric: { Namespace: SERVICE_NAMESPACE, MetricName: name, Dimensions: [{ Name: 'Service', Value: service }] },
    Period: 60,
    Stat: 'Sum',
  });
  const answer = await clients.cloudWatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(end.getTime() - 3_600_000),
      EndTime: end,
      MetricDataQueries: [
        { Id: 'good', MetricStat: stat('GoodRequests') },
        { Id: 'total', MetricStat: stat('TotalRequests') },
      ],
    }),
  );
  const series = (id: string): ReadonlyMap<number, number> => {
    const found = (answer.MetricDataResults ?? []).find((result) => result.Id === id);
    return new Map((found?.Timestamps ?? []).map((at, index) => [at.getTime(), found?.Values?.[index] ?? 0]));
  };
  const [good, total] = [series('good'), series('total')];
  const bad = [...total].filter(([minute, asked]) => asked > 0 && (good.get(minute) ?? 0) / asked < 0.99).length;
  return { badSeconds: bad * 60, remainingRatio: 1 - (bad * 60) / (30 * 86_400 * 0.001) };
}
