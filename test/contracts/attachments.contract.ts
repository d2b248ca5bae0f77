import { beforeEach, describe, expect, it, vi } from 'vitest';
import { PermanentError } from '../../core/environment/errors.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import type { AttachmentPorts } from '../../core/remediation/surroundings/attachment-ports.ts';
import type { CaptureReader, InstancePower, InstanceReader } from '../../core/remediation/ports.ts';

/*
 * What moves with an instance, in memory and behind the AWS adapters alike. Where moto is not AWS, the suite asserts only what both do:
 *
 * - moto attaches and detaches at once; on AWS both pass through `attaching` and `detaching`
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VolumeAttachment.html). The suite waits for the end.
 * - moto lets a volume come off a running instance at once; on AWS a mounted one is `busy`. Proven on the fake only.
 * - moto's DescribeVolumes does not say what becomes of a volume when its instance ends; its DescribeInstances does, as AWS's both do
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VolumeAttachment.html). Asserted by a capture.
 * - moto ignores what becomes of an interface when its instance ends
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterfaceAttachmentChanges.html). Not asserted.
 * - moto leaves a reassigned private address on both interfaces; on AWS only the new one has it
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssignPrivateIpAddresses.html). Only the new one is looked at.
 * - moto knows no associations of Systems Manager; their adapter is proven with recorded answers (test/aws/fleet/associations.test.ts).
 * - moto has a change of Route 53 in sync at once; on AWS it is PENDING first
 *   (https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html).
 */

export type MovingPorts = Omit<AttachmentPorts, 'associations'>;

export interface AttachmentsUnderTest {
  readonly ports: MovingPorts;
  readonly instances: InstanceReader;
  readonly captures: CaptureReader;
  readonly power: InstancePower;
  readonly zoneName: string;
  addInstance(): Promise<string>;
  /** A data volume at `/dev/sdf` of the instance. */
  addVolume(instanceId: string): Promise<string>;
  /** A secondary interface with index 1, with its private address. */
  addInterface(instanceId: string): Promise<{ readonly networkInterfaceId: string; readonly privateIpAddress: string }>;
  addSecondaryAddress(instanceId: string): Promise<string>;
  /** An Elastic IP address on the primary address of the instance. */
  addElasticIp(instanceId: string): Promise<{ readonly allocationId: string; readonly publicIpAddress: string }>;
  /** An A record in the zone. */
  addRecord(name: string, values: readonly string[]): Promise<void>;
  pass(): Promise<void>;
  unique(prefix: string): string;
}

const AT = '2026-11-21T09:00:00.000Z';

