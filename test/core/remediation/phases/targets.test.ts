import { describe, expect, it } from 'vitest';
import {
  awaitHealthy,
  deregister,
  deregisterNew,
  describeTargets,
  drain,
  register,
  registerOld,
  restoreOld,
  verify,
} from '../../../../core/remediation/phases/targets.ts';
import type { InstanceFacts, InstanceStatus, TargetHealth } from '../../../../core/remediation/ports.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { NOW } from '../builders.ts';
import { OLD, webTarget } from '../world.ts';
import { type Answers, answered, checks, done, failed, NEW, openStage, reads, type Stage, type StageSeed, storeCapture, target, wait } from './stage.ts';

const admin = { targetGroupArn: 'arn:tg/admin', targetGroupName: 'admin', port: 8443 };
const both = [webTarget, admin];
const timing = { detectedAt: NOW, decidedAt: NOW };

/** A repair with a replacement, whose capture knows these targets. */
async function withTargets(targets: readonly (typeof webTarget)[], changes: Partial<Remediation> = {}, options: StageSeed = {}): Promise<Stage> {
  const stage = await openStage({ record: { newInstanceId: NEW, ...changes }, ...options });
  await storeCapture(stage.world, { targets: [...targets] });
  return stage;
}

/** Elastic Load Balancing says this of these targets of this instance, and nothing of others. */
const healthOf = (wanted: string, states: readonly Pick<TargetHealth, 'state' | 'reason'>[]): Answers => ({
  targets: {
    health: async (instanceId, targets) =>
      instanceId === wanted ? targets.flatMap((asked, index) => (states[index] === undefined ? [] : [{ ...asked, instanceId, ...states[index] }])) : [],
  },
});

it('describes targets by group, port, state and reason', () => {
  expect(describeTargets([target('unhealthy', { reason: 'Target.Timeout' }), target('draining', { ...admin })])).toBe(
    'shop-web:80 unhealthy (Target.Timeout), admin:8443 draining',
  );
});

describe('what is taken into the target groups and out of them', () => {
  const launched: Partial<Remediation> = { newInstanceId: NEW };
  it.for<[what: string, phase: typeof register, call: string, port: string, instanceId: string, reason: string]>([
    ['the replacement', register, 'register-new', 'registrar.register', NEW, `Registered ${NEW} with shop-web:80, admin:8443`],
    ['the old instance, out', deregister, 'deregister-old', 'registrar.deregister', OLD, 'Deregistered i-old'],
    ['the replacement, out again', deregisterNew, 'deregister-new', 'registrar.deregister', NEW, `Deregistered ${NEW}`],
    ['the old instance again', registerOld, 'register-old', 'registrar.register', OLD, 'Registered i-old with shop-web:80, admin:8443'],
    ['the old instance after the drain', restoreOld, 'restore-old', 'registrar.register', OLD, 'Registered i-old with shop-web:80, admin:8443'],
  ])('%s', async ([, phase, call, port, instanceId, reason]) => {
    const stage = await withTargets(both, launched);
    expect(await stage.run(phase)).toEqual(done(reason));
    expect(await stage.run(phase)).toEqual(done(reason));
    expect(stage.made).toEqual([[port, instanceId, both]]);
    expect(await stage.results()).toEqual({ [call]: {} });
  });

  it.for([
    ['register', register],
    ['deregister', deregister],
    ['drain', drain],
    ['deregister-new', deregisterNew],
    ['register-old', registerOld],
    ['restore-old', restoreOld],
  ] as const)('is nothing where the instance was in no target group: %s', async ([, phase]) => {
    const stage = await withTargets([]);
    expect(await stage.run(phase)).toEqual(done('The instance was in no target group'));
    expect(stage.made).toEqual([]);
  });

  it.for([
    ['register', register, failed('No replacement was launched')],
    ['await-healthy', awaitHealthy, failed('No replacement was launched')],
    ['verify', verify, failed('No replacement was launched')],
    ['deregister-new', deregisterNew, done('No replacement is known that could be registered')],
  ] as const)('is not known where nothing was launched: %s', async ([, phase, result]) => {
    const stage = await withTargets(both, { newInstanceId: undefined });
    expect(await stage.run(phase)).toEqual(result);
    expect(stage.made).toEqual([]);
  });
});

