import { describe, expect, it } from 'vitest';
import { parseTemplate, resourcesOf, synthesise } from './template.ts';

const template = parseTemplate(synthesise().main.template);

function subscriptionsOf(topic: string) {
  return resourcesOf(template, 'AWS::SNS::Subscription')
    .map(([, { Properties }]) => Properties)
    .filter(({ TopicArn }) => JSON.stringify(TopicArn).includes(`"Topics${topic}`))
    .map(({ Protocol, Endpoint, FilterPolicy }) => ({ Protocol, Endpoint, FilterPolicy }));
}

const mail = { Protocol: 'email', Endpoint: 'ops@example.com', FilterPolicy: { channels: ['email'] } };
const text = { Protocol: 'sms', Endpoint: '{{resolve:ssm:/perennial/contacts/ops-phone}}', FilterPolicy: { channels: ['sms'] } };
const hook = { Protocol: 'https', Endpoint: 'https://chat.example.com/hook', FilterPolicy: { channels: ['https'] } };

describe('subscriptions from the catalog', () => {
  it('a route chooses topics by severity, and each channel filters for itself (S0-22, S3-22)', () => {
    expect(subscriptionsOf('Critical')).toEqual([mail, text, hook]);
    expect(subscriptionsOf('High')).toEqual([mail, text, hook]);
    expect(subscriptionsOf('Warning')).toEqual([{ ...mail, Endpoint: 'readers@example.com' }]);
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
