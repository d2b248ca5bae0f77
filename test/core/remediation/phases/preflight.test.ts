import { describe, expect, it } from 'vitest';
import { imageRecordType } from '../../../../core/images/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { planPreflight, preflight, preflightMemberLaunch, preflightPatch, preflightWords } from '../../../../core/remediation/phases/preflight.ts';
import type { PreflightDecision, PreflightVerdict } from '../../../../core/remediation/preflight/preflight.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { Capture } from '../../../../core/remediation/surroundings/capture.ts';
import { autoScalingGroup, capturedVolume, memberFacts, NOW } from '../builders.ts';
import { OLD, testScope } from '../world.ts';
import { type Answers, denied, failed, openStage, type Heard, type Stage, storeCapture, throttled } from './stage.ts';

const ZONE = 'eu-central-1a';
const SUBNET = `subnet-${ZONE}`;
const chosen: Partial<Remediation> = { imageId: 'ami-v2' };

const volume = capturedVolume();

/** What the old instance is captured as. */
const capturedAs = async (stage: Stage, changes: Partial<Capture>) => {
  const capture = await storeCapture(stage.world, changes);
  return { captures: { capture: async () => capture } };
};

const rowOf = (found: Pick<Remediation, 'preflight'> | undefined, name: string): string | undefined =>
  found?.preflight?.flatMap((row) => (row.name === name ? [`${row.verdict}: ${row.reason}`] : []))[0];

const questions = ({ heard }: Stage, name: Heard) => heard(name).map(([, ...words]) => words);

const usual: readonly PreflightVerdict[] = [
  { name: 'image', verdict: 'pass', reason: 'ami-v2 is available' },
  { name: 'approval', verdict: 'pass', reason: 'ami-v2 is an approved image of the role web' },
  { name: 'architecture', verdict: 'pass', reason: 'x86_64' },
  { name: 'virtualization', verdict: 'pass', reason: 'hvm' },
  { name: 'boot mode', verdict: 'pass', reason: 'the default of the type' },
  { name: 'network adapter', verdict: 'pass', reason: 'enabled on the image' },
  { name: 'root device', verdict: 'pass', reason: 'EBS, /dev/xvda, 8 GiB in the image' },
  { name: 'instance type', verdict: 'pass', reason: `${ZONE} offers t3.micro` },
  { name: 'snapshots', verdict: 'pass', reason: 'snap-of-ami-v2' },
  { name: 'encryption keys', verdict: 'not-asked', reason: 'nothing is encrypted with a key of the account' },
  { name: 'free addresses', verdict: 'pass', reason: 'the subnet has 250' },
  { name: 'tags', verdict: 'pass', reason: '5 of 50' },
  { name: 'launch rehearsal', verdict: 'pass', reason: 'The dry run passed' },
];

