import { present } from '../../environment/present.ts';
import type { CatalogDocument } from '../documents.ts';
import type { Objective, ServiceLevelObjective } from './openslo.ts';
import type { AlertCondition, AlertNotificationTarget, AlertPolicy, PolicyEntry } from './openslo-alerts.ts';
import type { DataSource, Indicator, IndicatorDocument, MetricSource, RatioMetric } from './openslo-indicator.ts';

/*
 * References between OpenSLO documents are filled in where they are used, so that a published objective needs no other document.
 * Whether they name anything is asked before (openslo-check.ts).
 */

function byName<Named extends { readonly metadata: { readonly name: string } }>(documents: readonly Named[]): ReadonlyMap<string, Named> {
  return new Map(documents.map((document) => [document.metadata.name, document]));
}

/** Every named document that an objective may refer to, by kind and name. */
export interface Library {
  readonly indicators: ReadonlyMap<string, IndicatorDocument>;
  readonly sources: ReadonlyMap<string, DataSource>;
  readonly policies: ReadonlyMap<string, AlertPolicy>;
  readonly conditions: ReadonlyMap<string, AlertCondition>;
  readonly targets: ReadonlyMap<string, AlertNotificationTarget>;
}

export function libraryOf(documents: readonly CatalogDocument[]): Library {
  return {
    indicators: byName(documents.filter((document) => document.kind === 'SLI')),
    sources: byName(documents.filter((document) => document.kind === 'DataSource')),
    policies: byName(documents.filter((document) => document.kind === 'AlertPolicy')),
    conditions: byName(documents.filter((document) => document.kind === 'AlertCondition')),
    targets: byName(documents.filter((document) => document.kind === 'AlertNotificationTarget')),
  };
}

/** Type and reference of a source: what is said in place wins over the DataSource. */
function resolveSource(source: MetricSource, { sources }: Library): MetricSource {
  const { metricSourceRef, type, spec } = source;
  const named = metricSourceRef === undefined ? undefined : sources.get(metricSourceRef)?.spec.type;
  const found = type ?? named;
  return found === undefined ? source : { type: found, spec };
}

type Metric = NonNullable<Indicator['spec']['thresholdMetric']>;

function resolveRatio(ratio: RatioMetric, resolve: (metric: Metric | undefined) => Metric | undefined): RatioMetric {
  const { counter, rawType, good, bad, total, raw } = ratio;
  return { counter, ...present({ rawType, good: resolve(good), bad: resolve(bad), total: resolve(total), raw: resolve(raw) }) };
}

function resolveIndicator(written: Indicator | undefined, reference: string | undefined, library: Library): Indicator | undefined {
  const indicator = written ?? (reference === undefined ? undefined : library.indicators.get(reference));
  if (indicator === undefined) return undefined;
  const resolve = (metric: Metric | undefined) => (metric === undefined ? undefined : { metricSource: resolveSource(metric.metricSource, library) });
  const { description, ratioMetric, thresholdMetric } = indicator.spec;
  const ratio = ratioMetric === undefined ? undefined : resolveRatio(ratioMetric, resolve);
  const spec = present({ description, ratioMetric: ratio, thresholdMetric: resolve(thresholdMetric) });
  return { ...present({ metadata: indicator.metadata }), spec };
}

function resolveObjective({ indicator, indicatorRef, ...rest }: Objective, library: Library): Objective {
  const resolved = resolveIndicator(indicator, indicatorRef, library);
  return { ...rest, ...(resolved === undefined ? {} : { indicator: resolved }) };
}

function resolvePolicy(entry: PolicyEntry, library: Library): PolicyEntry {
  const { alertPolicyRef } = entry;
  const named = alertPolicyRef === undefined ? undefined : library.policies.get(alertPolicyRef);
  const spec = named?.spec ?? entry.spec;
  if (spec === undefined) return entry;
  const metadata = named?.metadata ?? entry.metadata;
  return {
    ...(metadata === undefined ? {} : { metadata }),
    spec: {
      ...spec,
      conditions: spec.conditions.map((one) => {
        const found = one.conditionRef === undefined ? undefined : library.conditions.get(one.conditionRef);
        return found === undefined ? one : { metadata: found.metadata, spec: found.spec };
      }),
      notificationTargets: spec.notificationTargets.map((one) => {
        const found = one.targetRef === undefined ? undefined : library.targets.get(one.targetRef);
        return found === undefined ? one : { metadata: found.metadata, spec: found.spec };
      }),
    },
  };
}

/** The objectives among `documents` with every reference filled in; one that does not exist stays as it is written. */
export function resolveObjectives(documents: readonly CatalogDocument[]): readonly ServiceLevelObjective[] {
  const library = libraryOf(documents);
  return documents.flatMap((document) => {
    if (document.kind !== 'SLO') return [];
    const { indicator, indicatorRef, alertPolicies, ...spec } = document.spec;
    const resolved = resolveIndicator(indicator, indicatorRef, library);
    return [
      {
        ...document,
        spec: {
          ...spec,
          ...(resolved === undefined ? {} : { indicator: resolved }),
          objectives: spec.objectives.map((objective) => resolveObjective(objective, library)),
          ...(alertPolicies === undefined || alertPolicies === null ? {} : { alertPolicies: alertPolicies.map((entry) => resolvePolicy(entry, library)) }),
        },
      },
    ];
  });
}
