import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addTimelineEvent,
  attachRemediation,
  incidentIdOf,
  listOpenIncidents,
  readTimeline,
  recordBudgetShare,
  recordFiring,
  recordResolvedSignal,
  setIncidentState,
} from '../../../core/incidents/incidents.ts';
import { incidentType } from '../../../core/incidents/record.ts';
import { addSeconds } from '../../../core/environment/time.ts';
import { keys, partitions } from '../../../core/records/keys.ts';
import { createRecord, parseRecord, readRecord, updateRecord } from '../../../core/records/record-type.ts';
import { remediationType } from '../../../core/remediation/record.ts';
import type { Severity } from '../../../core/signals/signal.ts';
import { CrashError, createWorld, firingOf, hasher, opening, remediationOf, scope, signalOf } from './world.ts';

type World = ReturnType<typeof createWorld>;

const later = (seconds: number) => addSeconds(opening, seconds);
const over = (seconds: number, fingerprint = 'f1') => ({
  signal: signalOf({ state: 'resolved', at: later(seconds), summary: 'Alarm is OK again.' }),
  fingerprint,
  place: 'shop-web/i-0aaa',
});

async function allIncidents({ memory }: World) {
  return (await memory.query(partitions.incidents(scope), '', { limit: 200 })).records.map((record) => parseRecord(incidentType, record).body);
}

