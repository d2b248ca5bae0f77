import { describe, expect, it } from 'vitest';
import { policySchema } from '../../../core/catalog/schema.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { addSeconds } from '../../../core/environment/time.ts';
import { slotIdOf } from '../../../core/inventory/classify.ts';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import type { DriverPorts } from '../../../core/remediation/driver/driver.ts';
import { decideLifecycleAction } from '../../../core/remediation/surroundings/lifecycle-hooks.ts';
import { groupType, type Remediation, slotType } from '../../../core/remediation/record.ts';
import { admitMember, GROUP, groupWorld, MEMBER, memberSlotId as slotId } from './group-world.ts';
import { driverPorts, play, readRemediation, testScope, type World } from './world.ts';

async function repair(world: World, ports: (given: DriverPorts) => DriverPorts = (given) => given, between?: () => Promise<void>): Promise<Remediation> {
  const id = await admitMember(world);
  await play(world, id, () => ports(driverPorts(world)), between);
  return readRemediation(world, id);
}

const launchedByUs = (world: World): readonly string[] => world.region.all().flatMap(({ instanceId }) => (instanceId.startsWith('i-new') ? [instanceId] : []));

describe('a member of an Auto Scaling group', () => {
  it('is replaced by its group, and the slot follows', async () => {
    const world = groupWorld();
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'succeeded', path: 'group-member', newInstanceId: `i-${GROUP}-0001`, imageId: 'ami-v2', isRtoMet: true });
    expect(record.phases.map(({ name }) => name)).toEqual([
      'confirm',
      'guard',
      'preflight-member',
      'evidence',
      'replace-member',
      'complete-hooks',
      'await-member',
      'quarantine-member',
      'verify-serving',
      'finish',
    ]);
    expect(world.region.groups.asked).toEqual([MEMBER]);
    expect(launchedByUs(world)).toEqual([]);
    expect(world.region.find(MEMBER)?.state).toBe('terminated');
    const slot = (await readRecord(world.store, slotType, keys.slot(testScope, slotId)))?.body;
    expect(slot).toMatchObject({ instanceId: `i-${GROUP}-0001`, retiredInstanceIds: [MEMBER], attempts: [expect.any(String)] });
    expect((await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')))?.body).toMatchObject({ unhealthy: [], inFlight: [] });
    expect(record.differences).toContain(`everything on the volumes of ${MEMBER}, which its group has ended`);
    expect(world.sent.map(({ text }) => text).join('\n')).toContain('Its Auto Scaling group has ended the old one.');
  });

  it('is kept as evidence in standby where the policy wants it', async () => {
    const world = groupWorld({ memberReplacement: 'standby' });
    const record = await repair(world);
    expect(record.state).toBe('succeeded');
    expect(world.region.find(MEMBER)).toMatchObject({
      state: 'stopped',
      securityGroupNames: ['perennial-quarantine'],
      tags: { [tagKeys.quarantine]: record.incidentId },
    });
  });

  it('goes to standby where evidence is required, but never beside another one in a system of one', async () => {
    const required = groupWorld({ evidenceRequired: true });
    expect(Object.keys((await repair(required)).calls)).toContain('standby');
    const single = groupWorld({ memberReplacement: 'standby' }, 'single');
    expect(Object.keys((await repair(single)).calls)).toContain('mark-unhealthy');
  });

  it.each([
    ['an image that does not exist', (world: World) => world.region.groups.setTemplateImage(GROUP, 'ami-none'), 'the image ami-none does not exist'],
    [
      'an image that nobody approved',
      (world: World) => {
        world.region.addImage('ami-wild');
        world.region.groups.setTemplateImage(GROUP, 'ami-wild');
      },
      'the image ami-wild was never an approved image of the role web',
    ],
    [
      'a zone that offers the type of the template no more',
      (world: World) => world.region.preflight.withdrawType('t3.micro', 'eu-central-1a'),
      'offers none of t3.micro',
    ],
    ['an image whose snapshot is gone', (world: World) => world.region.preflight.loseSnapshot('snap-of-ami-v2'), 'snap-of-ami-v2 does not exist any more'],
    [
      'an image whose key is disabled',
      (world: World) => {
        world.region.preflight.setSnapshot('snap-of-ami-v2', { kmsKeyId: 'key-1' });
        world.region.preflight.setKeyState('key-1', 'Disabled');
      },
      'the key key-1 (snap-of-ami-v2 of the image) is Disabled',
    ],
    ['a launch that EC2 refuses', (world: World) => world.region.groups.failLaunches(GROUP, 'InsufficientInstanceCapacity'), 'InsufficientInstanceCapacity'],
  ])('is not touched and a person is paged: %s', async (_what, disturb, reason) => {
    const world = groupWorld();
    disturb(world);
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'stood-down', failure: { phase: 'preflight-member' } });
    expect(record.reason).toContain(reason);
    expect(record.reason).toContain('Blocked before anything was touched');
    expect(world.region.groups.asked).toEqual([]);
    expect(world.region.find(MEMBER)?.state).toBe('running');
    expect(world.sent.at(-1)?.notificationId).toBe(`${record.id}:needs-person`);
  });

  it.each(['Launch', 'Terminate', 'ReplaceUnhealthy'])('is left alone while its group has suspended %s', async (process) => {
    const world = groupWorld();
    world.region.groups.suspend(GROUP, process, 'User suspended at 2026-11-20');
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'vetoed', failure: { guardrail: 'group member' } });
    expect(record.reason).toContain(`${process} (User suspended at 2026-11-20)`);
    expect(world.region.groups.asked).toEqual([]);
  });

  it('of a system of one is left alone where its group launches before it ends', async () => {
    const world = groupWorld({}, 'single', { minHealthyPercentage: 100 });
    expect(await repair(world)).toMatchObject({ state: 'vetoed', failure: { guardrail: 'group member' } });
    expect(world.region.groups.asked).toEqual([]);
    expect((await repair(groupWorld({}, 'single', { minHealthyPercentage: 90 }))).state).toBe('succeeded');
  });

  it('does not mind a suspended AlarmNotification', async () => {
    const world = groupWorld();
    world.region.groups.suspend(GROUP, 'AlarmNotification', 'quiet');
    expect((await repair(world)).state).toBe('succeeded');
  });

  it('waits for an instance refresh to end, and stands down when it does not', async () => {
    const world = groupWorld();
    world.region.groups.setRefreshes(GROUP, [{ refreshId: 'refresh-1', status: 'InProgress' }]);
    const until = '2026-11-21T09:04:00.000Z';
    const record = await repair(world, undefined, async () => {
      if (world.clock.now() > until) world.region.groups.setRefreshes(GROUP, []);
    });
    expect(record.state).toBe('succeeded');
    expect((record.calls['mark-unhealthy']?.intentAt ?? '') > until).toBe(true);
    const other = groupWorld();
    other.region.groups.setRefreshes(GROUP, [{ refreshId: 'refresh-1', status: 'InProgress' }]);
    expect(await repair(other)).toMatchObject({ state: 'stood-down', failure: { phase: 'preflight-member' } });
    expect(other.region.groups.asked).toEqual([]);
  });

  it.each([
    ['a throttle', new RetryableError('throttled')],
    ['no permission', new PermanentError('not allowed')],
  ])('reads an error never as "no refresh": %s', async (_what, error) => {
    const world = groupWorld();
    const record = await repair(world, (given) => {
      const groups = { ...given.observe.groups, openRefreshes: () => Promise.reject(error) };
      const act = given.act === undefined ? {} : { act: { ...given.act, groups } };
      return { ...given, observe: { ...given.observe, groups }, ...act };
    });
    expect(record).toMatchObject({ state: 'stood-down', failure: { phase: 'preflight-member' } });
    expect(world.region.groups.asked).toEqual([]);
  });

  it('whose group replaces it already is adopted: nothing is marked', async () => {
    const world = groupWorld();
    await world.region.groups.changer.markUnhealthy(MEMBER);
    world.region.groups.asked.length = 0;
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'succeeded', newInstanceId: `i-${GROUP}-0001` });
    expect(world.region.groups.asked).toEqual([]);
    expect(Object.keys(record.calls)).toContain('adopt');
  });

  it('that does not come up is told with what the group says', async () => {
    const world = groupWorld({ launchDeadlineSeconds: 60, drainSeconds: 0 });
    const record = await repair(world, undefined, async () => {
      if (world.region.groups.asked.length > 0) world.region.groups.failLaunches(GROUP, 'We currently do not have sufficient t3.micro capacity');
    });
    expect(record).toMatchObject({ state: 'failed', failure: { phase: 'await-member' } });
    expect(record.reason).toContain('We currently do not have sufficient t3.micro capacity');
  });
});

