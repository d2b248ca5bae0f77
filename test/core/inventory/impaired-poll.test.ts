import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../core/environment/errors.ts';
import { addSeconds } from '../../../core/environment/time.ts';
import { decidePoll, pollImpaired, type PollPorts } from '../../../core/inventory/impaired-poll.ts';
import { keys } from '../../../core/records/keys.ts';
import type { InstanceStatus, TargetHealth } from '../../../core/remediation/ports.ts';
import { readSignals } from '../../../core/signals/normalise.ts';
import type { QueueMessage, SendFailure } from '../../../core/signals/ports.ts';
import { VirtualClock } from '../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../sim/memory-record-store.ts';
import { testHasher, testScope, webTarget } from '../remediation/world.ts';
import { catalogOf, WatchedStore } from './world.ts';

/** Minutes between two looks at a small fleet. */
const EVERY_RUN = 1;
const NOW = '2026-11-21T09:00:00.000Z';
const idOf = (index: number): string => `i-${index.toString(16).padStart(17, '0')}`;

interface Poll {
  readonly clock: VirtualClock;
  readonly store: WatchedStore;
  readonly sent: QueueMessage[];
  statuses: readonly InstanceStatus[];
  targets: readonly TargetHealth[];
  failures: readonly SendFailure[];
  /** Not listed any more; every other instance that was seen once is listed in good health. */
  gone: readonly string[];
  readonly ports: PollPorts;
}

/** Seen before, not in trouble now, still there. */
function recovered(seen: ReadonlySet<string>, inTrouble: readonly { readonly instanceId: string }[], gone: readonly string[]): readonly string[] {
  return [...seen].filter((instanceId) => !gone.includes(instanceId) && !inTrouble.some((other) => other.instanceId === instanceId));
}

function poll(): Poll {
  const clock = new VirtualClock(NOW);
  const store = new WatchedStore(new MemoryRecordStore(clock));
  const sent: QueueMessage[] = [];
  const [seen, registered] = [new Set<string>(), new Set<string>()];
  const world: Poll = {
    clock,
    store,
    sent,
    statuses: [],
    targets: [],
    failures: [],
    gone: [],
    ports: {
      store,
      scope: testScope,
      clock,
      inventory: {
        async *listInstances() {},
        async *listStatuses() {
          for (const status of world.statuses) yield [status];
          yield recovered(seen, world.statuses, world.gone).map((instanceId) => impaired(instanceId, { instance: 'ok' }));
          for (const status of world.statuses) seen.add(status.instanceId);
        },
      },
      targets: {
        health: async () => [],
        registered: async () => {
          const healthy = recovered(registered, world.targets, world.gone).map((instanceId) => unhealthy(instanceId, { state: 'healthy' }));
          for (const target of world.targets) registered.add(target.instanceId);
          return [...world.targets, ...healthy];
        },
      },
      queue: {
        send: async (messages) => {
          sent.push(...messages.filter((_, index) => !world.failures.some((failure) => failure.index === index)));
          return world.failures;
        },
      },
    },
  };
  return world;
}

const impaired = (instanceId: string, changes: Partial<InstanceStatus> = {}): InstanceStatus => ({
  instanceId,
  system: 'ok',
  instance: 'impaired',
  impairedSince: '2026-11-21T08:59:00.000Z',
  ...changes,
});
const unhealthy = (instanceId: string, changes: Partial<TargetHealth> = {}): TargetHealth => ({
  ...webTarget,
  instanceId,
  state: 'unhealthy',
  reason: 'Target.Timeout',
  ...changes,
});

/** What the signals function will read of what was sent. */
function heard({ sent, clock }: Poll) {
  return sent.map(({ body }) => {
    const { signals, rejected } = readSignals(body, { hasher: testHasher, scope: testScope, receivedAt: clock.now() });
    expect(rejected).toEqual([]);
    return signals.map(({ kind, state, at, subject }) => ({ kind, state, at, id: subject.id }));
  });
}

