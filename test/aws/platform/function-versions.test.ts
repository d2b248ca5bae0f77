import { LambdaClient, ResourceNotFoundException } from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import { LambdaFunctionVersions } from '../../../aws/platform/function-versions.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { fieldOf, serviceError, stubClient, stubOptions } from './stub-client.ts';

const functionArn = 'arn:aws:lambda:eu-central-1:111122223333:function:act';
const versionOf = (number: number) => ({ arn: `${functionArn}:${number}`, functionArn, number });

function versionsThat(answer: (input: unknown, call: number) => unknown) {
  const client = new LambdaClient(stubOptions);
  const calls = stubClient(client, answer);
  return { versions: new LambdaFunctionVersions(client), calls };
}

describe('LambdaFunctionVersions', () => {
  it('reads page after page, gives the numbers in their order and leaves out what is not published', async () => {
    const pages = [{ Versions: [{ Version: '$LATEST' }, { Version: '10' }], NextMarker: 'more' }, { Versions: [{ Version: '9' }, {}] }];
    const markers: unknown[] = [];
    const { versions, calls } = versionsThat((input, call) => {
      markers.push(fieldOf(input, 'Marker'));
      return pages[call - 1];
    });
    expect(await versions.list(functionArn)).toEqual([versionOf(9), versionOf(10)]);
    expect(markers).toEqual([undefined, 'more']);
    expect(calls.map(({ input }) => [fieldOf(input, 'FunctionName'), fieldOf(input, 'MaxItems')])).toEqual([
      [functionArn, 50],
      [functionArn, 50],
    ]);
  });

  it('reads at most twenty pages; what lies behind waits', async () => {
    const { versions, calls } = versionsThat((_, call) => ({ Versions: [{ Version: String(call) }], NextMarker: String(call) }));
    expect(await versions.list(functionArn)).toHaveLength(20);
    expect(calls).toHaveLength(20);
  });

  it('deletes by the ARN of the version', async () => {
    const { versions, calls } = versionsThat(() => ({}));
    await versions.delete(versionOf(12));
    expect(calls).toEqual([{ command: 'DeleteFunctionCommand', input: { FunctionName: `${functionArn}:12` } }]);
  });

  it.each([functionArn, `${functionArn}:$LATEST`, `${functionArn}:live`, `${functionArn}:0`, 'act'])(
    'never names a whole function: refuses %s',
    async (arn) => {
      const { versions, calls } = versionsThat(() => ({}));
      await expect(versions.delete({ ...versionOf(1), arn })).rejects.toBeInstanceOf(PermanentError);
      expect(calls).toEqual([]);
    },
  );

  it('counts a version that is gone as deleted', async () => {
    const { versions } = versionsThat(() => {
      throw new ResourceNotFoundException({ message: 'gone', $metadata: {} });
    });
    await expect(versions.delete(versionOf(1))).resolves.toBeUndefined();
  });

  it.each([
    ['TooManyRequestsException', RetryableError],
    ['ServiceException', RetryableError],
    ['ResourceConflictException', PermanentError],
    ['AccessDeniedException', PermanentError],
  ])('maps %s', async (name, expected) => {
    const { versions } = versionsThat(() => {
      throw serviceError(name);
    });
    await expect(versions.delete(versionOf(1))).rejects.toBeInstanceOf(expected);
    await expect(versions.list(functionArn)).rejects.toBeInstanceOf(expected);
  });
});
