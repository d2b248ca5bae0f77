import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { imageRecordType } from '../../../../core/images/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { updateRecord } from '../../../../core/records/record-type.ts';
import { planReplacement, type Plan } from '../../../../core/remediation/paths/plan.ts';
import type { ImageFacts, LaunchRequest } from '../../../../core/remediation/ports.ts';
import { chosenType, decidePreflight, type PreflightFacts, preflightRows } from '../../../../core/remediation/preflight/preflight.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import {
  createWorld,
  driverPorts,
  observePorts,
  OLD,
  play,
  readRemediation,
  startOld,
  testHasher,
  testScope,
  verifyImage,
  type World,
  type Wrap,
} from '../world.ts';

const known = <Value>(value: Value) => ({ isKnown: true, value }) as const;
const unread = (why: string) => ({ isKnown: false, why }) as const;
const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/1';

const image: ImageFacts = {
  imageId: 'ami-2',
  state: 'available',
  architecture: 'x86_64',
  rootDeviceName: '/dev/xvda',
  rootDeviceType: 'ebs',
  createdAt: '2026-11-20T09:00:00.000Z',
  ownerId: '111122223333',
  bootMode: 'uefi',
  virtualizationType: 'hvm',
  isEnaEnabled: true,
  rootSizeGiB: 10,
  snapshotIds: ['snap-1'],
};
const type = {
  instanceType: 'm7i.large',
  architectures: ['x86_64'],
  bootModes: ['legacy-bios', 'uefi'],
  virtualizationTypes: ['hvm'],
  rootDeviceTypes: ['ebs'],
  enaSupport: 'required',
};
const fine: PreflightFacts = {
  launchedBy: 'perennial',
  accountId: '111122223333',
  imageId: 'ami-2',
  role: 'web',
  image: known(image),
  approval: known({ isApproved: true, isRevoked: false, isRunByPeers: false }),
  architecture: 'x86_64',
  availabilityZone: 'eu-central-1a',
  candidates: ['m7i.large', 'm6i.large'],
  types: known([type, { ...type, instanceType: 'm6i.large' }]),
  offered: known(['m6i.large', 'm7i.large']),
  snapshots: known([{ snapshotId: 'snap-1', state: 'completed', kmsKeyId: KEY }]),
  keys: [{ keyId: KEY, use: 'snap-1 of the image', state: known('Enabled') }],
  subnet: { subnetId: 'subnet-1', freeAddresses: known(3) },
  tagCount: 50,
  rehearsal: known({ kind: 'possible', reason: "EC2's dry run passed" }),
};
const ofImage = (changes: Partial<ImageFacts>): Partial<PreflightFacts> => ({ image: known({ ...image, ...changes }) });
const ofType = (changes: object): Partial<PreflightFacts> => ({ types: known([{ ...type, ...changes }]) });
const ofKey = (state: PreflightFacts['keys'][number]['state'], keyId = KEY): Partial<PreflightFacts> => ({
  keys: [{ keyId, use: 'the volume at /dev/xvda', state }],
});
const failures = (changes: Partial<PreflightFacts>): readonly string[] => decidePreflight({ ...fine, ...changes }).failures;
const reasonOf = (changes: Partial<PreflightFacts>, row: string): string | undefined =>
  decidePreflight({ ...fine, ...changes }).verdicts.find(({ name }) => name === row)?.reason;

