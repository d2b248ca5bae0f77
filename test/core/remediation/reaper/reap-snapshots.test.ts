import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../../core/environment/errors.ts';
import { decideSnapshot, reapSnapshots } from '../../../../core/remediation/reaper/reap-snapshots.ts';
import type { LooseSnapshot } from '../../../../core/remediation/reaper/reaping-ports.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { NOW } from '../builders.ts';
import { createReapingWorld, failedLaunch, HOURS_AGO, type ReapingWorld } from '../reaping-world.ts';

const tags = { 'perennial:remediation': 'rem-1' };
const OLD_AT = '2026-10-22T08:59:59.000Z';
const BEFORE_AT = '2026-10-01T00:00:00.000Z';
const snapshot = (changes: Partial<LooseSnapshot> = {}): LooseSnapshot => ({ snapshotId: 'snap-1', volumeId: 'vol-data', startedAt: OLD_AT, tags, ...changes });

function taken(ids: string, name: 'snapshot' | 'evidence-snapshot' = 'snapshot', changes: Partial<Remediation> = {}): Remediation {
  const call = { attempt: 1, intentAt: HOURS_AGO, outcomeAt: HOURS_AGO, result: { snapshotIds: ids } };
  return failedLaunch({ state: 'succeeded', calls: { [name]: call }, ...changes });
}

describe('the decision about a snapshot', () => {
  const facts = { snapshot: snapshot(), remediation: taken('snap-0,snap-1'), isStateful: false, hasYounger: false };

  const OVER = 'rem-1 took it of vol-data, and it is older than 30 days';
  const UNNAMED = 'It carries the tag of rem-1, whose record does not name it';
  const LAST = 'It is older than 30 days, but there is no younger snapshot of vol-data, and the system shop-web';
  const unanswered = failedLaunch({ calls: { snapshot: { attempt: 1, intentAt: HOURS_AGO } } });
  const failedEvidence = failedLaunch({ calls: { 'evidence-snapshot': { attempt: 1, intentAt: HOURS_AGO, outcomeAt: HOURS_AGO, result: { refused: 'no' } } } });

  it.each([
    ['older than 30 days, of a system that holds nothing', {}, 'delete', OVER],
    ['taken as evidence', { remediation: taken('snap-1', 'evidence-snapshot') }, 'delete', OVER],
    ['of exactly 30 days', { snapshot: snapshot({ startedAt: '2026-10-22T09:00:00.000Z' }) }, 'delete', OVER],
    ['not the youngest one of a stateful system', { isStateful: true, hasYounger: true }, 'delete', OVER],
    ['not the youngest one of a system that nobody declares any more', { isStateful: undefined, hasYounger: true }, 'delete', OVER],
    ['of 30 days less a moment', { snapshot: snapshot({ startedAt: '2026-10-22T09:00:00.001Z' }) }, 'keep', 'Kept until 2026-11-21T09:00:00.001Z'],
    ['on hold', { snapshot: snapshot({ tags: { ...tags, 'perennial:hold': 'kim' } }) }, 'keep', 'It is on hold (kim)'],
    ['of a running repair', { remediation: taken('snap-1', 'snapshot', { state: 'running' }) }, 'keep', 'rem-1 is still running'],
    ['that the record does not name', { remediation: taken('snap-10') }, 'report', UNNAMED],
    ['of a record that took none', { remediation: failedLaunch() }, 'report', UNNAMED],
    ['of a record that never heard what it took', { remediation: unanswered }, 'report', UNNAMED],
    ['of a record that was given none', { remediation: failedEvidence }, 'report', UNNAMED],
    ['the only one of a stateful system', { isStateful: true }, 'report', `${LAST} is stateful`],
    ['the only one of a system that nobody declares any more', { isStateful: undefined }, 'report', `${LAST} is not in the catalog any more`],
  ] as const)('%s', (_what, changes, kind, reason) => {
    const whose = { keep: {}, report: { incidentId: 'inc-1' }, delete: { incidentId: 'inc-1', system: 'shop-web' } }[kind];
    expect(decideSnapshot({ ...facts, ...changes }, NOW)).toEqual({ kind, id: 'snap-1', ...whose, reason });
  });

  it('of no record is reported', () => {
    const reason = 'Its tag names a remediation of which there is no record';
    expect(decideSnapshot({ ...facts, remediation: undefined }, NOW)).toEqual({ kind: 'report', id: 'snap-1', reason });
  });
});

/** The system of the world is stateful, or not. */
async function worldWith(isStateful: boolean, ids: readonly (readonly [id: string, startedAt: string])[]): Promise<ReapingWorld> {
  const world = createReapingWorld();
  const { policies, systems } = await world.ports.catalog();
  const declared = systems.map((system) => ({ ...system, spec: { ...system.spec, recovery: { ...system.spec.recovery, stateful: isStateful } } }));
  for (const [snapshotId, startedAt] of ids) world.region.attachments.addSnapshot(snapshot({ snapshotId, startedAt }));
  await world.add(taken(ids.map(([id]) => id).join(',')));
  return { ...world, ports: { ...world.ports, catalog: async () => ({ policies, systems: declared }) } };
}

