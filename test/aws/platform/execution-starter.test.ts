import { ExecutionAlreadyExists, SFNClient } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { StepFunctionsExecutionStarter } from '../../../aws/platform/execution-starter.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { serviceError, stubClient, stubOptions } from './stub-client.ts';

function starterThat(answer: () => unknown) {
  const client = new SFNClient(stubOptions);
  const calls = stubClient(client, answer);
  const starter = new StepFunctionsExecutionStarter({ client, stateMachineArn: 'machine', observeVersionArn: 'observe:1', actVersionArn: 'act:2' });
  return { starter, calls };
}

const execution = { name: 'a'.repeat(64), remediationId: 'rem-1' };

describe('StepFunctionsExecutionStarter', () => {
  it('starts with the published versions, so that a deploy in mid-repair changes nothing under it', async () => {
    const { starter, calls } = starterThat(() => ({ executionArn: 'arn' }));
    await starter.start(execution);
    expect(calls[0]?.input).toEqual({
      stateMachineArn: 'machine',
      name: execution.name,
      input: '{"remediationId":"rem-1","observe":"observe:1","act":"act:2"}',
    });
  });

  it('counts a name that is taken as started', async () => {
    const { starter } = starterThat(() => {
      throw new ExecutionAlreadyExists({ message: 'taken', $metadata: {} });
    });
    await expect(starter.start(execution)).resolves.toBeUndefined();
  });

  it.each([
    ['ThrottlingException', RetryableError],
    ['ExecutionLimitExceeded', RetryableError],
    ['StateMachineDoesNotExist', PermanentError],
    ['AccessDeniedException', PermanentError],
  ])('maps %s', async (name, expected) => {
    const { starter } = starterThat(() => {
      throw serviceError(name);
    });
    await expect(starter.start(execution)).rejects.toBeInstanceOf(expected);
  });

  it.each(['', 'a'.repeat(81), 'with space', 'ü'])('refuses the name %j, which a local emulator would accept', async (name) => {
    const { starter, calls } = starterThat(() => ({}));
    await expect(starter.start({ name, remediationId: 'rem-1' })).rejects.toBeInstanceOf(PermanentError);
    expect(calls).toEqual([]);
  });
});
