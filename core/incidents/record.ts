import * as z from 'zod/mini';
import { addSeconds } from '../environment/time.ts';
import { lists } from '../records/keys.ts';
import type { RecordType } from '../records/record-type.ts';
import type { Severity } from '../signals/signal.ts';

export const severitySchema = z.enum(['critical', 'high', 'warning', 'info']);

/** `open`: a person or a repair is needed; `repairing`: a repair has passed its guardrails; `resolved`: over. */
export const incidentStateSchema = z.enum(['open', 'repairing', 'resolved']);
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
  /** What it cost an error budget; `share` is the part of the whole budget, 0.01 = 1 %. */
  budgetShare: z.optional(z.object({ objective: z.string(), badSeconds: z.number(), share: z.number() })),
});
export type Incident = z.infer<typeof incidentSchema>;

export const incidentType: RecordType<Incident> = {
  name: 'incident',
  schema: incidentSchema,
  listing: (body) => (body.state === 'resolved' ? undefined : lists.openIncident(body, body.id)),
};

/** Which incident was opened last at a place. It is free when that incident is resolved: one write fewer to get wrong. */
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
  'approval-needed',
  'drill-ended',
  'deploy-started',
  'deploy-finished',
  'deploy-failed',
  'deploy-rolled-back',
  'dead-letter',
  'digest',
  'drift',
]);
export type NotificationStep = z.infer<typeof notificationStepSchema>;
/** The steps of an incident; the others are of deploys and dead letters. */
export type IncidentStep = Exclude<NotificationStep, `deploy-${string}` | 'dead-letter' | 'digest' | 'drift'>;

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
  outcome: z.optional(z.enum(['sent', 'given-up'])),
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
