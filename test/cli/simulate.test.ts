import { describe, expect, it } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import { simulateSchema } from '../../cli/schemas.ts';

async function run(...words: readonly string[]): Promise<{ readonly out: string; readonly error: string; readonly exitCode: number }> {
  const said = { out: '', error: '' };
  const output = {
    out: (text: string) => void (said.out += `${text}\n`),
    error: (text: string) => void (said.error += `${text}\n`),
    readInput: () => Promise.resolve(''),
  };
  const exitCode = await runProgram(['simulate', ...words], output);
  return { ...said, exitCode };
}

describe('perennial simulate', () => {
  it('answers with its published schema, and 0 when no invariant was broken', async () => {
    const { out, exitCode } = await run('--runs', '3', '--seed', '1', '--json');
    const answer = simulateSchema.parse(JSON.parse(out));
    expect([exitCode, answer.runs, answer.violations]).toEqual([0, 3, []]);
    expect(answer.seconds).toBeGreaterThan(0);
    expect(answer.fewestInstances).toBeGreaterThanOrEqual(100);
    expect(answer.fewestFaults).toBeGreaterThanOrEqual(20);
  });

  it('says everything that happened with --trace', async () => {
    const { out } = await run('--runs', '1', '--seed', '3', '--scenario', 'zone-loss', '--trace');
    expect(out).toMatch(/^09:\d\d:\d\d fault {4}zone-loss: the zone /m);
    expect(out).toContain('No invariant was broken.');
  });

  it.each([
    [['--scenario', 'sunshine'], 'There is no scenario sunshine. There are: mixed, '],
    [['--runs', '0'], 'Write a whole number from 1 to 1000000.'],
    [['--seed', 'x'], 'Write a whole number from 1 to 2147483648.'],
  ])('refuses %j in words', async (words, message) => {
    const { error, exitCode } = await run(...words);
    expect(error).toContain(message);
    expect(exitCode).toBe(1);
  });
});