describe('the preflight of a replacement', () => {
  it('asks every question once, rehearses what would be launched, and keeps what was found', async () => {
    const stage = await openStage({ record: chosen });
    const capture = await storeCapture(stage.world);
    expect(await stage.run(preflight)).toEqual({
      kind: 'done',
      reason: `${ZONE} offers t3.micro; The dry run passed`,
      patch: { preflight: usual },
    });
    expect(stage.heard('images', 'launcher', 'preflight').toSorted(([left], [right]) => (left < right ? -1 : 1))).toEqual([
      ['images.approvedHistory', 'web'],
      ['images.describe', 'ami-v2'],
      [
        'launcher.rehearse',
        {
          remediationId: 'rem-1',
          attempt: 1,
          capture,
          imageId: 'ami-v2',
          tags: {
            Name: 'shop-web',
            'perennial:system': 'shop-web',
            'perennial:role': 'web',
            'perennial:slot': 'shop-web/i-old',
            'perennial:remediation': 'rem-1',
          },
        },
      ],
      ['preflight.freeAddresses', SUBNET],
      ['preflight.instanceTypes', ['t3.micro']],
      ['preflight.offeredTypes', ['t3.micro'], ZONE],
      ['preflight.snapshots', ['snap-of-ami-v2']],
    ]);
    expect((await stage.record()).calls).toEqual({});
  });

  it('stops before harm, with all that is wrong', async () => {
    const stage = await openStage({ record: chosen });
    stage.world.region.preflight.setFreeAddresses(SUBNET, 0);
    stage.world.region.refuseLaunches('You may not pass the role.');
    const result = await stage.run(preflight);
    expect(result.kind).toBe('failed');
    expect(result.reason).toMatch(/^free addresses: the subnet subnet-eu-central-1a has no free address.*; launch rehearsal: .*You may not pass the role\./);
    expect(result.patch?.preflight).toHaveLength(usual.length);
    expect(rowOf(result.patch, 'image')).toBe('pass: ami-v2 is available');
  });

  it('has nothing to ask without an image, or without a capture', async () => {
    const imageless = await openStage();
    expect(await imageless.run(preflight)).toEqual(failed('No image was chosen'));
    const stage = await openStage({ record: chosen });
    expect(await stage.run(preflight, { captures: { capture: async () => undefined } })).toEqual(failed('i-old is gone and no capture of it was kept'));
    expect(questions(stage, 'launcher.rehearse')).toEqual([]);
  });

  it('rehearses no launch from an image that does not exist, or that nobody may read', async () => {
    const absent = await openStage({ record: { imageId: 'ami-none' } });
    const found = await absent.run(preflight);
    expect(rowOf(found.patch, 'image')).toBe('stop: the image ami-none does not exist, or is not shared with this account. Approve one that exists');
    expect(questions(absent, 'preflight.snapshots')).toEqual([[[]]]);
    const unread = await openStage({ record: chosen });
    expect(rowOf((await unread.run(preflight, { images: { describe: denied } })).patch, 'image')).toBe(
      'unread: the image ami-v2 could not be read, which counts as a no: AccessDenied',
    );
    expect(questions(unread, 'preflight.snapshots')).toEqual([[[]]]);
    expect([...questions(absent, 'launcher.rehearse'), ...questions(unread, 'launcher.rehearse')]).toEqual([]);
  });

  it('rehearses the type that would be launched, and says which types the launch leaves out', async () => {
    const stage = await openStage({ record: chosen, spec: { instanceTypes: ['t3.micro', 't3a.micro', 'm6i.large'] } });
    stage.world.region.preflight.withdrawType('t3.micro', ZONE);
    stage.world.region.preflight.setType('t3a.micro', { architectures: ['arm64'] });
    const result = await stage.run(preflight);
    expect(result).toMatchObject({ kind: 'done', patch: { unfitTypes: ['t3a.micro'] } });
    expect(questions(stage, 'launcher.rehearse')).toMatchObject([[{ instanceType: 'm6i.large' }]]);
    expect(questions(stage, 'preflight.instanceTypes')).toEqual([[['t3.micro', 't3a.micro', 'm6i.large']]]);
    expect(questions(stage, 'preflight.offeredTypes')).toEqual([[['t3.micro', 't3a.micro', 'm6i.large'], ZONE]]);
  });

  it('rehearses the type of the old instance where the zone offers none', async () => {
    const stage = await openStage({ record: chosen });
    stage.world.region.preflight.withdrawType('t3.micro', ZONE);
    expect((await stage.run(preflight)).kind).toBe('failed');
    const [[request] = []] = questions(stage, 'launcher.rehearse');
    expect(request).toMatchObject({ imageId: 'ami-v2' });
    expect(request).not.toHaveProperty('instanceType');
  });

  it('looks for the architecture of the old instance, not for that of the image', async () => {
    const stage = await openStage({ record: chosen });
    const found = await stage.run(preflight, await capturedAs(stage, { architecture: 'arm64' }));
    expect(rowOf(found.patch, 'architecture')).toMatch(/^stop: the image is x86_64, the instance arm64/);
  });

  it('counts the tags that the launch would set', async () => {
    const stage = await openStage({ record: chosen });
    const many = Object.fromEntries(Array.from({ length: 46 }, (_, index) => [`tag-${index}`, '']));
    const found = await stage.run(preflight, await capturedAs(stage, { tags: many }));
    expect(rowOf(found.patch, 'tags')).toBe('pass: 50 of 50');
    const more = await stage.run(preflight, await capturedAs(stage, { tags: { ...many, last: '' } }));
    expect(rowOf(more.patch, 'tags')).toMatch(/^stop: .*51 tags; EC2 allows 50/);
  });

  it('is asked again while EC2 is throttled', async () => {
    const stage = await openStage({ record: chosen });
    await expect(stage.run(preflight, { preflight: { freeAddresses: throttled } })).rejects.toThrow('RequestLimitExceeded');
  });
});

