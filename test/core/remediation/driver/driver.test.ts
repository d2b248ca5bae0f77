import { describe, expect, it } from 'vitest';
import { imageRecordType } from '../../../../core/images/records.ts';
import { tagKeys } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { readEvidence } from '../../../../core/remediation/evidence/evidence.ts';
import { captureType } from '../../../../core/remediation/surroundings/capture.ts';
import { groupType, pauseType, slotType } from '../../../../core/remediation/record.ts';
import {
  admitOld,
  createWorld,
  driverPorts,
  OLD,
  play,
  readIncident,
  readRemediation,
  startOld,
  testScope,
  verifyImage,
  webTarget,
  type World,
} from '../world.ts';

async function replaceOld(world: World) {
  await verifyImage(world);
  const id = await startOld(world);
  await play(world, id);
  return readRemediation(world, id);
}

const stateOf = (world: World, instanceId: string) => world.region.all().find((instance) => instance.instanceId === instanceId)?.state;

async function targetStates(world: World): Promise<Record<string, string>> {
  const targets = await world.region.targets.registered(['shop-web']);
  return Object.fromEntries(targets.map((target) => [target.instanceId, target.state]));
}

async function pauseAll(world: World): Promise<void> {
  await createRecord(world.store, pauseType, keys.pause(testScope, 'global'), {
    target: 'global',
    isPaused: true,
    by: 'ops',
    reason: 'network work',
    at: world.clock.now(),
  });
}

describe('a full replacement of a `multiple` system', () => {
  it('ends with a serving replacement from the approved image and the old one in quarantine (S0-14, S0-16, S1-14)', async () => {
    const world = createWorld();
    const remediation = await replaceOld(world);
    expect(remediation.reason).toBe(`${OLD} was replaced by ${remediation.newInstanceId}`);
    expect(remediation.state).toBe('succeeded');
    const old = world.region.all().find((instance) => instance.instanceId === OLD);
    expect(old).toMatchObject({ state: 'stopped', securityGroupNames: ['perennial-quarantine'] });
    expect(old?.instanceProfileArn).toBeUndefined();
    expect(old?.tags[tagKeys.quarantine]).toBe(remediation.incidentId);
    expect(await targetStates(world)).toEqual({ 'i-peer1': 'healthy', 'i-peer2': 'healthy', [remediation.newInstanceId ?? '']: 'healthy' });
    expect(remediation.imageId).toBe('ami-v2');
  });

  it('runs its phases in the order of the design', async () => {
    const remediation = await replaceOld(createWorld());
    expect(remediation.phases.map((phase) => phase.name)).toEqual([
      'confirm',
      'guard',
      'preflight',
      'capture',
      'evidence',
      'launch',
      'await-running',
      'register',
      'await-healthy',
      'deregister',
      'drain',
      'transfer-alarms',
      'quarantine',
      'verify',
      'finish',
    ]);
  });

  it('keeps the old one serving until the replacement is healthy', async () => {
    const world = createWorld();
    const remediation = await replaceOld(world);
    const times = Object.fromEntries(remediation.phases.map((phase) => [phase.name, phase]));
    expect(times['deregister']?.startedAt).toBe(times['await-healthy']?.endedAt);
    expect(remediation.phases.some((phase) => phase.name === 'fence')).toBe(false);
  });

  it('records the recovery seconds against the RTO (S0-19, S4-16)', async () => {
    const remediation = await replaceOld(createWorld());
    const { detectedAt, inServiceAt } = remediation.timing;
    expect(remediation.recoverySeconds).toBe(Math.round((Date.parse(inServiceAt ?? '') - Date.parse(detectedAt)) / 1000));
    expect(remediation.isRtoMet).toBe(true);
  });

  it('clones the instance alarm to the new id and takes the actions off the old one', async () => {
    const world = createWorld();
    const remediation = await replaceOld(world);
    const alarms = world.region.alarmNames();
    expect(alarms.find((alarm) => alarm.instanceId === remediation.newInstanceId)).toMatchObject({ alarmOf: 'shop-web-unhealthy', areActionsEnabled: true });
    expect(alarms.find((alarm) => alarm.name === 'shop-web-unhealthy')?.areActionsEnabled).toBe(false);
  });

  it('resolves the incident and tells people twice: replacing, then recovered (S0-22)', async () => {
    const world = createWorld();
    const remediation = await replaceOld(world);
    expect((await readIncident(world, remediation.incidentId)).state).toBe('resolved');
    const mails = world.sent.filter((message) => message.channels.includes('email'));
    expect(mails.map((message) => message.notificationId)).toEqual([`${remediation.id}:replacing`, `${remediation.id}:recovered`]);
    expect(world.sent.filter((message) => message.channels.includes('sms'))).toEqual([]);
  });

  it('arms the page before the execution starts', async () => {
    const world = createWorld();
    await verifyImage(world);
    const id = await startOld(world);
    expect(world.armed).toEqual([{ remediationId: id, at: '2026-11-21T09:10:00.000Z' }]);
    expect(world.started).toEqual([id]);
  });

  it('releases slot and caps, moves the slot to the new instance, and repairs its second failure like the first', async () => {
    const world = createWorld();
    const first = await replaceOld(world);
    const newId = first.newInstanceId ?? '';
    world.clock.advance(3600);
    world.region.setTargetUnhealthy(newId, true);
    const slot = (await readRecord(world.store, slotType, keys.slot(testScope, `shop-web/${OLD}`)))?.body;
    expect(slot).toMatchObject({ instanceId: newId, retiredInstanceIds: [OLD] });
    expect(slot?.remediationId).toBeUndefined();
    const again = await admitOld(world, newId);
    expect(again.kind).toBe('started');
    if (again.kind !== 'started') return;
    await play(world, again.remediation.id);
    const second = await readRemediation(world, again.remediation.id);
    expect(second).toMatchObject({ state: 'succeeded', oldInstanceId: newId, attempt: 2 });
    expect(stateOf(world, newId)).toBe('stopped');
  });
});

