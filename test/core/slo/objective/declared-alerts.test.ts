import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { parseRecord } from '../../../../core/records/record-type.ts';
import { keys } from '../../../../core/records/keys.ts';
import { compiledCatalogSchema } from '../../../../core/catalog/schema.ts';
import { addSeconds, type Timestamp } from '../../../../core/environment/time.ts';
import { evaluateBudgets } from '../../../../core/slo/evaluate.ts';
import type { MetricPoint, MetricQuery } from '../../../../core/slo/reading/ports.ts';
import { objectiveHeadType } from '../../../../core/slo/kept/state.ts';
import { CollectingLog, VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { hasher, scope } from '../../incidents/world.ts';
import { budgetCatalog } from '../budget-catalog.ts';
import { evaluated, policy, specificationOf } from '../documents.ts';

const at = '2026-11-21T09:00:00.000Z';
const ago = (minutes: number): Timestamp => addSeconds(at, -60 * minutes);
/** An hour of minutes up to `at`, those of `bad` minutes ago bad. */
const hourOf = (bad: readonly number[]): readonly object[] =>
  Array.from({ length: 60 }, (_, index) => ({ t: ago(59 - index), bad: bad.includes(59 - index) ? 10 : 0, total: 10 }));
const stateOf = (condition: string, points: readonly object[]) => {
  const [found] = evaluated({ alerts: [policy('mine', condition)] }, points, at).declared ?? [];
  return [found?.state, found?.rate, found?.isFiring];
};
/** 6 bad minutes of 60 at 99.9 %: a tenth is bad where a thousandth may be. */
const tenth = hourOf([0, 1, 2, 3, 4, 5]);

/** The state of a condition that waits, of an hour with such bad minutes. */
const after = (minutes: number, bad: readonly number[]) => stateOf(`op: gt, threshold: 900, lookbackWindow: 1m, alertAfter: ${minutes}m`, hourOf(bad))[0];
const few = (minimum: string) =>
  evaluated(
    {
      method: 'Occurrences',
      alerts: [policy('mine', 'op: gt, threshold: 1, lookbackWindow: 1h')],
      annotations: { 'perennial.io/minimum-events': minimum },
    },
    tenth,
    at,
  ).declared?.[0]?.state;

describe('a declared condition', () => {
  it.each([
    ['more than it burns', 'op: gt, threshold: 100', 'quiet'],
    ['a hair less than it burns', 'op: gt, threshold: 99.999999', 'breached'],
    ['at least what it burns', 'op: gte, threshold: 100', 'breached'],
    ['less than it burns', 'op: lt, threshold: 100', 'quiet'],
    ['at most what it burns', 'op: lte, threshold: 100', 'breached'],
    ['less than more', 'op: lt, threshold: 100.000001', 'breached'],
  ])('compares before it rounds: %s', (_, condition, state) => {
    expect(stateOf(`${condition}, lookbackWindow: 1h`, tenth)).toEqual([state, 100, state === 'breached']);
  });

  it('looks at its look-back window only', () => {
    expect(stateOf('op: gt, threshold: 500, lookbackWindow: 5m', tenth)).toEqual(['breached', 1000, true]);
    expect(stateOf('op: gt, threshold: 0, lookbackWindow: 5m', hourOf([5]))).toEqual(['quiet', 0, false]);
  });

  it('waits for alertAfter, counted in slices, without a break', () => {
    expect(after(0, [0])).toBe('breached');
    expect(after(2, [0, 1])).toBe('waiting');
    expect(after(2, [0, 1, 2])).toBe('breached');
    expect(after(3, [0, 1, 3, 4])).toBe('waiting');
    expect(after(3, [1, 2, 3, 4])).toBe('quiet');
  });

  it('says nothing of a window in which nothing was counted, unless its policy asks for that', () => {
    const points = [{ t: ago(90), bad: 0, total: 10 }];
    const condition = 'op: lte, threshold: 0, lookbackWindow: 1h';
    const declared = (tells: string) =>
      evaluated({ alerts: [policy('mine', condition, { tells })], annotations: { 'perennial.io/no-data': 'ignore' } }, points, at).declared?.map((one) => [
        one.state,
        one.isFiring,
      ]);
    expect(declared('alertWhenBreaching: true')).toEqual([['no-data', false]]);
    expect(declared('alertWhenNoData: true')).toEqual([['no-data', true]]);
  });

  it('of a policy that tells of nothing is computed, and does not fire', () => {
    const parts = { alerts: [policy('mine', 'op: gt, threshold: 1, lookbackWindow: 1h', { tells: 'alertWhenResolved: true' })] };
    expect(evaluated(parts, tenth, at).declared).toMatchObject([{ state: 'breached', isFiring: false }]);
  });

  it('needs the minimum of events that the document asks for', () => {
    expect([few('600'), few('601')]).toEqual(['breached', 'quiet']);
  });

  it.each([
    ['page', 'critical'],
    ['Critical', 'critical'],
    ['high', 'high'],
    ['ticket', 'warning'],
    ['low', 'warning'],
    ['sev1', 'warning'],
  ])('of severity %s is told as %s', (severity, told) => {
    const parts = { alerts: [policy('mine', 'op: gt, threshold: 1, lookbackWindow: 1h', { severity })] };
    expect(specificationOf(parts).alerts.map((alert) => alert.severity)).toEqual([told]);
  });

  it('without a policy name is known by its place', () => {
    const unnamed = policy('mine', 'op: gt, threshold: 1, lookbackWindow: 1h').replace('metadata: { name: mine }, ', '');
    expect(specificationOf({ alerts: [unnamed, unnamed] }).alerts.map((alert) => alert.policy)).toEqual(['policy-1', 'policy-2']);
  });
});

const alertPolicy = (name: string, lookbackWindow: string, more: object = {}) => ({
  metadata: { name },
  spec: {
    alertWhenBreaching: true,
    conditions: [{ spec: { severity: 'page', condition: { kind: 'burnrate', op: 'gt', threshold: 1.5, lookbackWindow, alertAfter: '2m' } } }],
    notificationTargets: [],
    ...more,
  },
});

const valueOf = (metric: string | undefined, good: number): number => (metric === 'Good' ? good : 1000);

/** A run a minute over what CloudWatch would answer. */
function createRuns() {
  const clock = new VirtualClock(at);
  const store = new MemoryRecordStore(clock);
  const minutes = new Map<Timestamp, number>();
  const sent: string[] = [];
  const ports = {
    store,
    clock,
    scope,
    hasher,
    log: new CollectingLog(),
    queue: { send: (messages: readonly { readonly body: string }[]) => (sent.push(...messages.map(({ body }) => body)), Promise.resolve([])) },
    metrics: {
      read: (queries: readonly MetricQuery[], from: Timestamp, to: Timestamp): Promise<ReadonlyMap<string, readonly MetricPoint[]>> => {
        const inside = [...minutes].filter(([minute]) => minute >= from && minute < to);
        return Promise.resolve(new Map(queries.map(({ id, metric }) => [id, inside.map(([minute, good]) => ({ at: minute, value: valueOf(metric, good) }))])));
      },
    },
  };
  const run = async (good: number | undefined, spec: object): Promise<readonly Record<string, unknown>[]> => {
    if (good !== undefined) minutes.set(clock.now(), good);
    clock.advance(60);
    sent.length = 0;
    await evaluateBudgets(ports, compiledCatalogSchema.parse(budgetCatalog(spec)));
    return sent.map((text) => z.parse(z.record(z.string(), z.unknown()), JSON.parse(text)));
  };
  const headOf = async () => parseRecord(objectiveHeadType, (await store.get(keys.objectiveState(scope, 'shop-web-availability'))) ?? failed()).body;
  return { run, headOf, clock };
}

function failed(): never {
  throw new Error('there is no head');
}

/** Nothing of the objective's own alerts: half of everything may fail. */
const lenient = { objectives: [{ targetPercent: 50, timeSliceTarget: 0.99, timeSliceWindow: '60s' }] };

describe('a declared alert', () => {
  const spec = {
    ...lenient,
    alertPolicies: [
      alertPolicy('fast', '5m', { conditions: [conditionOf('page', 1.5)] }),
      alertPolicy('slow', '1h', { conditions: [conditionOf('ticket', 1.9, '1h')] }),
    ],
  };

  it('is a signal of its own when it fires, with its policy and the pace in words, and again when it is over', async () => {
    const { run, headOf, clock } = createRuns();
    for (let minute = 0; minute < 10; minute += 1) expect(await run(1000, spec)).toEqual([]);
    for (let minute = 0; minute < 4; minute += 1) expect(await run(0, spec)).toEqual([]);
    const told = await run(0, spec);
    expect(told.map((event) => [event['detail-type'], event['id'], event['time']])).toEqual([
      ['Budget Condition Met', `budget-condition-fast-shop-web-availability-${clock.now()}`, clock.now()],
    ]);
    expect(told[0]?.['detail']).toEqual({
      system: 'shop-web',
      objective: 'shop-web-availability',
      severity: 'page',
      policy: 'fast',
      reason: expect.stringMatching(
        /^At the pace of the last 5 min \(1.6 ×\) .* It burns 1.6 × over 5 min, for 2 min now; fast alerts at more than 1.5 ×$/,
      ) as unknown,
    });
    const since = clock.now();
    expect(await run(0, spec)).toEqual([]);
    expect((await headOf()).alerts).toEqual({ declared: { fast: { level: 'page', since, told: true } } });
    const over = await run(1000, spec);
    expect(over.map((event) => [event['detail-type'], event['detail']])).toEqual([
      [
        'Budget Condition Over',
        { system: 'shop-web', objective: 'shop-web-availability', policy: 'fast', reason: expect.stringContaining('of the budget are left') as unknown },
      ],
    ]);
    expect((await headOf()).alerts).toBeUndefined();
  });

  it('is over when its policy leaves the document', async () => {
    const { run } = createRuns();
    for (let minute = 0; minute < 7; minute += 1) await run(0, spec);
    const told: unknown[] = [];
    // Without its page it is read every five minutes only.
    for (let minute = 0; minute < 5; minute += 1) told.push(...(await run(0, lenient)).map((event) => [event['detail-type'], event['detail']]));
    expect(told).toEqual([['Budget Condition Over', expect.objectContaining({ policy: 'fast' }) as unknown]]);
  });

  it('tells, where its policy asks for that, that nothing was counted', async () => {
    const alertPolicies = [alertPolicy('silence', '5m', { alertWhenBreaching: false, alertWhenNoData: true })];
    const silent = { budgetingMethod: 'Occurrences', objectives: [{ targetPercent: 50 }], alertPolicies };
    const { run, clock } = createRuns();
    expect(await run(1000, silent)).toEqual([]);
    clock.advance(600);
    const [told] = await run(undefined, silent);
    expect(told?.['detail']).toMatchObject({
      policy: 'silence',
      reason: 'nothing was counted over 5 min: the metric is silent, or nobody asked the service for anything',
    });
    expect((await run(1000, silent)).map((event) => event['detail-type'])).toEqual(['Budget Condition Over']);
  });
});

function conditionOf(severity: string, threshold: number, lookbackWindow = '5m') {
  return { spec: { severity, condition: { kind: 'burnrate', op: 'gt', threshold, lookbackWindow, alertAfter: '2m' } } };
}
