import { describe, expect, it } from 'vitest';
import { perennialIndicatorSchema } from '../../../../core/catalog/openslo/openslo-sources.ts';
import { indicatorReading, MAX_WATCHED_INSTANCES } from '../../../../core/slo/reading/indicators.ts';

const subjects = {
  targetGroups: new Map([['shop-web', { targetGroup: 'targetgroup/shop-web/73e2', loadBalancer: 'app/shop/50dc' }]]),
  instances: new Map([
    ['shop-web', ['i-1', 'i-2']],
    ['large', Array.from({ length: 80 }, (_, index) => `i-${index}`)],
  ]),
};

function reading(written: object) {
  return indicatorReading('x', perennialIndicatorSchema.parse(written), subjects);
}

/** The indicator, the values of one minute, the point they make. */
const rows: readonly (readonly [name: string, indicator: object, values: Readonly<Record<string, number>>, point: object | undefined])[] = [
  ['a target group with a healthy target', { indicator: 'target-group', targetGroup: 'shop-web' }, { x: 1 }, { value: 1 }],
  ['a target group with too few', { indicator: 'target-group', targetGroup: 'shop-web', minimumHealthy: 2 }, { x: 1 }, { value: 0 }],
  ['a target group that nobody asked', { indicator: 'target-group', targetGroup: 'shop-web' }, {}, undefined],
  ['a target group that does not exist', { indicator: 'target-group', targetGroup: 'none' }, { x: 1 }, undefined],
  [
    'requests with errors',
    { indicator: 'target-group', targetGroup: 'shop-web', measure: 'http-codes' },
    { 'x:total': 100, 'x:bad': 3 },
    { total: 100, good: 97 },
  ],
  [
    'requests without a count of errors',
    { indicator: 'target-group', targetGroup: 'shop-web', measure: 'http-codes' },
    { 'x:total': 100 },
    { total: 100, good: 100 },
  ],
  ['a canary', { indicator: 'canary', canary: 'checkout' }, { x: 50 }, { value: 0.5 }],
  ['a canary that did not run', { indicator: 'canary', canary: 'checkout' }, {}, undefined],
  ['one instance of two passing its checks', { indicator: 'instance-healthy-minutes', system: 'shop-web' }, { 'x:i-1': 0, 'x:i-2': 1 }, { value: 1 }],
  ['no instance passing them', { indicator: 'instance-healthy-minutes', system: 'shop-web' }, { 'x:i-1': 1, 'x:i-2': 1 }, { value: 0 }],
  ['a system without instances', { indicator: 'instance-healthy-minutes', system: 'none' }, {}, undefined],
];

describe('indicators of Perennial (S2-06)', () => {
  it.each(rows)('%s', (_, indicator, values, point) => {
    expect(reading(indicator).pointOf(new Map(Object.entries(values)))).toEqual(point);
  });

  it('ask for metrics by exactly their dimensions', () => {
    expect(reading({ indicator: 'target-group', targetGroup: 'shop-web' }).queries).toEqual([
      {
        id: 'x',
        namespace: 'AWS/ApplicationELB',
        metric: 'HealthyHostCount',
        dimensions: { LoadBalancer: 'app/shop/50dc', TargetGroup: 'targetgroup/shop-web/73e2' },
        statistic: 'Minimum',
      },
    ]);
    expect(reading({ indicator: 'instance-healthy-minutes', system: 'shop-web' }).queries.map(({ dimensions }) => dimensions)).toEqual([
      { InstanceId: 'i-1' },
      { InstanceId: 'i-2' },
    ]);
  });

  it('watch a bounded number of instances', () => {
    expect(reading({ indicator: 'instance-healthy-minutes', system: 'large' }).queries).toHaveLength(MAX_WATCHED_INSTANCES);
  });
});
