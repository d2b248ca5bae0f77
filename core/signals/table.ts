import type { Severity, SignalState, SubjectType } from './signal.ts';

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
  readonly subjects: readonly SubjectType[];
  /** The rule's name in the fingerprint: what ends a trouble must carry the same one as what began it. */
  readonly rule: string;
  /** By the value in the event that tells the cases apart; `always` where there is only one. */
  readonly outcomes: Readonly<Record<string, Outcome>>;
  /** Where the form of the event is documented. */
  readonly authority: string;
  /** Why it is read so, where that is not plain. */
  readonly note?: string;
}

const docs = 'https://docs.aws.amazon.com';
const scalingEvents = `${docs}/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html`;
const ownBus = 'design.md section 6';
const ownPoll = `${docs}/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html`;

const info = (kind: string): Outcome => ({ kind, severity: 'info', state: 'info' });
const resolved = (kind: string): Outcome => ({ kind, severity: 'info', state: 'resolved' });
const firing = (kind: string, severity: Severity): Outcome => ({ kind, severity, state: 'firing' });

/** Every source detail-type that is understood (design section 2), printed in docs/signals.md. */
export const signalTable = {
  'CloudWatch Alarm State Change': {
    source: 'aws.cloudwatch',
    subjects: ['instance', 'alarm'],
    rule: 'the name of the alarm',
    outcomes: {
      ALARM: firing('alarm.state-change', 'high'),
      OK: resolved('alarm.state-change'),
      INSUFFICIENT_DATA: info('alarm.state-change'),
      'INSUFFICIENT_DATA, missing data is breaching': firing('alarm.state-change', 'high'),
      'only scaling actions': info('alarm.state-change'),
      'actions suppressed': info('alarm.state-change'),
      "Perennial's own alarm": info('alarm.state-change'),
    },
    authority: `${docs}/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html`,
    note: 'Also as the SNS message of an alarm (Notify_Users_Alarm_Changes.html) and as its direct call of a function (alarms-and-actions-Lambda.html). The subject is the instance when the metrics name exactly one. `[severity=critical]` (or high, warning, info) in the description replaces the severity of a firing alarm.',
  },
  'EC2 Instance State-change Notification': {
    source: 'aws.ec2',
    subjects: ['instance'],
    rule: 'instance-state',
    outcomes: {
      pending: info('instance.state-change'),
      running: info('instance.state-change'),
      stopping: info('instance.state-change'),
      stopped: info('instance.state-change'),
      'shutting-down': info('instance.state-change'),
      terminated: info('instance.state-change'),
    },
    authority: `${docs}/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html`,
    note: 'The event does not tell a deliberate stop from a death, so it only brings the inventory up to date; checks, targets and alarms say when something is wrong.',
  },
  'EC2 Spot Instance Interruption Warning': {
    source: 'aws.ec2',
    subjects: ['instance'],
    rule: 'spot-interruption',
    outcomes: {
      hibernate: firing('instance.spot-interruption', 'warning'),
      stop: firing('instance.spot-interruption', 'warning'),
      terminate: firing('instance.spot-interruption', 'warning'),
    },
    authority: `${docs}/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html`,
  },
  'EC2 Instance Rebalance Recommendation': {
    source: 'aws.ec2',
    subjects: ['instance'],
    rule: 'rebalance-recommendation',
    outcomes: { always: info('instance.rebalance-recommendation') },
    authority: `${docs}/AWSEC2/latest/UserGuide/rebalance-recommendations.html`,
  },
  'EC2 AMI State Change': {
    source: 'aws.ec2',
    subjects: ['image'],
    rule: 'image-state',
    outcomes: {
      pending: info('image.state-change'),
      available: resolved('image.state-change'),
      failed: firing('image.state-change', 'warning'),
      deregistered: info('image.state-change'),
      disabled: info('image.state-change'),
    },
    authority: `${docs}/AWSEC2/latest/UserGuide/monitor-ami-events.html`,
  },
  'EC2 Instance Launch Successful': {
    source: 'aws.autoscaling',
    subjects: ['group'],
    rule: 'group-launch',
    outcomes: { always: resolved('group.launch') },
    authority: scalingEvents,
  },
  'EC2 Instance Launch Unsuccessful': {
    source: 'aws.autoscaling',
    subjects: ['group'],
    rule: 'group-launch',
    outcomes: { always: firing('group.launch', 'high') },
    authority: scalingEvents,
    note: 'The group cannot replace what it loses.',
  },
  'EC2 Instance Terminate Successful': {
    source: 'aws.autoscaling',
    subjects: ['group'],
    rule: 'group-terminate',
    outcomes: { always: resolved('group.terminate') },
    authority: scalingEvents,
  },
  'EC2 Instance Terminate Unsuccessful': {
    source: 'aws.autoscaling',
    subjects: ['group'],
    rule: 'group-terminate',
    outcomes: { always: firing('group.terminate', 'warning') },
    authority: scalingEvents,
  },
  'EC2 Instance-launch Lifecycle Action': {
    source: 'aws.autoscaling',
    subjects: ['instance'],
    rule: 'launch-hook',
    outcomes: { always: info('instance.launch-hook') },
    authority: scalingEvents,
  },
  'EC2 Instance-terminate Lifecycle Action': {
    source: 'aws.autoscaling',
    subjects: ['instance'],
    rule: 'terminate-hook',
    outcomes: { always: info('instance.terminate-hook') },
    authority: scalingEvents,
  },
  'EC2 Auto Scaling Instance Refresh Started': {
    source: 'aws.autoscaling',
    subjects: ['group'],
    rule: 'instance-refresh',
    outcomes: { always: info('group.instance-refresh') },
    authority: scalingEvents,
  },
  'EC2 Auto Scaling Instance Refresh Checkpoint Reached': {
    source: 'aws.autoscaling',
    subjects: ['group'],
    rule: 'instance-refresh',
    outcomes: { always: info('group.instance-refresh') },
    authority: scalingEvents,
  },
  'EC2 Auto Scaling Instance Refresh Succeeded': {
    source: 'aws.autoscaling',
    subjects: ['group'],
    rule: 'instance-refresh',
    outcomes: { always: resolved('group.instance-refresh') },
    authority: scalingEvents,
  },
  'EC2 Auto Scaling Instance Refresh Failed': {
    source: 'aws.autoscaling',
    subjects: ['group'],
    rule: 'instance-refresh',
    outcomes: { always: firing('group.instance-refresh', 'high') },
    authority: scalingEvents,
  },
  'EC2 Auto Scaling Instance Refresh Cancelled': {
    source: 'aws.autoscaling',
    subjects: ['group'],
    rule: 'instance-refresh',
    outcomes: { always: resolved('group.instance-refresh') },
    authority: scalingEvents,
    note: 'A person or the rollback ended it; nothing goes on failing.',
  },
  'AWS Health Event': {
    source: 'aws.health',
    subjects: ['instance', 'volume', 'image', 'account'],
    rule: 'the type code of the event',
    outcomes: {
      'open issue': firing('health.issue', 'high'),
      'open public issue': firing('health.issue', 'warning'),
      'closed issue': resolved('health.issue'),
      'open scheduledChange': firing('health.scheduled-change', 'warning'),
      'closed scheduledChange': resolved('health.scheduled-change'),
      'open investigation': firing('health.investigation', 'warning'),
      'closed investigation': resolved('health.investigation'),
      accountNotification: info('health.notification'),
    },
    authority: `${docs}/health/latest/ug/aws-health-events-eventbridge-schema.html`,
    note: 'One signal for each affected instance, volume and image, one for the account when none is named. `upcoming` counts as open. A public issue concerns a Region, not surely us.',
  },
  'CodeDeploy Deployment State-change Notification': {
    source: 'aws.codedeploy',
    subjects: ['deployment'],
    rule: 'deployment',
    outcomes: {
      START: info('deploy.started'),
      READY: info('deploy.started'),
      SUCCESS: info('deploy.succeeded'),
      FAILURE: firing('deploy.failed', 'warning'),
      STOP: firing('deploy.stopped', 'warning'),
    },
    authority: `${docs}/codedeploy/latest/userguide/monitoring-cloudwatch-events.html`,
    note: 'READY: a blue/green deployment waits to shift traffic.',
  },
  'CodePipeline Pipeline Execution State Change': {
    source: 'aws.codepipeline',
    subjects: ['deployment'],
    rule: 'deployment',
    outcomes: {
      STARTED: info('deploy.started'),
      RESUMED: info('deploy.started'),
      SUCCEEDED: info('deploy.succeeded'),
      FAILED: firing('deploy.failed', 'warning'),
      STOPPING: info('deploy.stopped'),
      STOPPED: firing('deploy.stopped', 'warning'),
      CANCELED: info('deploy.stopped'),
      SUPERSEDED: info('deploy.stopped'),
    },
    authority: `${docs}/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html`,
    note: 'CANCELED and SUPERSEDED: a newer execution overtook this one, which is how pipelines work.',
  },
  'EC2 Image Builder Image State Change': {
    source: 'aws.imagebuilder',
    subjects: ['image'],
    rule: 'image-build',
    outcomes: {
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
    },
    authority: `${docs}/imagebuilder/latest/userguide/integ-eventbridge.html`,
    note: 'The subject is the name of the image without its version, so that the next good build ends the trouble.',
  },
  'Step Functions Execution Status Change': {
    source: 'aws.states',
    subjects: ['job'],
    rule: 'execution',
    outcomes: {
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
    },
    authority: `${docs}/step-functions/latest/dg/eventbridge-integration.html`,
    note: "The subject is the state machine, and the execution for Perennial's own (name begins with `perennial`): a repair that ended badly needs a person.",
  },
  'Deployment Started': {
    source: 'perennial',
    subjects: ['deployment'],
    rule: 'deployment',
    outcomes: { always: info('deploy.started') },
    authority: ownBus,
  },
  'Deployment Finished': {
    source: 'perennial',
    subjects: ['deployment'],
    rule: 'deployment',
    outcomes: { always: info('deploy.succeeded') },
    authority: ownBus,
  },
  'Deployment Failed': {
    source: 'perennial',
    subjects: ['deployment'],
    rule: 'deployment',
    outcomes: { always: firing('deploy.failed', 'warning') },
    authority: ownBus,
  },
  'Deployment Rolled Back': {
    source: 'perennial',
    subjects: ['deployment'],
    rule: 'deployment',
    outcomes: { always: info('deploy.rolled-back') },
    authority: ownBus,
  },
  'Instance Status Check Failed': {
    source: 'perennial',
    subjects: ['instance'],
    rule: 'status-check',
    outcomes: { always: firing('instance.status-check', 'high') },
    authority: ownPoll,
    note: 'AWS emits no event for a failed status check; the poll of impaired instances puts this one on the queue.',
  },
  'Instance Status Check Recovered': {
    source: 'perennial',
    subjects: ['instance'],
    rule: 'status-check',
    outcomes: { always: resolved('instance.status-check') },
    authority: ownPoll,
  },
  'Target Unhealthy': {
    source: 'perennial',
    subjects: ['instance'],
    rule: 'target-health',
    outcomes: { always: firing('instance.target-unhealthy', 'high') },
    authority: `${docs}/elasticloadbalancing/latest/application/target-group-health-checks.html`,
    note: 'Put on the queue by the same poll.',
  },
  'Target Healthy': {
    source: 'perennial',
    subjects: ['instance'],
    rule: 'target-health',
    outcomes: { always: resolved('instance.target-unhealthy') },
    authority: `${docs}/elasticloadbalancing/latest/application/target-group-health-checks.html`,
  },
  'Budget Burning': {
    source: 'perennial',
    subjects: ['system'],
    rule: 'the name of the objective',
    outcomes: { page: firing('budget.burn', 'critical'), ticket: firing('budget.burn', 'warning') },
    authority: 'design.md section 8',
    note: 'From the evaluation of error budgets.',
  },
  'Budget Recovered': {
    source: 'perennial',
    subjects: ['system'],
    rule: 'the name of the objective',
    outcomes: { always: resolved('budget.burn') },
    authority: 'design.md section 8',
  },
  'Job Failed': {
    source: 'perennial',
    subjects: ['job'],
    rule: 'job',
    outcomes: { always: firing('job.failed', 'warning') },
    authority: 'design.md section 6',
  },
  'Job Succeeded': {
    source: 'perennial',
    subjects: ['job'],
    rule: 'job',
    outcomes: { always: resolved('job.failed') },
    authority: 'design.md section 6',
  },
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

const columns = ['Source', 'Detail-type', 'Case', 'Kind', 'Severity', 'State', 'Subject'] as const;

function tableLines(): readonly string[] {
  const cells = [...rows].flatMap(([detailType, row]) =>
    Object.entries(row.outcomes).map(([name, outcome], index) => [
      index === 0 ? row.source : '',
      index === 0 ? detailType : '',
      name,
      outcome.kind,
      outcome.severity,
      outcome.state,
      index === 0 ? row.subjects.join(', ') : '',
    ]),
  );
  const widths = columns.map((title, column) => Math.max(title.length, ...cells.map((line) => (line[column] ?? '').length)));
  const printed = (line: readonly string[]): string => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [printed(columns), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...cells.map(printed)];
}

function authorityLine([detailType, row]: readonly [string, SignalRow]): string {
  const where = row.authority.startsWith('https://') ? `<${row.authority}>` : row.authority;
  return `- **${detailType}**: ${where}.${row.note === undefined ? '' : ` ${row.note}`}`;
}

/** docs/signals.md as it must read; a test compares them. */
export function renderSignalTable(): string {
  return [
    '# Signals',
    '',
    'What Perennial understands of what happens outside, and how. This page is printed from `core/signals/table.ts`: change it there.',
    '',
    'An event is read in any wrapping (EventBridge; SQS or SNS `Records`, one inside the other; a raw SNS notification; the direct call of an alarm). A detail-type is believed only from its own source; what is not in this table is rejected with the reason, and kept. Try it: `npm run -s perennial -- event explain <file>`.',
    '',
    'Severity: `critical` pages at once, repair or not; `high` pages, held while a repair runs; `warning` is mailed; `info` is recorded. State: `firing` begins a trouble, `resolved` ends it, `info` asks for nothing. An empty cell repeats the one above it.',
    '',
    ...tableLines(),
    '',
    '## Where each form is documented',
    '',
    ...[...rows].map(authorityLine),
    '',
  ].join('\n');
}
