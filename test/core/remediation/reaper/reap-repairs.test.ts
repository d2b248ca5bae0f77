import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import type { RecordKey, StoredRecord } from '../../../../core/records/store.ts';
import { decideRepair, reapRepairs } from '../../../../core/remediation/reaper/reap-repairs.ts';
import { groupType, platformType, type Remediation, slotType } from '../../../../core/remediation/record.ts';
import { groupOf, NOW, remediationOf, slotOf } from '../builders.ts';
import { createReapingWorld, HOURS_AGO, refusing, storeWith, unreadableReason } from '../reaping-world.ts';
import { testScope } from '../world.ts';

const launch = { attempt: 1, intentAt: HOURS_AGO };
const stuck = (changes: Partial<Remediation> = {}): Remediation => ({
  ...remediationOf({ at: HOURS_AGO }),
  phase: 'await-running',
  remaining: ['register', 'finish'],
  phaseStartedAt: HOURS_AGO,
  calls: { launch },
  executionName: 'execution',
  ...changes,
});
const DAYS_AGO = '2026-11-18T06:00:00.000Z';
const frozen = { at: HOURS_AGO, target: 'global', by: 'kim', reason: 'network' };

const LOST = 'Its execution ended in the phase await-running without an end of the repair';
const NEVER = 'Its execution never began';
const restart = (executionName: string, reason = LOST) => ({ kind: 'restart', executionName, reason });
const close = (reason: string) => ({ kind: 'close', reason });
const keep = (reason: string) => ({ kind: 'keep', reason });
const IDLE = 'Nothing has carried it on for';
const A_DAY_AGO = '2026-11-20T09:00:00.000Z';
const BEFORE_A_DAY = '2026-11-20T08:59:59.000Z';

describe('the decision about a repair that nobody may be carrying on', () => {
  it.each([
    ['ended without an end of the repair', stuck(), 'ended', restart('execution-r1')],
    ['ended again', stuck({ executionName: 'execution-r2' }), 'ended', restart('execution-r3')],
    ['ended too often', stuck({ executionName: 'execution-r3' }), 'ended', close('It was started again 3 times and always ended in the phase await-running')],
    ['has a name that goes on after a number', stuck({ executionName: 'name-r3-of' }), 'ended', restart('name-r3-of-r1')],
    ['never began', stuck(), 'absent', restart('execution', NEVER)],
    ['was named and never began', stuck({ executionName: 'execution-r3' }), 'absent', restart('execution-r3', NEVER)],
    ['has been idle for a day', stuck({ phaseStartedAt: A_DAY_AGO }), 'ended', restart('execution-r1')],
    ['is of another world', stuck({ phaseStartedAt: BEFORE_A_DAY }), 'ended', close(`${IDLE} 24 h, in the phase await-running`)],
    ['was frozen most of the time', stuck({ phaseStartedAt: BEFORE_A_DAY, frozenSeconds: 3600 }), 'ended', restart('execution-r1')],
    ['runs and is frozen', stuck({ frozen }), 'running', keep('Its execution runs')],
    ['was lost in a freeze', stuck({ frozen }), 'ended', restart('execution-r1')],
    ['was lost in a freeze of days', stuck({ phaseStartedAt: DAYS_AGO, frozen: { ...frozen, at: DAYS_AGO } }), 'ended', restart('execution-r1')],
    ['was lost long before the freeze', stuck({ phaseStartedAt: DAYS_AGO, frozen }), 'ended', close(`${IDLE} 72 h, in the phase await-running`)],
    ['runs', stuck(), 'running', keep('Its execution runs')],
    ['has its page time before it', stuck({ pageAt: '2026-11-21T09:00:00.001Z' }), 'ended', keep('Its page time 2026-11-21T09:00:00.001Z has not come')],
    ['has reached its page time', stuck({ pageAt: NOW }), 'ended', restart('execution-r1')],
    ['has recorded its end', stuck({ state: 'failed' }), 'ended', keep('It ended as failed')],
    ['runs, though the record has its end', stuck({ state: 'vetoed' }), 'running', keep('It ended as vetoed')],
  ] as const)('one whose execution %s', (_what, record, execution, expected) => {
    expect(decideRepair(record, execution, NOW)).toEqual({ remediationId: 'rem-1', ...expected });
  });
});

