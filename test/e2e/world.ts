import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DescribeAlarmsCommand, ListTagsForResourceCommand, type MetricAlarm } from '@aws-sdk/client-cloudwatch';
import { DescribeSecurityGroupsCommand, type Instance, paginateDescribeInstances } from '@aws-sdk/client-ec2';
import { DescribeTargetHealthCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { DeleteMessageBatchCommand, GetQueueAttributesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { paginateQuery } from '@aws-sdk/lib-dynamodb';
import { inject } from 'vitest';
import * as z from 'zod/mini';
import { openTarget } from '../../cli/open-target.ts';
import { runProgram } from '../../cli/program.ts';
import { createClients, openRecords } from '../../sandbox/demo/clients.ts';
import type { Deployment } from '../../sandbox/demo/deploy.ts';
import { createDemoFleet } from '../../sandbox/demo/fleet.ts';
import { subscribeMailbox } from '../../sandbox/demo/mailbox.ts';
import { learnFleet, putInstanceAlarm, type StoryParts, until, untilHealthy } from '../../sandbox/demo/story.ts';
import { startTraffic, type Traffic } from '../../sandbox/demo/traffic.ts';
import { scrubbedEnvironment } from '../../sandbox/emulators/environment.ts';
import { deployOnce } from './platform.ts';

const local = inject('localAws');
const projectFolder = join(import.meta.dirname, '..', '..');
const execute = promisify(execFile);

/** A message of the mailbox, once per delivery: a repetition is a second one. */
export interface Delivered {
  readonly messageId: string;
  readonly subject: string;
  readonly text: string;
  /** JSON of the channels for which it was meant. */
  readonly channels: string;
}

/** The deployed platform. */
export interface Ground extends Omit<StoryParts, 'fleet'> {
  readonly deployment: Deployment;
}

/** The platform with the demo's fleet and its customers. */
export interface World extends Ground, StoryParts {
  readonly traffic: Traffic;
  readonly close: () => Promise<void>;
}

/** @param mailbox name of a queue that gets the e-mails from now on */
export async function prepareGround(mailbox: string): Promise<Ground> {
  const clients = createClients(local);
  const { deployment, outputs } = await deployOnce();
  const topicArns = [outputs.CriticalTopicArn, outputs.HighTopicArn, outputs.WarningTopicArn, outputs.InfoTopicArn];
  return {
    clients,
    deployment,
    outputs,
    mailboxUrl: await subscribeMailbox(clients, topicArns, mailbox),
    fleetEndpoint: local.fleetEndpoint,
    records: openRecords(clients, outputs.TableName),
    scope: { accountId: local.accountId, region: local.region },
    say: () => undefined,
  };
}

/** Deploys the real app, builds the fleet, and lets the platform learn it. Once for all stories. */
export async function buildWorld(): Promise<World> {
  const [fleet, ground] = await Promise.all([createDemoFleet(createClients(local), local.region), prepareGround('e2e-story')]);
  const { clients } = ground;
  const parts = { ...ground, fleet };
  await putInstanceAlarm(parts);
  // Requests before that would be bad minutes of no incident.
  await untilHealthy(parts, fleet.peers.length + 1);
  const traffic = startTraffic({ elb: clients.elb, cloudWatch: clients.cloudWatch, targetGroupArn: fleet.targetGroupArn, service: 'shop-web' });
  await learnFleet(parts);
  return { ...parts, traffic, close: () => traffic.stop() };
}

/**
 * `perennial <words> --json`, as a person would type it against AWS; gives its JSON. The scrubbed environment leads it to this local
 * AWS: `--local` would find the one that somebody explores in this checkout.
 */
export async function perennial({ scope }: Ground, words: readonly string[]): Promise<unknown> {
  const command = [join(projectFolder, 'bin', 'perennial.ts'), ...words, '--region', scope.region, '--json'];
  const { stdout } = await execute(process.execPath, command, { env: scrubbedEnvironment(local, 'platform'), timeout: 120_000 });
  const answer: unknown = JSON.parse(stdout);
  return answer;
}

export interface Typed {
  readonly exitCode: number;
  /** Everything that the person reads. */
  readonly text: string;
}

/** The same program in this process, where many commands are typed: starting Node for each would take most of the time. */
export async function typed(words: readonly string[]): Promise<Typed> {
  const localFile = join(local.homeFolder, 'local.json');
  const { controlEndpoint, fleetEndpoint, region } = local;
  writeFileSync(localFile, JSON.stringify({ controlEndpoint, fleetEndpoint, region }));
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  const output = { out: write, error: write, readInput: () => Promise.resolve('') };
  const exitCode = await runProgram([...words, '--local', '--json'], output, (options) => openTarget(options, localFile));
  return { exitCode, text: lines.join('\n') };
}

// --- what the emulators say, read with the plain SDK -----------------------------------------------------------------

/** Of any state; other files of this project leave ended instances behind, so there are pages. */
export async function readInstances(ground: Ground, filters: Readonly<Record<string, string>> = {}): Promise<readonly Instance[]> {
  const Filters = Object.entries(filters).map(([Name, value]) => ({ Name, Values: [value] }));
  const found: Instance[] = [];
  for await (const page of paginateDescribeInstances({ client: ground.clients.ec2, pageSize: 100 }, Filters.length === 0 ? {} : { Filters }))
    found.push(...(page.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []));
  return found;
}

export async function readInstance(ground: Ground, instanceId: string): Promise<Instance> {
  const [found] = (await readInstances(ground, { 'instance-id': instanceId })).filter((instance) => instance.InstanceId === instanceId);
  if (found === undefined) throw new Error(`EC2 does not list ${instanceId}`);
  return found;
}

export function tagsOf(instance: Instance): Readonly<Record<string, string>> {
  return Object.fromEntries((instance.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
}

/** Number of groups the instance is in, and of the rules in them. */
export async function readIsolation(ground: Ground, instance: Instance): Promise<{ readonly groups: number; readonly rules: number }> {
  const GroupIds = (instance.SecurityGroups ?? []).flatMap(({ GroupId }) => GroupId ?? []);
  const answer = await ground.clients.ec2.send(new DescribeSecurityGroupsCommand({ GroupIds }));
  const rules = (answer.SecurityGroups ?? []).flatMap((group) => [...(group.IpPermissions ?? []), ...(group.IpPermissionsEgress ?? [])]);
  return { groups: GroupIds.length, rules: rules.length };
}

/** Instance → state, for every target the group lists. */
export async function readTargets(world: World): Promise<Readonly<Record<string, string>>> {
  const answer = await world.clients.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: world.fleet.targetGroupArn }));
  return Object.fromEntries((answer.TargetHealthDescriptions ?? []).map(({ Target, TargetHealth }) => [Target?.Id ?? '', TargetHealth?.State ?? '']));
}

export async function readAlarm(ground: Ground, name: string): Promise<{ readonly alarm: MetricAlarm; readonly tags: Readonly<Record<string, string>> }> {
  const { cloudWatch } = ground.clients;
  const [alarm] = (await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [name] }))).MetricAlarms ?? [];
  if (alarm === undefined) throw new Error(`CloudWatch has no alarm ${name}`);
  const { Tags } = await cloudWatch.send(new ListTagsForResourceCommand({ ResourceARN: alarm.AlarmArn }));
  return { alarm, tags: Object.fromEntries((Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])) };
}

