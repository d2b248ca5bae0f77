import type { Scope } from '../environment/ports.ts';
import type { Listing, RecordKey } from './store.ts';

/** Every key of the one table is built here; `docs/access-patterns.md` lists who reads what by which key. */

function partitionOf({ accountId, region }: Scope, collection: string, part?: string): string {
  const partition = `${accountId}#${region}#${collection}`;
  return part === undefined ? partition : `${partition}#${part}`;
}

function keyOf(scope: Scope, collection: string, sort: string): RecordKey {
  return { partition: partitionOf(scope, collection), sort };
}

/** Partitions that are read as a whole, in the order of their sort keys. */
export const partitions = {
  systems: (scope: Scope) => partitionOf(scope, 'system'),
  instances: (scope: Scope) => partitionOf(scope, 'instance'),
  slots: (scope: Scope) => partitionOf(scope, 'slot'),
  groups: (scope: Scope) => partitionOf(scope, 'group'),
  remediations: (scope: Scope) => partitionOf(scope, 'remediation'),
  incidents: (scope: Scope) => partitionOf(scope, 'incident'),
  timeline: (scope: Scope, incidentId: string) => partitionOf(scope, 'timeline', incidentId),
  evidence: (scope: Scope, incidentId: string) => partitionOf(scope, 'evidence', incidentId),
  notifications: (scope: Scope) => partitionOf(scope, 'notification'),
  deployments: (scope: Scope) => partitionOf(scope, 'deployment'),
  images: (scope: Scope) => partitionOf(scope, 'image'),
  deadLetters: (scope: Scope) => partitionOf(scope, 'dead-letter'),
  silences: (scope: Scope) => partitionOf(scope, 'silence'),
  pauses: (scope: Scope) => partitionOf(scope, 'pause'),
  postMortems: (scope: Scope) => partitionOf(scope, 'post-mortem'),
  objectives: (scope: Scope) => partitionOf(scope, 'slo'),
  gateExceptions: (scope: Scope) => partitionOf(scope, 'gate-exception'),
  objectiveDays: (scope: Scope, objective: string) => partitionOf(scope, 'slo-day', objective),
  objectiveHours: (scope: Scope, objective: string) => partitionOf(scope, 'slo-hour', objective),
  ledgerEntries: (scope: Scope, objective: string) => partitionOf(scope, 'slo-entry', objective),
  budgetCharges: (scope: Scope) => partitionOf(scope, 'budget-charge'),
} as const;

