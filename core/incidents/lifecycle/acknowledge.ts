import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { addTimelineEvent, changeIncident, type ChangePorts } from '../incidents.ts';
import { nextState } from './lifecycle.ts';
import { clockText } from '../messages/message-text.ts';
import { type Incident, isOver } from '../record.ts';
import type { NewTimelineEvent } from '../timeline.ts';

/*
 * A person says that they have an incident. A conditional write on its record, like an approval: it starts and ends nothing itself. The
 * document of the console stack writes the same fields, and leaves the timeline to the desk.
 */

/** Minutes; as long as the re-trigger of other tools that page (slo-incidents reference). */
export const ACKNOWLEDGED_MINUTES = 30;
export const MAX_ACKNOWLEDGED_MINUTES = 1440;

/** `refused`: nothing was written, for this reason. */
export type AcknowledgeAnswer =
  | { readonly kind: 'accepted'; readonly incident: Incident; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

interface Acknowledging {
  readonly by: string;
  /** 1 to 1,440. */
  readonly minutes: number;
  readonly at: Timestamp;
}

/** What becomes of the incident, or why nothing does. Again takes it over, or gives it more time. Pure. */
export function decideAcknowledgement(incident: Incident, { by, minutes, at }: Acknowledging): AcknowledgeAnswer {
  const { id, state } = incident;
  if (isOver(incident)) return refused(`${id} is over (${state}: ${incident.resolution ?? 'no reason recorded'}); there is nothing to acknowledge.`);
  if (state === 'stable') return refused(`${id} is calm and is being verified; there is nothing to acknowledge.`);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > MAX_ACKNOWLEDGED_MINUTES)
    return refused(`An acknowledgement lasts 1 to ${MAX_ACKNOWLEDGED_MINUTES} minutes, not ${minutes}.`);
  const until = addSeconds(at, minutes * 60);
  const acknowledged = { ...incident, state: nextState(state, 'acknowledged') ?? state, acknowledged: { by, at, until } };
  const rest =
    state === 'repairing'
      ? 'A repair works on it; if that fails, you are paged again at once.'
      : `Nobody else is asked until ${clockText(until)}; if it is neither repaired nor calm by then, it pages again.`;
  return { kind: 'accepted', incident: acknowledged, reason: `${by} has ${id}. ${rest}` };
}

const refused = (reason: string): AcknowledgeAnswer => ({ kind: 'refused', reason: `${reason} Nothing was changed.` });

/** Acknowledges an incident and says so on its timeline. The same call again only moves the end. */
export async function acknowledgeIncident(ports: ChangePorts, incidentId: string, by: string, minutes = ACKNOWLEDGED_MINUTES): Promise<AcknowledgeAnswer> {
  const at = ports.clock.now();
  const said: { answer: AcknowledgeAnswer } = { answer: refused(`There is no incident ${incidentId} in ${ports.scope.accountId}/${ports.scope.region}.`) };
  const incident = await changeIncident(
    ports,
    incidentId,
    (found) => {
      said.answer = decideAcknowledgement(found, { by, minutes, at });
      return said.answer.kind === 'accepted' ? noted(said.answer.incident) : found;
    },
    acknowledgedEvent,
  );
  return said.answer.kind === 'accepted' && incident !== undefined ? { ...said.answer, incident } : said.answer;
}

function noted(incident: Incident): Incident {
  return incident.acknowledged === undefined ? incident : { ...incident, acknowledged: { ...incident.acknowledged, isNoted: true } };
}

/** The same for every delivery of one acknowledgement. */
function acknowledgedEvent({ acknowledged, openedAt }: Incident): NewTimelineEvent {
  const { by = 'somebody', at = openedAt, until = openedAt } = acknowledged ?? {};
  return { at, eventId: `acknowledged:${at}`, kind: 'acknowledged', text: `Acknowledged by ${by} until ${clockText(until)}` };
}

/** What the console wrote is put on the timeline; the document itself may not write there. Changes nothing the second time. */
export async function noteAcknowledgement(ports: ChangePorts, incident: Incident): Promise<boolean> {
  const { acknowledged } = incident;
  if (acknowledged === undefined || acknowledged.isNoted === true) return false;
  await addTimelineEvent(ports, incident.id, acknowledgedEvent(incident));
  await changeIncident(ports, incident.id, (found) =>
    found.acknowledged?.at === acknowledged.at && found.acknowledged.isNoted !== true ? noted(found) : found,
  );
  return true;
}
