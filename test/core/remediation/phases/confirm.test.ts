import { describe, expect, it } from 'vitest';
import { confirm } from '../../../../core/remediation/phases/confirm.ts';
import { remediationOf } from '../builders.ts';
import { createWorld, OLD, webPolicy } from '../world.ts';
import { runPhase } from './run-phase.ts';

/** Trouble that was heard of at this moment, looked at `afterSeconds` later. */
async function looked(afterSeconds: number, pendingSeconds: number) {
  const world = createWorld();
  const record = remediationOf({ instanceId: OLD, at: world.clock.now() });
  world.clock.advance(afterSeconds);
  return (await runPhase(confirm, world, record, { policy: webPolicy({ pendingSeconds }) })).result;
}

describe('the pending duration', () => {
  it.each([
    [0, 60, 60],
    [30.4, 60, 30],
    [59.5, 60, 1],
    [59.999, 60, 1],
    [119, 120, 1],
  ])('%d s after the trouble was heard of, with %d s to last: waits for the %d s that are left, in whole seconds', async (after, pending, seconds) => {
    expect(await looked(after, pending)).toEqual({ kind: 'wait', seconds, reason: `Pending for ${pending} s, in case target-health recovers by itself` });
  });

  it.each([
    [60, 60],
    [61, 60],
    [0, 0],
  ])('%d s after it, with %d s to last, is over', async (after, pending) => {
    expect(await looked(after, pending)).toEqual({ kind: 'done', reason: `Pending time of ${pending} s is over` });
  });

  it('counts from the moment of the trouble, not of the decision', async () => {
    const world = createWorld();
    const record = remediationOf({ instanceId: OLD, at: world.clock.now() });
    world.clock.advance(50);
    const timing = { ...record.timing, decidedAt: world.clock.now() };
    expect((await runPhase(confirm, world, { ...record, timing })).result).toMatchObject({ kind: 'wait', seconds: 10 });
  });

  it('is not asked of what a person wants: nothing has to last (S1-21)', async () => {
    const world = createWorld();
    const at = world.clock.now();
    const record = remediationOf({ instanceId: OLD, at }, { request: { by: 'kim', reason: 'odd noises', at } });
    expect((await runPhase(confirm, world, record)).result).toEqual({ kind: 'done', reason: 'kim asked for it (odd noises); nothing has to last' });
  });
});
