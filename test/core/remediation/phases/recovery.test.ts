import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../../core/environment/errors.ts';
import {
  awaitNativeRecovery,
  awaitRecovered,
  awaitSwap,
  keepRoot,
  reboot,
  registeredTargets,
  restartProcess,
  swapRoot,
  verifyServing,
} from '../../../../core/remediation/phases/recovery.ts';
import type { AlarmFacts, InstanceFacts, InstanceStatus, TargetHealth } from '../../../../core/remediation/ports.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { CommandOutcome, RootSwapState } from '../../../../core/remediation/surroundings/recovery-ports.ts';
import { NOW } from '../builders.ts';
import { observePorts, OLD } from '../world.ts';
import { answered, type Answers, checks, done, failed, NEW, openStage, reads, refusing, type Stage, target, throttled, wait } from './stage.ts';

describe('native recovery', () => {
  const impaired: Partial<InstanceStatus> = { system: 'impaired', impairedSince: NOW };
  const until = '2026-11-21T09:10:00.000Z';
  const waiting = (seen: string, seconds = 10, to = until) => ({
    kind: 'wait',
    seconds,
    reason: `EC2 may recover it until ${to}; ${seen}`,
    memory: { until: to },
  });

  it('is waited for until both checks pass', async () => {
    const stage = await openStage();
    const { world } = stage;
    expect(await stage.run(awaitNativeRecovery, checks(world, impaired))).toEqual(waiting('status checks: system impaired, instance ok'));
    expect(await stage.run(awaitNativeRecovery, checks(world, { instance: 'initializing', impairedSince: NOW }))).toEqual(
      waiting('status checks: system ok, instance initializing'),
    );
    expect(await stage.run(awaitNativeRecovery, checks(world, {}))).toEqual(done('EC2 has recovered i-old: both status checks pass again'));
  });

  it('has the time that the policy gives it since the check began to fail, and the last look comes when it is over', async () => {
    const stage = await openStage({ spec: { nativeRecoverySeconds: 60, statusPollSeconds: 20 } });
    const look = () => stage.run(awaitNativeRecovery, checks(stage.world, impaired));
    stage.world.clock.advance(55);
    const end = '2026-11-21T09:01:00.000Z';
    expect(await look()).toEqual(waiting('status checks: system impaired, instance ok', 5, end));
    stage.world.clock.advance(5);
    expect(await look()).toEqual(failed(`EC2 has not recovered it by ${end}; status checks: system impaired, instance ok`));
  });

  it('counts from now where EC2 reports no status, and keeps the moment while the checks begin anew', async () => {
    const stage = await openStage();
    expect(await stage.run(awaitNativeRecovery, checks(stage.world, undefined))).toEqual(waiting('EC2 reports no status'));
    const later = await openStage({ record: { memory: { until } } });
    later.world.clock.advance(120);
    expect(await later.run(awaitNativeRecovery, checks(later.world, undefined))).toEqual(waiting('EC2 reports no status'));
  });

  it.for<[seen: string, answer: Partial<InstanceFacts> | undefined]>([
    ['gone', undefined],
    ['terminated', { state: 'terminated' }],
  ])('fails at once for one that is %s', async ([seen, answer]) => {
    const stage = await openStage();
    expect(await stage.run(awaitNativeRecovery, checks(stage.world, {}, answer))).toEqual(failed(`i-old is ${seen}`));
  });
});

const endedAs = (outcome: CommandOutcome | undefined) => ({
  processRestarter: { restart: async () => ({ commandId: 'command-9' }), outcome: async () => outcome },
});