const mailEnvelope = z.object({
  MessageId: z.string(),
  Subject: z._default(z.string(), ''),
  Message: z._default(z.string(), ''),
  MessageAttributes: z._default(z.record(z.string(), z.object({ Value: z.string() })), {}),
});

/** What has come to a mailbox. It is kept here and taken out of the queue: a message that was read would hide from whoever reads next. */
interface Mailbox {
  readonly kept: Map<string, Delivered>;
  reading: Promise<void>;
  /** Begins when the present reading has ended; everybody who comes meanwhile shares it. */
  next: Promise<void> | undefined;
}
const mailboxes = new Map<string, Mailbox>();

/** Far more messages than any story sends. */
const MAX_RECEIVES = 500;

/** Until nothing has come for a second. */
async function emptyInto(kept: Mailbox['kept'], { clients: { sqs }, mailboxUrl: QueueUrl }: Ground): Promise<void> {
  for (let receive = 0; receive < MAX_RECEIVES; receive += 1) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }));
    if (Messages.length === 0) return;
    for (const { MessageId = '', Body = '{}' } of Messages) {
      const { MessageId: envelopeId, Subject, Message, MessageAttributes } = mailEnvelope.parse(JSON.parse(Body));
      kept.set(MessageId, { messageId: envelopeId, subject: Subject, text: Message, channels: MessageAttributes['channels']?.Value ?? '' });
    }
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }
  throw new Error(`${kept.size} messages came to ${QueueUrl}, and there is no end of them`);
}

