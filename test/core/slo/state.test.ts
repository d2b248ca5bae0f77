import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { addSeconds, type Timestamp } from '../../../core/environment/time.ts';
import { type Observation, parseSliceTarget, type SliceTarget } from '../../../core/slo/slices.ts';
import {
  applyObservations,
  badMinutes,
  countSlices,
  decodeMarks,
  decodeState,
  encodeMarks,
  encodeReadings,
  hourlyRollUps,
  newObjectiveState,
  objectiveDaySchema,
  objectiveDayType,
  type ObjectiveState,
} from '../../../core/slo/state.ts';

const start = '2026-11-20T22:30:00.000Z';
const day = 86_400;
const windowSeconds = day;

function sliceTarget(value: number): SliceTarget {
  const parsed = parseSliceTarget(value);
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  return parsed;
}

const settings = { sliceTarget: sliceTarget(0.99), windowSeconds };

function minuteAt(offset: number): Timestamp {
  return addSeconds(start, offset * 60);
}

function observed(offset: number, bad = 0, lagSeconds = 65, total = 1200): Observation {
  return { minute: minuteAt(offset), good: total - bad, total, observedAt: addSeconds(minuteAt(offset), lagSeconds) };
}

/** What 30 lines without roll-ups say: the last reading of each minute of (at − window, at]. */
function rawCounts(readings: readonly Observation[], at: Timestamp, seconds: number) {
  const newest = new Map<string, Observation>();
  for (const reading of readings) if ((newest.get(reading.minute)?.observedAt ?? '') <= reading.observedAt) newest.set(reading.minute, reading);
  const inside = [...newest.values()].filter(({ minute, total }) => total > 0 && minute > addSeconds(at, -seconds) && minute <= at);
  return { badSlices: inside.filter(({ good, total }) => good / total < 0.99).length, observedSlices: inside.length };
}

/** What is stored, read back. */
function stored(state: ObjectiveState): ObjectiveState {
  const days = [...state.days].map(([name, marks]) => objectiveDaySchema.parse({ objective: 'web', day: name, marks: encodeMarks(marks) }));
  return decodeState({ sealedUntil: state.sealedUntil, recent: encodeReadings(state) }, days);
}

