import { MemorySubscriptions } from '../core/incidents/memory-subscriptions.ts';
import { describeSubscriptions } from './subscriptions.contract.ts';

let topics = 0;

describeSubscriptions('in memory', () => {
  const subscriptions = new MemorySubscriptions();
  return {
    subscriptions,
    addTopic: async () => {
      topics += 1;
      const arn = `arn:aws:sns:eu-central-1:111122223333:topic-${topics}`;
      subscriptions.addTopic(arn);
      return Promise.resolve(arn);
    },
    subscribe: async (topicArn, protocol, endpoint) => {
      subscriptions.subscribe(topicArn, { protocol, endpoint, state: protocol === 'sqs' ? 'confirmed' : 'pending' });
      return Promise.resolve();
    },
  };
});
