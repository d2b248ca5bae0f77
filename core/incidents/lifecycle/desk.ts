import type { CompiledCatalog } from '../../catalog/schema.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { keys, lists } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import { createJournal, type JournalPorts, tellPeople } from '../../remediation/driver/journal.ts';
import { pageOverdue } from '../../remediation/driver/overdue.ts';
import { remediationType } from '../../remediation/record.ts';
import { noteAcknowledgement } from './acknowledge.ts';
import { decideAttention } from '../attention/decide.ts';
import { readFacts, type SharedFacts, shareFacts } from '../attention/facts.ts';
import { type EscalationDecision, escalationOf, nextEscalation } from './escalation.ts';
import { calmSince, changeIncident, readIncidentLists, readTimeline } from '../incidents.ts';
import { nextState } from './lifecycle.ts';
import { durationText } from '../messages/message-text.ts';
import { sendDue } from '../notify.ts';
import { postMortemReason } from '../learning/post-mortem.ts';
import { openPostMortem } from '../learning/post-mortem-reading.ts';
import { closesAt, type Incident, incidentType, isOver } from '../record.ts';

/*
 * The minute's look at every incident: what only time brings about (ADR 0018). Every step reads the record afresh, tells people under a
 * fixed id before it writes that they were told, and so may die anywhere: the next minute goes on from there.
 */

export type DeskCatalog = Pick<CompiledCatalog, 'systems' | 'policies' | 'routes'> & Partial<Pick<CompiledCatalog, 'escalations' | 'windows'>>;

export interface DeskSummary {
  readonly looked: number;
  /** Incidents by what was done to them now. */
  readonly done: Readonly<Record<DeskDeed, number>>;
  /** Notifications that were due, by what became of them. */
  readonly sent: number;
  /** What could not be done, in words; the next run tries again. */
  readonly problems: readonly string[];
}

export const deskDeeds = [
  'resolved',
  'escalated',
  'asked-again',
  'exhausted',
  'muted',
  'acknowledgement-noted',
  'told-recovered',
  'post-mortem-due',
  'closed',
] as const;
export type DeskDeed = (typeof deskDeeds)[number];

const MAX_OPEN = 500;
const MAX_ENDED = 200;
const MAX_PAGES_PER_SHARD = 5;
const VERIFIED_AFTER_SECONDS = 600;

