import {
  CreateReplaceRootVolumeTaskCommand,
  CreateTagsCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypesCommand,
  DescribeReplaceRootVolumeTasksCommand,
  type EC2Client,
  type Instance,
  type InstanceTypeInfo,
  RebootInstancesCommand,
  type ReplaceRootVolumeTask,
} from '@aws-sdk/client-ec2';
import { GetCommandInvocationCommand, paginateListCommands, SendCommandCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import { parseTimestamp } from '../../core/environment/time.ts';
import type {
  CommandOutcome,
  RecoveryCapability,
  RecoveryPorts,
  RecoveryReader,
  RestartRequest,
  RootSwap,
  RootSwapRequest,
  RootSwapState,
} from '../../core/remediation/surroundings/recovery-ports.ts';
import { callAws } from '../platform/aws-errors.ts';
import { createCommandRunner } from './commands.ts';
import { absentCodes, absentOr } from './instance-reader.ts';

export function createRecoveryReader(ec2: EC2Client, ssm: SSMClient): RecoveryReader {
  const agents = createCommandRunner(ssm);
  return {
    capability: async (instanceId) => {
      const instance = await readInstance(ec2, instanceId);
      return instance === undefined ? undefined : readCapability(ec2, instance, () => agents.isOnline(instanceId));
    },
    rootSwap: (taskId) => readRootSwap(ec2, taskId),
  };
}

async function readInstance(ec2: EC2Client, instanceId: string): Promise<Instance | undefined> {
  const answer = await absentOr(`describe ${instanceId}`, absentCodes, () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })));
  const instance = answer?.Reservations?.[0]?.Instances?.[0];
  return instance?.State?.Name === 'terminated' ? undefined : instance;
}

async function readCapability(ec2: EC2Client, instance: Instance, isOnline: () => Promise<boolean>): Promise<RecoveryCapability> {
  const { InstanceId: instanceId = '', InstanceType, ProductCodes = [] } = instance;
  const [types, isManagedOnline, isTerminationProtected, isStopProtected] = await Promise.all([
    InstanceType === undefined
      ? undefined
      : callAws(`describe the type ${InstanceType}`, () => ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: [InstanceType] }))),
    isOnline(),
    readProtection(ec2, instanceId, 'disableApiTermination'),
    readProtection(ec2, instanceId, 'disableApiStop'),
  ]);
  const type = types?.InstanceTypes?.[0];
  const refusal = recoveryRefusal(instance, type);
  return {
    isRecoveredByEc2: refusal === undefined,
    recoveryReason: refusal ?? 'its type and configuration are supported',
    isBareMetal: type?.BareMetal === true,
    hasProductCode: ProductCodes.length > 0,
    isManagedOnline,
    isTerminationProtected,
    isStopProtected,
  };
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-configuration-recovery.html: requirements and limitations. */
function recoveryRefusal({ MaintenanceOptions, Placement }: Instance, type: InstanceTypeInfo | undefined): string | undefined {
  if (MaintenanceOptions?.AutoRecovery === 'disabled') return 'automatic recovery is switched off for it';
  if (Placement?.Tenancy === 'host') return 'it runs on a Dedicated Host, which is recovered as a host';
  return type?.AutoRecoverySupported === true ? undefined : `the type ${type?.InstanceType ?? 'unknown'} is not supported`;
}

async function readProtection(ec2: EC2Client, instanceId: string, attribute: 'disableApiTermination' | 'disableApiStop'): Promise<boolean> {
  const answer = await callAws(`read ${attribute} of ${instanceId}`, () =>
    ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute: attribute })),
  );
  return (attribute === 'disableApiStop' ? answer.DisableApiStop : answer.DisableApiTermination)?.Value === true;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRootVolumeTask.html; a word that AWS adds later is not an end. */
const states: Readonly<Record<string, RootSwapState>> = {
  pending: 'pending',
  'in-progress': 'in-progress',
  failing: 'failing',
  succeeded: 'succeeded',
  failed: 'failed',
  'failed-detached': 'failed-detached',
};

function rootSwapOf({ ReplaceRootVolumeTaskId, InstanceId, TaskState, CompleteTime }: ReplaceRootVolumeTask): RootSwap {
  return {
    taskId: ReplaceRootVolumeTaskId ?? '',
    instanceId: InstanceId ?? '',
    state: states[TaskState ?? ''] ?? 'in-progress',
    ...present({ completedAt: parseTimestamp(CompleteTime ?? '') }),
  };
}

async function readRootSwap(ec2: EC2Client, taskId: string): Promise<RootSwap | undefined> {
  const answer = await absentOr(`read ${taskId}`, ['InvalidReplaceRootVolumeTaskId.NotFound', 'InvalidReplaceRootVolumeTaskID.NotFound'], () =>
    ec2.send(new DescribeReplaceRootVolumeTasksCommand({ ReplaceRootVolumeTaskIds: [taskId] })),
  );
  const task = answer?.ReplaceRootVolumeTasks?.[0];
  return task === undefined ? undefined : rootSwapOf(task);
}

