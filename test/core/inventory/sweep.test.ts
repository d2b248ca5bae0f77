import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../core/environment/errors.ts';
import { imageRecordType } from '../../../core/images/records.ts';
import { type InstanceRecord, instanceType, type SystemRecord, systemRecordType } from '../../../core/inventory/records.ts';
import { recordUnlisted, sweep } from '../../../core/inventory/sweep.ts';
import { keys, partitions } from '../../../core/records/keys.ts';
import { readAll, readRecord, updateRecord } from '../../../core/records/record-type.ts';
import { type Capture, captureType } from '../../../core/remediation/surroundings/capture.ts';
import { remediationType, slotType } from '../../../core/remediation/record.ts';
import { dump, remediationOf, slotOf } from '../remediation/builders.ts';
import { testScope, webPolicy, webSystem, webTarget } from '../remediation/world.ts';
import { catalogOf, inventoryOf, type SweepWorld, sweepWorld } from './world.ts';

const launchedAt = '2026-11-20T09:00:00.000Z';
const web = { 'perennial:system': 'shop-web', 'perennial:role': 'web' };

/** Two web instances on v1, one nobody knows, one of EKS and one in quarantine. */
function fleet(): SweepWorld {
  const world = sweepWorld();
  const { region } = world;
  region.addImage('ami-v1');
  region.approveImage('web', 'ami-v1');
  region.addInstance({ instanceId: 'i-web1', imageId: 'ami-v1', tags: { ...web, Name: 'web 1' }, launchedAt, targets: [webTarget] });
  region.addInstance({ instanceId: 'i-web2', imageId: 'ami-v1', tags: { ...web, 'perennial:slot': 'shop-web/two' }, launchedAt, targets: [webTarget] });
  region.addInstance({ instanceId: 'i-stray', imageId: 'ami-old', tags: {}, launchedAt });
  region.addInstance({ instanceId: 'i-node', imageId: 'ami-eks', tags: { 'eks:cluster-name': 'prod' }, launchedAt });
  region.addInstance({ instanceId: 'i-kept', imageId: 'ami-v1', tags: { ...web, 'perennial:quarantine': 'inc-1' }, launchedAt, targets: [webTarget] });
  return world;
}

async function instance({ store }: SweepWorld, instanceId: string): Promise<InstanceRecord | undefined> {
  return (await readRecord(store, instanceType, keys.instance(testScope, instanceId)))?.body;
}

async function system({ store }: SweepWorld, name = 'shop-web'): Promise<SystemRecord | undefined> {
  return (await readRecord(store, systemRecordType, keys.system(testScope, name)))?.body;
}

async function capture({ store }: SweepWorld, instanceId: string): Promise<Capture | undefined> {
  return (await readRecord(store, captureType, keys.capture(testScope, instanceId)))?.body;
}

const image = async ({ store }: SweepWorld, imageId = 'ami-v1') => (await readRecord(store, imageRecordType, keys.image(testScope, 'web', imageId)))?.body;

async function terminate(world: SweepWorld, instanceId: string): Promise<void> {
  await world.region.terminator.terminate(instanceId);
  world.clock.advance(60);
}

