import * as z from 'zod/mini';
import type { Scope } from '../environment/ports.ts';
import type { Timestamp } from '../environment/time.ts';
import {
  type BusEvent,
  type DetailReader,
  type Parsed,
  type Reading,
  accountIdSchema,
  instanceIdSchema,
  labelSchema,
  momentSchema,
  problemsOf,
  reader,
  scopeOfArn,
  scopeOfRegion,
} from './envelope.ts';
import { severityOfUsage } from './levels.ts';
import type { Severity } from './signal.ts';

/*
 * An alarm arrives in three forms: by EventBridge, as the message of an SNS topic, as the direct call of a function. All three are
 * read into the same change, so that they give the same signal with the same fingerprint.
 */

type AlarmState = 'ALARM' | 'OK' | 'INSUFFICIENT_DATA';

interface AlarmChange {
  readonly name: string;
  readonly description: string;
  readonly state: AlarmState;
  readonly previousState: AlarmState | undefined;
  readonly reason: string;
  readonly at: Timestamp;
  readonly scope: Partial<Scope>;
  /** Every `InstanceId` that a metric names, each once. */
  readonly instanceIds: readonly string[];
  readonly metrics: readonly string[];
  readonly isComposite: boolean;
  readonly treatMissingData: string | undefined;
  /** ARNs of all its actions; `undefined` where the form does not say (EventBridge and the direct call do not). */
  readonly actions: readonly string[] | undefined;
  readonly isSuppressed: boolean;
}

const stateSchema = z.enum(['ALARM', 'OK', 'INSUFFICIENT_DATA']);
const textSchema = z.nullish(z.string());
const arnsSchema = z.optional(z.array(z.string()));

/* --- EventBridge, and the direct call, which holds the same detail under another name --- */

const metricSchema = z.object({
  expression: z.optional(z.string()),
  metricStat: z.optional(
    z.object({
      metric: z.object({ name: z.optional(z.string()), namespace: z.optional(z.string()), dimensions: z._default(z.record(z.string(), z.string()), {}) }),
    }),
  ),
});

const alarmDetailSchema = z.object({
  alarmName: labelSchema,
  state: z.object({ value: stateSchema, reason: textSchema, timestamp: z.optional(momentSchema), actionsSuppressedBy: z.optional(z.string()) }),
  previousState: z.optional(z.object({ value: z.optional(stateSchema) })),
  configuration: z.optional(
    z.object({
      description: textSchema,
      alarmRule: z.optional(z.string()),
      metrics: z._default(z.array(metricSchema), []),
      treatMissingData: textSchema,
      alarmActions: arnsSchema,
    }),
  ),
});
type AlarmDetail = z.infer<typeof alarmDetailSchema>;

function changeOfDetail(detail: AlarmDetail, at: Timestamp, scope: Partial<Scope>): AlarmChange {
  const { configuration, state } = detail;
  const metrics = (configuration?.metrics ?? []).flatMap(({ metricStat }) => (metricStat === undefined ? [] : [metricStat.metric]));
  return {
    name: detail.alarmName,
    description: configuration?.description ?? '',
    state: state.value,
    previousState: detail.previousState?.value,
    reason: state.reason ?? '',
    // The event's own time has whole seconds only; the SNS form carries this one
    at: state.timestamp ?? at,
    scope,
    instanceIds: instanceIdsOf(metrics.map(({ dimensions }) => dimensions['InstanceId'])),
    metrics: metrics.map(({ namespace, name }) => metricName(namespace, name)),
    isComposite: configuration?.alarmRule !== undefined,
    treatMissingData: configuration?.treatMissingData ?? undefined,
    actions: configuration?.alarmActions,
    isSuppressed: state.actionsSuppressedBy !== undefined,
  };
}

/** `CloudWatch Alarm State Change` (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html). */
export const readAlarmDetail: DetailReader = reader(alarmDetailSchema, (detail, event: BusEvent) => [
  readingOf(changeOfDetail(detail, event.at, { ...event.scope, ...scopeOfArn(event.resources[0]) })),
]);

const directCallSchema = z.object({
  alarmArn: z.string(),
  accountId: z.optional(accountIdSchema),
  region: z.optional(z.string()),
  time: momentSchema,
  alarmData: alarmDetailSchema,
});

/** The direct call (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html). */
export function readAlarmCall(body: Readonly<Record<string, unknown>>): Parsed<Reading> {
  const parsed = z.safeParse(directCallSchema, body);
  if (!parsed.success) return { kind: 'rejected', reason: problemsOf(parsed.error, body, '') };
  const { alarmArn, accountId, region, time, alarmData } = parsed.data;
  const scope = { ...(accountId === undefined ? {} : { accountId }), ...scopeOfRegion(region), ...scopeOfArn(alarmArn) };
  return { kind: 'read', value: readingOf(changeOfDetail(alarmData, time, scope)) };
}

