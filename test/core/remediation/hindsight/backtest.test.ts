import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { backtest, type BacktestInput, troublesOf } from '../../../../core/remediation/hindsight/backtest.ts';
import type { Signal } from '../../../../core/signals/signal.ts';
import { testHasher, testScope, webPolicy, webSystem } from '../world.ts';

const T0 = '2026-11-01T00:00:00.000Z';
const REPAIR_SECONDS = 300;

function signal(state: Signal['state'], afterSeconds: number, instanceId = 'i-1', changes: Partial<Signal> = {}): Signal {
  return {
    kind: 'instance.status-check',
    subject: { type: 'instance', id: instanceId },
    severity: 'high',
    state,
    at: addSeconds(T0, afterSeconds),
    source: 'perennial',
    rule: 'status-check',
    scope: testScope,
    summary: `${instanceId} ${state}`,
    details: {},
    ...changes,
  };
}

function run(signals: readonly Signal[], changes: Partial<BacktestInput> = {}, spec: Readonly<Record<string, unknown>> = {}) {
  const system = webSystem();
  const catalog = { formatVersion: 1 as const, systems: [system], policies: [webPolicy(spec)], routes: [], objectives: [], services: [] };
  return backtest({
    catalog,
    hasher: testHasher,
    scope: testScope,
    signals,
    placeOf: ({ subject }) => (subject.type === 'instance' ? { system, slotId: `shop-web/${subject.id}`, role: 'web' } : undefined),
    membersOf: () => 10,
    repairSecondsOf: () => REPAIR_SECONDS,
    ...changes,
  });
}

