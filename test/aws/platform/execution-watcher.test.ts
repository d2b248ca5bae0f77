import { ExecutionDoesNotExist, SFNClient } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { StepFunctionsExecutionWatcher } from '../../../aws/platform/execution-watcher.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { serviceError, stubClient, stubOptions } from './stub-client.ts';

function watcherThat(answer: () => unknown) {
  const client = new SFNClient(stubOptions);
  const calls = stubClient(client, answer);
  return { watcher: new StepFunctionsExecutionWatcher(client, 'arn:aws:states:eu-central-1:111122223333:stateMachine:perennial-remediation'), calls };
}

describe('StepFunctionsExecutionWatcher', () => {
  it.each([
    ['RUNNING', 'running'],
    ['SUCCEEDED', 'ended'],
    ['FAILED', 'ended'],
    ['TIMED_OUT', 'ended'],
    ['ABORTED', 'ended'],
    ['PENDING_REDRIVE', 'ended'],
    ['A_LATER_WORD', 'running'],
  ])('%s is %s', async (status, state) => {
    const { watcher, calls } = watcherThat(() => ({ status }));
    expect(await watcher.stateOf('abc-r1')).toBe(state);
    expect(calls[0]?.input).toEqual({ executionArn: 'arn:aws:states:eu-central-1:111122223333:execution:perennial-remediation:abc-r1' });
  });

  it('says that there is none', async () => {
    const { watcher } = watcherThat(() => {
      throw new ExecutionDoesNotExist({ message: 'none', $metadata: {} });
    });
    expect(await watcher.stateOf('abc')).toBe('absent');
  });

  it.each([
    ['ThrottlingException', RetryableError],
    ['AccessDeniedException', PermanentError],
    ['StateMachineDoesNotExist', PermanentError],
  ])('%s is never "absent"', async (name, expected) => {
    const { watcher } = watcherThat(() => {
      throw serviceError(name);
    });
    await expect(watcher.stateOf('abc')).rejects.toBeInstanceOf(expected);
  });
});
