import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../core/environment/time.ts';
import { decideSignal, type StoredSignal } from '../../../core/signals/admit.ts';
import type { SignalState } from '../../../core/signals/signal.ts';

const start = '2026-11-21T09:00:00.000Z';
const fingerprint = 'f';
const at = (seconds: number): string => addSeconds(start, seconds);
const said = (state: SignalState, seconds: number): { state: SignalState; at: string; fingerprint: string } => ({ state, at: at(seconds), fingerprint });
const stored = (state: SignalState, seconds: number): StoredSignal => ({ fingerprint, state, changedAt: at(seconds) });

describe('decideSignal', () => {
  it.each([
    ['the first one', undefined, said('firing', 0), 'new'],
    ['another state, later', stored('firing', 0), said('resolved', 0.2), 'new'],
    ['another state, older', stored('firing', 5), said('resolved', 4.9), 'late'],
    ['the same again', stored('firing', 0), said('firing', 0), 'duplicate'],
    ['the other way of arrival, a second apart', stored('firing', 0), said('firing', 1), 'duplicate'],
    ['the other way of arrival, delivered first', stored('firing', 1), said('firing', 0), 'duplicate'],
    ['firing anew', stored('firing', 0), said('firing', 1.001), 'new'],
    ['an old one of the same state', stored('firing', 2), said('firing', 0.9), 'late'],
    ['resolved at the moment of firing', stored('firing', 0), said('resolved', 0), 'late'],
    ['firing at the moment of resolved', stored('resolved', 0), said('firing', 0), 'new'],
    ['info at the moment of firing', stored('firing', 0), said('info', 0), 'late'],
    ['another fingerprint', { ...stored('firing', 0), fingerprint: 'g' }, said('firing', 0), 'new'],
  ] as const)('%s', (_name, known, signal, kind) => {
    const decision = decideSignal(known, signal);
    expect(decision.kind).toBe(kind);
    expect(decision.reason).not.toBe('');
  });

  type Delivery = ReturnType<typeof said>;
  const settle = (deliveries: readonly Delivery[]): StoredSignal | undefined =>
    deliveries.reduce<StoredSignal | undefined>(
      (known, signal) => (decideSignal(known, signal).kind === 'new' ? { fingerprint, state: signal.state, changedAt: signal.at } : known),
      undefined,
    );

  const stateArbitrary = fc.constantFrom<SignalState>('firing', 'resolved', 'info');
  /** Moments of 2 s, so also equal ones; each change arrives by one or two ways whose clocks differ by up to a second. */
  const changesArbitrary = fc.array(fc.record({ state: stateArbitrary, moment: fc.integer({ min: 0, max: 6 }) }), { minLength: 1, maxLength: 8 });

  it('ends in the same state for any order and number of deliveries', () => {
    fc.assert(
      fc.property(
        changesArbitrary.chain((changes) => {
          const set = changes.map(({ state, moment }) => said(state, moment * 2));
          const delivered = fc
            .array(fc.constantFrom(...set), { maxLength: 12 })
            .chain((more) => fc.shuffledSubarray([...set, ...more], { minLength: set.length + more.length }));
          return fc.tuple(fc.constant(set), delivered);
        }),
        ([set, delivered]) => {
          expect(settle(delivered)).toEqual(settle(set));
        },
      ),
    );
  });

  it('counts one change that arrives both ways once, in either order', () => {
    fc.assert(
      fc.property(stateArbitrary, fc.double({ min: 0, max: 1, noNaN: true }), (state, apart) => {
        const ways = [said(state, 0), said(state, apart)];
        for (const [first, second] of [ways, ways.toReversed()]) {
          if (first === undefined || second === undefined) throw new Error('two ways');
          expect(decideSignal({ ...first, changedAt: first.at }, second).kind).toBe('duplicate');
        }
      }),
    );
  });

  it('changes nothing when the same deliveries come again', () => {
    fc.assert(
      fc.property(changesArbitrary, (changes) => {
        const set = changes.map(({ state, moment }) => said(state, moment * 2));
        expect(settle([...set, ...set])).toEqual(settle(set));
      }),
    );
  });
});
