import type { Instance, InstanceStatus as Ec2Status } from '@aws-sdk/client-ec2';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import type { InstanceFacts, InstanceState, InstanceStatus, StatusCheck } from '../../core/remediation/ports.ts';

const states: Readonly<Record<string, InstanceState>> = {
  pending: 'pending',
  running: 'running',
  stopping: 'stopping',
  stopped: 'stopped',
  'shutting-down': 'shutting-down',
  terminated: 'terminated',
};

function needed<Value>(value: Value | undefined, field: string, instanceId: string | undefined): Value {
  if (value === undefined) throw new PermanentError(`EC2 described ${instanceId ?? 'an instance'} without ${field}; such an instance is not touched.`);
  return value;
}

export function tagsOf(tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined): Record<string, string> {
  return Object.fromEntries((tags ?? []).flatMap(({ Key, Value }) => (Key === undefined ? [] : [[Key, Value ?? '']])));
}

function dataVolumesOf(instance: Instance): readonly string[] {
  return (instance.BlockDeviceMappings ?? [])
    .filter((mapping) => mapping.DeviceName !== instance.RootDeviceName)
    .flatMap((mapping) => mapping.Ebs?.VolumeId ?? []);
}

function placeOf(instance: Instance): Pick<InstanceFacts, 'availabilityZone' | 'subnetId' | 'vpcId' | 'securityGroupIds' | 'securityGroupNames'> {
  const groups = instance.SecurityGroups ?? [];
  return {
    availabilityZone: instance.Placement?.AvailabilityZone ?? 'none',
    // A terminated instance has lost its subnet and VPC.
    subnetId: instance.SubnetId ?? 'none',
    vpcId: instance.VpcId ?? 'none',
    securityGroupIds: groups.flatMap((group) => group.GroupId ?? []),
    securityGroupNames: groups.flatMap((group) => group.GroupName ?? []),
  };
}

/** EC2's description in our words; https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html */
export function factsOf(instance: Instance): InstanceFacts {
  const instanceId = needed(instance.InstanceId, 'an id', instance.InstanceId);
  return {
    instanceId,
    state: needed(states[instance.State?.Name ?? ''], 'a known state', instanceId),
    launchedAt: needed(instance.LaunchTime, 'a launch time', instanceId).toISOString(),
    imageId: needed(instance.ImageId, 'an image', instanceId),
    instanceType: needed(instance.InstanceType, 'a type', instanceId),
    ...placeOf(instance),
    lifecycle: instance.InstanceLifecycle === 'spot' ? 'spot' : 'on-demand',
    rootDeviceType: instance.RootDeviceType === 'instance-store' ? 'instance-store' : 'ebs',
    dataVolumeIds: dataVolumesOf(instance),
    tags: tagsOf(instance.Tags),
    ...present({
      stateReason: instance.StateReason?.Message ?? (instance.StateTransitionReason === '' ? undefined : instance.StateTransitionReason),
      privateIpAddress: instance.PrivateIpAddress,
      instanceProfileArn: instance.IamInstanceProfile?.Arn,
    }),
  };
}

/** A word that AWS adds later is no proof of health. */
const checks: Readonly<Record<string, StatusCheck>> = {
  ok: 'ok',
  impaired: 'impaired',
  initializing: 'initializing',
  'insufficient-data': 'insufficient-data',
  'not-applicable': 'not-applicable',
};

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceStatus.html */
export function statusOf(status: Ec2Status): InstanceStatus {
  const details = [...(status.SystemStatus?.Details ?? []), ...(status.InstanceStatus?.Details ?? [])];
  const since = details
    .flatMap((detail) => (detail.ImpairedSince === undefined ? [] : [detail.ImpairedSince.toISOString()]))
    .toSorted((left, right) => (left < right ? -1 : 1))[0];
  return {
    instanceId: needed(status.InstanceId, 'an id', status.InstanceId),
    system: checks[status.SystemStatus?.Status ?? ''] ?? 'insufficient-data',
    instance: checks[status.InstanceStatus?.Status ?? ''] ?? 'insufficient-data',
    ...present({ impairedSince: since }),
  };
}
