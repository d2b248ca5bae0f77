import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActPorts } from '../../aws/fleet/act-ports.ts';
import { type RemediationPolicy, policySchema, type System, systemSchema } from '../../core/catalog/schema.ts';
import type { Clock } from '../../core/environment/ports.ts';
import { imageRecordType } from '../../core/images/records.ts';
import { recordFiring } from '../../core/incidents/incidents.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import { keys } from '../../core/records/keys.ts';
import { createRecord } from '../../core/records/record-type.ts';
import { admit } from '../../core/remediation/admission/admit.ts';
import type { DriverAnswer } from '../../core/remediation/driver/driver-answer.ts';
import { advance, type DriverPorts, type GiveUp } from '../../core/remediation/driver/driver.ts';
import { createJournal } from '../../core/remediation/driver/journal.ts';
import type { ActPorts } from '../../core/remediation/phase.ts';
import { listRemediations } from '../../core/remediation/hindsight/history.ts';
import type { Remediation } from '../../core/remediation/record.ts';
import type { Signal } from '../../core/signals/signal.ts';
import { MemoryRecordStore } from '../../sim/memory-record-store.ts';
import { createMotoFleet, type MotoFleet, unique } from '../contracts/fleet-on-moto.ts';
import { testHasher, testScope } from '../core/remediation/world.ts';

/*
 * The real core with the real adapters against moto, in this process: for every mutating call n it crashes before n and after n
 * (the call took effect, nobody heard). The records are in memory; crashes around those are test/core/remediation/crash.slow.test.ts.
 */

/** The real clock, which also jumps over the waits that a policy asks for. */
class SkippingClock implements Clock {
  #skippedMilliseconds = 0;

  now(): string {
    return new Date(Date.now() + this.#skippedMilliseconds).toISOString();
  }

  skip(seconds: number): void {
    this.#skippedMilliseconds += seconds * 1000;
  }
}

class Crash extends Error {}

type Moment = 'before' | 'after';
type Topology = 'multiple' | 'single';

/** Counts mutating calls, and crashes once, before or after call `at`. */
class Crasher {
  readonly calls: string[] = [];
  readonly #at: number;
  readonly #moment: Moment;

  constructor(at: number, moment: Moment) {
    this.#at = at;
    this.#moment = moment;
  }

  /** A port whose every method may be the one at which the process dies. */
  wrap<Port extends object>(port: Port, mutating: readonly (keyof Port)[]): Port {
    return new Proxy(port, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function' || !mutating.some((name) => name === property)) return value;
        return async (...words: unknown[]): Promise<unknown> => {
          const isHere = this.calls.push(String(property)) === this.#at;
          if (isHere && this.#moment === 'before') throw new Crash(`before call ${this.#at}: ${String(property)}`);
          const result: unknown = await Reflect.apply(value, target, words);
          if (isHere) throw new Crash(`after call ${this.#at}: ${String(property)}`);
          return result;
        };
      },
    });
  }
}

const TARGET_GROUP = 'crash-web';

function systemOf(name: string, topology: Topology): System {
  return systemSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'System',
    metadata: { name },
    spec: {
      purpose: 'Dies for the test',
      impact: 'None',
      owners: { owner: 'nobody' },
      environment: 'test',
      topology,
      roles: [TARGET_GROUP],
      recovery: { rtoSeconds: 600, rpoSeconds: 0 },
      access: { securityGroups: [TARGET_GROUP] },
      targetGroups: [TARGET_GROUP],
      alarms: [`${name}-*`],
      image: { role: TARGET_GROUP },
    },
  });
}

function policyOf(system: string): RemediationPolicy {
  const short = {
    pendingSeconds: 0,
    healthCheckGraceSeconds: 0,
    drainSeconds: 1,
    healthyReads: 1,
    healthyReadIntervalSeconds: 1,
    runningPersistSeconds: 0,
    statusPollSeconds: 1,
    verifiedAfterSeconds: 1,
  };
  return policySchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'RemediationPolicy',
    metadata: { name: system },
    spec: { system, mode: 'auto', triggers: ['instance.target-unhealthy'], ...short },
  });
}

/** One failing instance (and a healthy peer, where there may be two) with everything that repairs it. */
interface Scene {
  readonly system: System;
  readonly policy: RemediationPolicy;
  readonly store: MemoryRecordStore;
  readonly clock: SkippingClock;
  readonly oldId: string;
  readonly crasher: Crasher;
  readonly act: ActPorts;
}

