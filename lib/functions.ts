import { Aws, Duration } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { CompiledCatalog } from '../core/catalog/schema.ts';
import type { FunctionName, FunctionVariables } from '../core/environment/function-environment.ts';
import { EventFunction, type EventFunctionProps } from './event-function.ts';
import type { NotificationTopics } from './notification-topics.ts';
import { arnOf, catalogScopeOf } from './permissions/catalog-scope.ts';
import { changePermissions } from './permissions/changes.ts';
import { publishPermissions, recordPermissions, sendPermissions, subscriptionReads } from './permissions/platform.ts';
import { type Permission, permission } from './permissions/permission.ts';
import { recoveryReads } from './permissions/recovery.ts';
import { alarmReads, commandReads, healthReads, inventoryReads, metricReads, surroundingsReads, targetGroupReads } from './permissions/reads.ts';
import { reapPermissions } from './permissions/reaping.ts';
import { versionPermissions } from './permissions/versions.ts';
import type { RecordTable } from './record-table.ts';
import { remediationMachineName, stepTimeoutSeconds } from './remediation-machine.ts';
import { pageScheduleNames, type Schedules } from './schedules.ts';
import { addQueue, type SignalIntake } from './signal-intake.ts';

/** How long one batch of signals may take; the queue hides a batch six times as long. */
const signalsTimeoutSeconds = 60;
export const signalsVisibility = Duration.seconds(6 * signalsTimeoutSeconds);

const signalsPerBatch = 10;
/** Leaves half of the ten concurrent executions of a new account to the repairs themselves. */
const concurrentBatches = 5;

interface FunctionsProps {
  readonly catalog: CompiledCatalog;
  readonly records: RecordTable;
  readonly topics: NotificationTopics;
  readonly intake: SignalIntake;
  /** What messages may link to: the documents of the console stack, where it is deployed with this one. */
  readonly consoleDocuments: readonly string[];
}

type Size = Pick<EventFunctionProps<FunctionName>, 'description' | 'timeout' | 'memoryMebibytes'>;

/** Every function has a row: what it is for, how long it may take, how much memory (and with it processor) it gets. */
const sizes = {
  signals: { description: 'Takes signals in: incidents, repairs, notifications', timeout: Duration.seconds(signalsTimeoutSeconds), memoryMebibytes: 512 },
  observe: { description: 'Phases of a repair that read', timeout: Duration.seconds(stepTimeoutSeconds), memoryMebibytes: 512 },
  act: { description: 'Phases of a repair that change the fleet; ends nothing', timeout: Duration.seconds(stepTimeoutSeconds), memoryMebibytes: 512 },
  reap: { description: 'Ends quarantines that are over and what repairs left behind', timeout: Duration.minutes(2), memoryMebibytes: 512 },
  sweep: { description: 'Compares fleet and records', timeout: Duration.minutes(5), memoryMebibytes: 1024 },
  // Shorter than the minute between two runs, so that they do not overlap.
  impaired: { description: 'Asks for failed status checks and unhealthy targets', timeout: Duration.seconds(50), memoryMebibytes: 512 },
  budget: { description: 'Evaluates the error budgets', timeout: Duration.seconds(50), memoryMebibytes: 512 },
  desk: { description: 'Looks at every incident: verifies, escalates, sends what is due', timeout: Duration.seconds(50), memoryMebibytes: 512 },
  page: { description: 'Pages unless a repair has succeeded', timeout: Duration.seconds(30), memoryMebibytes: 256 },
  publishCatalog: { description: 'Publishes the catalog at deploy', timeout: Duration.minutes(2), memoryMebibytes: 256 },
} as const satisfies Record<FunctionName, Size>;

