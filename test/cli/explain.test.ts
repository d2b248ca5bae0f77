import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { catalogCheckOutputSchema } from '../../core/catalog/json-schema.ts';
import { explanationSchema } from '../../core/signals/explain.ts';
import { objectiveExplanationSchema } from '../../core/slo/words/explain.ts';
import { containing, type, typeJson } from './terminal.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-cli-'));
  writeFileSync(join(folder, 'a.yaml'), 'apiVersion: perennial/v1\nkind: System\nmetadata: { name: shop web }\nspec:\n  topology: many\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('catalog check', () => {
  it.each(['ops', 'examples/three-tiers', 'sandbox/ops'])('finds %s in order', async (directory) => {
    const { exitCode, json } = await typeJson(['catalog', 'check', directory]);
    expect(exitCode).toBe(0);
    expect(z.parse(catalogCheckOutputSchema, json).errors).toEqual([]);
    expect((await type(['catalog', 'check', directory])).out).toMatch(/is in order: \d systems?, \d polic/);
  });

  it('says file, line, column and what to write, and exits 1', async () => {
    const { exitCode, json } = await typeJson(['catalog', 'check', folder]);
    expect(exitCode).toBe(1);
    expect(z.parse(catalogCheckOutputSchema, json).errors).toContainEqual(
      expect.objectContaining({ file: join(folder, 'a.yaml'), line: 3, column: 19, path: 'metadata.name', fix: 'Write a name such as "shop-web".' }),
    );
    const { out } = await type(['catalog', 'check', folder]);
    expect(out).toContain(`${join(folder, 'a.yaml')}:3:19  error: metadata.name must be a name`);
    expect(out).toContain('    Write a name such as "shop-web".');
    expect(out).toMatch(/\d errors, 1 warning in /);
  });

  it('says so when there is no such directory', async () => {
    expect(await type(['catalog', 'check', join(folder, 'nowhere')])).toMatchObject({
      exitCode: 1,
      out: containing('is not a directory that can be read'),
    });
  });
});

const events = readdirSync('test/events').filter((name) => name.endsWith('.json'));

describe('event explain', () => {
  it.each(events)('answers JSON for %s; exit 1 only when everything was rejected', async (name) => {
    const { exitCode, out } = await type(['event', 'explain', join('test/events', name)]);
    const { signals, rejected } = z.parse(explanationSchema, JSON.parse(out));
    expect(signals.length + rejected.length).toBeGreaterThan(0);
    expect(exitCode).toBe(signals.length === 0 ? 1 : 0);
    expect(exitCode).toBe(name.startsWith('rejected-') ? 1 : 0);
  });

  it.each([
    ['rubbish', 'It is not JSON'],
    ['', 'it is empty'],
    ['[]', ''],
    ['{"Records": []}', ''],
    ['x'.repeat(1_048_577), 'larger than 1048576 bytes'],
  ])('answers JSON on standard input that is no event: %.20s', async (input, reason) => {
    const { exitCode, out, error } = await type(['event', 'explain', '-'], undefined, input);
    const { signals, rejected } = z.parse(explanationSchema, JSON.parse(out));
    expect(signals).toEqual([]);
    expect(exitCode).toBe(rejected.length > 0 ? 1 : 0);
    expect(rejected.map((each) => each.reason).join(' ')).toContain(reason);
    expect(error).toBe('');
  });

  it.each([
    ['nofile.json', 'there is no such file'],
    ['test', 'it is a directory'],
  ])('answers JSON also for %s, which cannot be read', async (file, reason) => {
    const { exitCode, out } = await type(['event', 'explain', file]);
    expect(exitCode).toBe(1);
    expect(z.parse(explanationSchema, JSON.parse(out)).rejected[0]?.reason).toContain(
      `${file} cannot be read: ${reason}. Name a JSON file, or - for standard input.`,
    );
  });
});

describe('slo explain', () => {
  it('gives 25.92 s for 99.999 % over 30 days (S2-04)', async () => {
    const { exitCode, json } = await typeJson(['slo', 'explain', '--objective', '99.999', '--window', '30d']);
    expect(exitCode).toBe(0);
    expect(z.parse(objectiveExplanationSchema, json).budgetSeconds).toBe(25.92);
    expect((await type(['slo', 'explain', '--objective', '99.999'])).out).toContain('25.92 s may be bad');
  });

  it.each([
    [['--objective', '100'], 'allows no failure at all'],
    [['--objective', 'abc'], 'is not a target'],
    [['--objective', '99.9', '--window', '91d'], 'longer than 90 days'],
  ])('answers no (exit 2) to %j, with the reason (S2-07)', async (words, reason) => {
    expect(await type(['slo', 'explain', ...words])).toMatchObject({ exitCode: 2, out: containing(reason), error: '' });
    expect(await typeJson(['slo', 'explain', ...words])).toMatchObject({ exitCode: 2, json: { refused: containing(reason) } });
  });
});
