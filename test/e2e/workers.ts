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

/** Name and attempt of a mutating call that is under way: its intent is written, its outcome is not. */
function underWay({ calls }: Remediation): string | undefined {
  const [found] = Object.entries(calls).filter(([, call]) => call.outcomeAt === undefined);
  return found === undefined ? undefined : `${found[0]} ${found[1].attempt}`;
}

const MAX_KILLS = 3;

/**
 * Kills (SIGKILL) the process of the act function while it makes a mutating call, between intent and outcome.
 *
 * @returns the call that was cut off, for example `launch 1`; a call that was faster than the kill does not count
 */
export async function killInMidCall(world: World, repair: RemediationItem, ministackPid: number, limitSeconds: number): Promise<string> {
  const read = async (): Promise<Remediation | undefined> => (await readRecord(world.records, remediationType, keys.remediation(world.scope, repair.id)))?.body;
  const deadline = performance.now() + limitSeconds * 1000;
  let kills = 0;
  while (performance.now() < deadline && kills < MAX_KILLS) {
    const record = await read();
    const call = record === undefined ? undefined : underWay(record);
    if (call === undefined) continue;
    for (const pid of workersOf(ministackPid, world.outputs.ActFunctionName)) process.kill(pid, 'SIGKILL');
    kills += 1;
    await delay(100);
    const after = await read();
    if (after !== undefined && underWay(after) === call) return call;
  }
  throw new Error(`No kill of ${kills} met a call under way within ${limitSeconds} s`);
}
