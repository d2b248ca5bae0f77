import { durationSeconds } from '../../core/catalog/durations.ts';
import { nearest } from '../../core/catalog/nearest.ts';
import { currentCatalog } from '../../core/catalog/published.ts';
import { ACKNOWLEDGED_MINUTES, acknowledgeIncident } from '../../core/incidents/lifecycle/acknowledge.ts';
import { type ByHandAnswer, closeIncident, noteIncident, type Report, reportBody } from '../../core/incidents/lifecycle/by-hand.ts';
import type { Incident } from '../../core/incidents/record.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok } from '../output.ts';
import type { IncidentAnswer, IncidentReportAnswer } from '../schemas.ts';
import { commandFor, headerOf, outputOf, type Target } from '../target.ts';
import { incidentItem } from './incidents.ts';

const portsOf = ({ records, scope, clock }: Target) => ({ store: records, scope, clock });

/** Said by whoever types unless they say who. */
interface Who {
  readonly by?: string;
}

/** `perennial acknowledge <incident>`: somebody has it; escalation stops until their time is over. */
export async function acknowledge(
  target: Target,
  incidentId: string,
  { by = target.operator, for: duration }: Who & { readonly for?: string },
): Promise<Answer> {
  const answer = await acknowledgeIncident(portsOf(target), incidentId, by, minutesOf(duration));
  if (answer.kind === 'refused') throw refusal(target, answer.reason);
  return answered(target, answer.incident, { by, reason: answer.reason, isChanged: true });
}

function minutesOf(text: string | undefined): number {
  if (text === undefined) return ACKNOWLEDGED_MINUTES;
  const seconds = durationSeconds(text);
  if (seconds === undefined || seconds < 60)
    throw new CliError(`--for takes a duration of 1m to 24h, for example 30m; "${text}" is none. Nothing was changed.`);
  return Math.round(seconds / 60);
}

/** `perennial incidents close <id>`: for what nothing else closes. */
export async function closeByHand(target: Target, incidentId: string, { by = target.operator, reason }: Who & { readonly reason: string }): Promise<Answer> {
  if (reason.trim() === '') throw new CliError('Closing needs a reason: others read it later. Say it with --reason "instance was ended by hand".');
  return byHand(target, await closeIncident(portsOf(target), incidentId, by, reason), by);
}

/** `perennial incidents note <id> <text>`: a fact for the timeline. */
export async function noteByHand(target: Target, incidentId: string, text: string, { by = target.operator }: Who): Promise<Answer> {
  return byHand(target, await noteIncident(portsOf(target), incidentId, by, text), by);
}

function byHand(target: Target, answer: ByHandAnswer, by: string): Answer {
  if (answer.kind === 'refused') throw refusal(target, answer.reason);
  return answered(target, answer.incident, { by, reason: answer.reason, isChanged: answer.kind === 'accepted' });
}

function refusal(target: Target, reason: string): CliError {
  return new CliError(`${reason} See: ${commandFor(target, 'incidents')}`);
}

function answered(target: Target, incident: Incident, said: Pick<IncidentAnswer, 'by' | 'reason' | 'isChanged'>): Answer {
  const json: IncidentAnswer = { ...incidentItem(incident), ...said, until: incident.acknowledged?.until ?? null };
  return ok(json, [headerOf(target), said.reason, `Its timeline: ${commandFor(target, `incidents ${incident.id}`)}`].join('\n'));
}

export interface ReportOptions {
  readonly system: string;
  readonly severity: Report['severity'];
  readonly title: string;
  readonly by?: string;
  /** A customer told us. */
  readonly customer?: boolean;
}

/** `perennial incidents open`: what a person has seen takes the way of every signal (S3-25). */
export async function openByHand(target: Target, { system, severity, title, by = target.operator, customer = false }: ReportOptions): Promise<Answer> {
  if (title.trim() === '') throw new CliError('An incident needs a title: people read it at night. Say it with --title "checkout shows an empty page".');
  const names = (await currentCatalog(target.records, target.scope)).systems.map(({ metadata }) => metadata.name);
  if (!names.includes(system)) {
    const meant = nearest(system, names);
    const hint = meant === undefined ? `Declared are: ${names.join(', ') || 'none'}.` : `Did you mean ${meant}?`;
    throw new CliError(`There is no system ${system} in the published catalog, so nothing was opened. ${hint}`);
  }
  const at = target.clock.now();
  await target.queues.send(outputOf(target, 'SignalsQueueUrl'), reportBody(target.scope, { system, severity, title, by, isFromCustomer: customer }, at));
  const json: IncidentReportAnswer = { id: `report-${at}`, system, state: 'requested', startedAt: at, reason: title, severity, by };
  const text = [
    headerOf(target),
    `Reported: ${title} (${severity}, ${system}), by ${by}.`,
    `It is taken in within seconds: an incident opens, or the open one of the system takes it up. Find it: ${commandFor(target, 'incidents')}`,
    `Nothing but a person closes it: ${commandFor(target, 'incidents close INCIDENT --reason "..."')}`,
  ];
  return ok(json, text.join('\n'));
}
