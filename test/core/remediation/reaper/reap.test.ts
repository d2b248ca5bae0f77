import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import type { Log } from '../../../../core/environment/ports.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import type { InstanceFacts, InstanceTerminator } from '../../../../core/remediation/ports.ts';
import { boundGroups, decideReap, reap, type ReapDecision, type ReapPorts } from '../../../../core/remediation/reaper/reap.ts';
import type { MemberReleaser } from '../../../../core/remediation/reaper/reaping-ports.ts';
import { type PhaseName, type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { CollectingLog, VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { instanceFacts, NOW, remediationOf } from '../builders.ts';
import { refusingStore, unreadableReason } from '../reaping-world.ts';
import { testHasher, testScope } from '../world.ts';

const UNTIL = '2026-11-21T08:59:59.000Z';
const quarantineTags = { 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': UNTIL, 'perennial:remediation': 'rem-1' };
const marked = (instanceId: string): Remediation['calls'] => ({ [`mark:${instanceId}`]: { attempt: 1, intentAt: NOW, outcomeAt: NOW } });

function quarantined(changes: Partial<InstanceFacts> = {}, tags: Readonly<Record<string, string>> = {}): InstanceFacts {
  return instanceFacts({ state: 'stopped', tags: { ...quarantineTags, ...tags }, ...changes });
}

function without(key: string): InstanceFacts {
  return instanceFacts({ state: 'stopped', tags: Object.fromEntries(Object.entries(quarantineTags).filter(([name]) => name !== key)) });
}

function ended(changes: Partial<Remediation> = {}): Remediation {
  return remediationOf({}, { state: 'succeeded', calls: marked('i-0000000000000001'), ...changes });
}

const phase = (name: PhaseName, outcome: 'done' | 'failed'): Remediation['phases'][number] => ({ name, startedAt: NOW, endedAt: NOW, outcome, reason: 'no' });
const failure = { phase: 'await-healthy', reason: 'no' } as const;
const undone: Partial<Remediation> = { state: 'failed', failure, phases: [phase('await-healthy', 'failed'), phase('return-interfaces', 'done')] };
const halfDone: Partial<Remediation> = { state: 'failed', failure, phases: [phase('await-healthy', 'failed'), phase('return-interfaces', 'failed')] };

/** A root on instance store: isolated, and running until it is ended. */
const alone: Partial<InstanceFacts> = { state: 'running', rootDeviceType: 'instance-store', securityGroupIds: ['sg-quarantine'] };
const isolation = { attempt: 1, intentAt: NOW, outcomeAt: NOW, result: { securityGroupId: 'sg-quarantine' } };
const isolated = ended({ calls: { ...marked('i-0000000000000001'), 'isolate:i-0000000000000001': isolation } });

describe('the decision of the reaper', () => {
  it('terminates what tag and record agree on, once its time is over (S0-16, S0-21)', () => {
    expect(decideReap(quarantined(), ended(), NOW)).toEqual({
      kind: 'terminate',
      instanceId: 'i-0000000000000001',
      system: 'shop-web',
      incidentId: 'inc-1',
      reason: `Its quarantine ended at ${UNTIL}`,
    });
  });

  it('terminates a failed replacement that the remediation put away too', () => {
    expect(decideReap(quarantined({ instanceId: 'i-new' }), ended({ state: 'failed', calls: marked('i-new') }), NOW).kind).toBe('terminate');
  });

  const later = '2026-11-21T09:00:00.001Z';
  const INSTANCE = 'i-0000000000000001';
  const PART = 'It carries a part of our quarantine tags only';
  const UNMARKED = 'The record rem-1 did not put it into quarantine';
  const NO_MOMENT = 'Its tag perennial:quarantine-until is no moment';
  const MOVED = 'rem-1 is half-done and what moves may still be at it';
  const AWAKE = 'somebody started it again, or let it into other security groups';
  const isolating = (result: Readonly<Record<string, string>> | undefined): Remediation =>
    ended({ calls: { ...marked(INSTANCE), [`isolate:${INSTANCE}`]: { attempt: 1, intentAt: NOW, ...(result && { result }) } } });

  it.each([
    ['an unknown remediation', quarantined(), undefined, 'No remediation of incident inc-1 knows it'],
    ['another incident than the record', quarantined(), ended({ incidentId: 'inc-2' }), 'No remediation of incident inc-1 knows it'],
    ['an instance that the remediation never touched', quarantined({ instanceId: 'i-stranger' }), ended(), UNMARKED],
    ['the old instance where the remediation never put it away', quarantined(), ended({ calls: {} }), UNMARKED],
    ['no incident tag', without('perennial:quarantine'), ended(), PART],
    ['no end', without('perennial:quarantine-until'), ended(), PART],
    ['no incident tag and no record', without('perennial:quarantine'), undefined, PART],
    ['no end and no record', without('perennial:quarantine-until'), undefined, PART],
    ['an empty end', quarantined({}, { 'perennial:quarantine-until': '' }), ended(), NO_MOMENT],
    ['an end that is no moment', quarantined({}, { 'perennial:quarantine-until': 'keep 2020' }), ended(), NO_MOMENT],
    ['an instance that somebody started', quarantined({ state: 'running' }), ended(), `Its quarantine is over but it is running: ${AWAKE}`],
    ['an instance that stops just now', quarantined({ state: 'stopping' }), ended(), `Its quarantine is over but it is stopping: ${AWAKE}`],
    ['one on instance store that nobody isolated', quarantined(alone), ended(), `Its quarantine is over but it is running: ${AWAKE}`],
    ['one on instance store whose isolation nobody heard of', quarantined(alone), isolating(undefined), `Its quarantine is over but it is running: ${AWAKE}`],
    ['one on instance store whose isolation named no group', quarantined(alone), isolating({}), `Its quarantine is over but it is running: ${AWAKE}`],
    [
      'an isolated one on instance store that only begins to run',
      quarantined({ ...alone, state: 'pending' }),
      isolated,
      `Its quarantine is over but it is pending: ${AWAKE}`,
    ],
    [
      'one on instance store in another group than the one it was put into',
      quarantined({ ...alone, securityGroupIds: ['sg-web'] }),
      isolated,
      `Its quarantine is over but it is running: ${AWAKE}`,
    ],
    [
      'one on instance store in another group beside it',
      quarantined({ ...alone, securityGroupIds: ['sg-quarantine', 'sg-web'] }),
      isolated,
      `Its quarantine is over but it is running: ${AWAKE}`,
    ],
    [
      'one on instance store of which no group is known',
      quarantined({ ...alone, securityGroupIds: [] }),
      isolated,
      `Its quarantine is over but it is running: ${AWAKE}`,
    ],
    [
      'an isolated one with an EBS root that somebody started',
      quarantined({ ...alone, rootDeviceType: 'ebs' }),
      isolated,
      `Its quarantine is over but it is running: ${AWAKE}`,
    ],
    ['one that still has a volume of those that move', quarantined({ dataVolumeIds: ['vol-data'] }), ended({ parts: ['volumes'] }), MOVED],
    ['one whose interfaces may not have gone back', quarantined(), ended({ ...halfDone, parts: ['interfaces'] }), MOVED],
  ] as const)('reports %s', (_what, instance, record, reason) => {
    expect(decideReap(instance, record, NOW)).toEqual({ kind: 'report', instanceId: instance.instanceId, reason });
  });

  it.each([
    ['a running remediation', quarantined(), ended({ state: 'running' }), 'rem-1 is still running'],
    ['a hold by a person', quarantined({}, { 'perennial:hold': 'kim' }), ended(), 'It is on hold (kim)'],
    ['an instance that is being terminated', quarantined({ state: 'shutting-down' }), ended(), 'It is shutting-down already'],
    ['an instance that is gone', quarantined({ state: 'terminated' }), ended(), 'It is terminated already'],
    [
      'one that runs, a moment before its end',
      quarantined({ state: 'running' }, { 'perennial:quarantine-until': later }),
      ended(),
      `Kept as evidence until ${later}`,
    ],
  ] as const)('keeps %s', (_what, instance, record, reason) => {
    expect(decideReap(instance, record, NOW)).toEqual({ kind: 'keep', instanceId: INSTANCE, reason });
  });

  it.each([
    ['a moment before its end', later, later],
    ['before an end in another form', '2026-11-21T08:30:00-02:00', '2026-11-21T10:30:00.000Z'],
  ])('keeps what rests as evidence %s', (_what, tag, until) => {
    const evidence = { incidentId: 'inc-1', system: 'shop-web', groupId: 'shop-web/web', markedAt: NOW };
    const decision = { kind: 'keep', instanceId: INSTANCE, reason: `Kept as evidence until ${until}`, evidence };
    expect(decideReap(quarantined({}, { 'perennial:quarantine-until': tag }), ended(), NOW)).toEqual(decision);
    expect(decideReap(quarantined(alone, { 'perennial:quarantine-until': tag }), isolated, NOW)).toEqual(decision);
  });

  it.each([
    ['one at the very end of its quarantine', quarantined({}, { 'perennial:quarantine-until': NOW }), ended(), NOW],
    [
      'an end in another form of the same moment',
      quarantined({}, { 'perennial:quarantine-until': '2026-11-21T10:59:00+02:00' }),
      ended(),
      '2026-11-21T08:59:00.000Z',
    ],
    ['an isolated one on instance store, which nothing can stop', quarantined(alone), isolated, UNTIL],
    ['one whose volumes have moved', quarantined({ dataVolumeIds: [] }), ended({ parts: ['volumes'] }), UNTIL],
    ['one whose volumes were never to move', quarantined({ dataVolumeIds: ['vol-data'] }), ended({ parts: ['addresses'] }), UNTIL],
    ['one of a repair that failed and gave the interfaces back', quarantined(), ended({ ...undone, parts: ['interfaces'] }), UNTIL],
    ['one of a half-done repair that moves neither', quarantined(), ended({ ...halfDone, parts: ['records'] }), UNTIL],
    ['one whose repair looked in vain once and succeeded', quarantined(), ended({ phases: [phase('await-healthy', 'failed')], parts: ['interfaces'] }), UNTIL],
  ] as const)('terminates %s', (_what, instance, record, until) => {
    const reason = `Its quarantine ended at ${until}`;
    expect(decideReap(instance, record, NOW)).toEqual({ kind: 'terminate', instanceId: INSTANCE, system: 'shop-web', incidentId: 'inc-1', reason });
  });
});

const kept = (instanceId: string, markedAt: string, groupId = 'shop-web/web'): ReapDecision => ({
  kind: 'keep',
  instanceId,
  reason: 'Kept as evidence',
  evidence: { incidentId: 'inc-1', system: 'shop-web', groupId, markedAt },
});
const at = (minute: number): string => `2026-11-21T08:${String(minute).padStart(2, '0')}:00.000Z`;
const endedEarly = (decisions: readonly ReapDecision[]): readonly string[] =>
  decisions.filter(({ kind }) => kind === 'terminate').map(({ instanceId }) => instanceId);

describe('the limit of a group', () => {
  it('ends the oldest beyond it early, whatever their order, and counts each group alone', () => {
    const decisions = [kept('i-3', at(3)), kept('i-1', at(1)), kept('i-4', at(4)), kept('i-2', at(2)), kept('i-other', at(0), 'shop-db/db')];
    expect(endedEarly(boundGroups(decisions, () => 3))).toEqual(['i-1']);
    expect(endedEarly(boundGroups(decisions, () => 1))).toEqual(['i-3', 'i-1', 'i-2']);
    expect(boundGroups(decisions, () => 3)[1]?.reason).toBe('The group shop-web/web keeps at most 3 in quarantine, and 3 younger ones are there');
  });

  it('never ends the newest, one on hold or one that is kept for another reason', () => {
    const held: ReapDecision = { kind: 'keep', instanceId: 'i-0', reason: 'It is on hold (kim)' };
    expect(endedEarly(boundGroups([held, kept('i-1', at(1)), kept('i-2', at(2))], () => 0))).toEqual(['i-1']);
    expect(endedEarly(boundGroups([held, kept('i-2', at(2))], () => 0))).toEqual([]);
  });

  it('takes the moment of the mark from the record, and only what is stopped counts', () => {
    const until = { 'perennial:quarantine-until': '2026-11-25T09:00:00.000Z' };
    expect(decideReap(quarantined({}, until), ended(), NOW)).toMatchObject({ kind: 'keep', evidence: { groupId: 'shop-web/web', markedAt: NOW } });
    expect(decideReap(quarantined({ state: 'running' }, until), ended(), NOW)).not.toHaveProperty('evidence');
    expect(decideReap(quarantined({}, { ...until, 'perennial:hold': 'kim' }), ended(), NOW)).not.toHaveProperty('evidence');
  });

  it('ends them early in a run, with its reason on the timeline', async () => {
    const instances = many(5).map((instance) => ({ ...instance, tags: { ...instance.tags, 'perennial:quarantine-until': '2026-11-25T09:00:00.000Z' } }));
    const { ports, store, calls } = await world(instances);
    const record = await readRecord(store, remediationType, keys.remediation(testScope, 'rem-1'));
    if (record === undefined) throw new Error('no record');
    const calledAt = Object.fromEntries(
      instances.map(({ instanceId }, index) => [`mark:${instanceId}`, { attempt: 1, intentAt: at(index), outcomeAt: at(index) }]),
    );
    await store.write([{ key: record.key, expectedVersion: record.version, body: { ...record.body, calls: calledAt } }]);
    await reap(ports, () => 3);
    expect(calls).toEqual(['i-000', 'i-001']);
    await reap(ports, () => 3);
    expect(calls).toEqual(['i-000', 'i-001']);
  });
});

interface Reaping {
  readonly ports: ReapPorts;
  readonly store: MemoryRecordStore;
  readonly log: CollectingLog;
  readonly calls: string[];
}

/** Instances that are terminated vanish from the list, as EC2's do. */
async function world(
  instances: readonly InstanceFacts[],
  fail: (instanceId: string) => Error | undefined = () => undefined,
  /** Lifecycle states of members of the group `web`, by instance; one that is released has none. */
  states: Readonly<Record<string, string>> = {},
): Promise<Reaping> {
  const clock = new VirtualClock(NOW);
  const store = new MemoryRecordStore(clock);
  const log = new CollectingLog();
  const calls: string[] = [];
  const gone = new Set<string>();
  const terminator: InstanceTerminator = {
    quarantined: async () => instances.filter(({ instanceId }) => !gone.has(instanceId)),
    terminate: async (instanceId) => {
      calls.push(instanceId);
      const error = fail(instanceId);
      if (error !== undefined) throw error;
      gone.add(instanceId);
    },
  };
  const standing = new Map(Object.entries(states));
  const members: MemberReleaser = {
    membership: async (instanceId) => {
      const lifecycleState = standing.get(instanceId);
      return lifecycleState === undefined ? undefined : { groupName: 'web', lifecycleState };
    },
    release: async (groupName, instanceId) => {
      calls.push(`release ${instanceId} from ${groupName}`);
      standing.delete(instanceId);
    },
  };
  const marks = Object.fromEntries(instances.flatMap(({ instanceId }) => Object.entries(marked(instanceId))));
  await createRecord(store, remediationType, keys.remediation(testScope, 'rem-1'), ended({ calls: marks }));
  return { ports: { store, scope: testScope, clock, hasher: testHasher, log, terminator, members }, store, log, calls };
}

const many = (count: number): readonly InstanceFacts[] =>
  Array.from({ length: count }, (_, index) => quarantined({ instanceId: `i-${String(index).padStart(3, '0')}` }));

describe('a quarantined member of a group', () => {
  it('in standby leaves its group before it is ended; the others are ended at once', async () => {
    const { ports, calls } = await world(many(2), undefined, { 'i-000': 'Standby' });
    await reap(ports);
    expect(calls).toEqual(['release i-000 from web', 'i-000', 'i-001']);
  });

  const leaving = {
    level: 'info',
    message: 'A quarantined instance leaves its group first; the next run goes on',
    fields: { instanceId: 'i-000', groupName: 'web' },
  };

  it.each(['Detaching', 'Terminating:Wait', 'Terminating'])('that is %s is left to the next run', async (state) => {
    const { ports, calls, log } = await world(many(1), undefined, { 'i-000': state });
    await reap(ports);
    expect(calls).toEqual([]);
    expect(log.lines.slice(1)).toEqual([leaving]);
  });

  it('that is still listed after its release is left to the next run', async () => {
    const { ports, calls, log } = await world(many(1));
    await reap({ ...ports, members: { ...ports.members, membership: async () => ({ groupName: 'web', lifecycleState: 'Standby' }) } });
    expect(calls).toEqual(['release i-000 from web']);
    expect(log.lines.slice(1)).toEqual([leaving]);
  });

  it('that leaves its group counts as none of those that a run may end', async () => {
    const { ports, calls } = await world(many(21), undefined, Object.fromEntries(many(20).map(({ instanceId }) => [instanceId, 'Detaching'])));
    await reap(ports);
    expect(calls).toEqual(['i-020']);
  });

  it.each(['InService', 'Pending', 'unknown'])('that is %s is reported and left alone', async (state) => {
    const { ports, calls, store } = await world(many(1), undefined, { 'i-000': state });
    await reap(ports);
    expect(calls).toEqual([]);
    const texts = (await readTimeline(store, testScope, 'inc-1')).map(({ text }) => text);
    expect(texts.toSorted()).toEqual([
      `Left i-000 alone. It is ${state} in web: somebody took it out of standby. Look at it and end it by hand if nobody needs it.`,
      `Will terminate i-000. Its quarantine ended at ${UNTIL}`,
    ]);
  });
});

describe('the reaper', () => {
  it('terminates one id a call, tells the timeline, and run twice does nothing more', async () => {
    const { ports, store, calls } = await world(many(2));
    await reap(ports);
    expect(await reap(ports)).toEqual([]);
    expect(calls).toEqual(['i-000', 'i-001']);
    const timeline = await readTimeline(store, testScope, 'inc-1');
    expect(timeline.map(({ kind, text }) => ({ kind, text }))).toEqual([
      { kind: 'reaper', text: `Will terminate i-000. Its quarantine ended at ${UNTIL}` },
      { kind: 'reaper', text: `Will terminate i-001. Its quarantine ended at ${UNTIL}` },
      { kind: 'reaper', text: `Terminated i-000. Its quarantine ended at ${UNTIL}` },
      { kind: 'reaper', text: `Terminated i-001. Its quarantine ended at ${UNTIL}` },
    ]);
  });

  it('goes on when one is protected, says so, and tries it again in the next run', async () => {
    const { ports, log, calls } = await world(many(3), (id) => (id === 'i-001' ? new PermanentError('OperationNotPermitted') : undefined));
    await reap(ports);
    expect(calls).toEqual(['i-000', 'i-001', 'i-002']);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([
      { level: 'error', message: 'A quarantined instance could not be terminated', fields: { instanceId: 'i-001', reason: 'OperationNotPermitted' } },
    ]);
    await reap(ports);
    expect(calls).toEqual(['i-000', 'i-001', 'i-002', 'i-001']);
  });

  it('stops at a throttle: the next run goes on', async () => {
    const { ports, calls } = await world(many(3), (id) => (id === 'i-001' ? new RetryableError('RequestLimitExceeded') : undefined));
    await expect(reap(ports)).rejects.toThrow(RetryableError);
    expect(calls).toEqual(['i-000', 'i-001']);
  });

  it('terminates at most 20 a run, whatever else it reports', async () => {
    const { ports, calls } = await world([...many(45), quarantined({ instanceId: 'i-z' }, { 'perennial:quarantine': 'inc-other' })]);
    const decisions = await reap(ports);
    expect(calls).toHaveLength(20);
    expect(decisions).toHaveLength(46);
    await reap(ports);
    await reap(ports);
    expect(new Set(calls)).toEqual(new Set(many(45).map(({ instanceId }) => instanceId)));
    expect(calls).toHaveLength(45);
  });

  it('reaches the others also when more are protected than it may terminate', async () => {
    const { ports, calls } = await world(many(30), (id) => (id < 'i-025' ? new PermanentError('OperationNotPermitted') : undefined));
    await reap(ports);
    expect(calls.slice(25)).toEqual(['i-025', 'i-026', 'i-027', 'i-028', 'i-029']);
  });

  it('leaves everything alone that no record vouches for, and says what it will do before it does it', async () => {
    const { ports, log, calls } = await world(many(1));
    const stranger = quarantined({ instanceId: 'i-stranger' }, { 'perennial:remediation': 'rem-nobody' });
    const decisions = await reap({ ...ports, terminator: { ...ports.terminator, quarantined: async () => [stranger, without('perennial:remediation')] } });
    const expected = [
      { kind: 'report', instanceId: 'i-stranger', reason: 'No remediation of incident inc-1 knows it' },
      { kind: 'report', instanceId: 'i-0000000000000001', reason: 'No remediation of incident inc-1 knows it' },
    ];
    expect(decisions).toEqual(expected);
    expect(calls).toEqual([]);
    expect(log.lines).toEqual([{ level: 'info', message: 'The reaper has decided', fields: { decisions: expected } }]);
  });

  it('leaves one alone whose record cannot be read, and goes on with the others', async () => {
    const { ports, store, calls } = await world(many(2));
    await store.write([{ key: keys.remediation(testScope, 'rem-broken'), expectedVersion: 0, body: { id: 3 } }]);
    const broken = quarantined({ instanceId: 'i-broken' }, { 'perennial:remediation': 'rem-broken' });
    const decisions = await reap({ ...ports, terminator: { ...ports.terminator, quarantined: async () => [broken, ...many(2)] } });
    expect(decisions[0]).toEqual({
      kind: 'report',
      instanceId: 'i-broken',
      reason: unreadableReason('rem-broken'),
    });
    expect(calls).toEqual(['i-000', 'i-001']);
  });

  it('stops at a throttle also while it looks', async () => {
    const { ports, calls } = await world(many(1));
    const store = refusingStore(new RetryableError('ProvisionedThroughputExceededException'));
    await expect(reap({ ...ports, store })).rejects.toThrow(RetryableError);
    expect(calls).toEqual([]);
  });

  it('ends as many as it may of the others when a system is frozen in the middle of a run', async () => {
    const { ports, store, calls, log } = await world(many(21));
    await createRecord(
      store,
      remediationType,
      keys.remediation(testScope, 'rem-db'),
      ended({ id: 'rem-db', system: 'shop-db', groupId: 'shop-db/db', calls: marked('i-db') }),
    );
    const ofDatabase = quarantined({ instanceId: 'i-db' }, { 'perennial:remediation': 'rem-db' });
    const terminator = { ...ports.terminator, quarantined: async () => [...many(21), ofDatabase] };
    let frozen: Promise<void> | undefined;
    const freezing: Log = {
      warn: (message, fields) => log.warn(message, fields),
      error: (message, fields) => log.error(message, fields),
      info: () => {
        const body = { target: 'system#shop-web', isPaused: true, isFrozen: true, by: 'kim', reason: 'odd', at: NOW };
        frozen ??= store.write([{ key: keys.pause(testScope, body.target), expectedVersion: 0, body }]);
      },
    };
    await reap({ ...ports, terminator, log: freezing });
    await frozen;
    expect(calls).toEqual(['i-db']);
  });
});
