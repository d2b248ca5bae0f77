import { beforeEach, describe, expect, it, vi } from 'vitest';
import { PermanentError } from '../../core/environment/errors.ts';
import type { InstancePower, InstanceReader } from '../../core/remediation/ports.ts';
import type { RecoveryPorts, RecoveryReader } from '../../core/remediation/surroundings/recovery-ports.ts';
import { expectMoment } from './moment.ts';

/*
 * The gentler ways to repair, in memory and behind the AWS adapters alike. Where the emulator (moto with the overlay) is not AWS:
 *
 * - moto knows neither tasks that replace root volumes nor Systems Manager agents; the overlay answers for both in AWS's shapes
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRootVolumeTask.html,
 *   https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html). The instance keeps its old
 *   image there; on AWS its image is the new one afterwards. Images are not compared.
 * - moto's commands succeed at once and run nothing; on AWS they are `Pending` first
 *   (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html). Failing ones are proven on the fake.
 */

export interface RecoveryUnderTest {
  readonly ports: RecoveryPorts & { readonly recovery: RecoveryReader; readonly instances: InstanceReader; readonly power: InstancePower };
  readonly imageId: string;
  addInstance(): Promise<string>;
  setAgent(instanceId: string, isOnline: boolean): Promise<void>;
  endNextSwap(instanceId: string, ending: 'succeeded' | 'failed' | 'failed-detached'): Promise<void>;
  pass(): Promise<void>;
  unique(prefix: string): string;
}

const ABSENT = 'i-0ffffffffffffffff';

export function describeRecovery(title: string, create: () => RecoveryUnderTest): void {
  let fleet: RecoveryUnderTest;
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

  describe(`${title}: what an instance can take`, () => {
    it('is read of a usual instance, and of none that is absent', async () => {
      const instanceId = await fleet.addInstance();
      expect(await fleet.ports.recovery.capability(instanceId)).toMatchObject({
        isRecoveredByEc2: true,
        isBareMetal: false,
        hasProductCode: false,
        isManagedOnline: false,
        isTerminationProtected: false,
        isStopProtected: false,
      });
      expect(await fleet.ports.recovery.capability(ABSENT)).toBeUndefined();
    });

    it('says when its agent answers, and when no longer', async () => {
      const instanceId = await fleet.addInstance();
      await fleet.setAgent(instanceId, true);
      expect((await fleet.ports.recovery.capability(instanceId))?.isManagedOnline).toBe(true);
      await fleet.setAgent(instanceId, false);
      expect((await fleet.ports.recovery.capability(instanceId))?.isManagedOnline).toBe(false);
    });
  });

  describe(`${title}: bringing the same instance back`, () => {
    it('reboots what runs, twice if need be; not what is absent', async () => {
      const instanceId = await fleet.addInstance();
      await fleet.ports.rebooter.reboot(instanceId);
      await fleet.ports.rebooter.reboot(instanceId);
      await eventually(async () => expect((await fleet.ports.instances.read(instanceId))?.state).toBe('running'));
      await expect(fleet.ports.rebooter.reboot(ABSENT)).rejects.toThrow(PermanentError);
    });

    it.each(['succeeded', 'failed', 'failed-detached'] as const)('replaces a root once for one request, and says that it %s', async (ending) => {
      let [instanceId, taskId] = ['', ''];
      const begin = async () => {
        instanceId = await fleet.addInstance();
        await fleet.endNextSwap(instanceId, ending);
        const request = { remediationId: fleet.unique('rem'), attempt: 1, instanceId, imageId: fleet.imageId };
        const first = await fleet.ports.rootSwapper.swap(request);
        ({ taskId } = first);
        expect(await fleet.ports.rootSwapper.swap(request)).toEqual(first);
        return (await fleet.ports.recovery.rootSwap(taskId))?.state;
      };
      await expectMoment(begin, ['pending', 'in-progress']);
      await eventually(async () => expect(await fleet.ports.recovery.rootSwap(taskId)).toMatchObject({ instanceId, state: ending }));
    });

    it('says which root volume an instance has, and none of one that is absent', async () => {
      const instanceId = await fleet.addInstance();
      expect(await fleet.ports.rootSwapper.rootVolumeOf(instanceId)).toMatch(/^vol-/);
      expect(await fleet.ports.rootSwapper.rootVolumeOf(ABSENT)).toBeUndefined();
    });

    it('replaces no root of what does not run; a task that never was is absent', async () => {
      const instanceId = await fleet.addInstance();
      await fleet.ports.power.stop(instanceId);
      await eventually(async () => expect((await fleet.ports.instances.read(instanceId))?.state).toBe('stopped'));
      const request = { remediationId: fleet.unique('rem'), attempt: 1, instanceId, imageId: fleet.imageId };
      await expect(fleet.ports.rootSwapper.swap(request)).rejects.toThrow(PermanentError);
      expect(await fleet.ports.recovery.rootSwap('replacevol-0ffffffffffffffff')).toBeUndefined();
    });

    it('restarts a service once for one remediation, also when the first answer was lost', async () => {
      const instanceId = await fleet.addInstance();
      await fleet.setAgent(instanceId, true);
      const request = { remediationId: fleet.unique('rem'), instanceId, service: 'web' };
      const first = await fleet.ports.processRestarter.restart(request);
      expect(await fleet.ports.processRestarter.restart(request)).toEqual(first);
      await eventually(async () => expect((await fleet.ports.processRestarter.outcome(first.commandId, instanceId))?.state).toBe('succeeded'));
      const other = await fleet.ports.processRestarter.restart({ ...request, remediationId: fleet.unique('rem') });
      expect(other.commandId).not.toBe(first.commandId);
    });
  });
}
