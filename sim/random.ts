import type { Clock } from '../core/environment/ports.ts';
import type { Timestamp } from '../core/environment/time.ts';
import { SeededRandomness } from './deterministic.ts';

/** Choices that a seed repeats exactly. */
export class Dice {
  readonly #randomness: SeededRandomness;

  constructor(seed: number) {
    this.#randomness = new SeededRandomness(Math.imul(seed ^ 0x5bd1_e995, 0x9e37_79b1) ^ (seed >>> 15));
    this.#randomness.next();
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#randomness.next() * (high - low + 1));
  }

  /** True in so many of a hundred throws. */
  percent(percent: number): boolean {
    return this.#randomness.next() * 100 < percent;
  }

  /** One of the values; `undefined` of none. */
  pick<Value>(values: readonly Value[]): Value | undefined {
    return values[Math.floor(this.#randomness.next() * values.length)];
  }

  /** A seed for dice of their own: what they throw does not depend on what is thrown elsewhere. */
  seed(): number {
    return Math.floor(this.#randomness.next() * 2 ** 32);
  }
}

/** A clock in milliseconds, which writes the text of a moment once. Several functions may read one, each with its own skew. */
export class RunClock implements Clock {
  #millis: number;
  /** Written when somebody asks. */
  #text: Timestamp | undefined;

  constructor(millis: number) {
    this.#millis = millis;
  }

  get millis(): number {
    return this.#millis;
  }

  /** Never goes back. */
  advanceTo(millis: number): void {
    if (millis <= this.#millis) return;
    this.#millis = millis;
    this.#text = undefined;
  }

  now(): Timestamp {
    return (this.#text ??= new Date(this.#millis).toISOString());
  }
}

/** The clock of one function, ahead of or behind the world's. */
export class SkewedClock implements Clock {
  readonly #world: RunClock;
  skewMillis = 0;
  #millis = 0;
  #text = '';

  constructor(world: RunClock) {
    this.#world = world;
  }

  now(): Timestamp {
    if (this.skewMillis === 0) return this.#world.now();
    const millis = this.#world.millis + this.skewMillis;
    if (millis !== this.#millis) this.#text = new Date(millis).toISOString();
    this.#millis = millis;
    return this.#text;
  }
}

/** As spread out as a hash must be for names, and a hundred times as fast as SHA-256; no secret is kept with it. */
export function quickHash(text: string): string {
  let a = 0x811c_9dc5;
  let b = 0x1b87_3593;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    a = Math.imul(a ^ code, 0x0100_0193);
    b = Math.imul(b ^ code, 0x85eb_ca6b) + 0x27d4_eb2f;
  }
  let hash = '';
  for (let part = 0; part < 4; part += 1) {
    a = Math.imul(a ^ (b >>> 13), 0xc2b2_ae35) ^ part;
    b = Math.imul(b ^ (a >>> 16), 0x27d4_eb2f) + part;
    hash += (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
  }
  return hash;
}
