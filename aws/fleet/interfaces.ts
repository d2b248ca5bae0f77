import {
  AssignPrivateIpAddressesCommand,
  AttachNetworkInterfaceCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DetachNetworkInterfaceCommand,
  type EC2Client,
  type Instance,
  ModifyNetworkInterfaceAttributeCommand,
  type NetworkInterface,
} from '@aws-sdk/client-ec2';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import type { InterfaceMover, InterfacePlace, PrimaryInterface } from '../../core/remediation/surroundings/attachment-ports.ts';
import { callAws } from '../platform/aws-errors.ts';
import { absentCodes, absentOr } from './instance-reader.ts';
import { settledBy } from './volumes.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
const absentInterfaceCodes = ['InvalidNetworkInterfaceID.NotFound'];

export function createInterfaceMover(ec2: EC2Client): InterfaceMover {
  return {
    read: async (networkInterfaceId) => {
      const found = await describe(ec2, networkInterfaceId);
      return found === undefined ? undefined : placeOf(networkInterfaceId, found);
    },
    detach: (networkInterfaceId, isForced) => detach(ec2, networkInterfaceId, isForced),
    attach: (networkInterfaceId, instanceId, deviceIndex) => attach(ec2, networkInterfaceId, instanceId, deviceIndex),
    setDeleteOnTermination: (networkInterfaceId, isDeleted) => setDeleteOnTermination(ec2, networkInterfaceId, isDeleted),
    primary: (instanceId) => readPrimary(ec2, instanceId),
    assignPrivateAddresses: async (networkInterfaceId, addresses) => {
      await callAws(`assign ${addresses.join(', ')} to ${networkInterfaceId}`, () =>
        ec2.send(new AssignPrivateIpAddressesCommand({ NetworkInterfaceId: networkInterfaceId, PrivateIpAddresses: [...addresses], AllowReassignment: true })),
      );
    },
  };
}

async function describe(ec2: EC2Client, networkInterfaceId: string): Promise<NetworkInterface | undefined> {
  const answer = await absentOr(`describe ${networkInterfaceId}`, absentInterfaceCodes, () =>
    ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [networkInterfaceId] })),
  );
  return answer?.NetworkInterfaces?.[0];
}

function placeOf(networkInterfaceId: string, { Status, Attachment }: NetworkInterface): InterfacePlace {
  const isHeld = Attachment?.InstanceId !== undefined && Attachment.Status !== 'detached';
  return {
    networkInterfaceId,
    state: Status ?? 'unknown',
    ...present({
      instanceId: isHeld ? Attachment.InstanceId : undefined,
      deviceIndex: isHeld ? Attachment.DeviceIndex : undefined,
      attachmentState: isHeld ? Attachment.Status : undefined,
      deleteOnTermination: isHeld ? Attachment.DeleteOnTermination : undefined,
    }),
  };
}

async function detach(ec2: EC2Client, networkInterfaceId: string, isForced: boolean): Promise<void> {
  const AttachmentId = (await describe(ec2, networkInterfaceId))?.Attachment?.AttachmentId;
  if (AttachmentId === undefined) return;
  const force = isForced ? { Force: true } : {};
  await settledBy(
    `detach ${networkInterfaceId}`,
    () => ec2.send(new DetachNetworkInterfaceCommand({ AttachmentId, ...force })),
    async () => {
      const attachment = (await describe(ec2, networkInterfaceId))?.Attachment;
      return attachment?.AttachmentId !== AttachmentId || attachment.Status === 'detaching';
    },
  );
}

async function attach(ec2: EC2Client, networkInterfaceId: string, instanceId: string, deviceIndex: number): Promise<void> {
  await settledBy(
    `attach ${networkInterfaceId} to ${instanceId}`,
    () => ec2.send(new AttachNetworkInterfaceCommand({ NetworkInterfaceId: networkInterfaceId, InstanceId: instanceId, DeviceIndex: deviceIndex })),
    async () => (await describe(ec2, networkInterfaceId))?.Attachment?.InstanceId === instanceId,
  );
}

/** The setting belongs to the attachment: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html */
async function setDeleteOnTermination(ec2: EC2Client, networkInterfaceId: string, isDeleted: boolean): Promise<void> {
  const AttachmentId = (await describe(ec2, networkInterfaceId))?.Attachment?.AttachmentId;
  if (AttachmentId === undefined) throw new PermanentError(`${networkInterfaceId} is attached to nothing, so nothing can end it.`);
  await callAws(`set what becomes of ${networkInterfaceId} when its instance ends`, () =>
    ec2.send(
      new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: networkInterfaceId, Attachment: { AttachmentId, DeleteOnTermination: isDeleted } }),
    ),
  );
}

async function readPrimary(ec2: EC2Client, instanceId: string): Promise<PrimaryInterface | undefined> {
  const answer = await absentOr(`describe ${instanceId}`, absentCodes, () => ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })));
  const instance = answer?.Reservations?.[0]?.Instances?.[0];
  return instance === undefined ? undefined : primaryOf(instance);
}

/** The interface with device index 0, and how the instance is reached by it. */
export function primaryOf(instance: Instance): PrimaryInterface | undefined {
  const primary = (instance.NetworkInterfaces ?? []).find(({ Attachment }) => Attachment?.DeviceIndex === 0);
  const networkInterfaceId = primary?.NetworkInterfaceId;
  const privateIpAddress = primary?.PrivateIpAddress ?? instance.PrivateIpAddress;
  if (networkInterfaceId === undefined || privateIpAddress === undefined) return undefined;
  return {
    networkInterfaceId,
    privateIpAddress,
    secondaryPrivateIpAddresses: (primary?.PrivateIpAddresses ?? []).flatMap(({ Primary, PrivateIpAddress }) =>
      Primary === true || PrivateIpAddress === undefined || PrivateIpAddress === privateIpAddress ? [] : [PrivateIpAddress],
    ),
    ...namesOf(instance),
  };
}

/** EC2 writes an empty text for a name that does not exist. */
const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function namesOf({ PublicIpAddress, PrivateDnsName, PublicDnsName }: Instance): Pick<PrimaryInterface, 'publicIpAddress' | 'privateDnsName' | 'publicDnsName'> {
  return present({ publicIpAddress: filled(PublicIpAddress), privateDnsName: filled(PrivateDnsName), publicDnsName: filled(PublicDnsName) });
}
