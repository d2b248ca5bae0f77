import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { endAbandonedRuns, writeRunRecord } from '../../../sandbox/emulators/pid-file.ts';
import { commandLine } from '../../../sandbox/emulators/process-identity.ts';

let folder = '';
let pid = 0;
let ended: Promise<unknown> = Promise.resolve();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perennial-runs-'));
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  pid = child.pid ?? 0;
  ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
});
afterEach(async () => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended by the test.
  }
  await rm(folder, { recursive: true, force: true });
});

const record = (owner: { readonly pid: number; readonly command: string }, command: string): string =>
  writeRunRecord(folder, {
    ownerPid: owner.pid,
    ownerCommand: owner.command,
    temporaryFolder: join(folder, 'perennial-local-aws-1'),
    emulators: [{ pid, command }],
  });
const gone = { pid: 999_999_999, command: 'gone' };

it('ends what a killed run left, with its temporary folder', async () => {
  await mkdir(join(folder, 'perennial-local-aws-1'));
  const file = record(gone, 'sleep 60');
  expect(endAbandonedRuns(folder)).toEqual([pid]);
  await ended;
  expect([existsSync(file), existsSync(join(folder, 'perennial-local-aws-1'))]).toEqual([false, false]);
});

it('leaves a process alone that only has the same number', () => {
  record(gone, 'python -m moto.server');
  expect(endAbandonedRuns(folder)).toEqual([]);
  expect(commandLine(pid)).toBe('sleep 60');
});

it('leaves the emulators of a run alone that goes on', () => {
  const file = record({ pid: process.pid, command: commandLine(process.pid) }, 'sleep 60');
  expect(endAbandonedRuns(folder)).toEqual([]);
  expect(existsSync(file)).toBe(true);
});

it('knows an owner whose number was given to another program', async () => {
  record({ pid: process.pid, command: 'something else' }, 'sleep 60');
  expect(endAbandonedRuns(folder)).toEqual([pid]);
  await ended;
});
