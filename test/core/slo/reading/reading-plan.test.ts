import { describe, expect, it } from 'vitest';
import { compiledCatalogSchema } from '../../../../core/catalog/schema.ts';
import type { IndicatorSubjects } from '../../../../core/slo/reading/indicators.ts';
import { planReadings, samplesOf, subjectsWanted } from '../../../../core/slo/reading/reading-plan.ts';
import { eventScale } from '../../../../core/slo/evaluation/ledger.ts';
import { budgetCatalog } from '../budget-catalog.ts';

const minute = '2026-11-21T09:00:00.000Z';
const observedAt = '2026-11-21T09:01:05.000Z';
const subjects: IndicatorSubjects = {
  targetGroups: new Map([['web', { targetGroup: 'targetgroup/web/1', loadBalancer: 'app/shop/2' }]]),
  instances: new Map([['shop-web', ['i-1', 'i-2']]]),
};

function catalogOf(source: object, spec: object = {}, raw: object = {}) {
  const indicator = { spec: { ratioMetric: { rawType: 'success', raw: { metricSource: source }, ...raw } } };
  return compiledCatalogSchema.parse(budgetCatalog({ indicator, ...spec }));
}

/** What the first objective makes of values that all its queries have at one minute, in parts of an event. */
function badOf(catalog: ReturnType<typeof catalogOf>, values: readonly number[]): bigint | undefined {
  const [objective] = planReadings(catalog, subjects).objectives;
  if (objective === undefined) throw new Error(planReadings(catalog, subjects).problems.join());
  const queries = objective.members.flatMap((member) => member.queries);
  const points = new Map(queries.flatMap(({ id }, index) => (values[index] === undefined ? [] : [[id, [{ at: minute, value: values[index] }]] as const])));
  return samplesOf(objective, points, observedAt).samples[0]?.bad;
}

const perennial = (spec: object) => ({ type: 'Perennial', spec });

describe('a plan of readings', () => {
  it.each([
    ['a target group with a healthy target', { indicator: 'target-group', targetGroup: 'web' }, [2], 0n],
    ['a target group without one', { indicator: 'target-group', targetGroup: 'web' }, [0], eventScale],
    ['an instance that passes its checks', { indicator: 'instance-healthy-minutes', system: 'shop-web' }, [1, 0], 0n],
    ['instances that all fail theirs', { indicator: 'instance-healthy-minutes', system: 'shop-web' }, [1, 1], eventScale],
    ['a canary that fails once in four', { indicator: 'canary', canary: 'front' }, [75], eventScale / 4n],
  ])('reads %s', (_, spec, values, bad) => {
    expect(badOf(catalogOf(perennial(spec)), values)).toBe(bad);
  });

  it('reads a metric with a threshold, with its own statistic', () => {
    const source = { type: 'CloudWatch', spec: { namespace: 'Shop', metric: 'Latency', statistic: 'p99' } };
    const catalog = compiledCatalogSchema.parse(
      budgetCatalog({
        indicator: { spec: { thresholdMetric: { metricSource: source } } },
        budgetingMethod: 'Occurrences',
        objectives: [{ target: 0.99, op: 'lte', value: 0.3 }],
      }),
    );
    expect(planReadings(catalog, subjects).objectives[0]?.members[0]?.queries).toMatchObject([{ metric: 'Latency', statistic: 'p99' }]);
    expect([badOf(catalog, [0.3]), badOf(catalog, [0.31])]).toEqual([0n, eventScale]);
  });

  it('does not judge a minute that is not over', () => {
    const [objective] = planReadings(catalogOf(perennial({ indicator: 'canary', canary: 'front' })), subjects).objectives;
    if (objective === undefined) throw new Error('no plan');
    const id = objective.members[0]?.queries[0]?.id ?? '';
    expect(samplesOf(objective, new Map([[id, [{ at: minute, value: 0 }]]]), '2026-11-21T09:00:59.000Z').samples).toEqual([]);
  });

  it('says what nothing in CloudWatch is about, and which names are to be looked up', () => {
    const catalog = catalogOf(perennial({ indicator: 'target-group', targetGroup: 'gone' }));
    expect(planReadings(catalog, subjects).problems).toEqual([expect.stringContaining('nothing in CloudWatch is what the indicator target-group is about')]);
    expect(subjectsWanted(catalog)).toEqual({ targetGroups: ['gone'], systems: [] });
    expect(subjectsWanted(catalogOf(perennial({ indicator: 'instance-healthy-minutes', system: 'shop-web' }))).systems).toEqual(['shop-web']);
  });
});
