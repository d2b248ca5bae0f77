import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ladderSteps } from '../../../../core/catalog/schema.ts';
import { capabilityRows, replacementRowOf } from '../../../../core/remediation/guardrails/capability.ts';
import { chooseNextStep, choosePath, ladderOf, nativeRecoveryUntil, type PathFacts, pathRows } from '../../../../core/remediation/paths/path-choice.ts';
import type { InstanceFacts, InstanceStatus } from '../../../../core/remediation/ports.ts';
import type { RecoveryCapability } from '../../../../core/remediation/surroundings/recovery-ports.ts';
import { instanceFacts, NOW, plainCapability } from '../builders.ts';
import { webPolicy } from '../world.ts';

const wholeLadder = { ladder: ['restart', 'reboot', 'root-swap', 'replace'], restartProcess: { service: 'web' } };
const status = (system: InstanceStatus['system'], instance: InstanceStatus['instance'], impairedSince = '2026-11-21T08:55:00.000Z'): InstanceStatus => ({
  instanceId: 'i-0000000000000001',
  system,
  instance,
  impairedSince,
});

interface Case {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly instance?: Partial<InstanceFacts>;
  readonly capability?: Partial<RecoveryCapability>;
  readonly status?: InstanceStatus;
  readonly facts?: Partial<PathFacts>;
}

function factsOf(given: Case): PathFacts {
  return {
    now: NOW,
    policy: webPolicy(given.spec).spec,
    isFenced: false,
    isRequested: false,
    isGroupMember: false,
    instance: instanceFacts(given.instance),
    status: given.status ?? status('ok', 'ok'),
    capability: { ...plainCapability, ...given.capability },
    ...given.facts,
  };
}

const reasonOf = (given: Case): string => choosePath(factsOf(given)).reason;

/** `path then next, next` or `none`. */
function chosen(given: Case): string {
  const choice = choosePath(factsOf(given));
  return choice.kind === 'none' ? 'none' : [choice.path, ...choice.nextPaths].join(' → ');
}

const instanceFails = status('ok', 'impaired');
const systemFails = status('impaired', 'impaired');
const online = { isManagedOnline: true };

