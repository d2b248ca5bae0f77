/** A till that nobody repairs: its budget of a week is ten minutes, so that a quarter of an hour of failures spends it. */

export const TILL = { system: 'till', objective: 'till-sales', namespace: 'Tests/Till', good: 'GoodSales', total: 'Sales', policy: 'sales-stop' } as const;

const source = (metric: string) => ({
  metricSource: { type: 'CloudWatch', spec: { namespace: TILL.namespace, metric, dimensions: {}, statistic: 'Sum' } },
});

export const budgetDocuments: readonly unknown[] = [
  {
    apiVersion: 'perennial/v1',
    kind: 'System',
    metadata: { name: TILL.system },
    spec: {
      purpose: 'A story of the end-to-end tests: its budget is spent',
      impact: 'Nobody can pay',
      owners: { owner: 'team-tests', operators: ['ops'] },
      environment: 'test',
      topology: 'single',
      roles: ['till'],
      recovery: { rtoSeconds: 600, rpoSeconds: 0, stateful: false },
      image: { role: 'till' },
    },
  },
  {
    apiVersion: 'openslo/v1',
    kind: 'SLO',
    metadata: { name: TILL.objective },
    spec: {
      description: 'Sales that were begun are finished',
      service: TILL.system,
      indicator: { metadata: { name: 'till-good-sales' }, spec: { ratioMetric: { counter: false, good: source(TILL.good), total: source(TILL.total) } } },
      timeWindow: [{ duration: '7d', isRolling: true }],
      budgetingMethod: 'Timeslices',
      objectives: [{ targetPercent: 99.9, timeSliceTarget: 0.99, timeSliceWindow: '1m' }],
      alertPolicies: [
        {
          metadata: { name: TILL.policy },
          spec: {
            alertWhenBreaching: true,
            conditions: [{ spec: { severity: 'ticket', condition: { op: 'gte', threshold: 100, lookbackWindow: '2h' } } }],
            notificationTargets: [],
          },
        },
      ],
    },
  },
];
