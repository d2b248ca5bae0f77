import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { type InstanceRecord, instanceType } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import type { RecordKey, StoredRecord } from '../../../../core/records/store.ts';
import { reap } from '../../../../core/remediation/reaper/reap.ts';
import { decideOrphan, decideUntagged, type OrphanFacts, reapOrphans } from '../../../../core/remediation/reaper/reap-orphans.ts';
import { type PhaseName, type Remediation, slotType } from '../../../../core/remediation/record.ts';
import { instanceFacts, NOW, remediationOf, slotOf } from '../builders.ts';
import { createReapingWorld, failedLaunch, HOURS_AGO, type ReapingWorld, refusing, storeWith, unreadableReason } from '../reaping-world.ts';
import { testScope } from '../world.ts';

const tags = { 'perennial:system': 'shop-web', 'perennial:remediation': 'rem-1' };
const orphan = instanceFacts({ instanceId: 'i-orphan', launchedAt: HOURS_AGO, tags });
const facts = (changes: Partial<OrphanFacts> = {}): OrphanFacts => ({
  instance: orphan,
  remediation: failedLaunch(),
  slotId: undefined,
  inServiceSince: undefined,
  ...changes,
});
const ofPhase =
  (outcome: 'done' | 'failed') =>
  (name: PhaseName): Remediation['phases'][number] => ({ name, startedAt: HOURS_AGO, endedAt: HOURS_AGO, outcome, reason: 'said so' });
const [done, failed] = [ofPhase('done'), ofPhase('failed')];
const launchedBy = (instanceId: string | undefined) => ({
  launch: { attempt: 1, intentAt: HOURS_AGO, ...(instanceId === undefined ? {} : { outcomeAt: HOURS_AGO, result: { instanceId } }) },
});

const heard = (result: Readonly<Record<string, string>>) => ({ attempt: 1, intentAt: HOURS_AGO, outcomeAt: HOURS_AGO, result });
const unheard = { attempt: 1, intentAt: HOURS_AGO };
const noCapacity = heard({ insufficient: 'no t3.micro' });
const afterCalls = (calls: Remediation['calls'], changes: Partial<Remediation> = {}): OrphanFacts =>
  facts({ remediation: failedLaunch({ calls, ...changes }) });
const afterPhases = (...phases: Remediation['phases']): OrphanFacts => facts({ remediation: failedLaunch({ phases }) });
const ofInstance = (changes: Partial<OrphanFacts['instance']>): OrphanFacts => facts({ instance: { ...orphan, ...changes } });

const ENDED = 'rem-1 launched it and ended failed; no slot holds it';
const NOT_LAUNCHED = 'It carries the tag of rem-1, which did not launch it';
const ALL_THAT_SERVES = 'rem-1 failed after it had taken the old instance out: this may be all that serves';

