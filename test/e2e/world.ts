import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DescribeAlarmsCommand, ListTagsForResourceCommand, type MetricAlarm } from '@aws-sdk/client-cloudwatch';
import { DescribeSecurityGroupsCommand, type Instance, paginateDescribeInstances } from '@aws-sdk/client-ec2';
import { DescribeTargetHealthCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { GetQueueAttributesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { inject } from 'vitest';
import * as z from 'zod/mini';
import { createClients, openRecords } from '../../sandbox/demo/clients.ts';
import { putContacts } from '../../sandbox/demo/contacts.ts';
import { bootstrap, deploy, type Deployment } from '../../sandbox/demo/deploy.ts';
import { createDemoFleet } from '../../sandbox/demo/fleet.ts';
import { subscribeMailbox } from '../../sandbox/demo/mailbox.ts';
import { learnFleet, putInstanceAlarm, type StoryParts, until } from '../../sandbox/demo/story.ts';
import { startTraffic, type Traffic } from '../../sandbox/demo/traffic.ts';
import { scrubbedEnvironment } from '../../sandbox/emulators/environment.ts';

const local = inject('localAws');
const projectFolder = join(import.meta.dirname, '..', '..');
const execute = promisify(execFile);

/** A message of the mailbox, once per delivery: a repetition is a second one. */
export interface Delivered {
  readonly subject: string;
  /** JSON of the channels for which it was meant. */
  readonly channels: string;
}

/** The deployed platform, its fleet and its customers. */
export interface World extends StoryParts {
  readonly deployment: Deployment;
  readonly traffic: Traffic;
  readonly close: () => Promise<void>;
}

/** Bootstraps, deploys the real app, builds the fleet, and lets the platform learn it. Once for all stories. */
export async function buildWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'perennial-e2e-'));
  const clients = createClients(local);
  const deployment: Deployment = { ...local, projectFolder, workFolder: join(folder, 'deploy'), catalogDirectory: 'sandbox/ops' };
  await putContacts(local);
  const [fleet] = await Promise.all([createDemoFleet(clients, local.region), bootstrap(deployment)]);
  const outputs = await deploy(deployment);
  const mailboxUrl = await subscribeMailbox(clients, [outputs.CriticalTopicArn, outputs.HighTopicArn, outputs.WarningTopicArn, outputs.InfoTopicArn]);
  const parts: StoryParts = {
    clients,
    outputs,
    fleet,
    mailboxUrl,
    fleetEndpoint: local.fleetEndpoint,
    records: openRecords(clients, outputs.TableName),
    scope: { accountId: local.accountId, region: local.region },
    say: () => undefined,
  };
  await putInstanceAlarm(parts);
  const traffic = startTraffic({ elb: clients.elb, cloudWatch: clients.cloudWatch, targetGroupArn: fleet.targetGroupArn, service: 'shop-web' });
  await learnFleet(parts);
  const close = async (): Promise<void> => {
    await traffic.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...parts, deployment, traffic, close };
}

/**
 * `perennial <words> --json`, as a person would type it against AWS; gives its JSON. The scrubbed environment leads it to this local
 * AWS: `--local` would find the one that somebody explores in this checkout.
 */
export async function perennial({ scope }: World, words: readonly string[]): Promise<unknown> {
  const command = [join(projectFolder, 'bin', 'perennial.ts'), ...words, '--region', scope.region, '--json'];
  const { stdout } = await execute(process.execPath, command, { env: scrubbedEnvironment(local, 'platform'), timeout: 30_000 });
  const answer: unknown = JSON.parse(stdout);
  return answer;
}

// --- what the emulators say, read with the plain SDK -----------------------------------------------------------------

