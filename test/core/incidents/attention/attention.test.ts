import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { addSilence, endSilence } from '../../../../core/incidents/attention/silence.ts';
import { addTimelineEvent, readTimeline } from '../../../../core/incidents/incidents.ts';
import { notify, sendDue } from '../../../../core/incidents/notify.ts';
import { incidentType } from '../../../../core/incidents/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { scope } from '../world.ts';
import { type AttentionWorld, attentionWorld, routeOf, systems, windowOf } from './attention-world.ts';

const silence = (world: AttentionWorld, seconds: number, matchers = { system: 'shop-web' }) =>
  addSilence(world.ports, {
    id: 'sil-1',
    matchers,
    author: 'kim',
    reason: 'load test',
    startsAt: world.clock.now(),
    endsAt: addSeconds(world.clock.now(), seconds),
  });

describe('a group waits (issue 5, deliverable 2)', () => {
  it('tells the first message after 30 s, at the next look of the desk', async () => {
    const world = attentionWorld();
    const incident = await world.open('inc-1');
    expect(await world.tell(incident)).toMatchObject({ kind: 'held' });
    expect(await world.tell(incident)).toMatchObject({ kind: 'held' });
    world.clock.advance(29);
    await sendDue(world.ports);
    expect(world.delivered()).toEqual([]);
    world.clock.advance(1);
    await sendDue(world.ports);
    await sendDue(world.ports);
    expect(world.delivered()).toEqual(['inc-1:detected https+email']);
    expect(world.publisher.delivered[0]?.isRepeat).toBe(false);
    expect(await world.tell(incident)).toMatchObject({ kind: 'already-sent' });
  });

  it('says nothing at all of what is over before the wait is, neither its beginning nor its end', async () => {
    const world = attentionWorld();
    const incident = await world.open('inc-1');
    await world.tell(incident);
    world.clock.advance(20);
    expect(await world.end(incident)).toMatchObject({ kind: 'held' });
    await world.minutes(3);
    expect(world.delivered()).toEqual([]);
    expect(await world.stored('inc-1:detected')).toMatchObject({ outcome: 'not-needed' });
    expect(await world.stored('inc-1:resolved')).toMatchObject({ outcome: 'not-needed' });
    expect((await readTimeline(world.memory, scope, 'inc-1')).map(({ text }) => text)).toEqual([
      'Not told: It was over before anybody was told (resolved). (shop-web: detected)',
      'Not told: Nobody was told of the trouble, so nobody needs to hear of its end. (shop-web: recovered)',
    ]);
    // The group is as if it had never been: the next one waits for 30 s, not for the interval.
    await world.tell(await world.open('inc-2'));
    await world.minutes(1);
    expect(world.toPeople()).toEqual(['inc-2:detected']);
  });

  it('waits on while its signals are calm, and tells what fires again', async () => {
    const world = attentionWorld();
    await world.tell(await world.open('inc-1'));
    await world.change('inc-1', { state: 'stable' });
    await world.minutes(5);
    expect(world.delivered()).toEqual([]);
    await world.change('inc-1', { state: 'open' });
    await world.minutes(1);
    expect(world.toPeople()).toEqual(['inc-1:detected']);
  });

  it('tells what comes together in one message, and what comes within the interval in the next', async () => {
    const world = attentionWorld();
    for (const id of ['inc-1', 'inc-2', 'inc-3']) {
      await world.tell(await world.open(id));
      world.clock.advance(5);
    }
    await world.minutes(1);
    expect(world.toPeople()).toEqual(['inc-1:detected']);
    expect(world.publisher.delivered[0]).toMatchObject({
      subject: '+2 more: shop-web: detected',
      text: 'detected of inc-1\n\nTogether with this (2):\n- shop-web: detected (inc-2)\n- shop-web: detected (inc-3)',
      data: { together: [{ incidentId: 'inc-2' }, { incidentId: 'inc-3' }] },
    });
    expect(await world.stored('inc-2:detected')).toMatchObject({ outcome: 'merged', mergedInto: 'inc-1:detected' });
    for (const id of ['inc-4', 'inc-5']) await world.tell(await world.open(id));
    await world.minutes(4);
    expect(world.toPeople()).toHaveLength(1);
    await world.minutes(1);
    expect(world.toPeople()).toEqual(['inc-1:detected', 'inc-4:detected']);
    // All three of the first message hear of their end.
    const second = await world.end({ ...(await world.open('unused')), id: 'inc-2' });
    expect(second).toMatchObject({ kind: 'sent' });
  });

  it('keeps systems, severities and channels apart', async () => {
    const world = attentionWorld();
    await world.tell(await world.open('inc-1'));
    await world.tell(await world.open('inc-2', { system: 'mail' }));
    await world.tell(await world.open('inc-3', { severity: 'high' }), 'would-have');
    await world.minutes(1);
    expect(world.toPeople()).toHaveLength(3);
  });

  it('takes the shortest times of the routes that get it, and the finest grouping', async () => {
    const patient = routeOf({ severities: ['warning'], group: { by: 'system', waitSeconds: 600, intervalSeconds: 600, repeatSeconds: 14_400 } }, 'patient');
    const hasty = routeOf({ severities: ['warning'], group: { by: 'incident', waitSeconds: 0, intervalSeconds: 60, repeatSeconds: 14_400 } }, 'hasty');
    const slow = attentionWorld({ routes: [patient] });
    await slow.tell(await slow.open('inc-1'));
    await slow.minutes(9);
    expect(slow.toPeople()).toEqual([]);
    await slow.minutes(1);
    expect(slow.toPeople()).toHaveLength(1);
    const fast = attentionWorld({ routes: [patient, hasty] });
    expect(await fast.tell(await fast.open('inc-1'))).toMatchObject({ kind: 'sent' });
    expect(await fast.tell(await fast.open('inc-2'))).toMatchObject({ kind: 'sent' });
  });

  it('never holds what is critical, what needs a person now, or what programs get (design.md section 2)', async () => {
    const world = attentionWorld();
    expect(await world.tell(await world.open('inc-1', { severity: 'critical' }))).toMatchObject({ kind: 'sent' });
    expect(await world.tell(await world.open('inc-2', { severity: 'high' }), 'needs-person')).toMatchObject({ kind: 'sent' });
    expect(await world.tell(await world.open('inc-3', { severity: 'high' }))).toMatchObject({ kind: 'sent' });
    expect(world.delivered()).toEqual(['inc-1:detected https+email+sms', 'inc-2:needs-person https+email+sms', 'inc-3:detected https']);
  });

  it('survives a crash between any two calls: one message, nobody forgotten', async () => {
    for (let call = 1; call <= 12; call += 1) {
      for (const moment of ['before', 'after'] as const) {
        const world = attentionWorld();
        for (const id of ['inc-1', 'inc-2', 'inc-3']) await world.tell(await world.open(id));
        world.clock.advance(60);
        world.crashes.dieAt(call, moment);
        await sendDue(world.ports).catch(() => undefined);
        world.crashes.dieAt(0, 'before');
        // What led is over meanwhile; those that it was to tell of are not.
        await world.change('inc-1', { state: 'resolved' });
        await world.minutes(4);
        const heard = world.publisher.delivered.flatMap(({ notificationId, text }) => [notificationId, text]).join('\n');
        expect(heard, `${moment} call ${call}`).toContain('inc-2');
        expect(heard, `${moment} call ${call}`).toContain('inc-3');
        const first = world.publisher.delivered.filter(({ isRepeat }) => !isRepeat);
        expect(first.length, `${moment} call ${call}`).toBeLessThanOrEqual(1);
        expect(world.publisher.delivered.length, `${moment} call ${call}`).toBeLessThanOrEqual(2);
      }
    }
  });
});

