import { PermanentError } from '../../../core/environment/errors.ts';
import { present } from '../../../core/environment/present.ts';
import type { DriverPorts } from '../../../core/remediation/driver/driver.ts';
import type { Remediation } from '../../../core/remediation/record.ts';
import type { AttachmentSeed } from '../../../sim/simulated-attachments.ts';
import { readyWorld, zone } from './belongings.ts';
import { ask, repaired } from './by-hand.ts';
import { driverPorts, OLD, type World, type Wrap } from './world.ts';

/** A repair has moved these things to a replacement, and the old instance could serve again. */
export async function movedWorld(seed: AttachmentSeed, topology: 'multiple' | 'single'): Promise<{ readonly world: World; readonly before: Remediation }> {
  const world = await readyWorld(seed, topology);
  const before = await repaired(world);
  world.region.setTargetUnhealthy(OLD, false);
  return { world, before };
}

export const askRevert = (world: World, { id, newInstanceId = '' }: Remediation, at = world.clock.now(), wrap?: Wrap) =>
  ask(
    world,
    { type: 'Instance Revert Requested', detail: { remediationId: id, instanceId: newInstanceId, by: 'kim', reason: 'it was better before' } },
    at,
    wrap,
  );

/** What changes something; everything else of a port only looks. */
const reads = ['read', 'readStatus', 'primary', 'targets', 'isInSync', 'health', 'registered', 'findByTag', 'interfaceGroups', 'ofInstance', 'collect'];
/** Not AWS: without these nothing could be written down. */
const own = ['store', 'publisher'];

/** Every call of a port is refused; `half-way`: the first one that changes something has its effect all the same. */
export function refusing(moment: 'at once' | 'half-way'): Wrap {
  let hasChanged = false;
  return (name, port) =>
    own.includes(name)
      ? port
      : new Proxy(port, {
          get: (target, property) => {
            const value: unknown = Reflect.get(target, property);
            if (typeof value !== 'function') return value;
            return async (...words: unknown[]): Promise<unknown> => {
              const isRead = reads.includes(String(property));
              if (moment === 'at once' || (!isRead && hasChanged)) throw new PermanentError(`${name}.${String(property)} is refused`);
              const result: unknown = await Reflect.apply(value, target, words);
              if (isRead) return result;
              hasChanged = true;
              throw new PermanentError(`${name}.${String(property)} is refused, and has happened`);
            };
          },
        });
}

export const publicName = 'www.shop.example.com';
const publicRecord = { hostedZoneId: `zone-of-${zone}`, name: publicName, type: 'A' };

/** EC2 gives an instance another public address with every start, and takes it away with the stop; a DNS record names that of the old instance. */
export class PublicAddresses {
  readonly #world: World;
  readonly #addresses = new Map<string, string>();
  #next = 1;

  constructor(world: World) {
    this.#world = world;
    world.region.attachments.give(OLD, { records: [{ zoneName: zone, ...publicRecord, values: [this.of(OLD) ?? ''] }] });
  }

  of(instanceId: string): string | undefined {
    const state = this.#world.region.all().find((facts) => facts.instanceId === instanceId)?.state;
    if (state !== 'running' && state !== 'pending') {
      this.#addresses.delete(instanceId);
      return undefined;
    }
    const address = this.#addresses.get(instanceId) ?? `203.0.113.${this.#next++}`;
    this.#addresses.set(instanceId, address);
    return address;
  }

  /** What the record says. */
  written(): string | undefined {
    return this.#world.region.attachments.holders()[publicName];
  }

  ports(more: Wrap = (_name, port) => port): DriverPorts {
    const ports = driverPorts(this.#world, more);
    const { act } = ports;
    if (act === undefined) throw new Error('no ports to act with');
    const primary: typeof act.interfaces.primary = async (instanceId) => {
      const found = await act.interfaces.primary(instanceId);
      return found === undefined ? undefined : { ...found, ...present({ publicIpAddress: this.of(instanceId) }) };
    };
    const start: typeof act.power.start = async (instanceId) => {
      this.#addresses.delete(instanceId);
      return act.power.start(instanceId);
    };
    const capture: typeof act.captures.capture = async (...words) => {
      const found = await act.captures.capture(...words);
      const publicIpAddress = this.of(words[0]);
      if (found === undefined || publicIpAddress === undefined) return found;
      return { ...found, publicIpAddress, dnsRecords: [...(found.dnsRecords ?? []), { ...publicRecord, values: [publicIpAddress] }] };
    };
    const captures = { ...act.captures, capture };
    return {
      ...ports,
      observe: { ...ports.observe, captures },
      act: { ...act, captures, interfaces: { ...act.interfaces, primary }, power: { ...act.power, start } },
    };
  }
}
