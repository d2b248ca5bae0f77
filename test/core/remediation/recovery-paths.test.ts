import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../core/environment/errors.ts';
import { addSeconds } from '../../../core/environment/time.ts';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { decideVolume } from '../../../core/remediation/reaper/reap-leftovers.ts';
import { pauseType, type Remediation, slotType } from '../../../core/remediation/record.ts';
import { writePause } from './pausing.ts';
import { createWorld, driverPorts, OLD, play, readIncident, readRemediation, startOld, testScope, verifyImage, type World } from './world.ts';

async function repair(world: World, between?: () => Promise<void>): Promise<Remediation> {
  await verifyImage(world);
  const id = await startOld(world);
  await play(world, id, () => driverPorts(world), between);
  return readRemediation(world, id);
}

const slotOf = async (world: World, { slotId }: Remediation) => (await readRecord(world.store, slotType, keys.slot(testScope, slotId)))?.body;
const launched = (world: World): number => world.region.all().filter(({ instanceId }) => instanceId.startsWith('i-new')).length;

const ladder = ['restart', 'reboot', 'root-swap', 'replace'];
const service = { restartProcess: { service: 'web' } };

async function expectSame(world: World, record: Remediation, path: string): Promise<void> {
  expect(record).toMatchObject({ state: 'succeeded', path, isRtoMet: true, reason: `${OLD} serves again by the path ${path}; it is the same instance` });
  expect(record.newInstanceId).toBeUndefined();
  expect(record.recoverySeconds).toBeGreaterThan(0);
  expect(launched(world)).toBe(0);
  expect(await slotOf(world, record)).toMatchObject({ instanceId: OLD, retiredInstanceIds: [] });
  expect((await readIncident(world, record.incidentId)).state).toBe('resolved');
  const told = world.sent.map(({ text }) => text).join('\n');
  expect(told).not.toContain('was replaced by');
  expect(told).not.toContain('in quarantine');
}

describe('native recovery', () => {
  it('is waited for, and a host that EC2 has changed ends the repair with the same instance', async () => {
    const world = createWorld();
    world.region.setStatus(OLD, 'system', 'impaired');
    const mendAt = addSeconds(world.clock.now(), 300);
    const record = await repair(world, async () => {
      if (world.clock.now() < mendAt) return;
      world.region.setStatus(OLD, 'system', 'ok');
      world.region.setTargetUnhealthy(OLD, false);
    });
    await expectSame(world, record, 'native-recovery');
    expect(record.nextPaths).toEqual(['replace']);
  });

  it('is given ten minutes since the check began to fail, then the instance is replaced (S4-18)', async () => {
    const world = createWorld();
    world.region.setStatus(OLD, 'system', 'impaired');
    const since = world.clock.now();
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'succeeded', path: 'replace', newInstanceId: 'i-new0001', reason: `${OLD} was replaced by i-new0001` });
    expect(record.triedPaths).toMatchObject([
      { path: 'native-recovery', reason: `EC2 has not recovered it by ${addSeconds(since, 600)}; status checks: system impaired, instance ok` },
    ]);
    expect(record.pathReason).toContain('native-recovery did not help');
    const waited = record.phases.find(({ name }) => name === 'await-native-recovery');
    expect(waited?.endedAt.slice(0, 19)).toBe(addSeconds(since, 600).slice(0, 19));
  });
});

