import { describe, expect, it } from 'vitest';
import { type System, systemSchema } from '../../../../core/catalog/schema.ts';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import type { ActPorts } from '../../../../core/remediation/phase.ts';
import { snapshot } from '../../../../core/remediation/phases/snapshot.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { SnapshotFacts } from '../../../../core/remediation/surroundings/attachment-ports.ts';
import { remediationOf } from '../builders.ts';
import { createWorld, OLD, webPolicy, webSystem, type World } from '../world.ts';
import { runPhase, storeCapture } from './run-phase.ts';

const START = '2026-11-21T09:00:00.000Z';
const volume = { deviceName: '/dev/xvda', deleteOnTermination: true, sizeGiB: 8, volumeType: 'gp3', encrypted: true, isRoot: false };
const volumes = [
  { ...volume, volumeId: 'vol-root', isRoot: true },
  { ...volume, volumeId: 'vol-a' },
  { ...volume, volumeId: 'vol-b' },
];

const system = (recovery: Partial<System['spec']['recovery']>): System =>
  systemSchema.parse({ ...webSystem(), spec: { ...webSystem().spec, recovery: { ...webSystem().spec.recovery, ...recovery } } });
const stateful = system({ stateful: true, rpoSeconds: 300 });
const stateless = system({ stateful: false, rpoSeconds: 300 });
/** A person has approved it: no snapshot can promise that nothing is lost. */
const lossless = system({ stateful: true, rpoSeconds: 0 });

const snapshotOf = (volumeId: string, state: string, startedAt = START): SnapshotFacts => ({ snapshotId: `snap-${volumeId}`, volumeId, state, startedAt });
const pending = [snapshotOf('vol-a', 'pending'), snapshotOf('vol-b', 'pending')];
const completed = [snapshotOf('vol-a', 'completed'), snapshotOf('vol-b', 'completed')];

interface Given {
  readonly system: System;
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly seen?: readonly SnapshotFacts[];
  readonly take?: ActPorts['snapshots']['take'];
  readonly afterSeconds?: number;
  readonly changes?: Partial<Remediation>;
  readonly prepare?: (world: World) => Promise<void>;
}

/** Runs the phase over two data volumes, whose snapshots look as `seen` when they are read. */
async function run({ system: declared, policy = {}, seen = [], take = async () => pending, afterSeconds = 0, changes = {}, prepare }: Given) {
  const world = createWorld();
  await storeCapture(world, 'rem-1', { volumes });
  await prepare?.(world);
  world.clock.advance(afterSeconds);
  const calls: unknown[] = [];
  const snapshots: ActPorts['snapshots'] = {
    take: async (...words) => {
      calls.push(['take', ...words]);
      return take(...words);
    },
    read: async (ids) => {
      calls.push(['read', ids]);
      return seen;
    },
  };
  const record = remediationOf({ instanceId: OLD, system: declared, at: START }, { phase: 'snapshot', differences: ['its private address'], ...changes });
  return { calls, ...(await runPhase(snapshot, world, record, { ports: { snapshots }, system: declared, policy: webPolicy(policy) })) };
}

const taking = ['take', OLD, ['vol-a', 'vol-b'], { 'perennial:system': 'shop-web', 'perennial:slot': 'shop-web/1', 'perennial:remediation': 'rem-1' }] as const;
const reading = ['read', ['snap-vol-a', 'snap-vol-b']] as const;