describe('recordFiring', () => {
  it('opens one incident with an owner and an impact from the first second (S3-22, S3-04)', async () => {
    const world = createWorld();
    const { incident, isNew } = await recordFiring(world.ports, firingOf());
    expect(isNew).toBe(true);
    expect(incident).toMatchObject({
      state: 'open',
      owner: 'team-shop',
      impact: 'Customers cannot order',
      severity: 'high',
      openedAt: opening,
      system: 'shop-web',
      wasInInventory: true,
    });
    expect(incident.id).toMatch(/^inc-20261121T090000-[0-9a-f]{8}$/);
    expect(incident.id).toBe(incidentIdOf(hasher, { place: 'shop-web/i-0aaa', fingerprint: 'f1', at: opening }));
    expect(await readTimeline(world.memory, scope, incident.id)).toMatchInlineSnapshot(`
      [
        {
          "at": "2026-11-21T09:00:00.000Z",
          "eventId": "opened",
          "incidentId": "${incident.id}",
          "kind": "state",
          "text": "Incident opened (high). Owner: team-shop. Impact: Customers cannot order.",
        },
        {
          "at": "2026-11-21T09:00:00.000Z",
          "eventId": "signal:f1:2026-11-21T09:00:00.000Z",
          "incidentId": "${incident.id}",
          "kind": "signal",
          "text": "Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.",
        },
      ]
    `);
  });

  it('says of an instance nobody listed that it was not in inventory, and gives it to the operators (S0-04)', async () => {
    const world = createWorld();
    const { system: _system, ...unclaimed } = firingOf({
      place: 'instance/i-0xyz',
      wasInInventory: false,
      signal: signalOf({ subject: { type: 'instance', id: 'i-0xyz' } }),
    });
    const { incident } = await recordFiring(world.ports, unclaimed);
    expect(incident).toMatchObject({ owner: 'operators', impact: '', wasInInventory: false });
    expect(incident.title).toBe('i-0xyz was not in inventory. Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.');
    expect((await readTimeline(world.memory, scope, incident.id)).map(({ text }) => text)).toContain('i-0xyz was not in inventory; it has been added.');
  });

  it('changes nothing on re-delivery and gives the same answer', async () => {
    const world = createWorld();
    const first = await recordFiring(world.ports, firingOf());
    const before = world.memory.snapshot();
    world.clock.advance(100);
    expect(await recordFiring(world.ports, firingOf())).toEqual(first);
    expect(world.memory.snapshot()).toEqual(before);
  });

  it('adds other signals of the place; the severity only rises', async () => {
    const world = createWorld();
    const severities: readonly Severity[] = ['warning', 'critical', 'info'];
    for (const [index, severity] of severities.entries()) {
      const { isNew } = await recordFiring(
        world.ports,
        firingOf({ fingerprint: `f${index}`, signal: signalOf({ severity, at: later(index), rule: `rule-${index}` }) }),
      );
      expect(isNew).toBe(index === 0);
    }
    const [incident, ...others] = await allIncidents(world);
    expect(others).toEqual([]);
    expect(incident?.severity).toBe('critical');
    expect(Object.keys(incident?.signals ?? {})).toEqual(['f0', 'f1', 'f2']);
  });

  it('opens a new one after the last is over, but not for a late repetition', async () => {
    const world = createWorld();
    const { incident } = await recordFiring(world.ports, firingOf());
    await setIncidentState(world.ports, incident.id, 'resolved', 'replaced', later(60));
    expect((await recordFiring(world.ports, firingOf())).incident.state).toBe('resolved');
    const next = await recordFiring(world.ports, firingOf({ signal: signalOf({ at: later(120) }) }));
    expect(next.isNew).toBe(true);
    expect(next.incident.id).not.toBe(incident.id);
    expect((await recordFiring(world.ports, firingOf())).incident.id).toBe(incident.id);
    expect((await listOpenIncidents(world.memory, scope)).map(({ id }) => id)).toEqual([next.incident.id]);
  });

  it('opens one incident for many signals of a place at once', async () => {
    const world = createWorld();
    const results = await Promise.all(Array.from({ length: 10 }, (_, index) => recordFiring(world.ports, firingOf({ fingerprint: `f${index}` }))));
    expect(new Set(results.map(({ incident }) => incident.id)).size).toBe(1);
    expect(results.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(Object.keys((await allIncidents(world))[0]?.signals ?? {})).toHaveLength(10);
  });

  it('survives a crash before and after every write: the next delivery leaves what one without a crash leaves', async () => {
    const whole = createWorld();
    await recordFiring(whole.ports, firingOf());
    for (const moment of ['before', 'after'] as const) {
      for (let call = 1; call <= whole.crashes.calls; call += 1) {
        const world = createWorld();
        world.crashes.dieAt(call, moment);
        await expect(recordFiring(world.ports, firingOf())).rejects.toThrow(CrashError);
        world.crashes.dieAt(0, 'before');
        expect((await recordFiring(world.ports, firingOf())).isNew).toBe(true);
        expect(world.memory.snapshot()).toEqual(whole.memory.snapshot());
      }
    }
    expect(whole.crashes.calls).toBe(3);
  });

  it('keeps at most 200 signals, and drops only those that are over', async () => {
    const world = createWorld();
    for (let index = 0; index < 201; index += 1)
      await recordFiring(world.ports, firingOf({ fingerprint: `f${index}`, signal: signalOf({ at: later(index) }) }));
    expect(Object.keys((await allIncidents(world))[0]?.signals ?? {})).toHaveLength(200);
    await recordResolvedSignal(world.ports, over(300, 'f7'));
    await recordFiring(world.ports, firingOf({ fingerprint: 'f999', signal: signalOf({ at: later(400) }) }));
    const signals = (await allIncidents(world))[0]?.signals ?? {};
    expect(Object.keys(signals)).toHaveLength(200);
    expect(signals['f7']).toBeUndefined();
    expect(signals['f999']?.state).toBe('firing');
  });
});

describe('recordResolvedSignal', () => {
  it('leaves the incident stable with its last signal, and answers a repetition the same', async () => {
    const world = createWorld();
    await recordFiring(world.ports, firingOf());
    await recordFiring(world.ports, firingOf({ fingerprint: 'f2', signal: signalOf({ at: later(1), rule: 'other' }) }));
    expect((await recordResolvedSignal(world.ports, over(60)))?.state).toBe('open');
    const resolved = await recordResolvedSignal(world.ports, over(90, 'f2'));
    expect(resolved).toMatchObject({ state: 'stable', stableAt: world.clock.now(), resolution: 'Alarm is OK again.' });
    expect(resolved).not.toHaveProperty('resolvedAt');
    expect(await recordResolvedSignal(world.ports, over(90, 'f2'))).toEqual(resolved);
    // Calm is not health: it is open for everybody who asks until that has held.
    expect(await recordResolvedSignal(world.ports, over(60))).toEqual(resolved);
    expect((await listOpenIncidents(world.memory, scope)).map(({ state }) => state)).toEqual(['stable']);
  });

  it('ends nothing where nothing is open, and nothing with a late signal', async () => {
    const world = createWorld();
    expect(await recordResolvedSignal(world.ports, over(60))).toBeUndefined();
    await recordFiring(world.ports, firingOf());
    expect(await recordResolvedSignal(world.ports, over(-10))).toBeUndefined();
    expect(await recordResolvedSignal(world.ports, over(60, 'unheard'))).toBeUndefined();
    expect(await listOpenIncidents(world.memory, scope)).toHaveLength(1);
  });

  it('waits for a running remediation, whose end then leaves it stable', async () => {
    const world = createWorld();
    const { incident } = await recordFiring(world.ports, firingOf());
    const remediation = remediationOf({ incidentId: incident.id });
    await createRecord(world.memory, remediationType, keys.remediation(scope, remediation.id), remediation);
    await attachRemediation(world.ports, incident.id, remediation.id);
    expect((await recordResolvedSignal(world.ports, over(60)))?.state).toBe('open');
    await updateRecord(world.memory, remediationType, keys.remediation(scope, remediation.id), () => ({ ...remediation, state: 'vetoed' as const }));
    const ended = await setIncidentState(world.ports, incident.id, 'open', 'The trouble is over', later(70));
    expect(ended).toMatchObject({ state: 'stable', resolution: 'The trouble is over' });
  });

  it('survives a crash before and after every write', async () => {
    const whole = createWorld();
    await recordFiring(whole.ports, firingOf());
    whole.crashes.dieAt(0, 'before');
    await recordResolvedSignal(whole.ports, over(60));
    expect(whole.crashes.calls).toBe(3);
    for (const moment of ['before', 'after'] as const) {
      for (let call = 1; call <= 3; call += 1) {
        const world = createWorld();
        await recordFiring(world.ports, firingOf());
        world.crashes.dieAt(call, moment);
        await expect(recordResolvedSignal(world.ports, over(60))).rejects.toThrow(CrashError);
        world.crashes.dieAt(0, 'before');
        expect((await recordResolvedSignal(world.ports, over(60)))?.state).toBe('stable');
        expect(world.memory.snapshot()).toEqual(whole.memory.snapshot());
      }
    }
  });
});

describe('any order of signals', () => {
  it('leaves at most one incident per place open, and open exactly while something fires; re-delivery changes nothing', async () => {
    const event = fc.record({ fingerprint: fc.constantFrom('f1', 'f2', 'f3'), isFiring: fc.boolean(), repeats: fc.integer({ min: 1, max: 2 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
        const world = createWorld();
        const firing = new Set<string>();
        for (const [index, { fingerprint, isFiring, repeats }] of events.entries()) {
          const at = later(index * 10);
          world.clock.set(at);
          // The intake passes on a resolved signal only of what fired.
          if (!isFiring && !firing.has(fingerprint)) continue;
          for (let count = 0; count < repeats; count += 1) {
            if (isFiring) await recordFiring(world.ports, firingOf({ fingerprint, signal: signalOf({ at }) }));
            else await recordResolvedSignal(world.ports, over(index * 10, fingerprint));
          }
          if (isFiring) firing.add(fingerprint);
          else firing.delete(fingerprint);
          const open = await listOpenIncidents(world.memory, scope);
          if (open.length === 0) expect(firing.size).toBe(0);
          expect(open.length).toBeLessThanOrEqual(1);
          if (open[0] !== undefined) expect(open[0].state).toBe(firing.size === 0 ? 'stable' : 'open');
          const speaking = Object.entries(open[0]?.signals ?? {}).filter(([, { state }]) => state === 'firing');
          expect(new Set(speaking.map(([key]) => key))).toEqual(firing);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('setIncidentState', () => {
  it('says why on the timeline, once', async () => {
    const world = createWorld();
    const { incident } = await recordFiring(world.ports, firingOf());
    await setIncidentState(world.ports, incident.id, 'repairing', 'Replacing i-0aaa', later(10));
    await setIncidentState(world.ports, incident.id, 'repairing', 'Replacing i-0aaa', later(11));
    await setIncidentState(world.ports, incident.id, 'resolved', 'Replaced', later(20));
    await setIncidentState(world.ports, incident.id, 'resolved', 'Replaced', later(21));
    const states = (await readTimeline(world.memory, scope, incident.id)).filter(({ eventId }) => eventId.startsWith('state:'));
    expect(states.map(({ text }) => text)).toEqual(['Incident open → repairing: Replacing i-0aaa', 'Incident repairing → resolved: Replaced']);
    expect((await readRecord(world.memory, incidentType, keys.incident(scope, incident.id)))?.body).toMatchObject({
      state: 'resolved',
      resolvedAt: later(20),
      resolution: 'Replaced',
    });
  });

  it('keeps an incident open whose repair failed half-way, even when its signals are over', async () => {
    const world = createWorld();
    const { incident } = await recordFiring(world.ports, firingOf());
    await setIncidentState(world.ports, incident.id, 'repairing', 'Replacing', later(1));
    const remediation = remediationOf();
    await createRecord(world.memory, remediationType, keys.remediation(scope, remediation.id), remediation);
    await attachRemediation(world.ports, incident.id, remediation.id);
    await recordResolvedSignal(world.ports, over(60));
    expect((await setIncidentState(world.ports, incident.id, 'open', 'Repair failed', later(70)))?.state).toBe('open');
  });

  it('opens a resolved one again only for a repair that goes on, and never beside a newer one', async () => {
    const world = createWorld();
    const { incident } = await recordFiring(world.ports, firingOf());
    await setIncidentState(world.ports, incident.id, 'resolved', 'Replaced', later(60));
    expect((await setIncidentState(world.ports, incident.id, 'open', 'late', later(70)))?.state).toBe('resolved');
    const reopened = await setIncidentState(world.ports, incident.id, 'repairing', 'goes on', later(80));
    expect(reopened?.state).toBe('repairing');
    expect(reopened).not.toHaveProperty('resolvedAt');
    await setIncidentState(world.ports, incident.id, 'resolved', 'done', later(90));
    await recordFiring(world.ports, firingOf({ signal: signalOf({ at: later(100) }) }));
    expect((await setIncidentState(world.ports, incident.id, 'repairing', 'too late', later(110)))?.state).toBe('resolved');
    expect(await setIncidentState(world.ports, 'inc-none', 'open', 'x', later(1))).toBeUndefined();
  });
});

const texts = (events: readonly { readonly text: string }[]) => events.map(({ text }) => text);

describe('the timeline', () => {
  it('tells a fact once whatever moment it is given (re-delivery)', async () => {
    const world = createWorld();
    await addTimelineEvent(world.ports, 'inc-1', { at: later(1), eventId: 'rem-1:ended', kind: 'remediation', text: 'first' });
    await addTimelineEvent(world.ports, 'inc-1', { at: later(9), eventId: 'rem-1:ended', kind: 'remediation', text: 'second' });
    expect(await readTimeline(world.memory, scope, 'inc-1')).toEqual([
      { at: later(1), eventId: 'rem-1:ended', incidentId: 'inc-1', kind: 'remediation', text: 'first' },
    ]);
  });

  it('is read oldest first, the newest events up to the limit', async () => {
    const world = createWorld();
    for (let index = 0; index < 450; index += 1)
      await addTimelineEvent(world.ports, 'inc-1', { at: later(index), eventId: `e${index}`, kind: 'x', text: String(index) });
    expect(texts(await readTimeline(world.memory, scope, 'inc-1', 3))).toEqual(['447', '448', '449']);
    expect(texts(await readTimeline(world.memory, scope, 'inc-1', 100_000))).toEqual(Array.from({ length: 450 }, (_, index) => String(index)));
  });
});

describe('attachments', () => {
  it('attaches a remediation and a budget share once', async () => {
    const world = createWorld();
    const { incident } = await recordFiring(world.ports, firingOf());
    await attachRemediation(world.ports, incident.id, 'rem-1');
    expect((await attachRemediation(world.ports, incident.id, 'rem-1'))?.remediationIds).toEqual(['rem-1']);
    const share = { objective: 'shop-web-availability', badSeconds: 60, share: 0.023 };
    await recordBudgetShare(world.ports, incident.id, share);
    const before = world.memory.snapshot();
    expect((await recordBudgetShare(world.ports, incident.id, share))?.budgetShare).toEqual(share);
    expect(world.memory.snapshot()).toEqual(before);
  });
});
