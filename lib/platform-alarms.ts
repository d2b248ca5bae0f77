import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { FunctionName } from '../core/environment/function-environment.ts';
import type { AlarmArticle, AlarmDeclaration, AlarmRegistry } from './alarm-registry.ts';
import type { EventFunction } from './event-function.ts';
import type { Functions } from './functions.ts';
import { type Heartbeat, heartbeatMinutes } from './heartbeat.ts';
import type { NotificationTopics } from './notification-topics.ts';
import type { RecordTable } from './record-table.ts';
import type { RemediationMachine } from './remediation-machine.ts';
import type { Schedules } from './schedules.ts';
import type { SignalIntake } from './signal-intake.ts';

export interface Watched {
  readonly intake: SignalIntake;
  readonly functions: Functions;
  readonly signals: EventFunction<'signals'>;
  readonly schedules: Schedules;
  readonly machine: RemediationMachine;
  readonly topics: NotificationTopics;
  readonly records: RecordTable;
  readonly heartbeat: Heartbeat;
}

const silenceIsGood = { data: 'fine', why: 'the service sends it only when there is something to count.' } as const;
const silenceIsNoWork = { data: 'fine', why: 'an idle queue sends none.' } as const;
const silenceIsAStop = { data: 'trouble', why: 'a schedule that runs sends one every time.' } as const;

/** What Perennial watches about itself; each row has its article in docs/runbook.md. */
export function addPlatformAlarms(registry: AlarmRegistry, watched: Watched): void {
  const { functions, signals } = watched;
  const { observe, act, reap, sweep, impaired, budget, desk, publishCatalog } = functions;
  const declarations: readonly AlarmDeclaration[] = [
    ...queueAlarms(watched),
    ...[signals, observe, act, reap, sweep, impaired, budget, desk, publishCatalog].map(({ functionName, handler }) => functionErrors(functionName, handler)),
    ...[signals, observe, act, reap, sweep, impaired, budget, desk, functions.page].map(({ functionName, handler }) =>
      functionThrottles(functionName, handler),
    ),
    pageErrors(functions.page.handler),
    ...repairAlarms(watched.machine),
    ...scheduleAlarms(watched),
    ...deliveryAlarms(watched.topics),
    subscriptionsMissing(watched.schedules),
    ...tableAlarms(watched.records),
    heartbeatMissing(watched.heartbeat),
  ];
  for (const declaration of declarations) registry.add(declaration);
}

function queueAlarms({ intake, functions }: Watched): readonly AlarmDeclaration[] {
  const filled = (article: AlarmArticle, says: string, queue: IQueue): AlarmDeclaration => ({
    article,
    says,
    metric: queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(1), statistic: 'Maximum' }),
    threshold: 1,
    periods: 1,
    missing: silenceIsNoWork,
  });
  return [
    filled('signals-dead-letters', 'A signal failed five times and waits in the dead-letter queue.', intake.deadLetters),
    filled('scheduler-dead-letters', 'A timer reached no function, or a page failed three times.', functions.scheduleDeadLetters),
    filled('signals-rejected', 'An event came that nobody can read.', intake.rejected),
    {
      article: 'signals-age',
      says: 'Signals wait for more than five minutes: repairs and pages are late.',
      metric: intake.queue.metricApproximateAgeOfOldestMessage({ period: Duration.minutes(1), statistic: 'Maximum' }),
      threshold: 300,
      periods: 3,
      missing: silenceIsNoWork,
    },
  ];
}

/** Single errors are retried by who called; three in a quarter of an hour are a pattern. */
function functionErrors(name: FunctionName, handler: IFunction): AlarmDeclaration {
  const metric = handler.metricErrors({ period: Duration.minutes(15), statistic: 'Sum' });
  return {
    article: 'function-errors',
    of: name,
    says: `The function ${name} failed three times in 15 minutes.`,
    metric,
    threshold: 3,
    periods: 1,
    missing: silenceIsGood,
  };
}

function functionThrottles(name: FunctionName, handler: IFunction): AlarmDeclaration {
  const metric = handler.metricThrottles({ period: Duration.minutes(5), statistic: 'Sum' });
  const says = `The function ${name} was not let run: the account has too few concurrent executions.`;
  return { article: 'function-throttles', of: name, says, metric, threshold: 1, periods: 3, missing: silenceIsGood };
}

function pageErrors(handler: IFunction): AlarmDeclaration {
  const metric = handler.metricErrors({ period: Duration.minutes(1), statistic: 'Sum' });
  return {
    article: 'page-errors',
    says: 'The function that pages failed: somebody may not have been woken.',
    metric,
    threshold: 1,
    periods: 1,
    missing: silenceIsGood,
  };
}

