import { join } from 'node:path';
import { afterAll, beforeAll, inject } from 'vitest';
import { releaseLock, takeLock } from '../../sandbox/emulators/file-lock.ts';

/*
 * Files of one local AWS follow each other: they share its fleet and the deployed platform. Other projects run beside them, so that
 * whoever waits for the emulators leaves the processor to who needs it.
 */

const lock = join(inject('localAws').homeFolder, 'one-at-a-time.lock');

/** Longer than the lock itself waits. */
const HOOK_MILLISECONDS = 660_000;

let isHeld = false;

beforeAll(async () => {
  await takeLock(lock);
  isHeld = true;
}, HOOK_MILLISECONDS);

afterAll(async () => {
  if (isHeld) await releaseLock(lock);
});
