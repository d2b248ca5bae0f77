import type { System } from '../catalog/schema.ts';
import { deploymentSentence } from '../deployments/sentence.ts';
import type { Deployment } from '../deployments/record.ts';
import { RetryableError } from '../environment/errors.ts';
import type { Clock, Hasher, Scope } from '../environment/ports.ts';
import { secondsBetween, type Timestamp } from '../environment/time.ts';
import { keys, lists, partitions } from '../records/keys.ts';
import { parseRecord, readRecord, UnreadableRecordError, type Versioned, writeOf } from '../records/record-type.ts';
import { type PageRequest, RecordConflictError, type RecordStore, type RecordWrite, type StoredRecord } from '../records/store.ts';
import { isRequestRule } from '../remediation/admission/asked.ts';
import { remediationType } from '../remediation/record.ts';
import type { Signal } from '../signals/signal.ts';
import { nextState } from './lifecycle/lifecycle.ts';
import { postMortemReason } from './learning/post-mortem.ts';
import {
  type Incident,
  incidentPlaceType,
  type IncidentState,
  incidentType,
  isOver,
  louderOf,
  RECURRENCE_SECONDS,
  type TimelineEvent,
  timelineEventType,
} from './record.ts';
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
  if (isNew && incident.reopenOf !== undefined) await linkRecurrence(ports, incident, incident.reopenOf);
  return { incident, isNew };
}

/** Each of the two timelines names the other incident. */
async function linkRecurrence(ports: IncidentPorts, { id, openedAt }: Incident, earlierId: string): Promise<void> {
  await addTimelineEvent(ports, id, {
    at: openedAt,
    eventId: 'recurrence',
    kind: 'state',
    text: `It is back: ${earlierId} was at the same place within 24 h before.`,
  });
  await addTimelineEvent(ports, earlierId, { at: openedAt, eventId: `recurred:${id}`, kind: 'state', text: `It came back as ${id}.` });
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
    const incident = newIncident(ports, firing, found?.body);
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
  return !isOver(incident) || (heard !== undefined && heard.at >= signal.at);
}

function withFiring(incident: Incident, { signal, fingerprint, lastDeployment }: Firing, now: Timestamp): Incident {
  const heard = incident.signals[fingerprint];
  if (heard !== undefined && heard.at >= signal.at) return incident;
  const severity = louderOf(incident.severity, signal.severity);
  const isWorse = severity !== incident.severity && incident.escalation?.isExhausted === true;
  return {
    ...(isWorse ? waitingAnew(reopened(incident, now), now) : reopened(incident, now)),
    severity,
    signals: withSignal(incident.signals, fingerprint, { state: 'firing', rule: signal.rule, at: signal.at }),
    updatedAt: now,
    ...(lastDeployment === undefined ? {} : { lastDeploymentId: lastDeployment.id }),
  };
}

/**
 * What fires again before its calm was verified is the same trouble. Who never answered has had their time already, so that what flaps
 * is escalated all the same; who had it, or had all been asked, is asked anew.
 */
function reopened(incident: Incident, now: Timestamp): Incident {
  const state = nextState(incident.state, 'fired');
  if (state === undefined) return incident;
  const open = { ...withoutEnd(incident), state };
  return incident.acknowledged === undefined && incident.escalation?.isExhausted !== true ? open : waitingAnew(open, now);
}

/** Escalation counts from here. A round that had begun is over; the ids of the next one are others. */
export function waitingAnew(incident: Incident, now: Timestamp): Incident {
  const { escalation } = incident;
  if (escalation === undefined) return { ...incident, openSince: now };
  const round = escalation.round + 1;
  return { ...incident, openSince: now, escalation: { round, level: 0, at: now, firstRound: round } };
}

/** Without what says how it ended, and who had it. */
function withoutEnd(incident: Incident): Incident {
  const {
    resolvedAt: _resolvedAt,
    resolution: _resolution,
    resolvedBySignal: _resolvedBySignal,
    stableAt: _stableAt,
    verifiedAt: _verifiedAt,
    closedAt: _closedAt,
    closedBy: _closedBy,
    owesRecovered: _owesRecovered,
    acknowledged: _acknowledged,
    ...rest
  } = incident;
  return rest;
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

function newIncident(ports: IncidentPorts, firing: Firing, earlier: Incident | undefined): Incident {
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
    openSince: ports.clock.now(),
    signals: { [fingerprint]: { state: 'firing', rule: signal.rule, at: signal.at } },
    remediationIds: [],
    subject: { type: signal.subject.type, id: signal.subject.id },
    wasInInventory,
    ...(system === undefined ? {} : { system: system.metadata.name }),
    ...(lastDeployment === undefined ? {} : { lastDeploymentId: lastDeployment.id }),
    ...(earlier !== undefined && isRecurrence(earlier, signal) ? { reopenOf: earlier.id } : {}),
    ...reportedBy(signal),
  };
}

