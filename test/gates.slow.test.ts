import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Several well-known tools pass by doing nothing: each gate of the linter is seen to fail here. */
const planted: Readonly<Record<string, { readonly rule: string; readonly path: string; readonly text: string }>> = {
  'a promise nobody waits for': { rule: 'no-floating-promises', path: 'aws/floating.ts', text: 'export function f(): void {\n  Promise.resolve(1);\n}\n' },
  'a promise where a boolean is meant': {
    rule: 'no-misused-promises',
    path: 'aws/misused.ts',
    text: 'export function f(list: readonly string[]): readonly string[] {\n  return list.filter(async (one) => one.length > 0);\n}\n',
  },
  'a switch that forgets a case': {
    rule: 'switch-exhaustiveness-check',
    path: 'aws/switch.ts',
    text: "export function f(state: 'open' | 'closed'): number {\n  switch (state) {\n    case 'open':\n      return 1;\n  }\n  return 0;\n}\n",
  },
  'an any': { rule: 'no-explicit-any', path: 'aws/any.ts', text: 'export function f(x: any): void {\n  void x;\n}\n' },
  'parsed JSON that is believed': { rule: 'no-unsafe-assignment', path: 'aws/json.ts', text: "export const x: { readonly a: string } = JSON.parse('{}');\n" },
  'a non-null assertion': { rule: 'no-non-null-assertion', path: 'aws/bang.ts', text: 'export const f = (x: string | undefined): string => x!;\n' },
  'a thrown text': { rule: 'only-throw-error', path: 'aws/throw.ts', text: "export function f(): never {\n  throw 'no';\n}\n" },
  'a clock in the rules': { rule: 'no-clock-in-core', path: 'core/clock.ts', text: 'export const now = (): string => new Date().toISOString();\n' },
  'node in the rules': { rule: 'no-restricted-imports', path: 'core/node.ts', text: "export { readFileSync } from 'node:fs';\n" },
  'the SDK in the rules': { rule: 'no-restricted-imports', path: 'core/sdk.ts', text: "export type { EC2Client } from '@aws-sdk/client-ec2';\n" },
  'a function nobody can read': {
    rule: 'max-lines-per-function',
    path: 'aws/long.ts',
    text: `export function f(): number {\n  let x = 0;\n${'  x += 1;\n'.repeat(70)}  return x;\n}\n`,
  },
};

let folder = '';
let report = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-gates-'));
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json', 'lint']) cpSync(name, join(folder, name), { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'), 'dir');
  writeFileSync(join(folder, '.gitignore'), 'node_modules\n');
  for (const { path, text } of Object.values(planted)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const run = spawnSync(join('node_modules', '.bin', 'oxlint'), ['--deny-warnings', '--format=unix'], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
  report = `${run.stdout}\n${run.stderr}`;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the linter finds', () => {
  it.each(Object.entries(planted))('%s', (_name, { rule, path }) => {
    const lines = report.split('\n').filter((line) => line.includes(path));
    expect(
      lines.some((line) => line.includes(rule)),
      lines.join('\n') || report.slice(0, 2000),
    ).toBe(true);
  });
});