export const keys = {
  catalogPointer: (scope: Scope) => keyOf(scope, 'catalog', 'current'),
  catalog: (scope: Scope, hash: string) => keyOf(scope, 'catalog', `catalog@${hash}`),
  /** `index` from 0; zeros in front keep the parts in their order. */
  catalogPart: (scope: Scope, hash: string, index: number) => keyOf(scope, 'catalog', `catalog@${hash}#${String(index).padStart(3, '0')}`),
  system: (scope: Scope, name: string) => keyOf(scope, 'system', name),
  instance: (scope: Scope, instanceId: string) => keyOf(scope, 'instance', instanceId),
  slot: (scope: Scope, slotId: string) => keyOf(scope, 'slot', slotId),
  group: (scope: Scope, groupId: string) => keyOf(scope, 'group', groupId),
  platform: (scope: Scope) => keyOf(scope, 'platform', 'caps'),
  sweep: (scope: Scope) => keyOf(scope, 'platform', 'sweep'),
  digest: (scope: Scope) => keyOf(scope, 'platform', 'digest'),
  heartbeat: (scope: Scope) => keyOf(scope, 'platform', 'heartbeat'),
  impairedPoll: (scope: Scope) => keyOf(scope, 'platform', 'impaired-poll'),
  functionVersions: (scope: Scope) => keyOf(scope, 'platform', 'function-versions'),
  /** What waits to be sent together, and how fast a topic may be mailed. */
  deliveryDesk: (scope: Scope, severity: string) => keyOf(scope, 'platform', `delivery-desk#${severity}`),
  smsMonth: (scope: Scope) => keyOf(scope, 'platform', 'sms-month'),
  /** What was decided about the channels of one notification. */
  delivery: (scope: Scope, notificationId: string) => keyOf(scope, 'delivery', notificationId),
  pause: (scope: Scope, target: string) => keyOf(scope, 'pause', target),
  capture: (scope: Scope, instanceId: string) => keyOf(scope, 'capture', instanceId),
  remediation: (scope: Scope, remediationId: string) => keyOf(scope, 'remediation', remediationId),
  /** What the catalog declared when it was claimed. */
  declaration: (scope: Scope, remediationId: string) => keyOf(scope, 'declaration', remediationId),
  incident: (scope: Scope, incidentId: string) => keyOf(scope, 'incident', incidentId),
  /** Which incident is open at a place (a slot, else a subject). */
  incidentPlace: (scope: Scope, place: string) => keyOf(scope, 'incident-place', place),
  timeline: (scope: Scope, incidentId: string, at: string, eventId: string): RecordKey => ({
    partition: partitions.timeline(scope, incidentId),
    sort: `${at}#${eventId}`,
  }),
  evidence: (scope: Scope, incidentId: string, remediationId: string, instanceId: string): RecordKey => ({
    partition: partitions.evidence(scope, incidentId),
    sort: `${remediationId}#${instanceId}`,
  }),
  signal: (scope: Scope, fingerprint: string) => keyOf(scope, 'signal', fingerprint),
  /** One very event, whatever place it was said of. */
  signalEvent: (scope: Scope, eventId: string) => keyOf(scope, 'signal-event', eventId),
  notification: (scope: Scope, notificationId: string) => keyOf(scope, 'notification', notificationId),
  /** What is told together: when it is told next, and when it was told last. */
  notificationGroup: (scope: Scope, group: string) => keyOf(scope, 'notification-group', group),
  silence: (scope: Scope, silenceId: string) => keyOf(scope, 'silence', silenceId),
  objectiveState: (scope: Scope, objective: string) => keyOf(scope, 'slo', objective),
  objectiveDay: (scope: Scope, objective: string, day: string): RecordKey => ({
    partition: partitions.objectiveDays(scope, objective),
    sort: day,
  }),
  /** `hour`: its start, so that the hours of a day have one prefix. */
  objectiveHour: (scope: Scope, objective: string, hour: string): RecordKey => ({
    partition: partitions.objectiveHours(scope, objective),
    sort: hour,
  }),
  /** In the order they were entered. */
  ledgerEntry: (scope: Scope, objective: string, at: string, entryId: string): RecordKey => ({
    partition: partitions.ledgerEntries(scope, objective),
    sort: `${at}#${entryId}`,
  }),
  budgetRun: (scope: Scope) => keyOf(scope, 'platform', 'budget-run'),
  /** Sorted by system, then `deployment` or `remediation`, then by time. */
  budgetCharge: (scope: Scope, system: string, kind: string, id: string) => keyOf(scope, 'budget-charge', `${system}#${kind}#${id}`),
  /** Sorted by system, then by moment. */
  gateException: (scope: Scope, system: string, at: string) => keyOf(scope, 'gate-exception', `${system}#${at}`),
  deployment: (scope: Scope, deploymentId: string) => keyOf(scope, 'deployment', deploymentId),
  image: (scope: Scope, role: string, imageId: string) => keyOf(scope, 'image', `${role}#${imageId}`),
  deadLetter: (scope: Scope, deadLetterId: string) => keyOf(scope, 'dead-letter', deadLetterId),
  postMortem: (scope: Scope, incidentId: string) => keyOf(scope, 'post-mortem', incidentId),
} as const;

/** Sharded so that no list of open things is one hot partition (reference: 1,000 writes a second per partition). */
const OPEN_SHARDS = 16;

function shardOf(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum + (character.codePointAt(0) ?? 0)) % OPEN_SHARDS;
  return sum;
}

/** The sparse lists: what is open, in flight or not yet delivered. */
export const lists = {
  openIncident: (scope: Scope, incidentId: string): Listing => ({
    list: partitionOf(scope, 'open-incident', String(shardOf(incidentId))),
    order: incidentId,
  }),
  openIncidentShards: (scope: Scope): readonly string[] =>
    Array.from({ length: OPEN_SHARDS }, (_, shard) => partitionOf(scope, 'open-incident', String(shard))),
  /** `lookAt`: when something is to be done about it, so that what is due comes first. */
  endedIncident: (scope: Scope, lookAt: string, incidentId: string): Listing => ({
    list: partitionOf(scope, 'ended-incident'),
    order: `${lookAt}#${incidentId}`,
  }),
  endedIncidents: (scope: Scope): string => partitionOf(scope, 'ended-incident'),
  runningRemediation: (scope: Scope, remediationId: string): Listing => ({
    list: partitionOf(scope, 'running-remediation'),
    order: remediationId,
  }),
  runningRemediations: (scope: Scope): string => partitionOf(scope, 'running-remediation'),
  pendingNotification: (scope: Scope, notificationId: string): Listing => ({
    list: partitionOf(scope, 'pending-notification'),
    order: notificationId,
  }),
  pendingNotifications: (scope: Scope): string => partitionOf(scope, 'pending-notification'),
  openPostMortem: (scope: Scope, incidentId: string): Listing => ({ list: partitionOf(scope, 'open-post-mortem'), order: incidentId }),
  openPostMortems: (scope: Scope): string => partitionOf(scope, 'open-post-mortem'),
} as const;
