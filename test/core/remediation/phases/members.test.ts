import { describe, expect, it } from 'vitest';
import { tagKeys, type InstanceRecord, instanceType } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import type { PhaseResult } from '../../../../core/remediation/phase.ts';
import { awaitMember, findGroup, preflightMember, quarantineMember, replaceMember, replacementOf } from '../../../../core/remediation/phases/members.ts';
import type { InstanceFacts, TargetHealth } from '../../../../core/remediation/ports.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { AutoScalingGroupFacts, GroupReader, ScalingActivity } from '../../../../core/remediation/surroundings/member-ports.ts';
import { autoScalingGroup, instanceFacts, memberFacts, NOW } from '../builders.ts';
import { GROUP, groupWorld, MEMBER, memberSlotId } from '../group-world.ts';
import { testScope, webTarget, type World } from '../world.ts';
import { answered, type Answers, done, failed, NEW, openStage, ran, type Stage, wait } from './stage.ts';

const ZONE = 'eu-central-1a';
const groupOf = (changes: Partial<AutoScalingGroupFacts> = {}): AutoScalingGroupFacts => autoScalingGroup({ members: [memberFacts(MEMBER)], ...changes });

const activity = (changes: Partial<ScalingActivity> = {}): ScalingActivity => ({
  activityId: 'activity-1',
  startedAt: NOW,
  state: 'in-progress',
  kind: 'terminate',
  instanceId: MEMBER,
  description: `Terminating EC2 instance: ${MEMBER}`,
  ...changes,
});

const ofMember: Partial<Remediation> = { oldInstanceId: MEMBER, slotId: memberSlotId, path: 'group-member', phase: 'preflight-member' };

/** What the group says; nothing has happened yet where a test does not say so. */
const saying = (group: AutoScalingGroupFacts | undefined, more: Partial<GroupReader> = {}): Answers => ({
  groups: {
    groupOf: async () => group,
    read: async () => group,
    openRefreshes: async () => [],
    activities: async () => [],
    hooks: async () => [],
    launchSource: async () => ({ imageId: 'ami-v2', instanceTypes: ['t3.micro'], kmsKeyIds: [] }),
    ...more,
  },
  groupChanger: {
    rehearse: async () => ({ kind: 'possible', reason: 'The dry run passed' }),
    markUnhealthy: async () => undefined,
    enterStandby: async () => undefined,
    completeLifecycleAction: async () => undefined,
  },
});

async function onStage(answers: Answers, record: Partial<Remediation> = {}, world: World = groupWorld()): Promise<Stage> {
  return openStage({ world, record: { ...ofMember, ...record }, answers });
}

const nameless: InstanceRecord = {
  instanceId: MEMBER,
  system: 'shop-web',
  role: 'web',
  slotId: memberSlotId,
  status: 'gone',
  changedAt: NOW,
  firstSeenAt: NOW,
  state: 'terminated',
  imageId: 'ami-v2',
  instanceType: 't3.micro',
  availabilityZone: ZONE,
  subnetId: 'subnet-a',
  vpcId: 'vpc-1',
  securityGroupIds: [],
};
const known: InstanceRecord = { ...nameless, autoScalingGroup: 'by-inventory' };

const tagged = (tags: Readonly<Record<string, string>>): Answers => ({ instances: { read: async () => instanceFacts({ tags }) } });

describe('the group of a member', () => {
  const named = (groupOfMember?: AutoScalingGroupFacts): Answers => ({
    groups: { groupOf: async () => groupOfMember, read: async (name) => groupOf({ name }) },
  });

  it.for([
    ['what EC2 Auto Scaling says', { ...named(groupOf({ name: 'by-membership' })), ...tagged({ [tagKeys.autoScalingGroup]: 'by-tag' }) }, 'by-membership'],
    ['what its tag says once it has left', { ...named(), ...tagged({ [tagKeys.autoScalingGroup]: 'by-tag' }) }, 'by-tag'],
    ['what the inventory says of one without the tag', { ...named(), ...tagged({}) }, 'by-inventory'],
    ['what the inventory says of one that is gone', { ...named(), instances: { read: async () => undefined } }, 'by-inventory'],
  ] as const satisfies readonly (readonly [string, Answers, string])[])('is %s', async ([, answers, name]) => {
    const world = groupWorld();
    await createRecord(world.store, instanceType, keys.instance(testScope, MEMBER), known);
    const { context } = await onStage(answers, {}, world);
    expect((await findGroup(await context()))?.name).toBe(name);
  });

  it.for([
    ['nobody knows it', undefined],
    ['the inventory names none', nameless],
  ] as const)('is none where %s, and none is read then', async ([, record]) => {
    const world = groupWorld();
    if (record !== undefined) await createRecord(world.store, instanceType, keys.instance(testScope, MEMBER), record);
    const { context } = await onStage({ ...named(), instances: { read: async () => undefined } }, {}, world);
    expect(await findGroup(await context())).toBeUndefined();
  });
});

