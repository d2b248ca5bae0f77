import { beforeEach, describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { overdueAt, pageOverdue } from '../../../../core/remediation/driver/overdue.ts';
import { pageUnlessRecovered } from '../../../../core/remediation/driver/page.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { remediationOf } from '../../incidents/world.ts';
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

describe('a repair that serves', () => {
  const policy = webPolicy();
  const due = overdueAt(inServiceAt, policy);
  const { drainSeconds, drainDeadlineSeconds, stopDeadlineSeconds, verifiedAfterSeconds } = policy.spec;

  it('may take as long as its policy allows, and ten minutes', () => {
    expect(due).toBe(addSeconds(inServiceAt, drainSeconds + drainDeadlineSeconds + stopDeadlineSeconds + verifiedAfterSeconds + 600));
    expect(overdueAt(inServiceAt, undefined)).toBe(addSeconds(inServiceAt, 3600));
  });

  it('pages when it then has not come to its end, and not a moment before', async () => {
    const { id } = await withRepair({ pageAt: inServiceAt });
    expect(await pageOverdue(ports(), [policy], addSeconds(due, -1))).toEqual([]);
    expect(await pageOverdue(ports(), [policy], due)).toEqual([id]);
  });

  it.each([
    ['has ended', { state: 'succeeded' }],
    ['is frozen: that has a page of its own', { frozen }],
    ['was given more time by its page', { pageAt: addSeconds(due, 60) }],
  ] as const)('is left alone when it %s', async (_, change) => {
    await withRepair(change);
    expect(await pageOverdue(ports(), [policy], due)).toEqual([]);
  });
});
