import { listDeployments } from '../../deployments/deployments.ts';
import { present } from '../../environment/present.ts';
import type { Timestamp } from '../../environment/time.ts';
import { readBackground } from '../../incidents/messages/background.ts';
import { etaSeconds } from '../../incidents/messages/eta.ts';
import { audienceOf, dependantsOf, namedAudience } from '../../incidents/fan-out/audience.ts';
import { addTimelineEvent, type IncidentPorts, recordResolvedSignal, setIncidentState } from '../../incidents/incidents.ts';
import { composeDriftMessage } from '../../incidents/messages/drift.ts';
import { capitalised } from '../../incidents/messages/message-text.ts';
import { composeMessage, type MessageStep } from '../../incidents/messages/messages.ts';
import { type NotificationDraft, notify, type NotifyPorts, tellAgain } from '../../incidents/notify.ts';
import type { NotificationChannel } from '../../incidents/ports.ts';
import { type Incident, incidentType, isOver } from '../../incidents/record.ts';
import { asksPerson } from '../../incidents/messages/stories.ts';
import { tellUpstream, type UpstreamCatalog } from '../../incidents/fan-out/upstream.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import { captureType } from '../surroundings/capture.ts';
import { pastRecoverySeconds } from '../hindsight/history.ts';
import { doingText } from '../paths/path-words.ts';
import { vetoPageOf } from '../guardrails/veto-page.ts';
import { rowOf } from '../paths/procedure.ts';
import type { Remediation } from '../record.ts';

/** Tells the incident's timeline and the people what a remediation does. Every entry has a fixed id: telling twice changes nothing. */
export interface RemediationJournal {
  /** A phase ended: `after` is the record that will be written next. */
  phaseEnded(before: Remediation, after: Remediation): Promise<void>;
  /** The remediation is over: `record` carries its final state. */
  finished(record: Remediation): Promise<void>;
  /** A freeze was seen: `record` says what is half-done. */
  frozen(record: Remediation): Promise<void>;
  /** It has been frozen for ten minutes: a person is told, once. */
  frozenTooLong(record: Remediation): Promise<void>;
  /** The freeze is over; `after` goes on. */
  thawed(before: Remediation, after: Remediation): Promise<void>;
  /** The page that was armed before the repair began has come due (design section 4). */
  pageAnyway(record: Remediation): Promise<void>;
}

export interface JournalPorts extends IncidentPorts, NotifyPorts {
  readonly catalog: () => Promise<UpstreamCatalog>;
  /** What a phone can run in the console, by name. */
  readonly consoleDocuments?: readonly string[];
}

/** What people are told when a remediation ends so, and what becomes of its incident. */
const endings = {
  succeeded: { step: 'recovered', incident: 'resolved' },
  failed: { step: 'needs-person', incident: 'open' },
  vetoed: { step: 'needs-person', incident: 'open' },
  'stood-down': { step: 'needs-person', incident: 'open' },
  'would-have': { step: 'would-have', incident: 'open' },
} as const satisfies Record<Exclude<Remediation['state'], 'running'>, { step: MessageStep; incident: Incident['state'] }>;

/** A veto because the trouble is over, or because the instance is left alone on purpose, needs no person. */
const quietGuardrails: readonly string[] = ['pending duration'];

export function createJournal(ports: JournalPorts): RemediationJournal {
  return {
    phaseEnded: (before, after) => phaseEnded(ports, before, after),
    finished: (record) => finished(ports, record),
    frozen: (record) => note(ports, record, `frozen:${record.frozen?.at ?? ''}`, record.reason),
    frozenTooLong: (record) => tell(ports, record, 'needs-person', `frozen:${record.frozen?.at ?? ''}`),
    thawed: (before, after) => note(ports, before, `thawed:${before.frozen?.at ?? ''}`, after.reason),
    // Who has not answered is asked once more, with the same command.
    pageAnyway: (record) => tell(ports, record, isAsking(record) ? 'approval-needed' : 'needs-person', 'page-anyway'),
  };
}