/* --- SNS --- */

/** AWS writes `name` and `value`, the local AWS capitals. */
const dimensionSchema = z.object({ name: z.optional(z.string()), value: z.optional(z.string()), Name: z.optional(z.string()), Value: z.optional(z.string()) });
const snsMetricSchema = z.object({
  MetricName: z.optional(z.string()),
  Namespace: z.optional(z.string()),
  Dimensions: z._default(z.array(dimensionSchema), []),
});
type SnsMetric = z.infer<typeof snsMetricSchema>;

const alarmMessageSchema = z.object({
  AlarmName: labelSchema,
  AlarmDescription: textSchema,
  AWSAccountId: z.optional(accountIdSchema),
  AlarmArn: z.optional(z.string()),
  NewStateValue: stateSchema,
  OldStateValue: z.optional(stateSchema),
  NewStateReason: textSchema,
  StateChangeTime: momentSchema,
  AlarmRule: z.optional(z.string()),
  ActionsSuppressedBy: z.optional(z.string()),
  OKActions: arnsSchema,
  AlarmActions: arnsSchema,
  InsufficientDataActions: arnsSchema,
  Trigger: z.optional(
    z.object({
      ...snsMetricSchema.shape,
      TreatMissingData: textSchema,
      Metrics: z._default(z.array(z.object({ MetricStat: z.optional(z.object({ Metric: snsMetricSchema })) })), []),
    }),
  ),
});
type AlarmMessage = z.infer<typeof alarmMessageSchema>;

/** The message of an alarm's SNS topic (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html). */
export function readAlarmMessage(body: Readonly<Record<string, unknown>>, topicArn: string | undefined): Parsed<Reading> {
  const parsed = z.safeParse(alarmMessageSchema, body);
  if (!parsed.success) return { kind: 'rejected', reason: problemsOf(parsed.error, body, '') };
  return { kind: 'read', value: readingOf(changeOfMessage(parsed.data, topicArn)) };
}

function changeOfMessage(message: AlarmMessage, topicArn: string | undefined): AlarmChange {
  const trigger = message.Trigger;
  const metrics: readonly SnsMetric[] =
    trigger === undefined ? [] : [trigger, ...trigger.Metrics.flatMap(({ MetricStat }) => (MetricStat === undefined ? [] : [MetricStat.Metric]))];
  const { OKActions, AlarmActions, InsufficientDataActions } = message;
  return {
    name: message.AlarmName,
    description: message.AlarmDescription ?? '',
    state: message.NewStateValue,
    previousState: message.OldStateValue,
    reason: message.NewStateReason ?? '',
    at: message.StateChangeTime,
    scope: scopeOfMessage(message, topicArn),
    instanceIds: instanceIdsOf(metrics.flatMap(({ Dimensions }) => Dimensions.map(instanceOfDimension))),
    metrics: metrics.filter(({ MetricName }) => MetricName !== undefined).map(({ Namespace, MetricName }) => metricName(Namespace, MetricName)),
    isComposite: message.AlarmRule !== undefined,
    treatMissingData: trigger?.TreatMissingData ?? undefined,
    actions: AlarmActions === undefined ? undefined : [...AlarmActions, ...(OKActions ?? []), ...(InsufficientDataActions ?? [])],
    isSuppressed: message.ActionsSuppressedBy !== undefined,
  };
}

/** `Region` holds a display name on AWS, so the ARNs tell: the alarm's own, else the topic's, which must be in the same Region. */
function scopeOfMessage(message: AlarmMessage, topicArn: string | undefined): Partial<Scope> {
  const account = message.AWSAccountId === undefined ? {} : { accountId: message.AWSAccountId };
  return { ...scopeOfArn(topicArn), ...account, ...scopeOfArn(message.AlarmArn) };
}

function instanceOfDimension(dimension: z.infer<typeof dimensionSchema>): string | undefined {
  return (dimension.name ?? dimension.Name) === 'InstanceId' ? (dimension.value ?? dimension.Value) : undefined;
}

/* --- the same from here on --- */

function instanceIdsOf(values: readonly (string | undefined)[]): readonly string[] {
  return [...new Set(values.filter((value) => value !== undefined))];
}

function metricName(namespace: string | undefined, name: string | undefined): string {
  return `${namespace ?? '?'}/${name ?? '?'}`;
}

/** Perennial's own alarms go straight to a human topic; one that still arrives here must not start anything (design section 2). */
const OWN_PREFIX = 'perennial-';