let world: Poll;
beforeEach(() => {
  world = poll();
});

describe('the poll for what has no event', () => {
  it('says once that a status check began to fail and once that it ended', async () => {
    world.statuses = [impaired(idOf(1))];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 1, ended: 0 });
    for (let minute = 0; minute < 5; minute += 1) {
      world.clock.advance(60);
      expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 0 });
    }
    world.statuses = [];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 1 });
    world.clock.advance(60);
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 0 });
    expect(heard(world)).toEqual([
      [{ kind: 'instance.status-check', state: 'firing', at: '2026-11-21T08:59:00.000Z', id: idOf(1) }],
      [{ kind: 'instance.status-check', state: 'resolved', at: '2026-11-21T09:05:00.000Z', id: idOf(1) }],
    ]);
  });

  it('says the same of targets, and counts an instance that is unhealthy in two target groups once', async () => {
    world.targets = [unhealthy(idOf(1)), unhealthy(idOf(1), { targetGroupName: 'shop-web-internal', port: 8080 }), unhealthy(idOf(2), { state: 'healthy' })];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 1, ended: 0 });
    world.targets = [unhealthy(idOf(1), { state: 'healthy' }), unhealthy(idOf(1), { targetGroupName: 'shop-web-internal', port: 8080 })];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 0 });
    world.targets = [];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 1 });
    expect(
      heard(world)
        .flat()
        .map(({ kind, state }) => `${kind} ${state}`),
    ).toEqual(['instance.target-unhealthy firing', 'instance.target-unhealthy resolved']);
  });

  it('does not call an instance recovered that is gone, or out of its target group (S3-17)', async () => {
    world.statuses = [impaired(idOf(1))];
    world.targets = [unhealthy(idOf(2))];
    await pollImpaired(world.ports, catalogOf(), EVERY_RUN);
    Object.assign(world, { statuses: [], targets: [], gone: [idOf(1), idOf(2)] });
    world.clock.advance(60);
    await pollImpaired(world.ports, catalogOf(), EVERY_RUN);
    expect(heard(world).flatMap((signals) => signals.map(({ state }) => state))).toEqual(['firing', 'firing']);
  });

  it('keeps both troubles of one instance apart', async () => {
    world.statuses = [impaired(idOf(1), { system: 'impaired' })];
    world.targets = [unhealthy(idOf(1))];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 2, ended: 0 });
    world.targets = [];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 1 });
  });

  it('does not take checks that only begin or lack data for failures', async () => {
    world.statuses = [impaired(idOf(1), { system: 'initializing', instance: 'insufficient-data' })];
    world.targets = [unhealthy(idOf(2), { state: 'initial' }), unhealthy(idOf(3), { state: 'draining' })];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 0 });
  });

  it('writes nothing while nothing changes', async () => {
    await pollImpaired(world.ports, catalogOf(), EVERY_RUN);
    world.statuses = [impaired(idOf(1))];
    await pollImpaired(world.ports, catalogOf(), EVERY_RUN);
    expect(world.store.written).toHaveLength(2);
    for (let minute = 0; minute < 10; minute += 1) await pollImpaired(world.ports, catalogOf(), EVERY_RUN);
    expect(world.store.written).toHaveLength(2);
  });

  it.each([1, 2])('sends again after a crash before write %i: it never loses, and what it repeats is the same signal', async (fatal) => {
    world.targets = [unhealthy(idOf(1))];
    let writes = 0;
    world.store.beforeWrite = async () => {
      writes += 1;
      if (writes === fatal) throw new Error('the process died');
    };
    await expect(pollImpaired(world.ports, catalogOf(), EVERY_RUN)).rejects.toThrow('the process died');
    world.clock.advance(60);
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 1, ended: 0 });
    expect(world.sent).toHaveLength(fatal);
    expect(new Set(world.sent.map(({ body }) => body)).size).toBe(1);
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 0 });
  });

  it('tells the end of what it may have sent before it died', async () => {
    world.statuses = [impaired(idOf(1))];
    let writes = 0;
    world.store.beforeWrite = async () => {
      writes += 1;
      if (writes === 2) throw new Error('the process died');
    };
    await expect(pollImpaired(world.ports, catalogOf(), EVERY_RUN)).rejects.toThrow('the process died');
    world.statuses = [];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 1 });
    expect(
      heard(world)
        .flat()
        .map(({ state }) => state),
    ).toEqual(['firing', 'resolved']);
  });

  it('counts nothing as said when the queue took only a part, and sends all again', async () => {
    world.statuses = [impaired(idOf(1)), impaired(idOf(2))];
    world.failures = [{ index: 1, reason: 'InternalError', isRetryable: true }];
    await expect(pollImpaired(world.ports, catalogOf(), EVERY_RUN)).rejects.toThrow(RetryableError);
    world.failures = [];
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 2, ended: 0 });
    expect(world.sent).toHaveLength(3);
  });

  it('does not remember when another poll was faster, and fails nobody', async () => {
    world.statuses = [impaired(idOf(1))];
    const both = await Promise.all([pollImpaired(world.ports, catalogOf(), EVERY_RUN), pollImpaired(world.ports, catalogOf(), EVERY_RUN)]);
    expect(both.reduce((sum, { begun }) => sum + begun, 0)).toBe(1);
    expect(world.sent).toHaveLength(1);
    world.clock.advance(60);
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 0 });
  });

  it('calls nothing over when it cannot read everything', async () => {
    world.statuses = [impaired(idOf(1))];
    await pollImpaired(world.ports, catalogOf(), EVERY_RUN);
    world.statuses = [];
    const targets = { ...world.ports.targets, registered: () => Promise.reject(new RetryableError('Throttling')) };
    await expect(pollImpaired({ ...world.ports, targets }, catalogOf(), EVERY_RUN)).rejects.toThrow(RetryableError);
    expect(world.sent).toHaveLength(1);
  });

  it('remembers at most 500 troubles; the next ones wait, and nothing that lasts is called over', async () => {
    world.statuses = Array.from({ length: 600 }, (_, index) => impaired(idOf(index)));
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 500, ended: 0 });
    world.statuses = world.statuses.toReversed();
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 0 });
    world.statuses = world.statuses.filter(({ instanceId }) => instanceId !== idOf(3));
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 0, ended: 1 });
    expect(await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).toEqual({ begun: 1, ended: 0 });
  });

  it('says begun and ended in turn for every trouble, over any history', async () => {
    const history = fc.array(fc.record({ failing: fc.subarray([1, 2, 3]), isQueueBroken: fc.boolean() }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const run = poll();
        for (const { failing, isQueueBroken } of steps) {
          run.clock.advance(60);
          run.statuses = failing.map((index) => impaired(idOf(index), { impairedSince: run.clock.now() }));
          run.failures = isQueueBroken ? [{ index: 0, reason: 'InternalError', isRetryable: true }] : [];
          await pollImpaired(run.ports, catalogOf(), EVERY_RUN).catch(() => undefined);
        }
        run.failures = [];
        run.clock.advance(60);
        await pollImpaired(run.ports, catalogOf(), EVERY_RUN);
        const last = new Map(
          heard(run)
            .flat()
            .map(({ id, state }) => [id, state]),
        );
        const firing = run.statuses.map(({ instanceId }) => instanceId);
        for (const [id, state] of last) expect(state).toBe(firing.includes(id) ? 'firing' : 'resolved');
        for (const id of firing) expect(last.get(id)).toBe('firing');
      }),
      { numRuns: 50 },
    );
  });
});

