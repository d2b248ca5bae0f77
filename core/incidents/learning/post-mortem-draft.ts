import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import { doingText } from '../../remediation/paths/path-words.ts';
import type { Remediation } from '../../remediation/record.ts';
import { type DetectionSource, detectionOf } from './detection.ts';
import { type Intervention, interventionsOf, peopleOf } from './interventions.ts';
import { durationText, percentText, plain, sentence } from '../messages/message-text.ts';
import { type ActionType, isOverShare, neededPerson, type NoteSection, type PostMortem, type PostMortemAction } from './post-mortem.ts';
import { blamingWords, type WordingFinding, withoutNames } from './post-mortem-wording.ts';
import type { RecentChange } from '../messages/recent-changes.ts';
import type { Incident, TimelineEvent } from '../record.ts';
import type { SimilarIncident } from '../messages/similar.ts';

/** What a post-mortem is drafted from. */
export interface PostMortemFacts {
  readonly incident: Incident;
  /** Oldest first. */
  readonly timeline: readonly TimelineEvent[];
  /** Of the incident, oldest first. */
  readonly remediations: readonly Remediation[];
  readonly changes: readonly RecentChange[];
  readonly similar: readonly SimilarIncident[];
  /** Why it is asked for; absent when it is not. */
  readonly dueBecause?: string | undefined;
  /** What people have added so far. */
  readonly postMortem?: PostMortem | undefined;
  readonly now: Timestamp;
}

/** What records say, and what people said: of one lesson or factor. */
interface Findings {
  readonly derived: readonly string[];
  readonly noted: readonly string[];
}

export interface DatedAction extends PostMortemAction {
  /** Days since it was added, to its end or to now. */
  readonly ageDays: number;
  readonly isOverdue: boolean;
}

export interface SuggestedAction {
  readonly type: ActionType;
  readonly text: string;
}

/** A post-mortem as data; composed afresh each time. */
export interface PostMortemDraft {
  readonly incidentId: string;
  readonly accountId: string;
  readonly region: string;
  readonly system: string | null;
  readonly title: string;
  readonly severity: Incident['severity'];
  readonly owner: string;
  /** `not-asked-for`: nobody has to write it, and nobody has begun. */
  readonly state: 'not-asked-for' | 'due' | 'draft' | 'closed';
  readonly dueBecause: string | null;
  readonly summary: readonly string[];
  readonly impact: {
    readonly text: string;
    readonly durationSeconds: number | null;
    readonly budget: { readonly objective: string; readonly badSeconds: number; readonly share: number } | null;
    readonly noted: readonly string[];
  };
  readonly detection: {
    readonly source: DetectionSource;
    readonly beganAt: string | null;
    readonly detectedAt: string;
    readonly timeToDetectSeconds: number | null;
    readonly firstToldAt: string | null;
    readonly timeToTellSeconds: number | null;
    readonly timeToAcknowledgeSeconds: number | null;
  };
  readonly timeline: readonly { readonly at: string; readonly kind: string; readonly text: string }[];
  readonly automatic: readonly string[];
  readonly byHand: readonly string[];
  readonly factors: Findings;
  readonly lessons: { readonly well: Findings; readonly poorly: Findings; readonly luckily: Findings };
  readonly recurrences: readonly string[];
  readonly actions: readonly DatedAction[];
  readonly suggestions: readonly SuggestedAction[];
  readonly test: { readonly link: string } | { readonly noTestReason: string } | null;
  /** What people wrote that blames; advice. */
  readonly wording: readonly WordingFinding[];
}

/** Pure: the same facts give the same draft. Nothing but masked lines. */
export function draftPostMortem(facts: PostMortemFacts): PostMortemDraft {
  const { incident, postMortem, dueBecause, similar } = facts;
  const people = [...peopleOf(incident, facts.timeline, facts.remediations), ...authorsOf(postMortem)];
  const told = {
    ...facts,
    interventions: interventionsOf(incident, facts.timeline, facts.remediations),
    say: (text: string) => plain(withoutNames(text, people)),
  };
  const { id, accountId, region, system, severity } = incident;
  return {
    incidentId: id,
    accountId,
    region,
    system: system ?? null,
    title: told.say(incident.title),
    severity,
    owner: plain(incident.owner),
    state: stateOf(postMortem, dueBecause),
    dueBecause: dueBecause ?? postMortem?.dueBecause ?? null,
    summary: [...summaryOf(told), ...notesOf(postMortem, 'summary')],
    impact: impactOf(told),
    detection: detectionFacts(told),
    timeline: shortTimeline(told),
    automatic: automaticOf(told),
    byHand: byHandOf(told),
    factors: { derived: factorsOf(told), noted: notesOf(postMortem, 'factor') },
    lessons: {
      well: { derived: wellOf(told), noted: notesOf(postMortem, 'well') },
      poorly: { derived: poorlyOf(told), noted: notesOf(postMortem, 'poorly') },
      luckily: { derived: luckilyOf(told), noted: notesOf(postMortem, 'luckily') },
    },
    recurrences: similar.filter(({ isRecurrence }) => isRecurrence).map(({ id: earlier }) => earlier),
    actions: datedActions(postMortem?.actions ?? [], facts.now),
    suggestions: suggestionsOf(told),
    test: postMortem?.test ?? null,
    wording: blamingWords(writtenBy(postMortem), people),
  };
}

