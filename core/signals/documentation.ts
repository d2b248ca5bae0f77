import type { SubjectType } from './signal.ts';
import { type DetailType, type SignalRow, signalTable } from './table.ts';

/* What a person wants to know of a row and no function does: kept out of table.ts, because every alarm pays for what is in there. */

/** How one detail-type is documented. */
export interface SignalNote {
  /** Whom its signals concern. */
  readonly subjects: readonly SubjectType[];
  /** Where the form of the event is documented. */
  readonly authority: string;
  /** Why it is read so, where that is not plain. */
  readonly note?: string;
}

const docs = 'https://docs.aws.amazon.com';
const scalingEvents = `${docs}/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html`;
const ownBus = 'design.md section 6';
const ownPoll = `${docs}/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html`;

/** One for each row of the table. */
export const signalNotes = {
  'CloudWatch Alarm State Change': {
    subjects: ['instance', 'alarm'],
    authority: `${docs}/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html`,
    note: 'Also as the SNS message of an alarm (Notify_Users_Alarm_Changes.html) and as its direct call of a function (alarms-and-actions-Lambda.html). The subject is the instance when the metrics name exactly one. `[severity=critical]` (or high, warning, info) in the description replaces the severity of a firing alarm; `[level=70]` gives the severity of that level of use (50 info, 70 warning, 90 high).',
  },
  'EC2 Instance State-change Notification': {
    subjects: ['instance'],
    authority: `${docs}/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html`,
    note: 'The event does not tell a deliberate stop from a death, so it only brings the inventory up to date; checks, targets and alarms say when something is wrong.',
  },
  'EC2 Spot Instance Interruption Warning': { subjects: ['instance'], authority: `${docs}/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html` },
  'EC2 Instance Rebalance Recommendation': { subjects: ['instance'], authority: `${docs}/AWSEC2/latest/UserGuide/rebalance-recommendations.html` },
  'EC2 AMI State Change': { subjects: ['image'], authority: `${docs}/AWSEC2/latest/UserGuide/monitor-ami-events.html` },
  'EC2 Instance Launch Successful': { subjects: ['group'], authority: scalingEvents },
  'EC2 Instance Launch Unsuccessful': {
    subjects: ['group'],
    authority: scalingEvents,
    note: 'The group cannot replace what it loses.',
  },
  'EC2 Instance Terminate Successful': { subjects: ['group'], authority: scalingEvents },
  'EC2 Instance Terminate Unsuccessful': { subjects: ['group'], authority: scalingEvents },
  'EC2 Instance-launch Lifecycle Action': { subjects: ['instance'], authority: scalingEvents },
  'EC2 Instance-terminate Lifecycle Action': { subjects: ['instance'], authority: scalingEvents },
  'EC2 Auto Scaling Instance Refresh Started': { subjects: ['group'], authority: scalingEvents },
  'EC2 Auto Scaling Instance Refresh Checkpoint Reached': { subjects: ['group'], authority: scalingEvents },
  'EC2 Auto Scaling Instance Refresh Succeeded': { subjects: ['group'], authority: scalingEvents },
  'EC2 Auto Scaling Instance Refresh Failed': { subjects: ['group'], authority: scalingEvents },
  'EC2 Auto Scaling Instance Refresh Cancelled': {
    subjects: ['group'],
    authority: scalingEvents,
    note: 'A person or the rollback ended it; nothing goes on failing.',
  },
  'AWS Health Event': {
    subjects: ['instance', 'volume', 'image', 'account'],
    authority: `${docs}/health/latest/ug/aws-health-events-eventbridge-schema.html`,
    note: 'One signal for each affected instance, volume and image, one for the account when none is named. `upcoming` counts as open. A public issue concerns a Region, not surely us.',
  },
  'CodeDeploy Deployment State-change Notification': {
    subjects: ['deployment'],
    authority: `${docs}/codedeploy/latest/userguide/monitoring-cloudwatch-events.html`,
    note: 'READY: a blue/green deployment waits to shift traffic.',
  },
  'CodePipeline Pipeline Execution State Change': {
    subjects: ['deployment'],
    authority: `${docs}/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html`,
    note: 'CANCELED and SUPERSEDED: a newer execution overtook this one, which is how pipelines work.',
  },
  'EC2 Image Builder Image State Change': {
    subjects: ['image'],
    authority: `${docs}/imagebuilder/latest/userguide/integ-eventbridge.html`,
    note: 'The subject is the name of the image without its version, so that the next good build ends the trouble.',
  },
  'Step Functions Execution Status Change': {
    subjects: ['job'],
    authority: `${docs}/step-functions/latest/dg/eventbridge-integration.html`,
    note: "The subject is the state machine, and the execution for Perennial's own (name begins with `perennial`): a repair that ended badly needs a person.",
  },
  'Deployment Started': { subjects: ['deployment'], authority: ownBus },
  'Deployment Finished': { subjects: ['deployment'], authority: ownBus },
  'Deployment Failed': { subjects: ['deployment'], authority: ownBus },
  'Deployment Rolled Back': { subjects: ['deployment'], authority: ownBus },
  'Instance Status Check Failed': {
    subjects: ['instance'],
    authority: ownPoll,
    note: 'AWS emits no event for a failed status check; the poll of impaired instances puts this one on the queue.',
  },
  'Instance Status Check Recovered': { subjects: ['instance'], authority: ownPoll },
  'Target Unhealthy': {
    subjects: ['instance'],
    authority: `${docs}/elasticloadbalancing/latest/application/target-group-health-checks.html`,
    note: 'Put on the queue by the same poll.',
  },
  'Target Healthy': { subjects: ['instance'], authority: `${docs}/elasticloadbalancing/latest/application/target-group-health-checks.html` },
  'Repair Retry Due': {
    subjects: ['instance'],
    authority: 'design.md section 7',
    note: 'The sweep puts it on the queue when a repair that failed or was refused may be tried again. It repeats the signal that asked for the repair, so that it is the same trouble for incidents and policies; an alarm is named as it is called now, and counts by its original. Ignored once its incident is over.',
  },
  'Instance Replace Requested': {
    subjects: ['instance'],
    authority: 'design.md section 9',
    note: 'A person asks for a replacement (`perennial replace`). Nothing has to be wrong with the instance, so the pending time and the second reading do not apply; all other guardrails do.',
  },
  'Instance Revert Requested': {
    subjects: ['instance'],
    authority: 'design.md section 9',
    note: 'A person asks to swap back to the quarantined instance (`perennial revert`). The subject is the replacement that serves now.',
  },
  'System Drill Requested': {
    subjects: ['check'],
    authority: 'design.md section 9',
    note: 'A person asks for a drill on a throw-away instance (`perennial drill`). Its incident is `info` and says that it is a drill.',
  },
  'Budget Burning': {
    subjects: ['system'],
    authority: 'design.md section 8',
    note: 'From the evaluation of error budgets.',
  },
  'Budget Low': { subjects: ['system'], authority: 'design.md section 8', note: 'Less than a tenth of an error budget is left.' },
  'Budget Exhausted': { subjects: ['system'], authority: 'design.md section 8', note: 'Nothing of an error budget is left; the gate answers "freeze".' },
  'Budget Recovered': {
    subjects: ['system'],
    authority: 'design.md section 8',
    note: '`alert` says what is over: `low` or `spent`; without it, that it burns too fast.',
  },
  'Budget Condition Met': {
    subjects: ['system'],
    authority: 'design.md section 8',
    note: 'The condition of an OpenSLO `AlertPolicy` that the objective declares. `policy` is its name.',
  },
  'Budget Condition Over': { subjects: ['system'], authority: 'design.md section 8' },
  Heartbeat: {
    subjects: ['account'],
    authority: 'design.md section 4',
    note: 'Sent by a schedule every five minutes. It travels the way of every page to a mailbox of its own; an alarm looks at that mailbox only.',
  },
  'Check Failed': {
    subjects: ['check'],
    authority: ownBus,
    note: 'Sent by whatever checks, for example a probe of a page or of the API of a partner. `isExternal` says that others run what fails: the incident says so, and nothing of ours is replaced.',
  },
  'Check Passed': { subjects: ['check'], authority: ownBus },
  'Trouble Reported': {
    subjects: ['system'],
    authority: ownBus,
    note: '`perennial incidents open`, or a program that takes reports. It stays open until somebody closes it: no signal ends what a person has seen.',
  },
  'Job Failed': { subjects: ['job'], authority: 'design.md section 6' },
  'Job Succeeded': { subjects: ['job'], authority: 'design.md section 6' },
} as const satisfies Readonly<Record<DetailType, SignalNote>>;