const rows: readonly (readonly [row: (typeof pathRows)[number]['path'], what: string, given: Case, path: string])[] = [
  ['group-member', 'a member', { facts: { isGroupMember: true } }, 'group-member'],
  ['group-member', 'a member whose system check fails: EC2 recovers no members', { facts: { isGroupMember: true }, status: systemFails }, 'group-member'],
  ['group-member', 'a member on Spot', { facts: { isGroupMember: true }, instance: { lifecycle: 'spot' } }, 'group-member'],
  ['native-recovery', 'a failing system check', { status: systemFails }, 'native-recovery → replace'],
  [
    'native-recovery',
    'the ladder comes after it, without what keeps the host',
    { status: systemFails, spec: wholeLadder, capability: online },
    'native-recovery → replace',
  ],
  ['native-recovery', 'a type that EC2 does not recover', { status: systemFails, capability: { isRecoveredByEc2: false } }, 'replace'],
  ['native-recovery', 'its time is over', { status: status('impaired', 'ok', '2026-11-21T08:50:00.000Z') }, 'replace'],
  ['native-recovery', 'a second before its time is over', { status: status('impaired', 'ok', '2026-11-21T08:50:01.000Z') }, 'native-recovery → replace'],
  ['native-recovery', 'a policy that gives it no time', { status: systemFails, spec: { nativeRecoverySeconds: 0 } }, 'replace'],
  ['restart', 'the whole ladder', { spec: wholeLadder, capability: online }, 'restart → reboot → replace'],
  ['restart', 'an agent that does not answer', { spec: wholeLadder }, 'reboot → replace'],
  ['restart', 'no declared service', { spec: { ladder: ['restart', 'replace'] }, capability: online }, 'replace'],
  ['restart', 'a ladder in another order', { spec: { ...wholeLadder, ladder: ['reboot', 'restart'] }, capability: online }, 'reboot → restart'],
  ['reboot', 'an instance check that fails', { spec: { ladder: ['reboot', 'replace'] }, status: instanceFails }, 'reboot → replace'],
  ['reboot', 'an instance that does not run', { spec: { ladder: ['reboot', 'replace'] }, instance: { state: 'stopped' } }, 'replace'],
  ['root-swap', 'identity must be kept', { spec: { keepIdentity: true }, status: instanceFails }, 'root-swap → replace'],
  ['root-swap', 'the ladder names it', { spec: wholeLadder, status: instanceFails }, 'reboot → root-swap → replace'],
  ['root-swap', 'its instance check passes', { spec: { keepIdentity: true } }, 'replace'],
  ['root-swap', 'its system check fails', { spec: { keepIdentity: true }, status: systemFails, capability: { isRecoveredByEc2: false } }, 'replace'],
  ['root-swap', 'bare metal', { spec: { keepIdentity: true }, status: instanceFails, capability: { isBareMetal: true } }, 'replace'],
  ['root-swap', 'a Marketplace product', { spec: { keepIdentity: true }, status: instanceFails, capability: { hasProductCode: true } }, 'replace'],
  ['root-swap', 'a root on instance store', { spec: { keepIdentity: true }, status: instanceFails, instance: { rootDeviceType: 'instance-store' } }, 'replace'],
  ['replace', 'anything else (S0-15)', {}, 'replace'],
  [
    'replace',
    'a gone instance, whatever the ladder',
    { spec: wholeLadder, facts: { instance: undefined, status: undefined, capability: undefined } },
    'replace',
  ],
  ['replace', 'a person asked for it', { spec: wholeLadder, capability: online, status: systemFails, facts: { isRequested: true } }, 'replace'],
  ['replace', 'a Spot Instance on its own', { instance: { lifecycle: 'spot' } }, 'none'],
  ['replace', 'a Spot Instance may still be rebooted', { instance: { lifecycle: 'spot' }, spec: { ladder: ['reboot', 'replace'] } }, 'reboot'],
  ['replace', 'stop protection', { capability: { isStopProtected: true } }, 'none'],
  ['replace', 'termination protection', { capability: { isTerminationProtected: true } }, 'replace'],
  ['replace', 'a ladder without it', { spec: { ladder: ['reboot'] }, status: status('impaired', 'ok', '2026-11-20T00:00:00.000Z') }, 'none'],
  ['replace', 'nothing follows it', { spec: { ladder: ['replace', 'reboot'] } }, 'replace'],
];

