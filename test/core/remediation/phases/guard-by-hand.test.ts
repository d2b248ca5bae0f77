import { beforeEach, describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { imageRecordType } from '../../../../core/images/records.ts';
import { tagKeys } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { evaluateGuardrails } from '../../../../core/remediation/guardrails/guardrails.ts';
import { guard, readFacts } from '../../../../core/remediation/phases/guard.ts';
import { guardAny } from '../../../../core/remediation/phases/guard-by-hand.ts';
import { pauseType, type Remediation } from '../../../../core/remediation/record.ts';
import { createWorld, OLD, testScope, verifyImage, type World } from '../world.ts';
import { denied, openStage, type Stage, type StageSeed, storeClaim, storeRemediation } from './stage.ts';

const launchedAt = '2026-11-20T09:00:00.000Z';
const tags = { [tagKeys.system]: 'shop-web', [tagKeys.role]: 'web' };

let world: World;

beforeEach(() => {
  world = createWorld();
});

const requested = (kind: string): Partial<Remediation> => {
  const at = world.clock.now();
  return {
    request: { by: 'kim', reason: 'game day', at },
    trigger: { kind, rule: 'r', fingerprint: 'f', at, summary: 's' },
  };
};

async function pause(): Promise<void> {
  const body = { target: 'global', isPaused: true, by: 'lee', reason: 'work', at: world.clock.now() };
  await createRecord(world.store, pauseType, keys.pause(testScope, 'global'), body);
}

const image = { role: 'web', firstApprovedAt: launchedAt, isApproved: true, verifiedGroups: [] };

describe('the guardrails of a repair', () => {
  it('are those of every repair, also of one that a person asked for', async () => {
    await storeClaim(world);
    await verifyImage(world);
    const { run } = await openStage({ world, record: requested('instance.replace-requested') });
    const result = await run(guardAny);
    expect(result).toEqual(await run(guard));
    expect(result.reason).toMatch(/^All 11 guardrails passed/);
  });
});

const wayBack = async (seed: StageSeed = {}): Promise<Stage> =>
  openStage({
    world,
    record: { revertOf: 'rem-0', path: 'revert', pathReason: 'A person asked for it', newInstanceId: 'i-peer1', ...requested('instance.revert-requested') },
    ...seed,
  });

async function putAway(): Promise<void> {
  world.region.setState(OLD, 'stopped', 'by its quarantine');
  world.region.setTag(OLD, tagKeys.quarantine, 'inc-0');
  world.region.setTag(OLD, tagKeys.quarantineUntil, addSeconds(world.clock.now(), 86_400));
  await storeRemediation(world, { state: 'succeeded', newInstanceId: 'i-peer1' });
}

describe('the guardrails of a way back (S0-27)', () => {
  beforeEach(async () => {
    await storeClaim(world);
    await putAway();
  });

  it('let the old instance return on the image it ran, and ask only what a way back is asked', async () => {
    const { run, context } = await wayBack();
    const result = await run(guardAny);
    const { verdicts } = evaluateGuardrails(await readFacts(await context()));
    expect(verdicts.map(({ name, verdict }) => `${name}: ${verdict}`)).toEqual([
      'pause: pass',
      'maintenance window: pass',
      'platform caps: pass',
      'allow-list: pass',
      'one at a time: pass',
      'quarantine: pass',
    ]);
    expect(result).toEqual({
      kind: 'done',
      reason: `${OLD} is in quarantine and may return; rem-0 is taken back`,
      patch: { guardrails: verdicts, imageId: 'ami-v1', imageReason: `${OLD} returns on the image it ran` },
    });
  });

  it.each([
    ['it is paused', pause, 'pause', 'Paused (global) by lee: work'],
    [
      'it is not in quarantine any more',
      async () => world.region.addInstance({ instanceId: OLD, imageId: 'ami-v1', launchedAt, tags }),
      'quarantine',
      `${OLD} is not in quarantine any more`,
    ],
  ])('keep it where it is when %s', async (_what, change, guardrail, reason) => {
    await change();
    const { run, context } = await wayBack();
    const { verdicts } = evaluateGuardrails(await readFacts(await context()));
    expect(await run(guardAny)).toEqual({ kind: 'vetoed', guardrail, reason, patch: { guardrails: verdicts } });
  });

  it('keep it where it is when nobody can see it', async () => {
    const { run } = await wayBack({ answers: { instances: { read: denied } } });
    expect(await run(guardAny)).toMatchObject({
      kind: 'vetoed',
      guardrail: 'quarantine',
      reason: 'The old instance could not be read, which counts as a no: AccessDenied',
    });
  });
});

const drill = async (seed: StageSeed = {}): Promise<Stage> =>
  openStage({
    world,
    record: {
      oldInstanceId: 'no-instance-yet',
      slotId: 'shop-web/drill',
      groupId: 'shop-web/drill',
      isDrill: true,
      path: 'drill',
      pathReason: 'A person asked for it',
      drill: { groupId: 'shop-web/web' },
      ...requested('check.drill-requested'),
    },
    ...seed,
  });

const drilled = async (seed: StageSeed = {}) => (await drill(seed)).run(guardAny);

/** Which member a drill would copy, in its words. */
const modelOf = async (seed: StageSeed = {}): Promise<string> => (await drilled(seed)).reason;

const noMember = {
  kind: 'vetoed',
  guardrail: 'capability',
  reason: 'shop-web/web has no healthy member to make a copy of; while it has none, a drill is not what it needs',
};
const copyOf = (instanceId: string): string => `A drill on a copy of ${instanceId}; ami-v2 is the newest approved image`;

describe('the guardrails of a drill (S3-19)', () => {
  beforeEach(async () => {
    const place = { id: 'shop-web/drill', groupId: 'shop-web/drill', instanceId: 'no-instance-yet' };
    await storeClaim(world, { slot: place, group: { id: 'shop-web/drill' } });
    world.region.setTargetUnhealthy(OLD, false);
  });

  it('look at the healthy member to copy, and take the newest approved image, though nobody has seen it at work', async () => {
    const { run, record } = await drill();
    const before = await record();
    const result = await run(guardAny);
    expect(result).toMatchObject({
      kind: 'done',
      reason: copyOf(OLD),
      patch: { imageId: 'ami-v2', imageReason: 'ami-v2 is the newest approved image', drill: { groupId: 'shop-web/web', modelInstanceId: OLD } },
    });
    expect(result.kind === 'done' && result.patch?.guardrails).toEqual([
      { name: 'pause', verdict: 'pass', reason: 'Neither the platform nor the system is paused' },
      { name: 'maintenance window', verdict: 'pass', reason: 'No maintenance window is open' },
      { name: 'platform caps', verdict: 'pass', reason: '1 of 5 remediations in flight' },
      { name: 'allow-list', verdict: 'pass', reason: 'kim asked for it: game day' },
      { name: 'capability', verdict: 'pass', reason: 'A stand-alone instance with an EBS root; A person asked for it' },
      { name: 'one at a time', verdict: 'pass', reason: '1 of at most 1 in flight in the group' },
      { name: 'retry cap', verdict: 'pass', reason: 'Attempt 1 of 3 in 24 h' },
      { name: 'image choice', verdict: 'pass', reason: 'ami-v2 is the newest approved image' },
    ]);
    // The record itself never names the member as an instance to repair.
    expect(await record()).toEqual(before);
  });

  it('read what the member can take, not what stands for the instance that does not run yet', async () => {
    const { run, heard } = await drill();
    await run(guardAny);
    expect(heard('instances.read', 'recovery')).toEqual([
      ['instances.read', OLD],
      ['recovery.capability', OLD],
    ]);
  });

  it('veto with the reason and every verdict, and write nothing', async () => {
    await pause();
    const { run, record } = await drill();
    const before = await record();
    const result = await run(guardAny);
    expect(result).toMatchObject({ kind: 'vetoed', guardrail: 'pause', reason: 'Paused (global) by lee: work' });
    expect(result.kind === 'vetoed' && result.patch?.guardrails?.map(({ name }) => name)).toHaveLength(8);
    expect(await record()).toEqual(before);
  });

  it('copy the first healthy member by its id, so that a repetition finds the same', async () => {
    const reversed = async () => (await world.region.instances.findByTag(tagKeys.system, 'shop-web')).toReversed();
    expect(await modelOf()).toBe(copyOf(OLD));
    expect(await modelOf({ answers: { instances: { findByTag: reversed } } })).toBe(copyOf(OLD));
    world.region.setTargetUnhealthy(OLD, true);
    expect(await modelOf()).toBe(copyOf('i-peer1'));
    expect(await modelOf({ answers: { instances: { findByTag: reversed } } })).toBe(copyOf('i-peer1'));
  });

  it.each([
    ['on hold', async () => world.region.setTag(OLD, tagKeys.hold, 'lee')],
    ['in quarantine', async () => world.region.setTag(OLD, tagKeys.quarantine, 'inc-1')],
    ['the copy of another drill', async () => world.region.setTag(OLD, tagKeys.drill, 'rem-9')],
    ['of another role', async () => world.region.setTag(OLD, tagKeys.role, 'worker')],
    ['stopped', async () => world.region.setState(OLD, 'stopped', 'by hand')],
    ['no target where the system has a target group', async () => world.region.addInstance({ instanceId: 'i-a', imageId: 'ami-v1', launchedAt, tags })],
    [
      'not healthy yet on one of its ports',
      async () => world.region.registrar.register(OLD, [{ targetGroupArn: 'arn:tg/shop-web', targetGroupName: 'shop-web', port: 8080 }]),
    ],
  ])('copy no member that is %s', async (_what, change) => {
    await change();
    const expected = world.region.find('i-a') === undefined ? 'i-peer1' : OLD;
    expect(await modelOf()).toBe(copyOf(expected));
  });

  it('copy any running member of a system without target groups', async () => {
    world.region.setTargetUnhealthy(OLD, true);
    world.region.addInstance({ instanceId: 'i-a', imageId: 'ami-v1', launchedAt, tags });
    expect(await modelOf({ system: { targetGroups: [] } })).toBe(copyOf('i-a'));
  });

  it('need a healthy member: while there is none, a drill is not what the group needs', async () => {
    for (const instanceId of [OLD, 'i-peer1', 'i-peer2']) world.region.setTargetUnhealthy(instanceId, true);
    const { run, record } = await drill();
    const before = await record();
    const result = await run(guardAny);
    expect([result, await record()]).toEqual([noMember, before]);
  });

  it('pass over revoked images of the role, and only those', async () => {
    await createRecord(world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v1'), { ...image, imageId: 'ami-v1', isRevoked: false });
    await createRecord(world.store, imageRecordType, keys.image(testScope, 'web2', 'ami-v1'), { ...image, role: 'web2', imageId: 'ami-v1', isRevoked: true });
    await createRecord(world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v2'), { ...image, imageId: 'ami-v2', isRevoked: true });
    expect(await modelOf()).toBe(`A drill on a copy of ${OLD}; ami-v1 is the newest approved image`);
    await updateRecord(world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v1'), (body) =>
      body === undefined ? body : { ...body, isRevoked: true },
    );
    expect(await drilled()).toMatchObject({
      kind: 'vetoed',
      guardrail: 'image choice',
      reason: 'The role has no approved image: its parameter does not exist, or all are revoked',
    });
  });

  it('ask for all records of the images, however many: one that is left out could be the one that is revoked', async () => {
    await createRecord(world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v2'), { ...image, imageId: 'ami-v2', isRevoked: true });
    const others = Array.from({ length: 500 }, (_, number) => (number % 2 === 0 ? `ami-a${number}` : `ami-z${number}`));
    for (const imageId of others)
      await createRecord(world.store, imageRecordType, keys.image(testScope, 'web', imageId), { ...image, imageId, isRevoked: false });
    expect(await modelOf()).toBe(`A drill on a copy of ${OLD}; ami-v1 is the newest approved image`);
  });

  it('veto where the approved images cannot be read', async () => {
    expect(await drilled({ answers: { images: { approvedHistory: denied } } })).toMatchObject({
      kind: 'vetoed',
      guardrail: 'image choice',
      reason: 'The image to launch could not be read, which counts as a no: AccessDenied',
    });
  });
});
