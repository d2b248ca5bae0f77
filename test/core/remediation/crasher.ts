import type { Wrap } from './world.ts';

export class Crash extends Error {}

export type Moment = 'before' | 'after';

/** Counts every call through the wrapped ports and crashes once, before or after call `at` (after: it took effect, nobody heard). */
export class Crasher {
  calls = 0;
  readonly #at: number;
  readonly #moment: Moment;

  constructor(at: number, moment: Moment) {
    this.#at = at;
    this.#moment = moment;
  }

  readonly wrap: Wrap = (_name, port) =>
    new Proxy(port, {
      get: (target, property, receiver) => {
        const value: unknown = Reflect.get(target, property, receiver === undefined ? target : target);
        if (typeof value !== 'function') return value;
        return async (...words: unknown[]): Promise<unknown> => {
          this.calls += 1;
          const isHere = this.calls === this.#at;
          if (isHere && this.#moment === 'before') throw new Crash(`before call ${this.#at}: ${String(property)}`);
          const result: unknown = await Reflect.apply(value, target, words);
          if (isHere) throw new Crash(`after call ${this.#at}: ${String(property)}`);
          return result;
        };
      },
    });
}
