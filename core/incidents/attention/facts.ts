import * as z from 'zod/mini';
import type { CompiledCatalog } from '../../catalog/schema.ts';
import type { Clock, Scope } from '../../environment/ports.ts';
import { present } from '../../environment/present.ts';
import { keys, lists, partitions } from '../../records/keys.ts';
import { parseRecord, readAll, readRecord, type RecordType } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { routesFor } from '../fan-out/audience.ts';
import { listOpenIncidents, readTimeline } from '../incidents.ts';
import { type Incident, incidentType, louderOf, type Notification, notificationType, timelineMarkerType } from '../record.ts';
import { timelineMarkerKey } from '../timeline.ts';
import { type AttentionFacts, type GroupTimes, isEnd, isTrouble, mayWait, notTold, type Told, wasHeld } from './decide.ts';
import { flappingOf } from './flapping.ts';
import { hasLinks } from './inhibition.ts';
import { groupOf, groupSettings, type GroupSettings } from './settings.ts';
import { readSilences, type Silence } from './silence.ts';

/** What the catalog says of attention; routes and windows may be unknown to who reads only systems. */
export type AttentionCatalog = Pick<CompiledCatalog, 'systems'> & Partial<Pick<CompiledCatalog, 'routes' | 'windows'>>;

export interface AttentionPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  /** Absent where only what concerns no incident is told. */
  readonly catalog?: () => Promise<AttentionCatalog>;
}

export const notificationGroupType: RecordType<GroupTimes> = {
  name: 'notification group',
  schema: z.object({ dueAt: z.optional(z.string()), sentAt: z.optional(z.string()) }),
};

/** What all decisions of one run share; each part is read once, when it is first asked for. */
export interface SharedFacts {
  readonly catalog: AttentionCatalog;
  readonly silences: () => Promise<readonly Silence[]>;
  readonly open: () => Promise<readonly Incident[]>;
}

const nothingDeclared: AttentionCatalog = { systems: [] };

export async function shareFacts(ports: AttentionPorts, given?: AttentionCatalog): Promise<SharedFacts> {
  const catalog = given ?? (await ports.catalog?.()) ?? nothingDeclared;
  return { catalog, silences: once(() => readSilences(ports)), open: once(() => listOpenIncidents(ports.store, ports.scope)) };
}

function once<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let value: Promise<Value> | undefined;
  return () => (value ??= read());
}

type Asked = Pick<Notification, 'id' | 'step' | 'severity' | 'channels' | 'roles' | 'incidentId' | 'attempts' | 'dueAt'>;

/** What the routes that get it say of waiting; `undefined`: no route gets it. */
export function settingsOf({ systems, routes = [] }: AttentionCatalog, { severity, roles }: Pick<Asked, 'severity' | 'roles'>): GroupSettings | undefined {
  const reached = roles === undefined ? routes.filter(({ spec }) => spec.severities.includes(severity)) : routesFor(roles, severity, { systems, routes });
  return groupSettings(reached);
}

/** The group a message belongs to; `undefined` without a route or an incident. */
export function groupName(asked: Asked, settings: GroupSettings | undefined, incident: Incident | undefined): string | undefined {
  return settings === undefined || incident === undefined || !isTrouble(asked) ? undefined : groupOf(settings.by, asked.severity, incident);
}

/** Reads what the decision about one message needs, and nothing else. Errors: those of the store. */
export async function readFacts(ports: AttentionPorts, shared: SharedFacts, asked: Asked): Promise<AttentionFacts> {
  const { systems, windows = [] } = shared.catalog;
  const settings = settingsOf(shared.catalog, asked);
  const [found, silences, told] = await Promise.all([
    readIncident(ports, shared, asked),
    isEnd(asked) ? [] : shared.silences(),
    isEnd(asked) && asked.incidentId !== undefined ? readTold(ports, asked.incidentId, asked.id) : notTold,
  ]);
  const [open, waiting] = await Promise.all([
    isTrouble(asked) && hasLinks(found?.system, systems) ? shared.open() : [],
    readWaiting(ports, asked, settings, found),
  ]);
  return { settings, incident: found, open, systems, silences, windows, told, ...waiting };
}

/** Of what is looked at each minute, most is open: one list instead of many records. */
async function readIncident({ store, scope }: AttentionPorts, shared: SharedFacts, asked: Asked): Promise<Incident | undefined> {
  const { incidentId } = asked;
  if (incidentId === undefined) return undefined;
  const listed = wasHeld(asked) ? (await shared.open()).find(({ id }) => id === incidentId) : undefined;
  return listed ?? (await readRecord(store, incidentType, keys.incident(scope, incidentId)))?.body;
}

