import { beforeEach, describe, expect, it } from 'vitest';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { updateRecord } from '../../../core/records/record-type.ts';
import { advance } from '../../../core/remediation/driver/driver.ts';
import { rowOf } from '../../../core/remediation/paths/procedure.ts';
import { pauseType, type PhaseName, type Remediation } from '../../../core/remediation/record.ts';
import { newest, repaired } from './by-hand.ts';
import { askRevert, refusing as refused } from './revert-parts.ts';
import { createWorld, driverPorts, OLD, play, readRemediation, testScope, type World } from './world.ts';

let world: World;
let before: Remediation;

const instanceOf = (id: string) => world.region.all().find(({ instanceId }) => instanceId === id);
const listening = () =>
  world.region
    .alarmNames()
    .filter(({ areActionsEnabled }) => areActionsEnabled)
    .map(({ name }) => name);

async function freeze(isFrozen: boolean): Promise<void> {
  const at = world.clock.now();
  await updateRecord(world.store, pauseType, keys.pause(testScope, 'global'), () => ({
    target: 'global',
    isPaused: isFrozen,
    isFrozen,
    by: 'kim',
    reason: 'odd',
    at,
  }));
}

async function healthyTargets(): Promise<readonly string[]> {
  world.clock.advance(60);
  return (await world.region.targets.registered(['shop-web'])).flatMap(({ state, instanceId }) => (state === 'healthy' ? [instanceId] : []));
}

async function begun(): Promise<string> {
  await askRevert(world, before);
  return (await newest(world)).id;
}

async function playTo(id: string, phase: PhaseName): Promise<void> {
  for (let count = 0; count < 300 && (await readRemediation(world, id)).phase !== phase; count += 1) {
    const answer = await advance(driverPorts(world), id, rowOf((await readRemediation(world, id)).phase).role);
    world.clock.advance(Math.max(0.01, answer.waitSeconds));
  }
  expect((await readRemediation(world, id)).phase).toBe(phase);
}

/** It stands still in this phase for two hours. */
async function frozenIn(phase: PhaseName): Promise<string> {
  const id = await begun();
  await playTo(id, phase);
  await freeze(true);
  await advance(driverPorts(world), id, rowOf(phase).role);
  world.clock.advance(7200);
  return id;
}

const namesOf = ({ phases }: Remediation): readonly string[] => phases.map(({ name }) => name);

describe.each([
  ['multiple', ['deregister-new', 'transfer-alarms', 'quarantine-new', 'finish']],
  ['single', ['transfer-alarms', 'finish']],
] as const)('a way back of a `%s` system that stood still since the old instance was seen to serve', (topology, phases) => {
  beforeEach(async () => {
    world = createWorld(topology);
    before = await repaired(world);
    world.region.setTargetUnhealthy(OLD, false);
  });

  it.each(phases)('in %s, sees it serve again before it goes on', async (phase) => {
    const id = await frozenIn(phase);
    await freeze(false);
    await play(world, id);
    const after = await readRemediation(world, id);
    expect([after.state, after.failure]).toEqual(['succeeded', undefined]);
    expect(namesOf(after).filter((name) => name === 'prove-old')).toHaveLength(1);
    expect(namesOf(after)[namesOf(after).indexOf('prove-old') + 1]).toBe(phase);
    expect(await healthyTargets()).toContain(OLD);
  });

  it.each(phases)('in %s, ends with the replacement in service when it serves no more', async (phase) => {
    const id = await frozenIn(phase);
    world.region.setTargetUnhealthy(OLD, true);
    await freeze(false);
    await play(world, id);
    const after = await readRemediation(world, id);
    expect(after, after.reason).toMatchObject({ state: 'failed', failure: { phase: 'prove-old' } });
    expect(after.phases.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)).toEqual(['prove-old']);
    const { newInstanceId = '' } = before;
    expect(instanceOf(newInstanceId)).toMatchObject({ state: 'running', securityGroupNames: ['shop-web'] });
    expect(instanceOf(newInstanceId)?.tags[tagKeys.quarantine]).toBeUndefined();
    expect(instanceOf(OLD)).toMatchObject({ state: 'stopped', securityGroupNames: ['perennial-quarantine'] });
    expect(await healthyTargets()).toEqual(expect.arrayContaining([newInstanceId]));
    expect(listening()).toHaveLength(1);
    expect(listening()[0]).toContain(newInstanceId);
  });

  it('and that nobody carried on for long proves it again before it is called a success', async () => {
    const id = await begun();
    await playTo(id, 'finish');
    world.clock.advance(7200);
    world.region.setTargetUnhealthy(OLD, true);
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({ state: 'failed', failure: { phase: 'prove-old' } });
    expect(await healthyTargets()).toContain(before.newInstanceId);
  });
});

