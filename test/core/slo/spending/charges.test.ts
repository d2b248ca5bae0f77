import { beforeEach, describe, expect, it } from 'vitest';
import { recordDeployment } from '../../../../core/deployments/deployments.ts';
import { deployEventDetailSchema } from '../../../../core/deployments/record.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import type { IncidentPorts } from '../../../../core/incidents/incidents.ts';
import { type Incident, incidentType } from '../../../../core/incidents/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import type { RecordKey, RecordWrite, StoredRecord } from '../../../../core/records/store.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { causeReader } from '../../../../core/slo/spending/causes.ts';
import { type BudgetCharge, chargeCauses, readBudgetCharge } from '../../../../core/slo/spending/charges.ts';
import { parseTarget } from '../../../../core/slo/objective/target.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { hasher, incidentOf, opening, remediationOf, scope } from '../../incidents/world.ts';

class CountingStore extends MemoryRecordStore {
  readonly writes: (readonly RecordWrite[])[] = [];
  gets = 0;

  override async get(key: RecordKey): Promise<StoredRecord | undefined> {
    this.gets += 1;
    return super.get(key);
  }

  override async write(writes: readonly RecordWrite[]): Promise<void> {
    await super.write(writes);
    this.writes.push(writes);
  }
}

const target = parseTarget('99.9');
if (target.kind === 'refused') throw new Error(target.reason);
const objective = { name: 'shop-web-availability', system: 'shop-web', target, windowSeconds: 2_592_000 };
const at = (minutes: number): string => addSeconds(opening, minutes * 60);
const bad = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => at(first + index));
const now = at(60);

let store: CountingStore;
let ports: IncidentPorts;
beforeEach(() => {
  const clock = new VirtualClock(now);
  store = new CountingStore(clock);
  ports = { store, scope, clock, hasher };
});

async function withIncident(change: Partial<Incident> = {}): Promise<Incident> {
  const incident = incidentOf({ openedAt: at(0), state: 'resolved', resolvedAt: at(20), ...change });
  await createRecord(store, incidentType, keys.incident(scope, incident.id), incident);
  return incident;
}

async function withRepair(change: Partial<Remediation> = {}): Promise<Remediation> {
  const timing = { detectedAt: at(0), decidedAt: at(5), endedAt: at(10) };
  const remediation = remediationOf({ state: 'succeeded', timing, ...change });
  await createRecord(store, remediationType, keys.remediation(scope, remediation.id), remediation);
  return remediation;
}

async function withDeploy(startedAt: string): Promise<string> {
  const detail = deployEventDetailSchema.parse({ system: 'shop-web', version: '5.3.0', at: startedAt });
  return (await recordDeployment(ports, { kind: 'started', source: 'perennial', detail })).eventId;
}

async function charge(minutes: readonly string[], change: Partial<typeof objective> = {}, moment = now): Promise<number> {
  const before = store.writes.length;
  const readCauses = causeReader(ports, { incidents: 200, repairs: 200 });
  const windowStart = addSeconds(moment, -objective.windowSeconds);
  await chargeCauses(ports, { ...objective, ...change }, minutes, await readCauses('shop-web', windowStart), moment);
  return store.writes.length - before;
}

const shareOf = async (id: string) => (await readRecord(store, incidentType, keys.incident(scope, id)))?.body.budgetShare;
const chargeOf = (kind: BudgetCharge['kind'], id: string) => readBudgetCharge(ports, { system: 'shop-web', kind, id });

