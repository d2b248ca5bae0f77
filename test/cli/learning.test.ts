import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { digestSchema, noiseSchema, postMortemAnswerSchema, postMortemListSchema, toilSchema } from '../../cli/schemas.ts';
import { acknowledgeIncident } from '../../core/incidents/lifecycle/acknowledge.ts';
import { incidentType } from '../../core/incidents/record.ts';
import { keys } from '../../core/records/keys.ts';
import { createRecord, readRecord } from '../../core/records/record-type.ts';
import { incidentOf } from '../core/incidents/world.ts';
import { testScope } from '../core/remediation/world.ts';
import { containing, createDesk, type Desk, type as typeWords, typeJson } from './terminal.ts';

const ID = 'inc-20261121T080000-0a1b2c3d';

let desk: Desk;
beforeEach(async () => {
  desk = await createDesk();
  const incident = incidentOf({
    id: ID,
    openedAt: '2026-11-21T08:00:00.000Z',
    state: 'post-mortem-due',
    resolvedAt: '2026-11-21T08:40:00.000Z',
    severity: 'critical',
    postMortem: { state: 'due', because: 'It used 35 % of a budget.' },
  });
  await createRecord(desk.world.store, incidentType, keys.incident(testScope, ID), incident);
});

const type = (...words: readonly string[]) => typeWords(words, desk.target);
const json = async (...words: readonly string[]) => (await typeJson(words, desk.target)).json;

describe('postmortem', () => {
  it('shows a short draft with what to type next, and a whole document', async () => {
    const { out, exitCode } = await type('postmortem', 'show', ID);
    expect(exitCode).toBe(0);
    expect(out.split('\n').slice(0, 4)).toEqual([
      'account 111122223333 · eu-central-1 · stack Perennial',
      `Post-mortem of ${ID}  critical  shop-web  due`,
      'Asked for: It used 35 % of a budget.',
      'Owner: team-shop',
    ]);
    expect(out).toContain(`npm run -s perennial -- postmortem close ${ID} --test-link https://… --local`);
    const document = await type('postmortem', 'show', ID, '--markdown');
    expect(document.out.startsWith('# Post-mortem: Alarm shop-web-unhealthy went off')).toBe(true);
    const answer = z.parse(postMortemAnswerSchema, await json('postmortem', 'show', ID));
    expect(answer).toMatchObject({ id: ID, state: 'due', impact: { text: 'Customers cannot order' }, detection: { source: 'alarm' } });
    expect(answer.markdown.trimEnd()).toBe(document.out);
  });

  it('takes notes and actions, flags blame, and closes only with a test or a reason (S4-42)', async () => {
    expect(await type('postmortem', 'close', ID)).toMatchObject({ exitCode: 2, out: containing('without the link of a test') });
    const close = ['postmortem', 'close', ID, '--test-link', 'https://git.example.com/shop/42'] as const;
    expect(await type(...close)).toMatchObject({ exitCode: 2, out: containing('without a contributing factor') });
    expect(await type('postmortem', 'note', ID, '--text', 'kim should have looked')).toMatchObject({
      exitCode: 0,
      out: containing('"should have": Say what was known'),
    });
    expect(await json('postmortem', 'note', ID, '--detected-by', 'customer', '--began', '2026-11-21T07:50:00Z')).toMatchObject({ isChanged: true });
    const add = [
      'postmortem',
      'action',
      'add',
      ID,
      '--text',
      'A check that orders',
      '--type',
      'detect',
      '--owner',
      'team-shop',
      '--due',
      '2026-11-01',
    ] as const;
    expect(await json(...add)).toMatchObject({ reason: 'Added the action a1, due 2026-11-01.', isChanged: true });
    expect(await json(...add)).toMatchObject({ isChanged: false });
    expect(z.parse(postMortemAnswerSchema, await json('postmortem', 'show', ID))).toMatchObject({
      detection: { source: 'customer', timeToDetectSeconds: 600 },
      actions: [{ id: 'a1', isOverdue: true }],
      wording: [{ words: 'should have' }, { words: 'kim' }],
    });
    expect(z.parse(postMortemListSchema, await json('postmortem', 'list'))).toMatchObject([{ id: ID, state: 'due', openActions: 1, overdueActions: 1 }]);
    expect(await json(...close)).toMatchObject({ state: 'closed', isChanged: true });
    expect((await readRecord(desk.world.store, incidentType, keys.incident(testScope, ID)))?.body).toMatchObject({ state: 'closed', closedBy: 'kim' });
    expect(await json('postmortem', 'action', 'done', ID, 'a1')).toMatchObject({ isChanged: true });
    expect((await type('postmortem', 'list')).out).toContain('closed');
  });

  it('closes with a reason why there is no test', async () => {
    await type('postmortem', 'note', ID, '--text', 'The zone had no capacity');
    expect(await json('postmortem', 'close', ID, '--no-test-reason', 'No test can stop a whole zone')).toMatchObject({ state: 'closed' });
    expect((await type('postmortem', 'show', ID, '--markdown')).out).toContain('No test: No test can stop a whole zone');
  });

  it.each([
    [['postmortem', 'show', 'inc-none'], 'There is no incident inc-none'],
    [['postmortem', 'note', ID], 'Say what to note'],
    [['postmortem', 'note', ID, '--began', 'yesterday'], 'is no moment'],
    [['postmortem', 'close', ID, '--test-link', 'https://x', '--no-test-reason', 'y'], 'Give one of'],
    [['postmortem', 'action', 'add', ID, '--text', 'x', '--type', 'pray', '--owner', 'o', '--due', '2026-12-01'], 'Allowed choices'],
  ])('says in words what is wrong with %j', async (words, part) => {
    expect(await type(...words)).toMatchObject({ exitCode: 1, error: containing(part) });
  });

  it('does not close the post-mortem of what is not over', async () => {
    const open = incidentOf({ id: 'inc-20261121T090000-00000001' });
    await createRecord(desk.world.store, incidentType, keys.incident(testScope, open.id), open);
    expect(await type('postmortem', 'close', open.id, '--no-test-reason', 'x')).toMatchObject({ exitCode: 2, out: containing('is not over') });
  });
});

