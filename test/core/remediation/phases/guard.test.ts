import { beforeEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { type ImageRecord, imageRecordType } from '../../../../core/images/records.ts';
import { instanceType, tagKeys } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import type { RecordKey } from '../../../../core/records/store.ts';
import type { ImageChoice } from '../../../../core/remediation/guardrails/image-choice.ts';
import { evaluateGuardrails, type GuardrailFacts, know } from '../../../../core/remediation/guardrails/guardrails.ts';
import { phasesOf, traitsOf } from '../../../../core/remediation/paths/procedure.ts';
import { chosenOf, guard, readFacts, readMembers, vetoOf } from '../../../../core/remediation/phases/guard.ts';
import type { TargetHealth } from '../../../../core/remediation/ports.ts';
import { type Group, groupType, pauseType, type Remediation, slotType } from '../../../../core/remediation/record.ts';
import { groupOf, plainCapability, slotOf } from '../builders.ts';
import { GROUP, groupWorld, MEMBER, memberSlotId } from '../group-world.ts';
import { createWorld, OLD, testScope, verifyImage, webTarget, type World } from '../world.ts';
import { type Answers, denied, openStage, type Stage, type StageSeed, storeClaim, storeRemediation, throttled } from './stage.ts';

const PLACE = `shop-web/${OLD}`;
const launchedAt = '2026-11-20T09:00:00.000Z';
const tags = { [tagKeys.system]: 'shop-web', [tagKeys.role]: 'web' };
const known = <Value>(value: Value) => ({ isKnown: true, value }) as const;

let world: World;

beforeEach(() => {
  world = createWorld();
});

const repair = async (record: Partial<Remediation> = {}, seed: StageSeed = {}): Promise<Stage> => openStage({ world, record, ...seed });

const factsOf = async (record: Partial<Remediation> = {}, seed: StageSeed = {}): Promise<GuardrailFacts> =>
  readFacts(await (await repair(record, seed)).context());

/** Facts that could not be read, and why. */
const unknownIn = (facts: GuardrailFacts): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(facts).flatMap(([name, fact]: readonly [string, unknown]) =>
      typeof fact === 'object' && fact !== null && 'isKnown' in fact && fact.isKnown === false && 'why' in fact ? [[name, String(fact.why)]] : [],
    ),
  );

const imageRecord = (imageId: string, changes: Partial<ImageRecord> = {}): ImageRecord => ({
  role: 'web',
  imageId,
  firstApprovedAt: launchedAt,
  isApproved: true,
  isRevoked: false,
  verifiedGroups: [{ groupId: 'shop-web/web', at: launchedAt, instanceId: 'i-peer1' }],
  ...changes,
});

const storeImage = (imageId: string, changes: Partial<ImageRecord> = {}) => {
  const record = imageRecord(imageId, changes);
  return createRecord(world.store, imageRecordType, keys.image(testScope, record.role, imageId), record);
};

const alarmTrigger = { kind: 'alarm.state-change', alarmName: 'shop-web-unhealthy' };

