import type { RemediationPolicy, System } from '../../../../core/catalog/schema.ts';
import { keys } from '../../../../core/records/keys.ts';
import { readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { RemediationSession } from '../../../../core/remediation/driver/session.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../../../../core/remediation/phase.ts';
import { type Capture, captureType } from '../../../../core/remediation/surroundings/capture.ts';
import {
  type Group,
  groupType,
  type Platform,
  platformType,
  type Remediation,
  remediationType,
  type Slot,
  slotType,
} from '../../../../core/remediation/record.ts';
import { groupOf, slotOf } from '../builders.ts';
import { driverPorts, OLD, testScope, type World, type Wrap } from '../world.ts';

/** What a phase is run with that is not as the world has it. */
export interface Changes {
  readonly ports?: Partial<ActPorts>;
  readonly wrap?: Wrap;
  readonly system?: System;
  readonly policy?: RemediationPolicy;
}

/** Stores the record, and opens what the driver gives a phase that works on it. */
export async function contextOf(world: World, record: Remediation, changes: Changes = {}): Promise<PhaseContext<ActPorts>> {
  const { act } = driverPorts(world, changes.wrap);
  await updateRecord(world.store, remediationType, keys.remediation(testScope, record.id), () => record);
  const session = await RemediationSession.open(world.store, world.clock, testScope, record.id);
  if (act === undefined || session === undefined) throw new Error('there are no ports to act with, or there is no session');
  return { ports: { ...act, ...changes.ports }, session, system: changes.system ?? world.system, policy: changes.policy ?? world.policy };
}

/** Runs a phase once on this record; gives what it decided and the record as it is stored then. */
export async function runPhase(
  phase: ActPhase,
  world: World,
  record: Remediation,
  changes: Changes = {},
): Promise<{ readonly result: PhaseResult; readonly after: Remediation }> {
  const context = await contextOf(world, record, changes);
  const result = await phase(context);
  const after = await readRecord(world.store, remediationType, keys.remediation(testScope, record.id));
  if (after === undefined) throw new Error('the record is gone');
  return { result, after: after.body };
}

type Call = readonly [call: string, ...words: unknown[]];

/** Every call of these ports goes through `change`, which says what is called instead, if anything. */
function wrapping(ports: readonly string[], change: (call: string, words: readonly unknown[]) => (() => unknown) | undefined): Wrap {
  return (name, port) =>
    ports.includes(name)
      ? new Proxy(port, {
          get: (target, property) => {
            const value: unknown = Reflect.get(target, property);
            if (typeof value !== 'function') return value;
            return (...words: unknown[]): unknown => (change(`${name}.${String(property)}`, words) ?? ((): unknown => Reflect.apply(value, target, words)))();
          },
        })
      : port;
}

const portOf = (method: string): string => method.slice(0, method.indexOf('.'));

/** Writes down every call of these methods (`port.method`), with its words. */
export function listening(...methods: readonly string[]): { readonly wrap: Wrap; readonly calls: readonly Call[] } {
  const calls: Call[] = [];
  const wrap = wrapping(methods.map(portOf), (call, words) => {
    if (methods.includes(call)) calls.push([call, ...words]);
    return undefined;
  });
  return { wrap, calls };
}

/** Ports of which one method (`port.method`) answers this. */
export function answering(method: string, answer: () => unknown): Wrap {
  return wrapping([portOf(method)], (call) => (call === method ? answer : undefined));
}

/** A capture of the instance as the world has it now, stored under the id of the remediation. */
export async function storeCapture(world: World, remediationId: string, changes: Partial<Capture> = {}, instanceId = OLD): Promise<Capture> {
  const found = await world.region.captures.capture(instanceId, ['shop-web'], world.clock.now());
  if (found === undefined) throw new Error(`there is nothing to capture of ${instanceId}`);
  const capture = { ...found, ...changes };
  await updateRecord(world.store, captureType, keys.capture(testScope, remediationId), () => capture);
  return capture;
}

/** What a claim of `rem-1` on the slot of the old instance has written. */
export async function storeClaim(
  world: World,
  changes: { readonly platform?: Partial<Platform>; readonly group?: Partial<Group>; readonly slot?: Partial<Slot> } = {},
): Promise<{ readonly platform: Platform; readonly group: Group; readonly slot: Slot }> {
  const now = world.clock.now();
  const platform: Platform = { inFlight: ['rem-1'], starts: [now], unhealthySystems: [], breaker: { state: 'closed' }, ...changes.platform };
  const group = groupOf({ inFlight: ['rem-1'], ...changes.group });
  const slot = slotOf({ id: `shop-web/${OLD}`, instanceId: OLD, remediationId: 'rem-1', attempts: [now], ...changes.slot });
  await updateRecord(world.store, platformType, keys.platform(testScope), () => platform);
  await updateRecord(world.store, groupType, keys.group(testScope, group.id), () => group);
  await updateRecord(world.store, slotType, keys.slot(testScope, slot.id), () => slot);
  return { platform, group, slot };
}
