import { beforeEach, describe, expect, it } from 'vitest';
import { addSeconds } from '../../../core/environment/time.ts';
import { imageRecordType } from '../../../core/images/records.ts';
import { listOpenIncidents } from '../../../core/incidents/incidents.ts';
import { instanceType, tagKeys } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../core/records/record-type.ts';
import { revertRefusal } from '../../../core/remediation/admission/asked.ts';
import { groupType, pauseType, platformType, slotType } from '../../../core/remediation/record.ts';
import { pastRecoverySeconds } from '../../../core/remediation/hindsight/history.ts';
import { allPhasesOf, traitsOf } from '../../../core/remediation/paths/procedure.ts';
import { decideReap } from '../../../core/remediation/reaper/reap.ts';
import { ask, newest, repaired, sweepAll } from './by-hand.ts';
import { createWorld, OLD, play, readIncident, readRemediation, startOld, testScope, verifyImage, type World } from './world.ts';

/** Matches a text that contains `part`; typed, where vitest says `any`. */
const containing = (part: string): unknown => expect.stringContaining(part);

let world: World;

const PEER = 'i-peer1';
const by = { by: 'kim', reason: 'odd noises' };
const replace = (instanceId = PEER) => ask(world, { type: 'Instance Replace Requested', detail: { instanceId, ...by } });
const instanceOf = (id: string) => world.region.all().find(({ instanceId }) => instanceId === id);
const slotOf = async (id: string) => (await readRecord(world.store, slotType, keys.slot(testScope, id)))?.body;

async function begin(topology: 'multiple' | 'single' = 'multiple', spec: Readonly<Record<string, unknown>> = {}): Promise<void> {
  world = createWorld(topology, spec);
  world.region.setTargetUnhealthy(OLD, false);
  await verifyImage(world);
  await sweepAll(world);
  world.clock.advance(60);
}

describe('a replacement by hand', () => {
  beforeEach(() => begin());

  it('goes the same way as a repair, though nothing fails: no waiting, and who asked is on record (S1-21)', async () => {
    expect(await replace()).toMatchObject({ kind: 'repair' });
    const { id } = await newest(world);
    await play(world, id);
    const after = await readRemediation(world, id);
    expect(after).toMatchObject({ state: 'succeeded', oldInstanceId: PEER, request: by, mode: 'auto' });
    expect(after.phases[0]).toMatchObject({ name: 'confirm', reason: 'kim asked for it (odd noises); nothing has to last' });
    expect(after.guardrails).toContainEqual({ name: 'allow-list', verdict: 'pass', reason: 'kim asked for it: odd noises' });
    expect((await readIncident(world, after.incidentId)).state).toBe('resolved');
    expect(instanceOf(PEER)?.state).toBe('stopped');
  });

  it('counts as trouble for no breaker', async () => {
    await replace();
    const [group, platform] = [
      await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')),
      await readRecord(world.store, platformType, keys.platform(testScope)),
    ];
    expect(group?.body).toMatchObject({ unhealthy: [], breaker: { state: 'closed' } });
    expect(platform?.body.unhealthySystems).toEqual([]);
    expect(platform?.body.inFlight).toHaveLength(1);
  });

  it('is asked for twice in a row: one at a time, and the refused request leaves nothing open', async () => {
    await replace();
    const first = await newest(world);
    await play(world, first.id);
    world.clock.advance(60);
    world.region.setTag('i-peer2', tagKeys.hold, 'lee');
    await replace('i-peer2');
    const second = await newest(world);
    await play(world, second.id);
    expect(await readRemediation(world, second.id)).toMatchObject({
      state: 'vetoed',
      failure: { guardrail: 'pending duration', reason: 'It is on hold (lee)' },
      calls: {},
    });
    expect(world.sent.at(-1)?.notificationId).toBe(`${second.id}:needs-person`);
    expect(await listOpenIncidents(world.store, testScope)).toEqual([]);
  });

  it('under a pause is refused at once, told, and over', async () => {
    await createRecord(world.store, pauseType, keys.pause(testScope, 'global'), {
      target: 'global',
      isPaused: true,
      by: 'lee',
      reason: 'work',
      at: world.clock.now(),
    });
    expect(await replace()).toMatchObject({ kind: 'incident', reason: 'pause: Paused (global) by lee: work' });
    expect(await listOpenIncidents(world.store, testScope)).toEqual([]);
    expect(world.started).toEqual([]);
  });

  it('of an instance that belongs to nobody touches nothing', async () => {
    world.region.addInstance({ instanceId: 'i-new7777', imageId: 'ami-v1', tags: {}, launchedAt: '2026-11-20T09:00:00.000Z' });
    expect(await replace('i-new7777')).toMatchObject({ kind: 'incident', reason: 'Nothing declares how to repair it' });
    expect(world.started).toEqual([]);
  });

  it('needs the yes that its policy asks for', async () => {
    await begin('multiple', { mode: 'approve' });
    await replace();
    const { id } = await newest(world);
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({ state: 'vetoed', failure: { guardrail: 'approval' } });
  });
});

