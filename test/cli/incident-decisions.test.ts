import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { incidentAnswerSchema, incidentReportSchema } from '../../cli/schemas.ts';
import { listOpenIncidents, recordFiring } from '../../core/incidents/incidents.ts';
import { readSignals } from '../../core/signals/normalise.ts';
import { firingOf } from '../core/incidents/world.ts';
import { testHasher, testScope } from '../core/remediation/world.ts';
import { containing, createDesk, type Desk, type as typeWords, typeJson } from './terminal.ts';

let desk: Desk;
let id: string;
beforeEach(async () => {
  desk = await createDesk();
  const { store, clock } = desk.world;
  id = (await recordFiring({ store, scope: testScope, clock, hasher: testHasher }, firingOf())).incident.id;
});

const type = (...words: readonly string[]) => typeWords(words, desk.target);
const incident = async () => (await listOpenIncidents(desk.world.store, testScope))[0];

async function answer(...words: readonly string[]): Promise<z.infer<typeof incidentAnswerSchema>> {
  const { exitCode, json } = await typeJson(words, desk.target);
  expect(exitCode).toBe(0);
  return z.parse(incidentAnswerSchema, json);
}

describe('acknowledge', () => {
  it('takes the incident for 30 minutes in the name of whoever is logged in (S3-22)', async () => {
    expect(await answer('acknowledge', id)).toMatchObject({ id, state: 'acknowledged', by: 'kim', until: '2026-11-21T09:30:00.000Z', isChanged: true });
    expect((await incident())?.acknowledged).toMatchObject({ by: 'kim' });
  });

  it('takes another name and time', async () => {
    expect(await answer('acknowledge', id, '--for', '2h', '--by', 'lee')).toMatchObject({ by: 'lee', until: '2026-11-21T11:00:00.000Z' });
  });

  it('refuses a time that is none, one too long, and an incident that nobody knows', async () => {
    for (const time of ['soon', '10s', '25h']) expect(await type('acknowledge', id, '--for', time)).toMatchObject({ exitCode: 1 });
    const { exitCode, error } = await type('acknowledge', 'inc-none');
    expect(exitCode).toBe(1);
    expect(error).toContain('There is no incident inc-none in 111122223333/eu-central-1. Nothing was changed.');
    expect((await incident())?.state).toBe('open');
  });
});

describe('incidents', () => {
  it('close needs a reason and closes what nothing else closes', async () => {
    expect(await type('incidents', 'close', id)).toMatchObject({ exitCode: 1 });
    expect(await type('incidents', 'close', id, '--reason', ' ')).toMatchObject({ exitCode: 1 });
    expect(await answer('incidents', 'close', id, '--reason', 'ended by hand')).toMatchObject({ id, state: 'closed', by: 'kim', isChanged: true });
    expect(await answer('incidents', 'close', id, '--reason', 'ended by hand')).toMatchObject({ isChanged: false });
    expect(await incident()).toBeUndefined();
  });

  it('note puts a masked text on the timeline', async () => {
    expect((await type('incidents', 'note', id, 'ask ann@example.com', '--by', 'lee')).out).toContain('ask [e-mail]');
    expect((await type('incidents', id)).out).toContain('lee: ask [e-mail]');
  });

  it('open sends a report that reads as a firing signal of the system (S3-25)', async () => {
    const { json } = await typeJson(['incidents', 'open', '--system', 'shop-web', '--title', 'Checkout shows an empty page', '--customer'], desk.target);
    expect(z.parse(incidentReportSchema, json)).toMatchObject({ system: 'shop-web', severity: 'high', by: 'kim', state: 'requested' });
    const [body = ''] = desk.queues.bodiesOf('q/signals');
    expect(readSignals(JSON.parse(body), { hasher: testHasher, scope: testScope, receivedAt: desk.world.clock.now() })).toMatchObject({
      signals: [
        {
          kind: 'system.reported',
          subject: { type: 'system', id: 'shop-web' },
          severity: 'high',
          state: 'firing',
          summary: 'Reported by a customer: Checkout shows an empty page',
          details: { by: 'kim', detectedBy: 'customer' },
        },
      ],
    });
  });

  it('open refuses a system that is not declared, and says which is meant', async () => {
    const { exitCode, error } = await type('incidents', 'open', '--system', 'shop-wbe', '--title', 'x');
    expect([exitCode, error]).toEqual([1, containing('Did you mean shop-web?')]);
    expect(await type('incidents', 'open', '--system', 'shop-web', '--title', 'x', '--severity', 'info')).toMatchObject({ exitCode: 1 });
  });

  it('still lists, and shows one, with the options of every command', async () => {
    expect((await type('incidents', '--limit', '5')).out).toContain(id);
    expect((await typeJson(['incidents', id], desk.target)).json).toMatchObject({ id, state: 'open' });
  });
});
