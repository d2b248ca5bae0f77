import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import type { InstanceFacts } from '../../../../core/remediation/ports.ts';
import { decideUnfinished, finishQuarantines } from '../../../../core/remediation/reaper/reap-quarantines.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { instanceFacts, NOW, remediationOf } from '../builders.ts';
import { createReapingWorld, HOURS_AGO, type ReapingWorld, refusing, refusingStore, unreadableReason } from '../reaping-world.ts';
import { testScope } from '../world.ts';

const tags = { 'perennial:quarantine': 'inc-1', 'perennial:remediation': 'rem-1' };
const called = { attempt: 1, intentAt: HOURS_AGO, outcomeAt: HOURS_AGO };
const begun = { attempt: 1, intentAt: HOURS_AGO };
const REASON = 'rem-1 put it into quarantine and could not stop it';

const instance = (changes: Partial<InstanceFacts> = {}): InstanceFacts => instanceFacts({ instanceId: 'i-old', tags, ...changes });
const marking = (...instanceIds: readonly string[]): Remediation['calls'] => Object.fromEntries(instanceIds.map((id) => [`mark:${id}`, called]));

function done(changes: Partial<Remediation> = {}): Remediation {
  return remediationOf({ at: HOURS_AGO }, { state: 'succeeded', calls: marking('i-old'), ...changes });
}

describe('the decision about a quarantine that a repair left unfinished', () => {
  it.each([
    ['was never asked to stop', instance(), done()],
    ['only begins to run', instance({ state: 'pending' }), done()],
    ['was asked to stop, and nobody heard the answer', instance(), done({ calls: { ...marking('i-old'), 'stop:i-old': begun } })],
    ['was marked, and nobody heard the answer', instance(), done({ calls: { 'mark:i-old': begun } })],
  ])('stops one that %s', (_what, given, remediation) => {
    expect(decideUnfinished(given, remediation)).toEqual({ kind: 'stop', instanceId: 'i-old', remediation, reason: REASON });
  });

  it.each([
    ['stopped', instance({ state: 'stopped' }), done(), 'It is stopped'],
    ['about to stop', instance({ state: 'stopping' }), done(), 'It is stopping'],
    ['on hold', instance({ tags: { ...tags, 'perennial:hold': 'kim' } }), done(), 'It is on hold (kim)'],
    ['of a failed repair', instance(), done({ state: 'failed' }), 'No successful remediation put it into quarantine'],
    ['of no record', instance(), undefined, 'No successful remediation put it into quarantine'],
    ['of another incident', instance({ tags: { ...tags, 'perennial:quarantine': 'inc-2' } }), done(), 'The record rem-1 did not put it into quarantine'],
    ['not named by the record', instance(), done({ calls: marking('i-other') }), 'The record rem-1 did not put it into quarantine'],
    ['on instance store', instance({ rootDeviceType: 'instance-store' }), done(), 'It cannot be stopped, only ended'],
    ['started by somebody', instance(), done({ calls: { ...marking('i-old'), 'stop:i-old': called } }), 'It was stopped; somebody started it again'],
  ])('keeps one that is %s', (_what, given, remediation, reason) => {
    expect(decideUnfinished(given, remediation)).toEqual({ kind: 'keep', instanceId: 'i-old', reason });
  });
});

/** Running instances that rem-1 has marked. */
async function worldOf(...instanceIds: readonly string[]): Promise<ReapingWorld> {
  const world = createReapingWorld();
  for (const instanceId of instanceIds) world.region.addInstance({ instanceId, imageId: 'ami-v1', launchedAt: HOURS_AGO, tags });
  await world.add(done({ calls: marking(...instanceIds) }));
  return world;
}

const stopping = ({ region }: ReapingWorld): readonly string[] => region.all().flatMap(({ instanceId, state }) => (state === 'stopping' ? [instanceId] : []));
const many = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `i-${String(index).padStart(2, '0')}`);

