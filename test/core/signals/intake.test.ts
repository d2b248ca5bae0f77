import { describe, expect, it } from 'vitest';
import type { CompiledCatalog } from '../../../core/catalog/schema.ts';
import { addSeconds } from '../../../core/environment/time.ts';
import { listOpenIncidents, readTimeline, setIncidentState } from '../../../core/incidents/incidents.ts';
import { sendDue } from '../../../core/incidents/notify.ts';
import type { NotificationMessage } from '../../../core/incidents/ports.ts';
import { incidentType } from '../../../core/incidents/record.ts';
import { type InstanceRecord, instanceType } from '../../../core/inventory/records.ts';
import { sweep } from '../../../core/inventory/sweep.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../core/records/record-type.ts';
import type { RecordStore } from '../../../core/records/store.ts';
import { listRemediations } from '../../../core/remediation/hindsight/history.ts';
import { groupType, pauseType, remediationType, slotType } from '../../../core/remediation/record.ts';
import { type IntakePorts, type IntakeResult, takeIn } from '../../../core/signals/intake.ts';
import { signalRecordType } from '../../../core/signals/record.ts';
import type { Signal } from '../../../core/signals/signal.ts';
import { CollectingLog } from '../../../sim/deterministic.ts';
import { catalogOf, inventoryOf } from '../inventory/world.ts';
import { dump } from '../remediation/builders.ts';
import { GROUP, groupWorld, MEMBER, memberSlotId } from '../remediation/group-world.ts';
import { createWorld, OLD, observePorts, testHasher, testScope, type World } from '../remediation/world.ts';

const containing = (part: string): unknown => expect.stringContaining(part);

const SLOT = `shop-web/${OLD}`;

interface Intake {
  readonly world: World;
  readonly catalog: CompiledCatalog;
  readonly take: (signal: Signal, store?: RecordStore) => Promise<IntakeResult>;
}

function portsOf(world: World, store: RecordStore): IntakePorts {
  return {
    store,
    scope: testScope,
    clock: world.clock,
    hasher: testHasher,
    alarms: world.region.alarms,
    publisher: {
      publish: async (message: NotificationMessage) => {
        world.sent.push(message);
        return { messageId: `m-${world.sent.length}` };
      },
    },
    catalog: async () => ({ systems: [world.system] }),
    executions: { start: async ({ remediationId }) => void world.started.push(remediationId) },
    pageTimer: { arm: async (remediationId, at) => void world.armed.push({ remediationId, at }) },
  };
}

/** The web fleet of the remediation world, as a first sweep has listed it. */
async function intake(spec: Readonly<Record<string, unknown>> = {}, world: World = createWorld('multiple', spec)): Promise<Intake> {
  const catalog = catalogOf([world.system], [world.policy]);
  await sweep({ ...observePorts(world), log: new CollectingLog(), inventory: inventoryOf(world.region) }, catalog);
  world.clock.advance(60);
  return { world, catalog, take: (said, store = world.store) => takeIn(portsOf(world, store), catalog, said) };
}

function signal(world: World, changes: Partial<Signal> = {}): Signal {
  return {
    kind: 'instance.target-unhealthy',
    subject: { type: 'instance', id: OLD },
    severity: 'high',
    state: 'firing',
    at: world.clock.now(),
    source: 'perennial',
    rule: 'target-health',
    scope: testScope,
    summary: `Instance ${OLD} is unhealthy as a target`,
    details: {},
    ...changes,
  };
}

const unlisted = (world: World, changes: Partial<Signal> = {}): Signal =>
  signal(world, { subject: { type: 'instance', id: 'i-nobody' }, summary: 'Instance i-nobody is unhealthy', ...changes });

async function instance({ world }: Intake, instanceId: string): Promise<InstanceRecord | undefined> {
  return (await readRecord(world.store, instanceType, keys.instance(testScope, instanceId)))?.body;
}

/** The intake's world after the old instance was replaced. */
async function replaced(): Promise<Intake> {
  const all = await intake();
  await createRecord(all.world.store, slotType, keys.slot(testScope, SLOT), {
    id: SLOT,
    system: 'shop-web',
    groupId: 'shop-web/web',
    instanceId: 'i-new',
    retiredInstanceIds: [OLD],
    attempts: [],
  });
  return all;
}

const incidentIdOf = (result: IntakeResult): string => ('incidentId' in result ? result.incidentId : `no incident: ${result.reason}`);