const healthy = (count: number): readonly InstanceStatus[] => Array.from({ length: count }, (_, index) => impaired(idOf(index), { instance: 'ok' }));

describe('how often ten or fewer instances are asked', () => {
  const LAW = 5;

  /** Runs every minute from now on; gives the minutes in which the fleet was asked. */
  async function minutesAsked(run: Poll, minutes: number): Promise<readonly number[]> {
    const asked: number[] = [];
    for (let minute = 0; minute < minutes; minute += 1) {
      const { waits } = await pollImpaired(run.ports, catalogOf(), LAW);
      if (waits === undefined) asked.push(minute);
      run.clock.advance(60);
    }
    return asked;
  }

  it.each([0, 1, 10])('asks %i instances in the first run and every five minutes from then on', async (count) => {
    world.statuses = healthy(count);
    expect(await minutesAsked(world, 12)).toEqual([0, 5, 10]);
  });

  it('asks eleven every minute and writes nothing of it', async () => {
    world.statuses = healthy(11);
    expect(await minutesAsked(world, 7)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(world.store.written).toEqual([]);
  });

  it('asks every minute when it is told to, and writes nothing of it', async () => {
    for (let minute = 0; minute < 4; minute += 1) expect((await pollImpaired(world.ports, catalogOf(), EVERY_RUN)).waits).toBeUndefined();
    expect(world.store.written).toEqual([]);
  });

  it('notices at the next look that the fleet grew past ten, or shrank', async () => {
    world.statuses = healthy(3);
    await minutesAsked(world, 3);
    world.statuses = healthy(40);
    expect(await minutesAsked(world, 5)).toEqual([2, 3, 4]);
    Object.assign(world, { statuses: healthy(40).slice(0, 3), gone: healthy(40).map(({ instanceId }) => instanceId) });
    expect(await minutesAsked(world, 7)).toEqual([0, 5]);
  });

  it('asks again in the next minute when a run did not come to its end', async () => {
    await minutesAsked(world, 5);
    world.statuses = [impaired(idOf(1))];
    world.failures = [{ index: 0, reason: 'InternalError', isRetryable: true }];
    await expect(pollImpaired(world.ports, catalogOf(), LAW)).rejects.toThrow(RetryableError);
    world.failures = [];
    world.clock.advance(60);
    expect(await pollImpaired(world.ports, catalogOf(), LAW)).toEqual({ begun: 1, ended: 0 });
    expect((await pollImpaired(world.ports, catalogOf(), LAW)).waits).toContain('0 s ago');
  });

  it('asks when the fleet could not be read to its end the last time', async () => {
    await minutesAsked(world, 5);
    const targets = { ...world.ports.targets, registered: () => Promise.reject(new RetryableError('Throttling')) };
    await expect(pollImpaired({ ...world.ports, targets }, catalogOf(), LAW)).rejects.toThrow(RetryableError);
    world.clock.advance(60);
    expect((await pollImpaired(world.ports, catalogOf(), LAW)).waits).toBeUndefined();
  });

  it('reads what the version before has written', async () => {
    const key = keys.impairedPoll(testScope);
    const troubles = [{ instanceId: idOf(1), kind: 'status-check', since: NOW, detail: 'instance', said: 'begun' }];
    await world.store.write([{ key, expectedVersion: 0, body: { troubles } }]);
    world.statuses = healthy(2);
    expect(await pollImpaired(world.ports, catalogOf(), LAW)).toEqual({ begun: 0, ended: 1 });
  });

  it('asks in every fifth run, however early or late the runs are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -14, max: 14 }), { minLength: 20, maxLength: 40 }), (shifts) => {
        let lastLook = { at: NOW, instances: 3 };
        const asked: number[] = [];
        for (const [index, shift] of [0, ...shifts].entries()) {
          const now = addSeconds(NOW, index * 60 + shift);
          if (index > 0 && decidePoll(lastLook, now, LAW).action === 'wait') continue;
          lastLook = { at: now, instances: 3 };
          asked.push(index);
        }
        expect(asked).toEqual(asked.map((_, turn) => turn * 5));
      }),
    );
  });

  it('is not held up by a last look in the future', () => {
    expect(decidePoll({ at: addSeconds(NOW, 3600), instances: 1 }, NOW, LAW).action).toBe('ask');
  });
});
