import { Aws } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { SubscriptionFilter } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import type { NotificationTopics } from './notification-topics.ts';
import { grant } from './permissions/permission.ts';
import { sendPermissions } from './permissions/platform.ts';
import { addQueue, type SignalIntake } from './signal-intake.ts';

export const heartbeatMinutes = 5;

export interface HeartbeatProps {
  /** Of the schedules. */
  readonly groupName: string;
  readonly intake: SignalIntake;
  readonly topics: NotificationTopics;
  /** Where heartbeats end that the scheduler could not send. */
  readonly scheduleDeadLetters: IQueue;
}

/**
 * Who watches the watchman: every few minutes a message goes the whole way of a page (queue, function, table, topic) into a mailbox
 * that only an alarm looks at. Nobody reads the mailbox; its messages go by themselves.
 */
export class Heartbeat extends Construct {
  readonly mailbox: Queue;

  constructor(scope: Construct, id: string, { groupName, intake, topics, scheduleDeadLetters }: HeartbeatProps) {
    super(scope, id);
    this.mailbox = addQueue(this, 'Mailbox');
    acknowledge(this.mailbox, { 'AwsSolutions-SQS3': 'Nobody reads it: its alarm counts what arrives, and messages go by themselves.' });
    const filterPolicy = { channels: SubscriptionFilter.stringFilter({ allowlist: ['heartbeat'] }) };
    topics.bySeverity.critical.addSubscription(new SqsSubscription(this.mailbox, { filterPolicy }));
    this.#send(groupName, intake.queue, scheduleDeadLetters);
  }

  #send(groupName: string, queue: IQueue, deadLetters: IQueue): void {
    // Of this account only: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    const assumedBy = new ServicePrincipal('scheduler.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } });
    const role = new Role(this, 'Role', { assumedBy, description: 'Lets the scheduler send the heartbeat of Perennial' });
    grant(role, sendPermissions('Heartbeat', queue, deadLetters));
    new CfnSchedule(this, 'Schedule', {
      groupName,
      scheduleExpression: `rate(${heartbeatMinutes} minutes)`,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: queue.queueArn,
        roleArn: role.roleArn,
        input: heartbeatEvent,
        // The next one comes soon; one that is late says nothing new.
        retryPolicy: { maximumEventAgeInSeconds: heartbeatMinutes * 60, maximumRetryAttempts: 2 },
        deadLetterConfig: { arn: deadLetters.queueArn },
      },
    });
  }
}

/** `<aws.scheduler.scheduled-time>` is filled in by the scheduler: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html */
const heartbeatEvent = JSON.stringify({
  source: 'perennial',
  'detail-type': 'Heartbeat',
  time: '<aws.scheduler.scheduled-time>',
  account: Aws.ACCOUNT_ID,
  region: Aws.REGION,
  detail: {},
});
