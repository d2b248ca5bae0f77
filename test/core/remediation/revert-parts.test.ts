import { beforeEach, describe, expect, it } from 'vitest';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { paths, phasesOf, rowOf, traitsOf } from '../../../core/remediation/paths/procedure.ts';
import { type PhaseName, type Remediation, slotType } from '../../../core/remediation/record.ts';
import type { AttachmentSeed } from '../../../sim/simulated-attachments.ts';
import { allAt, everything, reachableOnly, readyWorld, sweepOld } from './belongings.ts';
import { newest, sweepAll } from './by-hand.ts';
import { askRevert, movedWorld, PublicAddresses, refusing } from './revert-parts.ts';
import { driverPorts, OLD, play, readRemediation, startOld, testScope, type World } from './world.ts';

let world: World;
let before: Remediation;

const instanceOf = (id: string) => world.region.all().find(({ instanceId }) => instanceId === id);
const slotHolder = async () => (await readRecord(world.store, slotType, keys.slot(testScope, before.slotId)))?.body.instanceId;

async function healthyTargets(): Promise<readonly string[]> {
  world.clock.advance(60);
  return (await world.region.targets.registered(['shop-web'])).flatMap(({ state, instanceId }) => (state === 'healthy' ? [instanceId] : []));
}

/** Asks for the way back and plays it; while `failing` is its phase, AWS refuses. */
async function revert(failing?: PhaseName, moment: 'at once' | 'half-way' = 'at once'): Promise<Remediation> {
  await askRevert(world, before);
  const { id } = await newest(world);
  let isFailing = false;
  const wrap = refusing(moment);
  await play(
    world,
    id,
    () => driverPorts(world, isFailing ? wrap : undefined),
    async () => {
      const { phase, failure } = await readRemediation(world, id);
      isFailing = phase === failing && failure === undefined;
    },
  );
  return readRemediation(world, id);
}

/** The same, for an instance that is not stopped to be replaced and one that is. */
const cases = [
  { name: 'addresses, records and associations', seed: reachableOnly, topology: 'multiple', path: 'revert' },
  { name: 'addresses, records and associations, of a `single` system', seed: reachableOnly, topology: 'single', path: 'revert-fenced' },
  { name: 'everything', seed: everything, topology: 'multiple', path: 'revert-fenced' },
  { name: 'everything, of a `single` system', seed: everything, topology: 'single', path: 'revert-fenced' },
] as const;

describe.each(cases)('taking back a repair that has moved $name', ({ seed, topology, path }) => {
  beforeEach(async () => {
    ({ world, before } = await movedWorld(seed, topology));
  });

  it('gives everything back to the old instance, and puts the new one away (S0-17, S0-27)', async () => {
    expect(world.region.attachments.holders()).toEqual(allAt(world, before.newInstanceId ?? ''));
    // The sweep has seen the old instance without its things meanwhile: that is not what is restored.
    await sweepOld(world);
    const after = await revert();
    expect([after.state, after.path, after.failure], after.reason).toEqual(['succeeded', path, undefined]);
    expect(world.region.attachments.holders()).toEqual(allAt(world, OLD));
    expect(instanceOf(OLD)).toMatchObject({ state: 'running', securityGroupIds: ['sg-web'] });
    expect(instanceOf(OLD)?.tags[tagKeys.quarantine]).toBeUndefined();
    expect(instanceOf(before.newInstanceId ?? '')).toMatchObject({ state: 'stopped', securityGroupNames: ['perennial-quarantine'] });
    expect(await healthyTargets()).toContain(OLD);
    expect(await slotHolder()).toBe(OLD);
    expect(after.differences).toEqual([]);
  });

  it('sets again what ends with the old instance, as it was', async () => {
    await revert();
    const [data, second] = [await world.region.attachments.volumes.read('vol-data'), await world.region.attachments.interfaces.read('eni-second')];
    const expected = seed === everything ? [true, true] : [undefined, undefined];
    expect([data?.deleteOnTermination, second?.deleteOnTermination]).toEqual(expected);
  });

  const phases = phasesOf(path, traitsOf({ topology, isFenced: path === 'revert-fenced', parts: partsIn(seed) }));
  const turning = phases.slice(
    0,
    phases.findIndex((phase) => phase === 'transfer-alarms'),
  );

  describe.each(['at once', 'half-way'] as const)('and failing %s', (moment) => {
    it.each(turning.filter((phase) => moment === 'at once' || rowOf(phase).role === 'act'))(
      'in %s, ends with everything at the new one, which serves, and pages',
      async (phase) => {
        const after = await revert(phase, moment);
        const { newInstanceId = '' } = before;
        expect([after.state, after.failure?.phase], after.reason).toEqual(['failed', phase]);
        expect(after.phases.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)).toEqual([phase]);
        expect(world.region.attachments.holders()).toEqual(allAt(world, newInstanceId));
        expect(instanceOf(newInstanceId)).toMatchObject({ state: 'running', securityGroupNames: ['shop-web'] });
        expect(instanceOf(OLD)?.state).toBe('stopped');
        expect(await healthyTargets()).toContain(newInstanceId);
        expect(await slotHolder()).toBe(newInstanceId);
        expect(world.sent.filter(({ notificationId }) => notificationId.startsWith(after.id)).at(-1)).toMatchObject({
          notificationId: `${after.id}:needs-person`,
          channels: ['https', 'email', 'sms'],
        });
      },
    );
  });

  it('never has both running where only one may, also when it fails late', async () => {
    await askRevert(world, before);
    const { id } = await newest(world);
    let [both, isFailing] = [0, false];
    await play(
      world,
      id,
      () => driverPorts(world, isFailing ? refusing('at once') : undefined),
      async () => {
        const record = await readRemediation(world, id);
        isFailing = record.phase === 'return-associations' && record.failure === undefined;
        const running = [OLD, before.newInstanceId ?? ''].filter((one) => ['running', 'pending'].includes(instanceOf(one)?.state ?? ''));
        if (running.length === 2) both += 1;
      },
    );
    expect(both > 0).toBe(path === 'revert');
  });
});

