import { beforeEach, describe, expect, it } from 'vitest';
import { PermanentError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { incidentType } from '../../../../core/incidents/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { overdueAt, pageOverdue } from '../../../../core/remediation/driver/overdue.ts';
import { pageUnlessRecovered } from '../../../../core/remediation/driver/page.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { incidentOf, remediationOf } from '../../incidents/world.ts';
import { createWorld, driverPorts, testScope, webPolicy, type World } from '../world.ts';

const inServiceAt = '2026-11-21T09:03:00.000Z';
let world: World;
let paged: string[];
beforeEach(() => {
  world = createWorld();
  paged = [];
});

const ports = () => ({
  store: world.store,
  scope: testScope,
  journal: { ...driverPorts(world).journal, pageAnyway: async ({ id }: Remediation) => void paged.push(id) },
});

async function withRepair(change: Partial<Remediation> = {}): Promise<Remediation> {
  const base = remediationOf({ state: 'running' });
  const record = { ...base, timing: { ...base.timing, inServiceAt }, ...change };
  await createRecord(world.store, remediationType, keys.remediation(testScope, record.id), record);
  return record;
}

const frozen = { at: inServiceAt, by: 'kim', reason: 'odd', target: 'global' } as const;

describe('the page that was armed', () => {
  it('wakes nobody for a replacement that serves and is only being watched', async () => {
    const { id } = await withRepair();
    expect(await pageUnlessRecovered(ports(), id)).toBe(false);
    expect(paged).toEqual([]);
  });

  it.each([
    ['does not serve yet', { timing: remediationOf().timing }],
    ['is frozen', { frozen }],
    ['has failed after it served', { state: 'failed' }],
  ] as const)('pages for one that %s', async (_, change) => {
    const { id } = await withRepair(change);
    expect(await pageUnlessRecovered(ports(), id)).toBe(true);
    expect(paged).toEqual([id]);
  });
});

describe('the page that was armed, once the repair is over', () => {
  it.each([
    ['succeeded', false],
    ['would-have', false],
    ['failed', true],
    ['stood-down', true],
  ] as const)('pages for one that %s: %s', async (state, isPaged) => {
    const { id } = await withRepair({ state, timing: remediationOf().timing });
    expect(await pageUnlessRecovered(ports(), id)).toBe(isPaged);
    expect(paged).toEqual(isPaged ? [id] : []);
  });

  it.each([
    ['open', true],
    ['resolved', false],
    ['repairing', false],
  ] as const)('pages for a veto whose incident is %s: %s', async (state, isPaged) => {
    const { id, incidentId } = await withRepair({ state: 'vetoed' });
    await createRecord(world.store, incidentType, keys.incident(testScope, incidentId), incidentOf({ id: incidentId, state }));
    expect(await pageUnlessRecovered(ports(), id)).toBe(isPaged);
  });

  it('pages for a failure whatever its incident is, and for a veto whose incident is not on record', async () => {
    const { id, incidentId } = await withRepair({ state: 'failed' });
    await createRecord(world.store, incidentType, keys.incident(testScope, incidentId), incidentOf({ id: incidentId, state: 'resolved' }));
    expect(await pageUnlessRecovered(ports(), id)).toBe(true);
    const vetoed = await withRepair({ id: 'rem-2', state: 'vetoed', incidentId: 'inc-9' });
    expect(await pageUnlessRecovered(ports(), vetoed.id)).toBe(true);
  });

  it('says where to look when it names a remediation without a record', async () => {
    await expect(pageUnlessRecovered(ports(), 'rem-9')).rejects.toThrow(
      new PermanentError('The page timer names the remediation rem-9, which has no record. Look for its incident: perennial incidents'),
    );
    expect(paged).toEqual([]);
  });
});

describe('a repair that serves', () => {
  const policy = webPolicy();
  const due = overdueAt(inServiceAt, policy);
  const { drainSeconds, drainDeadlineSeconds, stopDeadlineSeconds, verifiedAfterSeconds } = policy.spec;

  it('may take as long as its policy allows, and ten minutes', () => {
    expect(due).toBe(addSeconds(inServiceAt, drainSeconds + drainDeadlineSeconds + stopDeadlineSeconds + verifiedAfterSeconds + 600));
    expect(overdueAt(inServiceAt, undefined)).toBe(addSeconds(inServiceAt, 3600));
  });

  it('pages when it then has not come to its end, and not a moment before', async () => {
    const { id } = await withRepair({ pageAt: due });
    expect(await pageOverdue(ports(), [policy], addSeconds(due, -1))).toEqual([]);
    expect(await pageOverdue(ports(), [policy], due)).toEqual([id]);
  });

  it('pages by an hour where its policy has left the catalog, whatever other policies say', async () => {
    const { id } = await withRepair({ pageAt: inServiceAt });
    const other = webPolicy({ system: 'shop-db', drainSeconds: 0 });
    const hour = addSeconds(inServiceAt, 3600);
    expect(await pageOverdue(ports(), [other], addSeconds(hour, -1))).toEqual([]);
    expect(await pageOverdue(ports(), [other], hour)).toEqual([id]);
    expect(paged).toEqual([id]);
  });

  it('is paged for as it is on record: the list of those that run may lag behind', async () => {
    const { id } = await withRepair({ pageAt: inServiceAt });
    const get = world.store.get.bind(world.store);
    world.store.get = async (key) => {
      const found = await get(key);
      return found === undefined ? undefined : { ...found, body: { ...remediationType.schema.parse(found.body), state: 'succeeded' } };
    };
    expect(await pageOverdue(ports(), [policy], due)).toEqual([]);
    world.store.get = async () => undefined;
    expect(await pageOverdue(ports(), [policy], due)).toEqual([]);
    world.store.get = get;
    expect(await pageOverdue(ports(), [policy], due)).toEqual([id]);
    expect(paged).toEqual([id]);
  });

  it.each([
    ['does not serve yet', { timing: remediationOf().timing }],
    ['has ended', { state: 'succeeded' }],
    ['is frozen: that has a page of its own', { frozen }],
    ['was given more time by its page', { pageAt: addSeconds(due, 0.001) }],
  ] as const)('is left alone when it %s', async (_, change) => {
    await withRepair(change);
    expect(await pageOverdue(ports(), [policy], due)).toEqual([]);
  });
});
