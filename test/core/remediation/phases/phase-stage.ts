import type { System } from '../../../../core/catalog/schema.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { RemediationSession } from '../../../../core/remediation/driver/session.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../../../../core/remediation/phase.ts';
import type { InstanceFacts, InstanceReader, TargetHealth, TargetState } from '../../../../core/remediation/ports.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { type Capture, captureType } from '../../../../core/remediation/surroundings/capture.ts';
import { instanceFacts, remediationOf } from '../builders.ts';
import { createWorld, driverPorts, OLD, readRemediation, testScope, type World, type Wrap } from '../world.ts';

/** When a stage opens. */
export const START = '2026-11-21T09:00:00.000Z';
export const NEW = 'i-new0001';

export interface PhaseStage {
  readonly world: World;
  /** What was asked of the ports that change AWS, and of those that a preflight asks, in this order: `port.method` and what it was given. */
  readonly calls: readonly (readonly unknown[])[];
  /** Lets a phase look once, with other ports where a test says so. Its waits and patches are not recorded: only the driver does that. */
  readonly look: (phase: ActPhase, ports?: Partial<ActPorts>) => Promise<PhaseResult>;
  /** What a phase would work with. */
  readonly context: (ports?: Partial<ActPorts>) => Promise<PhaseContext<ActPorts>>;
  readonly record: () => Promise<Remediation>;
}

export interface StageOptions {
  readonly topology?: 'multiple' | 'single';
  /** Of the policy. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly system?: System;
  readonly trigger?: Partial<Remediation['trigger']>;
}

const watched: readonly string[] = [
  'launcher',
  'registrar',
  'power',
  'evidence',
  'quarantine',
  'rebooter',
  'rootSwapper',
  'processRestarter',
  'preflight',
  'images',
];

function watching(calls: (readonly unknown[])[]): Wrap {
  return (name, port) =>
    watched.includes(name)
      ? new Proxy(port, {
          get: (real, property) => {
            const value: unknown = Reflect.get(real, property);
            if (typeof value !== 'function') return value;
            return async (...words: unknown[]): Promise<unknown> => {
              calls.push([`${name}.${String(property)}`, ...words]);
              return (await Reflect.apply(value, real, words)) as unknown;
            };
          },
        })
      : port;
}

/** A claimed repair of the failing instance, right before one of its phases. */
export async function openStage(changes: Partial<Remediation> = {}, { topology, spec, system, trigger = {} }: StageOptions = {}): Promise<PhaseStage> {
  const made = createWorld(topology, spec);
  const world = { ...made, system: system ?? made.system };
  const calls: (readonly unknown[])[] = [];
  const ports = driverPorts(world, watching(calls)).act;
  if (ports === undefined) throw new Error('no ports');
  const record = remediationOf({ instanceId: OLD, slotId: `shop-web/${OLD}`, system: world.system, policy: world.policy, trigger }, changes);
  const { id } = record;
  await createRecord(world.store, remediationType, keys.remediation(testScope, id), record);
  const context: PhaseStage['context'] = async (others = {}) => {
    const session = await RemediationSession.open(world.store, world.clock, testScope, id);
    if (session === undefined) throw new Error('no session');
    return { ports: { ...ports, ...others }, session, system: world.system, policy: world.policy };
  };
  return { world, calls, context, look: async (phase, others) => phase(await context(others)), record: () => readRemediation(world, id) };
}

/** What the capture phase has stored for this repair: the old instance as it is, with changes. */
export async function storeCapture({ world }: PhaseStage, changes: Partial<Capture> = {}, id = 'rem-1'): Promise<Capture> {
  const found = await world.region.captures.capture(OLD, world.system.spec.targetGroups, START);
  if (found === undefined) throw new Error('no capture');
  const capture = { ...found, ...changes };
  await updateRecord(world.store, captureType, keys.capture(testScope, id), () => capture);
  return capture;
}

/** A reader that says this of every instance, one answer after the other, the last one from then on; `undefined`: not listed. */
export function reads(world: World, ...answers: readonly (Partial<InstanceFacts> | undefined)[]): { readonly instances: InstanceReader } {
  let asked = 0;
  const read = async (instanceId: string): Promise<InstanceFacts | undefined> => {
    const answer = answers[Math.min(asked, answers.length - 1)];
    asked += 1;
    return answer === undefined ? undefined : instanceFacts({ instanceId, ...world.region.find(instanceId), ...answer });
  };
  return { instances: { ...world.region.instances, read } };
}

/** A target of the instance in the group `shop-web`, in this state. */
export function target(state: TargetState, changes: Partial<TargetHealth> = {}): TargetHealth {
  return { targetGroupArn: 'arn:tg/shop-web', targetGroupName: 'shop-web', port: 80, instanceId: OLD, state, ...changes };
}

/** Calls that were made and answered, as a record keeps them. */
export function answered(results: Readonly<Record<string, Readonly<Record<string, string>>>>): Remediation['calls'] {
  return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, { attempt: 1, intentAt: START, outcomeAt: START, result: { ...result } }]));
}

/** Calls that were begun and never answered. */
export function unanswered(...names: readonly string[]): Remediation['calls'] {
  return Object.fromEntries(names.map((name) => [name, { attempt: 1, intentAt: START }]));
}

/** What the record keeps of the answers, call by call. */
export function answersOf({ calls }: Remediation): Readonly<Record<string, Readonly<Record<string, string>> | undefined>> {
  return Object.fromEntries(Object.entries(calls).map(([name, { result }]) => [name, result]));
}
