import { PermanentError } from '../../../core/environment/errors.ts';
import type { FoundSubscription, SubscriptionConfirmation, SubscriptionConfirmer, SubscriptionReader } from '../../../core/incidents/fan-out/subscriptions.ts';

interface Kept extends FoundSubscription {
  readonly token: string;
}

/** SNS's subscriptions in memory. */
export class MemorySubscriptions implements SubscriptionReader, SubscriptionConfirmer {
  readonly #topics = new Map<string, Kept[]>();
  #areTopicsKnown = false;

  /** Topics that were never named are taken for ones without subscriptions, until one is added: then all must be. */
  addTopic(topicArn: string): void {
    this.#areTopicsKnown = true;
    this.#topics.set(topicArn, []);
  }

  /** @returns the token that its confirmation takes */
  subscribe(topicArn: string, one: FoundSubscription): string {
    const kept = this.#topics.get(topicArn) ?? [];
    const token = `${'0'.repeat(16)}${kept.length}`;
    this.#topics.set(topicArn, [...kept, { ...one, token }]);
    return token;
  }

  async list(topicArn: string, withProtection = false): Promise<readonly FoundSubscription[]> {
    if (this.#areTopicsKnown && !this.#topics.has(topicArn)) throw new PermanentError(`list the subscriptions of ${topicArn}: NotFound: Topic does not exist`);
    return (this.#topics.get(topicArn) ?? []).map(({ token: _token, isProtected, ...one }) =>
      withProtection && one.protocol === 'email' && one.state === 'confirmed' ? { ...one, isProtected: isProtected ?? false } : one,
    );
  }

  async confirm({ topicArn, token }: SubscriptionConfirmation): Promise<void> {
    const kept = this.#topics.get(topicArn) ?? [];
    if (!kept.some((one) => one.token === token)) throw new PermanentError('confirm a subscription: InvalidParameter: Invalid token');
    this.#topics.set(
      topicArn,
      kept.map((one) => (one.token === token ? { ...one, state: 'confirmed', isProtected: true } : one)),
    );
  }
}
