import type { RemediationPolicy } from '../../catalog/schema.ts';

/** True when the policy lists this trigger; alarms count by their original name. */
export function isTriggerListed(policy: RemediationPolicy, trigger: { readonly kind: string; readonly originalAlarmName?: string | undefined }): boolean {
  return policy.spec.triggers.some((listed) =>
    typeof listed === 'string' ? listed === trigger.kind : trigger.originalAlarmName !== undefined && matchesAlarm(listed.alarm, trigger.originalAlarmName),
  );
}

/** `listed` is a name, or a prefix that ends with `*`. */
function matchesAlarm(listed: string, alarmName: string): boolean {
  return listed.endsWith('*') ? alarmName.startsWith(listed.slice(0, -1)) : listed === alarmName;
}