describe('an alarm about no instance', () => {
  it.each([
    ['prod-*-5xx', 'prod-shop-5xx', 'shop-web'],
    ['prod-*-5xx', 'prod-shop-4xx', undefined],
    ['prod-shop*', 'prod-shop-5xx', 'shop-web'],
    ['prod-shop', 'prod-shop-5xx', undefined],
  ])('belongs to the system whose catalog names it: %s and %s', async (glob, alarmName, system) => {
    const { world, catalog } = await intake();
    const listing = { ...catalog, systems: catalog.systems.map((one) => ({ ...one, spec: { ...one.spec, alarms: [glob] } })) };
    const result = await takeIn(
      portsOf(world, world.store),
      listing,
      signal(world, { kind: 'alarm.state-change', subject: { type: 'alarm', id: alarmName }, rule: alarmName }),
    );
    const incident = await readRecord(world.store, incidentType, keys.incident(testScope, incidentIdOf(result)));
    expect(incident?.body.system).toBe(system);
  });
});

describe('a trouble signal of a listed trigger', () => {
  it('opens an incident, claims the slot, arms the page and starts the repair, in this order of certainty (S0-14)', async () => {
    const { world, take } = await intake();
    const result = await take(signal(world));
    expect(result).toMatchObject({ kind: 'repair', reason: 'Admitted' });
    const [remediation] = await listRemediations(world.store, testScope);
    expect(remediation).toMatchObject({ state: 'running', slotId: SLOT, oldInstanceId: OLD, attempt: 1, incidentId: incidentIdOf(result) });
    expect(world.started).toEqual([remediation?.id]);
    expect(world.armed).toEqual([{ remediationId: remediation?.id, at: remediation?.pageAt }]);
    expect(world.sent.map(({ channels }) => channels)).toEqual([['https']]);
  });

  it('changes nothing when it is delivered again, however often (S1-17)', async () => {
    const { world, take } = await intake();
    const first = signal(world);
    await take(first);
    const before = dump(world.store);
    for (let delivery = 0; delivery < 3; delivery += 1) {
      world.clock.advance(30);
      expect(await take(first)).toEqual({ kind: 'duplicate', reason: 'This very event was handled before, whatever the catalog said then' });
    }
    expect(dump(world.store)).toEqual(before);
    expect(world.started).toHaveLength(1);
    expect(world.sent).toHaveLength(1);
  });

  it('said in other words at the same moment is a duplicate by its fingerprint', async () => {
    const { world, take } = await intake();
    const first = signal(world);
    await take(first);
    expect(await take({ ...first, at: addSeconds(first.at, 1) })).toEqual({ kind: 'duplicate', reason: `Already firing since ${first.at}` });
    expect(world.started).toHaveLength(1);
  });

  it.each(['firing', 'resolved'] as const)(
    'changes nothing when it is delivered again under a catalog by which it belongs elsewhere: %s (S1-17)',
    async (state) => {
      const { world, take, catalog } = await intake();
      const first = signal(world);
      await take(first);
      const told = { ...first, state, at: addSeconds(first.at, state === 'firing' ? 0 : 60) };
      if (state === 'resolved') await take(told);
      const before = dump(world.store);
      world.clock.advance(3600);
      const other = { ...catalog, systems: [], policies: [] };
      expect((await takeIn(portsOf(world, world.store), other, told)).kind).toBe('duplicate');
      expect(dump(world.store)).toEqual(before);
    },
  );

  it('is heard to its end by the next delivery when the first one died', async () => {
    const { world, catalog } = await intake();
    const first = signal(world);
    const dying = { ...portsOf(world, world.store), executions: { start: () => Promise.reject(new Error('the function died')) } };
    await expect(takeIn(dying, catalog, first)).rejects.toThrow('died');
    expect((await takeIn(portsOf(world, world.store), catalog, first)).kind).toBe('repair');
    expect(world.started).toHaveLength(1);
  });

  it('is late when something younger was heard, and changes nothing but that it was heard', async () => {
    const { world, take } = await intake();
    const fired = signal(world);
    await take(signal(world, { state: 'resolved', severity: 'info', at: addSeconds(fired.at, 30) }));
    const all = (): ReturnType<typeof dump> => dump(world.store).filter(({ key }) => !key.partition.endsWith('#signal-event'));
    const before = all();
    expect((await take(fired)).kind).toBe('late');
    expect(all()).toEqual(before);
    expect(world.started).toEqual([]);
  });

  it('does not start anything while paused, and tells a person why', async () => {
    const { world, take } = await intake();
    await createRecord(world.store, pauseType, keys.pause(testScope, 'global'), {
      target: 'global',
      isPaused: true,
      by: 'kim',
      reason: 'migration',
      at: world.clock.now(),
    });
    expect(await take(signal(world))).toMatchObject({ kind: 'incident', reason: 'pause: Paused (global) by kim: migration' });
    expect(world.started).toEqual([]);
    expect(world.sent.map(({ channels }) => channels)).toEqual([['https', 'email', 'sms']]);
  });

  it('goes on with what it claimed when a pause comes between a crash and the next delivery: no slot is held by nobody', async () => {
    const { world, catalog, take } = await intake();
    const fired = signal(world);
    const dying: IntakePorts = { ...portsOf(world, world.store), pageTimer: { arm: () => Promise.reject(new Error('the process died')) } };
    await expect(takeIn(dying, catalog, fired)).rejects.toThrow('the process died');
    await createRecord(world.store, pauseType, keys.pause(testScope, 'global'), {
      target: 'global',
      isPaused: true,
      by: 'kim',
      reason: 'migration',
      at: world.clock.now(),
    });
    expect((await take(fired)).kind).toBe('repair');
    expect(world.started).toHaveLength(1);
    expect(world.armed).toHaveLength(1);
  });
});

