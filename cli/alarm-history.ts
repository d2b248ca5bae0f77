import {
  type AlarmHistoryItem,
  type CloudWatchClient,
  type MetricAlarm,
  paginateDescribeAlarmHistory,
  paginateDescribeAlarms,
} from '@aws-sdk/client-cloudwatch';
import * as z from 'zod/mini';
import type { Scope } from '../core/environment/ports.ts';
import type { Timestamp } from '../core/environment/time.ts';
import { callAws } from '../aws/platform/aws-errors.ts';
import { jsonOf } from './json-text.ts';

/** 100 items a page: three alarms that change state every minute of a month would not fill it. */
const MAX_PAGES = 1000;
const PAGE_SIZE = 100;

/**
 * The state changes that CloudWatch still remembers (30 days of history, as it keeps them: oldest first), each in the form in which it
 * came by EventBridge, so that the same reader understands both.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
 */
export async function readAlarmHistory(
  cloudWatch: CloudWatchClient,
  scope: Scope,
  window: { readonly from: Timestamp; readonly to: Timestamp },
): Promise<readonly unknown[]> {
  const alarms = await callAws('list the alarms', () => listAlarms(cloudWatch));
  const items = await callAws('read the history of the alarms', () => listHistory(cloudWatch, window));
  return items.flatMap((item) => eventOf(item, alarms.get(item.AlarmName ?? ''), scope));
}

async function listAlarms(cloudWatch: CloudWatchClient): Promise<ReadonlyMap<string, MetricAlarm>> {
  const alarms = new Map<string, MetricAlarm>();
  let pages = 0;
  for await (const page of paginateDescribeAlarms({ client: cloudWatch }, { AlarmTypes: ['MetricAlarm'], MaxRecords: PAGE_SIZE })) {
    for (const alarm of page.MetricAlarms ?? []) alarms.set(alarm.AlarmName ?? '', alarm);
    pages += 1;
    if (pages === MAX_PAGES) break;
  }
  return alarms;
}

async function listHistory(cloudWatch: CloudWatchClient, { from, to }: { from: Timestamp; to: Timestamp }): Promise<readonly AlarmHistoryItem[]> {
  const items: AlarmHistoryItem[] = [];
  let pages = 0;
  const input = { HistoryItemType: 'StateUpdate', StartDate: new Date(from), EndDate: new Date(to), MaxRecords: PAGE_SIZE } as const;
  for await (const page of paginateDescribeAlarmHistory({ client: cloudWatch }, { ...input, ScanBy: 'TimestampAscending' })) {
    items.push(...(page.AlarmHistoryItems ?? []));
    pages += 1;
    if (pages === MAX_PAGES) break;
  }
  return items;
}

const stateSchema = z.object({ stateValue: z.string(), stateReason: z.optional(z.string()) });
const historySchema = z.object({ oldState: stateSchema, newState: stateSchema });

/** An item that cannot be read says nothing about any policy; it is left out. */
function eventOf(item: AlarmHistoryItem, alarm: MetricAlarm | undefined, scope: Scope): readonly unknown[] {
  const parsed = historySchema.safeParse(jsonOf(item.HistoryData ?? ''));
  if (!parsed.success || item.Timestamp === undefined || item.AlarmName === undefined) return [];
  const { oldState, newState } = parsed.data;
  const at = item.Timestamp.toISOString();
  return [
    {
      version: '0',
      id: `history-${item.AlarmName}-${at}`,
      'detail-type': 'CloudWatch Alarm State Change',
      source: 'aws.cloudwatch',
      account: scope.accountId,
      time: at,
      region: scope.region,
      resources: alarm?.AlarmArn === undefined ? [] : [alarm.AlarmArn],
      detail: {
        alarmName: item.AlarmName,
        configuration: { description: alarm?.AlarmDescription ?? '', metrics: metricsOf(alarm) },
        previousState: { value: oldState.stateValue, reason: oldState.stateReason ?? '', timestamp: at },
        state: { value: newState.stateValue, reason: newState.stateReason ?? '', timestamp: at },
      },
    },
  ];
}

/** History holds no dimensions; those of the alarm as it is now tell whom it watches. A deleted alarm is read as one of no instance. */
function metricsOf(alarm: MetricAlarm | undefined): readonly unknown[] {
  if (alarm?.MetricName === undefined) return [];
  const dimensions = Object.fromEntries((alarm.Dimensions ?? []).map(({ Name, Value }) => [Name ?? '', Value ?? '']));
  const metric = { namespace: alarm.Namespace ?? '', name: alarm.MetricName, dimensions };
  return [{ id: 'm1', metricStat: { metric, period: alarm.Period ?? 60, stat: alarm.Statistic ?? 'Average' }, returnData: true }];
}
