import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';

/** Some gates pass by doing nothing: each one is shown bad code here, in a folder of its own, with the configuration of the project. */

const projectFolder = join(import.meta.dirname, '..');

const lintConfigSchema = z.object({
  rules: z.record(z.string(), z.unknown()),
  overrides: z.array(z.object({ files: z.array(z.string()), rules: z.record(z.string(), z.unknown()) })),
});

/** Each rule that the configuration names, with code that breaks it and is otherwise whole. */
const planted: Readonly<Record<string, { readonly path: string; readonly text: string }>> = {
  'unicorn/no-array-sort': { path: 'cli/sort.ts', text: 'export const sorted = (list: string[]): string[] => list.sort();\n' },
  'typescript/no-explicit-any': { path: 'cli/any.ts', text: 'export function show(value: any): string {\n  return String(value);\n}\n' },
  'typescript/no-floating-promises': {
    path: 'cli/floating.ts',
    text: 'const remove = async (): Promise<void> => undefined;\nexport function removeAll(): void {\n  remove();\n}\n',
  },
  'typescript/no-misused-promises': {
    path: 'cli/misused.ts',
    text: 'export const kept = (ids: readonly string[]): readonly string[] => ids.filter(async (id) => id !== (await Promise.resolve("a")));\n',
  },
  'typescript/no-non-null-assertion': { path: 'cli/assertion.ts', text: 'export const first = (list: readonly string[]): string => list[0]!;\n' },
  'typescript/no-unsafe-assignment': {
    path: 'core/assignment.ts',
    text: 'export function read(text: string): unknown {\n  const parsed = JSON.parse(text);\n  return parsed;\n}\n',
  },
  'typescript/no-unsafe-return': { path: 'cli/unsafe-return.ts', text: 'export const read = (text: string): string => JSON.parse(text);\n' },
  'typescript/no-unsafe-argument': { path: 'cli/argument.ts', text: 'export const read = (text: string): number => Math.abs(JSON.parse(text));\n' },
  'typescript/no-unsafe-member-access': { path: 'cli/member.ts', text: 'export const read = (text: string): string => String(JSON.parse(text).id);\n' },
  'typescript/only-throw-error': { path: 'cli/throw.ts', text: "export function fail(): never {\n  throw 'no';\n}\n" },
  'typescript/return-await': {
    path: 'cli/return-await.ts',
    text: 'const read = async (): Promise<string> => "a";\nexport async function tryRead(): Promise<string> {\n  try {\n    return read();\n  } catch {\n    return "";\n  }\n}\n',
  },
  'typescript/switch-exhaustiveness-check': {
    path: 'core/switch.ts',
    text: "export function colour(state: 'on' | 'off'): string {\n  switch (state) {\n    case 'on':\n      return 'green';\n  }\n  return '';\n}\n",
  },
  'max-lines-per-function': {
    path: 'cli/long.ts',
    text: `export function long(): number {\n  let sum = 0;\n${'  sum += 1;\n'.repeat(61)}  return sum;\n}\n`,
  },
  complexity: {
    path: 'cli/complex.ts',
    text: `export function complex(n: number): string {\n${Array.from({ length: 13 }, (_, index) => `  if (n === ${index}) return '${index}';\n`).join('')}  return '';\n}\n`,
  },
  'oxc/no-barrel-file': { path: 'core/barrel.ts', text: "export * from './switch.ts';\n" },
  'vitest/valid-expect': { path: 'test/expect.test.ts', text: "import { expect, it } from 'vitest';\nit('is true', () => {\n  expect(true);\n});\n" },
  'house/no-clock-in-core': { path: 'core/clock.ts', text: 'export const now = (): string => new Date().toISOString();\n' },
  'no-restricted-globals': { path: 'core/globals.ts', text: 'export const ask = async (): Promise<unknown> => fetch("https://example.com");\n' },
  'no-restricted-properties': { path: 'core/properties.ts', text: "export const now = (): number => Date['now']();\n" },
  'no-restricted-imports': { path: 'core/imports.ts', text: "export { setTimeout } from 'node:timers/promises';\n" },
};

/** More ways round a rule, each of which must be found too. */
const roundabout: readonly (readonly [string, string, string])[] = [
  [
    'a default that hides a new case',
    'typescript/switch-exhaustiveness-check',
    "export function colour(state: 'on' | 'off'): string {\n  switch (state) {\n    case 'on':\n      return 'green';\n    default:\n      return '';\n  }\n}\n",
  ],
  ['Date called as a function', 'house/no-clock-in-core', 'export const now = (): string => Date();\n'],
  ['another name for Date', 'house/no-clock-in-core', 'const Time = Date;\nexport const now = (): Date => new Time();\n'],
  ['the clock through the global object', 'house/no-clock-in-core', 'export const now = (): number => globalThis.performance.now();\n'],
  ['Math.random', 'no-restricted-properties', 'export const dice = (): number => Math.random();\n'],
  ['now taken out of Date', 'no-restricted-properties', 'const { now } = Date;\nexport const time = (): number => now();\n'],
  ['a type of the SDK', 'no-restricted-imports', "import type { Instance } from '@aws-sdk/client-ec2';\nexport type Machine = Instance;\n"],
  ['an adapter', 'no-restricted-imports', "import type { Meter } from '../aws/runtime/metrics.ts';\nexport type Other = Meter;\n"],
];

