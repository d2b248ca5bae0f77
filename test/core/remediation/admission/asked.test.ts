import { describe, expect, it } from 'vitest';
import { drillPlaceOf, isRequested, isRequestRule, requestBody, revertRefusal } from '../../../../core/remediation/admission/asked.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { NOW, remediationOf } from '../builders.ts';
import { testScope } from '../world.ts';

describe('what a person asks for', () => {
  it.each([
    ['instance.replace-requested', true],
    ['instance.revert-requested', true],
    ['check.drill-requested', true],
    ['instance.status-check', false],
    ['replace-requested', false],
  ])('is known by its kind: %s → %s', (kind, isAsked) => {
    expect(isRequested({ kind })).toBe(isAsked);
  });

  it.each([
    ['replace-requested', true],
    ['revert-requested', true],
    ['drill-requested', true],
    ['requested', false],
    ['instance.replace-requested', false],
    ['target-health', false],
  ])('is known by the rule an incident remembers: %s → %s', (rule, isAsked) => {
    expect(isRequestRule(rule)).toBe(isAsked);
  });

  it('is an event of our own bus', () => {
    const detail = { instanceId: 'i-1', by: 'kim', reason: 'odd noises' };
    expect(JSON.parse(requestBody(testScope, { type: 'Instance Replace Requested', detail }, NOW))).toEqual({
      version: '0',
      id: `request-${NOW}`,
      source: 'perennial',
      'detail-type': 'Instance Replace Requested',
      account: '111122223333',
      region: 'eu-central-1',
      time: NOW,
      resources: [],
      detail,
    });
  });
});

describe('the place of drills', () => {
  it('is one for each system, apart from every real one', () => {
    expect(drillPlaceOf('shop-web')).toEqual({ id: 'shop-web/drill', groupId: 'shop-web/drill', instanceId: 'no-instance-yet' });
  });
});

const done = (changes: Partial<Remediation> = {}) => remediationOf({}, { state: 'succeeded', newInstanceId: 'i-new', ...changes });

describe('a remediation', () => {
  it.each([
    ['a replacement', {}],
    ['a replacement of before there were paths', { path: undefined }],
  ] as const)('that was %s can be taken back', (_what, changes) => {
    expect(revertRefusal(done(changes))).toBeUndefined();
  });

  it.each([
    ['is still running', { state: 'running', phase: 'drain' }, 'rem-1 is still running (drain). To undo it while it runs: abort'],
    ['was a drill', { isDrill: true }, 'rem-1 was a drill; there is nothing to take back'],
    ['has itself taken one back', { revertOf: 'rem-0' }, 'rem-1 has itself taken rem-0 back. To go forward again, replace the instance'],
    ['failed', { state: 'failed' }, 'rem-1 ended failed and has replaced nothing'],
    ['has no replacement', { newInstanceId: undefined }, 'rem-1 ended succeeded and has replaced nothing'],
    ['kept its instance', { path: 'reboot' }, 'rem-1 repaired by the path "reboot", which keeps no old instance to swap back to'],
  ] as const)('that %s cannot be taken back', (_what, changes, reason) => {
    expect(revertRefusal(done(changes))).toBe(reason);
  });
});
