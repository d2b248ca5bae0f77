import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../core/environment/errors.ts';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { advance, type DriverPorts, transition } from '../../../core/remediation/driver/driver.ts';
import { decideUnfinished, finishQuarantines } from '../../../core/remediation/reaper/reap-quarantines.ts';
import { type PhaseName, slotType } from '../../../core/remediation/record.ts';
import { instanceFacts, NOW, remediationOf } from './builders.ts';
import { createReapingWorld } from './reaping-world.ts';
import { createWorld, driverPorts, OLD, play, readIncident, readRemediation, startOld, testScope, verifyImage, type World, type Wrap } from './world.ts';

/*
 * What the simulation found to be weak: each case is one that it broke, in small.
 */

const DRAINING = { drainSeconds: 60 };

async function begin(topology: 'multiple' | 'single' = 'multiple', spec: Readonly<Record<string, unknown>> = {}): Promise<{ world: World; id: string }> {
  const world = createWorld(topology, spec);
  await verifyImage(world);
  return { world, id: await startOld(world) };
}

/** Plays until the record stands in this phase, and stops there. */
async function playUntil(world: World, id: string, phase: PhaseName, ports: () => DriverPorts = () => driverPorts(world)): Promise<void> {
  let role: 'observe' | 'act' = 'observe';
  for (let step = 0; step < 200; step += 1) {
    if ((await readRemediation(world, id)).phase === phase) return;
    const answer = await advance(ports(), id, role);
    if (answer.next === 'end') break;
    world.clock.advance(answer.waitSeconds);
    role = answer.next;
  }
  throw new Error(`It never came to ${phase}`);
}

/** Replaces one method of one port. */
function instead(
  portName: string,
  method: string,
  call: (original: (...given: unknown[]) => Promise<unknown>) => (...given: unknown[]) => Promise<unknown>,
): Wrap {
  return (name, port) => {
    if (name !== portName) return port;
    return new Proxy(port, {
      get: (target, property): unknown => {
        const original: unknown = Reflect.get(target, property);
        return property === method && typeof original === 'function' ? call(async (...given) => Reflect.apply(original, target, given) as unknown) : original;
      },
    });
  };
}

const find = (world: World, instanceId: string) => world.region.all().find((instance) => instance.instanceId === instanceId);
const launchedBy = (world: World, id: string) => world.region.all().filter(({ tags, instanceId }) => tags[tagKeys.remediation] === id && instanceId !== OLD);
const slotOf = async (world: World) => (await readRecord(world.store, slotType, keys.slot(testScope, `shop-web/${OLD}`)))?.body;

/** The launch happens, its answer is lost, and nothing lists it for a while. */
async function lose(world: World, id: string, hiddenSeconds: number): Promise<void> {
  await playUntil(world, id, 'launch');
  const lost = instead('launcher', 'launch', (launch) => async (request) => {
    await launch(request);
    throw new Error('the function died');
  });
  await expect(advance(driverPorts(world, lost), id, 'act')).rejects.toThrow('died');
  const shownFrom = Date.parse(world.clock.now()) + hiddenSeconds * 1000;
  const lagging = instead(
    'instances',
    'findByTag',
    (findByTag) =>
      async (...given) =>
        Date.parse(world.clock.now()) < shownFrom ? [] : findByTag(...given),
  );
  const giveUp = { error: 'States.TaskFailed', cause: 'the function died' };
  await advance(driverPorts(world, lagging), id, 'observe', giveUp);
  await play(world, id, () => driverPorts(world, lagging));
}

const retired = (world: World): DriverPorts => ({ ...driverPorts(world), declared: async () => undefined });

const refuse = (port: string, method: string): Wrap => instead(port, method, () => () => Promise.reject(new PermanentError('AccessDenied')));

