import type { Scope } from '../environment/ports.ts';
import type { Listing, RecordKey } from './store.ts';

/** Every key of the one table is built here; `docs/access-patterns.md` lists who reads what by which key. */

function partitionOf(scope: Scope, ...parts: readonly string[]): string {
  return [scope.accountId, scope.region, ...parts].join('#');
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
  pauses: (scope: Scope) => partitionOf(scope, 'pause'),
  objectives: (scope: Scope) => partitionOf(scope, 'slo'),
  objectiveDays: (scope: Scope, objective: string) => partitionOf(scope, 'slo-day', objective),
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
  impairedPoll: (scope: Scope) => keyOf(scope, 'platform', 'impaired-poll'),
  functionVersions: (scope: Scope) => keyOf(scope, 'platform', 'function-versions'),
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
  objectiveState: (scope: Scope, objective: string) => keyOf(scope, 'slo', objective),
  objectiveDay: (scope: Scope, objective: string, day: string): RecordKey => ({
    partition: partitions.objectiveDays(scope, objective),
    sort: day,
  }),
  deployment: (scope: Scope, deploymentId: string) => keyOf(scope, 'deployment', deploymentId),
  image: (scope: Scope, role: string, imageId: string) => keyOf(scope, 'image', `${role}#${imageId}`),
  deadLetter: (scope: Scope, deadLetterId: string) => keyOf(scope, 'dead-letter', deadLetterId),
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
} as const;
