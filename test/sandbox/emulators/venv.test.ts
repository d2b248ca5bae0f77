import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureVenv } from '../../../sandbox/emulators/python.ts';
import type { Python } from '../../../sandbox/emulators/python.ts';

describe('ensureVenv', () => {
  let folder = '';
  let state = '';
  let requirements = '';
  let python: Python;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'perennial-venv-'));
    state = join(folder, 'state');
    requirements = join(folder, 'requirements.txt');
    await writeFile(requirements, 'one==1');
    python = await fakePython('exit 0');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Makes "venvs" whose Python does `install`, and writes a line for every one. */
  const fakePython = async (install: string): Promise<Python> => {
    const command = join(folder, 'python');
    const script = `#!/bin/sh\necho built >> ${folder}/log\nmkdir -p "$3/bin"\nprintf '#!/bin/sh\\nsleep 0.3\\n${install}\\n' > "$3/bin/python"\nchmod +x "$3/bin/python"\n`;
    await writeFile(command, script);
    await chmod(command, 0o755);
    return { command, version: '3.13.1' };
  };
  const builds = async (): Promise<number> => (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n').length;

  it('builds once for two that ask at the same time, and never again', async () => {
    const [first, second] = await Promise.all([ensureVenv(python, requirements, state), ensureVenv(python, requirements, state)]);
    const third = await ensureVenv(python, requirements, state);
    expect(new Set([first, second, third]).size).toBe(1);
    expect(await builds()).toBe(1);
    expect(await readdir(state)).toEqual([expect.stringMatching(/^venv-[0-9a-f]{12}$/)]);
  });

  it('builds another one when the requirements change', async () => {
    const before = await ensureVenv(python, requirements, state);
    await writeFile(requirements, 'one==2');
    expect(await ensureVenv(python, requirements, state)).not.toBe(before);
  });

  it('leaves nothing behind when the installation fails, and says what pip said', async () => {
    const failing = await fakePython('echo no matching distribution >&2; exit 1');
    await expect(ensureVenv(failing, requirements, state)).rejects.toThrow(
      /could not be installed[^]*no matching distribution[^]*pip reaches a package registry/,
    );
    expect(await readdir(state)).toEqual([]);
  });

  it('takes over the lock of a process that is gone', async () => {
    const path = await ensureVenv(python, requirements, state);
    const venv = path.slice(0, -'/bin/python'.length);
    await rm(venv, { recursive: true });
    await writeFile(`${venv}.lock`, '999999999');
    expect(await ensureVenv(python, requirements, state)).toBe(path);
  });
});
