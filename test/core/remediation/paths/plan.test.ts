import { describe, expect, it } from 'vitest';
import { windowSchema } from '../../../../core/catalog/schema.ts';
import { PermanentError } from '../../../../core/environment/errors.ts';
import { tagKeys } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { type Plan, planReplacement, type PlanRequest } from '../../../../core/remediation/paths/plan.ts';
import { rowOf } from '../../../../core/remediation/paths/procedure.ts';
import type { ObservePorts } from '../../../../core/remediation/phase.ts';
import { groupType, platformType, slotType } from '../../../../core/remediation/record.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import { everything, readyWorld, sweepOld } from '../belongings.ts';
import { dump, groupOf, slotOf } from '../builders.ts';
import { GROUP, groupWorld, MEMBER, memberSlotId } from '../group-world.ts';
import { createWorld, observePorts, OLD, testHasher, testScope, verifyImage, type World } from '../world.ts';

const slot = { id: `shop-web/${OLD}`, groupId: 'shop-web/web', instanceId: OLD };

interface Asked {
  readonly request?: Partial<PlanRequest>;
  readonly ports?: Partial<ObservePorts>;
}

/** The plan of the failing instance, as `perennial plan` asks for it. */
function planOf(world: World, { request, ports }: Asked = {}): Promise<Plan> {
  return planReplacement({ ...observePorts(world), ...ports }, testHasher, {
    system: world.system,
    policy: world.policy,
    slot,
    trigger: { kind: 'instance.status-check', rule: 'plan', fingerprint: 'plan', at: world.clock.now(), summary: 'Planned by hand' },
    groupMembers: 3,
    systemsInCatalog: 2,
    ...request,
  });
}

/** A person asks for the replacement by name. */
function byHand(world: World): Pick<PlanRequest, 'trigger' | 'request'> {
  const at = world.clock.now();
  return {
    trigger: { kind: 'instance.replace-requested', rule: 'plan', fingerprint: 'plan', at, summary: 'Planned by hand' },
    request: { by: 'kim', reason: 'it is slow', at },
  };
}

/** A world whose newest image is verified, with a status check that fails. */
async function failingWorld(...words: Parameters<typeof createWorld>): Promise<World> {
  const world = createWorld(...words);
  await verifyImage(world);
  world.region.setStatus(OLD, 'instance', 'impaired');
  return world;
}

const phaseNamesOf = ({ phases }: Plan): readonly string[] => phases.map(({ name }) => name);
const verdictOf = ({ guardrails }: Plan, name: string) => guardrails.find((guardrail) => guardrail.name === name);
const pass = (name: string, reason: string) => ({ name, verdict: 'pass', reason });

const plainPhases = [
  'confirm',
  'guard',
  'preflight',
  'capture',
  'evidence',
  'launch',
  'await-running',
  'register',
  'await-healthy',
  'deregister',
  'drain',
  'transfer-alarms',
  'quarantine',
  'verify',
  'finish',
] as const;

const commonlyKept = ['instance type', 'subnet and zone', 'security groups', 'instance profile', 'tags', 'user data (by hash)', 'metadata options'];

