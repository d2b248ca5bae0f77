import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { CompiledCatalog } from '../../core/catalog/schema.ts';
import type { FunctionEnvironment } from '../../core/environment/function-environment.ts';
import { type DeadLetterPorts, keepDeadLetter } from '../../core/signals/dead-letters.ts';
import { type IntakePorts, takeIn } from '../../core/signals/intake.ts';
import { type ReadResult, readSignals } from '../../core/signals/normalise.ts';
import { createAlarmReader } from '../fleet/alarm-reader.ts';
import { boundedClientOptions } from '../platform/client-options.ts';
import { StepFunctionsExecutionStarter } from '../platform/execution-starter.ts';
import { SchedulerPageTimer } from '../platform/page-timer.ts';
import { SqsRejectedQueue } from '../platform/signal-queue.ts';
import { createMeter } from './metrics.ts';
import type { Platform } from './platform.ts';

type Environment = FunctionEnvironment<'signals'>;

function portsOf(platform: Platform, environment: Environment): Ports {
  return {
    ...platform,
    alarms: createAlarmReader(new CloudWatchClient(boundedClientOptions)),
    executions: new StepFunctionsExecutionStarter({
      client: new SFNClient(boundedClientOptions),
      stateMachineArn: environment.STATE_MACHINE_ARN,
      observeVersionArn: environment.OBSERVE_VERSION_ARN,
      actVersionArn: environment.ACT_VERSION_ARN,
    }),
    pageTimer: new SchedulerPageTimer({
      client: new SchedulerClient(boundedClientOptions),
      clock: platform.clock,
      hasher: platform.hasher,
      groupName: environment.SCHEDULER_GROUP_NAME,
      pageFunctionArn: environment.PAGE_FUNCTION_ARN,
      roleArn: environment.SCHEDULER_ROLE_ARN,
      deadLetterArn: environment.SCHEDULER_DEAD_LETTER_ARN,
    }),
    rejected: new SqsRejectedQueue(new SQSClient(boundedClientOptions), environment.REJECTED_QUEUE_URL),
  };
}

/** A message with what it says. */
interface ReadMessage {
  readonly record: SQSRecord;
  readonly read: ReadResult;
}

type Ports = IntakePorts & DeadLetterPorts;

/** Builds the handler of the signals function: partial-batch failures, malformed messages kept, nothing swallowed. */
export function createSignalIntake(platform: Platform, environment: Environment): (event: SQSEvent) => Promise<SQSBatchResponse> {
  const ports = portsOf(platform, environment);
  const meter = createMeter('signals');
  return async (event) => {
    const catalog = await platform.catalog();
    const options = { hasher: ports.hasher, scope: ports.scope, receivedAt: ports.clock.now() };
    const messages = event.Records.map((record) => ({ record, read: readSignals(record.body, options) }));
    const batch: Ports = { ...ports, alarms: await readAlarmsOnce(ports, messages) };
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const message of messages) {
      platform.log.correlate(message.record.messageId);
      try {
        await takeInMessage(batch, catalog, message);
        meter.count('SignalsTakenIn');
        meter.count('SignalsRejected', message.read.rejected.length);
      } catch (error) {
        // Back to the queue: after three tries it is in the dead-letter queue, which has an alarm.
        platform.log.error('A signal could not be taken in', { error });
        batchItemFailures.push({ itemIdentifier: message.record.messageId });
      }
    }
    meter.flush();
    return { batchItemFailures };
  };
}

/** One DescribeAlarms for the whole batch (design section 4, storm order). */
async function readAlarmsOnce(ports: Ports, messages: readonly ReadMessage[]): Promise<IntakePorts['alarms']> {
  const signals = messages.flatMap(({ read }) => read.signals);
  const names = [...new Set(signals.filter((signal) => signal.kind === 'alarm.state-change').map((signal) => signal.rule))].slice(0, 100);
  const found = names.length === 0 ? [] : await ports.alarms.read(names);
  return { read: (wanted) => Promise.resolve(found.filter((alarm) => wanted.includes(alarm.name))) };
}

async function takeInMessage(ports: Ports, catalog: CompiledCatalog, { record, read }: ReadMessage): Promise<void> {
  for (const signal of read.signals) await takeIn(ports, catalog, signal);
  if (read.rejected.length > 0) await keepDeadLetter(ports, record, read.rejected.map(({ index, reason }) => `record ${index}: ${reason}`).join('; '));
}
