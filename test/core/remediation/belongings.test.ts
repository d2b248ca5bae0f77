import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../core/environment/errors.ts';
import { planReplacement } from '../../../core/remediation/paths/plan.ts';
import { allPhasesOf } from '../../../core/remediation/paths/procedure.ts';
import type { Remediation } from '../../../core/remediation/record.ts';
import { addressOf, allAt, everything, reachableOnly, readyWorld, recordName, statefulSystem, sweepOld } from './belongings.ts';
import { driverPorts, OLD, play, readRemediation, startOld, testHasher, type World, type Wrap } from './world.ts';

async function repair(world: World, wrap?: Wrap): Promise<Remediation> {
  const id = await startOld(world);
  await play(world, id, () => driverPorts(world, wrap));
  return readRemediation(world, id);
}

/** Makes one method of one port fail for good, from the first call on. */
function failing(port: string, method: string, reason = 'refused'): Wrap {
  return (name, real) =>
    name !== port
      ? real
      : new Proxy(real, {
          get: (target, property) => (property === method ? () => Promise.reject(new PermanentError(reason)) : (Reflect.get(target, property) as unknown)),
        });
}

/** The same, the first time only. */
function failingOnce(port: string, method: string): Wrap {
  let hasFailed = false;
  return (name, real) =>
    name !== port
      ? real
      : new Proxy(real, {
          get: (target, property) => {
            const value: unknown = Reflect.get(target, property);
            if (property !== method || hasFailed || typeof value !== 'function') return value;
            return () => {
              hasFailed = true;
              return Promise.reject(new PermanentError('refused'));
            };
          },
        });
}

const phasesOf = (record: Remediation): readonly string[] => record.phases.map(({ name }) => name);
const reasonOf = (record: Remediation, phase: string): string => record.phases.find(({ name }) => name === phase)?.reason ?? '';
const verdictOf = (record: Remediation): unknown => record.guardrails.find(({ name }) => name === 'capability');
const stateOf = (world: World, instanceId: string): string | undefined => world.region.all().find((facts) => facts.instanceId === instanceId)?.state;

describe('a replacement with everything that can move', () => {
  it.each(['multiple', 'single'] as const)('of a `%s` system holds all of it at the end, each thing once', async (topology) => {
    const world = await readyWorld(everything, topology);
    const record = await repair(world);
    expect(record.state).toBe('succeeded');
    const newId = record.newInstanceId ?? '';
    expect(world.region.attachments.holders()).toEqual(allAt(world, newId));
    expect(phasesOf(record)).toEqual(
      allPhasesOf('replace', {
        isFenced: true,
        hasVolumes: true,
        hasInterfaces: true,
        hasDetachables: true,
        hasAddresses: true,
        hasRecords: true,
        hasAssociations: true,
      }),
    );
    expect(record).toMatchObject({ isFenced: true, parts: ['volumes', 'interfaces', 'addresses', 'records', 'associations'] });
    // At the device where it was, ending with its instance where it did before.
    expect(await world.region.attachments.volumes.read('vol-data')).toMatchObject({ deviceName: '/dev/sdf', deleteOnTermination: true });
    expect(await world.region.attachments.volumes.read('vol-logs')).toMatchObject({ deviceName: '/dev/sdg', deleteOnTermination: false });
    expect(await world.region.attachments.interfaces.read('eni-second')).toMatchObject({ deviceIndex: 1, deleteOnTermination: true });
    expect(world.region.attachments.snapshotsTaken().map(({ volumeId }) => volumeId)).toEqual(['vol-data', 'vol-logs']);
  });

  it('without volumes and interfaces moves addresses, records and associations beside a running old one, once the new one is healthy', async () => {
    const world = await readyWorld(reachableOnly);
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'succeeded', isFenced: false, parts: ['addresses', 'records', 'associations'] });
    const phases = phasesOf(record);
    expect(phases).not.toContain('fence');
    expect(phases.indexOf('move-addresses')).toBe(phases.indexOf('await-healthy') + 1);
    expect(phases.indexOf('deregister')).toBe(phases.indexOf('move-associations') + 1);
    expect(world.region.attachments.holders()).toEqual(allAt(world, record.newInstanceId ?? ''));
  });

  it('with nothing of that kind has none of these phases', async () => {
    const world = await readyWorld({});
    world.region.attachments.setRecord(recordName, ['10.9.9.9']);
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'succeeded', isFenced: false, parts: [] });
    expect(phasesOf(record)).toEqual(allPhasesOf('replace', { isFenced: false }));
  });

  it('keeps values of a record that are not of the instance', async () => {
    const world = await readyWorld(reachableOnly);
    const record = await repair(world);
    expect(world.region.attachments.holders()[recordName]).toBe(`${addressOf(world, record.newInstanceId ?? '')},10.0.0.99`);
  });
});