describe('the inventory', () => {
  it('counts every instance and every status (S0-02)', async () => {
    const world = fleet();
    const { counts } = await sweep(world.ports, catalogOf());
    expect(counts).toEqual({ managed: 2, unknown: 1, elsewhere: 1, quarantined: 1, gone: 0 });
    const stored = await readAll(instanceType, (page) => world.store.query(partitions.instances(testScope), '', page));
    expect(stored).toHaveLength(world.region.all().length);
    await terminate(world, 'i-stray');
    expect((await sweep(world.ports, catalogOf())).counts).toEqual({ managed: 2, unknown: 0, elsewhere: 1, quarantined: 1, gone: 1 });
  });

  it('lists an untagged fleet and touches none of it (S0-01)', async () => {
    const world = fleet();
    const before = JSON.stringify(world.region.all());
    const { counts } = await sweep(world.ports, catalogOf([], []));
    expect(counts).toEqual({ managed: 0, unknown: 3, elsewhere: 1, quarantined: 1, gone: 0 });
    expect(JSON.stringify(world.region.all())).toBe(before);
    expect(await capture(world, 'i-web1')).toBeUndefined();
  });

  it('says of an unknown instance since when it has been seen, and keeps that (S0-04)', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    expect(await instance(world, 'i-stray')).toEqual({
      instanceId: 'i-stray',
      status: 'unknown',
      firstSeenAt: '2026-11-21T09:00:00.000Z',
      changedAt: '2026-11-21T09:00:00.000Z',
      state: 'running',
      imageId: 'ami-old',
      instanceType: 't3.micro',
      availabilityZone: 'eu-central-1a',
      subnetId: 'subnet-eu-central-1a',
      vpcId: 'vpc-1',
      securityGroupIds: ['sg-web'],
      privateIpAddress: '10.0.0.6',
    });
    world.clock.advance(300);
    world.region.setTag('i-stray', 'Name', 'what is this server?!');
    await sweep(world.ports, catalogOf());
    expect(await instance(world, 'i-stray')).toMatchObject({
      name: 'what is this server?!',
      firstSeenAt: '2026-11-21T09:00:00.000Z',
      changedAt: '2026-11-21T09:05:00.000Z',
    });
  });

  it('knows slot, role and since when it serves of a managed one', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    expect(await instance(world, 'i-web1')).toMatchObject({
      status: 'managed',
      system: 'shop-web',
      role: 'web',
      slotId: 'shop-web/i-web1',
      inServiceSince: '2026-11-21T09:00:00.000Z',
    });
    expect(await instance(world, 'i-web2')).toMatchObject({ slotId: 'shop-web/two' });
  });

  it('keeps the history of an instance that is gone (S0-30), and which incident found it', async () => {
    const world = fleet();
    await recordUnlisted(world.ports, 'i-stray', 'inc-9');
    await sweep(world.ports, catalogOf());
    const before = await instance(world, 'i-stray');
    expect(before).toMatchObject({ foundByIncidentId: 'inc-9', imageId: 'ami-old' });
    await terminate(world, 'i-stray');
    await terminate(world, 'i-web1');
    const web1 = await instance(world, 'i-web1');
    await sweep(world.ports, catalogOf());
    expect(await instance(world, 'i-stray')).toEqual({ ...before, status: 'gone', state: 'terminated', changedAt: '2026-11-21T09:02:00.000Z' });
    const { inServiceSince, ...rest } = web1 ?? {};
    expect(inServiceSince).toBe('2026-11-21T09:00:00.000Z');
    expect(await instance(world, 'i-web1')).toEqual({ ...rest, status: 'gone', state: 'terminated', changedAt: '2026-11-21T09:02:00.000Z' });
  });

  it('keeps what an incident writes while the sweep is under way', async () => {
    const world = fleet();
    let isFirst = true;
    world.store.beforeWrite = async (key) => {
      if (!isFirst || key.sort !== 'i-stray') return;
      isFirst = false;
      await recordUnlisted({ ...world.ports, store: world.store.inner }, 'i-stray', 'inc-9');
    };
    await sweep(world.ports, catalogOf());
    expect(isFirst).toBe(false);
    expect(await instance(world, 'i-stray')).toMatchObject({ foundByIncidentId: 'inc-9', imageId: 'ami-old' });
  });

  it('never stores user data: only its hash and size', async () => {
    const world = fleet();
    const captures = {
      capture: async (...args: Parameters<typeof world.region.captures.capture>) => {
        const found = await world.region.captures.capture(...args);
        return found === undefined ? undefined : { ...found, userData: { sha256: 'e3b0', sizeBytes: 42, text: 'DB_PASSWORD=hunter2' } };
      },
    };
    await sweep({ ...world.ports, captures }, catalogOf());
    expect((await capture(world, 'i-web1'))?.userData).toEqual({ sha256: 'e3b0', sizeBytes: 42 });
    const stored = JSON.stringify(dump(world.store.inner));
    expect(stored).toContain('e3b0');
    expect(stored).not.toContain('hunter2');
  });
});

describe('a sweep over an unchanged fleet', () => {
  it('writes nothing', async () => {
    const world = fleet();
    const first = await sweep(world.ports, catalogOf());
    expect(first.written).toBe(world.store.written.length);
    world.clock.advance(3600);
    // Verified now: a change, once.
    expect((await sweep(world.ports, catalogOf())).written).toBe(1);
    world.store.written.length = 0;
    for (let hour = 0; hour < 3; hour += 1) {
      world.clock.advance(3600);
      expect(await sweep(world.ports, catalogOf())).toMatchObject({ written: 0, capturesKept: 0, problems: [] });
    }
    expect(world.store.written).toEqual([]);
  });

  it('does not mind the order in which AWS lists security groups, tags or instances', async () => {
    const world = fleet();
    const reversed = (listed: boolean) => ({
      ...world.ports.inventory,
      async *listInstances() {
        const live = world.region.all().map((facts) => ({ ...facts, securityGroupIds: listed ? ['sg-b', 'sg-a'] : ['sg-a', 'sg-b'] }));
        yield listed ? live.toReversed() : live;
      },
    });
    await sweep({ ...world.ports, inventory: reversed(false) }, catalogOf());
    expect((await sweep({ ...world.ports, inventory: reversed(true) }, catalogOf())).written).toBe(0);
  });
});