let moto: MotoFleet;
const launched: string[] = [];

async function createScene(topology: Topology, crasher: Crasher): Promise<Scene> {
  const name = unique('crash').toLowerCase().replaceAll('_', '-');
  const clock = new SkippingClock();
  const store = new MemoryRecordStore(clock);
  const plain = createActPorts({ store, scope: testScope, clock }, moto.clients);
  const tags = { [tagKeys.system]: name, [tagKeys.role]: TARGET_GROUP, Name: name };
  const oldId = await moto.addInstance(moto.imageIds[0], tags);
  const peers = topology === 'multiple' ? [await moto.addInstance(moto.imageIds[1], tags)] : [];
  await createRecord(store, imageRecordType, keys.image(testScope, TARGET_GROUP, moto.imageIds[1]), {
    role: TARGET_GROUP,
    imageId: moto.imageIds[1],
    firstApprovedAt: clock.now(),
    isApproved: true,
    isRevoked: false,
    verifiedGroups: [{ groupId: `${name}/${TARGET_GROUP}`, at: clock.now(), instanceId: 'i-0ffffffffffffffff' }],
  });
  for (const instanceId of [oldId, ...peers]) await plain.registrar.register(instanceId, [moto.target]);
  await moto.addAlarm(`${name}-alarm`, oldId);
  await moto.setTargetUnhealthy(oldId, true);
  await expect.poll(async () => (await plain.targets.health(oldId, [moto.target]))[0]?.state, { timeout: 60_000, interval: 100 }).toBe('unhealthy');
  const act: ActPorts = {
    ...plain,
    launcher: crasher.wrap(plain.launcher, ['launch']),
    registrar: crasher.wrap(plain.registrar, ['register', 'deregister']),
    power: crasher.wrap(plain.power, ['stop', 'start']),
    quarantine: crasher.wrap(plain.quarantine, ['isolate', 'dropProfile', 'mark']),
    alarmCloner: crasher.wrap(plain.alarmCloner, ['clone', 'retire']),
  };
  return { system: systemOf(name, topology), policy: policyOf(name), store, clock, oldId, crasher, act };
}

function signalOf({ clock, oldId }: Scene): Signal & { readonly fingerprint: string } {
  return {
    kind: 'instance.target-unhealthy',
    subject: { type: 'instance', id: oldId },
    severity: 'high',
    state: 'firing',
    at: clock.now(),
    source: 'perennial',
    rule: 'Target Unhealthy',
    scope: testScope,
    summary: `The target ${oldId} is unhealthy`,
    details: {},
    fingerprint: testHasher.sha256(oldId).slice(0, 32),
  };
}

async function admitScene(scene: Scene): Promise<Remediation> {
  const { store, clock, system, policy, oldId } = scene;
  const keeper = { store, scope: testScope, clock, hasher: testHasher };
  const signal = signalOf(scene);
  const slotId = `${system.metadata.name}/${oldId}`;
  const { incident } = await recordFiring(keeper, { signal, fingerprint: signal.fingerprint, place: slotId, system, wasInInventory: true });
  const admission = await admit(
    { ...keeper, executions: { start: async () => undefined }, pageTimer: { arm: async () => undefined } },
    {
      system,
      policy,
      incidentId: incident.id,
      slot: { id: slotId, groupId: `${system.metadata.name}/${TARGET_GROUP}`, instanceId: oldId },
      trigger: { kind: signal.kind, rule: signal.rule, fingerprint: signal.fingerprint, at: signal.at, summary: signal.summary },
      groupMembers: 2,
      systemsInCatalog: 1,
    },
  );
  if (admission.kind !== 'started') throw new Error(`not started: ${admission.reason}`);
  return admission.remediation;
}

function portsOf({ act, store, clock, system, policy }: Scene): DriverPorts {
  const publisher = { publish: async () => ({ messageId: 'm-1' }) };
  const journal = createJournal({ store, scope: testScope, clock, hasher: testHasher, publisher, catalog: async () => ({ systems: [system] }) });
  return { observe: act, act, journal, declared: async () => ({ system, policy }) };
}

