import {
  type CloudWatchClient,
  DescribeAlarmsCommand,
  DisableAlarmActionsCommand,
  EnableAlarmActionsCommand,
  type Dimension,
  ListTagsForResourceCommand,
  type MetricAlarm,
  type MetricDataQuery,
  PutMetricAlarmCommand,
  type PutMetricAlarmCommandInput,
  type Tag,
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
    revive: async (alarmName) => {
      await callAws(`let the alarm ${alarmName} speak`, () => cloudWatch.send(new EnableAlarmActionsCommand({ AlarmNames: [alarmName] })));
    },
  };
}

/**
 * The instance id in the name moves along; a name without one gets it at the end. So names do not grow with every replacement, and a
 * long one is shortened before the id, never into the name of another alarm.
 */
export function cloneName(alarmName: string, originalName: string, oldInstanceId: string, newInstanceId: string): string {
  if (alarmName.includes(oldInstanceId)) return alarmName.replaceAll(oldInstanceId, newInstanceId).slice(0, MAX_NAME_CHARACTERS);
  const end = `--${newInstanceId}`;
  return `${originalName.slice(0, MAX_NAME_CHARACTERS - end.length)}${end}`;
}

async function clone(
  cloudWatch: CloudWatchClient,
  alarmName: string,
  originalName: string,
  oldInstanceId: string,
  newInstanceId: string,
): Promise<{ readonly alarmName: string }> {
  const newName = cloneName(alarmName, originalName, oldInstanceId, newInstanceId);
  const answer = await callAws(`describe the alarm ${alarmName}`, () =>
    cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [alarmName, newName], AlarmTypes: ['MetricAlarm'] })),
  );
  const named = (name: string): MetricAlarm | undefined => answer.MetricAlarms?.find((alarm) => alarm.AlarmName === name);
  const source = named(alarmName);
  if (source === undefined) throw new PermanentError(`The alarm ${alarmName} does not exist any more, so it cannot follow ${newInstanceId}.`);
  // Repeated after the source was retired, the clone itself says whether somebody had switched its actions off.
  const ActionsEnabled = (named(newName) ?? source).ActionsEnabled ?? true;
  const arn = (source.AlarmArn ?? '').replace(/:alarm:.*$/, () => `:alarm:${newName}`);
  const tags = await clonedTags(cloudWatch, source, originalName);
  const settings = settingsOf(source, oldInstanceId, newInstanceId);
  await callAws(`put the alarm ${newName}`, () => cloudWatch.send(new PutMetricAlarmCommand({ ...settings, AlarmName: newName, ActionsEnabled, Tags: tags })));
  // Tags of a put are ignored when the alarm exists already, as it does after a lost answer.
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  await callAws(`tag the alarm ${newName}`, () => cloudWatch.send(new TagResourceCommand({ ResourceARN: arn, Tags: tags })));
  return { alarmName: newName };
}

/** Those of the source, and where it comes from. `aws:*` is reserved. */
async function clonedTags(cloudWatch: CloudWatchClient, source: MetricAlarm, originalName: string): Promise<Tag[]> {
  const answer = await callAws(`read the tags of the alarm ${source.AlarmName}`, () =>
    cloudWatch.send(new ListTagsForResourceCommand({ ResourceARN: source.AlarmArn })),
  );
  const kept = (answer.Tags ?? []).filter(({ Key = '' }) => !Key.startsWith('aws:') && Key !== tagKeys.alarmOf);
  return [...kept, { Key: tagKeys.alarmOf, Value: originalName }];
}

type Settings = Omit<PutMetricAlarmCommandInput, 'AlarmName' | 'ActionsEnabled' | 'Tags'>;

/** Every setting of the source; only the instance changes. */
function settingsOf(source: MetricAlarm, oldInstanceId: string, newInstanceId: string): Settings {
  const move = (dimensions: readonly Dimension[] | undefined): Dimension[] | undefined =>
    dimensions?.map(({ Name, Value }) => ({ Name, Value: Name === 'InstanceId' && Value === oldInstanceId ? newInstanceId : Value }));
  const queries = source.Metrics?.map((query) => movedQuery(query, move));
  const single = {
    MetricName: source.MetricName,
    Namespace: source.Namespace,
    Statistic: source.Statistic,
    ExtendedStatistic: source.ExtendedStatistic,
    Period: source.Period,
    Unit: source.Unit,
    Dimensions: move(source.Dimensions),
  };
  return {
    ...present({
      AlarmDescription: source.AlarmDescription,
      AlarmActions: source.AlarmActions,
      OKActions: source.OKActions,
      InsufficientDataActions: source.InsufficientDataActions,
      EvaluationPeriods: source.EvaluationPeriods,
      DatapointsToAlarm: source.DatapointsToAlarm,
      ComparisonOperator: source.ComparisonOperator,
      Threshold: source.Threshold,
      ThresholdMetricId: source.ThresholdMetricId,
      TreatMissingData: source.TreatMissingData,
      EvaluateLowSampleCountPercentile: source.EvaluateLowSampleCountPercentile,
      EvaluationWindow: source.EvaluationWindow,
      EvaluationCriteria: source.EvaluationCriteria,
      EvaluationInterval: source.EvaluationInterval,
      WarmUpConfiguration: source.WarmUpConfiguration,
      ActionConfiguration: source.ActionConfiguration,
    }),
    ...(queries === undefined || queries.length === 0 ? present(single) : { Metrics: queries }),
  };
}

function movedQuery(query: MetricDataQuery, move: (dimensions: readonly Dimension[] | undefined) => Dimension[] | undefined): MetricDataQuery {
  const { MetricStat } = query;
  if (MetricStat?.Metric === undefined) return query;
  return { ...query, MetricStat: { ...MetricStat, Metric: { ...MetricStat.Metric, ...present({ Dimensions: move(MetricStat.Metric.Dimensions) }) } } };
}
