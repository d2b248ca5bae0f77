import * as z from 'zod/mini';
import type { Timestamp } from '../../environment/time.ts';
import { lists } from '../../records/keys.ts';
import type { RecordType } from '../../records/record-type.ts';
import { detectionSources, isDrillIncident } from './detection.ts';
import { percentText, plain } from '../messages/message-text.ts';
import type { Incident, TimelineEvent } from '../record.ts';

/*
 * What people add to a post-mortem, and when one is asked for. Everything that records can tell is composed afresh each time
 * (post-mortem-draft.ts) and stored nowhere, so that a draft is never out of date (ADR 0016).
 */

/** Of an error budget: an incident that took more asks for a post-mortem (https://sre.google/workbook/error-budget-policy/). */
const DUE_BUDGET_SHARE = 0.2;

/** A message that asked somebody to do something, as notify.ts writes it down. */
const ASKED_PERSON = /:(?:needs-person|approval-needed|page-anyway|unknown-instance|would-have)\b|person needed/;

/** Pure: did anybody have to do something? `timeline` may be empty where it was not read. */
export function neededPerson({ acknowledged, escalation }: Pick<Incident, 'acknowledged' | 'escalation'>, timeline: readonly TimelineEvent[]): boolean {
  if (acknowledged !== undefined || (escalation?.level ?? 0) > 0) return true;
  return timeline.some(({ kind, eventId, text }) => kind === 'notification' && ASKED_PERSON.test(`${eventId} ${text}`));
}

/** More than 20 % of a budget; exactly 20 % is not. */
export function isOverShare(budgetShare: Incident['budgetShare']): boolean {
  return budgetShare !== undefined && budgetShare.share > DUE_BUDGET_SHARE;
}

/**
 * Why an incident asks for a post-mortem by itself, as a sentence; `undefined` when it does not. Pure.
 *
 * @param timeline of the incident; tells whether a `critical` one needed a person
 */
export function postMortemReason(incident: Incident, timeline: readonly TimelineEvent[] = []): string | undefined {
  if (isDrillIncident(incident)) return undefined;
  const { budgetShare, severity } = incident;
  if (budgetShare !== undefined && isOverShare(budgetShare))
    return `It used ${percentText(budgetShare.share)} of the error budget of ${plain(budgetShare.objective, 80)}; more than 20 % asks for a post-mortem.`;
  if (severity === 'critical' && neededPerson(incident, timeline)) return 'It was critical and needed a person.';
  return undefined;
}

/** Where a note of a person goes. */
export const noteSections = ['summary', 'impact', 'factor', 'well', 'poorly', 'luckily'] as const;
export type NoteSection = (typeof noteSections)[number];

/** Kinds of follow-up work (https://sre.google/workbook/postmortem-culture/). */
export const actionTypes = ['investigate', 'prevent', 'mitigate', 'repair', 'detect'] as const;
export type ActionType = (typeof actionTypes)[number];

const actionSchema = z.object({
  /** `a1`, `a2` … */
  id: z.string(),
  text: z.string(),
  type: z.enum(actionTypes),
  /** A team or a role. */
  owner: z.string(),
  /** `2026-12-01`. */
  dueOn: z.string(),
  state: z.enum(['open', 'done']),
  addedAt: z.string(),
  addedBy: z.string(),
  doneAt: z.optional(z.string()),
  doneBy: z.optional(z.string()),
});
export type PostMortemAction = z.infer<typeof actionSchema>;