const isAsking = (record: Remediation): boolean => record.state === 'running' && record.phase === 'await-approval' && record.approval?.granted === undefined;

async function note(ports: JournalPorts, record: Remediation, eventId: string, text: string): Promise<void> {
  await addTimelineEvent(ports, record.incidentId, { at: ports.clock.now(), eventId: `${record.id}:${eventId}`, kind: 'remediation', text });
}

async function phaseEnded(ports: JournalPorts, before: Remediation, after: Remediation): Promise<void> {
  const last = after.phases.at(-1);
  if (last === undefined) return;
  await addTimelineEvent(ports, before.incidentId, {
    at: last.endedAt,
    eventId: `${before.id}:${after.phases.length}:${last.name}`,
    kind: 'remediation',
    text: `${rowOf(last.name).summary}: ${last.outcome}. ${last.reason}`,
  });
  if (last.name !== 'guard' || last.outcome !== 'done') return;
  if (isAsking(after)) return tell(ports, after, 'approval-needed', 'approval-needed');
  await setIncidentState(ports, before.incidentId, 'repairing', repairText(after), last.endedAt);
  // A drill is told of when it is over: nobody has to look at it meanwhile.
  if (!before.isDrill) await tell(ports, after, 'replacing', 'replacing');
}

function repairText(record: Remediation): string {
  const { isDrill, revertOf, oldInstanceId } = record;
  if (isDrill) return 'The drill begins';
  return revertOf === undefined ? capitalised(doingText(record)) : `Taking ${revertOf} back: ${oldInstanceId} returns`;
}

/** A request that has its answer is over; what it left half-done keeps the incident open all the same. */
async function endRequest(ports: JournalPorts, { request, incidentId, trigger, reason, oldInstanceId }: Remediation, at: Timestamp): Promise<void> {
  const incident = request === undefined ? undefined : (await readRecord(ports.store, incidentType, keys.incident(ports.scope, incidentId)))?.body;
  if (incident === undefined) return;
  const { kind, rule, fingerprint } = trigger;
  const said = { kind, rule, at, source: 'perennial', scope: ports.scope, summary: reason, details: {} };
  const signal = { ...said, subject: { type: 'instance', id: oldInstanceId }, severity: 'info', state: 'resolved' } as const;
  await recordResolvedSignal(ports, { signal, fingerprint, place: incident.place });
}

/** Which message says how it ended. */
function endingStep(record: Remediation & { readonly state: Exclude<Remediation['state'], 'running'> }, incident: Incident | undefined): MessageStep {
  if (record.isDrill) return 'drill-ended';
  // What is over needs nobody, however the repair ended; only who asked for it must hear that nothing came of it.
  return incident !== undefined && isOver(incident) && record.request === undefined ? 'recovered' : endings[record.state].step;
}

async function finished(ports: JournalPorts, record: Remediation): Promise<void> {
  if (record.state === 'running') return;
  const ending = endings[record.state];
  const at = record.timing.endedAt ?? ports.clock.now();
  await addTimelineEvent(ports, record.incidentId, {
    at,
    eventId: `${record.id}:ended`,
    kind: 'remediation',
    text: `Remediation ${record.state}: ${record.reason}`,
  });
  await endRequest(ports, record, at);
  const incident = await setIncidentState(ports, record.incidentId, record.isDrill ? 'resolved' : ending.incident, record.reason, at);
  // Calm by itself needs nobody, and the desk says when it has held. Who asked by hand is told in any case.
  const isCalm = incident?.state === 'stable' || (record.state === 'vetoed' && quietGuardrails.includes(record.failure?.guardrail ?? ''));
  const isQuiet = record.request === undefined && isCalm;
  const step = endingStep({ ...record, state: record.state }, incident);
  if (!isQuiet) await tellOfEnd(ports, record, step);
  if (record.state === 'succeeded') await tellCodeOwner(ports, record);
}