describe('a `single` system', () => {
  it('is fenced first: never two running instances of its slot', async () => {
    const world = createWorld('single');
    await verifyImage(world);
    const id = await startOld(world);
    let most = 0;
    await play(world, id, () => {
      most = Math.max(most, world.region.all().filter((instance) => instance.state === 'running' || instance.state === 'pending').length);
      return driverPorts(world);
    });
    expect((await readRemediation(world, id)).state).toBe('succeeded');
    expect(most).toBe(1);
  });

  it('starts the old one again, confirms that it runs, registers it and pages when the launch fails after the fence', async () => {
    const world = createWorld('single');
    await verifyImage(world);
    const id = await startOld(world);
    await play(world, id, () => {
      if (stateOf(world, OLD) === 'stopped') world.region.refuseLaunches('InsufficientInstanceCapacity');
      return driverPorts(world);
    });
    const remediation = await readRemediation(world, id);
    expect(remediation.failure).toMatchObject({ phase: 'launch', reason: 'InsufficientInstanceCapacity' });
    expect(remediation.phases.map((phase) => phase.name).slice(-6)).toEqual([
      'deregister-new',
      'quarantine-new',
      'start-old',
      'await-old-running',
      'register-old',
      'finish',
    ]);
    expect(stateOf(world, OLD)).toBe('running');
    expect(world.sent.at(-1)).toMatchObject({ channels: ['https', 'email', 'sms'] });
  });
});

describe('failures', () => {
  it('take a replacement that does not keep running out again, keep the old one, and page', async () => {
    const world = createWorld();
    await verifyImage(world);
    world.region.makeImageBad('ami-v2', 'Client.InternalError: the key may not be used');
    const id = await startOld(world);
    await play(world, id);
    const remediation = await readRemediation(world, id);
    expect(remediation).toMatchObject({ state: 'failed', failure: { phase: 'await-running' } });
    expect(remediation.reason).toContain('the key may not be used');
    expect(stateOf(world, OLD)).toBe('running');
    expect((await targetStates(world))[OLD]).toBe('unhealthy');
    expect(world.sent.some((message) => message.channels.includes('sms'))).toBe(true);
  });

  it('before the drain deregister and quarantine the new one; the old stays registered', async () => {
    const world = createWorld();
    await verifyImage(world);
    const id = await startOld(world);
    await play(world, id, () => {
      for (const instance of world.region.all()) if (instance.instanceId.startsWith('i-new')) world.region.setTargetUnhealthy(instance.instanceId, true);
      return driverPorts(world);
    });
    const remediation = await readRemediation(world, id);
    expect(remediation).toMatchObject({ state: 'failed', failure: { phase: 'await-healthy' } });
    const newId = remediation.newInstanceId ?? '';
    expect(stateOf(world, newId)).toBe('stopped');
    world.clock.advance(60);
    expect(await targetStates(world)).toEqual({ 'i-peer1': 'healthy', 'i-peer2': 'healthy', [OLD]: 'unhealthy' });
  });

  it('stand down and page when a launch would not work, before anything is touched', async () => {
    const world = createWorld();
    await verifyImage(world);
    world.region.refuseLaunches('You may not pass that role');
    const id = await startOld(world);
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({
      state: 'stood-down',
      failure: { phase: 'preflight', reason: 'launch rehearsal: You may not pass that role' },
    });
    expect(world.region.all()).toHaveLength(3);
    expect(world.sent.some((message) => message.channels.includes('sms'))).toBe(true);
  });

  it('do not replace what has recovered by itself, and wake nobody', async () => {
    const world = createWorld();
    await verifyImage(world);
    const id = await startOld(world);
    world.region.setTargetUnhealthy(OLD, false);
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({ state: 'vetoed', failure: { guardrail: 'pending duration' } });
    expect(world.sent.filter((message) => message.channels.includes('sms'))).toEqual([]);
  });
});

