import type { System } from '../../catalog/schema.ts';
import { listDeployments } from '../../deployments/deployments.ts';
import type { Clock, Scope } from '../../environment/ports.ts';
import { keys, lists, partitions } from '../../records/keys.ts';
import { parseRecord, readRecord, updateRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { listRemediations } from '../../remediation/hindsight/history.ts';
import { remediationType } from '../../remediation/record.ts';
import { changeIncident, readTimeline } from '../incidents.ts';
import { nextState } from '../lifecycle/lifecycle.ts';
import { newPostMortem, type PostMortem, type PostMortemChange, postMortemReason, postMortemType } from './post-mortem.ts';
import type { PostMortemFacts } from './post-mortem-draft.ts';
import { readRecentChanges } from '../messages/recent-changes.ts';
import { type Incident, incidentType, isOver } from '../record.ts';
import { readPastIncidents, similarIncidents } from '../messages/similar.ts';

export interface PostMortemPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
}

const PAGE_RECORDS = 200;
const MAX_PAGES = 5;
const MAX_TIMELINE = 1000;

async function readPages(readPage: (next: string | undefined) => ReturnType<RecordStore['query']>): Promise<readonly PostMortem[]> {
  const found: PostMortem[] = [];
  let next: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await readPage(next);
    found.push(...answer.records.map((record) => parseRecord(postMortemType, record).body));
    next = answer.next;
    if (next === undefined) break;
  }
  return found;
}

/** The newest 1,000 post-mortems, newest incident first. */
export function listPostMortems({ store, scope }: Pick<PostMortemPorts, 'store' | 'scope'>): Promise<readonly PostMortem[]> {
  return readPages((next) =>
    store.query(partitions.postMortems(scope), '', { limit: PAGE_RECORDS, newestFirst: true, ...(next === undefined ? {} : { next }) }),
  );
}

/** Those that are drafts or have open actions, oldest incident first, at most 1,000; may lag behind writes by a moment. */
export function listOpenPostMortems({ store, scope }: Pick<PostMortemPorts, 'store' | 'scope'>): Promise<readonly PostMortem[]> {
  return readPages((next) => store.list(lists.openPostMortems(scope), { limit: PAGE_RECORDS, ...(next === undefined ? {} : { next }) }));
}

export async function readPostMortem({ store, scope }: Pick<PostMortemPorts, 'store' | 'scope'>, incidentId: string): Promise<PostMortem | undefined> {
  return (await readRecord(store, postMortemType, keys.postMortem(scope, incidentId)))?.body;
}

/** Why an incident asks for one: as its own record says, else as the rule says of its timeline. */
async function dueReason({ store, scope }: PostMortemPorts, incident: Incident): Promise<string | undefined> {
  const { postMortem } = incident;
  if (postMortem?.state === 'due' || postMortem?.state === 'done') return postMortem.because;
  return postMortemReason(incident, await readTimeline(store, scope, incident.id));
}

/** Begins the post-mortem of an incident unless there is one, so that it is on the list of open ones. Again changes nothing. */
export async function openPostMortem(ports: PostMortemPorts, incident: Incident, because?: string): Promise<PostMortem> {
  const reason = because ?? (await dueReason(ports, incident));
  const now = ports.clock.now();
  const fresh = newPostMortem(incident, reason, now);
  const { body } = await updateRecord(ports.store, postMortemType, keys.postMortem(ports.scope, incident.id), (known) => {
    if (known === undefined) return fresh;
    // Somebody had begun one before it was asked for.
    return known.dueBecause === undefined && reason !== undefined && known.state === 'draft' ? { ...known, dueBecause: reason, updatedAt: now } : known;
  });
  return body ?? fresh;
}

/**
 * Applies what a person says to the post-mortem of an incident; begins it when there is none. Closing it also closes the incident, when
 * it is over.
 *
 * @returns `undefined` when there is no such incident
 */