describe('a launch whose answer was lost while reads lag', () => {
  it.each(['multiple', 'single'] as const)('is looked for until EC2 must show it, and put away: `%s`', async (topology) => {
    const { world, id } = await begin(topology);
    await lose(world, id, 100);
    expect(launchedBy(world, id).map(({ state }) => state)).toEqual(['stopped']);
    expect(find(world, OLD)?.state).toBe('running');
  });

  it('of a fenced slot is seen stopped before the old instance starts', async () => {
    const { world, id } = await begin('single');
    let running: readonly string[] = [];
    const { power } = world.region;
    const start = power.start.bind(power);
    Object.assign(power, {
      start: (instanceId: string) => {
        running = launchedBy(world, id).flatMap(({ state }) => (state === 'stopped' ? [] : [state]));
        return start(instanceId);
      },
    });
    await lose(world, id, 60);
    expect(running).toEqual([]);
  });

  it('that never happened is looked for no longer than two minutes', async () => {
    const { world, id } = await begin('single');
    await playUntil(world, id, 'launch');
    const dying = instead('launcher', 'launch', () => () => Promise.reject(new Error('the function died')));
    await expect(advance(driverPorts(world, dying), id, 'act')).rejects.toThrow('died');
    const asked = world.clock.now();
    await advance(driverPorts(world, dying), id, 'observe', { error: 'States.TaskFailed', cause: 'the function died' });
    await playUntil(world, id, 'start-old');
    const { phases } = await readRemediation(world, id);
    expect(phases.at(-1)).toMatchObject({ name: 'quarantine-new', reason: 'No replacement exists' });
    expect(Date.parse(world.clock.now()) - Date.parse(asked)).toBeGreaterThanOrEqual(120_000);
    expect(Date.parse(world.clock.now()) - Date.parse(asked)).toBeLessThan(150_000);
  });

  it('that was plainly refused is not looked for: the old one is back at once', async () => {
    const { world, id } = await begin('single');
    await playUntil(world, id, 'launch');
    const refusing = instead('launcher', 'launch', () => () => Promise.reject(new PermanentError('UnauthorizedOperation')));
    const asked = world.clock.now();
    await playUntil(world, id, 'start-old', () => driverPorts(world, refusing));
    expect((await readRemediation(world, id)).failure).toEqual({ phase: 'launch', reason: 'UnauthorizedOperation' });
    expect(Date.parse(world.clock.now()) - Date.parse(asked)).toBeLessThan(5000);
  });
});

describe('a success that is recorded long after its verification', () => {
  it('is verified again, and is none when the replacement does not serve any more', async () => {
    const { world, id } = await begin();
    await playUntil(world, id, 'finish');
    const { newInstanceId = '' } = await readRemediation(world, id);
    world.clock.advance(28 * 60);
    world.region.setState(newInstanceId, 'stopped', 'Client.UserInitiatedShutdown');
    await play(world, id);
    const record = await readRemediation(world, id);
    expect(record).toMatchObject({ state: 'failed', failure: { phase: 'verify' } });
    expect(record.phases.find(({ name }) => name === 'finish')?.reason).toContain('is asked again');
  });

  it('is one when it still serves, also when the step that records it was given up', async () => {
    const { world, id } = await begin();
    await playUntil(world, id, 'finish');
    world.clock.advance(28 * 60);
    const answer = await advance(driverPorts(world), id, 'observe', { error: 'States.TaskFailed', cause: 'throttled' });
    expect(answer.next).toBe('observe');
    await play(world, id);
    const record = await readRemediation(world, id);
    expect(record.state).toBe('succeeded');
    expect(record.phases.filter(({ name }) => name === 'verify')).toHaveLength(2);
  });

  it('is not asked again when the proof is fresh', async () => {
    const { world, id } = await begin();
    await play(world, id);
    expect((await readRemediation(world, id)).phases.filter(({ name }) => name === 'verify')).toHaveLength(1);
  });
});

