import { createHash, randomBytes, randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { identifier } from '../../core/environment/identifier.ts';
import type { Clock, Hasher, IdSource, Randomness } from '../../core/environment/ports.ts';

/** The real clock, randomness and hashing. This is the only file that reads the clock. */

export const systemClock: Clock = { now: () => new Date().toISOString() };

/** 48 random bits beside the millisecond: two ids of one millisecond are equal once in 10^14. */
export const systemIds: IdSource = {
  next: (prefix) => identifier(prefix, systemClock.now(), randomBytes(6).toString('hex')),
};

export const systemHasher: Hasher = { sha256: (text) => createHash('sha256').update(text, 'utf8').digest('hex') };

export const systemRandomness: Randomness = { next: () => randomInt(2 ** 47) / 2 ** 47 };

/** For back-offs of milliseconds inside a call; nothing longer waits in a function. */
export async function sleepMilliseconds(milliseconds: number): Promise<void> {
  await delay(milliseconds);
}