const seeHealthy = (stage: Stage, ...states: readonly Pick<TargetHealth, 'state' | 'reason'>[]) => stage.run(awaitHealthy, healthOf(NEW, states));

describe('the wait for health', () => {
  const healthy = { state: 'healthy' } as const;

  it('takes several good reads in a row, and the recovery time ends with the last (S0-19)', async () => {
    const first = await withTargets(both, {}, { spec: { healthyReadIntervalSeconds: 6 } });
    const seen = 'shop-web:80 healthy, admin:8443 healthy';
    expect(await seeHealthy(first, healthy, healthy)).toEqual({
      kind: 'wait',
      seconds: 6,
      reason: `1 of 3 healthy reads: ${seen}`,
      memory: { healthyReads: 1 },
    });
    const last = await withTargets(both, { memory: { healthyReads: 2 } });
    last.world.clock.advance(600);
    expect(await seeHealthy(last, healthy, healthy)).toEqual({
      kind: 'done',
      reason: `Healthy 3 times in a row: ${seen}`,
      patch: { timing: { ...timing, inServiceAt: '2026-11-21T09:10:00.000Z' }, recoverySeconds: 600, isRtoMet: true },
    });
  });

  it.for<[what: string, states: readonly Pick<TargetHealth, 'state' | 'reason'>[], seen: string]>([
    ['one target is not healthy', [healthy, { state: 'initial' }], 'shop-web:80 healthy, admin:8443 initial'],
    ['one target is not answered for', [healthy], 'shop-web:80 healthy'],
    ['nothing is said', [], ''],
  ])('counts anew when %s', async ([, states, seen]) => {
    const stage = await withTargets(both, { memory: { healthyReads: 2 } });
    expect(await seeHealthy(stage, ...states)).toEqual({ kind: 'wait', seconds: 10, reason: `0 of 3 healthy reads: ${seen}`, memory: { healthyReads: 0 } });
  });

  it('is over at once where there was no target group, and says when the objective was missed', async () => {
    const stage = await withTargets([]);
    stage.world.clock.advance(600.6);
    expect(await seeHealthy(stage)).toEqual({
      kind: 'done',
      reason: 'It was in no target group; running is in service',
      patch: { timing: { ...timing, inServiceAt: '2026-11-21T09:10:00.600Z' }, recoverySeconds: 601, isRtoMet: false },
    });
  });
});

const seeDraining = (stage: Stage, ...states: readonly TargetHealth['state'][]) =>
  stage.run(
    drain,
    healthOf(
      OLD,
      states.map((state) => ({ state })),
    ),
  );

describe('the drain', () => {
  it.for<[states: readonly TargetHealth['state'][], isOut: boolean]>([
    [['unregistered', 'unregistered'], true],
    [['unused', 'unregistered'], true],
    [['unregistered', 'draining'], false],
    [['healthy', 'unregistered'], false],
  ])('ends early only when no target group sends traffic any more: %o', async ([states, isOut]) => {
    const stage = await withTargets(both);
    expect(await seeDraining(stage, ...states)).toEqual(
      isOut ? done('No target group sends it traffic any more') : wait(`shop-web:80 ${states[0]}, admin:8443 ${states[1]}`, 30),
    );
  });

  it('looks every half minute, and the last time when the drain time is over', async () => {
    const stage = await withTargets([webTarget], {}, { spec: { drainSeconds: 45 } });
    expect(await seeDraining(stage, 'draining')).toEqual(wait('shop-web:80 draining', 30));
    stage.world.clock.advance(30);
    expect(await seeDraining(stage, 'draining')).toEqual(wait('shop-web:80 draining', 15));
    stage.world.clock.advance(14.5);
    expect(await seeDraining(stage, 'draining')).toEqual(wait('shop-web:80 draining', 1));
    stage.world.clock.advance(0.5);
    expect(await seeDraining(stage, 'draining')).toEqual(done('The drain time of 45 s is over: shop-web:80 draining'));
  });
});

