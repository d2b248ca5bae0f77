import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MaintenanceWindow, systemSchema, type System, windowSchema } from '../../../../core/catalog/schema.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import {
  evaluateGuardrails,
  type GuardrailFacts,
  type GuardrailVerdict,
  guardrails,
  isForGroup,
  isGroupOver,
  know,
} from '../../../../core/remediation/guardrails/guardrails.ts';
import type { AlarmFacts, InstanceFacts, TargetHealth } from '../../../../core/remediation/ports.ts';
import type { PathName, Platform } from '../../../../core/remediation/record.ts';
import { replacementRowOf } from '../../../../core/remediation/guardrails/capability.ts';
import { choosePath } from '../../../../core/remediation/paths/path-choice.ts';
import { failureModeOf } from '../../../../core/remediation/paths/procedure.ts';
import { groupOf, instanceFacts, NOW, plainCapability, remediationOf, slotOf } from '../builders.ts';
import { webPolicy, webSystem, webTarget } from '../world.ts';

const known = <Value>(value: Value): { readonly isKnown: true; readonly value: Value } => ({ isKnown: true, value });
const unknown = { isKnown: false, why: 'throttled' } as const;

const target = (state: TargetHealth['state']): TargetHealth => ({ ...webTarget, instanceId: 'i-0000000000000001', state });

/** All but the one of ways back. */
const ofRepairs = guardrails.filter(({ name }) => name !== 'quarantine');

/** Facts over which every guardrail passes. */
function facts(changes: Partial<GuardrailFacts> = {}): GuardrailFacts {
  const found = {
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
    capability: known(plainCapability),
    status: known({ instanceId: 'i-0000000000000001', system: 'ok', instance: 'ok' }),
    targets: known([target('unhealthy')]),
    alarm: known(undefined),
    isImageInLineage: known(true),
    image: known({ kind: 'chosen', imageId: 'ami-v2', reason: 'ami-v2 is verified' }),
    ...changes,
  } satisfies Omit<GuardrailFacts, 'path'>;
  return { ...found, path: changes.path ?? pathOf(found) };
}

/** As the guard phase chooses it: what one reading lacks, the choice lacks. */
function pathOf({ instance, isGroupMember, status, capability, policy, remediation }: Omit<GuardrailFacts, 'path'>): GuardrailFacts['path'] {
  if (!instance.isKnown) return instance;
  if (!isGroupMember.isKnown) return isGroupMember;
  if (!status.isKnown) return status;
  if (!capability.isKnown) return capability;
  return known(
    choosePath({
      now: NOW,
      policy: policy.spec,
      isFenced: failureModeOf(remediation) === 'fenced',
      isRequested: false,
      instance: instance.value,
      isGroupMember: isGroupMember.value,
      status: status.value,
      capability: capability.value,
    }),
  );
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

const zoneBreaker = (probeRemediationId: string): Platform => ({
  inFlight: ['rem-0', 'rem-1'],
  starts: [NOW],
  unhealthySystems: [],
  breaker: { state: 'closed' },
  troubles: [{ slotId: 'shop-web/1', groupId: 'shop-web/web', groupMembers: 3, incidentId: 'inc-1', at: NOW, causes: ['zone:eu-central-1a'] }],
  causeBreakers: [{ cause: 'zone:eu-central-1a', since: NOW, isProbeFailed: false, probeRemediationId }],
});

const paused = (target_: string, isPaused: boolean) => ({ target: target_, isPaused, by: 'kim', reason: 'migration', at: NOW });

/** A window of an hour. */
const windowAt = (schedule: string): MaintenanceWindow =>
  windowSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'MaintenanceWindow',
    metadata: { name: 'patching' },
    spec: { systems: ['shop-web'], schedule, durationMinutes: 60, author: 'team-database' },
  });

const requested = () => remediationOf({ trigger: { kind: 'instance.replace-requested' } }, { request: { by: 'kim', reason: 'odd noises', at: NOW } });

const wayBack = (): Partial<GuardrailFacts> => ({
  remediation: remediationOf({}, { revertOf: 'rem-0', newInstanceId: 'i-0000000000000002' }),
  revertOf: known(remediationOf({ id: 'rem-0' }, { state: 'succeeded', newInstanceId: 'i-0000000000000002' })),
});

