import { beforeEach, describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { declarationType } from '../../../../core/remediation/admission/declaration.ts';
import { advance, type DriverPorts, transition } from '../../../../core/remediation/driver/driver.ts';
import type { DriverAnswer } from '../../../../core/remediation/driver/driver-answer.ts';
import { halfDoneText } from '../../../../core/remediation/guardrails/freeze.ts';
import { type Pause, pauseType, type PhaseName, type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { captureType } from '../../../../core/remediation/surroundings/capture.ts';
import { NOW, remediationOf } from '../builders.ts';
import { createWorld, driverPorts, OLD, testScope, webPolicy, type World } from '../world.ts';

const LATER = addSeconds(NOW, 60);
const entry = (name: PhaseName, outcome: Remediation['phases'][number]['outcome'], reason: string, endedAt = LATER) => ({
  name,
  startedAt: NOW,
  endedAt,
  outcome,
  reason,
});

describe('the record after a phase', () => {
  const launch = remediationOf({}, { phase: 'launch', remaining: ['await-running', 'finish'], memory: { looks: 3 }, frozenSeconds: 100 });
  const { frozenSeconds: _frozen, ...thawed } = launch;
  const after = (changes: Partial<Remediation>): Remediation => ({ ...thawed, phaseStartedAt: LATER, memory: {}, ...changes });

  it('that is done has the next one, and what the phase found out', () => {
    const result = { kind: 'done', reason: 'Launched', patch: { newInstanceId: 'i-new' } } as const;
    expect(transition(launch, result, LATER)).toStrictEqual(
      after({ phase: 'await-running', remaining: ['finish'], newInstanceId: 'i-new', reason: 'Launched', phases: [entry('launch', 'done', 'Launched')] }),
    );
  });

  it('that has found another course takes it, and ends where nothing is left', () => {
    expect(transition(launch, { kind: 'done', reason: 'x', patch: { remaining: ['drain', 'verify', 'finish'] } }, LATER)).toMatchObject({
      phase: 'drain',
      remaining: ['verify', 'finish'],
    });
    expect(transition({ ...launch, remaining: [] }, { kind: 'done', reason: 'x' }, LATER)).toMatchObject({ phase: 'finish', remaining: [] });
  });

  it('that failed has what undoes it, and says what failed', () => {
    expect(transition(launch, { kind: 'failed', reason: 'no capacity' }, LATER)).toStrictEqual(
      after({
        phase: 'deregister-new',
        remaining: ['quarantine-new', 'finish'],
        reason: 'no capacity',
        failure: { phase: 'launch', reason: 'no capacity' },
        phases: [entry('launch', 'failed', 'no capacity')],
      }),
    );
  });

  it('that knows better what undoes it has that', () => {
    const failed = transition(launch, { kind: 'failed', reason: 'x', undo: ['start-old'] }, LATER);
    expect([failed.phase, failed.remaining]).toEqual(['start-old', ['finish']]);
  });

  it('that a guardrail stopped says which', () => {
    const guard = { ...launch, phase: 'guard' as const };
    const vetoed = transition(guard, { kind: 'vetoed', reason: 'r', guardrail: 'pause' }, LATER);
    expect(vetoed).toMatchObject({ phase: 'finish', remaining: [], failure: { phase: 'guard', reason: 'r', guardrail: 'pause' } });
    expect(vetoed.phases).toEqual([entry('guard', 'vetoed', 'r')]);
  });

  it('of a dry run is passed by, and nobody said no', () => {
    const guard = { ...launch, phase: 'guard' as const };
    const dry = transition(guard, { kind: 'would-have', reason: 'r' }, LATER);
    expect(dry.failure).toStrictEqual({ phase: 'guard', reason: 'r' });
    expect(dry.phases).toEqual([entry('guard', 'skipped', 'r')]);
  });

  it('keeps the first failure, and a failure on the way back is not undone again', () => {
    const failure = { phase: 'launch', reason: 'no capacity' } as const;
    const undoing = { ...launch, phase: 'start-old' as const, remaining: ['await-old-running' as const, 'finish' as const], failure };
    expect(transition(undoing, { kind: 'failed', reason: 'still no capacity' }, LATER)).toMatchObject({ failure, phase: 'finish', remaining: [] });
  });

  it('on the way back goes on with the rest where the old instance is to be as it was', () => {
    const failure = { phase: 'launch', reason: 'no capacity' } as const;
    const undoing = { ...launch, phase: 'deregister-new' as const, remaining: ['quarantine-new' as const, 'finish' as const], failure };
    const next = transition(undoing, { kind: 'failed', reason: 'AccessDenied' }, LATER);
    expect(next).toMatchObject({ failure, phase: 'quarantine-new', remaining: ['finish'], phases: [entry('deregister-new', 'failed', 'AccessDenied')] });
  });

  it('that only tidies up behind an instance that serves is no failure, unless it knows what undoes it', () => {
    const tidying = { ...launch, phase: 'quarantine' as const, remaining: ['verify' as const, 'finish' as const] };
    const next = transition(tidying, { kind: 'failed', reason: 'AccessDenied' }, LATER);
    expect([next.failure, next.phase, next.phases]).toEqual([undefined, 'verify', [entry('quarantine', 'failed', 'AccessDenied')]]);
    const undone = transition(tidying, { kind: 'failed', reason: 'AccessDenied', undo: ['start-old'] }, LATER);
    expect([undone.failure, undone.phase]).toEqual([{ phase: 'quarantine', reason: 'AccessDenied' }, 'start-old']);
    expect(transition(tidying, { kind: 'vetoed', reason: 'no', guardrail: 'pause' }, LATER).failure).toEqual({
      phase: 'quarantine',
      reason: 'no',
      guardrail: 'pause',
    });
  });
});

describe('a path that did not help', () => {
  const reboot = remediationOf({}, { phase: 'reboot', path: 'reboot', nextPaths: ['replace'], remaining: ['await-recovered', 'finish'] });
  const failed = { kind: 'failed', reason: 'it did not come back' } as const;

  it('is followed by the next one of the ladder, and is no failure (S4-18)', () => {
    const next = transition(reboot, failed, LATER);
    expect(next).toMatchObject({
      phase: 'choose-step',
      remaining: [],
      triedPaths: [{ path: 'reboot', startedAt: reboot.timing.decidedAt, endedAt: LATER, reason: 'it did not come back' }],
    });
    expect(next.failure).toBeUndefined();
    const second = transition({ ...next, phase: 'swap-root', path: 'root-swap', nextPaths: ['replace'] }, failed, addSeconds(LATER, 60));
    expect(second.triedPaths).toEqual([
      { path: 'reboot', startedAt: NOW, endedAt: LATER, reason: 'it did not come back' },
      { path: 'root-swap', startedAt: LATER, endedAt: addSeconds(LATER, 60), reason: 'it did not come back' },
    ]);
  });

  it('is the whole replacement where no other is on record', () => {
    const { path: _path, ...unnamed } = reboot;
    expect(transition(unnamed, failed, LATER).triedPaths).toMatchObject([{ path: 'replace' }]);
  });

  it.each([
    ['the ladder has no other', { nextPaths: [] }, failed],
    ['nobody noted another', { nextPaths: undefined }, failed],
    ['something has failed already', { failure: { phase: 'reboot', reason: 'first' } }, failed],
    ['a person stopped it', {}, { ...failed, isStopped: true }],
    ['its phase is none that may be followed', { phase: 'launch' }, failed],
    ['a guardrail said no', {}, { kind: 'vetoed', reason: 'r', guardrail: 'pause' }],
  ] as const)('is a failure where %s', (_what, changes, result) => {
    const next = transition({ ...reboot, ...changes, nextPaths: 'nextPaths' in changes ? [...(changes.nextPaths ?? [])] : ['replace'] }, result, LATER);
    expect(next.failure).toBeDefined();
    expect(next.triedPaths).toBeUndefined();
  });
});

let world: World;
/** What people were told by the journal, in this order. */
let told: string[];

beforeEach(() => {
  world = createWorld('multiple', { pendingSeconds: 60 });
  told = [];
});

const note = (what: string) => async (noted: Remediation) => void told.push(`${what}: ${noted.reason}`);

function portsOf(changes: Partial<DriverPorts> = {}): DriverPorts {
  const journal: DriverPorts['journal'] = {
    phaseEnded: async (before, after) => void told.push(`${before.phase} → ${after.phase}: ${after.reason}`),
    finished: note('finished'),
    frozen: note('frozen'),
    frozenTooLong: note('frozen too long'),
    thawed: async (_before, after) => void told.push(`thawed: ${after.reason}`),
    pageAnyway: note('page'),
  };
  return { ...driverPorts(world), journal, ...changes };
}

const key = keys.remediation(testScope, 'rem-1');
const stored = (changes: Partial<Remediation> = {}) => createRecord(world.store, remediationType, key, remediationOf({ policy: world.policy }, changes));
const record = async (): Promise<Remediation> => {
  const found = await readRecord(world.store, remediationType, key);
  if (found === undefined) throw new Error('no remediation');
  return found.body;
};
const version = async () => (await readRecord(world.store, remediationType, key))?.version;
const turn = (changes: Partial<Pause>) =>
  updateRecord(world.store, pauseType, keys.pause(testScope, 'global'), () => ({
    target: 'global',
    isPaused: true,
    by: 'kim',
    reason: 'odd',
    at: world.clock.now(),
    ...changes,
  }));
const captured = async (): Promise<void> => {
  const capture = await world.region.captures.capture(OLD, ['shop-web'], NOW);
  if (capture === undefined) throw new Error('no capture');
  await createRecord(world.store, captureType, keys.capture(testScope, OLD), capture);
};
/** EC2 answers so to whoever reads an instance. */
function failing(error: Error): DriverPorts {
  world.region.instances.read = async () => {
    throw error;
  };
  return portsOf();
}

describe('a step', () => {
  it('of an unknown remediation says that nothing was touched', async () => {
    await expect(advance(portsOf(), 'rem-9', 'observe')).rejects.toThrow(
      new PermanentError('There is no remediation rem-9. It was never claimed, so nothing was touched; look at the incident.'),
    );
  });

  it.each([
    ['succeeded', 'succeeded'],
    ['vetoed', 'succeeded'],
    ['would-have', 'succeeded'],
    ['stood-down', 'succeeded'],
    ['failed', 'failed'],
  ] as const)('of what has %s ends the execution as %s, and does nothing', async (state, outcome) => {
    await stored({ state, reason: 'because' });
    expect(await advance(portsOf(), 'rem-1', 'act')).toEqual({ remediationId: 'rem-1', next: 'end', waitSeconds: 0, outcome, reason: 'because' });
    expect([told, await version()]).toEqual([[], 1]);
  });

  it('of the other role is handed over', async () => {
    await stored();
    const answer = { remediationId: 'rem-1', next: 'observe', waitSeconds: 0, outcome: 'open', reason: 'confirm is for observe' };
    expect(await advance(portsOf(), 'rem-1', 'act')).toEqual(answer);
    expect(await version()).toBe(1);
  });

  it('that is done tells first, records it, and says who goes next', async () => {
    await stored();
    world.clock.advance(60);
    expect(await advance(portsOf(), 'rem-1', 'observe')).toEqual({
      remediationId: 'rem-1',
      next: 'observe',
      waitSeconds: 0,
      outcome: 'open',
      reason: 'confirm: Pending time of 60 s is over',
    });
    expect(told).toEqual(['confirm → guard: Pending time of 60 s is over']);
    expect(await record()).toMatchObject({ phase: 'guard', phaseStartedAt: LATER, phases: [{ name: 'confirm', outcome: 'done' }] });
  });

  it('that waits writes nothing, and says why, when and for how long', async () => {
    await stored();
    world.clock.advance(49.5);
    expect(await advance(portsOf(), 'rem-1', 'observe')).toEqual({
      remediationId: 'rem-1',
      next: 'observe',
      waitSeconds: 11,
      outcome: 'open',
      reason: `confirm at ${addSeconds(NOW, 49.5)}: Pending for 60 s, in case target-health recovers by itself`,
    });
    expect([told, await version()]).toEqual([[], 1]);
  });

  it('waits for 300 s at most', async () => {
    world = createWorld('multiple', { pendingSeconds: 900 });
    await stored();
    expect((await advance(portsOf(), 'rem-1', 'observe')).waitSeconds).toBe(300);
  });

  it('looks 200 times at most until the deadline of its phase', async () => {
    // Pending is over in 1 s, but (3000 + 300) / 200 = 16.5 s is the least it waits.
    world = createWorld('multiple', { pendingSeconds: 3000 });
    await stored({ timing: { detectedAt: addSeconds(NOW, -2999), decidedAt: NOW } });
    expect((await advance(portsOf(), 'rem-1', 'observe')).waitSeconds).toBe(17);
  });

  it('that a throttle stopped is tried again in a while, and remembers what it knew', async () => {
    await stored({ phase: 'await-running', newInstanceId: 'i-new', memory: { looks: 3 } });
    const ports = failing(new RetryableError('Rate exceeded'));
    expect(await advance(ports, 'rem-1', 'observe')).toEqual({
      remediationId: 'rem-1',
      next: 'observe',
      waitSeconds: 5,
      outcome: 'open',
      reason: `await-running at ${NOW}: To be tried again: Rate exceeded`,
    });
    expect([(await record()).memory, await version()]).toEqual([{ looks: 3 }, 1]);
  });

  it('that is refused for good has failed', async () => {
    await stored({ phase: 'await-running', newInstanceId: 'i-new' });
    const ports = failing(new PermanentError('AccessDenied'));
    expect(await advance(ports, 'rem-1', 'observe')).toMatchObject({ next: 'act', reason: 'await-running: AccessDenied' });
    expect((await record()).failure).toEqual({ phase: 'await-running', reason: 'AccessDenied' });
  });

  it('that has a bug is an error of its function, and changes nothing', async () => {
    await stored({ phase: 'await-running', newInstanceId: 'i-new' });
    await expect(advance(failing(new TypeError('x is not a function')), 'rem-1', 'observe')).rejects.toThrow(TypeError);
    expect(await version()).toBe(1);
  });

  it('that keeps waiting fails once its time is over, and not before', async () => {
    await stored({ phase: 'await-running', newInstanceId: 'i-new' });
    const ports = failing(new RetryableError('Rate exceeded'));
    const limit = webPolicy().spec.launchDeadlineSeconds;
    world.clock.advance(limit);
    expect((await advance(ports, 'rem-1', 'observe')).waitSeconds).toBe(5);
    world.clock.advance(1);
    expect((await advance(ports, 'rem-1', 'observe')).reason).toBe(
      `await-running: await-running took longer than its ${limit} s: To be tried again: Rate exceeded`,
    );
  });

  it('that was frozen meanwhile has that much more time', async () => {
    const limit = webPolicy().spec.launchDeadlineSeconds;
    await stored({ phase: 'await-running', newInstanceId: 'i-new', frozenSeconds: 100 });
    const ports = failing(new RetryableError('Rate exceeded'));
    world.clock.advance(limit + 100);
    expect((await advance(ports, 'rem-1', 'observe')).waitSeconds).toBe(5);
  });

  it('in a function that may not change anything has no code', async () => {
    await stored({ phase: 'launch' });
    const { act: _act, ...observing } = portsOf();
    await expect(advance(observing, 'rem-1', 'act')).rejects.toThrow('The phase launch has no code in this role');
  });
});

describe('a step that kept failing', () => {
  const giveUp = { error: 'States.TaskFailed', cause: 'x'.repeat(600) };

  it('is given up in either role, with the beginning of what was said', async () => {
    await stored({ phase: 'launch' });
    const reason = `The step kept failing: States.TaskFailed: ${'x'.repeat(500)}`;
    expect(await advance(portsOf(), 'rem-1', 'observe', giveUp)).toMatchObject({ next: 'act', reason: `launch: ${reason}` });
    expect((await record()).failure).toEqual({ phase: 'launch', reason });
  });

  it('ends also where its system has left the catalog, and says so', async () => {
    await stored({ phase: 'finish', failure: { phase: 'launch', reason: 'no capacity' } });
    const reason = 'no capacity. The system shop-web or its policy is not in the catalog any more.';
    expect(await advance(portsOf({ declared: async () => undefined }), 'rem-1', 'observe')).toMatchObject({ next: 'end', outcome: 'failed', reason });
    expect((await record()).reason).toBe(reason);
  });

  it('is not given up where it records the end: without it nothing would be free again', async () => {
    await stored({ phase: 'finish', failure: { phase: 'launch', reason: 'no capacity' } });
    expect(await advance(portsOf(), 'rem-1', 'observe', giveUp)).toMatchObject({ next: 'end', outcome: 'failed', reason: 'no capacity' });
    expect(told).toEqual(['finished: no capacity']);
  });
});

const stopOf = async (changes: Partial<Remediation>, ports = portsOf()): Promise<string | undefined> => {
  await stored(changes);
  await advance(ports, 'rem-1', 'observe').catch(() => undefined);
  return (await record()).failure?.reason;
};

describe('what takes a repair to its safe point', () => {
  const abort = { by: 'kim', reason: 'wrong host', at: NOW };

  it('is a pause, an abort, and its system leaving the catalog, in words each', async () => {
    await turn({});
    expect(await stopOf({})).toBe('Paused (global) by kim: odd');
  });

  it('is an abort, also in the guard phase', async () => {
    expect(await stopOf({ phase: 'guard', abort })).toBe('Aborted by kim: wrong host');
  });

  it('is that its system has left the catalog, by what was declared at the claim', async () => {
    const declared = { claimedAt: NOW, system: world.system, policy: world.policy };
    await createRecord(world.store, declarationType, keys.declaration(testScope, 'rem-1'), declared);
    expect(await stopOf({}, portsOf({ declared: async () => undefined }))).toBe(
      'The system shop-web or its policy is not in the catalog any more, which takes the repair to its safe point',
    );
  });

  it('is a failure where nobody knows what was declared', async () => {
    expect(await stopOf({}, portsOf({ declared: async () => undefined }))).toBe('The system shop-web or its policy is not in the catalog any more');
  });

  it('is no pause in the guard phase, which says no by itself', async () => {
    await turn({});
    await stored({ phase: 'guard', oldInstanceId: 'i-old' });
    await advance(portsOf(), 'rem-1', 'observe');
    expect((await record()).phases).toMatchObject([{ name: 'guard', outcome: 'vetoed' }]);
  });

  it('is nothing that stops what undoes already, or is past the drain', async () => {
    await turn({});
    await stored({ phase: 'confirm', abort, failure: { phase: 'launch', reason: 'first' } });
    await advance(portsOf(), 'rem-1', 'observe');
    expect(await version()).toBe(1);
    await updateRecord(world.store, remediationType, key, () => remediationOf({}, { phase: 'verify', abort, oldInstanceId: OLD, newInstanceId: 'i-gone' }));
    await captured();
    await advance(portsOf(), 'rem-1', 'observe');
    expect((await record()).failure?.reason).toContain('i-gone is gone during verification');
  });

  it('tries no next path: a person wants its end', async () => {
    await stored({ phase: 'await-native-recovery', path: 'native-recovery', nextPaths: ['replace'], abort });
    await advance(portsOf(), 'rem-1', 'observe');
    expect(await record()).toMatchObject({ phase: 'finish', failure: { reason: 'Aborted by kim: wrong host' } });
  });
});

const step = () => advance(portsOf(), 'rem-1', 'observe');

const standing = (waitSeconds: number, reason: string) => ({ remediationId: 'rem-1', next: 'observe', waitSeconds, outcome: 'open', reason });

describe('a freeze, step by step', () => {
  it('is told and recorded when it is seen, paged once after ten minutes, and looked at less often from then on', async () => {
    await stored();
    await turn({ isFrozen: true });
    const reason = `Frozen (global) by kim: odd. ${halfDoneText(await record())}`;
    expect(await step()).toEqual(standing(30, reason));
    expect([told, await version()]).toEqual([[`frozen: ${reason}`], 2]);
    world.clock.advance(599);
    expect(await step()).toEqual(standing(30, reason));
    expect(told).toHaveLength(1);
    world.clock.advance(1);
    expect(await step()).toEqual(standing(300, reason));
    expect(told).toEqual([`frozen: ${reason}`, `frozen too long: ${reason}`]);
    expect((await record()).frozen).toEqual({ at: NOW, target: 'global', by: 'kim', reason: 'odd', pagedAt: addSeconds(NOW, 600) });
    expect(await step()).toEqual(standing(300, reason));
    expect([told.length, await version()]).toEqual([2, 3]);
  });

  it('comes before giving up: what is frozen is tried again when it goes on', async () => {
    await stored();
    await turn({ isFrozen: true });
    expect(await advance(portsOf(), 'rem-1', 'observe', { error: 'e', cause: 'c' })).toMatchObject({ waitSeconds: 30 });
    expect((await record()).failure).toBeUndefined();
  });

  it('keeps the next call from being made, and says who froze it', async () => {
    await stored({ phase: 'register', oldInstanceId: OLD, newInstanceId: 'i-new' });
    const read = world.store.get.bind(world.store);
    const pauseKey = keys.pause(testScope, 'global');
    let looks = 0;
    world.store.get = async (asked) => {
      if (asked.sort === pauseKey.sort && asked.partition === pauseKey.partition) {
        looks += 1;
        if (looks === 2) await turn({ isFrozen: true });
      }
      return read(asked);
    };
    await captured();
    expect((await advance(portsOf(), 'rem-1', 'act')).reason).toBe(`register at ${NOW}: To be tried again: Frozen (global) by kim: odd`);
    expect((await record()).calls).toEqual({});
  });
});

describe('a repair that goes on after a freeze', () => {
  const frozen = { at: NOW, target: 'global', by: 'kim', reason: 'odd' };
  const proof = entry('await-old-healthy', 'done', 'healthy', NOW);
  const wayBack = { revertOf: 'rem-0', newInstanceId: 'i-new', phase: 'return-new', remaining: ['finish'], phases: [proof] } as const;
  let answer: DriverAnswer | undefined;
  const thawedAs = async (changes: Partial<Remediation>, isProved = false): Promise<Remediation> => {
    await stored({ ...changes, frozen });
    world.clock.advance(45);
    // The other role: it only says whose turn it is.
    const role = changes.phase === undefined || changes.phase === 'prove-old' ? 'act' : 'observe';
    answer = await advance(portsOf(), 'rem-1', isProved ? 'act' : role);
    return record();
  };

  it('is told of, and has that much more time', async () => {
    const after = await thawedAs({});
    expect(told).toEqual(['thawed: It goes on after 45 s of standing still']);
    expect([after.frozen, after.frozenSeconds, after.phase]).toEqual([undefined, 45, 'confirm']);
  });

  it('as a way back sees once more that the old instance serves, before it touches anything', async () => {
    const after = await thawedAs({ ...wayBack, remaining: ['finish'], phases: [proof], memory: { looks: 3 } }, true);
    expect(after).toMatchObject({ phase: 'prove-old', remaining: ['return-new', 'finish'], memory: {}, phaseStartedAt: addSeconds(NOW, 45) });
    expect(after.frozenSeconds).toBeUndefined();
    expect(answer).toEqual({ remediationId: 'rem-1', next: 'observe', waitSeconds: 0, outcome: 'open', reason: 'prove-old is for observe' });
  });

  it.each([
    ['is no way back', { revertOf: undefined }],
    ['undoes already', { failure: { phase: 'start-old', reason: 'x' } }],
    ['looks at it already', { phase: 'prove-old' }],
    ['has not seen it serve yet', { phases: [entry('start-old', 'done', 'x', NOW)] }],
    ['has seen that it does not serve', { phases: [entry('await-old-healthy', 'failed', 'x', NOW)] }],
  ] satisfies readonly (readonly [string, Partial<Remediation>])[])('goes on where it stood when it %s', async (_what, changes) => {
    const after = await thawedAs({ ...wayBack, remaining: ['finish'], phases: [proof], ...changes });
    expect(after.frozenSeconds).toBe(45);
    expect(after.phases.some(({ name }) => name === 'prove-old')).toBe(false);
  });
});

describe('a success that is recorded long after its proof', () => {
  const limit = webPolicy().spec.verifiedAfterSeconds + 300;
  const done = { phase: 'finish', newInstanceId: 'i-new', remaining: [] } as const;
  const finishedAfter = async (seconds: number, changes: Partial<Remediation>): Promise<Remediation> => {
    await stored({ ...done, remaining: [], ...changes });
    world.clock.advance(seconds);
    await advance(portsOf(), 'rem-1', 'observe');
    return record();
  };

  it.each(['verify', 'verify-serving', 'await-recovered'] as const)('is proved again by %s', async (name) => {
    const after = await finishedAfter(limit + 1, { phases: [entry(name, 'done', 'x', NOW)] });
    expect(after).toMatchObject({ state: 'running', phase: name, remaining: ['finish'], reason: `${name} was ${limit + 1} s ago: it is asked again` });
  });

  it('of a way back is proved again by the old instance', async () => {
    const phases = [entry('await-old-healthy', 'done', 'x', NOW), entry('transfer-alarms', 'done', 'x', NOW)];
    const after = await finishedAfter(limit + 1, { phases, revertOf: 'rem-0' });
    expect(after).toMatchObject({ phase: 'prove-old', remaining: ['finish'], reason: `await-old-healthy was ${limit + 1} s ago: it is asked again` });
  });

  it.each([
    ['in time', limit, { phases: [entry('verify', 'done', 'x', NOW)] }],
    ['after what proves nothing', limit + 1, { phases: [entry('quarantine', 'done', 'x', NOW)] }],
    ['without any proof', limit + 1, { phases: [] }],
    ['of a way back that was never seen to serve', limit + 1, { phases: [entry('verify', 'done', 'x', NOW)], revertOf: 'rem-0' }],
  ] satisfies readonly (readonly [string, number, Partial<Remediation>])[])('is recorded %s', async (_what, seconds, changes) => {
    expect((await finishedAfter(seconds, changes)).state).toBe('succeeded');
  });

  it('is no success after a failure, however long ago', async () => {
    const failure = { phase: 'verify', reason: 'unhealthy' } as const;
    expect((await finishedAfter(limit + 1, { phases: [entry('verify', 'failed', 'x', NOW)], failure })).state).toBe('failed');
  });
});