describe('the restart of the service', () => {
  const spec = { restartProcess: { service: 'web' } };

  it('sends the command once and waits for its end', async () => {
    const stage = await openStage({ spec });
    expect(await stage.run(restartProcess)).toEqual(wait('Command command-1 restarts web on i-old: under way', 10));
    stage.world.clock.advance(5);
    expect(await stage.run(restartProcess)).toEqual(done('Command command-1 restarts web on i-old: Success'));
    expect(stage.made).toStrictEqual([
      ['processRestarter.restart', { remediationId: 'rem-1', instanceId: OLD, service: 'web' }],
      ['processRestarter.outcome', 'command-1', OLD],
      ['processRestarter.outcome', 'command-1', OLD],
    ]);
    expect(await stage.results()).toEqual({ 'restart-process': { commandId: 'command-1' } });
  });

  it('uses the document of the policy', async () => {
    const stage = await openStage({ spec: { restartProcess: { service: 'web', document: 'shop-restart' } } });
    await stage.run(restartProcess);
    expect(stage.made[0]).toEqual(['processRestarter.restart', { remediationId: 'rem-1', instanceId: OLD, service: 'web', document: 'shop-restart' }]);
  });

  it.for<[what: string, outcome: CommandOutcome | undefined, result: object]>([
    ['is not listed yet', undefined, wait('Command command-9 restarts web on i-old: under way')],
    ['runs', { state: 'running', detail: 'InProgress' }, wait('Command command-9 restarts web on i-old: under way')],
    ['fails', { state: 'failed', detail: 'Failed: no unit web' }, failed('Command command-9 restarts web on i-old: failed: Failed: no unit web')],
    ['succeeds', { state: 'succeeded', detail: 'Success' }, done('Command command-9 restarts web on i-old: Success')],
  ])('of which the command %s', async ([, outcome, result]) => {
    const stage = await openStage({ spec: { ...spec, statusPollSeconds: 3 } });
    expect(await stage.run(restartProcess, endedAs(outcome))).toEqual(result);
  });

  it('fails where the policy declares none any more, and where no command id is known', async () => {
    const undeclared = await openStage();
    expect(await undeclared.run(restartProcess)).toEqual(failed('The policy does not declare restartProcess any more'));
    const unnamed = await openStage({ record: { calls: answered({ 'restart-process': {} }) }, spec });
    expect(await unnamed.run(restartProcess)).toEqual(failed('Systems Manager gave no command id'));
    expect([...undeclared.made, ...unnamed.made]).toEqual([]);
  });
});

it('reboots once', async () => {
  const stage = await openStage();
  expect(await stage.run(reboot)).toEqual(done('Asked EC2 to reboot i-old'));
  expect(await stage.run(reboot)).toEqual(done('Asked EC2 to reboot i-old'));
  expect(stage.made).toEqual([['rebooter.reboot', OLD]]);
  expect(await stage.results()).toEqual({ reboot: {} });
});

describe('the swap of the root volume', () => {
  it('notes the old root before it asks for a new one', async () => {
    const stage = await openStage({ record: { imageId: 'ami-v2', attempt: 2 } });
    stage.world.clock.advance(30);
    expect(await stage.run(swapRoot)).toEqual({
      kind: 'done',
      reason: 'replacevol-0001 replaces the root of i-old from ami-v2',
      patch: { timing: { detectedAt: NOW, decidedAt: NOW, launchedAt: '2026-11-21T09:00:30.000Z' } },
    });
    expect(stage.made).toEqual([
      ['rootSwapper.rootVolumeOf', OLD],
      ['rootSwapper.swap', { remediationId: 'rem-1', attempt: 2, instanceId: OLD, imageId: 'ami-v2' }],
    ]);
    expect(await stage.results()).toEqual({ 'old-root': { volumeId: 'vol-root0-of-i-old' }, 'swap-root': { taskId: 'replacevol-0001' } });
  });

  it('goes on where EC2 names no root', async () => {
    const stage = await openStage({ record: { imageId: 'ami-v2' } });
    const result = await stage.run(swapRoot, { rootSwapper: { rootVolumeOf: async () => undefined } });
    expect(result.kind).toBe('done');
    expect(await stage.results()).toEqual({ 'old-root': {}, 'swap-root': { taskId: 'replacevol-0001' } });
  });

  it('fails without an image, and without a task', async () => {
    const stage = await openStage();
    expect(await stage.run(swapRoot)).toEqual(failed('No image was chosen'));
    const taskless = await openStage({ record: { imageId: 'ami-v2', calls: answered({ 'old-root': {}, 'swap-root': {} }) } });
    expect(await taskless.run(swapRoot)).toEqual(failed('EC2 gave no id of the task'));
    expect([...stage.made, ...taskless.made]).toEqual([]);
  });
});

