import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EscalationPolicy, escalationPolicySchema } from '../../../../core/catalog/schema.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { channelsOf } from '../../../../core/incidents/fan-out/channels.ts';
import { builtInEscalation, type Escalation, escalationOf, isWithinHours, nextEscalation } from '../../../../core/incidents/lifecycle/escalation.ts';
import type { Incident } from '../../../../core/incidents/record.ts';
import { severityOfUsage, usageLevels } from '../../../../core/signals/levels.ts';
import { incidentOf, opening } from '../world.ts';

const after = (minutes: number) => addSeconds(opening, minutes * 60);

function policyOf(spec: Readonly<Record<string, unknown>>): EscalationPolicy {
  return escalationPolicySchema.parse({ apiVersion: 'perennial/v1', kind: 'EscalationPolicy', metadata: { name: 'x' }, spec });
}

/** Plays the desk minute by minute; gives when whom. */
function play(policy: Escalation, minutes: number, start: Incident = incidentOf()): readonly string[] {
  let incident = start;
  const asked: string[] = [];
  for (let minute = 0; minute <= minutes; minute += 1) {
    const decision = nextEscalation(incident, policy, after(minute));
    if (decision.kind === 'escalate') {
      const { round, level } = decision;
      asked.push(`${minute}: ${round}.${level} ${decision.roles.join('+')}`);
      incident = { ...incident, escalation: { round, level, at: after(minute), firstRound: incident.escalation?.firstRound ?? 1 } };
    } else if (decision.kind === 'exhausted' && incident.escalation !== undefined) {
      asked.push(`${minute}: exhausted`);
      incident = { ...incident, escalation: { ...incident.escalation, isExhausted: true } };
    }
  }
  return asked;
}

