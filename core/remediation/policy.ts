import type { RemediationPolicy } from '../catalog/schema.ts';
import type { DeadlineField } from './procedure.ts';

/** A confirm phase may take this much longer than the pending time, a verify phase than the verification time. */
const MARGIN_SECONDS = 300;

/** How long a phase may take by this policy, in seconds. */
export function deadlineSeconds(field: DeadlineField, policy: RemediationPolicy): number {
  const { spec } = policy;
  switch (field) {
    case 'confirmDeadlineSeconds':
      return spec.pendingSeconds + MARGIN_SECONDS;
    case 'verifyDeadlineSeconds':
      return spec.verifiedAfterSeconds + MARGIN_SECONDS;
    case 'launchDeadlineSeconds':
      return spec.launchDeadlineSeconds;
    case 'healthyDeadlineSeconds':
      return spec.healthyDeadlineSeconds;
    case 'drainDeadlineSeconds':
      return spec.drainSeconds + spec.drainDeadlineSeconds;
    case 'stopDeadlineSeconds':
      return spec.stopDeadlineSeconds;
  }
}
