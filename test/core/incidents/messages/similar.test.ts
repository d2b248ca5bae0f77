import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import type { Incident } from '../../../../core/incidents/record.ts';
import { readPastIncidents, similarIncidents, similarText } from '../../../../core/incidents/messages/similar.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { incidentType } from '../../../../core/incidents/record.ts';
import { createWorld, incidentOf, opening, remediationOf, scope } from '../world.ts';

const DAY = 86_400;

function pastOf(id: string, daysAgo: number, change: Partial<Incident> = {}): Incident {
  const openedAt = addSeconds(opening, -daysAgo * DAY);
  return incidentOf({ id, openedAt, resolvedAt: addSeconds(openedAt, 240), state: 'closed', resolution: 'The alarm is OK again.', ...change });
}

const otherRule = { signals: { x: { state: 'firing', rule: 'status-check', at: opening } } } as const;
const stranger = { system: 'mail', place: 'mail/i-9', ...otherRule, subject: { type: 'volume', id: 'v' } } as const;

describe('similarIncidents', () => {
  it('finds the three most similar and says what fixed them', () => {
    const repaired = pastOf('inc-a', 3, { remediationIds: ['rem-a'] });
    const repair = remediationOf({ id: 'rem-a', state: 'succeeded', newInstanceId: 'i-0new', oldInstanceId: 'i-0old' });
    const found = similarIncidents(
      incidentOf(),
      [
        pastOf('inc-z', 1, stranger),
        pastOf('inc-c', 9, { ...otherRule, place: 'shop-web/i-0bbb' }),
        repaired,
        pastOf('inc-d', 2, { system: 'shop-api', place: 'shop-api/i-1' }),
        pastOf('inc-e', 20, { system: 'shop-api', place: 'shop-api/i-1' }),
      ],
      [repair],
    );
    expect(found.map(({ id }) => id)).toEqual(['inc-a', 'inc-d', 'inc-e']);
    expect(found[0]).toMatchObject({
      shared: ['rule', 'system', 'place'],
      isRecurrence: true,
      durationSeconds: 240,
      fixedBy: 'replacing i-0old by i-0new on ami-0v2',
    });
    expect(found[1]).toMatchObject({ isRecurrence: false, fixedBy: 'no repair: The alarm is OK again.' });
    expect(found.map(similarText)).toEqual([
      'inc-a: 3 days earlier, same rule, system, place; over after 4 min. Ended by replacing i-0old by i-0new on ami-0v2. The same cause, most likely.',
      'inc-d: 2 days earlier, same rule, kind of signal; over after 4 min. Ended by no repair: The alarm is OK again.',
      'inc-e: 20 days earlier, same rule, kind of signal; over after 4 min. Ended by no repair: The alarm is OK again.',
    ]);
  });

  it.each<[string, Partial<Incident>, readonly string[]]>([
    ['role and image of the repair', { ...otherRule, system: 'other', place: 'x', remediationIds: ['rem-b'] }, ['role', 'image', 'kind of signal']],
    ['zone of a group', { system: 'other', place: 'other/asg/eu-central-1a/i-2' }, ['rule', 'kind of signal', 'zone']],
    ['deployed version', { ...otherRule, system: 'other', place: 'x', lastDeploymentId: 'd-1' }, ['deployed version', 'kind of signal']],
  ])('compares the %s', (_what, change, shared) => {
    const present = incidentOf({
      place: 'shop-web/asg/eu-central-1a/i-1',
      lastDeploymentId: 'd-1',
      remediationIds: change.remediationIds === undefined ? [] : ['rem-own'],
    });
    const remediations = [remediationOf({ id: 'rem-own' }), remediationOf({ id: 'rem-b', state: 'failed' })];
    const found = similarIncidents(present, [pastOf('inc-b', 2, change)], remediations)[0];
    // Too little alone is no likeness.
    if (shared.length === 2) expect(found).toBeUndefined();
    else expect(found?.shared).toEqual(shared);
  });

  it('leaves out itself, what is not over, later ones and drills (S3-19)', () => {
    const open: Incident = incidentOf({ id: 'inc-open', openedAt: addSeconds(opening, -60) });
    const drill = pastOf('inc-drill', 1, { subject: { type: 'check', id: 'drill-of-shop-web' } });
    expect(similarIncidents(incidentOf(), [pastOf(incidentOf().id, 1), open, drill, pastOf('inc-later', -1)], [])).toEqual([]);
  });

  it('points to the earlier one when the same cause comes again (S4-44)', () => {
    expect(similarIncidents(incidentOf(), [pastOf('inc-a', 100)], []).map(({ id, isRecurrence }) => [id, isRecurrence])).toEqual([['inc-a', true]]);
  });

  it('gives the same answer in whatever order it is asked, at most three, never more points than there are', () => {
    const past = fc.array(
      fc.record({
        id: fc.stringMatching(/^inc-[a-z]{3}$/),
        days: fc.integer({ min: 0, max: 90 }),
        system: fc.constantFrom('shop-web', 'mail'),
        rule: fc.constantFrom('shop-web-unhealthy', 'status-check'),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(past, (rows) => {
        const incidents = [...new Map(rows.map((row) => [row.id, row])).values()].map(({ id, days, system, rule }) =>
          pastOf(id, days, { system, place: `${system}/x`, signals: { f: { state: 'resolved', rule, at: opening } } }),
        );
        const found = similarIncidents(incidentOf(), incidents, []);
        expect(found.length).toBeLessThanOrEqual(3);
        expect(similarIncidents(incidentOf(), incidents.toReversed(), [])).toEqual(found);
        for (const { score, secondsAgo } of found) {
          expect(score).toBeGreaterThanOrEqual(4);
          expect(secondsAgo).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('reads one page, and parses only what is over', async () => {
    const { memory } = createWorld();
    for (const incident of [pastOf('inc-1', 2), incidentOf({ id: 'inc-2' })])
      await createRecord(memory, incidentType, keys.incident(scope, incident.id), incident);
    expect((await readPastIncidents({ store: memory, scope })).map(({ id }) => id)).toEqual(['inc-1']);
  });
});
