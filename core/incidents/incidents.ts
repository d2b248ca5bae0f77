import type { System } from '../catalog/schema.ts';
import { deploymentSentence } from '../deployments/sentence.ts';
import type { Deployment } from '../deployments/record.ts';
import { RetryableError } from '../environment/errors.ts';
import type { Clock, Hasher, Scope } from '../environment/ports.ts';
import type { Timestamp } from '../environment/time.ts';
import { keys, lists, partitions } from '../records/keys.ts';
import { parseRecord, readAll, readRecord, type Versioned, writeOf } from '../records/record-type.ts';
import { type PageRequest, RecordConflictError, type RecordStore, type RecordWrite } from '../records/store.ts';
import { remediationType } from '../remediation/record.ts';
import type { Signal } from '../signals/signal.ts';
import { type Incident, incidentPlaceType, type IncidentState, incidentType, louderOf, type TimelineEvent, timelineEventType } from './record.ts';
import { type NewTimelineEvent, timelineEventPrefix, timelineMarkerKey, timelineWrites } from './timeline.ts';

export interface IncidentPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly hasher: Hasher;
}

/** A trouble signal, and what is known about where it comes from. */
export interface Firing {
  readonly signal: Signal;
  readonly fingerprint: string;
  /** A slot id, else `type/id` of the subject. */
  readonly place: string;
  readonly system?: System;
  readonly wasInInventory: boolean;
  /** The newest deployment of the system. */
  readonly lastDeployment?: Deployment;
}

/** Who answers for what no system claims: the role of the route that every catalog has. */
const OWNER_OF_THE_UNCLAIMED = 'operators';

const UPDATE_ATTEMPTS = 12;
const MAX_SIGNALS = 200;
const MAX_REMEDIATIONS = 50;
const MAX_TITLE_CHARACTERS = 200;

/** `inc-<yyyymmddThhmmss>-<8 hex>`: sorts by time, and is the same for every delivery of the signal that opens it. */
export function incidentIdOf(hasher: Hasher, opening: { readonly place: string; readonly fingerprint: string; readonly at: Timestamp }): string {
  const time = opening.at.replaceAll(/[-:]/g, '').slice(0, 15);
  return `inc-${time}-${hasher.sha256([opening.place, opening.at, opening.fingerprint].join('\n')).slice(0, 8)}`;
}

/**
 * Adds a trouble signal to the incident that is open at its place, or opens one. Re-delivery changes nothing and gives the same
 * answer; incident and place are written in one transaction, and the timeline last, so that a crash anywhere is repaired by
 * the next delivery.
 *
 * @returns the incident, and whether this signal is the one that opened it
 */
export async function recordFiring(ports: IncidentPorts, firing: Firing): Promise<{ readonly incident: Incident; readonly isNew: boolean }> {
  const incident = await joinOrOpen(ports, firing);
  const isNew = incident.id === idOf(ports, firing);
  for (const event of factsOf(firing, incident, isNew)) await addTimelineEvent(ports, incident.id, event);
  return { incident, isNew };
}

function idOf(ports: IncidentPorts, { signal, place, fingerprint }: Firing): string {
  return incidentIdOf(ports.hasher, { place, fingerprint, at: signal.at });
}

async function joinOrOpen(ports: IncidentPorts, firing: Firing): Promise<Incident> {
  return untilWritten(ports, `incident at ${firing.place}`, async () => {
    const placeKey = keys.incidentPlace(ports.scope, firing.place);
    const [opened, place] = await Promise.all([readIncident(ports, idOf(ports, firing)), readRecord(ports.store, incidentPlaceType, placeKey)]);
    const found = opened ?? (place === undefined ? undefined : await readIncident(ports, place.body.incidentId));
    if (found !== undefined && isForIncident(found.body, firing)) return updateOf(found, withFiring(found.body, firing, ports.clock.now()));
    const incident = newIncident(ports, firing);
    const pointer = { place: firing.place, incidentId: incident.id };
    return {
      result: incident,
      writes: [writeOf(incidentType, keys.incident(ports.scope, incident.id), incident, 0), writeOf(incidentPlaceType, placeKey, pointer, place?.version ?? 0)],
    };
  });
}

/** An incident that is over takes no new signals; one that has heard this signal already knows it. */
function isForIncident(incident: Incident, { signal, fingerprint }: Firing): boolean {
  const heard = incident.signals[fingerprint];
  return incident.state !== 'resolved' || (heard !== undefined && heard.at >= signal.at);
}

function withFiring(incident: Incident, { signal, fingerprint, lastDeployment }: Firing, now: Timestamp): Incident {
  const heard = incident.signals[fingerprint];
  if (heard !== undefined && heard.at >= signal.at) return incident;
  return {
    ...incident,
    severity: louderOf(incident.severity, signal.severity),
    signals: withSignal(incident.signals, fingerprint, { state: 'firing', rule: signal.rule, at: signal.at }),
    updatedAt: now,
    ...(lastDeployment === undefined ? {} : { lastDeploymentId: lastDeployment.id }),
  };
}