/** Everything that was ever delivered to the mailbox, whatever is read beside it and however slow the machine is. */
export async function readDeliveries(ground: Ground): Promise<readonly Delivered[]> {
  const mailbox = mailboxes.get(ground.mailboxUrl) ?? { kept: new Map<string, Delivered>(), reading: Promise.resolve(), next: undefined };
  mailboxes.set(ground.mailboxUrl, mailbox);
  mailbox.next ??= (async () => {
    await mailbox.reading.catch(() => undefined);
    mailbox.next = undefined;
    mailbox.reading = emptyInto(mailbox.kept, ground);
    await mailbox.reading;
  })();
  await mailbox.next;
  return [...mailbox.kept.values()];
}

/** Items of one collection of the table, whole, as DynamoDB has them. */
export async function readItems<Body>(ground: Ground, collection: string, schema: z.ZodMiniType<Body>): Promise<readonly Body[]> {
  const { accountId, region } = ground.scope;
  const query = {
    TableName: ground.outputs.TableName,
    KeyConditionExpression: 'pk = :partition',
    ExpressionAttributeValues: { ':partition': `${accountId}#${region}#${collection}` },
    ConsistentRead: true,
  };
  const bodies: Body[] = [];
  for await (const page of paginateQuery({ client: ground.clients.dynamo }, query))
    bodies.push(...(page.Items ?? []).map((item) => schema.parse(item['body'])));
  return bodies;
}

export const remediationItem = z.object({
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
  differences: z.array(z.string()),
  revertOf: z.optional(z.string()),
  frozen: z.optional(z.object({ at: z.string(), reason: z.string() })),
});
export type RemediationItem = z.infer<typeof remediationItem>;

/** Repairs of an instance, oldest first; vetoes are not repairs. */
export async function readRepairs(ground: Ground, oldInstanceId: string): Promise<readonly RemediationItem[]> {
  const all = await readItems(ground, 'remediation', remediationItem);
  return all.filter((item) => item.oldInstanceId === oldInstanceId && item.state !== 'vetoed');
}

/** Many times what a repair takes: the next poll of the schedule, a minute later, may be the one that tells of the trouble. */
const REPAIR_LIMIT_SECONDS = 300;

/** Waits; a failure tells what the platform has recorded of all repairs, vetoes included. */
export async function untilRecorded<Value>(ground: Ground, what: string, look: () => Promise<Value | undefined>): Promise<Value> {
  try {
    return await until(what, REPAIR_LIMIT_SECONDS, look);
  } catch (error) {
    const all = await readItems(ground, 'remediation', remediationItem);
    const told = all.map(({ id, oldInstanceId, state, phase, reason }) => `${id} of ${oldInstanceId}: ${state} in ${phase}: ${reason}`);
    throw new Error([String(error), ...told].join('\n'), { cause: error });
  }
}

/** Waits for the one repair of an instance to end, looking twice a second. */
export function repairOf(ground: Ground, oldInstanceId: string): Promise<RemediationItem> {
  return untilRecorded(ground, `The end of the repair of ${oldInstanceId}`, async () =>
    (await readRepairs(ground, oldInstanceId)).find(({ state }) => state !== 'running'),
  );
}

