import { beforeEach, describe, expect, it } from 'vitest';
import { addSeconds, secondsBetween } from '../../../../core/environment/time.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { keys } from '../../../../core/records/keys.ts';
import { updateRecord } from '../../../../core/records/record-type.ts';
import { advance } from '../../../../core/remediation/driver/driver.ts';
import { rowOf } from '../../../../core/remediation/paths/procedure.ts';
import { type Pause, pauseType, type PhaseName, type Remediation } from '../../../../core/remediation/record.ts';
import { freeze, halfDoneText, phaseSeconds, thaw } from '../../../../core/remediation/guardrails/freeze.ts';
import { dump, NOW, remediationOf } from '../builders.ts';
import { createWorld, driverPorts, OLD, play, readRemediation, startOld, testScope, verifyImage, type World } from '../world.ts';

let world: World;
let id: string;

const record = () => readRemediation(world, id);

async function turn(isPaused: boolean, isFrozen: boolean, target = 'global'): Promise<void> {
  await updateRecord(world.store, pauseType, keys.pause(testScope, target), () => ({
    target,
    isPaused,
    isFrozen,
    by: 'kim',
    reason: 'odd',
    at: world.clock.now(),
  }));
}

async function step(): Promise<number> {
  const { phase } = await record();
  const answer = await advance(driverPorts(world), id, rowOf(phase).role);
  world.clock.advance(Math.max(0.01, answer.waitSeconds));
  return answer.waitSeconds;
}

async function to(wanted: PhaseName): Promise<void> {
  for (let count = 0; count < 300 && (await record()).phase !== wanted; count += 1) await step();
  expect((await record()).phase).toBe(wanted);
}

const fleet = () => JSON.stringify(world.region.all().map(({ instanceId, state, tags, securityGroupIds }) => ({ instanceId, state, tags, securityGroupIds })));

beforeEach(async () => {
  world = createWorld();
  await verifyImage(world);
  id = await startOld(world);
});

const call = (outcomeAt?: string): Remediation['calls'][string] => ({ attempt: 1, intentAt: NOW, ...(outcomeAt === undefined ? {} : { outcomeAt }) });
const switched: Pause = { target: 'system#shop-web', isPaused: true, isFrozen: true, by: 'kim', reason: 'odd', at: NOW };

describe('what a frozen repair says of itself', () => {
  const begun = { phase: 'await-healthy', phaseStartedAt: NOW, remaining: ['deregister', 'drain'] } as const;

  it('is what it has changed, what it began without hearing of the outcome, and what is still to come', () => {
    const calls = { launch: call(NOW), 'register-new': call(NOW), 'stop:i-1': call(), 'isolate:i-1': call() };
    const repair = remediationOf({}, { ...begun, remaining: ['deregister', 'drain'], newInstanceId: 'i-new', calls });
    expect(halfDoneText(repair)).toBe(
      `It stands in the phase await-healthy (read its target health until it is healthy several times in a row) since ${NOW}; ` +
        'changed so far: launch, register-new; begun, outcome unknown: stop:i-1, isolate:i-1; ' +
        'old instance i-0000000000000001, replacement i-new; still to come: await-healthy, deregister, drain',
    );
  });

  it('is that nothing has changed, where nothing has', () => {
    const repair = remediationOf({}, { ...begun, remaining: [] });
    expect(halfDoneText(repair)).toBe(
      `It stands in the phase await-healthy (read its target health until it is healthy several times in a row) since ${NOW}; ` +
        'it has changed nothing yet; old instance i-0000000000000001, replacement none; still to come: await-healthy',
    );
  });

  it('names things as they are called', () => {
    const repair = remediationOf({}, { ...begun, phase: 'await-native-recovery', remaining: [] });
    expect(halfDoneText(repair)).toContain(
      'in the phase await-native-recovery (let EC2 move the instance to another host, until its time for that is over) since',
    );
  });

  it('stands on its record with who stopped it and why; nothing else of the record changes', () => {
    const repair = remediationOf();
    expect(freeze(repair, switched, addSeconds(NOW, 5))).toEqual({
      ...repair,
      frozen: { at: addSeconds(NOW, 5), target: 'system#shop-web', by: 'kim', reason: 'odd' },
      reason: `Frozen (system#shop-web) by kim: odd. ${halfDoneText(repair)}`,
    });
  });
});

describe('a repair that goes on after a freeze', () => {
  const approval = { requestedAt: NOW, expiresAt: addSeconds(NOW, 600), findings: [], plan: { phases: [], kept: [], cannotKeep: [] } };

  it('has its phase and its request for approval longer by the time it stood still, rounded in words only', () => {
    const repair = remediationOf({}, { approval, frozenSeconds: 100 });
    expect(thaw(freeze(repair, switched, NOW), addSeconds(NOW, 90.4))).toEqual({
      ...repair,
      frozenSeconds: 190.4,
      approval: { ...approval, expiresAt: addSeconds(NOW, 690.4) },
      reason: 'It goes on after 90 s of standing still',
    });
  });

  it('has no request for approval that it did not have before, and never less time than before', () => {
    const repair = remediationOf();
    expect(thaw(freeze(repair, switched, NOW), addSeconds(NOW, -30))).toEqual({
      ...repair,
      frozenSeconds: 0,
      reason: 'It goes on after 0 s of standing still',
    });
  });

  it('is left as it is when it was not frozen', () => {
    const repair = remediationOf();
    expect(thaw(repair, addSeconds(NOW, 60))).toBe(repair);
  });

  it('counts the time of its phase without the time it stood still', () => {
    expect(phaseSeconds({ phaseStartedAt: NOW }, addSeconds(NOW, 700))).toBe(700);
    expect(phaseSeconds({ phaseStartedAt: NOW, frozenSeconds: 190 }, addSeconds(NOW, 700))).toBe(510);
  });
});

