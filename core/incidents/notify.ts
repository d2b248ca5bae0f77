import { PermanentError, RetryableError } from '../environment/errors.ts';
import { present } from '../environment/present.ts';
import type { Clock, Scope } from '../environment/ports.ts';
import { secondsBetween, type Timestamp } from '../environment/time.ts';
import { keys, lists } from '../records/keys.ts';
import { createRecord, parseRecord, readRecord, updateRecord, type Versioned, writeOf } from '../records/record-type.ts';
import { RecordConflictError, type RecordStore } from '../records/store.ts';
import type { Severity } from '../signals/signal.ts';
import { channelsOf, notifiedSeverity } from './channels.ts';
import type { ComposedMessage } from './message-facts.ts';
import type { NotificationMessage, NotificationPublisher } from './ports.ts';
import { type Notification, type NotificationStep, notificationType } from './record.ts';
import { timelineWrites } from './timeline.ts';

export interface NotifyPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly publisher: NotificationPublisher;
}

export interface NotificationDraft {
  /** The same for every delivery of what asks for this notification, for example `<remediation>:replacing`. */
  readonly id: string;
  readonly step: NotificationStep;
  /** Of the incident. */
  readonly severity: Severity;
  /** Absent for what concerns no incident, such as a deploy. */
  readonly incidentId?: string;
  readonly remediationId?: string;
  readonly message: ComposedMessage;
}

/** What became of a notification now. */
export interface NotifyResult {
  readonly kind: 'sent' | 'already-sent' | 'left-to-resend' | 'failed';
  readonly id: string;
  readonly reason: string;
}

/** design.md section 4: an intent without outcome after 60 s is sent again. */
const ANSWER_SECONDS = 60;
/** A page of yesterday helps nobody; by then the failed attempts have been reported for a day. */
const GIVE_UP_SECONDS = 86_400;
const UPDATE_ATTEMPTS = 12;
const MAX_ERROR_CHARACTERS = 500;

/**
 * Tells people once: intent → publish → outcome (design.md section 4). Publishing has no idempotency, so that a crash between
 * publish and outcome costs one repeat, marked as such; a crash before it is caught up by {@link resendUnanswered}.
 *
 * A publisher that fails stops nobody: the notification stays on the list of unanswered ones, with the error, and is sent
 * again after 60 s.
 */
export async function notify(ports: NotifyPorts, draft: NotificationDraft): Promise<NotifyResult> {
  const intent = intentOf(ports, draft);
  if (await createRecord(ports.store, notificationType, keys.notification(ports.scope, draft.id), intent)) return deliver(ports, intent);
  return sendAgain(ports, draft.id);
}

function intentOf({ scope, clock }: NotifyPorts, { id, step, severity, message, incidentId, remediationId }: NotificationDraft): Notification {
  const now = clock.now();
  const loudness = notifiedSeverity(step, severity);
  return {
    id,
    accountId: scope.accountId,
    region: scope.region,
    step,
    severity: loudness,
    channels: [...channelsOf(step, loudness)],
    subject: message.subject,
    text: message.text,
    sms: message.sms,
    data: { ...message.data },
    isRepeat: false,
    intentAt: now,
    attempts: 1,
    attemptedAt: now,
    ...present({ incidentId, remediationId, system: message.system }),
  };
}

/** Sends one whose newest attempt has no outcome and is old enough; the conditional write lets only one sender do so. */
async function sendAgain(ports: NotifyPorts, id: string): Promise<NotifyResult> {
  const now = ports.clock.now();
  const { body, written } = await updateRecord(ports.store, notificationType, keys.notification(ports.scope, id), (notification) =>
    notification === undefined || !isUnanswered(notification, now) ? notification : nextAttempt(notification, now),
  );
  if (body === undefined) return { kind: 'failed', id, reason: 'There is no such notification' };
  if (body.outcome !== undefined)
    return written ? { kind: 'failed', id, reason: givenUp(body) } : { kind: 'already-sent', id, reason: `Its outcome is "${body.outcome}"` };
  return written
    ? deliver(ports, body)
    : { kind: 'left-to-resend', id, reason: `An attempt at ${body.attemptedAt} has no outcome yet; it is sent again ${ANSWER_SECONDS} s after it` };
}

function isUnanswered(notification: Notification, now: Timestamp): boolean {
  return notification.outcome === undefined && secondsBetween(notification.attemptedAt, now) >= ANSWER_SECONDS;
}

