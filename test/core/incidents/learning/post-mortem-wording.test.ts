import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blamingWords, withoutNames } from '../../../../core/incidents/learning/post-mortem-wording.ts';

describe('blamingWords', () => {
  it.each([
    ['The check should have caught it', ['should have']],
    ['Nobody could have known', ['could have']],
    ['The operator failed to look', ['failed to']],
    ['It was human error', ['human error']],
    ['A careless change', ['careless']],
    ['It was their fault', ['their fault']],
    ['Obviously the disk was full', ['Obviously']],
    ['She restarted it', ['She']],
    ['Kim forgot the flag', ['Kim forgot']],
    ['The deploy changed the pool size', []],
    ['The health check ran once an hour, so 40 minutes went by', []],
    ['The sheriff of nginx, the headers and others', []],
    ['The repair failed: no capacity in the zone', []],
  ])('%s', (text, words) => {
    expect(blamingWords(text).map((finding) => finding.words)).toEqual(words);
  });

  it('flags people that the records name, as whole words', () => {
    expect(blamingWords('kim restarted it; the kimono shop was down', ['Kim', 'perennial', 'x']).map(({ words }) => words)).toEqual(['kim']);
    expect(blamingWords('perennial replaced it', ['perennial'])).toEqual([]);
    expect(blamingWords('a(b restarted it', ['a(b'])).toHaveLength(1);
  });

  it('says each thing once, with advice, at most ten', () => {
    const found = blamingWords('should have '.repeat(50) + Array.from({ length: 30 }, (_, index) => `Ann${'a'.repeat(index)} forgot`).join(' '));
    expect(found.length).toBeLessThanOrEqual(10);
    expect(new Set(found.map(({ words }) => words)).size).toBe(found.length);
    for (const { advice } of found) expect(advice).toMatch(/\.$/);
  });
});

describe('withoutNames', () => {
  it('puts a person in the place of a name', () => {
    expect(withoutNames('Acknowledged by Kim until 09:50; kim-server stays', ['kim'])).toBe('Acknowledged by a person until 09:50; kim-server stays');
  });

  it('leaves no name as a word of its own, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z.$()*+]{2,8}$/), fc.string(), (name, text) => {
        fc.pre(!['hand', 'desk', 'root', 'sweep'].includes(name) && !'a person'.includes(name));
        expect(withoutNames(`${text} ${name} `, [name])).not.toMatch(new RegExp(` ${name.replaceAll(/[$()*+.]/g, String.raw`\$&`)} $`, 'u'));
      }),
    );
  });
});
