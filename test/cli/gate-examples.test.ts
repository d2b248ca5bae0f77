import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod/mini';
import { createDesk, type } from './terminal.ts';

const read = (file: string): unknown => parse(readFileSync(new URL(`../../examples/gate/${file}`, import.meta.url), 'utf8'));

const actionSchema = z.object({ runs: z.object({ steps: z.array(z.object({ id: z.optional(z.string()), run: z.string() })) }) });
const buildSchema = z.object({ phases: z.object({ build: z.object({ commands: z.array(z.string()) }) }) });

/** The words after `perennial --` of the one line that asks the gate, with the variables filled in. */
function wordsIn(script: string): readonly string[] {
  const line = /npm run -s perennial -- (gate [^)\n]*)/.exec(script)?.[1] ?? '';
  const values: Readonly<Record<string, string>> = { SYSTEM: 'shop-web', PLATFORM_REGION: 'eu-central-1', STACK: 'Perennial' };
  return line
    .trim()
    .split(' ')
    .map((word) => values[word.replaceAll(/["$]/g, '')] ?? word);
}

describe('the examples that ask the gate', () => {
  const scripts = [
    ['the GitHub Actions step', z.parse(actionSchema, read('github/action.yml')).runs.steps.find(({ id }) => id === 'gate')?.run ?? ''],
    ['the CodePipeline action', z.parse(buildSchema, read('codepipeline/buildspec.yml')).phases.build.commands.join('\n')],
  ] as const;

  it.each(scripts)('%s types a command that exists', async (_, script) => {
    const { exitCode, out } = await type(wordsIn(script), (await createDesk()).target);
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ open: true });
  });

  it('the step ends with the exit code of the gate, and no input becomes part of its script', () => {
    const [, script] = scripts[0];
    expect(script).toMatch(/exit "\$answered"\s*$/);
    expect(script).not.toContain('${{');
  });
});