interface Told extends PostMortemFacts {
  readonly interventions: readonly Intervention[];
  /** Masks, makes one line of it and leaves names out. */
  readonly say: (text: string) => string;
}

function stateOf(postMortem: PostMortem | undefined, dueBecause: string | undefined): PostMortemDraft['state'] {
  if (postMortem?.state === 'closed') return 'closed';
  if (dueBecause !== undefined || postMortem?.dueBecause !== undefined) return 'due';
  return postMortem === undefined ? 'not-asked-for' : 'draft';
}

function notesOf(postMortem: PostMortem | undefined, section: NoteSection): readonly string[] {
  return (postMortem?.notes ?? []).filter((note) => note.section === section).map(({ text }) => plain(text, 1000));
}

function authorsOf(postMortem: PostMortem | undefined): readonly string[] {
  return [...(postMortem?.notes ?? []).map(({ by }) => by), ...(postMortem?.actions ?? []).map(({ addedBy }) => addedBy)];
}

/** Everything people wrote, line by line; what records say is worded by us. */
function writtenBy(postMortem: PostMortem | undefined): string {
  return [...(postMortem?.notes ?? []), ...(postMortem?.actions ?? [])].map(({ text }) => text).join('\n');
}

const DAY_SECONDS = 86_400;

/** With their age; the open ones first, by due day. */
export function datedActions(actions: readonly PostMortemAction[], now: Timestamp): readonly DatedAction[] {
  return actions
    .map((action) => ({
      ...action,
      ageDays: Math.max(0, Math.floor(secondsBetween(action.addedAt, action.doneAt ?? now) / DAY_SECONDS)),
      isOverdue: action.state === 'open' && action.dueOn < now.slice(0, 10),
    }))
    .toSorted((left, right) => sortKey(left).localeCompare(sortKey(right), 'en'));
}

const sortKey = ({ state, dueOn, id }: PostMortemAction): string => `${state === 'open' ? 0 : 1} ${dueOn} ${id.padStart(4, '0')}`;

function successOf({ remediations }: PostMortemFacts): Remediation | undefined {
  return remediations.findLast(({ state, isDrill }) => state === 'succeeded' && !isDrill);
}

function durationOf({ incident }: PostMortemFacts): number | undefined {
  return incident.resolvedAt === undefined ? undefined : Math.max(0, secondsBetween(incident.openedAt, incident.resolvedAt));
}

function summaryOf(facts: Told): readonly string[] {
  const { incident, say } = facts;
  const seconds = durationOf(facts);
  const what = incident.system ?? plain(incident.subject.id, 80);
  const success = successOf(facts);
  const ended =
    success === undefined
      ? incident.resolution === undefined
        ? 'How it ended is not recorded.'
        : `It ended so: ${sentence(say(incident.resolution))}`
      : endedText(success);
  return [
    seconds === undefined
      ? `${what} has had trouble since ${instant(incident.openedAt)}; it is not over.`
      : `${what} had trouble for ${durationText(seconds)} from ${instant(incident.openedAt)}.`,
    ...(seconds === undefined ? [] : [ended]),
  ];
}

function endedText(remediation: Remediation): string {
  const { recoverySeconds, newInstanceId, oldInstanceId } = remediation;
  const by = newInstanceId === undefined || newInstanceId === oldInstanceId ? '' : ` by ${newInstanceId}`;
  const after = recoverySeconds === undefined ? '' : ` after ${durationText(recoverySeconds)}`;
  return `Perennial ended it${after} by ${doingText(remediation)}${by}.`;
}

const instant = (at: Timestamp): string => `${at.slice(0, 19).replace('T', ' ')} UTC`;