describe('the group, read again', () => {
  it('opens no repair when a peer of the first generation, which carries no slot tag, has become unhealthy too', async () => {
    const world = createWorld();
    await verifyImage(world);
    const id = await startOld(world);
    const at = world.clock.now();
    await updateRecord(world.store, groupType, keys.group(testScope, 'shop-web/web'), (group) =>
      group === undefined ? group : { ...group, unhealthy: [...group.unhealthy, { slotId: 'shop-web/i-peer1', at }] },
    );
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({
      state: 'vetoed',
      failure: { guardrail: 'circuit breaker', reason: 'The circuit breaker is open: 2 of 3 unhealthy, the limit is 1' },
    });
  });

  it('counts its own role only', async () => {
    const world = createWorld();
    await verifyImage(world);
    const id = await startOld(world);
    for (const peer of ['i-peer1', 'i-peer2']) world.region.setTag(peer, tagKeys.role, 'worker');
    await play(world, id);
    const breaker = (await readRemediation(world, id)).guardrails.find((guardrail) => guardrail.name === 'circuit breaker');
    expect(breaker?.reason).toBe('1 of 1 unhealthy, the limit is 1');
  });
});

describe('modes and switches', () => {
  it('dry-run records what it would have done and touches nothing', async () => {
    const world = createWorld('multiple', { mode: 'dry-run' });
    await verifyImage(world);
    const id = await startOld(world);
    await play(world, id);
    const remediation = await readRemediation(world, id);
    expect(remediation.state).toBe('would-have');
    expect(remediation.reason).toBe(`Would have replaced ${OLD} from ami-v2`);
    expect(world.region.all()).toHaveLength(3);
  });

  it('approve asks, and without a yes in time records, pages and touches nothing (S1-15)', async () => {
    const world = createWorld('multiple', { mode: 'approve' });
    await verifyImage(world);
    const id = await startOld(world);
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({ state: 'vetoed', failure: { guardrail: 'approval' } });
    expect(world.region.all()).toHaveLength(3);
    expect(world.sent.some((message) => message.channels.includes('sms'))).toBe(true);
  });

  it('a pause right after the launch withdraws the new one and keeps the old', async () => {
    const world = createWorld();
    await verifyImage(world);
    const id = await startOld(world);
    let hasPaused = false;
    await play(
      world,
      id,
      () => driverPorts(world),
      async () => {
        if (hasPaused || !world.region.all().some((instance) => instance.instanceId.startsWith('i-new'))) return;
        hasPaused = true;
        await pauseAll(world);
      },
    );
    const remediation = await readRemediation(world, id);
    expect(remediation).toMatchObject({ state: 'failed', failure: { reason: 'Paused (global) by ops: network work' } });
    expect(stateOf(world, remediation.newInstanceId ?? '')).toBe('stopped');
    expect(stateOf(world, OLD)).toBe('running');
    expect((await targetStates(world))[OLD]).toBe('unhealthy');
  });

  it('a pause vetoes new repairs, with its reason', async () => {
    const world = createWorld();
    await verifyImage(world);
    await pauseAll(world);
    expect(await admitOld(world)).toMatchObject({ kind: 'vetoed', guardrail: 'pause', reason: 'Paused (global) by ops: network work' });
  });

  it('an instance that is already gone is replaced from the capture the sweep kept', async () => {
    const world = createWorld();
    await verifyImage(world);
    const capture = await world.region.captures.capture(OLD, ['shop-web'], world.clock.now());
    if (capture === undefined) throw new Error('no capture');
    await createRecord(world.store, captureType, keys.capture(testScope, OLD), capture);
    const id = await startOld(world);
    await world.region.terminator.terminate(OLD);
    await play(world, id);
    const remediation = await readRemediation(world, id);
    expect(remediation.state).toBe('succeeded');
    expect((await targetStates(world))[remediation.newInstanceId ?? '']).toBe('healthy');
    expect(webTarget.port).toBe(80);
  });
});

