import { openWindow } from '../../catalog/maintenance.ts';
import type { MaintenanceWindow } from '../../catalog/schema.ts';
import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { isRequestRule } from '../../remediation/admission/asked.ts';
import type { Severity } from '../../signals/signal.ts';
import type { NotificationChannel } from '../ports.ts';
import { isOver, type Incident, type Notification, type NotificationStep } from '../record.ts';
import { type Flapping, flappingText } from './flapping.ts';
import { inhibitorOf, type LinkedSystem } from './inhibition.ts';
import type { GroupSettings } from './settings.ts';
import { activeSilence, type Silence } from './silence.ts';

/** What people were told of an incident so far, or may have been: by messages that were handed over, whatever is known of their outcome. */
export interface Told {
  readonly channels: readonly NotificationChannel[];
  /** The loudest severity it was told with; absent when nothing was told. */
  readonly severity?: Severity;
  /** Whose those messages were. */
  readonly roles: readonly string[];
  /** A message that was never handed over waits, or was dropped. */
  readonly isWaiting: boolean;
}

/** When a group is told next, and when it was told last. */
export interface GroupTimes {
  readonly dueAt?: Timestamp | undefined;
  readonly sentAt?: Timestamp | undefined;
}

/** Everything a decision rests on. */
export interface AttentionFacts {
  /** `undefined`: no route gets the message. */
  readonly settings: GroupSettings | undefined;
  readonly incident: Incident | undefined;
  /** Other open incidents, at least those of the systems that this one's needs. */
  readonly open: readonly Incident[];
  readonly systems: readonly LinkedSystem[];
  readonly silences: readonly Silence[];
  readonly windows: readonly MaintenanceWindow[];
  readonly told: Told;
  readonly group: GroupTimes;
  readonly flapping: Flapping | undefined;
}

export const notTold: Told = { channels: [], roles: [], isWaiting: false };
export const noFacts: AttentionFacts = {
  settings: undefined,
  incident: undefined,
  open: [],
  systems: [],
  silences: [],
  windows: [],
  told: notTold,
  group: {},
  flapping: undefined,
};

export type Suppressor = NonNullable<Notification['suppressedBy']>;

/**
 * What becomes of a message now. `hold`: it is looked at again at `until`. `suppress`: mail and phones stay silent until the suppressor is
 * gone; programs get it all the same. `drop`: it has nothing left to say. (`merge` is decided over all that is due: merge.ts.)
 */
export type AttentionDecision =
  | { readonly kind: 'send'; readonly reason: string; readonly channels?: readonly NotificationChannel[]; readonly told?: Told }
  | { readonly kind: 'hold'; readonly until: Timestamp; readonly reason: string }
  | { readonly kind: 'suppress'; readonly by: Suppressor; readonly reason: string }
  | { readonly kind: 'drop'; readonly reason: string };

/** What a decision asks of a notification. */
export type Attentive = Pick<Notification, 'step' | 'severity' | 'channels' | 'incidentId' | 'attempts' | 'dueAt'>;

type Attention = 'trouble' | 'progress' | 'over';

/**
 * `trouble` asks for somebody, `progress` says that a repair works on it, `over` ends it. Every other step is answered, asked for or rare:
 * nothing mutes it. A question (`approval-needed`) is none either: unanswered it stops a repair.
 */
const attentionOf: Readonly<Partial<Record<NotificationStep, Attention>>> = {
  detected: 'trouble',
  'needs-person': 'trouble',
  'would-have': 'trouble',
  'unknown-instance': 'trouble',
  replacing: 'progress',
  recovered: 'over',
};

/** A person is needed now: these wait for no group. */
const urgent: ReadonlySet<NotificationStep> = new Set<NotificationStep>(['needs-person']);

/** Nothing but a message of these classes needs any facts. */
export function isAttentive({ step, channels, incidentId }: Pick<Attentive, 'step' | 'channels' | 'incidentId'>): boolean {
  const attention = attentionOf[step];
  return incidentId !== undefined && attention !== undefined && (attention === 'over' || reachesPeople(channels));
}

