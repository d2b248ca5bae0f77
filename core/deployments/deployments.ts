import { textsOfRule } from '../catalog/rules.ts';
import * as z from 'zod/mini';
import { present } from '../environment/present.ts';
import type { Hasher, Scope } from '../environment/ports.ts';
import { addTimelineEvent, type IncidentPorts, listOpenIncidents } from '../incidents/incidents.ts';
import type { Incident } from '../incidents/record.ts';
import { keys, partitions } from '../records/keys.ts';
import { createRecord, parseRecord } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { findingsOf } from './findings.ts';
import type { DeployEventDetail, DeployEventType } from './ports.ts';
import {
  type DeployDetail,
  deployEventDetailSchema,
  deployEventTypes,
  type Deployment,
  type DeployGate,
  type DeploymentEventRecord,
  deploymentEventType,
  type DeploymentKind,
  type Finding,
} from './record.ts';
import { deploymentSentence } from './sentence.ts';

/** A deploy event that was understood. */
export interface DeployEvent {
  readonly kind: DeploymentKind;
  /** `perennial`, `aws.codedeploy` … */
  readonly source: string;
  readonly detail: DeployDetail;
  /** What the error budget says to it; of a beginning only. */
  readonly gate?: DeployGate | undefined;
}

/** A deploy event after it was recorded. */
export interface RecordedDeployment {
  /** The deployment with everything known by now. */
  readonly deployment: Deployment;
  /** The event itself; notifications about it are named after this id. */
  readonly eventId: string;
  /** What is wrong with this event. */
  readonly findings: readonly Finding[];
  /** The system's incidents that are open, on whose timelines it is now. */
  readonly openIncidents: readonly Incident[];
}

/** The same for every delivery of the same event. */
function eventIdOf(hasher: Hasher, { kind, detail }: DeployEvent): string {
  const { system, version, configVersion, commit, at } = detail;
  const hash = hasher.sha256([kind, system, version, configVersion ?? '', commit, at].join('\n')).slice(0, 8);
  return `${system}/${at.replaceAll(/\D/g, '')}-${hash}`;
}

/**
 * Records a deploy event, and puts it on the timeline of the system's open incidents (S0-29, S3-26). Events may come twice and in
 * any order: each is a record of its own, and a deployment is what its events say together.
 */
export async function recordDeployment(ports: IncidentPorts, event: DeployEvent): Promise<RecordedDeployment> {
  const { store, scope, hasher } = ports;
  const { accountId, region } = scope;
  const id = eventIdOf(hasher, event);
  const findings = findingsOf(event.detail);
  const record: DeploymentEventRecord = {
    ...event.detail,
    id,
    accountId,
    region,
    kind: event.kind,
    source: event.source,
    findings: [...findings],
    ...present({ gate: event.gate }),
  };
  await createRecord(store, deploymentEventType, keys.deployment(scope, id), record);
  const openIncidents = (await listOpenIncidents(store, scope)).filter((incident) => incident.system === record.system);
  const text = deploymentSentence({ ...record, state: record.kind });
  for (const incident of openIncidents) await addTimelineEvent(ports, incident.id, { at: record.at, eventId: `deployment:${id}`, kind: 'deployment', text });
  const known = await listDeployments(store, scope, record.system);
  // An event older than the newest 200 of its system stands alone.
  const deployment = known.find(({ eventIds }) => eventIds.includes(id)) ?? startOf(record);
  return { deployment, eventId: id, findings, openIncidents };
}

/** The deployment of a system with the newest event, if any. */
export async function lastDeployment(store: RecordStore, scope: Scope, system: string): Promise<Deployment | undefined> {
  return (await listDeployments(store, scope, system))[0];
}

const EVENTS_READ = 200;

