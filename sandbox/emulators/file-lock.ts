import { open, readFile, rm, stat } from 'node:fs/promises';
import { host } from './host.ts';
import { isRunning } from './process-identity.ts';
import { SandboxError } from './sandbox-error.ts';

const TIMEOUT_MILLIS = 600_000;
const POLL_MILLIS = 250;
/** So long a lock may be without the number of its holder. */
const UNNAMED_MILLIS = 10_000;

/** Waits, at most ten minutes, until this process holds a lock file; what a dead process has left is taken over. */
export async function takeLock(lock: string): Promise<void> {
  const deadline = host.now() + TIMEOUT_MILLIS;
  for (;;) {
    if (await createLock(lock)) {
      return;
    }
    await removeStaleLock(lock);
    if (host.now() > deadline) {
      throw new SandboxError(`Another process has held ${lock} for 10 minutes. If none is running, delete that file and try again.`);
    }
    await host.sleep(POLL_MILLIS);
  }
}

/** For who holds it. */
export async function releaseLock(lock: string): Promise<void> {
  await rm(lock, { force: true });
}

async function createLock(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      return false;
    }
    throw error;
  }
}

/** A lock whose holder is gone is removed; one without a number yet was made this moment, or its maker died right then. */
async function removeStaleLock(lock: string): Promise<void> {
  const [text, facts] = await Promise.all([readFile(lock, 'utf8').catch(() => undefined), stat(lock).catch(() => undefined)]);
  if (text === undefined || facts === undefined) {
    return;
  }
  const isAbandoned = text === '' ? host.now() - facts.mtimeMs > UNNAMED_MILLIS : !isRunning(Number(text));
  if (isAbandoned) {
    await rm(lock, { force: true });
  }
}
