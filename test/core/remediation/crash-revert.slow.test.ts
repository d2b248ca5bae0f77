import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../core/environment/errors.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { groupType, platformType, type Remediation, slotType } from '../../../core/remediation/record.ts';
import { allAt, everything, reachableOnly } from './belongings.ts';
import { newest } from './by-hand.ts';
import { Crash, Crasher, type Moment } from './crasher.ts';
import { askRevert, movedWorld } from './revert-parts.ts';
import { driverPorts, OLD, play, readRemediation, testScope, type World, type Wrap } from './world.ts';

const plain: Wrap = (_name, port) => port;

/** The last thing that goes back is refused on its way to the old instance, and taken on the way to the new one. */
const refusesAssociations: Wrap = (name, port) =>
  name !== 'associations'
    ? port
    : new Proxy(port, {
        get: (target, property) => {
          const value: unknown = Reflect.get(target, property);
          if (property !== 'retarget' || typeof value !== 'function') return value;
          return async (...words: unknown[]): Promise<unknown> => {
            if (words[2] === OLD) throw new PermanentError('refused');
            return Reflect.apply(value, target, words);
          };
        },
      });

/** The strides have no common divisor with the calls of a step, so that over both moments most kinds of calls are met. */
const scenarios = [
  { name: 'with everything', seed: everything, topology: 'single', fault: plain, isBack: true, stride: 7 },
  { name: 'with everything, that fails last', seed: everything, topology: 'single', fault: refusesAssociations, isBack: false, stride: 11 },
  { name: 'with addresses, records and associations', seed: reachableOnly, topology: 'multiple', fault: plain, isBack: true, stride: 7 },
  {
    name: 'with addresses, records and associations, that fails last',
    seed: reachableOnly,
    topology: 'multiple',
    fault: refusesAssociations,
    isBack: false,
    stride: 11,
  },
] as const;
type Scenario = (typeof scenarios)[number];

interface Outcome {
  readonly world: World;
  readonly after: Remediation;
  readonly calls: number;
}

async function run({ seed, topology, fault }: Scenario, at: number, moment: Moment): Promise<Outcome> {
  const { world, before } = await movedWorld(seed, topology);
  const crasher = new Crasher(at, moment);
  const asked = world.clock.now();
  for (let delivery = 0; delivery < 4; delivery += 1) {
    try {
      await askRevert(world, before, asked, crasher.wrap);
      const { id } = await newest(world);
      await play(world, id, () => driverPorts(world, (name, port) => crasher.wrap(name, fault(name, port))));
      return { world, after: await readRemediation(world, id), calls: crasher.calls };
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      world.clock.advance(2);
    }
  }
  throw new Error('The request was never taken in');
}

async function assertWhole({ isBack }: Scenario, { world, after }: Outcome, where: string): Promise<void> {
  const newId = after.newInstanceId ?? '';
  const [serving, away] = isBack ? [OLD, newId] : [newId, OLD];
  const stateOf = (id: string) => world.region.all().find(({ instanceId }) => instanceId === id)?.state;
  expect([after.state, after.revertOf === undefined], `${where}: ${after.reason}`).toEqual([isBack ? 'succeeded' : 'failed', false]);
  expect(world.region.attachments.holders(), `${where}: who holds what`).toEqual(allAt(world, serving));
  expect([stateOf(serving), stateOf(away)], where).toEqual(['running', 'stopped']);
  world.clock.advance(60);
  const healthy = (await world.region.targets.registered(['shop-web'])).filter(({ state }) => state === 'healthy').map(({ instanceId }) => instanceId);
  expect(healthy, where).toContain(serving);
  const [slot, group, platform] = [
    await readRecord(world.store, slotType, keys.slot(testScope, after.slotId)),
    await readRecord(world.store, groupType, keys.group(testScope, after.groupId)),
    await readRecord(world.store, platformType, keys.platform(testScope)),
  ];
  expect([slot?.body.instanceId, slot?.body.remediationId, group?.body.inFlight, platform?.body.inFlight], where).toEqual([serving, undefined, [], []]);
  const step = isBack ? 'recovered' : 'needs-person';
  expect(world.sent.map(({ notificationId }) => notificationId).filter((id) => id === `${after.id}:${step}`).length, `${where}: told`).toBeLessThanOrEqual(2);
}

describe.each(scenarios)('a crash in a revert of a repair $name', (scenario) => {
  it.each(['before', 'after'] as const)(
    '%s any one call leaves each thing with exactly one holder, which serves (S0-17, S0-27)',
    async (moment) => {
      const { calls } = await run(scenario, 0, 'before');
      expect(calls).toBeGreaterThan(150);
      for (let at = 1; at <= calls; at += scenario.stride) {
        await assertWhole(scenario, await run(scenario, at, moment), `${moment} call ${at} of ${calls}`);
      }
    },
    120_000,
  );
});