describe('the plan of a stand-alone instance whose status check fails', () => {
  it('is what the repair would do: its way, every phase, every guardrail, every question of the preflight, what is kept and what is not', async () => {
    const world = await failingWorld();
    expect(await planOf(world)).toEqual({
      instanceId: OLD,
      system: 'shop-web',
      mode: 'auto',
      topology: 'multiple',
      path: 'replace',
      pathReason: 'a full replacement, launched first',
      nextPaths: [],
      phases: plainPhases.map((name) => ({ name, role: rowOf(name).role, summary: rowOf(name).summary })),
      guardrails: [
        pass('pause', 'Neither the platform nor the system is paused'),
        pass('maintenance window', 'No maintenance window is open'),
        pass('platform caps', '1 of 5 remediations in flight'),
        pass('allow-list', 'The policy lists instance.status-check'),
        pass('opt-in and provenance', 'Opted in by tag, image ami-v1 is in the lineage, and it is in the security group shop-web'),
        pass('capability', 'A stand-alone instance with an EBS root; a full replacement, launched first'),
        pass('pending duration', 'A status check still fails'),
        pass('circuit breaker', '1 of 3 unhealthy, the limit is 1'),
        pass('one at a time', '1 of at most 1 in flight in the group'),
        pass('retry cap', 'Attempt 1 of 3 in 24 h'),
        pass('image choice', 'ami-v2 is the newest approved image verified in this group'),
      ],
      preflight: [
        pass('image', 'ami-v2 is available'),
        pass('approval', 'ami-v2 is an approved image of the role web'),
        pass('architecture', 'x86_64'),
        pass('virtualization', 'hvm'),
        pass('boot mode', 'the default of the type'),
        pass('network adapter', 'enabled on the image'),
        pass('root device', 'EBS, /dev/xvda, 8 GiB in the image'),
        pass('instance type', 'eu-central-1a offers t3.micro'),
        pass('snapshots', 'snap-of-ami-v2'),
        { name: 'encryption keys', verdict: 'not-asked', reason: 'nothing is encrypted with a key of the account' },
        pass('free addresses', 'the subnet has 250'),
        pass('tags', '5 of 50'),
        { name: 'launch rehearsal', verdict: 'not-asked', reason: 'a repair asks it with its own permissions' },
      ],
      wouldStop: [],
      imageId: 'ami-v2',
      kept: [...commonlyKept, 'target group shop-web:80'],
      cannotKeep: ['its private address'],
    });
  });

  it('touches nothing and writes nothing', async () => {
    const world = await failingWorld();
    const before = [dump(world.store), world.region.all(), world.region.alarmNames()];
    await planOf(world);
    expect([dump(world.store), world.region.all(), world.region.alarmNames()]).toEqual(before);
  });

  it('of a system of one stops the old instance before it launches', async () => {
    const plan = await planOf(await failingWorld('single'), { request: { groupMembers: 1 } });
    expect(plan).toMatchObject({ topology: 'single', path: 'replace', pathReason: 'a full replacement, the old instance stopped first', wouldStop: [] });
    expect(phaseNamesOf(plan)).toEqual(plainPhases.flatMap((name) => (name === 'launch' ? ['fence', 'launch'] : [name])));
  });

  it('has the phases that move what the instance has, and says that it is kept', async () => {
    const world = await readyWorld(everything);
    const plan = await planOf(world);
    expect(phaseNamesOf(plan)).toEqual([
      'confirm',
      'guard',
      'preflight',
      'capture',
      'evidence',
      'defuse',
      'snapshot',
      'fence',
      'launch',
      'await-running',
      'move-volumes',
      'move-interfaces',
      'register',
      'await-healthy',
      'move-addresses',
      'move-records',
      'move-associations',
      'deregister',
      'drain',
      'transfer-alarms',
      'quarantine',
      'rearm',
      'verify',
      'finish',
    ]);
    expect(plan.kept).toEqual([
      ...commonlyKept,
      'the data volume vol-data at /dev/sdf',
      'the data volume vol-logs at /dev/sdg',
      'the network interface eni-second (10.0.1.10)',
      'the secondary private address 10.0.0.200',
      'the Elastic IP address 198.51.100.1',
      'the Elastic IP address 198.51.100.2',
      'the Elastic IP address 198.51.100.3',
      'the DNS record web.shop.example.com A, with the new address',
      'the association assoc-1 with AWS-ConfigureAWSPackage',
      'target group shop-web:80',
    ]);
  });

  it('tries the gentler steps of the ladder first, and asks what the launch after them would meet', async () => {
    const world = await failingWorld('multiple', { ladder: ['restart', 'reboot', 'replace'] });
    const plan = await planOf(world);
    expect(plan).toMatchObject({
      path: 'reboot',
      nextPaths: ['replace'],
      pathReason: 'a reboot keeps everything but what is in memory; left out: restart (the policy declares no restartProcess)',
    });
    expect(phaseNamesOf(plan)).toEqual(['confirm', 'guard', 'evidence', 'reboot', 'await-recovered', 'finish']);
    expect(plan.preflight.map(({ name }) => name)).toContain('launch rehearsal');
    expect(plan.preflight).toHaveLength(13);
  });

  it('asks nothing of a launch where no step of the ladder launches', async () => {
    const plan = await planOf(await failingWorld('multiple', { ladder: ['reboot'] }));
    expect(plan).toMatchObject({ path: 'reboot', nextPaths: [], preflight: [], wouldStop: [] });
  });
});