describe('the decision about what a launch of ours made (S1-17, S0-21)', () => {
  it.each([
    ['tag and record agree, and nobody needs it', facts(), ENDED],
    ['the launch was never heard of', afterCalls({ launch: unheard }), ENDED],
    ['another type was launched, for there was no capacity', afterCalls({ launch: noCapacity, 'launch:t3a.micro': heard({ instanceId: 'i-orphan' }) }), ENDED],
    ['only another type was launched, for the image does not fit its own', afterCalls({ 'launch:t3a.micro': heard({ instanceId: 'i-orphan' }) }), ENDED],
    ['the launch as another type was never heard of', afterCalls({ launch: noCapacity, 'launch:t3a.micro': unheard }), ENDED],
    ['it is the copy that a drill broke', afterCalls({ 'launch-throwaway': heard({ instanceId: 'i-orphan' }), launch: heard({ instanceId: 'i-2' }) }), ENDED],
    ['a drill that worked has left it', facts({ remediation: failedLaunch({ state: 'succeeded', isDrill: true }) }), ENDED.replace('failed', 'succeeded')],
    ['the old one stayed in: its deregistration failed', afterPhases(done('launch'), failed('deregister')), ENDED],
    ['it had taken over and was put away again', afterPhases(done('deregister'), failed('verify'), done('quarantine-new')), ENDED],
    ['a drill has taken nothing over', facts({ remediation: failedLaunch({ isDrill: true, phases: [done('deregister'), failed('verify')] }) }), ENDED],
    ['it is exactly an hour old', ofInstance({ launchedAt: '2026-11-21T08:00:00.000Z' }), ENDED],
  ] as const)('puts it away: %s', (_what, given, reason) => {
    expect(decideOrphan(given, NOW)).toEqual({ kind: 'quarantine', instanceId: 'i-orphan', remediation: given.remediation, reason });
  });

  it.each([
    ['it launched nothing', afterCalls({}), NOT_LAUNCHED],
    ['it launched another', afterCalls(launchedBy('i-other')), NOT_LAUNCHED],
    ['its launch was refused', afterCalls({ launch: heard({ refused: 'not authorized' }) }), NOT_LAUNCHED],
    ['it launched another as another type', afterCalls({ launch: noCapacity, 'launch:t3a.micro': heard({ instanceId: 'i-other' }) }), NOT_LAUNCHED],
    ['another call names it', afterCalls({ 'stop:i-orphan': heard({ instanceId: 'i-orphan' }) }), NOT_LAUNCHED],
    ['the repair worked', facts({ remediation: failedLaunch({ state: 'succeeded' }) }), 'rem-1 put it into service, but no slot holds it'],
    ['it had taken over before its repair failed', afterPhases(done('deregister'), failed('verify')), ALL_THAT_SERVES],
    ['it had taken over and could not be put away again', afterPhases(done('deregister'), failed('quarantine-new')), ALL_THAT_SERVES],
    ['it serves', facts({ inServiceSince: HOURS_AGO }), `No slot holds it, but it has been in service since ${HOURS_AGO}`],
  ] as const)('reports it: %s', (_what, given, reason) => {
    expect(decideOrphan(given, NOW)).toEqual({ kind: 'report', instanceId: 'i-orphan', incidentId: 'inc-1', reason });
  });

  it('reports it: there is no such remediation', () => {
    const reason = 'Its tag names a remediation of which there is no record';
    expect(decideOrphan(facts({ remediation: undefined }), NOW)).toEqual({ kind: 'report', instanceId: 'i-orphan', reason });
  });

  it.each([
    ['a slot holds it', facts({ slotId: 'shop-web/1' }), 'The slot shop-web/1 holds it'],
    ['its repair still runs', facts({ remediation: failedLaunch({ state: 'running' }) }), 'rem-1 is still running'],
    ['a person holds it', ofInstance({ tags: { ...tags, 'perennial:hold': 'kim' } }), 'It is on hold (kim)'],
    ['it is younger than an hour', ofInstance({ launchedAt: '2026-11-21T08:00:00.001Z' }), 'It was launched less than an hour ago'],
    ['it is being terminated', ofInstance({ state: 'shutting-down' }), 'It is shutting-down already'],
    ['it is gone', ofInstance({ state: 'terminated' }), 'It is terminated already'],
  ] as const)('keeps it: %s', (_what, given, reason) => {
    expect(decideOrphan(given, NOW)).toEqual({ kind: 'keep', instanceId: 'i-orphan', reason });
  });
});

const known = (changes: Partial<InstanceRecord> = {}): InstanceRecord => ({
  instanceId: 'i-orphan',
  status: 'managed',
  firstSeenAt: HOURS_AGO,
  changedAt: HOURS_AGO,
  state: 'running',
  imageId: 'ami-v1',
  instanceType: 't3.micro',
  availabilityZone: 'eu-central-1a',
  subnetId: 'subnet-a',
  vpcId: 'vpc-1',
  securityGroupIds: [],
  ...changes,
});

const untaggedReason = (state: string): string => `rem-1 launched it and ended ${state}, but it does not carry its tag: only the record says that it is ours`;

const endedAt = (at: string | undefined) => failedLaunch({ timing: { detectedAt: HOURS_AGO, decidedAt: NOW, ...(at === undefined ? {} : { endedAt: at }) } });