/** What changing phases use to bring the same instance back. */
export function createRecoveryPorts(ec2: EC2Client, ssm: SSMClient): RecoveryPorts {
  return {
    rebooter: {
      reboot: async (instanceId) => void (await callAws(`reboot ${instanceId}`, () => ec2.send(new RebootInstancesCommand({ InstanceIds: [instanceId] })))),
    },
    rootSwapper: {
      swap: (request) => swapRoot(ec2, request),
      rootVolumeOf: (instanceId) => readRootVolume(ec2, instanceId),
      keep: async (volumeId, tags) => {
        const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
        await callAws(`tag the volume ${volumeId}`, () => ec2.send(new CreateTagsCommand({ Resources: [volumeId], Tags })));
      },
    },
    processRestarter: { restart: (request) => restart(ssm, request), outcome: (commandId, instanceId) => readOutcome(ssm, commandId, instanceId) },
  };
}

async function readRootVolume(ec2: EC2Client, instanceId: string): Promise<string | undefined> {
  const { RootDeviceName, BlockDeviceMappings = [] } = (await readInstance(ec2, instanceId)) ?? {};
  return BlockDeviceMappings.find(({ DeviceName }) => DeviceName !== undefined && DeviceName === RootDeviceName)?.Ebs?.VolumeId;
}

/** At most 64 ASCII characters: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html */
const MAX_TOKEN_CHARACTERS = 64;

async function swapRoot(ec2: EC2Client, { remediationId, attempt, instanceId, imageId }: RootSwapRequest): Promise<{ readonly taskId: string }> {
  const answer = await callAws(`replace the root of ${instanceId}`, () =>
    ec2.send(
      new CreateReplaceRootVolumeTaskCommand({
        InstanceId: instanceId,
        ImageId: imageId,
        DeleteReplacedRootVolume: false,
        ClientToken: `${remediationId}-${attempt}-root`.slice(-MAX_TOKEN_CHARACTERS),
      }),
    ),
  );
  const taskId = answer.ReplaceRootVolumeTask?.ReplaceRootVolumeTaskId;
  if (taskId === undefined) throw new PermanentError(`EC2 gave the replacement of the root of ${instanceId} no id; whether it runs is not known.`);
  return { taskId };
}

/** A comment holds at most 100 characters: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html */
const MAX_COMMENT_CHARACTERS = 100;
const commentOf = ({ remediationId }: RestartRequest): string => `perennial restart ${remediationId}`.slice(0, MAX_COMMENT_CHARACTERS);

/** The service manager of Linux hosts; the name of the service is one word by the catalog's schema, so that it needs no quotes. */
const restartScript = (service: string): Record<string, string[]> => ({ commands: [`systemctl restart -- ${service} && systemctl is-active -- ${service}`] });

/** SendCommand knows no client token: what was sent is found by its comment. */
async function restart(ssm: SSMClient, request: RestartRequest): Promise<{ readonly commandId: string }> {
  const { instanceId, document, service } = request;
  const sent = await findSent(ssm, request);
  if (sent !== undefined) return { commandId: sent };
  const answer = await callAws(`restart ${service} on ${instanceId}`, () =>
    ssm.send(
      new SendCommandCommand({
        InstanceIds: [instanceId],
        DocumentName: document ?? 'AWS-RunShellScript',
        Parameters: document === undefined ? restartScript(service) : { service: [service] },
        Comment: commentOf(request),
        TimeoutSeconds: 60,
      }),
    ),
  );
  const commandId = answer.Command?.CommandId;
  if (commandId === undefined) throw new PermanentError(`Systems Manager gave the command for ${instanceId} no id; whether it runs is not known.`);
  return { commandId };
}

const MAX_COMMANDS = 100;

async function findSent(ssm: SSMClient, request: RestartRequest): Promise<string | undefined> {
  const comment = commentOf(request);
  return callAws(`look for commands on ${request.instanceId}`, async () => {
    let seen = 0;
    for await (const page of paginateListCommands({ client: ssm }, { InstanceId: request.instanceId, MaxResults: 50 })) {
      const found = (page.Commands ?? []).find(({ Comment }) => Comment === comment);
      if (found !== undefined) return found.CommandId;
      seen += page.Commands?.length ?? 0;
      if (seen >= MAX_COMMANDS) return undefined;
    }
    return undefined;
  });
}

const MAX_DETAIL_CHARACTERS = 500;
const openStatuses: readonly string[] = ['Pending', 'InProgress', 'Delayed', 'Cancelling'];

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html: for a moment it is not listed yet. */
async function readOutcome(ssm: SSMClient, commandId: string, instanceId: string): Promise<CommandOutcome | undefined> {
  const answer = await absentOr(`read the command ${commandId}`, ['InvocationDoesNotExist'], () =>
    ssm.send(new GetCommandInvocationCommand({ CommandId: commandId, InstanceId: instanceId })),
  );
  if (answer === undefined) return undefined;
  const status = answer.Status ?? 'Pending';
  const printed = [answer.StandardOutputContent, answer.StandardErrorContent].flatMap((text) => (text === undefined || text === '' ? [] : [text.trim()]));
  const detail = [answer.StatusDetails ?? status, ...printed].join(': ').slice(-MAX_DETAIL_CHARACTERS);
  if (openStatuses.includes(status)) return { state: 'running', detail };
  return { state: status === 'Success' ? 'succeeded' : 'failed', detail };
}