describe('a way back after one that was left half-done', () => {
  let first: Remediation;
  const PROFILE = 'arn:aws:iam::111122223333:instance-profile/shop-web';

  beforeEach(async () => {
    world = createWorld('single');
    before = await repaired(world);
    world.region.setTag(before.newInstanceId ?? '', 'Schedule', 'office-hours');
    // The old one is as unhealthy as it was: each way back fails once the replacement is put away.
    const id = await begun();
    let isFailing = false;
    const refusing = refused('at once');
    await play(
      world,
      id,
      () => driverPorts(world, isFailing ? refusing : undefined),
      async () => void (isFailing = (await readRemediation(world, id)).phase === 'return-new'),
    );
    first = await readRemediation(world, id);
    world.clock.advance(60);
  });

  const expectAsItWas = (): void => {
    const instance = instanceOf(before.newInstanceId ?? '');
    expect(instance).toMatchObject({ state: 'running', securityGroupIds: ['sg-web'], securityGroupNames: ['shop-web'], instanceProfileArn: PROFILE });
    expect(instance?.tags).toMatchObject({ Schedule: 'office-hours' });
    expect(instance?.tags[tagKeys.quarantine]).toBeUndefined();
  };

  it('finds the replacement isolated', () => {
    expect(first.reason).toContain('Half-done: return-new failed');
    expect(instanceOf(before.newInstanceId ?? '')).toMatchObject({ state: 'stopped', securityGroupNames: ['perennial-quarantine'] });
  });

  it('gives the replacement back what it had before the first isolation', async () => {
    const id = await begun();
    await play(world, id);
    const after = await readRemediation(world, id);
    expect(after).toMatchObject({ state: 'failed', failure: { phase: 'await-old-healthy' } });
    expect(after.phases.filter(({ outcome }) => outcome === 'failed')).toHaveLength(1);
    expectAsItWas();
  });

  it('does so from the first record where it never got to a quarantine of its own', async () => {
    const id = await begun();
    let isFailing = false;
    const refusing = refused('at once');
    await play(
      world,
      id,
      () => driverPorts(world, isFailing ? refusing : undefined),
      async () => {
        const { phase, failure } = await readRemediation(world, id);
        isFailing = phase === 'quarantine-new' && failure === undefined;
      },
    );
    expect(await readRemediation(world, id)).toMatchObject({ state: 'failed', failure: { phase: 'quarantine-new' } });
    expectAsItWas();
  });

  it('remembers it through a crash right behind the mark, which names the second one', async () => {
    const id = await begun();
    await playTo(id, 'quarantine-new');
    const crashing = driverPorts(world, (name, port) =>
      name !== 'quarantine'
        ? port
        : new Proxy(port, {
            get: (target, property) => {
              const value: unknown = Reflect.get(target, property);
              return async (...words: unknown[]): Promise<unknown> => {
                const result: unknown = typeof value === 'function' ? await Reflect.apply(value, target, words) : undefined;
                if (property === 'mark') throw new Error('crash');
                return result;
              };
            },
          }),
    );
    await expect(advance(crashing, id, 'act')).rejects.toThrow('crash');
    expect(instanceOf(before.newInstanceId ?? '')?.tags[tagKeys.remediation]).toBe(id);
    await play(world, id);
    expectAsItWas();
  });
});
