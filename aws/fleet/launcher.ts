import {
  type BlockDeviceMapping,
  DescribeSubnetsCommand,
  type EC2Client,
  paginateDescribeInstances,
  type _InstanceType,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  type ResourceType,
} from '@aws-sdk/client-ec2';
import { PermanentError } from '../../core/environment/errors.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import { type LaunchRequest, type ReplacementLauncher, UserDataLostError } from '../../core/remediation/ports.ts';
import { callAws, codeOf, isRetryableCode, toPortError } from '../platform/aws-errors.ts';
import { hashOf, readUserData } from './capture-reader.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions */
const MAX_TAGS = 50;

/** At most 64 ASCII characters: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html */
function clientToken({ remediationId, attempt }: LaunchRequest): string {
  return `${remediationId}-${attempt}`.slice(-64);
}

export function createLauncher(ec2: EC2Client): ReplacementLauncher {
  return { rehearse: (request) => rehearse(ec2, request), launch: (request) => launch(ec2, request) };
}

async function rehearse(ec2: EC2Client, request: LaunchRequest): Promise<{ readonly kind: 'possible' | 'impossible'; readonly reason: string }> {
  if (Object.keys(request.tags).length > MAX_TAGS)
    return { kind: 'impossible', reason: `The replacement would have ${Object.keys(request.tags).length} tags; EC2 allows ${MAX_TAGS}` };
  const { subnetId } = request.capture;
  const subnets = await callAws(`describe the subnet ${subnetId}`, () => ec2.send(new DescribeSubnetsCommand({ SubnetIds: [subnetId] })));
  const free = subnets.Subnets?.[0]?.AvailableIpAddressCount ?? 0;
  if (free < 1) return { kind: 'impossible', reason: `The subnet ${subnetId} has no free address` };
  return dryRun(ec2, await buildInput(ec2, request), free);
}

/** A dry run that would have worked answers with the error DryRunOperation: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html */
async function dryRun(
  ec2: EC2Client,
  input: RunInstancesCommandInput,
  free: number,
): Promise<{ readonly kind: 'possible' | 'impossible'; readonly reason: string }> {
  try {
    await ec2.send(new RunInstancesCommand({ ...input, DryRun: true }));
    throw new PermanentError('EC2 answered a dry run as if it were none; nothing more is tried.');
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (code === 'DryRunOperation') return { kind: 'possible', reason: `EC2's dry run passed; the subnet has ${free} free addresses` };
    if (code === '' || isRetryableCode(code) || error instanceof PermanentError) throw toPortError(error, 'rehearse the launch');
    return { kind: 'impossible', reason: `EC2's dry run says ${code}: ${error instanceof Error ? error.message : ''}` };
  }
}

/** Looks first for what an earlier, unanswered call has launched: the token alone is forgotten when the instance ends. */
async function launch(ec2: EC2Client, request: LaunchRequest): Promise<{ readonly instanceId: string }> {
  const earlier = await findLaunched(ec2, request);
  if (earlier !== undefined) return { instanceId: earlier };
  const input = await buildInput(ec2, request);
  const answer = await callAws(`launch the replacement of ${request.capture.instanceId}`, () => ec2.send(new RunInstancesCommand(input)));
  const instanceId = answer.Instances?.[0]?.InstanceId;
  if (instanceId === undefined)
    throw new PermanentError(`EC2 answered the launch for ${request.remediationId} without an instance id; look for the tag ${tagKeys.remediation}.`);
  return { instanceId };
}

/** All pages: only an absent NextToken ends a list (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html). */
async function findLaunched(ec2: EC2Client, { remediationId, capture }: LaunchRequest): Promise<string | undefined> {
  const filters = [
    { Name: `tag:${tagKeys.remediation}`, Values: [remediationId] },
    { Name: 'instance-state-name', Values: ['pending', 'running'] },
  ];
  return callAws(`look for what ${remediationId} has launched`, async () => {
    for await (const page of paginateDescribeInstances({ client: ec2 }, { Filters: filters, MaxResults: 50 })) {
      const ids = (page.Reservations ?? []).flatMap((reservation) => (reservation.Instances ?? []).flatMap((instance) => instance.InstanceId ?? []));
      const found = ids.find((instanceId) => instanceId !== capture.instanceId);
      if (found !== undefined) return found;
    }
    return undefined;
  });
}

