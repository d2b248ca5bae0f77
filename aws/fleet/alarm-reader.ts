import { type CloudWatchClient, DescribeAlarmsCommand, ListTagsForResourceCommand, type MetricAlarm, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import { matchesGlob } from '../../core/catalog/glob.ts';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import type { AlarmFacts, AlarmReader } from '../../core/remediation/ports.ts';
import { callAws } from '../platform/aws-errors.ts';
import { tagsOf } from './instance-facts.ts';

const MAX_NAMES = 100;
const MAX_PAGES = 100;

/** ListTagsForResource answers few calls a second: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html */
const READS_AT_ONCE = 5;

/** Actions by which an alarm heals or scales by itself; two healers would race. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/UsingAlarmActions.html */
const ownActions = /^arn:[a-z-]+:(automate:[^:]+:ec2:|swf:|autoscaling:)/;

export function createAlarmReader(cloudWatch: CloudWatchClient): AlarmReader {
  return { read: (names) => readAlarms(cloudWatch, names), ofInstance: (instanceId, globs) => alarmsOfInstance(cloudWatch, instanceId, globs) };
}

async function readAlarms(cloudWatch: CloudWatchClient, names: readonly string[]): Promise<readonly AlarmFacts[]> {
  if (names.length > MAX_NAMES) throw new PermanentError(`${names.length} alarms asked for at once; CloudWatch answers at most ${MAX_NAMES}.`);
  if (names.length === 0) return [];
  const answer = await callAws(`describe ${names.length} alarm(s)`, () =>
    cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [...names], AlarmTypes: ['MetricAlarm'], MaxRecords: MAX_NAMES })),
  );
  return allFacts(cloudWatch, answer.MetricAlarms ?? []);
}

async function allFacts(cloudWatch: CloudWatchClient, alarms: readonly MetricAlarm[]): Promise<readonly AlarmFacts[]> {
  const facts: AlarmFacts[] = [];
  for (let first = 0; first < alarms.length; first += READS_AT_ONCE) {
    facts.push(...(await Promise.all(alarms.slice(first, first + READS_AT_ONCE).map((alarm) => alarmFacts(cloudWatch, alarm)))));
  }
  return facts;
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
    hasOwnAction: alarm.ActionsEnabled !== false && (alarm.AlarmActions ?? []).some((action) => ownActions.test(action)),
    ...present({ instanceId: instanceOf(alarm), alarmOf: tagsOf(answer.Tags)[tagKeys.alarmOf] }),
  };
}

/** The instance that an alarm's metrics name, when they name exactly one. */
export function instanceOf(alarm: MetricAlarm): string | undefined {
  const dimensions = [...(alarm.Dimensions ?? []), ...(alarm.Metrics ?? []).flatMap((query) => query.MetricStat?.Metric?.Dimensions ?? [])];
  const ids = new Set(dimensions.flatMap((dimension) => (dimension.Name === 'InstanceId' && dimension.Value !== undefined ? [dimension.Value] : [])));
  return ids.size === 1 ? [...ids][0] : undefined;
}

/**
 * Asks by the literal beginning of each glob, then compares the whole: a change to any other alarm is not allowed. A clone may be named
 * so that only the name of its original fits.
 */
async function alarmsOfInstance(cloudWatch: CloudWatchClient, instanceId: string, globs: readonly string[]): Promise<readonly AlarmFacts[]> {
  const found = new Map<string, MetricAlarm>();
  for (const prefix of prefixesOf(globs)) {
    const alarms = await callAws(`list the alarms ${prefix}*`, () => listAlarms(cloudWatch, prefix));
    for (const alarm of alarms) if (instanceOf(alarm) === instanceId && alarm.AlarmName !== undefined) found.set(alarm.AlarmName, alarm);
  }
  const facts = await allFacts(cloudWatch, [...found.values()]);
  return facts.filter(({ name, alarmOf = name }) => globs.some((glob) => matchesGlob(glob, name) || matchesGlob(glob, alarmOf)));
}

/** Each alarm is listed once: a beginning that another one covers is left out. */
function prefixesOf(globs: readonly string[]): readonly string[] {
  const prefixes = [...new Set(globs.map((glob) => glob.split('*')[0] ?? ''))];
  return prefixes.filter((prefix) => !prefixes.some((other) => other !== prefix && prefix.startsWith(other)));
}

async function listAlarms(cloudWatch: CloudWatchClient, prefix: string): Promise<readonly MetricAlarm[]> {
  const alarms: MetricAlarm[] = [];
  const byName = prefix === '' ? {} : { AlarmNamePrefix: prefix };
  let pages = 0;
  for await (const page of paginateDescribeAlarms({ client: cloudWatch }, { ...byName, AlarmTypes: ['MetricAlarm'], MaxRecords: MAX_NAMES })) {
    alarms.push(...(page.MetricAlarms ?? []));
    pages += 1;
    if (pages > MAX_PAGES)
      throw new PermanentError(`More than ${MAX_NAMES * MAX_PAGES} alarms begin with "${prefix}"; write a longer beginning in the catalog.`);
  }
  return alarms;
}