const revert = async (remediationId: string, instanceId: string) =>
  ask(world, { type: 'Instance Revert Requested', detail: { remediationId, instanceId, ...by } });

describe.each(['multiple', 'single'] as const)('a revert in a `%s` system', (topology) => {
  beforeEach(() => {
    world = createWorld(topology);
  });

  it('swaps back: the old one serves with what it had, the new one is kept in quarantine, the alarms are back', async () => {
    world.region.setTag(OLD, 'Schedule', 'office-hours');
    const before = await repaired(world);
    const { newInstanceId = '' } = before;
    expect(instanceOf(OLD)).toMatchObject({ state: 'stopped', securityGroupNames: ['perennial-quarantine'] });
    expect(instanceOf(OLD)?.tags['Schedule']).toBeUndefined();
    world.region.setTargetUnhealthy(OLD, false);
    expect(await revert(before.id, newInstanceId)).toMatchObject({ kind: 'repair' });
    const { id } = await newest(world);
    await play(world, id);
    const after = await readRemediation(world, id);
    expect([after.state, after.reason]).toEqual(['succeeded', `${OLD} is back in the place of ${newInstanceId}: ${before.id} is taken back`]);
    expect(after).toMatchObject({ revertOf: before.id, path: topology === 'single' ? 'revert-fenced' : 'revert', oldInstanceId: OLD, newInstanceId });
    expect(instanceOf(OLD)).toMatchObject({
      state: 'running',
      securityGroupIds: ['sg-web'],
      securityGroupNames: ['shop-web'],
      instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/shop-web',
    });
    expect(instanceOf(OLD)?.tags).toMatchObject({ Schedule: 'office-hours', [tagKeys.system]: 'shop-web' });
    for (const key of [tagKeys.quarantine, tagKeys.quarantineUntil, tagKeys.remediation]) expect(instanceOf(OLD)?.tags[key]).toBeUndefined();
    expect(instanceOf(newInstanceId)).toMatchObject({ state: 'stopped', securityGroupNames: ['perennial-quarantine'] });
    expect((await world.region.targets.registered(['shop-web'])).filter(({ state }) => state === 'healthy').map(({ instanceId }) => instanceId)).toContain(OLD);
    expect(
      world.region
        .alarmNames()
        .filter(({ areActionsEnabled }) => areActionsEnabled)
        .map(({ name }) => name),
    ).toEqual(['shop-web-unhealthy']);
    expect(await slotOf(before.slotId)).toMatchObject({ instanceId: OLD, retiredInstanceIds: [newInstanceId] });
    expect((await readRecord(world.store, instanceType, keys.instance(testScope, OLD)))?.body).toMatchObject({ status: 'managed', slotId: before.slotId });
    expect((await readIncident(world, after.incidentId)).state).toBe('resolved');
    expect(world.sent.find(({ notificationId }) => notificationId === `${id}:recovered`)?.text).toContain(`${before.id} is taken back: ${OLD} serves again`);
  });

  it('never has both running where only one may', async () => {
    const before = await repaired(world);
    world.region.setTargetUnhealthy(OLD, false);
    await revert(before.id, before.newInstanceId ?? '');
    let both = 0;
    await play(world, (await newest(world)).id, undefined, async () => {
      const running = world.region
        .all()
        .filter(({ instanceId, state }) => [OLD, before.newInstanceId].includes(instanceId) && (state === 'running' || state === 'pending'));
      if (running.length === 2) both += 1;
    });
    expect(both > 0).toBe(topology === 'multiple');
  });

  it('that does not come up puts the old one away again and leaves the new one in service', async () => {
    const before = await repaired(world);
    await revert(before.id, before.newInstanceId ?? '');
    const { id } = await newest(world);
    await play(world, id);
    // The old one is as unhealthy as it was.
    expect(await readRemediation(world, id)).toMatchObject({ state: 'failed', failure: { phase: 'await-old-healthy' } });
    expect(instanceOf(OLD)).toMatchObject({ state: 'stopped', securityGroupNames: ['perennial-quarantine'] });
    expect(instanceOf(before.newInstanceId ?? '')).toMatchObject({ state: 'running', securityGroupNames: ['shop-web'] });
    world.clock.advance(60);
    const healthy = (await world.region.targets.registered(['shop-web'])).filter(({ state }) => state === 'healthy').map(({ instanceId }) => instanceId);
    expect(healthy).toContain(before.newInstanceId);
    expect(await slotOf(before.slotId)).toMatchObject({ instanceId: before.newInstanceId });
  });
});