describe('the facts that the guardrails are asked about', () => {
  it('are all read afresh: of the instance, its group, its images, and what the claim has written', async () => {
    const { platform, group, slot } = await storeClaim(world);
    await storeImage('ami-v2');
    const old = world.region.find(OLD);
    const { context, record } = await repair();
    expect(await readFacts(await context())).toEqual({
      now: world.clock.now(),
      windows: [],
      remediation: await record(),
      system: world.system,
      policy: world.policy,
      pauses: known([]),
      platform: known(platform),
      group: known(group),
      slot: known(slot),
      drillPassedAt: known(undefined),
      revertOf: known(undefined),
      instance: known(old),
      isGroupMember: known(false),
      status: known({ instanceId: OLD, system: 'ok', instance: 'ok' }),
      capability: known(plainCapability),
      path: known({
        kind: 'chosen',
        path: 'replace',
        reason: 'a full replacement, launched first',
        nextPaths: [],
        skipped: [{ path: 'native-recovery', reason: 'its system check does not fail' }],
      }),
      alarm: known(undefined),
      targets: known([{ ...webTarget, instanceId: OLD, state: 'unhealthy' }]),
      groupCount: known({ members: 3, unhealthy: 1 }),
      isImageInLineage: known(true),
      image: known({ kind: 'chosen', imageId: 'ami-v2', reason: 'ami-v2 is the newest approved image verified in this group' }),
    });
  });

  it('are taken from a plan where it has rehearsed what a claim would write', async () => {
    const rehearsed = {
      platform: await know(async () => ({ inFlight: ['plan'], starts: [], unhealthySystems: [], breaker: { state: 'closed' as const } })),
      group: await know(async () => groupOf({ inFlight: ['plan'] })),
      slot: await know(async () => slotOf({ failuresInARow: 1 })),
    };
    expect(await readFacts(await (await repair()).context(), rehearsed)).toMatchObject(rehearsed);
  });

  it('name the switches of everything and of the system, the windows of the catalog, and when the last drill passed', async () => {
    await storeClaim(world);
    const pause = { target: 'system#shop-web', isPaused: true, by: 'kim', reason: 'work', at: world.clock.now() };
    await createRecord(world.store, pauseType, keys.pause(testScope, pause.target), pause);
    await updateRecord(world.store, slotType, keys.slot(testScope, 'shop-web/drill'), () => slotOf({ id: 'shop-web/drill', drillPassedAt: launchedAt }));
    const { context } = await repair();
    expect(await readFacts({ ...(await context()), windows: [] })).toMatchObject({ pauses: known([pause]), drillPassedAt: known(launchedAt), windows: [] });
  });

  it('read the alarm that speaks, and no other', async () => {
    const told = await repair({}, { trigger: alarmTrigger });
    expect((await readFacts(await told.context())).alarm).toMatchObject(known({ name: 'shop-web-unhealthy', state: 'ALARM' }));
    expect(told.heard('alarms')).toEqual([['alarms.read', ['shop-web-unhealthy']]]);
    const untold = await repair();
    await readFacts(await untold.context());
    expect(untold.heard('alarms')).toEqual([]);
  });

  it('read what is taken back', async () => {
    const before = await storeRemediation(world, { newInstanceId: 'i-peer1' });
    expect(await factsOf({ revertOf: 'rem-0' })).toMatchObject({ revertOf: known(before) });
    expect(await factsOf({ revertOf: 'rem-lost' })).toMatchObject({ revertOf: known(undefined) });
  });
});

describe('a fact that cannot be read', () => {
  it.each<[what: string, answers: Answers, names: readonly string[]]>([
    ['the instance', { instances: { read: denied } }, ['instance', 'isGroupMember', 'isImageInLineage', 'path']],
    ['its status checks', { instances: { readStatus: denied } }, ['path', 'status']],
    ['its membership', { instances: { isGroupMember: denied } }, ['isGroupMember', 'path']],
    ['what it can take', { recovery: { capability: denied } }, ['capability', 'path']],
    ['the targets', { targets: { registered: denied } }, ['groupCount', 'image', 'targets']],
    ['the members', { instances: { findByTag: denied } }, ['groupCount', 'image']],
    ['the approved images', { images: { approvedHistory: denied } }, ['image', 'isImageInLineage']],
    ['the alarm', { alarms: { read: denied } }, ['alarm']],
  ])('because nobody may read %s stays unknown, with all that rests on it', async (_what, answers, names) => {
    await storeClaim(world);
    const facts = await factsOf({}, { trigger: alarmTrigger, answers });
    expect(unknownIn(facts)).toEqual(Object.fromEntries(names.map((name) => [name, 'AccessDenied'])));
  });

  it('because it is throttled is asked for again, and no reason for a no', async () => {
    await storeClaim(world);
    await expect(factsOf({}, { answers: { recovery: { capability: throttled } } })).rejects.toThrow(new RetryableError('RequestLimitExceeded'));
  });

  it('because the claim has not written it says which record is missing', async () => {
    expect(unknownIn(await factsOf())).toEqual({
      platform: 'there is no platform record caps',
      group: 'there is no group record shop-web/web',
      groupCount: 'there is no group record shop-web/web',
      slot: `there is no slot record ${PLACE}`,
      image: `there is no slot record ${PLACE}`,
    });
  });

  it.each([
    ['pauses', keys.pause(testScope, 'global')],
    ['drillPassedAt', keys.slot(testScope, 'shop-web/drill')],
    ['revertOf', keys.remediation(testScope, 'rem-0')],
    ['image', keys.image(testScope, 'web', 'ami-v2')],
  ] as const)('because its record does not read, stays unknown: %s', async (name, key: RecordKey) => {
    await storeClaim(world);
    await world.store.write([{ key, expectedVersion: 0, body: {} }]);
    expect(Object.keys(unknownIn(await factsOf({ revertOf: 'rem-0' })))).toEqual([name]);
  });
});

