import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { ledgerItemSchema } from '../../cli/schemas.ts';
import { serviceLevelObjectiveSchema } from '../../core/catalog/openslo/openslo.ts';
import { publishCatalog } from '../../core/catalog/published.ts';
import { keys } from '../../core/records/keys.ts';
import { createRecord, readRecord } from '../../core/records/record-type.ts';
import { objectiveHeadType } from '../../core/slo/kept/state.ts';
import { catalogOf } from '../core/inventory/world.ts';
import { testScope } from '../core/remediation/world.ts';
import { budgetDocument } from '../core/slo/budget-catalog.ts';
import { createDesk, type Desk, type, typeJson } from './terminal.ts';

const objective = 'shop-web-availability';
let desk: Desk;
beforeEach(async () => {
  desk = await createDesk();
  const { store, clock, system, policy } = desk.world;
  const objectives = [serviceLevelObjectiveSchema.parse(budgetDocument())];
  await publishCatalog({ store, scope: testScope, clock }, { ...catalogOf([system], [policy], 'b'.repeat(64)), objectives });
});

async function measured(): Promise<void> {
  const at = desk.world.clock.now();
  const budget = { at, windowSeconds: 2_592_000, targetRatio: 0.999, budgetSeconds: 2592, consumedSeconds: 0, remainingRatio: 1, sli: 1 };
  const head = { objective, system: 'shop-web', since: at, sealedUntil: `${at.slice(0, 13)}:00:00.000Z`, recent: [], budget };
  await createRecord(desk.world.store, objectiveHeadType, keys.objectiveState(testScope, objective), head);
}

const span = ['--from', '2026-11-20T09:00:00Z', '--to', '2026-11-20T09:20:00Z'];
const why = ['--reason', 'the probe of jo@example.com was wrong'];

describe('the ledger of an error budget', () => {
  it('takes corrections and exclusions with who and why, masked, and tells the next evaluation', async () => {
    await measured();
    const correct = await typeJson(['slo', 'correct', objective, ...span, '--as', 'good', ...why], desk.target);
    expect(correct.exitCode).toBe(0);
    const entered = z.parse(ledgerItemSchema, correct.json);
    expect(entered).toMatchObject({ kind: 'correction', as: 'good', state: 'standing', by: 'kim' });
    expect(entered.reason).not.toContain('jo@example.com');
    desk.world.clock.advance(1);
    await type(['slo', 'exclude', objective, ...span, ...why], desk.target);
    const head = await readRecord(desk.world.store, objectiveHeadType, keys.objectiveState(testScope, objective));
    expect(head?.body).toMatchObject({ entries: 2 });
    expect(head?.body.pending).toHaveLength(2);
    desk.world.clock.advance(1);
    await type(['slo', 'withdraw', objective, entered.id, ...why], desk.target);
    const { json } = await typeJson(['slo', 'ledger', objective], desk.target);
    expect(z.parse(z.array(ledgerItemSchema), json).map(({ kind, state }) => [kind, state])).toEqual([
      ['correction', 'withdrawn'],
      ['exclusion', 'standing'],
      ['withdrawal', 'standing'],
    ]);
  });

  it.each([
    ['an objective that does not exist', ['slo', 'exclude', 'shop-web-availabilty', ...span, ...why], 'Did you mean shop-web-availability?'],
    [
      'a span that ends before it begins',
      ['slo', 'exclude', objective, '--from', '2026-11-20T10:00:00Z', '--to', '2026-11-20T09:00:00Z', ...why],
      'is not before',
    ],
    ['a moment that is none', ['slo', 'exclude', objective, '--from', 'yesterday', '--to', '2026-11-20T09:00:00Z', ...why], '--from takes a moment'],
    ['no reason', ['slo', 'exclude', objective, ...span, '--reason', ' '], 'needs a reason'],
    ['an entry that does not exist', ['slo', 'withdraw', objective, 'led-x', ...why], 'has no correction or exclusion led-x'],
  ])('refuses %s', async (_, words, said) => {
    await measured();
    const { exitCode, error } = await type(words, desk.target);
    expect(exitCode).toBe(1);
    expect(error).toContain(said);
  });

  it('refuses an entry about what was never measured', async () => {
    expect((await type(['slo', 'exclude', objective, ...span, ...why], desk.target)).error).toContain('has not been measured yet');
  });
});