describe('a revert is refused with its reason', () => {
  beforeEach(() => {
    world = createWorld();
  });

  it('when the old one is terminated, or its quarantine is over', async () => {
    const before = await repaired(world);
    world.region.setTag(OLD, tagKeys.quarantineUntil, addSeconds(world.clock.now(), 60));
    await revert(before.id, before.newInstanceId ?? '');
    const late = await newest(world);
    await play(world, late.id);
    expect(await readRemediation(world, late.id)).toMatchObject({ state: 'vetoed', failure: { guardrail: 'quarantine' }, calls: {} });
    await world.region.terminator.terminate(OLD);
    world.clock.advance(60);
    await revert(before.id, before.newInstanceId ?? '');
    const gone = await newest(world);
    await play(world, gone.id);
    expect(await readRemediation(world, gone.id)).toMatchObject({
      state: 'vetoed',
      reason: containing('is terminated: its quarantine is over'),
    });
  });

  it('when there is no such remediation, or another instance holds the place', async () => {
    const before = await repaired(world);
    expect(await revert('rem-unknown', before.newInstanceId ?? '')).toMatchObject({ reason: 'There is no remediation rem-unknown to take back' });
    world.clock.advance(60);
    await updateRecord(world.store, slotType, keys.slot(testScope, before.slotId), (slot) => (slot === undefined ? slot : { ...slot, instanceId: PEER }));
    expect(await revert(before.id, before.newInstanceId ?? '')).toMatchObject({ reason: containing('it was replaced again since') });
    expect(world.started).toHaveLength(1);
  });

  it('when nothing was replaced, or it is a revert or a drill itself', async () => {
    const done = await repaired(world);
    expect(revertRefusal(done)).toBeUndefined();
    expect(revertRefusal({ ...done, state: 'running' })).toContain('is still running');
    expect(revertRefusal({ ...done, state: 'failed' })).toContain('ended failed and has replaced nothing');
    expect(revertRefusal({ ...done, isDrill: true })).toContain('was a drill');
    expect(revertRefusal({ ...done, revertOf: 'rem-0' })).toContain('has itself taken rem-0 back');
    expect(revertRefusal({ ...done, parts: ['volumes'] })).toBeUndefined();
  });
});

const drill = () => ask(world, { type: 'System Drill Requested', detail: { system: 'shop-web', by: 'kim', reason: 'game day' } });

const ours = (id: string) => world.region.all().filter(({ tags }) => tags[tagKeys.drill] === id);

