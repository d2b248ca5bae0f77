import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import type { PastIncident } from '../../../../core/incidents/learning/past.ts';
import type { Incident, TimelineEvent } from '../../../../core/incidents/record.ts';
import { kindsText, toilOf } from '../../../../core/incidents/learning/toil.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { incidentOf, opening, remediationOf } from '../world.ts';

const at = (seconds: number) => addSeconds(opening, seconds);
const acknowledged = (seconds: number): TimelineEvent => ({
  at: at(seconds),
  eventId: `acknowledged:${at(seconds)}`,
  incidentId: 'i',
  kind: 'acknowledged',
  text: 'Acknowledged by kim until 09:30:00 UTC',
});

function past(id: string, change: Partial<Incident> = {}, timeline: readonly TimelineEvent[] = []): PastIncident {
  return { incident: incidentOf({ id, state: 'closed', resolvedAt: at(1800), ...change }), timeline };
}

const repair = (id: string, change: Partial<Remediation>): Remediation => remediationOf({ id: `rem-${id}`, incidentId: id, ...change });
const toil = (incidents: readonly PastIncident[], remediations: readonly Remediation[] = []) =>
  toilOf({ from: at(-86_400 * 30), to: at(86_400), incidents, remediations, isCut: false });

const request = { by: 'kim', reason: 'odd noises', at: at(5) };

describe('toilOf', () => {
  it('counts what people did, by system and cause, with the minutes until the trouble was over (S2-01)', () => {
    const found = toil(
      [past('inc-1', {}, [acknowledged(600), acknowledged(1200)]), past('inc-2', {}, [acknowledged(1500)]), past('inc-3', { system: 'mail' })],
      [
        repair('inc-2', {
          approval: {
            requestedAt: at(1),
            expiresAt: at(900),
            findings: [],
            plan: { phases: [], kept: [], cannotKeep: [] },
            granted: { by: 'kim', at: at(60) },
          },
        }),
        repair('inc-3', { request, abort: { by: 'kim', reason: 'wrong', at: at(30) } }),
      ],
    );
    expect(found.rows).toEqual([
      {
        system: 'shop-web',
        cause: 'shop-web-unhealthy',
        interventions: 4,
        byKind: { acknowledge: 3, approve: 1 },
        incidents: 2,
        minutes: 49,
        isRepeated: false,
        lastAt: at(1500),
      },
      {
        system: 'mail',
        cause: 'shop-web-unhealthy',
        interventions: 2,
        byKind: { replace: 1, abort: 1 },
        incidents: 1,
        minutes: 30,
        isRepeated: false,
        lastAt: at(30),
      },
    ]);
    expect(found).toMatchObject({ interventions: 6, minutes: 79 });
    expect(kindsText(found.rows[0]?.byKind ?? {})).toBe('3 acknowledge, 1 approve');
  });

  it.each<[string, PastIncident, readonly Remediation[], string]>([
    ['a way back', past('i'), [repair('i', { request, revertOf: 'rem-0' })], 'revert'],
    ['a freeze', past('i', {}, [{ at: at(1), eventId: `rem-1:frozen:${at(1)}`, incidentId: 'i', kind: 'remediation', text: 'Frozen' }]), [], 'freeze'],
    ['a report of a person', past('i', { detectedBy: 'person', signals: {} }), [], 'open'],
    ['a close by hand', past('i', {}, [{ at: at(1), eventId: `closed:${at(1)}`, incidentId: 'i', kind: 'state', text: 'Closed by kim: gone' }]), [], 'close'],
    ['an acknowledgement that the timeline does not know yet', past('i', { acknowledged: { by: 'kim', at: at(9), until: at(99) } }), [], 'acknowledge'],
  ])('counts %s', (_what, one, remediations, kind) => {
    expect(toil([one], remediations).rows[0]?.byKind).toEqual({ [kind]: 1 });
  });

  it('never counts administration: drills, and repairs that nobody touched (S2-02)', () => {
    const drill = repair('inc-1', { isDrill: true, request });
    expect(toil([past('inc-1')], [drill, repair('inc-1', { state: 'succeeded' })])).toMatchObject({ rows: [], interventions: 0, minutes: 0, drills: 1 });
  });

  it('marks what is done again and again, and knows no minutes of what still lasts', () => {
    const { resolvedAt: _resolvedAt, ...lasting } = incidentOf({ id: 'inc-9', state: 'acknowledged' });
    expect(toil([{ incident: lasting, timeline: [acknowledged(1)] }]).rows[0]).toMatchObject({ minutes: null, isRepeated: false });
    const same = ['inc-1', 'inc-2', 'inc-3'].map((id) => past(id, {}, [acknowledged(1)]));
    expect(toil(same).rows[0]).toMatchObject({ incidents: 3, isRepeated: true });
    expect(toil(same.slice(1)).rows[0]).toMatchObject({ isRepeated: false });
  });

  it('adds up, whatever the order', () => {
    const incident = fc.record({ system: fc.constantFrom('a', 'b'), acks: fc.integer({ min: 0, max: 4 }) });
    fc.assert(
      fc.property(fc.array(incident, { maxLength: 15 }), (rows) => {
        const incidents = rows.map(({ system, acks }, index) =>
          past(
            `inc-${index}`,
            { system },
            Array.from({ length: acks }, (_, ack) => acknowledged(ack * 60)),
          ),
        );
        const found = toil(incidents);
        expect(found.interventions).toBe(rows.reduce((sum, { acks }) => sum + acks, 0));
        expect(found.rows.reduce((sum, row) => sum + row.interventions, 0)).toBe(found.interventions);
        expect(toil(incidents.toReversed())).toEqual(found);
      }),
    );
  });
});
