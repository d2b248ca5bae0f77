import {
  type EC2Client,
  type Instance,
  ModifyNetworkInterfaceAttributeCommand,
  paginateDescribeInstances,
  RunInstancesCommand,
  type RunInstancesCommandInput,
} from '@aws-sdk/client-ec2';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import { InsufficientCapacityError, type LaunchRequest, type ReplacementLauncher } from '../../core/remediation/ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';
import { tagsOf } from './instance-facts.ts';
import { launchInput } from './launch-input.ts';

type Rehearsal = Awaited<ReturnType<ReplacementLauncher['rehearse']>>;

export function createLauncher(ec2: EC2Client): ReplacementLauncher {
  return { rehearse: (request) => rehearse(ec2, request), launch: (request) => launch(ec2, request) };
}

async function rehearse(ec2: EC2Client, request: LaunchRequest): Promise<Rehearsal> {
  return dryRun(ec2, await launchInput(ec2, request));
}

/** A dry run that would have worked answers with the error DryRunOperation: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html */
async function dryRun(ec2: EC2Client, input: RunInstancesCommandInput): Promise<Rehearsal> {
  try {
    await ec2.send(new RunInstancesCommand({ ...input, DryRun: true }));
  } catch (error) {
    return readRefusal(error);
  }
  throw new PermanentError('EC2 answered a dry run as if it were none; nothing more is tried. Look for an instance that nobody asked for.');
}

function readRefusal(error: unknown): Rehearsal {
  const code = codeOf(error) ?? '';
  if (code === 'DryRunOperation') return { kind: 'possible', reason: "EC2's dry run passed" };
  const mapped = toPortError(error, 'rehearse the launch');
  // A lack of capacity has the status of a server that is unwell, yet it is an answer: the old instance must not be touched for it.
  // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
  if (!code.startsWith('Insufficient') && !(mapped instanceof PermanentError)) throw mapped;
  return { kind: 'impossible', reason: `EC2's dry run says ${code}: ${error instanceof Error ? error.message : ''}` };
}

/** Looks first for what an earlier, unanswered call has launched: the token alone is forgotten when the instance ends. */
async function launch(ec2: EC2Client, request: LaunchRequest): Promise<{ readonly instanceId: string }> {
  const instance = (await findLaunched(ec2, request)) ?? (await runInstance(ec2, request));
  const instanceId = instance?.InstanceId;
  if (instance === undefined || instanceId === undefined)
    throw new PermanentError(`EC2 answered the launch for ${request.remediationId} without an instance id; look for the tag ${tagKeys.remediation}.`);
  // Also for one that was found: the call that launched it may have got no further.
  if (!request.capture.sourceDestCheck) await letForward(ec2, instance, instanceId);
  return { instanceId };
}

async function runInstance(ec2: EC2Client, request: LaunchRequest): Promise<Instance | undefined> {
  const input = await launchInput(ec2, request);
  try {
    const answer = await ec2.send(new RunInstancesCommand(input));
    return answer.Instances?.[0];
  } catch (error) {
    if (isWithoutCapacity(codeOf(error))) throw withoutCapacity(error, input.InstanceType);
    if (codeOf(error) !== 'IdempotentParameterMismatch') throw toPortError(error, `launch the replacement of ${request.capture.instanceId}`);
  }
  // An earlier call used the token: it launched, with an image or user data that have changed since. Never a second one beside it.
  // https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
  const launched = await findLaunched(ec2, request);
  if (launched !== undefined) return launched;
  throw new RetryableError(
    `EC2 has launched for ${request.remediationId} before, with other parameters, and does not list that instance yet; it is looked for again.`,
  );
}

/** Codes by which EC2 says that another type, or another time, may do: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
const isWithoutCapacity = (code: string | undefined): boolean =>
  code === 'InsufficientInstanceCapacity' || code === 'InsufficientHostCapacity' || code === 'Unsupported';

function withoutCapacity(error: unknown, instanceType: string | undefined): InsufficientCapacityError {
  const said = error instanceof Error ? error.message : 'no reason given';
  return new InsufficientCapacityError(`EC2 cannot launch ${instanceType ?? 'the type'} in this zone: ${said}`, { cause: error });
}

/**
 * Of every state but ended, because a replacement that stopped by itself is still the one; without what this remediation has put
 * away. All pages: only an absent NextToken ends a list (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
 */
async function findLaunched(ec2: EC2Client, { remediationId, capture }: LaunchRequest): Promise<Instance | undefined> {
  const filters = [
    { Name: `tag:${tagKeys.remediation}`, Values: [remediationId] },
    { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] },
  ];
  const isReplacement = (instance: Instance): boolean => instance.InstanceId !== capture.instanceId && tagsOf(instance.Tags)[tagKeys.quarantine] === undefined;
  return callAws(`look for what ${remediationId} has launched`, async () => {
    for await (const page of paginateDescribeInstances({ client: ec2 }, { Filters: filters, MaxResults: 50 })) {
      const found = (page.Reservations ?? []).flatMap(({ Instances }) => Instances ?? []).find(isReplacement);
      if (found !== undefined) return found;
    }
    return undefined;
  });
}

/**
 * An instance that routes or translates addresses drops everything while its source/destination check is on, and RunInstances cannot
 * switch it off: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html
 */
async function letForward(ec2: EC2Client, instance: Instance, instanceId: string): Promise<void> {
  const primary = (instance.NetworkInterfaces ?? []).find(({ Attachment }) => Attachment?.DeviceIndex === 0);
  const NetworkInterfaceId = primary?.NetworkInterfaceId;
  if (NetworkInterfaceId === undefined) throw new RetryableError(`EC2 does not list the network interface of ${instanceId} yet; it is looked for again.`);
  try {
    await ec2.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId, SourceDestCheck: { Value: false } }));
  } catch (error) {
    const isNew = codeOf(error) === 'InvalidNetworkInterfaceID.NotFound';
    if (isNew) throw new RetryableError(`EC2 does not know the network interface of ${instanceId} yet; it is tried again.`, { cause: error });
    throw toPortError(error, `switch off the source/destination check of ${instanceId}`);
  }
}
