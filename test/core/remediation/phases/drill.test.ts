import { describe, expect, it } from 'vitest';
import { awaitThrowaway, launchThrowaway } from '../../../../core/remediation/phases/drill.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { Capture } from '../../../../core/remediation/surroundings/capture.ts';
import { capturedVolume, NOW } from '../builders.ts';
import { createWorld, OLD, type World } from '../world.ts';
import { answered, done, failed, openStage, type Stage } from './stage.ts';

const MODEL = 'i-peer1';

const drilling: Partial<Remediation> = {
  oldInstanceId: 'no-instance-yet',
  slotId: 'shop-web/drill',
  groupId: 'shop-web/drill',
  isDrill: true,
  path: 'drill',
  drill: { groupId: 'shop-web/web', modelInstanceId: MODEL },
  phase: 'launch-throwaway',
};

/** A model that has nothing that only one instance can have. */
async function plainCapture(world: World): Promise<Capture> {
  const found = await world.region.captures.capture(MODEL, [], world.clock.now());
  if (found === undefined) throw new Error('there is no model');
  const { privateIpAddress: _private, primaryInterface: _primary, secondaryInterfaces: _secondary, ...rest } = found;
  const { elasticIps: _elastic, dnsRecords: _records, associations: _associations, ...plain } = rest;
  return plain;
}

const root = capturedVolume();

/** What only one instance can have, and what serves people. */
const belongings = {
  privateIpAddress: '10.0.0.4',
  primaryInterface: { networkInterfaceId: 'eni-1', secondaryPrivateIpAddresses: ['10.0.0.9'] },
  secondaryInterfaces: [
    { networkInterfaceId: 'eni-2', deviceIndex: 1, deleteOnTermination: false, privateIpAddresses: ['10.0.1.4'], securityGroupIds: ['sg-web'] },
  ],
  elasticIps: [{ allocationId: 'eip-1', publicIpAddress: '203.0.113.4', networkInterfaceId: 'eni-1', privateIpAddress: '10.0.0.4' }],
  dnsRecords: [{ hostedZoneId: 'zone-1', name: 'www.example.com', type: 'A', values: ['10.0.0.4'] }],
  associations: [{ associationId: 'assoc-1', documentName: 'AWS-RunPatchBaseline' }],
  targets: [{ targetGroupArn: 'arn:tg/shop-web', targetGroupName: 'shop-web', port: 80 }],
  volumes: [root, capturedVolume({ volumeId: 'vol-data', deviceName: '/dev/xvdf', isRoot: false })],
  terminationProtection: true,
  stopProtection: true,
} satisfies Partial<Capture>;

/** A drill whose model is captured as this; `undefined`: it is gone. */
async function onStage(world: World, capture: Capture | undefined, changes: Partial<Remediation> = {}): Promise<Stage> {
  const answers = { captures: { capture: async () => capture }, launcher: { launch: async () => ({ instanceId: 'i-copy' }) } };
  return openStage({ world, record: { ...drilling, ...changes }, answers });
}

describe('the throw-away instance of a drill (S3-19)', () => {
  it('is a copy of the model from the model’s own image, without what serves people or can be had only once', async () => {
    const world = createWorld();
    const plain = await plainCapture(world);
    const { run, made, heard, record } = await onStage(world, { ...plain, ...belongings, tags: { Name: 'shop-web', CostCenter: '42' } });
    expect(await run(launchThrowaway)).toEqual({
      kind: 'done',
      reason: `Launched i-copy, a copy of ${MODEL}, from ami-v2`,
      patch: { oldInstanceId: 'i-copy' },
    });
    expect(heard('captures')).toEqual([['captures.capture', MODEL, ['shop-web'], NOW]]);
    expect(made).toEqual([
      [
        'launcher.launch',
        {
          remediationId: 'rem-1',
          attempt: 0,
          imageId: 'ami-v2',
          capture: {
            ...plain,
            targets: [],
            volumes: [root],
            terminationProtection: false,
            stopProtection: false,
            tags: { Name: 'shop-web', CostCenter: '42' },
          },
          tags: {
            Name: 'shop-web',
            CostCenter: '42',
            'perennial:system': 'shop-web',
            'perennial:role': 'web',
            'perennial:slot': 'shop-web/drill',
            'perennial:remediation': 'rem-1',
            'perennial:drill': 'rem-1',
          },
        },
      ],
    ]);
    expect((await record()).calls).toEqual(answered({ 'launch-throwaway': { instanceId: 'i-copy' } }));
  });

  it('reads the user data from the model where there is some', async () => {
    const world = createWorld();
    const userData = { sha256: 'abc', sizeBytes: 12 };
    const { run, made } = await onStage(world, { ...(await plainCapture(world)), userData });
    await run(launchThrowaway);
    expect(made).toMatchObject([['launcher.launch', { userDataFrom: MODEL, capture: { userData } }]]);
  });

  it('is launched once, however often the phase is asked', async () => {
    const world = createWorld();
    const { run, made } = await onStage(world, await plainCapture(world), { calls: answered({ 'launch-throwaway': { instanceId: 'i-first' } }) });
    expect(await run(launchThrowaway)).toMatchObject({ kind: 'done', patch: { oldInstanceId: 'i-first' } });
    expect(made).toEqual([]);
  });

  it('is not believed to run without an instance id', async () => {
    const world = createWorld();
    const { run } = await onStage(world, await plainCapture(world), { calls: answered({ 'launch-throwaway': undefined }) });
    expect(await run(launchThrowaway)).toEqual(failed('The launch gave no instance id'));
  });

  it.each([
    ['has gone meanwhile', { groupId: 'shop-web/web', modelInstanceId: MODEL }, `The member to copy, ${MODEL}, is gone`, 1],
    ['was never chosen', { groupId: 'shop-web/web' }, 'The member to copy, none, is gone', 0],
  ])('is not launched where the member to copy %s', async (_what, drill, reason, asked) => {
    const { run, made, heard, calls } = await onStage(createWorld(), undefined, { drill });
    expect(await run(launchThrowaway)).toEqual(failed(reason));
    expect([made, heard('captures').length, await calls()]).toEqual([[], asked, []]);
  });

  it('is waited for by its own id', async () => {
    const memory = { runningSince: '2026-11-21T08:59:00.000Z' };
    const { run, heard } = await openStage({ record: { ...drilling, phase: 'await-throwaway', oldInstanceId: OLD, memory } });
    expect(await run(awaitThrowaway)).toEqual(done(`${OLD} has kept running since 2026-11-21T08:59:00.000Z and both status checks pass`));
    expect(heard('instances')).toEqual([
      ['instances.read', OLD],
      ['instances.readStatus', OLD],
    ]);
  });
});
