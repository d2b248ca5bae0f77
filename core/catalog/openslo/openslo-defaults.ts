import type { ServiceLevelObjective } from './openslo.ts';
import { openSloApiVersion } from './openslo-parts.ts';
import type { System } from '../schema.ts';

/*
 * Plain defaults for people who know no OpenSLO: three lines in a System
 *
 *   availability:
 *     target: 99.9
 *     window: 30d
 *
 * stand for an SLO document that judges every minute.
 */

const SUFFIX = '-availability';
const MAX_NAME_CHARACTERS = 63;

/** What the objective of a system's `availability` is called. */
export function availabilityName(system: string): string {
  return `${system.slice(0, MAX_NAME_CHARACTERS - SUFFIX.length).replace(/-+$/, '')}${SUFFIX}`;
}

/** A minute is available while a target group has a healthy target; without a target group, while an instance passes its checks. */
function indicatorOf({ metadata, spec }: System): NonNullable<ServiceLevelObjective['spec']['indicator']> {
  const [targetGroup] = spec.targetGroups;
  const source = targetGroup === undefined ? { indicator: 'instance-healthy-minutes', system: metadata.name } : { indicator: 'target-group', targetGroup };
  return { spec: { ratioMetric: { counter: false, rawType: 'success', raw: { metricSource: { type: 'Perennial', spec: source } } } } };
}

/** The SLO document that a system's `availability` stands for; `undefined` when it promises none. */
export function availabilityObjective(system: System): ServiceLevelObjective | undefined {
  const { availability } = system.spec;
  if (availability === undefined) return undefined;
  return {
    apiVersion: openSloApiVersion,
    kind: 'SLO',
    metadata: { name: availabilityName(system.metadata.name) },
    spec: {
      description: `Availability of ${system.metadata.name}, judged by the minute.`,
      service: system.metadata.name,
      indicator: indicatorOf(system),
      timeWindow: [{ duration: availability.window, isRolling: true }],
      budgetingMethod: 'Timeslices',
      objectives: [{ targetPercent: availability.target, timeSliceTarget: 1, timeSliceWindow: '1m' }],
    },
  };
}
