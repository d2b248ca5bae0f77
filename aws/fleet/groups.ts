import {
  type Activity,
  type AutoScalingClient,
  type AutoScalingGroup,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeInstanceRefreshesCommand,
  DescribeLaunchConfigurationsCommand,
  DescribeLifecycleHooksCommand,
  DescribeScalingActivitiesCommand,
  EnterStandbyCommand,
  type LaunchTemplateSpecification,
  SetInstanceHealthCommand,
} from '@aws-sdk/client-auto-scaling';
import { DescribeLaunchTemplateVersionsCommand, type EC2Client, type ResponseLaunchTemplateData, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import type {
  AutoScalingGroupFacts,
  GroupChanger,
  GroupReader,
  LifecycleHook,
  MemberLaunchRehearsal,
  MemberLaunchSource,
  ScalingActivity,
} from '../../core/remediation/surroundings/member-ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';
import { tagsOf } from './instance-facts.ts';
import { absentOr } from './instance-reader.ts';

export function createGroupReader(autoScaling: AutoScalingClient, ec2: EC2Client): GroupReader {
  return {
    groupOf: async (instanceId) => {
      const name = await readMemberGroup(autoScaling, instanceId);
      return name === undefined ? undefined : readGroup(autoScaling, name);
    },
    read: (groupName) => readGroup(autoScaling, groupName),
    openRefreshes: (groupName) => readRefreshes(autoScaling, groupName),
    activities: (groupName) => readActivities(autoScaling, groupName),
    hooks: (groupName) => readHooks(autoScaling, groupName),
    launchSource: (group) => readLaunchSource(autoScaling, ec2, group),
  };
}

async function readMemberGroup(autoScaling: AutoScalingClient, instanceId: string): Promise<string | undefined> {
  const answer = await callAws(`ask which Auto Scaling group ${instanceId} is in`, () =>
    autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] })),
  );
  return answer.AutoScalingInstances?.[0]?.AutoScalingGroupName;
}

async function readGroup(autoScaling: AutoScalingClient, name: string): Promise<AutoScalingGroupFacts | undefined> {
  const answer = await callAws(`describe the Auto Scaling group ${name}`, () =>
    autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] })),
  );
  const group = answer.AutoScalingGroups?.[0];
  return group === undefined ? undefined : groupOf(name, group);
}

function groupOf(name: string, group: AutoScalingGroup): AutoScalingGroupFacts {
  return {
    name,
    minSize: group.MinSize ?? 0,
    maxSize: group.MaxSize ?? 0,
    desiredCapacity: group.DesiredCapacity ?? 0,
    suspendedProcesses: (group.SuspendedProcesses ?? []).map(({ ProcessName, SuspensionReason }) => ({
      name: ProcessName ?? 'unknown',
      reason: SuspensionReason ?? 'no reason given',
    })),
    members: (group.Instances ?? []).map(({ InstanceId, AvailabilityZone, LifecycleState, HealthStatus }) => ({
      instanceId: InstanceId ?? '',
      availabilityZone: AvailabilityZone ?? 'none',
      lifecycleState: LifecycleState ?? 'unknown',
      isHealthy: HealthStatus?.toLowerCase() === 'healthy',
    })),
    source: sourceOf(group),
    ...present({ minHealthyPercentage: setPercentage(group.InstanceMaintenancePolicy?.MinHealthyPercentage) }),
    tags: tagsOf(group.Tags),
  };
}

/** A value of -1 clears it: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceMaintenancePolicy.html */
const setPercentage = (percentage: number | undefined): number | undefined => (percentage === undefined || percentage < 0 ? undefined : percentage);

function sourceOf(group: AutoScalingGroup): AutoScalingGroupFacts['source'] {
  const template: LaunchTemplateSpecification | undefined = group.LaunchTemplate ?? group.MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification;
  const id = template?.LaunchTemplateId;
  if (id !== undefined) return { kind: 'launch-template', id, version: template?.Version ?? '$Default', ...overridesOf(group) };
  const name = group.LaunchConfigurationName;
  return name === undefined ? { kind: 'none' } : { kind: 'launch-configuration', name };
}

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LaunchTemplateOverrides.html */
function overridesOf({ MixedInstancesPolicy }: AutoScalingGroup): { readonly instanceTypes?: readonly string[] } {
  const instanceTypes = (MixedInstancesPolicy?.LaunchTemplate?.Overrides ?? []).flatMap(({ InstanceType }) => InstanceType ?? []);
  return instanceTypes.length === 0 ? {} : { instanceTypes };
}

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceRefresh.html: the states in which it is over. */
const endedRefreshes: readonly string[] = ['Successful', 'Failed', 'Cancelled', 'RollbackSuccessful', 'RollbackFailed'];

