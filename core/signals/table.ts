import type { Severity, SignalState } from './signal.ts';

/** What one case of an event means. */
interface Outcome {
  readonly kind: string;
  readonly severity: Severity;
  readonly state: SignalState;
}

/** How one source detail-type is read. */
export interface SignalRow {
  /** The only source it is believed from. */
  readonly source: string;
  /** The rule's name in the fingerprint: what ends a trouble must carry the same one as what began it. */
  readonly rule: string;
  /** By the value in the event that tells the cases apart; `always` where there is only one. */
  readonly outcomes: Readonly<Record<string, Outcome>>;
}

const info = (kind: string): Outcome => ({ kind, severity: 'info', state: 'info' });
const resolved = (kind: string): Outcome => ({ kind, severity: 'info', state: 'resolved' });
const firing = (kind: string, severity: Severity): Outcome => ({ kind, severity, state: 'firing' });

const from = (source: string, rule: string, outcomes: SignalRow['outcomes']): SignalRow => ({ source, rule, outcomes });
const ec2 = (rule: string, outcomes: SignalRow['outcomes']): SignalRow => from('aws.ec2', rule, outcomes);
const autoScaling = (rule: string, outcomes: SignalRow['outcomes']): SignalRow => from('aws.autoscaling', rule, outcomes);
const own = (rule: string, outcomes: SignalRow['outcomes']): SignalRow => from('perennial', rule, outcomes);