describe('a crawl that fails on its second page', () => {
  it('calls nothing gone and writes nothing at all', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    const before = dump(world.store.inner);
    const whole = inventoryOf(world.region, 1);
    const broken = {
      ...whole,
      async *listInstances() {
        for await (const page of whole.listInstances()) {
          yield page;
          throw new RetryableError('RequestLimitExceeded');
        }
      },
    };
    await terminate(world, 'i-web2');
    await expect(sweep({ ...world.ports, inventory: broken }, catalogOf())).rejects.toThrow(RetryableError);
    expect(dump(world.store.inner)).toEqual(before);
  });

  it('reads all pages otherwise', async () => {
    const world = fleet();
    expect((await sweep({ ...world.ports, inventory: inventoryOf(world.region, 1) }, catalogOf())).counts.managed).toBe(2);
  });

  it('writes nothing either when the target groups cannot be read', async () => {
    const world = fleet();
    const targets = { ...world.ports.targets, registered: () => Promise.reject(new RetryableError('Throttling')) };
    await expect(sweep({ ...world.ports, targets }, catalogOf())).rejects.toThrow(RetryableError);
    expect(world.store.written).toEqual([]);
  });
});

describe('verified images', () => {
  it('have been seen in service for verifiedAfterSeconds, not a second less', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    world.clock.advance(599);
    await sweep(world.ports, catalogOf());
    expect(await image(world)).toEqual({
      role: 'web',
      imageId: 'ami-v1',
      firstApprovedAt: '2026-11-21T09:00:00.000Z',
      isApproved: true,
      isRevoked: false,
      verifiedGroups: [],
    });
    world.clock.advance(1);
    await sweep(world.ports, catalogOf());
    expect((await image(world))?.verifiedGroups).toEqual([{ groupId: 'shop-web/web', at: '2026-11-21T09:10:00.000Z', instanceId: 'i-web1' }]);
  });

  it('begin anew when the instance fails in between', async () => {
    const world = fleet();
    world.region.setTargetUnhealthy('i-web2', true);
    await sweep(world.ports, catalogOf());
    world.clock.advance(500);
    world.region.setTargetUnhealthy('i-web1', true);
    await sweep(world.ports, catalogOf());
    world.clock.advance(60);
    world.region.setTargetUnhealthy('i-web1', false);
    await sweep(world.ports, catalogOf());
    world.clock.advance(500);
    await sweep(world.ports, catalogOf());
    expect((await image(world))?.verifiedGroups).toEqual([]);
    world.clock.advance(100);
    await sweep(world.ports, catalogOf());
    expect((await image(world))?.verifiedGroups).toHaveLength(1);
  });

  it('are not verified by an instance in quarantine, nor by one without its target', async () => {
    const world = sweepWorld();
    world.region.addImage('ami-v1');
    world.region.approveImage('web', 'ami-v1');
    world.region.addInstance({ instanceId: 'i-kept', imageId: 'ami-v1', tags: { ...web, 'perennial:quarantine': 'inc-1' }, launchedAt, targets: [webTarget] });
    world.region.addInstance({ instanceId: 'i-idle', imageId: 'ami-v1', tags: web, launchedAt });
    for (let sweeps = 0; sweeps < 3; sweeps += 1) {
      await sweep(world.ports, catalogOf());
      world.clock.advance(600);
    }
    expect((await image(world))?.verifiedGroups).toEqual([]);
  });

  it('stay approved only while the parameter holds them; what was revoked stays revoked', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    await updateRecord(world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v1'), (body) =>
      body === undefined ? body : { ...body, isRevoked: true },
    );
    world.region.approveImage('web', 'ami-v2');
    await sweep(world.ports, catalogOf());
    expect(await image(world)).toMatchObject({ isApproved: false, isRevoked: true });
    expect(await image(world, 'ami-v2')).toMatchObject({ isApproved: true, isRevoked: false });
  });
});