describe('the search for half-finished repairs', () => {
  it('starts one again under a new name, says so before, and leaves it alone while that runs', async () => {
    const world = createReapingWorld();
    await world.add(stuck());
    world.executions.set('execution', 'ended');
    await reapRepairs(world.ports);
    expect(world.started).toEqual(['execution-r1']);
    // Its page time has come, and a claim that crashed early has armed none.
    expect(world.paged).toEqual(['rem-1']);
    expect((await world.read('rem-1')).executionName).toBe('execution-r1');
    expect(await world.timeline()).toEqual(['Will start rem-1 again. Its execution ended in the phase await-running without an end of the repair']);
    const before = world.store.snapshot();
    expect(await reapRepairs(world.ports)).toEqual([{ remediationId: 'rem-1', ...keep('Its execution runs') }]);
    expect(world.store.snapshot()).toEqual(before);
    const message = 'The reaper has looked at a running remediation';
    expect(world.log.lines).toEqual([
      { level: 'info', message, fields: { remediationId: 'rem-1', ...restart('execution-r1') } },
      { level: 'info', message, fields: { remediationId: 'rem-1', ...keep('Its execution runs') } },
    ]);
  });

  it('starts the same name after a crash between name and start', async () => {
    const world = createReapingWorld();
    await world.add(stuck());
    world.executions.set('execution', 'ended');
    await expect(reapRepairs({ ...world.ports, executions: { start: async () => Promise.reject(new Error('crash')) } })).rejects.toThrow('crash');
    await reapRepairs(world.ports);
    expect(world.started).toEqual(['execution-r1']);
    expect(await world.timeline()).toEqual([`Will start rem-1 again. ${LOST}`]);
  });

  it('starts one that never began under its own name, and writes nothing into its record', async () => {
    const world = createReapingWorld();
    await world.add(stuck());
    const before = await world.store.get(keys.remediation(testScope, 'rem-1'));
    await reapRepairs(world.ports);
    expect(world.started).toEqual(['execution']);
    expect(await world.store.get(keys.remediation(testScope, 'rem-1'))).toEqual(before);
  });

  it('says each time that it starts one again', async () => {
    const world = createReapingWorld();
    await world.add(stuck());
    for (const name of ['execution', 'execution-r1', 'execution-r2']) {
      world.executions.set(name, 'ended');
      await reapRepairs(world.ports);
    }
    expect(world.started).toEqual(['execution-r1', 'execution-r2', 'execution-r3']);
    const said = `Will start rem-1 again. ${LOST}`;
    expect(await world.timeline()).toEqual([said, said, said]);
  });

  it('goes past one that the list still shows and whose record is gone', async () => {
    const world = createReapingWorld();
    await world.add(stuck());
    const { store } = world;
    const get = (key: RecordKey): Promise<StoredRecord | undefined> => (key.sort === 'rem-1' ? Promise.resolve(undefined) : store.get(key));
    expect(await reapRepairs({ ...world.ports, store: storeWith(world, { get }) })).toEqual([]);
    expect(world.log.lines).toEqual([]);
  });

  it('looks after at most 20 a run', async () => {
    const world = createReapingWorld();
    for (let index = 10; index < 32; index += 1) await world.add(stuck({ id: `rem-${index}` }));
    expect(await reapRepairs(world.ports)).toHaveLength(20);
  });

  it('stops at a throttle: the next run goes on', async () => {
    const world = createReapingWorld();
    await world.add(stuck());
    const stateOf = refusing(new RetryableError('ThrottlingException'));
    await expect(reapRepairs({ ...world.ports, executionStates: { stateOf } })).rejects.toThrow('ThrottlingException');
    expect(world.log.lines).toEqual([]);
  });

  it('closes one that cannot go on: failed, told, and its places given back', async () => {
    const world = createReapingWorld();
    await world.add(stuck({ executionName: 'execution-r3' }));
    world.executions.set('execution-r3', 'ended');
    await createRecord(world.store, slotType, keys.slot(testScope, 'shop-web/1'), slotOf({ remediationId: 'rem-1' }));
    await createRecord(world.store, groupType, keys.group(testScope, 'shop-web/web'), groupOf({ inFlight: ['rem-1'] }));
    await createRecord(world.store, platformType, keys.platform(testScope), {
      inFlight: ['rem-1'],
      starts: [],
      unhealthySystems: [],
      breaker: { state: 'closed' },
    });
    await reapRepairs(world.ports);
    const reason = 'It was started again 3 times and always ended in the phase await-running';
    expect(await world.read('rem-1')).toMatchObject({
      state: 'failed',
      failure: { phase: 'await-running', reason },
      reason: `${reason}. Closed by the reaper: ${reason}.`,
      remaining: [],
      memory: {},
      phases: [
        { name: 'await-running', startedAt: HOURS_AGO, endedAt: NOW, outcome: 'failed', reason },
        { name: 'finish', startedAt: NOW, endedAt: NOW, outcome: 'done' },
      ],
    });
    expect(await world.timeline()).toEqual([`Will close rem-1 as failed. ${reason}. What was begun may be half-done.`]);
    expect(world.finished.map(({ id, state }) => [id, state])).toEqual([['rem-1', 'failed']]);
    expect((await readRecord(world.store, slotType, keys.slot(testScope, 'shop-web/1')))?.body.remediationId).toBeUndefined();
    expect((await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')))?.body.inFlight).toEqual([]);
    expect((await readRecord(world.store, platformType, keys.platform(testScope)))?.body.inFlight).toEqual([]);
    expect(await reapRepairs(world.ports)).toEqual([]);
    expect(world.finished).toHaveLength(1);
  });

  it('finishes what a crash left half-closed', async () => {
    const world = createReapingWorld();
    await world.add(stuck({ executionName: 'execution-r3' }));
    world.executions.set('execution-r3', 'ended');
    const crashing = { pageAnyway: async () => undefined, finished: async () => Promise.reject(new Error('crash')) };
    await expect(reapRepairs({ ...world.ports, journal: crashing })).rejects.toThrow('crash');
    expect(await world.read('rem-1')).toMatchObject({ state: 'running', phase: 'finish' });
    await reapRepairs(world.ports);
    const record = await world.read('rem-1');
    expect(record).toMatchObject({ state: 'failed', failure: { phase: 'await-running' } });
    expect(record.phases.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['await-running', 'failed'],
      ['finish', 'done'],
    ]);
  });

  it('asks nothing about a young one, and goes on past one whose record cannot be read', async () => {
    const world = createReapingWorld();
    await world.add(stuck({ id: 'rem-young', pageAt: '2026-11-21T10:00:00.000Z' }));
    await world.add(stuck());
    const broken = { list: '111122223333#eu-central-1#running-remediation', order: 'rem-0' };
    await world.store.write([{ key: keys.remediation(testScope, 'rem-0'), expectedVersion: 0, body: { id: 3 }, listing: broken }]);
    const asked: string[] = [];
    const stateOf = async (name: string): Promise<'ended'> => {
      asked.push(name);
      return 'ended';
    };
    await reapRepairs({ ...world.ports, executionStates: { stateOf } });
    expect(asked).toEqual(['execution']);
    expect(world.started).toEqual(['execution-r1']);
    const message = 'The reaper has looked at a running remediation';
    const lines = [
      {
        level: 'warn',
        message: 'The reaper leaves something alone that a person should look at',
        fields: {
          id: 'rem-0',
          reason: unreadableReason('rem-0'),
        },
      },
      { level: 'info', message, fields: { remediationId: 'rem-young', ...keep('Its page time 2026-11-21T10:00:00.000Z has not come') } },
      { level: 'info', message, fields: { remediationId: 'rem-1', ...restart('execution-r1') } },
    ];
    expect(world.log.lines).toHaveLength(lines.length);
    expect(world.log.lines).toEqual(expect.arrayContaining(lines));
  });
});