const scalingAction = /^arn:aws[\w-]*:autoscaling:/;
/** `…:automate:<region>:ec2:recover` and the older SWF form (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html). */
const ec2Action = /^arn:aws[\w-]*:(?:automate:[^:]*:ec2:|swf:[^:]*:[^:]*:action\/actions\/AWS_EC2\.)/;
/** The alarms target tracking makes; their only action is their policy (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html). */
const targetTracking = /^TargetTracking-/;

function hasOnlyScalingActions(change: AlarmChange): boolean | undefined {
  if (targetTracking.test(change.name) && change.description.includes('TargetTrackingScaling policy')) return true;
  if (change.actions === undefined) return undefined;
  return change.actions.length > 0 && change.actions.every((arn) => scalingAction.test(arn));
}

/** "breaching", in whichever way it is written: also `- TreatMissingData:   breaching`. */
function isMissingBreaching(text: string | undefined): boolean {
  return text !== undefined && /^(?:\W*TreatMissingData:)?\s*breaching\s*$/i.test(text.slice(0, 100));
}

function outcomeOf(change: AlarmChange): string {
  if (change.name.startsWith(OWN_PREFIX)) return "Perennial's own alarm";
  if (hasOnlyScalingActions(change) === true) return 'only scaling actions';
  if (change.state === 'ALARM' && change.isSuppressed) return 'actions suppressed';
  if (change.state === 'INSUFFICIENT_DATA' && isMissingBreaching(change.treatMissingData)) return 'INSUFFICIENT_DATA, missing data is breaching';
  return change.state;
}

const severitySchema = z.enum(['critical', 'high', 'warning', 'info']);

/** `[severity=high]`, else `[level=70]`, a level of use in percent. */
function severityTag(description: string): Severity | undefined {
  const text = description.slice(0, 2048);
  const tag = /\[severity=(\w{1,10})\]/i.exec(text)?.[1]?.toLowerCase();
  const parsed = z.safeParse(severitySchema, tag);
  if (parsed.success) return parsed.data;
  const level = /\[level=(\d{1,3})%?\]/i.exec(text)?.[1];
  return level === undefined ? undefined : severityOfUsage(Number(level));
}

/** A severity that nobody knows is said, not guessed. */
function severityNote(description: string): string | undefined {
  const tag = /\[severity=([^\]]{0,40})\]/i.exec(description.slice(0, 2048))?.[1];
  if (tag === undefined || z.safeParse(severitySchema, tag.toLowerCase()).success) return undefined;
  return `Its description asks for the severity "${tag}", which is none of critical, high, warning, info; the one of its kind stands.`;
}

const reasons: Readonly<Record<string, string>> = {
  "Perennial's own alarm": " It is one of Perennial's own, which go straight to people.",
  'only scaling actions': ' Its only actions are scaling, so it asks for nothing.',
  'actions suppressed': ' Its actions are suppressed, so it asks for nothing yet.',
  'INSUFFICIENT_DATA, missing data is breaching': ' It treats missing data as breaching.',
};

/** Longer reasons list datapoints that nobody reads. */
const MAX_REASON_CHARACTERS = 300;

function summaryOf(change: AlarmChange, outcome: string): string {
  const reason = change.reason.trim().slice(0, MAX_REASON_CHARACTERS);
  const said = reason === '' ? '.' : `: ${reason}${/[.!?]$/.test(reason) ? '' : '.'}`;
  return `Alarm ${change.name} went to ${change.state}${said}${reasons[outcome] ?? ''}`;
}

function readingOf(change: AlarmChange): Reading {
  const outcome = outcomeOf(change);
  const [instanceId] = change.instanceIds.filter((id) => instanceIdSchema.safeParse(id).success);
  const isAboutInstance = instanceId !== undefined && change.instanceIds.length === 1;
  const onlyScaling = hasOnlyScalingActions(change);
  return {
    outcome,
    subject: isAboutInstance ? { type: 'instance', id: instanceId } : { type: 'alarm', id: change.name },
    summary: summaryOf(change, outcome),
    rule: change.name,
    at: change.at,
    scope: change.scope,
    severity: severityTag(change.description),
    details: {
      alarmState: change.state,
      previousState: change.previousState,
      description: change.description === '' ? undefined : change.description,
      severityNote: severityNote(change.description),
      reason: change.reason,
      metrics: change.metrics.length === 0 ? undefined : change.metrics.slice(0, 5).join(', '),
      instances: change.instanceIds.length > 1 ? change.instanceIds.slice(0, 10).join(', ') : undefined,
      isComposite: change.isComposite ? 'true' : undefined,
      treatMissingData: change.treatMissingData,
      onlyScalingActions: onlyScaling === undefined ? undefined : String(onlyScaling),
      ownAction: change.actions?.find((arn) => ec2Action.test(arn) || scalingAction.test(arn)),
    },
  };
}