describe('the way in which a group is asked', () => {
  it.for([
    ['as the policy says', { memberReplacement: 'mark-unhealthy' }, {}, 'mark-unhealthy'],
    ['as the policy says', { memberReplacement: 'standby' }, {}, 'standby'],
    ['in standby, so that evidence is kept where the policy requires it', { memberReplacement: 'mark-unhealthy', evidenceRequired: true }, {}, 'standby'],
    ['never beside another one, whatever the policy says', { memberReplacement: 'standby', evidenceRequired: true }, { isFenced: true }, 'mark-unhealthy'],
  ] as const)('is %s: %j %j', async ([, spec, record, how]) => {
    const { context } = await onStage({}, record, groupWorld(spec));
    expect(replacementOf(await context())).toBe(how);
  });
});

const suspended = (...names: readonly string[]): AutoScalingGroupFacts =>
  groupOf({ suspendedProcesses: names.map((name) => ({ name, reason: `User suspended ${name}` })) });

const veto = (reason: string) => ({ kind: 'vetoed', guardrail: 'group member', reason });

describe('a group that must not be asked', () => {
  it.for(['Launch', 'Terminate', 'ReplaceUnhealthy'])('has suspended %s', async (name) => {
    const { run, made } = await onStage(saying(suspended('AlarmNotification', name)));
    expect(await run(preflightMember)).toEqual(
      veto(`${GROUP} has suspended ${name} (User suspended ${name}): somebody wants no replacement. Resume it, or replace by hand`),
    );
    expect(made).toEqual([]);
  });

  it('has suspended several: all are told', async () => {
    const { run } = await onStage(saying(suspended('Launch', 'AZRebalance', 'Terminate')));
    expect(await run(preflightMember)).toEqual(
      veto(
        `${GROUP} has suspended Launch (User suspended Launch), Terminate (User suspended Terminate): somebody wants no replacement. Resume it, or replace by hand`,
      ),
    );
  });

  it.for([
    ['Launch', 'vetoed'],
    ['Terminate', 'done'],
    ['ReplaceUnhealthy', 'done'],
  ] as const)('needs only to launch beside one in standby: %s suspended is %s', async ([name, kind]) => {
    const { run } = await onStage(saying(suspended(name)), {}, groupWorld({ memberReplacement: 'standby' }));
    expect((await run(preflightMember)).kind).toBe(kind);
  });

  it.for([100, 110])('launches before it ends, where two must never run at once: minimum healthy %d %%', async (minHealthyPercentage) => {
    const { run } = await onStage(saying(groupOf({ minHealthyPercentage })), { isFenced: true });
    expect(await run(preflightMember)).toEqual(
      veto(
        `Two of this system must never run at once, and the maintenance policy of ${GROUP} launches before it ends (minimum healthy ${minHealthyPercentage} %)`,
      ),
    );
  });

  it.for([
    ['ends first', { minHealthyPercentage: 99 }, { isFenced: true }],
    ['has no maintenance policy', {}, { isFenced: true }],
    ['launches first in a system of several', { minHealthyPercentage: 100 }, {}],
  ] as const)('is asked where it %s', async ([, group, record]) => {
    const { run } = await onStage(saying(groupOf(group)), record);
    expect((await run(preflightMember)).kind).toBe('done');
  });

  it('refreshes its instances: the repair waits for the end of that', async () => {
    const refreshes = [
      { refreshId: 'refresh-1', status: 'InProgress' },
      { refreshId: 'refresh-2', status: 'Pending' },
    ];
    const { run, made } = await onStage(saying(groupOf(), { openRefreshes: async () => refreshes }));
    expect(await run(preflightMember)).toEqual(wait(`${GROUP} refreshes its instances (refresh-1 InProgress, refresh-2 Pending)`, 30));
    expect(made).toEqual([]);
  });

  it.for([preflightMember, replaceMember])('is none: the member has left it, and nobody remembers it: %#', async (phase) => {
    const { run, made } = await onStage({ groups: { groupOf: async () => undefined }, instances: { read: async () => undefined } });
    expect(await run(phase)).toEqual(failed(`${MEMBER} is in no Auto Scaling group any more`));
    expect(made).toEqual([]);
  });
});