/** Beyond the bound the oldest that is over makes room. If all 200 still fire, the new one is on the timeline only: the rest keeps the incident open. */
function withSignal(signals: Incident['signals'], fingerprint: string, heard: Incident['signals'][string]): Incident['signals'] {
  const isFull = signals[fingerprint] === undefined && Object.keys(signals).length >= MAX_SIGNALS;
  if (!isFull) return { ...signals, [fingerprint]: heard };
  const [oldest] = Object.entries(signals)
    .filter(([, { state }]) => state === 'resolved')
    .toSorted(([, left], [, right]) => (left.at < right.at ? -1 : 1));
  if (oldest === undefined) return signals;
  return { ...Object.fromEntries(Object.entries(signals).filter(([key]) => key !== oldest[0])), [fingerprint]: heard };
}

function newIncident(ports: IncidentPorts, firing: Firing): Incident {
  const { signal, fingerprint, place, system, wasInInventory, lastDeployment } = firing;
  const { accountId, region } = ports.scope;
  return {
    id: idOf(ports, firing),
    accountId,
    region,
    place,
    severity: signal.severity,
    state: 'open',
    title: titleOf(firing),
    impact: system?.spec.impact ?? '',
    owner: system?.spec.owners.owner ?? OWNER_OF_THE_UNCLAIMED,
    openedAt: signal.at,
    updatedAt: ports.clock.now(),
    signals: { [fingerprint]: { state: 'firing', rule: signal.rule, at: signal.at } },
    remediationIds: [],
    subject: { type: signal.subject.type, id: signal.subject.id },
    wasInInventory,
    ...(system === undefined ? {} : { system: system.metadata.name }),
    ...(lastDeployment === undefined ? {} : { lastDeploymentId: lastDeployment.id }),
  };
}

function titleOf({ signal, wasInInventory }: Firing): string {
  const title = wasInInventory ? signal.summary : `${signal.subject.id} was not in inventory. ${signal.summary}`;
  return title.slice(0, MAX_TITLE_CHARACTERS).toWellFormed();
}

/** What the signal adds to the timeline; the same for every delivery. */
function factsOf({ signal, fingerprint, lastDeployment }: Firing, incident: Incident, isNew: boolean): readonly NewTimelineEvent[] {
  const impact = incident.impact === '' ? 'not stated in the catalog' : incident.impact;
  const opened = `Incident opened (${incident.severity}). Owner: ${incident.owner}. Impact: ${impact}.`;
  const unlisted = `${incident.subject.id} was not in inventory; it has been added.`;
  const deployEventId = lastDeployment?.eventIds.at(-1);
  return [
    { at: signal.at, eventId: `signal:${fingerprint}:${signal.at}`, kind: 'signal', text: signal.summary },
    ...(isNew ? [{ at: incident.openedAt, eventId: 'opened', kind: 'state', text: opened }] : []),
    ...(incident.wasInInventory ? [] : [{ at: incident.openedAt, eventId: 'unlisted', kind: 'inventory', text: unlisted }]),
    ...(lastDeployment === undefined || deployEventId === undefined
      ? []
      : [{ at: lastDeployment.changedAt, eventId: `deployment:${deployEventId}`, kind: 'deployment', text: deploymentSentence(lastDeployment) }]),
  ];
}

/**
 * Notes that a signal is over. When all signals of the incident are over and no remediation of it runs, it is resolved.
 *
 * @returns the incident as it is now; `undefined` when the signal ends nothing that was open
 */
export async function recordResolvedSignal(
  ports: IncidentPorts,
  over: { readonly signal: Signal; readonly fingerprint: string; readonly place: string },
): Promise<Incident | undefined> {
  const incident = await untilWritten(ports, `incident at ${over.place}`, async () => {
    const place = await readRecord(ports.store, incidentPlaceType, keys.incidentPlace(ports.scope, over.place));
    const found = place === undefined ? undefined : await readIncident(ports, place.body.incidentId);
    if (found === undefined || !isEndedBy(found.body, over)) return { result: undefined, writes: [] };
    const isRepairRunning = await hasRunningRemediation(ports, found.body);
    return updateOf(found, withResolved(found.body, over, isRepairRunning, ports.clock.now()));
  });
  if (incident === undefined) return undefined;
  const { signal, fingerprint } = over;
  await addTimelineEvent(ports, incident.id, { at: signal.at, eventId: `signal:${fingerprint}:resolved:${signal.at}`, kind: 'signal', text: signal.summary });
  if (incident.state === 'resolved')
    await addTimelineEvent(ports, incident.id, {
      at: signal.at,
      eventId: `resolved:${fingerprint}:${signal.at}`,
      kind: 'state',
      text: 'Incident resolved: all its signals are over.',
    });
  return incident;
}