const left = (world: ReapingWorld): readonly string[] => world.region.attachments.snapshotsTaken().map(({ snapshotId }) => snapshotId);

describe('the search for old snapshots', () => {
  it('deletes those of a system that holds nothing, after saying so; run twice it does nothing more', async () => {
    const world = await worldWith(false, [
      ['snap-1', OLD_AT],
      ['snap-young', HOURS_AGO],
    ]);
    await reapSnapshots(world.ports);
    expect(left(world)).toEqual(['snap-young']);
    expect(await world.timeline()).toEqual(['Will delete snap-1. rem-1 took it of vol-data, and it is older than 30 days']);
    expect(await reapSnapshots(world.ports)).toEqual([]);
    const reason = 'rem-1 took it of vol-data, and it is older than 30 days';
    const deleted = { kind: 'delete', id: 'snap-1', system: 'shop-web', incidentId: 'inc-1', reason };
    const message = 'The reaper has looked for old snapshots';
    expect(world.log.lines).toEqual([
      { level: 'info', message, fields: { decisions: [deleted] } },
      { level: 'info', message, fields: { decisions: [] } },
    ]);
  });

  it('asks for a younger one only where the system may hold something', async () => {
    const asked: string[] = [];
    for (const isStateful of [false, true]) {
      const world = await worldWith(isStateful, [['snap-1', OLD_AT]]);
      const { oldSnapshots } = world.ports;
      const hasYounger = async (volumeId: string, at: string): Promise<boolean> => {
        asked.push(`${isStateful ? 'stateful' : 'stateless'} ${volumeId} after ${at}`);
        return true;
      };
      const olderThan = (at: string) => oldSnapshots.olderThan(at);
      await reapSnapshots({ ...world.ports, oldSnapshots: { hasYounger, olderThan, delete: (id) => oldSnapshots.delete(id) } });
      expect(left(world)).toEqual([]);
    }
    expect(asked).toEqual([`stateful vol-data after ${OLD_AT}`]);
  });

  it('reports in the log what no record knows, and what it could not learn about', async () => {
    const world = createReapingWorld();
    world.region.attachments.addSnapshot(snapshot());
    const reason = 'Its tag names a remediation of which there is no record';
    expect(await reapSnapshots(world.ports)).toEqual([{ kind: 'report', id: 'snap-1', reason }]);
    const { oldSnapshots } = world.ports;
    const denied = {
      ...oldSnapshots,
      olderThan: (at: string) => oldSnapshots.olderThan(at),
      hasYounger: () => Promise.reject(new PermanentError('AccessDenied')),
    };
    expect(await reapSnapshots({ ...world.ports, oldSnapshots: denied })).toEqual([{ kind: 'report', id: 'snap-1', reason: 'AccessDenied' }]);
    expect(left(world)).toEqual(['snap-1']);
    const message = 'The reaper leaves something alone that a person should look at';
    expect(world.log.lines.filter(({ level }) => level === 'warn')).toEqual([
      { level: 'warn', message, fields: { id: 'snap-1', reason } },
      { level: 'warn', message, fields: { id: 'snap-1', reason: 'AccessDenied' } },
    ]);
  });

  it('never deletes the last snapshot of a volume of a stateful system, however often it runs', async () => {
    const world = await worldWith(true, [
      ['snap-1', BEFORE_AT],
      ['snap-2', OLD_AT],
    ]);
    for (const _run of [1, 2, 3]) await reapSnapshots(world.ports);
    expect(left(world)).toEqual(['snap-2']);
    expect((await world.timeline()).filter((text) => text.startsWith('Left snap-2 alone.'))).toHaveLength(1);
  });

  it('counts the snapshots of the owner: theirs keeps the data, ours may go', async () => {
    const world = await worldWith(true, [['snap-1', OLD_AT]]);
    world.region.attachments.addSnapshot(snapshot({ snapshotId: 'snap-backup', startedAt: HOURS_AGO, tags: {} }));
    await reapSnapshots(world.ports);
    expect(left(world)).toEqual(['snap-backup']);
  });

  it('deletes at most 20 a run, and one that cannot be deleted keeps no other', async () => {
    const world = await worldWith(
      false,
      Array.from({ length: 25 }, (_, index) => [`snap-${index}`, OLD_AT] as const),
    );
    const { oldSnapshots } = world.ports;
    const refusing = {
      ...oldSnapshots,
      delete: (id: string) => (id === 'snap-0' ? Promise.reject(new PermanentError('an image uses it')) : oldSnapshots.delete(id)),
    };
    await reapSnapshots({ ...world.ports, oldSnapshots: refusing });
    expect(left(world)).toHaveLength(5);
    expect(left(world)).toContain('snap-0');
    expect(world.log.lines.some(({ message }) => message === 'An old snapshot could not be deleted')).toBe(true);
  });
});
