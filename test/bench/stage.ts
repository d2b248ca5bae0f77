import { join } from 'node:path';
import { CreateStackCommand, waitUntilStackCreateComplete } from '@aws-sdk/client-cloudformation';
import { PutMetricAlarmCommand, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeTargetHealthCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { CreateScheduleGroupCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { CreateStateMachineCommand } from '@aws-sdk/client-sfn';
import { CreateTopicCommand } from '@aws-sdk/client-sns';
import { LISTS_INDEX, tableAttributes } from '../../aws/platform/dynamo-table.ts';
import { loadCatalog } from '../../catalog-files/read-catalog.ts';
import type { CompiledCatalog } from '../../core/catalog/schema.ts';
import { createClients, type DemoClients } from '../../sandbox/demo/clients.ts';
import { createDemoFleet, type DemoFleet } from '../../sandbox/demo/fleet.ts';
import { freePortPlan } from '../../sandbox/emulators/ports.ts';
import { type LocalAws, STATE_FOLDER, startLocalAws } from '../../sandbox/emulators/processes.ts';
import { ensureVenv, findPython } from '../../sandbox/emulators/python.ts';

export const ACCOUNT_ID = '111122223333';
export const REGION = 'eu-central-1';
export const ROLE_NAME = 'bench';
export const ALARM_NAME = 'shop-web-unhealthy';
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** Everything the path from an alarm to a launch touches, on the local AWS. */
export interface Stage {
  readonly localAws: LocalAws;
  readonly clients: DemoClients;
  readonly scheduler: SchedulerClient;
  readonly dynamo: DynamoDBClient;
  readonly fleet: DemoFleet;
  readonly catalog: CompiledCatalog;
  readonly topicArn: string;
  readonly stateMachineArn: string;
  readonly scheduleGroup: string;
}

/** The demo's catalog without the waits that a policy asks for. */
function catalogWithoutWaits(): CompiledCatalog {
  const { catalog, errors } = loadCatalog('sandbox/ops');
  if (catalog === undefined) throw new Error(`sandbox/ops does not compile: ${errors[0]?.message}`);
  const policies = catalog.policies.map((policy) => ({ ...policy, spec: { ...policy.spec, pendingSeconds: 0, healthCheckGraceSeconds: 0 } }));
  return { ...catalog, policies };
}

async function startEmulators(): Promise<LocalAws> {
  const projectFolder = join(import.meta.dirname, '..', '..');
  const venvPython = await ensureVenv(await findPython(), join(projectFolder, 'sandbox', 'requirements.txt'), join(projectFolder, STATE_FOLDER));
  return startLocalAws({ ports: await freePortPlan(), accountId: ACCOUNT_ID, region: REGION, projectFolder, venvPython, initialHealthSeconds: 0 });
}

const HEALTH_TRIES = 100;

/** The victim is unhealthy for its load balancer, and its alarm says so for good: missing data counts as breaching. */
async function breakVictim({ clients, fleet, localAws }: Pick<Stage, 'clients' | 'fleet' | 'localAws'>): Promise<void> {
  await clients.cloudWatch.send(
    new PutMetricAlarmCommand({
      AlarmName: ALARM_NAME,
      Namespace: 'Bench',
      MetricName: 'FailedChecks',
      Dimensions: [{ Name: 'InstanceId', Value: fleet.victim }],
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'breaching',
    }),
  );
  await fetch(`${localAws.fleetEndpoint}/_perennial/targets/${fleet.victim}`, { method: 'POST', body: JSON.stringify({ state: 'unhealthy' }) });
  for (let tries = 0; tries < HEALTH_TRIES; tries += 1) {
    const answer = await clients.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: fleet.targetGroupArn }));
    const states = (answer.TargetHealthDescriptions ?? []).map(({ Target, TargetHealth }) => [Target?.Id === fleet.victim, TargetHealth?.State]);
    if (states.every(([isVictim, state]) => state === (isVictim === true ? 'unhealthy' : 'healthy'))) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
  throw new Error('The targets did not come to the states that the bench needs.');
}

/** CloudWatch evaluates by itself; the bench does not wait for it. */
export async function raiseAlarm({ clients }: Stage): Promise<void> {
  await clients.cloudWatch.send(new SetAlarmStateCommand({ AlarmName: ALARM_NAME, StateValue: 'ALARM', StateReason: 'bench' }));
}

/** Step Functions and the Scheduler want a role that exists; nobody takes it on here. */
async function createRole({ cloudFormation }: DemoClients): Promise<void> {
  const trust = { Effect: 'Allow', Principal: { Service: ['states.amazonaws.com', 'scheduler.amazonaws.com'] }, Action: 'sts:AssumeRole' };
  const Properties = { RoleName: ROLE_NAME, AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [trust] } };
  const TemplateBody = JSON.stringify({ Resources: { Role: { Type: 'AWS::IAM::Role', Properties } } });
  await cloudFormation.send(new CreateStackCommand({ StackName: ROLE_NAME, TemplateBody, Capabilities: ['CAPABILITY_NAMED_IAM'] }));
  await waitUntilStackCreateComplete({ client: cloudFormation, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { StackName: ROLE_NAME });
}

export async function createStage(): Promise<Stage> {
  const localAws = await startEmulators();
  try {
    const clients = createClients(localAws);
    const control = { endpoint: localAws.controlEndpoint, region: REGION, credentials };
    const scheduler = new SchedulerClient(control);
    const fleet = await createDemoFleet(clients, REGION);
    const topic = await clients.sns.send(new CreateTopicCommand({ Name: 'bench' }));
    const scheduleGroup = 'bench';
    await scheduler.send(new CreateScheduleGroupCommand({ Name: scheduleGroup }));
    await createRole(clients);
    const machine = await clients.stepFunctions.send(
      new CreateStateMachineCommand({
        name: 'bench',
        roleArn: `arn:aws:iam::${ACCOUNT_ID}:role/${ROLE_NAME}`,
        definition: JSON.stringify({ StartAt: 'End', States: { End: { Type: 'Succeed' } } }),
      }),
    );
    await breakVictim({ clients, fleet, localAws });
    return {
      localAws,
      clients,
      scheduler,
      dynamo: new DynamoDBClient(control),
      fleet,
      catalog: catalogWithoutWaits(),
      topicArn: topic.TopicArn ?? '',
      stateMachineArn: machine.stateMachineArn ?? '',
      scheduleGroup,
    };
  } catch (error) {
    await localAws.stop();
    throw error;
  }
}

/** An empty table like the platform's (lib/record-table.ts). */
export async function createTable({ dynamo }: Stage, TableName: string): Promise<void> {
  await dynamo.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: tableAttributes.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: LISTS_INDEX,
          KeySchema: [
            { AttributeName: 'listPk', KeyType: 'HASH' },
            { AttributeName: 'listSk', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    }),
  );
}
