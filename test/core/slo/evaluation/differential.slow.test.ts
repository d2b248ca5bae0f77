import fc from 'fast-check';
import { describe, it } from 'vitest';
import { expectAgreement, history } from '../histories.ts';

describe('the evaluator', () => {
  it('agrees with a straightforward one over thousands of random histories (S2-03)', { timeout: 120_000 }, () => {
    fc.assert(fc.property(history, expectAgreement), { numRuns: 3000 });
  });
});
