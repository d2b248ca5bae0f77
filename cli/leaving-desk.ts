import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import {
  type CloudWatchClient,
  DeleteAlarmsCommand,
  ListTagsForResourceCommand,
  type MetricAlarm,
  paginateDescribeAlarms,
  UntagResourceCommand,
} from '@aws-sdk/client-cloudwatch';
import { DeleteSecurityGroupCommand, DeleteTagsCommand, DescribeInstancesCommand, type EC2Client, paginateDescribeSecurityGroups } from '@aws-sdk/client-ec2';
import { DeleteScheduleCommand, paginateListSchedules, ResourceNotFoundException, SchedulerClient } from '@aws-sdk/client-scheduler';
import { createFleetClients } from '../aws/fleet/clients.ts';
import { createTerminator } from '../aws/fleet/instance-terminator.ts';
import { createLeftBehind } from '../aws/fleet/left-behind.ts';
import { createMemberReleaser } from '../aws/fleet/member-releaser.ts';
import { callAws, codeOf, toPortError } from '../aws/platform/aws-errors.ts';
import { boundedClientOptions } from '../aws/platform/client-options.ts';
import { PermanentError, RetryableError } from '../core/environment/errors.ts';
import { tagKeys } from '../core/inventory/records.ts';
import type { InstanceTerminator } from '../core/remediation/ports.ts';
import type { MemberReleaser } from '../core/remediation/reaper/reaping-ports.ts';
import type { ClientSettings } from './open-target.ts';
import type { LeavingDesk } from './target.ts';
import type { LeavingItem, LeftOutside } from './uninstall-plan.ts';

/** `lib/schedules.ts` and `aws/platform/page-timer.ts` name them so. */
const GROUP_NAME = 'perennial';
const TIMER_PREFIX = 'perennial-page-';

const MAX_FOUND = 500;
const MAX_ALARMS = 10_000;

interface Clients {
  readonly autoScaling: AutoScalingClient;
  readonly ec2: EC2Client;
  readonly cloudWatch: CloudWatchClient;
  readonly scheduler: SchedulerClient;
}

/** What Perennial left outside its stacks, with the rights of whoever types. */
export function createLeavingDesk(fleet: ClientSettings, control: ClientSettings): LeavingDesk {
  const { autoScaling, ec2, cloudWatch } = createFleetClients(fleet, control);
  const clients: Clients = { autoScaling, ec2, cloudWatch, scheduler: new SchedulerClient({ ...boundedClientOptions, ...control }) };
  return { find: () => find(clients), carryOut: (item) => carryOut(clients, item) };
}

async function find({ ec2, cloudWatch, scheduler }: Clients): Promise<Omit<LeftOutside, 'tableName'>> {
  const leftBehind = createLeftBehind(ec2);
  return {
    quarantined: await createTerminator(ec2).quarantined(),
    launched: await leftBehind.instances(),
    interfaces: await leftBehind.interfaces(),
    volumes: await leftBehind.volumes(),
    securityGroups: await findGroups(ec2),
    alarms: await findClones(ec2, cloudWatch),
    timers: await findTimers(scheduler),
  };
}

async function findGroups(ec2: EC2Client): Promise<LeftOutside['securityGroups']> {
  const found: { readonly id: string; readonly vpcId: string }[] = [];
  const Filters = [{ Name: `tag:${tagKeys.quarantine}`, Values: ['group'] }];
  await callAws('list the quarantine groups', async () => {
    for await (const page of paginateDescribeSecurityGroups({ client: ec2 }, { Filters })) {
      found.push(...(page.SecurityGroups ?? []).flatMap(({ GroupId, VpcId = 'none' }) => (GroupId === undefined ? [] : [{ id: GroupId, vpcId: VpcId }])));
      if (found.length >= MAX_FOUND) break;
    }
  });
  return found;
}

const instanceIdAtEnd = /(i-[0-9a-f]+)$/;

/** No call lists alarms by tag: those whose name or metric names an instance are asked for theirs. */
async function findClones(ec2: EC2Client, cloudWatch: CloudWatchClient): Promise<LeftOutside['alarms']> {
  const candidates: MetricAlarm[] = [];
  await callAws('list the alarms', async () => {
    let seen = 0;
    for await (const page of paginateDescribeAlarms({ client: cloudWatch }, { AlarmTypes: ['MetricAlarm'], MaxRecords: 100 })) {
      const alarms = page.MetricAlarms ?? [];
      seen += alarms.length;
      candidates.push(...alarms.filter(({ AlarmName = '' }) => instanceIdAtEnd.test(AlarmName)));
      if (candidates.length >= MAX_FOUND || seen >= MAX_ALARMS) break;
    }
  });
  const found: { readonly name: string; readonly isWatching: boolean }[] = [];
  for (const { AlarmName, AlarmArn } of candidates) {
    if (AlarmName === undefined || AlarmArn === undefined) continue;
    const { Tags = [] } = await callAws(`read the tags of ${AlarmName}`, () => cloudWatch.send(new ListTagsForResourceCommand({ ResourceARN: AlarmArn })));
    if (Tags.some(({ Key }) => Key === tagKeys.alarmOf))
      found.push({ name: AlarmName, isWatching: await exists(ec2, instanceIdAtEnd.exec(AlarmName)?.[1] ?? '') });
  }
  return found;
}

