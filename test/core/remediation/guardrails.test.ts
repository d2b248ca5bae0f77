import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemSchema, type System } from '../../../core/catalog/schema.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { evaluateGuardrails, type GuardrailFacts, type GuardrailVerdict, guardrails, isTriggerListed, know } from '../../../core/remediation/guardrails.ts';
import type { AlarmFacts, InstanceFacts, TargetHealth } from '../../../core/remediation/ports.ts';
import { groupOf, instanceFacts, NOW, remediationOf, slotOf } from './builders.ts';
import { webPolicy, webSystem, webTarget } from './world.ts';

const known = <Value>(value: Value): { readonly isKnown: true; readonly value: Value } => ({ isKnown: true, value });
const unknown = { isKnown: false, why: 'throttled' } as const;

const target = (state: TargetHealth['state']): TargetHealth => ({ ...webTarget, instanceId: 'i-0000000000000001', state });

/** Facts over which every guardrail passes. */
function facts(changes: Partial<GuardrailFacts> = {}): GuardrailFacts {
  return {
    now: NOW,
    remediation: remediationOf(),
    system: webSystem(),
    policy: webPolicy(),
    pauses: known([]),
    platform: known({ inFlight: ['rem-1'], starts: [NOW], unhealthySystems: [], breaker: { state: 'closed' } }),
    group: known(groupOf({ inFlight: ['rem-1'] })),
    groupCount: known({ members: 3, unhealthy: 1 }),
    slot: known(slotOf({ remediationId: 'rem-1', attempts: [NOW] })),
    instance: known(instanceFacts()),
    isGroupMember: known(false),
    status: known({ instanceId: 'i-0000000000000001', system: 'ok', instance: 'ok' }),
    targets: known([target('unhealthy')]),
    alarm: known(undefined),
    isImageInLineage: known(true),
    image: known({ kind: 'chosen', imageId: 'ami-v2', reason: 'ami-v2 is verified' }),
    ...changes,
  };
}

const alarm: AlarmFacts = {
  name: 'shop-web-unhealthy--i-2',
  arn: 'arn:alarm',
  state: 'ALARM',
  stateReason: 'Threshold Crossed',
  changedAt: NOW,
  treatsMissingDataAsBreaching: false,
  hasOwnAction: false,
  alarmOf: 'shop-web-unhealthy',
};

/** The trigger is a cloned alarm; policies list its original name. */
function alarmFacts(changes: Partial<AlarmFacts> = {}): Partial<GuardrailFacts> {
  const trigger = { kind: 'alarm.state-change', alarmName: alarm.name, originalAlarmName: 'shop-web-unhealthy' };
  return { remediation: remediationOf({ trigger }), alarm: known({ ...alarm, ...changes }) };
}

const statusTrigger = remediationOf({ trigger: { kind: 'instance.status-check' } });
const singleStatus = remediationOf({ system: webSystem('single'), trigger: { kind: 'instance.status-check' } });
const withInstance = (changes: Partial<InstanceFacts>): Partial<GuardrailFacts> => ({ instance: known(instanceFacts(changes)) });
const withSystem = (spec: Partial<System['spec']>): Partial<GuardrailFacts> => ({
  system: systemSchema.parse({ ...webSystem(), spec: { ...webSystem().spec, ...spec } }),
});
const inMode = (mode: 'dry-run' | 'approve' | 'auto'): Partial<GuardrailFacts> => ({ remediation: remediationOf({}, { mode }), policy: webPolicy({ mode }) });
const tagged = (tags: Record<string, string>): Partial<GuardrailFacts> => withInstance({ tags: { 'perennial:system': 'shop-web', ...tags } });

function verdictOf(name: string, changes: Partial<GuardrailFacts>): Omit<GuardrailVerdict, 'name'> {
  const found = evaluateGuardrails(facts(changes)).verdicts.find((verdict) => verdict.name === name);
  if (found === undefined) throw new Error(`no guardrail ${name}`);
  return { verdict: found.verdict, reason: found.reason };
}

type Case = readonly [guardrail: string, what: string, changes: Partial<GuardrailFacts>, verdict: GuardrailVerdict['verdict'], reason: string];

const paused = (target_: string, isPaused: boolean) => ({ target: target_, isPaused, by: 'kim', reason: 'migration', at: NOW });