const OLD_ID = 'i-0000000000000001';

const { revertOf: _look, ...withoutLook } = wayBack();

const quarantinedUntil = (seconds: number, state: 'stopped' | 'running' = 'stopped'): Partial<GuardrailFacts> =>
  withInstance({ state, tags: { 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': addSeconds(NOW, seconds) } });

const byPath = (path: PathName, nextPaths: readonly PathName[] = []): Partial<GuardrailFacts> => ({
  path: known({ kind: 'chosen', path, reason: `it goes by ${path}`, nextPaths, skipped: [] }),
});
const stateful = (rpoSeconds: number): Partial<GuardrailFacts> => withSystem({ recovery: { rtoSeconds: 600, rpoSeconds, stateful: true } });
const inRole = withSystem({ access: { instanceRole: 'shop-web', securityGroups: ['shop-web'], accounts: [], groups: [] } });
const profile = (name: string): Partial<GuardrailFacts> => withInstance({ instanceProfileArn: `arn:aws:iam::111122223333:instance-profile/${name}` });

const moreCases: readonly Case[] = [
  [
    'platform caps',
    'a breaker that is open since nobody knows when',
    { platform: known({ inFlight: ['rem-1'], starts: [], unhealthySystems: [], breaker: { state: 'open' } }) },
    'veto',
    'The platform breaker is open since an unknown time',
  ],
  [
    'platform caps',
    'the last place',
    { platform: known({ inFlight: ['a', 'b', 'c', 'd', 'rem-1'], starts: [], unhealthySystems: [], breaker: { state: 'closed' } }) },
    'pass',
    '5 of 5 remediations in flight',
  ],
  [
    'allow-list',
    'a kind that nobody lists and nobody asked for, though somebody asked for something',
    { remediation: remediationOf({ trigger: { kind: 'instance.rebalance' } }, { request: { by: 'kim', reason: 'odd noises', at: NOW } }) },
    'veto',
    'The policy shop-web does not list instance.rebalance as a trigger',
  ],
  [
    'allow-list',
    'a request of which nobody knows who made it',
    { remediation: remediationOf({ trigger: { kind: 'instance.replace-requested' } }) },
    'veto',
    'The policy shop-web does not list instance.replace-requested as a trigger',
  ],
  [
    'opt-in and provenance',
    'the profile of something else, in the security group of the system',
    { ...inRole, ...profile('other') },
    'pass',
    'Opted in by tag, image ami-v1 is in the lineage, and it is in the security group shop-web',
  ],
  [
    'opt-in and provenance',
    'no profile, in the security group of the system',
    inRole,
    'pass',
    'Opted in by tag, image ami-v1 is in the lineage, and it is in the security group shop-web',
  ],
  [
    'opt-in and provenance',
    'the security group by its id',
    withSystem({ access: { securityGroups: ['sg-web'], accounts: [], groups: [] } }),
    'pass',
    'Opted in by tag, image ami-v1 is in the lineage, and it is in the security group sg-web',
  ],
  [
    'opt-in and provenance',
    'everything that speaks against its tag',
    { isImageInLineage: known(false), ...withInstance({ securityGroupNames: [], securityGroupIds: [], dataVolumeIds: ['vol-1', 'vol-2'] }) },
    'approve',
    'auto falls to approve: its image ami-v1 was never an approved image of the role; no role, security group or subnet confirms that it belongs to the system; ' +
      'it has data volumes (vol-1, vol-2) though the system is declared stateless',
  ],
  [
    'opt-in and provenance',
    'data volumes of a stateful system',
    { ...stateful(3600), ...withInstance({ dataVolumeIds: ['vol-1'] }) },
    'pass',
    'Opted in by tag, image ami-v1 is in the lineage, and it is in the security group shop-web',
  ],
  [
    'opt-in and provenance',
    'an image outside the lineage, when drills could not be read',
    { isImageInLineage: known(false), drillPassedAt: unknown },
    'approve',
    'auto falls to approve: its image ami-v1 was never an approved image of the role',
  ],
  [
    'opt-in and provenance',
    'an unconfirmed tag after a drill',
    { drillPassedAt: known(NOW), ...withInstance({ securityGroupNames: [], securityGroupIds: [] }) },
    'approve',
    'auto falls to approve: no role, security group or subnet confirms that it belongs to the system',
  ],
  [
    'capability',
    'data volumes of a stateful system that may lose an hour',
    { ...stateful(3600), ...withInstance({ dataVolumeIds: ['vol-1'] }) },
    'pass',
    'A stand-alone instance with an EBS root; a full replacement, launched first',
  ],
  [
    'capability',
    'a member of a stateful system',
    { ...stateful(3600), isGroupMember: known(true) },
    'approve',
    'The system is stateful, and its Auto Scaling group replaces its own members: the volumes of the old member end with it',
  ],
  ['capability', 'a reboot', byPath('reboot'), 'pass', 'It keeps its disks: it goes by reboot'],
  ['capability', 'a restart, then a reboot', byPath('restart', ['reboot']), 'pass', 'It keeps its disks: it goes by restart'],
  [
    'capability',
    'native recovery of a stateful system',
    { ...stateful(0), ...byPath('native-recovery') },
    'pass',
    'It keeps its disks: it goes by native-recovery',
  ],
  [
    'capability',
    'a reboot that may be followed by a replacement',
    byPath('reboot', ['replace']),
    'pass',
    'A stand-alone instance with an EBS root; it goes by reboot',
  ],
  [
    'capability',
    'a reboot of a stateful system that may be followed by a new root volume',
    { ...stateful(3600), ...byPath('reboot', ['root-swap']) },
    'approve',
    'The system is stateful and the instance has no data volume: what is on its root would not move',
  ],
  [
    'capability',
    'a new root volume of what cannot be replaced',
    { ...byPath('root-swap'), ...withInstance({ lifecycle: 'spot' }) },
    'pass',
    'It goes by root-swap',
  ],
  [
    'capability',
    'a new root volume of what may not be stopped, in a stateful system',
    { ...stateful(3600), ...byPath('root-swap'), capability: known({ ...plainCapability, isStopProtected: true }) },
    'approve',
    'The system is stateful and the instance has no data volume: what is on its root would not move',
  ],
  ['pending duration', 'an instance that is being ended', withInstance({ state: 'shutting-down' }), 'pass', 'EC2 says the instance is gone'],
  [
    'pending duration',
    'status checks that pass beside healthy targets',
    { remediation: statusTrigger, targets: known([target('healthy')]) },
    'veto',
    'No status check fails any more',
  ],
  [
    'pending duration',
    'a failing status check of an instance behind no load balancer',
    { remediation: statusTrigger, status: known({ instanceId: 'i-1', system: 'ok', instance: 'impaired' }), targets: known([]) },
    'pass',
    'A status check still fails',
  ],
  [
    'pending duration',
    'one of two targets still unhealthy',
    { targets: known([target('healthy'), target('unhealthy')]) },
    'pass',
    'Its target is still unhealthy',
  ],
  [
    'image choice',
    'a member, whose group names the image',
    { isGroupMember: known(true), image: known({ kind: 'none', reason: 'The role has no approved image' }) },
    'pass',
    'The template of its Auto Scaling group names the image; the group is asked before anything is done',
  ],
  [
    'quarantine',
    'the old one is gone',
    { ...wayBack(), instance: known(undefined) },
    'veto',
    `${OLD_ID} is terminated: its quarantine is over and nothing can be swapped back`,
  ],
  [
    'quarantine',
    'the old one is being ended',
    { ...wayBack(), ...withInstance({ state: 'shutting-down' }) },
    'veto',
    `${OLD_ID} is terminated: its quarantine is over and nothing can be swapped back`,
  ],
  [
    'quarantine',
    'it is set apart for nobody knows how long',
    { ...wayBack(), ...withInstance({ state: 'stopped', tags: { 'perennial:quarantine': 'inc-1' } }) },
    'veto',
    `${OLD_ID} is not in quarantine any more`,
  ],
  [
    'quarantine',
    'only the end of its quarantine is left on it',
    { ...wayBack(), ...withInstance({ state: 'stopped', tags: { 'perennial:quarantine-until': addSeconds(NOW, 3600) } }) },
    'veto',
    `${OLD_ID} is not in quarantine any more`,
  ],
  ['quarantine', 'what to take back was not even looked for', withoutLook, 'veto', 'There is no remediation rem-0'],
  [
    'quarantine',
    'what to take back has replaced nothing',
    { ...wayBack(), revertOf: known(remediationOf({ id: 'rem-0' }, { state: 'failed' })) },
    'veto',
    'rem-0 ended failed and has replaced nothing',
  ],
];

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

  ['maintenance window', 'no window', {}, 'pass', 'No maintenance window is open'],
  ['maintenance window', 'a window that is closed', { windows: [windowAt('0 10 * * *')] }, 'pass', 'No maintenance window is open'],
  [
    'maintenance window',
    'an open window',
    { windows: [windowAt('30 8 * * *')] },
    'veto',
    'People are working (maintenance window patching of team-database) until 2026-11-21T09:30:00.000Z',
  ],

  ['allow-list', 'what a person asks for', { remediation: requested() }, 'pass', 'kim asked for it: odd noises'],
  [
    'pending duration',
    'what a person asks for',
    { remediation: requested(), ...withInstance({ state: 'stopped' }) },
    'pass',
    'A person asked for it: nothing has to last or to be read again',
  ],
  [
    'pending duration',
    'what a person asks for, on hold',
    { remediation: requested(), ...withInstance({ tags: { 'perennial:hold': 'lee' } }) },
    'veto',
    'It is on hold (lee)',
  ],
  [
    'opt-in and provenance',
    'an image outside the lineage after a drill',
    { isImageInLineage: known(false), drillPassedAt: known(addSeconds(NOW, -90 * 86_400)) },
    'pass',
    `Opted in by tag, a drill of the system passed at ${addSeconds(NOW, -90 * 86_400)}, and it is in the security group shop-web`,
  ],
  [
    'opt-in and provenance',
    'an image outside the lineage long after a drill',
    { isImageInLineage: known(false), drillPassedAt: known(addSeconds(NOW, -90 * 86_400 - 1)) },
    'approve',
    'auto falls to approve: its image ami-v1 was never an approved image of the role',
  ],
  ['quarantine', 'the old one is there', { ...wayBack(), ...quarantinedUntil(3600) }, 'pass', 'The old instance is in quarantine, stopped, and may return'],
  [
    'quarantine',
    'the reaper may come first',
    { ...wayBack(), ...quarantinedUntil(900) },
    'veto',
    `The quarantine of i-0000000000000001 ends at ${addSeconds(NOW, 900)}; the reaper may come before it runs again`,
  ],
  ['quarantine', 'it runs', { ...wayBack(), ...quarantinedUntil(3600, 'running') }, 'veto', 'i-0000000000000001 is running: somebody started it again'],
  [
    'quarantine',
    'it is no longer set apart',
    { ...wayBack(), ...withInstance({ state: 'stopped' }) },
    'veto',
    'i-0000000000000001 is not in quarantine any more',
  ],
  [
    'quarantine',
    'it is terminated',
    { ...wayBack(), ...withInstance({ state: 'terminated' }) },
    'veto',
    'i-0000000000000001 is terminated: its quarantine is over and nothing can be swapped back',
  ],
  ['quarantine', 'nothing is known of what to take back', { ...wayBack(), revertOf: known(undefined) }, 'veto', 'There is no remediation rem-0'],

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

  ['capability', 'a stand-alone instance', {}, 'pass', 'A stand-alone instance with an EBS root; a full replacement, launched first'],
  ['capability', 'a gone instance', { instance: known(undefined) }, 'pass', 'The instance is gone; nothing of it can be lost'],
  [
    'capability',
    'a spot instance',
    withInstance({ lifecycle: 'spot' }),
    'veto',
    `No step of the ladder can help: native-recovery (its system check does not fail), replace (${replacementRowOf({ instance: instanceFacts({ lifecycle: 'spot' }), isGroupMember: false, isFenced: false, capability: undefined }).reason})`,
  ],
  [
    'capability',
    'an instance-store root',
    withInstance({ rootDeviceType: 'instance-store' }),
    'approve',
    'Its root is on instance store: it cannot be stopped, and what is on it ends with it; a person must say that it is not needed',
  ],
  ['capability', 'a member of an Auto Scaling group', { isGroupMember: known(true) }, 'pass', 'Its Auto Scaling group replaces its own members'],
  [
    'capability',
    'a stateful system whose data is on the root',
    withSystem({ recovery: { rtoSeconds: 600, rpoSeconds: 3600, stateful: true } }),
    'approve',
    'The system is stateful and the instance has no data volume: what is on its root would not move',
  ],
  [
    'capability',
    'a stateful system that allows no loss',
    { ...withSystem({ recovery: { rtoSeconds: 600, rpoSeconds: 0, stateful: true } }), ...withInstance({ dataVolumeIds: ['vol-data'] }) },
    'approve',
    'The system is stateful and allows no loss of data (rpoSeconds 0), which no snapshot before the stop can promise',
  ],
  [
    'capability',
    'a stateful system that is gone',
    { ...withSystem({ recovery: { rtoSeconds: 600, rpoSeconds: 3600, stateful: true } }), instance: known(undefined) },
    'approve',
    'The instance of a stateful system is gone: a person must see whether its data volumes have outlived it',
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
  [
    'circuit breaker',
    'several groups fail together in its zone',
    { platform: known(zoneBreaker('rem-0')) },
    'veto',
    `The circuit breaker of the zone eu-central-1a is open since ${NOW}: several groups fail together, and this is not its probe`,
  ],
  ['circuit breaker', 'the probe of its zone', { platform: known(zoneBreaker('rem-1')) }, 'pass', '1 of 3 unhealthy, the limit is 1'],

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

  ...moreCases,

  ['image choice', 'a chosen image', {}, 'pass', 'ami-v2 is verified'],
  ['image choice', 'no image', { image: known({ kind: 'none', reason: 'The role has no approved image' }) }, 'veto', 'The role has no approved image'],
];

const named = (verdict: string): readonly string[] => [...new Set(cases.filter((row) => row[3] === verdict).map(([name]) => name))];

describe('guardrails', () => {
  it('are asked in the order of design section 7, each with its authority', () => {
    expect(guardrails.map(({ name }) => name)).toEqual([
      'pause',
      'maintenance window',
      'platform caps',
      'allow-list',
      'opt-in and provenance',
      'capability',
      'pending duration',
      'circuit breaker',
      'one at a time',
      'retry cap',
      'image choice',
      'quarantine',
    ]);
    for (const { authority } of guardrails) expect(authority).toMatch(/^design section [679], /);
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
    expect(verdicts.map(({ name, verdict }) => [name, verdict])).toEqual(ofRepairs.map(({ name }) => [name, 'pass']));
  });

  it('are all asked, and the first that does not pass decides', () => {
    const { verdicts, decisive } = evaluateGuardrails(
      facts({ pauses: known([paused('global', true)]), ...withInstance({ lifecycle: 'spot' }), image: known({ kind: 'none', reason: 'none' }) }),
    );
    expect(verdicts).toHaveLength(ofRepairs.length);
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
  | 'capability'
  | 'status'
  | 'targets'
  | 'alarm'
  | 'isImageInLineage'
  | 'image';

const always: Readonly<Partial<Record<FactName, readonly string[]>>> = {
  pauses: ['pause'],
  platform: ['platform caps', 'circuit breaker'],
  group: ['circuit breaker', 'one at a time'],
  groupCount: ['circuit breaker', 'one at a time'],
  slot: ['one at a time', 'retry cap'],
  instance: ['opt-in and provenance', 'capability', 'pending duration'],
  isGroupMember: ['capability'],
  capability: ['capability'],
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

  it.each([
    ['pause', 'The pause switches', { pauses: unknown }],
    ['platform caps', 'The platform caps', { platform: unknown }],
    ['allow-list', 'The alarm', { ...alarmFacts(), alarm: unknown }],
    ['opt-in and provenance', 'The instance', { instance: unknown }],
    ['capability', 'The way to repair', { path: unknown }],
    ['capability', 'The instance', { ...byPath('replace'), instance: unknown }],
    ['capability', 'What the instance can take', { ...byPath('replace'), capability: unknown }],
    ['pending duration', 'The instance', { instance: unknown }],
    ['pending duration', 'The alarm', { ...alarmFacts(), alarm: unknown }],
    ['pending duration', 'The target health', { targets: unknown }],
    ['pending duration', 'The status checks', { remediation: statusTrigger, status: unknown }],
    ['circuit breaker', 'The breakers of shared causes', { platform: unknown }],
    ['circuit breaker', 'The group', { groupCount: unknown }],
    ['circuit breaker', 'The group record', { group: unknown }],
    ['one at a time', 'The slot', { slot: unknown }],
    ['one at a time', 'The group record', { group: unknown }],
    ['one at a time', 'The group', { groupCount: unknown }],
    ['retry cap', 'The slot', { slot: unknown }],
    ['image choice', 'The image to launch', { image: unknown }],
    ['quarantine', 'The remediation to take back', { ...wayBack(), revertOf: unknown }],
    ['quarantine', 'The old instance', { ...wayBack(), instance: unknown }],
  ] satisfies readonly (readonly [string, string, Partial<GuardrailFacts>])[])('is named by %s: %s', (guardrail, what, changes) => {
    expect(verdictOf(guardrail, changes)).toEqual({ verdict: 'veto', reason: `${what} could not be read, which counts as a no: throttled` });
  });

  it('is named where it lets `auto` fall, or may hide what contradicts the trigger', () => {
    expect(verdictOf('opt-in and provenance', { isImageInLineage: unknown })).toEqual({
      verdict: 'approve',
      reason: 'auto falls to approve: the image history could not be read: throttled',
    });
    expect(verdictOf('pending duration', { ...alarmFacts(), targets: unknown })).toEqual({
      verdict: 'veto',
      reason:
        'The alarm shop-web-unhealthy--i-2 is still in ALARM, but its target health could not be read, which counts as healthy: throttled: an incident, not a repair',
    });
  });

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

describe('a group of which a fresh look finds too many unhealthy', () => {
  it.each([
    ['is over its limit with two of three', {}, { members: 3, unhealthy: 2 }, true],
    ['is not over its limit at it', {}, { members: 3, unhealthy: 1 }, false],
    ['opens no breaker of its own while that of a shared cause says so', { platform: known(zoneBreaker('rem-0')) }, { members: 3, unhealthy: 2 }, false],
    ['is over its limit also as the probe of a shared cause', { platform: known(zoneBreaker('rem-1')) }, { members: 3, unhealthy: 2 }, true],
    ['opens nothing where the platform could not be read', { platform: unknown }, { members: 3, unhealthy: 2 }, false],
  ] satisfies readonly (readonly [string, Partial<GuardrailFacts>, { members: number; unhealthy: number }, boolean])[])(
    '%s',
    (_what, changes, count, isOver) => {
      expect(isGroupOver(facts({ ...changes, groupCount: known(count) }))).toBe(isOver);
    },
  );

  it('opens nothing where it could not be counted', () => {
    expect(isGroupOver(facts({ groupCount: unknown }))).toBe(false);
  });
});

describe('what is for the Auto Scaling group to do', () => {
  it('is the path of its members, and no other', () => {
    const chosen = { reason: 'because', nextPaths: [], skipped: [] };
    expect(isForGroup({ kind: 'chosen', path: 'group-member', ...chosen })).toBe(true);
    expect(isForGroup({ kind: 'chosen', path: 'replace', ...chosen })).toBe(false);
    expect(isForGroup({ kind: 'none', reason: 'because', skipped: [] })).toBe(false);
  });
});

const askedNames = (changes: Partial<GuardrailFacts>) => evaluateGuardrails(facts(changes)).verdicts.map(({ name }) => name);

describe('a way back and a drill', () => {
  it('are asked only of what does not speak of a failing instance', () => {
    expect(askedNames({ ...wayBack(), ...quarantinedUntil(3600) })).toEqual([
      'pause',
      'maintenance window',
      'platform caps',
      'allow-list',
      'one at a time',
      'quarantine',
    ]);
    expect(askedNames({ remediation: remediationOf({}, { isDrill: true }) })).toEqual([
      'pause',
      'maintenance window',
      'platform caps',
      'allow-list',
      'capability',
      'one at a time',
      'retry cap',
      'image choice',
    ]);
  });
});
