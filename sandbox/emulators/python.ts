import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { releaseLock, takeLock } from './file-lock.ts';
import { SandboxError } from './sandbox-error.ts';

const run = promisify(execFile);

export interface Python {
  /** Name or path to call. */
  readonly command: string;
  /** For example `3.11.7`. */
  readonly version: string;
}

const MINIMUM_MINOR = 10;
const CANDIDATES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
const PROBE_TIMEOUT_MILLIS = 15_000;
const INSTALL_TIMEOUT_MILLIS = 480_000;

const INSTALL_HINT =
  'Install Python 3.10 or newer with venv, then try again:\n' +
  '  Debian, Ubuntu:  sudo apt-get install python3 python3-venv\n' +
  '  Fedora:          sudo dnf install python3\n' +
  '  macOS:           brew install python';

type Probe = { readonly kind: 'usable'; readonly python: Python } | { readonly kind: 'unusable'; readonly reason: string };

/** Finds Python ≥ 3.10 with venv; a {@link SandboxError} says what was found and what to type. */
export async function findPython(candidates: readonly string[] = CANDIDATES): Promise<Python> {
  const reasons: string[] = [];
  for (const command of candidates) {
    const probe = await probePython(command);
    if (probe.kind === 'usable') {
      return probe.python;
    }
    reasons.push(probe.reason);
  }
  const found = reasons.filter((reason) => reason !== '');
  const summary = found.length === 0 ? 'No Python was found.' : `No suitable Python was found: ${found.join('; ')}.`;
  throw new SandboxError(`The local AWS runs on Python (MiniStack and moto). ${summary}\n${INSTALL_HINT}`);
}

async function probePython(command: string): Promise<Probe> {
  // ensurepip is what Debian leaves out when python3-venv is not installed.
  const script = 'import sys; print("%d.%d.%d" % sys.version_info[:3]); import venv, ensurepip; print("venv")';
  try {
    const { stdout } = await run(command, ['-c', script], { timeout: PROBE_TIMEOUT_MILLIS });
    return judge(command, stdout);
  } catch (error) {
    const stdout = error instanceof Error && 'stdout' in error && typeof error.stdout === 'string' ? error.stdout : '';
    return stdout === '' ? { kind: 'unusable', reason: '' } : judge(command, stdout);
  }
}

function judge(command: string, output: string): Probe {
  const [version = '', venv] = output.trim().split(/\s+/);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major !== 3 || minor < MINIMUM_MINOR) {
    return { kind: 'unusable', reason: `${command} is ${version}` };
  }
  return venv === 'venv' ? { kind: 'usable', python: { command, version } } : { kind: 'unusable', reason: `${command} is ${version} but lacks venv` };
}

/**
 * The folder of a venv with the locked requirements, made once per requirements file and Python version (about a minute, from
 * the package registry that pip is set up for). Made under another name and renamed, so that it is whole or absent; a second
 * process waits for the first.
 *
 * @param stateFolder `.perennial` of the checkout
 * @returns path of the venv's Python
 */
export async function ensureVenv(python: Python, requirementsFile: string, stateFolder: string): Promise<string> {
  const requirements = await readFile(requirementsFile);
  const hash = createHash('sha256').update(requirements).update(python.version).digest('hex').slice(0, 12);
  const folder = join(stateFolder, `venv-${hash}`);
  const interpreter = join(folder, 'bin', 'python');
  if (existsSync(interpreter)) {
    return interpreter;
  }
  await mkdir(stateFolder, { recursive: true });
  const lock = join(stateFolder, `venv-${hash}.lock`);
  await takeLock(lock);
  try {
    if (!existsSync(interpreter)) {
      await buildVenv(python, requirementsFile, stateFolder, folder);
    }
  } finally {
    await releaseLock(lock);
  }
  return interpreter;
}

async function buildVenv(python: Python, requirementsFile: string, stateFolder: string, folder: string): Promise<void> {
  for (const leftover of (await readdir(stateFolder)).filter((name) => name.includes('.building'))) {
    await rm(join(stateFolder, leftover), { recursive: true, force: true });
  }
  const building = `${folder}.building`;
  try {
    await run(python.command, ['-m', 'venv', building], { timeout: INSTALL_TIMEOUT_MILLIS });
    // A venv can be renamed as long as its Python is called by path and its scripts (which hold the old path) are not.
    await run(
      join(building, 'bin', 'python'),
      ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--require-hashes', '-r', requirementsFile],
      { timeout: INSTALL_TIMEOUT_MILLIS, maxBuffer: 10_000_000 },
    );
    await rename(building, folder);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    const hint = 'Check that pip reaches a package registry, then type the same command again.';
    throw new SandboxError(`MiniStack and moto could not be installed into ${folder}.\n${output}\n${hint}`, { cause: error });
  }
}
