import { describe, expect, it } from 'vitest';
import type { LaunchRequest } from '../../../../core/remediation/ports.ts';
import type { ActPorts } from '../../../../core/remediation/phase.ts';
import { awaitThrowaway, launchThrowaway } from '../../../../core/remediation/phases/drill.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { Capture } from '../../../../core/remediation/surroundings/capture.ts';
import { remediationOf } from '../builders.ts';
import { createWorld, OLD, type World } from '../world.ts';
import { listening, runPhase } from './run-phase.ts';

const MODEL = 'i-peer1';

const drillOf = (world: World, changes: Partial<Remediation> = {}): Remediation =>
  remediationOf(
    { instanceId: 'no-instance-yet', slotId: 'shop-web/drill', groupId: 'shop-web/drill', system: world.system, at: world.clock.now() },
    { isDrill: true, path: 'drill', drill: { groupId: 'shop-web/web', modelInstanceId: MODEL }, phase: 'launch-throwaway', ...changes },
  );

/** A model that has nothing that only one instance can have. */
async function plainCapture(world: World): Promise<Capture> {
  const found = await world.region.captures.capture(MODEL, [], world.clock.now());
  if (found === undefined) throw new Error('there is no model');
  const { privateIpAddress: _private, primaryInterface: _primary, secondaryInterfaces: _secondary, ...rest } = found;
  const { elasticIps: _elastic, dnsRecords: _records, associations: _associations, ...plain } = rest;
  return plain;
}

const volume = { deviceName: '/dev/xvda', deleteOnTermination: true, sizeGiB: 8, volumeType: 'gp3', encrypted: true };
const root = { ...volume, volumeId: 'vol-root', isRoot: true };

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
  volumes: [root, { ...volume, volumeId: 'vol-data', deviceName: '/dev/xvdf', isRoot: false }],
  terminationProtection: true,
  stopProtection: true,
} satisfies Partial<Capture>;

/** Runs the phase against a model with this capture; gives what was captured and launched. */
async function launched(capture: Capture | undefined, changes: Partial<Remediation> = {}, world = createWorld()) {
  const asked: unknown[] = [];
  const requests: LaunchRequest[] = [];
  const ports: Pick<ActPorts, 'captures' | 'launcher'> = {
    captures: {
      capture: async (...words) => {
        asked.push(words);
        return capture;
      },
    },
    launcher: {
      rehearse: async () => ({ kind: 'impossible', reason: 'nobody asks' }),
      launch: async (request) => {
        requests.push(request);
        return { instanceId: 'i-copy' };
      },
    },
  };
  return { asked, requests, ...(await runPhase(launchThrowaway, world, drillOf(world, changes), { ports })) };
}

describe('the throw-away instance of a drill (S3-19)', () => {
  it('is a copy of the model from the model’s own image, without what serves people or can be had only once', async () => {
    const world = createWorld();
    const plain = await plainCapture(world);
    const { result, after, requests, asked } = await launched({ ...plain, ...belongings, tags: { Name: 'shop-web', CostCenter: '42' } }, {}, world);
    expect(asked).toEqual([[MODEL, ['shop-web'], world.clock.now()]]);
    expect(requests).toEqual([
      {
        remediationId: 'rem-1',
        attempt: 0,
        imageId: 'ami-v2',
        capture: { ...plain, targets: [], volumes: [root], terminationProtection: false, stopProtection: false, tags: { Name: 'shop-web', CostCenter: '42' } },
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
    ]);
    expect(result).toEqual({ kind: 'done', reason: `Launched i-copy, a copy of ${MODEL}, from ami-v2`, patch: { oldInstanceId: 'i-copy' } });
    expect(after.calls).toEqual({
      'launch-throwaway': { attempt: 1, intentAt: world.clock.now(), outcomeAt: world.clock.now(), result: { instanceId: 'i-copy' } },
    });
  });

  it('reads the user data from the model where there is some', async () => {
    const world = createWorld();
    const userData = { sha256: 'abc', sizeBytes: 12 };
    const { requests } = await launched({ ...(await plainCapture(world)), userData }, {}, world);
    expect(requests).toMatchObject([{ userDataFrom: MODEL, capture: { userData } }]);
  });

  it('is launched once, however often the phase is asked', async () => {
    const world = createWorld();
    const now = world.clock.now();
    const calls = { 'launch-throwaway': { attempt: 1, intentAt: now, outcomeAt: now, result: { instanceId: 'i-first' } } };
    const { result, requests } = await launched(await plainCapture(world), { calls }, world);
    expect(requests).toEqual([]);
    expect(result).toMatchObject({ kind: 'done', patch: { oldInstanceId: 'i-first' } });
  });

  it('is not believed to run without an instance id', async () => {
    const world = createWorld();
    const now = world.clock.now();
    const calls = { 'launch-throwaway': { attempt: 1, intentAt: now, outcomeAt: now } };
    expect((await launched(await plainCapture(world), { calls }, world)).result).toEqual({ kind: 'failed', reason: 'The launch gave no instance id' });
  });

  it.each([
    ['has gone meanwhile', { groupId: 'shop-web/web', modelInstanceId: MODEL }, `The member to copy, ${MODEL}, is gone`, 1],
    ['was never chosen', { groupId: 'shop-web/web' }, 'The member to copy, none, is gone', 0],
  ])('is not launched where the member to copy %s', async (_what, drill, reason, asked) => {
    const found = await launched(undefined, { drill });
    expect([found.result, found.requests, found.asked.length]).toEqual([{ kind: 'failed', reason }, [], asked]);
    expect(found.after.calls).toEqual({});
  });

  it('is waited for by its own id', async () => {
    const world = createWorld();
    const heard = listening('instances.read', 'instances.readStatus');
    const record = drillOf(world, { phase: 'await-throwaway', oldInstanceId: OLD, memory: { runningSince: '2026-11-21T08:59:00.000Z' } });
    expect((await runPhase(awaitThrowaway, world, record, { wrap: heard.wrap })).result).toEqual({
      kind: 'done',
      reason: `${OLD} has kept running since 2026-11-21T08:59:00.000Z and both status checks pass`,
    });
    expect(heard.calls).toEqual([
      ['instances.read', OLD],
      ['instances.readStatus', OLD],
    ]);
  });
});
