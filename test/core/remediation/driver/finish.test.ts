import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { finalState, releaseGroup, releasePlatform, releaseSlot } from '../../../../core/remediation/driver/finish.ts';
import { phaseNames, type PhaseName, type Platform, type Remediation, type RemediationState } from '../../../../core/remediation/record.ts';
import { groupOf, NOW, remediationOf, slotOf } from '../builders.ts';

function failedIn(phase: PhaseName, guardrail?: string): Remediation {
  return remediationOf({}, { failure: { phase, reason: 'because', ...(guardrail === undefined ? {} : { guardrail }) } });
}

const ended = (state: RemediationState, changes: Partial<Remediation> = {}): Remediation => remediationOf({}, { state, ...changes });
const endings = ['failed', 'vetoed', 'would-have', 'stood-down'] as const;

describe('how a remediation ended', () => {
  it.each([
    ['nothing failed', remediationOf(), 'succeeded'],
    ['a guardrail said no', failedIn('guard', 'pause'), 'vetoed'],
    ['a guardrail said no in another phase', failedIn('preflight', 'image choice'), 'vetoed'],
    [
      'a dry run went as far as it may',
      remediationOf(
        {},
        { failure: { phase: 'guard', reason: 'dry run' }, phases: [{ name: 'guard', startedAt: NOW, endedAt: NOW, outcome: 'skipped', reason: 'dry run' }] },
      ),
      'would-have',
    ],
  ] as const)('%s → %#', (_what, record, state) => {
    expect(finalState(record)).toBe(state);
  });

  it('stands down where nothing was touched yet; anything later has failed', () => {
    const states = Object.fromEntries(phaseNames.map((phase) => [phase, finalState(failedIn(phase))]));
    const harmless = Object.keys(states).filter((phase) => states[phase] === 'stood-down');
    expect(harmless).toEqual([
      'confirm',
      'guard',
      'await-approval',
      'preflight',
      'capture',
      'evidence',
      'defuse',
      'snapshot',
      'choose-step',
      'await-native-recovery',
      'preflight-member',
    ]);
    expect(Object.values(states).filter((state) => state === 'failed')).toHaveLength(phaseNames.length - harmless.length);
  });
});

describe('the slot afterwards', () => {
  const held = slotOf({ remediationId: 'rem-1', attempts: [addSeconds(NOW, -60), NOW], retiredInstanceIds: ['i-older'] });

  it('is free and holds the new instance after a success', () => {
    expect(releaseSlot(held, ended('succeeded', { newInstanceId: 'i-new' }))).toEqual(
      slotOf({ instanceId: 'i-new', attempts: [addSeconds(NOW, -60), NOW], retiredInstanceIds: ['i-older', 'i-0000000000000001'] }),
    );
  });

  it.each(endings)('is free and keeps its instance when it %s', (state) => {
    const slot = releaseSlot(held, ended(state, { newInstanceId: 'i-new' }));
    expect(slot.remediationId).toBeUndefined();
    expect(slot.instanceId).toBe('i-0000000000000001');
    expect(slot.retiredInstanceIds).toEqual(['i-older']);
  });

  it('counts an attempt that touched something, and no other', () => {
    const attempts = Object.fromEntries((['succeeded', ...endings] as const).map((state) => [state, releaseSlot(held, ended(state)).attempts.length]));
    expect(attempts).toEqual({ succeeded: 2, failed: 2, vetoed: 1, 'would-have': 1, 'stood-down': 1 });
  });

  it('keeps the newest 50 retired instances', () => {
    const many = slotOf({ retiredInstanceIds: Array.from({ length: 50 }, (_, index) => `i-${index}`) });
    const retired = releaseSlot(many, ended('succeeded')).retiredInstanceIds;
    expect(retired).toHaveLength(50);
    expect(retired.at(0)).toBe('i-1');
    expect(retired.at(-1)).toBe('i-0000000000000001');
  });
});

describe('the group afterwards', () => {
  const group = groupOf({
    inFlight: ['rem-0', 'rem-1'],
    unhealthy: [
      { slotId: 'shop-web/1', at: NOW },
      { slotId: 'shop-web/2', at: NOW },
    ],
  });

  it('no longer counts it; only a success makes the slot healthy', () => {
    expect(releaseGroup(group, ended('succeeded'))).toEqual({ ...group, inFlight: ['rem-0'], unhealthy: [{ slotId: 'shop-web/2', at: NOW }] });
    for (const state of endings) expect(releaseGroup(group, ended(state))).toEqual({ ...group, inFlight: ['rem-0'] });
  });

  it.each([
    ['succeeded', false],
    ['failed', true],
    ['vetoed', false],
    ['would-have', false],
    ['stood-down', false],
  ] as const)('its probe %s: probing stops: %s', (state, isProbeFailed) => {
    const probing = groupOf({ breaker: { state: 'open', since: NOW, isProbeFailed: false, probeRemediationId: 'rem-1' } });
    expect(releaseGroup(probing, ended(state)).breaker).toEqual({ state: 'open', since: NOW, isProbeFailed });
  });

  it('keeps a probe that is another one', () => {
    const breaker = { state: 'open', since: NOW, isProbeFailed: false, probeRemediationId: 'rem-0' } as const;
    expect(releaseGroup(groupOf({ breaker }), ended('failed')).breaker).toEqual(breaker);
  });
});

describe('the platform afterwards', () => {
  const platform: Platform = {
    inFlight: ['rem-0', 'rem-1'],
    starts: [addSeconds(NOW, -60), NOW],
    unhealthySystems: [{ system: 'shop-web', at: NOW }],
    breaker: { state: 'closed' },
  };

  it('no longer counts it in flight; a start counts when something was touched; a success makes the system healthy', () => {
    expect(releasePlatform(platform, ended('succeeded'))).toEqual({ ...platform, inFlight: ['rem-0'], unhealthySystems: [] });
    expect(releasePlatform(platform, ended('failed'))).toEqual({ ...platform, inFlight: ['rem-0'] });
    expect(releasePlatform(platform, ended('vetoed'))).toEqual({ ...platform, inFlight: ['rem-0'], starts: [addSeconds(NOW, -60)] });
  });

  it('takes back its own start only, also when another one began in the same millisecond', () => {
    const busy: Platform = { ...platform, starts: [NOW, NOW, NOW] };
    expect(releasePlatform(busy, ended('vetoed')).starts).toEqual([NOW, NOW]);
  });
});