const cases: readonly Case[] = [
  ['pause', 'nothing paused', {}, 'pass', 'Neither the platform nor the system is paused'],
  ['pause', 'a switch that was set back', { pauses: known([paused('global', false)]) }, 'pass', 'Neither the platform nor the system is paused'],
  [
    'pause',
    'the system paused',
    { pauses: known([paused('global', false), paused('system#shop-web', true)]) },
    'veto',
    'Paused (system#shop-web) by kim: migration',
  ],

  ['platform caps', 'its own place', {}, 'pass', '1 of 5 remediations in flight'],
  [
    'platform caps',
    'an open breaker',
    { platform: known({ inFlight: ['rem-1'], starts: [], unhealthySystems: [], breaker: { state: 'open', since: NOW } }) },
    'veto',
    `The platform breaker is open since ${NOW}`,
  ],
  [
    'platform caps',
    'no place',
    { platform: known({ inFlight: [], starts: [], unhealthySystems: [], breaker: { state: 'closed' } }) },
    'veto',
    'This remediation holds no place under the platform caps',
  ],
  [
    'platform caps',
    'more than the cap',
    { platform: known({ inFlight: ['rem-1', 'b', 'c', 'd', 'e', 'f'], starts: [], unhealthySystems: [], breaker: { state: 'closed' } }) },
    'veto',
    '6 remediations are in flight, the cap is 5',
  ],

  ['allow-list', 'a listed kind', {}, 'pass', 'The policy lists instance.target-unhealthy'],
  [
    'allow-list',
    'a kind that is not listed',
    { remediation: remediationOf({ trigger: { kind: 'instance.rebalance' } }) },
    'veto',
    'The policy shop-web does not list instance.rebalance as a trigger',
  ],
  ['allow-list', 'a cloned alarm, by its original name', alarmFacts(), 'pass', 'The policy lists the alarm shop-web-unhealthy'],
  [
    'allow-list',
    'an alarm with an action of its own',
    alarmFacts({ hasOwnAction: true }),
    'veto',
    'The alarm shop-web-unhealthy--i-2 acts on EC2 or scaling itself; two healers would race',
  ],
  ['allow-list', 'an alarm that is gone', { ...alarmFacts(), alarm: known(undefined) }, 'veto', 'The alarm shop-web-unhealthy--i-2 does not exist any more'],
  [
    'allow-list',
    'another alarm',
    {
      remediation: remediationOf({ trigger: { kind: 'alarm.state-change', alarmName: 'other', originalAlarmName: 'other' } }),
      alarm: known({ ...alarm, name: 'other' }),
    },
    'veto',
    'The policy shop-web does not list other as a trigger',
  ],

  [
    'opt-in and provenance',
    'tag, lineage and security group',
    {},
    'pass',
    'Opted in by tag, image ami-v1 is in the lineage, and it is in the security group shop-web',
  ],
  ['opt-in and provenance', 'mode approve', inMode('approve'), 'approve', 'The policy shop-web asks for approval'],
  ['opt-in and provenance', 'mode dry-run', inMode('dry-run'), 'pass', 'Dry run: nothing will be touched'],
  ['opt-in and provenance', 'no tag', withInstance({ tags: {} }), 'veto', 'The instance does not carry the tag perennial:system=shop-web'],
  [
    'opt-in and provenance',
    'no tag, in a dry run too',
    { ...inMode('dry-run'), ...withInstance({ tags: {} }) },
    'veto',
    'The instance does not carry the tag perennial:system=shop-web',
  ],
  [
    'opt-in and provenance',
    'the tag of another system',
    tagged({ 'perennial:system': 'shop-db' }),
    'veto',
    'The instance does not carry the tag perennial:system=shop-web',
  ],
  ['opt-in and provenance', 'a gone instance', { instance: known(undefined) }, 'pass', 'The instance is gone; its slot was opted in'],
  [
    'opt-in and provenance',
    'an image outside the lineage',
    { isImageInLineage: known(false) },
    'approve',
    'auto falls to approve: its image ami-v1 was never an approved image of the role',
  ],
  [
    'opt-in and provenance',
    'nothing that confirms the tag',
    withInstance({ securityGroupNames: ['default'], securityGroupIds: ['sg-default'] }),
    'approve',
    'auto falls to approve: no role, security group or subnet confirms that it belongs to the system',
  ],
  [
    'opt-in and provenance',
    'a data volume on a stateless system',
    withInstance({ dataVolumeIds: ['vol-1'] }),
    'approve',
    'auto falls to approve: it has data volumes (vol-1) though the system is declared stateless',
  ],
  [
    'opt-in and provenance',
    'the instance profile confirms it',
    {
      ...withSystem({ access: { instanceRole: 'shop-web', securityGroups: [], accounts: [], groups: [] } }),
      ...withInstance({ instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/path/shop-web' }),
    },
    'pass',
    'Opted in by tag, image ami-v1 is in the lineage, and its instance profile is shop-web',
  ],
  [
    'opt-in and provenance',
    'the subnet confirms it',
    withSystem({ access: { securityGroups: [], accounts: [], groups: [] }, network: { subnets: ['subnet-a'] } }),
    'pass',
    'Opted in by tag, image ami-v1 is in the lineage, and it is in the subnet subnet-a',
  ],

  ['capability', 'a stand-alone instance', {}, 'pass', 'A stand-alone instance with an EBS root'],
  ['capability', 'a gone instance', { instance: known(undefined) }, 'pass', 'The instance is gone; nothing of it can be lost'],
  [
    'capability',
    'a spot instance',
    withInstance({ lifecycle: 'spot' }),
    'veto',
    'Spot instances are not replaced by this version: the request would not be kept',
  ],
  [
    'capability',
    'an instance-store root',
    withInstance({ rootDeviceType: 'instance-store' }),
    'veto',
    'Instance-store roots are not replaced: stopping would erase the evidence',
  ],
  [
    'capability',
    'a member of an Auto Scaling group',
    { isGroupMember: known(true) },
    'veto',
    'It belongs to an Auto Scaling group, which replaces its own members',
  ],
  [
    'capability',
    'a stateful system',
    withSystem({ recovery: { rtoSeconds: 600, rpoSeconds: 0, stateful: true } }),
    'veto',
    'The system is stateful: it needs a fresh snapshot or an approval, which this version does not take',
  ],

  ['pending duration', 'its target still unhealthy', {}, 'pass', 'Its target is still unhealthy'],
  ['pending duration', 'its target healthy again', { targets: known([target('healthy')]) }, 'veto', 'Its target is not unhealthy any more'],
  ['pending duration', 'no target', { targets: known([]) }, 'veto', 'Its target is not unhealthy any more'],
  ['pending duration', 'a gone instance', { instance: known(undefined) }, 'pass', 'EC2 says the instance is gone'],
  ['pending duration', 'a terminated instance', withInstance({ state: 'terminated' }), 'pass', 'EC2 says the instance is gone'],
  ['pending duration', 'on hold', tagged({ 'perennial:hold': 'kim' }), 'veto', 'It is on hold (kim)'],
  ['pending duration', 'on hold without a word', tagged({ 'perennial:hold': '' }), 'veto', 'It is on hold ()'],
  ['pending duration', 'in quarantine', tagged({ 'perennial:quarantine': 'inc-0' }), 'veto', 'It is in quarantine already'],
  ['pending duration', 'stopped on purpose', withInstance({ state: 'stopped' }), 'veto', 'It was stopped on purpose'],
  ['pending duration', 'being stopped', withInstance({ state: 'stopping' }), 'veto', 'It was stopped on purpose'],
  [
    'pending duration',
    'inside the grace period',
    withInstance({ launchedAt: '2026-11-21T08:55:00.001Z' }),
    'veto',
    'It is 299 s old, inside the grace period of 300 s',
  ],
  ['pending duration', 'at the end of the grace period', withInstance({ launchedAt: '2026-11-21T08:55:00.000Z' }), 'pass', 'Its target is still unhealthy'],
  ['pending duration', 'an alarm still in ALARM', alarmFacts(), 'pass', 'The alarm shop-web-unhealthy--i-2 is still in ALARM'],
  ['pending duration', 'an alarm that is OK', alarmFacts({ state: 'OK' }), 'veto', 'The alarm shop-web-unhealthy--i-2 is OK now'],
  [
    'pending duration',
    'an alarm without data',
    alarmFacts({ state: 'INSUFFICIENT_DATA' }),
    'veto',
    'The alarm shop-web-unhealthy--i-2 is INSUFFICIENT_DATA now',
  ],
  ['pending duration', 'an alarm that is gone', { ...alarmFacts(), alarm: known(undefined) }, 'veto', 'The alarm shop-web-unhealthy--i-2 is gone now'],
  [
    'pending duration',
    'a failing status check',
    { remediation: statusTrigger, status: known({ instanceId: 'i-1', system: 'ok', instance: 'impaired' }) },
    'pass',
    'A status check still fails',
  ],
  ['pending duration', 'status checks that pass', { remediation: statusTrigger }, 'veto', 'No status check fails any more'],
  ['pending duration', 'no status at all', { remediation: statusTrigger, status: known(undefined) }, 'veto', 'No status check fails any more'],
  [
    'pending duration',
    'a healthy target that contradicts the status check of a `multiple` system',
    { remediation: statusTrigger, status: known({ instanceId: 'i-1', system: 'impaired', instance: 'ok' }), targets: known([target('healthy')]) },
    'veto',
    'A status check still fails, but its targets are healthy: an incident, not a repair',
  ],
  [
    'pending duration',
    'a healthy target that contradicts the alarm of a `multiple` system',
    { ...alarmFacts(), targets: known([target('healthy')]) },
    'veto',
    'The alarm shop-web-unhealthy--i-2 is still in ALARM, but its targets are healthy: an incident, not a repair',
  ],
  [
    'pending duration',
    'a healthy target of a `single` system contradicts nothing',
    { remediation: singleStatus, status: known({ instanceId: 'i-1', system: 'impaired', instance: 'ok' }), targets: known([target('healthy')]) },
    'pass',
    'A status check still fails',
  ],
  [
    'pending duration',
    'one of two targets healthy contradicts nothing',
    {
      remediation: statusTrigger,
      status: known({ instanceId: 'i-1', system: 'impaired', instance: 'ok' }),
      targets: known([target('healthy'), target('unhealthy')]),
    },
    'pass',
    'A status check still fails',
  ],

  ['circuit breaker', 'at the limit', {}, 'pass', '1 of 3 unhealthy, the limit is 1'],
  [
    'circuit breaker',
    'above the limit by a fresh count',
    { groupCount: known({ members: 3, unhealthy: 2 }) },
    'veto',
    'The circuit breaker is open: 2 of 3 unhealthy, the limit is 1',
  ],
  [
    'circuit breaker',
    'open by record',
    { group: known(groupOf({ inFlight: ['rem-1'], breaker: { state: 'open', since: NOW, isProbeFailed: false } })) },
    'veto',
    'The circuit breaker is open: 1 of 3 unhealthy, the limit is 1',
  ],
  [
    'circuit breaker',
    'open, and this is the probe',
    {
      group: known(groupOf({ inFlight: ['rem-1'], breaker: { state: 'open', since: NOW, isProbeFailed: false, probeRemediationId: 'rem-1' } })),
      groupCount: known({ members: 3, unhealthy: 2 }),
    },
    'pass',
    'The breaker is open (2 of 3 unhealthy); this is its one probe',
  ],

  ['one at a time', 'its own slot', {}, 'pass', '1 of at most 1 in flight in the group'],
  [
    'one at a time',
    'a slot that another holds',
    { slot: known(slotOf({ remediationId: 'rem-0' })) },
    'veto',
    'The slot is held by rem-0, not by this remediation',
  ],
  ['one at a time', 'a slot that was freed', { slot: known(slotOf()) }, 'veto', 'The slot is held by nobody, not by this remediation'],
  [
    'one at a time',
    'another one in a small group',
    { group: known(groupOf({ inFlight: ['rem-0', 'rem-1'] })) },
    'veto',
    '1 other remediations run in the group, at most 1 may',
  ],

  ['retry cap', 'the first attempt', {}, 'pass', 'Attempt 1 of 3 in 24 h'],
  ['retry cap', 'the last attempt', { slot: known(slotOf({ remediationId: 'rem-1', attempts: [NOW, NOW, NOW] })) }, 'pass', 'Attempt 3 of 3 in 24 h'],
  [
    'retry cap',
    'one too many',
    { slot: known(slotOf({ remediationId: 'rem-1', attempts: [NOW, NOW, NOW, NOW] })) },
    'veto',
    '4 attempts on this slot in 24 h, the cap is 3',
  ],

  ['image choice', 'a chosen image', {}, 'pass', 'ami-v2 is verified'],
  ['image choice', 'no image', { image: known({ kind: 'none', reason: 'The role has no approved image' }) }, 'veto', 'The role has no approved image'],
];

const named = (verdict: string): readonly string[] => [...new Set(cases.filter((row) => row[3] === verdict).map(([name]) => name))];

describe('guardrails', () => {
  it('are asked in the order of design section 7, each with its authority', () => {
    expect(guardrails.map(({ name }) => name)).toEqual([
      'pause',
      'platform caps',
      'allow-list',
      'opt-in and provenance',
      'capability',
      'pending duration',
      'circuit breaker',
      'one at a time',
      'retry cap',
      'image choice',
    ]);
    for (const { authority } of guardrails) expect(authority).toMatch(/^design section 7, /);
  });

  it('have a case here that passes and one that vetoes, each', () => {
    expect(named('pass').toSorted()).toEqual(guardrails.map(({ name }) => name).toSorted());
    expect(named('veto').toSorted()).toEqual(guardrails.map(({ name }) => name).toSorted());
  });

  it.each(cases)('%s: %s', (guardrail, _what, changes, verdict, reason) => {
    expect(verdictOf(guardrail, changes)).toEqual({ verdict, reason });
  });

  it('pass a plain failure of a plain instance', () => {
    const { verdicts, decisive } = evaluateGuardrails(facts());
    expect(decisive).toBeUndefined();
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(guardrails.map(() => 'pass'));
  });

  it('are all asked, and the first that does not pass decides', () => {
    const { verdicts, decisive } = evaluateGuardrails(
      facts({ pauses: known([paused('global', true)]), isGroupMember: known(true), image: known({ kind: 'none', reason: 'none' }) }),
    );
    expect(verdicts).toHaveLength(guardrails.length);
    expect(verdicts.filter(({ verdict }) => verdict === 'veto').map(({ name }) => name)).toEqual(['pause', 'capability', 'image choice']);
    expect(decisive?.name).toBe('pause');
  });
});

/** Every fact that is read, and the guardrails that need it, for each trigger. */
type FactName =
  | 'pauses'
  | 'platform'
  | 'group'
  | 'groupCount'
  | 'slot'
  | 'instance'
  | 'isGroupMember'
  | 'status'
  | 'targets'
  | 'alarm'
  | 'isImageInLineage'
  | 'image';

const always: Readonly<Partial<Record<FactName, readonly string[]>>> = {
  pauses: ['pause'],
  platform: ['platform caps'],
  group: ['circuit breaker', 'one at a time'],
  groupCount: ['circuit breaker', 'one at a time'],
  slot: ['one at a time', 'retry cap'],
  instance: ['opt-in and provenance', 'capability', 'pending duration'],
  isGroupMember: ['capability'],
  isImageInLineage: ['opt-in and provenance'],
  image: ['image choice'],
};
const triggers = {
  'a target': { changes: {}, needs: { ...always, targets: ['pending duration'] } },
  // Whether a target contradicts cannot be asked without the targets.
  'an alarm': { changes: alarmFacts(), needs: { ...always, alarm: ['allow-list', 'pending duration'], targets: ['pending duration'] } },
  'a status check': {
    changes: { remediation: statusTrigger, status: known({ instanceId: 'i-1', system: 'impaired', instance: 'ok' } as const) },
    needs: { ...always, status: ['pending duration'], targets: ['pending duration'] },
  },
} as const satisfies Record<string, { readonly changes: Partial<GuardrailFacts>; readonly needs: Partial<Record<FactName, readonly string[]>> }>;

describe('a fact that could not be read', () => {
  for (const [trigger, { changes, needs }] of Object.entries(triggers)) {
    it.each(Object.entries(needs))(`stops what needs it (trigger: ${trigger}): %s → %s`, (fact, names) => {
      for (const name of names) {
        const verdict = verdictOf(name, { ...changes, [fact]: unknown });
        expect(verdict.verdict, `${name} without ${fact}`).not.toBe('pass');
        expect(verdict.reason).toContain('throttled');
      }
      expect(verdictOf(names[0] ?? '', changes).verdict).toBe('pass');
    });
  }

  it('never lets a remediation through: any set of unknown facts that somebody needs stops it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(triggers)), fc.subarray(Object.keys(always), { minLength: 1 }), ({ changes }, missing) => {
        const { decisive } = evaluateGuardrails(facts({ ...changes, ...Object.fromEntries(missing.map((name) => [name, unknown])) }));
        expect(decisive).toBeDefined();
      }),
    );
  });

  it('is what a permanent failure becomes; a throttle is thrown on, because asking again may help', async () => {
    expect(await know(() => Promise.reject(new PermanentError('AccessDenied')))).toEqual({ isKnown: false, why: 'AccessDenied' });
    await expect(know(() => Promise.reject(new RetryableError('Rate exceeded')))).rejects.toThrow(RetryableError);
    expect(await know(() => Promise.resolve(3))).toEqual({ isKnown: true, value: 3 });
  });
});

describe('the list of triggers', () => {
  const policy = webPolicy({ triggers: ['instance.status-check', { alarm: 'shop-web-unhealthy' }] });

  it('lists kinds by name and alarms by their original name only', () => {
    expect(isTriggerListed(policy, { kind: 'instance.status-check' })).toBe(true);
    expect(isTriggerListed(policy, { kind: 'instance.target-unhealthy' })).toBe(false);
    expect(isTriggerListed(policy, { kind: 'alarm.state-change', originalAlarmName: 'shop-web-unhealthy' })).toBe(true);
    expect(isTriggerListed(policy, { kind: 'alarm.state-change', originalAlarmName: 'shop-web-unhealthy-2' })).toBe(false);
    expect(isTriggerListed(policy, { kind: 'alarm.state-change' })).toBe(false);
  });
});