const endOf = (state: RootSwapState | undefined): Answers => ({
  recovery: { rootSwap: async (taskId) => (state === undefined ? undefined : { taskId, instanceId: OLD, state }) },
});

const swapWaits = (seen: string) => wait(`replacevol-7 is ${seen}`, 4);

const swapFails = (why: string) => failed(`replacevol-7: ${why}`);

describe('the end of the swap', () => {
  const begun: Partial<Remediation> = { imageId: 'ami-v2', differences: ['its private address'], calls: answered({ 'swap-root': { taskId: 'replacevol-7' } }) };
  const lost = 'its root volume: a new one from ami-v2, the old one is kept detached; user data may not have run again';

  it.for<[state: RootSwapState | undefined, result: object]>([
    [undefined, swapWaits('not listed yet')],
    ['pending', swapWaits('pending')],
    ['in-progress', swapWaits('in-progress')],
    ['failing', swapWaits('failing')],
    ['failed', swapFails('it failed, and the old root is still attached')],
    ['failed-detached', swapFails('it failed with no root attached: the instance cannot start any more and must be replaced as a whole')],
    ['succeeded', { kind: 'done', reason: 'replacevol-7: its root is new', patch: { differences: ['its private address', lost] } }],
  ])('is read from the state of the task: %s', async ([state, result]) => {
    const stage = await openStage({ record: begun, spec: { statusPollSeconds: 4 } });
    expect(await stage.run(awaitSwap, endOf(state))).toEqual(result);
  });

  it('says once what is lost, also where the image is not known', async () => {
    const twice = await openStage({ record: { ...begun, differences: [lost, 'its private address'] } });
    expect(await twice.run(awaitSwap, endOf('succeeded'))).toMatchObject({ patch: { differences: ['its private address', lost] } });
    const imageless = await openStage({ record: { ...begun, imageId: undefined, differences: [] } });
    expect(await imageless.run(awaitSwap, endOf('succeeded'))).toMatchObject({ patch: { differences: [lost.replace('ami-v2', 'the image')] } });
  });

  it('is no end where none was begun', async () => {
    const stage = await openStage();
    expect(await stage.run(awaitSwap)).toEqual(failed('No task that replaces the root was begun'));
    const taskless = await openStage({ record: { calls: answered({ 'swap-root': {} }) } });
    expect(await taskless.run(awaitSwap)).toEqual(failed('No task that replaces the root was begun'));
  });
});

