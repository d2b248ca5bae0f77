import { SNSClient } from '@aws-sdk/client-sns';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { SnsNotificationPublisher } from '../../../aws/platform/notification-publisher.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import type { NotificationMessage } from '../../../core/incidents/ports.ts';
import { serviceError, stubClient, stubOptions } from './stub-client.ts';

const topicArns = { critical: 'topic:critical', high: 'topic:high', warning: 'topic:warning', info: 'topic:info' };
const inputSchema = z.object({
  TopicArn: z.string(),
  Subject: z.string(),
  Message: z.string(),
  MessageStructure: z.literal('json'),
  MessageAttributes: z.record(z.string(), z.object({ DataType: z.string(), StringValue: z.string() })),
});
const textsSchema = z.object({ default: z.string(), email: z.string(), sqs: z.string(), sms: z.string(), https: z.string() });

const message: NotificationMessage = {
  notificationId: 'ntf-1',
  severity: 'high',
  channels: ['https', 'email'],
  system: 'shop-web',
  subject: 'shop-web: replacing i-0123',
  text: 'What happened\nWhat to do',
  sms: 'shop-web: replacing',
  data: { incidentId: 'inc-1' },
  isRepeat: false,
};

async function publish(changes: Partial<NotificationMessage> = {}) {
  const client = new SNSClient(stubOptions);
  const calls = stubClient(client, () => ({ MessageId: 'sns-1' }));
  const answer = await new SnsNotificationPublisher({ client, topicArns }).publish({ ...message, ...changes });
  const input = inputSchema.parse(calls[0]?.input);
  const json: unknown = JSON.parse(input.Message);
  const texts = textsSchema.parse(json);
  const data: unknown = JSON.parse(texts.https);
  return { answer, input, texts, data };
}

describe('SnsNotificationPublisher', () => {
  it('publishes to the topic of the severity, each protocol with its own text', async () => {
    const { answer, input, texts, data } = await publish();
    expect(answer).toEqual({ messageId: 'sns-1' });
    expect(input.TopicArn).toBe('topic:high');
    expect(input.Subject).toBe('shop-web: replacing i-0123');
    expect(texts).toMatchObject({ default: message.text, email: message.text, sqs: message.text, sms: message.sms });
    expect(data).toEqual({ incidentId: 'inc-1', notificationId: 'ntf-1', severity: 'high', system: 'shop-web', isRepeat: false });
  });

  it('carries what subscriptions filter on (S0-22, S4-40)', async () => {
    const { input } = await publish({ roles: ['operators', 'team-shop'], step: 'replacing' });
    expect(input.MessageAttributes).toEqual({
      severity: { DataType: 'String', StringValue: 'high' },
      channels: { DataType: 'String.Array', StringValue: '["https","email"]' },
      roles: { DataType: 'String.Array', StringValue: '["operators","team-shop"]' },
      step: { DataType: 'String', StringValue: 'replacing' },
      system: { DataType: 'String', StringValue: 'shop-web' },
    });
    expect((await publish({ system: '' })).input.MessageAttributes).not.toHaveProperty('system');
  });

  it('what has no roles is for every role: no filter may lose it', async () => {
    const everybody = { DataType: 'String.Array', StringValue: '["owner","operators","developers","business","upstream"]' };
    expect((await publish()).input.MessageAttributes['roles']).toEqual(everybody);
    expect((await publish({ roles: [] })).input.MessageAttributes['roles']).toEqual(everybody);
  });

  it('marks a repetition for people and for programs', async () => {
    const { input, texts, data } = await publish({ isRepeat: true, sms: 's'.repeat(160) });
    expect(input.Subject).toBe('Repeat: shop-web: replacing i-0123');
    expect(texts.email).toBe(`Repeat: ${message.text}`);
    expect(texts.sms).toBe(`Repeat: ${'s'.repeat(152)}`);
    expect(data).toMatchObject({ notificationId: 'ntf-1', isRepeat: true });
  });

  it.each([
    ['Störung\nbei Züri', 'Storung bei Zuri'],
    ['🔥 fire', '? fire'],
    ['  ', 'Perennial'],
    ['x'.repeat(300), 'x'.repeat(100)],
  ])('makes the subject %j one that SNS takes', async (subject, expected) => {
    expect((await publish({ subject })).input.Subject).toBe(expected);
  });

  it('keeps any message under SNS\u2019s limits: a cut page is better than none', async () => {
    const long = fc.tuple(fc.string({ unit: 'binary', maxLength: 20 }), fc.integer({ min: 0, max: 20_000 })).map(([text, times]) => text.repeat(times));
    const property = fc.asyncProperty(long, long, async (text, value) => {
      const { input, texts } = await publish({ text, sms: text, subject: text, data: { value } });
      expect(Buffer.byteLength(input.Message)).toBeLessThanOrEqual(200_000);
      expect(texts.sms.length).toBeLessThanOrEqual(160);
      expect(input.Subject).toMatch(/^[\u0021-\u007E][\u0020-\u007E]{0,99}$/);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it('says that it cut, and cuts no character in half', async () => {
    const { texts, data } = await publish({ text: '€'.repeat(50_000), data: { value: 'x'.repeat(50_000) } });
    expect(texts.email).toMatch(/^€+\n\[The rest was cut/);
    expect(data).toMatchObject({ notificationId: 'ntf-1', isCut: true });
  });

  it.each([
    ['KMSThrottlingException', RetryableError],
    ['ThrottledException', RetryableError],
    ['NotFoundException', PermanentError],
    ['AuthorizationErrorException', PermanentError],
  ])('maps %s', async (name, expected) => {
    const client = new SNSClient(stubOptions);
    stubClient(client, () => {
      throw serviceError(name);
    });
    await expect(new SnsNotificationPublisher({ client, topicArns }).publish(message)).rejects.toBeInstanceOf(expected);
  });
});