/** An incident that is over is ended again only by the very signal that ended it: the same delivery, repeated. */
function isEndedBy(incident: Incident, { signal, fingerprint }: { readonly signal: Signal; readonly fingerprint: string }): boolean {
  const heard = incident.signals[fingerprint];
  if (heard === undefined || heard.at > signal.at) return false;
  return incident.state !== 'resolved' || (incident.resolvedBySignal === fingerprint && heard.state === 'resolved' && heard.at === signal.at);
}

function withResolved(
  incident: Incident,
  { signal, fingerprint }: { readonly signal: Signal; readonly fingerprint: string },
  isRepairRunning: boolean,
  now: Timestamp,
): Incident {
  const heard = incident.signals[fingerprint];
  if (incident.state === 'resolved') return incident;
  const isKnown = heard?.state === 'resolved' && heard.at === signal.at;
  const signals = isKnown ? incident.signals : { ...incident.signals, [fingerprint]: { state: 'resolved' as const, rule: signal.rule, at: signal.at } };
  const isOver = !isRepairRunning && isCalm(signals);
  if (isKnown && !isOver) return incident;
  const changed: Incident = { ...incident, signals, updatedAt: now };
  if (!isOver) return changed;
  const resolvedAt = signal.at > incident.openedAt ? signal.at : incident.openedAt;
  return { ...changed, state: 'resolved', resolvedAt, resolution: signal.summary, resolvedBySignal: fingerprint };
}

function isCalm(signals: Incident['signals']): boolean {
  return Object.values(signals).every(({ state }) => state === 'resolved');
}

/** Only the newest can run: a slot holds one remediation at a time. A few more are asked in case one was attached late. */
const REMEDIATIONS_ASKED = 5;

async function hasRunningRemediation({ store, scope }: IncidentPorts, incident: Incident): Promise<boolean> {
  const newest = incident.remediationIds.slice(-REMEDIATIONS_ASKED);
  const found = await Promise.all(newest.map((id) => readRecord(store, remediationType, keys.remediation(scope, id))));
  return found.some((remediation) => remediation?.body.state === 'running');
}

/**
 * Moves an incident to a state, and says why on the timeline in the same transaction.
 *
 * Setting `open` resolves an incident whose signals are all over and which no repair has touched: its trouble went away by
 * itself. One that is resolved is opened again only by a repair that goes on (`repairing`), and only while its place has no
 * newer incident.
 *
 * @returns the incident as it is now; `undefined` when there is none of that id
 */
export async function setIncidentState(
  ports: IncidentPorts,
  incidentId: string,
  state: IncidentState,
  reason: string,
  at: Timestamp,
): Promise<Incident | undefined> {
  return untilWritten(ports, `incident ${incidentId}`, async () => {
    const found = await readIncident(ports, incidentId);
    if (found === undefined) return { result: undefined, writes: [] };
    const next = nextState(found.body, state);
    const reopening = next !== 'resolved' && found.body.state === 'resolved' ? await holdPlace(ports, found.body) : [];
    if (next === found.body.state || reopening === undefined) return { result: found.body, writes: [] };
    const incident = withState(found.body, next, reason, at, ports.clock.now());
    const event = { at, eventId: `state:${found.version + 1}`, kind: 'state', text: `Incident ${found.body.state} → ${next}: ${reason}` };
    return {
      result: incident,
      writes: [writeOf(incidentType, found.key, incident, found.version), ...reopening, ...timelineWrites(ports.scope, incidentId, event)],
    };
  });
}

function nextState(incident: Incident, wanted: IncidentState): IncidentState {
  if (wanted !== 'open') return wanted;
  if (incident.state === 'resolved') return 'resolved';
  return incident.state === 'open' && isCalm(incident.signals) ? 'resolved' : 'open';
}

/** The write that keeps the place for this incident; `undefined` when a newer incident has it. */
async function holdPlace({ store, scope }: IncidentPorts, incident: Incident): Promise<readonly RecordWrite[] | undefined> {
  const place = await readRecord(store, incidentPlaceType, keys.incidentPlace(scope, incident.place));
  return place?.body.incidentId === incident.id ? [writeOf(incidentPlaceType, place.key, place.body, place.version)] : undefined;
}

function withState(incident: Incident, state: IncidentState, reason: string, at: Timestamp, now: Timestamp): Incident {
  const { resolvedAt: _resolvedAt, resolution: _resolution, resolvedBySignal: _resolvedBySignal, ...rest } = incident;
  const changed = { ...rest, state, updatedAt: now };
  return state === 'resolved' ? { ...changed, resolvedAt: at, resolution: reason } : changed;
}

