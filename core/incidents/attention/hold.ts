import { present } from '../../environment/present.ts';
import type { Timestamp } from '../../environment/time.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, updateRecord, writeOf } from '../../records/record-type.ts';
import { RecordConflictError } from '../../records/store.ts';
import { addTimelineEvent } from '../incidents.ts';
import { type Notification, notificationType } from '../record.ts';
import type { AttentionDecision } from './decide.ts';
import { type AttentionPorts, notificationGroupType, ofDropped } from './facts.ts';

type Waiting = Extract<AttentionDecision, { kind: 'hold' | 'suppress' }>;

/** What is stored of a message that waits: never handed over, so that whoever hands it over first needs no mark of a repeat. */
function heldNotification(notification: Notification, decision: Waiting, now: Timestamp, group: string | undefined): Notification {
  const { suppressedBy: _suppressedBy, ...rest } = notification;
  const held: Notification = { ...rest, attempts: 0, attemptedAt: now, heldFor: decision.reason, ...present({ group: group ?? rest.group }) };
  if (decision.kind === 'hold') return { ...held, dueAt: decision.until };
  // Looked at each time: what mutes it may be gone.
  return { ...held, dueAt: now, suppressedBy: decision.by, channels: notification.channels.filter((channel) => channel !== 'https') };
}

/** The part of a muted message that programs get at once: evaluation, data and timeline are never suppressed. */
function dataOf(notification: Notification, decision: Waiting, now: Timestamp): Notification | undefined {
  if (decision.kind !== 'suppress' || !notification.channels.includes('https')) return undefined;
  const { dueAt: _dueAt, heldFor: _heldFor, group: _group, ...rest } = notification;
  const data = { ...notification.data, suppressedBy: decision.by };
  return { ...rest, id: `${notification.id}:data`, channels: ['https'], data, intentAt: now, attempts: 1, attemptedAt: now };
}

/**
 * Stores a message that waits, with the part that does not, in one transaction.
 *
 * @returns the part to be handed over now, if there is one; `stored` is false when somebody else was faster
 */
export async function storeHeld(
  ports: AttentionPorts,
  notification: Notification,
  decision: Waiting,
  group: string | undefined,
  version = 0,
): Promise<{ readonly stored: boolean; readonly data?: Notification }> {
  const { store, scope, clock } = ports;
  const now = clock.now();
  if (decision.kind === 'hold' && group !== undefined) await claimTime(ports, group, decision.until);
  const data = dataOf(notification, decision, now);
  try {
    await store.write([
      writeOf(notificationType, keys.notification(scope, notification.id), heldNotification(notification, decision, now, group), version),
      ...(data === undefined ? [] : [writeOf(notificationType, keys.notification(scope, data.id), data, 0)]),
    ]);
  } catch (error) {
    if (!(error instanceof RecordConflictError)) throw error;
    return { stored: false };
  }
  if (decision.kind === 'suppress') await noteSuppression(ports, notification, decision);
  return { stored: true, ...present({ data }) };
}

/** The next time a group is told; whoever joins it before waits for the same. */
async function claimTime({ store, scope, clock }: AttentionPorts, group: string, until: Timestamp): Promise<void> {
  const now = clock.now();
  await updateRecord(store, notificationGroupType, keys.notificationGroup(scope, group), (times) =>
    times?.dueAt !== undefined && times.dueAt > now ? times : { ...times, dueAt: until },
  );
}

/** That the group is told now: the next message of it waits for an interval. */
export async function noteGroupTold({ store, scope, clock }: AttentionPorts, group: string): Promise<void> {
  await updateRecord(store, notificationGroupType, keys.notificationGroup(scope, group), () => ({ sentAt: clock.now() }));
}

/** Once per message and suppressor: the timeline says why nobody was paged. */
async function noteSuppression(
  ports: AttentionPorts,
  { id, incidentId, subject }: Notification,
  { by, reason }: Extract<Waiting, { kind: 'suppress' }>,
): Promise<void> {
  if (incidentId === undefined) return;
  const eventId = `muted:${id}:${by.kind}:${by.id}`;
  await addTimelineEvent(ports, incidentId, {
    at: ports.clock.now(),
    eventId,
    kind: 'attention',
    text: `No mail and no page for now: ${reason}. (${subject})`,
  });
}

/** Nobody has handed it over or ended it meanwhile. */
export function isUntouched(body: Notification | undefined): body is Notification {
  return body?.outcome === undefined && body?.attempts === 0;
}

/** Ends a message that has nothing left to say; the timeline says why. */
export async function dropHeld(ports: AttentionPorts, { id, incidentId, subject }: Notification, reason: string): Promise<void> {
  const { store, scope, clock } = ports;
  if (incidentId !== undefined)
    await addTimelineEvent(ports, incidentId, { at: clock.now(), eventId: `${ofDropped}${id}`, kind: 'attention', text: `Not told: ${reason}. (${subject})` });
  await updateRecord(store, notificationType, keys.notification(scope, id), (body): Notification | undefined =>
    isUntouched(body) ? { ...body, outcome: 'not-needed', outcomeReason: reason } : body,
  );
}

/** Another suppressor took over, or the first one came while it waited for its group. */
export async function keepSuppressed(
  ports: AttentionPorts,
  notification: Notification,
  decision: Extract<Waiting, { kind: 'suppress' }>,
): Promise<Notification | undefined> {
  const { kind, id } = decision.by;
  if (notification.suppressedBy?.kind === kind && notification.suppressedBy.id === id) return undefined;
  const found = await readRecord(ports.store, notificationType, keys.notification(ports.scope, notification.id));
  if (found === undefined || !isUntouched(found.body)) return undefined;
  return (await storeHeld(ports, found.body, decision, found.body.group, found.version)).data;
}
