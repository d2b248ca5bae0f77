import {
  type CloudWatchClient,
  DescribeAlarmsCommand,
  DisableAlarmActionsCommand,
  type Dimension,
  type MetricAlarm,
  PutMetricAlarmCommand,
  type PutMetricAlarmCommandInput,
  TagResourceCommand,
} from '@aws-sdk/client-cloudwatch';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import type { AlarmCloner } from '../../core/remediation/ports.ts';
import { callAws } from '../platform/aws-errors.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html */
const MAX_NAME_CHARACTERS = 255;

export function createAlarmCloner(cloudWatch: CloudWatchClient): AlarmCloner {
  return {
    clone: (alarmName, originalName, oldInstanceId, newInstanceId) => clone(cloudWatch, alarmName, originalName, oldInstanceId, newInstanceId),
    retire: async (alarmName) => {
      await callAws(`silence the alarm ${alarmName}`, () => cloudWatch.send(new DisableAlarmActionsCommand({ AlarmNames: [alarmName] })));
    },
  };
}

/** Always built from the original's name, so that names do not grow with every replacement. */
export function cloneName(originalName: string, oldInstanceId: string, newInstanceId: string): string {
  const name = originalName.includes(oldInstanceId) ? originalName.replaceAll(oldInstanceId, newInstanceId) : `${originalName}--${newInstanceId}`;
  return name.slice(0, MAX_NAME_CHARACTERS);
}

async function clone(
  cloudWatch: CloudWatchClient,
  alarmName: string,
  originalName: string,
  oldInstanceId: string,
  newInstanceId: string,
): Promise<{ readonly alarmName: string }> {
  const answer = await callAws(`describe the alarm ${alarmName}`, () =>
    cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [alarmName], AlarmTypes: ['MetricAlarm'] })),
  );
  const source = answer.MetricAlarms?.[0];
  if (source === undefined) throw new PermanentError(`The alarm ${alarmName} does not exist any more, so it cannot follow ${newInstanceId}.`);
  const input = cloneOf(source, cloneName(originalName, oldInstanceId, newInstanceId), oldInstanceId, newInstanceId);
  const tags = [{ Key: tagKeys.alarmOf, Value: originalName }];
  await callAws(`put the alarm ${input.AlarmName}`, () => cloudWatch.send(new PutMetricAlarmCommand({ ...input, Tags: tags })));
  // Tags of a put are ignored when the alarm exists already, as it does after a lost answer.
  const arn = (source.AlarmArn ?? '').replace(/:alarm:.*$/, `:alarm:${input.AlarmName}`);
  await callAws(`tag the alarm ${input.AlarmName}`, () => cloudWatch.send(new TagResourceCommand({ ResourceARN: arn, Tags: tags })));
  return { alarmName: input.AlarmName ?? '' };
}

/** Every setting of the source; only the name and the instance change. */
function cloneOf(source: MetricAlarm, AlarmName: string, oldInstanceId: string, newInstanceId: string): PutMetricAlarmCommandInput {
  const moved = (dimensions: readonly Dimension[] | undefined): Dimension[] | undefined =>
    dimensions?.map(({ Name, Value }) => ({ Name, Value: Name === 'InstanceId' && Value === oldInstanceId ? newInstanceId : Value }));
  const Metrics = source.Metrics?.map((query) =>
    query.MetricStat?.Metric === undefined
      ? query
      : {
          ...query,
          MetricStat: { ...query.MetricStat, Metric: { ...query.MetricStat.Metric, ...present({ Dimensions: moved(query.MetricStat.Metric.Dimensions) }) } },
        },
  );
  const hasMetrics = Metrics !== undefined && Metrics.length > 0;
  const single = {
    MetricName: source.MetricName,
    Namespace: source.Namespace,
    Statistic: source.Statistic,
    ExtendedStatistic: source.ExtendedStatistic,
    Period: source.Period,
    Unit: source.Unit,
    Dimensions: moved(source.Dimensions),
  };
  return {
    AlarmName,
    EvaluationPeriods: source.EvaluationPeriods,
    ComparisonOperator: source.ComparisonOperator,
    ActionsEnabled: true,
    ...present({
      AlarmDescription: source.AlarmDescription,
      AlarmActions: source.AlarmActions,
      OKActions: source.OKActions,
      InsufficientDataActions: source.InsufficientDataActions,
      DatapointsToAlarm: source.DatapointsToAlarm,
      Threshold: source.Threshold,
      ThresholdMetricId: source.ThresholdMetricId,
      TreatMissingData: source.TreatMissingData,
      EvaluateLowSampleCountPercentile: source.EvaluateLowSampleCountPercentile,
    }),
    ...(hasMetrics ? { Metrics } : present(single)),
  };
}
