import { describe, expect, it } from 'vitest';
import { maskIpAddresses, maskOf } from '../../../core/signals/mask.ts';
import { shopWeb } from '../incidents/world.ts';

describe('maskIpAddresses (S4-23)', () => {
  it.each([
    ['from 203.0.113.7 to 198.51.100.1:443', 'from [ip] to [ip]:443'],
    ['client 8.8.8.8.', 'client [ip].'],
    ['"203.0.113.7, 8.8.4.4"', '"[ip], [ip]"'],
    ['2001:db8::1 and 2001:0db8:0000:0000:0000:ff00:0042:8329', '[ip] and [ip]'],
    ['[2001:DB8::1]:443', '[[ip]]:443'],
  ])('masks the public ones in %s', (text, masked) => {
    expect(maskIpAddresses(text)).toBe(masked);
    expect(maskIpAddresses(masked)).toBe(masked);
  });

  it.each([
    '10.0.1.10, 172.16.0.9, 172.31.255.1, 192.168.1.1, 127.0.0.1, 169.254.169.254, 100.64.0.1, 224.0.0.1',
    'version 1.2.3.4.5 and 5.2.1',
    '2026-11-21T09:00:00.000Z at 2026:11:21',
    'fe80::1 and fd00::1',
    'i-0123456789abcdef0, 999.1.1.1, arn:aws:ec2:eu-central-1:111122223333:instance/i-0a',
    'ip-203-0-113-7',
  ])('leaves %s alone', (text) => {
    expect(maskIpAddresses(text)).toBe(text);
  });

  it('is asked for by the catalog: by its own field, else by the word that personal data are held', () => {
    const text = 'from 203.0.113.7';
    const masked = (dataProtection?: { personalData: boolean; maskIpAddresses?: boolean }) =>
      maskOf({ spec: { ...shopWeb.spec, ...(dataProtection === undefined ? {} : { dataProtection }) } })(text);
    expect(masked()).toBe(text);
    expect(masked({ personalData: false })).toBe(text);
    expect(masked({ personalData: true })).toBe('from [ip]');
    expect(masked({ personalData: true, maskIpAddresses: false })).toBe(text);
    expect(masked({ personalData: false, maskIpAddresses: true })).toBe('from [ip]');
    expect(maskOf(undefined)(text)).toBe(text);
  });
});
