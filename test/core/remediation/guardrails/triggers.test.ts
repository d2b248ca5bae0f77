import { describe, expect, it } from 'vitest';
import { isTriggerListed } from '../../../../core/remediation/guardrails/triggers.ts';
import { webPolicy } from '../world.ts';

const policy = webPolicy({ triggers: ['instance.status-check', { alarm: 'shop-web-unhealthy' }] });

describe('the list of triggers', () => {
  it.each([
    ['a kind that is listed', { kind: 'instance.status-check' }, true],
    ['a kind that is not', { kind: 'instance.target-unhealthy' }, false],
    ['an alarm by its original name', { kind: 'alarm.state-change', originalAlarmName: 'shop-web-unhealthy' }, true],
    ['an alarm whose name only begins so', { kind: 'alarm.state-change', originalAlarmName: 'shop-web-unhealthy-2' }, false],
    ['an alarm whose name is only the beginning', { kind: 'alarm.state-change', originalAlarmName: 'shop-web' }, false],
    ['a kind that is called as a listed alarm', { kind: 'shop-web-unhealthy' }, false],
    ['an alarm that is called as a listed kind', { kind: 'alarm.state-change', originalAlarmName: 'instance.status-check' }, false],
    ['a kind with no alarm', { kind: 'alarm.state-change' }, false],
  ] as const)('has %s: %o → %s', (_what, trigger, isListed) => {
    expect(isTriggerListed(policy, trigger)).toBe(isListed);
  });
});
