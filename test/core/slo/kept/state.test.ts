import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { addSeconds } from '../../../../core/environment/time.ts';
import { eventScale, type Sample } from '../../../../core/slo/evaluation/ledger.ts';
import { parseSliceTarget } from '../../../../core/slo/objective/slices.ts';
import {
  badMinutes,
  countSlices,
  decodeMarks,
  decodeReadings,
  decodeState,
  encodeMarks,
  encodeReading,
  objectiveDaySchema,
  objectiveDayType,
  objectiveHeadSchema,
} from '../../../../core/slo/kept/state.ts';

const parsed = parseSliceTarget(0.99);
if (parsed.kind === 'refused') throw new Error(parsed.reason);
const sliceTarget = parsed;
const day = '2026-11-20';
const sealedUntil = '2026-11-21T00:00:00.000Z';

describe('what is known of an objective by the minute', () => {
  const marks = `${'g'.repeat(600)}bbb${'-'.repeat(837)}`;
  const recent = ['0:1200/1200@65000', '1:1187/1200@65000', '2:1188/1200@65000'];

  it('is the marks of its days and the readings since, in any window, minute by minute', () => {
    const state = decodeState({ sealedUntil, recent }, [{ day, marks: encodeMarks(marks) }]);
    const at = addSeconds(sealedUntil, 300);
    expect(countSlices(state, at, 86_400 * 2, sliceTarget)).toEqual({ badSlices: 4, observedSlices: 606 });
    expect(badMinutes(state, '', at, sliceTarget)).toEqual([
      '2026-11-20T10:00:00.000Z',
      '2026-11-20T10:01:00.000Z',
      '2026-11-20T10:02:00.000Z',
      '2026-11-21T00:01:00.000Z',
    ]);
    const left = [0, 60, 120, 180].map((seconds) => countSlices(state, at, 50_760 - seconds, sliceTarget).badSlices);
    expect(left).toEqual([4, 3, 2, 1]);
  });

  it('is as the evaluation judged it, where that is stored: corrections and all methods are in it', () => {
    const state = decodeState({ sealedUntil, recent, recentMarks: '2g1b' }, []);
    expect(badMinutes(state, '', addSeconds(sealedUntil, 300), sliceTarget)).toEqual([addSeconds(sealedUntil, 120)]);
  });
});

describe('readings in a head', () => {
  it('come back as they were stored, whatever their counts, shares and parts', () => {
    const start = Date.parse(sealedUntil);
    const count = fc.tuple(fc.nat(2 ** 40), fc.nat(999_999)).map(([whole, part]) => BigInt(whole) * eventScale + (BigInt(part) * eventScale) / 1_000_000n);
    const sample = fc
      .record({ minute: fc.nat(75), lag: fc.nat(900_000), good: count, bad: count, member: fc.nat(9) })
      .map(({ minute, lag, good, bad, member }): Sample => {
        const atMillis = start + minute * 60_000;
        return { member, atMillis, observedAtMillis: atMillis + lag, bad, total: good + bad };
      });
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 20 }), (samples) => {
        expect(decodeReadings({ sealedUntil, recent: samples.map((one) => encodeReading(one, start)) })).toEqual(samples);
      }),
    );
  });

  it('of an earlier version are read, with its exponents', () => {
    expect(decodeReadings({ sealedUntil, recent: ['7:1188/1200@65000', '8:1e+21/2e+21@65000'] })).toMatchObject([
      { member: 0, atMillis: Date.parse(sealedUntil) + 420_000, bad: 12n * eventScale, total: 1200n * eventScale },
      { bad: 10n ** 21n * eventScale, total: 2n * 10n ** 21n * eventScale },
    ]);
  });

  it('of an earlier version stand in a head that still parses', () => {
    const budget = { at: sealedUntil, windowSeconds: 86_400, targetRatio: 0.99, budgetSeconds: 864, consumedSeconds: 0, remainingRatio: 1, sli: 1 };
    const head = { objective: 'web', system: 'shop', since: sealedUntil, sealedUntil, recent: ['7:1188/1200@65000'], budget };
    expect(z.safeParse(objectiveHeadSchema, head).success).toBe(true);
    expect(z.safeParse(objectiveHeadSchema, { ...head, recent: ['7:x/1@1'] }).success).toBe(false);
  });
});

describe('a day record', () => {
  it('is a few bytes on an ordinary day and at most 3 KB of marks on any, and reads back', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('g', 'b', '-'), { minLength: 1440, maxLength: 1440 }), (marks) => {
        const runs = encodeMarks(marks.join(''));
        expect(decodeMarks(runs)).toBe(marks.join(''));
        expect(runs.length).toBeLessThanOrEqual(2880);
        expect(z.safeParse(objectiveDaySchema, { objective: 'web', day: '2026-11-21', marks: runs }).success).toBe(true);
      }),
    );
    expect(encodeMarks(`${'g'.repeat(600)}bbb${'g'.repeat(837)}`)).toBe('600g3b837g');
    expect(z.safeParse(objectiveDaySchema, { objective: 'web', day: '2026-11-21', marks: '1439g' }).success).toBe(false);
  });

  it('is kept for the longest window there is', () => {
    expect(objectiveDayType.expiresAt?.({ objective: 'web', day: '2026-01-01', marks: '1440g' })).toBe('2026-04-04T00:00:00.000Z');
  });
});
