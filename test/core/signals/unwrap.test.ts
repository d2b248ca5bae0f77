import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Unwrapped, unwrap } from '../../../core/signals/unwrap.ts';

const event = { source: 'a', 'detail-type': 'b' };
const topicArn = 'arn:aws:sns:eu-central-1:111122223333:alarms';
const notification = (message: unknown): object => ({
  Type: 'Notification',
  TopicArn: topicArn,
  Message: typeof message === 'string' ? message : JSON.stringify(message),
});
const queue = (...bodies: readonly unknown[]): object => ({
  Records: bodies.map((body) => ({ eventSource: 'aws:sqs', body: typeof body === 'string' ? body : JSON.stringify(body) })),
});
const topic = (...messages: readonly unknown[]): object => ({ Records: messages.map((message) => ({ EventSource: 'aws:sns', Sns: notification(message) })) });

const shown = (found: readonly Unwrapped[]): readonly unknown[] =>
  found.map((one) => (one.kind === 'event' ? [one.path, one.body, one.topicArn] : [one.path, 'rejected']));

describe('unwrap', () => {
  it.each([
    ['an event', event, [[[], event, undefined]]],
    ['text', JSON.stringify(event), [[[], event, undefined]]],
    [
      'a list',
      [event, event],
      [
        [[0], event, undefined],
        [[1], event, undefined],
      ],
    ],
    [
      'SQS records',
      queue(event, event),
      [
        [[0], event, undefined],
        [[1], event, undefined],
      ],
    ],
    ['SNS records', topic(event), [[[0], event, topicArn]]],
    ['a raw notification', notification(event), [[[], event, topicArn]]],
    [
      'SNS in SQS',
      queue(event, notification(event)),
      [
        [[0], event, undefined],
        [[1], event, topicArn],
      ],
    ],
    [
      'SNS records in SQS',
      queue(topic(event, event)),
      [
        [[0, 0], event, topicArn],
        [[0, 1], event, topicArn],
      ],
    ],
    ['SQS records in SNS', topic(queue(event)), [[[0, 0], event, topicArn]]],
    [
      'a bad record beside a good one',
      queue('{', event),
      [
        [[0], 'rejected'],
        [[1], event, undefined],
      ],
    ],
  ])('takes the wrappings off %s', (_name, raw, expected) => {
    expect(shown(unwrap(raw))).toEqual(expected);
  });

  it.each([
    ['empty text', '  ', 'It is not JSON: it is empty.'],
    ['no JSON', 'owner kim@example.com', 'It is not JSON: 21 characters that do not parse.'],
    ['a number', '7', 'It is neither a JSON object nor a list of them.'],
    ['null', null, 'It is neither a JSON object nor a list of them.'],
    ['no records', { Records: [] }, 'It is an empty list.'],
    ['a record of S3', { Records: [{ eventSource: 'aws:s3', s3: {} }] }, 'It is a record of another service than SQS or SNS, or one without a body.'],
    [
      'a confirmation',
      { Type: 'SubscriptionConfirmation', Token: 't' },
      'It is an SNS SubscriptionConfirmation, not an event; confirm the subscription where it was made.',
    ],
    ['too much text', 'x'.repeat(6 * 1024 * 1024 + 1), 'It has 6291457 characters; at most 6291456 are read.'],
  ])('rejects %s with the reason', (_name, raw, reason) => {
    expect(unwrap(raw)).toEqual([expect.objectContaining({ kind: 'rejected', reason })]);
  });

  it('goes only so deep', () => {
    let nested: unknown = event;
    for (let level = 0; level < 8; level += 1) nested = queue(nested);
    expect(unwrap(nested)).toEqual([
      expect.objectContaining({ kind: 'rejected', reason: 'It is wrapped too often; take the outer wrappings off and send it again.' }),
    ]);
    expect(unwrap(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)).toEqual([expect.objectContaining({ kind: 'rejected' })]);
  });

  it('reads 10,000 events at most and says so', () => {
    const found = unwrap(Array.from({ length: 10_001 }, () => event));
    expect(found).toHaveLength(10_001);
    expect(found.at(-1)).toMatchObject({ kind: 'rejected' });
  });

  it('never throws, whatever JSON or text it is given, and keeps no prototype', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), fc.jsonValue(), fc.constant('{"__proto__":{"source":"aws.ec2","detail-type":"x"}}')), (raw) => {
        for (const found of unwrap(raw)) {
          if (found.kind === 'event') expect('source' in found.body && !Object.hasOwn(found.body, 'source')).toBe(false);
          else expect(found.reason).not.toBe('');
        }
        expect('source' in {}).toBe(false);
      }),
    );
  });
});
