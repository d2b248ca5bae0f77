import { describe, expect, it } from 'vitest';
import { type CompiledCatalog, policySchema, windowSchema } from '../../../../core/catalog/schema.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { acknowledgeIncident } from '../../../../core/incidents/lifecycle/acknowledge.ts';
import { closeIncident } from '../../../../core/incidents/lifecycle/by-hand.ts';
import { type DeskCatalog, type DeskSummary, inTurn, runDesk } from '../../../../core/incidents/lifecycle/desk.ts';
import { readTimeline, recordBudgetShare, recordFiring, recordResolvedSignal, setIncidentState } from '../../../../core/incidents/incidents.ts';
import { type Incident, incidentType } from '../../../../core/incidents/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { readRecord } from '../../../../core/records/record-type.ts';
import { CrashError, createWorld, firingOf, incidentOf, opening, scope, shopWeb, signalOf } from '../world.ts';

type World = ReturnType<typeof createWorld>;

const policy = policySchema.parse({
  apiVersion: 'perennial/v1',
  kind: 'RemediationPolicy',
  metadata: { name: 'shop-web' },
  spec: { system: 'shop-web', verifiedAfterSeconds: 300 },
});

const catalog: DeskCatalog = { systems: [shopWeb], policies: [policy], routes: [] };
const whole: CompiledCatalog = {
  ...catalog,
  routes: [],
  systems: [shopWeb],
  policies: [policy],
  formatVersion: 1,
  objectives: [],
  services: [],
  provenance: { hash: 'a'.repeat(64), commit: null, dirty: false },
};

const over = (at: string) => ({ signal: signalOf({ state: 'resolved', at, summary: 'Alarm is OK again.' }), fingerprint: 'f1', place: 'shop-web/i-0aaa' });

interface Desk {
  readonly world: World;
  readonly id: string;
  /** Runs the desk each minute, so many times. */
  readonly minutes: (count: number) => Promise<readonly DeskSummary[]>;
  readonly read: () => Promise<Incident>;
  readonly told: () => Promise<readonly string[]>;
  readonly sent: () => readonly string[];
}

async function openDesk(severity: 'critical' | 'high' = 'high'): Promise<Desk> {
  const world = createWorld();
  const ports = { ...world.ports, catalog: async () => whole };
  const { incident } = await recordFiring(world.ports, firingOf({ signal: signalOf({ severity }) }));
  const minutes = async (count: number): Promise<readonly DeskSummary[]> => {
    const summaries: DeskSummary[] = [];
    for (let minute = 0; minute < count; minute += 1) {
      world.clock.advance(60);
      summaries.push(await runDesk(ports, catalog));
    }
    return summaries;
  };
  return {
    world,
    id: incident.id,
    minutes,
    read: async () => (await readRecord(world.memory, incidentType, keys.incident(scope, incident.id)))?.body ?? incident,
    told: async () => (await readTimeline(world.memory, scope, incident.id)).map(({ text }) => text),
    sent: () => world.publisher.delivered.map(({ notificationId }) => notificationId.replace(incident.id, 'inc')),
  };
}

/** The run that would escalate dies at one call; the runs after it go on. */
const scenario = async (call: number, moment: 'before' | 'after') => {
  const desk = await openDesk();
  await desk.minutes(4);
  desk.world.crashes.dieAt(call, moment);
  // What one incident dies of is said, and does not stop the run; the process itself may die outside of it.
  await desk.minutes(1).catch((error: unknown) => expect(error).toBeInstanceOf(CrashError));
  const { calls } = desk.world.crashes;
  desk.world.crashes.dieAt(0, 'before');
  await desk.minutes(4);
  return {
    calls,
    sent: desk.sent(),
    repeats: desk.world.publisher.delivered.filter(({ isRepeat }) => isRepeat).length,
    level: (await desk.read()).escalation?.level,
  };
};

