import type { RemediationPolicy } from '../../catalog/schema.ts';
import type { DeadlineField } from '../paths/procedure.ts';

/** Phases that end by themselves, at a moment that people know, may take this much longer before the driver ends them. */
const MARGIN_SECONDS = 300;

/** How long a stop may be stuck that the way back has to wait for; people have been told long before. */
const STUCK_STOP_SECONDS = 3600;

type Spec = RemediationPolicy['spec'];

const deadlines: Readonly<Record<DeadlineField, (spec: Spec) => number>> = {
  confirmDeadlineSeconds: (spec) => spec.pendingSeconds + MARGIN_SECONDS,
  verifyDeadlineSeconds: (spec) => spec.verifiedAfterSeconds + MARGIN_SECONDS,
  launchDeadlineSeconds: (spec) => spec.launchDeadlineSeconds,
  healthyDeadlineSeconds: (spec) => spec.healthyDeadlineSeconds,
  drainDeadlineSeconds: (spec) => spec.drainSeconds + spec.drainDeadlineSeconds,
  snapshotDeadlineSeconds: (spec) => spec.snapshotDeadlineSeconds,
  moveDeadlineSeconds: (spec) => spec.moveDeadlineSeconds,
  stopDeadlineSeconds: (spec) => spec.stopDeadlineSeconds,
  bringBackDeadlineSeconds: (spec) => spec.stopDeadlineSeconds + STUCK_STOP_SECONDS,
  nativeRecoverySeconds: (spec) => spec.nativeRecoverySeconds + MARGIN_SECONDS,
  stepDeadlineSeconds: (spec) => spec.stepDeadlineSeconds,
  // The group drains and ends the old member before it launches the new one.
  memberDeadlineSeconds: (spec) => spec.drainSeconds + spec.launchDeadlineSeconds + spec.healthyDeadlineSeconds,
  approvalExpiresSeconds: (spec) => spec.approvalExpiresSeconds + MARGIN_SECONDS,
};

/** How long a phase may take by this policy, in seconds. */
export function deadlineSeconds(field: DeadlineField, { spec }: RemediationPolicy): number {
  return deadlines[field](spec);
}