async function readRefreshes(autoScaling: AutoScalingClient, groupName: string): Promise<readonly { readonly refreshId: string; readonly status: string }[]> {
  const answer = await callAws(`ask for instance refreshes of ${groupName}`, () =>
    autoScaling.send(new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: groupName, MaxRecords: 20 })),
  );
  return (answer.InstanceRefreshes ?? [])
    .map(({ InstanceRefreshId, Status }) => ({ refreshId: InstanceRefreshId ?? 'unknown', status: Status ?? 'unknown' }))
    .filter(({ status }) => !endedRefreshes.includes(status));
}

const MAX_ACTIVITIES = 50;

async function readActivities(autoScaling: AutoScalingClient, groupName: string): Promise<readonly ScalingActivity[]> {
  const answer = await callAws(`read the activities of ${groupName}`, () =>
    autoScaling.send(new DescribeScalingActivitiesCommand({ AutoScalingGroupName: groupName, MaxRecords: MAX_ACTIVITIES })),
  );
  return (answer.Activities ?? []).map(activityOf).toSorted((left, right) => (left.startedAt < right.startedAt ? 1 : -1));
}

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html; every other word means that it goes on. */
const activityStates: Readonly<Record<string, ScalingActivity['state']>> = { Successful: 'successful', Failed: 'failed', Cancelled: 'cancelled' };

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-verify-scaling-activity.html: what an activity is, stands in its description only. */
const kinds: readonly (readonly [start: string, kind: ScalingActivity['kind']])[] = [
  ['Launching a new EC2 instance', 'launch'],
  ['Terminating EC2 instance', 'terminate'],
];

export function activityOf({ ActivityId, StartTime, StatusCode, Description = '', StatusMessage }: Activity): ScalingActivity {
  return {
    activityId: ActivityId ?? 'unknown',
    startedAt: StartTime?.toISOString() ?? '',
    state: activityStates[StatusCode ?? ''] ?? 'in-progress',
    kind: kinds.find(([start]) => Description.startsWith(start))?.[1] ?? 'other',
    description: Description,
    ...present({ instanceId: /\bi-[0-9a-f]{8,17}\b/.exec(Description)?.[0], statusMessage: StatusMessage === '' ? undefined : StatusMessage }),
  };
}

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHook.html */
const transitions: Readonly<Record<string, LifecycleHook['transition']>> = {
  'autoscaling:EC2_INSTANCE_LAUNCHING': 'launching',
  'autoscaling:EC2_INSTANCE_TERMINATING': 'terminating',
};

/** All in one answer: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeLifecycleHooks.html */
async function readHooks(autoScaling: AutoScalingClient, groupName: string): Promise<readonly LifecycleHook[]> {
  const answer = await callAws(`read the lifecycle hooks of ${groupName}`, () =>
    autoScaling.send(new DescribeLifecycleHooksCommand({ AutoScalingGroupName: groupName })),
  );
  return (answer.LifecycleHooks ?? []).flatMap(({ LifecycleHookName: name, LifecycleTransition }) => {
    const transition = transitions[LifecycleTransition ?? ''];
    return name === undefined || transition === undefined ? [] : [{ name, transition }];
  });
}

const absentTemplates: readonly string[] = ['InvalidLaunchTemplateId.NotFound', 'InvalidLaunchTemplateId.VersionNotFound', 'InvalidLaunchTemplateId.Malformed'];

async function readLaunchSource(autoScaling: AutoScalingClient, ec2: EC2Client, { source }: AutoScalingGroupFacts): Promise<MemberLaunchSource | undefined> {
  switch (source.kind) {
    case 'launch-template': {
      // An image may be named by a parameter; resolved as a launch would: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html
      const answer = await absentOr(`read the launch template ${source.id}`, absentTemplates, () =>
        ec2.send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: source.id, Versions: [source.version], ResolveAlias: true })),
      );
      const data = answer?.LaunchTemplateVersions?.[0]?.LaunchTemplateData;
      return data === undefined ? undefined : templateSource(data, source.instanceTypes);
    }
    case 'launch-configuration': {
      const answer = await callAws(`read the launch configuration ${source.name}`, () =>
        autoScaling.send(new DescribeLaunchConfigurationsCommand({ LaunchConfigurationNames: [source.name] })),
      );
      const [found] = answer.LaunchConfigurations ?? [];
      return found === undefined ? undefined : { instanceTypes: ofOne(found.InstanceType), kmsKeyIds: [], ...present({ imageId: found.ImageId }) };
    }
    case 'none':
      return undefined;
  }
}

const ofOne = (value: string | undefined): readonly string[] => (value === undefined ? [] : [value]);