describe('snapshots of the data volumes before harm', () => {
  it.each([
    ['of a stateless system', stateless],
    ['where no loss at all is allowed and a person has approved it', lossless],
  ])('are begun for all at one moment and not waited for %s', async (_what, declared) => {
    const { result, calls, after } = await run({ system: declared });
    expect(result).toEqual({ kind: 'done', reason: 'Snapshots under way: snap-vol-a,snap-vol-b' });
    expect(calls).toEqual([taking]);
    expect(after.calls).toEqual({ snapshot: { attempt: 1, intentAt: START, outcomeAt: START, result: { snapshotIds: 'snap-vol-a,snap-vol-b' } } });
  });

  it('are waited for, volume by volume, where the system is stateful and may lose a little', async () => {
    const { result, calls } = await run({ system: stateful, seen: [snapshotOf('vol-a', 'completed'), snapshotOf('vol-b', 'pending')] });
    expect(result).toEqual({ kind: 'wait', seconds: 15, reason: 'Snapshots not complete yet: vol-b' });
    expect(calls).toEqual([taking, reading]);
  });

  it('are not complete while EC2 does not list them: each volume has one of its own', async () => {
    expect((await run({ system: stateful })).result).toEqual({ kind: 'wait', seconds: 15, reason: 'Snapshots not complete yet: vol-a, vol-b' });
    const seen = [snapshotOf('vol-a', 'completed'), snapshotOf('vol-x', 'completed')];
    expect((await run({ system: stateful, seen })).result).toEqual({ kind: 'wait', seconds: 15, reason: 'Snapshots not complete yet: vol-b' });
  });

  it('are taken once, and found again by their ids', async () => {
    const calls = { snapshot: { attempt: 1, intentAt: START, outcomeAt: START, result: { snapshotIds: 'snap-vol-a,snap-vol-b' } } };
    const found = await run({ system: stateful, seen: completed, afterSeconds: 60, changes: { calls } });
    expect(found.result).toEqual({ kind: 'done', reason: 'Snapshots complete: snap-vol-a, snap-vol-b' });
    expect(found.calls).toEqual([reading]);
  });

  it.each([
    [300, completed],
    [340, completed.map((facts) => ({ ...facts, startedAt: addSeconds(START, 40) }))],
  ])('that are as old as the recovery point objective, %d s after the beginning, are good enough', async (afterSeconds, seen) => {
    expect((await run({ system: stateful, seen, afterSeconds })).result).toEqual({ kind: 'done', reason: 'Snapshots complete: snap-vol-a, snap-vol-b' });
  });

  it('that are older than it, the oldest counts, stop the repair: too much would be lost', async () => {
    const seen = [snapshotOf('vol-a', 'completed', addSeconds(START, 200)), snapshotOf('vol-b', 'completed')];
    expect((await run({ system: stateful, seen, afterSeconds: 300.6 })).result).toEqual({
      kind: 'failed',
      reason: 'The snapshots took 301 s; the recovery point objective is 300 s. Approve the repair, or make them more often',
    });
  });

  it('that fail stop the repair, also while others are not complete', async () => {
    expect((await run({ system: stateful, seen: [snapshotOf('vol-a', 'pending'), snapshotOf('vol-b', 'error')] })).result).toEqual({
      kind: 'failed',
      reason: 'The snapshot snap-vol-b of vol-b failed',
    });
  });

  it.each([
    ['terminated', async (world: World) => world.region.setState(OLD, 'terminated', 'by hand')],
    ['shutting down', async (world: World) => world.region.terminator.terminate(OLD)],
  ])('are not taken of one that is %s: it writes nothing more', async (_state, prepare) => {
    const { result, calls } = await run({ system: stateful, prepare });
    expect([result, calls]).toEqual([{ kind: 'done', reason: `${OLD} is gone and writes nothing more; its data volumes move as they are` }, []]);
  });
});

const throttled = async (): Promise<never> => Promise.reject(new RetryableError('RequestLimitExceeded'));
const refused = async (): Promise<never> => Promise.reject(new PermanentError('SnapshotLimitExceeded'));

describe('snapshots that cannot be taken', () => {
  it('are noted beside the other differences where nobody needs them', async () => {
    const { result, after } = await run({ system: stateless, take: refused });
    const note = 'no fresh snapshot of the data volumes: SnapshotLimitExceeded';
    expect(result).toEqual({ kind: 'done', reason: note, patch: { differences: ['its private address', note] } });
    expect(after.calls).toEqual({ snapshot: { attempt: 1, intentAt: START } });
  });

  it.each([
    ['the system is stateful', stateful, {}],
    ['the system is stateful and a person has approved it', lossless, {}],
    ['the policy requires evidence', stateless, { evidenceRequired: true }],
  ])('stop the repair where %s', async (_what, declared, policy) => {
    await expect(run({ system: declared, policy, take: refused })).rejects.toThrow(new PermanentError('SnapshotLimitExceeded'));
  });

  it('are asked for again where it may work later', async () => {
    await expect(run({ system: stateless, take: throttled })).rejects.toThrow(new RetryableError('RequestLimitExceeded'));
  });
});