describe('applyObservations', () => {
  it('changes nothing when the same readings come again, and only slices with other counts are changed', () => {
    const now = minuteAt(20);
    const readings = [observed(1), observed(2, 600), observed(3)];
    const first = applyObservations(newObjectiveState(now, windowSeconds), readings, now, settings);
    expect(first).toMatchObject({ changed: true, changedSlices: readings, changedDays: [], refused: [] });
    expect(applyObservations(first.state, readings, now, settings)).toEqual({
      state: first.state,
      changed: false,
      changedSlices: [],
      changedDays: [],
      refused: [],
    });
    const late = [observed(1, 0, 300), observed(2, 0, 300)];
    expect(applyObservations(first.state, late, now, settings)).toMatchObject({ changed: true, changedSlices: [observed(2, 0, 300)] });
  });

  it('seals an hour one hour after its end and says which day to write', () => {
    const readings = [observed(0, 600), observed(29), observed(30)];
    const before = applyObservations(newObjectiveState(minuteAt(40), windowSeconds), readings, minuteAt(40), settings).state;
    expect(applyObservations(before, [], minuteAt(89), settings)).toMatchObject({ changed: false, changedDays: [] });
    const sealed = applyObservations(before, [], minuteAt(90), settings);
    expect(sealed).toMatchObject({ changed: true, changedSlices: [], changedDays: ['2026-11-20'] });
    expect(sealed.state.recent).toEqual([observed(30)]);
    expect(sealed.state.sealedUntil).toBe('2026-11-20T23:00:00.000Z');
    expect(encodeMarks(sealed.state.days.get('2026-11-20') ?? '')).toBe('1350-1b28-1g60-');
    expect(applyObservations(sealed.state, [], minuteAt(90), settings)).toEqual({ ...sealed, changed: false, changedDays: [] });
  });

  it.each([
    ['more good than total', { ...observed(5), good: 1201 }, 'more good than there were'],
    ['a reading from the future', observed(5, 0, 9000), 'still to come'],
    ['a minute that is not over', observed(5, 0, 30), 'before the minute was over'],
    ['a minute older than the window', observed(-1440), 'older than the window'],
    ['a minute whose hour is sealed', observed(-95), 'sealed'],
  ])('refuses %s, and takes the others', (_, observation, reason) => {
    const now = minuteAt(30);
    const { state } = applyObservations(newObjectiveState(now, windowSeconds), [], now, settings);
    const result = applyObservations(state, [observation, observed(6)], now, settings);
    expect(result.refused).toEqual([{ observation, reason: expect.stringContaining(reason) as unknown }]);
    expect(result.changedSlices).toEqual([observed(6)]);
  });

  it('stays as it is when the clock goes backwards', () => {
    const now = minuteAt(200);
    const { state } = applyObservations(newObjectiveState(now, windowSeconds), [observed(10, 600), observed(199, 0, 60)], now, settings);
    expect(applyObservations(state, [], minuteAt(-500), settings)).toMatchObject({
      changed: false,
      state: { sealedUntil: state.sealedUntil, recent: state.recent },
    });
  });

  it('lets bad slices leave the window minute by minute, also inside a sealed day', () => {
    const { state } = applyObservations(
      newObjectiveState(minuteAt(5), windowSeconds),
      [observed(0, 600), observed(1, 600), observed(2, 600)],
      minuteAt(5),
      settings,
    );
    const left = [0, 1, 2, 3].map((offset) => {
      const at = addSeconds(minuteAt(offset), windowSeconds - 60);
      const moved = applyObservations(state, [], at, settings).state;
      return countSlices(moved, at, windowSeconds, settings.sliceTarget).badSlices;
    });
    expect(left).toEqual([3, 2, 1, 0]);
    expect([...applyObservations(state, [], minuteAt(4000), settings).state.days.keys()]).toEqual([]);
  });

  it('gives the same state for any order, any repetition and any grouping of the readings', () => {
    const reading = fc.record({ offset: fc.integer({ min: 0, max: 1400 }), bad: fc.constantFrom(0, 12, 13, 1200), lag: fc.integer({ min: 60, max: 900 }) });
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 30 }), fc.array(fc.nat(), { minLength: 60, maxLength: 60 }), (readings, order) => {
        const now = minuteAt(1430);
        const all = readings.map(({ offset, bad, lag }) => observed(offset, bad, lag));
        const fresh = newObjectiveState(now, windowSeconds);
        const once = applyObservations(fresh, all, now, settings).state;
        // Readings still in the raw span: these may come in any order; older ones are sealed with the first call.
        const recent = all.filter(({ minute }) => minute >= once.sealedUntil);
        const sealedFirst = applyObservations(fresh, all.filter(({ minute }) => minute < once.sealedUntil).toReversed(), now, settings).state;
        const shuffled = [...recent, ...recent].map((observation, index) => ({ observation, key: order[index] ?? 0 })).toSorted((a, b) => a.key - b.key);
        const oneByOne = shuffled.reduce((state, { observation }) => stored(applyObservations(state, [observation], now, settings).state), sealedFirst);
        expect(oneByOne).toEqual(once);
      }),
    );
  });

  it('minute by minute, with late data, gaps and repetitions, its counts equal those of the raw readings', () => {
    const step = fc.record({
      bad: fc.constantFrom(0, 0, 0, 12, 13, 600),
      has: fc.constantFrom(true, true, true, false),
      late: fc.nat(13),
      correctedBad: fc.option(fc.constantFrom(0, 600), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 60 }), (steps, stride) => {
        const arriving = new Map<number, Observation[]>();
        const all: Observation[] = [];
        const arrive = (offset: number, lag: number, reading: Observation) => {
          arriving.set(offset + lag, [...(arriving.get(offset + lag) ?? []), reading]);
          all.push(reading);
        };
        steps.forEach(({ bad, has, late, correctedBad }, index) => {
          const offset = index * stride;
          if (has) arrive(offset, late + 1, observed(offset, bad, (late + 1) * 60));
          if (correctedBad !== undefined) arrive(offset, 15, observed(offset, correctedBad, 15 * 60));
        });
        const end = steps.length * stride + 15;
        let state = newObjectiveState(minuteAt(0), windowSeconds);
        for (let offset = 0; offset <= end; offset += 1) {
          const readings = arriving.get(offset) ?? [];
          state = stored(applyObservations(state, [...readings, ...readings], minuteAt(offset), settings).state);
        }
        const at = minuteAt(end);
        for (const seconds of [300, 3600, 21_600, windowSeconds]) {
          expect(countSlices(state, at, seconds, settings.sliceTarget)).toEqual(rawCounts(all, at, seconds));
        }
        expect(badMinutes(state, addSeconds(at, -windowSeconds), at, settings.sliceTarget)).toHaveLength(rawCounts(all, at, windowSeconds).badSlices);
      }),
      { numRuns: 40 },
    );
  });
});

describe('roll-ups and records', () => {
  it('hours add up to the day and to the window', () => {
    const now = minuteAt(3 * 1440);
    const readings = Array.from({ length: 2 * 1440 }, (_, index) => observed(index, index % 7 === 0 ? 600 : 0));
    const { state } = applyObservations(newObjectiveState(now, 4 * day), readings, now, { ...settings, windowSeconds: 4 * day });
    const hours = [...state.days.values()].flatMap(hourlyRollUps);
    const total = countSlices(state, now, 4 * day, settings.sliceTarget);
    expect(hours).toHaveLength(72);
    expect(hours.reduce((sum, { badSlices }) => sum + badSlices, 0)).toBe(total.badSlices);
    expect(total).toEqual({ badSlices: Math.ceil(2880 / 7), observedSlices: 2880 });
  });

  it('writes a head of at most 4 KB (4 write units), however long the hours of readings and large the counts', () => {
    const now = minuteAt(29 + 120);
    const readings = Array.from({ length: 120 }, (_, index) => observed(29 + index, 123_456, (120 - index) * 60, 7_654_321));
    const { state } = applyObservations(newObjectiveState(now, 90 * day), readings, now, { ...settings, windowSeconds: 90 * day });
    expect(state.recent.length).toBeGreaterThan(110);
    expect(JSON.stringify(encodeReadings(state)).length).toBeLessThan(3700);
  });

  it('writes an ordinary day in a few bytes and any day in at most 3 KB, and reads both back', () => {
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

  it('keeps a day for the longest window there is', () => {
    expect(objectiveDayType.expiresAt?.({ objective: 'web', day: '2026-01-01', marks: '1440g' })).toBe('2026-04-04T00:00:00.000Z');
  });
});
