import { present } from '../../environment/present.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import { addTimelineEvent, readTimeline } from '../incidents.ts';
import { type Incident, isAnswered, type Notification, notificationType } from '../record.ts';
import { decideAttention, isTrouble, reachesPeople } from './decide.ts';
import { type AttentionPorts, lastToldAt, readFacts, settingsOf, type SharedFacts, TIMELINE_READ } from './facts.ts';
import { flappingOf, flappingText } from './flapping.ts';
import { defaultGroup } from './settings.ts';

/** So many old incidents are asked for per run. */
const MAX_ASKED = 200;

/**
 * What people were told so long ago that it is told again, marked as a repeat: the incident is unanswered, and nothing was said of it for
 * the time of its routes. Its id names the last time, so that each repeat is made once.
 */
export async function dueReminders(ports: AttentionPorts, shared: SharedFacts): Promise<readonly Notification[]> {
  if ((shared.catalog.routes ?? []).length === 0) return [];
  const now = ports.clock.now();
  const shortest = Math.min(...(shared.catalog.routes ?? []).map(({ spec }) => (spec.group ?? defaultGroup).repeatSeconds));
  const old = (await shared.open()).filter((incident) => !isAnswered(incident) && secondsBetween(incident.openedAt, now) >= shortest);
  const found: Notification[] = [];
  for (const incident of old.slice(0, MAX_ASKED)) {
    const reminder = await reminderOf(ports, shared, incident, now);
    if (reminder !== undefined) found.push(reminder);
  }
  return found;
}

async function reminderOf(ports: AttentionPorts, shared: SharedFacts, incident: Incident, now: Timestamp): Promise<Notification | undefined> {
  const last = await lastToldAt(ports, incident.id);
  if (last === undefined) return undefined;
  const told = await Promise.all(last.ids.map((id) => readRecord(ports.store, notificationType, keys.notification(ports.scope, id))));
  const newest = told
    .flatMap((record) => (record === undefined || !isTrouble(record.body) || !reachesPeople(record.body.channels) ? [] : [record.body]))
    .toSorted((left, right) => (left.intentAt < right.intentAt ? 1 : -1))[0];
  const settings = newest === undefined ? undefined : settingsOf(shared.catalog, newest);
  if (newest === undefined || settings === undefined || now < addSeconds(last.at, settings.repeatSeconds)) return undefined;
  const reminder = repeatOf(newest, incident, last.at, now);
  // As one that has waited: it is muted like any other, and then comes at the end of what mutes it.
  const decision = decideAttention({ ...reminder, attempts: 0, dueAt: now }, await readFacts(ports, shared, reminder), now);
  return decision.kind === 'send' ? reminder : undefined;
}

function repeatOf(told: Notification, incident: Incident, lastAt: Timestamp, now: Timestamp): Notification {
  const { id, accountId, region, step, severity, channels, roles, subject, text, sms, data, remediationId, system } = told;
  const hours = (secondsBetween(incident.openedAt, now) / 3600).toFixed(1);
  return {
    id: `${incident.id}:repeat:${lastAt}`,
    accountId,
    region,
    step,
    severity,
    channels,
    subject,
    text: `Still open after ${hours} h, and nobody has answered. What was said before (${id}):\n\n${text}`,
    sms,
    data: { ...data, repeatOf: id },
    isRepeat: true,
    intentAt: now,
    attempts: 1,
    attemptedAt: now,
    incidentId: incident.id,
    ...present({ roles, remediationId, system }),
  };
}

/** An incident that has changed since. */
const RECENT_SECONDS = 120;
const MAX_LOOKED_AT = 50;

/** Says on its timeline, once per half hour, that an incident flaps. */
export async function noteFlapping(ports: AttentionPorts, shared: SharedFacts): Promise<void> {
  const now = ports.clock.now();
  const recent = (await shared.open()).filter(({ updatedAt }) => secondsBetween(updatedAt, now) < RECENT_SECONDS);
  for (const incident of recent.slice(0, MAX_LOOKED_AT)) {
    const flapping = flappingOf(await readTimeline(ports.store, ports.scope, incident.id, TIMELINE_READ), now);
    if (flapping === undefined) continue;
    const half = `${now.slice(0, 14)}${now.slice(14, 16) < '30' ? '00' : '30'}`;
    await addTimelineEvent(ports, incident.id, { at: now, eventId: `flapping:${half}`, kind: 'attention', text: flappingText(flapping) });
  }
}