/** Waits until the repair of an instance has come to a phase, or is past it. */
export function phaseOf(ground: Ground, oldInstanceId: string, phase: string): Promise<RemediationItem> {
  return untilRecorded(ground, `The phase ${phase} of the repair of ${oldInstanceId}`, async () =>
    (await readRepairs(ground, oldInstanceId)).find((item) => item.phase === phase || item.phases.some(({ name }) => name === phase)),
  );
}

/** Instances that carry the tag of a repair, the old one apart: what it launched. */
export async function launchedBy(ground: Ground, { id, oldInstanceId }: RemediationItem): Promise<readonly (string | undefined)[]> {
  const tagged = await readInstances(ground, { 'tag:perennial:remediation': id });
  return tagged.map(({ InstanceId }) => InstanceId).filter((instanceId) => instanceId !== oldInstanceId);
}

async function depthOf(ground: Ground, QueueUrl: string): Promise<number> {
  const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const { Attributes } = await ground.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }));
  return AttributeNames.reduce((sum, name) => sum + Number(Attributes?.[name] ?? 0), 0);
}

/** Longer than a message that could not be taken in at once stays hidden. */
const QUIET_LIMIT_SECONDS = 420;

/** All that was said on the signals queue is taken in. */
export async function untilQuiet(ground: Ground): Promise<void> {
  await until('The end of all work on the signals queue', QUIET_LIMIT_SECONDS, async () =>
    (await depthOf(ground, ground.outputs.SignalsQueueUrl)) === 0 ? true : undefined,
  );
}

/** Sets a status check of an instance, as the overlay lets a test do. */
export async function markStatus(ground: Ground, instanceId: string, instance: 'impaired' | 'ok'): Promise<void> {
  const answer = await fetch(`${ground.fleetEndpoint}/_perennial/instances/${instanceId}/status`, { method: 'POST', body: JSON.stringify({ instance }) });
  if (!answer.ok) throw new Error(`The overlay did not mark ${instanceId}: ${answer.status}`);
}

/** Says of an instance that its targets fail their health checks, or are well again. */
export async function markTarget(ground: Ground, instanceId: string, state: 'healthy' | 'unhealthy'): Promise<void> {
  const answer = await fetch(`${ground.fleetEndpoint}/_perennial/targets/${instanceId}`, { method: 'POST', body: JSON.stringify({ state }) });
  if (!answer.ok) throw new Error(`The overlay did not mark ${instanceId}: ${answer.status}`);
}

/** Says of a target group that its health check is wrong for all its targets, or right again. */
export async function markTargetGroup(ground: Ground, name: string, state: 'healthy' | 'unhealthy'): Promise<void> {
  const answer = await fetch(`${ground.fleetEndpoint}/_perennial/target-groups/${name}`, { method: 'POST', body: JSON.stringify({ state }) });
  if (!answer.ok) throw new Error(`The overlay did not mark ${name}: ${answer.status}`);
}

const fleetCall = z.object({
  at: z.string(),
  service: z.string(),
  action: z.string(),
  /** `test` for people and for the tests; functions have the keys of their role. */
  accessKeyId: z.string(),
  statusCode: z.number(),
  parameters: z.record(z.string(), z.string()),
});
export type FleetCall = z.infer<typeof fleetCall>;

/** Calls that reached the fleet, oldest first. */
export async function readFleetCalls({ fleetEndpoint }: Ground): Promise<readonly FleetCall[]> {
  return z.array(fleetCall).parse(await (await fetch(`${fleetEndpoint}/_perennial/calls`)).json());
}

const isChange = ({ action }: FleetCall): boolean => !/^(?:Describe|Get|List)/.test(action);

/** What the platform's functions changed, or tried to change, of these instances. */
export async function readChangesOf(ground: Ground, instanceIds: readonly string[]): Promise<readonly FleetCall[]> {
  const calls = await readFleetCalls(ground);
  return calls.filter((call) => isChange(call) && call.accessKeyId !== 'test' && Object.values(call.parameters).some((value) => instanceIds.includes(value)));
}
