import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { attributeCauses, type BudgetCauses, type Cost } from '../../../../core/slo/spending/attribution.ts';
import type { Objective } from '../../../../core/slo/objective/budget.ts';
import { parseTarget } from '../../../../core/slo/objective/target.ts';

const midnight = '2026-11-21T00:00:00.000Z';
const minute = (offset: number): string => addSeconds(midnight, offset * 60);

function objectiveOf(percent: string): Objective {
  const target = parseTarget(percent);
  if (target.kind === 'refused') throw new Error(target.reason);
  return { target, windowSeconds: 30 * 86_400 };
}

const objective = objectiveOf('99.9');
const nothing: BudgetCauses = { incidents: [], repairs: [], deploys: [] };
const incident = (id: string, from: string, to?: string) => ({ id, from, cause: 'cpu-high', ...(to === undefined ? {} : { to }) });
const minutes = (first: number, last: number): readonly string[] => Array.from({ length: last - first + 1 }, (_, index) => minute(first + index));
const costOf = (badSlices: number): Cost => ({ badSlices, badSeconds: badSlices * 60, share: (badSlices * 60) / 2592 });

describe('attributeCauses', () => {
  it('charges an incident the bad slices it overlaps, in seconds and as a share of the whole budget', () => {
    const causes = { ...nothing, incidents: [incident('i1', addSeconds(minute(9), 59), minute(11))] };
    const result = attributeCauses([minute(9), minute(10), minute(11), minute(40)], causes, objective);
    expect(result.incidents).toEqual([{ id: 'i1', from: addSeconds(minute(9), 59), cause: 'cpu-high', ...costOf(2), duringRepair: costOf(0) }]);
    expect(result.unattributed).toEqual(costOf(2));
    expect(result.spent).toEqual(costOf(4));
  });

  it('never charges a slice twice: the incident that began first has it', () => {
    const incidents = [incident('second', addSeconds(minute(10), 30)), incident('first', addSeconds(minute(10), 5), addSeconds(minute(10), 10))];
    expect(attributeCauses([minute(10), minute(11)], { ...nothing, incidents }, objective).incidents).toMatchObject([
      { id: 'first', badSlices: 1 },
      { id: 'second', badSlices: 1 },
    ]);
  });

  it('lets one that ends the moment it begins belong to its own slice only', () => {
    const causes = { ...nothing, incidents: [incident('blink', minute(10), minute(10))] };
    expect(attributeCauses(minutes(9, 11), causes, objective).incidents).toMatchObject([{ id: 'blink', badSlices: 1 }]);
  });

  it('shows own repairs apart, as a part of what the incident cost', () => {
    const causes = {
      ...nothing,
      incidents: [incident('i1', minute(10), minute(30))],
      repairs: [{ id: 'rem-1', incidentId: 'i1', from: minute(15), to: minute(20) }],
    };
    const result = attributeCauses(minutes(10, 29), causes, objective);
    expect(result.incidents).toMatchObject([{ badSlices: 20, duringRepair: costOf(5) }]);
    expect(result.repairs).toMatchObject([{ id: 'rem-1', badSlices: 0, ofIncidents: costOf(5) }]);
    expect(result.unattributed.badSlices).toBe(0);
  });

  it('charges a repair itself where no incident was open, before any deploy', () => {
    const causes = {
      ...nothing,
      repairs: [{ id: 'rem-1', incidentId: 'i9', from: minute(15), to: minute(20) }],
      deploys: [{ id: 'd1', from: minute(0), text: 'version 1' }],
    };
    const result = attributeCauses(minutes(15, 22), causes, objective);
    expect(result.repairs).toMatchObject([{ badSlices: 5, ofIncidents: costOf(0) }]);
    expect(result.deploys).toMatchObject([{ badSlices: 3 }]);
  });

  it('charges the newest deploy for its hour, and shows the incidents it brought without charging it with them', () => {
    const deploys = [
      { id: 'd2', from: minute(30), text: 'version 2' },
      { id: 'd1', from: minute(0), text: 'version 1' },
    ];
    const incidents = [incident('brought', minute(40), minute(100)), incident('later', minute(95), minute(110))];
    const result = attributeCauses([...minutes(10, 12), ...minutes(35, 104), ...minutes(200, 201)], { ...nothing, deploys, incidents }, objective);
    expect(result.deploys).toMatchObject([
      { id: 'd1', badSlices: 3, ofIncidents: costOf(0), incidentIds: [] },
      { id: 'd2', badSlices: 5, ofIncidents: costOf(60), incidentIds: ['brought'] },
    ]);
    // It began 65 minutes after the newer deploy.
    expect(result.incidents).toMatchObject([
      { id: 'brought', deployId: 'd2' },
      { id: 'later', badSlices: 5 },
    ]);
    expect(result.incidents[1]).not.toHaveProperty('deployId');
    expect(result.unattributed).toEqual(costOf(2));
  });

  it('watches a deploy for 60 minutes and not one second longer', () => {
    const deploys = [{ id: 'd1', from: minute(0), text: 'version 1' }];
    const charged = (start: string) => attributeCauses([start], { ...nothing, deploys }, objective).deploys[0]?.badSlices;
    expect([minute(0), minute(59), minute(60)].map(charged)).toEqual([1, 1, 0]);
    const at = (from: string) => attributeCauses([], { ...nothing, deploys, incidents: [incident('i', from)] }, objective).incidents[0]?.deployId;
    expect([minute(0), addSeconds(minute(60), -0.001), minute(60)].map(at)).toEqual(['d1', 'd1', undefined]);
  });
});