describe('the end of unfinished quarantines', () => {
  it('says so, stops it, keeps that on record, and run twice does nothing more', async () => {
    const world = await worldOf('i-old');
    const remediation = await world.read('rem-1');
    expect(await finishQuarantines(world.ports)).toEqual([{ kind: 'stop', instanceId: 'i-old', remediation, reason: REASON }]);
    expect(stopping(world)).toEqual(['i-old']);
    expect(await world.timeline()).toEqual([`Will stop i-old. ${REASON}`]);
    const { calls } = await world.read('rem-1');
    expect(calls).toEqual({ ...marking('i-old'), 'stop:i-old': { attempt: 1, intentAt: NOW, outcomeAt: NOW, result: {} } });
    const before = world.store.snapshot();
    expect(await finishQuarantines(world.ports)).toEqual([{ kind: 'keep', instanceId: 'i-old', reason: 'It is stopping' }]);
    expect(world.store.snapshot()).toEqual(before);
  });

  it('leaves one alone whose record cannot be read or is lost, and goes on with the others', async () => {
    const world = await worldOf('i-old');
    for (const id of ['rem-broken', 'rem-lost'])
      world.region.addInstance({ instanceId: `i-${id}`, imageId: 'ami-v1', launchedAt: HOURS_AGO, tags: { ...tags, 'perennial:remediation': id } });
    await world.store.write([{ key: keys.remediation(testScope, 'rem-broken'), expectedVersion: 0, body: { id: 3 } }]);
    expect((await finishQuarantines(world.ports)).slice(1)).toEqual([
      { kind: 'keep', instanceId: 'i-rem-broken', reason: unreadableReason('rem-broken') },
      { kind: 'keep', instanceId: 'i-rem-lost', reason: 'No successful remediation put it into quarantine' },
    ]);
    expect(stopping(world)).toEqual(['i-old']);
  });

  it('keeps what belongs to a frozen system, and says why', async () => {
    const world = await worldOf('i-old');
    const body = { target: 'system#shop-web', isPaused: true, isFrozen: true, by: 'kim', reason: 'odd', at: HOURS_AGO };
    await world.store.write([{ key: keys.pause(testScope, body.target), expectedVersion: 0, body }]);
    expect(await finishQuarantines(world.ports)).toEqual([{ kind: 'keep', instanceId: 'i-old', reason: 'Frozen (system#shop-web) by kim: odd' }]);
    expect(stopping(world)).toEqual([]);
  });

  it('stops nothing more once somebody has frozen its system in the middle of a run', async () => {
    const world = await worldOf('i-1', 'i-2');
    const stop = async (instanceId: string): Promise<void> => {
      await world.region.power.stop(instanceId);
      const body = { target: 'system#shop-web', isPaused: true, isFrozen: true, by: 'kim', reason: 'odd', at: HOURS_AGO };
      await world.store.write([{ key: keys.pause(testScope, body.target), expectedVersion: 0, body }]);
    };
    await finishQuarantines({ ...world.ports, power: { stop } });
    expect(stopping(world)).toEqual(['i-1']);
    expect(await world.timeline()).toEqual([`Will stop i-1. ${REASON}`]);
  });

  it('tells once what cannot be stopped, goes on with the others, and tries it again in the next run', async () => {
    const world = await worldOf('i-1', 'i-2');
    const asked: string[] = [];
    const stop = async (instanceId: string): Promise<void> => {
      asked.push(instanceId);
      if (instanceId === 'i-1') throw new PermanentError('OperationNotPermitted');
      await world.region.power.stop(instanceId);
    };
    for (const _run of [1, 2]) await finishQuarantines({ ...world.ports, power: { stop } });
    expect(asked).toEqual(['i-1', 'i-2', 'i-1']);
    const reason = 'Its quarantine could not be finished: OperationNotPermitted';
    expect((await world.timeline()).toSorted()).toEqual([
      `Left i-1 alone. ${reason}. Look at it and end it by hand if nobody needs it.`,
      `Will stop i-1. ${REASON}`,
      `Will stop i-2. ${REASON}`,
    ]);
    const line = { level: 'warn', message: 'The reaper leaves something alone that a person should look at', fields: { id: 'i-1', reason } };
    expect(world.log.lines).toEqual([line, line]);
  });

  it('stops at a throttle: the next run goes on', async () => {
    const world = await worldOf('i-1', 'i-2');
    const throttled = new RetryableError('RequestLimitExceeded');
    await expect(finishQuarantines({ ...world.ports, power: { stop: refusing(throttled) } })).rejects.toThrow('RequestLimitExceeded');
    await expect(finishQuarantines({ ...world.ports, store: refusingStore(throttled) })).rejects.toThrow('RequestLimitExceeded');
    expect(await world.timeline()).toEqual([`Will stop i-1. ${REASON}`]);
    await finishQuarantines(world.ports);
    expect(stopping(world)).toEqual(['i-1', 'i-2']);
  });

  it('stops at most 20 a run', async () => {
    const world = await worldOf(...many(22));
    await finishQuarantines(world.ports);
    expect(stopping(world)).toEqual(many(20));
    await finishQuarantines(world.ports);
    expect(stopping(world)).toEqual(many(22));
  });

  it('reaches the others also when more are protected than it may stop', async () => {
    const world = await worldOf(...many(24));
    const stop = (id: string): Promise<void> => (id < 'i-22' ? Promise.reject(new PermanentError('OperationNotPermitted')) : world.region.power.stop(id));
    await finishQuarantines({ ...world.ports, power: { stop } });
    expect(stopping(world)).toEqual(['i-22', 'i-23']);
  });
});