export function isTrouble({ step }: Pick<Attentive, 'step'>): boolean {
  return attentionOf[step] === 'trouble';
}

/** What tells of the end of an incident. */
export function isEnd({ step }: Pick<Attentive, 'step'>): boolean {
  return attentionOf[step] === 'over';
}

/** Programs are never tired of messages; people are. */
export function reachesPeople(channels: readonly NotificationChannel[]): boolean {
  return channels.includes('email') || channels.includes('sms');
}

/** So long it is waited for word of a firing before its end is dropped: the list of what waits may lag behind. */
const SECOND_LOOK_SECONDS = 60;

interface AttentionRule {
  readonly name: string;
  /** Where this is fixed. */
  readonly authority: string;
  readonly decide: (subject: Attentive, facts: AttentionFacts, now: Timestamp) => AttentionDecision | undefined;
}

const alertmanager = 'https://prometheus.io/docs/alerting/latest/configuration/';

/** Asked in this order, as Alertmanager does: what is over, inhibition, times, silences, then grouping. The first that answers decides. */
const attentionRules: readonly AttentionRule[] = [
  { name: 'not attentive', authority: 'design.md section 4', decide: (subject) => (isAttentive(subject) ? undefined : send('Nothing mutes this message')) },
  { name: 'over before it was told', authority: `${alertmanager}#route-related-settings`, decide: overBeforeTold },
  { name: 'the end of what was told', authority: 'https://github.com/prometheus/alertmanager/issues/226', decide: endOfTold },
  { name: 'asked for by hand', authority: 'design.md section 9', decide: askedFor },
  { name: 'inhibition', authority: `${alertmanager}#inhibition-related-settings`, decide: inhibited },
  { name: 'maintenance', authority: 'design.md section 6', decide: inMaintenance },
  { name: 'silence', authority: 'https://prometheus.io/docs/alerting/latest/alertmanager/#silences', decide: silenced },
  { name: 'flapping', authority: 'https://github.com/prometheus/alertmanager/issues/204', decide: heldForFlapping },
  { name: 'group', authority: `${alertmanager}#route-related-settings`, decide: heldForGroup },
];

/** Pure: what becomes of this message now, and why. */
export function decideAttention(subject: Attentive, facts: AttentionFacts, now: Timestamp): AttentionDecision {
  for (const { decide } of attentionRules) {
    const decision = decide(subject, facts, now);
    if (decision !== undefined) return decision;
  }
  return send('Nothing holds it');
}

const send = (reason: string): AttentionDecision => ({ kind: 'send', reason });

/** It has been looked at before, and was not handed over. */
export function wasHeld({ attempts, dueAt }: Pick<Attentive, 'attempts' | 'dueAt'>): boolean {
  return attempts === 0 && dueAt !== undefined;
}

function overBeforeTold(subject: Attentive, { incident }: AttentionFacts, now: Timestamp): AttentionDecision | undefined {
  if (isEnd(subject) || !wasHeld(subject) || incident === undefined) return undefined;
  if (isOver(incident)) return { kind: 'drop', reason: `It was over before anybody was told (${incident.state})` };
  // Calm is not over: what fires again is told then.
  return incident.state === 'stable'
    ? { kind: 'hold', until: addSeconds(now, SECOND_LOOK_SECONDS), reason: 'All its signals are calm; told if it fires again' }
    : undefined;
}

/** An end goes to whoever heard of the beginning, through every silence; to nobody when nobody did. */
function endOfTold(subject: Attentive, facts: AttentionFacts, now: Timestamp): AttentionDecision | undefined {
  if (!isEnd(subject)) return undefined;
  const { channels, isWaiting } = facts.told;
  if (channels.length > 0) {
    const reached = subject.channels.filter((channel) => channels.includes(channel) || (channel === 'email' && channels.includes('sms')));
    const all = channels.includes('sms') && !reached.includes('sms') ? [...reached, 'sms' as const] : reached;
    return { kind: 'send', reason: 'Whoever heard of it hears of its end', channels: all, told: facts.told };
  }
  // Rather an end too many than one too few.
  if (!isWaiting) return send('It is not known that nobody heard of it');
  if (wasHeld(subject)) return { kind: 'drop', reason: 'Nobody was told of the trouble, so nobody needs to hear of its end' };
  return { kind: 'hold', until: addSeconds(now, SECOND_LOOK_SECONDS), reason: 'Nobody seems to have been told of the trouble; looked at once more' };
}