describe('the ladder', () => {
  it('restarts the declared service and keeps the instance when that helps', async () => {
    const world = createWorld('multiple', { ladder, ...service });
    world.region.recovery.setCapability(OLD, { isManagedOnline: true });
    world.region.recovery.setCure(OLD, 'restart');
    const record = await repair(world);
    await expectSame(world, record, 'restart');
    expect(world.region.recovery.commands).toHaveLength(1);
    expect(record.phases.map(({ name }) => name)).toEqual(['confirm', 'guard', 'evidence', 'restart-process', 'await-recovered', 'finish']);
  });

  it('goes from a restart that does not help to a reboot that does, and says what each gave (S4-18)', async () => {
    const world = createWorld('multiple', { ladder, ...service });
    world.region.recovery.setCapability(OLD, { isManagedOnline: true });
    world.region.recovery.setCure(OLD, 'reboot');
    const record = await repair(world);
    await expectSame(world, record, 'reboot');
    expect(record.triedPaths?.map(({ path }) => path)).toEqual(['restart']);
    expect(record.triedPaths?.[0]?.reason).toContain('await-recovered took longer than its 300 s');
    expect(world.region.recovery.reboots).toEqual([OLD]);
  });

  it('goes through all of it to a replacement', async () => {
    const world = createWorld('multiple', { ladder, ...service, stepDeadlineSeconds: 60 });
    world.region.setStatus(OLD, 'instance', 'impaired');
    world.region.recovery.setCapability(OLD, { isManagedOnline: true });
    world.region.recovery.failCommands(OLD);
    world.region.recovery.endNextSwap(OLD, 'failed-detached');
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'succeeded', path: 'replace', newInstanceId: 'i-new0001' });
    expect(record.reason).toBe(`${OLD} was replaced by i-new0001`);
    expect(record.triedPaths?.map(({ path }) => path)).toEqual(['restart', 'reboot', 'root-swap']);
    expect(record.triedPaths?.[2]?.reason).toContain('no root attached');
    expect(await slotOf(world, record)).toMatchObject({ instanceId: 'i-new0001', retiredInstanceIds: [OLD] });
  });

  it('ends with a page when its last step does not help', async () => {
    const world = createWorld('multiple', { ladder: ['reboot'], stepDeadlineSeconds: 60 });
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'failed', path: 'reboot', failure: { phase: 'await-recovered' } });
    expect(launched(world)).toBe(0);
    expect(world.sent.at(-1)?.notificationId).toBe(`${record.id}:needs-person`);
  });

  it('looks again before its next step: one that cannot help any more is left out, with its reason', async () => {
    const world = createWorld('multiple', { ladder: ['reboot', 'root-swap', 'replace'], stepDeadlineSeconds: 60 });
    world.region.setStatus(OLD, 'instance', 'impaired');
    const record = await repair(world, async () => {
      // The reboot mends the check, and the service stays away: a new root would not help.
      if (world.region.recovery.reboots.length > 0) world.region.setStatus(OLD, 'instance', 'ok');
    });
    expect(record).toMatchObject({ state: 'succeeded', path: 'replace', newInstanceId: 'i-new0001' });
    expect(record.triedPaths?.map(({ path }) => path)).toEqual(['reboot']);
    expect(record.pathReason).toContain('reboot did not help: await-recovered took longer than its 60 s');
    expect(record.pathReason).toContain('left out: root-swap (its instance check does not fail: a new root would not help)');
    expect(record.calls['swap-root']).toBeUndefined();
  });

  it('ends with a page when none of the steps that are left can help any more', async () => {
    const world = createWorld('multiple', { ladder: ['reboot', 'replace'], stepDeadlineSeconds: 60 });
    const record = await repair(world, async () => {
      if (world.region.recovery.reboots.length > 0) world.region.recovery.setCapability(OLD, { isStopProtected: true });
    });
    expect(record).toMatchObject({ state: 'failed', path: 'reboot', failure: { phase: 'choose-step' } });
    expect(record.failure?.reason).toContain('No step that is left can help: replace (It is protected against being stopped');
    expect(launched(world)).toBe(0);
    expect(world.sent.at(-1)?.notificationId).toBe(`${record.id}:needs-person`);
  });

  it('replaces nobody on its own who has joined an Auto Scaling group meanwhile', async () => {
    const world = createWorld('multiple', { ladder: ['reboot', 'replace'], stepDeadlineSeconds: 60 });
    await verifyImage(world);
    const id = await startOld(world);
    await play(world, id, () => {
      const ports = driverPorts(world);
      const { instances } = ports.observe;
      const isGroupMember = async (): Promise<boolean> => world.region.recovery.reboots.length > 0;
      return { ...ports, observe: { ...ports.observe, instances: { ...instances, isGroupMember } } };
    });
    const record = await readRemediation(world, id);
    expect(record).toMatchObject({ state: 'failed', failure: { phase: 'choose-step' } });
    expect(record.failure?.reason).toContain('It belongs to an Auto Scaling group now');
    expect(launched(world)).toBe(0);
  });

  it('takes no further step once somebody has paused', async () => {
    const world = createWorld('multiple', { ladder: ['reboot', 'replace'], stepDeadlineSeconds: 60 });
    const record = await repair(world, async () => {
      if (world.region.recovery.reboots.length > 0) await writePause(world, 'system#shop-web');
    });
    expect(record).toMatchObject({ state: 'failed', path: 'reboot', failure: { phase: 'choose-step' } });
    expect(record.failure?.reason).toContain('Paused');
    expect(launched(world)).toBe(0);
    expect((await readRecord(world.store, pauseType, keys.pause(testScope, 'system#shop-web')))?.body.isPaused).toBe(true);
  });

  it('is not climbed by a pause: the step is left, and none is said to have been tried', async () => {
    const world = createWorld();
    world.region.setStatus(OLD, 'system', 'impaired');
    const record = await repair(world, async () => {
      if (world.clock.now() > '2026-11-21T09:03:00.000Z') await writePause(world, 'system#shop-web');
    });
    expect(record).toMatchObject({ state: 'stood-down', path: 'native-recovery', failure: { phase: 'await-native-recovery' } });
    expect(record.triedPaths).toBeUndefined();
  });

  it('is left as a whole when somebody pauses before its first step', async () => {
    const world = createWorld('multiple', { ladder: ['reboot', 'replace'] });
    const record = await repair(world, async () => {
      if (world.clock.now() > '2026-11-21T09:00:59.000Z') await writePause(world, 'system#shop-web');
    });
    expect(['vetoed', 'stood-down']).toContain(record.state);
    expect(record.triedPaths).toBeUndefined();
    expect(world.region.recovery.reboots).toEqual([]);
  });
});