describe('the decision about what only a record claims', () => {
  it.each([
    ['failed', failedLaunch()],
    ['stood-down', failedLaunch({ state: 'stood-down' })],
    ['succeeded', failedLaunch({ state: 'succeeded', isDrill: true })],
    ['failed', endedAt('2026-11-21T08:00:00.000Z')],
  ] as const)('reports what a repair that %s launched, never more', (state, remediation) => {
    const reason = untaggedReason(state);
    expect(decideUntagged(remediation, known(), NOW)).toEqual({ kind: 'report', instanceId: 'i-orphan', incidentId: 'inc-1', reason });
  });

  it.each([
    ['is gone', failedLaunch(), known({ status: 'gone' })],
    ['is in quarantine', failedLaunch(), known({ status: 'quarantined' })],
    ['serves', failedLaunch({ state: 'succeeded' }), known()],
    ['is of a running repair', failedLaunch({ state: 'running' }), known()],
    ['ended within the hour', endedAt('2026-11-21T08:00:00.001Z'), known()],
    ['says no end, and began within the hour', endedAt(undefined), known()],
  ] as const)('says nothing of one that %s', (_what, remediation, instance) => {
    expect(decideUntagged(remediation, instance, NOW)).toBeUndefined();
  });
});

function seed({ region }: ReapingWorld, instanceId = 'i-orphan', more: Readonly<Record<string, string>> = {}): void {
  region.addInstance({ instanceId, imageId: 'ami-v1', launchedAt: HOURS_AGO, tags: { ...tags, ...more } });
}

const crash = async (call: Promise<unknown>): Promise<never> => {
  await call;
  throw new Error('crash');
};