describe('a signal that is not a listed trigger', () => {
  it('opens an incident only: nobody repairs it, so a loud one pages now', async () => {
    const { world, take } = await intake({ triggers: ['instance.status-check'] });
    expect(await take(signal(world))).toMatchObject({ kind: 'incident', reason: 'The policy shop-web does not list instance.target-unhealthy as a trigger' });
    expect(world.started).toEqual([]);
    expect(await listRemediations(world.store, testScope)).toEqual([]);
    expect(world.sent.map(({ channels }) => channels)).toEqual([['https', 'email', 'sms']]);
  });

  it('of an alarm counts by the alarm it was cloned from: the second failure of a slot is repaired like the first', async () => {
    const { world, take } = await intake();
    world.region.addAlarm({ name: `shop-web-unhealthy--${OLD}`, state: 'ALARM', instanceId: OLD, alarmOf: 'shop-web-unhealthy' });
    const result = await take(signal(world, { kind: 'alarm.state-change', rule: `shop-web-unhealthy--${OLD}` }));
    expect(result.kind).toBe('repair');
    const [remediation] = await listRemediations(world.store, testScope);
    expect(remediation?.trigger).toMatchObject({
      alarmName: `shop-web-unhealthy--${OLD}`,
      originalAlarmName: 'shop-web-unhealthy',
      rule: 'shop-web-unhealthy',
    });
  });

  it('of another alarm of the same instance does not repair it', async () => {
    const { world, take } = await intake();
    world.region.addAlarm({ name: 'shop-web-cpu', state: 'ALARM', instanceId: OLD });
    expect((await take(signal(world, { kind: 'alarm.state-change', rule: 'shop-web-cpu' }))).kind).toBe('incident');
    expect(world.started).toEqual([]);
  });

  it('that only informs is noted', async () => {
    const { world, take } = await intake();
    expect(await take(signal(world, { state: 'info' }))).toEqual({ kind: 'noted', reason: 'It asks for nothing' });
    expect(await listOpenIncidents(world.store, testScope)).toEqual([]);
  });
});

