import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedLine, maskedLine, maskPersonalData } from '../../../core/signals/mask.ts';

const digits = (length: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length }).map((list) => list.join(''));
const hex = (length: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...'0123456789abcdef'.split('')), { minLength: length, maxLength: length }).map((list) => list.join(''));

describe('maskPersonalData', () => {
  it.each([
    ['Owner: kim.minsu+ops@example.co.kr, call', 'Owner: [e-mail], call'],
    ['<a href="mailto:a@b.io">', '<a href="mailto:[e-mail]">'],
    ['홍길동@회사.한국 님', '[e-mail] 님'],
    ['call +821012345678 now', 'call [phone] now'],
    ['call +82 10-1234-5678 now', 'call [phone] now'],
    ['call +1 (555) 123-4567.', 'call [phone].'],
    ['010-1234-5678', '[phone]'],
    ['01012345678', '[phone]'],
    ['02-123-4567 or (02) 1234-5678', '[phone] or [phone]'],
    ['555-123-4567', '[phone]'],
    ['010-1234-5678+82 10-1234-5678+821012345678', '[phone][phone][phone]'],
    ['id 900101-1234567.', 'id [resident number].'],
    ['key AKIAIOSFODNN7EXAMPLE leaked', 'key [access key] leaked'],
    ['ASIAIOSFODNN7EXAMPLE', '[access key]'],
    ['used wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE1EY yesterday', 'used [secret] yesterday'],
    ['aws_secret_access_key = wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'aws_secret_access_key = [secret]'],
    ['retry with ?access_token=abcd1234 and token: efgh5678', 'retry with ?access_token=[secret] and token: [secret]'],
    ['{"password":"hunter2!"}', '{"password":"[secret]"}'],
  ])('masks %s', (text, masked) => {
    expect(maskPersonalData(text)).toBe(masked);
  });

  it.each([
    'i-0123456789abcdef0',
    'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/my-targets/73e2d6bc24d8a067',
    'arn:aws:iam::111122223333:role/aService/AServiceRoleForSomethingLong1Name',
    'arn:aws:secretsmanager:eu-west-1:111122223333:secret:MySecret-a1b2c3',
    'checksum wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1',
    'catalog@1f2e3d4c',
    'build-123456-1234567, v1.123456-1234567',
    '2019-10-02T17:04:40.989+0000',
    '2026-11-21T09:00:00.000Z to 2026-11-22',
    '[99.50160229693434 (02/10/19 16:59:00)] was greater than the threshold (50.0)',
    '12345678-1234-1234-1234-123456789012',
    'account 111122223333, 1551225151881 ms',
    '3f9d2c1e8b7a6f5d4c3b2a190817263544536271',
    '10.0.123.456, 5.2.1, subnet-123456, 172.16.254.1:8080',
    'Friday 22 July, 2022 15:57:45 UTC +0900 2022, +1030 2022, +12:45',
  ])('leaves %s alone', (text) => {
    expect(maskPersonalData(text)).toBe(text);
  });

  it('leaves instance ids, account ids, ARNs, commits and timestamps alone, in any sentence', () => {
    const region = fc.constantFrom('us-east-1', 'ap-northeast-2', 'us-gov-west-1');
    const fact = fc.oneof(
      hex(17).map((id) => `i-${id}`),
      digits(12),
      fc.tuple(region, digits(12), hex(17)).map(([where, account, id]) => `arn:aws:ec2:${where}:${account}:instance/i-${id}`),
      fc.tuple(region, digits(12), digits(11)).map(([where, account, name]) => `arn:aws:cloudwatch:${where}:${account}:alarm:shop-${name}`),
      hex(40),
      fc.uuid(),
      fc.date({ min: new Date('2000-01-01T00:00:00Z'), max: new Date('2099-01-01T00:00:00Z'), noInvalidDate: true }).map((date) => date.toISOString()),
    );
    const glue = fc.constantFrom(' ', ', ', '; ', ' (', ') ', '\n');
    fc.assert(
      fc.property(fc.array(fc.tuple(fact, glue), { minLength: 1, maxLength: 5 }), (facts) => {
        const text = facts.flat().join('');
        expect(maskPersonalData(text)).toBe(text);
      }),
    );
  });

  it('masks an address and a number wherever they stand', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9.]{0,18}[a-z]$/);
    const around = fc.constantFrom('', ' ', '\n', '"', '<', '(', 'by: ');
    fc.assert(
      fc.property(name, around, digits(8), (local, before, number) => {
        const masked = maskPersonalData(`${before}${local}@example.com ${before}+4915${number} ${before}010-${number.slice(0, 4)}-${number.slice(4)}`);
        expect(masked).toBe(`${before}[e-mail] ${before}[phone] ${before}[phone]`);
      }),
    );
  });

  it('masks once: a second time changes nothing', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.emailAddress(),
      fc.constantFrom('+82 10-1234-5678', '010-1234-5678', '900101-1234567', 'AKIAIOSFODNN7EXAMPLE', 'password=', 'token: x', '@', '-', ' '),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const once = maskPersonalData(pieces.join(''));
        expect(maskPersonalData(once)).toBe(once);
      }),
    );
  });

  it('reads a text of 260 KB that is made to be slow in little time', () => {
    const started = performance.now();
    for (const unit of ['a.', '1-', '+1 ', 'a@', 'secret', '0', 'aA1/', '(02) ', 'password:  '])
      maskPersonalData(unit.repeat(Math.ceil(260_000 / unit.length)));
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('boundedLine', () => {
  it('makes one line of visible characters', () => {
    expect(boundedLine('a\r\n\tb\u0000c\u202Ed\u2028e  f ', 100)).toBe('a b c d e f');
  });

  it('never exceeds its bound and splits no character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (text, bound) => {
        const line = boundedLine(text, bound);
        expect(line.length).toBeLessThanOrEqual(bound);
        expect(line.isWellFormed()).toBe(true);
      }),
    );
  });

  it('masks before it cuts, so that no half address is left', () => {
    expect(maskedLine(`${'x '.repeat(5)}someone@example.com`, 20)).toBe('x x x x x [e-mail]');
  });
});
