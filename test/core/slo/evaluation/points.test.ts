import { describe, expect, it } from 'vitest';
import { parseInstant, readPoints } from '../../../../core/slo/evaluation/points.ts';
import { failureShare, part, specificationOf, threshold } from '../documents.ts';

const first = '{"t":"2026-11-21T09:00:00Z","good":1,"total":2}';

function reasonOf(lines: readonly string[], parts: Parameters<typeof specificationOf>[0] = {}): string | undefined {
  const samples = readPoints(lines, specificationOf(parts));
  return 'kind' in samples ? samples.reason : undefined;
}

const measured = { indicator: threshold, objectives: ['{ target: 0.9, op: lt, value: 1, timeSliceTarget: 1, timeSliceWindow: 1m }'] };
const composite = {
  objectives: [part('web', 'target: 0.9, timeSliceTarget: 1, timeSliceWindow: 1m'), part('db', 'target: 0.9, timeSliceTarget: 1, timeSliceWindow: 1m')],
};

/** What is wrong, the line, what is said. */
const mistakes: readonly (readonly [name: string, line: string, says: RegExp])[] = [
  ['no JSON', 'good', /not JSON/],
  ['NaN as JavaScript prints it', '{"t":"2026-11-21T09:01:00Z","good":NaN,"total":2}', /NaN and Infinity are no numbers/],
  ['NaN as JSON writes it', '{"t":"2026-11-21T09:01:00Z","good":null,"total":2}', /"good" is null, which is how JSON writes NaN/],
  ['NaN as a text', '{"t":"2026-11-21T09:01:00Z","good":"NaN","total":2}', /"NaN", which is no number/],
  ['an infinite number', '{"t":"2026-11-21T09:01:00Z","good":1e999,"total":2}', /no number/],
  ['a list', '[1]', /not a JSON object/],
  ['no time', '{"good":1,"total":2}', /"t" is missing/],
  ['a time without a zone', '{"t":"2026-11-21T09:01:00","good":1,"total":2}', /no moment/],
  ['30 February', '{"t":"2026-02-30T09:01:00Z","good":1,"total":2}', /no moment/],
  ['no total', '{"t":"2026-11-21T09:01:00Z","good":1}', /"total" is missing/],
  ['no good', '{"t":"2026-11-21T09:01:00Z","total":1}', /"good" is missing/],
  ['more good than there were', '{"t":"2026-11-21T09:01:00Z","good":3,"total":2}', /3 good of 2 in total/],
  ['more bad than there were', '{"t":"2026-11-21T09:01:00Z","bad":3,"total":2}', /3 bad of 2 in total/],
  ['good of nothing', '{"t":"2026-11-21T09:01:00Z","good":1,"total":0}', /1 good of 0 in total/],
  ['a count below 0', '{"t":"2026-11-21T09:01:00Z","good":-1,"total":2}', /never below 0/],
  ['a count beyond exactness', '{"t":"2026-11-21T09:01:00Z","good":1,"total":1e17}', /more than can be counted exactly/],
  ['good and bad that do not add up', '{"t":"2026-11-21T09:01:00Z","good":1,"bad":2,"total":2}', /do not add up/],
  ['a value for counts', '{"t":"2026-11-21T09:01:00Z","value":1}', /counts good \(or bad\) events/],
  ['time going backwards', '{"t":"2026-11-21T08:59:00Z","good":1,"total":2}', /time goes backwards: 2026-11-21T08:59:00.000Z after 2026-11-21T09:00:00.000Z/],
  ['two points of a moment', '{"t":"2026-11-21T09:00:00Z","good":2,"total":2}', /two different points/],
  ['observed before it was', '{"t":"2026-11-21T09:01:00Z","good":1,"total":2,"observedAt":"2026-11-21T09:00:59Z"}', /before its own moment/],
];

describe('points of a file', () => {
  it.each(mistakes)('say which line is wrong, and why: %s', (_, line, says) => {
    expect(reasonOf([first, line])).toMatch(/^Line 2: /);
    expect(reasonOf([first, line])).toMatch(says);
  });

  it.each([
    ['a threshold without a value', '{"t":"2026-11-21T09:01:00Z","good":1,"total":2}', measured, /"value" is missing/],
    ['a value that is none', '{"t":"2026-11-21T09:01:00Z","value":null}', measured, /NaN/],
    ['a share above 1', '{"t":"2026-11-21T09:01:00Z","value":1.5}', { indicator: failureShare }, /from 0 to 1/],
    ['a composite without the part', first, composite, /"objective" is missing.*web, db/],
    ['a part that is not there', '{"t":"2026-11-21T09:01:00Z","objective":"mail","good":1,"total":2}', composite, /no objective "mail"; there are: web, db/],
  ])('fit the indicator: %s', (_, line, parts, says) => {
    expect(reasonOf([line], parts)).toMatch(says);
  });

  it('may be repeated, may be empty lines, and may be late when they say so', () => {
    const late = '{"t":"2026-11-21T08:00:00Z","good":1,"total":2,"observedAt":"2026-11-21T09:10:00Z"}';
    expect(readPoints([first, '', first, late, first], specificationOf({}))).toHaveLength(4);
  });

  it('count as good when good and bad add up, and as bad otherwise', () => {
    const [both, bad] = [`{"t":"2026-11-21T09:00:00Z","good":1.5,"bad":0.5,"total":2}`, `{"t":"2026-11-21T09:00:00Z","bad":0.5,"total":2}`];
    expect(readPoints([both], specificationOf({}))).toEqual(readPoints([bad], specificationOf({})));
  });
});

describe('parseInstant', () => {
  it.each([
    ['2026-11-21T09:00:00Z', '2026-11-21T09:00:00.000Z'],
    ['2026-11-21T18:00:00+09:00', '2026-11-21T09:00:00.000Z'],
    ['2026-11-21T18:00:00.250+0900', '2026-11-21T09:00:00.250Z'],
    ['2024-02-29t09:00:00z', '2024-02-29T09:00:00.000Z'],
  ])('reads %s', (text, moment) => {
    expect(parseInstant(text)).toBe(Date.parse(moment));
  });

  it.each(['2026-11-21', '2026-11-21T25:00:00Z', '2025-02-29T09:00:00Z', '21 Nov 2026', 5, undefined])('refuses %j', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});