describe('the choice of a path', () => {
  it.each(rows)('%s: %s', (_row, _what, given, path) => {
    expect(chosen(given)).toBe(path);
  });

  it('has a case for every row, each with its authority', () => {
    expect(new Set(rows.map(([row]) => row))).toEqual(new Set(pathRows.map(({ path }) => path)));
    for (const { authority } of pathRows) expect(authority).toMatch(/^https:\/\/docs\.aws\.amazon\.com\/|^design\.md section 7/);
  });

  it('says why, and what it left out and why', () => {
    const choice = choosePath(factsOf({ spec: wholeLadder, status: instanceFails }));
    expect(choice).toEqual({
      kind: 'chosen',
      path: 'reboot',
      nextPaths: ['root-swap', 'replace'],
      reason: 'a reboot keeps everything but what is in memory; left out: restart (its Systems Manager agent does not answer)',
      skipped: [
        { path: 'native-recovery', reason: 'its system check does not fail' },
        { path: 'restart', reason: 'its Systems Manager agent does not answer' },
      ],
    });
  });

  it('leaves a member to its group, without a word of any step', () => {
    expect(choosePath(factsOf({ spec: wholeLadder, facts: { isGroupMember: true } }))).toEqual({
      kind: 'chosen',
      path: 'group-member',
      reason: 'its Auto Scaling group replaces its own members',
      nextPaths: [],
      skipped: [],
    });
  });

  it('takes what a person asked for, and says so', () => {
    expect(choosePath(factsOf({ spec: wholeLadder, status: systemFails, facts: { isRequested: true } }))).toEqual({
      kind: 'chosen',
      path: 'replace',
      reason: 'a person asked for it: a full replacement, launched first',
      nextPaths: [],
      skipped: [],
    });
  });

  it('says of every step why it cannot help where none can', () => {
    expect(choosePath(factsOf({ spec: { ladder: ['restart', 'reboot'] }, instance: { state: 'stopped' } }))).toEqual({
      kind: 'none',
      reason:
        'No step of the ladder can help: native-recovery (the instance is stopped, not running), restart (the instance is stopped, not running), reboot (the instance is stopped, not running)',
      skipped: ['native-recovery', 'restart', 'reboot'].map((path) => ({ path, reason: 'the instance is stopped, not running' })),
    });
  });

  it('tells of native recovery that was left out only where the host fails', () => {
    expect(reasonOf({})).toBe('a full replacement, launched first');
    expect(reasonOf({ status: systemFails, capability: { isRecoveredByEc2: false, recoveryReason: 'its type is not supported' } })).toBe(
      'a full replacement, launched first; left out: native-recovery (EC2 does not recover it by itself: its type is not supported)',
    );
    expect(reasonOf({ status: status('impaired', 'ok', '2026-11-21T08:50:00.000Z') })).toBe(
      'a full replacement, launched first; left out: native-recovery (the time for native recovery was over at 2026-11-21T09:00:00.000Z)',
    );
    expect(reasonOf({ instance: { state: 'stopped' } })).toBe('a full replacement, launched first');
  });

  it('gives EC2 ten minutes since the first failed check, not since now (design section 7)', () => {
    expect(nativeRecoveryUntil(systemFails, webPolicy().spec, NOW)).toBe('2026-11-21T09:05:00.000Z');
    expect(nativeRecoveryUntil(undefined, webPolicy().spec, NOW)).toBe('2026-11-21T09:10:00.000Z');
    expect(nativeRecoveryUntil({ instanceId: 'i-1', system: 'impaired', instance: 'ok' }, webPolicy().spec, NOW)).toBe('2026-11-21T09:10:00.000Z');
    expect(choosePath(factsOf({ status: systemFails }))).toMatchObject({
      reason: 'its system check fails, and EC2 may recover it by itself until 2026-11-21T09:05:00.000Z',
    });
  });

  it('puts the root swap right before the replacement where identity must be kept', () => {
    expect(ladderOf({ ladder: ['reboot', 'replace'], keepIdentity: true })).toEqual(['reboot', 'root-swap', 'replace']);
    expect(ladderOf({ ladder: ['reboot'], keepIdentity: true })).toEqual(['reboot']);
    expect(ladderOf({ ladder: ['reboot', 'replace'], keepIdentity: false })).toEqual(['reboot', 'replace']);
    expect(ladderOf({ ladder: ['root-swap', 'reboot', 'replace', 'restart'], keepIdentity: true })).toEqual(['root-swap', 'reboot', 'replace']);
  });

  it('never takes a step twice, never one that the policy does not name, and nothing after a replacement', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...ladderSteps), { minLength: 1 }),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom('ok', 'impaired'),
        fc.constantFrom('ok', 'impaired'),
        (ladder, isManagedOnline, keepIdentity, system, instance) => {
          const choice = choosePath(
            factsOf({ spec: { ...wholeLadder, ladder, keepIdentity }, capability: { isManagedOnline }, status: status(system, instance) }),
          );
          const steps = choice.kind === 'none' ? [] : [choice.path, ...choice.nextPaths];
          expect(new Set(steps).size).toBe(steps.length);
          expect(
            steps
              .filter((step) => step !== 'native-recovery')
              .every((step) => ladder.some((named) => named === step) || (keepIdentity && step === 'root-swap')),
          ).toBe(true);
          expect(steps.indexOf('replace')).toBe(steps.includes('replace') ? steps.length - 1 : -1);
          if (system === 'impaired') expect(steps).not.toContain('reboot');
        },
      ),
    );
  });
});

const rowOf = (path: (typeof pathRows)[number]['path']) => {
  const found = pathRows.find((row) => row.path === path);
  if (found === undefined) throw new Error(`no row ${path}`);
  return found;
};

