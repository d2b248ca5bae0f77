import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { inject } from 'vitest';
import { boundedClientOptions } from '../../aws/platform/client-options.ts';
import { SnsSubscriptions } from '../../aws/platform/subscription-reader.ts';
import { unique } from './fleet-on-moto.ts';
import { describeSubscriptions } from './subscriptions.contract.ts';

const { controlEndpoint, region } = inject('localAws');
const client = new SNSClient({ ...boundedClientOptions, endpoint: controlEndpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });

describeSubscriptions('on MiniStack', () => ({
  subscriptions: new SnsSubscriptions(client),
  addTopic: async () => (await client.send(new CreateTopicCommand({ Name: unique('subscriptions') }))).TopicArn ?? '',
  subscribe: async (TopicArn, Protocol, Endpoint) => {
    await client.send(new SubscribeCommand({ TopicArn, Protocol, Endpoint }));
  },
}));
