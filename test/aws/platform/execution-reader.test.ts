import { ExecutionDoesNotExist, SFNClient } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { StepFunctionsExecutionReader } from '../../../aws/platform/execution-reader.ts';
import { StepFunctionsExecutionStarter } from '../../../aws/platform/execution-starter.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { fieldOf, serviceError, stubClient, stubOptions } from './stub-client.ts';

const stateMachineArn = 'arn:aws:states:eu-central-1:111122223333:stateMachine:perennial-remediation';

function readerThat(answer: () => unknown) {
  const client = new SFNClient(stubOptions);
  const calls = stubClient(client, answer);
  return { reader: new StepFunctionsExecutionReader(client, stateMachineArn), calls };
}

describe('StepFunctionsExecutionReader', () => {
  it('gives the versions that the starter put into the input', async () => {
    const client = new SFNClient(stubOptions);
    const started = stubClient(client, () => ({}));
    await new StepFunctionsExecutionStarter({ client, stateMachineArn, observeVersionArn: 'observe:1', actVersionArn: 'act:2' }).start({
      name: 'abc',
      remediationId: 'rem-1',
    });
    const { reader, calls } = readerThat(() => ({ input: fieldOf(started[0]?.input, 'input') }));
    expect(await reader.versionsOf('abc')).toEqual(['observe:1', 'act:2']);
    expect(calls[0]?.input).toEqual({ executionArn: 'arn:aws:states:eu-central-1:111122223333:execution:perennial-remediation:abc' });
  });

  it('gives none for an execution that is none', async () => {
    const { reader } = readerThat(() => {
      throw new ExecutionDoesNotExist({ message: 'none', $metadata: {} });
    });
    expect(await reader.versionsOf('abc')).toEqual([]);
  });

  it.each([undefined, '', 'no JSON', '{"remediationId":"rem-1"}'])('does not guess from the input %j', async (input) => {
    const { reader } = readerThat(() => ({ input }));
    await expect(reader.versionsOf('abc')).rejects.toBeInstanceOf(PermanentError);
  });

  it.each([
    ['ThrottlingException', RetryableError],
    ['AccessDeniedException', PermanentError],
  ])('maps %s', async (name, expected) => {
    const { reader } = readerThat(() => {
      throw serviceError(name);
    });
    await expect(reader.versionsOf('abc')).rejects.toBeInstanceOf(expected);
  });
});
