import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lifecycle, nextState, renderLifecycle, stateMeanings } from '../../../../core/incidents/lifecycle/lifecycle.ts';
import { incidentSchema, incidentStateSchema, incidentType, isAnswered, isOver } from '../../../../core/incidents/record.ts';
import { incidentOf } from '../world.ts';

const states = incidentStateSchema.options;
const events = [...new Set(lifecycle.map(({ event }) => event))];

describe('the lifecycle of an incident', () => {
  it('is what docs/incidents.md prints (S3-22)', () => {
    expect(readFileSync(new URL('../../../../docs/incidents.md', import.meta.url), 'utf8')).toContain(renderLifecycle().join('\n'));
  });

  it('leads from one state by one event to one state', () => {
    const steps = lifecycle.flatMap(({ from, event }) => from.map((state) => `${state} ${event}`));
    expect(new Set(steps).size).toBe(steps.length);
  });

  it('reaches every state, and from every state an end', () => {
    const reached = new Set<string>(['open', ...lifecycle.map(({ to }) => to)]);
    expect([...reached].toSorted()).toEqual(Object.keys(stateMeanings).toSorted());
    for (const state of states) expect(state === 'closed' || events.some((event) => nextState(state, event) !== undefined)).toBe(true);
  });

  it('resolves nothing but what is verified, asked for, or closed by a person: silence is no health', () => {
    const ends = lifecycle.filter(({ from, to }) => isOver({ state: to }) && from.some((state) => !isOver({ state }))).map(({ event, from }) => [event, from]);
    expect(ends).toEqual([
      ['repair-verified', ['open', 'acknowledged', 'repairing', 'stable']],
      ['held', ['stable']],
      ['request-ended', ['open', 'acknowledged', 'repairing', 'stable']],
      ['closed-by-hand', ['open', 'acknowledged', 'stable', 'resolved']],
    ]);
    expect(nextState('open', 'held')).toBeUndefined();
  });

  it('is opened again, once it is over, by nothing but a repair that goes on', () => {
    const reopening = lifecycle.filter(({ from, to }) => !isOver({ state: to }) && from.some((state) => isOver({ state })));
    expect(reopening.map(({ event }) => event)).toEqual(['repair-began']);
  });

  it('walks any way only through its own states, and never leaves closed but by a repair', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (walk) => {
        let state = incidentStateSchema.parse('open');
        for (const event of walk) {
          const next = nextState(state, event) ?? state;
          if (state === 'closed' && next !== 'closed') expect(event).toBe('repair-began');
          state = next;
        }
        expect(states).toContain(state);
      }),
    );
  });
});

describe('the record', () => {
  it('reads what a version before this one has written', () => {
    for (const state of ['open', 'repairing', 'resolved'] as const) expect(incidentSchema.parse(incidentOf({ state }))).toMatchObject({ state });
  });

  it('is on the list of open ones exactly while it is not over', () => {
    for (const state of states) {
      const listing = incidentType.listing?.(incidentOf({ state }))?.list ?? '';
      expect(listing.includes('#open-incident#')).toBe(!isOver({ state }));
      expect(isAnswered({ state })).toBe(state !== 'open');
    }
    expect(incidentType.listing?.(incidentOf({ state: 'closed' }))).toBeUndefined();
    expect(incidentType.listing?.(incidentOf({ state: 'closed', owesRecovered: true }))?.order).toMatch(/^0#/);
    expect(incidentType.listing?.(incidentOf({ state: 'resolved', resolvedAt: '2026-11-21T10:00:00.000Z' }))?.order).toMatch(/^2026-11-22T10:00/);
  });
});