const following: Remediation['remaining'] = ['replace-member', 'complete-hooks', 'await-member', 'quarantine-member', 'verify-serving', 'finish'];
const afterAsking = following.slice(1);

describe('a group that replaces the member by itself', () => {
  const noActivity: readonly ScalingActivity[] = [];
  const ends = `Terminating EC2 instance: ${MEMBER}`;

  it.for([
    ['it has left', [memberFacts('i-member-a2')], [activity()], `${MEMBER} has left the group: ${ends}`, false],
    ['it has left, and nothing is said', [], noActivity, `${MEMBER} has left the group: its group replaces it`, false],
    ['it is marked', [memberFacts(MEMBER, { isHealthy: false })], noActivity, `${MEMBER} is InService and marked unhealthy: its group replaces it`, true],
    ['it is leaving', [memberFacts(MEMBER, { lifecycleState: 'Terminating:Wait' })], [activity()], `${MEMBER} is Terminating:Wait: ${ends}`, true],
    ['its end was begun', [memberFacts(MEMBER)], [activity()], `${MEMBER} is InService: ${ends}`, true],
  ] as const)('is adopted, and nothing is asked of it: %s', async ([, members, activities, reason, isThere]) => {
    const { run, made, results } = await onStage(saying(groupOf({ members }), { activities: async () => activities }));
    expect(await run(preflightMember)).toEqual({
      ...done(`Adopted, nothing is marked: ${reason}`),
      patch: { remaining: isThere ? ['evidence', ...afterAsking] : afterAsking },
    });
    expect(made).toEqual([]);
    expect(await results()).toEqual({ adopt: { groupName: GROUP, since: NOW } });
  });

  it.for([
    ['the beginning of the replacement', '2026-11-21T08:59:00.000Z', '2026-11-21T08:59:00.000Z'],
    ['the detection of the trouble, where that is earlier', '2026-11-21T09:01:00.000Z', NOW],
  ] as const)('has begun at %s', async ([, startedAt, since]) => {
    const { run, results } = await onStage(saying(groupOf({ members: [] }), { activities: async () => [activity({ startedAt })] }));
    await run(preflightMember);
    expect(await results()).toEqual({ adopt: { groupName: GROUP, since } });
  });

  it.for([
    ['the end of another member', activity({ instanceId: 'i-member-a2' })],
    ['its own launch', activity({ kind: 'launch' })],
  ] as const)('is not shown by %s', async ([, other]) => {
    const { run, calls } = await onStage(saying(groupOf(), { activities: async () => [other] }));
    expect((await run(preflightMember)).reason).toMatch(/^shop-web-asg can launch ami-v2: /u);
    expect(await calls()).toEqual([]);
  });

  it('is not shown by the mark on another member', async () => {
    const members = [memberFacts('i-member-a2', { isHealthy: false }), memberFacts(MEMBER)];
    const { run } = await onStage(saying(groupOf({ members })));
    expect((await run(preflightMember)).reason).toMatch(/^shop-web-asg can launch ami-v2: /u);
  });
});

const blocked = (why: string): string =>
  `Blocked before anything was touched: ${GROUP} would end its member and then fail to launch another one, because ${why}`;

