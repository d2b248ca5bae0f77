import { RetryableError } from '../core/environment/errors.ts';
import { Dice } from './random.ts';
import type { FunctionName, SimulatedPorts } from './world.ts';

/** The function died: nothing after this moment takes effect, and nobody hears of what did. */
export class FunctionCrash extends Error {}

/** A crash that waits for the next call of a function. */
export interface ArmedCrash {
  readonly by: FunctionName;
  /** Which call through a port, from 1; or the first call of this method. */
  readonly call: number | string;
  readonly moment: 'before' | 'after';
  readonly fault: number;
  /** What else happens at that moment. */
  readonly alongside?: () => void;
}

/** Something else runs in the middle of a function: another message, another step. */
export interface ArmedOverlap {
  readonly by: FunctionName;
  readonly call: number;
  readonly fault: number;
}

export interface Throttling {
  readonly until: number;
  readonly percent: number;
  readonly seed: number;
}

/** What goes wrong between the calls of one run of a function. */
export interface Mishaps {
  readonly crash?: ArmedCrash;
  readonly overlap?: ArmedOverlap;
  readonly throttling?: Throttling;
  readonly onCrash: (crash: ArmedCrash) => void;
  readonly onOverlap: (overlap: ArmedOverlap) => Promise<void>;
  readonly onThrottle: () => void;
}

/** Ports in which the mishaps of one function call happen; without any the ports themselves, at no cost. */
export function withMishaps(ports: SimulatedPorts, mishaps: Mishaps): SimulatedPorts {
  if (mishaps.crash === undefined && mishaps.overlap === undefined && mishaps.throttling === undefined) return ports;
  const gate = new Gate(mishaps);
  const wrapped = new Map<unknown, unknown>();
  return new Proxy(ports, {
    get: (all, name) => {
      const port: unknown = Reflect.get(all, name, all);
      // A crawl is an iterator; one that fails fails as a whole, which the sweep says itself.
      if (typeof port !== 'object' || port === null || name === 'inventory') return port;
      if (!wrapped.has(port)) wrapped.set(port, gate.wrap(port));
      return wrapped.get(port);
    },
  });
}

class Gate {
  readonly #mishaps: Mishaps;
  readonly #dice: Dice | undefined;
  #calls = 0;
  #isDead = false;

  constructor(mishaps: Mishaps) {
    this.#mishaps = mishaps;
    this.#dice = mishaps.throttling === undefined ? undefined : new Dice(mishaps.throttling.seed);
  }

  wrap<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...words: unknown[]): Promise<unknown> => this.#pass(String(property), () => Reflect.apply(value, target, words) as unknown);
      },
    });
  }

  async #pass(name: string, call: () => unknown): Promise<unknown> {
    const { crash, overlap, throttling } = this.#mishaps;
    this.#calls += 1;
    const number = this.#calls;
    if (this.#isDead) throw new FunctionCrash('The function is dead');
    if (overlap?.call === number) await this.#mishaps.onOverlap(overlap);
    const isFatal = crash !== undefined && (crash.call === number || crash.call === name);
    if (isFatal && crash.moment === 'before') this.#die(crash, name);
    if (throttling !== undefined && this.#dice?.percent(throttling.percent) === true) {
      this.#mishaps.onThrottle();
      throw new RetryableError(`${name} was throttled: try again.`);
    }
    const result = await call();
    if (isFatal) this.#die(crash, name);
    return result;
  }

  #die(crash: ArmedCrash, name: string): never {
    this.#isDead = true;
    this.#mishaps.onCrash(crash);
    throw new FunctionCrash(`The function died ${crash.moment} ${name}`);
  }
}