describe('the root of the image', () => {
  it.for<[path: Remediation['path'], volumes: Capture['volumes'], verdict: string]>([
    ['root-swap', [{ ...volume, sizeGiB: 9 }], 'stop'],
    ['root-swap', [{ ...volume, sizeGiB: 8 }], 'pass'],
    ['root-swap', [{ ...volume, isRoot: false, sizeGiB: 9 }], 'pass'],
    [
      'root-swap',
      [
        { ...volume, isRoot: false, sizeGiB: 4 },
        { ...volume, sizeGiB: 9 },
      ],
      'stop',
    ],
    ['replace', [{ ...volume, sizeGiB: 9 }], 'pass'],
    [undefined, [{ ...volume, sizeGiB: 9 }], 'pass'],
  ])('must hold the old one only where it takes its place: %s, %#', async ([path, volumes, verdict]) => {
    const stage = await openStage({ record: { ...chosen, path } });
    const found = await stage.run(preflight, await capturedAs(stage, { volumes }));
    expect(rowOf(found.patch, 'root device')?.split(':')[0]).toBe(verdict);
  });
});

describe('the keys', () => {
  it('are those of the image and of the volumes, each asked about once and named with all that it is for', async () => {
    const stage = await openStage({ record: chosen });
    const { region } = stage.world;
    region.addImage('ami-v2', { snapshotIds: ['snap-1', 'snap-2', 'snap-3'] });
    region.preflight.setSnapshot('snap-1', { kmsKeyId: 'key-a' });
    region.preflight.setSnapshot('snap-2', { kmsKeyId: 'key-b' });
    region.preflight.setKeyState('key-a', 'Disabled');
    region.preflight.setKeyState('key-c', undefined);
    const volumes = [
      { ...volume, kmsKeyId: 'key-a' },
      { ...volume, deviceName: '/dev/sdf', isRoot: false, kmsKeyId: 'key-c' },
      { ...volume, deviceName: '/dev/sdg', isRoot: false },
    ];
    const found = await stage.run(preflight, await capturedAs(stage, { volumes }));
    expect(questions(stage, 'preflight.keyState')).toEqual([['key-a'], ['key-b'], ['key-c']]);
    expect(questions(stage, 'preflight.snapshots')).toEqual([[['snap-1', 'snap-2', 'snap-3']]]);
    const row = rowOf(found.patch, 'encryption keys') ?? '';
    expect(row).toContain('key-a (snap-1 of the image, the volume at /dev/xvda) is Disabled');
    expect(row).toContain('key-c (the volume at /dev/sdf) does not exist');
    expect(row).not.toContain('key-b');
  });

  it('of snapshots that may not be read are not asked about', async () => {
    const stage = await openStage({ record: chosen });
    const found = await stage.run(preflight, { preflight: { snapshots: denied } });
    expect(rowOf(found.patch, 'encryption keys')).toBe('not-asked: nothing is encrypted with a key of the account');
    expect(rowOf(found.patch, 'snapshots')).toContain('could not be read, which counts as a no: AccessDenied');
  });
});

const recordImage = (stage: Stage, isRevoked: boolean) =>
  createRecord(stage.world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v2'), {
    role: 'web',
    imageId: 'ami-v2',
    firstApprovedAt: NOW,
    isApproved: true,
    isRevoked,
    verifiedGroups: [],
  });