describe('the search for orphans', () => {
  it('says so, stops it, marks it, and does nothing more in the next run; then its quarantine ends it', async () => {
    const world = createReapingWorld({ quarantineHours: 2 });
    seed(world);
    await world.add(failedLaunch());
    await reapOrphans(world.ports);
    expect(world.region.find('i-orphan')).toMatchObject({
      state: 'stopping',
      tags: { 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': '2026-11-21T11:00:00.000Z' },
    });
    expect(await world.timeline()).toEqual(['Will stop i-orphan and put it into quarantine. rem-1 launched it and ended failed; no slot holds it']);
    const before = world.store.snapshot();
    expect(await reapOrphans(world.ports)).toEqual([]);
    expect(world.store.snapshot()).toEqual(before);
    world.clock.advance(2 * 3600);
    expect(await reap(world.ports)).toMatchObject([{ kind: 'terminate', instanceId: 'i-orphan' }]);
    expect(world.region.find('i-orphan')?.state).toBe('shutting-down');
  });

  it.each(['stop', 'mark'] as const)('goes on after a crash behind the %s', async (crashed) => {
    const world = createReapingWorld();
    seed(world);
    await world.add(failedLaunch());
    const { power, quarantine } = world.region;
    const ports = {
      ...world.ports,
      power: crashed === 'stop' ? { stop: (id: string) => crash(power.stop(id)) } : power,
      quarantine: crashed === 'mark' ? { mark: (...words: Parameters<typeof quarantine.mark>) => crash(quarantine.mark(...words)) } : quarantine,
    };
    await expect(reapOrphans(ports)).rejects.toThrow('crash');
    await reapOrphans(world.ports);
    world.clock.advance(60);
    expect(world.region.find('i-orphan')).toMatchObject({ state: 'stopped', tags: { 'perennial:quarantine': 'inc-1' } });
    expect(await reap(world.ports)).toMatchObject([{ kind: 'keep', instanceId: 'i-orphan' }]);
  });

  it('leaves alone what a slot holds, and reports once what only the tag or only the record claims', async () => {
    const world = createReapingWorld();
    seed(world, 'i-held');
    seed(world, 'i-stranger');
    await world.add(failedLaunch({ calls: launchedBy('i-untagged') }));
    await createRecord(world.store, slotType, keys.slot(testScope, 'shop-web/1'), slotOf({ instanceId: 'i-held' }));
    await createRecord(world.store, instanceType, keys.instance(testScope, 'i-untagged'), known({ instanceId: 'i-untagged' }));
    const decisions = await reapOrphans(world.ports);
    expect(decisions.map(({ kind, instanceId }) => [kind, instanceId])).toEqual([
      ['keep', 'i-held'],
      ['report', 'i-stranger'],
      ['report', 'i-untagged'],
    ]);
    await reapOrphans(world.ports);
    const stranger = { instanceId: 'i-stranger', reason: NOT_LAUNCHED };
    const untagged = { instanceId: 'i-untagged', reason: untaggedReason('failed') };
    expect(await world.timeline()).toEqual(
      [stranger, untagged].map(({ instanceId, reason }) => `Left ${instanceId} alone. ${reason}. Look at it and end it by hand if nobody needs it.`),
    );
    const held = { kind: 'keep', instanceId: 'i-held', reason: 'The slot shop-web/1 holds it' };
    const lines = [
      {
        level: 'info',
        message: 'The reaper has looked for orphans',
        fields: { decisions: [held, { kind: 'report', ...stranger }, { kind: 'report', ...untagged }] },
      },
      ...[stranger, untagged].map(({ instanceId, reason }) => ({
        level: 'warn',
        message: 'The reaper leaves something alone that a person should look at',
        fields: { id: instanceId, reason },
      })),
    ];
    expect(world.log.lines).toEqual([...lines, ...lines]);
    expect(world.region.all().map(({ state }) => state)).toEqual(['running', 'running']);
  });

  it('goes on with the others when one cannot be stopped or its record cannot be read, and stops at a throttle', async () => {
    const world = createReapingWorld();
    for (const id of ['i-broken', 'i-protected', 'i-orphan']) seed(world, id, id === 'i-broken' ? { 'perennial:remediation': 'rem-broken' } : {});
    await world.store.write([{ key: keys.remediation(testScope, 'rem-broken'), expectedVersion: 0, body: { id: 3 } }]);
    await world.add(failedLaunch({ calls: launchedBy(undefined) }));
    const failing = (error: Error) => ({
      stop: async (id: string) => {
        if (id === 'i-protected') throw error;
        await world.region.power.stop(id);
      },
    });
    await expect(reapOrphans({ ...world.ports, power: failing(new RetryableError('RequestLimitExceeded')) })).rejects.toThrow(RetryableError);
    await reapOrphans({ ...world.ports, power: failing(new PermanentError('OperationNotPermitted')) });
    expect(world.region.find('i-orphan')?.state).toBe('stopping');
    expect(world.region.find('i-protected')?.state).toBe('running');
    const broken = unreadableReason('rem-broken');
    expect(world.log.lines.slice(-4)).toEqual([
      { level: 'warn', message: 'A remediation cannot be read', fields: { reason: broken } },
      {
        level: 'info',
        message: 'The reaper has looked for orphans',
        fields: {
          decisions: [
            { kind: 'report', instanceId: 'i-broken', reason: broken },
            { kind: 'quarantine', instanceId: 'i-protected', reason: ENDED },
            { kind: 'quarantine', instanceId: 'i-orphan', reason: ENDED },
          ],
        },
      },
      { level: 'warn', message: 'The reaper leaves something alone that a person should look at', fields: { id: 'i-broken', reason: broken } },
      {
        level: 'error',
        message: 'An orphan could not be put into quarantine',
        fields: { instanceId: 'i-protected', reason: 'OperationNotPermitted' },
      },
    ]);
  });

  it('stops at a throttle also while it looks', async () => {
    const world = createReapingWorld();
    seed(world);
    const store = storeWith(world, { get: refusing(new RetryableError('ProvisionedThroughputExceededException')) });
    await expect(reapOrphans({ ...world.ports, store })).rejects.toThrow(RetryableError);
  });

  it('says nothing of what a record launched that carries a tag, is in quarantine already, or that nobody has seen', async () => {
    const world = createReapingWorld();
    seed(world, 'i-orphan', { 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': NOW });
    const calls = { 'launch-throwaway': heard({ instanceId: 'i-unseen' }), launch: noCapacity, 'launch:t3a.micro': heard({ instanceId: 'i-orphan' }) };
    await world.add(failedLaunch({ calls }));
    await createRecord(world.store, instanceType, keys.instance(testScope, 'i-orphan'), known());
    expect(await reapOrphans(world.ports)).toEqual([]);
  });

  it('finds each of the instances that a record says it launched, whatever the type', async () => {
    const world = createReapingWorld();
    const calls = { 'launch-throwaway': heard({ instanceId: 'i-copy' }), launch: noCapacity, 'launch:t3a.micro': heard({ instanceId: 'i-orphan' }) };
    await world.add(failedLaunch({ calls, isDrill: true }));
    for (const instanceId of ['i-copy', 'i-orphan']) await createRecord(world.store, instanceType, keys.instance(testScope, instanceId), known({ instanceId }));
    expect((await reapOrphans(world.ports)).map(({ kind, instanceId }) => `${kind} ${instanceId}`)).toEqual(['report i-copy', 'report i-orphan']);
  });

  it('asks the newest 50 records for what carries no tag', async () => {
    const world = createReapingWorld();
    for (let index = 10; index < 61; index += 1) {
      await world.add(failedLaunch({ id: `rem-${index}`, calls: launchedBy(`i-${index}`) }));
      await createRecord(world.store, instanceType, keys.instance(testScope, `i-${index}`), known({ instanceId: `i-${index}` }));
    }
    const found = (await reapOrphans(world.ports)).map(({ instanceId }) => instanceId);
    expect(found).toHaveLength(50);
    expect([found[0], found.at(-1)]).toEqual(['i-60', 'i-11']);
  });

  it('leaves alone what a repair runs for again, and what has no record any more, by the time it would act', async () => {
    for (const meanwhile of [failedLaunch({ state: 'running' }), undefined]) {
      const world = createReapingWorld();
      seed(world);
      await world.add(failedLaunch());
      let reads = 0;
      const get = async (key: RecordKey): Promise<StoredRecord | undefined> => {
        const record = await world.store.get(key);
        if (key.sort !== 'rem-1' || record === undefined) return record;
        reads += 1;
        if (reads === 1) return record;
        return meanwhile === undefined ? undefined : { ...record, body: meanwhile };
      };
      expect(await reapOrphans({ ...world.ports, store: storeWith(world, { get }) })).toMatchObject([{ kind: 'quarantine' }]);
      expect(world.region.find('i-orphan')?.state).toBe('running');
      expect(await world.timeline()).toEqual([]);
    }
  });

  it.each([
    ['for as long as the policy of its system says', { quarantineHours: 2 }, 'shop-web', '2026-11-21T11:00:00.000Z'],
    ['for 96 hours where no policy is left', { quarantineHours: 2 }, 'shop-gone', '2026-11-25T09:00:00.000Z'],
  ])('keeps it in quarantine %s, and says how it was marked', async (_what, policy, system, until) => {
    const world = createReapingWorld(policy);
    seed(world);
    await world.add(failedLaunch({ system }));
    const marks: unknown[] = [];
    const quarantine = {
      mark: async (...words: Parameters<typeof world.region.quarantine.mark>) => {
        marks.push(words);
        return world.region.quarantine.mark(...words);
      },
    };
    await reapOrphans({ ...world.ports, quarantine });
    const marked = { 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': until, 'perennial:remediation': 'rem-1' };
    expect(marks).toEqual([['i-orphan', marked, []]]);
    expect(Object.keys((await world.read('rem-1')).calls)).toEqual(['launch', 'stop:i-orphan', 'mark:i-orphan']);
  });

  it('reaches the others also when more are protected than it may put away', async () => {
    const world = createReapingWorld();
    for (let index = 0; index < 14; index += 1) seed(world, `i-${String(index).padStart(2, '0')}`);
    await world.add(failedLaunch({ calls: launchedBy(undefined) }));
    const stop = (id: string): Promise<void> => (id < 'i-12' ? Promise.reject(new PermanentError('OperationNotPermitted')) : world.region.power.stop(id));
    await reapOrphans({ ...world.ports, power: { stop } });
    const stopping = world.region.all().filter(({ state }) => state === 'stopping');
    expect(stopping.map(({ instanceId }) => instanceId)).toEqual(['i-12', 'i-13']);
  });

  it('puts away at most 10 a run', async () => {
    const world = createReapingWorld();
    for (let index = 0; index < 12; index += 1) seed(world, `i-${String(index).padStart(2, '0')}`);
    await world.add(remediationOf({ at: HOURS_AGO }, { state: 'failed', calls: launchedBy(undefined) }));
    await reapOrphans(world.ports);
    expect(world.region.all().filter(({ state }) => state === 'stopping')).toHaveLength(10);
    await reapOrphans(world.ports);
    expect(world.region.all().filter(({ state }) => state === 'stopping')).toHaveLength(12);
  });
});