/** The deployments of a system from its newest 200 events, the one that changed last first. */
export async function listDeployments(store: RecordStore, scope: Scope, system: string): Promise<readonly Deployment[]> {
  const page = await store.query(partitions.deployments(scope), `${system}/`, { limit: EVENTS_READ, newestFirst: true });
  return foldDeployments(page.records.map((record) => parseRecord(deploymentEventType, record).body)).toSorted((left, right) =>
    left.changedAt === right.changedAt ? compare(right.id, left.id) : compare(right.changedAt, left.changedAt),
  );
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** What may still be heard of a deployment in a state. A rollback can follow everything but a rollback. */
const mayFollow = {
  started: ['finished', 'failed', 'stopped', 'rolled-back'],
  finished: ['rolled-back'],
  failed: ['rolled-back'],
  stopped: ['rolled-back'],
  'rolled-back': [],
} as const satisfies Record<DeploymentKind, readonly DeploymentKind[]>;

/** Of events of the same moment the beginning comes first. */
const orderOfKinds = { started: 0, finished: 1, failed: 1, stopped: 1, 'rolled-back': 2 } as const satisfies Record<DeploymentKind, number>;

/** Puts events of one system together to deployments, oldest first; the order of `events` does not matter. */
export function foldDeployments(events: readonly DeploymentEventRecord[]): readonly Deployment[] {
  const ordered = events.toSorted(
    (left, right) => compare(left.at, right.at) || orderOfKinds[left.kind] - orderOfKinds[right.kind] || compare(left.id, right.id),
  );
  const deployments: Deployment[] = [];
  for (const event of ordered) {
    const index = deployments.findLastIndex((deployment) => continues(deployment, event));
    const known = deployments[index];
    if (known === undefined) deployments.push(startOf(event));
    else deployments[index] = continued(known, event);
  }
  return deployments;
}

function continues(deployment: Deployment, event: DeploymentEventRecord): boolean {
  const isSame = deployment.version === event.version && deployment.configVersion === event.configVersion && deployment.commit === event.commit;
  const following: readonly DeploymentKind[] = mayFollow[deployment.state];
  return isSame && following.includes(event.kind);
}

function startOf(event: DeploymentEventRecord): Deployment {
  const { kind, at, source: _source, ...detail } = event;
  return { ...detail, state: kind, startedAt: at, changedAt: at, eventIds: [event.id] };
}

function continued(deployment: Deployment, event: DeploymentEventRecord): Deployment {
  const rules = new Set(deployment.findings.map(({ rule }) => rule));
  return {
    ...deployment,
    state: event.kind,
    changedAt: event.at,
    findings: [...deployment.findings, ...event.findings.filter(({ rule }) => !rules.has(rule))],
    eventIds: [...deployment.eventIds, event.id],
  };
}

/** What `perennial deploy start|finish|fail|rollback` is told; `at` in any RFC 3339 form. */
export type DeployEventOptions = z.input<typeof deployEventDetailSchema>;

export type DeployEventDecision =
  | { readonly kind: 'event'; readonly type: DeployEventType; readonly detail: DeployEventDetail; readonly findings: readonly Finding[] }
  /** One sentence per problem: what is wrong and what to type. */
  | { readonly kind: 'refused'; readonly reason: string; readonly problems: readonly string[] };

/**
 * Builds and checks the event that announces a deploy. Refused is only what nobody could use (no system, no version, a malformed
 * field); what is merely badly described goes through with findings.
 *
 * For a rollback, `version` is the version that is taken back and `previousVersion` the one that runs again.
 */
export function deploymentEvent(kind: Exclude<DeploymentKind, 'stopped'>, options: DeployEventOptions): DeployEventDecision {
  const parsed = z.safeParse(deployEventDetailSchema, options);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${optionOf(issue.path)}: ${textsOfRule.get(issue.message)?.message ?? issue.message}.`);
  if ((options.version ?? '') === '') problems.push('--version: name the version, for example --version 5.2.1.');
  if (!parsed.success || problems.length > 0) return { kind: 'refused', reason: `The deploy cannot be announced. ${problems.join(' ')}`, problems };
  return { kind: 'event', type: deployEventTypes[kind], detail: detailOf(parsed.data), findings: findingsOf(parsed.data) };
}

/** `configVersion` → `--config-version`, as the command line spells it; the system is an argument. */
function optionOf(path: readonly PropertyKey[]): string {
  if (path[0] === 'previousVersion') return '--previous';
  if (path[0] === 'system') return 'system';
  return `--${path
    .map(String)
    .join('.')
    .replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function detailOf({ configVersion, approver, ...detail }: DeployDetail): DeployEventDetail {
  return { ...detail, ...(configVersion === undefined ? {} : { configVersion }), ...(approver === undefined ? {} : { approver }) };
}