export async function changePostMortem(
  ports: PostMortemPorts,
  incidentId: string,
  change: (postMortem: PostMortem, incident: Incident) => PostMortemChange,
): Promise<PostMortemChange | undefined> {
  const { store, scope } = ports;
  const incident = (await readRecord(store, incidentType, keys.incident(scope, incidentId)))?.body;
  if (incident === undefined) return undefined;
  const reason = await dueReason(ports, incident);
  const said: { answer: PostMortemChange } = { answer: { kind: 'refused', reason: 'Nothing was changed.' } };
  await updateRecord(store, postMortemType, keys.postMortem(scope, incidentId), (known): PostMortem | undefined => {
    const begun = known ?? newPostMortem(incident, reason, ports.clock.now());
    const dueBecause = begun.dueBecause ?? reason;
    said.answer = change(dueBecause === undefined || begun.state === 'closed' ? begun : { ...begun, dueBecause }, incident);
    return said.answer.kind === 'changed' ? said.answer.postMortem : known;
  });
  const { answer } = said;
  if (answer.kind !== 'refused' && answer.postMortem.state === 'closed') await endIncident(ports, answer.postMortem);
  return answer;
}

/** After the post-mortem: a crash in between is repaired by closing it again. */
async function endIncident(ports: PostMortemPorts, { incidentId, test, dueBecause, closedAt, closedBy }: PostMortem): Promise<void> {
  const outcome = test === undefined ? 'closed' : 'link' in test ? `test: ${test.link}` : `no test: ${test.noTestReason}`;
  const at = closedAt ?? ports.clock.now();
  await changeIncident(
    ports,
    incidentId,
    (incident) => {
      const state = nextState(incident.state, 'post-mortem-closed');
      if (state === undefined && incident.postMortem?.state === 'done') return incident;
      const because = dueBecause ?? incident.postMortem?.because ?? 'Somebody wrote it of their own accord.';
      const done = { ...incident, postMortem: { state: 'done' as const, because } };
      return state === undefined ? done : { ...done, state, closedAt: at, ...(closedBy === undefined ? {} : { closedBy }) };
    },
    ({ resolvedAt }) => ({ at, eventId: `post-mortem-closed:${resolvedAt ?? at}`, kind: 'post-mortem', text: `The post-mortem is closed; ${outcome}.` }),
  );
}

/** Everything an incident's post-mortem is drafted from; `undefined` when there is no such incident. Bounded as its parts are. */
export async function readPostMortemFacts(ports: PostMortemPorts, incidentId: string, systems: readonly System[]): Promise<PostMortemFacts | undefined> {
  const { store, scope, clock } = ports;
  const incident = (await readRecord(store, incidentType, keys.incident(scope, incidentId)))?.body;
  if (incident === undefined) return undefined;
  const [timeline, past, newest, own, postMortem, deployments] = await Promise.all([
    readTimeline(store, scope, incidentId, MAX_TIMELINE),
    readPastIncidents(ports),
    listRemediations(store, scope),
    Promise.all(incident.remediationIds.map((id) => readRecord(store, remediationType, keys.remediation(scope, id)))),
    readPostMortem(ports, incidentId),
    incident.system === undefined ? [] : listDeployments(store, scope, incident.system),
  ]);
  const system = systems.find(({ metadata }) => metadata.name === incident.system);
  const remediations = own.flatMap((found) => found?.body ?? []);
  const asked = incident.postMortem?.state === 'due' || incident.postMortem?.state === 'done' ? incident.postMortem.because : undefined;
  const dueBecause = asked ?? postMortem?.dueBecause ?? (isOver(incident) ? postMortemReason(incident, timeline) : undefined);
  return {
    incident,
    timeline,
    remediations,
    changes: await readRecentChanges(ports, incident, system, { deployments, remediations: newest }),
    similar: similarIncidents(incident, past, [...newest, ...remediations]),
    dueBecause,
    postMortem,
    now: clock.now(),
  };
}
