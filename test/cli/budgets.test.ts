import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { incidentDetailSchema, remediationDetailSchema, sloListSchema, sloReportSchema, sloShowSchema } from '../../cli/schemas.ts';
import { publishCatalog } from '../../core/catalog/published.ts';
import { serviceLevelObjectiveSchema } from '../../core/catalog/openslo/openslo.ts';
import { recordDeployment } from '../../core/deployments/deployments.ts';
import { deployEventDetailSchema } from '../../core/deployments/record.ts';
import { addSeconds } from '../../core/environment/time.ts';
import { incidentType } from '../../core/incidents/record.ts';
import { keys } from '../../core/records/keys.ts';
import { createRecord } from '../../core/records/record-type.ts';
import { remediationType } from '../../core/remediation/record.ts';
import { budgetChargeType } from '../../core/slo/spending/charges.ts';
import { readPlannedWork } from '../../core/slo/views.ts';
import { hasher, incidentOf, remediationOf } from '../core/incidents/world.ts';
import { catalogOf } from '../core/inventory/world.ts';
import { testScope } from '../core/remediation/world.ts';
import { budgetDocument } from '../core/slo/budget-catalog.ts';
import { storeBudget } from '../core/slo/stored-budget.ts';
import { createDesk, type Desk, type, typeJson } from './terminal.ts';

const name = 'shop-web-availability';
const now = '2026-11-25T12:00:00.000Z';
const at = (minutes: number): string => addSeconds(now, minutes * 60);
const minutes = (first: number, count: number) => Array.from({ length: count }, (_, index) => at(first + index));
const incident = incidentOf({ ...testScope, id: 'inc-20261124T120000-0a1b2c3d', openedAt: at(-1440), state: 'closed', resolvedAt: at(-1420) });

/** Columns move with what is in them. */
const squeezed = (text: string): string => text.replaceAll(/ +/g, ' ');

let desk: Desk;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'perennial-'));
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(async () => {
  desk = await createDesk();
  desk.world.clock.set(now);
  await publish(budgetDocument());
});

async function publish(...documents: readonly object[]): Promise<void> {
  const { store, clock, system, policy } = desk.world;
  const objectives = documents.map((document) => serviceLevelObjectiveSchema.parse(document));
  await publishCatalog({ store, scope: testScope, clock }, { ...catalogOf([system], [policy], hasher.sha256(JSON.stringify(documents))), objectives });
}

/** 40 days; a day ago an incident of 20 minutes that a deploy brought and a repair worked on, and 3 minutes that nobody is charged with. */
async function withHistory(): Promise<void> {
  const { store, clock } = desk.world;
  const bad = [...minutes(-1440, 20), ...minutes(-5000, 3)];
  await storeBudget(store, testScope, {
    objective: name,
    system: 'shop-web',
    sealedUntil: at(-60),
    days: 40,
    bad,
    remainingRatio: 19.2 / 43.2,
    recent: ['10:0/10@60000'],
  });
  await createRecord(store, incidentType, keys.incident(testScope, incident.id), incident);
  const timing = { detectedAt: at(-1440), decidedAt: at(-1436), endedAt: at(-1430) };
  const remediation = remediationOf({ ...testScope, incidentId: incident.id, state: 'succeeded', timing });
  await createRecord(store, remediationType, keys.remediation(testScope, remediation.id), remediation);
  const detail = deployEventDetailSchema.parse({ system: 'shop-web', version: '5.3.0', commit: '1a2b3c4', at: at(-1450) });
  await recordDeployment({ store, scope: testScope, clock, hasher }, { kind: 'started', source: 'perennial', detail });
}

