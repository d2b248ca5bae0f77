import { describe, expect, it } from 'vitest';
import { EnvironmentError, readEnvironment, scopeOf } from '../../../aws/runtime/environment.ts';
import { functionEnvironments, type FunctionVariables } from '../../../core/environment/function-environment.ts';

const queueUrl = 'https://sqs.eu-central-1.amazonaws.com/111122223333/signals';
const impaired: FunctionVariables<'impaired'> = { ACCOUNT_ID: '111122223333', TABLE_NAME: 'table', SIGNALS_QUEUE_URL: queueUrl, SMALL_FLEET_POLL_MINUTES: '5' };

describe('readEnvironment', () => {
  it('gives a frozen value with only what the function declares', () => {
    const environment = readEnvironment('impaired', { ...impaired, AWS_REGION: 'eu-central-1', SECRET: 'x' });
    expect(environment).toEqual({ ...impaired, AWS_REGION: 'eu-central-1' });
    expect(Object.isFrozen(environment)).toBe(true);
    expect(scopeOf(environment)).toEqual({ accountId: '111122223333', region: 'eu-central-1' });
  });

  it('takes the local queue URLs as well', () => {
    const local = { ...impaired, SIGNALS_QUEUE_URL: 'http://localhost:4566/111122223333/signals', AWS_REGION: 'eu-central-1' };
    expect(readEnvironment('impaired', local).SIGNALS_QUEUE_URL).toBe(local.SIGNALS_QUEUE_URL);
  });

  it.each(Object.keys(impaired))('names a missing %s', (variable) => {
    const source = { ...impaired, AWS_REGION: 'eu-central-1', [variable]: undefined };
    expect(() => readEnvironment('impaired', source)).toThrow(EnvironmentError);
    expect(() => readEnvironment('impaired', source)).toThrow(variable);
  });

  it.each(['0', '6', '2.5', ''])('refuses to poll every %j minutes', (minutes) => {
    const source = { ...impaired, AWS_REGION: 'eu-central-1', SMALL_FLEET_POLL_MINUTES: minutes };
    expect(() => readEnvironment('impaired', source)).toThrow('SMALL_FLEET_POLL_MINUTES');
  });

  it('refuses an ARN that is none', () => {
    const source = Object.fromEntries(Object.keys(functionEnvironments.page.shape).map((name) => [name, 'nonsense']));
    expect(() => readEnvironment('page', source)).toThrow('TOPIC_CRITICAL_ARN');
  });

  it('makes a variable that CDK forgets a type error', () => {
    // @ts-expect-error -- SIGNALS_QUEUE_URL is missing; should this line ever compile, the guard is gone
    const incomplete: FunctionVariables<'impaired'> = { ACCOUNT_ID: '111122223333', TABLE_NAME: 'table', SMALL_FLEET_POLL_MINUTES: '5' };
    expect(incomplete).toBeDefined();
  });
});
