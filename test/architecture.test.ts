import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rooms } from './architecture/rooms.ts';
import { type SourceFile, violationsOf } from './architecture/violations.ts';
import { withoutComments } from './architecture/without-comments.ts';

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
    const all = globSync('*/**/*.ts', { exclude: (path) => /node_modules|cdk\.out|coverage|reports|\.perennial|\.stryker-tmp/.test(path) });
    const folders = new Set(all.map((path) => path.split(/[\\/]/)[0] ?? ''));
    expect([...folders].filter((folder) => folder !== 'test' && rooms[folder] === undefined)).toEqual([]);
  });
});

/** One violation each: where it is planted, and what the checker must say. */
const planted: Readonly<Record<string, readonly [path: string, text: string, says: string]>> = {
  'core imports the SDK': ['core/a.ts', "import { EC2Client } from '@aws-sdk/client-ec2';", 'not a package of core/'],
  'core imports a type of the SDK': ['core/a.ts', "import type { Instance } from '@aws-sdk/client-ec2';", 'not a package of core/'],
  'core imports Node': ['core/remediation/a.ts', "import { readFileSync } from 'node:fs';", 'node:fs'],
  'core imports for the side effect': ['core/a.ts', "import 'node:http';", 'node:http'],
  'core passes Node on': ['core/a.ts', "export { setTimeout } from 'node:timers/promises';", 'node:timers/promises'],
  'core imports an adapter': ['core/remediation/a.ts', "import { x } from '../../aws/fleet/launcher.ts';", 'core/ may not import aws/'],
  'core passes an adapter on': ['core/a.ts', "export * as x from '../aws/x.ts';", 'core/ may not import aws/'],
  'core imports dynamically': ['core/a.ts', "const x = await import('../aws/x.ts');", 'core/ may not import aws/'],
  'core names a type by import()': ['core/a.ts', "type X = import('../lib/x.ts').X;", 'core/ may not import lib/'],
  'core imports what it computes': ['core/a.ts', 'const x = await import(name);', 'computed'],
  'core imports out of a string that looks like a comment': [
    'core/a.ts',
    "const glob = 'a/**/b'; import { x } from '../aws/x.ts'; /* */",
    'core/ may not import aws/',
  ],
  'core leaves the project': ['core/a.ts', "import { x } from '../../elsewhere/x.ts';", 'may not import ../'],
  'core imports a test': ['core/a.ts', "import { world } from '../test/core/incidents/world.ts';", 'core/ may not import test/'],
  'core reads the clock': ['core/a.ts', 'const now = new Date();', 'clock'],
  'core reads the clock without brackets': ['core/a.ts', 'const now = +new Date;', 'clock'],
  'core reads the clock as text': ['core/a.ts', 'const now = Date();', 'clock'],
  'core reads the clock by a computed name': ['core/a.ts', "const now = Date['now']();", 'clock'],
  'core hands the clock on': ['core/a.ts', 'const clock = { now: Date.now };', 'clock'],
  'core gives the clock another name': ['core/a.ts', 'const Time = Date;', 'clock'],
  'core takes now out of Date': ['core/a.ts', 'const { now } = Date;', 'clock'],
  'core reads the environment': ['core/a.ts', 'const table = process.env.TABLE_NAME;', 'environment'],
  'core rolls dice': ['core/a.ts', 'const jitter = Math.random();', 'randomness'],
  'core reaches for the global object': ['core/a.ts', 'const now = globalThis["Date"];', 'global object'],
  'core waits': ['core/a.ts', 'setTimeout(go, 1000);', 'timers'],
  'the simulation uses an adapter': ['sim/a.ts', "import { x } from '../aws/x.ts';", 'sim/ may not import aws/'],
  'the simulation rolls its own dice': ['sim/a.ts', 'const jitter = Math.random();', 'randomness'],
  'an adapter imports a function': ['aws/a.ts', "import { handler } from '../lambdas/act.ts';", 'aws/ may not import lambdas/'],
  'an adapter reads a file': ['aws/a.ts', "import { readFileSync } from 'node:fs';", 'node:fs'],
  'an adapter reads the environment': ['aws/fleet/a.ts', 'const url = process["env"]["X"];', 'environment'],
  'an adapter takes the environment out of the process': ['aws/fleet/a.ts', 'const { env } = process;', 'environment'],
  'an adapter reads the clock': ['aws/fleet/a.ts', 'const now = Date.now();', 'clock'],
  'a function imports the SDK': ['lambdas/a.ts', "import { SQSClient } from '@aws-sdk/client-sqs';", 'not a package of lambdas/'],
  'a function imports all of zod': ['lambdas/a.ts', "import { z } from 'zod';", 'not a package of lambdas/'],
  'a function imports the CDK': ['lambdas/a.ts', "import { Stack } from 'aws-cdk-lib';", 'not a package of lambdas/'],
  'a function reads the environment': ['lambdas/a.ts', 'const table = process.env.TABLE_NAME;', 'environment'],
  'a function is too long': ['lambdas/a.ts', 'const x = 1;\n'.repeat(31), '31 lines'],
  'the CDK imports an adapter': ['lib/a.ts', "import { x } from '../aws/x.ts';", 'lib/ may not import aws/'],
  'the CDK imports a function': ['lib/a.ts', "import { handler } from '../lambdas/act.ts';", 'lib/ may not import lambdas/'],
  'the catalog files import an adapter': ['catalog-files/a.ts', "import { x } from '../aws/x.ts';", 'catalog-files/ may not import aws/'],
  'the command line imports the CDK app': ['cli/a.ts', "import { x } from '../lib/x.ts';", 'cli/ may not import lib/'],
  'the command line imports the sandbox': ['cli/a.ts', "import { x } from '../sandbox/start.ts';", 'cli/ may not import sandbox/'],
  'the command line reads the environment': ['cli/a.ts', 'const profile = process.env.AWS_PROFILE;', 'environment'],
  'the command line reads the clock': ['cli/a.ts', 'const now = new Date().toISOString();', 'clock'],
  'the sandbox reads the environment elsewhere': ['sandbox/demo/a.ts', "import { env } from 'node:process';", 'environment'],
  'the sandbox reads the clock elsewhere': ['sandbox/demo/a.ts', 'const now = new Date();', 'clock'],
  'bin imports the rules': ['bin/a.ts', "import { x } from '../core/x.ts';", 'bin/ may not import core/'],
  'the entry of the CDK app is too long': ['bin/app.ts', 'const x = 1;\n'.repeat(41), '41 lines'],
  'parsed JSON is cast': ['cli/a.ts', 'const x = JSON.parse(read(text)) as Config;', 'cast'],
  'an answer is cast': ['cli/a.ts', 'const x = (await answer.json()) as Config;', 'cast'],
  'parsed JSON is cast in the old way': ['cli/a.ts', 'const x = <Config>JSON.parse(text);', 'cast'],
  'an any': ['core/a.ts', 'function f(x: any): void {}', 'no any'],
  'a list of any': ['core/a.ts', 'const list: readonly any[] = [];\nconst x = list as any;', 'no any'],
  'any as a parameter of a type': ['core/a.ts', 'const map = new Map<string, any>();', 'no any'],
  'a barrel': ['core/a.ts', "export * from './signal.ts';", 'barrel'],
  'a barrel that names what it passes on': ['core/a.ts', "export { a } from './b.ts';\nexport type { C } from './c.ts';", 'barrel'],
  'an index': ['core/signals/index.ts', 'export const x = 1;', 'barrel'],
  'a folder that is no room': ['helpers/a.ts', "import { x } from './b.ts';", 'no room'],
};

