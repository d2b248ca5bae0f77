import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../core/environment/errors.ts';
import { checkPage, checkWrites, nameOf, recordLimits, utf8Bytes } from '../../../core/records/limits.ts';

const key = { partition: 'p', sort: 's' };

describe('limits of records', () => {
  it('counts bytes, not characters', () => {
    expect(utf8Bytes('aä€😀')).toBe(10);
  });

  it('stays below the 400 KB of an item and the 4 MB of a transaction', () => {
    expect(recordLimits.bodyBytes).toBeLessThan(400 * 1024);
    expect(recordLimits.writeBytes).toBeLessThan(4 * 1024 * 1024);
  });

  it('gives the body as it will be stored', () => {
    expect(checkWrites([{ key, expectedVersion: 0, body: { kept: 1, dropped: undefined } }])[0]?.json).toBe('{"kept":1}');
  });

  it.each([
    [{ partition: 'p'.repeat(2049), sort: 's' }],
    [{ partition: 'p', sort: 's'.repeat(1025) }],
    [{ partition: 'p', sort: '€'.repeat(342) }],
    [{ partition: '', sort: 's' }],
  ])('refuses a key that DynamoDB would refuse', (wrong) => {
    expect(() => checkWrites([{ key: wrong, expectedVersion: 0, body: {} }])).toThrow(PermanentError);
    const listing = { list: wrong.partition, order: wrong.sort };
    expect(() => checkWrites([{ key, expectedVersion: 0, body: {}, listing }])).toThrow(PermanentError);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 60), 5e-324])('refuses the number %d, which would come back as another', (number) => {
    expect(() => checkWrites([{ key, expectedVersion: 0, body: { deep: [{ number }] } }])).toThrow(PermanentError);
  });

  it.each([0, -0.1, Number.MAX_SAFE_INTEGER, 1e-9])('takes the number %d', (number) => {
    expect(checkWrites([{ key, expectedVersion: 0, body: { number } }])).toHaveLength(1);
  });

  it('takes pages of 1 to 200 and names records in messages', () => {
    expect(() => checkPage({ limit: 1 })).not.toThrow();
    expect(() => checkPage({ limit: 200 })).not.toThrow();
    expect(() => checkPage({ limit: 0 })).toThrow(PermanentError);
    expect(nameOf(key)).toBe('p/s');
  });
});