function repairAlarms({ machine }: RemediationMachine): readonly AlarmDeclaration[] {
  const period = { period: Duration.minutes(1), statistic: 'Sum' };
  const row = { threshold: 1, periods: 1, missing: silenceIsGood };
  return [
    { ...row, article: 'repair-failed', says: 'A repair failed; its incident says what is half-done.', metric: machine.metricFailed(period) },
    { ...row, article: 'repair-timed-out', says: 'A repair ran for six hours without an end.', metric: machine.metricTimedOut(period) },
  ];
}

function stopped(article: AlarmArticle, says: string, { handler }: { readonly handler: IFunction }, period: Duration): AlarmDeclaration {
  const metric = handler.metricInvocations({ period, statistic: 'Sum' });
  return { article, says, metric, threshold: 1, isMinimum: true, periods: 2, missing: silenceIsAStop };
}

function scheduleAlarms({ functions, schedules }: Watched): readonly AlarmDeclaration[] {
  const scheduler = (metricName: string) =>
    new Metric({
      namespace: 'AWS/Scheduler',
      metricName,
      dimensionsMap: { ScheduleGroup: schedules.groupName },
      period: Duration.minutes(5),
      statistic: 'Sum',
    });
  const missing = silenceIsGood;
  return [
    stopped(
      'sweep-not-running',
      'Several sweeps in a row have not run: inventory and captures age.',
      functions.sweep,
      Duration.minutes(2 * schedules.sweepMinutes),
    ),
    stopped('budget-not-running', 'No error budget has been evaluated for ten minutes.', functions.budget, Duration.minutes(5)),
    stopped(
      'desk-not-running',
      'Nobody has looked at the incidents for ten minutes: nothing is escalated, nothing held is sent.',
      functions.desk,
      Duration.minutes(5),
    ),
    stopped('impaired-poll-not-running', 'Nobody has asked for failed status checks for ten minutes.', functions.impaired, Duration.minutes(5)),
    {
      article: 'scheduler-target-errors',
      says: 'The scheduler could not call a function.',
      metric: scheduler('TargetErrorCount'),
      threshold: 1,
      periods: 2,
      missing,
    },
    {
      article: 'scheduler-dropped',
      says: 'The scheduler gave up on a call; it may have been a page.',
      metric: scheduler('InvocationDroppedCount'),
      threshold: 1,
      periods: 1,
      missing,
    },
  ];
}

function deliveryAlarms({ bySeverity, platform }: NotificationTopics): readonly AlarmDeclaration[] {
  return Object.entries({ ...bySeverity, platform }).map(([of, topic]) => {
    const metric = topic.metricNumberOfNotificationsFailed({ period: Duration.minutes(5), statistic: 'Sum' });
    return {
      article: 'delivery-failures',
      of,
      says: `A notification of the topic ${of} was not delivered.`,
      metric,
      threshold: 1,
      periods: 1,
      missing: silenceIsGood,
    };
  });
}

/** The one alarm that looks at the far end of the way of a page. It goes to people by CloudWatch and the platform topic, of which that way uses nothing. */
function heartbeatMissing({ mailbox }: Heartbeat): AlarmDeclaration {
  return {
    article: 'heartbeat-missing',
    says: 'No heartbeat has gone the whole way of a page for 15 minutes: pages may not arrive.',
    metric: mailbox.metricNumberOfMessagesSent({ period: Duration.minutes(heartbeatMinutes), statistic: 'Sum' }),
    threshold: 1,
    isMinimum: true,
    periods: 3,
    missing: { data: 'trouble', why: 'the mailbox gets one every five minutes, or the way is broken.' },
  };
}

/** Counted by each sweep. A mail address that was suspended, that nobody confirmed or that somebody unsubscribed looks healthy to SNS. */
function subscriptionsMissing({ sweepMinutes }: Schedules): AlarmDeclaration {
  return {
    article: 'subscriptions-missing',
    says: 'A subscription that the catalog asks for waits for its confirmation, was suspended or is gone: somebody hears nothing.',
    metric: new Metric({
      namespace: 'Perennial',
      metricName: 'SubscriptionsMissing',
      dimensionsMap: { service: 'sweep' },
      period: Duration.minutes(2 * sweepMinutes),
      statistic: 'Maximum',
    }),
    threshold: 1,
    periods: 1,
    missing: { data: 'fine', why: 'a sweep that does not run has an alarm of its own.' },
  };
}

/** DynamoDB counts throttled reads and writes of a table on demand when it grows faster than it may double. */
function tableAlarms({ table }: RecordTable): readonly AlarmDeclaration[] {
  const metric = (metricName: string) => table.metric(metricName, { period: Duration.minutes(5), statistic: 'Sum' });
  const row = { article: 'table-throttles', threshold: 1, periods: 2, missing: silenceIsGood } as const;
  return [
    { ...row, of: 'reads', says: 'Reads of the table are throttled.', metric: metric('ReadThrottleEvents') },
    { ...row, of: 'writes', says: 'Writes to the table are throttled.', metric: metric('WriteThrottleEvents') },
  ];
}