export const postMortemSchema = z.object({
  incidentId: z.string(),
  accountId: z.string(),
  region: z.string(),
  system: z.optional(z.string()),
  owner: z.string(),
  state: z.enum(['draft', 'closed']),
  /** Why it was asked for; absent when somebody began it of their own accord. */
  dueBecause: z.optional(z.string()),
  openedAt: z.string(),
  updatedAt: z.string(),
  /** When the trouble began, as far as people found out; detection tells only when it was noticed. */
  beganAt: z.optional(z.string()),
  /** Corrects what the signals say (S4-43). */
  detectedBy: z.optional(z.enum(detectionSources)),
  notes: z.array(z.object({ id: z.string(), section: z.enum(noteSections), text: z.string(), by: z.string(), at: z.string() })),
  actions: z.array(actionSchema),
  /** The test that now covers it, or why none does (S4-42); set when it is closed. */
  test: z.optional(z.union([z.object({ link: z.string() }), z.object({ noTestReason: z.string() })])),
  closedAt: z.optional(z.string()),
  closedBy: z.optional(z.string()),
});
export type PostMortem = z.infer<typeof postMortemSchema>;

/** On the list while it is a draft or one of its actions is open: what is closed with open actions still ages. */
export const postMortemType: RecordType<PostMortem> = {
  name: 'post-mortem',
  schema: postMortemSchema,
  listing: (body) => (body.state === 'draft' || body.actions.some(({ state }) => state === 'open') ? lists.openPostMortem(body, body.incidentId) : undefined),
};

/** One that has just begun. */
export function newPostMortem(incident: Incident, dueBecause: string | undefined, now: Timestamp): PostMortem {
  const { id, accountId, region, system, owner } = incident;
  return {
    incidentId: id,
    accountId,
    region,
    owner,
    state: 'draft',
    openedAt: now,
    updatedAt: now,
    notes: [],
    actions: [],
    ...(system === undefined ? {} : { system }),
    ...(dueBecause === undefined ? {} : { dueBecause }),
  };
}

