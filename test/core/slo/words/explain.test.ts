import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import {
  type ExplainedObjective,
  explainObjective,
  objectiveExplanationSchema,
  renderExplanation,
  spokenDuration,
} from '../../../../core/slo/words/explain.ts';

function explained(objective: string, window = '30d'): ExplainedObjective {
  const answer = explainObjective({ objective, window });
  if (answer.kind === 'refused') throw new Error(answer.reason);
  return answer;
}

describe('explainObjective', () => {
  it('answers exactly what scripts rely on (design.md section 9)', () => {
    const { explanation } = explained('99.9');
    expect(explanation).toEqual({
      budgetSeconds: 2592,
      alerts: [
        { severity: 'critical', longWindowSeconds: 3600, shortWindowSeconds: 300, factor: 14.4, budgetPercent: 2, reachable: true },
        { severity: 'high', longWindowSeconds: 21_600, shortWindowSeconds: 1800, factor: 6, budgetPercent: 5, reachable: true },
        { severity: 'warning', longWindowSeconds: 86_400, shortWindowSeconds: 7200, factor: 3, budgetPercent: 10, reachable: true },
        { severity: 'warning', longWindowSeconds: 259_200, shortWindowSeconds: 21_600, factor: 1, budgetPercent: 10, reachable: true },
      ],
    });
    expect(z.safeParse(objectiveExplanationSchema, explanation).success).toBe(true);
  });

  it('gives 25.92 s for 99.999 % over 30 days (S2-04)', () => {
    expect(explained('99.999').explanation.budgetSeconds).toBe(25.92);
  });

  it('marks a page that can never fire: 90 % over 30 days', () => {
    expect(explained('90').explanation.alerts.map(({ reachable }) => reachable)).toEqual([false, true, true, true]);
  });

  it('refuses 100 % and a window of 91 days with the reason (S2-07)', () => {
    expect(explainObjective({ objective: '100', window: '30d' })).toMatchObject({ kind: 'refused', reason: expect.stringContaining('100 %') as unknown });
    expect(explainObjective({ objective: '99.9', window: '91d' })).toMatchObject({ kind: 'refused', reason: expect.stringContaining('90 days') as unknown });
  });
});

describe('renderExplanation', () => {
  it('shows the window, the budget and the table of availability (S2-03, S2-04, S2-05)', () => {
    const text = renderExplanation(explained('99.9'));
    expect(text).toContain('A target of 99.9 % over a rolling window of 30d (2592000 s) leaves an error budget of 0.1 %');
    expect(text).toContain('43 min 12 s may be bad (2592 s)');
    expect(text).toContain('  99 %      7 h 12 min\n  99.9 %    43 min 12 s   <- this objective\n  99.99 %   4 min 19 s\n  99.999 %  25.92 s');
    expect(text).toContain('critical  faster than 14.4 × over 1 h and 5 min');
    expect(text).toContain('at this pace a full budget lasts 2 d 2 h');
  });

  it('says what one replacement does to a target above about 99.977 % a month (S2-04, S4-16)', () => {
    expect(renderExplanation(explained('99.99'))).toContain(
      'One replacement of up to 600 s, if users notice it, breaks any target above about 99.977 % over 30d. This target is above that',
    );
    expect(renderExplanation(explained('99.9'))).toContain('4 such outages fit into this budget');
    expect(renderExplanation(explained('99.97'))).toContain('1 such outage fits into this budget');
  });

  it('warns of a budget below one minute, of a share written as a percentage, and of alerts that are of no use', () => {
    expect(renderExplanation(explained('99.999'))).toContain('a single bad minute spends more than all of it');
    expect(renderExplanation(explained('99.9'))).not.toContain('a single bad minute');
    expect(renderExplanation(explained('0.999'))).toContain('was read as 0.999 percent');
    expect(renderExplanation(explained('90'))).toContain('not in use: more than 14.4 × 10 % = 144 % of everything would have to fail, which cannot happen');
    expect(renderExplanation(explained('99.9', '1d'))).toContain(
      "not in use: its long window of 86400 s would have to be shorter than the objective's own 86400 s",
    );
  });
});

describe('spokenDuration', () => {
  it.each([
    [25.92, '25.92 s'],
    [0.007776, '0.007776 s'],
    [60, '1 min'],
    [259.2, '4 min 19 s'],
    [3600, '1 h'],
    [180_000, '2 d 2 h'],
    [90_061, '1 d 1 h 1 min 1 s'],
  ])('says %d s as %s', (seconds, text) => {
    expect(spokenDuration(seconds)).toBe(text);
  });
});
