import { beforeEach, describe, expect, it, vi } from 'vitest';
import { PermanentError } from '../../core/environment/errors.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import type { Capture, CapturedTarget } from '../../core/remediation/surroundings/capture.ts';
import type {
  AlarmCloner,
  AlarmReader,
  CaptureReader,
  EvidenceCollector,
  ImageReader,
  InstancePower,
  InstanceReader,
  InstanceTerminator,
  LaunchRequest,
  QuarantineKeeper,
  ReplacementLauncher,
  TargetReader,
  TargetRegistrar,
} from '../../core/remediation/ports.ts';
import { expectMoment } from './moment.ts';

/*
 * What every fleet does, in memory and behind the AWS adapters alike. Where the emulator (moto with the overlay, MiniStack for the
 * alarms) is not AWS, the suite asserts only what both do, or AWS's answer when the overlay gives it:
 *
 * - moto has an instance `running` with the first description after RunInstances; on AWS `pending` lasts
 *   (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html). The suite waits for `running`.
 * - moto passes both status checks at once; on AWS they are `initializing` first
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceStatusSummary.html).
 * - moto's dry run of RunInstances checks nothing; on AWS it checks permissions and parameters
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html). Impossible launches are proven on the fake only.
 * - moto forgets client tokens; the overlay keeps them (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html).
 * - moto has a registered running target `healthy` at once and a deregistered one gone at once; the overlay adds `initial` and
 *   `draining` (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
 * - moto keeps CreditSpecification at `standard`, whatever was asked
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreditSpecificationRequest.html); captures are compared without it.
 * - moto lists no console output that a test can choose; only that evidence never throws for a running instance is asserted.
 * - MiniStack's new alarm is INSUFFICIENT_DATA until data comes, as on AWS; the fake's clone starts `OK`. Its state is not compared.
 */

export interface FleetPorts {
  readonly instances: InstanceReader;
  readonly captures: CaptureReader;
  readonly targets: TargetReader;
  readonly registrar: TargetRegistrar;
  readonly images: ImageReader;
  readonly launcher: ReplacementLauncher;
  readonly power: InstancePower;
  readonly evidence: EvidenceCollector;
  readonly quarantine: QuarantineKeeper;
  readonly terminator: InstanceTerminator;
  readonly alarms: AlarmReader;
  readonly alarmCloner: AlarmCloner;
}

/** A fleet under test; instances of other tests may be in it. */
export interface FleetUnderTest {
  readonly ports: FleetPorts;
  readonly target: CapturedTarget;
  readonly imageId: string;
  /** A role whose parameter held `approved` in this order, oldest first. */
  readonly role: string;
  readonly approved: readonly string[];
  /** A running instance with these tags, an instance profile, and the target's security group. */
  addInstance(tags: Readonly<Record<string, string>>): Promise<string>;
  setTargetUnhealthy(instanceId: string, isUnhealthy: boolean): Promise<void>;
  /** Puts an alarm on a metric of this instance. */
  addAlarm(name: string, instanceId: string): Promise<void>;
  /** Lets some time pass: a moment of a real clock, or seconds of a virtual one. */
  pass(): Promise<void>;
  /** A name that no other test uses. */
  unique(prefix: string): string;
}

const ABSENT = 'i-0ffffffffffffffff';
const AT = '2026-11-21T09:00:00.000Z';

/** What a replacement has in common with the old instance. */
const kept = ({ instanceType, subnetId, securityGroupIds, instanceProfileArn, metadataOptions, shutdownBehavior, userData, tags }: Capture) => ({
  instanceType,
  subnetId,
  securityGroupIds,
  instanceProfileArn,
  metadataOptions,
  shutdownBehavior,
  userData,
  tags,
});

