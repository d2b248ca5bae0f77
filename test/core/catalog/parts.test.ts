import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinParts, MAX_PARTS, splitText } from '../../../core/catalog/parts.ts';
import { recordLimits, utf8Bytes } from '../../../core/records/limits.ts';

describe('parts of a text', () => {
  it('make the text again, each within its bytes, none cut within a character', () => {
    const text = fc
      .oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.stringMatching(/^[a\uFEFF\u00e4\u20ac]{0,60}$/))
      .map((value) => value.toWellFormed());
    fc.assert(
      fc.property(text, fc.integer({ min: 4, max: 20 }), (value, partBytes) => {
        const parts = splitText(value, partBytes);
        expect(parts.join('')).toBe(value);
        for (const part of parts) expect(utf8Bytes(part)).toBeLessThanOrEqual(partBytes);
        for (const part of parts) expect(part.isWellFormed()).toBe(true);
      }),
    );
  });

  it.each(['"', '\\', 'ä', '€', '😀'])('fit into a record whatever they hold: %s', (character) => {
    for (const part of splitText(character.repeat(400_000)))
      expect(utf8Bytes(JSON.stringify({ text: part, of: MAX_PARTS }))).toBeLessThanOrEqual(recordLimits.bodyBytes);
  });

  it('are read eight at a time, in their order', async () => {
    let [open, most] = [0, 0];
    const text = await joinParts(21, async (index) => {
      open += 1;
      most = Math.max(most, open);
      await Promise.resolve();
      open -= 1;
      return `${index},`;
    });
    expect(text).toBe(`${Array.from({ length: 21 }, (_, index) => index).join(',')},`);
    expect(most).toBe(8);
  });

  it('are none when one is missing', async () => {
    expect(await joinParts(20, async (index) => (index === 17 ? undefined : 'x'))).toBeUndefined();
  });
});
