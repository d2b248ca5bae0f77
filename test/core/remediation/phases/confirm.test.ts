import { describe, expect, it } from 'vitest';
import { confirm } from '../../../../core/remediation/phases/confirm.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { NOW } from '../builders.ts';
import { done, openStage, wait } from './stage.ts';

/** Trouble that was heard of at this moment, looked at `afterSeconds` later. */
async function looked(afterSeconds: number, pendingSeconds: number) {
  const { world, run } = await openStage({ spec: { pendingSeconds } });
  world.clock.advance(afterSeconds);
  return run(confirm);
}

describe('the pending duration', () => {
  it.each([
    [0, 60, 60],
    [30.4, 60, 30],
    [59.5, 60, 1],
    [59.999, 60, 1],
    [119, 120, 1],
  ])('%d s after the trouble was heard of, with %d s to last: waits for the %d s that are left, in whole seconds', async (after, pending, seconds) => {
    expect(await looked(after, pending)).toEqual(wait(`Pending for ${pending} s, in case target-health recovers by itself`, seconds));
  });

  it.each([
    [60, 60],
    [61, 60],
    [0, 0],
  ])('%d s after it, with %d s to last, is over', async (after, pending) => {
    expect(await looked(after, pending)).toEqual(done(`Pending time of ${pending} s is over`));
  });

  it('counts from the moment of the trouble, not of the decision', async () => {
    const { world, run } = await openStage({ record: { timing: { detectedAt: NOW, decidedAt: addSeconds(NOW, 50) } } });
    world.clock.advance(50);
    expect(await run(confirm)).toMatchObject({ kind: 'wait', seconds: 10 });
  });

  it('is not asked of what a person wants: nothing has to last (S1-21)', async () => {
    const { run } = await openStage({ record: { request: { by: 'kim', reason: 'odd noises', at: NOW } } });
    expect(await run(confirm)).toEqual(done('kim asked for it (odd noises); nothing has to last'));
  });
});