const seeVerifying = (stage: Stage, ...states: readonly Pick<TargetHealth, 'state' | 'reason'>[]) =>
  stage.run(verify, { ...reads(stage.world, { state: 'running' }), ...healthOf(NEW, states) });

const verifying = (left: number, badReads: number, seconds: number) => ({
  kind: 'wait',
  seconds,
  reason: `Verifying, ${left} s left`,
  memory: { badReads },
});

describe('the verification', () => {
  const spec = { verifiedAfterSeconds: 120, healthyReadIntervalSeconds: 20 };
  const healthy = { state: 'healthy' } as const;
  const bad = { state: 'unhealthy', reason: 'Target.Timeout' } as const;

  it.for<[afterSeconds: number, result: object]>([
    [0, verifying(120, 0, 20)],
    [100.5, verifying(20, 0, 20)],
    [115, verifying(5, 0, 5)],
    [119.5, verifying(1, 0, 1)],
    [120, { kind: 'done', reason: 'It has served for 120 s', patch: { timing: { ...timing, verifiedAt: '2026-11-21T09:02:00.000Z' } } }],
    [150, { kind: 'done', reason: 'It has served for 120 s', patch: { timing: { ...timing, verifiedAt: '2026-11-21T09:02:30.000Z' } } }],
  ])('takes as long as the policy says: after %s s', async ([afterSeconds, result]) => {
    const stage = await withTargets([webTarget], { memory: { badReads: 1 } }, { spec });
    stage.world.clock.advance(afterSeconds);
    expect(await seeVerifying(stage, healthy)).toEqual(result);
  });

  it('does not count the time that it was frozen: nobody looked', async () => {
    const stage = await withTargets([webTarget], { frozenSeconds: 3600 }, { spec });
    stage.world.clock.advance(3600 + 20);
    expect(await seeVerifying(stage, healthy)).toEqual(verifying(100, 0, 20));
  });

  it('forgives one bad read, also at the end, and fails at the second in a row', async () => {
    const stage = await withTargets(both, {}, { spec });
    expect(await seeVerifying(stage, healthy, bad)).toEqual(verifying(120, 1, 20));
    const late = await withTargets(both, {}, { spec });
    late.world.clock.advance(200);
    expect(await seeVerifying(late, bad, healthy)).toEqual(verifying(0, 1, 1));
    const again = await withTargets(both, { memory: { badReads: 1 } }, { spec });
    expect(await seeVerifying(again, healthy, bad)).toEqual(
      failed(`${NEW} stopped serving during verification: shop-web:80 healthy, admin:8443 unhealthy (Target.Timeout)`),
    );
  });

  it('asks no target where there was none', async () => {
    const stage = await withTargets([], { memory: { badReads: 1 } }, { spec });
    expect(
      await stage.run(verify, {
        ...reads(stage.world, { state: 'running' }),
        targets: { health: async () => [target('unhealthy')] },
      }),
    ).toEqual(verifying(120, 0, 20));
  });

  describe('of an instance that nobody sends traffic to', () => {
    const cloned = { trigger: { alarmName: 'shop-db-unhealthy' }, spec };
    const calls = answered({
      'clone-alarm:shop-db-unhealthy': { alarmName: 'shop-db-unhealthy--new' },
      'clone-alarm:shop-db-disk': { alarmName: 'shop-db-disk--new' },
    });

    it.for<[state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA', badReads: number]>([
      ['ALARM', 1],
      ['OK', 0],
      ['INSUFFICIENT_DATA', 0],
    ])('asks the clone of the alarm that began it: %s', async ([state, badReads]) => {
      const stage = await withTargets([], { calls }, cloned);
      stage.world.region.addAlarm({ name: 'shop-db-unhealthy--new', state, instanceId: NEW });
      stage.world.region.addAlarm({ name: 'shop-db-disk--new', state: 'ALARM', instanceId: NEW });
      expect(await stage.run(verify, reads(stage.world, { state: 'running' }))).toEqual(verifying(120, badReads, 20));
    });

    it('fails when that alarm rings for the replacement twice in a row', async () => {
      const stage = await withTargets([], { calls, memory: { badReads: 1 } }, cloned);
      stage.world.region.addAlarm({ name: 'shop-db-unhealthy--new', state: 'ALARM', instanceId: NEW });
      expect(await stage.run(verify, reads(stage.world, { state: 'running' }))).toEqual(
        failed(`${NEW} stopped serving during verification: the alarm shop-db-unhealthy--new rings for it`),
      );
    });

    it('knows of no alarm where none was cloned', async () => {
      const stage = await withTargets([], {}, cloned);
      expect(await stage.run(verify, reads(stage.world, { state: 'running' }))).toEqual(verifying(120, 0, 20));
      expect(stage.heard('alarms')).toEqual([]);
    });
  });

  it('asks no alarm where targets tell whether it serves', async () => {
    const calls = answered({ 'clone-alarm:shop-web-unhealthy': { alarmName: 'shop-web-unhealthy--new' } });
    const stage = await withTargets([webTarget], { calls }, { trigger: { alarmName: 'shop-web-unhealthy' }, spec });
    stage.world.region.addAlarm({ name: 'shop-web-unhealthy--new', state: 'ALARM', instanceId: NEW });
    expect(await seeVerifying(stage, healthy)).toEqual(verifying(120, 0, 20));
    expect(stage.heard('alarms')).toEqual([]);
  });

  it.for<[reason: string, answer: Partial<InstanceFacts> | undefined]>([
    [`${NEW} is gone during verification: no reason given`, undefined],
    [`${NEW} is stopping during verification: no reason given`, { state: 'stopping' }],
    [`${NEW} is terminated during verification: Client.VolumeInUse`, { state: 'terminated', stateReason: 'Client.VolumeInUse' }],
  ])('fails at once: %s', async ([reason, answer]) => {
    const stage = await withTargets([webTarget]);
    expect(await stage.run(verify, reads(stage.world, answer))).toEqual(failed(reason));
  });
});

