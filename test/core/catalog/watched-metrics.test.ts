import { describe, expect, it } from 'vitest';
import { isWatchedAlarm, watchedMetricsOf } from '../../../core/catalog/watched-metrics.ts';
import { webSystem } from '../remediation/world.ts';

const system = webSystem();
const metric = { name: 'cpu', kind: 'technical', namespace: 'Own', metric: 'Load', dimensions: {}, statistic: 'Average', unit: 'percent' } as const;
const withOwn = { ...system, spec: { ...system.spec, metrics: [metric] } };

describe('what a system is watched by', () => {
  it('is its processor, its memory and its response time, although nobody declared them (S3-08)', () => {
    expect(watchedMetricsOf(system).map(({ alarmName }) => alarmName)).toEqual(['shop-web-cpu', 'shop-web-memory', 'shop-web-response-time']);
  });

  it('is what it declares where that has the name of a default', () => {
    expect(watchedMetricsOf(withOwn).find(({ name }) => name === 'cpu')?.source).toMatchObject({ kind: 'metric', namespace: 'Own' });
  });

  it('an alarm made for it is told from one that only looks like it', () => {
    expect(isWatchedAlarm(system, 'shop-web-cpu')).toBe(true);
    expect(isWatchedAlarm(system, 'shop-web-2-cpu')).toBe(false);
    // Shown, but without an alarm
    expect(isWatchedAlarm(withOwn, 'shop-web-cpu')).toBe(false);
  });
});