describe('the launch of a new member', () => {
  it('is rehearsed where the old one runs, with the tags that it would have; the image and what was found are written down', async () => {
    const group = groupOf();
    const { run, made } = await onStage(saying(group));
    const result = await run(preflightMember);
    expect(result).toMatchObject({
      kind: 'done',
      reason: `${GROUP} can launch ami-v2: ${ZONE} offers t3.micro; The dry run passed`,
      patch: { imageId: 'ami-v2', imageReason: `ami-v2 is what ${GROUP} launches; it is approved` },
    });
    const { patch = {} } = result;
    expect(Object.keys(patch)).toEqual(['imageReason', 'imageId', 'preflight']);
    expect(patch.preflight?.find(({ name }) => name === 'launch rehearsal')).toEqual({
      name: 'launch rehearsal',
      verdict: 'pass',
      reason: 'The dry run passed',
    });
    const tags = { [tagKeys.system]: 'shop-web', [tagKeys.role]: 'web', [tagKeys.slot]: memberSlotId, [tagKeys.remediation]: 'rem-1' };
    expect(made).toEqual([['groupChanger.rehearse', { group, subnetId: `subnet-${ZONE}`, tags }]]);
  });

  it('is rehearsed without a place where the old one is not listed just now', async () => {
    const { run, made } = await onStage({ ...saying(groupOf()), instances: { read: async () => undefined } });
    expect((await run(preflightMember)).kind).toBe('done');
    expect(made).toMatchObject([['groupChanger.rehearse', { subnetId: '' }]]);
  });

  it.for([
    ['gone', undefined],
    ['without an image', { instanceTypes: [], kmsKeyIds: [] }],
  ] as const)('is blocked where its template is %s', async ([, source]) => {
    const { run, made } = await onStage(saying(groupOf(), { launchSource: async () => source }));
    expect(await run(preflightMember)).toEqual(failed(blocked('what the group launches from is gone or names no image')));
    expect(made).toEqual([]);
  });

  it('is blocked where it would fail: all that is wrong is told, and written down', async () => {
    const world = groupWorld();
    world.region.preflight.withdrawType('t3.micro', ZONE);
    const answers = saying(groupOf());
    const refused: Answers = { ...answers, groupChanger: { rehearse: async () => ({ kind: 'impossible', reason: 'UnauthorizedOperation' }) } };
    const { run } = await onStage(refused, {}, world);
    const result = await run(preflightMember);
    expect(result.kind).toBe('failed');
    expect(result.reason).toBe(
      blocked(
        `instance type: ${ZONE} offers none of t3.micro; name a type that it offers in instanceTypes of the policy; launch rehearsal: UnauthorizedOperation`,
      ),
    );
    const patch = result.kind === 'failed' ? result.patch : undefined;
    expect(Object.keys(patch ?? {})).toEqual(['preflight']);
    expect(patch?.preflight?.flatMap(({ name, verdict }) => (verdict === 'stop' ? [name] : []))).toEqual(['instance type', 'launch rehearsal']);
  });
});

describe('a group that is asked', () => {
  it.for([
    ['mark-unhealthy', ['groupChanger.markUnhealthy', MEMBER], `${GROUP} is told that ${MEMBER} is unhealthy`],
    ['standby', ['groupChanger.enterStandby', GROUP, MEMBER], `${MEMBER} goes into standby; ${GROUP} launches another one`],
  ] as const)('by %s is asked once', async ([memberReplacement, call, reason]) => {
    const { world, run, made, results } = await onStage(saying(groupOf()), { phase: 'replace-member' }, groupWorld({ memberReplacement }));
    world.clock.advance(60);
    const result = { ...done(reason), patch: { timing: { detectedAt: NOW, decidedAt: NOW, launchedAt: '2026-11-21T09:01:00.000Z' } } };
    expect([await run(replaceMember), await run(replaceMember)]).toEqual([result, result]);
    expect(made).toEqual([call]);
    expect(await results()).toEqual({ [memberReplacement]: { groupName: GROUP } });
  });
});

const marked = answered({ 'mark-unhealthy': { groupName: GROUP } });
const waiting: Partial<Remediation> = { phase: 'await-member', calls: marked };
const health = (instanceId: string, state: TargetHealth['state'], targetGroupName = 'shop-web'): TargetHealth => ({
  ...webTarget,
  targetGroupName,
  instanceId,
  state,
});