/** Notes that a remediation works on the incident. Gives the incident as it is now. */
export async function attachRemediation(ports: IncidentPorts, incidentId: string, remediationId: string): Promise<Incident | undefined> {
  return changeIncident(ports, incidentId, (incident) =>
    incident.remediationIds.includes(remediationId)
      ? incident
      : { ...incident, remediationIds: [...incident.remediationIds, remediationId].slice(-MAX_REMEDIATIONS) },
  );
}

/** Notes what the incident cost an error budget. Gives the incident as it is now. */
export async function recordBudgetShare(
  ports: IncidentPorts,
  incidentId: string,
  budgetShare: NonNullable<Incident['budgetShare']>,
): Promise<Incident | undefined> {
  return changeIncident(ports, incidentId, (incident) =>
    JSON.stringify(incident.budgetShare) === JSON.stringify(budgetShare) ? incident : { ...incident, budgetShare },
  );
}

async function changeIncident(ports: IncidentPorts, incidentId: string, change: (incident: Incident) => Incident): Promise<Incident | undefined> {
  return untilWritten(ports, `incident ${incidentId}`, async () => {
    const found = await readIncident(ports, incidentId);
    if (found === undefined) return { result: undefined, writes: [] };
    const changed = change(found.body);
    return updateOf(found, changed === found.body ? changed : { ...changed, updatedAt: ports.clock.now() });
  });
}

/** Puts a fact on the timeline. The same `eventId` again changes nothing, also with another `at`: the first one told stands. */
export async function addTimelineEvent(ports: Pick<IncidentPorts, 'store' | 'scope'>, incidentId: string, event: NewTimelineEvent): Promise<void> {
  try {
    await ports.store.write(timelineWrites(ports.scope, incidentId, event));
  } catch (error) {
    if (!(error instanceof RecordConflictError)) throw error;
    const marker = await ports.store.get(timelineMarkerKey(ports.scope, incidentId, event.eventId));
    if (marker === undefined)
      throw new RetryableError(`The event ${event.eventId} could not be put on the timeline of ${incidentId}; try again.`, { cause: error });
  }
}

const PAGE_RECORDS = 200;
const MAX_TIMELINE_EVENTS = 2000;

/** The newest `limit` events of an incident (at most 2,000), oldest first. */
export async function readTimeline(store: RecordStore, scope: Scope, incidentId: string, limit = PAGE_RECORDS): Promise<readonly TimelineEvent[]> {
  const wanted = Math.max(1, Math.min(limit, MAX_TIMELINE_EVENTS));
  const found: TimelineEvent[] = [];
  let next: string | undefined;
  while (found.length < wanted) {
    const page: PageRequest = { limit: Math.min(PAGE_RECORDS, wanted - found.length), newestFirst: true, ...(next === undefined ? {} : { next }) };
    const answer = await store.query(partitions.timeline(scope, incidentId), timelineEventPrefix, page);
    found.push(...answer.records.map((record) => parseRecord(timelineEventType, record).body));
    next = answer.next;
    if (next === undefined) break;
  }
  return found.toReversed();
}

/** All incidents that are not resolved, oldest first; at most 10,000 per shard. May lag behind writes by a moment. */
export async function listOpenIncidents(store: RecordStore, scope: Scope): Promise<readonly Incident[]> {
  const shards = await Promise.all(lists.openIncidentShards(scope).map((shard) => readAll(incidentType, (page) => store.list(shard, page))));
  return shards
    .flat()
    .map(({ body }) => body)
    .filter(({ state }) => state !== 'resolved')
    .toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

async function readIncident({ store, scope }: IncidentPorts, incidentId: string): Promise<Versioned<Incident> | undefined> {
  return readRecord(store, incidentType, keys.incident(scope, incidentId));
}

interface Change<Result> {
  readonly result: Result;
  /** All or nothing; none when there is nothing to change. */
  readonly writes: readonly RecordWrite[];
}

function updateOf(found: Versioned<Incident>, incident: Incident): Change<Incident> {
  return { result: incident, writes: incident === found.body ? [] : [writeOf(incidentType, found.key, incident, found.version)] };
}

/** Reads and decides again while somebody else is faster, at most 12 times. */
async function untilWritten<Result>({ store }: IncidentPorts, what: string, decide: () => Promise<Change<Result>>): Promise<Result> {
  for (let attempt = 1; attempt <= UPDATE_ATTEMPTS; attempt += 1) {
    const { result, writes } = await decide();
    if (writes.length === 0) return result;
    try {
      await store.write(writes);
      return result;
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
    }
  }
  throw new RetryableError(`The ${what} changed ${UPDATE_ATTEMPTS} times while it was being written; try again.`);
}