const ids = async (groupId = 'shop-web/web') => {
  const { ports, system } = await (await repair()).context();
  return (await readMembers(ports, system, groupId)).map(({ instanceId }) => instanceId);
};

describe('the members of a group', () => {
  it('are those of its role that run and are not set apart', async () => {
    const add = (instanceId: string, more: Record<string, string>) =>
      world.region.addInstance({ instanceId, imageId: 'ami-v2', launchedAt, tags: { ...tags, ...more } });
    add('i-held', { [tagKeys.hold]: 'lee' });
    add('i-put-away', { [tagKeys.quarantine]: 'inc-1' });
    add('i-copy', { [tagKeys.drill]: 'rem-9' });
    add('i-worker', { [tagKeys.role]: 'worker' });
    add('i-other', { [tagKeys.system]: 'other' });
    add('i-stopped', {});
    world.region.setState('i-stopped', 'stopped', 'by hand');
    world.region.addInstance({ instanceId: 'i-no-role', imageId: 'ami-v2', launchedAt, tags: { [tagKeys.system]: 'shop-web' } });
    expect(await ids()).toEqual(['i-peer1', 'i-peer2', OLD, 'i-held', 'i-no-role']);
    expect(await ids('shop-web/worker')).toEqual(['i-worker']);
  });
});

const count = async (group: Partial<Group> = {}, changes: Partial<Remediation> = {}) => {
  await storeClaim(world, { group });
  return (await factsOf(changes)).groupCount;
};

describe('how many of the group are unhealthy', () => {
  beforeEach(() => {
    world.region.setTargetUnhealthy(OLD, false);
  });

  it('counts the one in repair, whatever its target says', async () => {
    expect(await count()).toEqual(known({ members: 3, unhealthy: 1 }));
  });

  it.each(['stopped', 'terminated'] as const)('counts the one in repair also when it is %s', async (state) => {
    world.region.setState(OLD, state, 'by hand');
    expect(await count()).toEqual(known({ members: 3, unhealthy: 1 }));
  });

  it('counts a member with an unhealthy target once', async () => {
    world.region.setTargetUnhealthy('i-peer1', true);
    expect(await count({ unhealthy: [{ slotId: 'shop-web/i-peer1', at: launchedAt, instanceId: 'i-peer1' }] })).toEqual(known({ members: 3, unhealthy: 2 }));
  });

  it('does not count a member whose target only begins', async () => {
    await storeClaim(world);
    const initial: TargetHealth = { ...webTarget, instanceId: 'i-peer1', state: 'initial' };
    const { groupCount } = await factsOf({}, { answers: { targets: { registered: async () => [initial] } } });
    expect(groupCount).toEqual(known({ members: 3, unhealthy: 1 }));
  });

  it.each([
    ['a slot of its own', { slotId: 'shop-web/i-peer1', at: launchedAt }, 2],
    ['a slot that is no member’s', { slotId: 'shop-web/i-gone', at: launchedAt }, 1],
    ['a member by its id', { slotId: 'shop-web/shared', at: launchedAt, instanceId: 'i-peer2' }, 2],
    ['the slot of a member, but another instance of it', { slotId: 'shop-web/i-peer1', at: launchedAt, instanceId: 'i-else' }, 1],
  ])('counts what has been heard of %s', async (_what, trouble, unhealthy) => {
    expect(await count({ unhealthy: [trouble] })).toEqual(known({ members: 3, unhealthy }));
  });
});

const choice = async (slot: Parameters<typeof slotOf>[0] = {}) => {
  await storeClaim(world, { slot });
  const { image } = await factsOf();
  return image.isKnown ? image.value.reason : image.why;
};