/** Of any state; other files of this project leave ended instances behind, so there are pages. */
export async function readInstances(world: World, filters: Readonly<Record<string, string>> = {}): Promise<readonly Instance[]> {
  const Filters = Object.entries(filters).map(([Name, value]) => ({ Name, Values: [value] }));
  const found: Instance[] = [];
  for await (const page of paginateDescribeInstances({ client: world.clients.ec2, pageSize: 100 }, Filters.length === 0 ? {} : { Filters }))
    found.push(...(page.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []));
  return found;
}

export async function readInstance(world: World, instanceId: string): Promise<Instance> {
  const [found] = (await readInstances(world, { 'instance-id': instanceId })).filter((instance) => instance.InstanceId === instanceId);
  if (found === undefined) throw new Error(`EC2 does not list ${instanceId}`);
  return found;
}

export function tagsOf(instance: Instance): Readonly<Record<string, string>> {
  return Object.fromEntries((instance.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
}

/** Number of groups the instance is in, and of the rules in them. */
export async function readIsolation(world: World, instance: Instance): Promise<{ readonly groups: number; readonly rules: number }> {
  const GroupIds = (instance.SecurityGroups ?? []).flatMap(({ GroupId }) => GroupId ?? []);
  const answer = await world.clients.ec2.send(new DescribeSecurityGroupsCommand({ GroupIds }));
  const rules = (answer.SecurityGroups ?? []).flatMap((group) => [...(group.IpPermissions ?? []), ...(group.IpPermissionsEgress ?? [])]);
  return { groups: GroupIds.length, rules: rules.length };
}

/** Instance → state, for every target the group lists. */
export async function readTargets(world: World): Promise<Readonly<Record<string, string>>> {
  const answer = await world.clients.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: world.fleet.targetGroupArn }));
  return Object.fromEntries((answer.TargetHealthDescriptions ?? []).map(({ Target, TargetHealth }) => [Target?.Id ?? '', TargetHealth?.State ?? '']));
}

export async function readAlarm(world: World, name: string): Promise<{ readonly alarm: MetricAlarm; readonly tags: Readonly<Record<string, string>> }> {
  const { cloudWatch } = world.clients;
  const [alarm] = (await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [name] }))).MetricAlarms ?? [];
  if (alarm === undefined) throw new Error(`CloudWatch has no alarm ${name}`);
  const { Tags } = await cloudWatch.send(new ListTagsForResourceCommand({ ResourceARN: alarm.AlarmArn }));
  return { alarm, tags: Object.fromEntries((Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])) };
}

const mailEnvelope = z.object({
  MessageId: z.string(),
  Subject: z._default(z.string(), ''),
  MessageAttributes: z._default(z.record(z.string(), z.object({ Value: z.string() })), {}),
});

/** Everything that was delivered to the mailbox; it stays there. Reads for two seconds, because a message that was read hides for one. */
export async function readDeliveries(world: World): Promise<readonly Delivered[]> {
  const found = new Map<string, Delivered>();
  const end = performance.now() + 2000;
  while (performance.now() < end) {
    const command = new ReceiveMessageCommand({ QueueUrl: world.mailboxUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 1, WaitTimeSeconds: 1 });
    for (const { MessageId = '', Body = '{}' } of (await world.clients.sqs.send(command)).Messages ?? []) {
      const { Subject, MessageAttributes } = mailEnvelope.parse(JSON.parse(Body));
      found.set(MessageId, { subject: Subject, channels: MessageAttributes['channels']?.Value ?? '' });
    }
  }
  return [...found.values()];
}

/** Items of one collection of the table, whole, as DynamoDB has them. */
export async function readItems<Body>(world: World, collection: string, schema: z.ZodMiniType<Body>): Promise<readonly Body[]> {
  const { accountId, region } = world.scope;
  const answer = await world.clients.dynamo.send(
    new QueryCommand({
      TableName: world.outputs.TableName,
      KeyConditionExpression: 'pk = :partition',
      ExpressionAttributeValues: { ':partition': `${accountId}#${region}#${collection}` },
      ConsistentRead: true,
    }),
  );
  return (answer.Items ?? []).map((item) => schema.parse(item['body']));
}

