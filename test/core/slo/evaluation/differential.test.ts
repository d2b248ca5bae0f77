import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateLedger } from '../../../../core/slo/evaluation/evaluate-points.ts';
import { entriesOf, expectAgreement, history, samplesOf, shuffled, specified } from '../histories.ts';

describe('the evaluator', () => {
  it('agrees with a straightforward one over random histories with gaps, late data, corrections, exclusions and changes of the clock (S2-03)', () => {
    fc.assert(fc.property(history, expectAgreement), { numRuns: 200 });
  });

  it('gives the same figures for the same ledger in any order, with any repetition', () => {
    fc.assert(
      fc.property(history, fc.nat(1000), (one, seed) => {
        const specification = specified(one);
        const samples = samplesOf(one.raw);
        const entries = entriesOf(one.raw);
        const other = { samples: shuffled([...samples, ...samples.slice(0, 7)], seed), entries: shuffled([...entries, ...entries], seed) };
        expect(evaluateLedger(specification, other, one.raw.now)).toEqual(evaluateLedger(specification, { samples, entries }, one.raw.now));
      }),
      { numRuns: 100 },
    );
  });
});