describe('what would stop it, in the words of the plan', () => {
  it('is the trouble that does not last, the image that nobody has verified, and whatever the preflight finds', async () => {
    const world = createWorld();
    world.region.preflight.setFreeAddresses('subnet-eu-central-1a', 0);
    await verifyImage(world);
    expect((await planOf(world)).wouldStop).toEqual([
      'pending duration: No status check fails any more',
      'preflight, free addresses: the subnet subnet-eu-central-1a has no free address; release one',
    ]);
  });

  it('is an image that cannot be chosen: then nothing is rehearsed', async () => {
    const world = await failingWorld();
    const none = { ...world.region.images, approvedHistory: async () => [] };
    const plan = await planOf(world, { ports: { images: none } });
    expect(plan).toMatchObject({ path: 'replace', imageId: null, preflight: [] });
    expect(plan.wouldStop.map((text) => text.split(':')[0])).toEqual(['opt-in and provenance', 'image choice']);
  });

  it('is no step of the ladder that can help: it is planned like a replacement, which nothing launches', async () => {
    const world = await failingWorld();
    world.region.recovery.setCapability(OLD, { isStopProtected: true });
    const reason =
      'No step of the ladder can help: native-recovery (its system check does not fail), replace (It is protected against being stopped, and whoever is replaced is stopped. Lift it with aws ec2 modify-instance-attribute --no-disable-api-stop)';
    const plan = await planOf(world);
    expect(plan).toMatchObject({ path: null, pathReason: reason, nextPaths: [], preflight: [], wouldStop: [`capability: ${reason}`] });
    expect(phaseNamesOf(plan)).toEqual(plainPhases);
  });

  it('is what cannot be read: the way is not known then', async () => {
    const world = await failingWorld();
    const instances = { ...world.region.instances, readStatus: () => Promise.reject(new PermanentError('the status checks may not be read')) };
    const plan = await planOf(world, { ports: { instances } });
    expect(plan).toMatchObject({ path: null, nextPaths: [], preflight: [] });
    expect(plan.pathReason).toMatch(/^The way to repair is not known: .*the status checks may not be read/);
    expect(phaseNamesOf(plan)).toEqual(plainPhases);
    expect(plan.wouldStop.map((text) => text.split(':')[0])).toEqual(['capability', 'pending duration']);
  });

  it('is a maintenance window that is open now', async () => {
    const world = await failingWorld();
    const window = windowSchema.parse({
      apiVersion: 'perennial/v1',
      kind: 'MaintenanceWindow',
      metadata: { name: 'patching' },
      spec: { systems: ['shop-web'], schedule: '0 9 * * *', timeZone: 'UTC', durationMinutes: 60, author: 'kim' },
    });
    expect((await planOf(world, { request: { windows: [window] } })).wouldStop).toEqual([
      'maintenance window: People are working (maintenance window patching of kim) until 2026-11-21T10:00:00.000Z',
    ]);
  });

  it('is the claim that would be refused: the slot is held, as its stored record says', async () => {
    const world = await failingWorld();
    const held = slotOf({ ...slot, remediationId: 'rem-9', attempts: [world.clock.now()] });
    await createRecord(world.store, slotType, keys.slot(testScope, slot.id), held);
    const plan = await planOf(world);
    expect(plan.wouldStop).toEqual(['one at a time: rem-9 already repairs this slot']);
    expect(verdictOf(plan, 'one at a time')).toEqual({ name: 'one at a time', verdict: 'veto', reason: 'The slot is held by rem-9, not by this remediation' });
    expect(verdictOf(plan, 'retry cap')).toEqual(pass('retry cap', 'Attempt 1 of 3 in 24 h'));
  });

  it('is the refused claim first, then what the guardrails would say beside it', async () => {
    const world = await failingWorld();
    world.region.setStatus(OLD, 'instance', 'ok');
    await createRecord(world.store, groupType, keys.group(testScope, 'shop-web/web'), groupOf({ inFlight: ['rem-9'] }));
    const inFlight = ['rem-5', 'rem-6', 'rem-7', 'rem-8', 'rem-9'];
    await createRecord(world.store, platformType, keys.platform(testScope), { ...emptyPlatform, inFlight });
    expect((await planOf(world)).wouldStop).toEqual([
      'platform caps: 5 remediations are in flight, the cap is 5',
      'pending duration: No status check fails any more',
      'one at a time: 1 other remediations run in the group, at most 1 may',
    ]);
  });

  it('is an open circuit breaker of the group whose probe has failed, as its stored record says', async () => {
    const world = await failingWorld();
    const unhealthy = ['a', 'b'].map((name) => ({ slotId: `shop-web/${name}`, at: world.clock.now() }));
    const group = groupOf({ unhealthy, breaker: { state: 'open', since: '2026-11-21T08:00:00.000Z', isProbeFailed: true } });
    await createRecord(world.store, groupType, keys.group(testScope, group.id), group);
    expect((await planOf(world)).wouldStop).toEqual([
      'circuit breaker: The circuit breaker is open (3 of 3 unhealthy since 2026-11-21T08:00:00.000Z) and its probe failed; a person must resume it',
    ]);
  });

  it('is the platform that has as many repairs in flight as it may, as its stored record says', async () => {
    const world = await failingWorld();
    const inFlight = ['rem-1', 'rem-2', 'rem-3', 'rem-4', 'rem-5'];
    await createRecord(world.store, platformType, keys.platform(testScope), { ...emptyPlatform, inFlight });
    const plan = await planOf(world);
    expect(plan.wouldStop).toEqual(['platform caps: 5 remediations are in flight, the cap is 5']);
    expect(verdictOf(plan, 'one at a time')).toEqual(pass('one at a time', '1 of at most 1 in flight in the group'));
  });
});

