import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { sloEvaluateSchema } from '../../cli/schemas.ts';
import { documentOf, part, policy } from '../core/slo/documents.ts';
import { containing, type, typeJson } from './terminal.ts';

let folder: string;
/** Any list; typed, where vitest says `any`. */
const list: unknown = expect.any(Array);
const at = '2026-11-21T09:00:00Z';

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function lines(...points: readonly object[]): string {
  return points.map((point) => `${JSON.stringify(point)}\n`).join('');
}

let spec: string;
let points: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-slo-'));
  spec = write('slo.yaml', documentOf({}));
  points = write('points.jsonl', lines({ t: '2026-11-21T08:58:00Z', good: 1, total: 2 }, { t: '2026-11-21T08:59:00Z', good: 2, total: 2 }));
});
afterAll(() => rmSync(folder, { recursive: true }));

const words = (more: Readonly<Record<string, string>> = {}): readonly string[] => [
  'slo',
  'evaluate',
  ...Object.entries({ spec, points, at, ...more }).flatMap(([name, value]) => [`--${name}`, value]),
];

describe('slo evaluate', () => {
  it('answers with the figures of design section 9, to the digit (S2-03)', async () => {
    const { exitCode, json } = await typeJson(words());
    expect(exitCode).toBe(0);
    expect(z.parse(sloEvaluateSchema, json)).toEqual(json);
    expect(json).toEqual({
      method: 'Timeslices',
      sli: 43_199 / 43_200,
      budgetTotal: 43.2,
      budgetConsumed: 1,
      budgetRemainingRatio: 42.2 / 43.2,
      burn: [300, 1800, 3600, 7200, 21_600, 86_400, 259_200, 2_592_000].map((windowSeconds) => ({ windowSeconds, rate: 60_000 / windowSeconds })),
      firing: [{ severity: 'critical', longWindowSeconds: 3600 }],
      objective: 'shop',
      targetPercent: '99.9',
      window: { from: '2026-10-22T09:00:00.000Z', to: '2026-11-21T09:00:00.000Z', text: '30d' },
    });
  });

  it('says the same in words', async () => {
    const { exitCode, out } = await type(words());
    expect(exitCode).toBe(0);
    expect(out).toContain('1 of 43.2 slices of the error budget are spent, 97.6852 % are left.');
    expect(out).toContain('Firing: critical (over 3600 s).');
  });

  it('says of the alerts that the document declares which fire, and why', async () => {
    const alerts = [
      policy('fast', 'op: gt, threshold: 10, lookbackWindow: 1h'),
      policy('patient', 'op: gte, threshold: 10, lookbackWindow: 1h, alertAfter: 5m'),
      policy('calm', 'op: lt, threshold: 1.5, lookbackWindow: 1h'),
      policy('quiet', 'op: lte, threshold: 20, lookbackWindow: 1h', { tells: 'alertWhenNoData: true' }),
    ];
    const { out } = await type(words({ spec: write('declared.yaml', documentOf({ alerts })) }));
    expect(out.split('\n').slice(-4)).toEqual([
      'Alert fast fires (critical): its condition, burn over 3600 s > 10, holds (16.6667).',
      'Alert patient does not fire: its condition, burn over 3600 s ≥ 10, holds, and waits for alertAfter (16.6667).',
      'Alert calm does not fire: its condition, burn over 3600 s < 1.5, does not hold (16.6667).',
      'Alert quiet does not fire: its condition, burn over 3600 s ≤ 20, holds (16.6667).',
    ]);
  });

  it('reads points from standard input', async () => {
    expect((await type(words({ points: '-' }), undefined, lines({ t: at, good: 1, total: 1 }))).out).toContain('0 of 43.2 slices');
  });

  it('takes corrections and exclusions, and says which entry is wrong', async () => {
    const exclusion = { kind: 'exclusion', id: 'x1', from: '2026-11-21T08:58:00Z', to: '2026-11-21T08:59:00Z', author: 'kim', reason: 'test', at };
    expect(await typeJson(words({ entries: write('entries.jsonl', lines(exclusion)) }))).toMatchObject({ exitCode: 0, json: { budgetConsumed: 0 } });
    expect(await type(words({ entries: write('wrong.jsonl', lines(exclusion, { ...exclusion, author: '' })) }))).toMatchObject({
      exitCode: 1,
      error: containing('Entry on line 2: author'),
    });
  });

  it('chooses among objectives by name or number', async () => {
    const objectives = [
      '{ displayName: ours, target: 0.995, timeSliceTarget: 0.4, timeSliceWindow: 1m }',
      '{ displayName: contract, target: 0.99, timeSliceTarget: 1, timeSliceWindow: 1m }',
    ];
    const two = write('two.yaml', documentOf({ objectives }));
    expect(await typeJson(words({ spec: two }))).toMatchObject({ json: { objective: 'shop-1', budgetTotal: 216, budgetConsumed: 0 } });
    for (const objective of ['2', 'contract'])
      expect(await typeJson(words({ spec: two, objective }))).toMatchObject({ json: { objective: 'shop-2', budgetTotal: 432, budgetConsumed: 1 } });
    expect(await type(words({ spec: two, objective: '3' }))).toMatchObject({ exitCode: 1, error: containing('number from 1 to 2') });
  });

  it('evaluates a composite from points that name its parts', async () => {
    const rest = 'target: 0.9, timeSliceTarget: 1, timeSliceWindow: 1m';
    const composite = write('composite.yaml', documentOf({ objectives: [part('web', rest), part('db', rest)] }));
    const own = write('composite.jsonl', lines({ t: at, objective: 'web', good: 1, total: 1 }, { t: at, objective: 'db', good: 0, total: 1 }));
    expect(await typeJson(words({ spec: composite, points: own }))).toMatchObject({ json: { budgetConsumed: 1, budgetTotal: 4320 } });
  });

  it('chooses among SLOs of one file', async () => {
    const both = write('both.yaml', `${documentOf({})}\n---\n${documentOf({}).replace('name: shop', 'name: other')}\n`);
    expect(await type(words({ spec: both }))).toMatchObject({ exitCode: 1, error: containing('several SLOs (shop, other). Name one with --slo') });
    expect(await typeJson(words({ spec: both, slo: 'other' }))).toMatchObject({ exitCode: 0, json: { objective: 'other' } });
    expect(await type(words({ spec: both, slo: 'third' }))).toMatchObject({ exitCode: 1, error: containing('no SLO "third"') });
  });
});

