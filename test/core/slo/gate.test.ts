import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../core/environment/time.ts';
import type { BudgetFigure } from '../../../core/slo/evaluate.ts';
import { decideGate, type GateException } from '../../../core/slo/gate.ts';

const now = '2026-11-21T09:00:00.000Z';

function budget(objective: string, remainingRatio: number): BudgetFigure {
  return { objective, system: 'shop-web', budgetSeconds: 2592, consumedSeconds: 2592 * (1 - remainingRatio), remainingRatio, sli: 0.999, at: now };
}

function exception(change: Partial<GateException> = {}): GateException {
  const at = addSeconds(now, -60);
  return { id: 'x', system: 'shop-web', kind: 'security', by: 'kim', reason: 'CVE-2026-1234', at, until: addSeconds(now, 3600), ...change };
}

describe('the gate of a deploy (S2-08)', () => {
  it.each([
    {
      what: 'budget left',
      budgets: [budget('availability', 0.5)],
      kind: 'open',
      answer: 'go',
      ratio: 0.5,
      words: /50 % of the error budget of availability are left\.$/,
    },
    { what: 'little left', budgets: [budget('availability', 0.05)], kind: 'open', answer: 'go', ratio: 0.05, words: /That is little/ },
    { what: 'exactly spent', budgets: [budget('availability', 0)], kind: 'closed', answer: 'freeze', ratio: 0, words: /is spent: no changes to shop-web/ },
    { what: 'overspent', budgets: [budget('availability', -0.25)], kind: 'closed', answer: 'freeze', ratio: -0.25, words: /is overspent by 25 %/ },
    { what: 'nothing measured', budgets: [], kind: 'open', answer: 'go', ratio: null, words: /No error budget of shop-web has been measured/ },
  ])('says $answer with $what', ({ budgets, kind, answer, ratio, words }) => {
    const decision = decideGate('shop-web', budgets, [], now);
    expect(decision).toMatchObject({ kind, answer, budgetRemainingRatio: ratio });
    expect(decision.reason).toMatch(words);
  });

  it('is decided by the objective with the least left, equal ones by name', () => {
    expect(decideGate('shop-web', [budget('latency', 0.9), budget('availability', -0.1)], [], now)).toMatchObject({
      kind: 'closed',
      objective: 'availability',
    });
    expect(decideGate('shop-web', [budget('latency', 0), budget('availability', 0)], [], now).objective).toBe('availability');
  });

  it('lets an exception pass, and says whose it is', () => {
    const decision = decideGate('shop-web', [budget('availability', -1)], [exception()], now);
    expect(decision).toMatchObject({ kind: 'open', answer: 'go', exception: { by: 'kim', kind: 'security' } });
    expect(decision.reason).toMatch(/kim lets this pass until .* \(security: CVE-2026-1234\)/);
  });

  it.each([
    ['is over', exception({ until: now })],
    ['has not begun', exception({ at: addSeconds(now, 1) })],
  ])('does not let an exception pass that %s', (_, passed) => {
    expect(decideGate('shop-web', [budget('availability', -1)], [passed], now).kind).toBe('closed');
  });

  it('does not freeze for ever when nothing is evaluated any more: figures older than their window decide nothing', () => {
    const spent = { ...budget('availability', -1), at: addSeconds(now, -2_592_000), validUntil: now };
    expect(decideGate('shop-web', [spent], [], addSeconds(now, -1))).toMatchObject({ kind: 'closed', answer: 'freeze' });
    expect(decideGate('shop-web', [spent], [], now)).toMatchObject({ kind: 'open', answer: 'go', budgetRemainingRatio: null });
    expect(decideGate('shop-web', [spent], [], now).reason).toContain('perennial doctor');
    expect(decideGate('shop-web', [spent, budget('latency', 0.5)], [], now)).toMatchObject({ kind: 'open', objective: 'latency' });
  });

  it('says how old the figures are that it freezes for', () => {
    expect(decideGate('shop-web', [{ ...budget('availability', -1), at: addSeconds(now, -90_000) }], [], now).reason).toContain('last changed 2026-11-20');
    expect(decideGate('shop-web', [budget('availability', -1)], [], now).reason).not.toContain('last changed');
  });
});