/** What becomes of a post-mortem, or why nothing does. */
export type PostMortemChange =
  | { readonly kind: 'changed'; readonly postMortem: PostMortem; readonly reason: string }
  | { readonly kind: 'already'; readonly postMortem: PostMortem; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Who does something, and when. */
export interface Author {
  readonly by: string;
  readonly at: Timestamp;
}

const MAX_NOTES = 100;
const MAX_ACTIONS = 50;
const MAX_TEXT_CHARACTERS = 1000;
const MAX_OWNER_CHARACTERS = 80;

const refused = (reason: string): PostMortemChange => ({ kind: 'refused', reason });

function changed(postMortem: PostMortem, { at }: Author, change: Partial<PostMortem>, reason: string): PostMortemChange {
  return { kind: 'changed', postMortem: { ...postMortem, ...change, updatedAt: at }, reason };
}

/** Adds what people found out. The same text in the same section again changes nothing. */
export function addNote(postMortem: PostMortem, note: { readonly section: NoteSection; readonly text: string }, author: Author): PostMortemChange {
  const text = plain(note.text, MAX_TEXT_CHARACTERS);
  if (postMortem.state === 'closed') return refused(closedText(postMortem));
  if (text === '') return refused('The note is empty; write a sentence.');
  if (postMortem.notes.some((known) => known.section === note.section && known.text === text))
    return { kind: 'already', postMortem, reason: 'This note is there already.' };
  if (postMortem.notes.length >= MAX_NOTES) return refused(`There are ${MAX_NOTES} notes, which is the most; put the rest into a document and link it.`);
  const id = `n${postMortem.notes.length + 1}`;
  return changed(postMortem, author, { notes: [...postMortem.notes, { id, section: note.section, text, ...author }] }, `Noted ${id} under "${note.section}".`);
}

/** What people correct of the facts: when it began, how it was learned of. */
export function correctFacts(postMortem: PostMortem, facts: Pick<PostMortem, 'beganAt' | 'detectedBy'>, author: Author): PostMortemChange {
  if (postMortem.state === 'closed') return refused(closedText(postMortem));
  const isSame = Object.entries(facts).every(([key, value]) => (key === 'beganAt' ? postMortem.beganAt : postMortem.detectedBy) === value);
  return isSame ? { kind: 'already', postMortem, reason: 'It says so already.' } : changed(postMortem, author, facts, 'The facts of the draft are corrected.');
}

export interface NewAction {
  readonly text: string;
  readonly type: ActionType;
  readonly owner: string;
  readonly dueOn: string;
}

/** Adds follow-up work; also to a closed post-mortem, because work turns up later. */
export function addAction(postMortem: PostMortem, action: NewAction, author: Author): PostMortemChange {
  const text = plain(action.text, MAX_TEXT_CHARACTERS);
  const owner = plain(action.owner, MAX_OWNER_CHARACTERS);
  if (text === '' || owner === '') return refused('An action needs a text and an owner.');
  if (!isDay(action.dueOn)) return refused(`"${plain(action.dueOn, 40)}" is no day; write it as 2026-12-01.`);
  const known = postMortem.actions.find((other) => other.text === text && other.type === action.type);
  if (known !== undefined) return { kind: 'already', postMortem, reason: `This is the action ${known.id} already.` };
  if (postMortem.actions.length >= MAX_ACTIONS) return refused(`There are ${MAX_ACTIONS} actions, which is the most.`);
  const added: PostMortemAction = {
    id: `a${postMortem.actions.length + 1}`,
    text,
    type: action.type,
    owner,
    dueOn: action.dueOn,
    state: 'open',
    addedAt: author.at,
    addedBy: author.by,
  };
  return changed(postMortem, author, { actions: [...postMortem.actions, added] }, `Added the action ${added.id}, due ${added.dueOn}.`);
}

function isDay(text: string): boolean {
  const moment = Date.parse(`${text}T00:00:00.000Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(moment) && new Date(moment).toISOString().startsWith(text);
}

export function endAction(postMortem: PostMortem, actionId: string, author: Author): PostMortemChange {
  const action = postMortem.actions.find(({ id }) => id === actionId);
  if (action === undefined) {
    const known = postMortem.actions.map(({ id }) => id).join(', ') || 'none';
    return refused(`There is no action ${plain(actionId, 40)}; there are: ${known}.`);
  }
  if (action.state === 'done') return { kind: 'already', postMortem, reason: `${actionId} is done since ${action.doneAt ?? 'before'}.` };
  const actions = postMortem.actions.map((other) =>
    other.id === actionId ? { ...other, state: 'done' as const, doneAt: author.at, doneBy: author.by } : other,
  );
  return changed(postMortem, author, { actions }, `${actionId} is done.`);
}

/** A test that now covers it, or why none does (S4-42). */
export type TestAnswer = { readonly link: string } | { readonly noTestReason: string };

/**
 * Closes a post-mortem. Without a test link or a reason it stays open (S4-42), and one that was asked for also until somebody has
 * written down at least one contributing factor (S3-12): that alone is in no record.
 */
export function closePostMortem(postMortem: PostMortem, test: TestAnswer | undefined, author: Author): PostMortemChange {
  if (postMortem.state === 'closed') return { kind: 'already', postMortem, reason: closedText(postMortem) };
  const answer = testOf(test);
  if (answer === undefined) return refused('It cannot be closed without the link of a test that now covers this, or a reason why there is none.');
  if (postMortem.dueBecause !== undefined && !postMortem.notes.some(({ section }) => section === 'factor'))
    return refused(`It cannot be closed without a contributing factor: it was asked for because ${lowered(postMortem.dueBecause)}`);
  return changed(postMortem, author, { state: 'closed', test: answer, closedAt: author.at, closedBy: author.by }, 'The post-mortem is closed.');
}

const lowered = (text: string): string => `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;

function testOf(test: TestAnswer | undefined): TestAnswer | undefined {
  if (test === undefined) return undefined;
  if ('noTestReason' in test) {
    const reason = plain(test.noTestReason, MAX_TEXT_CHARACTERS);
    return reason === '' ? undefined : { noTestReason: reason };
  }
  const link = plain(test.link, MAX_TEXT_CHARACTERS);
  return /^https?:\/\/\S+$/.test(link) ? { link } : undefined;
}

function closedText({ closedAt }: PostMortem): string {
  return `The post-mortem was closed at ${closedAt ?? 'an earlier moment'}; nothing was changed.`;
}