const sound = '/** One more. */\nexport function increment(count: number): number {\n  return count + 1;\n}\n';

const reportSchema = z.object({ diagnostics: z.array(z.object({ code: z.string(), filename: z.string() })) });

const folder = mkdtempSync(join(tmpdir(), 'perennial-gates-'));

function plant(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** Runs a tool of the project in the folder; gives its exit code and all it printed. */
function run(tool: string, words: readonly string[]): Promise<{ readonly exitCode: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(folder, 'node_modules', '.bin', tool), ...words],
      { cwd: folder, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
      },
    );
  });
}

/** `typescript(no-explicit-any)` → `typescript/no-explicit-any`; the linter's own rules have no plugin. */
function ruleOf(code: string): string {
  return code.replace(/^(.+)\((.+)\)$/, '$1/$2').replace(/^eslint\//, '');
}

let found: readonly { readonly rule: string; readonly path: string }[] = [];

beforeAll(async () => {
  for (const name of ['.oxlintrc.json', '.oxfmtrc.json', 'tsconfig.json', 'lint']) cpSync(join(projectFolder, name), join(folder, name), { recursive: true });
  symlinkSync(join(projectFolder, 'node_modules'), join(folder, 'node_modules'));
  plant('core/sound.ts', sound);
  for (const { path, text } of Object.values(planted)) plant(path, text);
  for (const [index, [, , text]] of roundabout.entries()) plant(`core/round-${index}.ts`, text);
  const { exitCode, output } = await run('oxlint', ['--deny-warnings', '--format', 'json']);
  if (exitCode !== 1) throw new Error(`The linter found nothing wrong or did not run (exit code ${exitCode}): ${output.slice(0, 2000)}`);
  const { diagnostics } = reportSchema.parse(JSON.parse(output));
  found = diagnostics.map(({ code, filename }) => ({ rule: ruleOf(code), path: filename.replaceAll('\\', '/') }));
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the linter', () => {
  const config = lintConfigSchema.parse(JSON.parse(readFileSync(join(projectFolder, '.oxlintrc.json'), 'utf8')));

  it('every rule that the configuration names has its planted violation', () => {
    const named = [config.rules, ...config.overrides.map(({ rules }) => rules)].flatMap((rules) =>
      Object.entries(rules)
        .filter(([, level]) => level !== 'off')
        .map(([rule]) => rule),
    );
    expect([...new Set(named)].toSorted()).toEqual(Object.keys(planted).toSorted());
  });

  it.each(Object.entries(planted))('%s is reported', (rule, { path }) => {
    expect(found).toContainEqual({ rule, path });
  });

  it.each(roundabout.map(([name, rule], index) => ({ name, rule, path: `core/round-${index}.ts` })))('$name is reported by $rule', ({ rule, path }) => {
    expect(found).toContainEqual({ rule, path });
  });

  it('sound code is not reported', () => {
    expect(found.filter(({ path }) => path === 'core/sound.ts')).toEqual([]);
  });
});

describe('the other gates', () => {
  it('the type check refuses an index that may be absent, an optional that is undefined, and an enum', async () => {
    const text =
      'export const first = (list: readonly string[]): string => list[0];\nexport const odd: { a?: string } = { a: undefined };\nexport enum Colour {\n  Red,\n}\n';
    plant('core/types.ts', text);
    const { exitCode, output } = await run('tsc', ['--noEmit']);
    expect(exitCode).not.toBe(0);
    expect(['TS2322', 'TS2375', 'TS1294'].filter((code) => !output.includes(code))).toEqual([]);
  });

  it('the formatter refuses what it would write otherwise', async () => {
    plant('core/ugly.ts', 'export const   ugly=1\n');
    const { exitCode, output } = await run('oxfmt', ['--check', 'core/sound.ts', 'core/ugly.ts']);
    expect(exitCode).toBe(1);
    expect(output).toContain('core/ugly.ts');
    expect(output).not.toContain('core/sound.ts');
  });

  it('the search for dead code finds an export, a file and a package that nobody uses', async () => {
    writeFileSync(join(folder, 'knip.json'), JSON.stringify({ entry: ['bin/main.ts'], project: ['{bin,dead}/**/*.ts'] }));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'planted', type: 'module', dependencies: { yaml: '2.9.1' } }));
    plant('bin/main.ts', "import { used } from '../dead/part.ts';\n\nused();\n");
    plant('dead/part.ts', 'export const used = (): void => undefined;\nexport const unusedExport = 1;\n');
    plant('dead/unused-file.ts', sound);
    const { exitCode, output } = await run('knip', []);
    expect(exitCode).toBe(1);
    expect(['unusedExport', 'dead/unused-file.ts', 'yaml'].filter((name) => !output.includes(name))).toEqual([]);
  });
});
