import { describe, expect, it } from 'vitest';
import type { System } from '../../../../core/catalog/schema.ts';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { snapshot } from '../../../../core/remediation/phases/snapshot.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { SnapshotFacts, SnapshotTaker } from '../../../../core/remediation/surroundings/attachment-ports.ts';
import { capturedVolume, NOW } from '../builders.ts';
import { OLD, webSystem, type World } from '../world.ts';
import { answered, type Answers, done, failed, openStage, refusing, type Stage, throttled, unanswered, wait } from './stage.ts';

const volumes = [capturedVolume(), capturedVolume({ volumeId: 'vol-a', isRoot: false }), capturedVolume({ volumeId: 'vol-b', isRoot: false })];

type Recovery = System['spec']['recovery'];
const recovery = { ...webSystem().spec.recovery, rpoSeconds: 300 };
const stateful = { ...recovery, stateful: true };
const stateless = { ...recovery, stateful: false };
/** A person has approved it: no snapshot can promise that nothing is lost. */
const lossless = { ...stateful, rpoSeconds: 0 };

const snapshotOf = (volumeId: string, state: string, startedAt = NOW): SnapshotFacts => ({ snapshotId: `snap-${volumeId}`, volumeId, state, startedAt });
const pending = [snapshotOf('vol-a', 'pending'), snapshotOf('vol-b', 'pending')];
const completed = [snapshotOf('vol-a', 'completed'), snapshotOf('vol-b', 'completed')];

interface Given {
  readonly declared: Recovery;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly seen?: readonly SnapshotFacts[];
  readonly take?: SnapshotTaker['take'];
  readonly afterSeconds?: number;
  readonly calls?: Remediation['calls'];
}

/** Two data volumes, whose snapshots look as `seen` when they are read, so long after the beginning. */
async function onStage({ declared, spec = {}, seen = [], take = async () => pending, afterSeconds = 0, calls = {} }: Given): Promise<Stage> {
  const answers: Answers = { snapshots: { take, read: async () => seen } };
  const record: Partial<Remediation> = { phase: 'snapshot', differences: ['its private address'], calls };
  const stage = await openStage({ system: { recovery: declared }, spec, record, capture: { volumes }, answers });
  stage.world.clock.advance(afterSeconds);
  return stage;
}

const looked = async (given: Given) => (await onStage(given)).run(snapshot);

const tags = { 'perennial:system': 'shop-web', 'perennial:slot': `shop-web/${OLD}`, 'perennial:remediation': 'rem-1' };
const taking = ['snapshots.take', OLD, ['vol-a', 'vol-b'], tags];
const reading = ['snapshots.read', ['snap-vol-a', 'snap-vol-b']];
const taken = answered({ snapshot: { snapshotIds: 'snap-vol-a,snap-vol-b' } });

describe('snapshots of the data volumes before harm', () => {
  it.each([
    ['of a stateless system', stateless],
    ['where no loss at all is allowed and a person has approved it', lossless],
  ])('are begun for all at one moment and not waited for %s', async (_what, declared) => {
    const { run, heard, record } = await onStage({ declared });
    expect(await run(snapshot)).toEqual(done('Snapshots under way: snap-vol-a,snap-vol-b'));
    expect(heard('snapshots')).toEqual([taking]);
    expect((await record()).calls).toEqual(taken);
  });

  it('are waited for, volume by volume, where the system is stateful and may lose a little', async () => {
    const { run, heard } = await onStage({ declared: stateful, seen: [snapshotOf('vol-a', 'completed'), snapshotOf('vol-b', 'pending')] });
    expect(await run(snapshot)).toEqual(wait('Snapshots not complete yet: vol-b', 15));
    expect(heard('snapshots')).toEqual([taking, reading]);
  });

  it('are not complete while EC2 does not list them: each volume has one of its own', async () => {
    expect(await looked({ declared: stateful })).toEqual(wait('Snapshots not complete yet: vol-a, vol-b', 15));
    const seen = [snapshotOf('vol-a', 'completed'), snapshotOf('vol-x', 'completed')];
    expect(await looked({ declared: stateful, seen })).toEqual(wait('Snapshots not complete yet: vol-b', 15));
  });

  it('are taken once, and found again by their ids', async () => {
    const { run, heard } = await onStage({ declared: stateful, seen: completed, afterSeconds: 60, calls: taken });
    expect(await run(snapshot)).toEqual(done('Snapshots complete: snap-vol-a, snap-vol-b'));
    expect(heard('snapshots')).toEqual([reading]);
  });

  it.each([
    [300, completed],
    [340, completed.map((facts) => ({ ...facts, startedAt: addSeconds(NOW, 40) }))],
  ])('that are as old as the recovery point objective, %d s after the beginning, are good enough', async (afterSeconds, seen) => {
    expect(await looked({ declared: stateful, seen, afterSeconds })).toEqual(done('Snapshots complete: snap-vol-a, snap-vol-b'));
  });

  it('that are older than it, the oldest counts, stop the repair: too much would be lost', async () => {
    const seen = [snapshotOf('vol-a', 'completed', addSeconds(NOW, 200)), snapshotOf('vol-b', 'completed')];
    expect(await looked({ declared: stateful, seen, afterSeconds: 300.6 })).toEqual(
      failed('The snapshots took 301 s; the recovery point objective is 300 s. Approve the repair, or make them more often'),
    );
  });

  it('that fail stop the repair, also while others are not complete', async () => {
    expect(await looked({ declared: stateful, seen: [snapshotOf('vol-a', 'pending'), snapshotOf('vol-b', 'error')] })).toEqual(
      failed('The snapshot snap-vol-b of vol-b failed'),
    );
  });

  it.each([
    ['terminated', async (world: World) => world.region.setState(OLD, 'terminated', 'by hand')],
    ['shutting down', async (world: World) => world.region.terminator.terminate(OLD)],
  ])('are not taken of one that is %s: it writes nothing more', async (_state, end) => {
    const { world, run, heard } = await onStage({ declared: stateful });
    await end(world);
    expect([await run(snapshot), heard('snapshots')]).toEqual([done(`${OLD} is gone and writes nothing more; its data volumes move as they are`), []]);
  });
});

const refused = refusing(new PermanentError('SnapshotLimitExceeded'));

describe('snapshots that cannot be taken', () => {
  it('are noted beside the other differences where nobody needs them', async () => {
    const { run, record } = await onStage({ declared: stateless, take: refused });
    const note = 'no fresh snapshot of the data volumes: SnapshotLimitExceeded';
    expect(await run(snapshot)).toEqual({ kind: 'done', reason: note, patch: { differences: ['its private address', note] } });
    expect((await record()).calls).toEqual(unanswered('snapshot'));
  });

  it.each([
    ['the system is stateful', stateful, {}],
    ['the system is stateful and a person has approved it', lossless, {}],
    ['the policy requires evidence', stateless, { evidenceRequired: true }],
  ])('stop the repair where %s', async (_what, declared, spec) => {
    await expect(looked({ declared, spec, take: refused })).rejects.toThrow(new PermanentError('SnapshotLimitExceeded'));
  });

  it('are asked for again where it may work later', async () => {
    await expect(looked({ declared: stateless, take: throttled })).rejects.toThrow(new RetryableError('RequestLimitExceeded'));
  });
});
