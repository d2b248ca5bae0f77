import {
  AttachVolumeCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  type EC2Client,
  ModifyInstanceAttributeCommand,
  type Volume,
} from '@aws-sdk/client-ec2';
import { RetryableError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import type { VolumeMover, VolumePlace } from '../../core/remediation/surroundings/attachment-ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';
import { absentOr } from './instance-reader.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
const absentVolumeCodes = ['InvalidVolume.NotFound'];

export function createVolumeMover(ec2: EC2Client): VolumeMover {
  return {
    read: (volumeId) => read(ec2, volumeId),
    detach: (volumeId, instanceId, isForced) => detach(ec2, volumeId, instanceId, isForced),
    attach: (volumeId, instanceId, deviceName) => attach(ec2, volumeId, instanceId, deviceName),
    setDeleteOnTermination: async (instanceId, deviceName, isDeleted) => {
      const mapping = { DeviceName: deviceName, Ebs: { DeleteOnTermination: isDeleted } };
      await callAws(`set what becomes of ${deviceName} when ${instanceId} ends`, () =>
        ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: instanceId, BlockDeviceMappings: [mapping] })),
      );
    },
  };
}

async function read(ec2: EC2Client, volumeId: string): Promise<VolumePlace | undefined> {
  const answer = await absentOr(`describe ${volumeId}`, absentVolumeCodes, () => ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] })));
  const volume = answer?.Volumes?.[0];
  return volume === undefined ? undefined : placeOf(volumeId, volume);
}

/** One that may be attached to several instances at once (io2) is held by the first of them: such a volume is found in use elsewhere and not moved. */
function placeOf(volumeId: string, { State, Attachments = [] }: Volume): VolumePlace {
  const attachment = Attachments.find((candidate) => candidate.State !== 'detached');
  return {
    volumeId,
    state: State ?? 'unknown',
    ...present({
      instanceId: attachment?.InstanceId,
      deviceName: attachment?.Device,
      attachmentState: attachment?.State,
      deleteOnTermination: attachment?.DeleteOnTermination,
    }),
  };
}

/** A volume that is off, or on its way off, is what was asked for. */
async function detach(ec2: EC2Client, volumeId: string, instanceId: string, isForced: boolean): Promise<void> {
  const force = isForced ? { Force: true } : {};
  await settledBy(
    `detach ${volumeId} from ${instanceId}`,
    () => ec2.send(new DetachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId, ...force })),
    async () => {
      const place = await read(ec2, volumeId);
      return place?.instanceId !== instanceId || place.attachmentState === 'detaching';
    },
  );
}

/** A volume that this instance has, or is getting, is what was asked for. */
async function attach(ec2: EC2Client, volumeId: string, instanceId: string, deviceName: string): Promise<void> {
  await settledBy(
    `attach ${volumeId} to ${instanceId}`,
    () => ec2.send(new AttachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId, Device: deviceName })),
    async () => {
      const place = await read(ec2, volumeId);
      return place?.instanceId === instanceId && place.deviceName === deviceName;
    },
  );
}

/** Codes by which EC2 says that a thing, or its instance, is in another state than the call needs. */
const stateCodes: readonly string[] = ['IncorrectState', 'IncorrectInstanceState', 'VolumeInUse', 'InvalidAttachment.NotFound', 'InvalidParameterValue'];

/** Makes a call; a refusal for the sake of a state is success when the wanted state is there, and is tried again while an instance changes its own. */
export async function settledBy(action: string, call: () => Promise<unknown>, isSettled: () => Promise<boolean>): Promise<void> {
  try {
    await call();
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (stateCodes.includes(code) && (await isSettled())) return;
    if (code === 'IncorrectState' || code === 'IncorrectInstanceState')
      throw new RetryableError(`Could not ${action} just now (${code}); it is tried again.`, { cause: error });
    throw toPortError(error, action);
  }
}
