import type { AttachmentPorts } from '../../core/remediation/surroundings/attachment-ports.ts';
import { createAddressMover } from './addresses.ts';
import { createAssociationMover } from './associations.ts';
import type { FleetClients } from './clients.ts';
import { createDnsRecordMover } from './dns-records.ts';
import { createInterfaceMover } from './interfaces.ts';
import { createSnapshotTaker } from './snapshots.ts';
import { createVolumeMover } from './volumes.ts';

/** Everything that moves with an instance, on AWS. */
export function createAttachmentPorts({ ec2, route53, ssm }: Pick<FleetClients, 'ec2' | 'route53' | 'ssm'>): AttachmentPorts {
  return {
    volumes: createVolumeMover(ec2),
    interfaces: createInterfaceMover(ec2),
    addresses: createAddressMover(ec2),
    dnsRecords: createDnsRecordMover(route53),
    associations: createAssociationMover(ssm),
    snapshots: createSnapshotTaker(ec2),
  };
}