/** Who has noticed it, where the signal is somebody's report (S4-43). */
function reportedBy({ kind, details }: Signal): Pick<Incident, 'detectedBy'> {
  if (kind !== 'system.reported') return {};
  return { detectedBy: details['detectedBy'] === 'customer' ? 'customer' : 'person' };
}

/** The trouble of this place was over less than 24 h before; what a person asks for is no trouble. */
function isRecurrence(earlier: Incident, signal: Signal): boolean {
  const overAt = earlier.resolvedAt ?? earlier.updatedAt;
  return signal.request === undefined && isOver(earlier) && secondsBetween(overAt, signal.at) < RECURRENCE_SECONDS;
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
 * Notes that a signal is over. When all signals of the incident are over and no remediation of it runs, it is stable; the desk
 * resolves it once that has held. One that only a request had opened is resolved with the answer: nothing had failed.
 *
 * @returns the incident as it is now; `undefined` when the signal ends nothing that was open
 */
export async function recordResolvedSignal(ports: IncidentPorts, over: EndedSignal & { readonly place: string }): Promise<Incident | undefined> {
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
  if (incident.resolvedBySignal === fingerprint) await addTimelineEvent(ports, incident.id, endOf(incident, over));
  return incident;
}

/** What the signal that ended it says; the same for every delivery. */
function endOf(incident: Incident, { signal, fingerprint }: EndedSignal): NewTimelineEvent {
  const text = isOnlyAsked(incident.signals)
    ? 'Incident resolved: what was asked for has its answer.'
    : 'All its signals are over. It counts as resolved once that has held.';
  return { at: signal.at, eventId: `calm:${fingerprint}:${signal.at}`, kind: 'state', text };
}

interface EndedSignal {
  readonly signal: Signal;
  readonly fingerprint: string;
}

/** Nothing but requests of people has ever spoken here: nothing has failed. */
function isOnlyAsked(signals: Incident['signals']): boolean {
  return Object.values(signals).every(({ rule }) => isRequestRule(rule));
}

/** An incident that is over is ended again only by the very signal that ended it: the same delivery, repeated. */
function isEndedBy(incident: Incident, { signal, fingerprint }: EndedSignal): boolean {
  const heard = incident.signals[fingerprint];
  if (heard === undefined || heard.at > signal.at) return false;
  return !isOver(incident) || (incident.resolvedBySignal === fingerprint && heard.state === 'resolved' && heard.at === signal.at);
}

function withResolved(incident: Incident, { signal, fingerprint }: EndedSignal, isRepairRunning: boolean, now: Timestamp): Incident {
  const heard = incident.signals[fingerprint];
  if (isOver(incident)) return incident;
  const isKnown = heard?.state === 'resolved' && heard.at === signal.at;
  const signals = isKnown ? incident.signals : { ...incident.signals, [fingerprint]: { state: 'resolved' as const, rule: signal.rule, at: signal.at } };
  const isEnd = !isRepairRunning && isCalm(signals);
  const state = isEnd ? nextState(incident.state, isOnlyAsked(signals) ? 'request-ended' : 'all-clear') : undefined;
  if (isKnown && state === undefined) return incident;
  const changed: Incident = { ...incident, signals, updatedAt: now };
  if (state === undefined) return changed;
  const ended: Incident = { ...changed, state, resolution: signal.summary, resolvedBySignal: fingerprint };
  return state === 'stable' ? { ...ended, stableAt: now } : { ...ended, resolvedAt: calmSince(ended) };
}

/** When the last of its signals said that it is over, by the clock of its source. */
export function calmSince({ openedAt, signals }: Incident): Timestamp {
  return Object.values(signals).reduce((latest, { at }) => (at > latest ? at : latest), openedAt);
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

/** What a repair may say of its incident. */
export type RepairOutcome = Extract<IncidentState, 'open' | 'repairing' | 'resolved'>;

/**
 * What a repair means for its incident, with the reason on the timeline in the same transaction.
 *
 * `open` leaves an incident stable whose signals are all over and which no repair has touched: its trouble went away by
 * itself. One that is over is opened again only by a repair that goes on (`repairing`), and only while its place has no
 * newer incident.
 *
 * @returns the incident as it is now; `undefined` when there is none of that id
 */
export async function setIncidentState(
  ports: IncidentPorts,
  incidentId: string,
  outcome: RepairOutcome,
  reason: string,
  at: Timestamp,
): Promise<Incident | undefined> {
  return untilWritten(ports, `incident ${incidentId}`, async () => {
    const found = await readIncident(ports, incidentId);
    if (found === undefined) return { result: undefined, writes: [] };
    const next = stateAfterRepair(found.body, outcome);
    const reopening = next === 'repairing' && isOver(found.body) ? await holdPlace(ports, found.body) : [];
    if (next === found.body.state || reopening === undefined) return { result: found.body, writes: [] };
    const incident = withState(found.body, next, reason, at, ports.clock.now());
    const event = { at, eventId: `state:${found.version + 1}`, kind: 'state', text: `Incident ${found.body.state} → ${next}: ${reason}` };
    return {
      result: incident,
      writes: [writeOf(incidentType, found.key, incident, found.version), ...reopening, ...timelineWrites(ports.scope, incidentId, event)],
    };
  });
}

function stateAfterRepair({ state, signals }: Incident, outcome: RepairOutcome): IncidentState {
  switch (outcome) {
    case 'repairing':
      return nextState(state, 'repair-began') ?? state;
    case 'resolved':
      return nextState(state, 'repair-verified') ?? state;
    case 'open':
      if (state !== 'repairing' && !isCalm(signals)) return state;
      return nextState(state, state !== 'repairing' && isOnlyAsked(signals) ? 'request-ended' : 'repair-ended') ?? state;
  }
}

/** The write that keeps the place for this incident; `undefined` when a newer incident has it. */
async function holdPlace({ store, scope }: IncidentPorts, incident: Incident): Promise<readonly RecordWrite[] | undefined> {
  const place = await readRecord(store, incidentPlaceType, keys.incidentPlace(scope, incident.place));
  return place?.body.incidentId === incident.id ? [writeOf(incidentPlaceType, place.key, place.body, place.version)] : undefined;
}

function withState(incident: Incident, state: IncidentState, reason: string, at: Timestamp, now: Timestamp): Incident {
  const changed = { ...withoutEnd(incident), state, updatedAt: now };
  if (state === 'resolved') return { ...changed, resolvedAt: at, resolution: reason };
  if (state === 'stable') return { ...changed, stableAt: now, resolution: reason };
  return state === 'open' ? waitingAnew(changed, now) : changed;
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
    JSON.stringify(incident.budgetShare) === JSON.stringify(budgetShare) ? incident : withPostMortem({ ...incident, budgetShare }),
  );
}

/** What it cost may ask for a post-mortem, also after it was resolved. */
function withPostMortem(incident: Incident): Incident {
  const because = postMortemReason(incident);
  const isDecided = incident.postMortem !== undefined && incident.postMortem.state !== 'none';
  return because === undefined || isDecided ? incident : { ...incident, postMortem: { state: 'due', because } };
}

export type ChangePorts = Pick<IncidentPorts, 'store' | 'scope' | 'clock'>;

/**
 * Changes an incident unless `change` gives the same one back, and says so on the timeline in the same transaction; reads again when
 * somebody was faster.
 *
 * @returns the incident as it is now; `undefined` when there is none of that id
 */
export async function changeIncident(
  ports: ChangePorts,
  incidentId: string,
  change: (incident: Incident) => Incident,
  eventOf?: (changed: Incident) => NewTimelineEvent,
): Promise<Incident | undefined> {
  return untilWritten(ports, `incident ${incidentId}`, async () => {
    const found = await readIncident(ports, incidentId);
    if (found === undefined) return { result: undefined, writes: [] };
    const changed = change(found.body);
    if (changed === found.body) return { result: changed, writes: [] };
    const incident = { ...changed, updatedAt: ports.clock.now() };
    const events = eventOf === undefined ? [] : timelineWrites(ports.scope, incidentId, eventOf(incident));
    return { result: incident, writes: [writeOf(incidentType, found.key, incident, found.version), ...events] };
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

const MAX_LIST_PAGES = 50;

export interface ListedIncidents {
  readonly incidents: readonly Incident[];
  /** Why a record could not be read, in words. */
  readonly problems: readonly string[];
}

/** The incidents on some lists, at most `maxPages` pages of 200 of each; one record that cannot be read hides no other one. May lag behind writes by a moment. */
export async function readIncidentLists(store: RecordStore, names: readonly string[], maxPages = MAX_LIST_PAGES): Promise<ListedIncidents> {
  const stored = (await Promise.all(names.map((name) => listRecords(store, name, maxPages)))).flat();
  const problems: string[] = [];
  const incidents = stored.flatMap((record) => {
    try {
      return [parseRecord(incidentType, record).body];
    } catch (error) {
      if (!(error instanceof UnreadableRecordError)) throw error;
      problems.push(error.message);
      return [];
    }
  });
  return { incidents, problems };
}

async function listRecords(store: RecordStore, name: string, maxPages: number): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = [];
  let next: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const answer = await store.list(name, { limit: PAGE_RECORDS, ...(next === undefined ? {} : { next }) });
    found.push(...answer.records);
    next = answer.next;
    if (next === undefined) break;
  }
  return found;
}

/** All incidents that are not over, oldest first; at most 10,000 per shard. What cannot be read is left out here, and said by the desk. */
export async function listOpenIncidents(store: RecordStore, scope: Scope): Promise<readonly Incident[]> {
  const { incidents } = await readIncidentLists(store, lists.openIncidentShards(scope));
  return incidents.filter((incident) => !isOver(incident)).toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

async function readIncident({ store, scope }: ChangePorts, incidentId: string): Promise<Versioned<Incident> | undefined> {
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
async function untilWritten<Result>({ store }: ChangePorts, what: string, decide: () => Promise<Change<Result>>): Promise<Result> {
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