describe('chargeCauses', () => {
  it('writes what each incident, deploy and repair cost, and nothing again', async () => {
    const { id } = await withIncident();
    const remediation = await withRepair();
    const deployId = await withDeploy(at(-30));
    const minutes = [...bad(-20, -19), ...bad(0, 19)];
    await charge(minutes);
    expect(await shareOf(id)).toEqual({ objective: objective.name, badSeconds: 1200, share: 1200 / 2592, duringRepairSeconds: 300 });
    expect(await chargeOf('remediation', remediation.id)).toMatchObject({ badSeconds: 0, ofIncidents: { badSeconds: 300, share: 300 / 2592 } });
    expect(await chargeOf('deployment', deployId)).toMatchObject({ badSeconds: 120, share: 120 / 2592, ofIncidents: { badSeconds: 1200 } });
    const gets = store.gets;
    expect(await charge(minutes)).toBe(0);
    // What is known comes from the queries: nothing is read again one by one.
    expect(store.gets).toBe(gets);
  });

  it('takes back what a correction took back, down to nothing', async () => {
    const { id } = await withIncident();
    const remediation = await withRepair();
    await charge(bad(0, 19));
    await charge(bad(0, 6));
    expect(await shareOf(id)).toMatchObject({ badSeconds: 420, duringRepairSeconds: 120 });
    await charge([]);
    expect(await shareOf(id)).toMatchObject({ badSeconds: 0 });
    expect(await chargeOf('remediation', remediation.id)).toMatchObject({ badSeconds: 0, ofIncidents: { badSeconds: 0 } });
  });

  it('keeps what something cost after its minutes have left the window', async () => {
    const { id } = await withIncident();
    const deployId = await withDeploy(at(-30));
    await charge(bad(0, 19));
    await charge([], {}, addSeconds(at(10), objective.windowSeconds));
    expect(await shareOf(id)).toMatchObject({ badSeconds: 1200 });
    expect(await chargeOf('deployment', deployId)).toMatchObject({ ofIncidents: { badSeconds: 1200 } });
  });

  it('shows the objective that it cost most', async () => {
    const { id } = await withIncident();
    await withRepair();
    await charge(bad(0, 9));
    await charge(bad(0, 3), { name: 'shop-web-latency' });
    expect(await shareOf(id)).toMatchObject({ objective: 'shop-web-availability' });
    await charge(bad(0, 15), { name: 'shop-web-latency' });
    expect(await shareOf(id)).toMatchObject({ objective: 'shop-web-latency', badSeconds: 960 });
  });

  it('writes no record for what cost nothing', async () => {
    await withDeploy(at(-30));
    await withRepair();
    expect(await charge(bad(300, 301))).toBe(0);
  });
});

const read = () => causeReader(ports, { incidents: 200, repairs: 200 })('shop-web', at(-100));

describe('causeReader', () => {
  it('leaves out drills, vetoes, rehearsals and what still waits for a yes', async () => {
    const asked = { requestedAt: at(5), expiresAt: at(65), findings: [], plan: { phases: [], kept: [], cannotKeep: [] } };
    await withIncident({ subject: { type: 'check', id: 'drill-of-shop-web' } });
    await withRepair({ id: 'rem-1', isDrill: true });
    await withRepair({ id: 'rem-2', state: 'vetoed' });
    await withRepair({ id: 'rem-3', state: 'would-have' });
    await withRepair({ id: 'rem-4', state: 'running', approval: asked });
    expect(await read()).toMatchObject({ incidents: [], repairs: [], isCut: false });
  });

  it('counts a repair that was approved from the yes on', async () => {
    const granted = { by: 'kim', at: at(8) };
    const approval = { requestedAt: at(5), expiresAt: at(65), findings: [], plan: { phases: [], kept: [], cannotKeep: [] }, granted };
    await withRepair({ approval });
    expect((await read()).repairs).toMatchObject([{ from: at(8), to: at(10) }]);
  });

  it('leaves out other systems, and what was over before', async () => {
    await withIncident({ id: 'inc-1', system: 'shop-db' });
    await withIncident({ id: 'inc-2', openedAt: at(-200), resolvedAt: at(-101) });
    await withIncident({ id: 'inc-3', openedAt: at(-200), resolvedAt: at(-99) });
    await withRepair({ system: 'shop-db' });
    expect(await read()).toMatchObject({ incidents: [{ id: 'inc-3', cause: 'shop-web-unhealthy' }], repairs: [] });
  });

  it('says when there were more incidents than it reads', async () => {
    for (let index = 0; index < 201; index += 1) await withIncident({ id: `inc-${String(index).padStart(3, '0')}` });
    expect(await read()).toMatchObject({ isCut: true });
  });
});
