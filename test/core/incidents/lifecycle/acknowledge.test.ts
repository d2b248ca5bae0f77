import { describe, expect, it } from 'vitest';
import { acknowledgeIncident, decideAcknowledgement, noteAcknowledgement } from '../../../../core/incidents/lifecycle/acknowledge.ts';
import { closeIncident, noteIncident } from '../../../../core/incidents/lifecycle/by-hand.ts';
import { readTimeline, recordFiring, setIncidentState } from '../../../../core/incidents/incidents.ts';
import { type Incident, incidentType } from '../../../../core/incidents/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { createWorld, firingOf, incidentOf, opening, scope } from '../world.ts';

type World = ReturnType<typeof createWorld>;

async function opened(): Promise<{
  readonly world: World;
  readonly id: string;
  readonly read: () => Promise<Incident>;
  readonly told: () => Promise<readonly string[]>;
}> {
  const world = createWorld();
  const { incident } = await recordFiring(world.ports, firingOf());
  const read = async (): Promise<Incident> => (await readRecord(world.memory, incidentType, keys.incident(scope, incident.id)))?.body ?? incident;
  const told = async () => (await readTimeline(world.memory, scope, incident.id)).map(({ text }) => text);
  return { world, id: incident.id, read, told };
}

describe('acknowledging', () => {
  it('gives the incident to whoever says so for 30 minutes, and says so on its timeline (S3-22)', async () => {
    const { world, id, read, told } = await opened();
    expect(await acknowledgeIncident(world.ports, id, 'kim')).toMatchObject({ kind: 'accepted' });
    expect(await read()).toMatchObject({
      state: 'acknowledged',
      owner: 'team-shop',
      acknowledged: { by: 'kim', at: '2026-11-21T09:00:05.000Z', until: '2026-11-21T09:30:05.000Z', isNoted: true },
    });
    expect((await told()).at(-1)).toMatch(/^Acknowledged by kim until 09:30/);
  });

  it('again takes it over and gives it more time', async () => {
    const { world, id, read } = await opened();
    await acknowledgeIncident(world.ports, id, 'kim');
    world.clock.advance(60);
    await acknowledgeIncident(world.ports, id, 'lee', 120);
    expect(await read()).toMatchObject({ state: 'acknowledged', acknowledged: { by: 'lee', until: '2026-11-21T11:01:05.000Z' } });
  });

  it('leaves a repair to its work, and its failure pages as if nobody had it', async () => {
    const { world, id, read } = await opened();
    await setIncidentState(world.ports, id, 'repairing', 'Replacing', opening);
    expect(await acknowledgeIncident(world.ports, id, 'kim')).toMatchObject({ kind: 'accepted', incident: { state: 'repairing' } });
    await setIncidentState(world.ports, id, 'open', 'It failed', opening);
    expect((await read()).acknowledged).toBeUndefined();
    expect((await read()).state).toBe('open');
  });

  it.each(['stable', 'resolved', 'post-mortem-due', 'closed'] as const)('is refused with a reason for one that is %s', (state) => {
    const decided = decideAcknowledgement(incidentOf({ state }), { by: 'kim', minutes: 30, at: opening });
    expect(decided).toMatchObject({ kind: 'refused' });
    expect(decided.reason).toMatch(/nothing to acknowledge\. Nothing was changed\.$/);
  });

  it.each([0, -1, 1.5, 1441, Number.NaN])('is refused for %s minutes', (minutes) => {
    expect(decideAcknowledgement(incidentOf(), { by: 'kim', minutes, at: opening })).toMatchObject({ kind: 'refused' });
  });

  it('is refused for an incident that nobody knows', async () => {
    const { world } = await opened();
    expect(await acknowledgeIncident(world.ports, 'inc-none', 'kim')).toMatchObject({ kind: 'refused' });
  });

  it('by the console is put on the timeline by the desk, once', async () => {
    const { world, id, read, told } = await opened();
    const acknowledged = { by: 'console', at: '2026-11-21T09:01:00.000Z', until: '2026-11-21T09:31:00.000Z' };
    await updateRecord(world.memory, incidentType, keys.incident(scope, id), (found) =>
      found === undefined ? found : { ...found, state: 'acknowledged' as const, acknowledged },
    );
    expect(await noteAcknowledgement(world.ports, await read())).toBe(true);
    expect(await noteAcknowledgement(world.ports, await read())).toBe(false);
    expect((await told()).filter((text) => text.startsWith('Acknowledged by console'))).toHaveLength(1);
  });
});

describe('by hand', () => {
  it('closes what nothing else closes: nobody resolves for an instance that a person has ended', async () => {
    const { world, id, read, told } = await opened();
    expect(await closeIncident(world.ports, id, 'kim', 'ended it in the console, call +49 170 1234567')).toMatchObject({ kind: 'accepted' });
    expect(await read()).toMatchObject({
      state: 'closed',
      closedBy: 'kim',
      resolvedAt: '2026-11-21T09:00:05.000Z',
      resolution: 'Closed by hand: ended it in the console, call [phone]',
      owesRecovered: true,
    });
    expect((await told()).at(-1)).toBe('Closed by kim: ended it in the console, call [phone]');
    const before = world.memory.snapshot();
    expect(await closeIncident(world.ports, id, 'kim', 'again')).toMatchObject({ kind: 'already' });
    expect(world.memory.snapshot()).toEqual(before);
  });

  it('does not close under a repair, nor past a post-mortem', async () => {
    const { world, id, read } = await opened();
    await setIncidentState(world.ports, id, 'repairing', 'Replacing', opening);
    expect(await closeIncident(world.ports, id, 'kim', 'x')).toMatchObject({ kind: 'refused', reason: expect.stringContaining('abort') as unknown });
    await updateRecord(world.memory, incidentType, keys.incident(scope, id), (found) =>
      found === undefined ? found : { ...found, state: 'post-mortem-due' as const, postMortem: { state: 'due' as const, because: 'It cost 40 %' } },
    );
    expect(await closeIncident(world.ports, id, 'kim', 'x')).toMatchObject({ kind: 'refused', reason: expect.stringContaining('It cost 40 %') as unknown });
    expect((await read()).state).toBe('post-mortem-due');
    expect(await closeIncident(world.ports, 'inc-none', 'kim', 'x')).toMatchObject({ kind: 'refused' });
  });

  it('puts a note on the timeline, masked, also of one that is over (S3-23)', async () => {
    const { world, id, told } = await opened();
    await setIncidentState(world.ports, id, 'resolved', 'Replaced', opening);
    expect(await noteIncident(world.ports, id, 'kim', 'Ask ann@example.com\nabout the cache')).toMatchObject({ kind: 'accepted' });
    expect((await told()).at(-1)).toBe('kim: Ask [e-mail] about the cache');
    expect(await noteIncident(world.ports, id, 'kim', ' \n ')).toMatchObject({ kind: 'refused' });
    expect(await noteIncident(world.ports, 'inc-none', 'kim', 'x')).toMatchObject({ kind: 'refused' });
  });
});