/** One run. An error of one incident is said and stops no other one. Errors: those of the store when nothing at all can be read. */
export async function runDesk(ports: JournalPorts, catalog: DeskCatalog): Promise<DeskSummary> {
  const problems: string[] = [];
  const deeds: DeskDeed[] = [];
  const shared = await shareFacts(ports, catalog);
  const [open, ended] = await Promise.all([
    readIncidentLists(ports.store, lists.openIncidentShards(ports.scope), MAX_PAGES_PER_SHARD),
    readIncidentLists(ports.store, [lists.endedIncidents(ports.scope)], 1),
  ]);
  problems.push(...open.problems, ...ended.problems);
  const now = ports.clock.now();
  const turn = inTurn(open.incidents, now);
  const due = ended.incidents.filter(
    (incident) => incident.owesRecovered === true || incident.postMortem?.state === 'due' || isUndecided(incident) || closesAt(incident) <= now,
  );
  for (const { id } of [...turn, ...due.slice(0, MAX_ENDED)]) {
    try {
      deeds.push(...(await look({ ports, catalog, shared }, id)));
    } catch (error) {
      problems.push(`${id}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  problems.push(...(await watchRepairs(ports, catalog)));
  const results = await sendDue(ports, catalog);
  problems.push(...results.filter(({ kind }) => kind === 'failed').map(({ id, reason }) => `${id}: ${reason}`));
  return { looked: turn.length + due.length, done: countOf(deeds), sent: results.filter(({ kind }) => kind === 'sent').length, problems };
}

/** Repairs that serve and do not come to their end. Gives what went wrong, in words. */
async function watchRepairs(ports: JournalPorts, { policies }: DeskCatalog): Promise<readonly string[]> {
  try {
    await pageOverdue({ ...ports, journal: createJournal(ports) }, policies, ports.clock.now());
    return [];
  } catch (error) {
    return [`The repairs that run could not be looked at: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function countOf(deeds: readonly DeskDeed[]): DeskSummary['done'] {
  const count = (deed: DeskDeed): number => deeds.filter((each) => each === deed).length;
  return {
    resolved: count('resolved'),
    escalated: count('escalated'),
    'asked-again': count('asked-again'),
    exhausted: count('exhausted'),
    muted: count('muted'),
    'acknowledgement-noted': count('acknowledgement-noted'),
    'told-recovered': count('told-recovered'),
    'post-mortem-due': count('post-mortem-due'),
    closed: count('closed'),
  };
}

/** At most 500 a run. Beyond that they take turns by the minute, so that the ones left out come next without a record of when they were looked at. */
export function inTurn(open: readonly Incident[], now: Timestamp): readonly Incident[] {
  const sorted = open.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  if (sorted.length <= MAX_OPEN) return sorted;
  const start = (Math.floor(Date.parse(now) / 60_000) * MAX_OPEN) % sorted.length;
  return [...sorted, ...sorted].slice(start, start + MAX_OPEN);
}

interface Desk {
  readonly ports: JournalPorts;
  readonly catalog: DeskCatalog;
  readonly shared: SharedFacts;
}

/** The list may lag behind: what is decided is decided from the record. */
async function look(desk: Desk, incidentId: string): Promise<readonly DeskDeed[]> {
  const { ports } = desk;
  const incident = (await readRecord(ports.store, incidentType, keys.incident(ports.scope, incidentId)))?.body;
  if (incident === undefined) return [];
  const noted: readonly DeskDeed[] = (await noteAcknowledgement(ports, incident)) ? ['acknowledgement-noted'] : [];
  const deed = isOver(incident) ? await lookAtEnded(desk, incident) : await lookAtOpen(desk, incident);
  return deed === undefined ? noted : [...noted, deed];
}

async function lookAtOpen(desk: Desk, incident: Incident): Promise<DeskDeed | undefined> {
  switch (incident.state) {
    case 'stable':
      return resolveHeld(desk, incident);
    case 'acknowledged':
      return askAgain(desk, incident);
    case 'open':
      return escalate(desk, incident);
    case 'repairing':
    case 'resolved':
    case 'post-mortem-due':
    case 'closed':
      return undefined;
  }
}

/** Calm that has held is health. First the state, which remembers that people are to be told, then the message. */
async function resolveHeld(desk: Desk, incident: Incident): Promise<DeskDeed | undefined> {
  const { ports, catalog } = desk;
  const now = ports.clock.now();
  const policy = catalog.policies.find(({ spec }) => spec.system === incident.system);
  const seconds = policy?.spec.verifiedAfterSeconds ?? VERIFIED_AFTER_SECONDS;
  const held = (found: Incident): boolean => found.state === 'stable' && addSeconds(found.stableAt ?? found.updatedAt, seconds) <= now;
  const resolved = await changeIncident(
    ports,
    incident.id,
    (found) => {
      const state = held(found) ? nextState(found.state, 'held') : undefined;
      return state === undefined ? found : { ...found, state, resolvedAt: calmSince(found), verifiedAt: now, owesRecovered: true };
    },
    ({ stableAt = now }) => ({
      at: now,
      eventId: `held:${stableAt}`,
      kind: 'state',
      text: `Incident stable → resolved: nothing has fired for ${durationText(seconds)}.`,
    }),
  );
  if (resolved?.owesRecovered !== true) return undefined;
  await tellRecovered(desk, resolved);
  return 'resolved';
}

async function tellRecovered({ ports }: Desk, incident: Incident): Promise<void> {
  const { id, resolvedBySignal, resolvedAt, signals, state, closedAt } = incident;
  const at = resolvedBySignal === undefined ? undefined : signals[resolvedBySignal]?.at;
  const remediationId = incident.remediationIds.at(-1);
  const newest = remediationId === undefined ? undefined : (await readRecord(ports.store, remediationType, keys.remediation(ports.scope, remediationId)))?.body;
  // The repair is named only where it is what ended the trouble.
  const remediation = newest?.state === 'succeeded' && state !== 'closed' ? newest : undefined;
  await tellPeople(ports, {
    incident,
    step: 'recovered',
    id: state === 'closed' ? `${id}:closed:${closedAt ?? ''}` : `${id}:resolved:${at ?? resolvedAt ?? ''}`,
    remediation,
  });
  await changeIncident(ports, id, (found) => {
    if (found.owesRecovered !== true || found.resolvedAt !== resolvedAt) return found;
    const { owesRecovered: _owesRecovered, ...told } = found;
    return told;
  });
}

/** An acknowledgement that nothing came of pages again: at once, and from the first level. */
async function askAgain(desk: Desk, incident: Incident): Promise<DeskDeed | undefined> {
  const { ports, catalog } = desk;
  const now = ports.clock.now();
  const { acknowledged } = incident;
  const state = nextState(incident.state, 'unanswered');
  if (acknowledged === undefined || acknowledged.until > now || state === undefined) return undefined;
  if (await isMuted(desk, incident)) return undefined;
  const [level] = escalationOf(catalog, incident.system).levels;
  const round = (incident.escalation?.round ?? 1) + 1;
  const reason = `${acknowledged.by} acknowledged it ${durationText(secondsBetween(acknowledged.at, now))} ago, and it is neither repaired nor calm`;
  const { acknowledged: _acknowledged, ...rest } = incident;
  const to = level === undefined ? undefined : { roles: level.roles, channels: level.channels };
  await tellPeople(ports, { incident: { ...rest, state }, step: 'escalated', id: `${incident.id}:escalated:${round}.1`, reason, to });
  const changed = await changeIncident(
    ports,
    incident.id,
    (found) => {
      if (found.state !== 'acknowledged' || found.acknowledged?.at !== acknowledged.at) return found;
      const { acknowledged: _over, ...open } = found;
      return { ...open, state, openSince: now, escalation: { round, level: 1, at: now, firstRound: round } };
    },
    () => ({ at: now, eventId: `unanswered:${acknowledged.at}`, kind: 'state', text: `Incident acknowledged → open: ${reason}.` }),
  );
  return changed?.state === state ? 'asked-again' : undefined;
}

async function escalate(desk: Desk, incident: Incident): Promise<DeskDeed | undefined> {
  const { ports, catalog } = desk;
  const now = ports.clock.now();
  const decision = nextEscalation(incident, escalationOf(catalog, incident.system), now);
  if (decision.kind === 'none') return undefined;
  if (await isMuted(desk, incident)) return postpone(ports, incident, now);
  switch (decision.kind) {
    case 'wait':
      return undefined;
    case 'exhausted':
      return exhaust(ports, incident, decision.reason);
    case 'escalate':
      return ask(ports, incident, decision, now);
  }
}

/** Whoever is not to be told of the incident itself is not to be woken because they did not answer. */
async function isMuted({ ports, shared }: Desk, { id, severity }: Incident): Promise<boolean> {
  const now = ports.clock.now();
  const page = { id, step: 'needs-person', severity, channels: ['email', 'sms'], incidentId: id, attempts: 0, dueAt: now } as const;
  const asked = { ...page, channels: [...page.channels] };
  return decideAttention(asked, await readFacts(ports, shared, asked), now).kind === 'suppress';
}

/** Once it is muted no more, people are told of it first, and then have their time. */
async function postpone(ports: JournalPorts, incident: Incident, now: Timestamp): Promise<DeskDeed> {
  await changeIncident(ports, incident.id, (found) => {
    if (!isSameQuestion(found, incident)) return found;
    return { ...found, openSince: now, ...(found.escalation === undefined ? {} : { escalation: { ...found.escalation, at: now } }) };
  });
  return 'muted';
}

async function ask(
  ports: JournalPorts,
  incident: Incident,
  { round, level, roles, channels, reason }: Extract<EscalationDecision, { kind: 'escalate' }>,
  now: Timestamp,
): Promise<DeskDeed> {
  await tellPeople(ports, { incident, step: 'escalated', id: `${incident.id}:escalated:${round}.${level}`, reason, to: { roles, channels } });
  const firstRound = incident.escalation?.firstRound ?? 1;
  await changeIncident(
    ports,
    incident.id,
    (found) => (isSameQuestion(found, incident) ? { ...found, escalation: { round, level, at: now, firstRound } } : found),
    () => ({ at: now, eventId: `escalated:${round}.${level}`, kind: 'escalation', text: reason }),
  );
  return 'escalated';
}

/** Nobody has answered, and no other run has asked, since it was decided. */
function isSameQuestion(found: Incident, decided: Incident): boolean {
  return found.state === 'open' && found.escalation?.at === decided.escalation?.at && found.openSince === decided.openSince;
}

async function exhaust(ports: JournalPorts, incident: Incident, reason: string): Promise<DeskDeed> {
  await changeIncident(
    ports,
    incident.id,
    (found) =>
      isSameQuestion(found, incident) && found.escalation !== undefined ? { ...found, escalation: { ...found.escalation, isExhausted: true } } : found,
    ({ escalation }) => ({ at: ports.clock.now(), eventId: `escalation-ended:${escalation?.round ?? 0}`, kind: 'escalation', text: reason }),
  );
  return 'exhausted';
}

function isUndecided({ state, severity, postMortem }: Incident): boolean {
  return state === 'resolved' && severity === 'critical' && postMortem === undefined;
}

async function lookAtEnded(desk: Desk, incident: Incident): Promise<DeskDeed | undefined> {
  const { ports } = desk;
  if (incident.owesRecovered === true) {
    await tellRecovered(desk, incident);
    return 'told-recovered';
  }
  if (incident.state !== 'resolved') return undefined;
  const because =
    incident.postMortem?.state === 'due' ? incident.postMortem.because : postMortemReason(incident, await readTimeline(ports.store, ports.scope, incident.id));
  if (because !== undefined && incident.postMortem?.state !== 'done') return requirePostMortem(ports, incident, because);
  return closesAt(incident) <= ports.clock.now() ? close(ports, incident) : decideNone(ports, incident);
}

/** The post-mortem first: what says that one is due always has one. */
async function requirePostMortem(ports: JournalPorts, incident: Incident, because: string): Promise<DeskDeed> {
  const now = ports.clock.now();
  await openPostMortem(ports, incident, because);
  await changeIncident(
    ports,
    incident.id,
    (found) => {
      const state = nextState(found.state, 'post-mortem-asked');
      return state === undefined ? found : { ...found, state, postMortem: { state: 'due', because } };
    },
    ({ resolvedAt = now }) => ({ at: now, eventId: `post-mortem-due:${resolvedAt}`, kind: 'state', text: `A post-mortem is due: ${because}` }),
  );
  return 'post-mortem-due';
}

async function close(ports: JournalPorts, { id }: Incident): Promise<DeskDeed> {
  const now = ports.clock.now();
  await changeIncident(
    ports,
    id,
    (found) => {
      const state = nextState(found.state, 'aged');
      return state === undefined ? found : { ...found, state, closedAt: now };
    },
    ({ resolvedAt = now }) => ({ at: now, eventId: `aged:${resolvedAt}`, kind: 'state', text: 'Incident closed: it has not come back for 24 h.' }),
  );
  return 'closed';
}

/** Looked at, and not looked at again until it is closed. */
async function decideNone(ports: JournalPorts, { id }: Incident): Promise<undefined> {
  await changeIncident(ports, id, (found) => (isUndecided(found) ? { ...found, postMortem: { state: 'none', because: '' } } : found));
}