function nextAttempt(notification: Notification, now: Timestamp): Notification {
  if (secondsBetween(notification.intentAt, now) >= GIVE_UP_SECONDS) return { ...notification, outcome: 'given-up' };
  return { ...notification, attempts: notification.attempts + 1, attemptedAt: now, isRepeat: true };
}

function givenUp({ attempts, lastError }: Notification): string {
  return `Given up after ${attempts} attempts in ${GIVE_UP_SECONDS / 3600} h. The last one: ${lastError ?? 'no answer'}`;
}

async function deliver(ports: NotifyPorts, notification: Notification): Promise<NotifyResult> {
  const { id } = notification;
  try {
    const { messageId } = await ports.publisher.publish(messageOf(notification));
    await recordSent(ports, id, messageId);
    return { kind: 'sent', id, reason: `Sent by ${notification.channels.join(', ')}${notification.isRepeat ? ' as a repeat' : ''}` };
  } catch (error) {
    if (!(error instanceof RetryableError || error instanceof PermanentError)) throw error;
    return recordFailure(ports, id, error);
  }
}

function messageOf(notification: Notification): NotificationMessage {
  const { id, severity, channels, system, subject, text, sms, data, isRepeat } = notification;
  return { notificationId: id, severity, channels, subject, text, sms, data, isRepeat, ...present({ system }) };
}

/** The outcome, and the incident's timeline in the same transaction. */
async function recordSent({ store, scope, clock }: NotifyPorts, id: string, messageId: string): Promise<void> {
  for (let attempt = 1; attempt <= UPDATE_ATTEMPTS; attempt += 1) {
    const found = await readRecord(store, notificationType, keys.notification(scope, id));
    if (found === undefined || found.body.outcome !== undefined) return;
    const sentAt = clock.now();
    const { lastError: _lastError, ...rest } = found.body;
    const sent: Notification = { ...rest, outcome: 'sent', sentAt, messageId };
    try {
      await store.write([writeOf(notificationType, found.key, sent, found.version), ...timelineOf(scope, sent, sentAt)]);
      return;
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
    }
  }
  throw new RetryableError(`The notification ${id} was sent, but this could not be written down; it will be repeated.`);
}

function timelineOf(scope: Scope, { id, incidentId, channels, subject, isRepeat }: Notification, at: Timestamp) {
  if (incidentId === undefined) return [];
  return timelineWrites(scope, incidentId, {
    at,
    eventId: `notification:${id}`,
    kind: 'notification',
    text: `Told by ${channels.join(', ')}${isRepeat ? ' (repeat)' : ''}: ${subject}`,
  });
}

/** Keeps the error for who looks why nothing came. That nothing is known of the outcome is already written: the intent. */
async function recordFailure({ store, scope }: NotifyPorts, id: string, error: Error): Promise<NotifyResult> {
  const lastError = error.message.slice(0, MAX_ERROR_CHARACTERS);
  await updateRecord(store, notificationType, keys.notification(scope, id), (body) =>
    body === undefined || body.outcome !== undefined ? body : { ...body, lastError },
  );
  return { kind: 'failed', id, reason: `Not known to be delivered, to be sent again: ${lastError}` };
}

const MAX_RESENDS = 50;
const MAX_PAGES = 5;
const PAGE_RECORDS = 200;

/**
 * Sends again what has an intent and no outcome 60 s after its newest attempt: at most 50 per run, those that wait longest first,
 * so that ones that keep failing do not keep others.
 *
 * @returns one result per notification that was due; `failed` ones are for an alarm
 */
export async function resendUnanswered(ports: NotifyPorts): Promise<readonly NotifyResult[]> {
  const now = ports.clock.now();
  const due = (await pending(ports))
    .filter(({ body }) => isUnanswered(body, now))
    .toSorted((left, right) => (left.body.attemptedAt < right.body.attemptedAt ? -1 : 1))
    .slice(0, MAX_RESENDS);
  const results: NotifyResult[] = [];
  for (const { body } of due) results.push(await sendAgain(ports, body.id));
  return results;
}

async function pending({ store, scope }: NotifyPorts): Promise<readonly Versioned<Notification>[]> {
  const found: Versioned<Notification>[] = [];
  let next: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await store.list(lists.pendingNotifications(scope), { limit: PAGE_RECORDS, ...(next === undefined ? {} : { next }) });
    found.push(...answer.records.map((record) => parseRecord(notificationType, record)));
    next = answer.next;
    if (next === undefined) break;
  }
  return found;
}