describe('a repeat (issue 5, deliverable 2)', () => {
  it('comes after 4 h while nobody has answered, marked, and once per 4 h', async () => {
    const world = attentionWorld();
    await world.tell(await world.open('inc-1', { severity: 'high' }), 'needs-person');
    await world.minutes(239);
    expect(world.toPeople()).toEqual(['inc-1:needs-person']);
    await world.minutes(2);
    expect(world.toPeople()).toHaveLength(2);
    expect(world.publisher.delivered[1]).toMatchObject({ isRepeat: true, channels: ['https', 'email', 'sms'], data: { repeatOf: 'inc-1:needs-person' } });
    expect(world.publisher.delivered[1]?.text).toContain('Still open after 4.0 h');
    await world.minutes(241);
    expect(world.toPeople()).toHaveLength(3);
    await world.change('inc-1', { state: 'acknowledged' });
    await world.minutes(300);
    expect(world.toPeople()).toHaveLength(3);
  });

  it('is rounded up to whole intervals', async () => {
    const world = attentionWorld({ routes: [routeOf({ group: { by: 'system', waitSeconds: 0, intervalSeconds: 240, repeatSeconds: 300 } })] });
    await world.tell(await world.open('inc-1'));
    await world.minutes(7);
    expect(world.toPeople()).toHaveLength(1);
    await world.minutes(1);
    expect(world.toPeople()).toHaveLength(2);
  });

  it('waits for the end of a silence', async () => {
    const world = attentionWorld({ routes: [routeOf({ group: { by: 'system', waitSeconds: 0, intervalSeconds: 300, repeatSeconds: 300 } })] });
    await world.tell(await world.open('inc-1'));
    await silence(world, 1200);
    await world.minutes(19);
    expect(world.toPeople()).toHaveLength(1);
    await world.minutes(1);
    expect(world.toPeople()).toHaveLength(2);
  });
});