const remediationItem = z.object({
  id: z.string(),
  state: z.string(),
  reason: z.string(),
  system: z.string(),
  slotId: z.string(),
  incidentId: z.string(),
  attempt: z.number(),
  executionName: z.string(),
  oldInstanceId: z.string(),
  newInstanceId: z.optional(z.string()),
  imageId: z.optional(z.string()),
  phase: z.string(),
  phases: z.array(z.object({ name: z.string(), outcome: z.string(), startedAt: z.string(), endedAt: z.string() })),
  calls: z.record(z.string(), z.object({ attempt: z.number(), outcomeAt: z.optional(z.string()) })),
  guardrails: z.array(z.object({ name: z.string(), verdict: z.string() })),
  timing: z.record(z.string(), z.string()),
  recoverySeconds: z.optional(z.number()),
  rtoSeconds: z.number(),
  isRtoMet: z.optional(z.boolean()),
});
export type RemediationItem = z.infer<typeof remediationItem>;

/** Repairs of an instance, oldest first; vetoes are not repairs. */
export async function readRepairs(world: World, oldInstanceId: string): Promise<readonly RemediationItem[]> {
  const all = await readItems(world, 'remediation', remediationItem);
  return all.filter((item) => item.oldInstanceId === oldInstanceId && item.state !== 'vetoed');
}

const REPAIR_LIMIT_SECONDS = 120;

/** Waits; a failure tells what the platform has recorded of all repairs, vetoes included. */
async function untilRepair(world: World, what: string, look: () => Promise<RemediationItem | undefined>): Promise<RemediationItem> {
  try {
    return await until(what, REPAIR_LIMIT_SECONDS, look);
  } catch (error) {
    const all = await readItems(world, 'remediation', remediationItem);
    const told = all.map(({ id, oldInstanceId, state, phase, reason }) => `${id} of ${oldInstanceId}: ${state} in ${phase}: ${reason}`);
    throw new Error([String(error), ...told].join('\n'), { cause: error });
  }
}

/** Waits for the one repair of an instance to end, looking twice a second. */
export function repairOf(world: World, oldInstanceId: string): Promise<RemediationItem> {
  return untilRepair(world, `The end of the repair of ${oldInstanceId}`, async () =>
    (await readRepairs(world, oldInstanceId)).find(({ state }) => state !== 'running'),
  );
}

/** Waits until the repair of an instance has come to a phase, or is past it. */
export function phaseOf(world: World, oldInstanceId: string, phase: string): Promise<RemediationItem> {
  return untilRepair(world, `The phase ${phase} of the repair of ${oldInstanceId}`, async () =>
    (await readRepairs(world, oldInstanceId)).find((item) => item.phase === phase || item.phases.some(({ name }) => name === phase)),
  );
}

/** Instances that carry the tag of a repair, the old one apart: what it launched. */
export async function launchedBy(world: World, { id, oldInstanceId }: RemediationItem): Promise<readonly (string | undefined)[]> {
  const tagged = await readInstances(world, { 'tag:perennial:remediation': id });
  return tagged.map(({ InstanceId }) => InstanceId).filter((instanceId) => instanceId !== oldInstanceId);
}

export async function depthOf(world: World, QueueUrl: string): Promise<number> {
  const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const { Attributes } = await world.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }));
  return AttributeNames.reduce((sum, name) => sum + Number(Attributes?.[name] ?? 0), 0);
}

/** Sets a status check of an instance, as the overlay lets a test do. */
export async function markStatus(world: World, instanceId: string, instance: 'impaired' | 'ok'): Promise<void> {
  const answer = await fetch(`${world.fleetEndpoint}/_perennial/instances/${instanceId}/status`, { method: 'POST', body: JSON.stringify({ instance }) });
  if (!answer.ok) throw new Error(`The overlay did not mark ${instanceId}: ${answer.status}`);
}
