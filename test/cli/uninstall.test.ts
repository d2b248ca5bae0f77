import { beforeEach, describe, expect, it } from 'vitest';
import { uninstallSchema } from '../../cli/schemas.ts';
import { type LeavingItem, type LeftOutside, planLeaving } from '../../cli/uninstall-plan.ts';
import { PermanentError } from '../../core/environment/errors.ts';
import { instanceFacts } from '../core/remediation/builders.ts';
import { admitOld, verifyImage } from '../core/remediation/world.ts';
import { createDesk, type Desk, nothingOutside, type as typeWords, typeJson } from './terminal.ts';

const quarantine = { 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': '2026-11-25T09:00:00.000Z', 'perennial:remediation': 'rem-1' };
const replacement = instanceFacts({
  instanceId: 'i-new',
  tags: { 'perennial:system': 'shop-web', 'perennial:slot': 'shop-web/1', 'perennial:remediation': 'rem-1' },
});
const old = instanceFacts({ instanceId: 'i-old', state: 'stopped', tags: { ...quarantine, 'perennial:system': 'shop-web' } });
const loose = { 'perennial:remediation': 'rem-1' };

const everything: LeftOutside = {
  quarantined: [old],
  launched: [replacement, old],
  securityGroups: [{ id: 'sg-quarantine', vpcId: 'vpc-1' }],
  alarms: [
    { name: 'web--i-new', isWatching: true },
    { name: 'web--i-gone', isWatching: false },
  ],
  timers: ['perennial-page-1'],
  interfaces: [{ networkInterfaceId: 'eni-1', isManagedByAws: false, tags: loose }],
  volumes: [{ volumeId: 'vol-1', createdAt: '2026-11-21T06:00:00.000Z', tags: loose }],
  tableName: 'table',
};

const short = (items: readonly LeavingItem[]) => items.map(({ id, action }) => [id, action]);

describe('the plan of leaving', () => {
  it('ends what only Perennial needs, and hands over what serves', () => {
    expect(short(planLeaving(everything, false))).toEqual([
      ['perennial-page-1', 'delete-timer'],
      ['i-old', 'terminate'],
      ['i-new', 'untag-instance'],
      ['web--i-new', 'untag-alarm'],
      ['web--i-gone', 'delete-alarm'],
      ['eni-1', 'delete-interface'],
      ['vol-1', 'leave'],
      ['sg-quarantine', 'delete-group'],
      ['table', 'leave'],
    ]);
  });

  it('ends nothing but timers when everything is handed over', () => {
    expect(short(planLeaving(everything, true))).toEqual([
      ['perennial-page-1', 'delete-timer'],
      ['i-old', 'untag-instance'],
      ['i-new', 'untag-instance'],
      ['web--i-new', 'untag-alarm'],
      ['web--i-gone', 'untag-alarm'],
      ['eni-1', 'leave'],
      ['vol-1', 'leave'],
      ['sg-quarantine', 'leave'],
      ['table', 'leave'],
    ]);
  });

  it('takes off only tags of ours that are there, never the words of people', () => {
    const items = planLeaving(everything, true);
    expect(items.find(({ id }) => id === 'i-new')?.tagKeys).toEqual(['perennial:slot', 'perennial:remediation']);
    expect(items.find(({ id }) => id === 'i-old')?.tagKeys).toEqual(['perennial:quarantine', 'perennial:quarantine-until', 'perennial:remediation']);
    expect(items.find(({ id }) => id === 'web--i-new')?.tagKeys).toEqual(['perennial:alarm-of']);
  });

  it.each([
    ['on hold', { ...old, tags: { ...old.tags, 'perennial:hold': 'kim' } }],
    ['running', { ...old, state: 'running' }],
  ] as const)('never ends a quarantined instance that is %s', (_what, instance) => {
    expect(short(planLeaving({ ...everything, quarantined: [instance], launched: [] }, false))).toContainEqual(['i-old', 'untag-instance']);
  });

  it('says why and how of every thing', () => {
    for (const { why, how } of [...planLeaving(everything, false), ...planLeaving(everything, true)]) {
      expect(why).not.toBe('');
      expect(how).not.toBe('');
    }
  });
});

describe('perennial uninstall', () => {
  let carried: string[];
  let desk: Desk;
  const { tableName: _table, ...found } = everything;

  async function open(fail: (id: string) => Error | undefined = () => undefined, outside: Omit<LeftOutside, 'tableName'> = found): Promise<void> {
    carried = [];
    desk = await createDesk({
      leaving: {
        find: async () => outside,
        carryOut: async ({ id }) => {
          const error = fail(id);
          if (error !== undefined) throw error;
          carried.push(id);
        },
      },
    });
  }

  beforeEach(async () => open());

  const read = async (...words: readonly string[]) => {
    const { json, exitCode } = await typeJson(['uninstall', ...words, '--local'], desk.target);
    return { answer: uninstallSchema.parse(json), exitCode };
  };

  it('changes nothing without --yes, and prints what, why and how', async () => {
    const { out, exitCode } = await typeWords(['uninstall', '--local'], desk.target);
    expect(exitCode).toBe(0);
    expect(carried).toEqual([]);
    expect(out).toMatch(/what +id +state +why +how/);
    expect(out).toContain('Nothing was changed. 7 things would be.');
    expect(out).toContain('uninstall --yes --local');
    expect((await read()).answer).toMatchObject({ isCarriedOut: false, open: 7 });
  });

  it('carries the plan out with --yes, in its order', async () => {
    const { answer, exitCode } = await read('--yes');
    expect(exitCode).toBe(0);
    expect(carried).toEqual(['perennial-page-1', 'i-old', 'i-new', 'web--i-new', 'web--i-gone', 'eni-1', 'sg-quarantine']);
    expect(answer).toMatchObject({ isCarriedOut: true, open: 0 });
    expect(answer.items.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done', 'done', 'done', 'done', 'left', 'done', 'left']);
  });

  it('goes on when one fails, says which, and asks to be run again', async () => {
    await open((id) => (id === 'sg-quarantine' ? new PermanentError('DependencyViolation') : undefined));
    const { out, exitCode } = await typeWords(['uninstall', '--yes', '--local'], desk.target);
    expect(exitCode).toBe(1);
    expect(out).toContain('DependencyViolation');
    expect(out).toContain('1 thing still to do');
    expect(carried).toHaveLength(6);
  });

  it('says that nothing is left', async () => {
    await open(() => undefined, nothingOutside);
    const { out } = await typeWords(['uninstall', '--yes', '--hand-over', '--local'], desk.target);
    expect(out).toContain('Now delete the stacks');
    expect(carried).toEqual([]);
  });

  it('changes at most 200 things a run', async () => {
    await open(() => undefined, { ...nothingOutside, timers: Array.from({ length: 250 }, (_, index) => `perennial-page-${index}`) });
    expect((await read('--yes')).answer.open).toBe(50);
    expect(carried).toHaveLength(200);
  });

  it('does not pull the floor from under a running repair', async () => {
    await verifyImage(desk.world);
    await admitOld(desk.world);
    const { answer, exitCode } = await read('--yes');
    expect(exitCode).toBe(2);
    expect(carried).toEqual([]);
    expect(answer.runningRemediations).toHaveLength(1);
    expect((await typeWords(['uninstall', '--yes', '--local'], desk.target)).out).toContain('pause --reason "uninstall"');
  });
});