describe('toil, noise and digest', () => {
  it('count what people did, and what was for nothing', async () => {
    expect((await type('toil')).out).toContain('Nobody had to do anything by hand.');
    expect((await type('noise')).out).toContain('1 incident in 30 days; 1 led to no action');
    const open = incidentOf({ id: 'inc-20261121T085000-00000001', openedAt: '2026-11-21T08:50:00.000Z' });
    await createRecord(desk.world.store, incidentType, keys.incident(testScope, open.id), open);
    await acknowledgeIncident({ store: desk.world.store, scope: testScope, clock: desk.world.clock }, open.id, 'kim');
    expect(z.parse(toilSchema, await json('toil', '--days', '7'))).toMatchObject({
      interventions: 1,
      rows: [{ system: 'shop-web', byKind: { acknowledge: 1 } }],
    });
    const { out } = await type('toil');
    expect(out).toContain('1 acknowledge');
    expect(out).not.toContain('kim');
    expect(z.parse(noiseSchema, await json('noise'))).toMatchObject({ incidents: 2, withoutAction: 1, customerShare: 0, acknowledged: 1 });
    expect((await type('noise')).out).toContain('shop-web-unhealthy');
  });

  it('print the digest of each role', async () => {
    expect(z.parse(digestSchema, await json('digest'))).toMatchObject({ role: 'operators' });
    expect((await type('digest', '--role', 'business')).out).toContain('For: business.');
    expect(await type('digest', '--role', 'nobody')).toMatchObject({ exitCode: 1 });
  });
});
