import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { deleteDecided, type LooseDecision, momentOf, readable, readNamed, reportOnce, tellBefore } from '../../../../core/remediation/reaper/reaping.ts';
import { NOW } from '../builders.ts';
import { createReapingWorld, failedLaunch, refusing, refusingStore } from '../reaping-world.ts';
import { testScope } from '../world.ts';

describe('a tag as a moment', () => {
  it.each([
    ['2026-11-21T09:00:00.000Z', NOW],
    ['2026-11-21T09:00Z', NOW],
    ['2026-11-21T11:00:00+0200', NOW],
    ['2026-11-21', undefined],
    ['keep 2026-11-21T09:00:00.000Z', undefined],
    ['2026-11-21T09:0', undefined],
    ['2026-99-21T09:00:00.000Z', undefined],
    ['7', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is %s', (tag, moment) => {
    expect(momentOf(tag)).toBe(moment);
  });
});

describe('the remediation that a tag names', () => {
  it.each([
    ['of a record', 'rem-1', failedLaunch()],
    ['of no record', 'rem-2', undefined],
  ])('is read by its id, %s', async (_what, id, expected) => {
    const world = createReapingWorld();
    await world.add(failedLaunch());
    expect(await readNamed(world.ports, id)).toEqual(expected);
  });

  it.each([undefined, ''])('is none for %o, and nothing is asked', async (id) => {
    const { ports } = createReapingWorld();
    expect(await readNamed({ ...ports, store: refusingStore(new Error('asked')) }, id)).toBeUndefined();
  });
});

describe('what the reaper says', () => {
  it('stands on the timeline once, however often it is tried', async () => {
    const world = createReapingWorld();
    await world.add(failedLaunch());
    for (const _run of [1, 2]) await tellBefore(world.ports, 'inc-1', 'delete:eni-1', 'Will delete eni-1. Nobody has it attached');
    const events = (await readTimeline(world.store, testScope, 'inc-1')).filter(({ kind }) => kind === 'reaper');
    expect(events).toEqual([
      { at: NOW, incidentId: 'inc-1', eventId: 'reap-plan:delete:eni-1', kind: 'reaper', text: 'Will delete eni-1. Nobody has it attached' },
    ]);
  });

  it('about something that belongs to no incident stands in the log only', async () => {
    const world = createReapingWorld();
    const before = world.store.snapshot();
    await reportOnce(world.ports, 'vol-1', undefined, 'It belongs to nobody');
    expect(world.log.lines).toEqual([
      { level: 'warn', message: 'The reaper leaves something alone that a person should look at', fields: { id: 'vol-1', reason: 'It belongs to nobody' } },
    ]);
    expect(world.store.snapshot()).toEqual(before);
  });
});

describe('what cannot be read', () => {
  it('is reported where it stays so, and fails the run where it may pass', async () => {
    expect(await readable('vol-1', refusing(new PermanentError('AccessDenied')))).toEqual({ kind: 'report', id: 'vol-1', reason: 'AccessDenied' });
    await expect(readable('vol-1', refusing(new RetryableError('throttled')))).rejects.toThrow('throttled');
    const keep: LooseDecision = { kind: 'keep', id: 'vol-1', reason: 'It is on hold (kim)' };
    expect(await readable('vol-1', async () => keep)).toEqual(keep);
  });
});

const toDelete = (id: string): LooseDecision => ({ kind: 'delete', id, system: 'shop-web', incidentId: 'inc-1', reason: 'Nobody needs it' });

describe('deleting what was decided', () => {
  it('deletes only that, 20 a run of those that could be, and names what could not', async () => {
    const world = createReapingWorld();
    await world.add(failedLaunch());
    const asked: string[] = [];
    const call = async (id: string): Promise<void> => {
      asked.push(id);
      if (id === 'eni-0') throw new PermanentError('in use');
    };
    const ids = Array.from({ length: 23 }, (_, index) => `eni-${index}`);
    const others: readonly LooseDecision[] = [
      { kind: 'keep', id: 'eni-kept', reason: 'It is on hold (kim)' },
      { kind: 'report', id: 'eni-odd', incidentId: 'inc-1', reason: 'An AWS service manages it' },
    ];
    await deleteDecided(world.ports, [...others, ...ids.map(toDelete)], call, 'An interface could not be deleted');
    expect(asked).toEqual(ids.slice(0, 21));
    expect(world.log.lines).toEqual([{ level: 'error', message: 'An interface could not be deleted', fields: { id: 'eni-0', reason: 'in use' } }]);
    expect((await world.timeline()).toSorted()).toEqual(
      ids
        .slice(0, 21)
        .map((id) => `Will delete ${id}. Nobody needs it`)
        .toSorted(),
    );
  });
});