describe('a system that leaves the catalog in the middle of a repair', () => {
  it('before the drain: what was begun is undone with what was declared at the claim, and the fenced old one runs again', async () => {
    const { world, id } = await begin('single');
    await playUntil(world, id, 'await-healthy');
    await play(world, id, () => retired(world));
    const record = await readRemediation(world, id);
    expect(record).toMatchObject({ state: 'failed', failure: { phase: 'await-healthy' } });
    expect(record.failure?.reason).toContain('not in the catalog any more');
    expect(find(world, OLD)?.state).toBe('running');
    expect(launchedBy(world, id).map(({ state }) => state)).toEqual(['stopped']);
  });

  it('after the drain: it is finished', async () => {
    const { world, id } = await begin();
    await playUntil(world, id, 'transfer-alarms');
    await play(world, id, () => retired(world));
    expect((await readRemediation(world, id)).state).toBe('succeeded');
    expect(find(world, OLD)?.state).toBe('stopped');
  });

  it('before anything was touched: nothing begins', async () => {
    const { world, id } = await begin();
    await play(world, id, () => retired(world));
    expect((await readRemediation(world, id)).state).toBe('stood-down');
    expect(launchedBy(world, id)).toEqual([]);
  });

  it('tries no next step of the ladder: that would be a new repair', async () => {
    const { world, id } = await begin('multiple', { ladder: ['reboot', 'replace'] });
    await playUntil(world, id, 'reboot');
    await play(world, id, () => retired(world));
    expect(await readRemediation(world, id)).toMatchObject({ state: 'failed', path: 'reboot' });
  });

  it('of a repair that was claimed before declarations were kept fails as it did', async () => {
    const { world, id } = await begin();
    await playUntil(world, id, 'preflight');
    const get = world.store.get.bind(world.store);
    Object.assign(world.store, {
      get: (key: { partition: string; sort: string }) => (key.partition.endsWith('#declaration') ? Promise.resolve(undefined) : get(key)),
    });
    await play(world, id, () => retired(world));
    expect((await readRemediation(world, id)).reason).toContain('not in the catalog any more');
  });
});

describe('what can not be tidied up behind a replacement that serves', () => {
  it.each([
    ['transfer-alarms', refuse('alarmCloner', 'clone')],
    ['quarantine', refuse('power', 'stop')],
  ] as const)('%s: the replacement is verified, holds the slot, and people hear what is left', async (phase, wrap) => {
    const { world, id } = await begin();
    await play(world, id, () => driverPorts(world, wrap));
    const record = await readRemediation(world, id);
    expect(record.phases.find(({ name }) => name === phase)?.outcome, record.reason).toBe('failed');
    expect(record.phases.map(({ name }) => name)).toContain('verify');
    expect(record.state).toBe('succeeded');
    expect(record.reason).toContain(`${phase} failed (`);
    expect(await slotOf(world)).toMatchObject({ instanceId: record.newInstanceId, retiredInstanceIds: [OLD] });
    expect((await readIncident(world, record.incidentId)).state).toBe('resolved');
    expect(JSON.stringify(world.sent.find(({ notificationId }) => notificationId === `${id}:recovered`))).toContain(`${phase} failed (`);
  });

  it('a stop that is stuck for longer than its deadline is no failure of the repair', async () => {
    const { world, id } = await begin();
    world.region.stickNextStop(900);
    await play(world, id);
    const record = await readRemediation(world, id);
    expect(record).toMatchObject({ state: 'succeeded' });
    expect(record.reason).toContain('Left to finish, the quarantine by the reaper: quarantine failed (quarantine took longer than its 300 s');
    expect((await slotOf(world))?.instanceId).toBe(record.newInstanceId);
  });

  it('on the way back of a failed repair the old one is registered again though it still does not pass its checks', async () => {
    const { world, id } = await begin('single');
    await playUntil(world, id, 'await-healthy');
    world.region.setStatus(OLD, 'instance', 'impaired');
    world.region.setState((await readRemediation(world, id)).newInstanceId ?? '', 'stopped', 'Client.UserInitiatedShutdown');
    await play(world, id);
    const record = await readRemediation(world, id);
    expect(record.phases.map(({ name, outcome }) => `${name} ${outcome}`).slice(-3)).toEqual(['await-old-running failed', 'register-old done', 'finish done']);
    expect(record.state).toBe('failed');
  });

  it('but not when somebody has stopped it meanwhile: a target must run to be registered', async () => {
    const { world, id } = await begin('single');
    await playUntil(world, id, 'await-healthy');
    world.region.setState((await readRemediation(world, id)).newInstanceId ?? '', 'stopped', 'Client.UserInitiatedShutdown');
    await playUntil(world, id, 'await-old-running');
    world.clock.advance(120);
    world.region.setState(OLD, 'stopped', 'Client.UserInitiatedShutdown');
    await play(world, id);
    const { phases } = await readRemediation(world, id);
    expect(phases.map(({ name, outcome }) => `${name} ${outcome}`).slice(-3)).toEqual(['await-old-running failed', 'register-old failed', 'finish done']);
  });

  it('a read that still shows the old one stopped right after its start is no failure', async () => {
    const { world, id } = await begin('single');
    await playUntil(world, id, 'await-healthy');
    world.region.setState((await readRemediation(world, id)).newInstanceId ?? '', 'stopped', 'Client.UserInitiatedShutdown');
    await playUntil(world, id, 'await-old-running');
    const old = find(world, OLD);
    const lagging = instead('instances', 'read', () => () => Promise.resolve(old === undefined ? undefined : { ...old, state: 'stopped' }));
    expect(await advance(driverPorts(world, lagging), id, 'observe')).toMatchObject({ outcome: 'open', next: 'observe' });
    await play(world, id);
    expect((await readRemediation(world, id)).phases.map(({ name, outcome }) => `${name} ${outcome}`)).toContain('await-old-running done');
  });

  it('an old instance whose stop is stuck is waited for: it is all the slot has', async () => {
    const { world, id } = await begin('single');
    await playUntil(world, id, 'fence');
    world.region.stickNextStop(2400);
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({ state: 'failed', failure: { phase: 'fence' } });
    expect(find(world, OLD)?.state).toBe('running');
  });

  it('a failure before the drain, or one of a repair that failed already, is a failure', () => {
    const failed = { kind: 'failed', reason: 'no' } as const;
    const at = (phase: PhaseName, changes = {}) => transition(remediationOf({}, { phase, remaining: ['verify', 'finish'], ...changes }), failed, NOW);
    expect(at('quarantine')).toMatchObject({ phase: 'verify' });
    expect(at('quarantine').failure).toBeUndefined();
    expect(at('deregister').failure).toEqual({ phase: 'deregister', reason: 'no' });
    expect(at('quarantine', { path: 'drill', isDrill: true }).failure).toBeDefined();
    expect(at('quarantine', { failure: { phase: 'start-old', reason: 'x' } })).toMatchObject({ phase: 'finish', failure: { phase: 'start-old' } });
  });
});

