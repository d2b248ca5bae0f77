import { describe, expect, it } from 'vitest';
import { reapAll } from '../../../core/remediation/reaper/reap.ts';
import { remediationOf } from './builders.ts';
import { createReapingWorld, failedLaunch, HOURS_AGO, type ReapingWorld } from './reaping-world.ts';

class Crash extends Error {}

/** Counts every call of the reaper's ports and crashes once, before or after call `at` (after: it took effect, nobody heard). */
function crashing({ ports }: ReapingWorld, at: number, moment: 'before' | 'after') {
  let calls = 0;
  const wrap = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return async (...words: unknown[]): Promise<unknown> => {
          calls += 1;
          const isHere = calls === at;
          if (isHere && moment === 'before') throw new Crash();
          const result: unknown = await Reflect.apply(value, target, words);
          if (isHere) throw new Crash();
          return result;
        };
      },
    });
  const { store, terminator, leftBehind, power, quarantine, executions, executionStates, journal, ...rest } = ports;
  const wrapped = {
    ...rest,
    store: wrap(store),
    terminator: wrap(terminator),
    leftBehind: wrap(leftBehind),
    power: wrap(power),
    quarantine: wrap(quarantine),
    executions: wrap(executions),
    executionStates: wrap(executionStates),
    journal: wrap(journal),
  };
  return { wrapped, calls: () => calls };
}

const tags = { 'perennial:system': 'shop-web', 'perennial:remediation': 'rem-1' };
const ended = { ...tags, 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': '2026-11-21T08:00:00.000Z' };

/** An orphan, an ended quarantine, a repair without its execution, one that cannot go on, an interface and a root volume. */
async function stage(): Promise<ReapingWorld> {
  const world = createReapingWorld();
  const { region } = world;
  region.addInstance({ instanceId: 'i-orphan', imageId: 'ami-v1', launchedAt: HOURS_AGO, tags });
  region.addInstance({ instanceId: 'i-ended', imageId: 'ami-v1', launchedAt: HOURS_AGO, tags: ended });
  region.setState('i-ended', 'stopped', 'quarantine');
  region.leftBehind.setRootSnapshot('ami-v1', 'snap-root');
  region.leftBehind.addInterface({ networkInterfaceId: 'eni-1', isManagedByAws: false, tags });
  region.leftBehind.addVolume({ volumeId: 'vol-1', createdAt: HOURS_AGO, snapshotId: 'snap-root', tags });
  await world.add(failedLaunch({ calls: { ...failedLaunch().calls, 'mark:i-ended': { attempt: 1, intentAt: HOURS_AGO, outcomeAt: HOURS_AGO } } }));
  for (const [id, executionName] of [
    ['rem-stuck', 'stuck'],
    ['rem-lost', 'lost-r3'],
  ] as const) {
    await world.add({ ...remediationOf({ id, at: HOURS_AGO }), phase: 'await-running', phaseStartedAt: HOURS_AGO, executionName });
    world.executions.set(executionName, 'ended');
  }
  return world;
}

async function outcome(world: ReapingWorld) {
  const { region } = world;
  return {
    orphan: [region.find('i-orphan')?.state, region.find('i-orphan')?.tags['perennial:quarantine']],
    ended: region.find('i-ended')?.state,
    left: [...(await region.leftBehind.interfaces()), ...(await region.leftBehind.volumes())],
    stuck: (await world.read('rem-stuck')).executionName,
    running: world.executions.get('stuck-r1'),
    lost: (await world.read('rem-lost')).state,
    said: new Set(await world.timeline()).size === (await world.timeline()).length,
  };
}

const whole = { orphan: ['stopping', 'inc-1'], ended: 'shutting-down', left: [], stuck: 'stuck-r1', running: 'running', lost: 'failed', said: true };

describe('a crash of the reaper', () => {
  it('is not needed for a whole run', async () => {
    const world = await stage();
    await reapAll(world.ports);
    expect(await outcome(world)).toEqual(whole);
  });

  it.each(['before', 'after'] as const)('%s any one call is made good by the next run, and nothing is said twice (S4-34)', async (moment) => {
    const counted = await stage();
    const { wrapped, calls } = crashing(counted, 0, moment);
    await reapAll(wrapped);
    expect(calls()).toBeGreaterThan(40);
    for (let at = 1; at <= calls(); at += 1) {
      const world = await stage();
      await expect(reapAll(crashing(world, at, moment).wrapped)).rejects.toThrow(Crash);
      await reapAll(world.ports);
      expect(await outcome(world), `${moment} call ${at}`).toEqual(whole);
    }
  });
});