describe('nextEscalation', () => {
  it('asks level by level, repeats twice and then runs out', () => {
    expect(play(builtInEscalation, 600)).toEqual([
      '5: 1.1 operators',
      '15: 1.2 operators+owner',
      '30: 1.3 operators+owner+developers+business',
      '60: 2.1 operators',
      '70: 2.2 operators+owner',
      '85: 2.3 operators+owner+developers+business',
      '115: 3.1 operators',
      '125: 3.2 operators+owner',
      '140: 3.3 operators+owner+developers+business',
      '170: exhausted',
    ]);
  });

  it.each(['acknowledged', 'repairing', 'stable', 'resolved', 'post-mortem-due', 'closed'] as const)('asks nobody of one that is %s', (state) => {
    expect(nextEscalation(incidentOf({ state }), builtInEscalation, after(500)).kind).toBe('none');
  });

  it('wakes nobody for what the policy does not list (S4-31)', () => {
    for (const severity of ['warning', 'info'] as const)
      expect(nextEscalation(incidentOf({ severity }), builtInEscalation, after(500))).toMatchObject({ kind: 'none' });
  });

  it('says who did not answer, and for how long', () => {
    const decision = nextEscalation(incidentOf({ escalation: { round: 1, level: 1, at: after(5), firstRound: 1 } }), builtInEscalation, after(15));
    expect(decision.reason).toBe(
      'Nobody has acknowledged it for 15 min. operators did not answer since 09:05:00 UTC. Now asked: operators, owner (level 2 of 3, round 1).',
    );
  });

  it('passes over a level outside of its hours, and takes it when they begin', () => {
    const office = { timeZone: 'Asia/Seoul', days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '09:00', to: '18:00' };
    const levels = [
      { afterMinutes: 5, roles: ['office'], hours: office },
      { afterMinutes: 10, roles: ['night'] },
    ];
    // The opening is a Saturday.
    expect(play(policyOf({ levels, repeats: 0 }).spec, 60)).toEqual(['10: 1.2 night', '40: exhausted']);
    const monday = incidentOf({ openedAt: '2026-11-22T23:50:00.000Z' });
    const { spec } = policyOf({ levels: levels.slice(0, 1), repeats: 0 });
    expect(nextEscalation(monday, spec, '2026-11-22T23:59:00.000Z')).toMatchObject({ kind: 'wait' });
    expect(nextEscalation(monday, spec, '2026-11-23T00:00:00.000Z')).toMatchObject({ kind: 'escalate', level: 1 });
  });

  it('goes on when the catalog has fewer levels than before', () => {
    const incident = incidentOf({ escalation: { round: 1, level: 3, at: after(30), firstRound: 1 } });
    const { spec } = policyOf({ levels: [{ afterMinutes: 5, roles: ['operators'] }] });
    expect(nextEscalation(incident, spec, after(60))).toMatchObject({ kind: 'escalate', round: 2, level: 1 });
  });

  it('never asks one level of a round twice, and never more rounds than the policy says', () => {
    const level = fc.record({ afterMinutes: fc.integer({ min: 1, max: 60 }), roles: fc.constant(['operators']) });
    const policies = fc.record({
      levels: fc.uniqueArray(level, { minLength: 1, maxLength: 5, selector: ({ afterMinutes }) => afterMinutes }),
      repeats: fc.integer({ min: 0, max: 3 }),
      repeatAfterMinutes: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(policies, ({ levels, repeats, repeatAfterMinutes }) => {
        const rising = levels.toSorted((left, right) => left.afterMinutes - right.afterMinutes);
        const asked = play(policyOf({ levels: rising, repeats, repeatAfterMinutes }).spec, 1000).map((text) => text.split(' ')[1]);
        expect(new Set(asked).size).toBe(asked.length);
        expect(asked).toHaveLength(levels.length * (repeats + 1) + 1);
        expect(asked.at(-1)).toBe('exhausted');
      }),
      { numRuns: 50 },
    );
  });
});

const hours = (from: string, to: string, timeZone: string) =>
  policyOf({ levels: [{ afterMinutes: 1, roles: ['x'], hours: { from, to, timeZone, days: ['mon'] } }] }).spec.levels[0]?.hours;

describe('isWithinHours', () => {
  it.each([
    ['09:00', '18:00', 'Etc/UTC', '2026-11-23T09:00:00.000Z', true],
    ['09:00', '18:00', 'Etc/UTC', '2026-11-23T08:59:59.999Z', false],
    ['09:00', '18:00', 'Etc/UTC', '2026-11-23T18:00:00.000Z', false],
    ['09:00', '18:00', 'Etc/UTC', '2026-11-24T12:00:00.000Z', false],
    // Over midnight: what began on Monday ends on Tuesday.
    ['22:00', '06:00', 'Etc/UTC', '2026-11-23T23:00:00.000Z', true],
    ['22:00', '06:00', 'Etc/UTC', '2026-11-24T05:59:00.000Z', true],
    ['22:00', '06:00', 'Etc/UTC', '2026-11-23T05:59:00.000Z', false],
    ['00:00', '00:00', 'Etc/UTC', '2026-11-23T12:00:00.000Z', true],
    // The wall clock counts on both sides of daylight saving: Berlin is +1 in winter, +2 in summer.
    ['09:00', '18:00', 'Europe/Berlin', '2026-03-23T08:00:00.000Z', true],
    ['09:00', '18:00', 'Europe/Berlin', '2026-03-30T07:00:00.000Z', true],
    ['09:00', '18:00', 'Europe/Berlin', '2026-03-30T06:59:00.000Z', false],
  ])('%s to %s in %s at %s: %s', (from, to, timeZone, now, expected) => {
    expect(isWithinHours(hours(from, to, timeZone), now)).toBe(expected);
  });

  it('is always without hours', () => {
    expect(isWithinHours(undefined, opening)).toBe(true);
  });
});

describe('which policy holds', () => {
  const named = policyOf({ systems: ['shop-web'], levels: [{ afterMinutes: 1, roles: ['web'] }] });
  const others = policyOf({ levels: [{ afterMinutes: 2, roles: ['all'] }] });

  it('the one that names the system, else the one that names none, else the built-in levels', () => {
    expect(escalationOf({ escalations: [others, named] }, 'shop-web')).toBe(named.spec);
    expect(escalationOf({ escalations: [named, others] }, 'shop-db')).toBe(others.spec);
    expect(escalationOf({ escalations: [named] }, undefined)).toBe(builtInEscalation);
    expect(escalationOf({}, 'shop-web')).toBe(builtInEscalation);
  });
});

describe('levels of use', () => {
  it('50, 70 and 90 % are three severities with three sets of channels (S4-27)', () => {
    expect([49, 50, 69.9, 70, 89, 90, 100].map(severityOfUsage)).toEqual([undefined, 'info', 'info', 'warning', 'warning', 'high', 'high']);
    const routes = usageLevels.map(({ fromPercent, severity }) => [fromPercent, channelsOf(severity === 'high' ? 'needs-person' : 'detected', severity)]);
    expect(routes).toEqual([
      [90, ['https', 'email', 'sms']],
      [70, ['https', 'email']],
      [50, ['https']],
    ]);
  });
});