describe('slo list', () => {
  it('shows what is left and how fast it goes', async () => {
    await withHistory();
    const { json, exitCode } = await typeJson(['slo', 'list'], desk.target);
    expect(exitCode).toBe(0);
    expect(z.parse(sloListSchema, json)).toMatchObject([
      {
        id: name,
        system: 'shop-web',
        state: 'left',
        targetPercent: '99.9',
        window: '30d',
        consumedSeconds: 1440,
        remainingSeconds: 1152,
        remainingRatio: 1152 / 2592,
        burn: [{ windowSeconds: 3600, rate: 1000 / 60 }, { windowSeconds: 21_600 }, { windowSeconds: 86_400 }, { windowSeconds: 259_200 }],
        exhaustion: { kind: 'runs-out', at: '2026-11-26T07:12:00.000Z' },
      },
    ]);
    const { out } = await type(['slo', 'list'], desk.target);
    expect(squeezed(out)).toContain(`${name} shop-web 99.9 % 30d 99.9444 % 19 min 12 s 44.44 % 16.7 × gone 2026-11-26 07:12Z`);
  });

  it('says what is not measured yet, and what is measured and not declared any more', async () => {
    await withHistory();
    await publish(budgetDocument({}, 'shop-web-checkout'), budgetDocument({}, 'shop-web-search'));
    const { out } = await type(['slo', 'list'], desk.target);
    expect(out).toMatch(/shop-web-checkout .* not measured yet/);
    expect(out).toMatch(/shop-web-availability .* 44\.44 % .* not declared any more/);
    const { out: two } = await type(['slo', 'list', '--limit', '1'], desk.target);
    expect(two).toContain('1 objective more: narrow it down with --system');
  });

  it('says so when there is none, and asks back about an unknown system', async () => {
    await publish();
    expect((await type(['slo', 'list'], desk.target)).out).toContain('No objectives. Three lines in the catalog make one');
    await publish(budgetDocument());
    const { error, exitCode } = await type(['slo', 'list', '--system', 'shop-wbe'], desk.target);
    expect(exitCode).toBe(1);
    expect(error).toContain('Did you mean shop-web?');
  });
});

