import { describe, expect, it } from 'vitest';
import { CollectingLog, SeededRandomness, SequentialIdSource, VirtualClock } from '../../sim/deterministic.ts';

describe('VirtualClock', () => {
  it('moves only when it is told to', () => {
    const clock = new VirtualClock('2026-11-21T09:00:00.000Z');
    expect(clock.now()).toBe('2026-11-21T09:00:00.000Z');
    expect(clock.advance(1.5)).toBe('2026-11-21T09:00:01.500Z');
    clock.set('2026-11-21T08:00:00.000Z');
    expect(clock.now()).toBe('2026-11-21T08:00:00.000Z');
  });
});

function draw(seed: number, count: number): readonly number[] {
  const randomness = new SeededRandomness(seed);
  return Array.from({ length: count }, () => randomness.next());
}

describe('SeededRandomness', () => {
  it('repeats itself for a seed and differs between seeds', () => {
    expect(draw(7, 100)).toEqual(draw(7, 100));
    expect(draw(7, 5)).not.toEqual(draw(8, 5));
  });

  it('is spread evenly over [0, 1), also between neighbouring seeds', () => {
    const numbers = [...draw(1, 10_000), ...Array.from({ length: 10_000 }, (_, seed) => draw(seed, 1)).flat()];
    const tenths = Array.from({ length: 10 }, (_, tenth) => numbers.filter((number) => Math.floor(number * 10) === tenth).length);
    expect(tenths.reduce((sum, count) => sum + count, 0)).toBe(20_000);
    for (const count of tenths) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });
});

describe('SequentialIdSource', () => {
  it('gives ids that sort by time and are never the same', () => {
    const clock = new VirtualClock('2026-11-21T09:00:00.000Z');
    const ids = new SequentialIdSource(clock);
    const [first, second] = [ids.next('inc'), ids.next('inc')];
    clock.advance(0.001);
    const third = ids.next('inc');
    expect(first).toBe('inc-20261121090000000-000000000001');
    expect([third, second, first].toSorted()).toEqual([first, second, third]);
  });
});

describe('CollectingLog', () => {
  it('keeps lines with their fields, the newest 10,000', () => {
    const log = new CollectingLog();
    for (let line = 0; line <= 10_000; line += 1) log.info(`line ${line}`);
    log.warn('careful', { system: 'shop-web' });
    log.error('broken');
    expect(log.lines).toHaveLength(10_000);
    expect(log.lines.slice(-2)).toEqual([
      { level: 'warn', message: 'careful', fields: { system: 'shop-web' } },
      { level: 'error', message: 'broken', fields: {} },
    ]);
  });
});
