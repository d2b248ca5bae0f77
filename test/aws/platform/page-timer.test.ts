import { ConflictException, ResourceNotFoundException, SchedulerClient } from '@aws-sdk/client-scheduler';
import { describe, expect, it } from 'vitest';
import { SchedulerPageTimer } from '../../../aws/platform/page-timer.ts';
import { systemHasher } from '../../../aws/runtime/system.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { VirtualClock } from '../../../sim/deterministic.ts';
import { fieldOf, serviceError, stubClient, stubOptions } from './stub-client.ts';

function timerThat(answer: (call: number) => unknown) {
  const client = new SchedulerClient(stubOptions);
  const calls = stubClient(client, (_input, call) => answer(call));
  const timer = new SchedulerPageTimer({
    client,
    clock: new VirtualClock('2026-11-21T09:00:00.000Z'),
    hasher: systemHasher,
    groupName: 'perennial',
    pageFunctionArn: 'arn:aws:lambda:eu-central-1:111122223333:function:page',
    roleArn: 'arn:aws:iam::111122223333:role/scheduler',
    deadLetterArn: 'arn:aws:sqs:eu-central-1:111122223333:dead',
  });
  return { timer, calls };
}

describe('SchedulerPageTimer', () => {
  it('arms a one-time schedule that deletes itself and names the remediation', async () => {
    const { timer, calls } = timerThat(() => ({ ScheduleArn: 'arn' }));
    await timer.arm('rem-20261121090000000-abc', '2026-11-21T09:10:00.250Z');
    expect(calls.map(({ command }) => command)).toEqual(['CreateScheduleCommand']);
    expect(fieldOf(calls[0]?.input, 'Name')).toMatch(/^perennial-page-[0-9a-f]{40}$/);
    expect(calls[0]?.input).toMatchObject({
      GroupName: 'perennial',
      ScheduleExpression: 'at(2026-11-21T09:10:01)',
      ScheduleExpressionTimezone: 'UTC',
      FlexibleTimeWindow: { Mode: 'OFF' },
      ActionAfterCompletion: 'DELETE',
      Target: {
        Arn: 'arn:aws:lambda:eu-central-1:111122223333:function:page',
        RoleArn: 'arn:aws:iam::111122223333:role/scheduler',
        Input: '{"remediationId":"rem-20261121090000000-abc"}',
        RetryPolicy: { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 60 },
        DeadLetterConfig: { Arn: 'arn:aws:sqs:eu-central-1:111122223333:dead' },
      },
    });
  });

  it('never arms in the past, which the scheduler refuses', async () => {
    const { timer, calls } = timerThat(() => ({}));
    await timer.arm('rem-1', '2026-11-21T08:00:00.000Z');
    expect(calls[0]?.input).toMatchObject({ ScheduleExpression: 'at(2026-11-21T09:01:00)' });
  });

  it('counts a timer that is armed already as armed, and one that is gone as disarmed', async () => {
    const metadata = { message: 'by the stub', Message: 'by the stub', $metadata: {} };
    const armed = timerThat(() => {
      throw new ConflictException(metadata);
    });
    await expect(armed.timer.arm('rem-1', '2026-11-21T09:10:00.000Z')).resolves.toBeUndefined();
    const gone = timerThat(() => {
      throw new ResourceNotFoundException(metadata);
    });
    await expect(gone.timer.disarm('rem-1')).resolves.toBeUndefined();
  });

  it('does not count a missing schedule group as armed: no page would ever come', async () => {
    const { timer } = timerThat(() => {
      throw new ResourceNotFoundException({ message: 'no group', Message: 'no group', $metadata: {} });
    });
    await expect(timer.arm('rem-1', '2026-11-21T09:10:00.000Z')).rejects.toBeInstanceOf(PermanentError);
  });

  it('says "later" for a throttle', async () => {
    const { timer } = timerThat(() => {
      throw serviceError('ThrottlingException', 429);
    });
    await expect(timer.arm('rem-1', '2026-11-21T09:10:00.000Z')).rejects.toBeInstanceOf(RetryableError);
  });

  it('disarms the very schedule that it armed', async () => {
    const { timer, calls } = timerThat(() => ({}));
    await timer.arm('rem-1', '2026-11-21T09:10:00.000Z');
    await timer.disarm('rem-1');
    const [armed, disarmed] = calls.map(({ input }) => fieldOf(input, 'Name'));
    expect(disarmed).toBe(armed);
  });
});
