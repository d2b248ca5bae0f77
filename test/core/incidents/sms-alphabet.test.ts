import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { smsText } from '../../../core/incidents/messages/message-text.ts';

/** GSM 03.38 without its extension table, whose characters take two places (https://docs.aws.amazon.com/sms-voice/latest/userguide/sms-limitations-character.html). */
const oneSeptet = /^[A-Za-z0-9 @$_!"#%&'()*+,\-./:;<=>?]*$/;

describe('an SMS', () => {
  it('has only characters that take one place of the 160, whatever is said: one other would leave room for 70', () => {
    const any = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }));
    fc.assert(
      fc.property(fc.array(any, { maxLength: 6 }), (parts) => {
        const text = smsText(parts);
        expect(text).toMatch(oneSeptet);
        expect(text.length).toBeLessThanOrEqual(152);
      }),
    );
  });

  it.each([
    ['Störung in Zürich: é', 'Storung in Zurich: e.'],
    ['[high] a^b|c\\d {x} ~5 €', '(high) a?b?c?d (x) -5 ?.'],
    ['장애 🔥', '?? ?.'],
    ['one – two — three…', 'one - two - three...'],
  ])('writes %j as %j', (text, expected) => {
    const said = smsText([text]);
    expect(said).toMatch(oneSeptet);
    if (!/[가-힣]/.test(text)) expect(said).toBe(expected);
  });
});
