import { type MessageAttributeValue, PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import { PermanentError } from '../../core/environment/errors.ts';
import { audienceRoles } from '../../core/incidents/fan-out/audience.ts';
import type { NotificationMessage, NotificationPublisher } from '../../core/incidents/ports.ts';
import { utf8Bytes } from '../../core/records/limits.ts';
import { callAws } from './aws-errors.ts';

export interface SnsNotificationPublisherOptions {
  readonly client: SNSClient;
  /** One topic per severity. */
  readonly topicArns: Readonly<Record<NotificationMessage['severity'], string>>;
}

/** The text is sent three times in one message, so these keep the whole under 200 KB of SNS's 256 KB (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). */
const MAX_TEXT_BYTES = 20_000;
const MAX_DATA_BYTES = 32_000;
const MAX_MESSAGE_BYTES = 200_000;
const MAX_SUBJECT_CHARACTERS = 100;
const MAX_SMS_CHARACTERS = 160;

/**
 * Publishes to the topic of the severity. Who gets what is decided by the subscriptions' filters on `channels`, `roles`, `severity`,
 * `system` and `step`; each protocol gets its own text. Too much text is cut and says so: a long page is better than none.
 */
export class SnsNotificationPublisher implements NotificationPublisher {
  readonly #options: SnsNotificationPublisherOptions;

  constructor(options: SnsNotificationPublisherOptions) {
    this.#options = options;
  }

  async publish(message: NotificationMessage): Promise<{ readonly messageId: string }> {
    const body = messageOf(message);
    if (utf8Bytes(body) > MAX_MESSAGE_BYTES) throw new PermanentError(`Notification ${message.notificationId} is larger than ${MAX_MESSAGE_BYTES} bytes.`);
    const command = new PublishCommand({
      TopicArn: this.#options.topicArns[message.severity],
      MessageStructure: 'json',
      Subject: subjectOf(message),
      Message: body,
      MessageAttributes: attributesOf(message),
    });
    const answer = await callAws(`publish notification ${message.notificationId}`, () => this.#options.client.send(command));
    if (answer.MessageId === undefined) throw new PermanentError(`SNS took notification ${message.notificationId} but gave no id for it.`);
    return { messageId: answer.MessageId };
  }
}

/** Marked for the reader: the first attempt may have arrived. */
function marked(message: NotificationMessage, text: string): string {
  return message.isRepeat ? `Repeat: ${text}` : text;
}

function messageOf(message: NotificationMessage): string {
  const text = cutToBytes(withoutControls(marked(message, message.text)), MAX_TEXT_BYTES);
  const sms = withoutControls(marked(message, message.sms)).slice(0, MAX_SMS_CHARACTERS).toWellFormed();
  return JSON.stringify({ default: text, email: text, sqs: text, sms, https: dataOf(message) });
}

function dataOf(message: NotificationMessage): string {
  const { notificationId, severity, isRepeat } = message;
  const identity = { notificationId, severity, ...(message.system === undefined ? {} : { system: message.system }), isRepeat };
  const json = JSON.stringify({ ...message.data, ...identity });
  if (utf8Bytes(json) <= MAX_DATA_BYTES) return json;
  return JSON.stringify({ ...identity, subject: subjectOf(message), isCut: true });
}

/** https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: at most 100 ASCII characters without line breaks, beginning with a visible one. */
function subjectOf(message: NotificationMessage): string {
  const ascii = marked(message, message.subject)
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[^\u0020-\u007E]/gu, '?')
    .trim();
  return ascii.slice(0, MAX_SUBJECT_CHARACTERS).trim() || 'Perennial';
}

/** `String.Array` lets a filter match any one of the channels (https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html). */
function attributesOf(message: NotificationMessage): Record<string, MessageAttributeValue> {
  return {
    severity: { DataType: 'String', StringValue: message.severity },
    channels: { DataType: 'String.Array', StringValue: JSON.stringify(message.channels) },
    // Without roles it is everybody's: the roles that every catalog may have a route for, so that no filter loses it.
    roles: { DataType: 'String.Array', StringValue: JSON.stringify(message.roles === undefined || message.roles.length === 0 ? audienceRoles : message.roles) },
    ...(message.step === undefined ? {} : { step: { DataType: 'String', StringValue: message.step } }),
    ...(message.system === undefined || message.system === '' ? {} : { system: { DataType: 'String', StringValue: message.system } }),
  };
}

/** Control characters but line breaks and tabs: no mail needs them, and in JSON each takes six bytes. */
function withoutControls(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F]/g, '');
}

const CUT_NOTE = '\n[The rest was cut: see the incident for all of it.]';

function cutToBytes(text: string, maxBytes: number): string {
  if (utf8Bytes(text) <= maxBytes) return text;
  const bytes = new TextEncoder().encode(text).slice(0, maxBytes - CUT_NOTE.length);
  // A character that the cut has halved becomes U+FFFD at the end, and is dropped.
  return new TextDecoder().decode(bytes).replace(/\uFFFD+$/u, '') + CUT_NOTE;
}
