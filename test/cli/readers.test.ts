import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { objectiveHeadType } from '../../core/slo/kept/state.ts';
import { keys } from '../../core/records/keys.ts';
import { createRecord, readRecord } from '../../core/records/record-type.ts';
import { instanceType, tagKeys } from '../../core/inventory/records.ts';
import {
  deadLetterSchema,
  deadLettersSchema,
  incidentDetailSchema,
  incidentsSchema,
  inventoryListSchema,
  planAnswerSchema,
  remediationDetailSchema,
  remediationsSchema,
  statusSchema,
} from '../../cli/schemas.ts';
import { admitOld, OLD, testScope } from '../core/remediation/world.ts';
import { containing, createDesk, type Desk, type as typeWords, typeJson, withDeadLetters, withInventory, withRepair } from './terminal.ts';

const HEADER = 'account 111122223333 · eu-central-1 · stack Perennial';
const NOW = '2026-11-21T09:00:00.000Z';

let desk: Desk;
beforeEach(async () => {
  desk = await createDesk();
});

const type = (...words: readonly string[]) => typeWords(words, desk.target);
async function read<Schema extends z.ZodMiniType>(schema: Schema, ...words: readonly string[]): Promise<z.output<Schema>> {
  const { exitCode, json } = await typeJson(words, desk.target);
  expect(exitCode).toBe(0);
  return z.parse(schema, json);
}

const itemShape = z.object({ id: z.string(), system: z.nullable(z.string()), state: z.string(), startedAt: z.nullable(z.string()), reason: z.string() });
const itemsOf = (list: unknown): readonly z.infer<typeof itemShape>[] => z.parse(z.array(itemShape), list);

async function withBudget(remainingRatio: number): Promise<void> {
  await createRecord(desk.world.store, objectiveHeadType, keys.objectiveState(testScope, 'shop-web-availability'), {
    objective: 'shop-web-availability',
    system: 'shop-web',
    since: NOW,
    sealedUntil: NOW,
    recent: [],
    budget: { at: NOW, windowSeconds: 2_592_000, targetRatio: 0.999, budgetSeconds: 2592, consumedSeconds: 60, remainingRatio, sli: 0.9999 },
  });
}

describe('status', () => {
  it('shows an empty platform, and begins with account, Region and stack', async () => {
    const { exitCode, out } = await type('status');
    expect(exitCode).toBe(0);
    expect(out.split('\n')).toEqual([
      HEADER,
      'Not paused: repairs may run.',
      'Open incidents: none',
      'Running remediations: none',
      'Error budgets: none',
      'Systems: none',
      'Inventory: empty; the sweep fills it every 10 minutes',
    ]);
    expect(await read(statusSchema, 'status')).toEqual({
      paused: [],
      breakers: [],
      systems: [],
      openIncidents: [],
      runningRemediations: [],
      budgets: [],
      instances: {},
    });
  });

  it('shows everything that is going on (S0-28)', async () => {
    await withInventory(desk);
    await withBudget(0.9769);
    const admission = await admitOld(desk.world);
    const id = admission.kind === 'started' ? admission.remediation.id : '';
    await type('pause', '--reason', 'network work');
    desk.world.clock.advance(65);
    const json = await read(statusSchema, 'status');
    for (const list of [json.paused, json.systems, json.openIncidents, json.runningRemediations, json.budgets]) expect(itemsOf(list)).toHaveLength(1);
    expect(json.runningRemediations[0]).toMatchObject({ id, system: 'shop-web', state: 'running', startedAt: NOW, phase: 'confirm' });
    expect(json.instances).toEqual({ managed: 2, unknown: 1, gone: 1, elsewhere: 1, quarantined: 1 });
    const { out } = await type('status');
    expect(out).toContain('PAUSED: everything, by kim for 1 min 5 s: network work');
    expect(out).toContain(`${id}  shop-web  confirm after 1 min 5 s`);
    expect(out).toContain('shop-web-availability: 97.69 % left: 1 min of 43 min 12 s used');
    expect(out).toContain('shop-web: 3 instances running on ami-v1, ami-v2');
    expect(out).toContain('npm run -s perennial -- inventory list --status unknown --local');
  });

  it('calls an overspent budget used up', async () => {
    await withBudget(-0.2);
    expect((await read(statusSchema, 'status')).budgets[0]).toMatchObject({ state: 'used-up', remainingRatio: -0.2 });
  });
});

