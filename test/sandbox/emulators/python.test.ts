import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPython } from '../../../sandbox/emulators/python.ts';

describe('findPython', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'perennial-python-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const fake = async (name: string, script: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
    return file;
  };

  it('takes the first that is new enough and has venv', async () => {
    const old = await fake('old', 'echo 3.8.2; echo venv');
    const good = await fake('good', 'echo 3.13.1; echo venv');
    expect(await findPython(['perennial-no-such-python', old, good])).toEqual({ command: good, version: '3.13.1' });
  });

  it('says which were found wanting and what to type', async () => {
    const old = await fake('old', 'echo 3.9.18; echo venv');
    const bare = await fake('bare', 'echo 3.11.2; echo "No module named ensurepip" >&2; exit 1');
    await expect(findPython([old, bare])).rejects.toThrow(/old is 3\.9\.18; .*bare is 3\.11\.2 but lacks venv[^]*apt-get install python3 python3-venv/);
  });

  it('says so when there is none', async () => {
    await expect(findPython(['perennial-no-such-python'])).rejects.toThrow(/No Python was found\.[^]*Python 3\.10 or newer/);
  });
});

describe('sandbox/requirements.txt', () => {
  it('pins every package by hash and names no registry', async () => {
    const text = await readFile(join(import.meta.dirname, '..', '..', '..', 'sandbox', 'requirements.txt'), 'utf8');
    const entries = text
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('\n')
      .split(/\n(?=\S)/)
      .filter((entry) => entry.trim() !== '');
    expect(entries.filter((entry) => !/^[\w.-]+(\[[^\]]+\])?==\S+/.test(entry) || !entry.includes('--hash=sha256:'))).toEqual([]);
    expect(entries.length).toBeGreaterThan(50);
    expect(text).not.toMatch(/https?:\/\/|--index-url|--find-links/);
    expect(text).toMatch(/^ministack==1\.5\.33 /m);
    expect(text).toMatch(/^moto\[[^\]]*server[^\]]*\]==5\.2\.5 /m);
  });
});