describe('the image to launch', () => {
  it.each([
    [undefined, 'ami-v2 is the newest approved image verified in this group'],
    [0, 'ami-v2 is the newest approved image verified in this group'],
    [1, 'ami-v1 is the last known good image, because attempt 2 does not trust ami-v2'],
  ])('after %s failures in a row: %s', async (failuresInARow, reason) => {
    await storeImage('ami-v1');
    await storeImage('ami-v2');
    expect(await choice(failuresInARow === undefined ? {} : { failuresInARow })).toBe(reason);
  });

  it('is what has been verified in this very group, by the records of its role', async () => {
    await storeImage('ami-v2', { verifiedGroups: [{ groupId: 'shop-web/worker', at: launchedAt, instanceId: 'i-1' }] });
    await storeImage('ami-v1');
    await storeImage('ami-v2', { role: 'web2' });
    expect(await choice()).toBe('ami-v1 is the newest approved image verified in this group');
  });

  it('is asked of all records of the role, however many: one that is left out could be the one that is revoked', async () => {
    await storeImage('ami-v2', { isRevoked: true });
    await storeImage('ami-v1');
    for (let number = 0; number < 250; number += 1) await storeImage(`ami-z${number}`, { isApproved: false, verifiedGroups: [] });
    for (let number = 0; number < 250; number += 1) await storeImage(`ami-a${number}`, { isApproved: false, verifiedGroups: [] });
    expect(await choice()).toBe('ami-v1 is the newest approved image verified in this group');
  });

  it('is else what healthy peers run: not the one in repair, and none whose target is anything but healthy', async () => {
    world.region.setImage('i-peer1', 'ami-v3');
    world.region.setTargetUnhealthy('i-peer1', true);
    expect(await choice()).toBe('ami-v2 is what healthy peers run; no approved image is verified in this group yet');
    world.region.setTargetUnhealthy('i-peer2', true);
    world.region.setTargetUnhealthy(OLD, false);
    expect(await choice()).toBe('None of the 2 approved images has been seen in service in shop-web/web, and there is no healthy peer');
  });

  it('may be that of a peer that is no target at all', async () => {
    world.region.setTargetUnhealthy('i-peer1', true);
    world.region.setTargetUnhealthy('i-peer2', true);
    world.region.addInstance({ instanceId: 'i-batch', imageId: 'ami-v7', launchedAt, tags });
    expect(await choice()).toBe('ami-v7 is what healthy peers run; no approved image is verified in this group yet');
  });

  it('of the old instance is in the lineage of the role, or not; of one that is gone nothing speaks against it', async () => {
    await storeClaim(world);
    world.region.setImage(OLD, 'ami-v9');
    expect((await factsOf()).isImageInLineage).toEqual(known(false));
    expect((await factsOf({ oldInstanceId: 'i-gone' })).isImageInLineage).toEqual(known(true));
  });
});

const isMember = async (instanceId: string) => {
  await storeClaim(world);
  const { isGroupMember, path } = await factsOf({ oldInstanceId: instanceId, slotId: memberSlotId });
  return [isGroupMember.isKnown && isGroupMember.value, path.isKnown && path.value.kind === 'chosen' && path.value.path];
};

describe('whether it is a member of an Auto Scaling group', () => {
  beforeEach(() => {
    world = groupWorld();
  });

  it('says AWS while it is there', async () => {
    expect(await isMember(MEMBER)).toEqual([true, 'group-member']);
    expect(await isMember('i-peer1')).toEqual([false, 'replace']);
  });

  it('is asked of AWS, not of its tags, while it is there: it may have left its group', async () => {
    await storeClaim(world);
    const answers = { instances: { isGroupMember: async () => false } };
    expect((await factsOf({ oldInstanceId: MEMBER }, { answers })).isGroupMember).toEqual(known(false));
  });

  it('say its tags once it is terminated, though AWS knows of no member any more', async () => {
    world.region.setState(MEMBER, 'terminated', 'by hand');
    world.region.setState('i-peer1', 'terminated', 'by hand');
    await storeClaim(world);
    const answers = { instances: { isGroupMember: async () => false } };
    expect((await factsOf({ oldInstanceId: MEMBER }, { answers })).isGroupMember).toEqual(known(true));
    expect(await isMember('i-peer1')).toEqual([false, 'replace']);
  });

  it.each([
    [GROUP, [true, 'group-member']],
    [undefined, [false, 'replace']],
  ])('says the inventory, with the group %s, once EC2 has forgotten it', async (autoScalingGroup, expected) => {
    await createRecord(world.store, instanceType, keys.instance(testScope, 'i-forgotten'), {
      instanceId: 'i-forgotten',
      status: 'gone',
      firstSeenAt: launchedAt,
      changedAt: launchedAt,
      state: 'terminated',
      imageId: 'ami-v2',
      instanceType: 't3.micro',
      availabilityZone: 'eu-central-1a',
      subnetId: 'subnet-a',
      vpcId: 'vpc-1',
      securityGroupIds: [],
      ...(autoScalingGroup === undefined ? {} : { autoScalingGroup }),
    });
    expect(await isMember('i-forgotten')).toEqual(expected);
  });

  it('is nothing where nobody remembers it', async () => {
    expect(await isMember('i-never-heard-of')).toEqual([false, 'replace']);
  });
});

