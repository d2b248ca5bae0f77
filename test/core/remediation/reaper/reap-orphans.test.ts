import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { type InstanceRecord, instanceType } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { reap } from '../../../../core/remediation/reaper/reap.ts';
import { decideOrphan, decideUntagged, type OrphanFacts, reapOrphans } from '../../../../core/remediation/reaper/reap-orphans.ts';
import { type PhaseName, type Remediation, slotType } from '../../../../core/remediation/record.ts';
import { instanceFacts, NOW, remediationOf, slotOf } from '../builders.ts';
import { createReapingWorld, failedLaunch, HOURS_AGO, type ReapingWorld } from '../reaping-world.ts';
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

describe('the decision about what a launch of ours made (S1-17, S0-21)', () => {
  it.each([
    ['tag and record agree, and nobody needs it', facts(), 'quarantine'],
    ['the launch was never heard of', facts({ remediation: failedLaunch({ calls: launchedBy(undefined) }) }), 'quarantine'],
    ['a drill that worked has left it', facts({ remediation: failedLaunch({ state: 'succeeded', isDrill: true }) }), 'quarantine'],
    ['only the tag says so: no such remediation', facts({ remediation: undefined }), 'report'],
    ['only the tag says so: it launched nothing', facts({ remediation: failedLaunch({ calls: {} }) }), 'report'],
    ['only the tag says so: it launched another', facts({ remediation: failedLaunch({ calls: launchedBy('i-other') }) }), 'report'],
    ['the repair worked', facts({ remediation: failedLaunch({ state: 'succeeded' }) }), 'report'],
    ['it had taken over before its repair failed', facts({ remediation: failedLaunch({ phases: [done('deregister'), failed('verify')] }) }), 'report'],
    ['the old one stayed in: its deregistration failed', facts({ remediation: failedLaunch({ phases: [failed('deregister')] }) }), 'quarantine'],
    [
      'it had taken over and was put away again',
      facts({ remediation: failedLaunch({ phases: [done('deregister'), failed('verify'), done('quarantine-new')] }) }),
      'quarantine',
    ],
    ['a drill has taken nothing over', facts({ remediation: failedLaunch({ isDrill: true, phases: [done('deregister'), failed('verify')] }) }), 'quarantine'],
    ['it serves', facts({ inServiceSince: HOURS_AGO }), 'report'],
    ['a slot holds it', facts({ slotId: 'shop-web/1' }), 'keep'],
    ['its repair still runs', facts({ remediation: failedLaunch({ state: 'running' }) }), 'keep'],
    ['a person holds it', facts({ instance: { ...orphan, tags: { ...tags, 'perennial:hold': 'kim' } } }), 'keep'],
    ['it is younger than an hour', facts({ instance: { ...orphan, launchedAt: '2026-11-21T08:00:00.001Z' } }), 'keep'],
    ['it is exactly an hour old', facts({ instance: { ...orphan, launchedAt: '2026-11-21T08:00:00.000Z' } }), 'quarantine'],
    ['it is being terminated', facts({ instance: { ...orphan, state: 'shutting-down' } }), 'keep'],
  ] as const)('%s', (_what, given, kind) => {
    const decision = decideOrphan(given, NOW);
    expect(decision.kind).toBe(kind);
    expect(decision.reason).not.toBe('');
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

describe('the decision about what only a record claims', () => {
  it('reports it, never more', () => {
    expect(decideUntagged(failedLaunch(), known(), NOW)).toMatchObject({ kind: 'report', instanceId: 'i-orphan', incidentId: 'inc-1' });
  });

  it.each([
    ['is gone', failedLaunch(), known({ status: 'gone' })],
    ['is in quarantine', failedLaunch(), known({ status: 'quarantined' })],
    ['nobody has seen', failedLaunch(), undefined],
    ['serves', failedLaunch({ state: 'succeeded' }), known()],
    ['is of a running repair', failedLaunch({ state: 'running' }), known()],
    ['was never launched', failedLaunch({ calls: {} }), known()],
    ['ended just now', failedLaunch({ timing: { detectedAt: NOW, decidedAt: NOW, endedAt: NOW } }), known()],
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
    expect(await world.timeline()).toHaveLength(2);
    expect(world.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(4);
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
    expect(world.log.lines.some(({ level }) => level === 'error')).toBe(true);
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