/** The state machine: calls a step that died again, with a new process's ports, and at last gives it up. */
async function step(scene: Scene, remediationId: string, role: 'observe' | 'act'): Promise<DriverAnswer> {
  let giveUp: GiveUp | undefined;
  for (let attempt = 0; attempt < 6; attempt += 1) {
    try {
      return await advance(portsOf(scene), remediationId, giveUp === undefined ? role : 'observe', giveUp);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      if (attempt === 4) giveUp = { error: 'States.TaskFailed', cause: String(error) };
    }
  }
  throw new Error('The step kept failing');
}

const MAX_STEPS = 200;

/** Plays one repair with one crash; gives how it ended. */
async function play(scene: Scene): Promise<Remediation> {
  const { id } = await admitScene(scene);
  let role: 'observe' | 'act' = 'observe';
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    const answer = await step(scene, id, role);
    if (answer.next === 'end') break;
    if (answer.waitSeconds > 0) {
      // Targets become healthy and drain on the overlay's clock, which is real.
      await delay(150);
      scene.clock.skip(answer.waitSeconds);
    }
    role = answer.next;
  }
  const [ended] = await listRemediations(scene.store, testScope, 1);
  if (ended === undefined) throw new Error(`no remediation ${id}`);
  return ended;
}

async function expectWhole(scene: Scene, remediation: Remediation, where: string): Promise<void> {
  const { instances, targets } = scene.act;
  expect(remediation.state, `${where}: ${remediation.reason}`).toBe('succeeded');
  const tagged = await instances.findByTag(tagKeys.remediation, remediation.id);
  const ours = tagged.filter(({ instanceId }) => instanceId !== scene.oldId);
  launched.push(...ours.map(({ instanceId }) => instanceId));
  expect(
    ours.map(({ instanceId, state, imageId }) => [instanceId, state, imageId]),
    `${where}: exactly one replacement, no orphan`,
  ).toEqual([[remediation.newInstanceId, 'running', moto.imageIds[1]]]);
  expect(
    (await targets.health(remediation.newInstanceId ?? '', [moto.target])).map(({ state }) => state),
    where,
  ).toEqual(['healthy']);
  const old = await instances.read(scene.oldId);
  expect([old?.state, old?.securityGroupNames, old?.instanceProfileArn], `${where}: the old one is put away`).toEqual([
    'stopped',
    ['perennial-quarantine'],
    undefined,
  ]);
  expect(old?.tags[tagKeys.quarantine], where).toBe(remediation.incidentId);
  const alarms = await scene.act.alarms.ofInstance(remediation.newInstanceId ?? '', [`${scene.system.metadata.name}-*`]);
  expect(
    alarms.map(({ alarmOf }) => alarmOf),
    `${where}: one alarm follows`,
  ).toEqual([`${scene.system.metadata.name}-alarm`]);
}

async function run(topology: Topology, crasher: Crasher, where: string): Promise<void> {
  const scene = await createScene(topology, crasher);
  await expectWhole(scene, await play(scene), where);
}

const AT_ONCE = 6;

describe.each(['multiple', 'single'] as const)('a crash at a call to AWS in the repair of a `%s` system', (topology) => {
  beforeAll(async () => {
    moto ??= await createMotoFleet(TARGET_GROUP);
  });

  afterAll(async () => {
    await moto.end(launched.splice(0));
  });

  it('leaves exactly one replacement and no orphan, before and after every mutating call (S1-17)', async () => {
    const counter = new Crasher(0, 'before');
    await run(topology, counter, 'without a crash');
    expect(counter.calls).toEqual(expect.arrayContaining(['launch', 'register', 'deregister', 'clone', 'retire', 'mark', 'isolate', 'stop', 'dropProfile']));
    const crashes = counter.calls.flatMap((call, index) => (['before', 'after'] as const).map((moment) => ({ at: index + 1, moment, call })));
    for (let start = 0; start < crashes.length; start += AT_ONCE) {
      const some = crashes.slice(start, start + AT_ONCE);
      await Promise.all(
        some.map(async ({ at, moment, call }) => {
          const crasher = new Crasher(at, moment);
          await run(topology, crasher, `${moment} call ${at} (${call})`);
          // The call that died was made again: the crash did happen.
          expect(crasher.calls.filter((name) => name === call).length, `${moment} call ${at} (${call})`).toBeGreaterThan(
            counter.calls.filter((name) => name === call).length,
          );
        }),
      );
    }
  });
});