describe('what a policy would have done', () => {
  it('replaces what lasted, and says how much sooner it would have been well again', () => {
    const { episodes, totals } = run([signal('firing', 0), signal('resolved', 3600)]);
    expect(episodes).toMatchObject([
      { verdict: 'would-replace', isPaged: false, lastedSeconds: 3600, savedSeconds: 3300, system: 'shop-web', guardrail: null },
    ]);
    expect(totals).toMatchObject({ 'would-replace': 1, paged: 0, savedMinutes: 55 });
  });

  it('says the way where it can be known without a look: full replacement only, and nothing waited for', () => {
    const signals = [signal('firing', 0), signal('resolved', 3600)];
    expect(run(signals, {}, { nativeRecoverySeconds: 0 }).episodes[0]?.path).toBe('replace');
    expect(run(signals).episodes[0]).not.toHaveProperty('path');
    expect(run(signals, {}, { nativeRecoverySeconds: 0, ladder: ['reboot', 'replace'] }).episodes[0]).not.toHaveProperty('path');
    expect(run(signals, {}, { nativeRecoverySeconds: 0, keepIdentity: true }).episodes[0]).not.toHaveProperty('path');
  });

  it('repairs members of an Auto Scaling group through it, one at a time in the slot that they share', () => {
    const system = webSystem();
    const slotId = 'shop-web/asg/eu-central-1a';
    const placeOf = ({ subject }: Signal) => ({ system, slotId, role: 'web', memberId: subject.id });
    const both = [signal('firing', 0), signal('firing', 60, 'i-2'), signal('resolved', 3600), signal('resolved', 3660, 'i-2')];
    const { episodes } = run([...both, signal('firing', 7200), signal('resolved', 9000)], { placeOf });
    expect(episodes).toMatchObject([
      { verdict: 'would-replace', path: 'group-member', place: slotId },
      { verdict: 'under-repair' },
      { verdict: 'would-replace', path: 'group-member' },
    ]);
    expect(episodes[1]).not.toHaveProperty('path');
  });

  it('stands down from what was over within the pending time, which counts as no attempt', () => {
    const blips = [0, 1, 2, 3, 4].flatMap((hour) => [signal('firing', hour * 3600), signal('resolved', hour * 3600 + 30)]);
    const { episodes } = run([...blips, signal('firing', 5 * 3600)]);
    expect(episodes.map(({ verdict }) => verdict)).toEqual([...blips.filter((_, index) => index % 2 === 0).map(() => 'recovered-by-itself'), 'would-replace']);
    expect(episodes[0]).toMatchObject({ guardrail: 'pending duration', isPaged: false });
  });

  it('pages for what it vetoes: the fourth attempt of a day', () => {
    const signals = [0, 1, 2, 3].flatMap((hour) => [signal('firing', hour * 7200), signal('resolved', hour * 7200 + 3000)]);
    const { episodes } = run(signals);
    expect(episodes.map(({ verdict }) => verdict)).toEqual(['would-replace', 'would-replace', 'would-replace', 'vetoed']);
    expect(episodes[3]).toMatchObject({ guardrail: 'retry cap', isPaged: true, savedSeconds: null });
  });

  it('lets one repair at a time through a storm and pages for the rest', () => {
    const storm = Array.from({ length: 8 }, (_, index) => signal('firing', index, `i-${index}`));
    const { episodes } = run(storm);
    expect(episodes.filter(({ verdict }) => verdict === 'would-replace')).toHaveLength(1);
    expect(episodes.filter(({ verdict, isPaged }) => verdict === 'vetoed' && isPaged)).toHaveLength(7);
  });

  it('remembers a group that is unhealthy by more than half when the next failure comes after the first repair', () => {
    const storm = Array.from({ length: 6 }, (_, index) => signal('firing', index, `i-${index}`));
    const later = signal('firing', 1200, 'i-9');
    expect(run([...storm, later]).episodes.at(-1)).toMatchObject({ verdict: 'would-replace', reason: 'Admitted as the one probe of an open circuit breaker' });
  });

  it('does not repair what the policy does not list, what no system owns, and twice at once', () => {
    const other = signal('firing', 0, 'i-1', { kind: 'instance.state-change', rule: 'state' });
    expect(run([other]).episodes).toMatchObject([{ verdict: 'incident-only', guardrail: 'allow-list', isPaged: true }]);
    expect(run([signal('firing', 0)], { placeOf: () => undefined }).episodes).toMatchObject([{ verdict: 'unknown', system: null, place: 'instance/i-1' }]);
    const second = signal('firing', 60, 'i-1', { kind: 'instance.target-unhealthy', rule: 'target' });
    expect(run([signal('firing', 0), second]).episodes.map(({ verdict }) => verdict)).toEqual(['would-replace', 'under-repair']);
  });

  it('pages at once for critical, repair or not', () => {
    expect(run([signal('firing', 0, 'i-1', { severity: 'critical' })]).episodes).toMatchObject([{ verdict: 'would-replace', isPaged: true }]);
    expect(run([signal('firing', 0, 'i-1', { severity: 'info', kind: 'x' })]).episodes).toMatchObject([{ verdict: 'incident-only', isPaged: false }]);
  });

  it('says what the past cannot answer', () => {
    expect(run([]).notEvaluated.join(' ')).toMatch(/provenance.*image choice/);
  });
});

const summary = (list: readonly Signal[]) => run(list).episodes.map(({ at, verdict, place }) => [at, verdict, place]);

describe('troubles', () => {
  const anySignal = fc
    .record({ state: fc.constantFrom('firing' as const, 'resolved' as const, 'info' as const), at: fc.nat(86_400), id: fc.constantFrom('i-1', 'i-2', 'i-3') })
    .map(({ state, at, id }) => signal(state, at, id));

  it('are the same in any order of the signals, and repetitions change nothing', () => {
    fc.assert(
      fc.property(fc.uniqueArray(anySignal, { maxLength: 30, selector: ({ at }) => at }), (signals) => {
        expect(summary(signals.toReversed())).toEqual(summary(signals));
        expect(troublesOf([...signals, ...signals])).toEqual(troublesOf(signals));
      }),
    );
  });

  it('never start more repairs of a slot in a day than the cap', () => {
    fc.assert(
      fc.property(fc.array(anySignal, { maxLength: 60 }), (signals) => {
        const started = run(signals).episodes.filter(({ verdict }) => verdict === 'would-replace');
        for (const place of new Set(started.map((episode) => episode.place)))
          expect(started.filter((episode) => episode.place === place).length).toBeLessThanOrEqual(3);
      }),
    );
  });
});
