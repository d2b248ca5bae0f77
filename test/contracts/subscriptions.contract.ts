import { beforeEach, describe, expect, it } from 'vitest';
import { PermanentError } from '../../core/environment/errors.ts';
import type { SubscriptionConfirmer, SubscriptionReader } from '../../core/incidents/fan-out/subscriptions.ts';

/*
 * What is subscribed to a topic, in memory and behind the AWS adapter alike. Where the emulator is not AWS, the suite asserts only what both do:
 *
 * - MiniStack confirms every subscription by itself; on AWS only those to services of the same account are
 *   (https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html). Its answers to the adapter are in test/aws/platform/subscription-reader.test.ts.
 * - it knows no ConfirmationWasAuthenticated (https://docs.aws.amazon.com/sns/latest/api/API_GetSubscriptionAttributes.html).
 */

export interface SubscriptionsUnderTest {
  readonly subscriptions: SubscriptionReader & SubscriptionConfirmer;
  /** @returns the ARN of a topic without subscriptions */
  addTopic(): Promise<string>;
  subscribe(topicArn: string, protocol: 'email' | 'https' | 'sqs', endpoint: string): Promise<void>;
}

export function describeSubscriptions(title: string, create: () => SubscriptionsUnderTest): void {
  describe(`${title}: subscriptions`, () => {
    let world: SubscriptionsUnderTest;
    let topic: string;
    beforeEach(async () => {
      world = create();
      topic = await world.addTopic();
    });

    it('lists none where there is none, and each topic its own', async () => {
      const other = await world.addTopic();
      await world.subscribe(topic, 'email', 'ops@example.com');
      expect(await world.subscriptions.list(other)).toEqual([]);
      expect(await world.subscriptions.list(topic)).toMatchObject([{ protocol: 'email', endpoint: 'ops@example.com' }]);
    });

    it('a queue of the account needs no confirmation', async () => {
      await world.subscribe(topic, 'sqs', 'arn:aws:sqs:eu-central-1:111122223333:mailbox');
      expect(await world.subscriptions.list(topic)).toMatchObject([{ protocol: 'sqs', state: 'confirmed' }]);
    });

    it('lists more than one page', async () => {
      for (let index = 0; index < 120; index += 1) await world.subscribe(topic, 'email', `reader-${index}@example.com`);
      const found = await world.subscriptions.list(topic);
      expect(new Set(found.map(({ endpoint }) => endpoint)).size).toBe(120);
    });

    it('a topic that is not there is an error, not "nobody is subscribed"', async () => {
      await expect(world.subscriptions.list(`${topic}-gone`)).rejects.toBeInstanceOf(PermanentError);
    });

    it('a token that SNS never gave confirms nothing', async () => {
      await expect(world.subscriptions.confirm({ topicArn: topic, token: 'f'.repeat(64) })).rejects.toBeInstanceOf(PermanentError);
      expect(await world.subscriptions.list(topic)).toEqual([]);
    });
  });
}
