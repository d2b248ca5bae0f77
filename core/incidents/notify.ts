import { PermanentError, RetryableError } from '../environment/errors.ts';
import { present } from '../environment/present.ts';
import type { Clock, Scope } from '../environment/ports.ts';
import { secondsBetween, type Timestamp } from '../environment/time.ts';
import { keys } from '../records/keys.ts';
import { createRecord, readRecord, updateRecord, writeOf } from '../records/record-type.ts';
import { RecordConflictError, type RecordStore } from '../records/store.ts';
import type { Severity } from '../signals/signal.ts';
import { audienceOf } from './fan-out/audience.ts';
import { channelsOf, notifiedSeverity } from './fan-out/channels.ts';
import { type AttentionDecision, type AttentionFacts, decideAttention, isAttentive, noFacts } from './attention/decide.ts';
import { type AttentionCatalog, groupName, readFacts, readPending, shareFacts } from './attention/facts.ts';
import { flappingText } from './attention/flapping.ts';
import { storeHeld } from './attention/hold.ts';
import { mergedTexts } from './attention/merge.ts';
import { dueReminders, noteFlapping } from './attention/reminders.ts';
import { reviewHeld } from './attention/review.ts';
import type { ComposedMessage } from './messages/message-facts.ts';
import type { NotificationChannel, NotificationMessage, NotificationPublisher } from './ports.ts';
import { louderOf, type Notification, type NotificationStep, notificationType } from './record.ts';
import { timelineWrites } from './timeline.ts';

export interface NotifyPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly publisher: NotificationPublisher;
  /** Who is told, what needs what, and when people work: what attention/decide.ts asks. Absent: nothing is held or muted but by silences. */
  readonly catalog?: () => Promise<AttentionCatalog>;
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
  /** Whose it is (audience.ts), where the roles of the step alone do not say it. */
  readonly roles?: readonly string[];
  /** Where the step alone does not say them. */
  readonly channels?: readonly NotificationChannel[];
}

