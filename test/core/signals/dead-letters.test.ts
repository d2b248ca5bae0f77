import { beforeEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../core/environment/errors.ts';
import type { NotificationMessage } from '../../../core/incidents/ports.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { type DeadLetter, type DeadLetterPorts, deadLetterType, keepDeadLetter } from '../../../core/signals/dead-letters.ts';
import type { SendFailure } from '../../../core/signals/ports.ts';
import { VirtualClock } from '../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../sim/memory-record-store.ts';
import { dump } from '../remediation/builders.ts';
import { testHasher, testScope } from '../remediation/world.ts';

const NOW = '2026-11-21T09:00:00.000Z';

interface Kept {
  readonly ports: DeadLetterPorts;
  readonly clock: VirtualClock;
  readonly store: MemoryRecordStore;
  /** What the rejected queue holds, and whether the record was there already. */
  readonly rejected: { readonly body: string; readonly wasRecorded: boolean }[];
  failures: readonly SendFailure[];
  readonly told: string[];
}

let world: Kept;
beforeEach(() => {
  const clock = new VirtualClock(NOW);
  const store = new MemoryRecordStore(clock);
  const send = async (bodies: readonly string[]): Promise<readonly SendFailure[]> => {
    if (world.failures.length === 0) world.rejected.push(...bodies.map((body) => ({ body, wasRecorded: dump(store).length > 0 })));
    return world.failures;
  };
  const publisher = {
    publish: async (message: NotificationMessage) => {
      world.told.push(message.notificationId);
      return { messageId: 'm' };
    },
  };
  world = { clock, store, rejected: [], told: [], failures: [], ports: { store, scope: testScope, clock, hasher: testHasher, rejected: { send }, publisher } };
});

const letter = async (messageId = 'm-1'): Promise<DeadLetter | undefined> =>
  (await readRecord(world.store, deadLetterType, keys.deadLetter(testScope, `dead-${messageId}`)))?.body;

describe('a malformed message', () => {
  it('is kept unmodified in the rejected queue first, then recorded with its masked body, hash, size and reason', async () => {
    const body = '{"detail":"mail kim@example.com about 서버"}';
    await keepDeadLetter(world.ports, { messageId: 'm-1', body }, 'detail-type is missing');
    expect(world.rejected).toEqual([{ body, wasRecorded: false }]);
    expect(world.told).toEqual(['dead-letter:dead-m-1']);
    expect(await letter()).toEqual({
      id: 'dead-m-1',
      messageId: 'm-1',
      at: NOW,
      reason: 'detail-type is missing',
      bodyHash: testHasher.sha256(body),
      sizeBytes: new TextEncoder().encode(body).length,
      maskedBody: '{"detail":"mail [e-mail] about 서버"}',
    });
  });

  it('leaves one record when it is delivered again; the first telling stands', async () => {
    await keepDeadLetter(world.ports, { messageId: 'm-1', body: 'x' }, 'not JSON');
    const before = dump(world.store);
    world.clock.advance(60);
    await keepDeadLetter(world.ports, { messageId: 'm-1', body: 'x' }, 'not JSON');
    expect(dump(world.store)).toEqual(before);
  });

  it('is not recorded when the queue refuses it: it stays where it was and is delivered again', async () => {
    world.failures = [{ index: 0, reason: 'ServiceUnavailable', isRetryable: true }];
    await expect(keepDeadLetter(world.ports, { messageId: 'm-1', body: 'x' }, 'not JSON')).rejects.toThrow(
      new RetryableError('The malformed message m-1 could not be kept in the rejected queue: ServiceUnavailable'),
    );
    expect(await letter()).toBeUndefined();
  });

  it('is recorded with its first 65,536 characters and a reason of at most 1,000', async () => {
    const body = '가'.repeat(300_000);
    await keepDeadLetter(world.ports, { messageId: 'm-1', body }, 'r'.repeat(5000));
    const found = await letter();
    expect(found?.maskedBody).toHaveLength(65_536);
    expect(found?.sizeBytes).toBe(900_000);
    expect(found?.reason).toHaveLength(1000);
  });

  it('shows no half of an address at the cut', async () => {
    const body = `${' '.repeat(65_536 - 12)}kim.kim@example.com`;
    await keepDeadLetter(world.ports, { messageId: 'm-1', body }, 'not JSON');
    expect((await letter())?.maskedBody).not.toContain('kim.kim');
  });

  it('is forgotten after 14 days, like the queue forgets its body', async () => {
    await keepDeadLetter(world.ports, { messageId: 'm-1', body: 'x' }, 'not JSON');
    world.clock.advance(14 * 86_400 - 1);
    expect(await letter()).toBeDefined();
    world.clock.advance(1);
    expect(await letter()).toBeUndefined();
  });
});