const rows = Object.entries<SignalRow>(signalTable);
const notes: ReadonlyMap<string, SignalNote> = new Map(Object.entries(signalNotes));

const columns = ['Source', 'Detail-type', 'Case', 'Kind', 'Severity', 'State', 'Subject'] as const;

function tableLines(): readonly string[] {
  const cells = rows.flatMap(([detailType, row]) =>
    Object.entries(row.outcomes).map(([name, outcome], index) => [
      index === 0 ? row.source : '',
      index === 0 ? detailType : '',
      name,
      outcome.kind,
      outcome.severity,
      outcome.state,
      index === 0 ? (notes.get(detailType)?.subjects ?? []).join(', ') : '',
    ]),
  );
  const widths = columns.map((title, column) => Math.max(title.length, ...cells.map((line) => (line[column] ?? '').length)));
  const printed = (line: readonly string[]): string => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [printed(columns), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...cells.map(printed)];
}

function authorityLine([detailType, { authority, note }]: readonly [string, SignalNote]): string {
  const where = authority.startsWith('https://') ? `<${authority}>` : authority;
  return `- **${detailType}**: ${where}.${note === undefined ? '' : ` ${note}`}`;
}

/** docs/signals.md as it must read; a test compares them. */
export function renderSignalTable(): string {
  return [
    '# Signals',
    '',
    'What Perennial understands of what happens outside, and how. This page is printed from `core/signals/table.ts` and `core/signals/documentation.ts`: change it there.',
    '',
    'An event is read in any wrapping (EventBridge; SQS or SNS `Records`, one inside the other; a raw SNS notification; the direct call of an alarm). A detail-type is believed only from its own source; what is not in this table is rejected with the reason, and kept. Try it: `npm run -s perennial -- event explain <file>`.',
    '',
    'Severity: `critical` pages at once, repair or not; `high` pages, held while a repair runs; `warning` is mailed; `info` is recorded. State: `firing` begins a trouble, `resolved` ends it, `info` asks for nothing. An empty cell repeats the one above it.',
    '',
    ...tableLines(),
    '',
    '## Where each form is documented',
    '',
    ...[...notes].map(authorityLine),
    '',
  ].join('\n');
}
