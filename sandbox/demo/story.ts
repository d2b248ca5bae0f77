import { setTimeout as delay } from 'node:timers/promises';
import { PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeTargetHealthCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import type { Scope } from '../../core/environment/ports.ts';
import { listOpenIncidents, readTimeline } from '../../core/incidents/incidents.ts';
import { type Incident, incidentType } from '../../core/incidents/record.ts';
import { instanceType } from '../../core/inventory/records.ts';
import { keys, partitions } from '../../core/records/keys.ts';
import { readAll, readRecord } from '../../core/records/record-type.ts';
import type { RecordStore } from '../../core/records/store.ts';
import { listRemediations } from '../../core/remediation/hindsight/history.ts';
import type { Remediation } from '../../core/remediation/record.ts';
import { host } from '../emulators/host.ts';
import { SandboxError } from '../emulators/sandbox-error.ts';
import type { DemoClients } from './clients.ts';
import type { StackOutputs } from './deploy.ts';
import type { DemoFleet } from './fleet.ts';
import { readMailbox } from './mailbox.ts';
import { SERVICE_NAMESPACE } from './traffic.ts';

/** What the storyteller needs: the parts, and a pen. */
export interface StoryParts {
  readonly clients: DemoClients;
  readonly outputs: StackOutputs;
  readonly fleet: DemoFleet;
  readonly fleetEndpoint: string;
  readonly mailboxUrl: string;
  readonly records: RecordStore;
  readonly scope: Scope;
  readonly say: (line: string) => void;
}

export const ALARM_NAME = 'shop-web-unhealthy';

/** The alarm a team would have: one instance, one metric, and the platform's topic as its action. */
export async function putInstanceAlarm({ clients, outputs, fleet }: StoryParts): Promise<void> {
  await clients.cloudWatch.send(
    new PutMetricAlarmCommand({
      AlarmName: ALARM_NAME,
      AlarmDescription: 'Instance of shop-web fails its checks',
      Namespace: SERVICE_NAMESPACE,
      MetricName: 'FailedChecks',
      Dimensions: [{ Name: 'InstanceId', Value: fleet.victim }],
      Statistic: 'Maximum',
      Period: 10,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'missing',
      AlarmActions: [outputs.AlarmsTopicArn],
      OKActions: [outputs.AlarmsTopicArn],
    }),
  );
}

/** Runs a scheduled function now, as its schedule would; throws when it fails. */
export async function runNow(clients: DemoClients, functionName: string): Promise<string> {
  const answer = await clients.lambda.send(new InvokeCommand({ FunctionName: functionName, Payload: Buffer.from('{}') }));
  const body = Buffer.from(answer.Payload ?? []).toString();
  if (answer.FunctionError !== undefined) throw new SandboxError(`The function ${functionName} failed: ${body.slice(0, 500)}`);
  return body;
}

const VERIFY_LIMIT_SECONDS = 60;

/** Image v2 counts as verified once the sweep has seen it in service for the policy's time, in two looks. */
export async function learnFleet({ clients, outputs, records, scope, fleet }: StoryParts): Promise<void> {
  await until('The verification of image v2', VERIFY_LIMIT_SECONDS, async () => {
    await runNow(clients, outputs.SweepFunctionName);
    const page = await records.query(partitions.images(scope), `web#${fleet.imageV2}`, { limit: 1 });
    return JSON.stringify(page.records[0]?.body ?? {}).includes('shop-web/web') ? true : undefined;
  });
}

/** Makes the overlay's load balancer call the target unhealthy; the traffic generator then puts the alarm's metric. */
export async function makeUnhealthy({ fleetEndpoint }: Pick<StoryParts, 'fleetEndpoint'>, instanceId: string): Promise<void> {
  const answer = await fetch(`${fleetEndpoint}/_perennial/targets/${instanceId}`, { method: 'POST', body: JSON.stringify({ state: 'unhealthy' }) });
  if (!answer.ok) throw new SandboxError(`The overlay did not make ${instanceId} unhealthy: ${answer.status} ${await answer.text()}`);
}

/** Waits on a condition with a deadline; never sleeps for luck. */
export async function until<Value>(what: string, limitSeconds: number, look: () => Promise<Value | undefined>): Promise<Value> {
  const deadline = host.now() + limitSeconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (host.now() > deadline) throw new SandboxError(`${what} did not happen within ${limitSeconds} s. Look at the logs under .perennial/logs.`);
    await delay(500);
  }
}

/** Customers come once the doors are open: before that their requests would be bad minutes of nobody. */
export async function untilHealthy({ clients, fleet }: Pick<StoryParts, 'clients' | 'fleet'>, count: number): Promise<void> {
  await until(`${count} healthy targets`, 60, async () => {
    const answer = await clients.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: fleet.targetGroupArn }));
    const healthy = (answer.TargetHealthDescriptions ?? []).filter((description) => description.TargetHealth?.State === 'healthy');
    return healthy.length >= count ? true : undefined;
  });
}

/** The instances by what they are to us. */
export async function printInventory({ records, scope, say }: StoryParts): Promise<void> {
  const instances = await readAll(instanceType, (page) => records.query(partitions.instances(scope), '', page));
  for (const { body } of instances.toSorted((left, right) => (left.body.name ?? '').localeCompare(right.body.name ?? ''))) {
    say(
      `  ${body.instanceId}  ${(body.name ?? '-').padEnd(14)} ${body.status.padEnd(11)} ${(body.system ?? '-').padEnd(11)} ${body.state.padEnd(8)} ${body.imageId}`,
    );
  }
}

const STORY_LIMIT_SECONDS = 180;

/** Follows the incident's timeline and the mailbox, and prints both as they grow, until the remediation has ended. */
export async function followRepair(parts: StoryParts, elapsed: () => string): Promise<Remediation> {
  const told = new Set<string>();
  return until('The replacement', STORY_LIMIT_SECONDS, async () => {
    const remediation = (await listRemediations(parts.records, parts.scope)).find(
      (candidate) => candidate.oldInstanceId === parts.fleet.victim && candidate.failure?.guardrail === undefined,
    );
    await tellNews(parts, elapsed, told, remediation?.incidentId);
    if (remediation === undefined || remediation.state === 'running') return undefined;
    await tellNews(parts, elapsed, told, remediation.incidentId);
    return remediation;
  });
}

async function tellNews(parts: StoryParts, elapsed: () => string, told: Set<string>, incidentId: string | undefined): Promise<void> {
  const open = incidentId ?? (await listOpenIncidents(parts.records, parts.scope))[0]?.id;
  const timeline = open === undefined ? [] : await readTimeline(parts.records, parts.scope, open);
  for (const event of timeline) {
    if (told.has(event.eventId)) continue;
    told.add(event.eventId);
    parts.say(`${elapsed()}  ${event.kind.padEnd(12)} ${firstLine(event.text)}`);
  }
  for (const mail of await readMailbox(parts.clients, parts.mailboxUrl)) {
    if (told.has(mail.notificationId)) continue;
    told.add(mail.notificationId);
    parts.say(`${elapsed()}  e-mail       "${mail.subject}"`);
    parts.say(indent(mail.text));
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.slice(0, 200) ?? '';
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `        | ${line}`)
    .join('\n');
}

/** The incident as the table has it now. */
export async function readIncident({ records, scope }: Pick<StoryParts, 'records' | 'scope'>, incidentId: string): Promise<Incident | undefined> {
  return (await readRecord(records, incidentType, keys.incident(scope, incidentId)))?.body;
}
