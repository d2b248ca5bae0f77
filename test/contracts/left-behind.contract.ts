import { beforeEach, describe, expect, it } from 'vitest';
import { tagKeys } from '../../core/inventory/records.ts';
import type { CommandRunner } from '../../core/remediation/evidence/command-ports.ts';
import type { LeftBehind, SnapshotKeeper } from '../../core/remediation/reaper/reaping-ports.ts';

/*
 * What the reaper asks and ends, and the agent that evidence is asked of, in memory and behind the AWS adapters alike. Where the emulator
 * is not AWS, the suite asserts only what both do:
 *
 * - moto deletes a volume at once; on AWS it is `deleting` for a moment
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVolume.html).
 * - no agent runs on moto's instances, and the overlay lists none; on AWS an instance without an agent is not listed either
 *   (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html).
 */

export interface LeftBehindUnderTest {
  readonly leftBehind: LeftBehind;
  readonly commands: CommandRunner;
  /** A running instance with these tags. */
  addInstance(tags: Readonly<Record<string, string>>): Promise<string>;
  /** An empty volume that nobody has attached. */
  addVolume(tags: Readonly<Record<string, string>>): Promise<string>;
  readonly oldSnapshots: SnapshotKeeper;
  /** A complete snapshot of the volume. */
  addSnapshot(volumeId: string, tags: Readonly<Record<string, string>>): Promise<string>;
  /** An interface that nobody has attached. */
  addInterface(tags: Readonly<Record<string, string>>): Promise<string>;
  unique(prefix: string): string;
}

export function describeLeftBehind(title: string, create: () => LeftBehindUnderTest): void {
  let world: LeftBehindUnderTest;
  beforeEach(() => {
    world = create();
  });
  const ours = () => ({ [tagKeys.remediation]: world.unique('rem') });

  describe(`${title}: left behind`, () => {
    it('lists instances that carry our tag, and no other', async () => {
      const [tagged, other] = [await world.addInstance(ours()), await world.addInstance({ tier: 'web' })];
      const found = (await world.leftBehind.instances()).map(({ instanceId }) => instanceId);
      expect(found).toContain(tagged);
      expect(found).not.toContain(other);
    });

    it('lists loose volumes that carry our tag, deletes the one that is named, and twice is once', async () => {
      const tags = ours();
      const [doomed, kept, other] = [await world.addVolume(tags), await world.addVolume(tags), await world.addVolume({ tier: 'web' })];
      const found = await world.leftBehind.volumes();
      expect(found.find(({ volumeId }) => volumeId === doomed)).toMatchObject({ volumeId: doomed, tags });
      expect(found.find(({ volumeId }) => volumeId === doomed)).not.toHaveProperty('snapshotId');
      expect(found.map(({ volumeId }) => volumeId)).not.toContain(other);
      await world.leftBehind.deleteVolume(doomed);
      await world.leftBehind.deleteVolume(doomed);
      const left = (await world.leftBehind.volumes()).map(({ volumeId }) => volumeId);
      expect(left).toContain(kept);
      expect(left).not.toContain(doomed);
    });

    it('lists loose interfaces that carry our tag, deletes the one that is named, and twice is once', async () => {
      const tags = ours();
      const [doomed, other] = [await world.addInterface(tags), await world.addInterface({ tier: 'web' })];
      const found = await world.leftBehind.interfaces();
      expect(found.find(({ networkInterfaceId }) => networkInterfaceId === doomed)).toEqual({ networkInterfaceId: doomed, isManagedByAws: false, tags });
      expect(found.map(({ networkInterfaceId }) => networkInterfaceId)).not.toContain(other);
      await world.leftBehind.deleteInterface(doomed);
      await world.leftBehind.deleteInterface(doomed);
      expect((await world.leftBehind.interfaces()).map(({ networkInterfaceId }) => networkInterfaceId)).not.toContain(doomed);
    });

    it('lists snapshots that carry our tag, deletes the one that is named, and twice is once', async () => {
      const tags = ours();
      const volumeId = await world.addVolume({ tier: 'web' });
      const [doomed, other] = [await world.addSnapshot(volumeId, tags), await world.addSnapshot(volumeId, { tier: 'web' })];
      const found = await world.oldSnapshots.olderThan('2100-01-01T00:00:00.000Z');
      expect(found.find(({ snapshotId }) => snapshotId === doomed)).toMatchObject({ snapshotId: doomed, volumeId, tags });
      expect(found.map(({ snapshotId }) => snapshotId)).not.toContain(other);
      expect(await world.oldSnapshots.olderThan('2000-01-01T00:00:00.000Z')).toEqual([]);
      expect(await world.oldSnapshots.hasYounger(volumeId, '2000-01-01T00:00:00.000Z')).toBe(true);
      expect(await world.oldSnapshots.hasYounger(volumeId, '2100-01-01T00:00:00.000Z')).toBe(false);
      await world.oldSnapshots.delete(doomed);
      await world.oldSnapshots.delete(doomed);
      expect((await world.oldSnapshots.olderThan('2100-01-01T00:00:00.000Z')).map(({ snapshotId }) => snapshotId)).not.toContain(doomed);
    });

    it('knows no root snapshot of an image that does not exist', async () => {
      expect(await world.leftBehind.rootSnapshotOf('ami-0ffffffffffffffff')).toBeUndefined();
    });
  });

  describe(`${title}: agents`, () => {
    it('reaches nobody without an agent', async () => {
      expect(await world.commands.isOnline(await world.addInstance({}))).toBe(false);
      expect(await world.commands.isOnline('i-0ffffffffffffffff')).toBe(false);
    });
  });
}
