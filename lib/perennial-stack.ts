import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { CompiledCatalog } from '../core/catalog/schema.ts';
import { severities } from '../core/catalog/schema.ts';
import { AlarmRegistry } from './alarm-registry.ts';
import { CatalogPublication } from './catalog-publication.ts';
import { Functions, signalsVisibility } from './functions.ts';
import { Heartbeat } from './heartbeat.ts';
import { NotificationTopics } from './notification-topics.ts';
import { addPlatformAlarms, type Watched } from './platform-alarms.ts';
import { RecordTable } from './record-table.ts';
import { RemediationMachine } from './remediation-machine.ts';
import { Schedules } from './schedules.ts';
import { SignalIntake } from './signal-intake.ts';

export interface PerennialStackProps extends StackProps {
  readonly catalog: CompiledCatalog;
  /** Names of the documents of the console stack; empty where the app leaves it out. */
  readonly consoleDocuments: readonly string[];
}

/** All that runs. It names no account and no Region: it is deployed to where its deployer is. */
export class PerennialStack extends Stack {
  readonly records: RecordTable;
  /** Where alarms of systems speak to Perennial. */
  readonly alarmsTopic: ITopic;

  constructor(scope: Construct, id: string, props: PerennialStackProps) {
    super(scope, id, { description: 'Perennial keeps services always on', ...props });
    const { catalog, consoleDocuments } = props;
    this.records = new RecordTable(this, 'Records');
    const topics = new NotificationTopics(this, 'Topics', catalog);
    const intake = new SignalIntake(this, 'Signals', topics, signalsVisibility);
    this.alarmsTopic = intake.alarmsTopic;
    const functions = new Functions(this, 'Functions', { catalog, records: this.records, topics, intake, consoleDocuments });
    const machine = new RemediationMachine(this, 'Remediation', { observe: functions.observe.handler, act: functions.act.handler });
    intake.listen(machine.machine);
    const schedules = new Schedules(this, 'Schedules', functions);
    const signals = functions.addSignals(machine.machine, schedules);
    const heartbeat = new Heartbeat(this, 'Heartbeat', {
      groupName: schedules.groupName,
      intake,
      topics,
      scheduleDeadLetters: functions.scheduleDeadLetters,
    });
    new CatalogPublication(this, 'Catalog', catalog, functions.publishCatalog);
    const parts: Watched = { intake, functions, signals, schedules, machine, topics, records: this.records, heartbeat };
    addPlatformAlarms(new AlarmRegistry(this, 'Alarms', topics.platform), parts);
    this.#addOutputs(parts);
  }

  /** What the command line and the sandbox look up by name. */
  #addOutputs({ intake, functions, machine, topics, heartbeat }: Watched): void {
    const topicArns = severities.map(
      (severity) => [`${severity.slice(0, 1).toUpperCase()}${severity.slice(1)}TopicArn`, topics.bySeverity[severity].topicArn] as const,
    );
    const outputs: Readonly<Record<string, string>> = {
      TableName: this.records.table.tableName,
      StateMachineArn: machine.machine.stateMachineArn,
      SignalsQueueUrl: intake.queue.queueUrl,
      RejectedQueueUrl: intake.rejected.queueUrl,
      DeadLetterQueueUrl: intake.deadLetters.queueUrl,
      ScheduleDeadLetterQueueUrl: functions.scheduleDeadLetters.queueUrl,
      AlarmsTopicArn: intake.alarmsTopic.topicArn,
      PlatformTopicArn: topics.platform.topicArn,
      HeartbeatMailboxUrl: heartbeat.mailbox.queueUrl,
      EventBusName: intake.bus.eventBusName,
      ObserveFunctionName: functions.observe.handler.functionName,
      ActFunctionName: functions.act.handler.functionName,
      DeskFunctionName: functions.desk.handler.functionName,
      SweepFunctionName: functions.sweep.handler.functionName,
      BudgetFunctionName: functions.budget.handler.functionName,
      ImpairedFunctionName: functions.impaired.handler.functionName,
      ReapFunctionName: functions.reap.handler.functionName,
      ...Object.fromEntries(topicArns),
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}
