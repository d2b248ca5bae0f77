import { describe, expect, it } from 'vitest';
import type { PhaseResult } from '../../../../core/remediation/phase.ts';
import { backward, type Direction, forward, left, moveEach, moving, type Progress, stuck, there } from '../../../../core/remediation/phases/moving.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { remediationOf } from '../builders.ts';
import { OLD } from '../world.ts';
import { done, failed, NEW, openStage, ran, wait } from './stage.ts';

const begun = (name: Remediation['phase']): Partial<Remediation> => ({
  phases: [ran(name, 'failed')],
});

/** The direction that is taken from a record, or the result without one. */
async function taken(
  record: Partial<Remediation>,
  take: (...words: Parameters<typeof forward>) => Promise<PhaseResult>,
): Promise<{ readonly directions: readonly Direction[]; readonly result: PhaseResult }> {
  const directions: Direction[] = [];
  const result = await take(await (await openStage({ record })).context(), async (direction) => {
    directions.push(direction);
    return done('ran');
  });
  return { directions, result };
}

describe('the direction in which things move', () => {
  it('is from the old instance to the replacement', async () => {
    expect(await taken({ newInstanceId: NEW }, forward)).toEqual({
      directions: [{ verb: 'move', from: OLD, to: NEW }],
      result: done('ran'),
    });
  });

  it('leads nowhere without a replacement: the phase fails', async () => {
    expect(await taken({}, forward)).toEqual({ directions: [], result: failed('No replacement was launched') });
  });

  it.for([
    ['once the phase that moves has begun, also where it failed', { newInstanceId: NEW, ...begun('move-volumes') }],
    ['where another repair has moved them', { newInstanceId: NEW, path: 'revert' }],
    ['where another repair has moved them and two must never run at once', { newInstanceId: NEW, path: 'revert-fenced' }],
  ] as const)('is back to the old instance %s', async ([, record]) => {
    expect(await taken(record, (context, run) => backward(context, 'move-volumes', run))).toEqual({
      directions: [{ verb: 'return', from: NEW, to: OLD }],
      result: done('ran'),
    });
  });

  it.for([
    ['no replacement is known', begun('move-volumes')],
    ['a way back knows no replacement', { path: 'revert' }],
    ['nothing had begun', { newInstanceId: NEW }],
    ['only something else had begun', { newInstanceId: NEW, ...begun('move-interfaces') }],
  ] as const)('leads nowhere back when %s, and that is all right', async ([, record]) => {
    expect(await taken(record, (context, run) => backward(context, 'move-volumes', run))).toEqual({
      directions: [],
      result: done('Nothing of it had moved'),
    });
  });
});

/** Moves these things; each is named after its place in the list. */
async function move(progresses: readonly Progress[], differences: readonly string[] = []): Promise<{ readonly result: PhaseResult; readonly seen: number }> {
  let seen = 0;
  const result = await moveEach(
    remediationOf({}, { differences: [...differences] }),
    progresses.map((progress, index) => ({ progress, name: `thing ${index + 1}` })),
    ({ name }) => name,
    async ({ progress }) => {
      seen += 1;
      return progress;
    },
  );
  return { result, seen };
}

describe('several things that move', () => {
  it('are done once each is in its place', async () => {
    expect((await move([there, there])).result).toEqual(done('In place: thing 1, thing 2'));
  });

  it('may be none', async () => {
    expect((await move([])).result).toEqual(done('Nothing to move'));
  });

  it('are looked at again after 3 s while one is under way, and every one is taken a step further', async () => {
    expect(await move([moving('a is on its way'), there, moving('b is on its way')])).toEqual({
      seen: 3,
      result: wait('a is on its way; b is on its way'),
    });
  });

  it('fail with the first that can go no further, and nothing is asked of those behind it', async () => {
    expect(await move([moving('a is on its way'), stuck('b is gone'), there])).toEqual({ seen: 2, result: failed('b is gone') });
  });

  it('stay where somebody has put them, and the record says so once', async () => {
    expect((await move([there, left('b (it was moved)'), left('c (it was moved)')], ['the address changed', 'b (it was moved)'])).result).toEqual({
      kind: 'done',
      reason: 'In place: thing 1; b (it was moved); c (it was moved)',
      patch: { differences: ['the address changed', 'b (it was moved)', 'c (it was moved)'] },
    });
  });

  it('may all have been moved by somebody else', async () => {
    expect((await move([left('a (it was moved)')])).result).toEqual({
      kind: 'done',
      reason: 'Nothing to move; a (it was moved)',
      patch: { differences: ['a (it was moved)'] },
    });
  });
});