/** Only AWS's own "there is no such thing", or the word "terminated", means gone. */
async function exists(ec2: EC2Client, instanceId: string): Promise<boolean> {
  try {
    const answer = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    const state = answer.Reservations?.[0]?.Instances?.[0]?.State?.Name;
    return state !== undefined && state !== 'terminated';
  } catch (error) {
    if (codeOf(error) === 'InvalidInstanceID.NotFound') return false;
    throw toPortError(error, `describe ${instanceId}`);
  }
}

async function findTimers(client: SchedulerClient): Promise<readonly string[]> {
  const found: string[] = [];
  try {
    for await (const page of paginateListSchedules({ client }, { GroupName: GROUP_NAME, NamePrefix: TIMER_PREFIX, MaxResults: 100 })) {
      found.push(...(page.Schedules ?? []).flatMap(({ Name }) => Name ?? []));
      if (found.length >= MAX_FOUND) break;
    }
  } catch (error) {
    // The group goes with the stack, and its timers with it.
    if (!(error instanceof ResourceNotFoundException)) throw toPortError(error, 'list the page timers');
  }
  return found;
}

async function carryOut({ autoScaling, ec2, cloudWatch, scheduler }: Clients, { action, id, tagKeys: keys }: LeavingItem): Promise<void> {
  switch (action) {
    case 'leave':
      return;
    case 'terminate':
      return endQuarantined(createMemberReleaser(autoScaling), createTerminator(ec2), id);
    case 'delete-interface':
      return createLeftBehind(ec2).deleteInterface(id);
    case 'untag-instance':
      return untagInstance(ec2, id, keys);
    case 'delete-group':
      return unlessGone(`delete the security group ${id}`, 'InvalidGroup.NotFound', () => ec2.send(new DeleteSecurityGroupCommand({ GroupId: id })));
    case 'delete-timer':
      return unlessGone(`delete the page timer ${id}`, 'ResourceNotFoundException', () =>
        scheduler.send(new DeleteScheduleCommand({ GroupName: GROUP_NAME, Name: id })),
      );
    case 'delete-alarm':
      return unlessGone(`delete the alarm ${id}`, 'ResourceNotFound', () => cloudWatch.send(new DeleteAlarmsCommand({ AlarmNames: [id] })));
    case 'untag-alarm':
      return untagAlarm(cloudWatch, id, keys);
  }
}

/**
 * As the reaper does it: a member that was kept in standby leaves its group first, whose size stays what it is, else the group goes on
 * listing it. Errors: `RetryableError` while it is on its way out, `PermanentError` for one that somebody took out of standby.
 */
export async function endQuarantined(members: MemberReleaser, terminator: Pick<InstanceTerminator, 'terminate'>, instanceId: string): Promise<void> {
  const before = await members.membership(instanceId);
  if (before?.lifecycleState === 'Standby') await members.release(before.groupName, instanceId);
  const membership = before === undefined ? undefined : await members.membership(instanceId);
  if (membership === undefined) return terminator.terminate(instanceId);
  const { groupName, lifecycleState } = membership;
  if (lifecycleState === 'Standby' || lifecycleState === 'Detaching' || lifecycleState.startsWith('Terminating'))
    throw new RetryableError(`${instanceId} leaves its Auto Scaling group ${groupName} first and was not ended yet; run the same command again in a minute.`);
  throw new PermanentError(
    `${instanceId} is ${lifecycleState} in ${groupName}: somebody took it out of standby, so it was left alone. Detach it from its group, or keep it.`,
  );
}

async function untagInstance(ec2: EC2Client, id: string, keys: readonly string[]): Promise<void> {
  // Without keys EC2 would take all tags off: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html
  if (keys.length === 0) return;
  await callAws(`take our tags off ${id}`, () => ec2.send(new DeleteTagsCommand({ Resources: [id], Tags: keys.map((Key) => ({ Key })) })));
}

async function untagAlarm(cloudWatch: CloudWatchClient, name: string, keys: readonly string[]): Promise<void> {
  for await (const page of paginateDescribeAlarms({ client: cloudWatch }, { AlarmNames: [name] })) {
    for (const { AlarmArn } of page.MetricAlarms ?? []) {
      await callAws(`take our tag off ${name}`, () => cloudWatch.send(new UntagResourceCommand({ ResourceARN: AlarmArn, TagKeys: [...keys] })));
    }
  }
}

async function unlessGone(action: string, goneCode: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (codeOf(error) !== goneCode) throw toPortError(error, action);
  }
}