const leftToPerson = (seen: string) => done(`The old instance i-old is ${seen} and cannot serve; a person must decide`);

describe('the return of the old instance', () => {
  it.for<[answer: Partial<InstanceFacts> | undefined, result: object]>([
    [{ state: 'pending' }, wait('i-old is pending', 4)],
    [{ state: 'stopped' }, failed('i-old is stopped and cannot be registered')],
    [undefined, failed('i-old is gone and cannot be registered')],
  ])('waits until it runs, and takes what was stopped on purpose not in: %o', async ([answer, result]) => {
    const stage = await withTargets([webTarget], {}, { spec: { statusPollSeconds: 4 } });
    expect(await stage.run(registerOld, reads(stage.world, answer))).toEqual(result);
    expect(stage.made).toEqual([]);
  });

  it.for<[what: string, answer: Partial<InstanceFacts> | undefined, status: Partial<InstanceStatus> | undefined, result: object]>([
    ['is gone', undefined, {}, leftToPerson('gone')],
    ['is stopped', { state: 'stopped' }, {}, leftToPerson('stopped')],
    ['fails its system check', {}, { system: 'impaired' }, leftToPerson('running')],
    ['fails its instance check', {}, { instance: 'impaired' }, leftToPerson('running')],
    ['has no status', {}, undefined, leftToPerson('running')],
    ['is in quarantine', { tags: { 'perennial:quarantine': 'inc-1' } }, {}, leftToPerson('running in quarantine')],
    ['is stopped in quarantine', { state: 'stopped', tags: { 'perennial:quarantine': 'inc-1' } }, {}, leftToPerson('stopped in quarantine')],
  ])('after the drain is left to a person where it %s', async ([, answer, status, result]) => {
    const stage = await withTargets([webTarget]);
    expect(await stage.run(restoreOld, checks(stage.world, status, answer))).toEqual(result);
    expect(stage.made).toEqual([]);
  });
});