const unapproved = { images: { approvedHistory: async () => ['ami-v1'] } };

const approvalOf = async (stage: Stage, answers: Answers = {}) => (rowOf((await stage.run(preflight, answers)).patch, 'approval') ?? '').split(':')[0];

describe('the approval of the image', () => {
  it('ends with a revocation', async () => {
    for (const [isRevoked, verdict] of [
      [true, 'stop'],
      [false, 'pass'],
    ] as const) {
      const stage = await openStage({ record: chosen });
      await recordImage(stage, isRevoked);
      expect(await approvalOf(stage)).toBe(verdict);
    }
  });

  it('asks the peers only where the history does not have the image', async () => {
    const stage = await openStage({ record: chosen });
    expect(await approvalOf(stage)).toBe('pass');
    expect(questions(stage, 'instances.findByTag')).toEqual([]);
    expect(await approvalOf(stage, unapproved)).toBe('pass');
    expect(questions(stage, 'instances.findByTag')).toEqual([['perennial:system', 'shop-web']]);
  });

  it('is not given by the old instance itself, nor by peers on other images', async () => {
    const stage = await openStage({ record: chosen });
    const { region } = stage.world;
    region.setImage('i-peer1', 'ami-v1');
    region.setImage('i-peer2', 'ami-v1');
    region.setImage(OLD, 'ami-v2');
    expect(await approvalOf(stage, unapproved)).toBe('stop');
    region.setImage('i-peer2', 'ami-v2');
    expect(await approvalOf(stage, unapproved)).toBe('pass');
  });
});

const possible = async () => ({ kind: 'possible', reason: 'The dry run passed' }) as const;

const verdictsOf = ({ verdicts }: PreflightDecision) => verdicts.map(({ name, verdict, reason }) => `${name}, ${verdict}: ${reason}`);

describe('the preflight of a member', () => {
  const group = autoScalingGroup({
    members: [memberFacts('i-peer1', { availabilityZone: 'eu-central-1b' }), memberFacts(OLD, { availabilityZone: 'eu-central-1c' })],
  });
  const source = { imageId: 'ami-v2', instanceTypes: ['t3.micro', 't3a.micro'], kmsKeyIds: ['key-t'] };

  it('is about the zone of the member and the types, keys and image of the group', async () => {
    const stage = await openStage();
    stage.world.region.preflight.setSnapshot('snap-of-ami-v2', { kmsKeyId: 'key-s' });
    const decision = await preflightMemberLaunch(await stage.context(), source, group, possible);
    expect(decision.failures).toEqual([]);
    expect(verdictsOf(decision)).toEqual(
      expect.arrayContaining(['instance type, pass: eu-central-1c offers t3.micro', 'launch rehearsal, pass: The dry run passed']),
    );
    expect(questions(stage, 'preflight.offeredTypes')).toEqual([[['t3.micro', 't3a.micro'], 'eu-central-1c']]);
    expect(questions(stage, 'preflight.keyState')).toEqual([['key-s'], ['key-t']]);
    expect(questions(stage, 'preflight.freeAddresses')).toEqual([]);
  });

  it('names what the keys of the template are for', async () => {
    const stage = await openStage();
    stage.world.region.preflight.setKeyState('key-t', 'Disabled');
    const { failures } = await preflightMemberLaunch(await stage.context(), source, group, possible);
    expect(failures).toEqual([expect.stringMatching(/^encryption keys: .*key-t \(volumes by the launch template\) is Disabled/)]);
  });

  it('stops for an image that only peers run: the group launches what it names', async () => {
    const stage = await openStage();
    const { failures } = await preflightMemberLaunch(await stage.context(unapproved), source, group, possible);
    expect(failures).toEqual([expect.stringMatching(/^approval: /)]);
  });

  it('takes the zone of another member where this one has left, and asks of no zone where there is none', async () => {
    const left = await openStage();
    await preflightMemberLaunch(await left.context(), source, { ...group, members: group.members.slice(0, 1) });
    expect(questions(left, 'preflight.offeredTypes')).toEqual([[['t3.micro', 't3a.micro'], 'eu-central-1b']]);
    const empty = await openStage();
    const decision = await preflightMemberLaunch(await empty.context(), source, { ...group, members: [] });
    expect(questions(empty, 'preflight.offeredTypes')).toEqual([[[], 'no zone']]);
    expect(verdictsOf(decision)).toContain('instance type, not-asked: the group chooses its types by requirements');
  });

  it('rehearses nothing in a plan, and nothing without an image', async () => {
    const stage = await openStage();
    const rehearsed: unknown[] = [];
    const rehearse = async (...words: readonly unknown[]) => {
      rehearsed.push(words);
      return possible();
    };
    const planned = await preflightMemberLaunch(await stage.context(), source, group);
    expect(planned.verdicts.at(-1)?.verdict).toBe('not-asked');
    await preflightMemberLaunch(await stage.context(), { ...source, imageId: 'ami-none' }, group, rehearse);
    expect(rehearsed).toEqual([]);
    await preflightMemberLaunch(await stage.context(), source, group, rehearse);
    expect(rehearsed).toHaveLength(1);
  });
});

