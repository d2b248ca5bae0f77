import * as z from 'zod/mini';
import { addSeconds, type Timestamp } from '../environment/time.ts';
import { lists } from '../records/keys.ts';
import type { RecordType } from '../records/record-type.ts';
import type { Severity } from '../signals/signal.ts';

export const severitySchema = z.enum(['critical', 'high', 'warning', 'info']);

/** Where an incident stands; `lifecycle.ts` says what leads from one to the next. */
export const incidentStateSchema = z.enum(['open', 'acknowledged', 'repairing', 'stable', 'resolved', 'post-mortem-due', 'closed']);
export type IncidentState = z.infer<typeof incidentStateSchema>;

export const incidentSchema = z.object({
  id: z.string(),
  accountId: z.string(),
  region: z.string(),
  /** A slot id, else `type/id` of the subject. At most one incident per place is open. */
  place: z.string(),
  system: z.optional(z.string()),
  /** The highest of its signals; never falls. */
  severity: severitySchema,
  state: incidentStateSchema,
  title: z.string(),
  /** What the company loses meanwhile, from the catalog. */
  impact: z.string(),
  /** Who answers for it, from the first second (S3-22). */
  owner: z.string(),
  /** When the trouble was detected, by its source's clock. */
  openedAt: z.string(),
  updatedAt: z.string(),
  /** When the trouble ended; absent until that is verified. */
  resolvedAt: z.optional(z.string()),
  resolution: z.optional(z.string()),
  /** Fingerprint of the signal that ended it; absent when a repair or a person did. */
  resolvedBySignal: z.optional(z.string()),
  /** Fingerprint → what was heard last, at most 200. */
  signals: z.record(z.string(), z.object({ state: z.enum(['firing', 'resolved']), rule: z.string(), at: z.string() })),
  remediationIds: z.array(z.string()),
  subject: z.object({ type: z.string(), id: z.string() }),
  /** False: nobody had listed the instance before this incident showed it (S0-04). */
  wasInInventory: z.boolean(),
  lastDeploymentId: z.optional(z.string()),
  /** How it was learned of, where whoever opened it said so (S4-43); else its signals tell. */
  detectedBy: z.optional(z.enum(['alarm', 'canary', 'customer', 'person'])),
  /** When it last began to wait for a person; escalation counts from here. */
  openSince: z.optional(z.string()),
  /** A person has it; `until` they are not asked again. `isNoted`: the timeline says so. */
  acknowledged: z.optional(z.object({ by: z.string(), at: z.string(), until: z.string(), isNoted: z.optional(z.boolean()) })),
  /** When all its signals were known to be calm. */
  stableAt: z.optional(z.string()),
  /** When its health was held to be verified. */
  verifiedAt: z.optional(z.string()),
  /** Whom it was escalated to last: `level` from 1, 0 at the beginning of a round; `firstRound` since somebody answered last. */
  escalation: z.optional(z.object({ round: z.number(), level: z.number(), at: z.string(), firstRound: z.number(), isExhausted: z.optional(z.boolean()) })),
  /** The incident at this place that was over less than 24 h before. */
  reopenOf: z.optional(z.string()),
  /** Whether it asks for a post-mortem (`none`: looked at, it does not), and why; the post-mortem itself is a record of its own. */
  postMortem: z.optional(z.object({ state: z.enum(['none', 'due', 'done']), because: z.string(), outcome: z.optional(z.string()) })),
  closedAt: z.optional(z.string()),
  closedBy: z.optional(z.string()),
  /** People have not been told yet that it is over; the desk does it. */
  owesRecovered: z.optional(z.boolean()),
  /** What it cost an error budget; `share` is the part of the whole budget, 0.01 = 1 %. Repairs of ours ran for `duringRepairSeconds` of it. */
  budgetShare: z.optional(z.object({ objective: z.string(), badSeconds: z.number(), share: z.number(), duringRepairSeconds: z.optional(z.number()) })),
});
export type Incident = z.infer<typeof incidentSchema>;

export const incidentType: RecordType<Incident> = {
  name: 'incident',
  schema: incidentSchema,
  listing: (body) => {
    if (!isOver(body)) return lists.openIncident(body, body.id);
    const at = nextLookAt(body);
    return at === undefined ? undefined : lists.endedIncident(body, at, body.id);
  },
};

const overStates: readonly IncidentState[] = ['resolved', 'post-mortem-due', 'closed'];

/** Nothing is to be repaired and nobody to be woken any more: the one predicate for it. */
export function isOver({ state }: Pick<Incident, 'state'>): boolean {
  return overStates.includes(state);
}

/** Nobody needs to be asked: a person has it, a repair works on it, its signals are calm, or it is over. */
export function isAnswered({ state }: Pick<Incident, 'state'>): boolean {
  return state !== 'open';
}

/** So long a recurrence at the same place is linked to the one before it, and so long a resolved incident waits for its end. */
export const RECURRENCE_SECONDS = 86_400;

const AT_ONCE = '0';

/** When the desk looks at one that is over; `undefined`: never again. */
function nextLookAt(incident: Incident): string | undefined {
  const { state, severity, owesRecovered, postMortem } = incident;
  if (owesRecovered === true) return AT_ONCE;
  if (state !== 'resolved') return undefined;
  const isUndecided = postMortem === undefined ? severity === 'critical' : postMortem.state === 'due';
  return isUndecided ? AT_ONCE : closesAt(incident);
}