const wayOf = async (changes: Partial<Remediation> = {}, seed: StageSeed = {}) => {
  await storeClaim(world);
  const { path } = await factsOf(changes, seed);
  return path.isKnown ? path.value : path.why;
};

describe('the way to repair', () => {
  it('follows the ladder of the policy, what the instance can take, and who asked', async () => {
    const spec = { ladder: ['reboot', 'replace'] };
    expect(await wayOf({}, { spec })).toMatchObject({ path: 'reboot', nextPaths: ['replace'] });
    expect(await wayOf({ isFenced: true })).toMatchObject({ reason: 'a full replacement, the old instance stopped first' });
    expect(await wayOf({}, { spec, trigger: { kind: 'instance.replace-requested' } })).toMatchObject({
      path: 'replace',
      reason: 'a person asked for it: a full replacement, launched first',
    });
    world.region.recovery.setCapability(OLD, { isStopProtected: true });
    expect(await wayOf()).toMatchObject({ kind: 'none' });
  });

  it('lets EC2 recover a failing host first', async () => {
    world.region.setStatus(OLD, 'system', 'impaired');
    expect(await wayOf()).toMatchObject({ path: 'native-recovery', nextPaths: ['replace'] });
  });

  it('of one that is terminated is that of one that is gone: what it could take counts no more', async () => {
    world.region.setState(OLD, 'terminated', 'by hand');
    expect(await wayOf({}, { spec: { ladder: ['reboot', 'replace'] } })).toMatchObject({
      path: 'replace',
      reason: 'a full replacement, launched first; left out: reboot (the instance is gone, not running)',
    });
  });

  it.each([
    ['a drill', { isDrill: true, path: 'drill', pathReason: 'A person asked for it' }, 'drill', 'A person asked for it'],
    ['a way back', { revertOf: 'rem-0', path: 'revert-fenced', pathReason: 'A person asked for it' }, 'revert-fenced', 'A person asked for it'],
    ['a way back of an older record', { revertOf: 'rem-0', path: 'revert' }, 'revert', 'asked for'],
  ] as const)('of %s was chosen by who asked for it', async (_what, changes, path, reason) => {
    expect(await wayOf(changes)).toEqual({ kind: 'chosen', path, reason, nextPaths: [], skipped: [] });
  });

  it('of a repair is never what its record says from before', async () => {
    expect(await wayOf({ path: 'root-swap' })).toMatchObject({ path: 'replace' });
  });
});

async function ask(changes: Partial<Remediation> = {}, seed: StageSeed = {}) {
  const { run, context, record } = await repair(changes, seed);
  const { verdicts } = evaluateGuardrails(await readFacts(await context()));
  return { verdicts, result: await run(guard), record: await record() };
}