describe('members that wait at lifecycle hooks', () => {
  const ending = { name: 'drain-queue', transition: 'terminating' } as const;
  const starting = { name: 'warm-up', transition: 'launching' } as const;
  const newMember = `i-${GROUP}-0001`;

  it('are let go on where the policy names the hook, once each, after the evidence was taken', async () => {
    const world = groupWorld({ completeLifecycleHooks: ['drain-queue', 'warm-up'] }, 'multiple', { hooks: [ending, starting] });
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'succeeded', newInstanceId: newMember });
    expect(world.region.groups.completedHooks).toEqual([
      { hookName: 'drain-queue', instanceId: MEMBER },
      { hookName: 'warm-up', instanceId: newMember },
    ]);
    const evidence = record.phases.find(({ name }) => name === 'evidence');
    expect((record.calls[`complete-hook:drain-queue:${MEMBER}`]?.intentAt ?? '') >= (evidence?.endedAt ?? '9')).toBe(true);
    expect(record.phases.find(({ name }) => name === 'complete-hooks')?.reason).toContain(`completed: drain-queue:${MEMBER}, warm-up:${newMember}`);
  });

  it('are no matter to a group without hooks: done at once', async () => {
    const record = await repair(groupWorld({ completeLifecycleHooks: ['drain-queue'] }));
    const phase = record.phases.find(({ name }) => name === 'complete-hooks');
    expect(phase?.reason).toBe(`${GROUP} has no lifecycle hooks`);
    expect(phase?.startedAt.slice(0, 19)).toBe(phase?.endedAt.slice(0, 19));
  });

  it('wait for whoever put the hook there when the policy does not name it', async () => {
    const world = groupWorld({}, 'multiple', { hooks: [ending, starting] });
    const { groups } = world.region;
    const until = addSeconds(world.clock.now(), 300);
    const record = await repair(world, undefined, async () => {
      if (world.clock.now() < until) return;
      await groups.passHook(GROUP, 'drain-queue', MEMBER);
      await groups.passHook(GROUP, 'warm-up', newMember);
    });
    expect(record).toMatchObject({ state: 'succeeded', newInstanceId: newMember });
    expect(groups.completedHooks).toEqual([]);
  });

  it.each([
    ['of the old one', ending, `${MEMBER} waits at the hook drain-queue (Terminating:Wait)`],
    ['of the new one', starting, `${newMember} waits at the hook warm-up (Pending:Wait)`],
  ])('are told to a person when nobody lets them go on: %s', async (_what, hook, words) => {
    const world = groupWorld({ launchDeadlineSeconds: 60, drainSeconds: 0 }, 'multiple', { hooks: [hook] });
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'failed', failure: { phase: 'await-member' } });
    expect(record.reason).toContain(`${words}, which others must complete: The policy shop-web does not name the hook`);
    expect(world.sent.at(-1)?.text).toContain(words);
    expect(world.region.groups.completedHooks).toEqual([]);
  });

  it('of somebody else are never let go on, whatever the policy names', async () => {
    const world = groupWorld({ launchDeadlineSeconds: 60, drainSeconds: 0, completeLifecycleHooks: ['warm-up'] }, 'multiple', {
      hooks: [starting],
      memberTags: { [tagKeys.system]: 'other' },
    });
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'failed', failure: { phase: 'complete-hooks' } });
    expect(record.reason).toContain('a foreign hook');
    expect(world.region.groups.completedHooks).toEqual([]);
  });

  it('whose end the group had begun by itself are asked for evidence first', async () => {
    const world = groupWorld({ completeLifecycleHooks: ['drain-queue'] }, 'multiple', { hooks: [ending] });
    await world.region.groups.changer.markUnhealthy(MEMBER);
    const record = await repair(world);
    expect(record.state).toBe('succeeded');
    expect(record.phases.map(({ name }) => name).slice(2, 5)).toEqual(['preflight-member', 'evidence', 'complete-hooks']);
    expect(world.region.groups.completedHooks).toEqual([{ hookName: 'drain-queue', instanceId: MEMBER }]);
  });
});