describe('slo show', () => {
  it('tells attainment, budget, burn, pace in plain words and the gate', async () => {
    await withHistory();
    const { out } = await type(['slo', 'show', name], desk.target);
    expect(out).toContain('Attainment  99.9444 %');
    expect(out).toContain('Budget      19 min 12 s of 43 min 12 s are left (44.44 %)');
    expect(out).toContain('Burn        1 h: 16.7 ×   6 h: 2.78 ×   1 d: ');
    expect(out).toContain("what is left of the month's 43 minutes (19 min) is gone on Thursday 07:12 UTC, in 19 h 12 min.");
    expect(out).toContain('Gate        44.44 % of the error budget of shop-web-availability are left.');
  });

  it('charges each bad minute once: the incident with its deploy and own repairs apart, the rest to nobody', async () => {
    await withHistory();
    const { out } = await type(['slo', 'show', name], desk.target);
    expect(out).toContain('Who spent 24 min (55.56 %) of shop-web-availability:');
    expect(out).toMatch(
      /incident {2}inc-20261124T120000-0a1b2c3d .* 20 min {2}46\.3 % .* shop-web-unhealthy; followed the deploy of version 5\.3\.0 \(commit 1a2b3c4\); own repairs ran for 6 min of it/,
    );
    expect(out).toMatch(/nobody .* 4 min {3}9\.26 %/);
    expect(out).toContain('Of these, 6 min were bad while our own repairs ran.');
    expect(out).toMatch(/Of these, 20 min are of incidents that followed the deploy of version 5\.3\.0/);
    const { json } = await typeJson(['slo', 'show', name], desk.target);
    const { attribution } = z.parse(sloShowSchema, json);
    expect(attribution).toMatchObject({ spent: { badSeconds: 1440 }, incidents: [{ id: incident.id, badSeconds: 1200 }], unattributed: { badSeconds: 240 } });
  });

  it('shows the history by day, without the quiet days of long ago', async () => {
    await withHistory();
    const { out } = await type(['slo', 'show', name], desk.target);
    expect(squeezed(out)).toContain('2026-11-24 20 min 1 d 46.8 % #########...........');
    expect(out).toMatch(/2026-11-22 {2}3 min/);
    expect(out).not.toContain('2026-11-10');
    const { json } = await typeJson(['slo', 'show', name], desk.target);
    expect(z.parse(sloShowSchema, json).days).toHaveLength(31);
  });

  it('lists a cause of more than 20 % of a quarter as planned work', async () => {
    await withHistory();
    const second = incidentOf({ ...testScope, id: 'inc-20261110T120000-0a1b2c3d', openedAt: at(-21_600), state: 'closed', resolvedAt: at(-21_570) });
    await createRecord(desk.world.store, incidentType, keys.incident(testScope, second.id), second);
    expect((await type(['slo', 'show', name], desk.target)).out).not.toContain('Planned work');
    const other = await createDesk();
    other.world.clock.set(now);
    desk = other;
    await publish(budgetDocument());
    await storeBudget(other.world.store, testScope, {
      objective: name,
      system: 'shop-web',
      sealedUntil: at(-60),
      days: 40,
      bad: minutes(-21_600, 30),
      remainingRatio: 0.3,
    });
    await createRecord(other.world.store, incidentType, keys.incident(testScope, second.id), second);
    expect((await type(['slo', 'show', name], other.target)).out).toContain("shop-web-unhealthy took 23.1 % of a quarter's error budget");
    const objectives = [serviceLevelObjectiveSchema.parse(budgetDocument())];
    expect(await readPlannedWork({ store: other.world.store, scope: testScope }, { objectives }, now)).toMatchObject([{ badSeconds: 1800, incidents: 1 }]);
  });

  it('draws the budget over its window', async () => {
    await withHistory();
    const file = join(directory, 'budget.svg');
    const { out } = await type(['slo', 'show', name, '--svg', file], desk.target);
    expect(out).toContain(`Chart: ${file}`);
    expect(readFileSync(file, 'utf8')).toContain('Error budget of shop-web-availability (shop-web): 44.4 % left on 2026-11-25 12:00 UTC.');
    const { error, exitCode } = await type(['slo', 'show', name, '--svg', join(directory, 'nowhere', 'x.svg')], desk.target);
    expect(exitCode).toBe(1);
    expect(error).toContain('cannot be written: its directory does not exist');
  });

  it('charges nobody with failed events, and says so', async () => {
    await publish(budgetDocument({ budgetingMethod: 'Occurrences', objectives: [{ targetPercent: 99.9 }] }));
    await withHistory();
    const { out } = await type(['slo', 'show', name], desk.target);
    expect(out).toContain('Who spent shop-web-availability is not told: it counts events');
    const { json } = await typeJson(['slo', 'show', name], desk.target);
    expect(z.parse(sloShowSchema, json)).toMatchObject({ attribution: null, plannedWork: [], consumedSeconds: 1440 });
  });

  it('says that nothing has been measured yet, and asks back about an unknown name', async () => {
    const { out, exitCode } = await type(['slo', 'show', name], desk.target);
    expect(exitCode).toBe(0);
    expect(out).toContain('Nothing has been measured yet');
    const { json } = await typeJson(['slo', 'show', name], desk.target);
    expect(z.parse(sloShowSchema, json)).toMatchObject({ state: 'not-measured', attribution: null, sli: null });
    const { error } = await type(['slo', 'show', 'shop-web-availabilty'], desk.target);
    expect(error).toContain('Did you mean shop-web-availability?');
  });
});

describe('slo report', () => {
  it('has all objectives, who spent them, and what an availability allows (S2-05)', async () => {
    await withHistory();
    const { out } = await type(['slo', 'report'], desk.target);
    expect(out).toContain('Error budgets at 2026-11-25 12:00 UTC');
    expect(out).toContain('Who spent 24 min');
    expect(squeezed(out)).toContain('\n99 % 14 min 24 s 1 h 40 min 48 s 7 h 12 min 3 d 15 h 36 min\n');
    expect(squeezed(out)).toContain('\n99.999 % 0.864 s 6.048 s 25.92 s 5 min 15 s');
    const { json } = await typeJson(['slo', 'report', '--system', 'shop-web'], desk.target);
    const report = z.parse(sloReportSchema, json);
    expect(report.objectives).toMatchObject([{ id: name, gate: { open: true } }]);
    expect(report.allowedDowntimes.find(({ percent }) => percent === '99.999')?.seconds.month).toBe(25.92);
  });

  it('draws one file, or one an objective', async () => {
    await withHistory();
    const one = join(directory, 'one.svg');
    await type(['slo', 'report', '--svg', one], desk.target);
    expect(existsSync(one)).toBe(true);
    await publish(budgetDocument(), budgetDocument({}, 'shop-web-search'));
    await storeBudget(desk.world.store, testScope, {
      objective: 'shop-web-search',
      system: 'shop-web',
      sealedUntil: at(-60),
      days: 3,
      bad: minutes(-200, 60),
      remainingRatio: -0.4,
    });
    const { out } = await type(['slo', 'report', '--svg', join(directory, 'two.svg')], desk.target);
    expect(existsSync(join(directory, 'two-shop-web-availability.svg')) && existsSync(join(directory, 'two-shop-web-search.svg'))).toBe(true);
    expect(out).toContain('Deploys of shop-web are frozen: The error budget of shop-web-search is overspent');
    expect(out).toMatch(/shop-web-search .* -16 min 48 s {2}-38\.89 %/);
  });
});