describe('a failure after any phase that moves', () => {
  it.each([
    ['volumes', 'attach', 'move-volumes'],
    ['volumes', 'detach', 'move-volumes'],
    ['interfaces', 'assignPrivateAddresses', 'move-addresses'],
    ['addresses', 'associate', 'move-addresses'],
    ['dnsRecords', 'replace', 'move-records'],
    ['dnsRecords', 'isInSync', 'move-records'],
    ['associations', 'retarget', 'move-associations'],
    ['registrar', 'register', 'register'],
  ] as const)('%s.%s: everything is back at the old instance, which runs and serves', async (port, method, phase) => {
    const world = await readyWorld(everything);
    const before = world.region.attachments.holders();
    const record = await repair(world, failingOnce(port, method));
    expect(record.failure).toMatchObject({ phase, reason: 'refused' });
    expect(record.state).toBe('failed');
    expect(world.region.attachments.holders()).toEqual(before);
    expect(stateOf(world, OLD)).toBe('running');
    expect(stateOf(world, record.newInstanceId ?? '')).toBe('stopped');
    // What ends with the old instance is as it was.
    expect(await world.region.attachments.volumes.read('vol-data')).toMatchObject({ deviceName: '/dev/sdf', deleteOnTermination: true });
    expect(await world.region.attachments.volumes.read('vol-logs')).toMatchObject({ deleteOnTermination: false });
    expect(await world.region.attachments.interfaces.read('eni-second')).toMatchObject({ deviceIndex: 1, deleteOnTermination: true });
  });

  it('gives back what the repair has captured, whatever the sweep has captured since', async () => {
    const world = await readyWorld(everything);
    const before = world.region.attachments.holders();
    const id = await startOld(world);
    const ports = driverPorts(world, failing('associations', 'retarget'));
    await play(
      world,
      id,
      () => ports,
      async () => {
        if ((await readRemediation(world, id)).phase === 'move-associations') await sweepOld(world);
      },
    );
    expect((await readRemediation(world, id)).failure?.phase).toBe('move-associations');
    expect(world.region.attachments.holders()).toEqual(before);
  });

  it('a replacement that never becomes healthy gives all of it back', async () => {
    const world = await readyWorld(everything);
    const before = world.region.attachments.holders();
    const id = await startOld(world);
    await play(world, id, undefined, async () => {
      const { newInstanceId } = await readRemediation(world, id);
      if (newInstanceId !== undefined) world.region.setTargetUnhealthy(newInstanceId, true);
    });
    const record = await readRemediation(world, id);
    expect(record.failure?.phase).toBe('await-healthy');
    expect(world.region.attachments.holders()).toEqual(before);
    // The addresses had not moved yet: they go only to what serves.
    expect(record.calls).not.toHaveProperty('move:elastic-ip:eipalloc-1');
    expect(reasonOf(record, 'return-addresses')).toBe('Nothing of it had moved');
  });

  it('beside a running old one everything goes back too, and the old one never stops', async () => {
    const world = await readyWorld(reachableOnly);
    const before = world.region.attachments.holders();
    const record = await repair(world, failingOnce('registrar', 'deregister'));
    expect(record.failure?.phase).toBe('deregister');
    expect(phasesOf(record)).not.toContain('start-old');
    expect(stateOf(world, OLD)).toBe('running');
    expect(world.region.attachments.holders()).toEqual(before);
  });
});

