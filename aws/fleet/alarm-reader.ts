import { type CloudWatchClient, DescribeAlarmsCommand, ListTagsForResourceCommand, type MetricAlarm, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import type { AlarmFacts, AlarmReader } from '../../core/remediation/ports.ts';
import { callAws } from '../platform/aws-errors.ts';
import { tagsOf } from './instance-facts.ts';

const MAX_NAMES = 100;

/** Actions by which an alarm heals or scales by itself; two healers would race. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/UsingAlarmActions.html */
const ownActions = /^arn:[a-z-]+:(automate:[^:]+:ec2:|swf:|autoscaling:|ssm:)/;

export function createAlarmReader(cloudWatch: CloudWatchClient): AlarmReader {
  return { read: (names) => readAlarms(cloudWatch, names), ofInstance: (instanceId, globs) => alarmsOfInstance(cloudWatch, instanceId, globs) };
}

async function readAlarms(cloudWatch: CloudWatchClient, names: readonly string[]): Promise<readonly AlarmFacts[]> {
  if (names.length > MAX_NAMES) throw new PermanentError(`${names.length} alarms asked for at once; CloudWatch answers at most ${MAX_NAMES}.`);
  if (names.length === 0) return [];
  const answer = await callAws(`describe ${names.length} alarm(s)`, () =>
    cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [...names], AlarmTypes: ['MetricAlarm'], MaxRecords: MAX_NAMES })),
  );
  return Promise.all((answer.MetricAlarms ?? []).map((alarm) => alarmFacts(cloudWatch, alarm)));
}

async function alarmFacts(cloudWatch: CloudWatchClient, alarm: MetricAlarm): Promise<AlarmFacts> {
  const arn = alarm.AlarmArn ?? '';
  const name = alarm.AlarmName ?? '';
  const answer = await callAws(`read the tags of the alarm ${name}`, () => cloudWatch.send(new ListTagsForResourceCommand({ ResourceARN: arn })));
  return {
    name,
    arn,
    state: alarm.StateValue ?? 'INSUFFICIENT_DATA',
    stateReason: alarm.StateReason ?? '',
    changedAt: (alarm.StateUpdatedTimestamp ?? new Date(0)).toISOString(),
    treatsMissingDataAsBreaching: alarm.TreatMissingData === 'breaching',
    hasOwnAction: (alarm.AlarmActions ?? []).some((action) => ownActions.test(action)),
    ...present({ instanceId: instanceOf(alarm), alarmOf: tagsOf(answer.Tags)[tagKeys.alarmOf] }),
  };
}

/** The instance that an alarm's metrics name, when they name exactly one. */
export function instanceOf(alarm: MetricAlarm): string | undefined {
  const dimensions = [...(alarm.Dimensions ?? []), ...(alarm.Metrics ?? []).flatMap((query) => query.MetricStat?.Metric?.Dimensions ?? [])];
  const ids = new Set(dimensions.flatMap((dimension) => (dimension.Name === 'InstanceId' && dimension.Value !== undefined ? [dimension.Value] : [])));
  return ids.size === 1 ? [...ids][0] : undefined;
}

/** Asks by the literal beginning of each glob; a clone is named after its original, so the same globs find it. */
async function alarmsOfInstance(cloudWatch: CloudWatchClient, instanceId: string, globs: readonly string[]): Promise<readonly AlarmFacts[]> {
  const prefixes = [...new Set(globs.map((glob) => glob.split('*')[0] ?? ''))].filter((prefix) => prefix !== '');
  const found = new Map<string, MetricAlarm>();
  for (const AlarmNamePrefix of prefixes) {
    const alarms = await callAws(`list the alarms ${AlarmNamePrefix}*`, async () => {
      const pages: MetricAlarm[] = [];
      for await (const page of paginateDescribeAlarms({ client: cloudWatch }, { AlarmNamePrefix, AlarmTypes: ['MetricAlarm'], MaxRecords: MAX_NAMES }))
        pages.push(...(page.MetricAlarms ?? []));
      return pages;
    });
    for (const alarm of alarms) if (instanceOf(alarm) === instanceId && alarm.AlarmName !== undefined) found.set(alarm.AlarmName, alarm);
  }
  return Promise.all([...found.values()].map((alarm) => alarmFacts(cloudWatch, alarm)));
}
