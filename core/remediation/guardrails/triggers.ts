import type { RemediationPolicy } from '../../catalog/schema.ts';

/** True when the policy lists this trigger; alarms count by their original name, which the catalog wants whole. */
export function isTriggerListed(
  policy: RemediationPolicy,
  { kind, originalAlarmName }: { readonly kind: string; readonly originalAlarmName?: string | undefined },
): boolean {
  return policy.spec.triggers.some((listed) => (typeof listed === 'string' ? listed === kind : listed.alarm === originalAlarmName));
}
