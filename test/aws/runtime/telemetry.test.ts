import { afterEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { createLog } from '../../../aws/runtime/logger.ts';
import { createMeter } from '../../../aws/runtime/metrics.ts';

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
