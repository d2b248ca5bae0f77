import { mapItems, textOf, textsOf } from './xml.ts';

/** Since when (ISO 8601) each of the two checks fails; `undefined` when it passes. */
export interface Impairment {
  readonly instanceImpairedSince: string | undefined;
  readonly systemImpairedSince: string | undefined;
}

/** A filter of DescribeInstanceStatus that moto ignores and the overlay applies to the corrected answer. */
export interface StatusFilter {
  readonly name: string;
  readonly values: readonly string[];
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html (Filter.N)
const STATUS_FILTERS: Readonly<Record<string, readonly [set: string, field: string]>> = {
  'instance-status.status': ['instanceStatus', 'status'],
  'system-status.status': ['systemStatus', 'status'],
  'instance-status.reachability': ['instanceStatus', 'reachability'],
  'system-status.reachability': ['systemStatus', 'reachability'],
};

export function isStatusFilter(name: string): boolean {
  return Object.hasOwn(STATUS_FILTERS, name);
}

/**
 * Corrects moto's answer to DescribeInstanceStatus: its checks always pass.
 * Shape of a failed check: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceStatusDetails.html
 */
export function rewriteInstanceStatus(xml: string, impairment: (instanceId: string) => Impairment | undefined, filters: readonly StatusFilter[]): string {
  return mapItems(xml, 'instanceStatusSet', 'item', (item) => {
    const facts = impairment(textOf(item, 'instanceId') ?? '');
    const rewritten = facts === undefined ? item : rewriteItem(item, facts);
    return filters.every((filter) => passes(rewritten, filter)) ? rewritten : '';
  });
}

function rewriteItem(item: string, facts: Impairment): string {
  // Only a running instance is checked; for the others moto rightly says not-applicable.
  if (textOf(item, 'name') !== 'running') {
    return item;
  }
  const instance = failedCheck(item, 'instanceStatus', facts.instanceImpairedSince);
  return failedCheck(instance, 'systemStatus', facts.systemImpairedSince);
}

function failedCheck(item: string, set: string, impairedSince: string | undefined): string {
  if (impairedSince === undefined) {
    return item;
  }
  const detail = `<item><impairedSince>${impairedSince}</impairedSince><name>reachability</name><status>failed</status></item>`;
  return item.replace(new RegExp(`<${set}>.*?</${set}>`, 's'), () => `<${set}><details>${detail}</details><status>impaired</status></${set}>`);
}

function passes(item: string, filter: StatusFilter): boolean {
  const [set, field] = STATUS_FILTERS[filter.name] ?? ['', ''];
  const inside = new RegExp(`<${set}>(.*?)</${set}>`, 's').exec(item)?.[1] ?? '';
  const statuses = textsOf(inside, 'status');
  // Of a check, the last status is the summary; those before it belong to the single checks (reachability).
  const actual = field === 'status' ? statuses.at(-1) : statuses.length > 1 ? statuses[0] : undefined;
  return actual !== undefined && filter.values.includes(actual);
}