/** When one that is resolved is closed by itself. */
export function closesAt({ verifiedAt, resolvedAt, updatedAt }: Incident): Timestamp {
  return addSeconds(verifiedAt ?? resolvedAt ?? updatedAt, RECURRENCE_SECONDS);
}

/** Which incident was opened last at a place. It is free when that incident is over: one write fewer to get wrong. */
export const incidentPlaceSchema = z.object({ place: z.string(), incidentId: z.string() });
export const incidentPlaceType: RecordType<z.infer<typeof incidentPlaceSchema>> = { name: 'incident place', schema: incidentPlaceSchema };

/** One fact on an incident's timeline; append-only (S0-23). */
export const timelineEventSchema = z.object({
  at: z.string(),
  /** The same for every repetition of the same fact. */
  eventId: z.string(),
  incidentId: z.string(),
  /** What speaks: `signal`, `state`, `remediation`, `notification`, `deployment` … */
  kind: z.string(),
  text: z.string(),
});
export type TimelineEvent = z.infer<typeof timelineEventSchema>;
export const timelineEventType: RecordType<TimelineEvent> = { name: 'timeline event', schema: timelineEventSchema };

/** Says that an event is on the timeline, whatever moment it was given. */
export const timelineMarkerType: RecordType<{ at: string }> = { name: 'timeline marker', schema: z.object({ at: z.string() }) };

/** What a message is about. */
export const notificationStepSchema = z.enum([
  'detected',
  'replacing',
  'recovered',
  'needs-person',
  'would-have',
  'unknown-instance',
  'escalated',
  'approval-needed',
  'drill-ended',
  'deploy-started',
  'deploy-finished',
  'deploy-failed',
  'deploy-rolled-back',
  'dead-letter',
  'digest',
  'drift',
  'upstream',
  'delivery',
]);
export type NotificationStep = z.infer<typeof notificationStepSchema>;
/**
 * The steps of an incident. The others are of deploys, dead letters, what neighbours are told (`upstream`) and what was put together
 * or left out so that a channel is not flooded (`delivery`).
 */
export type IncidentStep = Exclude<NotificationStep, `deploy-${string}` | 'dead-letter' | 'digest' | 'drift' | 'upstream' | 'delivery'>;

export const notificationSchema = z.object({
  id: z.string(),
  accountId: z.string(),
  region: z.string(),
  step: notificationStepSchema,
  incidentId: z.optional(z.string()),
  remediationId: z.optional(z.string()),
  system: z.optional(z.string()),
  severity: severitySchema,
  channels: z.array(z.enum(['https', 'email', 'sms'])).check(z.minLength(1)),
  /** Whose it is: roles and names of teams. Absent in what a version before this one has written: it is everybody's. */
  roles: z.optional(z.array(z.string())),
  subject: z.string(),
  text: z.string(),
  sms: z.string(),
  data: z.record(z.string(), z.unknown()),
  /** True once an attempt was made whose predecessor may have been delivered. */
  isRepeat: z.boolean(),
  intentAt: z.string(),
  /** How often it was handed over, or was about to be. */
  attempts: z.number(),
  attemptedAt: z.string(),
  /** Absent while it is not known whether it was delivered. */
  /** `not-needed`: what it was to say was over, or never told of; `merged`: told in the message of another one. */
  outcome: z.optional(z.enum(['sent', 'given-up', 'not-needed', 'merged'])),
  /** Not handed over yet (`attempts` 0): when it is looked at next. */
  dueAt: z.optional(z.string()),
  /** Why it was not handed over at once, in words. */
  heldFor: z.optional(z.string()),
  /** What mutes it at present (attention/decide.ts). */
  suppressedBy: z.optional(z.object({ kind: z.enum(['inhibition', 'maintenance', 'silence']), id: z.string() })),
  /** Notifications that are told together (attention/groups.ts). */
  group: z.optional(z.string()),
  /** When it was first handed over, if that was later than its intent. */
  releasedAt: z.optional(z.string()),
  /** Which message told it, with the outcome `merged`. */
  mergedInto: z.optional(z.string()),
  /** What this message tells besides itself. */
  merged: z.optional(z.array(z.object({ id: z.string(), subject: z.string(), incidentId: z.optional(z.string()) }))),
  /** Why the outcome is what it is, where a person would ask. */
  outcomeReason: z.optional(z.string()),
  sentAt: z.optional(z.string()),
  messageId: z.optional(z.string()),
  /** Why the newest attempt failed. */
  lastError: z.optional(z.string()),
});
export type Notification = z.infer<typeof notificationSchema>;

/** Longer than any queue keeps the event that asked for it, so that its id still stops a second message. */
const NOTIFICATION_KEPT_SECONDS = 90 * 86_400;

export const notificationType: RecordType<Notification> = {
  name: 'notification',
  schema: notificationSchema,
  listing: (body) => (body.outcome === undefined ? lists.pendingNotification(body, body.id) : undefined),
  // One that was not sent yet is never forgotten.
  expiresAt: (body) => (body.outcome === undefined ? undefined : addSeconds(body.intentAt, NOTIFICATION_KEPT_SECONDS)),
};

const loudness = { info: 0, warning: 1, high: 2, critical: 3 } as const satisfies Record<Severity, number>;

/** The louder of the two. */
export function louderOf(left: Severity, right: Severity): Severity {
  return loudness[right] > loudness[left] ? right : left;
}