describe('the table of the preflight', () => {
  it('passes where everything fits, every row', () => {
    expect(decidePreflight(fine)).toMatchObject({ failures: [], verdicts: preflightRows.map(({ name }) => ({ name, verdict: 'pass' })) });
  });

  it('has an authority for every row', () => {
    for (const { authority } of preflightRows) expect(authority).toMatch(/^https:\/\/docs\.aws\.amazon\.com\/|^design\.md section/);
  });

  it.each<[row: string, what: string, changes: Partial<PreflightFacts>, says: string]>([
    ['image', 'is gone', { image: known(undefined) }, 'the image ami-2 does not exist'],
    ['image', 'is disabled', ofImage({ state: 'disabled' }), 'the image ami-2 is disabled, not available'],
    ['image', 'may not be read', { image: unread('AccessDenied') }, 'the image ami-2 could not be read, which counts as a no: AccessDenied'],
    ['approval', 'was revoked', { approval: known({ isApproved: true, isRevoked: true, isRunByPeers: true }) }, 'is revoked'],
    ['approval', 'is of nobody', { approval: known({ isApproved: false, isRevoked: false, isRunByPeers: false }) }, 'never an approved image of the role web'],
    [
      'approval',
      'is only what peers of a group run',
      { launchedBy: 'group', approval: known({ isApproved: false, isRevoked: false, isRunByPeers: true }) },
      'never an approved',
    ],
    ['approval', 'may not be read', { approval: unread('AccessDenied') }, 'could not be read'],
    ['architecture', 'is not the one of the instance', { architecture: 'arm64' }, 'the image is x86_64, the instance arm64'],
    ['architecture', 'is not one of the type', ofType({ architectures: ['arm64'] }), 'the image is x86_64; m7i.large is arm64'],
    ['virtualization', 'is not taken by the type', ofImage({ virtualizationType: 'paravirtual' }), 'the image is paravirtual; m7i.large takes hvm'],
    ['boot mode', 'is not one of the type', ofType({ bootModes: ['legacy-bios'] }), 'the image boots by uefi; m7i.large boots by legacy-bios'],
    ['network adapter', 'is not enabled', ofImage({ isEnaEnabled: false }), 'm7i.large needs the Elastic Network Adapter'],
    ['root device', 'is an instance store', ofImage({ rootDeviceType: 'instance-store' }), 'root on an instance store'],
    ['root device', 'is smaller than what it takes the place of', { minimumRootGiB: 11 }, '10 GiB, that of the instance 11'],
    ['root device', 'is not taken by the type', ofType({ rootDeviceTypes: ['instance-store'] }), 'm7i.large takes no root on EBS'],
    ['instance type', 'is offered nowhere', { offered: known([]) }, 'eu-central-1a offers none of m7i.large, m6i.large'],
    ['instance type', 'offers may not be read', { offered: unread('AccessDenied') }, 'what eu-central-1a offers could not be read'],
    ['instance type', 'facts may not be read', { types: unread('AccessDenied') }, 'what the instance types are could not be read'],
    ['snapshots', 'are gone', { snapshots: known([]) }, 'snap-1 does not exist any more'],
    ['snapshots', 'are broken', { snapshots: known([{ snapshotId: 'snap-1', state: 'error' }]) }, 'snap-1 is error'],
    ['snapshots', 'may not be read', { snapshots: unread('AccessDenied') }, 'the snapshots snap-1 of the image could not be read'],
    ['encryption keys', 'are disabled', ofKey(known('Disabled')), `the key ${KEY} (the volume at /dev/xvda) is Disabled`],
    ['encryption keys', 'are about to be deleted', ofKey(known('PendingDeletion')), `${KEY} (the volume at /dev/xvda) is PendingDeletion`],
    ['encryption keys', 'are gone', ofKey(known(undefined)), `${KEY} (the volume at /dev/xvda) does not exist`],
    ['encryption keys', 'may not be read', ofKey(unread('AccessDenied')), `${KEY} (the volume at /dev/xvda) could not be read`],
    ['free addresses', 'are none', { subnet: { subnetId: 'subnet-1', freeAddresses: known(0) } }, 'subnet-1 has no free address'],
    ['free addresses', 'have no subnet', { subnet: { subnetId: 'subnet-1', freeAddresses: known(undefined) } }, 'subnet-1 does not exist any more'],
    ['free addresses', 'may not be read', { subnet: { subnetId: 'subnet-1', freeAddresses: unread('AccessDenied') } }, 'could not be read'],
    ['tags', 'are too many', { tagCount: 51 }, '51 tags; EC2 allows 50'],
    ['launch rehearsal', 'is refused', { rehearsal: known({ kind: 'impossible', reason: 'may not pass the role' }) }, 'may not pass the role'],
    ['launch rehearsal', 'cannot be made', { rehearsal: unread('the user data is gone') }, 'the user data is gone'],
  ])('stops at the row "%s" alone: %s', (row, _what, changes, says) => {
    const found = failures(changes);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^${row}: `));
    expect(found[0]).toContain(says);
  });

  it('tells everything at once', () => {
    const found = failures({ ...ofImage({ state: 'deregistered', bootMode: 'uefi-only' }), ...ofKey(known('Disabled')), tagCount: 51, snapshots: known([]) });
    expect(found.map((text) => text.split(':')[0])).toEqual(['image', 'boot mode', 'snapshots', 'encryption keys', 'tags']);
  });

  it('takes the next type of the policy where the zone offers the first no more, and says which', () => {
    const changes = {
      offered: known(['m6i.large']),
      types: known([
        { ...type, bootModes: ['legacy-bios'] },
        { ...type, instanceType: 'm6i.large' },
      ]),
    };
    expect(failures(changes)).toEqual([]);
    expect(reasonOf(changes, 'instance type')).toBe('eu-central-1a offers m6i.large, not m7i.large: the replacement would be a m6i.large');
  });

  it('looks at each type that the zone offers, takes the first that the image fits, and says which it does not fit', () => {
    const changes = {
      candidates: ['m7i.large', 'm6i.large', 'm5.large', 'x9.new', 'c6i.large'],
      offered: known(['m7i.large', 'm6i.large', 'x9.new', 'c6i.large']),
      types: known([
        { ...type, bootModes: ['legacy-bios'] },
        { ...type, instanceType: 'm6i.large' },
        { ...type, instanceType: 'm5.large', architectures: ['arm64'] },
        { ...type, instanceType: 'c6i.large', rootDeviceTypes: ['instance-store'] },
      ]),
    };
    expect(chosenType({ ...fine, ...changes })).toBe('m6i.large');
    expect(failures(changes)).toEqual([]);
    const { unfitTypes } = decidePreflight({ ...fine, ...changes });
    expect(unfitTypes.map(({ instanceType }) => instanceType)).toEqual(['m7i.large', 'x9.new', 'c6i.large']);
    const reason = reasonOf(changes, 'instance type') ?? '';
    expect(reason).toContain('eu-central-1a offers m6i.large: the replacement would be a m6i.large; not launched as m7i.large (the image boots by uefi');
    expect(reason).toContain('x9.new (EC2 says nothing of it), c6i.large (c6i.large takes no root on EBS');
  });

  it('stops where the image fits none of them, for what the first lacks', () => {
    const unfit = [
      { ...type, bootModes: ['legacy-bios'] },
      { ...type, instanceType: 'm6i.large', architectures: ['arm64'] },
    ];
    const found = failures({ types: known(unfit) });
    expect(found.map((text) => text.split(':')[0])).toEqual(['boot mode']);
    expect(reasonOf({ types: known(unfit) }, 'instance type')).toContain('not launched as m6i.large (the image is x86_64; m6i.large is arm64)');
  });

  it('looks at ten of them at most', () => {
    const names = Array.from({ length: 12 }, (_, index) => `m${index}.large`);
    const changes = {
      candidates: names,
      offered: known(names),
      types: known(names.map((instanceType, index) => ({ ...type, instanceType, bootModes: [index === 11 ? 'uefi' : 'legacy-bios'] }))),
    };
    expect(decidePreflight({ ...fine, ...changes }).unfitTypes).toHaveLength(10);
    expect(failures(changes)).toHaveLength(1);
  });

  it.each<[what: string, changes: Partial<PreflightFacts>]>([
    ['an image that prefers UEFI', { ...ofImage({ bootMode: 'uefi-preferred' }), ...ofType({ bootModes: ['legacy-bios'] }) }],
    ['a type that says nothing of itself', ofType({ architectures: [], bootModes: [], virtualizationTypes: [], rootDeviceTypes: [] })],
    ['a type that does not need ENA', { ...ofImage({ isEnaEnabled: false }), ...ofType({ enaSupport: 'supported' }) }],
    ['what running peers are on', { approval: known({ isApproved: false, isRevoked: false, isRunByPeers: true }) }],
    ['a shared image with snapshots that are not', { ...ofImage({ ownerId: '444455556666' }), snapshots: known([]) }],
    ['no encryption', { keys: [] }],
    ['a group that chooses by requirements', { launchedBy: 'group', candidates: [], offered: known([]), types: known([]) }],
    [
      "another account's key, which Auto Scaling uses",
      { launchedBy: 'group', ...ofKey(unread('AccessDenied'), 'arn:aws:kms:eu-central-1:444455556666:key/1') },
    ],
  ])('does not mind %s', (_what, changes) => {
    expect(failures(changes)).toEqual([]);
  });

  it("minds another account's key for its own launches: the act function may use none", () => {
    expect(failures(ofKey(unread('AccessDenied'), 'arn:aws:kms:eu-central-1:444455556666:key/1'))).toHaveLength(1);
  });

  it('names every key that is not usable, and what it is for', () => {
    const [found = ''] = failures({
      keys: [
        { keyId: 'key-a', use: 'snap-1 of the image', state: known('Disabled') },
        { keyId: 'key-b', use: 'the volume at /dev/sdf', state: unread('AccessDenied') },
        { keyId: 'key-c', use: 'the volume at /dev/sdg', state: known('Enabled') },
      ],
    });
    expect(found).toContain('key-a (snap-1 of the image) is Disabled');
    expect(found).toContain('key-b (the volume at /dev/sdf) could not be read');
    expect(found).not.toContain('key-c');
  });
});

/** A verified image, and a repair of the old instance. */
async function repair(
  disturb: (world: World) => void,
  spec: Readonly<Record<string, unknown>> = {},
  wrap?: Wrap,
): Promise<{ world: World; record: Remediation }> {
  const world = createWorld('multiple', spec);
  await verifyImage(world);
  disturb(world);
  const id = await startOld(world);
  await play(world, id, () => driverPorts(world, wrap));
  return { world, record: await readRemediation(world, id) };
}

const ZONE = 'eu-central-1a';

describe('the preflight of a replacement', () => {
  it.each<[what: string, disturb: (world: World) => void, says: readonly string[]]>([
    ['a boot mode', ({ region }) => region.addImage('ami-v2', { bootMode: 'uefi-x' }), ['boot mode: ']],
    ['a zone that offers the type no more', ({ region }) => region.preflight.withdrawType('t3.micro', ZONE), ['instance type: ']],
    ['a snapshot that is gone', ({ region }) => region.preflight.loseSnapshot('snap-of-ami-v2'), ['snapshots: ', 'snap-of-ami-v2']],
    [
      'a key of the image that is disabled',
      ({ region }) => {
        region.preflight.setSnapshot('snap-of-ami-v2', { kmsKeyId: KEY });
        region.preflight.setKeyState(KEY, 'Disabled');
      },
      ['encryption keys: ', KEY, 'Disabled'],
    ],
    [
      'a key that may not be read, and a subnet that is full',
      ({ region }) => {
        region.preflight.setSnapshot('snap-of-ami-v2', { kmsKeyId: KEY });
        region.preflight.denyKey(KEY);
        region.preflight.setFreeAddresses(`subnet-${ZONE}`, 0);
      },
      ['encryption keys: ', KEY, 'AccessDenied', 'free addresses: '],
    ],
  ])('stands down before anything is touched: %s', async (_what, disturb, says) => {
    const { world, record } = await repair(disturb);
    expect(record).toMatchObject({ state: 'stood-down', failure: { phase: 'preflight' } });
    for (const text of says) expect(record.failure?.reason).toContain(text);
    expect(world.region.find(OLD)?.state).toBe('running');
    expect(world.region.all()).toHaveLength(3);
    expect(world.sent.at(-1)?.notificationId).toBe(`${record.id}:needs-person`);
  });

  it.each([
    ['is revoked', 'is revoked'],
    ['leaves the history of its role', 'never an approved image'],
  ])('stands down when the image %s after it was chosen', async (what, says) => {
    const world = createWorld('single');
    await verifyImage(world);
    const id = await startOld(world);
    let isChosen = false;
    const wrap: Wrap = (name, port) =>
      name !== 'images'
        ? port
        : new Proxy(port, {
            get: (target, property) => {
              const real: unknown = Reflect.get(target, property);
              return property === 'approvedHistory' && isChosen && what !== 'is revoked' ? async () => ['ami-v1'] : real;
            },
          });
    const lookAfterGuard = async (): Promise<void> => {
      isChosen ||= (await readRemediation(world, id)).phases.some(({ name, outcome }) => name === 'guard' && outcome === 'done');
      if (!isChosen || what !== 'is revoked') return;
      await updateRecord(world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v2'), (body) => body && { ...body, isRevoked: true });
    };
    await play(world, id, () => driverPorts(world, wrap), lookAfterGuard);
    expect(isChosen).toBe(true);
    const record = await readRemediation(world, id);
    expect(record).toMatchObject({ state: 'stood-down', failure: { phase: 'preflight' } });
    expect(record.failure?.reason).toContain(says);
  });

  it('passes with the next type of the policy, rehearses that one and launches it', async () => {
    const rehearsed: unknown[] = [];
    const { world, record } = await repair(
      ({ region }) => {
        region.preflight.withdrawType('t3.micro', ZONE);
        region.exhaustedTypes.add('t3.micro');
      },
      { instanceTypes: ['t3a.micro'] },
      (name, port) =>
        name !== 'launcher'
          ? port
          : new Proxy(port, {
              get: (target, property) => {
                const real: unknown = Reflect.get(target, property);
                if (property !== 'rehearse' || typeof real !== 'function') return real;
                return async (request: LaunchRequest): Promise<unknown> => {
                  rehearsed.push(request.instanceType);
                  return Reflect.apply(real, target, [request]);
                };
              },
            }),
    );
    expect(rehearsed).toEqual(['t3a.micro']);
    expect(record.state).toBe('succeeded');
    expect(record.phases.find(({ name }) => name === 'preflight')?.reason).toContain(`${ZONE} offers t3a.micro, not t3.micro`);
    expect(world.region.find(record.newInstanceId ?? '')?.instanceType).toBe('t3a.micro');
  });

  it('launches none of the types that the image does not fit, and keeps on record what was found', async () => {
    const { world, record } = await repair(
      ({ region }) => {
        region.preflight.setType('t3a.micro', { architectures: ['arm64'] });
        region.exhaustedTypes.add('t3.micro');
      },
      { instanceTypes: ['t3a.micro', 'm6i.large'] },
    );
    expect(record).toMatchObject({ state: 'succeeded', unfitTypes: ['t3a.micro'] });
    expect(record.calls['launch:t3a.micro']).toBeUndefined();
    expect(world.region.find(record.newInstanceId ?? '')?.instanceType).toBe('m6i.large');
    expect(record.preflight?.map(({ name }) => name)).toEqual(preflightRows.map(({ name }) => name));
    expect(record.preflight?.find(({ name }) => name === 'instance type')?.reason).toContain('not launched as t3a.micro');
  });

  it('keeps on record what stopped it', async () => {
    const { record } = await repair(({ region }) => region.addImage('ami-v2', { bootMode: 'uefi-x' }));
    expect(record.preflight?.filter(({ verdict }) => verdict === 'stop').map(({ name }) => name)).toEqual(['boot mode']);
  });

  it.each([
    ['a throttle is asked again', new RetryableError('throttled'), 'succeeded'],
    ['no permission is a no, with its reason', new PermanentError('not authorized: ec2:DescribeInstanceTypeOfferings'), 'stood-down'],
  ])('%s', async (_what, error, state) => {
    let calls = 0;
    const wrap: Wrap = (name, port) =>
      name === 'preflight'
        ? new Proxy(port, {
            get: (target, property) => {
              if (property !== 'offeredTypes') return Reflect.get(target, property) as unknown;
              calls += 1;
              return calls === 1 || error instanceof PermanentError ? () => Promise.reject(error) : (Reflect.get(target, property) as unknown);
            },
          })
        : port;
    const { record } = await repair(() => undefined, {}, wrap);
    expect(record.state).toBe(state);
    if (state === 'stood-down') expect(record.failure?.reason).toContain('not authorized: ec2:DescribeInstanceTypeOfferings');
  });

  it('asks four more things than before, and one for each key', async () => {
    const asked: string[] = [];
    const wrap: Wrap = (name, port) =>
      name === 'preflight'
        ? new Proxy(port, {
            get: (target, property) => {
              asked.push(String(property));
              return Reflect.get(target, property) as unknown;
            },
          })
        : port;
    await repair(() => undefined, {}, wrap);
    // The free addresses were asked before, by the rehearsal; the fourth is the history of the approved image.
    expect(asked.toSorted()).toEqual(['freeAddresses', 'instanceTypes', 'offeredTypes', 'snapshots']);
  });
});

async function planOf(world: World): Promise<Plan> {
  return planReplacement(observePorts(world), testHasher, {
    system: world.system,
    policy: world.policy,
    slot: { id: `shop-web/${OLD}`, groupId: 'shop-web/web', instanceId: OLD },
    trigger: { kind: 'instance.status-check', rule: 'plan', fingerprint: 'plan', at: world.clock.now(), summary: 'Planned by hand' },
    groupMembers: 3,
    systemsInCatalog: 2,
  });
}

describe('a plan', () => {
  it('has a line for every row, and no dry run', async () => {
    const world = createWorld();
    await verifyImage(world);
    const { preflight, wouldStop } = await planOf(world);
    expect(preflight.map(({ name }) => name)).toEqual(preflightRows.map(({ name }) => name));
    expect(preflight.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name)).toEqual(['encryption keys', 'launch rehearsal']);
    expect(wouldStop.filter((text) => text.startsWith('preflight'))).toEqual([]);
  });

  it('says which rows would stop it; what the operator may not read is no verdict', async () => {
    const world = createWorld();
    await verifyImage(world);
    world.region.preflight.setFreeAddresses(`subnet-${ZONE}`, 0);
    world.region.preflight.setSnapshot('snap-of-ami-v2', { kmsKeyId: KEY });
    world.region.preflight.denyKey(KEY);
    const { preflight, wouldStop } = await planOf(world);
    expect(wouldStop.filter((text) => text.startsWith('preflight'))).toEqual([
      expect.stringContaining(`preflight, free addresses: the subnet subnet-${ZONE} has no free`),
    ]);
    expect(preflight.find(({ name }) => name === 'encryption keys')?.verdict).toBe('unread');
  });
});
