import { beforeEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import { RecordConflictError } from '../../../../core/records/store.ts';
import { RemediationSession } from '../../../../core/remediation/driver/session.ts';
import { remediationType } from '../../../../core/remediation/record.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { WatchedStore } from '../../inventory/world.ts';
import { NOW, remediationOf } from '../builders.ts';
import { testScope } from '../world.ts';

let clock: VirtualClock;
let store: WatchedStore;
const key = keys.remediation(testScope, 'rem-1');
const other = { key: { partition: 'p', sort: 's' }, expectedVersion: 0, body: { odd: true } };

beforeEach(async () => {
  clock = new VirtualClock(NOW);
  store = new WatchedStore(new MemoryRecordStore(clock));
  await createRecord(store, remediationType, key, remediationOf());
});

async function open(): Promise<RemediationSession> {
  const session = await RemediationSession.open(store, clock, testScope, 'rem-1');
  if (session === undefined) throw new Error('no session');
  return session;
}

const stored = async () => readRecord(store, remediationType, key);

describe('a step that works on a remediation', () => {
  it('has what was read, and its version', async () => {
    const session = await open();
    expect([session.record, session.version]).toEqual([remediationOf(), 1]);
    expect(await RemediationSession.open(store, clock, testScope, 'rem-2')).toBeUndefined();
  });

  it('writes again and again, each on top of what it wrote before', async () => {
    const session = await open();
    await session.save({ ...session.record, reason: 'one' });
    await session.save({ ...session.record, reason: 'two' });
    expect([session.record.reason, session.version]).toEqual(['two', 3]);
    expect(await stored()).toMatchObject({ version: 3, body: { reason: 'two' } });
  });

  it('stops when another step went on in the meantime, and has not written', async () => {
    const [session, faster] = [await open(), await open()];
    await faster.save({ ...faster.record, reason: 'faster' });
    const failure = session.save({ ...session.record, reason: 'slower' });
    await expect(failure).rejects.toThrow(new RetryableError('Another step of rem-1 went on in the meantime; this one stops and reads again.'));
    await expect(failure).rejects.toMatchObject({ cause: expect.any(RecordConflictError) as unknown });
    expect([session.record.reason, session.version]).toEqual(['unhealthy', 1]);
    expect((await stored())?.body.reason).toBe('faster');
  });

  it('leaves other failures of the table as they are', async () => {
    const session = await open();
    store.beforeWrite = () => Promise.reject(new RetryableError('throttled'));
    await expect(session.save(session.record)).rejects.toThrow('throttled');
  });

  it('writes others with it, all or nothing', async () => {
    const session = await open();
    await session.saveWith({ ...session.record, reason: 'one' }, [other]);
    expect([session.record.reason, session.version]).toEqual(['one', 2]);
    expect((await store.get(other.key))?.body).toEqual({ odd: true });
    await expect(session.saveWith({ ...session.record, reason: 'two' }, [other])).rejects.toBeInstanceOf(RecordConflictError);
    expect([session.record.reason, session.version, (await stored())?.body.reason]).toEqual(['one', 2, 'one']);
  });
});

const never = () => Promise.reject(new Error('it was made again'));

describe('a call that changes something', () => {
  it('has its intent on record before it, and its outcome after it', async () => {
    const session = await open();
    const result = await session.mutate('launch', async () => {
      expect((await stored())?.body.calls).toEqual({ launch: { attempt: 1, intentAt: NOW } });
      clock.advance(5);
      return { instanceId: 'i-new' };
    });
    expect(result).toEqual({ instanceId: 'i-new' });
    expect((await stored())?.body.calls).toEqual({
      launch: { attempt: 1, intentAt: NOW, outcomeAt: addSeconds(NOW, 5), result: { instanceId: 'i-new' } },
    });
  });

  it('that gives nothing has an empty result', async () => {
    const session = await open();
    expect(await session.mutate('stop', async () => undefined)).toEqual({});
    expect((await stored())?.body.calls['stop']).toEqual({ attempt: 1, intentAt: NOW, outcomeAt: NOW, result: {} });
  });

  it('is not made again once its outcome is on record; others are', async () => {
    const session = await open();
    await session.mutate('launch', async () => ({ instanceId: 'i-new' }));
    const again = await open();
    expect(await again.mutate('launch', never)).toEqual({ instanceId: 'i-new' });
    expect(await again.mutate('stop', async () => undefined)).toEqual({});
    expect(Object.keys(again.record.calls)).toEqual(['launch', 'stop']);
  });

  it('whose outcome was kept without a result gives an empty one', async () => {
    const session = await open();
    await session.save({ ...session.record, calls: { launch: { attempt: 1, intentAt: NOW, outcomeAt: NOW } } });
    expect(await session.mutate('launch', () => Promise.reject(new Error('it was made again')))).toEqual({});
  });

  it('that failed is made again, and counted', async () => {
    const session = await open();
    await expect(session.mutate('launch', () => Promise.reject(new RetryableError('throttled')))).rejects.toThrow('throttled');
    expect(session.record.calls['launch']).toEqual({ attempt: 1, intentAt: NOW });
    clock.advance(5);
    await session.mutate('launch', async () => ({ instanceId: 'i-new' }));
    expect(session.record.calls['launch']).toMatchObject({ attempt: 2, intentAt: addSeconds(NOW, 5) });
  });

  it('is not even intended when what is asked right before it says no', async () => {
    const session = await open();
    session.guardMutations(() => Promise.reject(new RetryableError('frozen')));
    let isMade = false;
    const launch = async (): Promise<undefined> => {
      isMade = true;
      return undefined;
    };
    await expect(session.mutate('launch', launch)).rejects.toThrow('frozen');
    expect([isMade, session.record.calls]).toEqual([false, {}]);
  });
});
