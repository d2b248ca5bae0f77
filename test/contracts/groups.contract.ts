import { beforeEach, describe, expect, it, vi } from 'vitest';
import { PermanentError } from '../../core/environment/errors.ts';
import type { GroupChanger, GroupReader, LifecycleHook } from '../../core/remediation/surroundings/member-ports.ts';
import type { MemberReleaser } from '../../core/remediation/reaper/reaping-ports.ts';
import type { InstanceReader } from '../../core/remediation/ports.ts';

/*
 * Auto Scaling groups, in memory and behind the AWS adapters alike. Where the emulator (moto with the overlay) is not AWS:
 *
 * - moto never replaces what is marked unhealthy; the overlay ends it in moto, which then launches another one. AWS does so over minutes
 *   (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html).
 * - moto lists no scaling activities and, by the overlay, no instance refreshes
 *   (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html); both are proven on the fake, the reading
 *   of AWS's shapes in test/aws/fleet/groups.test.ts.
 * - moto's dry run of RunInstances checks nothing (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html).
 */

export interface GroupsUnderTest {
  readonly groups: GroupReader;
  readonly changer: GroupChanger;
  readonly instances: InstanceReader;
  readonly imageId: string;
  /** A group of two members in one zone; gives its name. */
  addGroup(): Promise<string>;
  readonly releaser: MemberReleaser;
  addHook(groupName: string, hook: LifecycleHook): Promise<void>;
  suspend(groupName: string, process: string): Promise<void>;
  addInstance(): Promise<string>;
  pass(): Promise<void>;
}

export function describeGroups(title: string, create: () => GroupsUnderTest): void {
  let fleet: GroupsUnderTest;
  beforeEach(() => {
    fleet = create();
  });

  const eventually = (check: () => Promise<void>): Promise<void> =>
    vi.waitFor(
      async () => {
        await fleet.pass();
        await check();
      },
      { timeout: 60_000, interval: 1 },
    );
  const membersOf = async (name: string): Promise<readonly string[]> =>
    ((await fleet.groups.read(name))?.members ?? []).filter(({ lifecycleState }) => lifecycleState === 'InService').map(({ instanceId }) => instanceId);

  describe(`${title}: groups`, () => {
    it('are found by their members, and those alone', async () => {
      const name = await fleet.addGroup();
      const [member = ''] = await membersOf(name);
      expect(await fleet.groups.groupOf(member)).toMatchObject({ name, desiredCapacity: 2, suspendedProcesses: [] });
      expect((await fleet.groups.groupOf(member))?.members[0]).toMatchObject({ lifecycleState: 'InService', isHealthy: true });
      expect(await fleet.groups.groupOf(await fleet.addInstance())).toBeUndefined();
      expect(await fleet.groups.read(`${name}-not`)).toBeUndefined();
    });

    it('say what they would launch, what they have suspended, and that no refresh runs', async () => {
      const name = await fleet.addGroup();
      const group = await fleet.groups.read(name);
      if (group === undefined) throw new Error('no group');
      expect(await fleet.groups.launchSource(group)).toEqual({ imageId: fleet.imageId, instanceTypes: ['t3.micro'], kmsKeyIds: [] });
      expect(await fleet.groups.openRefreshes(name)).toEqual([]);
      await fleet.suspend(name, 'ReplaceUnhealthy');
      expect((await fleet.groups.read(name))?.suspendedProcesses.map((process) => process.name)).toEqual(['ReplaceUnhealthy']);
      const [member = ''] = await membersOf(name);
      const subnetId = (await fleet.instances.read(member))?.subnetId ?? '';
      expect((await fleet.changer.rehearse({ group, subnetId, tags: { 'perennial:system': 'contract' } })).kind).toBe('possible');
    });

    it('replace a member that is marked unhealthy; one that has left is nothing to mark', async () => {
      const name = await fleet.addGroup();
      const [old = '', other = ''] = await membersOf(name);
      await fleet.changer.markUnhealthy(old);
      await eventually(async () => {
        const members = await membersOf(name);
        expect(members).toHaveLength(2);
        expect(members).not.toContain(old);
        expect(members).toContain(other);
      });
      await fleet.changer.markUnhealthy(old);
      expect(await membersOf(name)).toContain(other);
    });

    it('launch another one beside a member in standby; twice is once', async () => {
      const name = await fleet.addGroup();
      const [old = ''] = await membersOf(name);
      await fleet.changer.enterStandby(name, old);
      await fleet.changer.enterStandby(name, old);
      await eventually(async () => expect(await membersOf(name)).toHaveLength(2));
      expect(await membersOf(name)).not.toContain(old);
      expect((await fleet.groups.read(name))?.members.find(({ instanceId }) => instanceId === old)?.lifecycleState).toBe('Standby');
      expect((await fleet.instances.read(old))?.state).toBe('running');
    });

    it('let a member in standby go without another launch, and none that serves; twice is once', async () => {
      const name = await fleet.addGroup();
      const [old = '', other = ''] = await membersOf(name);
      await fleet.changer.enterStandby(name, old);
      await eventually(async () => expect(await membersOf(name)).toHaveLength(2));
      expect(await fleet.releaser.membership(old)).toEqual({ groupName: name, lifecycleState: 'Standby' });
      await fleet.releaser.release(name, old);
      await fleet.releaser.release(name, old);
      await fleet.pass();
      expect(await fleet.releaser.membership(old)).toBeUndefined();
      expect(await membersOf(name)).toHaveLength(2);
      expect((await fleet.instances.read(old))?.state).toBe('running');
      await expect(fleet.releaser.release(name, other)).rejects.toThrow(PermanentError);
      expect(await membersOf(name)).toContain(other);
    });

    it('list their lifecycle hooks', async () => {
      const name = await fleet.addGroup();
      expect(await fleet.groups.hooks(name)).toEqual([]);
      await fleet.addHook(name, { name: 'drain-queue', transition: 'terminating' });
      expect(await fleet.groups.hooks(name)).toEqual([{ name: 'drain-queue', transition: 'terminating' }]);
    });
  });
}