describe('the preflight of a plan', () => {
  it('is the same without the dry run', async () => {
    const stage = await openStage();
    const capture = await storeCapture(stage.world);
    const { verdicts, failures } = await planPreflight(await stage.context(), 'replace', 'ami-v2', capture);
    expect(verdicts.slice(0, -1)).toEqual(usual.slice(0, -1));
    expect(verdicts.at(-1)).toMatchObject({ name: 'launch rehearsal', verdict: 'not-asked' });
    expect(failures).toEqual([]);
    expect(questions(stage, 'launcher.rehearse')).toEqual([]);
  });

  it('knows the path', async () => {
    const stage = await openStage();
    const capture = await storeCapture(stage.world, { volumes: [{ ...volume, sizeGiB: 9 }] });
    expect((await planPreflight(await stage.context(), 'root-swap', 'ami-v2', capture)).failures).toHaveLength(1);
    expect((await planPreflight(await stage.context(), 'replace', 'ami-v2', capture)).failures).toEqual([]);
  });

  it('is empty where there is nothing to launch from', async () => {
    const stage = await openStage();
    const capture = await storeCapture(stage.world);
    const nothing = { verdicts: [], failures: [], unfitTypes: [] };
    expect(await planPreflight(await stage.context(), 'replace', null, capture)).toEqual(nothing);
    expect(await planPreflight(await stage.context(), 'replace', 'ami-v2', undefined)).toEqual(nothing);
    expect(stage.heard('images', 'launcher', 'preflight')).toEqual([]);
  });
});

const told = (name: string, verdict: PreflightVerdict['verdict']): PreflightVerdict => ({ name, verdict, reason: `${name} is told` });

describe('what is told of a preflight', () => {
  it('is what passed of the rehearsal, the type and the keys', () => {
    const verdicts = [
      told('image', 'pass'),
      told('instance type', 'pass'),
      told('encryption keys', 'pass'),
      told('tags', 'stop'),
      told('launch rehearsal', 'pass'),
    ];
    expect(preflightWords({ verdicts, failures: [], unfitTypes: [] })).toBe('instance type is told; encryption keys is told; launch rehearsal is told');
    const unread = [told('instance type', 'stop'), told('encryption keys', 'not-asked'), told('launch rehearsal', 'unread')];
    expect(preflightWords({ verdicts: unread, failures: [], unfitTypes: [] })).toBe('');
  });

  it('is kept row by row, with the types that the image does not fit where there are some', () => {
    const verdicts = [told('image', 'pass')];
    expect(preflightPatch({ verdicts, failures: [], unfitTypes: [] })).toStrictEqual({ preflight: verdicts });
    expect(preflightPatch({ verdicts, failures: [], unfitTypes: [{ instanceType: 't3a.micro', reason: 'no' }] })).toStrictEqual({
      preflight: verdicts,
      unfitTypes: ['t3a.micro'],
    });
  });
});
