import * as z from 'zod/mini';
import { PermanentError, RetryableError } from '../../environment/errors.ts';
import type { Clock, Log, Scope } from '../../environment/ports.ts';
import { addSeconds } from '../../environment/time.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, type RecordType, type Versioned, writeOf } from '../../records/record-type.ts';
import { RecordConflictError, type RecordStore, type RecordWrite } from '../../records/store.ts';
import { type Bucket, bucketSchema, type HeldMails, heldMailsSchema, takeToken, withHeldMail } from './mail-limit.ts';
import { plain } from '../messages/message-text.ts';
import type { NotificationMessage, NotificationPublisher } from '../ports.ts';
import {
  planSms,
  rolesWithinLimit,
  type SmsLimits,
  type SmsMonth,
  smsMonthOf,
  smsMonthSchema,
  type SmsWindows,
  smsWindowSchema,
  withSent,
} from './sms-bundles.ts';

/** What waits on one topic, and how fast it was mailed. */
const deliveryDeskSchema = z.object({
  bucket: z.optional(bucketSchema),
  mails: z.array(heldMailsSchema),
  sms: z.record(z.string(), smsWindowSchema),
});
export interface DeliveryDesk {
  readonly bucket?: Bucket | undefined;
  readonly mails: readonly HeldMails[];
  readonly sms: SmsWindows;
}
export const deliveryDeskType: RecordType<z.infer<typeof deliveryDeskSchema>> = { name: 'delivery desk', schema: deliveryDeskSchema };
export const smsMonthType: RecordType<z.infer<typeof smsMonthSchema>> = { name: 'SMS month', schema: smsMonthSchema };

/** The body of a desk, as it is stored. */
export function storedDesk({ bucket, mails, sms }: DeliveryDesk): z.infer<typeof deliveryDeskSchema> {
  return { mails: [...mails], sms: { ...sms }, ...(bucket === undefined ? {} : { bucket }) };
}

/** What was decided about one notification; a repetition finds it, so that it is counted and bundled once. */
const deliverySchema = z.object({
  at: z.string(),
  isMailHeld: z.boolean(),
  sms: z.object({ now: z.array(z.string()), held: z.array(z.string()), usedUp: z.array(z.string()) }),
});
type Delivery = z.infer<typeof deliverySchema>;
/** Twice as long as a notification is tried. */
const KEPT_SECONDS = 2 * 86_400;
const deliveryType: RecordType<Delivery> = { name: 'delivery', schema: deliverySchema, expiresAt: ({ at }) => addSeconds(at, KEPT_SECONDS) };

export interface LimitedPublisherPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log?: Pick<Log, 'error'>;
  /** Who delivers. */
  readonly publisher: NotificationPublisher;
  /** From the catalog in force. */
  readonly smsLimits: () => Promise<SmsLimits>;
}

/** Stands for the phones of a message that is everybody's. */
const EVERYBODY = '*';

/**
 * Hands notifications on so that no channel is flooded: mail at most as fast as SNS bears it, the rest as one mail by the next tick; SMS
 * at once after a quiet time, then bundled, and no more than the month allows. What programs get over HTTPS is never held.
 *
 * A limit must not cost a page: when the records cannot be read or written, everything goes out unlimited.
 */
export function limitPublisher(ports: LimitedPublisherPorts): NotificationPublisher {
  return {
    publish: async (message) => {
      if (!message.channels.some((channel) => channel === 'email' || channel === 'sms')) return ports.publisher.publish(message);
      return send(ports.publisher, message, await decideOrNot(ports, message));
    },
  };
}

async function decideOrNot(ports: LimitedPublisherPorts, message: NotificationMessage): Promise<Delivery | undefined> {
  try {
    return await decide(ports, message);
  } catch (error) {
    if (!(error instanceof RetryableError || error instanceof PermanentError)) throw error;
    ports.log?.error('A notification is sent without the limits of its channels', { notificationId: message.notificationId, error });
    return undefined;
  }
}

const ATTEMPTS = 12;

/** Counts, bundles and decides in one transaction: a crash before it changes nothing, after it the repetition finds the decision. */
async function decide(ports: LimitedPublisherPorts, message: NotificationMessage): Promise<Delivery> {
  const { store, scope } = ports;
  const limits = await ports.smsLimits();
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const known = await readRecord(store, deliveryType, keys.delivery(scope, message.notificationId));
    if (known !== undefined) return known.body;
    const [desk, month] = await Promise.all([
      readRecord(store, deliveryDeskType, keys.deliveryDesk(scope, message.severity)),
      readRecord(store, smsMonthType, keys.smsMonth(scope)),
    ]);
    const { delivery, writes } = decisionOf(ports, message, limits, desk, month);
    try {
      await store.write(writes);
      return delivery;
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
    }
  }
  throw new RetryableError(`The delivery desk of the topic ${message.severity} changed ${ATTEMPTS} times while it was being updated.`);
}

type Stored<Body> = Versioned<Body> | undefined;

