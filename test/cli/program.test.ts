import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { runProgram } from '../../cli/program.ts';
import { commandJsonSchemas, schemaIndex } from '../../cli/schemas.ts';
import { schemaText } from '../../core/catalog/json-schema.ts';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import { type } from './terminal.ts';

const leaves = [
  'catalog check',
  'event explain',
  'slo explain',
  'status',
  'incidents',
  'remediations',
  'inventory list',
  'plan',
  'doctor',
  'subscriptions list',
  'subscriptions confirm',
  'pause',
  'resume',
  'deploy',
  'dead-letters list',
  'dead-letters show',
  'dead-letters redrive',
];

describe('help', () => {
  it.each(['', 'catalog', 'event', 'slo', 'inventory', 'dead-letters', ...leaves])('of "%s" shows examples', async (command) => {
    const { exitCode, out, error } = await type([...command.split(' ').filter(Boolean), '--help']);
    expect([exitCode, error]).toEqual([0, '']);
    expect(out).toMatch(/Examples:\n {2}npm run -s perennial -- /);
  });

  it.each(leaves)('of "%s" offers --json, and the explicit target where one is needed', async (command) => {
    const { out } = await type([...command.split(' '), '--help']);
    expect(out).toContain('--json');
    const isTargeted = !['catalog check', 'event explain', 'slo explain'].includes(command);
    for (const option of ['--local', '--profile', '--region', '--stack']) expect(out.includes(option), option).toBe(isTargeted);
  });
});

describe('--version', () => {
  it('is that of Perennial before a command, and that of what is deployed after one', async () => {
    const { version } = z.parse(z.object({ version: z.string() }), JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')));
    expect(await type(['--version'])).toMatchObject({ exitCode: 0, out: expect.stringContaining(version) as unknown });
    // It goes as far as asking for a target, instead of printing the version.
    const { exitCode, out } = await type(['deploy', 'start', 'Shop Web', '--version', '5.3.0', '--local']);
    expect([exitCode, out]).toEqual([1, '']);
  });
});

describe('a wrong command line', () => {
  it.each([
    [['nonsense'], "Unknown command 'nonsense'."],
    [['statsu'], '(Did you mean status?)'],
    [['incidents', '--limit', '900'], 'Write a whole number from 1 to 200.'],
    [['incidents', '--limit', '1.5'], 'Write a whole number from 1 to 200.'],
    [['slo', 'explain'], "Required option '--objective <percent>' not specified."],
    [['status', '--verbose'], "Unknown option '--verbose'."],
  ])('%j: says what is wrong and where help is, exit 1', async (words, says) => {
    const { exitCode, out, error } = await type(words);
    expect([exitCode, out]).toEqual([1, '']);
    expect(error).toContain(says);
    expect(error).toContain('npm run -s perennial -- --help');
  });
});

/** An error as the SDK throws it. */
const aws = (name: string, message: string): Error => Object.assign(new Error(message), { name, $metadata: {} });

describe('a failure of the platform', () => {
  it.each([
    [aws('AccessDeniedException', 'User kim is not authorized'), '--profile <name>'],
    [aws('ExpiredTokenException', 'The security token is expired'), 'aws sso login'],
    [aws('ThrottlingException', 'Rate exceeded'), 'Try again in a minute.'],
    [Object.assign(new Error('getaddrinfo ENOTFOUND x'), { code: 'ENOTFOUND' }), 'Check --region'],
    [Object.assign(new Error('Could not load credentials from any providers'), { name: 'CredentialsProviderError' }), 'There are no credentials'],
    [new RetryableError('Throttled.'), 'try again in a minute'],
    [new PermanentError('The record cannot be read. Restore it.'), 'The record cannot be read. Restore it.'],
    [new TypeError('x is undefined'), 'please report it'],
  ])('%s: told in words, never as a stack trace', async (failure, says) => {
    const lines: string[] = [];
    const output = { out: (text: string) => void lines.push(`out ${text}`), error: (text: string) => void lines.push(text), readInput: async () => '' };
    expect(await runProgram(['status'], output, () => Promise.reject(failure))).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(says);
    expect(lines[0]).not.toMatch(/\n\s+at /);
  });
});

const directory = join(import.meta.dirname, '..', '..', 'docs', 'schema');

describe('the published schemas of the answers', () => {
  it.each(commandJsonSchemas())('docs/schema/$fileName is what "npm run schemas" writes', ({ fileName, schema }) => {
    expect(readFileSync(join(directory, fileName), 'utf8')).toBe(schemaText(schema));
  });

  it('cover every command, in a table that leads to them', () => {
    const index = readFileSync(join(directory, 'README.md'), 'utf8');
    expect(index).toBe(schemaIndex());
    for (const command of leaves) expect(index).toMatch(new RegExp(`\\| \`[^\`]*${command.replace('pause', 'pause and').replace('resume', 'and resume')}`));
  });

  it('do not forbid fields that a later version adds', () => {
    const status = commandJsonSchemas().find(({ command }) => command === 'status')?.schema;
    expect(status?.['required']).toEqual(expect.arrayContaining(['paused', 'systems', 'openIncidents', 'runningRemediations', 'budgets']));
    expect(JSON.stringify(status)).not.toContain('"additionalProperties":false');
  });
});