describe('an instance that nobody has listed', () => {
  it('enters the inventory with first seen and incident id, and the message says that it was not there (S0-04)', async () => {
    const all = await intake();
    const { world, take } = all;
    const result = await take(unlisted(world));
    expect(result.kind).toBe('incident');
    expect(await instance(all, 'i-nobody')).toMatchObject({ status: 'unknown', firstSeenAt: world.clock.now(), foundByIncidentId: incidentIdOf(result) });
    const [message] = world.sent;
    expect(message?.subject).toContain('was not in inventory');
    expect(message?.text).toContain('was not in inventory');
    expect(world.started).toEqual([]);
    const incident = await readRecord(world.store, incidentType, keys.incident(testScope, incidentIdOf(result)));
    expect(incident?.body).toMatchObject({ wasInInventory: false, place: 'instance/i-nobody', owner: 'operators' });
  });

  it('is told once, also when a second rule speaks of it', async () => {
    const { world, take } = await intake();
    const first = await take(unlisted(world));
    world.clock.advance(30);
    const second = await take(unlisted(world, { kind: 'instance.status-check', rule: 'status-check' }));
    expect(incidentIdOf(second)).toBe(incidentIdOf(first));
    expect(world.sent).toHaveLength(1);
  });

  it('is in the inventory the next time', async () => {
    const { world, take } = await intake();
    await take(unlisted(world));
    world.clock.advance(600);
    await take(unlisted(world, { state: 'resolved', severity: 'info' }));
    const [calm] = await listOpenIncidents(world.store, testScope);
    await setIncidentState(
      { store: world.store, scope: testScope, clock: world.clock, hasher: testHasher },
      calm?.id ?? '',
      'resolved',
      'over',
      world.clock.now(),
    );
    world.clock.advance(86_400);
    const again = await take(unlisted(world));
    const incident = await readRecord(world.store, incidentType, keys.incident(testScope, incidentIdOf(again)));
    expect(incident?.body.wasInInventory).toBe(true);
    expect(world.sent.at(-1)?.subject).not.toContain('inventory');
  });
});

describe('an instance that was replaced', () => {
  it('may say what it likes: it opens nothing and repairs nothing', async () => {
    const { world, take } = await replaced();
    expect(await take(signal(world))).toEqual({ kind: 'noted', reason: 'It speaks of a retired instance' });
    expect(await listOpenIncidents(world.store, testScope)).toEqual([]);
    expect(world.started).toEqual([]);
    expect(world.sent).toEqual([]);
  });

  it('does not hide what its successor in the slot says, nor calm it', async () => {
    const all = await replaced();
    const { world, take } = all;
    const before = await instance(all, OLD);
    if (before === undefined) throw new Error('not listed');
    await createRecord(world.store, instanceType, keys.instance(testScope, 'i-new'), { ...before, instanceId: 'i-new', slotId: SLOT });
    const ofNew = signal(world, { subject: { type: 'instance', id: 'i-new' } });
    world.clock.advance(30);
    await take(signal(world));
    expect((await take(ofNew)).kind).toBe('repair');
    world.clock.advance(30);
    await take(signal(world, { state: 'resolved', severity: 'info' }));
    expect(await listOpenIncidents(world.store, testScope)).toHaveLength(1);
  });
});

const reportOf = (world: World, change: Partial<Signal>): Signal => signal(world, { source: 'perennial', details: { system: 'shop-web' }, ...change });

describe('what a check or a person says', () => {
  it('opens an incident for a failed check of what others run; nothing of ours is replaced (S4-32)', async () => {
    const { world, take } = await intake();
    const result = await take(
      reportOf(world, {
        kind: 'check.failed',
        rule: 'partner-payments',
        subject: { type: 'check', id: 'partner-payments' },
        summary: 'External, run by others: the check failed.',
      }),
    );
    expect(result.kind).toBe('incident');
    expect(await listOpenIncidents(world.store, testScope)).toMatchObject([
      { state: 'open', system: 'shop-web', owner: 'team-shop', title: containing('External') },
    ]);
    expect(world.started).toEqual([]);
    expect(world.sent.map(({ notificationId }) => notificationId)).toEqual([containing(':needs-person:')]);
  });

  it('opens an incident with an owner for a report, and knows that a person noticed it (S3-25)', async () => {
    const { world, take } = await intake();
    const report = reportOf(world, {
      kind: 'system.reported',
      rule: 'empty page',
      subject: { type: 'system', id: 'shop-web' },
      summary: 'Reported by a person: empty page',
    });
    await take(report);
    await take(report);
    expect(await listOpenIncidents(world.store, testScope)).toMatchObject([{ owner: 'team-shop', detectedBy: 'person', severity: 'high' }]);
    expect(world.sent).toHaveLength(1);
  });
});

