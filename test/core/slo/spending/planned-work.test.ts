import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { attributeCauses, type BudgetCauses } from '../../../../core/slo/spending/attribution.ts';
import { plannedWorkOf, quarterSeconds } from '../../../../core/slo/spending/planned-work.ts';
import { parseTarget } from '../../../../core/slo/objective/target.ts';

const start = '2026-09-01T00:00:00.000Z';
const at = (minutes: number): string => addSeconds(start, minutes * 60);
const target = parseTarget('99.9');
if (target.kind === 'refused') throw new Error(target.reason);
// A quarter allows 129.6 minutes at 99.9 %; a fifth of it is 25.92.
const objective = { name: 'shop-web-availability', system: 'shop-web', target, windowSeconds: quarterSeconds };
const none: BudgetCauses = { incidents: [], repairs: [], deploys: [] };
const bad = (first: number, count: number) => Array.from({ length: count }, (_, index) => at(first + index));

function planned(minutes: readonly string[], causes: Partial<BudgetCauses>) {
  return plannedWorkOf(objective, attributeCauses(minutes, { ...none, ...causes }, objective));
}

describe('plannedWorkOf', () => {
  it('lists a cause whose incidents took more than 20 % of a quarter together, and says why', () => {
    const incidents = [
      { id: 'i1', from: at(0), to: at(13), cause: 'disk-full' },
      { id: 'i2', from: at(1000), to: at(1013), cause: 'disk-full' },
      { id: 'i3', from: at(2000), to: at(2025), cause: 'cpu-high' },
    ];
    const minutes = [...bad(0, 13), ...bad(1000, 13), ...bad(2000, 25)];
    expect(planned(minutes, { incidents })).toEqual([
      {
        objective: 'shop-web-availability',
        system: 'shop-web',
        kind: 'rule',
        cause: 'disk-full',
        badSeconds: 1560,
        share: 1560 / 7776,
        incidents: 2,
        reason: "disk-full took 20.1 % of a quarter's error budget of shop-web-availability in 2 incidents: more than 20 % is planned work.",
      },
    ]);
  });

  it('compares strictly, before anything is rounded: exactly 20 % is not listed', () => {
    const generous = parseTarget('90');
    if (generous.kind === 'refused') throw new Error(generous.reason);
    const loose = { ...objective, target: generous };
    const limit = quarterSeconds / 60 / 10 / 5;
    const listed = (count: number) =>
      plannedWorkOf(loose, attributeCauses(bad(0, count), { ...none, incidents: [{ id: 'i', from: at(0), cause: 'x' }] }, loose)).length;
    expect([limit, limit + 1].map(listed)).toEqual([0, 1]);
  });

  it('counts what a deploy brought and what it cost itself as one cause, and each minute once', () => {
    const deploys = [
      { id: 'd1', from: at(0), text: 'version 1' },
      { id: 'd2', from: at(1000), text: 'version 2' },
    ];
    const incidents = [{ id: 'i1', from: at(10), to: at(30), cause: 'cpu-high' }];
    expect(planned([...bad(10, 20), ...bad(1000, 10)], { deploys, incidents })).toMatchObject([
      { kind: 'deploys', cause: 'deploys', badSeconds: 1800, incidents: 1 },
    ]);
  });

  it('lists nothing for minutes that nobody is charged with', () => {
    expect(planned(bad(0, 100), {})).toEqual([]);
  });
});
