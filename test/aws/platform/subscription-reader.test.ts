import { SNSClient } from '@aws-sdk/client-sns';
import { describe, expect, it } from 'vitest';
import { SnsSubscriptions } from '../../../aws/platform/subscription-reader.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { serviceError, stubClient, stubOptions } from './stub-client.ts';

function createWith(answer: Parameters<typeof stubClient>[1]) {
  const client = new SNSClient(stubOptions);
  const calls = stubClient(client, answer);
  return { subscriptions: new SnsSubscriptions(client), calls };
}

const arn = 'arn:aws:sns:eu-central-1:111122223333:topic:0a';

describe('SnsSubscriptions', () => {
  it('reads what waits for its confirmation and what somebody has ended', async () => {
    const { subscriptions } = createWith(() => ({
      Subscriptions: [
        { Protocol: 'email', Endpoint: 'a@example.com', SubscriptionArn: 'PendingConfirmation' },
        { Protocol: 'email', Endpoint: 'b@example.com', SubscriptionArn: 'Deleted' },
        { Protocol: 'sms', Endpoint: '+49151', SubscriptionArn: arn },
      ],
    }));
    expect(await subscriptions.list('topic')).toEqual([
      { protocol: 'email', endpoint: 'a@example.com', state: 'pending' },
      { protocol: 'email', endpoint: 'b@example.com', state: 'deleted' },
      { protocol: 'sms', endpoint: '+49151', state: 'confirmed' },
    ]);
  });

  it('asks who could end it only of confirmed mail addresses', async () => {
    const { subscriptions, calls } = createWith((_input, call) =>
      call === 1
        ? {
            Subscriptions: [
              { Protocol: 'email', Endpoint: 'a@example.com', SubscriptionArn: arn },
              { Protocol: 'email', Endpoint: 'b@example.com', SubscriptionArn: 'PendingConfirmation' },
              { Protocol: 'https', Endpoint: 'https://x', SubscriptionArn: arn },
            ],
          }
        : { Attributes: { ConfirmationWasAuthenticated: 'true' } },
    );
    expect((await subscriptions.list('topic', true)).map(({ isProtected }) => isProtected)).toEqual([true, undefined, undefined]);
    expect(calls).toHaveLength(2);
  });

  it('ends a crawl that has no end with an error: a part must never read as all', async () => {
    const { subscriptions } = createWith(() => ({ Subscriptions: [], NextToken: 'more' }));
    await expect(subscriptions.list('topic')).rejects.toBeInstanceOf(PermanentError);
  });

  it('confirms so that only the account can end it', async () => {
    const { subscriptions, calls } = createWith(() => ({ SubscriptionArn: arn }));
    await subscriptions.confirm({ topicArn: 'topic', token: 'token' });
    expect(calls[0]?.input).toEqual({ TopicArn: 'topic', Token: 'token', AuthenticateOnUnsubscribe: 'true' });
  });

  it.each([
    ['ThrottledException', RetryableError],
    ['NotFoundException', PermanentError],
    ['InvalidParameterException', PermanentError],
  ])('maps %s', async (name, expected) => {
    const { subscriptions } = createWith(() => {
      throw serviceError(name);
    });
    await expect(subscriptions.list('topic')).rejects.toBeInstanceOf(expected);
    await expect(subscriptions.confirm({ topicArn: 'topic', token: 'token' })).rejects.toBeInstanceOf(expected);
  });
});
