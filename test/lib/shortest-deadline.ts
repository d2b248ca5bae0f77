import { policySchema } from '../../core/catalog/schema.ts';
import { deadlineSeconds } from '../../core/remediation/guardrails/policy.ts';
import { procedure, type PhaseRow } from '../../core/remediation/paths/procedure.ts';

const minimums = {
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
};

/** The shortest deadline that a policy with these times gives to any phase; without them the shortest that any policy can give. */
export function shortestDeadlineSeconds(times: Readonly<Record<string, number>> = minimums): number {
  const policy = policySchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'RemediationPolicy',
    metadata: { name: 'shortest' },
    spec: { system: 'shortest', ...times },
  });
  return Math.min(...Object.values<PhaseRow>(procedure).map(({ deadline }) => deadlineSeconds(deadline, policy)));
}
