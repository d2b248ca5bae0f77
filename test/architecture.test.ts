import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rooms, type SourceFile, violationsOf } from './architecture/rooms.ts';

const files: readonly SourceFile[] = globSync(Object.keys(rooms).map((room) => `${room}/**/*.ts`)).map((path) => ({
  path: path.replaceAll('\\', '/'),
  text: readFileSync(path, 'utf8'),
}));

describe('the rooms of the house', () => {
  it.each(Object.keys(rooms))('%s/ has files', (room) => {
    expect(files.some((file) => file.path.startsWith(`${room}/`))).toBe(true);
  });

  it('import only what the design lets them import, and keep its other rules', async () => {
    expect(await violationsOf(files)).toEqual([]);
  });

  it('are all the folders that hold sources', () => {
    const top = new Set(
      globSync('*/**/*.ts', { exclude: (path) => /node_modules|cdk\.out|coverage|\.perennial/.test(path) }).map((path) => path.split(/[\\/]/)[0] ?? ''),
    );
    expect([...top].filter((folder) => folder !== 'test' && rooms[folder] === undefined)).toEqual([]);
  });
});

/** One violation each; the checker must find every one of them. */
const planted: Readonly<Record<string, SourceFile>> = {
  'core imports the SDK': { path: 'core/a.ts', text: "import { EC2Client } from '@aws-sdk/client-ec2';" },
  'core imports a type of the SDK': { path: 'core/a.ts', text: "import type { Instance } from '@aws-sdk/client-ec2';" },
  'core imports node': { path: 'core/remediation/a.ts', text: "import { readFileSync } from 'node:fs';" },
  'core re-exports node': { path: 'core/a.ts', text: "export { setTimeout } from 'node:timers/promises';" },
  'core imports an adapter': { path: 'core/remediation/a.ts', text: "import { x } from '../../aws/fleet/launcher.ts';" },
  'core imports dynamically': { path: 'core/a.ts', text: "const x = await import('../aws/x.ts');" },
  'core names a type by import()': { path: 'core/a.ts', text: "type X = import('../lib/x.ts').X;" },
  'core imports what it computes': { path: 'core/a.ts', text: 'const x = await import(name);' },
  'core reads the clock': { path: 'core/a.ts', text: 'const now = new Date();' },
  'core reads the environment': { path: 'core/a.ts', text: 'const table = process.env.TABLE_NAME;' },
  'core rolls dice': { path: 'core/a.ts', text: 'const jitter = Math.random();' },
  'an adapter imports a function': { path: 'aws/a.ts', text: "import { handler } from '../lambdas/act.ts';" },
  'an adapter reads the environment': { path: 'aws/fleet/a.ts', text: 'const url = process.env["X"];' },
  'a function imports the CDK': { path: 'lambdas/a.ts', text: "import { Stack } from 'aws-cdk-lib';" },
  'the CDK imports an adapter': { path: 'lib/a.ts', text: "import { x } from '../aws/x.ts';" },
  'somebody imports the sandbox': { path: 'cli/a.ts', text: "import { x } from '../sandbox/start.ts';" },
  'bin imports the rules': { path: 'bin/a.ts', text: "import { x } from '../core/x.ts';" },
  'a cast of parsed JSON': { path: 'cli/a.ts', text: 'const x = JSON.parse(text) as Config;' },
  'an any': { path: 'core/a.ts', text: 'function f(x: any): void {}' },
  'a barrel': { path: 'core/index.ts', text: "export * from './signal.ts';" },
  'a folder that is no room': { path: 'helpers/a.ts', text: "import { x } from './b.ts';" },
};

describe('planted violations', () => {
  it.each(Object.entries(planted))('%s: found', async (_name, file) => {
    expect(await violationsOf([file])).not.toEqual([]);
  });

  it('a file that breaks nothing is not accused', async () => {
    const text =
      "import * as z from 'zod/mini';\nimport type { Clock } from '../environment/ports.ts';\n// new Date() in a comment is no clock\nexport const x = z.string();";
    expect(await violationsOf([{ path: 'core/signals/a.ts', text }])).toEqual([]);
  });
});
