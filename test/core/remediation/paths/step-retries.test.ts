import { describe, expect, it } from 'vitest';
import { policySchema } from '../../../../core/catalog/schema.ts';
import { deadlineSeconds } from '../../../../core/remediation/guardrails/policy.ts';
import { procedure } from '../../../../core/remediation/paths/procedure.ts';
import { retryDelaySeconds, stepRetries } from '../../../../core/remediation/paths/step-retries.ts';

const waits = () => Array.from({ length: stepRetries.maxAttempts }, (_, index) => retryDelaySeconds(index + 1));

describe('the retries of a step', () => {
  it('wait twice as long each time, at most half a minute', () => {
    expect(waits()).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
  });

  it('together take two minutes, less than any deadline that a policy has by default', () => {
    const policy = policySchema.parse({ apiVersion: 'perennial/v1', kind: 'RemediationPolicy', metadata: { name: 'p' }, spec: { system: 's' } });
    const shortest = Math.min(...Object.values(procedure).map(({ deadline }) => deadlineSeconds(deadline, policy)));
    const whole = waits().reduce((sum, seconds) => sum + seconds, 0);
    expect(whole).toBe(121);
    expect(whole).toBeLessThan(shortest);
  });
});