function templateSource(data: ResponseLaunchTemplateData, instanceTypes: readonly string[] = ofOne(data.InstanceType)): MemberLaunchSource {
  const keys = (data.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.KmsKeyId ?? []);
  return { instanceTypes, kmsKeyIds: [...new Set(keys)], ...present({ imageId: data.ImageId }) };
}

export function createGroupChanger(autoScaling: AutoScalingClient, ec2: EC2Client): GroupChanger {
  return {
    rehearse: (request) => rehearse(ec2, request),
    markUnhealthy: (instanceId) => markUnhealthy(autoScaling, instanceId),
    enterStandby: (groupName, instanceId) => enterStandby(autoScaling, groupName, instanceId),
    completeLifecycleAction: (groupName, hookName, instanceId) => completeLifecycleAction(autoScaling, groupName, hookName, instanceId),
  };
}

/** One that was completed by an earlier, unanswered call or by somebody else has no active action any more: it waits for nothing. */
async function completeLifecycleAction(autoScaling: AutoScalingClient, groupName: string, hookName: string, instanceId: string): Promise<void> {
  const input = { AutoScalingGroupName: groupName, LifecycleHookName: hookName, InstanceId: instanceId, LifecycleActionResult: 'CONTINUE' };
  try {
    await autoScaling.send(new CompleteLifecycleActionCommand(input));
  } catch (error) {
    const isOver = codeOf(error) === 'ValidationError' && error instanceof Error && error.message.includes('No active Lifecycle Action');
    if (!isOver) throw toPortError(error, `complete ${hookName} for ${instanceId}`);
  }
}

type Rehearsal = Awaited<ReturnType<GroupChanger['rehearse']>>;

/** A dry run that would have worked answers with the error DryRunOperation: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html */
async function rehearse(ec2: EC2Client, { group, subnetId, tags }: MemberLaunchRehearsal): Promise<Rehearsal> {
  const { source } = group;
  if (source.kind !== 'launch-template') return { kind: 'possible', reason: 'there is no dry run of a launch configuration; only its image was looked at' };
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  try {
    await ec2.send(
      new RunInstancesCommand({
        DryRun: true,
        MinCount: 1,
        MaxCount: 1,
        LaunchTemplate: { LaunchTemplateId: source.id, Version: source.version },
        ...(subnetId === '' ? {} : { SubnetId: subnetId }),
        TagSpecifications: (['instance', 'volume', 'network-interface'] as const).map((ResourceType) => ({ ResourceType, Tags })),
      }),
    );
  } catch (error) {
    return readRefusal(error, group.name);
  }
  throw new PermanentError('EC2 answered a dry run as if it were none; nothing more is tried. Look for an instance that nobody asked for.');
}

function readRefusal(error: unknown, groupName: string): Rehearsal {
  const code = codeOf(error) ?? '';
  if (code === 'DryRunOperation') return { kind: 'possible', reason: "EC2's dry run passed" };
  const mapped = toPortError(error, `rehearse a launch of ${groupName}`);
  // A lack of capacity has the status of a server that is unwell, yet it is an answer.
  if (!code.startsWith('Insufficient') && !(mapped instanceof PermanentError)) throw mapped;
  return { kind: 'impossible', reason: `EC2's dry run says ${code}: ${error instanceof Error ? error.message : ''}` };
}

/** Marking the marked changes nothing. One that has left since an earlier, unanswered call is replaced already: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetInstanceHealth.html */
async function markUnhealthy(autoScaling: AutoScalingClient, instanceId: string): Promise<void> {
  try {
    await autoScaling.send(new SetInstanceHealthCommand({ InstanceId: instanceId, HealthStatus: 'Unhealthy', ShouldRespectGracePeriod: true }));
  } catch (error) {
    const isGone = codeOf(error) === 'ValidationError' && (await readMemberGroup(autoScaling, instanceId)) === undefined;
    if (!isGone) throw toPortError(error, `mark ${instanceId} unhealthy`);
  }
}

/** Only one in service can enter standby: a repetition finds it there. https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_EnterStandby.html */
async function enterStandby(autoScaling: AutoScalingClient, groupName: string, instanceId: string): Promise<void> {
  const group = await readGroup(autoScaling, groupName);
  const state = group?.members.find((member) => member.instanceId === instanceId)?.lifecycleState;
  if (state === 'Standby' || state === 'EnteringStandby') return;
  await callAws(`put ${instanceId} into standby`, () =>
    autoScaling.send(new EnterStandbyCommand({ AutoScalingGroupName: groupName, InstanceIds: [instanceId], ShouldDecrementDesiredCapacity: false })),
  );
}
