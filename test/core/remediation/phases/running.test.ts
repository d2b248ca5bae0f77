import { describe, expect, it } from 'vitest';
import { awaitOldRunning, awaitRunning } from '../../../../core/remediation/phases/running.ts';
import type { InstanceFacts, InstanceStatus } from '../../../../core/remediation/ports.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { NOW } from '../builders.ts';
import { OLD } from '../world.ts';
import { answered, checks, done, failed, NEW, openStage, type Stage } from './stage.ts';

const spec = { statusPollSeconds: 4, runningPersistSeconds: 15 };
const begun: Partial<Remediation> = { newInstanceId: NEW };

function look({ world, run }: Stage, answer: Partial<InstanceFacts> | undefined, status: Partial<InstanceStatus> | 'none' = {}, phase = awaitRunning) {
  return run(phase, checks(world, status === 'none' ? undefined : status, answer));
}

const waits = (reason: string, memory: Remediation['memory'] = {}) => ({ kind: 'wait', seconds: 4, reason, memory });

describe('the wait until the replacement runs', () => {
  it('fails where nothing was launched', async () => {
    const stage = await openStage();
    expect(await stage.run(awaitRunning)).toEqual(failed('No replacement was launched'));
  });

  it.for<[seen: string, answer: Partial<InstanceFacts> | undefined]>([
    ['not listed yet', undefined],
    ['pending', { state: 'pending' }],
  ])('goes on, with its count anew, while it is %s', async ([seen, answer]) => {
    const stage = await openStage({ record: { ...begun, memory: { runningSince: NOW } }, spec });
    expect(await look(stage, answer)).toEqual(waits(`${NEW} is ${seen}`));
  });

  it.for<[state: InstanceFacts['state'], stateReason: string | undefined, why: string]>([
    ['terminated', 'Client.InternalError: Client error on launch', 'Client.InternalError: Client error on launch'],
    ['stopped', undefined, 'EC2 gives no reason'],
    ['stopping', undefined, 'EC2 gives no reason'],
    ['shutting-down', undefined, 'EC2 gives no reason'],
  ])('ends when EC2 lets it run a moment only: %s', async ([state, stateReason, why]) => {
    const stage = await openStage({ record: { ...begun, memory: { runningSince: NOW } }, spec });
    const answer = stateReason === undefined ? { state } : { state, stateReason };
    expect(await look(stage, answer)).toEqual(failed(`${NEW} is ${state} instead of running: ${why}`));
  });

  it.for<[problem: string, status: Partial<InstanceStatus> | 'none']>([
    ['EC2 reports no status yet', 'none'],
    ['status checks: system initializing, instance ok', { system: 'initializing' }],
    ['status checks: system ok, instance initializing', { instance: 'initializing' }],
  ])('wants both status checks: %s', async ([problem, status]) => {
    const stage = await openStage({ record: { ...begun, memory: { runningSince: '2026-11-21T08:50:00.000Z' } }, spec });
    expect(await look(stage, {}, status)).toEqual(waits(`${NEW} runs; ${problem}`, { runningSince: '2026-11-21T08:50:00.000Z' }));
  });

  it('wants it to keep running for a while, counted from the first look that saw it', async () => {
    const first = await openStage({ record: begun, spec });
    first.world.clock.advance(100);
    expect(await look(first, {})).toEqual(waits(`${NEW} runs; running for 0 of 15 s`, { runningSince: '2026-11-21T09:01:40.000Z' }));
    const next = await openStage({ record: { ...begun, memory: { runningSince: NOW } }, spec });
    next.world.clock.advance(14.6);
    expect(await look(next, {})).toEqual(waits(`${NEW} runs; running for 15 of 15 s`, { runningSince: NOW }));
    next.world.clock.advance(0.4);
    expect(await look(next, {})).toEqual(done(`${NEW} has kept running since ${NOW} and both status checks pass`));
  });
});

describe('the wait until a stopped instance runs again', () => {
  const stoppedOld = failed('i-old is stopped instead of running: EC2 gives no reason');
  const asked: Partial<Remediation> = { phase: 'await-old-running', calls: answered({ 'start-old': {} }) };

  it('is about the old instance', async () => {
    const stage = await openStage({ record: { ...asked, memory: { runningSince: '2026-11-21T08:50:00.000Z' } }, spec });
    expect(await look(stage, {}, {}, awaitOldRunning)).toEqual(done(`${OLD} has kept running since 2026-11-21T08:50:00.000Z and both status checks pass`));
  });

  it.for<InstanceFacts['state']>(['stopped', 'stopping'])('is patient for a minute while EC2 still lists it as %s', async (state) => {
    const stage = await openStage({ record: asked, spec });
    stage.world.clock.advance(59.9);
    expect(await look(stage, { state }, {}, awaitOldRunning)).toEqual(waits(`i-old is still listed as ${state}`));
    stage.world.clock.advance(0.1);
    expect(await look(stage, { state }, {}, awaitOldRunning)).toEqual({ ...stoppedOld, reason: stoppedOld.reason.replace('stopped', state) });
  });

  it.for<[what: string, changes: Partial<Remediation>, result: object]>([
    ['nobody has started it', { ...asked, calls: {} }, stoppedOld],
    ['only the replacement was started', { ...asked, calls: answered({ 'start-new': {} }) }, stoppedOld],
    ['it was seen to run since', { ...asked, memory: { runningSince: NOW } }, stoppedOld],
    ['in another phase, where the old one was started', { ...asked, phase: 'await-running' }, stoppedOld],
    [
      'in another phase, where the replacement was started',
      { phase: 'await-running', calls: answered({ 'start-new': {} }) },
      waits('i-old is still listed as stopped'),
    ],
  ])('when %s', async ([, changes, result]) => {
    expect(await look(await openStage({ record: changes, spec }), { state: 'stopped' }, {}, awaitOldRunning)).toEqual(result);
  });

  it('is over for one that has ended', async () => {
    const stage = await openStage({ record: asked, spec });
    expect(await look(stage, { state: 'terminated' }, {}, awaitOldRunning)).toEqual({
      ...stoppedOld,
      reason: stoppedOld.reason.replace('stopped', 'terminated'),
    });
  });
});
