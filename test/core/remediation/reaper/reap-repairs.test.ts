import { describe, expect, it } from 'vitest';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import { decideRepair, reapRepairs } from '../../../../core/remediation/reaper/reap-repairs.ts';
import { groupType, platformType, type Remediation, slotType } from '../../../../core/remediation/record.ts';
import { groupOf, NOW, remediationOf, slotOf } from '../builders.ts';
import { createReapingWorld, HOURS_AGO } from '../reaping-world.ts';
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

describe('the decision about a repair that nobody may be carrying on', () => {
  it.each([
    ['ended without an end of the repair', stuck(), 'ended', { kind: 'restart', executionName: 'execution-r1' }],
    ['ended again', stuck({ executionName: 'execution-r2' }), 'ended', { kind: 'restart', executionName: 'execution-r3' }],
    ['ended too often', stuck({ executionName: 'execution-r3' }), 'ended', { kind: 'close' }],
    ['never began', stuck(), 'absent', { kind: 'restart', executionName: 'execution' }],
    ['was named and never began', stuck({ executionName: 'execution-r3' }), 'absent', { kind: 'restart', executionName: 'execution-r3' }],
    ['is of another world', stuck({ phaseStartedAt: '2026-11-20T08:59:59.000Z' }), 'ended', { kind: 'close' }],
    ['was frozen most of the time', stuck({ phaseStartedAt: '2026-11-20T08:59:59.000Z', frozenSeconds: 3600 }), 'ended', { kind: 'restart' }],
    ['runs and is frozen', stuck({ frozen }), 'running', { kind: 'keep' }],
    ['was lost in a freeze', stuck({ frozen }), 'ended', { kind: 'restart' }],
    ['was lost in a freeze of days', stuck({ phaseStartedAt: DAYS_AGO, frozen: { ...frozen, at: DAYS_AGO } }), 'ended', { kind: 'restart' }],
    ['was lost long before the freeze', stuck({ phaseStartedAt: DAYS_AGO, frozen }), 'ended', { kind: 'close' }],
    ['runs', stuck(), 'running', { kind: 'keep' }],
    ['has its page time before it', stuck({ pageAt: '2026-11-21T09:00:00.001Z' }), 'ended', { kind: 'keep' }],
    ['has reached its page time', stuck({ pageAt: NOW }), 'ended', { kind: 'restart' }],
    ['has recorded its end', stuck({ state: 'failed' }), 'ended', { kind: 'keep' }],
  ] as const)('one whose execution %s', (_what, record, execution, expected) => {
    const decision = decideRepair(record, execution, NOW);
    expect(decision).toMatchObject({ remediationId: 'rem-1', ...expected });
    expect(decision.reason).not.toBe('');
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
    expect(await reapRepairs(world.ports)).toMatchObject([{ kind: 'keep', reason: 'Its execution runs' }]);
    expect(world.store.snapshot()).toEqual(before);
  });

  it('starts the same name after a crash between name and start', async () => {
    const world = createReapingWorld();
    await world.add(stuck());
    world.executions.set('execution', 'ended');
    await expect(reapRepairs({ ...world.ports, executions: { start: async () => Promise.reject(new Error('crash')) } })).rejects.toThrow('crash');
    await reapRepairs(world.ports);
    expect(world.started).toEqual(['execution-r1']);
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
    const record = await world.read('rem-1');
    expect(record).toMatchObject({ state: 'failed', failure: { phase: 'await-running' } });
    expect(record.reason).toContain('It was started again 3 times');
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
    expect(world.log.lines.some(({ level }) => level === 'warn')).toBe(true);
  });
});