describe('a silence (issue 5, deliverable 2)', () => {
  it('mutes mail and phones, never programs nor the timeline; what is still bad at its end is told then', async () => {
    const world = attentionWorld();
    await silence(world, 600);
    const incident = await world.open('inc-1', { severity: 'high' });
    expect(await world.tell(incident, 'needs-person')).toMatchObject({ kind: 'held' });
    await world.tell(incident, 'needs-person');
    await world.minutes(9);
    expect(world.delivered()).toEqual(['inc-1:needs-person:data https']);
    expect(world.publisher.delivered[0]?.data).toMatchObject({ suppressedBy: { kind: 'silence', id: 'sil-1' } });
    expect((await readTimeline(world.memory, scope, 'inc-1'))[0]?.text).toContain('Silenced by kim until');
    await world.minutes(1);
    expect(world.delivered()).toEqual(['inc-1:needs-person:data https', 'inc-1:needs-person email+sms']);
    expect(world.publisher.delivered[1]?.isRepeat).toBe(false);
    await world.minutes(5);
    expect(world.delivered()).toHaveLength(2);
  });

  it('that is ended by hand tells within a minute', async () => {
    const world = attentionWorld();
    await silence(world, 86_400);
    await world.tell(await world.open('inc-1', { severity: 'high' }), 'needs-person');
    await endSilence(world.ports, 'sil-1', 'lee');
    await world.minutes(1);
    expect(world.toPeople()).toEqual(['inc-1:needs-person']);
  });

  it('lets the end through to whoever heard of the beginning', async () => {
    const world = attentionWorld();
    const incident = await world.open('inc-1', { severity: 'high' });
    await world.tell(incident, 'needs-person');
    await silence(world, 3600);
    expect(await world.end(incident)).toMatchObject({ kind: 'sent' });
    expect(world.delivered()).toEqual(['inc-1:needs-person https+email+sms', 'inc-1:resolved https+email+sms']);
  });

  it('sends the end of what was silenced to programs only, for they alone heard of it', async () => {
    const world = attentionWorld();
    await silence(world, 3600);
    const incident = await world.open('inc-1', { severity: 'high' });
    await world.tell(incident, 'needs-person');
    await world.end(incident);
    await world.minutes(70);
    expect(world.delivered()).toEqual(['inc-1:needs-person:data https', 'inc-1:resolved https']);
    expect(await world.stored('inc-1:needs-person')).toMatchObject({ outcome: 'not-needed' });
  });

  it('sends an end as loud as the loudest beginning, and to the same roles', async () => {
    const world = attentionWorld();
    const incident = await world.open('inc-1');
    await world.tell(incident, 'needs-person');
    await notify(world.ports, {
      id: 'inc-1:escalated',
      step: 'needs-person',
      severity: 'warning',
      incidentId: 'inc-1',
      roles: ['managers'],
      message: { subject: '', text: '', sms: '', data: {} },
    });
    await world.end(incident);
    expect(world.publisher.delivered.at(-1)).toMatchObject({ severity: 'high' });
    expect(world.publisher.delivered.at(-1)?.roles).toContain('managers');
  });

  it('leaves neighbours to their own words: who was told of an upstream incident gets no second end (S4-40)', async () => {
    const world = attentionWorld();
    const incident = await world.open('inc-1', { severity: 'high' });
    await world.tell(incident, 'needs-person');
    await notify(world.ports, {
      id: 'inc-1:upstream',
      step: 'upstream',
      severity: 'high',
      incidentId: 'inc-1',
      roles: ['team-orders'],
      message: { subject: '', text: '', sms: '', data: {} },
    });
    await world.end(incident);
    expect(world.publisher.delivered.map(({ roles }) => roles?.includes('team-orders'))).toEqual([false, true, false]);
  });

  it('comes while the group waits: programs are told, people are not', async () => {
    const world = attentionWorld();
    await world.tell(await world.open('inc-1'));
    await silence(world, 300);
    await world.minutes(1);
    expect(world.delivered()).toEqual(['inc-1:detected:data https']);
    await world.minutes(4);
    expect(world.delivered()).toEqual(['inc-1:detected:data https', 'inc-1:detected email']);
  });

  it('of another system mutes nobody else', async () => {
    const world = attentionWorld();
    await silence(world, 600, { system: 'mail' });
    expect(await world.tell(await world.open('inc-1', { severity: 'critical' }))).toMatchObject({ kind: 'sent' });
  });
});

