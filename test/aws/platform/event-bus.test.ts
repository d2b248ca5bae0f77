import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { describe, expect, it } from 'vitest';
import { EventBridgeDeployEventBus } from '../../../aws/platform/event-bus.ts';
import type { DeployEventDetail } from '../../../core/deployments/ports.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { stubClient, stubOptions } from './stub-client.ts';

const detail: DeployEventDetail = {
  system: 'shop-web',
  version: '5.2.1',
  commit: 'a1b2c3d',
  previousVersion: '5.2.0',
  deployer: 'dev',
  databaseChange: false,
  rollbackTested: true,
  at: '2026-11-21T09:00:00.000Z',
};

function busThat(entry: object) {
  const client = new EventBridgeClient(stubOptions);
  const calls = stubClient(client, () => ({ Entries: [entry] }));
  return { bus: new EventBridgeDeployEventBus(client, 'perennial'), calls };
}

describe('EventBridgeDeployEventBus', () => {
  it('announces a deploy on our bus in the published form (S3-26)', async () => {
    const { bus, calls } = busThat({ EventId: 'event-1' });
    expect(await bus.announce('Deployment Started', detail)).toEqual({ eventId: 'event-1' });
    expect(calls[0]?.input).toEqual({
      Entries: [
        { EventBusName: 'perennial', Source: 'perennial', DetailType: 'Deployment Started', Detail: JSON.stringify(detail), Time: new Date(detail.at) },
      ],
    });
  });

  it.each([
    ['ThrottlingException', RetryableError],
    ['InternalFailure', RetryableError],
    ['NotAuthorizedForSourceException', PermanentError],
  ])('does not overlook an entry refused with %s inside a successful answer', async (ErrorCode, expected) => {
    const { bus } = busThat({ ErrorCode, ErrorMessage: 'by the stub' });
    await expect(bus.announce('Deployment Started', detail)).rejects.toBeInstanceOf(expected);
  });
});