/** What became of a notification now. */
export interface NotifyResult {
  readonly kind: 'sent' | 'already-sent' | 'left-to-resend' | 'failed' | 'held' | 'not-needed';
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
 * publish and outcome costs one repeat, marked as such; a crash before it is caught up by {@link sendDue}.
 *
 * A publisher that fails stops nobody: the notification stays on the list of unanswered ones, with the error, and is sent
 * again after 60 s. What may wait, or is muted, waits for {@link sendDue} (docs/adr/0015-attention.md).
 */
export async function notify(ports: NotifyPorts, draft: NotificationDraft): Promise<NotifyResult> {
  const intent = intentOf(ports, draft);
  return isAttentive(intent) ? notifyAttentively(ports, intent) : sendNow(ports, intent);
}

/**
 * What becomes of a message that was asked for before, without writing it anew; `undefined` when it was not, so that {@link notify} is
 * to be called.
 */
export async function tellAgain(ports: NotifyPorts, id: string): Promise<NotifyResult | undefined> {
  const known = await readRecord(ports.store, notificationType, keys.notification(ports.scope, id));
  if (known === undefined) return undefined;
  if (known.body.outcome !== undefined) return { kind: 'already-sent', id, reason: `Its outcome is "${known.body.outcome}"` };
  return sendAgain(ports, id);
}

async function sendNow(ports: NotifyPorts, intent: Notification): Promise<NotifyResult> {
  if (await createRecord(ports.store, notificationType, keys.notification(ports.scope, intent.id), intent)) return deliver(ports, intent);
  return sendAgain(ports, intent.id);
}

async function notifyAttentively(ports: NotifyPorts, intent: Notification): Promise<NotifyResult> {
  const { id } = intent;
  const known = await tellAgain(ports, id);
  if (known !== undefined) return known;
  const facts = await factsOrNone(ports, intent);
  const decision = decideAttention(intent, facts, ports.clock.now());
  const said = facts.flapping === undefined ? intent : withText(intent, flappingText(facts.flapping));
  if (decision.kind === 'send') return sendNow(ports, toWhom(said, decision));
  if (decision.kind === 'drop') return { kind: 'not-needed', id, reason: decision.reason };
  const { stored, data } = await storeHeld(ports, said, decision, groupName(said, facts.settings, facts.incident));
  if (!stored) return sendAgain(ports, id);
  if (data !== undefined) await deliver(ports, data);
  return { kind: 'held', id, reason: decision.reason };
}

/** What cannot be read mutes nobody. Errors: `RetryableError`, for another try. */
async function factsOrNone(ports: NotifyPorts, intent: Notification): Promise<AttentionFacts> {
  try {
    return await readFacts(ports, await shareFacts(ports), intent);
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return noFacts;
  }
}

function withText(notification: Notification, line: string): Notification {
  return { ...notification, text: `${notification.text}\n\n${line}` };
}

/** An end goes where the beginning went: by the same channels, to the same people, as loud. */
function toWhom(notification: Notification, { channels, told }: Extract<AttentionDecision, { kind: 'send' }>): Notification {
  if (told === undefined) return notification;
  const severity = told.severity === undefined ? notification.severity : louderOf(notification.severity, told.severity);
  const roles = notification.roles === undefined ? undefined : [...new Set([...notification.roles, ...told.roles])];
  return { ...notification, severity, channels: [...(channels ?? notification.channels)], ...present({ roles }) };
}

function intentOf({ scope, clock }: NotifyPorts, draft: NotificationDraft): Notification {
  const { id, step, severity, message, incidentId, remediationId } = draft;
  const now = clock.now();
  const loudness = notifiedSeverity(step, severity);
  return {
    id,
    accountId: scope.accountId,
    region: scope.region,
    step,
    severity: loudness,
    channels: [...(draft.channels ?? channelsOf(step, loudness))],
    roles: [...(draft.roles ?? audienceOf(step, severity))],
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
async function sendAgain(ports: NotifyPorts, id: string, isReleased = false): Promise<NotifyResult> {
  const now = ports.clock.now();
  const { body, written } = await updateRecord(ports.store, notificationType, keys.notification(ports.scope, id), (notification) =>
    notification === undefined || !mayAttempt(notification, now, isReleased) ? notification : nextAttempt(notification, now),
  );
  if (body === undefined) return { kind: 'failed', id, reason: 'There is no such notification' };
  if (body.outcome !== undefined)
    return written ? { kind: 'failed', id, reason: givenUp(body) } : { kind: 'already-sent', id, reason: `Its outcome is "${body.outcome}"` };
  if (!written && body.attempts === 0) return { kind: 'held', id, reason: body.heldFor ?? 'It waits' };
  return written
    ? deliver(ports, body)
    : { kind: 'left-to-resend', id, reason: `An attempt at ${body.attemptedAt} has no outcome yet; it is sent again ${ANSWER_SECONDS} s after it` };
}

/** One that waits is handed over only by who has found that it may be. */
function mayAttempt(notification: Notification, now: Timestamp, isReleased: boolean): boolean {
  return isReleased && notification.attempts === 0 ? notification.outcome === undefined : isUnanswered(notification, now);
}

function isUnanswered(notification: Notification, now: Timestamp): boolean {
  return notification.outcome === undefined && notification.attempts > 0 && secondsBetween(notification.attemptedAt, now) >= ANSWER_SECONDS;
}

function nextAttempt(notification: Notification, now: Timestamp): Notification {
  if (notification.attempts === 0) return { ...notification, attempts: 1, attemptedAt: now, releasedAt: now };
  if (secondsBetween(notification.releasedAt ?? notification.intentAt, now) >= GIVE_UP_SECONDS) return { ...notification, outcome: 'given-up' };
  return { ...notification, attempts: notification.attempts + 1, attemptedAt: now, isRepeat: true };
}

function givenUp({ attempts, lastError }: Notification): string {
  return `Given up after ${attempts} attempts in ${GIVE_UP_SECONDS / 3600} h. The last one: ${lastError ?? 'no answer'}`;
}

async function deliver(ports: NotifyPorts, notification: Notification): Promise<NotifyResult> {
  const { id } = notification;
  try {
    const { messageId, withheld } = await ports.publisher.publish(messageOf(notification));
    await recordSent(ports, id, messageId, withheld);
    return { kind: 'sent', id, reason: `Sent by ${notification.channels.join(', ')}${notification.isRepeat ? ' as a repeat' : ''}` };
  } catch (error) {
    if (!(error instanceof RetryableError || error instanceof PermanentError)) throw error;
    return recordFailure(ports, id, error);
  }
}

function messageOf(notification: Notification): NotificationMessage {
  const { id, step, severity, channels, roles, system, isRepeat } = notification;
  return { notificationId: id, step, severity, channels, ...mergedTexts(notification), isRepeat, ...present({ system, roles }) };
}

/** The outcome, and the incident's timeline in the same transaction. */
async function recordSent({ store, scope, clock }: NotifyPorts, id: string, messageId: string, withheld: string | undefined): Promise<void> {
  for (let attempt = 1; attempt <= UPDATE_ATTEMPTS; attempt += 1) {
    const found = await readRecord(store, notificationType, keys.notification(scope, id));
    if (found === undefined || found.body.outcome !== undefined) return;
    const sentAt = clock.now();
    const { lastError: _lastError, ...rest } = found.body;
    const sent: Notification = { ...rest, outcome: 'sent', sentAt, messageId };
    try {
      await store.write([writeOf(notificationType, found.key, sent, found.version), ...timelineOf(scope, sent, sentAt, withheld)]);
      return;
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
    }
  }
  throw new RetryableError(`The notification ${id} was sent, but this could not be written down; it will be repeated.`);
}

function timelineOf(scope: Scope, { id, incidentId, channels, subject, isRepeat }: Notification, at: Timestamp, withheld: string | undefined) {
  if (incidentId === undefined) return [];
  return timelineWrites(scope, incidentId, {
    at,
    eventId: `notification:${id}`,
    kind: 'notification',
    text: `Told by ${channels.join(', ')}${isRepeat ? ' (repeat)' : ''}: ${subject}${withheld === undefined ? '' : ` (${withheld})`}`,
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

/**
 * Hands over what is due: what waited and may go now, put together by group; what people were told long ago and is still unanswered; and
 * again what has no outcome 60 s after its newest attempt, at most 50 per run, those that wait longest first, so that ones that keep
 * failing do not keep others. To be called each minute.
 *
 * @param catalog as it is in force; without it, that of the ports
 * @returns one result per notification that was due; `failed` ones are for an alarm
 */
export async function sendDue(ports: NotifyPorts, catalog?: AttentionCatalog): Promise<readonly NotifyResult[]> {
  const now = ports.clock.now();
  const shared = await shareFacts(ports, catalog);
  const pending = await readPending(ports);
  const results: NotifyResult[] = [];
  const { released, data, dropped } = await reviewHeld(ports, shared, pending);
  results.push(...dropped.map(({ id, reason }) => ({ kind: 'not-needed' as const, id, reason })));
  for (const part of data) results.push(await deliver(ports, part));
  for (const id of released) results.push(await sendAgain(ports, id, true));
  const unanswered = pending
    .filter((notification) => isUnanswered(notification, now))
    .toSorted((left, right) => (left.attemptedAt < right.attemptedAt ? -1 : 1));
  for (const { id } of unanswered.slice(0, MAX_RESENDS)) results.push(await sendAgain(ports, id));
  for (const reminder of await dueReminders(ports, shared)) results.push(await sendNow(ports, reminder));
  await noteFlapping(ports, shared);
  return results;
}