/** Who asks is told what comes of it, also while everything else is quiet. */
function askedFor(_subject: Attentive, { incident }: AttentionFacts): AttentionDecision | undefined {
  const isAsked = Object.values(incident?.signals ?? {}).some(({ rule }) => isRequestRule(rule));
  return isAsked ? send('Somebody asked for it by hand and waits for the answer') : undefined;
}

function inhibited(subject: Attentive, { incident, open, systems }: AttentionFacts): AttentionDecision | undefined {
  const parent = incident === undefined || !isTrouble(subject) ? undefined : inhibitorOf(incident, open, systems);
  if (parent === undefined) return undefined;
  const reason = `${parent.system ?? parent.id}, which ${incident?.system ?? 'it'} needs, has the open incident ${parent.id}; told when that is over, if it still fires`;
  return { kind: 'suppress', by: { kind: 'inhibition', id: parent.id }, reason };
}

function inMaintenance(_subject: Attentive, { incident, windows }: AttentionFacts, now: Timestamp): AttentionDecision | undefined {
  const window = incident?.system === undefined ? undefined : openWindow(windows, incident.system, now);
  if (window === undefined) return undefined;
  const reason = `The maintenance window ${window.name} of ${window.author} is open until ${window.until}; told then, if it still fires`;
  return { kind: 'suppress', by: { kind: 'maintenance', id: window.name }, reason };
}

function silenced(_subject: Attentive, { incident, silences }: AttentionFacts, now: Timestamp): AttentionDecision | undefined {
  const silence = incident === undefined ? undefined : activeSilence(silences, incident, now);
  if (silence === undefined) return undefined;
  const reason = `Silenced by ${silence.author} until ${silence.endsAt} (${silence.id}: ${silence.reason}); told then, if it still fires`;
  return { kind: 'suppress', by: { kind: 'silence', id: silence.id }, reason };
}

/** `critical` pages at once, repair or not (design.md section 2); what has waited once does not wait again. */
export function mayWait(subject: Attentive): boolean {
  return subject.severity !== 'critical' && isTrouble(subject) && !wasHeld(subject);
}

function heldForFlapping(subject: Attentive, facts: AttentionFacts, now: Timestamp): AttentionDecision | undefined {
  const { settings, flapping, group } = facts;
  if (flapping === undefined || settings === undefined || !mayWait(subject)) return undefined;
  const until = nextTime({ waitSeconds: settings.intervalSeconds, intervalSeconds: settings.intervalSeconds }, group, now);
  return { kind: 'hold', until, reason: flappingText(flapping) };
}

function heldForGroup(subject: Attentive, facts: AttentionFacts, now: Timestamp): AttentionDecision | undefined {
  const { settings, group } = facts;
  if (settings === undefined || urgent.has(subject.step) || !mayWait(subject)) return undefined;
  const until = nextTime(settings, group, now);
  return until <= now ? undefined : { kind: 'hold', until, reason: `It waits until ${until} for others of its group` };
}

/** Pure: when a group that gets a new message now is told: with what waits already, else an interval after it was told last, else after the wait. */
function nextTime(settings: Pick<GroupSettings, 'waitSeconds' | 'intervalSeconds'>, { dueAt, sentAt }: GroupTimes, now: Timestamp): Timestamp {
  if (dueAt !== undefined && dueAt > now) return dueAt;
  const again = sentAt === undefined ? now : addSeconds(sentAt, settings.intervalSeconds);
  return again > now ? again : addSeconds(now, settings.waitSeconds);
}