const span = fc.record({ from: fc.nat(100), length: fc.option(fc.nat(30), { nil: undefined }) });
const spans = fc.array(span, { maxLength: 8 });
const intervalsOf = (prefix: string, all: readonly { readonly from: number; readonly length?: number | undefined }[]) =>
  all.map(({ from, length }, index) => ({
    id: `${prefix}${index}`,
    from: addSeconds(midnight, from * 61),
    ...(length === undefined ? {} : { to: addSeconds(midnight, from * 61 + length * 37) }),
  }));

const happenings = fc
  .record({ incidents: spans, repairs: spans, deploys: fc.array(fc.nat(100), { maxLength: 5 }) })
  .map(({ incidents, repairs, deploys }): BudgetCauses => ({
    incidents: intervalsOf('i', incidents).map((one) => ({ ...one, cause: 'x' })),
    repairs: intervalsOf('r', repairs).map((one) => ({ ...one, incidentId: 'i0' })),
    deploys: deploys.map((from, index) => ({ id: `d${index}`, from: addSeconds(midnight, (from - 40) * 61), text: 'v' })),
  }));
const total = (all: readonly Cost[]): number => all.reduce((sum, { badSlices }) => sum + badSlices, 0);

describe('attributeCauses, whatever happened', () => {
  it('charges every bad slice exactly once or to nobody', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(150)), happenings, (offsets, causes) => {
        const { incidents, repairs, deploys, unattributed, spent } = attributeCauses(offsets.map(minute), causes, objective);
        expect(total(incidents) + total(repairs) + total(deploys) + unattributed.badSlices).toBe(offsets.length);
        expect(spent.badSlices).toBe(offsets.length);
      }),
    );
  });

  it('shows own repairs as a part of the incidents, the same from both sides', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(150)), happenings, (offsets, causes) => {
        const { incidents, repairs, deploys } = attributeCauses(offsets.map(minute), causes, objective);
        expect(total(repairs.map(({ ofIncidents }) => ofIncidents))).toBe(total(incidents.map(({ duringRepair }) => duringRepair)));
        for (const { badSlices, duringRepair } of incidents) expect(duringRepair.badSlices).toBeLessThanOrEqual(badSlices);
        expect(total(deploys.map(({ ofIncidents }) => ofIncidents))).toBe(total(incidents.filter(({ deployId }) => deployId !== undefined)));
      }),
    );
  });

  it('does not depend on any order or repetition', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(150)), happenings, (offsets, { incidents, repairs, deploys }) => {
        const bad = offsets.map(minute);
        const reversed = { incidents: incidents.toReversed(), repairs: repairs.toReversed(), deploys: deploys.toReversed() };
        expect(attributeCauses([...bad, ...bad].toReversed(), reversed, objective)).toEqual(attributeCauses(bad, { incidents, repairs, deploys }, objective));
      }),
    );
  });
});
