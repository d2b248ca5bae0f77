import {
  type CommandInvocationStatus,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  type GetCommandInvocationCommandOutput,
  SendCommandCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { PermanentError } from '../../core/environment/errors.ts';
import type { CommandRunner, HostCommand, HostScript } from '../../core/remediation/evidence/command-ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';

/** Run Command of Systems Manager: https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command.html */
export function createCommandRunner(ssm: SSMClient): CommandRunner {
  return {
    isOnline: (instanceId) => isOnline(ssm, instanceId),
    start: (instanceId, script) => start(ssm, instanceId, script),
    read: (instanceId, commandId) => read(ssm, instanceId, commandId),
  };
}

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_InstanceInformation.html: `ConnectionLost` and `Inactive` are not online. */
async function isOnline(ssm: SSMClient, instanceId: string): Promise<boolean> {
  const Filters = [{ Key: 'InstanceIds', Values: [instanceId] }];
  const answer = await callAws(`ask whether Systems Manager reaches ${instanceId}`, () => ssm.send(new DescribeInstanceInformationCommand({ Filters })));
  return (answer.InstanceInformationList ?? []).some((information) => information.InstanceId === instanceId && information.PingStatus === 'Online');
}

/** A comment holds at most 100 characters: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html */
const MAX_COMMENT_CHARACTERS = 100;
const MIN_DELIVERY_SECONDS = 30;

async function start(ssm: SSMClient, instanceId: string, { name, script, timeoutSeconds }: HostScript): Promise<{ readonly commandId: string }> {
  const answer = await callAws(`run "${name}" on ${instanceId}`, () =>
    ssm.send(
      new SendCommandCommand({
        InstanceIds: [instanceId],
        DocumentName: 'AWS-RunShellScript',
        Comment: name.slice(0, MAX_COMMENT_CHARACTERS),
        // How long it may wait for the agent; how long it may run is a parameter of the document.
        TimeoutSeconds: Math.max(MIN_DELIVERY_SECONDS, timeoutSeconds),
        Parameters: { commands: script.split('\n'), executionTimeout: [String(timeoutSeconds)] },
      }),
    ),
  );
  const commandId = answer.Command?.CommandId;
  if (commandId === undefined) throw new PermanentError(`Systems Manager gave "${name}" on ${instanceId} no id; whether it runs is not known.`);
  return { commandId };
}

const open: readonly (CommandInvocationStatus | undefined)[] = ['Pending', 'InProgress', 'Delayed', 'Cancelling'];

async function read(ssm: SSMClient, instanceId: string, commandId: string): Promise<HostCommand> {
  const answer = await readInvocation(ssm, instanceId, commandId);
  if (answer === undefined || open.includes(answer.Status)) return { state: 'running' };
  return { state: 'ended', exitCode: answer.ResponseCode ?? -1, output: answer.StandardOutputContent ?? '', errors: answer.StandardErrorContent ?? '' };
}

/** A moment after its start the invocation may not be listed yet: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html */
async function readInvocation(ssm: SSMClient, InstanceId: string, CommandId: string): Promise<GetCommandInvocationCommandOutput | undefined> {
  try {
    return await ssm.send(new GetCommandInvocationCommand({ InstanceId, CommandId }));
  } catch (error) {
    if (codeOf(error) === 'InvocationDoesNotExist') return undefined;
    throw toPortError(error, `read the command ${CommandId} on ${InstanceId}`);
  }
}
