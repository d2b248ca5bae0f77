import type { Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import { maskedLine } from '../../signals/mask.ts';
import type { Severity } from '../../signals/signal.ts';
import { addTimelineEvent, calmSince, changeIncident, type ChangePorts } from '../incidents.ts';
import { nextState } from './lifecycle.ts';
import { perennial } from '../messages/commands.ts';
import { type Incident, isOver } from '../record.ts';

/*
 * What people do to incidents by hand. Opening goes through the queue, so that a report is taken in, told and escalated like every other
 * trouble, and any program may send one (S3-25). Closing and noting are conditional writes: they must work while the queue does not.
 */

export interface Report {
  readonly system: string;
  readonly severity: Severity;
  /** One sentence: what is wrong. Masked when it is taken in. */
  readonly title: string;
  readonly by: string;
  readonly isFromCustomer: boolean;
}

/** The body of the message that reports trouble; see `Trouble Reported` in docs/signals.md. */
export function reportBody({ accountId, region }: Scope, report: Report, at: Timestamp): string {
  return JSON.stringify({
    version: '0',
    id: `report-${at}`,
    source: 'perennial',
    'detail-type': 'Trouble Reported',
    account: accountId,
    region,
    time: at,
    resources: [],
    detail: report,
  });
}

/** `refused`: nothing was written, for this reason. */
export type ByHandAnswer =
  | { readonly kind: 'accepted' | 'already'; readonly incident: Incident; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

const MAX_TEXT_CHARACTERS = 500;

interface Closing {
  readonly by: string;
  readonly reason: string;
  readonly at: Timestamp;
}

/** What a close by hand does. Pure. */
export function decideClose(incident: Incident, { by, reason, at }: Closing): ByHandAnswer {
  const { id, state, postMortem } = incident;
  if (state === 'closed') return { kind: 'already', incident, reason: `${id} is closed already: ${incident.resolution ?? 'no reason recorded'}` };
  if (state === 'post-mortem-due' || postMortem?.state === 'due') {
    const how = perennial(`postmortem show ${id}`, incident);
    return {
      kind: 'refused',
      reason: `${id} asks for a post-mortem (${postMortem?.because ?? 'it was costly'}) and is closed with it: ${how}. Nothing was changed.`,
    };
  }
  const next = nextState(state, 'closed-by-hand');
  if (next === undefined) return { kind: 'refused', reason: `A repair works on ${id}; abort that first, or let it end. Nothing was changed.` };
  const wasOver = isOver(incident);
  const closed: Incident = { ...incident, state: next, closedAt: at, closedBy: by };
  if (wasOver) return { kind: 'accepted', incident: closed, reason: `Closed ${id}.` };
  const { acknowledged: _acknowledged, ...rest } = closed;
  const resolvedAt = state === 'stable' ? calmSince(incident) : at;
  return {
    kind: 'accepted',
    incident: { ...rest, resolvedAt, resolution: `Closed by hand: ${maskedLine(reason, MAX_TEXT_CHARACTERS)}`, owesRecovered: true },
    reason: `Closed ${id}. Who was told of it is told so within a minute or two.`,
  };
}

/** Closes an incident that nothing else closes, for example one whose instance was ended by hand. Again changes nothing. */
export async function closeIncident(ports: ChangePorts, incidentId: string, by: string, reason: string): Promise<ByHandAnswer> {
  const at = ports.clock.now();
  const said: { answer: ByHandAnswer } = { answer: notFound(ports.scope, incidentId) };
  const stored = await changeIncident(
    ports,
    incidentId,
    (found) => {
      said.answer = decideClose(found, { by, reason, at });
      return said.answer.kind === 'accepted' ? said.answer.incident : found;
    },
    () => ({ at, eventId: `closed:${at}`, kind: 'state', text: `Closed by ${by}: ${maskedLine(reason, MAX_TEXT_CHARACTERS)}` }),
  );
  return said.answer.kind === 'accepted' && stored !== undefined ? { ...said.answer, incident: stored } : said.answer;
}

function notFound({ accountId, region }: Scope, incidentId: string): ByHandAnswer {
  return { kind: 'refused', reason: `There is no incident ${incidentId} in ${accountId}/${region}. Nothing was changed.` };
}

/** Puts what a person has to say on the timeline, masked; of any incident, also of one that is over. */
export async function noteIncident(ports: ChangePorts, incidentId: string, by: string, text: string): Promise<ByHandAnswer> {
  const at = ports.clock.now();
  const incident = await changeIncident(ports, incidentId, (found) => found);
  if (incident === undefined) return notFound(ports.scope, incidentId);
  const note = maskedLine(text, MAX_TEXT_CHARACTERS);
  if (note === '') return { kind: 'refused', reason: 'The note is empty; write a sentence.' };
  await addTimelineEvent(ports, incidentId, { at, eventId: `note:${at}`, kind: 'note', text: `${by}: ${note}` });
  return { kind: 'accepted', incident, reason: `On the timeline of ${incidentId}: ${note}` };
}
