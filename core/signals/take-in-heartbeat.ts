import * as z from 'zod/mini';
import type { Scope } from '../environment/ports.ts';
import type { Timestamp } from '../environment/time.ts';
import type { NotificationPublisher } from '../incidents/ports.ts';
import { keys } from '../records/keys.ts';
import { type RecordType, updateRecord } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import type { IntakeResult } from './intake.ts';
import type { Signal } from './signal.ts';

/** The newest heartbeat that got as far as the table. */
export interface Heartbeat {
  /** When the scheduler sent it. */
  readonly sentAt: Timestamp;
}
export const heartbeatType: RecordType<Heartbeat> = { name: 'heartbeat', schema: z.object({ sentAt: z.string() }) };

interface HeartbeatPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly publisher: NotificationPublisher;
}

/**
 * A heartbeat goes the way of every page: queue, this function, the table, the topic of the loudest severity. At the end of it stands a
 * mailbox of its own, and an alarm that looks at nothing else: whatever breaks on the way, the mailbox stays empty. An older one that comes late is not passed on: it would make a dead path look alive.
 *
 * Errors: those of the store and the publisher; the queue then delivers it again.
 */
export async function takeInHeartbeat({ store, scope, publisher }: HeartbeatPorts, { at }: Signal): Promise<IntakeResult> {
  let isNew = false;
  await updateRecord(store, heartbeatType, keys.heartbeat(scope), (known) => {
    // The same one again: its delivery may have stopped before the topic. A second message in the mailbox harms nobody.
    isNew = known === undefined || known.sentAt <= at;
    return known !== undefined && known.sentAt >= at ? known : { sentAt: at };
  });
  if (!isNew) return { kind: 'late', reason: 'A later heartbeat has passed already' };
  await publisher.publish(messageOf(scope, at));
  return { kind: 'noted', reason: 'The heartbeat was passed on to its mailbox' };
}

/** The only channel is the mailbox: no subscription of a person lets it through. */
function messageOf({ accountId, region }: Scope, at: Timestamp): Parameters<NotificationPublisher['publish']>[0] {
  const text = `Perennial is alive in account ${accountId}, Region ${region}: heartbeat of ${at}.`;
  return {
    notificationId: `heartbeat:${at}`,
    severity: 'critical',
    channels: ['heartbeat'],
    subject: 'Perennial is alive',
    text,
    sms: text,
    data: { schemaVersion: 1, step: 'heartbeat', accountId, region, sentAt: at },
    isRepeat: false,
  };
}