describe('the slot of a member', () => {
  const instance = { instanceId: 'i-1', tags: { [tagKeys.autoScalingGroup]: GROUP, [tagKeys.slot]: 'shop-web/copied' }, availabilityZone: 'eu-central-1b' };

  it('is its group in its zone: instances change by themselves, and a copied tag does not count', () => {
    expect(slotIdOf(instance, 'shop-web')).toBe(`shop-web/${GROUP}/eu-central-1b`);
  });
});

describe('a lifecycle hook', () => {
  const policy = policySchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'RemediationPolicy',
    metadata: { name: 'shop-web' },
    spec: { system: 'shop-web', completeLifecycleHooks: ['drain-queue'] },
  });
  const member = { instanceId: 'i-1', hookName: 'drain-queue', lifecycleState: 'Terminating:Wait', tags: { [tagKeys.system]: 'shop-web' }, hasEvidence: true };

  it.each([
    ['ours, and named', {}, 'complete', 'asks for drain-queue'],
    ['of a foreign instance', { tags: {} }, 'leave', 'a foreign hook'],
    ['of another system', { tags: { [tagKeys.system]: 'other' } }, 'leave', 'a foreign hook'],
    ['that the policy does not name', { hookName: 'copy-logs' }, 'leave', 'does not name the hook'],
    ['of one whose evidence is not taken yet', { hasEvidence: false }, 'leave', 'not taken yet'],
    ['of a new one, of which no evidence is taken', { lifecycleState: 'Pending:Wait', hasEvidence: false }, 'complete', 'asks for drain-queue'],
    ['at which nothing waits', { lifecycleState: 'InService' }, 'leave', 'does not wait'],
  ] as const)('%s', (_what, changes, kind, reason) => {
    const decision = decideLifecycleAction({ ...member, ...changes }, policy);
    expect(decision.kind).toBe(kind);
    expect(decision.reason).toContain(reason);
  });
});