describe('the root that was replaced', () => {
  const known: Partial<Remediation> = { calls: answered({ 'old-root': { volumeId: 'vol-1' } }), differences: ['its private address'] };

  it('is tagged with the remediation and the end of its quarantine', async () => {
    const stage = await openStage({ record: known, spec: { quarantineHours: 3 } });
    stage.world.region.leftBehind.addVolume({ volumeId: 'vol-1', createdAt: NOW, tags: {} });
    expect(await stage.run(keepRoot)).toEqual(done('vol-1 is kept as evidence for 3 h'));
    expect(stage.made).toEqual([['rootSwapper.keep', 'vol-1', { 'perennial:remediation': 'rem-1', 'perennial:quarantine-until': '2026-11-21T12:00:00.000Z' }]]);
    expect(await stage.results()).toEqual({ 'old-root': { volumeId: 'vol-1' }, 'keep-root:vol-1': {} });
  });

  it('is told to people where it cannot be tagged, once, and the repair goes on', async () => {
    const note = 'the root volume vol-1 is kept without a tag (You are not authorized.): delete it by hand once nobody needs it';
    for (const differences of [['its private address'], [note, 'its private address']]) {
      const stage = await openStage({ record: { ...known, differences } });
      expect(await stage.run(keepRoot, { rootSwapper: { keep: refusing(new PermanentError('You are not authorized.')) } })).toEqual({
        kind: 'done',
        reason: note,
        patch: { differences: ['its private address', note] },
      });
    }
  });

  it('is tried again while EC2 is throttled', async () => {
    const stage = await openStage({ record: known });
    await expect(stage.run(keepRoot, { rootSwapper: { keep: throttled } })).rejects.toThrow('RequestLimitExceeded');
  });

  it('is told to people where nobody knows which one it was', async () => {
    const note = 'the root volume that was replaced is kept without a tag (its id is not known): delete it by hand once nobody needs it';
    for (const calls of [{}, answered({ 'old-root': {} })]) {
      const stage = await openStage({ record: { calls } });
      expect(await stage.run(keepRoot)).toEqual({ kind: 'done', reason: note, patch: { differences: [note] } });
      expect(stage.made).toEqual([]);
    }
  });
});

describe('the recovery of the same instance', () => {
  const healthy = [target('healthy')];

  async function seen(
    { world, run }: Stage,
    found: {
      readonly state?: InstanceFacts['state'] | 'gone';
      readonly status?: Partial<InstanceStatus> | 'none';
      readonly targets?: readonly TargetHealth[];
      readonly alarms?: readonly AlarmFacts['state'][];
    } = {},
  ) {
    const { state = 'running', status = {}, targets = healthy, alarms = ['OK'] } = found;
    const alarm = world.region.findAlarm('shop-web-unhealthy');
    if (alarm === undefined) throw new Error('no alarm');
    return run(awaitRecovered, {
      ...checks(world, status === 'none' ? undefined : status, state === 'gone' ? undefined : { state }),
      targets: { registered: async (names) => (names.join() === 'shop-web' ? targets : []) },
      alarms: { read: async (names) => (names.join() === alarm.name ? alarms.map((is) => ({ ...alarm, state: is })) : []) },
    });
  }

  it('takes several good reads in a row, and the recovery time ends with the last (S0-19)', async () => {
    const stage = await openStage({ spec: { healthyReadIntervalSeconds: 6 } });
    expect(await seen(stage)).toEqual({ kind: 'wait', seconds: 6, reason: '1 of 3 good reads', memory: { healthyReads: 1 } });
    const again = await openStage({ record: { memory: { healthyReads: 1 } } });
    expect(await seen(again)).toEqual({ kind: 'wait', seconds: 10, reason: '2 of 3 good reads', memory: { healthyReads: 2 } });
    const last = await openStage({ record: { memory: { healthyReads: 2 } } });
    last.world.clock.advance(90.4);
    expect(await seen(last)).toEqual({
      kind: 'done',
      reason: 'i-old serves again, seen 3 times in a row: shop-web:80 healthy',
      patch: { timing: { detectedAt: NOW, decidedAt: NOW, inServiceAt: '2026-11-21T09:01:30.400Z' }, recoverySeconds: 90, isRtoMet: true },
    });
  });

  it('counts an alarm that is OK again', async () => {
    const stage = await openStage({ trigger: { alarmName: 'shop-web-unhealthy' } });
    expect(await seen(stage)).toEqual({ kind: 'wait', seconds: 10, reason: '1 of 3 good reads', memory: { healthyReads: 1 } });
  });

  it('goes by the checks where it is in no target group and was not found by one', async () => {
    const stage = await openStage({ record: { memory: { healthyReads: 2 } }, trigger: { kind: 'instance.status-check' } });
    expect(await seen(stage, { targets: [] })).toMatchObject(done('i-old serves again, seen 3 times in a row: both status checks pass'));
  });

  it.for<[trouble: string, found: Parameters<typeof seen>[1]]>([
    ['i-old is gone', { state: 'gone' }],
    ['i-old is stopped', { state: 'stopped', status: 'none' }],
    ['EC2 reports no status', { status: 'none' }],
    ['status checks: system impaired, instance ok', { status: { system: 'impaired' }, targets: [target('unhealthy')] }],
    ['status checks: system ok, instance impaired', { status: { instance: 'impaired' } }],
    ['shop-web:80 unhealthy (Target.Timeout)', { targets: [target('unhealthy', { reason: 'Target.Timeout' })], alarms: ['ALARM'] }],
    ['shop-web:80 healthy, shop-web:81 draining', { targets: [target('healthy'), target('draining', { port: 81 })] }],
    ['it is in no target group any more', { targets: [target('healthy', { instanceId: 'i-peer1' })] }],
    ['the alarm shop-web-unhealthy is ALARM', { alarms: ['ALARM'] }],
    ['the alarm shop-web-unhealthy is INSUFFICIENT_DATA', { alarms: ['INSUFFICIENT_DATA'] }],
    ['the alarm shop-web-unhealthy is gone', { alarms: [] }],
  ])('begins its count anew: %s', async ([trouble, found]) => {
    const stage = await openStage({ record: { memory: { healthyReads: 2 } }, trigger: { alarmName: 'shop-web-unhealthy' } });
    expect(await seen(stage, found)).toEqual({ kind: 'wait', seconds: 10, reason: `0 of 3 good reads: ${trouble}`, memory: { healthyReads: 0 } });
  });

  it('asks no alarm where none has triggered', async () => {
    const stage = await openStage();
    expect(await seen(stage, { alarms: ['ALARM'] })).toMatchObject({ reason: '1 of 3 good reads' });
  });
});

