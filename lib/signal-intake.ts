import { Duration } from 'aws-cdk-lib';
import { EventBus, type EventPattern, type IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { DeployEventType } from '../core/deployments/ports.ts';
import { isAwsRow, type SignalRow, signalTable } from '../core/signals/table.ts';
import { acknowledge } from './acknowledge.ts';
import { alarmNamePrefix } from './alarm-registry.ts';
import { allowServices, type NotificationTopics } from './notification-topics.ts';

/**
 * What of a source's events is wanted. Our own alarms go to people and not here: a queue that is stuck cannot report that it is
 * stuck. Executions are wanted only of our own machine; the end of one, good or bad, is a signal.
 */
const wantedDetails = (machine: StateMachine): Readonly<Record<string, EventPattern['detail']>> => ({
  'aws.cloudwatch': { alarmName: [{ 'anything-but': { prefix: alarmNamePrefix } }] },
  'aws.states': { stateMachineArn: [machine.stateMachineArn], status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'] },
});

/** Detail-types by source, from the one table that says how each is read: what would be rejected is never asked for. */
function detailTypesBySource(): ReadonlyMap<string, readonly string[]> {
  const rows = Object.entries<SignalRow>(signalTable).filter(([, row]) => isAwsRow(row));
  const sources = [...new Set(rows.map(([, row]) => row.source))];
  return new Map(sources.map((source) => [source, rows.filter(([, row]) => row.source === source).map(([detailType]) => detailType)]));
}

/** Others may put events on our bus, so it carries deploys and nothing that our own polls say. */
const deployEvents: readonly DeployEventType[] = ['Deployment Started', 'Deployment Finished', 'Deployment Failed', 'Deployment Rolled Back'];

const retentionDays = 14;

/** Everything that comes in, buffered in one queue; what fails five times goes to its dead letters, what cannot be read to `rejected`. */
export class SignalIntake extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly rejected: Queue;
  /** Where alarms of yours publish to; EventBridge carries the same alarms, and the second of the two is a duplicate. */
  readonly alarmsTopic: Topic;
  readonly bus: EventBus;

  /** @param visibility at least six times the time-out of the function that reads the queue (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html) */
  constructor(scope: Construct, id: string, topics: NotificationTopics, visibility: Duration) {
    super(scope, id);
    this.deadLetters = addQueue(this, 'DeadLetters');
    this.rejected = addQueue(this, 'Rejected');
    acknowledge(this.rejected, {
      'AwsSolutions-SQS3': 'It is itself where messages end that nobody can read; a person empties it with `perennial dead-letters redrive`.',
    });
    this.queue = addQueue(this, 'Queue', { visibilityTimeout: visibility, deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: 5 } });
    this.alarmsTopic = topics.addTopic('Alarms', 'Alarms for Perennial');
    allowServices(this.alarmsTopic);
    this.alarmsTopic.addSubscription(new SqsSubscription(this.queue, { deadLetterQueue: this.deadLetters }));
    this.bus = new EventBus(this, 'Bus', { eventBusName: 'perennial', description: 'Deploy events for Perennial' });
    this.#route('perennial', { source: ['perennial'], detailType: [...deployEvents] }, this.bus);
  }

  /** Rules on the default bus; they come last because one of them names the machine. */
  listen(machine: StateMachine): void {
    const details = wantedDetails(machine);
    for (const [source, detailTypes] of detailTypesBySource()) {
      const detail = details[source];
      this.#route(source, { source: [source], detailType: [...detailTypes], ...(detail === undefined ? {} : { detail }) });
    }
  }

  #route(source: string, eventPattern: EventPattern, eventBus?: IEventBus): void {
    const rule = new Rule(this, `From ${source}`, {
      description: `Events of ${source} to Perennial; docs/signals.md says how each is read`,
      eventPattern,
      eventBus,
    });
    rule.addTarget(new SqsQueue(this.queue, { deadLetterQueue: this.deadLetters, retryAttempts: 185, maxEventAge: Duration.hours(24) }));
  }
}

/** Every queue of ours: encrypted, TLS only, kept as long as SQS allows. */
export function addQueue(scope: Construct, id: string, props: ConstructorParameters<typeof Queue>[2] = {}): Queue {
  return new Queue(scope, id, { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(retentionDays), ...props });
}