describe('what is said of a step', () => {
  const gone: Case = { facts: { instance: undefined, status: undefined, capability: undefined } };
  const onBadHost = 'its system check fails: the trouble is the host, which this would not change';
  const notRunning = 'the instance is stopped, not running';
  const stopped: Case = { instance: { state: 'stopped' }, status: instanceFails };

  it.each<readonly [path: (typeof pathRows)[number]['path'], given: Case, problem: string | undefined]>([
    ['group-member', {}, 'it belongs to no Auto Scaling group'],
    ['group-member', { facts: { isGroupMember: true } }, undefined],
    ['native-recovery', gone, 'the instance is gone, not running'],
    ['native-recovery', stopped, notRunning],
    ['native-recovery', {}, 'its system check does not fail'],
    ['native-recovery', { facts: { status: undefined } }, 'its system check does not fail'],
    ['native-recovery', { status: systemFails }, undefined],
    ['native-recovery', { status: systemFails, facts: { capability: undefined } }, 'EC2 does not recover it by itself: the instance is gone'],
    ['native-recovery', { status: systemFails, capability: { isRecoveredByEc2: false, recoveryReason: 'no' } }, 'EC2 does not recover it by itself: no'],
    ['restart', stopped, notRunning],
    ['restart', { status: systemFails, spec: wholeLadder, capability: online }, onBadHost],
    ['restart', { capability: online }, 'the policy declares no restartProcess'],
    ['restart', { spec: wholeLadder }, 'its Systems Manager agent does not answer'],
    ['restart', { spec: wholeLadder, facts: { capability: undefined } }, 'its Systems Manager agent does not answer'],
    ['restart', { spec: wholeLadder, capability: online, facts: { status: undefined } }, undefined],
    ['reboot', stopped, notRunning],
    ['reboot', { status: systemFails }, onBadHost],
    ['reboot', {}, undefined],
    ['root-swap', stopped, notRunning],
    ['root-swap', { status: systemFails }, onBadHost],
    ['root-swap', {}, 'its instance check does not fail: a new root would not help'],
    ['root-swap', { facts: { status: undefined } }, 'its instance check does not fail: a new root would not help'],
    ['root-swap', { status: instanceFails, instance: { rootDeviceType: 'instance-store' } }, 'its root is not on EBS'],
    ['root-swap', { status: instanceFails, capability: { isBareMetal: true } }, 'it is a bare-metal instance, whose root EC2 does not replace'],
    [
      'root-swap',
      { status: instanceFails, capability: { hasProductCode: true } },
      'its image has a product code, so its root is only replaced from the same product',
    ],
    ['root-swap', { status: instanceFails, facts: { capability: undefined } }, undefined],
    ['replace', gone, undefined],
    ['replace', { instance: { rootDeviceType: 'instance-store' } }, undefined],
    [
      'replace',
      { instance: { rootDeviceType: 'instance-store' }, facts: { isFenced: true } },
      'Its root is on instance store, so it cannot be stopped, and its system may not run two at once',
    ],
  ])('%s, asked of %j: %s', (path, given, problem) => {
    expect(rowOf(path).problem(factsOf(given))).toBe(problem);
  });

  it.each<readonly [path: (typeof pathRows)[number]['path'], given: Case, reason: string]>([
    ['group-member', {}, 'its Auto Scaling group replaces its own members'],
    ['native-recovery', { status: systemFails }, 'its system check fails, and EC2 may recover it by itself until 2026-11-21T09:05:00.000Z'],
    ['restart', { spec: wholeLadder }, 'restarting web is the gentlest step of the ladder that can help'],
    ['restart', {}, 'restarting the service is the gentlest step of the ladder that can help'],
    ['reboot', {}, 'a reboot keeps everything but what is in memory'],
    ['root-swap', {}, 'its identity must be kept, and only its instance check fails: a new root volume can help'],
    ['replace', {}, 'a full replacement, launched first'],
    ['replace', { facts: { isFenced: true } }, 'a full replacement, the old instance stopped first'],
  ])('%s, where it can help %j: %s', (path, given, reason) => {
    expect(rowOf(path).reason(factsOf(given))).toBe(reason);
  });
});

describe('the table of capabilities', () => {
  const plain = { instance: instanceFacts(), isGroupMember: false, isFenced: false, capability: plainCapability };
  const cases = [
    ['group member', { ...plain, isGroupMember: true }, 'pass'],
    ['gone', { ...plain, instance: undefined, capability: undefined }, 'pass'],
    ['Spot Instance on its own', { ...plain, instance: instanceFacts({ lifecycle: 'spot' }) }, 'veto'],
    ['instance-store root, one at a time', { ...plain, isFenced: true, instance: instanceFacts({ rootDeviceType: 'instance-store' }) }, 'veto'],
    ['instance-store root', { ...plain, instance: instanceFacts({ rootDeviceType: 'instance-store' }) }, 'approve'],
    ['stop protection', { ...plain, capability: { ...plainCapability, isStopProtected: true } }, 'veto'],
    ['termination protection', { ...plain, capability: { ...plainCapability, isTerminationProtected: true } }, 'pass'],
    ['On-Demand with an EBS root', plain, 'pass'],
  ] as const;

  it.each(cases)('%s', (kind, facts, verdict) => {
    expect(replacementRowOf(facts)).toMatchObject({ kind, verdict });
  });

  it('has a case for every row', () => {
    expect(cases.map(([kind]) => kind)).toEqual(capabilityRows.map(({ kind }) => kind));
  });
});