describe('planted violations', () => {
  it.each(Object.entries(planted))('%s: found', async (_name, [path, text, says]) => {
    const found = await violationsOf([{ path, text }]);
    expect(found.filter((problem) => problem.includes(says))).not.toEqual([]);
  });

  it.each([
    ['a pure file', 'core/signals/a.ts', "import * as z from 'zod/mini';\nimport type { Clock } from '../environment/ports.ts';\nexport const x = z.string();"],
    [
      'comments that name what is forbidden',
      'core/a.ts',
      '// new Date() and process.env\n/* Math.random() */ export const x = 1; /** @see https://example.com/Date.now */',
    ],
    ['a moment converted', 'core/a.ts', 'export const at = (millis: number): string => new Date(millis).toISOString() + Date.parse(text);'],
    ['a type called Date', 'aws/a.ts', 'export function iso(at: Date | undefined): string { return at instanceof Date ? at.toISOString() : ""; }'],
    ['parsed JSON that stays unknown', 'cli/a.ts', 'const x: unknown = JSON.parse(text);'],
    ['the word any in a sentence', 'cli/a.ts', 'const text = "any, or none";\nconst more = `is there any?`;'],
    ['one name passed on beside what is declared here', 'core/a.ts', "export type { X } from './x.ts';\nexport const y = 1;"],
  ])('%s is not accused', async (_name, path, text) => {
    expect(await violationsOf([{ path, text }])).toEqual([]);
  });
});

describe('taking comments out', () => {
  it('leaves strings, templates and regular expressions as they are', () => {
    const code = "const a = 'http://x'; const b = \"/* no */\"; const c = `// ${a}`; const d = /\\/\\/'/.test(a);";
    expect(withoutComments(`${code} // gone`)).toBe(`${code}  `);
  });
});