function partsIn(seed: AttachmentSeed): NonNullable<Remediation['parts']> {
  return seed === everything ? ['volumes', 'interfaces', 'addresses', 'records', 'associations'] : ['addresses', 'records', 'associations'];
}

describe('the paths back', () => {
  it('return what the path forward moves, each once: interfaces before the replacement is isolated, volumes after it has stopped', () => {
    const moved = paths.replace.filter((phase) => phase.startsWith('move-')).map((phase) => phase.replace('move-', 'return-'));
    for (const path of ['revert', 'revert-fenced'] as const) {
      const phases: readonly PhaseName[] = paths[path];
      const detachables = path === 'revert' ? ['return-volumes', 'return-interfaces'] : [];
      expect(phases.filter((phase) => phase.startsWith('return-')).toSorted()).toEqual(moved.filter((phase) => !detachables.includes(phase)).toSorted());
    }
    const fenced: readonly PhaseName[] = paths['revert-fenced'];
    const order = ['deregister-new', 'return-interfaces', 'quarantine-new', 'return-volumes', 'start-old', 'await-old-healthy', 'return-addresses'] as const;
    expect(order.map((phase) => fenced.indexOf(phase))).toEqual(order.map((phase) => fenced.indexOf(phase)).toSorted((left, right) => left - right));
  });
});

describe.each(['multiple', 'single'] as const)('a DNS record with a public address that EC2 assigns anew, of a `%s` system', (topology) => {
  let addresses: PublicAddresses;

  beforeEach(async () => {
    world = await readyWorld({}, topology);
    addresses = new PublicAddresses(world);
    await sweepAll(world);
    const id = await startOld(world);
    await play(world, id, () => addresses.ports());
    before = await readRemediation(world, id);
    world.region.setTargetUnhealthy(OLD, false);
    world.clock.advance(60);
    await askRevert(world, before);
  });

  it('names the address that the old instance has now, once it serves', async () => {
    const { id } = await newest(world);
    expect(addresses.written()).toBe(addresses.of(before.newInstanceId ?? ''));
    await play(world, id, () => addresses.ports());
    expect((await readRemediation(world, id)).state).toBe('succeeded');
    expect(addresses.of(OLD)).toBeDefined();
    expect([addresses.written(), (await readRemediation(world, id)).differences]).toEqual([addresses.of(OLD), []]);
  });

  it.each(['return-records', 'await-old-healthy'] as const)('names the address that the new one has now, when the way back fails in %s', async (phase) => {
    const { id } = await newest(world);
    let isFailing = false;
    const wrap = refusing('half-way');
    await play(
      world,
      id,
      () => addresses.ports(isFailing ? wrap : undefined),
      async () => {
        const record = await readRemediation(world, id);
        isFailing = record.phase === phase && record.failure === undefined;
        if (record.phase === 'await-old-healthy') world.region.setTargetUnhealthy(OLD, phase === record.phase);
      },
    );
    expect(await readRemediation(world, id)).toMatchObject({ state: 'failed', failure: { phase } });
    expect(addresses.written()).toBe(addresses.of(before.newInstanceId ?? ''));
  });

  it('is left to a person, and said, where the old instance gets none any more', async () => {
    const { id } = await newest(world);
    await play(world, id, () => {
      const ports = addresses.ports();
      const { act } = ports;
      if (act === undefined) return ports;
      const primary: typeof act.interfaces.primary = (one) => (one === OLD ? world.region.attachments.interfaces.primary(one) : act.interfaces.primary(one));
      return { ...ports, act: { ...act, interfaces: { ...act.interfaces, primary } } };
    });
    expect((await readRemediation(world, id)).differences).toEqual([expect.stringContaining('set it by hand')]);
  });
});