describe('what a repair cost', () => {
  it('is shown with it, beside the incident that is charged', async () => {
    const { store } = desk.world;
    const remediation = remediationOf({ ...testScope, state: 'succeeded' });
    await createRecord(store, remediationType, keys.remediation(testScope, remediation.id), remediation);
    const ofIncidents = { badSeconds: 360, share: 360 / 2592 };
    const charge = {
      kind: 'remediation',
      id: remediation.id,
      system: 'shop-web',
      objective: name,
      badSeconds: 60,
      share: 60 / 2592,
      ofIncidents,
      at: now,
    } as const;
    await createRecord(store, budgetChargeType, keys.budgetCharge(testScope, 'shop-web', 'remediation', remediation.id), charge);
    const { out } = await type(['remediations', remediation.id], desk.target);
    expect(out).toContain('Cost 1 min of the error budget of shop-web-availability (2.31 %); no incident was open');
    expect(out).toContain('6 min of the error budget of shop-web-availability (13.89 %) were bad while it ran; its incident is charged with them');
    const { json } = await typeJson(['remediations', remediation.id], desk.target);
    expect(z.parse(remediationDetailSchema, json).budgetCharge).toEqual(charge);
  });

  it('is shown apart in the cost of its incident', async () => {
    const budgetShare = { objective: name, badSeconds: 1200, share: 1200 / 2592, duringRepairSeconds: 360 };
    await createRecord(desk.world.store, incidentType, keys.incident(testScope, incident.id), { ...incident, budgetShare });
    expect((await type(['incidents', incident.id], desk.target)).out).toContain(
      'Cost 20 min of the error budget of shop-web-availability, 46.30 % of it; own repairs ran for 6 min of that',
    );
  });
});

async function recoveryOf(change: object): Promise<string> {
  const remediation = remediationOf({ ...testScope, ...change });
  await createRecord(desk.world.store, remediationType, keys.remediation(testScope, remediation.id), remediation);
  await createRecord(desk.world.store, incidentType, keys.incident(testScope, incident.id), { ...incident, remediationIds: [remediation.id] });
  return (await type(['incidents', incident.id], desk.target)).out;
}

describe('the recovery clock of an incident (S0-19)', () => {
  const timing = { detectedAt: at(-1440), decidedAt: at(-1439), inServiceAt: at(-1435), endedAt: at(-1430) };

  it('is a number: detected, started, in service, target, met or missed', async () => {
    const out = await recoveryOf({ state: 'succeeded', timing, recoverySeconds: 300, rtoSeconds: 600, isRtoMet: true });
    expect(out).toContain('detected 2026-11-24 12:00:00Z, started after 1 min, in service after 5 min; the target of 10 min was met');
    const { json } = await typeJson(['incidents', incident.id], desk.target);
    expect(z.parse(incidentDetailSchema, json).recovery).toMatchObject([
      { recoverySeconds: 300, targetSeconds: 600, isTargetMet: true, inServiceAt: at(-1435) },
    ]);
  });

  it('says a miss, and that nothing came into service', async () => {
    expect(await recoveryOf({ state: 'succeeded', timing, recoverySeconds: 700, rtoSeconds: 600, isRtoMet: false })).toContain(
      'the target of 10 min was missed',
    );
    desk = await createDesk();
    const failed = { state: 'failed', timing: { detectedAt: at(-1440), decidedAt: at(-1439), endedAt: at(-1430) }, rtoSeconds: 600 };
    expect(await recoveryOf(failed)).toContain('failed; nothing in service from it, the target is 10 min');
  });

  it('is not shown of a veto, which repaired nothing', async () => {
    expect(await recoveryOf({ state: 'vetoed' })).not.toContain('Recovery by');
  });
});
