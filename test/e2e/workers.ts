import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { keys } from '../../core/records/keys.ts';
import { readRecord } from '../../core/records/record-type.ts';
import { type Remediation, remediationType } from '../../core/remediation/record.ts';
import { type RemediationItem, type World } from './world.ts';

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The node processes in which MiniStack runs a function now; they are children of its own process. */
export function workersOf(ministackPid: number, functionName: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) => readOrNothing(`/proc/${pid}/cmdline`).includes(`ministack-lambda-${functionName}-`))
    .filter(
      (pid) =>
        readOrNothing(`/proc/${pid}/stat`)
          .replace(/^.*\) /s, '')
          .split(' ')[1] === String(ministackPid),
    )
    .map(Number);
}

/** A mutating call of a repair. */
interface Call {
  readonly name: string;
  readonly attempt: number;
}

/** The call that is under way: its intent is written, its outcome is not. */
function underWay({ calls }: Remediation): Call | undefined {
  const [found] = Object.entries(calls).filter(([, call]) => call.outcomeAt === undefined);
  return found === undefined ? undefined : { name: found[0], attempt: found[1].attempt };
}

/** Its intent still has no outcome, or it has been made once more already: both only after it was cut off. */
function isCutOff({ calls }: Remediation, { name, attempt }: Call): boolean {
  const call = calls[name];
  return call !== undefined && (call.attempt > attempt || call.outcomeAt === undefined);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Fewer than the retries of a step. */
const MAX_KILLS = 6;

/**
 * Kills (SIGKILL) the process of the act function while it makes a mutating call, between intent and outcome.
 *
 * @returns the name of the call that was cut off; a call that was faster than the kill does not count
 */
export async function killInMidCall(world: World, repair: RemediationItem, ministackPid: number, limitSeconds: number): Promise<string> {
  const read = async (): Promise<Remediation | undefined> => (await readRecord(world.records, remediationType, keys.remediation(world.scope, repair.id)))?.body;
  const deadline = performance.now() + limitSeconds * 1000;
  let kills = 0;
  while (performance.now() < deadline && kills < MAX_KILLS) {
    const record = await read();
    const call = record === undefined ? undefined : underWay(record);
    const workers = call === undefined ? [] : workersOf(ministackPid, world.outputs.ActFunctionName);
    if (call === undefined || workers.length === 0) continue;
    for (const pid of workers) kill(pid);
    kills += 1;
    await delay(100);
    const after = await read();
    if (after !== undefined && isCutOff(after, call)) return call.name;
  }
  throw new Error(`No kill of ${kills} met a call under way within ${limitSeconds} s`);
}