const refuse = (): Promise<void> => Promise.reject(new PermanentError('You are not authorized.'));

describe('a new root volume', () => {
  it('keeps the instance where identity must be kept, and says what differs', async () => {
    const world = createWorld('single', { keepIdentity: true });
    world.region.setStatus(OLD, 'instance', 'impaired');
    world.region.recovery.setCure(OLD, 'root-swap');
    const record = await repair(world);
    await expectSame(world, record, 'root-swap');
    expect(world.region.recovery.swaps).toMatchObject([{ instanceId: OLD, imageId: 'ami-v2' }]);
    expect(world.region.find(OLD)).toMatchObject({ state: 'running', imageId: 'ami-v2' });
    expect(record.differences).toContain('its root volume: a new one from ami-v2, the old one is kept detached; user data may not have run again');
    expect(record.timing.verifiedAt).toBeDefined();
  });

  it('leaves the old root tagged with the remediation and the end of its quarantine, and the reaper deletes that one then', async () => {
    const world = createWorld('single', { keepIdentity: true, quarantineHours: 96 });
    world.region.setStatus(OLD, 'instance', 'impaired');
    world.region.recovery.setCure(OLD, 'root-swap');
    const record = await repair(world);
    const [root, ...others] = await world.region.leftBehind.volumes();
    expect(others).toEqual([]);
    expect(record.calls['old-root']?.result?.['volumeId']).toBe(root?.volumeId);
    const until = root?.tags[tagKeys.quarantineUntil] ?? '';
    expect(root?.tags[tagKeys.remediation]).toBe(record.id);
    expect(until.slice(0, 16)).toBe(addSeconds(record.calls[`keep-root:${root?.volumeId}`]?.intentAt ?? '', 96 * 3600).slice(0, 16));
    if (root === undefined) throw new Error('no root');
    expect(decideVolume(root, record, undefined, until).kind).toBe('delete');
    expect(decideVolume({ ...root, volumeId: 'vol-data' }, record, undefined, until).kind).toBe('report');
  });

  it('is a repair all the same when the old root cannot be tagged, and says so', async () => {
    const world = createWorld('single', { keepIdentity: true });
    world.region.setStatus(OLD, 'instance', 'impaired');
    world.region.recovery.setCure(OLD, 'root-swap');
    await verifyImage(world);
    const id = await startOld(world);
    await play(world, id, () => {
      const { act, ...ports } = driverPorts(world);
      if (act === undefined) return ports;
      return { ...ports, act: { ...act, rootSwapper: { ...act.rootSwapper, keep: refuse } } };
    });
    const record = await readRemediation(world, id);
    expect(record.state).toBe('succeeded');
    expect(record.differences.join('\n')).toContain('is kept without a tag (You are not authorized.)');
  });

  it('is followed by a full replacement when the swap fails', async () => {
    const world = createWorld('single', { keepIdentity: true });
    world.region.setStatus(OLD, 'instance', 'impaired');
    world.region.recovery.endNextSwap(OLD, 'failed');
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'succeeded', path: 'replace', newInstanceId: 'i-new0001' });
    expect(record.triedPaths?.map(({ path }) => path)).toEqual(['root-swap']);
    expect(record.triedPaths?.[0]?.reason).toContain('the old root is still attached');
    expect(record.phases.filter(({ name }) => name === 'evidence')).toHaveLength(2);
  });
});
