import { describe, expect, it } from 'vitest';
import { deadlineSeconds } from '../../../../core/remediation/guardrails/policy.ts';
import { webPolicy } from '../world.ts';

const policy = webPolicy({
  pendingSeconds: 11,
  verifiedAfterSeconds: 700,
  launchDeadlineSeconds: 301,
  healthyDeadlineSeconds: 302,
  drainSeconds: 103,
  drainDeadlineSeconds: 304,
  snapshotDeadlineSeconds: 605,
  moveDeadlineSeconds: 306,
  stopDeadlineSeconds: 307,
  nativeRecoverySeconds: 608,
  stepDeadlineSeconds: 309,
  approvalExpiresSeconds: 3610,
});

describe('how long a phase may take', () => {
  it.each([
    ['confirmDeadlineSeconds', 11 + 300, 'the pending time, and five minutes'],
    ['verifyDeadlineSeconds', 700 + 300, 'the time of verification, and five minutes'],
    ['launchDeadlineSeconds', 301, 'as the policy says'],
    ['healthyDeadlineSeconds', 302, 'as the policy says'],
    ['drainDeadlineSeconds', 103 + 304, 'the drain itself, and what it may take longer'],
    ['snapshotDeadlineSeconds', 605, 'as the policy says'],
    ['moveDeadlineSeconds', 306, 'as the policy says'],
    ['stopDeadlineSeconds', 307, 'as the policy says'],
    ['bringBackDeadlineSeconds', 307 + 3600, 'a stop that may be stuck for an hour more'],
    ['nativeRecoverySeconds', 608 + 300, 'the time EC2 has, and five minutes'],
    ['stepDeadlineSeconds', 309, 'as the policy says'],
    ['memberDeadlineSeconds', 103 + 301 + 302, 'a drain, a launch and a health check'],
    ['approvalExpiresSeconds', 3610 + 300, 'the time to answer, and five minutes'],
  ] as const)('%s is %d s: %s', (field, seconds, _why) => {
    expect(deadlineSeconds(field, policy)).toBe(seconds);
  });
});