function decisionOf(
  { scope, clock }: LimitedPublisherPorts,
  message: NotificationMessage,
  limits: SmsLimits,
  desk: Stored<DeliveryDesk>,
  month: Stored<SmsMonth>,
): { readonly delivery: Delivery; readonly writes: readonly RecordWrite[] } {
  const now = clock.now();
  const before: DeliveryDesk = desk?.body ?? { mails: [], sms: {} };
  const mail = mailOf(before, message, now);
  const spent = smsMonthOf(month?.body, now);
  const sms = smsOf(before, message, spent, limits, now);
  const { mails, bucket } = mail.desk;
  const delivery: Delivery = { at: now, isMailHeld: mail.isHeld, sms: sms.delivery };
  const after = storedDesk({ mails, bucket, sms: sms.windows });
  const writes = [
    writeOf(deliveryType, keys.delivery(scope, message.notificationId), delivery, 0),
    writeOf(deliveryDeskType, keys.deliveryDesk(scope, message.severity), after, desk?.version ?? 0),
  ];
  const { now: ringing } = delivery.sms;
  if (ringing.length === 0) return { delivery, writes };
  return { delivery, writes: [...writes, writeOf(smsMonthType, keys.smsMonth(scope), storedMonth(withSent(spent, ringing)), month?.version ?? 0)] };
}

export function storedMonth({ month, sent, warned }: SmsMonth): z.infer<typeof smsMonthSchema> {
  return { month, sent: { ...sent }, warned: [...warned] };
}

/** What was put together already is not put together again. */
const isBundle = ({ step }: NotificationMessage): boolean => step === 'delivery';

function mailOf(desk: DeliveryDesk, message: NotificationMessage, now: string): { readonly isHeld: boolean; readonly desk: DeliveryDesk } {
  if (!message.channels.includes('email') || isBundle(message)) return { isHeld: false, desk };
  const { kind, bucket } = takeToken(desk.bucket, now);
  if (kind === 'taken') return { isHeld: false, desk: { ...desk, bucket } };
  const { notificationId: id, subject, roles = [] } = message;
  return { isHeld: true, desk: { ...desk, bucket, mails: withHeldMail(desk.mails, { id, subject, roles }, now) } };
}

function smsOf(
  desk: DeliveryDesk,
  message: NotificationMessage,
  month: SmsMonth,
  limits: SmsLimits,
  now: string,
): { readonly delivery: Delivery['sms']; readonly windows: SmsWindows } {
  if (!message.channels.includes('sms')) return { delivery: { now: [], held: [], usedUp: [] }, windows: desk.sms };
  const roles = message.roles === undefined || message.roles.length === 0 ? [EVERYBODY] : message.roles;
  const allowed = rolesWithinLimit(month, roles, limits);
  const usedUp = roles.filter((role) => !allowed.includes(role));
  if (isBundle(message)) return { delivery: { now: [...allowed], held: [], usedUp }, windows: desk.sms };
  const plan = planSms(desk.sms, allowed, nameOf(message), now);
  return { delivery: { now: [...plan.now], held: [...plan.held], usedUp }, windows: plan.windows };
}

function nameOf({ system, data, notificationId }: NotificationMessage): string {
  const incidentId = data['incidentId'];
  return plain(system ?? (typeof incidentId === 'string' ? incidentId : notificationId), 40);
}

async function send(
  publisher: NotificationPublisher,
  message: NotificationMessage,
  delivery: Delivery | undefined,
): Promise<{ readonly messageId: string; readonly withheld?: string }> {
  if (delivery === undefined) return publisher.publish(message);
  const parts = partsOf(message, delivery);
  const ids: string[] = [];
  for (const part of parts) ids.push((await publisher.publish(part)).messageId);
  const withheld = withheldText(delivery);
  return { messageId: ids[0] ?? 'held', ...(withheld === undefined ? {} : { withheld }) };
}

/** One message, or two where the phones of only some roles ring. */
function partsOf(message: NotificationMessage, { isMailHeld, sms }: Delivery): readonly NotificationMessage[] {
  const isRinging = message.channels.includes('sms') && sms.now.length > 0;
  const isForAll = sms.held.length + sms.usedUp.length === 0;
  const channels = message.channels.filter((channel) => (channel === 'sms' ? isRinging && isForAll : channel !== 'email' || !isMailHeld));
  const whole = channels.length === 0 ? [] : [{ ...message, channels }];
  return isRinging && !isForAll ? [...whole, { ...message, channels: ['sms'], roles: sms.now }] : whole;
}

function withheldText({ isMailHeld, sms }: Delivery): string | undefined {
  const texts = [
    ...(isMailHeld ? ['the mail waits to become one with others'] : []),
    ...(sms.held.length > 0 ? [`the SMS of ${listed(sms.held)} waits to become one with others`] : []),
    ...(sms.usedUp.length > 0 ? [`no SMS to ${listed(sms.usedUp)}: those of this month are used up`] : []),
  ];
  return texts.length === 0 ? undefined : texts.join('; ');
}

const MAX_LISTED = 5;

function listed(roles: readonly string[]): string {
  const more = roles.length - MAX_LISTED;
  return `${roles.slice(0, MAX_LISTED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