describe('incidents and remediations', () => {
  it('list what happened, newest first', async () => {
    const { incidentId, remediationId } = await withRepair(desk);
    expect(itemsOf(await read(incidentsSchema, 'incidents'))).toMatchObject([{ id: incidentId, system: 'shop-web', state: 'resolved', startedAt: NOW }]);
    expect(await read(remediationsSchema, 'remediations')).toMatchObject([
      { id: remediationId, incidentId, state: 'succeeded', oldInstanceId: OLD, startedAt: NOW },
    ]);
    const incidents = await type('incidents');
    expect(incidents.out.split('\n')).toHaveLength(3);
    expect(incidents.out).toContain('2026-11-21 09:00:00Z');
    expect((await type('remediations')).out).toMatch(
      new RegExp(`^${HEADER}\\nremediation +system +state +instance +recovery +reason\\n${remediationId}  shop-web  succeeded  i-old `),
    );
  });

  it('show one with its timeline, its guardrails and its phases (S0-23)', async () => {
    const { incidentId, remediationId } = await withRepair(desk);
    const incident = await read(incidentDetailSchema, 'incidents', incidentId);
    expect(incident.timeline.length).toBeGreaterThan(5);
    expect(itemsOf([incident])).toHaveLength(1);
    const shown = (await type('incidents', incidentId)).out;
    expect(shown).toContain('Owner: team-shop. Impact: Customers cannot order.');
    expect(shown).toMatch(/Opened 2026-11-21 09:00:00Z, resolved after [\dmin s]+: /);
    // Text of several lines stays under its event.
    expect(
      shown
        .split('\n')
        .slice(
          shown.split('\n').indexOf('Timeline:') + 1,
          shown.split('\n').findIndex((line) => line.startsWith('Evidence of ')),
        )
        .every((line) => /^ {2}2026|^ {6}\| /.test(line)),
    ).toBe(true);
    const remediation = await read(remediationDetailSchema, 'remediations', remediationId);
    expect(remediation.phases.map(({ name }) => name)).toContain('launch');
    const repair = (await type('remediations', remediationId)).out;
    expect(repair).toContain('Guardrails:');
    expect(repair).toContain('Launch rehearsed:\n  pass       image: ');
    expect(remediation.preflight?.map(({ name }) => name)).toContain('free addresses');
    for (const text of [shown, repair]) expect(text).toContain('  console output\n      | i-old login:\n  not to be had: host tools');
    expect(incident.evidence).toMatchObject([{ remediationId, instanceId: OLD }]);
    expect(remediation.evidence).toEqual(incident.evidence);
    expect(repair).toMatch(/Recovery: [\d.min s]+, the RTO of 10 min was met/);
    expect(repair).toMatch(/done +launch: /);
  });

  it('say so when there are none, or none of that name', async () => {
    expect((await type('incidents')).out).toBe(`${HEADER}\nNo incidents.`);
    expect((await type('remediations')).out).toContain('No remediations');
    for (const list of ['incidents', 'remediations']) {
      const { exitCode, out, error } = await type(list, 'x-1');
      expect([exitCode, out]).toEqual([1, '']);
      expect(error).toContain(`x-1 in 111122223333/eu-central-1. List them: npm run -s perennial -- ${list} --local`);
    }
  });
});

describe('inventory list', () => {
  it('lists every instance, and counts beside what EC2 says (S0-02, S0-04)', async () => {
    await withInventory(desk);
    const rows = await read(inventoryListSchema, 'inventory', 'list');
    expect(itemsOf(rows)).toHaveLength(6);
    expect(rows.find(({ id }) => id === 'i-stranger')).toMatchObject({
      system: null,
      state: 'unknown',
      ec2State: 'running',
      reason: containing('never touched'),
    });
    const { out } = await type('inventory', 'list');
    expect(out).toMatch(/6 known \(.*2 managed.*\); EC2 itself lists 3 running/);
    expect(out).toContain('unknown: Matches no system of the catalog');
  });

  it('lists only one status', async () => {
    await withInventory(desk);
    expect((await read(inventoryListSchema, 'inventory', 'list', '--status', 'unknown')).map(({ id }) => id)).toEqual(['i-stranger']);
    expect((await type('inventory', 'list', '--status', 'lost')).error).toContain('Allowed choices are managed, unknown, elsewhere, quarantined, gone.');
  });
});