describe('volumes', () => {
  it('are never taken from an instance that runs', async () => {
    const world = await readyWorld(everything);
    const id = await startOld(world);
    await play(world, id, undefined, async () => {
      const { phase } = await readRemediation(world, id);
      if (phase === 'move-volumes' && stateOf(world, OLD) === 'stopped') world.region.setState(OLD, 'running', 'started by hand');
    });
    const record = await readRemediation(world, id);
    expect(record.failure).toMatchObject({ phase: 'move-volumes' });
    expect(record.failure?.reason).toContain('is not taken from it');
    expect(record.calls).not.toHaveProperty('move:detach:vol-data');
    expect(world.region.attachments.holders()['vol-data']).toBe(OLD);
  });

  it('that stay busy are forced off a stopped instance once half of the time is over, not before', async () => {
    const world = await readyWorld(everything);
    world.region.attachments.keepBusy('vol-data');
    const record = await repair(world);
    expect(record.state).toBe('succeeded');
    const [detach, force] = [record.calls['move:detach:vol-data'], record.calls['move:force-detach:vol-data']];
    expect(Date.parse(force?.intentAt ?? '') - Date.parse(detach?.intentAt ?? '')).toBeGreaterThanOrEqual(300_000);
    expect(record.calls).not.toHaveProperty('move:force-detach:vol-logs');
    expect(world.region.attachments.holders()['vol-data']).toBe(record.newInstanceId);
  });

  it('that cannot come off in time fail the phase, and everything is back', async () => {
    const world = await readyWorld(everything);
    const { volumes } = world.region.attachments;
    const before = world.region.attachments.holders();
    let isHeld = true;
    const holding: Wrap = (name, port) =>
      name !== 'volumes'
        ? port
        : new Proxy(port, {
            get: (target, property) =>
              property === 'detach'
                ? (...words: Parameters<typeof volumes.detach>) => (isHeld ? Promise.resolve() : volumes.detach(...words))
                : (Reflect.get(target, property) as unknown),
          });
    const id = await startOld(world);
    await play(
      world,
      id,
      () => driverPorts(world, holding),
      async () => {
        isHeld = (await readRemediation(world, id)).failure === undefined;
      },
    );
    const record = await readRemediation(world, id);
    expect(record.failure?.reason).toContain('move-volumes took longer than its 600 s');
    expect(world.region.attachments.holders()).toEqual(before);
    expect(stateOf(world, OLD)).toBe('running');
  });

  it('that are gone stop the repair before any harm', async () => {
    const world = await readyWorld(everything);
    const id = await startOld(world);
    await play(world, id, undefined, async () => {
      const { phase } = await readRemediation(world, id);
      if (phase === 'defuse') world.region.attachments.removeVolume('vol-logs');
    });
    const record = await readRemediation(world, id);
    expect(record).toMatchObject({ state: 'stood-down', failure: { phase: 'defuse' } });
    expect(record.reason).toContain('vol-logs does not exist any more');
    expect(stateOf(world, OLD)).toBe('running');
    expect(await world.region.attachments.volumes.read('vol-data')).toMatchObject({ deleteOnTermination: true });
  });

  it('cannot end with the old instance while the repair runs', async () => {
    const world = await readyWorld(everything);
    const id = await startOld(world);
    await play(world, id, undefined, async () => {
      const { phase } = await readRemediation(world, id);
      if (phase === 'fence') world.region.setState(OLD, 'terminated', 'ended by hand');
    });
    const record = await readRemediation(world, id);
    expect(record.state).toBe('succeeded');
    const { 'vol-data': data, 'vol-logs': logs, 'eni-second': second } = world.region.attachments.holders();
    expect([data, logs, second]).toEqual([record.newInstanceId, record.newInstanceId, record.newInstanceId]);
  });
});

describe('snapshots', () => {
  it('of a stateful system are complete before the old one is stopped', async () => {
    const world = await readyWorld(everything);
    const record = await repair(world);
    const [taken, fenced] = [record.calls['snapshot'], record.calls['fence']];
    expect(Date.parse(fenced?.intentAt ?? '') - Date.parse(taken?.intentAt ?? '')).toBeGreaterThanOrEqual(45_000);
    expect(reasonOf(record, 'snapshot')).toContain('Snapshots complete');
  });

  it('that take longer than the recovery point objective stand down; nothing was touched', async () => {
    const world = { ...(await readyWorld(everything)), system: statefulSystem('multiple', { rpoSeconds: 30 }) };
    const before = world.region.attachments.holders();
    const record = await repair(world);
    expect(record).toMatchObject({ state: 'stood-down', failure: { phase: 'snapshot' } });
    expect(world.region.attachments.holders()).toEqual(before);
    expect(await world.region.attachments.volumes.read('vol-data')).toMatchObject({ deleteOnTermination: true });
  });

  it('that a stateful system cannot have stand down', async () => {
    const record = await repair(await readyWorld(everything), failing('snapshots', 'take', 'the key may not be used'));
    expect(record).toMatchObject({ state: 'stood-down', reason: 'the key may not be used' });
  });
});