describe('the end of a trouble', () => {
  it('leaves the incident stable, tells nobody yet and calms the group, unless a repair runs', async () => {
    const { world, take } = await intake({ triggers: ['instance.status-check'] });
    const opened = await take(signal(world));
    world.clock.advance(60);
    expect(await take(signal(world, { state: 'resolved', severity: 'info' }))).toEqual({
      kind: 'incident',
      incidentId: incidentIdOf(opened),
      reason: 'The incident is stable',
    });
    expect(await listOpenIncidents(world.store, testScope)).toMatchObject([{ state: 'stable' }]);
    expect(world.sent.filter(({ notificationId }) => notificationId.includes('resolved'))).toEqual([]);
  });

  it('leaves the incident to the repair that runs, and takes the slot off the group’s unhealthy ones', async () => {
    const { world, take } = await intake();
    await take(signal(world));
    const group = async () => (await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')))?.body;
    expect((await group())?.unhealthy).toHaveLength(1);
    world.clock.advance(60);
    expect(await take(signal(world, { state: 'resolved', severity: 'info' }))).toMatchObject({ kind: 'incident', reason: 'The incident is open' });
    expect((await group())?.unhealthy).toEqual([]);
    expect((await group())?.inFlight).toHaveLength(1);
  });

  it('that ends nothing is noted', async () => {
    const { world, take } = await intake();
    expect(await take(signal(world, { state: 'resolved', severity: 'info' }))).toEqual({ kind: 'noted', reason: 'It resolves nothing that is open' });
  });
});

/** Dies at one call of the store, before or after it takes effect. */
function dyingStore(inner: RecordStore, fatal: number, moment: 'before' | 'after'): { readonly store: RecordStore; readonly calls: () => number } {
  let calls = 0;
  const around = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    calls += 1;
    const isFatal = calls === fatal;
    if (isFatal && moment === 'before') throw new Error('the process died');
    const result = await call();
    if (isFatal) throw new Error('the process died');
    return result;
  };
  const store: RecordStore = {
    get: (key) => around(() => inner.get(key)),
    write: (writes) => around(() => inner.write(writes)),
    query: (partition, prefix, page) => around(() => inner.query(partition, prefix, page)),
    list: (list, page) => around(() => inner.list(list, page)),
  };
  return { store, calls: () => calls };
}

const isAboutTelling = (sort: string, body: unknown): boolean =>
  sort.includes('notification:') || JSON.stringify(body).includes('"intentAt"') || JSON.stringify(body).includes('Told by');

/** All that must be the same: who was told in which attempt may differ by a crash. */
function facts(world: World): readonly unknown[] {
  return (
    dump(world.store)
      .filter(({ key, body }) => key.partition.endsWith('#remediation') || !isAboutTelling(key.sort, body))
      // Who of two deliveries began it may be said in other words.
      .map(({ key, body }) => ({ key, body: JSON.stringify(body).replace('Claimed by an earlier delivery of this signal', 'Admitted') }))
  );
}

const stories = {
  'a repair': (world: World) => signal(world),
  'an unlisted instance': (world: World) => unlisted(world),
  'a trigger that is not listed': (world: World) => signal(world, { kind: 'instance.rebalance', rule: 'rebalance' }),
} as const;

describe('a crash anywhere in the intake', () => {
  for (const [name, signalOf] of Object.entries(stories)) {
    it(`ends in the same state after the next delivery: ${name}`, async () => {
      const reference = await intake();
      const counting = dyingStore(reference.world.store, 0, 'before');
      const expected = await reference.take(signalOf(reference.world), counting.store);
      const wanted = facts(reference.world);
      expect(counting.calls()).toBeGreaterThan(10);
      for (let call = 1; call <= counting.calls(); call += 1) {
        for (const moment of ['before', 'after'] as const) {
          const { world, take } = await intake();
          const said = signalOf(world);
          await expect(take(said, dyingStore(world.store, call, moment).store), `${moment} call ${call}`).rejects.toThrow('the process died');
          const again = await take(said);
          // After the very last write nothing is left to do.
          if (again.kind !== 'duplicate')
            expect({ kind: again.kind, id: incidentIdOf(again) }, `${moment} call ${call}`).toEqual({ kind: expected.kind, id: incidentIdOf(expected) });
          expect(facts(world), `${moment} call ${call}`).toEqual(wanted);
          expect(new Set(world.started).size, `${moment} call ${call}`).toBe(new Set(reference.world.started).size);
          world.clock.advance(60);
          await sendDue(portsOf(world, world.store));
          const told = new Set(world.sent.map(({ notificationId }) => notificationId));
          expect(told, `${moment} call ${call}`).toEqual(new Set(reference.world.sent.map(({ notificationId }) => notificationId)));
          expect(world.sent.length, `${moment} call ${call}`).toBeLessThanOrEqual(told.size + 1);
        }
      }
    });
  }

  it('keeps the incident of the first delivery when the story goes on meanwhile', async () => {
    const { world, take } = await intake();
    const fired = signal(world);
    await expect(take(fired, dyingStore(world.store, 12, 'after').store)).rejects.toThrow('the process died');
    await take(signal(world, { state: 'resolved', severity: 'info', at: addSeconds(fired.at, 30) }));
    expect((await take(fired)).kind).toBe('late');
    expect(world.started).toEqual([]);
  });
});

