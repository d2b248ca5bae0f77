import { describe, expect, it } from 'vitest';
import { systemClock, systemHasher, systemIds, systemRandomness } from '../../../aws/runtime/system.ts';

describe('the real environment', () => {
  it('tells the time in our one form', () => {
    expect(systemClock.now()).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
  });

  it('gives ids of prefix, time and 48 random bits, short enough for a transaction token of 36 characters', () => {
    const ids = Array.from({ length: 1000 }, () => systemIds.next('w'));
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^w-\d{17}-[0-9a-f]{12}$/);
    expect(ids[0]?.length).toBeLessThanOrEqual(36);
  });

  it('hashes UTF-8 text with SHA-256', () => {
    expect(systemHasher.sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(systemHasher.sha256('ä')).toHaveLength(64);
  });

  it('draws numbers in [0, 1)', () => {
    const numbers = Array.from({ length: 1000 }, () => systemRandomness.next());
    for (const number of numbers) expect(number >= 0 && number < 1).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(990);
  });
});