describe('a maintenance window (issue 5, deliverable 2)', () => {
  it('mutes as a silence does, and what still fires at its end is told then', async () => {
    // The world begins at 09:00:05 on a Saturday.
    const world = attentionWorld({ windows: [windowOf(['shop-web'], '0 9 * * 6', 10)] });
    await world.tell(await world.open('inc-1', { severity: 'high' }), 'needs-person');
    await world.tell(await world.open('inc-2', { severity: 'high', system: 'mail' }), 'needs-person');
    expect(world.toPeople()).toEqual(['inc-2:needs-person']);
    await world.minutes(9);
    expect(world.toPeople()).toEqual(['inc-2:needs-person']);
    await world.minutes(1);
    expect(world.toPeople()).toEqual(['inc-2:needs-person', 'inc-1:needs-person']);
  });
});

describe('inhibition (issue 5, deliverable 2)', () => {
  it('keeps the page of a dependant while its parent fails; it comes when the parent is over and the child is not', async () => {
    const world = attentionWorld();
    const parent = await world.open('inc-db', { system: 'shop-db', severity: 'high' });
    await world.tell(parent, 'needs-person');
    await world.tell(await world.open('inc-web', { severity: 'high' }), 'needs-person');
    await world.tell(await world.open('inc-mail', { severity: 'high', system: 'mail' }), 'needs-person');
    await world.minutes(30);
    expect(world.delivered()).toEqual(['inc-db:needs-person https+email+sms', 'inc-web:needs-person:data https', 'inc-mail:needs-person https+email+sms']);
    await world.end(parent);
    await world.minutes(1);
    expect(world.toPeople()).toEqual(['inc-db:needs-person', 'inc-mail:needs-person', 'inc-db:resolved', 'inc-web:needs-person']);
  });

  it('says nothing to people of a dependant that recovers with its parent', async () => {
    const world = attentionWorld();
    const parent = await world.open('inc-db', { system: 'shop-db', severity: 'high' });
    await world.tell(parent, 'needs-person');
    const child = await world.open('inc-web', { severity: 'high' });
    await world.tell(child, 'needs-person');
    await world.end(child);
    await world.end(parent);
    await world.minutes(3);
    expect(world.toPeople()).toEqual(['inc-db:needs-person', 'inc-db:resolved']);
    expect(world.delivered()).toContain('inc-web:resolved https');
  });
});

describe('flapping (issue 5, deliverable 2)', () => {
  it('is said in the message and on the timeline, and what can wait waits for the interval', async () => {
    const world = attentionWorld();
    const incident = await world.open('inc-1', { severity: 'high' });
    for (let change = 0; change < 6; change += 1) {
      const at = world.clock.now();
      const state = change % 2 === 0 ? '' : 'resolved:';
      await addTimelineEvent(world.ports, 'inc-1', { at, eventId: `signal:f1:${state}${at}`, kind: 'signal', text: 'said' });
      world.clock.advance(10);
    }
    await world.change('inc-1', { updatedAt: world.clock.now() });
    const held = await world.tell(incident, 'needs-person');
    expect(held.kind).toBe('held');
    expect(held.reason).toContain('Flapping');
    await world.minutes(4);
    expect(world.toPeople()).toEqual([]);
    await world.minutes(1);
    expect(world.toPeople()).toEqual(['inc-1:needs-person']);
    expect(world.publisher.delivered[0]?.text).toContain('Flapping: its state changed 6 times in 30 minutes.');
    const noted = (await readTimeline(world.memory, scope, 'inc-1')).filter(({ kind }) => kind === 'attention');
    expect(noted).toHaveLength(1);
  });
});

describe('what cannot be known', () => {
  it('mutes nobody: an unreadable catalog pages', async () => {
    const world = attentionWorld();
    const ports = { ...world.ports, catalog: () => Promise.reject(new PermanentError('no catalog')) };
    await world.open('inc-1', { severity: 'high' });
    const draft = { id: 'a', step: 'needs-person', severity: 'high', incidentId: 'inc-1', message: { subject: '', text: '', sms: '', data: {} } } as const;
    expect(await notify(ports, draft)).toMatchObject({ kind: 'sent' });
  });

  it('is an incident without a system: no window, no inhibition', async () => {
    const world = attentionWorld({ systems, windows: [windowOf(['shop-web'], '0 9 * * 6', 10)] });
    const { system: _system, ...incident } = await world.open('inc-1', { severity: 'high' });
    await world.open('inc-db', { system: 'shop-db', severity: 'critical' });
    const unknown = { ...incident, id: 'inc-2' };
    await createRecord(world.memory, incidentType, keys.incident(scope, 'inc-2'), unknown);
    expect(await world.tell(unknown, 'needs-person')).toMatchObject({ kind: 'sent' });
  });
});