function impactOf(facts: Told): PostMortemDraft['impact'] {
  const { incident, postMortem } = facts;
  const { budgetShare, impact } = incident;
  return {
    text: impact === '' ? 'Not stated in the catalog: say what the company lost, and add "impact" to the system.' : plain(impact),
    durationSeconds: durationOf(facts) ?? null,
    budget: budgetShare === undefined ? null : { ...budgetShare, objective: plain(budgetShare.objective) },
    noted: notesOf(postMortem, 'impact'),
  };
}

function firstToldAt({ timeline }: PostMortemFacts): Timestamp | undefined {
  return timeline.find(({ kind, eventId }) => kind === 'notification' && eventId.startsWith('notification:'))?.at;
}

function detectionFacts(facts: Told): PostMortemDraft['detection'] {
  const { incident, postMortem, interventions } = facts;
  const { openedAt } = incident;
  const toldAt = firstToldAt(facts);
  const acknowledgedAt = interventions.find(({ kind }) => kind === 'acknowledge')?.at;
  const secondsTo = (at: Timestamp | undefined): number | null => (at === undefined ? null : Math.max(0, secondsBetween(openedAt, at)));
  const beganAt = postMortem?.beganAt;
  return {
    source: detectionOf(incident, postMortem?.detectedBy),
    beganAt: beganAt ?? null,
    detectedAt: openedAt,
    timeToDetectSeconds: beganAt === undefined ? null : Math.max(0, secondsBetween(beganAt, openedAt)),
    firstToldAt: toldAt ?? null,
    timeToTellSeconds: secondsTo(toldAt),
    timeToAcknowledgeSeconds: secondsTo(acknowledgedAt),
  };
}

const TIMELINE_HEAD = 40;
const TIMELINE_TAIL = 40;

/** Both ends of a long one: how it began and how it ended say most. */
function shortTimeline({ timeline, say }: Told): PostMortemDraft['timeline'] {
  const lines = timeline.map(({ at, kind, text }) => ({ at, kind: plain(kind, 40), text: say(text) }));
  if (lines.length <= TIMELINE_HEAD + TIMELINE_TAIL) return lines;
  const cut = lines.length - TIMELINE_HEAD - TIMELINE_TAIL;
  const at = lines[TIMELINE_HEAD]?.at ?? '';
  return [...lines.slice(0, TIMELINE_HEAD), { at, kind: 'cut', text: `${cut} more entries; all of them are in the incident` }, ...lines.slice(-TIMELINE_TAIL)];
}

function automaticOf({ timeline, remediations, say }: Told): readonly string[] {
  const tellings = timeline.filter(({ kind, eventId }) => kind === 'notification' && eventId.startsWith('notification:')).length;
  return [
    ...remediations.map((remediation) => repairText(remediation, say)),
    ...(tellings === 0 ? [] : [`Perennial sent ${tellings === 1 ? '1 message' : `${tellings} messages`} about it.`]),
  ];
}

const endings = {
  running: 'it still runs',
  succeeded: 'it worked',
  failed: 'it did not work',
  vetoed: 'a guardrail stopped it',
  'would-have': 'the policy is a dry run, so nothing was touched',
  'stood-down': 'it stood down',
} as const satisfies Record<Remediation['state'], string>;

function repairText(remediation: Remediation, say: (text: string) => string): string {
  const { id, state, reason, recoverySeconds, rtoSeconds, phases, isDrill } = remediation;
  const time = recoverySeconds === undefined ? '' : ` in ${durationText(recoverySeconds)} (objective ${durationText(rtoSeconds)})`;
  const done = phases.filter(({ outcome }) => outcome === 'done').length;
  const why = state === 'succeeded' ? '' : `: ${say(reason)}`;
  return sentence(`${isDrill ? 'Drill' : 'Repair'} ${id}: ${doingText(remediation)}, ${done} of ${phases.length} phases done; ${endings[state]}${time}${why}`);
}

const byHandTexts = {
  acknowledge: 'somebody acknowledged it',
  approve: 'somebody approved the plan',
  replace: 'somebody asked for a replacement',
  revert: 'somebody asked for the old instance back',
  abort: 'somebody stopped a repair',
  freeze: 'somebody froze Perennial',
  open: 'somebody opened the incident',
  close: 'somebody closed the incident',
} as const satisfies Record<Intervention['kind'], string>;

function byHandOf({ interventions, incident }: Told): readonly string[] {
  return interventions.map(({ kind, at }) => `${instant(at)}: ${byHandTexts[kind]}, ${durationText(secondsBetween(incident.openedAt, at))} after detection.`);
}

/** Deploys this short before are worth a question; older ones are on the list of changes. */
const SUSPECT_SECONDS = 3600;

