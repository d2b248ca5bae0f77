import { afterEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { createLog } from '../../../aws/runtime/logger.ts';
import { createBudgetGauges, createMeter } from '../../../aws/runtime/metrics.ts';

const lineSchema = z.record(z.string(), z.unknown());

/** What is written to standard output while `action` runs, line by line, as JSON. */
function linesOf(action: () => void): readonly Record<string, unknown>[] {
  const texts: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => texts.push(String(text)) > 0);
  const errors = vi.spyOn(process.stderr, 'write').mockImplementation((text) => texts.push(String(text)) > 0);
  const consoles = (['log', 'info', 'warn', 'error'] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation((text) => void texts.push(String(text))),
  );
  try {
    action();
  } finally {
    for (const spy of [write, errors, ...consoles]) spy.mockRestore();
  }
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((text) => text.trim().startsWith('{'))
    .map((text): Record<string, unknown> => {
      const json: unknown = JSON.parse(text);
      return lineSchema.parse(json);
    });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('createLog', () => {
  it('writes lines with service, correlation id and our fields under a key of their own', () => {
    const lines = linesOf(() => {
      const log = createLog('signals');
      log.correlate('rem-1');
      log.info('started', { level: 'not ours to overwrite', system: 'shop-web' });
      log.error('failed', { error: new Error('why') });
    });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({
      level: 'INFO',
      message: 'started',
      service: 'signals',
      correlation_id: 'rem-1',
      fields: { level: 'not ours to overwrite', system: 'shop-web' },
    });
    expect(lines[1]).toMatchObject({ level: 'ERROR', message: 'failed', correlation_id: 'rem-1', error: { name: 'Error', message: 'why' } });
  });
});

describe('createMeter', () => {
  it('writes what was counted once, and nothing when there was nothing to count', () => {
    const meter = createMeter('signals');
    expect(linesOf(() => meter.flush())).toEqual([]);
    const lines = linesOf(() => {
      meter.count('SignalsRejected');
      meter.count('SignalsRejected', 2);
      meter.seconds('RecoverySeconds', 42);
      meter.flush();
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ service: 'signals', SignalsRejected: [1, 2], RecoverySeconds: 42 });
    expect(linesOf(() => meter.flush())).toEqual([]);
  });
});

describe('createBudgetGauges', () => {
  const gauge = {
    objective: 'shop-web-availability',
    system: 'shop-web',
    remainingPercent: -12.5,
    remainingMinutes: -5.4,
    burnRate1h: 14.4,
    at: '2026-11-21T09:00:00.000Z',
  };

  it('writes one document an objective, each with its own dimensions and nothing of the one before', () => {
    const gauges = createBudgetGauges('budget');
    const lines = linesOf(() => {
      gauges.show(gauge);
      gauges.show({ ...gauge, objective: 'shop-db-latency', system: 'shop-db', burnRate1h: 0 });
    });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({
      objective: 'shop-web-availability',
      system: 'shop-web',
      BudgetRemainingPercent: -12.5,
      BudgetRemainingMinutes: -5.4,
      BurnRate1h: 14.4,
      _aws: {
        Timestamp: Date.parse(gauge.at),
        CloudWatchMetrics: [
          {
            Namespace: 'Perennial',
            Dimensions: [['service', 'objective', 'system']],
            Metrics: [
              { Name: 'BudgetRemainingPercent', Unit: 'Percent' },
              { Name: 'BudgetRemainingMinutes', Unit: 'None' },
              { Name: 'BurnRate1h', Unit: 'None' },
            ],
          },
        ],
      },
    });
    expect(lines[1]).toMatchObject({ objective: 'shop-db-latency', system: 'shop-db', BurnRate1h: 0 });
    expect(JSON.stringify(lines[1])).not.toContain('shop-web');
  });
});
