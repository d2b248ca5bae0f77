import { policySchema } from '../../core/catalog/schema.ts';
import { deadlineSeconds } from '../../core/remediation/policy.ts';
import { procedure, type PhaseRow } from '../../core/remediation/procedure.ts';

/** The shortest deadline that any policy can give to any phase: all its times at their minimum. */
export function shortestDeadlineSeconds(): number {
  const policy = policySchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'RemediationPolicy',
    metadata: { name: 'shortest' },
    spec: {
      system: 'shortest',
      pendingSeconds: 0,
      drainSeconds: 0,
      healthyReads: 1,
      healthyReadIntervalSeconds: 1,
      runningPersistSeconds: 0,
      verifiedAfterSeconds: 1,
      launchDeadlineSeconds: 30,
      healthyDeadlineSeconds: 30,
      drainDeadlineSeconds: 30,
      stopDeadlineSeconds: 30,
      snapshotDeadlineSeconds: 30,
      moveDeadlineSeconds: 30,
    },
  });
  return Math.min(...Object.values<PhaseRow>(procedure).map(({ deadline }) => deadlineSeconds(deadline, policy)));
}