describe('a freeze', () => {
  it.each(['launch', 'register', 'await-healthy', 'drain', 'quarantine', 'verify', 'finish'] as const)(
    'in %s changes nothing, however long it lasts, and resume ends the repair',
    async (phase) => {
      await to(phase);
      world.clock.advance(120);
      await turn(true, true);
      await step();
      const before = fleet();
      for (let count = 0; count < 60; count += 1) await step();
      expect(fleet()).toBe(before);
      expect(await record()).toMatchObject({ phase, state: 'running', frozen: { by: 'kim', target: 'global' } });
      await turn(false, false);
      await play(world, id);
      const after = await record();
      expect([after.state, after.frozen]).toEqual(['succeeded', undefined]);
    },
  );

  it('says what is half-done on record and timeline, once, and pages once after ten minutes', async () => {
    await to('await-healthy');
    await turn(true, true, 'system#shop-web');
    for (let count = 0; count < 60; count += 1) await step();
    const { reason, incidentId } = await record();
    expect(reason).toContain('Frozen (system#shop-web) by kim: odd. It stands in the phase await-healthy');
    expect(reason).toContain('changed so far: launch, register-new');
    const lines = (await readTimeline(world.store, testScope, incidentId)).filter(({ text }) => text.startsWith('Frozen'));
    expect(lines).toHaveLength(1);
    const pages = world.sent.filter(({ notificationId }) => notificationId.startsWith(`${id}:frozen:`));
    expect(pages).toHaveLength(1);
    expect(pages[0]?.sms).toContain('a repair is frozen half-way');
    expect(pages[0]?.text).toContain('resume shop-web --reason');
  });

  it('does not let the deadline of a phase run out: the time that stood still is added', async () => {
    await to('await-healthy');
    world.region.setTargetUnhealthy((await record()).newInstanceId ?? '', true);
    await turn(true, true);
    for (let count = 0; count < 60; count += 1) await step();
    await turn(false, false);
    await step();
    const thawed = await record();
    expect(thawed.phase).toBe('await-healthy');
    expect(thawed.frozenSeconds).toBeGreaterThan(600);
    await to('deregister-new');
    const ended = (await record()).phases.at(-1);
    expect(secondsBetween(ended?.startedAt ?? '', ended?.endedAt ?? '') - (thawed.frozenSeconds ?? 0)).toBeGreaterThan(600);
  });

  it('that comes in the middle of a step stops the very next call', async () => {
    await to('quarantine');
    const ports = driverPorts(world, (name, port) =>
      name !== 'quarantine'
        ? port
        : new Proxy(port, {
            get:
              (target, property) =>
              async (...words: unknown[]) => {
                if (property === 'isolate') await turn(true, true);
                const method: unknown = Reflect.get(target, property);
                return typeof method === 'function' ? (Reflect.apply(method, target, words) as unknown) : undefined;
              },
          }),
    );
    await advance(ports, id, 'act');
    const { calls } = await record();
    expect(calls[`isolate:${OLD}`]?.outcomeAt).toBeDefined();
    expect(calls[`stop:${OLD}`]).toBeUndefined();
    expect(world.region.all().find(({ instanceId }) => instanceId === OLD)?.state).toBe('running');
  });

  it('looks less often once people are paged, so that an execution does not run out of events', async () => {
    await to('await-healthy');
    await turn(true, true);
    expect(await step()).toBe(30);
    world.clock.advance(600);
    expect(await step()).toBe(300);
    const before = dump(world.store);
    await step();
    expect(dump(world.store)).toEqual(before);
  });

  it('that becomes a plain pause takes the repair to its safe point', async () => {
    await to('await-healthy');
    await turn(true, true);
    await step();
    await turn(true, false);
    await play(world, id);
    expect(await record()).toMatchObject({ state: 'failed', failure: { reason: 'Paused (global) by kim: odd' } });
  });

  it('keeps a request for approval open for as long as it lasts', async () => {
    world = createWorld('multiple', { mode: 'approve' });
    await verifyImage(world);
    id = await startOld(world);
    await to('await-approval');
    const before = (await record()).approval?.expiresAt ?? '';
    await turn(true, true);
    await step();
    world.clock.advance(5000);
    await step();
    await turn(false, false);
    await step();
    expect((await record()).phase).toBe('await-approval');
    expect(secondsBetween(before, (await record()).approval?.expiresAt ?? '')).toBeGreaterThan(5000);
  });
});