describe('the desk', () => {
  it('asks level by level while nobody acknowledges: one message each, to that level (S3-22)', async () => {
    const { world, minutes, sent, read } = await openDesk();
    await minutes(35);
    expect(sent()).toEqual(['inc:escalated:1.1', 'inc:escalated:1.2', 'inc:escalated:1.3']);
    expect(world.publisher.delivered.map(({ roles }) => roles?.includes('business'))).toEqual([false, false, true]);
    expect(world.publisher.delivered[0]).toMatchObject({ channels: ['https', 'email', 'sms'], severity: 'high' });
    expect(world.publisher.delivered[0]?.text).toContain('Nobody has acknowledged it for 5 min');
    expect((await read()).escalation).toMatchObject({ round: 1, level: 3 });
  });

  it('runs out after all rounds, and says so once', async () => {
    const { minutes, sent, told } = await openDesk();
    await minutes(300);
    expect(sent()).toHaveLength(9);
    expect((await told()).filter((text) => text.startsWith('Nobody has answered: 3 levels were asked 3 times.'))).toHaveLength(1);
  });

  it('asks nobody of what somebody has, and pages again when their time is over', async () => {
    const { world, id, minutes, sent, read } = await openDesk();
    await minutes(6);
    await acknowledgeIncident(world.ports, id, 'kim');
    await minutes(29);
    expect(sent()).toEqual(['inc:escalated:1.1']);
    await minutes(2);
    expect(sent()).toEqual(['inc:escalated:1.1', 'inc:escalated:2.1']);
    expect(world.publisher.delivered[1]?.text).toContain('kim acknowledged it 30 min ago, and it is neither repaired nor calm');
    expect(await read()).toMatchObject({ state: 'open', escalation: { round: 2, level: 1, firstRound: 2 } });
    await minutes(11);
    expect(sent()).toContain('inc:escalated:2.2');
  });

  it('resolves what has stayed calm for as long as the policy says, and tells people then', async () => {
    const { world, minutes, sent, read } = await openDesk();
    world.clock.advance(30);
    const calmAt = world.clock.now();
    await recordResolvedSignal(world.ports, over(calmAt));
    await minutes(4);
    expect((await read()).state).toBe('stable');
    expect(sent()).toEqual([]);
    await minutes(1);
    expect(await read()).toMatchObject({ state: 'resolved', resolvedAt: calmAt, verifiedAt: world.clock.now() });
    expect(await read()).not.toHaveProperty('owesRecovered');
    expect(sent()).toEqual([`inc:resolved:${calmAt}`]);
    await minutes(10);
    expect(sent()).toHaveLength(1);
  });

  it('keeps one incident when the trouble is back before it was verified', async () => {
    const { world, id, minutes, read } = await openDesk();
    await recordResolvedSignal(world.ports, over(addSeconds(opening, 30)));
    await minutes(3);
    const { incident, isNew } = await recordFiring(world.ports, firingOf({ signal: signalOf({ at: world.clock.now() }) }));
    expect([incident.id, isNew, incident.state]).toEqual([id, false, 'open']);
    await minutes(10);
    expect((await read()).state).toBe('open');
  });

  it('links what comes back within 24 h to the one before, in both timelines', async () => {
    const { world, id, minutes, told } = await openDesk();
    await recordResolvedSignal(world.ports, over(addSeconds(opening, 30)));
    await minutes(6);
    const { incident } = await recordFiring(world.ports, firingOf({ signal: signalOf({ at: world.clock.now() }) }));
    expect(incident.reopenOf).toBe(id);
    expect((await told()).at(-1)).toBe(`It came back as ${incident.id}.`);
    expect((await readTimeline(world.memory, scope, incident.id)).map(({ text }) => text)).toContain(
      `It is back: ${id} was at the same place within 24 h before.`,
    );
    await setIncidentState(world.ports, incident.id, 'resolved', 'Replaced', world.clock.now());
    world.clock.advance(86_401);
    const later = await recordFiring(world.ports, firingOf({ signal: signalOf({ at: world.clock.now() }) }));
    expect(later.incident.reopenOf).toBeUndefined();
  });

  it('closes what has not come back for a day, and asks for a post-mortem of what cost more than a fifth of a budget', async () => {
    const { world, id, minutes, read } = await openDesk();
    await setIncidentState(world.ports, id, 'resolved', 'Replaced', world.clock.now());
    await minutes(1);
    expect((await read()).state).toBe('resolved');
    world.clock.advance(86_400);
    await minutes(1);
    expect(await read()).toMatchObject({ state: 'closed' });

    const costly = await openDesk();
    await setIncidentState(costly.world.ports, costly.id, 'resolved', 'Replaced', costly.world.clock.now());
    await recordBudgetShare(costly.world.ports, costly.id, { objective: 'shop-web-availability', badSeconds: 600, share: 0.21 });
    await costly.minutes(1);
    expect(await costly.read()).toMatchObject({ state: 'post-mortem-due', postMortem: { state: 'due' } });
    const before = costly.world.memory.snapshot();
    await costly.minutes(5);
    expect(costly.world.memory.snapshot()).toEqual(before);
  });

  it('decides about a critical one once: without a person it asks for no post-mortem', async () => {
    const { world, id, minutes, read } = await openDesk('critical');
    await setIncidentState(world.ports, id, 'resolved', 'Replaced', world.clock.now());
    await minutes(1);
    expect(await read()).toMatchObject({ state: 'resolved', postMortem: { state: 'none' } });
  });

  it('tells whoever heard of it that it was closed by hand', async () => {
    const { world, id, minutes, sent } = await openDesk();
    await minutes(6);
    await closeIncident(world.ports, id, 'kim', 'instance was ended by hand');
    await minutes(3);
    expect(sent()).toHaveLength(2);
    expect(sent()[1]).toMatch(/^inc:closed:/);
    expect(world.publisher.delivered[1]?.text).toContain('Closed by hand: instance was ended by hand');
    expect(world.publisher.delivered[1]?.subject).toContain('closed by hand');
  });

  it('goes on with the others when one cannot be read', async () => {
    const { world, minutes, sent } = await openDesk();
    const broken = incidentOf({ id: 'inc-20261121T080000-00000000' });
    const key = keys.incident(scope, broken.id);
    const listing = incidentType.listing?.(broken);
    await world.memory.write([{ key, expectedVersion: 0, body: { nonsense: true }, ...(listing === undefined ? {} : { listing }) }]);
    const summaries = await minutes(6);
    expect(sent()).toEqual(['inc:escalated:1.1']);
    expect(summaries.at(-1)?.problems).toHaveLength(1);
  });

  it('wakes nobody while a maintenance window mutes the page, and counts anew afterwards', async () => {
    const { world, id, sent } = await openDesk();
    const window = windowSchema.parse({
      apiVersion: 'perennial/v1',
      kind: 'MaintenanceWindow',
      metadata: { name: 'patching' },
      spec: { systems: ['shop-web'], schedule: '0 9 21 11 *', durationMinutes: 30, author: 'ann' },
    });
    const muted = { ...catalog, windows: [window] };
    const ports = { ...world.ports, catalog: async () => ({ ...whole, windows: [window] }) };
    const asked: number[] = [];
    for (let minute = 1; minute <= 45; minute += 1) {
      world.clock.advance(60);
      const { done } = await runDesk(ports, muted);
      if (done.escalated > 0) asked.push(minute);
    }
    // The window closes at 09:30; level 1 comes five minutes after the last look at which it was open.
    expect(asked).toEqual([34, 44]);
    expect(sent()[0]).toMatch(/^inc:escalated:/);
    expect((await readTimeline(world.memory, scope, id)).filter(({ kind }) => kind === 'escalation')).toHaveLength(asked.length);
  });

  it('survives a crash before and after every call: nothing is lost, and only what may have arrived is repeated', async () => {
    const { calls } = await scenario(0, 'before');
    expect(calls).toBeGreaterThan(3);
    for (const moment of ['before', 'after'] as const) {
      for (let call = 1; call <= calls; call += 1) {
        const { sent, repeats, level } = await scenario(call, moment);
        expect([new Set(sent), level], `${moment} ${call}`).toEqual([new Set(['inc:escalated:1.1']), 1]);
        expect(sent.length - repeats).toBeLessThanOrEqual(1);
      }
    }
  });
});

