import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../../core/catalog/glob.ts';

describe('matchesGlob', () => {
  it.each([
    ['shop-web', 'shop-web', true],
    ['shop-web', 'shop-web2', false],
    ['shop-*', 'shop-web', true],
    ['*-web', 'shop-web', true],
    ['s*-w*b', 'shop-web', true],
    ['ab*ba', 'aba', false],
    ['ab*ba', 'abba', true],
    ['*', '', true],
    ['**', 'x', true],
    ['a*b*a', 'aba', true],
    ['a*ba*a', 'aba', false],
    ['a.c', 'abc', false],
    ['', '', true],
  ])('%s describes %s: %s', (glob, text, expected) => expect(matchesGlob(glob, text)).toBe(expected));

  it('agrees with a regular expression', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 8 }).map((list) => list.join(''));
    fc.assert(
      fc.property(letters, letters, (glob, text) => {
        const pattern = new RegExp(`^${glob.replaceAll('*', '.*')}$`);
        expect(matchesGlob(glob, text)).toBe(pattern.test(text));
      }),
      { numRuns: 2000 },
    );
  });
});
