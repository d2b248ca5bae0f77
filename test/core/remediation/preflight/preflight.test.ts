import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { imageRecordType } from '../../../../core/images/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { updateRecord } from '../../../../core/records/record-type.ts';
import { planReplacement, type Plan } from '../../../../core/remediation/paths/plan.ts';
import type { ImageFacts, LaunchRequest } from '../../../../core/remediation/ports.ts';
import { chosenType, decidePreflight, type PreflightDecision, type PreflightFacts, preflightRows } from '../../../../core/remediation/preflight/preflight.ts';
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
const FOREIGN_KEY = 'arn:aws:kms:eu-central-1:444455556666:key/1';
const USED_KEY = `the key ${KEY} (the volume at /dev/xvda)`;
const WOULD_NOT_START = 'what is encrypted with it would not start. Enable it again, or cancel its deletion';
const ASK_FOR_KEY = 'Let its key policy allow this account kms:DescribeKey, or take a key of this account';
const NEVER_APPROVED = 'the image ami-2 was never an approved image of the role web, or is no longer in its history; approve it, or another one';
const unreadable = (what: string): string => `${what} could not be read, which counts as a no: AccessDenied`;
const keyOf = (keyId: string, state: PreflightFacts['keys'][number]['state']): PreflightFacts['keys'][number] => ({ keyId, use: 'a use', state });
const done = (snapshotId: string) => ({ snapshotId, state: 'completed' });
const { ownerId: _owner, ...withoutOwner } = image;
/** An image that says only what it must. */
const bare: ImageFacts = {
  imageId: 'ami-2',
  state: 'available',
  architecture: 'x86_64',
  rootDeviceName: '/dev/xvda',
  rootDeviceType: 'ebs',
  createdAt: '2026-11-20T09:00:00.000Z',
};
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

  it('says of every row what was found', () => {
    expect(decidePreflight(fine).verdicts.map(({ name, verdict, reason }) => `${name} ${verdict}: ${reason}`)).toEqual([
      'image pass: ami-2 is available',
      'approval pass: ami-2 is an approved image of the role web',
      'architecture pass: x86_64',
      'virtualization pass: hvm',
      'boot mode pass: uefi',
      'network adapter pass: enabled on the image',
      'root device pass: EBS, /dev/xvda, 10 GiB in the image',
      'instance type pass: eu-central-1a offers m7i.large',
      'snapshots pass: snap-1',
      `encryption keys pass: the key ${KEY} (snap-1 of the image) is enabled`,
      'free addresses pass: the subnet has 3',
      'tags pass: 50 of 50',
      "launch rehearsal pass: EC2's dry run passed",
    ]);
  });

  it.each<[row: string, what: string, changes: Partial<PreflightFacts>, says: string]>([
    ['image', 'is gone', { image: known(undefined) }, 'the image ami-2 does not exist, or is not shared with this account. Approve one that exists'],
    ['image', 'is disabled', ofImage({ state: 'disabled' }), 'the image ami-2 is disabled, not available'],
    ['image', 'may not be read', { image: unread('AccessDenied') }, unreadable('the image ami-2')],
    [
      'approval',
      'was revoked',
      { approval: known({ isApproved: true, isRevoked: true, isRunByPeers: true }) },
      'the image ami-2 is revoked; approve another one for the role web',
    ],
    ['approval', 'is of nobody', { approval: known({ isApproved: false, isRevoked: false, isRunByPeers: false }) }, NEVER_APPROVED],
    [
      'approval',
      'is only what peers of a group run',
      { launchedBy: 'group', approval: known({ isApproved: false, isRevoked: false, isRunByPeers: true }) },
      NEVER_APPROVED,
    ],
    ['approval', 'may not be read', { approval: unread('AccessDenied') }, unreadable('the approval of ami-2')],
    [
      'architecture',
      'is not the one of the instance',
      { architecture: 'arm64' },
      'the image is x86_64, the instance arm64; approve an image of its architecture',
    ],
    [
      'architecture',
      'is neither the one of the instance nor of the type',
      { architecture: 'arm64', ...ofType({ architectures: ['arm64'] }) },
      'the image is x86_64, the instance arm64; approve an image of its architecture',
    ],
    ['architecture', 'is not one of the type', ofType({ architectures: ['arm64', 'arm64_mac'] }), 'the image is x86_64; m7i.large is arm64 or arm64_mac'],
    [
      'virtualization',
      'is not taken by the type',
      { ...ofImage({ virtualizationType: 'paravirtual' }), ...ofType({ virtualizationTypes: ['hvm', 'nitro'] }) },
      'the image is paravirtual; m7i.large takes hvm or nitro. Approve an image that it takes',
    ],
    [
      'boot mode',
      'is not one of the type',
      { ...ofImage({ bootMode: 'uefi-x' }) },
      'the image boots by uefi-x; m7i.large boots by legacy-bios or uefi. Approve an image that does, or name another type in instanceTypes',
    ],
    [
      'network adapter',
      'is not enabled',
      ofImage({ isEnaEnabled: false }),
      'm7i.large needs the Elastic Network Adapter, and the image is registered without it; register it again with EnaSupport',
    ],
    [
      'root device',
      'is an instance store',
      ofImage({ rootDeviceType: 'instance-store' }),
      'the image has its root on an instance store: what is launched from it can neither be stopped nor kept as evidence. Approve an image backed by EBS',
    ],
    [
      'root device',
      'is smaller than what it takes the place of',
      { minimumRootGiB: 11 },
      'the root of the image has 10 GiB, that of the instance 11; a root cannot be exchanged for a smaller one',
    ],
    [
      'root device',
      'is not taken by the type',
      ofType({ rootDeviceTypes: ['instance-store', 'tape'] }),
      'm7i.large takes no root on EBS, only on instance-store or tape',
    ],
    [
      'instance type',
      'is offered nowhere',
      { offered: known([]) },
      'eu-central-1a offers none of m7i.large, m6i.large; name a type that it offers in instanceTypes of the policy',
    ],
    ['instance type', 'offers may not be read', { offered: unread('AccessDenied') }, unreadable('what eu-central-1a offers')],
    ['instance type', 'facts may not be read', { types: unread('AccessDenied') }, unreadable('what the instance types are')],
    ['snapshots', 'are gone', { snapshots: known([]) }, 'the image cannot be launched: snap-1 does not exist any more. Approve another image'],
    [
      'snapshots',
      'are partly broken and partly gone',
      { ...ofImage({ snapshotIds: ['snap-1', 'snap-2', 'snap-3'] }), snapshots: known([done('snap-1'), { snapshotId: 'snap-2', state: 'error' }]) },
      'the image cannot be launched: snap-2 is error, snap-3 does not exist any more. Approve another image',
    ],
    [
      'snapshots',
      'of a shared image are broken',
      { ...ofImage({ ownerId: '444455556666', snapshotIds: ['snap-1', 'snap-2'] }), snapshots: known([{ snapshotId: 'snap-1', state: 'error' }]) },
      'the image cannot be launched: snap-1 is error. Approve another image',
    ],
    [
      'snapshots',
      'of an image whose owner is not known are gone',
      { image: known(withoutOwner), snapshots: known([]) },
      'the image cannot be launched: snap-1 does not exist any more. Approve another image',
    ],
    [
      'snapshots',
      'may not be read',
      { ...ofImage({ snapshotIds: ['snap-1', 'snap-2'] }), snapshots: unread('AccessDenied') },
      unreadable('the snapshots snap-1, snap-2 of the image'),
    ],
    ['encryption keys', 'are disabled', ofKey(known('Disabled')), `${USED_KEY} is Disabled: ${WOULD_NOT_START}`],
    ['encryption keys', 'are about to be deleted', ofKey(known('PendingDeletion')), `${USED_KEY} is PendingDeletion: ${WOULD_NOT_START}`],
    ['encryption keys', 'are gone', ofKey(known(undefined)), `${USED_KEY} does not exist; encrypt with one that does`],
    ['encryption keys', 'may not be read', ofKey(unread('AccessDenied')), `${unreadable(USED_KEY)}. ${ASK_FOR_KEY}`],
    [
      'encryption keys',
      'of our account may not be read, though Auto Scaling uses them',
      { launchedBy: 'group', ...ofKey(unread('AccessDenied')) },
      `${unreadable(USED_KEY)}. ${ASK_FOR_KEY}`,
    ],
    [
      'encryption keys',
      'named by a plain id may not be read, though Auto Scaling uses them',
      { launchedBy: 'group', ...ofKey(unread('AccessDenied'), 'key-a') },
      `${unreadable('the key key-a (the volume at /dev/xvda)')}. ${ASK_FOR_KEY}`,
    ],
    ['free addresses', 'are none', { subnet: { subnetId: 'subnet-1', freeAddresses: known(0) } }, 'the subnet subnet-1 has no free address; release one'],
    [
      'free addresses',
      'have no subnet',
      { subnet: { subnetId: 'subnet-1', freeAddresses: known(undefined) } },
      'the subnet subnet-1 does not exist any more; launch by hand where the system shall run',
    ],
    ['free addresses', 'may not be read', { subnet: { subnetId: 'subnet-1', freeAddresses: unread('AccessDenied') } }, unreadable('the subnet subnet-1')],
    ['tags', 'are too many', { tagCount: 51 }, 'the replacement would have 51 tags; EC2 allows 50. Remove some'],
    ['launch rehearsal', 'is refused', { rehearsal: known({ kind: 'impossible', reason: 'may not pass the role' }) }, 'may not pass the role'],
    ['launch rehearsal', 'cannot be made', { rehearsal: unread('AccessDenied') }, unreadable("EC2's dry run")],
  ])('stops at the row "%s" alone: %s', (row, _what, changes, says) => {
    expect(failures(changes)).toEqual([`${row}: ${says}`]);
  });

  const nobody = { isApproved: false, isRevoked: false };
  it.each<[row: string, what: string, changes: Partial<PreflightFacts>, verdict: string]>([
    ['approval', 'running peers are on it', { approval: known({ ...nobody, isRunByPeers: true }) }, 'pass: ami-2 is what running peers are on'],
    ['architecture', 'no type is known', { types: unread('AccessDenied') }, 'pass: x86_64'],
    ['architecture', 'there is no image', { image: known(undefined) }, 'not-asked: see the row image'],
    ['virtualization', 'the image may not be read', { image: unread('AccessDenied') }, 'not-asked: see the row image'],
    ['virtualization', 'EC2 says nothing of the type', { types: known([]) }, 'not-asked: see the row instance type'],
    ['virtualization', 'the types may not be read', { types: unread('AccessDenied') }, 'not-asked: see the row instance type'],
    ['virtualization', 'the offers may not be read', { offered: unread('AccessDenied') }, 'not-asked: see the row instance type'],
    ['virtualization', 'the image does not say', { image: known(bare) }, 'pass: the image does not say'],
    ['virtualization', 'the type does not say', ofType({ virtualizationTypes: [] }), 'pass: hvm'],
    ['boot mode', 'the image has none', { image: known(bare) }, 'pass: the default of the type'],
    ['boot mode', 'it only prefers one', { ...ofImage({ bootMode: 'uefi-preferred' }), ...ofType({ bootModes: ['legacy-bios'] }) }, 'pass: uefi-preferred'],
    ['network adapter', 'the image does not say', { image: known(bare) }, 'pass: enabled on the image'],
    [
      'network adapter',
      'the type can do without',
      { ...ofImage({ isEnaEnabled: false }), ...ofType({ enaSupport: 'supported' }) },
      'pass: not enabled on the image; m7i.large does not need it',
    ],
    ['root device', 'its size is not known', { image: known(bare), minimumRootGiB: 11 }, 'pass: EBS, /dev/xvda'],
    ['root device', 'it is as large as the old one', { minimumRootGiB: 10 }, 'pass: EBS, /dev/xvda, 10 GiB in the image'],
    ['instance type', 'the group chooses', { candidates: [], offered: known([]), types: known([]) }, 'not-asked: the group chooses its types by requirements'],
    [
      'instance type',
      'the first two are offered no more',
      { candidates: ['m5.large', 'm4.large', 'm6i.large'] },
      'pass: eu-central-1a offers m6i.large, not m5.large, m4.large: the replacement would be a m6i.large',
    ],
    ['snapshots', 'the image names none', { image: known(bare) }, 'not-asked: the image names no snapshot'],
    [
      'snapshots',
      'there are two',
      { ...ofImage({ snapshotIds: ['snap-1', 'snap-2'] }), snapshots: known([done('snap-1'), done('snap-2')]) },
      'pass: snap-1, snap-2',
    ],
    [
      'snapshots',
      'the image is shared without them',
      { ...ofImage({ ownerId: '444455556666' }), snapshots: known([]) },
      'pass: those of the account 444455556666 are not visible here; EC2 reaches them at the launch',
    ],
    ['encryption keys', 'nothing is encrypted', { keys: [] }, 'not-asked: nothing is encrypted with a key of the account'],
    [
      'encryption keys',
      'Auto Scaling uses that of another account',
      { launchedBy: 'group', ...ofKey(unread('AccessDenied'), FOREIGN_KEY) },
      `pass: the key ${FOREIGN_KEY} (the volume at /dev/xvda) is another account's and cannot be asked from here; it must be granted to the role of EC2 Auto Scaling`,
    ],
    [
      'encryption keys',
      'there are two',
      { keys: [keyOf('a', known('Enabled')), keyOf('b', known('Enabled'))] },
      'pass: the key a (a use) is enabled; the key b (a use) is enabled',
    ],
    [
      'encryption keys',
      'one may not be read and one is gone',
      { keys: [keyOf('a', unread('AccessDenied')), keyOf('b', known('Enabled')), keyOf('c', known(undefined))] },
      `stop: ${unreadable('the key a (a use)')}. ${ASK_FOR_KEY}; the key c (a use) does not exist; encrypt with one that does`,
    ],
    ['encryption keys', 'one may not be read', { keys: [keyOf('a', unread('AccessDenied'))] }, `unread: ${unreadable('the key a (a use)')}. ${ASK_FOR_KEY}`],
    ['free addresses', 'the last one is free', { subnet: { subnetId: 'subnet-1', freeAddresses: known(1) } }, 'pass: the subnet has 1'],
  ])('says of the row "%s", where %s', (row, _what, changes, verdict) => {
    const found = decidePreflight({ ...fine, ...changes }).verdicts.find(({ name }) => name === row);
    expect(`${found?.verdict}: ${found?.reason}`).toBe(verdict);
  });

  it.each<[row: string, what: string, missing: 'subnet' | 'tagCount' | 'rehearsal', changes: Partial<PreflightFacts>, verdict: string]>([
    ['free addresses', 'the group chooses its subnet', 'subnet', {}, 'not-asked: the group chooses among its subnets'],
    ['tags', 'the group sets them', 'tagCount', {}, 'not-asked: the group sets them'],
    ['launch rehearsal', 'it is a plan', 'rehearsal', {}, 'not-asked: a repair asks it with its own permissions'],
    ['launch rehearsal', 'there is no image', 'rehearsal', { image: known(undefined) }, 'not-asked: see the row image'],
    ['launch rehearsal', 'the image may not be read', 'rehearsal', { image: unread('AccessDenied') }, 'not-asked: see the row image'],
  ])('asks nothing in the row "%s", where %s', (row, _what, missing, changes, verdict) => {
    const { [missing]: _missing, ...rest } = { ...fine, ...changes };
    const found = decidePreflight(rest).verdicts.find(({ name }) => name === row);
    expect(`${found?.verdict}: ${found?.reason}`).toBe(verdict);
  });

  it('minds no architecture where the instance need not keep its own', () => {
    const { architecture: _any, ...rest } = fine;
    expect(decidePreflight(rest).failures).toEqual([]);
  });

  it.each<[what: string, changes: Partial<PreflightFacts>, unfit: PreflightDecision['unfitTypes']]>([
    ['the types may not be read', { types: unread('AccessDenied') }, []],
    ['the offers may not be read', { offered: unread('AccessDenied') }, []],
    ['the image may not be read', { image: unread('AccessDenied') }, []],
    ['EC2 says nothing of one', { types: known([type]) }, [{ instanceType: 'm6i.large', reason: 'EC2 says nothing of it' }]],
  ])('names the types that the image does not fit, where %s', (_what, changes, unfit) => {
    expect(decidePreflight({ ...fine, ...changes }).unfitTypes).toEqual(unfit);
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
    const boots = 'the image boots by uefi; m7i.large boots by legacy-bios. Approve an image that does, or name another type in instanceTypes';
    const root = 'c6i.large takes no root on EBS, only on instance-store';
    expect(decidePreflight({ ...fine, ...changes }).unfitTypes).toEqual([
      { instanceType: 'm7i.large', reason: boots },
      { instanceType: 'x9.new', reason: 'EC2 says nothing of it' },
      { instanceType: 'c6i.large', reason: root },
    ]);
    expect(reasonOf(changes, 'instance type')).toBe(
      `eu-central-1a offers m6i.large: the replacement would be a m6i.large; not launched as m7i.large (${boots}), x9.new (EC2 says nothing of it), c6i.large (${root})`,
    );
  });

  it('stops where the image fits none of them, for what the first lacks', () => {
    const unfit = [
      { ...type, bootModes: ['legacy-bios'] },
      { ...type, instanceType: 'm6i.large', architectures: ['arm64'] },
    ];
    const found = failures({ types: known(unfit) });
    expect(found.map((text) => text.split(':')[0])).toEqual(['boot mode']);
    expect(reasonOf({ types: known(unfit) }, 'instance type')).toBe(
      'eu-central-1a offers m7i.large; not launched as m6i.large (the image is x86_64; m6i.large is arm64)',
    );
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
    expect(found).toBe(
      `encryption keys: the key key-a (snap-1 of the image) is Disabled: ${WOULD_NOT_START}; ${unreadable('the key key-b (the volume at /dev/sdf)')}. ${ASK_FOR_KEY}`,
    );
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