/** Every source detail-type that is understood (design section 2). What else a person wants to know of a row is in documentation.ts. */
export const signalTable = {
  'CloudWatch Alarm State Change': from('aws.cloudwatch', 'the name of the alarm', {
    ALARM: firing('alarm.state-change', 'high'),
    OK: resolved('alarm.state-change'),
    INSUFFICIENT_DATA: info('alarm.state-change'),
    'INSUFFICIENT_DATA, missing data is breaching': firing('alarm.state-change', 'high'),
    'only scaling actions': info('alarm.state-change'),
    'actions suppressed': info('alarm.state-change'),
    "Perennial's own alarm": info('alarm.state-change'),
  }),
  'EC2 Instance State-change Notification': ec2('instance-state', {
    pending: info('instance.state-change'),
    running: info('instance.state-change'),
    stopping: info('instance.state-change'),
    stopped: info('instance.state-change'),
    'shutting-down': info('instance.state-change'),
    terminated: info('instance.state-change'),
  }),
  'EC2 Spot Instance Interruption Warning': ec2('spot-interruption', {
    hibernate: firing('instance.spot-interruption', 'warning'),
    stop: firing('instance.spot-interruption', 'warning'),
    terminate: firing('instance.spot-interruption', 'warning'),
  }),
  'EC2 Instance Rebalance Recommendation': ec2('rebalance-recommendation', { always: info('instance.rebalance-recommendation') }),
  'EC2 AMI State Change': ec2('image-state', {
    pending: info('image.state-change'),
    available: resolved('image.state-change'),
    failed: firing('image.state-change', 'warning'),
    deregistered: info('image.state-change'),
    disabled: info('image.state-change'),
  }),
  'EC2 Instance Launch Successful': autoScaling('group-launch', { always: resolved('group.launch') }),
  'EC2 Instance Launch Unsuccessful': autoScaling('group-launch', { always: firing('group.launch', 'high') }),
  'EC2 Instance Terminate Successful': autoScaling('group-terminate', { always: resolved('group.terminate') }),
  'EC2 Instance Terminate Unsuccessful': autoScaling('group-terminate', { always: firing('group.terminate', 'warning') }),
  'EC2 Instance-launch Lifecycle Action': autoScaling('launch-hook', { always: info('instance.launch-hook') }),
  'EC2 Instance-terminate Lifecycle Action': autoScaling('terminate-hook', { always: info('instance.terminate-hook') }),
  'EC2 Auto Scaling Instance Refresh Started': autoScaling('instance-refresh', { always: info('group.instance-refresh') }),
  'EC2 Auto Scaling Instance Refresh Checkpoint Reached': autoScaling('instance-refresh', { always: info('group.instance-refresh') }),
  'EC2 Auto Scaling Instance Refresh Succeeded': autoScaling('instance-refresh', { always: resolved('group.instance-refresh') }),
  'EC2 Auto Scaling Instance Refresh Failed': autoScaling('instance-refresh', { always: firing('group.instance-refresh', 'high') }),
  'EC2 Auto Scaling Instance Refresh Cancelled': autoScaling('instance-refresh', { always: resolved('group.instance-refresh') }),
  'AWS Health Event': from('aws.health', 'the type code of the event', {
    'open issue': firing('health.issue', 'high'),
    'open public issue': firing('health.issue', 'warning'),
    'closed issue': resolved('health.issue'),
    'open scheduledChange': firing('health.scheduled-change', 'warning'),
    'closed scheduledChange': resolved('health.scheduled-change'),
    'open investigation': firing('health.investigation', 'warning'),
    'closed investigation': resolved('health.investigation'),
    accountNotification: info('health.notification'),
  }),
  'CodeDeploy Deployment State-change Notification': from('aws.codedeploy', 'deployment', {
    START: info('deploy.started'),
    READY: info('deploy.started'),
    SUCCESS: info('deploy.succeeded'),
    FAILURE: firing('deploy.failed', 'warning'),
    STOP: firing('deploy.stopped', 'warning'),
  }),
  'CodePipeline Pipeline Execution State Change': from('aws.codepipeline', 'deployment', {
    STARTED: info('deploy.started'),
    RESUMED: info('deploy.started'),
    SUCCEEDED: info('deploy.succeeded'),
    FAILED: firing('deploy.failed', 'warning'),
    STOPPING: info('deploy.stopped'),
    STOPPED: firing('deploy.stopped', 'warning'),
    CANCELED: info('deploy.stopped'),
    SUPERSEDED: info('deploy.stopped'),
  }),
  'EC2 Image Builder Image State Change': from('aws.imagebuilder', 'image-build', {
    PENDING: info('image.build'),
    CREATING: info('image.build'),
    BUILDING: info('image.build'),
    TESTING: info('image.build'),
    DISTRIBUTING: info('image.build'),
    INTEGRATING: info('image.build'),
    AVAILABLE: resolved('image.build'),
    FAILED: firing('image.build', 'warning'),
    CANCELLED: info('image.build'),
    DEPRECATED: info('image.build'),
    DISABLED: info('image.build'),
    DELETED: info('image.build'),
  }),
  'Step Functions Execution Status Change': from('aws.states', 'execution', {
    RUNNING: info('job.execution'),
    PENDING_REDRIVE: info('job.execution'),
    SUCCEEDED: resolved('job.execution'),
    FAILED: firing('job.execution', 'warning'),
    TIMED_OUT: firing('job.execution', 'warning'),
    ABORTED: firing('job.execution', 'warning'),
    'RUNNING, own': info('platform.execution'),
    'PENDING_REDRIVE, own': info('platform.execution'),
    'SUCCEEDED, own': resolved('platform.execution'),
    'FAILED, own': firing('platform.execution', 'high'),
    'TIMED_OUT, own': firing('platform.execution', 'high'),
    'ABORTED, own': firing('platform.execution', 'high'),
  }),
  'Deployment Started': own('deployment', { always: info('deploy.started') }),
  'Deployment Finished': own('deployment', { always: info('deploy.succeeded') }),
  'Deployment Failed': own('deployment', { always: firing('deploy.failed', 'warning') }),
  'Deployment Rolled Back': own('deployment', { always: info('deploy.rolled-back') }),
  'Instance Status Check Failed': own('status-check', { always: firing('instance.status-check', 'high') }),
  'Instance Status Check Recovered': own('status-check', { always: resolved('instance.status-check') }),
  'Target Unhealthy': own('target-health', { always: firing('instance.target-unhealthy', 'high') }),
  'Target Healthy': own('target-health', { always: resolved('instance.target-unhealthy') }),
  'Repair Retry Due': own('the rule of the signal that it repeats', {
    'alarm.state-change': firing('alarm.state-change', 'high'),
    'instance.status-check': firing('instance.status-check', 'high'),
    'instance.target-unhealthy': firing('instance.target-unhealthy', 'high'),
  }),
  // By hand: whoever may put messages on the queue (IAM) asks, and is named
  'Instance Replace Requested': own('replace-requested', { always: firing('instance.replace-requested', 'warning') }),
  'Instance Revert Requested': own('revert-requested', { always: firing('instance.revert-requested', 'warning') }),
  'System Drill Requested': own('drill-requested', { always: firing('check.drill-requested', 'warning') }),
  'Budget Burning': own('the name of the objective', {
    page: firing('budget.burn', 'critical'),
    high: firing('budget.burn', 'high'),
    ticket: firing('budget.burn', 'warning'),
  }),
  'Budget Low': own('the name of the objective', { always: firing('budget.low', 'warning') }),
  'Budget Exhausted': own('the name of the objective', { always: firing('budget.spent', 'high') }),
  'Budget Recovered': own('the name of the objective', { always: resolved('budget.burn'), low: resolved('budget.low'), spent: resolved('budget.spent') }),
  'Budget Condition Met': own('the names of the objective and the policy', {
    page: firing('budget.condition', 'critical'),
    high: firing('budget.condition', 'high'),
    ticket: firing('budget.condition', 'warning'),
  }),
  'Budget Condition Over': own('the names of the objective and the policy', { always: resolved('budget.condition') }),
  Heartbeat: own('heartbeat', { always: info('platform.heartbeat') }),
  // What a check or a person says: nothing is repaired for it by itself, people are told
  'Check Failed': own('the name of the check', { always: firing('check.failed', 'high'), external: firing('check.failed', 'high') }),
  'Check Passed': own('the name of the check', { always: resolved('check.failed') }),
  'Trouble Reported': own('what is reported', {
    critical: firing('system.reported', 'critical'),
    high: firing('system.reported', 'high'),
    warning: firing('system.reported', 'warning'),
  }),
  'Job Failed': own('job', { always: firing('job.failed', 'warning') }),
  'Job Succeeded': own('job', { always: resolved('job.failed') }),
} as const satisfies Readonly<Record<string, SignalRow>>;

export type DetailType = keyof typeof signalTable;

const rows: ReadonlyMap<string, SignalRow> = new Map(Object.entries(signalTable));

/** The row of a detail-type, whatever text an event calls so; `undefined` for one that is not understood. */
export function rowOf(detailType: string): SignalRow | undefined {
  return rows.get(detailType);
}

/** The cases of a row, for schemas. */
export function outcomesOf(detailType: DetailType): readonly string[] {
  return Object.keys(signalTable[detailType].outcomes);
}

/** A sentence that says which detail-types are understood: those of the source, else all. */
export function knownDetailTypes(source: string): string {
  const ofSource = [...rows].filter(([, row]) => row.source === source).map(([detailType]) => detailType);
  return ofSource.length > 0 ? `Understood from ${source}: ${ofSource.join(', ')}.` : `Understood are: ${[...rows.keys()].join(', ')}.`;
}

/** True when AWS itself emits this detail-type. */
export function isAwsRow(row: SignalRow): boolean {
  return row.source.startsWith('aws.');
}
