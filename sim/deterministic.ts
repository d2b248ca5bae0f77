import { identifier } from '../core/environment/identifier.ts';
import type { Clock, IdSource, Log, Randomness } from '../core/environment/ports.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';

/** A clock that moves only when it is told to. */
export class VirtualClock implements Clock {
  #now: Timestamp;

  constructor(start: Timestamp = '2026-01-01T00:00:00.000Z') {
    this.#now = start;
  }

  now(): Timestamp {
    return this.#now;
  }

  /** Also backwards: clocks of real machines do that. */
  set(now: Timestamp): void {
    this.#now = now;
  }

  advance(seconds: number): Timestamp {
    this.#now = addSeconds(this.#now, seconds);
    return this.#now;
  }
}

/** Randomness that a seed repeats exactly: a linear congruential step whose bits are mixed, period 2^32. */
export class SeededRandomness implements Randomness {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    // Multiplier and increment satisfy the Hull-Dobell theorem (every state occurs once); the xor-shifts hide that low bits of the state repeat early.
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    const high = Math.imul(this.#state ^ (this.#state >>> 16), 0x9e37_79b1) >>> 0;
    return ((high ^ (high >>> 15)) >>> 0) / 2 ** 32;
  }
}

/** Identifiers like the real ones, repeated exactly by the clock's times and the order of calls; never the same twice. */
export class SequentialIdSource implements IdSource {
  readonly #clock: Clock;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(prefix: string): string {
    this.#count += 1;
    return identifier(prefix, this.#clock.now(), this.#count.toString(16).padStart(12, '0'));
  }
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps the newest 10,000 lines. */
export class CollectingLog implements Log {
  readonly lines: LogLine[] = [];

  info(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#add({ level: 'info', message, fields });
  }

  warn(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#add({ level: 'warn', message, fields });
  }

  error(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#add({ level: 'error', message, fields });
  }

  #add(line: LogLine): void {
    if (this.lines.length >= 10_000) this.lines.shift();
    this.lines.push(line);
  }
}
