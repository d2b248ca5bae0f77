import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as z from 'zod/mini';
import { commandLine, isRunning, signalGroup } from './process-identity.ts';

/** What one run of the local AWS has started, so that the next run can end what a SIGKILL left. */
const runRecord = z.strictObject({
  ownerPid: z.int().check(z.positive()),
  /** Part of the owner's command line when it was written. */
  ownerCommand: z.string(),
  temporaryFolder: z.string(),
  emulators: z.array(z.strictObject({ pid: z.int().check(z.positive()), command: z.string() })),
});
export type RunRecord = z.infer<typeof runRecord>;

const FOLDER = 'runs';
export const TEMPORARY_FOLDER_PREFIX = 'perennial-local-aws-';

export function writeRunRecord(stateFolder: string, record: RunRecord): string {
  const folder = join(stateFolder, FOLDER);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${record.ownerPid}-${record.emulators[0]?.pid ?? 0}.json`);
  writeFileSync(file, JSON.stringify(record));
  return file;
}

/**
 * Ends the emulators of runs whose owner is gone and removes what they left. Only processes whose command line is still the
 * recorded one are touched.
 *
 * @returns process numbers that were ended
 */
export function endAbandonedRuns(stateFolder: string): readonly number[] {
  const folder = join(stateFolder, FOLDER);
  return listFiles(folder).flatMap((name) => {
    const file = join(folder, name);
    const record = z.safeParse(runRecord, readJson(file));
    if (record.success && isOwnerAlive(record.data)) {
      return [];
    }
    const ended = record.success ? endRun(record.data) : [];
    rmSync(file, { force: true });
    return ended;
  });
}

function isOwnerAlive({ ownerPid, ownerCommand }: RunRecord): boolean {
  return isRunning(ownerPid) && commandLine(ownerPid) === ownerCommand;
}

function endRun({ emulators, temporaryFolder }: RunRecord): readonly number[] {
  const left = emulators.filter(({ pid, command }) => isRunning(pid) && commandLine(pid) === command);
  for (const { pid } of left) {
    signalGroup(pid, 'SIGKILL');
  }
  // Deletes only what looks like ours, whatever the file says.
  if (basename(temporaryFolder).startsWith(TEMPORARY_FOLDER_PREFIX)) {
    rmSync(temporaryFolder, { recursive: true, force: true });
  }
  return left.map(({ pid }) => pid);
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch {
    return [];
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