/** What decides whether it waits for others; asked only of what may wait. */
async function readWaiting(
  { store, scope, clock }: AttentionPorts,
  asked: Asked,
  settings: GroupSettings | undefined,
  incident: Incident | undefined,
): Promise<Pick<AttentionFacts, 'group' | 'flapping'>> {
  const name = mayWait(asked) ? groupName(asked, settings, incident) : undefined;
  if (name === undefined || incident === undefined) return { group: {}, flapping: undefined };
  const [group, timeline] = await Promise.all([
    readRecord(store, notificationGroupType, keys.notificationGroup(scope, name)),
    readTimeline(store, scope, incident.id, TIMELINE_READ),
  ]);
  return { group: group?.body ?? {}, flapping: flappingOf(timeline, clock.now()) };
}

/** More events than this in half an hour are flapping, whatever the older ones say. */
export const TIMELINE_READ = 100;

const TOLD_READ = 100;
const ofNotification = 'notification:';
/** What was never told, as hold.ts notes it. */
export const ofDropped = 'not-told:';

/**
 * What people were told of an incident: what its timeline says was handed over, in the same transaction as the outcome, and what has no
 * outcome yet.
 */
async function readTold(ports: AttentionPorts, incidentId: string, ownId: string): Promise<Told> {
  const { store, scope } = ports;
  const prefix = timelineMarkerKey(scope, incidentId, ofNotification).sort;
  const page = await store.query(partitions.timeline(scope, incidentId), prefix, { limit: TOLD_READ });
  const ids = page.records.map(({ key }) => key.sort.slice(prefix.length)).filter((id) => id !== ownId);
  const found = await Promise.all(ids.map((id) => readRecord(store, notificationType, keys.notification(scope, id))));
  const sent = found.flatMap((record) => (record === undefined || !isOfTrouble(record.body) ? [] : [record.body]));
  const waiting = (await readPending(ports)).filter((body) => body.incidentId === incidentId && body.id !== ownId && isOfTrouble(body));
  // One without an outcome may have arrived, or will within a minute.
  // So will one that others were put into.
  const told = [...sent, ...waiting.filter(({ attempts, merged }) => attempts > 0 || merged !== undefined)];
  if (told.length > 0) return toldBy(told);
  const dropped = await store.query(partitions.timeline(scope, incidentId), timelineMarkerKey(scope, incidentId, ofDropped).sort, { limit: 1 });
  return { ...notTold, isWaiting: dropped.records.length > 0 || waiting.length > 0 };
}

/** Neighbours hear of the end in words of their own (upstream.ts), and so only once. */
function isOfTrouble(body: Notification): boolean {
  return !isEnd(body) && body.step !== 'upstream';
}

function toldBy(told: readonly Notification[]): Told {
  return {
    channels: [...new Set(told.flatMap(({ channels }) => channels))],
    roles: [...new Set(told.flatMap(({ roles = [] }) => roles))],
    severity: told.map(({ severity }) => severity).reduce(louderOf),
    isWaiting: false,
  };
}

const PENDING_PAGES = 25;

/** What has no outcome yet, at most 5,000. */
export async function readPending({ store, scope }: Pick<AttentionPorts, 'store' | 'scope'>): Promise<readonly Notification[]> {
  const found: Notification[] = [];
  let next: string | undefined;
  for (let page = 0; page < PENDING_PAGES; page += 1) {
    const answer = await store.list(lists.pendingNotifications(scope), { limit: 200, ...present({ next }) });
    found.push(...answer.records.map((record) => parseRecord(notificationType, record).body));
    next = answer.next;
    if (next === undefined) break;
  }
  return found;
}

/** When people were told of the incident last; `undefined`: never. */
export async function lastToldAt(
  { store, scope }: AttentionPorts,
  incidentId: string,
): Promise<{ readonly at: string; readonly ids: readonly string[] } | undefined> {
  const prefix = timelineMarkerKey(scope, incidentId, ofNotification).sort;
  const markers = await readAll(timelineMarkerType, (page) => store.query(partitions.timeline(scope, incidentId), prefix, page));
  const at = markers.reduce((latest, { body }) => (body.at > latest ? body.at : latest), '');
  return markers.length === 0 ? undefined : { at, ids: markers.map(({ key }) => key.sort.slice(prefix.length)) };
}
