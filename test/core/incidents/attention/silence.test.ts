import { describe, expect, it } from 'vitest';
import {
  activeSilence,
  addSilence,
  endSilence,
  isSilencedBy,
  type NewSilence,
  readSilences,
  type Silence,
  silenceState,
} from '../../../../core/incidents/attention/silence.ts';
import { createWorld, incidentOf, scope } from '../world.ts';

const base: Silence = {
  id: 'sil-1',
  ...scope,
  matchers: { system: 'shop-web' },
  author: 'kim',
  reason: 'load test',
  createdAt: '2026-11-21T09:00:00.000Z',
  startsAt: '2026-11-21T09:00:00.000Z',
  endsAt: '2026-11-21T11:00:00.000Z',
};

describe('silenceState', () => {
  const saturdays: Partial<Silence> = {
    startsAt: '2026-10-20T00:00:00.000Z',
    endsAt: '2026-11-15T00:00:00.000Z',
    recurring: { schedule: '0 2 * * 6', timeZone: 'Europe/Berlin', durationMinutes: 120 },
  };
  it.each<[string, Partial<Silence>, string, string]>([
    ['not yet', {}, '2026-11-21T08:59:59.999Z', 'pending'],
    ['from its start', {}, '2026-11-21T09:00:00.000Z', 'active'],
    ['not at its end', {}, '2026-11-21T11:00:00.000Z', 'expired'],
    ['recurring, in summer time: 02:00 is 00:00Z', saturdays, '2026-10-24T00:00:00.000Z', 'active'],
    ['recurring, in winter time: 02:00 is 01:00Z', saturdays, '2026-10-31T00:59:00.000Z', 'resting'],
    ['recurring, in winter time', saturdays, '2026-10-31T01:00:00.000Z', 'active'],
    ['recurring, its end is not part of it', saturdays, '2026-10-31T03:00:00.000Z', 'resting'],
    ['recurring, after its last day', saturdays, '2026-11-21T01:30:00.000Z', 'expired'],
    ['by interval', { recurring: { timeZone: 'Asia/Seoul', times: [{ start: '18:00', end: '19:00' }] } }, '2026-11-21T09:30:00.000Z', 'active'],
    ['by interval, outside', { recurring: { timeZone: 'Asia/Seoul', times: [{ start: '18:00', end: '19:00' }] } }, '2026-11-21T10:00:00.000Z', 'resting'],
  ])('%s', (_name, change, now, expected) => expect(silenceState({ ...base, ...change }, now)).toBe(expected));
});

describe('isSilencedBy', () => {
  const incident = incidentOf();
  it.each<[string, Silence['matchers'], boolean]>([
    ['its system', { system: 'shop-web' }, true],
    ['a pattern', { system: 'shop-*' }, true],
    ['another system', { system: 'shop-db' }, false],
    ['its severity', { severities: ['high', 'warning'] }, true],
    ['another severity', { system: 'shop-web', severities: ['warning'] }, false],
    ['the rule that fires', { rule: 'shop-web-*' }, true],
    ['its instance', { instance: 'i-0aaa' }, true],
    ['another instance', { system: 'shop-web', instance: 'i-0bbb' }, false],
  ])('%s', (_name, matchers, expected) => expect(isSilencedBy({ matchers }, incident)).toBe(expected));

  it('never hides another rule of the same incident', () => {
    const signals = { f1: { state: 'firing', rule: 'noisy', at: '1' }, f2: { state: 'firing', rule: 'real', at: '1' } } as const;
    expect(isSilencedBy({ matchers: { rule: 'noisy' } }, incidentOf({ signals }))).toBe(false);
    expect(isSilencedBy({ matchers: { rule: 'noisy' } }, incidentOf({ signals: { ...signals, f2: { ...signals.f2, state: 'resolved' } } }))).toBe(true);
  });

  it('never hides what has no system or no instance', () => {
    const { system: _system, ...unknown } = incidentOf({ subject: { type: 'alarm', id: 'i-0aaa' } });
    expect(isSilencedBy({ matchers: { system: '*' } }, unknown)).toBe(false);
    expect(isSilencedBy({ matchers: { instance: '*' } }, unknown)).toBe(false);
  });

  it('names the one that ends last', () => {
    const later = { ...base, id: 'sil-2', endsAt: '2026-11-21T12:00:00.000Z' };
    expect(activeSilence([base, later, { ...later, id: 'sil-3', matchers: { system: 'x' } }], incident, '2026-11-21T10:00:00.000Z')?.id).toBe('sil-2');
  });
});

describe('addSilence', () => {
  const wanted: NewSilence = {
    id: 'sil-9',
    matchers: { system: 'shop-web' },
    author: 'kim',
    reason: 'ask kim@example.com',
    startsAt: base.startsAt,
    endsAt: base.endsAt,
  };

  it('stores it once, masked, and ends it once (S4-23)', async () => {
    const world = createWorld();
    await addSilence(world.ports, wanted);
    await addSilence(world.ports, { ...wanted, reason: 'again' });
    expect(await readSilences(world.ports)).toMatchObject([{ id: 'sil-9', reason: 'ask [e-mail]' }]);
    world.clock.advance(60);
    expect(await endSilence(world.ports, 'sil-9', 'lee')).toMatchObject({ isChanged: true, silence: { endedBy: 'lee', endsAt: world.clock.now() } });
    expect(await endSilence(world.ports, 'sil-9', 'lee')).toMatchObject({ isChanged: false });
    expect(await endSilence(world.ports, 'none', 'lee')).toBeUndefined();
  });

  it.each<[string, Partial<NewSilence>, string]>([
    ['without a reason', { reason: ' ' }, 'needs a reason'],
    ['that ends before it starts', { endsAt: '2026-11-21T08:00:00.000Z' }, 'must end after it starts'],
    ['of the past', { startsAt: '2026-11-20T08:00:00.000Z', endsAt: '2026-11-20T09:00:00.000Z' }, 'over already'],
    ['of 31 days', { endsAt: '2026-12-22T09:00:00.000Z' }, '30 days at most'],
    ['of everything, by an empty selector', { matchers: {} }, 'must say what is silenced'],
    ['with a schedule that is none', { recurring: { schedule: '0 25 * * *', timeZone: 'Etc/UTC', durationMinutes: 60 } }, 'is no schedule'],
    ['with a zone that is none', { recurring: { schedule: '0 2 * * *', timeZone: 'Mars/Olympus', durationMinutes: 60 } }, 'is no schedule'],
    ['with times of no length', { recurring: { schedule: '0 2 * * *', timeZone: 'Etc/UTC', durationMinutes: 0 } }, '1 minute to 7 days'],
    ['with an empty interval', { recurring: { timeZone: 'Etc/UTC' } }, 'must say when'],
  ])('refuses one %s', async (_name, change, text) => {
    const world = createWorld();
    await expect(addSilence(world.ports, { ...wanted, ...change })).rejects.toThrow(text);
    expect(await readSilences(world.ports)).toEqual([]);
  });
});