const unhealthy = async ({ world }: Intake) => (await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')))?.body.unhealthy;

describe('members of an Auto Scaling group', () => {
  const OTHER = 'i-member-a2';

  it('share the slot of their group in a zone, yet each has its own trouble, incident and end', async () => {
    const all = await intake({}, groupWorld());
    const { world, take } = all;
    expect(await instance(all, MEMBER)).toMatchObject({ slotId: memberSlotId, autoScalingGroup: GROUP });
    const first = await take(signal(world, { subject: { type: 'instance', id: MEMBER } }));
    world.clock.advance(1);
    const second = await take(signal(world, { subject: { type: 'instance', id: OTHER } }));
    expect(first.kind).toBe('repair');
    // One at a time in the slot; but the second is neither a repetition of the first nor lost for the breaker.
    expect(second.kind).toBe('incident');
    expect(second.reason).toContain('one at a time');
    expect((await unhealthy(all))?.map(({ instanceId }) => instanceId)).toEqual([MEMBER, OTHER]);
    const [newest] = (await listRemediations(world.store, testScope)).filter(({ state }) => state === 'running');
    expect(newest).toMatchObject({ oldInstanceId: MEMBER, slotId: memberSlotId, path: 'group-member' });
    await take(signal(world, { subject: { type: 'instance', id: OTHER }, state: 'resolved', at: addSeconds(world.clock.now(), 1) }));
    expect((await unhealthy(all))?.map(({ instanceId }) => instanceId)).toEqual([MEMBER]);
  });
});

describe('two things said of one failure', () => {
  it('are one incident and one repair, and nobody is woken while it runs', async () => {
    const { world, take } = await intake();
    const first = await take(signal(world));
    world.clock.advance(20);
    world.region.setStatus(OLD, 'instance', 'impaired');
    const second = await take(signal(world, { kind: 'instance.status-check', rule: 'status-check' }));
    expect(incidentIdOf(second)).toBe(incidentIdOf(first));
    expect(world.started).toHaveLength(1);
    expect(world.sent.filter(({ channels }) => channels.includes('sms'))).toEqual([]);
    const timeline = await readTimeline(world.store, testScope, incidentIdOf(first));
    expect(timeline.some(({ text }) => text.includes('one at a time'))).toBe(true);
  });

  it('are heard again once the repair that held the slot is over and has failed', async () => {
    const { world, take } = await intake();
    await take(signal(world));
    const [running] = await listRemediations(world.store, testScope);
    await updateRecord(world.store, remediationType, keys.remediation(testScope, running?.id ?? ''), (body) =>
      body === undefined ? body : { ...body, state: 'failed' as const },
    );
    await updateRecord(world.store, slotType, keys.slot(testScope, SLOT), (slot) => {
      if (slot === undefined) return slot;
      const { remediationId: _free, ...rest } = slot;
      return rest;
    });
    await updateRecord(world.store, groupType, keys.group(testScope, 'shop-web/web'), (group) => (group === undefined ? group : { ...group, inFlight: [] }));
    world.clock.advance(60);
    expect((await take(signal(world))).kind).toBe('repair');
    expect(world.started).toHaveLength(2);
    const stored = await Promise.all([...new Set(world.started)].map((id) => readRecord(world.store, remediationType, keys.remediation(testScope, id))));
    expect(stored.map((record) => record?.body.attempt)).toEqual([1, 2]);
  });

  it('leave one record of the signal, handled to its end', async () => {
    const { world, take } = await intake();
    await take(signal(world));
    const stored = dump(world.store).filter(({ key }) => key.partition.endsWith('#signal'));
    expect(stored.map(({ body }) => signalRecordType.schema.parse(body).isHandled)).toEqual([true]);
  });
});