describe('a drill (S3-19)', () => {
  beforeEach(() => begin('multiple', { mode: 'dry-run' }));

  it('runs the whole procedure on a throw-away copy, touches nobody, and leaves both to the reaper at once', async () => {
    const members = JSON.stringify(world.region.all());
    expect(await drill()).toMatchObject({ kind: 'repair' });
    const { id } = await newest(world);
    await play(world, id);
    const after = await readRemediation(world, id);
    expect([after.state, after.isDrill, after.failure]).toEqual(['succeeded', true, undefined]);
    const phases = new Set<string>(after.phases.map(({ name }) => name));
    expect(allPhasesOf('drill', traitsOf(after)).filter((phase) => !phases.has(phase))).toEqual([]);
    expect(JSON.stringify(world.region.all().filter(({ tags }) => tags[tagKeys.drill] === undefined))).toBe(members);
    expect(ours(id).map(({ state, imageId }) => [state, imageId])).toEqual([
      ['stopped', 'ami-v1'],
      ['stopped', 'ami-v2'],
    ]);
    for (const instance of ours(id)) expect(decideReap(instance, after, world.clock.now())).toMatchObject({ kind: 'terminate' });
    expect(
      (await world.region.targets.registered(['shop-web']))
        .map(({ instanceId }) => instanceId)
        .filter((one) => ours(id).some(({ instanceId }) => instanceId === one)),
    ).toEqual([]);
  });

  it('is told as a drill, wakes nobody, and counts neither as recovery nor as a member', async () => {
    await drill();
    const { id, incidentId } = await newest(world);
    let counted = 0;
    await play(world, id, undefined, async () => {
      await sweepAll(world);
      for (const { instanceId } of ours(id)) {
        const listed = (await readRecord(world.store, instanceType, keys.instance(testScope, instanceId)))?.body;
        if (listed?.status === 'managed') counted += 1;
      }
    });
    expect(counted).toBe(0);
    expect(await readIncident(world, incidentId)).toMatchObject({
      severity: 'info',
      state: 'resolved',
      title: 'Drill of shop-web, asked for by kim: game day.',
    });
    expect(world.armed).toEqual([]);
    expect(world.sent.map(({ channels }) => channels.includes('sms'))).not.toContain(true);
    expect(world.sent.at(-1)).toMatchObject({ notificationId: `${id}:drill-ended` });
    expect(world.sent.at(-1)?.text).toContain('This was a drill, asked for by kim');
    expect(await pastRecoverySeconds(world.store, testScope, 'shop-web')).toEqual([]);
  });

  it('that passes verifies the image for the group, and gives the provenance that `auto` needs for 90 days', async () => {
    await drill();
    await play(world, (await newest(world)).id);
    expect(await slotOf('shop-web/drill')).toMatchObject({ drillPassedAt: (await newest(world)).timing.endedAt });
    expect(
      (await readRecord(world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v2')))?.body.verifiedGroups.map(({ groupId }) => groupId),
    ).toContain('shop-web/web');
  });

  it('that passed stands for the lineage of an unknown image, for 90 days', async () => {
    await begin('multiple', { mode: 'auto' });
    await drill();
    await play(world, (await newest(world)).id);
    world.region.addInstance({
      instanceId: OLD,
      imageId: 'ami-v9',
      launchedAt: '2026-11-20T09:00:00.000Z',
      tags: { [tagKeys.system]: 'shop-web', [tagKeys.role]: 'web' },
    });
    world.region.setTargetUnhealthy(OLD, true);
    const repair = await startOld(world);
    await play(world, repair);
    expect(await readRemediation(world, repair)).toMatchObject({ state: 'succeeded' });
    expect((await readRemediation(world, repair)).guardrails.find(({ name }) => name === 'opt-in and provenance')?.reason).toContain(
      'a drill of the system passed at',
    );
  });

  it('that passed 91 days ago stands for nothing any more', async () => {
    await begin('multiple', { mode: 'auto' });
    await drill();
    await play(world, (await newest(world)).id);
    world.clock.advance(91 * 86_400);
    world.region.addInstance({
      instanceId: OLD,
      imageId: 'ami-v9',
      launchedAt: '2026-11-20T09:00:00.000Z',
      tags: { [tagKeys.system]: 'shop-web', [tagKeys.role]: 'web' },
    });
    world.region.setTargetUnhealthy(OLD, true);
    const repair = await startOld(world);
    await play(world, repair);
    expect(await readRemediation(world, repair)).toMatchObject({ state: 'vetoed', failure: { guardrail: 'approval' } });
  });

  it('that fails puts everything away, is told by mail, and gives nothing', async () => {
    world.region.makeImageBad('ami-v2', 'Client.InternalError');
    await drill();
    const { id, incidentId } = await newest(world);
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({ state: 'failed', failure: { phase: 'await-running' } });
    expect(ours(id).filter(({ state }) => state !== 'stopped' && state !== 'terminated')).toEqual([]);
    expect((await slotOf('shop-web/drill'))?.drillPassedAt).toBeUndefined();
    expect(world.sent.at(-1)).toMatchObject({ notificationId: `${id}:drill-ended` });
    expect((await readIncident(world, incidentId)).state).toBe('resolved');
  });

  it('needs a healthy member, and stands in the way of no repair', async () => {
    await drill();
    expect((await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')))?.body.inFlight ?? []).toEqual([]);
    world = createWorld('single', { mode: 'auto' });
    await sweepAll(world);
    await drill();
    const { id } = await newest(world);
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({ state: 'vetoed', reason: containing('no healthy member') });
  });
});
