import type { CompiledCatalog } from '../catalog/schema.ts';
import { lastDeployment } from '../deployments/deployments.ts';
import { present } from '../environment/present.ts';
import { etaSeconds } from '../incidents/eta.ts';
import { addTimelineEvent, type IncidentPorts, setIncidentState } from '../incidents/incidents.ts';
import { composeMessage, type MessageStep } from '../incidents/messages.ts';
import { notify, type NotifyPorts } from '../incidents/notify.ts';
import { type Incident, incidentType } from '../incidents/record.ts';
import { keys } from '../records/keys.ts';
import { readRecord } from '../records/record-type.ts';
import { pastRecoverySeconds } from './history.ts';
import { rowOf } from './procedure.ts';
import type { Remediation } from './record.ts';

/** Tells the incident's timeline and the people what a remediation does. Every entry has a fixed id: telling twice changes nothing. */
export interface RemediationJournal {
  /** A phase ended: `after` is the record that will be written next. */
  phaseEnded(before: Remediation, after: Remediation): Promise<void>;
  /** The remediation is over: `record` carries its final state. */
  finished(record: Remediation): Promise<void>;
  /** The page that was armed before the repair began has come due (design section 4). */
  pageAnyway(record: Remediation): Promise<void>;
}

export interface JournalPorts extends IncidentPorts, NotifyPorts {
  readonly catalog: () => Promise<Pick<CompiledCatalog, 'systems'>>;
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
    pageAnyway: (record) => tell(ports, record, 'needs-person', 'page-anyway'),
  };
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
  if (last.name === 'guard' && last.outcome === 'done') {
    await setIncidentState(ports, before.incidentId, 'repairing', `Replacing ${before.oldInstanceId}`, last.endedAt);
    await tell(ports, after, 'replacing', 'replacing');
  }
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
  const incident = await setIncidentState(ports, record.incidentId, ending.incident, record.reason, at);
  const isQuiet = record.state === 'vetoed' && quietGuardrails.includes(record.failure?.guardrail ?? '');
  // What is over needs nobody, however the repair ended.
  const step = incident?.state === 'resolved' ? 'recovered' : ending.step;
  if (!isQuiet) await tell(ports, record, step, step);
}

async function tell(ports: JournalPorts, record: Remediation, step: MessageStep, idSuffix: string): Promise<void> {
  const incident = (await readRecord(ports.store, incidentType, keys.incident(ports.scope, record.incidentId)))?.body;
  if (incident !== undefined) await tellPeople(ports, { incident, step, id: `${record.id}:${idSuffix}`, remediation: record });
}

export interface Telling {
  readonly incident: Incident;
  readonly step: MessageStep;
  /** The same for every delivery of what asks for it. */
  readonly id: string;
  readonly remediation?: Remediation | undefined;
  /** Why there is no repair, when there is none. */
  readonly reason?: string | undefined;
}

/** Writes the message of one step of an incident from everything that is known, and sends it once. */
export async function tellPeople(ports: JournalPorts, { incident, step, id, remediation, reason }: Telling): Promise<void> {
  const name = incident.system;
  const { systems } = await ports.catalog();
  const [deployment, past] = await Promise.all([
    name === undefined ? undefined : lastDeployment(ports.store, ports.scope, name),
    name === undefined ? [] : pastRecoverySeconds(ports.store, ports.scope, name),
  ]);
  const message = composeMessage(step, {
    incident,
    remediation,
    reason,
    now: ports.clock.now(),
    eta: etaSeconds(past),
    system: systems.find((candidate) => candidate.metadata.name === name),
    dependants: systems.filter(({ spec }) => spec.links.some((link) => link.to === name)).map(({ metadata }) => metadata.name),
    lastDeployment: deployment,
  });
  await notify(ports, { id, step, severity: incident.severity, incidentId: incident.id, message, ...present({ remediationId: remediation?.id }) });
}