describe('systems', () => {
  it('show what runs, and every change with who, when and why (S1-21)', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    expect(await system(world)).toEqual({
      name: 'shop-web',
      status: 'active',
      declaredHash: 'a'.repeat(64),
      observed: { instanceIds: ['i-web1', 'i-web2'], imageIds: ['ami-v1'], zones: ['eu-central-1a'], membersByRole: { web: 2 } },
      changes: [{ at: '2026-11-21T09:00:00.000Z', by: 'sweep', what: 'Instances: i-web1, i-web2; images: ami-v1', why: 'Seen by the sweep', changeClass: 2 }],
    });
    await terminate(world, 'i-web1');
    await sweep(world.ports, catalogOf());
    expect((await system(world))?.changes.map(({ what }) => what)).toEqual(['Instances: i-web1, i-web2; images: ami-v1', 'Instances: i-web2; images: ami-v1']);
  });

  it('keep the newest 50 changes', async () => {
    const world = sweepWorld();
    for (let change = 0; change < 55; change += 1) {
      world.region.addInstance({ instanceId: `i-${String(change).padStart(3, '0')}`, imageId: 'ami-v1', tags: web, launchedAt });
      await sweep(world.ports, catalogOf());
    }
    const found = await system(world);
    expect(found?.changes).toHaveLength(50);
    expect(found?.changes.at(-1)?.what).toContain('i-054');
  });

  it('that were retired are active again once they are declared again, also by the very same catalog', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    await updateRecord(world.store, systemRecordType, keys.system(testScope, 'shop-web'), (body) =>
      body === undefined ? body : { ...body, status: 'retired' as const },
    );
    await sweep(world.ports, catalogOf());
    expect((await system(world))?.status).toBe('active');
  });
});

describe('captures', () => {
  it('are kept of what is in service, and of nothing else', async () => {
    const world = fleet();
    world.region.setTargetUnhealthy('i-web2', true);
    expect((await sweep(world.ports, catalogOf())).capturesKept).toBe(1);
    expect(await capture(world, 'i-web1')).toMatchObject({ instanceId: 'i-web1', imageId: 'ami-v1', targets: [webTarget] });
    for (const other of ['i-web2', 'i-stray', 'i-node', 'i-kept']) expect(await capture(world, other)).toBeUndefined();
  });

  it('keep the last good state of one that fails', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    const good = await capture(world, 'i-web1');
    world.region.setTargetUnhealthy('i-web1', true);
    world.region.setTag('i-web1', 'broken', 'yes');
    world.clock.advance(60);
    await sweep(world.ports, catalogOf());
    expect(await capture(world, 'i-web1')).toEqual(good);
  });

  it('are not taken of one that left its target groups since it was listed, nor of one under repair', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    const good = await capture(world, 'i-web1');
    world.clock.advance(60);
    world.region.setTag('i-web1', 'changed', 'meanwhile');
    const leaving = {
      capture: async (...args: Parameters<typeof world.region.captures.capture>) => {
        const found = await world.region.captures.capture(...args);
        return found === undefined ? undefined : { ...found, targets: [] };
      },
    };
    await sweep({ ...world.ports, captures: leaving }, catalogOf());
    expect(await capture(world, 'i-web1')).toEqual(good);
    const repair = remediationOf({ slotId: 'shop-web/i-web1', instanceId: 'i-web1' });
    await updateRecord(world.store, remediationType, keys.remediation(testScope, repair.id), () => repair);
    const slot = slotOf({ id: repair.slotId, instanceId: 'i-web1', remediationId: repair.id });
    await updateRecord(world.store, slotType, keys.slot(testScope, slot.id), () => slot);
    await sweep(world.ports, catalogOf());
    expect(await capture(world, 'i-web1')).toEqual(good);
  });

  it('are renewed when something changed', async () => {
    const world = fleet();
    await sweep(world.ports, catalogOf());
    world.clock.advance(60);
    world.region.setTag('i-web1', 'cost', '42');
    expect((await sweep(world.ports, catalogOf())).capturesKept).toBe(1);
    expect(await capture(world, 'i-web1')).toMatchObject({ capturedAt: '2026-11-21T09:01:00.000Z', tags: { cost: '42' } });
  });

  it('of one that cannot be read are a problem that is said, and stop no other', async () => {
    const world = fleet();
    const captures = {
      capture: (instanceId: string, names: readonly string[], at: string) =>
        instanceId === 'i-web1' ? Promise.reject(new RetryableError('Throttling')) : world.region.captures.capture(instanceId, names, at),
    };
    expect(await sweep({ ...world.ports, captures }, catalogOf())).toMatchObject({ capturesKept: 1, problems: ['i-web1: Throttling'] });
    expect(await capture(world, 'i-web2')).toBeDefined();
  });

  it('are taken of at most 100 instances a sweep, and of all of them in the end', async () => {
    const world = sweepWorld();
    for (let count = 0; count < 250; count += 1)
      world.region.addInstance({ instanceId: `i-${String(count).padStart(3, '0')}`, imageId: 'ami-v1', tags: web, launchedAt, targets: [webTarget] });
    const kept: number[] = [];
    for (let sweeps = 0; sweeps < 4; sweeps += 1) kept.push((await sweep(world.ports, catalogOf([webSystem()], [webPolicy()]))).capturesKept);
    expect(kept).toEqual([100, 100, 50, 0]);
    expect(await capture(world, 'i-249')).toBeDefined();
  });
});