export function describeFleet(title: string, create: () => FleetUnderTest): void {
  let fleet: FleetUnderTest;
  let ports: FleetPorts;
  beforeEach(() => {
    fleet = create();
    ports = fleet.ports;
  });

  /** Waits until it holds, letting time pass on whichever clock the fleet has. */
  const eventually = (check: () => Promise<void>): Promise<void> =>
    vi.waitFor(
      async () => {
        await fleet.pass();
        await check();
      },
      { timeout: 60_000, interval: 1 },
    );
  const expectState = (instanceId: string, state: string): Promise<void> =>
    eventually(async () => expect((await ports.instances.read(instanceId))?.state).toBe(state));
  const expectHealth = (instanceId: string, state: string): Promise<void> =>
    eventually(async () => expect((await ports.targets.health(instanceId, [fleet.target])).map((target) => target.state)).toEqual([state]));
  const firstHealthOf = async (instanceId: string): Promise<string | undefined> => (await ports.targets.health(instanceId, [fleet.target]))[0]?.state;
  const captureOf = async (instanceId: string): Promise<Capture> => {
    const capture = await ports.captures.capture(instanceId, [fleet.target.targetGroupName], AT);
    if (capture === undefined) throw new Error(`no capture of ${instanceId}`);
    return capture;
  };
  const requestFor = async (instanceId: string): Promise<LaunchRequest> => {
    const remediationId = fleet.unique('rem');
    const capture = await captureOf(instanceId);
    const userDataFrom = capture.userData === undefined ? {} : { userDataFrom: instanceId };
    return { remediationId, attempt: 1, capture, imageId: fleet.imageId, tags: { ...capture.tags, [tagKeys.remediation]: remediationId }, ...userDataFrom };
  };

  describe(`${title}: instances`, () => {
    it('reads one, finds it by tag, and says that there is none of an unknown id', async () => {
      const mark = fleet.unique('mark');
      const instanceId = await fleet.addInstance({ mark });
      expect(await ports.instances.read(instanceId)).toMatchObject({
        instanceId,
        state: 'running',
        imageId: fleet.imageId,
        tags: { mark },
        lifecycle: 'on-demand',
        dataVolumeIds: [],
      });
      expect((await ports.instances.findByTag('mark', mark)).map((facts) => facts.instanceId)).toEqual([instanceId]);
      expect(await ports.instances.findByTag('mark', `${mark}-not`)).toEqual([]);
      expect(await ports.instances.read(ABSENT)).toBeUndefined();
      expect(await ports.instances.isGroupMember(instanceId)).toBe(false);
    });

    it('has a status only while it runs', async () => {
      const instanceId = await fleet.addInstance({});
      await eventually(async () => expect(await ports.instances.readStatus(instanceId)).toMatchObject({ instanceId, system: 'ok', instance: 'ok' }));
      await ports.power.stop(instanceId);
      await eventually(async () => expect(await ports.instances.readStatus(instanceId)).toBeUndefined());
      expect(await ports.instances.readStatus(ABSENT)).toBeUndefined();
    });

    it('stops and starts; doing it twice is doing it once', async () => {
      const instanceId = await fleet.addInstance({});
      await ports.power.stop(instanceId);
      await ports.power.stop(instanceId);
      await expectState(instanceId, 'stopped');
      await ports.power.stop(instanceId);
      await expectState(instanceId, 'stopped');
      await ports.power.start(instanceId);
      await ports.power.start(instanceId);
      await expectState(instanceId, 'running');
    });

    it('refuses to stop what does not exist, for good', async () => {
      await expect(ports.power.stop(ABSENT)).rejects.toThrow(PermanentError);
    });
  });

  describe(`${title}: captures and images`, () => {
    it('captures what a replacement must get back, without our own tags', async () => {
      const instanceId = await fleet.addInstance({ tier: 'web', [tagKeys.system]: 'contract' });
      await ports.registrar.register(instanceId, [fleet.target]);
      const capture = await captureOf(instanceId);
      const facts = await ports.instances.read(instanceId);
      expect(capture).toMatchObject({
        formatVersion: 1,
        instanceId,
        capturedAt: AT,
        imageId: fleet.imageId,
        architecture: 'x86_64',
        subnetId: facts?.subnetId,
        securityGroupIds: facts?.securityGroupIds,
      });
      expect(capture.tags).toMatchObject({ tier: 'web' });
      expect(Object.keys(capture.tags).filter((key) => key.startsWith('perennial:'))).toEqual([]);
      expect(capture.targets).toEqual([fleet.target]);
      expect(capture.cannotKeep.join()).toContain('private address');
    });

    it('no longer captures a target that was deregistered, nor an instance that is gone', async () => {
      const instanceId = await fleet.addInstance({});
      await ports.registrar.register(instanceId, [fleet.target]);
      await ports.registrar.deregister(instanceId, [fleet.target]);
      expect((await captureOf(instanceId)).targets).toEqual([]);
      await ports.terminator.terminate(instanceId);
      expect(await ports.captures.capture(instanceId, [fleet.target.targetGroupName], AT)).toBeUndefined();
      expect(await ports.captures.capture(ABSENT, [], AT)).toBeUndefined();
    });

    it('describes images and the history of a role, the newest first', async () => {
      expect(await ports.images.describe(fleet.imageId)).toMatchObject({
        imageId: fleet.imageId,
        state: 'available',
        architecture: 'x86_64',
        rootDeviceType: 'ebs',
      });
      expect(await ports.images.describe('ami-0ffffffffffffffff')).toBeUndefined();
      expect(await ports.images.approvedHistory(fleet.role)).toEqual(fleet.approved.toReversed());
      expect(await ports.images.approvedHistory('nobody')).toEqual([]);
    });
  });

  describe(`${title}: targets`, () => {
    it('registers once, becomes healthy, and says unhealthy when it is', async () => {
      let instanceId = '';
      const begin = async () => {
        instanceId = await fleet.addInstance({});
        await expectHealth(instanceId, 'unregistered');
        await ports.registrar.register(instanceId, [fleet.target]);
        return firstHealthOf(instanceId);
      };
      await expectMoment(begin, ['initial']);
      await ports.registrar.register(instanceId, [fleet.target]);
      await expectHealth(instanceId, 'healthy');
      await ports.registrar.register(instanceId, [fleet.target]);
      expect((await ports.targets.registered([fleet.target.targetGroupName])).filter((target) => target.instanceId === instanceId)).toMatchObject([
        { ...fleet.target, state: 'healthy' },
      ]);
      await fleet.setTargetUnhealthy(instanceId, true);
      await expectHealth(instanceId, 'unhealthy');
    });

    it('drains before it is gone; deregistering what is out is nothing', async () => {
      let instanceId = '';
      const leave = async () => {
        instanceId = await fleet.addInstance({});
        await ports.registrar.deregister(instanceId, [fleet.target]);
        await ports.registrar.register(instanceId, [fleet.target]);
        await expectHealth(instanceId, 'healthy');
        await ports.registrar.deregister(instanceId, [fleet.target]);
        await ports.registrar.deregister(instanceId, [fleet.target]);
        return firstHealthOf(instanceId);
      };
      await expectMoment(leave, ['draining']);
      await expectHealth(instanceId, 'unregistered');
      expect((await ports.targets.registered([fleet.target.targetGroupName])).filter((target) => target.instanceId === instanceId)).toEqual([]);
    });

    it('is unused when it was stopped', async () => {
      const instanceId = await fleet.addInstance({});
      await ports.registrar.register(instanceId, [fleet.target]);
      await ports.power.stop(instanceId);
      await expectHealth(instanceId, 'unused');
    });

    it('has nothing registered in a group that does not exist', async () => {
      expect(await ports.targets.registered(['there-is-no-such-group'])).toEqual([]);
    });
  });

  describe(`${title}: launching`, () => {
    it('rehearses without touching anything', async () => {
      const request = await requestFor(await fleet.addInstance({ tier: 'web' }));
      expect((await ports.launcher.rehearse(request)).kind).toBe('possible');
      expect(await ports.instances.findByTag(tagKeys.remediation, request.remediationId)).toEqual([]);
    });

    it('launches once for one request, also when the first answer was lost (S1-17)', async () => {
      const request = await requestFor(await fleet.addInstance({ tier: 'web' }));
      await ports.launcher.launch(request).catch(() => undefined);
      const { instanceId } = await ports.launcher.launch(request);
      const launched = await ports.instances.findByTag(tagKeys.remediation, request.remediationId);
      expect(launched.map((facts) => facts.instanceId)).toEqual([instanceId]);
      expect(launched[0]).toMatchObject({
        imageId: fleet.imageId,
        instanceType: request.capture.instanceType,
        subnetId: request.capture.subnetId,
        tags: request.tags,
      });
      await expectState(instanceId, 'running');
    });

    it('launches once for two equal requests at the same moment', async () => {
      const request = await requestFor(await fleet.addInstance({}));
      const [one, two] = await Promise.all([ports.launcher.launch(request), ports.launcher.launch(request)]);
      expect(two).toEqual(one);
      expect(await ports.instances.findByTag(tagKeys.remediation, request.remediationId)).toHaveLength(1);
    });

    it('gives the replacement what was captured', async () => {
      const oldId = await fleet.addInstance({ tier: 'web' });
      const request = await requestFor(oldId);
      const { instanceId } = await ports.launcher.launch(request);
      await expectState(instanceId, 'running');
      const [before, after] = [await captureOf(oldId), await captureOf(instanceId)];
      expect(kept(after)).toEqual(kept(before));
    });
  });

  describe(`${title}: quarantine`, () => {
    it('isolates into one group; twice is once', async () => {
      const instanceId = await fleet.addInstance({});
      const vpcId = (await ports.instances.read(instanceId))?.vpcId ?? '';
      const first = await ports.quarantine.isolate(instanceId, vpcId);
      expect(await ports.quarantine.isolate(instanceId, vpcId)).toEqual(first);
      expect(await ports.instances.read(instanceId)).toMatchObject({ securityGroupIds: [first.securityGroupId], securityGroupNames: ['perennial-quarantine'] });
    });

    it('leaves the isolation again by what was recorded before it, and gives profile and tags back; twice is once', async () => {
      const instanceId = await fleet.addInstance({ Schedule: 'office-hours', tier: 'web' });
      const before = await ports.instances.read(instanceId);
      const groups = await ports.quarantine.interfaceGroups(instanceId);
      expect(Object.values(groups).flat()).toEqual(before?.securityGroupIds);
      const tags = { [tagKeys.quarantine]: 'inc-1', [tagKeys.quarantineUntil]: '2026-11-25T09:00:00.000Z' };
      const { removedTags } = await ports.quarantine.mark(instanceId, tags, ['Schedule']);
      await ports.quarantine.isolate(instanceId, before?.vpcId ?? '');
      const { instanceProfileArn = '' } = await ports.quarantine.dropProfile(instanceId);
      for (let time = 1; time <= 2; time += 1) {
        await ports.quarantine.rejoin(instanceId, groups);
        await ports.quarantine.restoreProfile(instanceId, instanceProfileArn);
        await ports.quarantine.unmark(instanceId, Object.keys(tags), removedTags);
        const after = await ports.instances.read(instanceId);
        expect([after?.securityGroupIds, after?.securityGroupNames, after?.instanceProfileArn, after?.tags]).toEqual([
          before?.securityGroupIds,
          before?.securityGroupNames,
          before?.instanceProfileArn,
          before?.tags,
        ]);
      }
    });

    it('takes the profile away and gives it once', async () => {
      const instanceId = await fleet.addInstance({});
      const had = (await ports.instances.read(instanceId))?.instanceProfileArn;
      expect(had).toMatch(/^arn:aws:iam:.*:instance-profile\//);
      expect(await ports.quarantine.dropProfile(instanceId)).toEqual({ instanceProfileArn: had });
      expect(await ports.quarantine.dropProfile(instanceId)).toEqual({});
      expect((await ports.instances.read(instanceId))?.instanceProfileArn).toBeUndefined();
    });

    it('marks it, moves foreign tags out, and lists it as quarantined', async () => {
      const instanceId = await fleet.addInstance({ Schedule: 'office-hours', tier: 'web' });
      const other = await fleet.addInstance({});
      const tags = { [tagKeys.quarantine]: 'inc-1' };
      expect(await ports.quarantine.mark(instanceId, tags, ['Schedule', 'Backup'])).toEqual({ removedTags: { Schedule: 'office-hours' } });
      expect(await ports.quarantine.mark(instanceId, tags, ['Schedule', 'Backup'])).toEqual({ removedTags: {} });
      expect((await ports.instances.read(instanceId))?.tags).toMatchObject({ tier: 'web', ...tags });
      expect((await ports.instances.read(instanceId))?.tags).not.toHaveProperty('Schedule');
      const quarantined = (await ports.terminator.quarantined()).map((facts) => facts.instanceId);
      expect(quarantined).toContain(instanceId);
      expect(quarantined).not.toContain(other);
    });

    it('collects evidence without touching the instance, and says what cannot be had', async () => {
      const instanceId = await fleet.addInstance({});
      const evidence = await ports.evidence.collect(instanceId, AT);
      expect(evidence.collectedAt).toBe(AT);
      expect(evidence.consoleOutput === undefined).toBe(evidence.absent.length > 0);
      expect((await ports.evidence.collect(ABSENT, AT)).absent).toHaveLength(1);
    });

    it('ends the one that is named and no other', async () => {
      const [doomed, other] = [await fleet.addInstance({}), await fleet.addInstance({})];
      await ports.terminator.terminate(doomed);
      await expectState(doomed, 'terminated');
      await ports.terminator.terminate(doomed);
      expect((await ports.instances.read(other))?.state).toBe('running');
      await expect(ports.terminator.terminate(ABSENT)).rejects.toThrow(PermanentError);
    });
  });

  describe(`${title}: alarms`, () => {
    it('reads those that exist, and those of an instance by glob', async () => {
      const [instanceId, name] = [await fleet.addInstance({}), fleet.unique('web-alarm')];
      await fleet.addAlarm(name, instanceId);
      expect((await ports.alarms.read([name, `${name}-not`])).map((alarm) => [alarm.name, alarm.instanceId, alarm.hasOwnAction])).toEqual([
        [name, instanceId, false],
      ]);
      expect(await ports.alarms.read([])).toEqual([]);
      expect((await ports.alarms.ofInstance(instanceId, ['web-alarm*'])).map((alarm) => alarm.name)).toEqual([name]);
      expect(await ports.alarms.ofInstance(instanceId, ['other-*'])).toEqual([]);
      expect(await ports.alarms.ofInstance(ABSENT, ['web-alarm*'])).toEqual([]);
    });

    it('clones to the new instance once, under a name that leads back; a clone of a clone too', async () => {
      const [oldId, newId, newerId, original] = [
        await fleet.addInstance({}),
        await fleet.addInstance({}),
        await fleet.addInstance({}),
        fleet.unique('web-alarm'),
      ];
      await fleet.addAlarm(original, oldId);
      const first = await ports.alarmCloner.clone(original, original, oldId, newId);
      expect(await ports.alarmCloner.clone(original, original, oldId, newId)).toEqual(first);
      expect(await ports.alarms.read([first.alarmName])).toMatchObject([{ name: first.alarmName, instanceId: newId, alarmOf: original }]);
      const second = await ports.alarmCloner.clone(first.alarmName, original, newId, newerId);
      expect(second.alarmName).toBe(first.alarmName.replace(newId, newerId));
      expect(await ports.alarms.ofInstance(newerId, ['web-alarm*'])).toMatchObject([{ name: second.alarmName, alarmOf: original }]);
    });

    it('retires one, twice if need be; what does not exist cannot be cloned', async () => {
      const [instanceId, name] = [await fleet.addInstance({}), fleet.unique('web-alarm')];
      await fleet.addAlarm(name, instanceId);
      await ports.alarmCloner.retire(name);
      await ports.alarmCloner.revive(name);
      await ports.alarmCloner.revive(name);
      await ports.alarmCloner.retire(name);
      expect((await ports.alarms.read([name])).map((alarm) => alarm.name)).toEqual([name]);
      await expect(ports.alarmCloner.clone(`${name}-not`, `${name}-not`, instanceId, ABSENT)).rejects.toThrow(PermanentError);
    });
  });
}