export function describeAttachments(title: string, create: () => AttachmentsUnderTest): void {
  let fleet: AttachmentsUnderTest;
  let ports: MovingPorts;
  beforeEach(() => {
    fleet = create();
    ports = fleet.ports;
  });

  const eventually = (check: () => Promise<void>): Promise<void> =>
    vi.waitFor(
      async () => {
        await fleet.pass();
        await check();
      },
      { timeout: 60_000, interval: 1 },
    );
  const stop = async (instanceId: string): Promise<void> => {
    await fleet.power.stop(instanceId);
    await eventually(async () => expect((await fleet.instances.read(instanceId))?.state).toBe('stopped'));
  };

  describe(`${title}: volumes`, () => {
    it('come off a stopped instance and go on another, at the same device; twice is once', async () => {
      const [from, to] = [await fleet.addInstance(), await fleet.addInstance()];
      const volumeId = await fleet.addVolume(from);
      await stop(from);
      await eventually(async () => expect(await ports.volumes.read(volumeId)).toMatchObject({ instanceId: from, deviceName: '/dev/sdf', state: 'in-use' }));
      await ports.volumes.detach(volumeId, from, false);
      await ports.volumes.detach(volumeId, from, false);
      await eventually(async () => expect(await ports.volumes.read(volumeId)).toEqual({ volumeId, state: 'available' }));
      await ports.volumes.detach(volumeId, from, false);
      await ports.volumes.attach(volumeId, to, '/dev/sdf');
      await ports.volumes.attach(volumeId, to, '/dev/sdf');
      await eventually(async () =>
        expect(await ports.volumes.read(volumeId)).toMatchObject({ instanceId: to, deviceName: '/dev/sdf', attachmentState: 'attached' }),
      );
      expect((await fleet.instances.read(to))?.dataVolumeIds).toEqual([volumeId]);
      expect((await fleet.instances.read(from))?.dataVolumeIds).toEqual([]);
    });

    it('keep or lose what becomes of them when the instance ends', async () => {
      const instanceId = await fleet.addInstance();
      const volumeId = await fleet.addVolume(instanceId);
      await ports.volumes.setDeleteOnTermination(instanceId, '/dev/sdf', true);
      await ports.volumes.setDeleteOnTermination(instanceId, '/dev/sdf', true);
      const captured = async () => (await fleet.captures.capture(instanceId, [], AT))?.volumes.find((volume) => volume.volumeId === volumeId);
      expect(await captured()).toMatchObject({ deleteOnTermination: true, isRoot: false });
      await ports.volumes.setDeleteOnTermination(instanceId, '/dev/sdf', false);
      expect(await captured()).toMatchObject({ deleteOnTermination: false });
    });

    it('that do not exist are not there, and cannot be attached', async () => {
      const instanceId = await fleet.addInstance();
      expect(await ports.volumes.read('vol-0ffffffffffffffff')).toBeUndefined();
      await expect(ports.volumes.attach('vol-0ffffffffffffffff', instanceId, '/dev/sdf')).rejects.toThrow(PermanentError);
    });

    it('are snapshot together, once, and the snapshots complete', async () => {
      const instanceId = await fleet.addInstance();
      const volumeId = await fleet.addVolume(instanceId);
      const tags = { [tagKeys.remediation]: fleet.unique('rem') };
      const taken = await ports.snapshots.take(instanceId, [volumeId], tags);
      expect(taken.map((snapshot) => snapshot.volumeId)).toEqual([volumeId]);
      const ids = taken.map(({ snapshotId }) => snapshotId);
      expect((await ports.snapshots.take(instanceId, [volumeId], tags)).map(({ snapshotId }) => snapshotId)).toEqual(ids);
      await eventually(async () => expect((await ports.snapshots.read(ids)).map(({ state }) => state)).toEqual(['completed']));
    });
  });

  describe(`${title}: interfaces and addresses`, () => {
    it('a secondary interface moves with its address; twice is once', async () => {
      const [from, to] = [await fleet.addInstance(), await fleet.addInstance()];
      const { networkInterfaceId, privateIpAddress } = await fleet.addInterface(from);
      const capture = await fleet.captures.capture(from, [], AT);
      expect(capture?.secondaryInterfaces).toMatchObject([{ networkInterfaceId, deviceIndex: 1, privateIpAddresses: [privateIpAddress] }]);
      await ports.interfaces.detach(networkInterfaceId, false);
      await ports.interfaces.detach(networkInterfaceId, false);
      await eventually(async () => expect(await ports.interfaces.read(networkInterfaceId)).toEqual({ networkInterfaceId, state: 'available' }));
      await ports.interfaces.attach(networkInterfaceId, to, 1);
      await eventually(async () =>
        expect(await ports.interfaces.read(networkInterfaceId)).toMatchObject({ instanceId: to, deviceIndex: 1, attachmentState: 'attached' }),
      );
      await ports.interfaces.attach(networkInterfaceId, to, 1);
      expect((await fleet.captures.capture(to, [], AT))?.secondaryInterfaces).toMatchObject([{ networkInterfaceId, privateIpAddresses: [privateIpAddress] }]);
      expect((await fleet.captures.capture(from, [], AT))?.secondaryInterfaces).toEqual([]);
      expect(await ports.interfaces.read('eni-0ffffffffffffffff')).toBeUndefined();
    });

    it('secondary private addresses go to another primary interface', async () => {
      const [from, to] = [await fleet.addInstance(), await fleet.addInstance()];
      const address = await fleet.addSecondaryAddress(from);
      expect((await fleet.captures.capture(from, [], AT))?.primaryInterface?.secondaryPrivateIpAddresses).toEqual([address]);
      const target = (await ports.interfaces.primary(to))?.networkInterfaceId ?? '';
      await ports.interfaces.assignPrivateAddresses(target, [address]);
      await ports.interfaces.assignPrivateAddresses(target, [address]);
      expect((await ports.interfaces.primary(to))?.secondaryPrivateIpAddresses).toEqual([address]);
    });

    it('an Elastic IP address is taken from where it is', async () => {
      const [from, to] = [await fleet.addInstance(), await fleet.addInstance()];
      const { allocationId, publicIpAddress } = await fleet.addElasticIp(from);
      const [before, target] = [await ports.interfaces.primary(from), await ports.interfaces.primary(to)];
      expect((await fleet.captures.capture(from, [], AT))?.elasticIps).toEqual([
        { allocationId, publicIpAddress, networkInterfaceId: before?.networkInterfaceId, privateIpAddress: before?.privateIpAddress },
      ]);
      await ports.addresses.associate(allocationId, target?.networkInterfaceId ?? '', target?.privateIpAddress ?? '');
      await ports.addresses.associate(allocationId, target?.networkInterfaceId ?? '', target?.privateIpAddress ?? '');
      expect(await ports.addresses.read(allocationId)).toEqual({
        allocationId,
        publicIpAddress,
        networkInterfaceId: target?.networkInterfaceId,
        privateIpAddress: target?.privateIpAddress,
      });
      expect((await fleet.captures.capture(from, [], AT))?.elasticIps).toEqual([]);
      expect(await ports.addresses.read('eipalloc-0ffffffffffffffff')).toBeUndefined();
    });

    it('a machine that does not exist has no interface', async () => {
      expect(await ports.interfaces.primary('i-0ffffffffffffffff')).toBeUndefined();
    });
  });

  describe(`${title}: DNS records`, () => {
    it('are captured where a value is an address of the instance, and rewritten only if they are what they were', async () => {
      const instanceId = await fleet.addInstance();
      const name = `${fleet.unique('web')}.${fleet.zoneName}`;
      const address = (await ports.interfaces.primary(instanceId))?.privateIpAddress ?? '';
      await fleet.addRecord(name, [address, '10.99.0.1']);
      await fleet.addRecord(`${fleet.unique('other')}.${fleet.zoneName}`, ['10.99.0.2']);
      const { dnsRecords = [] } = (await fleet.captures.capture(instanceId, [], AT, [fleet.zoneName])) ?? {};
      expect(dnsRecords).toMatchObject([{ name, type: 'A', values: [address, '10.99.0.1'] }]);
      expect((await fleet.captures.capture(instanceId, [], AT))?.dnsRecords).toEqual([]);
      const [record] = dnsRecords;
      if (record === undefined) throw new Error('no record was captured');
      await expect(ports.dnsRecords.replace(record, ['10.1.1.1'], ['10.1.1.2'])).rejects.toThrow(PermanentError);
      const { changeId } = await ports.dnsRecords.replace(record, record.values, ['10.99.0.3', '10.99.0.1']);
      await eventually(async () => expect(await ports.dnsRecords.isInSync(changeId)).toBe(true));
      expect(await ports.dnsRecords.read(record)).toEqual(['10.99.0.3', '10.99.0.1']);
      expect(await ports.dnsRecords.read({ ...record, name: `not.${fleet.zoneName}` })).toBeUndefined();
    });
  });
}
