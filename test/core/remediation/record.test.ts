import { describe, expect, it } from 'vitest';
import { lists } from '../../../core/records/keys.ts';
import { InsufficientCapacityError, UserDataLostError } from '../../../core/remediation/ports.ts';
import { remediationStateSchema, remediationType } from '../../../core/remediation/record.ts';
import { remediationOf } from './builders.ts';
import { testScope } from './world.ts';

describe('the record of a remediation', () => {
  it('is on the list of running ones while it runs, and on no list afterwards', () => {
    const listed = remediationStateSchema.options.map((state) => [state, remediationType.listing?.(remediationOf({ id: 'rem-7' }, { state }))]);
    expect(listed).toEqual([
      ['running', lists.runningRemediation(testScope, 'rem-7')],
      ['succeeded', undefined],
      ['failed', undefined],
      ['vetoed', undefined],
      ['would-have', undefined],
      ['stood-down', undefined],
    ]);
  });
});

describe('the errors of a launch', () => {
  it('are told apart by their names in the logs', () => {
    expect([new UserDataLostError('it is gone'), new InsufficientCapacityError('none left')].map(String)).toEqual([
      'UserDataLostError: it is gone',
      'InsufficientCapacityError: none left',
    ]);
  });
});