describe('the reaper and a quarantine that was left unfinished', () => {
  it('stops what was marked and never stopped, once', async () => {
    const { world, id } = await begin();
    await play(world, id, () =>
      driverPorts(
        world,
        instead('quarantine', 'isolate', () => () => Promise.reject(new PermanentError('AccessDenied'))),
      ),
    );
    expect((await readRemediation(world, id)).state).toBe('succeeded');
    expect(find(world, OLD)?.state).toBe('running');
    const { terminator, power } = world.region;
    const ports = { ...createReapingWorld().ports, store: world.store, clock: world.clock, terminator, power };
    expect((await finishQuarantines(ports)).map(({ kind }) => kind)).toEqual(['stop']);
    world.clock.advance(120);
    expect(find(world, OLD)?.state).toBe('stopped');
    expect((await finishQuarantines(ports)).map(({ kind }) => kind)).toEqual(['keep']);
    await world.region.power.start(OLD);
    world.clock.advance(120);
    expect(await finishQuarantines(ports)).toMatchObject([{ kind: 'keep', reason: 'It was stopped; somebody started it again' }]);
  });

  it('leaves alone what is on hold, what no record marked, and what a failed repair has', () => {
    const tags = { [tagKeys.quarantine]: 'inc-1', [tagKeys.remediation]: 'rem-1' };
    const instance = instanceFacts({ tags });
    const { instanceId } = instance;
    const done = remediationOf({}, { state: 'succeeded', calls: { [`mark:${instanceId}`]: { attempt: 1, intentAt: NOW } } });
    expect(decideUnfinished(instance, done).kind).toBe('stop');
    expect(decideUnfinished({ ...instance, tags: { ...tags, [tagKeys.hold]: 'ops' } }, done).kind).toBe('keep');
    expect(decideUnfinished({ ...instance, tags: { ...tags, [tagKeys.quarantine]: 'inc-2' } }, done).kind).toBe('keep');
    expect(decideUnfinished(instance, { ...done, calls: {} }).kind).toBe('keep');
    expect(decideUnfinished(instance, { ...done, state: 'failed' }).kind).toBe('keep');
    expect(decideUnfinished(instance, undefined).kind).toBe('keep');
    expect(decideUnfinished({ ...instance, rootDeviceType: 'instance-store' }, done).kind).toBe('keep');
  });
});

