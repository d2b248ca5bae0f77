import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { noiseOf } from '../../../../core/incidents/learning/noise.ts';
import { type Past, type PastIncident, readPast } from '../../../../core/incidents/learning/past.ts';
import { addAction, newPostMortem, type PostMortem } from '../../../../core/incidents/learning/post-mortem.ts';
import { type Incident, incidentType, type TimelineEvent } from '../../../../core/incidents/record.ts';
import { addTimelineEvent } from '../../../../core/incidents/incidents.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { createWorld, incidentOf, opening, remediationOf, scope } from '../world.ts';

const at = (seconds: number) => addSeconds(opening, seconds);
const event = (seconds: number, eventId: string, kind: string): TimelineEvent => ({
  at: at(seconds),
  eventId,
  incidentId: 'i',
  kind,
  text: 'Acknowledged by kim until 10:00:00 UTC',
});

function past(id: string, change: Partial<Incident> = {}, timeline: readonly TimelineEvent[] = []): PastIncident {
  return { incident: incidentOf({ id, state: 'closed', resolvedAt: at(300), ...change }), timeline };
}

const noise = (incidents: readonly PastIncident[], change: Partial<Past> = {}) =>
  noiseOf({ from: at(-1), to: at(1), incidents, remediations: [], postMortems: [], isCut: false, ...change });

const rule = (name: string) => ({ signals: { f: { state: 'resolved' as const, rule: name, at: opening } } });

function learnedFrom(incident: Incident): PostMortem {
  const answer = addAction(
    newPostMortem(incident, undefined, opening),
    { text: 'x', type: 'detect', owner: 'ops', dueOn: '2026-12-01' },
    { by: 'kim', at: opening },
  );
  if (answer.kind === 'refused') throw new Error(answer.reason);
  return answer.postMortem;
}

describe('noiseOf', () => {
  it('lists alarms that led to no action, and the most repeated', () => {
    const found = noise([
      past('inc-1', rule('flappy'), [event(1, 'notification:a', 'notification'), event(2, 'notification:b', 'notification')]),
      past('inc-2', rule('flappy')),
      past('inc-3', rule('flappy'), [event(60, 'acknowledged:1', 'acknowledged')]),
      past('inc-4', rule('once')),
    ]);
    expect(found).toMatchObject({ incidents: 4, withoutAction: 3, acknowledged: 1, meanAcknowledgeSeconds: 60 });
    expect(found.pointless).toMatchObject([
      { rule: 'flappy', incidents: 3, withoutAction: 2, pointlessMessages: 2 },
      { rule: 'once', incidents: 1, withoutAction: 1 },
    ]);
    expect(found.repeated.map((row) => row.rule)).toEqual(['flappy']);
  });

  const one = past('inc-1');
  it.each<[string, PastIncident, Partial<Past>, number]>([
    ['ended by itself', one, {}, 1],
    ['still lasts', past('inc-1', { state: 'open' }), {}, 0],
    ['was repaired', one, { remediations: [remediationOf({ incidentId: 'inc-1', state: 'succeeded' })] }, 0],
    ['was tried to be repaired', one, { remediations: [remediationOf({ incidentId: 'inc-1', state: 'failed' })] }, 0],
    ['met a veto', one, { remediations: [remediationOf({ incidentId: 'inc-1', state: 'vetoed' })] }, 1],
    ['met a dry run', one, { remediations: [remediationOf({ incidentId: 'inc-1', state: 'would-have' })] }, 1],
    ['was acknowledged', past('inc-1', {}, [event(1, 'acknowledged:1', 'acknowledged')]), {}, 0],
    ['was noted', past('inc-1', {}, [event(1, 'note:1', 'note')]), {}, 0],
    ['was learned from', one, { postMortems: [learnedFrom(one.incident)] }, 0],
    ['has an empty post-mortem', one, { postMortems: [newPostMortem(one.incident, 'r', opening)] }, 1],
  ])('what %s', (_what, incident, change, count) => {
    expect(noise([incident], change).withoutAction).toBe(count);
  });

  it('says what share customers found, as people corrected it (S4-43)', () => {
    const corrected = { ...newPostMortem(one.incident, undefined, opening), detectedBy: 'customer' as const };
    expect(
      noise([one, past('inc-2'), past('inc-3', { detectedBy: 'customer' }), past('inc-4', { detectedBy: 'person' })], { postMortems: [corrected] }),
    ).toMatchObject({
      detectedBy: { alarm: 1, canary: 0, customer: 2, person: 1 },
      customerShare: 0.5,
    });
    expect(noise([])).toMatchObject({ customerShare: null, meanAcknowledgeSeconds: null, incidents: 0 });
  });

  it('counts the first acknowledgement only', () => {
    const twice = past('inc-1', {}, [event(30, 'acknowledged:1', 'acknowledged'), event(900, 'acknowledged:2', 'acknowledged')]);
    expect(noise([twice])).toMatchObject({ acknowledged: 1, meanAcknowledgeSeconds: 30 });
  });
});

describe('readPast', () => {
  it('reads what began in the time, with its timeline, without drills', async () => {
    const { memory } = createWorld();
    const put = async (id: string, seconds: number, change: Partial<Incident> = {}) =>
      createRecord(memory, incidentType, keys.incident(scope, id), incidentOf({ id, openedAt: at(seconds), ...change }));
    await put('inc-20261121T085900-a', -60);
    await put('inc-20261121T090100-b', 60);
    await put('inc-20261121T090200-c', 120, { subject: { type: 'check', id: 'drill-of-shop-web' } });
    await put('inc-20261121T100000-d', 3600);
    await addTimelineEvent({ store: memory, scope }, 'inc-20261121T090100-b', { at: at(61), eventId: 'x', kind: 'note', text: 'hello' });
    const found = await readPast({ store: memory, scope }, opening, at(3599));
    expect(found.incidents.map(({ incident, timeline }) => [incident.id, timeline.length])).toEqual([['inc-20261121T090100-b', 1]]);
    expect(found.isCut).toBe(false);
  });

  it('says when there were more than it reads', async () => {
    const { memory } = createWorld();
    for (let index = 0; index < 401; index += 1) {
      const id = `inc-20261121T0901${String(index).padStart(3, '0')}-x`;
      await createRecord(memory, incidentType, keys.incident(scope, id), incidentOf({ id, openedAt: at(60) }));
    }
    const found = await readPast({ store: memory, scope }, opening, at(3600));
    expect(found.incidents).toHaveLength(400);
    expect(found.isCut).toBe(true);
  });
});