/** The run that would resolve dies at one call; the runs after it go on. */
const resolving = async (call: number, moment: 'before' | 'after') => {
  const desk = await openDesk();
  await recordResolvedSignal(desk.world.ports, over(addSeconds(opening, 30)));
  await desk.minutes(4);
  desk.world.crashes.dieAt(call, moment);
  await desk.minutes(1).catch((error: unknown) => expect(error).toBeInstanceOf(CrashError));
  const { calls } = desk.world.crashes;
  desk.world.crashes.dieAt(0, 'before');
  await desk.minutes(4);
  return { calls, sent: desk.sent(), incident: await desk.read() };
};

describe('a resolve', () => {
  it('is told also when the desk dies anywhere between the state and the message', async () => {
    const { calls } = await resolving(0, 'before');
    for (const moment of ['before', 'after'] as const) {
      for (let call = 1; call <= calls; call += 1) {
        const { sent, incident } = await resolving(call, moment);
        expect([new Set(sent), incident.state], `${moment} ${call}`).toEqual([new Set([`inc:resolved:${addSeconds(opening, 30)}`]), 'resolved']);
        expect(incident).not.toHaveProperty('owesRecovered');
      }
    }
  });
});

describe('whose turn it is', () => {
  it('is everybody at once up to 500, and beyond that everybody within a few minutes', () => {
    const many = Array.from({ length: 1203 }, (_, index) => incidentOf({ id: `inc-${String(index).padStart(5, '0')}` }));
    expect(inTurn(many.slice(0, 500), opening)).toHaveLength(500);
    const seen = new Set([0, 1, 2, 3, 4].flatMap((minute) => inTurn(many, addSeconds(opening, minute * 60)).map(({ id }) => id)));
    expect(inTurn(many, opening)).toHaveLength(500);
    expect(seen.size).toBe(1203);
  });
});