describe('the plan of what a person asks for by hand', () => {
  it('is the full replacement whatever the ladder says, and nothing has to fail for it', async () => {
    const world = createWorld('multiple', { ladder: ['reboot', 'replace'] });
    await verifyImage(world);
    const plan = await planOf(world, { request: byHand(world) });
    expect(plan).toMatchObject({ path: 'replace', pathReason: 'a person asked for it: a full replacement, launched first', nextPaths: [], wouldStop: [] });
    expect(verdictOf(plan, 'allow-list')).toEqual(pass('allow-list', 'kim asked for it: it is slow'));
    expect(verdictOf(plan, 'pending duration')).toEqual(pass('pending duration', 'A person asked for it: nothing has to last or to be read again'));
  });

  it('is no trouble of the group: a breaker that one more would open stays closed', async () => {
    const world = await failingWorld();
    const group = groupOf({ unhealthy: [{ slotId: 'shop-web/elsewhere', at: world.clock.now() }] });
    await createRecord(world.store, groupType, keys.group(testScope, group.id), group);
    expect((await planOf(world, { request: byHand(world) })).wouldStop).toEqual([]);
    expect(verdictOf(await planOf(world, { request: byHand(world) }), 'circuit breaker')).toEqual(pass('circuit breaker', '1 of 3 unhealthy, the limit is 1'));
    expect(verdictOf(await planOf(world), 'circuit breaker')).toEqual(pass('circuit breaker', 'The breaker is open (1 of 3 unhealthy); this is its one probe'));
  });
});

describe('the plan of an instance that is gone', () => {
  it('restores from the capture that the sweep has kept', async () => {
    const world = await failingWorld();
    await sweepOld(world);
    world.region.setState(OLD, 'terminated', 'Client.UserInitiatedShutdown');
    expect(await planOf(world)).toMatchObject({
      path: 'replace',
      imageId: 'ami-v2',
      kept: [...commonlyKept, 'target group shop-web:80'],
      cannotKeep: ['its private address'],
      wouldStop: [],
    });
  });

  it('keeps nothing where no capture of it was kept, and has nothing to rehearse', async () => {
    const world = await failingWorld();
    world.region.setState(OLD, 'terminated', 'Client.UserInitiatedShutdown');
    expect(await planOf(world)).toMatchObject({
      path: 'replace',
      preflight: [],
      kept: [],
      cannotKeep: ['everything: the instance is gone and no capture of it was kept'],
    });
  });
});