const breakerOf = async () => (await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')))?.body.breaker;
const groupVersion = async () => (await readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')))?.version;

const replacing = {
  path: 'replace',
  pathReason: 'a full replacement, launched first',
  nextPaths: [],
  remaining: [...phasesOf('replace', traitsOf({ topology: 'multiple', isFenced: false }))],
  imageId: 'ami-v2',
  imageReason: 'ami-v2 is the newest approved image verified in this group',
};

describe('the guardrails of a repair', () => {
  beforeEach(async () => {
    await storeClaim(world);
    await verifyImage(world);
  });

  it('let it go on when all pass, and write down every verdict, the way, its phases and the image', async () => {
    const { result, verdicts } = await ask();
    expect(result).toEqual({
      kind: 'done',
      reason: 'All 11 guardrails passed; a full replacement, launched first; ami-v2 is the newest approved image verified in this group',
      patch: { guardrails: verdicts, ...replacing },
    });
  });

  it('let it end before harm in a dry run, and say what would have been done', async () => {
    const { result, verdicts } = await ask({}, { spec: { mode: 'dry-run' } });
    expect(result).toEqual({ kind: 'would-have', reason: `Would have replaced ${OLD} from ami-v2`, patch: { guardrails: verdicts, ...replacing } });
  });

  it('say in a dry run which other way would have been taken; the image is only for a later step', async () => {
    const { result } = await ask({}, { spec: { mode: 'dry-run', ladder: ['reboot', 'replace'] } });
    expect(result).toMatchObject({
      kind: 'would-have',
      reason: `Would have taken the path reboot for ${OLD}`,
      patch: { path: 'reboot', nextPaths: ['replace'], imageId: 'ami-v2', remaining: ['evidence', 'reboot', 'await-recovered', 'finish'] },
    });
  });

  it('veto with the reason of the first that says no, and every verdict', async () => {
    world.region.setTargetUnhealthy(OLD, false);
    world.region.setTag(OLD, tagKeys.system, 'other');
    const { result, verdicts } = await ask();
    expect(result).toEqual({
      kind: 'vetoed',
      guardrail: 'opt-in and provenance',
      reason: 'The instance does not carry the tag perennial:system=shop-web',
      patch: { guardrails: verdicts },
    });
  });

  it('veto a repair whose way or image nobody knows', async () => {
    expect((await ask({}, { answers: { recovery: { capability: denied } } })).result).toMatchObject({ kind: 'vetoed', guardrail: 'capability' });
    expect((await ask({}, { answers: { store: { query: denied } } })).result).toMatchObject({ kind: 'vetoed', guardrail: 'image choice' });
  });

  it('ask a person where one of them says so, with the findings of those only (S1-15)', async () => {
    const { result, verdicts, record } = await ask({}, { spec: { mode: 'approve' } });
    expect(result).toMatchObject({
      kind: 'done',
      patch: {
        guardrails: verdicts,
        ...replacing,
        remaining: ['await-approval', 'guard', ...record.remaining],
        approval: { findings: ['opt-in and provenance: The policy shop-web asks for approval'], plan: { phases: replacing.remaining, imageId: 'ami-v2' } },
      },
    });
  });

  it('ask nobody twice: with a yes it goes on', async () => {
    const at = world.clock.now();
    const approval = { requestedAt: at, expiresAt: at, findings: [], plan: { phases: [], kept: [], cannotKeep: [] } };
    const { result, verdicts } = await ask({ approval: { ...approval, granted: { by: 'kim', at } } }, { spec: { mode: 'approve' } });
    expect(result).toEqual({
      kind: 'done',
      reason: 'No guardrail vetoes, and kim approved; a full replacement, launched first; ami-v2 is the newest approved image verified in this group',
      patch: { guardrails: verdicts, ...replacing },
    });
    const again = await ask({ approval }, { spec: { mode: 'approve' } });
    expect(again.result.reason).toMatch(/^A person is asked until /);
  });
});

describe('the guardrails of a member of a group', () => {
  const asMember = { oldInstanceId: MEMBER, slotId: memberSlotId };

  beforeEach(async () => {
    world = groupWorld();
    await storeClaim(world, { slot: { id: memberSlotId, instanceId: MEMBER } });
  });

  it('let its group replace it from the template of the group: there is no image to choose', async () => {
    const { result, verdicts } = await ask(asMember);
    expect(result).toEqual({
      kind: 'done',
      reason: 'All 11 guardrails passed; its Auto Scaling group replaces its own members',
      patch: {
        guardrails: verdicts,
        path: 'group-member',
        pathReason: 'its Auto Scaling group replaces its own members',
        nextPaths: [],
        remaining: [...phasesOf('group-member', traitsOf({ topology: 'multiple', isFenced: false }))],
      },
    });
  });

  it('say in a dry run that the group would have been asked', async () => {
    const { result } = await ask(asMember, { spec: { mode: 'dry-run' } });
    expect(result).toMatchObject({ kind: 'would-have', reason: `Would have taken the path group-member for ${MEMBER}` });
  });
});

describe('a group that is found over its limit', () => {
  beforeEach(async () => {
    await storeClaim(world);
    await verifyImage(world);
    world.region.setTargetUnhealthy('i-peer1', true);
  });

  it('has its circuit breaker open from that moment on', async () => {
    world.clock.advance(7);
    expect((await ask()).result).toMatchObject({
      kind: 'vetoed',
      guardrail: 'circuit breaker',
      reason: 'The circuit breaker is open: 2 of 3 unhealthy, the limit is 1',
    });
    expect(await breakerOf()).toEqual({ state: 'open', since: world.clock.now(), isProbeFailed: false });
  });

  it('is not calm any more, when its breaker is open and would soon have closed', async () => {
    await updateRecord(world.store, groupType, keys.group(testScope, 'shop-web/web'), () =>
      groupOf({ inFlight: ['rem-1'], breaker: { state: 'open', since: launchedAt, isProbeFailed: true, calmSince: launchedAt } }),
    );
    await ask();
    expect(await breakerOf()).toEqual({ state: 'open', since: launchedAt, isProbeFailed: true });
  });

  it('is not written again when its breaker is open already', async () => {
    await ask();
    const version = await groupVersion();
    await ask();
    expect(await groupVersion()).toBe(version);
  });

  it('keeps its breaker when the veto is another one', async () => {
    world.region.setTag(OLD, tagKeys.hold, 'lee');
    expect((await ask()).result).toMatchObject({ kind: 'vetoed', guardrail: 'pending duration' });
    expect(await breakerOf()).toEqual({ state: 'closed', isProbeFailed: false });
  });

  it('keeps its breaker when a person asked: that is no trouble', async () => {
    const at = world.clock.now();
    const request = { by: 'kim', reason: 'odd noises', at };
    expect((await ask({ request }, { trigger: { kind: 'instance.replace-requested' } })).result).toMatchObject({
      kind: 'vetoed',
      guardrail: 'circuit breaker',
    });
    expect(await breakerOf()).toEqual({ state: 'closed', isProbeFailed: false });
  });

  it('keeps its breaker open or closed as it is when only an open one vetoes and the count is within the limit', async () => {
    world.region.setTargetUnhealthy('i-peer1', false);
    const breaker = { state: 'open' as const, since: launchedAt, isProbeFailed: true, calmSince: launchedAt };
    await updateRecord(world.store, groupType, keys.group(testScope, 'shop-web/web'), () => groupOf({ inFlight: ['rem-1'], breaker }));
    expect((await ask()).result).toMatchObject({ kind: 'vetoed', guardrail: 'circuit breaker' });
    expect(await breakerOf()).toEqual(breaker);
  });
});

describe('what is chosen', () => {
  it.each([
    ['is the choice', known({ kind: 'chosen', imageId: 'ami-v2', reason: 'it is good' } as const), { kind: 'chosen', imageId: 'ami-v2', reason: 'it is good' }],
    ['is nothing where nothing can be chosen', known({ kind: 'none', reason: 'all are revoked' } as const), undefined],
    ['is nothing where it could not be read', { isKnown: false, why: 'AccessDenied' } as const, undefined],
  ])('%s', (_what, fact, expected) => {
    expect(chosenOf<ImageChoice>(fact)).toEqual(expected);
  });
});

describe('the veto of a list of verdicts', () => {
  const pass = { name: 'pause', verdict: 'pass', reason: 'not paused' } as const;
  const approve = { name: 'capability', verdict: 'approve', reason: 'a person must say so' } as const;
  const veto = { name: 'retry cap', verdict: 'veto', reason: 'too often' } as const;

  it('is the first no, also behind what a person may pass: nobody is asked for what would be refused anyway', () => {
    const verdicts = [pass, approve, veto, { ...veto, name: 'image choice' }];
    expect(vetoOf(verdicts)).toEqual({ kind: 'vetoed', guardrail: 'retry cap', reason: 'too often', patch: { guardrails: verdicts } });
  });

  it('is none where nothing says no', () => {
    expect(vetoOf([pass, approve])).toBeUndefined();
  });
});