describe('the next step of the ladder', () => {
  it('waits for EC2 when the host has begun to fail meanwhile, and goes on after its time', () => {
    const failing = factsOf({ status: systemFails, spec: wholeLadder });
    expect(chooseNextStep(failing, ['replace'])).toEqual({
      kind: 'chosen',
      path: 'native-recovery',
      reason: 'its system check fails, and EC2 may recover it by itself until 2026-11-21T09:05:00.000Z',
      nextPaths: ['replace'],
      skipped: [],
    });
    const over = 'the time for native recovery was over at 2026-11-21T08:50:00.000Z';
    const late = factsOf({ status: status('impaired', 'impaired', '2026-11-21T08:40:00.000Z'), spec: wholeLadder });
    expect(chooseNextStep(late, ['replace'])).toEqual({
      kind: 'chosen',
      path: 'replace',
      reason: `a full replacement, launched first; left out: native-recovery (${over})`,
      nextPaths: [],
      skipped: [{ path: 'native-recovery', reason: over }],
    });
  });

  it('asks for native recovery once, also where it is still to come', () => {
    const failing = factsOf({ status: systemFails, spec: wholeLadder });
    expect(chooseNextStep(failing, ['native-recovery', 'replace'])).toMatchObject({ path: 'native-recovery', nextPaths: ['replace'] });
    expect(chooseNextStep(factsOf({ status: systemFails, facts: { isRequested: true } }), ['replace'])).toMatchObject({ path: 'replace', nextPaths: [] });
  });

  it('says nothing of EC2 while the host is well', () => {
    expect(chooseNextStep(factsOf({ status: instanceFails, spec: wholeLadder }), ['root-swap', 'replace'])).toEqual({
      kind: 'chosen',
      path: 'root-swap',
      reason: 'its identity must be kept, and only its instance check fails: a new root volume can help',
      nextPaths: ['replace'],
      skipped: [],
    });
  });

  it('is the first that can help now; what was passed over is told, and what follows is asked when its turn comes', () => {
    const steps = ['restart', 'root-swap', 'reboot', 'restart', 'replace'] as const;
    const problems = [
      { path: 'restart', reason: 'its Systems Manager agent does not answer' },
      { path: 'root-swap', reason: 'its instance check does not fail: a new root would not help' },
    ];
    expect(chooseNextStep(factsOf({ spec: wholeLadder }), steps)).toEqual({
      kind: 'chosen',
      path: 'reboot',
      reason:
        'a reboot keeps everything but what is in memory; left out: restart (its Systems Manager agent does not answer), root-swap (its instance check does not fail: a new root would not help)',
      nextPaths: ['restart', 'replace'],
      skipped: problems,
    });
  });

  it('is none where no step that is left can help, or where none is left', () => {
    expect(chooseNextStep(factsOf({ spec: wholeLadder }), ['restart'])).toEqual({
      kind: 'none',
      reason: 'No step that is left can help: restart (its Systems Manager agent does not answer)',
      skipped: [{ path: 'restart', reason: 'its Systems Manager agent does not answer' }],
    });
    expect(chooseNextStep(factsOf({}), [])).toMatchObject({ kind: 'none', skipped: [] });
  });

  it('is never one that only a person asks for', () => {
    expect(chooseNextStep(factsOf({}), ['revert', 'drill', 'replace'])).toMatchObject({ kind: 'chosen', path: 'replace', nextPaths: [], skipped: [] });
  });

  it('is none for what has become a member of an Auto Scaling group meanwhile', () => {
    expect(chooseNextStep(factsOf({ facts: { isGroupMember: true } }), ['replace'])).toEqual({
      kind: 'none',
      reason: 'It belongs to an Auto Scaling group now, which replaces its own members',
      skipped: [],
    });
  });
});