/** All functions, each with a role of its own that holds what its work needs and no more. */
export class Functions extends Construct {
  readonly observe: EventFunction<'observe'>;
  readonly act: EventFunction<'act'>;
  readonly reap: EventFunction<'reap'>;
  readonly sweep: EventFunction<'sweep'>;
  readonly impaired: EventFunction<'impaired'>;
  readonly budget: EventFunction<'budget'>;
  readonly desk: EventFunction<'desk'>;
  readonly page: EventFunction<'page'>;
  readonly publishCatalog: EventFunction<'publishCatalog'>;
  /** Where timers end that reached no function, and pages that their function failed on. */
  readonly scheduleDeadLetters: Queue;
  readonly #props: FunctionsProps;

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id);
    this.#props = props;
    this.scheduleDeadLetters = addQueue(this, 'ScheduleDeadLetters');
    const catalogScope = catalogScopeOf(props.catalog);
    const told = { ...this.#recordVariables(), ...this.#topicVariables() };
    const reporting = { ...this.#recordVariables(), SIGNALS_QUEUE_URL: props.intake.queue.queueUrl };
    const records = recordPermissions(props.records.table);
    const tells = [...records, ...publishPermissions(props.topics)];
    const reports = [...records, ...sendPermissions('Report', props.intake.queue)];
    // The choice of a path asks whether agents answer.
    const reads = [...inventoryReads(catalogScope), ...alarmReads(), ...commandReads(), ...recoveryReads()];
    this.observe = this.#add('observe', { environment: told, permissions: [...tells, ...reads], keepsVersions: true });
    this.act = this.#add('act', {
      environment: told,
      permissions: [...tells, ...reads, ...surroundingsReads(), ...changePermissions(catalogScope)],
      keepsVersions: true,
    });
    // The machine comes after the functions that it calls; its name is known.
    const repairs = { ...this.#versionVariables(), STATE_MACHINE_ARN: arnOf('states', `stateMachine:${remediationMachineName}`) };
    this.reap = this.#add('reap', { environment: { ...told, ...repairs }, permissions: [...tells, ...reapPermissions()] });
    this.sweep = this.#add('sweep', {
      environment: { ...told, ...reporting, ...repairs, TOPIC_PLATFORM_ARN: props.topics.platform.topicArn },
      permissions: [
        ...tells,
        ...subscriptionReads(props.topics),
        ...sendPermissions('Report', props.intake.queue),
        ...inventoryReads(catalogScope),
        ...versionPermissions([this.observe.handler, this.act.handler]),
      ],
    });
    const pace = { SMALL_FLEET_POLL_MINUTES: String(smallFleetPollMinutesOf(this)) };
    this.impaired = this.#add('impaired', { environment: { ...reporting, ...pace }, permissions: [...reports, ...healthReads()] });
    this.budget = this.#add('budget', { environment: reporting, permissions: [...reports, ...metricReads(), ...targetGroupReads()] });
    this.desk = this.#add('desk', { environment: told, permissions: tells });
    // The others run again by themselves; a page does not come back.
    this.page = this.#add('page', { environment: told, permissions: tells, asyncDeadLetters: this.scheduleDeadLetters });
    this.publishCatalog = this.#add('publishCatalog', { environment: this.#recordVariables(), permissions: records });
  }

  /** The reader of the queue comes last: it starts the machine, and it arms pages through the scheduler. */
  addSignals(machine: StateMachine, schedules: Schedules): EventFunction<'signals'> {
    const { intake, topics, records } = this.#props;
    const environment: FunctionVariables<'signals'> = {
      ...this.#recordVariables(),
      ...this.#topicVariables(),
      SIGNALS_QUEUE_URL: intake.queue.queueUrl,
      REJECTED_QUEUE_URL: intake.rejected.queueUrl,
      STATE_MACHINE_ARN: machine.stateMachineArn,
      ...this.#versionVariables(),
      PAGE_FUNCTION_ARN: this.page.handler.functionArn,
      SCHEDULER_ROLE_ARN: schedules.pageRole.roleArn,
      SCHEDULER_GROUP_NAME: schedules.groupName,
      SCHEDULER_DEAD_LETTER_ARN: this.scheduleDeadLetters.queueArn,
    };
    const permissions = [
      ...recordPermissions(records.table),
      ...publishPermissions(topics),
      ...alarmReads(),
      ...sendPermissions('Signals', intake.queue, intake.rejected),
      permission({ sid: 'StartRepairs', actions: ['states:StartExecution'], resources: [machine.stateMachineArn] }),
      ...armingPages(schedules),
    ];
    const signals = this.#add('signals', { environment, permissions });
    signals.handler.addEventSource(
      new SqsEventSource(intake.queue, { batchSize: signalsPerBatch, maxConcurrency: concurrentBatches, reportBatchItemFailures: true }),
    );
    return signals;
  }

  #add<Name extends FunctionName>(
    name: Name,
    props: Pick<EventFunctionProps<Name>, 'environment' | 'permissions' | 'keepsVersions' | 'asyncDeadLetters'>,
  ): EventFunction<Name> {
    return new EventFunction(this, `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`, { name, ...sizes[name], ...props });
  }

  #recordVariables() {
    return { ACCOUNT_ID: Aws.ACCOUNT_ID, TABLE_NAME: this.#props.records.table.tableName };
  }

  /** What the next repair is started with. */
  #versionVariables() {
    return {
      OBSERVE_VERSION_ARN: this.observe.handler.currentVersion.functionArn,
      ACT_VERSION_ARN: this.act.handler.currentVersion.functionArn,
    };
  }

  #topicVariables() {
    const { topics, consoleDocuments } = this.#props;
    const { critical, high, warning, info } = topics.bySeverity;
    return {
      TOPIC_CRITICAL_ARN: critical.topicArn,
      TOPIC_HIGH_ARN: high.topicArn,
      TOPIC_WARNING_ARN: warning.topicArn,
      TOPIC_INFO_ARN: info.topicArn,
      ...(consoleDocuments.length === 0 ? {} : { CONSOLE_DOCUMENTS: consoleDocuments.join(',') }),
    };
  }
}

/** Between two polls of ten or fewer instances (design section 4); context `smallFleetPollMinutes`. */
const defaultSmallFleetPollMinutes = 5;

function smallFleetPollMinutesOf(scope: Construct): number {
  const value: unknown = scope.node.tryGetContext('smallFleetPollMinutes') ?? defaultSmallFleetPollMinutes;
  const minutes = Number(value);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > defaultSmallFleetPollMinutes)
    throw new TypeError('The context value smallFleetPollMinutes must be a whole number from 1 to 5, for example -c smallFleetPollMinutes=5');
  return minutes;
}

/** https://docs.aws.amazon.com/scheduler/latest/UserGuide/security_iam_id-based-policies.html: who makes a schedule passes it a role. */
function armingPages({ groupName, pageRole }: Schedules): readonly Permission[] {
  return [
    permission(
      { sid: 'ArmPages', actions: ['scheduler:CreateSchedule'], resources: [pageScheduleNames(groupName)] },
      'One schedule per repair, in our group, under our prefix.',
    ),
    permission({
      sid: 'PassPageRole',
      actions: ['iam:PassRole'],
      resources: [pageRole.roleArn],
      conditions: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
    }),
  ];
}
