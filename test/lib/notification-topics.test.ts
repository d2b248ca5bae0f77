import { describe, expect, it } from 'vitest';
import { METRIC_NAMESPACE } from '../../aws/runtime/metrics.ts';
import { parseTemplate, resourcesOf, synthesise } from './template.ts';

const template = parseTemplate(synthesise().main.template);

function subscriptionsOf(topic: string) {
  return resourcesOf(template, 'AWS::SNS::Subscription')
    .map(([, { Properties }]) => Properties)
    .filter(({ TopicArn }) => JSON.stringify(TopicArn).includes(`"Topics${topic}`))
    .map(({ Protocol, Endpoint, FilterPolicy }) => ({ Protocol, Endpoint, FilterPolicy }))
    .filter(({ Protocol }) => Protocol !== 'sqs');
}

const roles = ['operators'];
const mail = { Protocol: 'email', Endpoint: 'ops@example.com', FilterPolicy: { channels: ['email'], roles } };
const text = { Protocol: 'sms', Endpoint: '{{resolve:ssm:/perennial/contacts/ops-phone}}', FilterPolicy: { channels: ['sms'], roles } };
const hook = { Protocol: 'https', Endpoint: 'https://chat.example.com/hook', FilterPolicy: { channels: ['https'], roles } };

describe('subscriptions from the catalog', () => {
  it('a route chooses topics by severity, and each channel filters for itself and its role (S0-22, S3-22)', () => {
    expect(subscriptionsOf('Critical')).toEqual([mail, text, hook]);
    expect(subscriptionsOf('High')).toEqual([mail, text, hook]);
    // Nobody in the catalog is called "readers": the route hears everything, as before there were roles.
    expect(subscriptionsOf('Warning')).toEqual([{ ...mail, Endpoint: 'readers@example.com', FilterPolicy: { channels: ['email'] } }]);
    expect(subscriptionsOf('Info')).toEqual([]);
  });

  it("Perennial's own alarms reach who is on call; a phone only when a critical one goes off", () => {
    const woken = { NewStateValue: ['ALARM'], AlarmDescription: [{ prefix: '[critical]' }] };
    expect(subscriptionsOf('Platform')).toEqual([
      { ...mail, FilterPolicy: undefined },
      { ...text, FilterPolicy: woken },
      { ...hook, FilterPolicy: undefined },
    ]);
  });

  it('the heartbeat goes to its mailbox through the topic of critical pages, and to nobody else (S4-28)', () => {
    const toQueues = resourcesOf(template, 'AWS::SNS::Subscription').filter(
      ([id, { Properties }]) => Properties['Protocol'] === 'sqs' && id.includes('Heartbeat'),
    );
    expect(toQueues.map(([, { Properties }]) => Properties['FilterPolicy'])).toEqual([{ channels: ['heartbeat'] }]);
    expect(JSON.stringify(toQueues.map(([, { Properties }]) => Properties['TopicArn']))).toContain('"TopicsCritical');
  });

  it('failed deliveries over HTTPS are logged, and every topic has its alarm (S4-14)', () => {
    const topics = resourcesOf(template, 'AWS::SNS::Topic').filter(([id]) => id.startsWith('Topics'));
    // With the one through which alarms come in.
    expect(topics).toHaveLength(6);
    for (const [, { Properties }] of topics) {
      expect(Properties['DeliveryStatusLogging']).toMatchObject([
        { Protocol: 'http/s', FailureFeedbackRoleArn: { 'Fn::GetAtt': [expect.stringContaining('FeedbackRole'), 'Arn'] } },
      ]);
    }
    const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').filter(([, { Properties }]) => Properties['MetricName'] === 'NumberOfNotificationsFailed');
    expect(alarms).toHaveLength(5);
  });

  it('subscriptions that do not stand have an alarm on what each sweep counts', () => {
    const [alarm] = resourcesOf(template, 'AWS::CloudWatch::Alarm').filter(([, { Properties }]) => Properties['MetricName'] === 'SubscriptionsMissing');
    expect(alarm?.[1].Properties).toMatchObject({
      AlarmName: 'perennial-subscriptions-missing',
      Namespace: METRIC_NAMESPACE,
      Dimensions: [{ Name: 'service', Value: 'sweep' }],
      Statistic: 'Maximum',
      Threshold: 1,
    });
  });

  it('the key lets CloudWatch and EventBridge of this account use it and is rotated', () => {
    const [key] = resourcesOf(template, 'AWS::KMS::Key');
    expect(key?.[1].Properties).toMatchObject({
      EnableKeyRotation: true,
      KeyPolicy: {
        Statement: [
          { Action: 'kms:*' },
          {
            Principal: { Service: ['cloudwatch.amazonaws.com', 'events.amazonaws.com'] },
            Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          },
        ],
      },
    });
  });
});
