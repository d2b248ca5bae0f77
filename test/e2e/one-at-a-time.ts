import { join } from 'node:path';
import { afterAll, beforeAll, inject } from 'vitest';
import { releaseLock, takeLock } from '../../sandbox/emulators/file-lock.ts';

/*
 * Files of one local AWS follow each other: they share its fleet and the deployed platform. Other projects run beside them, so that
 * whoever waits for the emulators leaves the processor to who needs it.
 */

const lock = join(inject('localAws').homeFolder, 'one-at-a-time.lock');

/** The lock itself waits for ten minutes: a story on a slow machine may take longer. */
const LOCK_ATTEMPTS = 3;
/** Longer than all attempts together. */
const LOCK_MILLISECONDS = 1_860_000;

let isHeld = false;

async function waitForTurn(attemptsLeft: number): Promise<void> {
  try {
    await takeLock(lock);
  } catch (error) {
    if (attemptsLeft <= 1) throw error;
    await waitForTurn(attemptsLeft - 1);
  }
}

beforeAll(async () => {
  await waitForTurn(LOCK_ATTEMPTS);
  isHeld = true;
}, LOCK_MILLISECONDS);

afterAll(async () => {
  if (isHeld) await releaseLock(lock);
});