function factorsOf({ changes, similar, remediations, say }: Told): readonly string[] {
  const suspects = changes.filter(({ secondsBefore }) => secondsBefore <= SUSPECT_SECONDS);
  const vetoes = remediations.flatMap(({ guardrails }) => guardrails.filter(({ verdict }) => verdict === 'veto'));
  return [
    ...suspects.map(({ secondsBefore, system, text }) => `Did this take part? ${system}, ${durationText(secondsBefore)} before: ${say(text)}.`),
    ...similar
      .filter(({ isRecurrence }) => isRecurrence)
      .map(({ id, fixedBy }) => sentence(`The same cause, most likely, as ${id}, which ended by ${say(fixedBy)}`)),
    ...[...new Set(vetoes.map(({ name, reason }) => sentence(`The guardrail "${name}" kept the repair back: ${say(reason)}`)))].slice(0, 5),
  ];
}

function wellOf(facts: Told): readonly string[] {
  const { incident, interventions } = facts;
  const success = successOf(facts);
  const toldAt = firstToldAt(facts);
  const told = toldAt === undefined ? undefined : secondsBetween(incident.openedAt, toldAt);
  const source = detectionOf(incident, facts.postMortem?.detectedBy);
  return [
    ...(source === 'alarm' || source === 'canary' ? ['A machine noticed it; nobody had to tell us.'] : []),
    ...(told !== undefined && told <= 120 ? [`People were told ${durationText(told)} after detection.`] : []),
    ...(success !== undefined && interventions.length === 0 ? ['It was repaired without anybody doing anything.'] : []),
    ...(success?.isRtoMet === true ? [`It was back within the recovery time objective of ${durationText(success.rtoSeconds)}.`] : []),
  ];
}

const SLOW_ANSWER_SECONDS = 900;

function poorlyOf(facts: Told): readonly string[] {
  const { incident, remediations, timeline } = facts;
  const { budgetShare, impact, wasInInventory, reopenOf } = incident;
  const { source, timeToAcknowledgeSeconds: answeredSeconds } = detectionFacts(facts);
  const success = successOf(facts);
  const isUnanswered = answeredSeconds === null && neededPerson(incident, timeline);
  const rows: readonly (readonly [boolean, string])[] = [
    [source === 'customer', 'A customer noticed it before we did.'],
    [!wasInInventory, 'The instance was in no inventory.'],
    [impact === '', 'The catalog does not say what the company loses meanwhile.'],
    [success?.isRtoMet === false, `The recovery time objective of ${durationText(success?.rtoSeconds ?? 0)} was missed.`],
    [remediations.some(({ state }) => state === 'failed'), 'A repair did not work.'],
    [(answeredSeconds ?? 0) > SLOW_ANSWER_SECONDS, `It took ${durationText(answeredSeconds ?? 0)} until somebody had it.`],
    [isUnanswered, 'Somebody was asked, and no acknowledgement is recorded.'],
    [isOverShare(budgetShare), `One incident used ${percentText(budgetShare?.share ?? 0)} of a budget.`],
    [reopenOf !== undefined, `It came back within a day of ${reopenOf ?? ''}.`],
  ];
  return rows.flatMap(([isSo, text]) => (isSo ? [text] : []));
}

function luckilyOf(facts: Told): readonly string[] {
  const { incident, remediations } = facts;
  const isRepaired = successOf(facts) !== undefined;
  const isByItself = incident.resolvedAt !== undefined && !isRepaired && facts.interventions.length === 0;
  return [
    ...(isByItself ? ['It ended by itself: nothing that was done made it end.'] : []),
    ...(remediations.some(({ topology }) => topology === 'multiple') && isRepaired ? ['Other instances of the system could serve meanwhile.'] : []),
  ];
}

function suggestionsOf(facts: Told): readonly SuggestedAction[] {
  const { incident, similar, remediations } = facts;
  const { source } = detectionFacts(facts);
  const isRepaired = successOf(facts) !== undefined;
  return [
    { type: 'prevent', text: 'Strengthen a test case so that this is found before it is deployed; closing asks for its link.' },
    ...(source === 'customer' || source === 'person' ? [{ type: 'detect' as const, text: 'Add an alarm or a check that notices this before people do.' }] : []),
    ...(!isRepaired && remediations.every(({ mode }) => mode !== 'auto')
      ? [{ type: 'mitigate' as const, text: 'Let Perennial repair this: a policy with "mode: approve" or "mode: auto".' }]
      : []),
    ...(similar.some(({ isRecurrence }) => isRecurrence)
      ? [{ type: 'investigate' as const, text: 'It has happened before: find what both have in common.' }]
      : []),
    ...(incident.impact === '' ? [{ type: 'repair' as const, text: 'Add "impact" to the system in the catalog.' }] : []),
  ];
}
