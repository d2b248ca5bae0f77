import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { readBackground } from '../../../../core/incidents/messages/background.ts';
import { composeMessage } from '../../../../core/incidents/messages/messages.ts';
import { incidentType } from '../../../../core/incidents/record.ts';
import { steps } from '../../../../core/incidents/messages/stories.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import type { RecordStore } from '../../../../core/records/store.ts';
import { evidenceItem, evidenceType } from '../../../../core/remediation/evidence/evidence.ts';
import { type JournalPorts, tellPeople } from '../../../../core/remediation/driver/journal.ts';
import { remediationType } from '../../../../core/remediation/record.ts';
import { createWorld, incidentOf, opening, remediationOf, scope, shopWeb } from '../world.ts';

const now = addSeconds(opening, 60);
const phase = { name: 'evidence', startedAt: opening, endedAt: opening, outcome: 'done', reason: 'kept' } as const;
const failed = remediationOf({ state: 'failed', reason: 'No capacity', phases: [phase] });

/** Counts the queries, which cost most. */
function counting(inner: RecordStore): { readonly store: RecordStore; readonly queries: string[] } {
  const queries: string[] = [];
  const store: RecordStore = {
    get: (key) => inner.get(key),
    write: (writes) => inner.write(writes),
    query: (partition, prefix, page) => {
      queries.push(`${partition.split('#')[2] ?? ''} ${prefix}`.trimEnd());
      return inner.query(partition, prefix, page);
    },
    list: (list, page) => inner.list(list, page),
  };
  return { store, queries };
}

async function filled() {
  const world = createWorld();
  const before = incidentOf({
    id: 'inc-20261101T090000-1',
    openedAt: addSeconds(opening, -86_400),
    resolvedAt: addSeconds(opening, -86_300),
    state: 'closed',
    remediationIds: ['rem-0'],
  });
  const repair = remediationOf({ id: 'rem-0', incidentId: before.id, state: 'succeeded', newInstanceId: 'i-0new' });
  await createRecord(world.memory, incidentType, keys.incident(scope, before.id), before);
  await createRecord(world.memory, remediationType, keys.remediation(scope, repair.id), repair);
  const items = [
    evidenceItem('console output', 'boot\nfirst\nsecond mail ops@example.com\nKernel panic', 'end'),
    evidenceItem('df -h', 'Filesystem\n/ 100%\nmore\ncut', 'beginning'),
  ];
  await createRecord(world.memory, evidenceType, keys.evidence(scope, failed.incidentId, failed.id, 'i-0aaa'), {
    remediationId: failed.id,
    incidentId: failed.incidentId,
    instanceId: 'i-0aaa',
    collectedAt: opening,
    items,
    absent: [],
    snapshotIds: ['snap-1'],
  });
  return world;
}

describe('the background of a page', () => {
  it('says what changed, what was like it, and what the instance said last; masked (S0-05, S3-26, S4-44)', async () => {
    const { memory } = await filled();
    const background = await readBackground({ store: memory, scope }, { incident: incidentOf(), system: shopWeb, remediation: failed, deployments: [] });
    const { text, data } = composeMessage('needs-person', { incident: incidentOf(), now, system: shopWeb, remediation: failed, background });
    expect(text.slice(text.indexOf('Changed in'), text.indexOf('From the inventory'))).toMatchInlineSnapshot(`
      "Changed in the 24 h before, in shop-web and what it needs (shop-db):
        nothing that is recorded

      Like it before:
        inc-20261101T090000-1: 24 h earlier, same rule, system, place; over after 1 min 40 s. Ended by replacing i-0aaa by i-0new on ami-0v2. The same cause, most likely.

      Evidence kept of i-0aaa: console output, df -h; snapshots snap-1
        console output:
          | first
          | second mail [e-mail]
          | Kernel panic
        df -h:
          | Filesystem
          | / 100%
          | more
        All of it: npm run -s perennial -- incidents inc-20261121T090000-0a1b2c3d --region eu-central-1

      "
    `);
    expect(data).toMatchObject({
      recentChanges: [],
      similarIncidents: [{ id: 'inc-20261101T090000-1', isRecurrence: true }],
      evidence: { items: ['console output', 'df -h'] },
    });
    expect(JSON.stringify(data)).not.toContain('Kernel panic');
  });

  it('says so when nothing is known, and says nothing of systems where there is none', () => {
    const background = { changes: [], linked: [], similar: [] };
    const { text } = composeMessage('needs-person', { incident: incidentOf(), now, background });
    expect(text).toContain('Changed in the 24 h before, in shop-web:\n  nothing that is recorded');
    expect(text).toContain('Like it before:\n  no earlier incident is similar');
    const { system: _system, ...unowned } = incidentOf();
    expect(composeMessage('unknown-instance', { incident: unowned, now, background }).text).not.toContain('Changed in');
    expect(composeMessage('needs-person', { incident: incidentOf(), now }).text).not.toContain('Like it before');
  });

  it('is read only where somebody is asked, with two queries more', async () => {
    const world = await filled();
    const { store, queries } = counting(world.memory);
    const ports: JournalPorts = { ...world.ports, store, catalog: async () => ({ systems: [shopWeb] }) };
    const asked = async (step: 'detected' | 'needs-person') => {
      queries.length = 0;
      await tellPeople(ports, { incident: incidentOf(), step, id: `x:${step}`, remediation: failed });
      return queries.toSorted();
    };
    const quiet = await asked('detected');
    const loud = await asked('needs-person');
    // One more for each system that it needs.
    const added = [...loud];
    for (const query of quiet) added.splice(added.indexOf(query), 1);
    // What may be sent at all is asked for every message that pages.
    expect(added.filter((query) => query !== 'silence')).toEqual(['deployment shop-db/', 'incident', 'remediation rem-']);
    expect(Object.entries(steps).flatMap(([step, { asksPerson }]) => (asksPerson ? [step] : []))).toEqual(
      expect.arrayContaining(['needs-person', 'would-have', 'approval-needed', 'unknown-instance']),
    );
  });
});
