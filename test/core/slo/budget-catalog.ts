function metric(name: string) {
  return { metricSource: { type: 'CloudWatch', spec: { namespace: 'Shop', metric: name, statistic: 'Sum' } } };
}

/** An SLO of minutes: 99.9 % over 30 days, unless `spec` says otherwise. */
export function budgetDocument(spec: object = {}, name = 'shop-web-availability') {
  return {
    apiVersion: 'openslo/v1',
    kind: 'SLO',
    metadata: { name },
    spec: {
      service: 'shop-web',
      indicator: { spec: { ratioMetric: { good: metric('Good'), total: metric('Total') } } },
      timeWindow: [{ duration: '30d', isRolling: true }],
      budgetingMethod: 'Timeslices',
      objectives: [{ targetPercent: 99.9, timeSliceTarget: 0.99, timeSliceWindow: '60s' }],
      ...spec,
    },
  };
}

/** A published catalog of one such document. */
export function budgetCatalog(spec: object = {}) {
  const provenance = { hash: 'a'.repeat(64), commit: null, dirty: false };
  return { formatVersion: 1, systems: [], policies: [], routes: [], services: [], objectives: [budgetDocument(spec)], provenance };
}