/** The quarantine could be begun only, so that the old instance still runs. */
async function failedVerification(refused: 'mark' | 'isolate' | 'stop') {
  const { world, id } = await begin();
  const [name, call] = refused === 'stop' ? (['power', 'stop'] as const) : (['quarantine', refused] as const);
  const refusing = instead(name, call, () => () => Promise.reject(new PermanentError('AccessDenied')));
  await playUntil(world, id, 'verify', () => driverPorts(world, refusing));
  world.region.setTargetUnhealthy((await readRemediation(world, id)).newInstanceId ?? '', true);
  world.region.setTargetUnhealthy(OLD, false);
  await play(world, id);
  const { failure, calls, phases } = await readRemediation(world, id);
  return {
    failedIn: failure?.phase,
    state: find(world, OLD)?.state,
    isRegistered: calls['restore-old']?.outcomeAt !== undefined,
    said: phases.find((phase) => phase.name === 'restore-old')?.reason,
  };
}

describe('a replacement that stops serving while it is verified', () => {
  it('lets the old one serve again where it was not put away', async () => {
    expect(await failedVerification('mark')).toMatchObject({ failedIn: 'verify', state: 'running', isRegistered: true });
  });

  it.each(['isolate', 'stop'] as const)('leaves the old one to a person where its quarantine has begun and came to the call %s', async (refused) => {
    const { said, ...seen } = await failedVerification(refused);
    expect(seen).toEqual({ failedIn: 'verify', state: 'running', isRegistered: false });
    expect(said).toContain('running in quarantine and cannot serve; a person must decide');
  });
});

describe('a replacement that dies while the old instance drains', () => {
  it('keeps the old one from being put away: it is registered again where it can serve', async () => {
    const { world, id } = await begin('multiple', DRAINING);
    await playUntil(world, id, 'quarantine');
    world.region.setTargetUnhealthy((await readRemediation(world, id)).newInstanceId ?? '', true);
    world.region.setTargetUnhealthy(OLD, false);
    await play(world, id);
    const record = await readRemediation(world, id);
    expect(record).toMatchObject({ state: 'failed', failure: { phase: 'quarantine' } });
    expect(record.failure?.reason).toContain('does not serve any more');
    expect(record.phases.map(({ name }) => name).slice(-3)).toEqual(['quarantine', 'restore-old', 'finish']);
    expect(find(world, OLD)).toMatchObject({ state: 'running' });
    expect(find(world, OLD)?.tags[tagKeys.quarantine]).toBeUndefined();
    const targets = await world.region.targets.registered(['shop-web']);
    expect(targets.map(({ instanceId }) => instanceId)).toContain(OLD);
  });

  it('that serves again a moment later costs nothing: one bad look is none', async () => {
    const { world, id } = await begin('multiple', DRAINING);
    await playUntil(world, id, 'quarantine');
    const { newInstanceId = '' } = await readRemediation(world, id);
    world.region.setTargetUnhealthy(newInstanceId, true);
    expect((await advance(driverPorts(world), id, 'act')).reason).toContain('does not serve any more');
    expect(find(world, OLD)?.tags[tagKeys.quarantine]).toBeUndefined();
    world.region.setTargetUnhealthy(newInstanceId, false);
    world.clock.advance(60);
    await play(world, id);
    expect((await readRemediation(world, id)).state).toBe('succeeded');
  });

  it('is not asked again once the old one is being put away', async () => {
    const { world, id } = await begin('multiple', DRAINING);
    await playUntil(world, id, 'quarantine');
    await advance(driverPorts(world), id, 'act');
    world.region.setTargetUnhealthy((await readRemediation(world, id)).newInstanceId ?? '', true);
    await play(world, id);
    expect(await readRemediation(world, id)).toMatchObject({ state: 'failed', failure: { phase: 'verify' } });
    expect(find(world, OLD)?.state).toBe('stopped');
  });
});
