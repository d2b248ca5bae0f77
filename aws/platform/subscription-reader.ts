import {
  ConfirmSubscriptionCommand,
  GetSubscriptionAttributesCommand,
  ListSubscriptionsByTopicCommand,
  type SNSClient,
  type Subscription,
} from '@aws-sdk/client-sns';
import { PermanentError } from '../../core/environment/errors.ts';
import type { FoundSubscription, SubscriptionConfirmation, SubscriptionConfirmer, SubscriptionReader } from '../../core/incidents/fan-out/subscriptions.ts';
import { callAws } from './aws-errors.ts';

/** 100 subscriptions a page: https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html */
const MAX_PAGES = 100;
const MAX_PROTECTION_READS = 200;

/** Reads a topic's subscriptions, and confirms them so that only this account can end them. */
export class SnsSubscriptions implements SubscriptionReader, SubscriptionConfirmer {
  readonly #client: SNSClient;

  constructor(client: SNSClient) {
    this.#client = client;
  }

  async list(topicArn: string, withProtection = false): Promise<readonly FoundSubscription[]> {
    const found = await this.#listAll(topicArn);
    if (!withProtection) return found.map(foundOf);
    const answers: FoundSubscription[] = [];
    let reads = 0;
    for (const subscription of found) {
      const one = foundOf(subscription);
      // Only a mail carries a link with which its reader can end it.
      const isAsked = one.protocol === 'email' && one.state === 'confirmed' && reads < MAX_PROTECTION_READS;
      if (isAsked) reads += 1;
      answers.push(isAsked ? { ...one, isProtected: await this.#isProtected(subscription.SubscriptionArn ?? '') } : one);
    }
    return answers;
  }

  /**
   * https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html: with AuthenticateOnUnsubscribe and a signature, only the owners of
   * topic and subscription can unsubscribe. A confirmation that was done already is answered with the same subscription.
   */
  async confirm({ topicArn, token }: SubscriptionConfirmation): Promise<void> {
    const command = new ConfirmSubscriptionCommand({ TopicArn: topicArn, Token: token, AuthenticateOnUnsubscribe: 'true' });
    await callAws('confirm a subscription', () => this.#client.send(command));
  }

  async #listAll(TopicArn: string): Promise<readonly Subscription[]> {
    const found: Subscription[] = [];
    let NextToken: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const command = new ListSubscriptionsByTopicCommand({ TopicArn, ...(NextToken === undefined ? {} : { NextToken }) });
      const answer = await callAws(`list the subscriptions of ${TopicArn}`, () => this.#client.send(command));
      found.push(...(answer.Subscriptions ?? []));
      NextToken = answer.NextToken;
      if (NextToken === undefined || NextToken === '') return found;
    }
    throw new PermanentError(`The topic ${TopicArn} has more than ${MAX_PAGES * 100} subscriptions, too many to compare.`);
  }

  /** https://docs.aws.amazon.com/sns/latest/api/API_GetSubscriptionAttributes.html */
  async #isProtected(SubscriptionArn: string): Promise<boolean> {
    const command = new GetSubscriptionAttributesCommand({ SubscriptionArn });
    const { Attributes } = await callAws('read a subscription', () => this.#client.send(command));
    return Attributes?.['ConfirmationWasAuthenticated'] === 'true';
  }
}

/** A subscription without an ARN has this word in its place; one that SNS has suspended too (https://repost.aws/knowledge-center/sns-email-subscription-disabled). */
const states: Readonly<Record<string, FoundSubscription['state']>> = { PendingConfirmation: 'pending', Deleted: 'deleted' };

function foundOf({ Protocol = '', Endpoint = '', SubscriptionArn = '' }: Subscription): FoundSubscription {
  return { protocol: Protocol, endpoint: Endpoint, state: states[SubscriptionArn] ?? 'confirmed' };
}