describe('what somebody else has moved meanwhile', () => {
  it('an Elastic IP address is left where it was given to, and the record says so', async () => {
    const world = await readyWorld(reachableOnly);
    const id = await startOld(world);
    await play(world, id, undefined, async () => {
      const { phase } = await readRemediation(world, id);
      if (phase === 'await-healthy') world.region.attachments.giveElasticIp('eipalloc-1', 'eni-of-i-peer1');
    });
    const record = await readRemediation(world, id);
    expect(record.state).toBe('succeeded');
    expect(world.region.attachments.holders()['198.51.100.1']).toBe('i-peer1');
    expect(record.differences.join()).toContain('198.51.100.1');
  });

  it('a DNS record is left as it was changed', async () => {
    const world = await readyWorld(reachableOnly);
    const id = await startOld(world);
    await play(world, id, undefined, async () => {
      const { phase } = await readRemediation(world, id);
      if (phase === 'await-healthy') world.region.attachments.setRecord(recordName, ['10.7.7.7']);
    });
    const record = await readRemediation(world, id);
    expect(record.state).toBe('succeeded');
    expect(world.region.attachments.holders()[recordName]).toBe('10.7.7.7');
    expect(record.differences.join()).toContain(recordName);
  });
});

describe('a lack of capacity', () => {
  it('is answered by the next type of the policy, each type tried once, and the difference is recorded', async () => {
    const world = await readyWorld({}, 'multiple', { instanceTypes: ['t3a.micro', 't2.micro'] });
    world.region.exhaustedTypes.add('t3.micro').add('t3a.micro');
    const record = await repair(world);
    expect(record.state).toBe('succeeded');
    expect(record.calls['launch']?.result?.['insufficient']).toContain('t3.micro');
    expect(record.calls['launch:t2.micro']?.result?.['instanceId']).toBe(record.newInstanceId);
    expect(world.region.all().find(({ instanceId }) => instanceId === record.newInstanceId)?.instanceType).toBe('t2.micro');
    expect(record.differences.join()).toContain('the replacement is t2.micro');
  });

  it('of every type leaves the old one where it was', async () => {
    const world = await readyWorld(everything);
    world.region.exhaustedTypes.add('t3.micro');
    const before = world.region.attachments.holders();
    const record = await repair(world);
    expect(record.failure?.reason).toContain('EC2 has no capacity');
    expect(world.region.attachments.holders()).toEqual(before);
    expect(stateOf(world, OLD)).toBe('running');
  });
});

describe('a stateful system', () => {
  it('goes on by itself where a snapshot can meet its recovery point objective, and needs a person where none can', async () => {
    expect(verdictOf(await repair(await readyWorld(everything)))).toMatchObject({ verdict: 'pass' });
    const strict = { ...(await readyWorld(everything)), system: statefulSystem('multiple', { rpoSeconds: 0 }) };
    const record = await repair(strict);
    expect(verdictOf(record)).toMatchObject({ verdict: 'approve' });
    expect(record.calls).not.toHaveProperty('fence');
    expect(strict.region.attachments.holders()).toEqual(allAt(strict, OLD));
  });

  it('without a data volume needs a person: what is on its root does not move', async () => {
    const world = { ...(await readyWorld({})), system: statefulSystem() };
    expect(verdictOf(await repair(world))).toMatchObject({ verdict: 'approve' });
  });
});

describe('the plan', () => {
  it('says what is kept and what cannot be, and has the phases that this instance needs', async () => {
    const world = await readyWorld(everything);
    const plan = await planReplacement(driverPorts(world).observe, testHasher, {
      system: world.system,
      policy: world.policy,
      slot: { id: `shop-web/${OLD}`, groupId: 'shop-web/web', instanceId: OLD },
      trigger: { kind: 'instance.target-unhealthy', rule: 'Target Unhealthy', fingerprint: 'f-1', at: world.clock.now(), summary: 'unhealthy' },
      groupMembers: 3,
      systemsInCatalog: 2,
    });
    expect(plan.phases.map(({ name }) => name)).toEqual(expect.arrayContaining(['defuse', 'snapshot', 'fence', 'move-volumes', 'move-records', 'rearm']));
    const kept = plan.kept.join('; ');
    for (const thing of ['vol-data at /dev/sdf', 'eni-second (10.0.1.10)', '10.0.0.200', '198.51.100.1', recordName, 'assoc-1 with AWS-ConfigureAWSPackage']) {
      expect(kept).toContain(thing);
    }
    expect(plan.cannotKeep.join()).toContain('private address');
  });
});