interface Scene {
  readonly group?: AutoScalingGroupFacts | 'gone';
  readonly activities?: readonly ScalingActivity[];
  readonly hooks?: Awaited<ReturnType<GroupReader['hooks']>>;
  readonly targets?: readonly TargetHealth[];
  readonly fresh?: Partial<InstanceFacts>;
  readonly record?: Partial<Remediation>;
  readonly targetGroups?: readonly string[];
}

const fresh = groupOf({ members: [memberFacts(NEW)] });
const polling = { statusPollSeconds: 17, healthyReads: 2, healthyReadIntervalSeconds: 11 };

async function awaiting(scene: Scene): Promise<Stage> {
  const { group = groupOf(), activities = [], hooks = [], targets = [], record = {}, targetGroups = ['shop-web'] } = scene;
  const said = saying(group === 'gone' ? undefined : group, { activities: async () => activities, hooks: async () => hooks });
  const launched = instanceFacts({ instanceId: NEW, launchedAt: '2026-11-21T09:01:00.000Z', imageId: 'ami-v2', ...scene.fresh });
  return openStage({
    world: groupWorld(polling),
    system: { targetGroups: [...targetGroups] },
    record: { ...ofMember, ...waiting, ...record },
    answers: { ...said, instances: { read: async () => launched }, targets: { registered: async () => targets } },
  });
}

const looked = async (scene: Scene): Promise<PhaseResult> => (await awaiting(scene)).run(awaitMember);
const notYet = (more = '') => ({ kind: 'wait', seconds: 17, reason: `${GROUP} has no new member in service yet${more}`, memory: {} });