describe('an execution', () => {
  it('never looks so often that its history could fill up', async () => {
    const world = createWorld('multiple', { healthyReadIntervalSeconds: 1, healthyDeadlineSeconds: 7200 });
    await verifyImage(world);
    const id = await startOld(world);
    let looks = 0;
    await play(world, id, () => {
      looks += 1;
      for (const instance of world.region.all()) if (instance.instanceId.startsWith('i-new')) world.region.setTargetUnhealthy(instance.instanceId, true);
      return driverPorts(world);
    });
    expect(await readRemediation(world, id)).toMatchObject({ state: 'failed', failure: { phase: 'await-healthy' } });
    expect(looks).toBeLessThan(300);
  });
});

describe('evidence', () => {
  it.each([
    { evidenceRequired: true, state: 'stood-down', old: 'running' },
    { evidenceRequired: false, state: 'succeeded', old: 'stopped' },
  ])('that cannot be had keeps the old instance untouched only where the policy requires it: %o (S4-33)', async ({ evidenceRequired, state, old }) => {
    const world = createWorld('multiple', { evidenceRequired });
    await verifyImage(world);
    const id = await startOld(world);
    const noConsole = { collect: async (_instanceId: string, collectedAt: string) => ({ collectedAt, absent: ['console output'] }) };
    await play(world, id, () => driverPorts(world, (name, port) => (name === 'evidence' ? Object.assign(port, noConsole) : port)));
    expect((await readRemediation(world, id)).state).toBe(state);
    expect(stateOf(world, OLD)).toBe(old);
    // Stopped before harm: nothing was launched either.
    expect(world.region.all().some(({ instanceId }) => instanceId === 'i-new0001')).toBe(!evidenceRequired);
  });

  it('of the host itself is kept before the launch, and asked for once (S4-33)', async () => {
    const world = createWorld();
    world.region.commands.bringOnline(OLD, () => '=== perennial:free\nMem: 1');
    const remediation = await replaceOld(world);
    const [kept] = await readEvidence(world.store, testScope, remediation.incidentId);
    expect(kept?.items.map(({ name }) => name)).toEqual(['console output', 'free']);
    expect(kept?.collectedAt).toSatisfy((at: string) => at <= (remediation.timing.launchedAt ?? ''));
    expect(world.region.commands.runs().map(({ instanceId }) => instanceId)).toEqual([OLD]);
  });
});

async function verifyBoth(world: World): Promise<void> {
  await verifyImage(world);
  const verifiedGroups = [{ groupId: 'shop-web/web', at: world.clock.now(), instanceId: OLD }];
  await createRecord(world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v1'), {
    role: 'web',
    imageId: 'ami-v1',
    firstApprovedAt: world.clock.now(),
    isApproved: false,
    isRevoked: false,
    verifiedGroups,
  });
}

async function repairAgain(world: World, instanceId: string): Promise<string | undefined> {
  world.clock.advance(3600);
  world.region.setTargetUnhealthy(instanceId, true);
  const again = await admitOld(world, instanceId);
  if (again.kind !== 'started') throw new Error(again.reason);
  await play(world, again.remediation.id);
  return (await readRemediation(world, again.remediation.id)).imageId;
}

describe('the image of a second attempt', () => {
  it('is the last known good one after a failure', async () => {
    const world = createWorld();
    await verifyBoth(world);
    world.region.makeImageBad('ami-v2', 'it does not boot');
    await play(world, await startOld(world));
    expect(await repairAgain(world, OLD)).toBe('ami-v1');
  });

  it('is the newest one again after a success: a repair that worked is no reason to distrust its image', async () => {
    const world = createWorld();
    await verifyBoth(world);
    const first = await startOld(world);
    await play(world, first);
    expect(await repairAgain(world, (await readRemediation(world, first)).newInstanceId ?? '')).toBe('ami-v2');
  });
});

describe('replacements that stay unhealthy', () => {
  it('suspend the group after the third within a day, also for its other slots', async () => {
    const world = createWorld('multiple', { caps: { maxAttemptsPerDay: 20 } });
    await verifyImage(world);
    world.region.makeImageBad('ami-v2', 'it does not boot');
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await play(world, await startOld(world));
      world.clock.advance(3600);
    }
    expect(await admitOld(world)).toMatchObject({
      kind: 'vetoed',
      guardrail: 'retry cap',
      reason: 'The group is suspended: 3 replacements in 24 h did not stay healthy; a person must resume it',
    });
    world.clock.advance(86_400);
    expect((await admitOld(world)).kind).toBe('started');
  });
});
