import { type Address, AssociateAddressCommand, DescribeAddressesCommand, type EC2Client } from '@aws-sdk/client-ec2';
import { present } from '../../core/environment/present.ts';
import type { AddressMover } from '../../core/remediation/surroundings/attachment-ports.ts';
import type { CapturedElasticIp } from '../../core/remediation/surroundings/capture.ts';
import { callAws } from '../platform/aws-errors.ts';
import { absentOr } from './instance-reader.ts';

export function createAddressMover(ec2: EC2Client): AddressMover {
  return {
    read: async (allocationId) => {
      const answer = await absentOr(`describe ${allocationId}`, ['InvalidAllocationID.NotFound'], () =>
        ec2.send(new DescribeAddressesCommand({ AllocationIds: [allocationId] })),
      );
      const address = answer?.Addresses?.[0];
      if (address?.PublicIp === undefined) return undefined;
      const { NetworkInterfaceId: networkInterfaceId, PrivateIpAddress: privateIpAddress } = address;
      return { allocationId, publicIpAddress: address.PublicIp, ...present({ networkInterfaceId, privateIpAddress }) };
    },
    // Idempotent by itself: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html
    associate: async (allocationId, networkInterfaceId, privateIpAddress) => {
      await callAws(`associate ${allocationId} with ${networkInterfaceId}`, () =>
        ec2.send(
          new AssociateAddressCommand({
            AllocationId: allocationId,
            NetworkInterfaceId: networkInterfaceId,
            PrivateIpAddress: privateIpAddress,
            AllowReassociation: true,
          }),
        ),
      );
    },
  };
}

/** The Elastic IP addresses of these interfaces, whatever private address each is on. */
export async function readElasticIps(ec2: EC2Client, networkInterfaceIds: readonly string[]): Promise<CapturedElasticIp[]> {
  if (networkInterfaceIds.length === 0) return [];
  const Filters = [{ Name: 'network-interface-id', Values: [...networkInterfaceIds] }];
  const answer = await callAws(`read the Elastic IP addresses of ${networkInterfaceIds.join(', ')}`, () => ec2.send(new DescribeAddressesCommand({ Filters })));
  return (answer.Addresses ?? []).flatMap(capturedOf);
}

function capturedOf({ AllocationId, PublicIp, NetworkInterfaceId, PrivateIpAddress }: Address): CapturedElasticIp[] {
  if (AllocationId === undefined || PublicIp === undefined || NetworkInterfaceId === undefined || PrivateIpAddress === undefined) return [];
  return [{ allocationId: AllocationId, publicIpAddress: PublicIp, networkInterfaceId: NetworkInterfaceId, privateIpAddress: PrivateIpAddress }];
}
