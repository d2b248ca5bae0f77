import { keys } from '../../records/keys.ts';
import { updateRecord } from '../../records/record-type.ts';
import { addTimelineEvent } from '../incidents.ts';
import { type Notification, notificationType } from '../record.ts';
import { decideAttention } from './decide.ts';
import { type AttentionPorts, readFacts, type SharedFacts } from './facts.ts';
import { dropHeld, isUntouched, keepSuppressed, noteGroupTold } from './hold.ts';
import { type MergedMessage, mergeDue } from './merge.ts';

/** What a look at the messages that wait has found. */
export interface Reviewed {
  /** May be handed over now, those that wait longest first; the others of their group are merged into them. */
  readonly released: readonly string[];
  /** Parts for programs that are to be handed over now. */
  readonly data: readonly Notification[];
  /** What has nothing left to say. */
  readonly dropped: readonly { readonly id: string; readonly reason: string }[];
}

/** Whether it was never handed over, and it is time to look at it. */
function isDueHeld({ outcome, attempts, dueAt }: Notification, now: string): boolean {
  return outcome === undefined && attempts === 0 && (dueAt ?? now) <= now;
}

/** So many are handed over at once; a function call must end in time. */
const MAX_RELEASED = 50;

/**
 * Decides anew about each message that waits, and puts together what is told together. Every step may be repeated: what was dropped or
 * merged has an outcome, and the leader of a group is chosen by age.
 */
export async function reviewHeld(ports: AttentionPorts, shared: SharedFacts, pending: readonly Notification[]): Promise<Reviewed> {
  const now = ports.clock.now();
  const free: Notification[] = [];
  const data: Notification[] = [];
  const dropped: { id: string; reason: string }[] = [];
  for (const held of pending.filter((notification) => isDueHeld(notification, now))) {
    // Others were told to be told in it: what its own incident does no longer matters.
    if (held.merged !== undefined) {
      free.push(held);
      continue;
    }
    const decision = decideAttention(held, await readFacts(ports, shared, held), now);
    if (decision.kind === 'drop') {
      await dropHeld(ports, held, decision.reason);
      dropped.push({ id: held.id, reason: decision.reason });
    } else if (decision.kind === 'suppress') {
      const part = await keepSuppressed(ports, held, decision);
      if (part !== undefined) data.push(part);
    } else if (decision.kind === 'send') free.push(held);
  }
  const messages = mergeDue(free).slice(0, MAX_RELEASED);
  for (const message of messages) await merge(ports, message);
  return { released: messages.map(({ leader }) => leader.id), data, dropped };
}

/**
 * The leader lists the others before they are marked as told, and is handed over last: whatever a crash leaves undone, nobody is
 * forgotten, and nobody is told of twice.
 */
async function merge(ports: AttentionPorts, { leader, followers }: MergedMessage): Promise<void> {
  const { store, scope } = ports;
  if (leader.group !== undefined) await noteGroupTold(ports, leader.group);
  if (followers.length === 0) return;
  const { body } = await updateRecord(store, notificationType, keys.notification(scope, leader.id), (found) =>
    isUntouched(found) ? withFollowers(found, followers) : found,
  );
  const listed = new Set(body?.merged?.map(({ id }) => id));
  for (const follower of followers.filter(({ id }) => listed.has(id))) await markMerged(ports, follower, leader);
}

function withFollowers(leader: Notification, followers: readonly Notification[]): Notification {
  const known = new Set(leader.merged?.map(({ id }) => id));
  const added = followers
    .filter(({ id }) => !known.has(id))
    .map(({ id, subject, incidentId }) => ({ id, subject, ...(incidentId === undefined ? {} : { incidentId }) }));
  return added.length === 0 ? leader : { ...leader, merged: [...(leader.merged ?? []), ...added] };
}

async function markMerged(ports: AttentionPorts, { id, incidentId, channels, subject }: Notification, leader: Notification): Promise<void> {
  const at = ports.clock.now();
  const text = `Told by ${channels.join(', ')} together with ${leader.incidentId ?? leader.id}: ${subject}`;
  // As every message that was handed over: the end of this incident goes to whoever got it.
  if (incidentId !== undefined) await addTimelineEvent(ports, incidentId, { at, eventId: `notification:${id}`, kind: 'notification', text });
  await updateRecord(ports.store, notificationType, keys.notification(ports.scope, id), (found): Notification | undefined =>
    isUntouched(found) ? { ...found, outcome: 'merged', mergedInto: leader.id } : found,
  );
}