/** Bad input: what is given, and a part of what is said. Always exit 1, as text and as JSON. */
const badInput: readonly (readonly [name: string, files: { readonly spec?: string; readonly points?: string; readonly at?: string }, says: string])[] = [
  [
    'a target of 100',
    { spec: documentOf({ objectives: ['{ targetPercent: 100, timeSliceTarget: 1, timeSliceWindow: 1m }'] }) },
    'a target of 100 % is refused',
  ],
  ['a target of 1', { spec: documentOf({ objectives: ['{ target: 1, timeSliceTarget: 1, timeSliceWindow: 1m }'] }) }, 'a target of 100 % is refused'],
  ['a target of 0', { spec: documentOf({ objectives: ['{ target: 0, timeSliceTarget: 1, timeSliceWindow: 1m }'] }) }, 'must be more than 0'],
  ['a window of 91 days', { spec: documentOf({ window: '{ duration: 91d, isRolling: true }' }) }, '1 to 90 days'],
  [
    'a calendar window of 91 days',
    { spec: documentOf({ window: '{ duration: 91d, calendar: { startTime: 2026-01-01 00:00:00, timeZone: Etc/UTC } }' }) },
    'too long',
  ],
  ['a metric that is not there', { points: '' }, 'the metric does not exist'],
  ['points of another time', { points: lines({ t: '2020-01-01T00:00:00Z', good: 1, total: 1 }) }, 'the points are of another time'],
  ['a total of 0', { points: lines({ t: at, good: 0, total: 0 }) }, 'total of 0'],
  ['more good than total', { points: lines({ t: at, good: 2, total: 1 }) }, '2 good of 1 in total'],
  ['NaN', { points: '{"t":"2026-11-21T09:00:00Z","good":NaN,"total":1}' }, 'NaN and Infinity are no numbers'],
  ['time going backwards', { points: lines({ t: at, good: 1, total: 1 }, { t: '2026-11-21T08:59:00Z', good: 1, total: 1 }) }, 'time goes backwards'],
  ['no moment', { at: 'yesterday' }, '--at "yesterday" is no moment'],
  ['no SLO', { spec: 'apiVersion: openslo/v1\nkind: Service\nmetadata: { name: shop }\n' }, 'holds no document of kind SLO'],
  [
    'no data called bad under Occurrences',
    { spec: documentOf({ method: 'Occurrences', annotations: { 'perennial.io/no-data': 'bad' } }) },
    'cannot be kept with Occurrences',
  ],
];

describe('bad input', () => {
  it.each(badInput)('gets a clear answer: %s', async (_, files, says) => {
    const given = {
      ...(files.spec === undefined ? {} : { spec: write('bad.yaml', files.spec) }),
      ...(files.points === undefined ? {} : { points: write('bad.jsonl', files.points) }),
      ...(files.at === undefined ? {} : { at: files.at }),
    };
    expect(await type(words(given))).toMatchObject({ exitCode: 1, out: '', error: containing(says) });
    const { exitCode, json } = await typeJson(words(given));
    expect([exitCode, json]).toEqual([1, { error: containing(says), problems: list }]);
    expect(z.safeParse(sloEvaluateSchema, json).success).toBe(true);
  });

  it('of the document is told with line and column', async () => {
    const wrong = write('unknown.yaml', documentOf({}).replace('  budgetingMethod', '  budgetMethod'));
    expect(await typeJson(words({ spec: wrong }))).toMatchObject({
      exitCode: 1,
      json: { problems: [{ line: 8, column: 3, path: 'spec.budgetMethod', fix: 'Did you mean "budgetingMethod"?' }] },
    });
  });

  it('reads one thing from standard input', async () => {
    expect(await type(words({ spec: '-', points: '-' }))).toMatchObject({ exitCode: 1, error: containing('Only one of') });
  });

  it('names files that cannot be read', async () => {
    expect(await type(words({ spec: join(folder, 'none.yaml') }))).toMatchObject({ exitCode: 1, error: containing('there is no such file') });
    expect(await type(words({ points: folder }))).toMatchObject({ exitCode: 1, error: containing('it is a directory') });
  });
});
