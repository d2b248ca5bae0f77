import { DescribeInstancesCommand, DescribeSecurityGroupsCommand, type Instance } from '@aws-sdk/client-ec2';
import { DescribeTargetHealthCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import type { Remediation } from '../../core/remediation/record.ts';
import { readMailbox } from './mailbox.ts';
import { readIncident, type StoryParts, until } from './story.ts';

/** One thing that must be true in the emulators themselves. */
export interface Proof {
  readonly what: string;
  readonly isTrue: boolean;
  readonly found: string;
}

async function readInstance({ clients }: StoryParts, instanceId: string): Promise<Instance | undefined> {
  const answer = await clients.ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  return answer.Reservations?.[0]?.Instances?.[0];
}

async function readTargets({ clients, fleet }: StoryParts): Promise<ReadonlyMap<string, string>> {
  const answer = await clients.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: fleet.targetGroupArn }));
  return new Map((answer.TargetHealthDescriptions ?? []).map((description) => [description.Target?.Id ?? '', description.TargetHealth?.State ?? '']));
}

async function proveReplacement(parts: StoryParts, remediation: Remediation): Promise<readonly Proof[]> {
  const newId = remediation.newInstanceId ?? 'none';
  const [replacement, targets] = [await readInstance(parts, newId), await readTargets(parts)];
  return [
    {
      what: 'the replacement runs golden image v2',
      isTrue: replacement?.ImageId === parts.fleet.imageV2 && replacement.State?.Name === 'running',
      found: `${replacement?.ImageId} ${replacement?.State?.Name}`,
    },
    { what: 'the replacement serves', isTrue: targets.get(newId) === 'healthy', found: targets.get(newId) ?? 'not registered' },
  ];
}

async function proveIsolation(parts: StoryParts, instance: Instance | undefined): Promise<Proof> {
  const groupIds = (instance?.SecurityGroups ?? []).flatMap((group) => group.GroupId ?? []);
  const groups = await parts.clients.ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: groupIds }));
  const rules = (groups.SecurityGroups ?? []).flatMap((group) => [...(group.IpPermissions ?? []), ...(group.IpPermissionsEgress ?? [])]);
  return {
    what: 'the old instance is isolated',
    isTrue: groupIds.length === 1 && rules.length === 0,
    found: `${groupIds.length} group(s), ${rules.length} rule(s)`,
  };
}

async function proveOld(parts: StoryParts): Promise<readonly Proof[]> {
  const [old, targets] = [await readInstance(parts, parts.fleet.victim), await readTargets(parts)];
  const incidentTag = (old?.Tags ?? []).find((tag) => tag.Key === 'perennial:quarantine')?.Value ?? 'no tag';
  const state = targets.get(parts.fleet.victim);
  return [
    { what: 'the old instance is out of its target group', isTrue: state === undefined || state === 'unused', found: state ?? 'not registered' },
    await proveIsolation(parts, old),
    { what: 'the old instance is stopped and kept', isTrue: old?.State?.Name === 'stopped', found: old?.State?.Name ?? 'gone' },
    { what: 'it carries the incident', isTrue: incidentTag.startsWith('inc-'), found: incidentTag },
  ];
}

async function proveUntouched(parts: StoryParts): Promise<readonly Proof[]> {
  const ids = [parts.fleet.unknown, parts.fleet.single, ...parts.fleet.peers];
  return Promise.all(
    ids.map(async (instanceId): Promise<Proof> => {
      const instance = await readInstance(parts, instanceId);
      const ours = (instance?.Tags ?? []).filter((tag) => tag.Key?.startsWith('perennial:quarantine') || tag.Key === 'perennial:remediation');
      const what = instanceId === parts.fleet.unknown ? 'the unknown instance is untouched' : `${instanceId} is untouched`;
      return { what, isTrue: instance?.State?.Name === 'running' && ours.length === 0, found: `${instance?.State?.Name}, ${ours.length} tag(s) of ours` };
    }),
  );
}

/** A message that was read stays hidden for a second. */
const MAIL_LIMIT_SECONDS = 20;

async function proveMails(parts: StoryParts): Promise<Proof> {
  const mails = await until('The delivery of both messages', MAIL_LIMIT_SECONDS, async () => {
    const read = await readMailbox(parts.clients, parts.mailboxUrl);
    return read.length >= 2 ? read : undefined;
  }).catch(() => []);
  const hasMail = (word: string): boolean => mails.some((mail) => `${mail.subject}\n${mail.text}`.toLowerCase().includes(word));
  return {
    what: 'the mailbox got the replacing and the recovered message',
    isTrue: hasMail('replacing') && hasMail('recovered'),
    found: `${mails.length} messages`,
  };
}

async function proveRecords(parts: StoryParts, remediation: Remediation): Promise<readonly Proof[]> {
  const incident = await readIncident(parts, remediation.incidentId);
  const answer = await parts.clients.stepFunctions.send(
    new ListExecutionsCommand({ stateMachineArn: parts.outputs.StateMachineArn, statusFilter: 'SUCCEEDED' }),
  );
  const executions = answer.executions ?? [];
  const badSeconds = incident?.budgetShare?.badSeconds ?? 0;
  return [
    { what: 'the remediation is recorded as succeeded', isTrue: remediation.state === 'succeeded', found: remediation.state },
    { what: 'the incident is resolved', isTrue: incident?.state === 'resolved', found: incident?.state ?? 'no incident' },
    { what: 'its share of the error budget is recorded', isTrue: badSeconds > 0, found: `${badSeconds} s` },
    {
      what: 'the execution succeeded',
      isTrue: executions.some((execution) => execution.name === remediation.executionName),
      found: `${executions.length} succeeded`,
    },
    await proveMails(parts),
  ];
}

/** Reads everything back from the emulators; none of it is the sandbox's own state. */
export async function prove(parts: StoryParts, remediation: Remediation): Promise<readonly Proof[]> {
  return [
    ...(await proveReplacement(parts, remediation)),
    ...(await proveOld(parts)),
    ...(await proveUntouched(parts)),
    ...(await proveRecords(parts, remediation)),
  ];
}