describe('plan', () => {
  it('says what would be done, kept, lost and what would stop it, also before the first claim of the group', async () => {
    await withInventory(desk);
    const before = desk.world.store.snapshot();
    const json = await read(planAnswerSchema, 'plan', OLD);
    if ('refused' in json) throw new Error(json.refused);
    expect(json.phases.map(({ name }) => name)).toEqual(expect.arrayContaining(['capture', 'launch', 'quarantine']));
    expect(json.guardrails.find(({ name }) => name === 'circuit breaker')).toMatchObject({ verdict: 'pass' });
    expect(json.guardrails.find(({ name }) => name === 'one at a time')).toMatchObject({ verdict: 'pass' });
    expect(json.cannotKeep.length).toBeGreaterThan(0);
    const { out } = await type('plan', OLD);
    expect(out).toContain(`If the status check of ${OLD} failed now`);
    expect(out).toContain('Guardrails, as they answer now:');
    expect(desk.world.store.snapshot()).toEqual(before);
  });

  it('counts a member of an Auto Scaling group alone, though others share its slot', async () => {
    await withInventory(desk);
    const { region, store } = desk.world;
    const tags = { [tagKeys.system]: 'shop-web', [tagKeys.role]: 'web', [tagKeys.autoScalingGroup]: 'web-asg' };
    region.groups.addGroup({ name: 'web-asg', imageId: 'ami-v2', zones: ['eu-central-1a'], targets: [], memberTags: tags });
    for (const instanceId of ['i-a1', 'i-a2'])
      region.addInstance({ instanceId, imageId: 'ami-v2', availabilityZone: 'eu-central-1a', tags, launchedAt: '2026-11-20T09:00:00.000Z' });
    const known = (await readRecord(store, instanceType, keys.instance(testScope, 'i-peer1')))?.body;
    if (known === undefined) throw new Error('the inventory has peers');
    const member = { ...known, instanceId: 'i-a1', slotId: 'shop-web/web-asg/eu-central-1a', autoScalingGroup: 'web-asg' };
    await createRecord(store, instanceType, keys.instance(testScope, 'i-a1'), member);
    const json = await read(planAnswerSchema, 'plan', 'i-a1');
    if ('refused' in json) throw new Error(json.refused);
    expect(json.path).toBe('group-member');
    // The target of the old instance fails as well.
    expect(json.guardrails.find(({ name }) => name === 'circuit breaker')?.reason).toMatch(/^2 of 5 unhealthy, /);
  });

  it.each([
    ['i-stranger', 'never touch it'],
    ['i-gone', 'is gone'],
    ['i-cluster', 'managed by EKS'],
    ['i-evidence', 'kept as evidence'],
  ])('answers no (exit 2) for %s', async (instanceId, reason) => {
    await withInventory(desk);
    expect(await type('plan', instanceId)).toMatchObject({ exitCode: 2, out: containing(reason) });
    const { exitCode, json } = await typeJson(['plan', instanceId], desk.target);
    expect([exitCode, z.safeParse(planAnswerSchema, json).success]).toEqual([2, true]);
  });

  it('says where to look for an instance that nobody has seen', async () => {
    expect(await type('plan', 'i-nowhere')).toMatchObject({ exitCode: 1, error: containing('npm run -s perennial -- inventory list --local') });
  });
});

describe('dead-letters', () => {
  it('lists the newest first whatever their ids, and how much waits', async () => {
    await withDeadLetters(desk);
    expect(itemsOf(await read(deadLettersSchema, 'dead-letters', 'list')).map(({ id }) => id)).toEqual(['dead-a', 'dead-b']);
    expect((await read(deadLettersSchema, 'dead-letters', 'list', '--limit', '1')).map(({ id }) => id)).toEqual(['dead-a']);
    const { out } = await type('dead-letters', 'list', '--limit', '1');
    expect(out).toContain('Waiting in the queues: rejected (malformed) 2, dead-letter (failed three times) 0');
    expect(out).toContain('1 older ones are not shown');
  });

  it('shows one masked: no address and no number', async () => {
    await withDeadLetters(desk);
    expect((await read(deadLetterSchema, 'dead-letters', 'show', 'dead-a')).maskedBody).toBe('rubbish from [e-mail], call [phone]');
    const { out } = await type('dead-letters', 'show', 'dead-a');
    expect(out).toContain('[e-mail]');
    expect(out).not.toMatch(/@|\+\d/);
    expect(await type('dead-letters', 'show', 'dead-x')).toMatchObject({ exitCode: 1, error: containing('kept for 14 days') });
  });

  it('moves bodies back, unmodified and within the limit', async () => {
    await withDeadLetters(desk);
    desk.queues.fill('q/dead', ['third']);
    expect(await typeJson(['dead-letters', 'redrive', '--limit', '2'], desk.target)).toEqual({ exitCode: 0, json: { moved: 2 } });
    expect(desk.queues.bodiesOf('q/signals')).toEqual(['rubbish from ops@example.com, call +1 202 555 0123', 'older']);
    expect([desk.queues.bodiesOf('q/rejected'), desk.queues.bodiesOf('q/dead')]).toEqual([[], ['third']]);
    expect((await type('dead-letters', 'redrive')).out).toContain('Moved 1 message back');
    expect((await type('dead-letters', 'redrive')).out).toContain('Nothing waits');
  });

  it('sends before it deletes: a crash in between loses nothing', async () => {
    await withDeadLetters(desk);
    desk.queues.remove = () => Promise.reject(new Error('the connection was lost'));
    expect((await type('dead-letters', 'redrive')).exitCode).toBe(1);
    expect(desk.queues.bodiesOf('q/signals')).toHaveLength(1);
    expect(desk.queues.bodiesOf('q/rejected')).toHaveLength(2);
  });
});
