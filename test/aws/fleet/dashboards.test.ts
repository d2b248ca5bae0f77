import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { describe, expect, it } from 'vitest';
import { createDashboardKeeper } from '../../../aws/fleet/dashboards.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { inputsOf, serviceError, stubCommands, stubOptions } from './stub-fleet.ts';

function keeperWith(answers: Parameters<typeof stubCommands>[1]) {
  const client = new CloudWatchClient(stubOptions);
  const calls = stubCommands(client, answers);
  return { keeper: createDashboardKeeper(client), calls };
}

const refusing = (name: string, status = 400) => ({
  GetDashboard: () => {
    throw serviceError(name, status);
  },
});

describe('dashboards', () => {
  it('name the new instance wherever they named the old one', async () => {
    const { keeper, calls } = keeperWith({ GetDashboard: () => ({ DashboardBody: '["i-old","x","i-old"]' }), PutDashboard: () => ({}) });
    expect(await keeper.follow('shop', 'i-old', 'i-new')).toBe(true);
    expect(inputsOf(calls, 'PutDashboard')).toEqual([{ DashboardName: 'shop', DashboardBody: '["i-new","x","i-new"]' }]);
  });

  it('that name other instances are not written: a second call changes nothing', async () => {
    const { keeper } = keeperWith({ GetDashboard: () => ({ DashboardBody: '["i-new"]' }) });
    expect(await keeper.follow('shop', 'i-old', 'i-new')).toBe(false);
  });

  it('that do not exist are no failure; a throttle is not an absence', async () => {
    expect(await keeperWith(refusing('ResourceNotFound', 404)).keeper.follow('shop', 'i-old', 'i-new')).toBe(false);
    await expect(keeperWith(refusing('Throttling', 400)).keeper.follow('shop', 'i-old', 'i-new')).rejects.toThrow(RetryableError);
    await expect(keeperWith(refusing('AccessDenied', 403)).keeper.follow('shop', 'i-old', 'i-new')).rejects.toThrow(PermanentError);
  });
});