/** User data is handed over in memory; without its source nothing is launched (design section 5). */
async function userDataOf(ec2: EC2Client, { capture, userDataFrom }: LaunchRequest): Promise<string | undefined> {
  if (userDataFrom === undefined || capture.userData === undefined) return undefined;
  const bytes = await readUserDataOrNone(ec2, userDataFrom);
  if (bytes === undefined || hashOf(bytes) !== capture.userData.sha256) {
    throw new UserDataLostError(
      `The user data of ${userDataFrom} is ${bytes === undefined ? 'gone' : 'not what it was'}; without it the replacement would not be the same. Launch it by hand with the right user data.`,
    );
  }
  return bytes.toString('base64');
}

async function readUserDataOrNone(ec2: EC2Client, instanceId: string): Promise<Buffer | undefined> {
  try {
    return await readUserData(ec2, instanceId);
  } catch (error) {
    if (error instanceof PermanentError) return undefined;
    throw error;
  }
}

async function buildInput(ec2: EC2Client, request: LaunchRequest): Promise<RunInstancesCommandInput> {
  const { capture, imageId, tags } = request;
  const userData = await userDataOf(ec2, request);
  return {
    ImageId: imageId,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- EC2 gave this text itself; the SDK's list of types is only as new as the SDK
    InstanceType: capture.instanceType as _InstanceType,
    MinCount: 1,
    MaxCount: 1,
    ClientToken: clientToken(request),
    SubnetId: capture.subnetId,
    SecurityGroupIds: [...capture.securityGroupIds],
    EbsOptimized: capture.ebsOptimized,
    Monitoring: { Enabled: capture.detailedMonitoring },
    DisableApiTermination: capture.terminationProtection,
    DisableApiStop: capture.stopProtection,
    InstanceInitiatedShutdownBehavior: capture.shutdownBehavior === 'terminate' ? 'terminate' : 'stop',
    MetadataOptions: {
      HttpTokens: capture.metadataOptions.httpTokens === 'required' ? 'required' : 'optional',
      HttpPutResponseHopLimit: capture.metadataOptions.httpPutResponseHopLimit,
      HttpEndpoint: capture.metadataOptions.httpEndpoint === 'disabled' ? 'disabled' : 'enabled',
      InstanceMetadataTags: capture.metadataOptions.instanceMetadataTags === 'enabled' ? 'enabled' : 'disabled',
    },
    TagSpecifications: (['instance', 'volume', 'network-interface'] satisfies ResourceType[]).map((ResourceType) => ({
      ResourceType,
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    })),
    ...optionalInput(request, userData),
  };
}

function optionalInput({ capture }: LaunchRequest, userData: string | undefined): Partial<RunInstancesCommandInput> {
  const root = rootMapping(capture);
  return {
    ...(userData === undefined ? {} : { UserData: userData }),
    ...(capture.instanceProfileArn === undefined ? {} : { IamInstanceProfile: { Arn: capture.instanceProfileArn } }),
    ...(capture.keyName === undefined ? {} : { KeyName: capture.keyName }),
    ...(capture.creditSpecification === undefined ? {} : { CreditSpecification: { CpuCredits: capture.creditSpecification } }),
    ...(root === undefined ? {} : { BlockDeviceMappings: [root] }),
  };
}

/** The root keeps its size, type and key; its content comes from the image. */
function rootMapping(capture: LaunchRequest['capture']): BlockDeviceMapping | undefined {
  const root = capture.volumes.find((volume) => volume.isRoot);
  if (root === undefined || root.sizeGiB === 0) return undefined;
  const VolumeType = root.volumeType === 'gp2' || root.volumeType === 'standard' ? root.volumeType : 'gp3';
  return {
    DeviceName: capture.rootDeviceName,
    Ebs: {
      VolumeSize: root.sizeGiB,
      VolumeType,
      DeleteOnTermination: root.deleteOnTermination,
      ...(root.encrypted ? { Encrypted: true } : {}),
      ...(root.kmsKeyId === undefined ? {} : { KmsKeyId: root.kmsKeyId }),
    },
  };
}