/** What an open breaker has stopped is one page, however many it stops. */
async function tellOfEnd(ports: JournalPorts, record: Remediation, step: MessageStep): Promise<void> {
  const page = record.state === 'vetoed' && step === 'needs-person' ? await vetoPageOf(ports, record) : undefined;
  await tellAs(ports, record, step, page?.kind === 'shared' ? page.id : `${record.id}:${step}`);
}

/** Who describes the old instance as code must hear of the new id before the next apply. */
async function tellCodeOwner(ports: JournalPorts, record: Remediation): Promise<void> {
  const { newInstanceId, oldInstanceId, isDrill } = record;
  if (isDrill || newInstanceId === undefined || newInstanceId === oldInstanceId) return;
  const owner = (await readRecord(ports.store, captureType, keys.capture(ports.scope, oldInstanceId)))?.body.codeOwner;
  if (owner === undefined) return;
  const message = composeDriftMessage({ ...record, newInstanceId }, owner);
  const { systems } = await ports.catalog();
  const system = systems.find(({ metadata }) => metadata.name === record.system);
  await notify(ports, {
    roles: audienceOf('drift', 'info', system),
    id: `${record.id}:drift`,
    step: 'drift',
    severity: 'info',
    incidentId: record.incidentId,
    remediationId: record.id,
    message,
  });
}

function tell(ports: JournalPorts, record: Remediation, step: MessageStep, idSuffix: string): Promise<void> {
  return tellAs(ports, record, step, `${record.id}:${idSuffix}`);
}

/** Under this very id, once. */
async function tellAs(ports: JournalPorts, record: Remediation, step: MessageStep, id: string): Promise<void> {
  const incident = (await readRecord(ports.store, incidentType, keys.incident(ports.scope, record.incidentId)))?.body;
  if (incident !== undefined) await tellPeople(ports, { incident, step, id, remediation: record });
}

export interface Telling {
  readonly incident: Incident;
  readonly step: MessageStep;
  /** The same for every delivery of what asks for it. */
  readonly id: string;
  readonly remediation?: Remediation | undefined;
  /** Why there is no repair, when there is none. */
  readonly reason?: string | undefined;
  /** Whom and how, where the step alone does not say it: a level of escalation. */
  readonly to?: { readonly roles: readonly string[]; readonly channels: readonly NotificationChannel[] } | undefined;
}

/** Writes the message of one step of an incident from everything that is known, and sends it once. */
export async function tellPeople(ports: JournalPorts, telling: Telling): Promise<void> {
  const catalog = await ports.catalog();
  // A storm asks for the same message a hundred times: it is written once.
  if ((await tellAgain(ports, telling.id)) === undefined) await notify(ports, await draftOf(ports, catalog, telling));
  await tellUpstream(ports, catalog, telling.incident, telling.step);
}

async function draftOf(ports: JournalPorts, catalog: UpstreamCatalog, { incident, step, id, remediation, reason, to }: Telling): Promise<NotificationDraft> {
  const name = incident.system;
  const { systems } = catalog;
  const system = systems.find((candidate) => candidate.metadata.name === name);
  const [deployments, past] = await Promise.all([
    name === undefined ? [] : listDeployments(ports.store, ports.scope, name),
    name === undefined ? [] : pastRecoverySeconds(ports.store, ports.scope, name),
  ]);
  // Two queries more: only for who is to decide something.
  const background = asksPerson(step) ? await readBackground(ports, { incident, system, remediation, deployments }) : undefined;
  const message = composeMessage(step, {
    incident,
    remediation,
    reason,
    now: ports.clock.now(),
    eta: etaSeconds(past),
    system,
    dependants: dependantsOf(name, systems).map(({ metadata }) => metadata.name),
    lastDeployment: deployments[0],
    background,
    consoleDocuments: ports.consoleDocuments,
  });
  const roles = to === undefined ? audienceOf(step, incident.severity, system) : namedAudience(to.roles, system);
  const draft = { id, step, severity: incident.severity, incidentId: incident.id, roles, message };
  return { ...draft, ...present({ remediationId: remediation?.id, channels: to?.channels }) };
}