describe('the verification of whoever holds the slot', () => {
  it('looks at the replacement where there is one, else at the same instance', async () => {
    for (const [newInstanceId, instanceId] of [
      [NEW, NEW],
      [undefined, OLD],
    ] as const) {
      const stage = await openStage({ record: { newInstanceId, memory: { badReads: 1 } } });
      const registered = async () => [target('healthy'), target('unhealthy', { instanceId })];
      expect(await stage.run(verifyServing, { ...reads(stage.world, {}), targets: { registered } })).toEqual(
        failed(`${instanceId} stopped serving during verification: ${instanceId === OLD ? 'shop-web:80 healthy, ' : ''}shop-web:80 unhealthy`),
      );
    }
  });

  it('waits while it serves', async () => {
    const stage = await openStage();
    stage.world.region.setTargetUnhealthy(OLD, false);
    expect(await stage.run(verifyServing)).toEqual({ kind: 'wait', seconds: 10, reason: 'Verifying, 600 s left', memory: { badReads: 0 } });
  });

  it.for<[reason: string, answer: Partial<InstanceFacts> | undefined]>([
    ['i-old is gone during verification: no reason given', undefined],
    ['i-old is stopped during verification: no reason given', { state: 'stopped' }],
    ['i-old is terminated during verification: Client.VolumeInUse', { state: 'terminated', stateReason: 'Client.VolumeInUse' }],
  ])('fails at once: %s', async ([reason, answer]) => {
    const stage = await openStage();
    expect(await stage.run(verifyServing, reads(stage.world, answer))).toEqual(failed(reason));
  });
});

it('knows the targets of one instance among those of the groups', async () => {
  const { world } = await openStage();
  expect(await registeredTargets(observePorts(world), ['shop-web'], OLD)).toEqual([target('unhealthy')]);
  expect(await registeredTargets(observePorts(world), ['other'], OLD)).toEqual([]);
});