describe('the plan of a member of an Auto Scaling group', () => {
  const ofMember = { slot: { id: memberSlotId, groupId: 'shop-web/web', instanceId: MEMBER, memberId: MEMBER }, groupMembers: 6 };

  it('lets its group replace it: no image is chosen, and the launch is rehearsed from what the group launches', async () => {
    const world = groupWorld();
    world.region.setStatus(MEMBER, 'instance', 'impaired');
    const plan = await planOf(world, { request: ofMember });
    expect(plan).toMatchObject({
      instanceId: MEMBER,
      path: 'group-member',
      pathReason: 'its Auto Scaling group replaces its own members',
      nextPaths: [],
      wouldStop: [],
      imageId: null,
      kept: ['its group with its capacity, target groups and launch template'],
      cannotKeep: ['its id, its addresses and everything on its volumes'],
    });
    expect(phaseNamesOf(plan)).toEqual([
      'confirm',
      'guard',
      'preflight-member',
      'evidence',
      'replace-member',
      'complete-hooks',
      'await-member',
      'quarantine-member',
      'verify-serving',
      'finish',
    ]);
    expect(plan.preflight.filter(({ verdict }) => verdict === 'not-asked')).toEqual([
      { name: 'encryption keys', verdict: 'not-asked', reason: 'nothing is encrypted with a key of the account' },
      { name: 'free addresses', verdict: 'not-asked', reason: 'the group chooses among its subnets' },
      { name: 'tags', verdict: 'not-asked', reason: 'the group sets them' },
      { name: 'launch rehearsal', verdict: 'not-asked', reason: 'a repair asks it with its own permissions' },
    ]);
    expect(plan.preflight[0]).toEqual(pass('image', 'ami-v2 is available'));
  });

  it('counts this member only, not those that share its slot', async () => {
    const world = groupWorld();
    expect(verdictOf(await planOf(world, { request: ofMember }), 'circuit breaker')).toEqual(pass('circuit breaker', '1 of 6 unhealthy, the limit is 3'));
  });

  it('forgets nothing that is known of another member in the same slot', async () => {
    const world = groupWorld();
    const group = groupOf({ unhealthy: [{ slotId: memberSlotId, at: world.clock.now(), instanceId: 'i-member-a2' }] });
    await createRecord(world.store, groupType, keys.group(testScope, group.id), group);
    expect(verdictOf(await planOf(world, { request: ofMember }), 'circuit breaker')).toEqual(pass('circuit breaker', '2 of 6 unhealthy, the limit is 3'));
  });

  it('has its phases also where the way is not known because EC2 cannot be asked', async () => {
    const world = groupWorld();
    const instances = { ...world.region.instances, isGroupMember: () => Promise.reject(new PermanentError('it is not allowed')) };
    const plan = await planOf(world, { request: ofMember, ports: { instances } });
    expect([plan.path, phaseNamesOf(plan)[2]]).toEqual([null, 'preflight-member']);
  });

  it.each([
    ['its group is gone', { launchSource: { instanceTypes: [], kmsKeyIds: [], imageId: 'ami-v2' }, isGroupThere: false }],
    ['its template is gone', { launchSource: undefined, isGroupThere: true }],
    ['its template names no image', { launchSource: { instanceTypes: ['t3.micro'], kmsKeyIds: [] }, isGroupThere: true }],
  ] as const)('would be stopped where %s', async (_what, { launchSource, isGroupThere }) => {
    const world = groupWorld();
    world.region.setStatus(MEMBER, 'instance', 'impaired');
    const reader = world.region.groups.reader;
    const groups = {
      ...reader,
      launchSource: async () => launchSource,
      groupOf: async (instanceId: string) => (isGroupThere ? reader.groupOf(instanceId) : undefined),
      read: async (name: string) => (isGroupThere ? reader.read(name) : undefined),
    };
    const plan = await planOf(world, { request: ofMember, ports: { groups } });
    expect(plan.preflight).toEqual([{ name: 'image', verdict: 'stop', reason: 'what the group launches from is gone or names no image' }]);
    expect(plan.wouldStop).toEqual(['preflight, image: what the group launches from is gone or names no image']);
  });

  it('would be stopped by an image of the template that does not exist', async () => {
    const world = groupWorld();
    world.region.setStatus(MEMBER, 'instance', 'impaired');
    world.region.groups.setTemplateImage(GROUP, 'ami-none');
    expect((await planOf(world, { request: ofMember })).wouldStop[0]).toBe(
      'preflight, image: the image ami-none does not exist, or is not shared with this account. Approve one that exists',
    );
  });

  it('is planned as a member also when it is gone, because its tag remembers the group', async () => {
    const world = groupWorld();
    world.region.setState(MEMBER, 'terminated', 'Client.UserInitiatedShutdown');
    expect(world.region.find(MEMBER)?.tags[tagKeys.autoScalingGroup]).toBe(GROUP);
    expect(await planOf(world, { request: ofMember })).toMatchObject({ path: 'group-member', imageId: null });
  });
});
