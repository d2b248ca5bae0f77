import { describe, expect, it } from 'vitest';
import { callAws, toPortError } from '../../../aws/platform/aws-errors.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { serviceError } from './stub-client.ts';

describe('toPortError', () => {
  it.each([
    serviceError('ThrottlingException'),
    serviceError('RequestLimitExceeded', 503),
    serviceError('SomethingNew', 500),
    serviceError('SomethingNew', 429),
    serviceError('ExpiredTokenException', 400),
    Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
    Object.assign(new Error('slow'), { name: 'TimeoutError' }),
  ])('says "later" for $name', (error) => {
    const mapped = toPortError(error, 'do it');
    expect(mapped).toBeInstanceOf(RetryableError);
    expect(mapped).toHaveProperty('cause', error);
  });

  it.each([serviceError('AccessDeniedException', 403), serviceError('ResourceNotFoundException'), serviceError('ValidationException')])(
    'says "never" for $name',
    (error) => {
      expect(toPortError(error, 'do it')).toBeInstanceOf(PermanentError);
    },
  );

  it('leaves bugs and errors of ports as they are', () => {
    for (const error of [new TypeError('bug'), new PermanentError('ours'), 'text', undefined]) expect(toPortError(error, 'do it')).toBe(error);
  });

  it('names what was being done', async () => {
    const call = callAws('read the record a/b', () => Promise.reject(serviceError('ThrottlingException')));
    await expect(call).rejects.toThrow('Could not read the record a/b just now (ThrottlingException): ThrottlingException by the stub');
  });
});
