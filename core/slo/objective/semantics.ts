import type { ServiceLevelObjective } from '../../catalog/openslo/openslo.ts';
import type { Refused } from './target.ts';

/*
 * What a document chooses for gaps, little traffic and exclusions, as annotations of its metadata (OpenSLO leaves the three open).
 *
 * | annotation | values | without it |
 * | perennial.io/no-data | good, bad, ignore: what a slice without any event counts as | good |
 * | perennial.io/minimum-events | a slice with fewer events is too little to judge: it counts as good, or is left out under `ignore`. Under Occurrences every event counts, but no burn alert fires while its long window holds fewer | 1 |
 * | perennial.io/exclusions | good: an excluded slice counts as good, as CloudWatch's period-based goals do. drop: it leaves the sum, as in its request-based goals | Occurrences drop, else good |
 *
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-ServiceLevelObjectives.html
 *
 * `bad` holds from the first data on, and only for slices that are over: an objective is not charged for the time before it existed.
 */

export type BudgetingMethod = ServiceLevelObjective['spec']['budgetingMethod'];

export interface Semantics {
  readonly noData: 'good' | 'bad' | 'ignore';
  /** Whether the document says so itself; a window without any event is only judged then. */
  readonly isNoDataChosen: boolean;
  readonly minimumEvents: number;
  readonly exclusions: 'good' | 'drop';
}

const noDataForms = ['good', 'bad', 'ignore'] as const;
const exclusionForms = ['good', 'drop'] as const;

/** The choices of a document, or why they cannot be kept. */
export function semanticsOf(
  method: BudgetingMethod,
  annotations: Readonly<Record<string, string>> = {},
): (Semantics & { readonly kind: 'semantics' }) | Refused {
  const noData = noDataForms.find((form) => form === annotations['perennial.io/no-data']);
  if (method === 'Occurrences' && noData === 'bad')
    return {
      kind: 'refused',
      reason:
        'perennial.io/no-data "bad" cannot be kept with Occurrences: it counts events, and where there is none there is none to call bad. Use Timeslices, or leave the annotation out.',
    };
  return {
    kind: 'semantics',
    noData: noData ?? 'good',
    isNoDataChosen: noData !== undefined,
    minimumEvents: Number(annotations['perennial.io/minimum-events'] ?? '1'),
    exclusions: exclusionForms.find((form) => form === annotations['perennial.io/exclusions']) ?? (method === 'Occurrences' ? 'drop' : 'good'),
  };
}