describe('a new member that is awaited', () => {
  it('was asked of nobody', async () => {
    expect(await looked({ record: { calls: {} } })).toEqual(failed('No group was asked to replace the member'));
  });

  it('has no group any more', async () => {
    expect(await looked({ group: 'gone' })).toEqual(failed(`The Auto Scaling group ${GROUP} does not exist any more`));
  });

  const launch = (changes: Partial<ScalingActivity> = {}): ScalingActivity =>
    activity({ kind: 'launch', state: 'failed', description: 'Launching', statusMessage: 'no capacity', ...changes });

  it.for([
    ['nothing', [], ''],
    ['why a launch fails', [launch()], '. It says: Launching: failed (no capacity)'],
    ['what it does without a reason', [activity({ kind: 'launch', description: 'Launching' })], '. It says: Launching: in-progress'],
    [
      'the three newest only',
      [1, 2, 3, 4].map((number) => launch({ description: `Launch ${number}` })),
      '. It says: Launch 1: failed (no capacity); Launch 2: failed (no capacity); Launch 3: failed (no capacity)',
    ],
    ['nothing of launches that worked', [launch({ state: 'successful' })], ''],
    ['nothing of ends', [launch({ kind: 'terminate' })], ''],
    ['nothing of before it was asked', [launch({ startedAt: '2026-11-21T08:59:59.999Z' })], ''],
  ] as const)('is waited for, and its group says %s', async ([, activities, words]) => {
    expect(await looked({ activities })).toEqual(notYet(words));
  });

  it('is told to wait at the hook of others, before what the group says', async () => {
    const scene = {
      group: groupOf({ members: [memberFacts(NEW, { lifecycleState: 'Pending:Wait' })] }),
      hooks: [{ name: 'warm-up', transition: 'launching' }],
      activities: [launch()],
    } as const;
    expect(await looked(scene)).toEqual(
      notYet(
        '. i-new0001 waits at the hook warm-up (Pending:Wait), which others must complete: The policy shop-web does not name the hook warm-up. It says: Launching: failed (no capacity)',
      ),
    );
  });

  it.for([
    ['in no target group yet', [], '0 of 2 healthy reads; i-new0001 is InService', 0],
    ['healthy there', [health(NEW, 'healthy')], '1 of 2 healthy reads; i-new0001: shop-web:80 healthy', 1],
    [
      'not healthy in one of them',
      [health(NEW, 'healthy'), health(NEW, 'initial', 'api')],
      '0 of 2 healthy reads; i-new0001: shop-web:80 healthy, api:80 initial',
      0,
    ],
    ['healthy, whatever others are', [health('i-member-a2', 'unhealthy'), health(NEW, 'healthy')], '1 of 2 healthy reads; i-new0001: shop-web:80 healthy', 1],
  ] as const)('is in service and %s', async ([, targets, reason, healthyReads]) => {
    expect(await looked({ group: fresh, targets })).toEqual({ kind: 'wait', seconds: 11, reason, memory: { member: NEW, healthyReads } });
  });

  it('of a system without target groups serves once it is in service', async () => {
    expect(await looked({ group: fresh, targetGroups: [] })).toMatchObject({ reason: '1 of 2 healthy reads; i-new0001 is InService' });
  });

  it.for([
    ['starts to count again after a bad read', { member: NEW, healthyReads: 1 }, 'unhealthy', 0],
    ['starts to count again for another member', { member: 'i-first', healthyReads: 1 }, 'healthy', 1],
    ['counts on from nothing', { member: NEW }, 'healthy', 1],
  ] as const)('%s', async ([, memory, state, healthyReads]) => {
    expect(await looked({ group: fresh, targets: [health(NEW, state)], record: { memory } })).toMatchObject({
      kind: 'wait',
      memory: { member: NEW, healthyReads },
    });
  });

  const nearly: Partial<Remediation> = { memory: { member: NEW, healthyReads: 1 } };

  it('has replaced the old one after enough good reads in a row', async () => {
    const { world, run } = await awaiting({ group: fresh, targets: [health(NEW, 'healthy')], record: nearly });
    world.clock.advance(120);
    expect(await run(awaitMember)).toEqual({
      ...done(`${GROUP} has replaced it: i-new0001: shop-web:80 healthy`),
      patch: {
        timing: { detectedAt: NOW, decidedAt: NOW, inServiceAt: '2026-11-21T09:02:00.000Z' },
        recoverySeconds: 120,
        isRtoMet: true,
        newInstanceId: NEW,
        imageId: 'ami-v2',
        differences: ['its id and its addresses', `everything on the volumes of ${MEMBER}, which its group has ended`],
      },
    });
  });

  it('leaves what the old one had where that is kept in standby', async () => {
    const record = { ...nearly, calls: answered({ standby: { groupName: GROUP } }) };
    expect(await looked({ group: fresh, targets: [health(NEW, 'healthy')], record })).toMatchObject({ patch: { differences: ['its id and its addresses'] } });
  });

  it('is launched from the image that EC2 names, where it still lists the member', async () => {
    let reads = 0;
    // The group's members are looked at first.
    const read = async (): Promise<InstanceFacts | undefined> => {
      reads += 1;
      return reads === 1 ? instanceFacts({ instanceId: NEW, launchedAt: '2026-11-21T09:01:00.000Z' }) : undefined;
    };
    const { run } = await awaiting({ group: fresh, targets: [health(NEW, 'healthy')], record: nearly });
    const result = await run(awaitMember, { instances: { read } });
    expect(result).toMatchObject({ kind: 'done', patch: { newInstanceId: NEW } });
    expect(result.kind === 'done' && result.patch !== undefined && 'imageId' in result.patch).toBe(false);
  });
});

describe('the old member', () => {
  it('of a group that ends it is nothing to keep; if it still waits at our hook it goes on', async () => {
    const group = groupOf({ members: [memberFacts(MEMBER, { lifecycleState: 'Terminating:Wait' })] });
    const answers = saying(group, { hooks: async () => [{ name: 'drain-queue', transition: 'terminating' }] });
    const { run, made } = await onStage(answers, { calls: marked, phases: [ran('evidence')] }, groupWorld({ completeLifecycleHooks: ['drain-queue'] }));
    expect(await run(quarantineMember)).toEqual(done(`${MEMBER} is ended by its group; there is nothing to keep`));
    expect(made).toEqual([['groupChanger.completeLifecycleAction', GROUP, 'drain-queue', MEMBER]]);
  });

  it('in standby is put away like any other', async () => {
    const { world, run } = await onStage(saying(groupOf()), { phase: 'quarantine-member', calls: answered({ standby: { groupName: GROUP } }) });
    await run(quarantineMember);
    expect(world.region.find(MEMBER)?.tags[tagKeys.quarantine]).toBe('inc-1');
  });
});
