import { readCatalog } from '../../core/catalog/published.ts';
import { parseTimestamp } from '../../core/environment/time.ts';
import { detectionSources, type DetectionSource } from '../../core/incidents/learning/detection.ts';
import { draftPostMortem, type PostMortemDraft } from '../../core/incidents/learning/post-mortem-draft.ts';
import { actionState, postMortemMarkdown } from '../../core/incidents/learning/post-mortem-markdown.ts';
import { changePostMortem, listPostMortems, type PostMortemPorts, readPostMortemFacts } from '../../core/incidents/learning/post-mortem-reading.ts';
import { blamingWords } from '../../core/incidents/learning/post-mortem-wording.ts';
import {
  type ActionType,
  addAction,
  addNote,
  closePostMortem,
  correctFacts,
  endAction,
  type NoteSection,
  type PostMortem,
  type PostMortemChange,
  type TestAnswer,
} from '../../core/incidents/learning/post-mortem.ts';
import { type Incident, isOver } from '../../core/incidents/record.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok, table } from '../output.ts';
import type { PostMortemAnswer, PostMortemChangeAnswer, PostMortemListAnswer } from '../schemas.ts';
import { commandFor, headerOf, type Target } from '../target.ts';

const portsOf = ({ records, scope, clock }: Target): PostMortemPorts => ({ store: records, scope, clock });

/** `perennial postmortem show <incident>`: the draft from what records say, with what people added. */
export async function postMortemShow(target: Target, incidentId: string, isMarkdown: boolean): Promise<Answer> {
  const { records, scope } = target;
  const systems = (await readCatalog(records, scope))?.catalog.systems ?? [];
  const known = await readPostMortemFacts(portsOf(target), incidentId, systems);
  if (known === undefined) throw new CliError(missing(target, incidentId));
  const draft = draftPostMortem(known);
  const markdown = postMortemMarkdown(draft);
  const { dueBecause, state } = draft;
  const json: PostMortemAnswer = { id: incidentId, startedAt: known.incident.openedAt, reason: dueBecause ?? stateReasons[state], ...draft, markdown };
  return ok(json, isMarkdown ? markdown.trimEnd() : [headerOf(target), ...shortLines(draft), ...nextLines(target, draft)].join('\n'));
}

const stateReasons = {
  'not-asked-for': 'Nothing asks for it; it may be written all the same',
  due: 'It is asked for',
  draft: 'Somebody has begun it',
  closed: 'It is closed',
} as const satisfies Record<PostMortemDraft['state'], string>;

function missing(target: Target, incidentId: string): string {
  return `There is no incident ${incidentId} in ${target.scope.accountId}/${target.scope.region}. List them: ${commandFor(target, 'incidents')}`;
}

/** What an operator needs first; all of it is in the Markdown. */
function shortLines(draft: PostMortemDraft): readonly string[] {
  const { incidentId, system, severity, owner, state, dueBecause, summary, impact, factors, actions, suggestions, wording } = draft;
  return [
    `Post-mortem of ${incidentId}  ${severity}  ${system ?? 'no system'}  ${state}`,
    ...(dueBecause === null ? [] : [`Asked for: ${dueBecause}`]),
    `Owner: ${owner}`,
    '',
    ...summary,
    `Impact: ${impact.text}`,
    ...(impact.budget === null ? [] : [`Error budget: ${(impact.budget.share * 100).toFixed(1)} % of ${impact.budget.objective}`]),
    '',
    'Contributing factors:',
    ...listLines([...factors.derived, ...factors.noted], 'none written down yet'),
    'Actions:',
    ...listLines(
      actions.map((action) => `${action.id} (${action.type}, ${action.owner}, due ${action.dueOn}; ${actionState(action)}): ${action.text}`),
      'none yet',
    ),
    ...(state === 'closed'
      ? []
      : [
          'To think about:',
          ...listLines(
            suggestions.map(({ type, text }) => `${type}: ${text}`),
            'nothing more',
          ),
        ]),
    ...wordingLines(wording),
  ];
}

function listLines(lines: readonly string[], none: string): readonly string[] {
  return lines.length === 0 ? [`  ${none}`] : lines.map((line) => `  ${line}`);
}

function wordingLines(wording: readonly { readonly words: string; readonly advice: string }[]): readonly string[] {
  return wording.length === 0 ? [] : ['Wording to look at:', ...wording.map(({ words, advice }) => `  "${words}": ${advice}`)];
}

function nextLines(target: Target, { incidentId, state }: PostMortemDraft): readonly string[] {
  const command = (words: string): string => `  ${commandFor(target, `postmortem ${words}`)}`;
  return [
    '',
    'Next:',
    command(`show ${incidentId} --markdown`),
    ...(state === 'closed'
      ? []
      : [
          command(`note ${incidentId} --section factor --text "what made it possible"`),
          command(`action add ${incidentId} --type prevent --owner TEAM --due 2026-12-31 --text "what is done"`),
          command(`close ${incidentId} --test-link https://…`),
        ]),
  ];
}

/** `perennial postmortem list`: those that are due, begun, or have open actions. */
export async function postMortemList(target: Target): Promise<Answer> {
  const found = await listPostMortems(portsOf(target));
  const today = target.clock.now().slice(0, 10);
  const json: PostMortemListAnswer = found.map((postMortem) => listItem(postMortem, today));
  const rows = json.map(({ incidentId, system, state, openActions, overdueActions, owner, reason }) => [
    incidentId,
    system ?? '-',
    state,
    `${openActions}${overdueActions === 0 ? '' : `, ${overdueActions} overdue`}`,
    owner,
    reason,
  ]);
  return ok(json, `${headerOf(target)}\n${table(['incident', 'system', 'state', 'open actions', 'owner', 'why'], rows, 'No post-mortem has been begun.')}`);
}

function listItem({ incidentId, system, state, dueBecause, owner, openedAt, actions }: PostMortem, today: string): PostMortemListAnswer[number] {
  const open = actions.filter((action) => action.state === 'open');
  return {
    id: incidentId,
    incidentId,
    system: system ?? null,
    state: state === 'draft' && dueBecause !== undefined ? 'due' : state,
    startedAt: openedAt,
    reason: dueBecause ?? 'Written of our own accord',
    owner,
    openActions: open.length,
    overdueActions: open.filter(({ dueOn }) => dueOn < today).length,
  };
}

export interface NoteOptions {
  readonly section?: NoteSection;
  readonly text?: string;
  readonly began?: string;
  readonly detectedBy?: DetectionSource;
}

/** `perennial postmortem note <incident>`: what only people know. */
export async function postMortemNote(target: Target, incidentId: string, { section, text, began, detectedBy }: NoteOptions): Promise<Answer> {
  const beganAt = began === undefined ? undefined : parseTimestamp(began);
  if (began !== undefined && beganAt === undefined) throw new CliError(`"${began}" is no moment; write it as 2026-11-21T09:00:00Z.`);
  const facts = { ...(beganAt === undefined ? {} : { beganAt }), ...(detectedBy === undefined ? {} : { detectedBy }) };
  if (text === undefined && Object.keys(facts).length === 0)
    throw new CliError(`Say what to note: --section factor --text "…", --began <time>, or --detected-by ${detectionSources.join('|')}.`);
  return change(target, incidentId, text ?? '', (postMortem, author) => {
    const corrected = Object.keys(facts).length === 0 ? undefined : correctFacts(postMortem, facts, author);
    if (text === undefined || corrected?.kind === 'refused') return corrected ?? { kind: 'already', postMortem, reason: 'There is nothing to note.' };
    return addNote(corrected?.postMortem ?? postMortem, { section: section ?? 'factor', text }, author);
  });
}

export interface ActionOptions {
  readonly text: string;
  readonly type: ActionType;
  readonly owner: string;
  readonly due: string;
}

/** `perennial postmortem action add <incident>`: follow-up work with an owner and a day. */
export function postMortemActionAdd(target: Target, incidentId: string, { text, type, owner, due }: ActionOptions): Promise<Answer> {
  return change(target, incidentId, text, (postMortem, author) => addAction(postMortem, { text, type, owner, dueOn: due }, author));
}

/** `perennial postmortem action done <incident> <action>`. */
export function postMortemActionDone(target: Target, incidentId: string, actionId: string): Promise<Answer> {
  return change(target, incidentId, '', (postMortem, author) => endAction(postMortem, actionId, author));
}

export interface CloseOptions {
  readonly testLink?: string;
  /** Of --no-test-reason: commander reads "no-" as the opposite of an option, and sets `true` where it is not given. */
  readonly testReason?: string | boolean;
}

/** `perennial postmortem close <incident>`: never without a test link or a reason (S4-42). */
export async function postMortemClose(target: Target, incidentId: string, { testLink, testReason }: CloseOptions): Promise<Answer> {
  const noTestReason = typeof testReason === 'string' ? testReason : undefined;
  if (testLink !== undefined && noTestReason !== undefined) throw new CliError('Give one of --test-link and --no-test-reason, not both.');
  const test: TestAnswer | undefined = testLink === undefined ? (noTestReason === undefined ? undefined : { noTestReason }) : { link: testLink };
  return change(target, incidentId, noTestReason ?? '', (postMortem, author, incident) =>
    isOver(incident)
      ? closePostMortem(postMortem, test, author)
      : { kind: 'refused', reason: `${incident.id} is not over (${incident.state}); its post-mortem is closed after it.` },
  );
}

type Deed = (postMortem: PostMortem, author: { readonly by: string; readonly at: string }, incident: Incident) => PostMortemChange;

async function change(target: Target, incidentId: string, written: string, deed: Deed): Promise<Answer> {
  const author = { by: target.operator, at: target.clock.now() };
  const answer = await changePostMortem(portsOf(target), incidentId, (postMortem, incident) => deed(postMortem, author, incident));
  if (answer === undefined) throw new CliError(missing(target, incidentId));
  const see = `See: ${commandFor(target, `postmortem show ${incidentId}`)}`;
  if (answer.kind === 'refused') {
    const json: PostMortemChangeAnswer = { refused: answer.reason };
    return { json, text: [headerOf(target), answer.reason, see].join('\n'), exitCode: 2 };
  }
  const { postMortem } = answer;
  const wording = blamingWords(written, [target.operator]);
  const json: PostMortemChangeAnswer = {
    id: incidentId,
    incidentId,
    system: postMortem.system ?? null,
    state: postMortem.state,
    startedAt: postMortem.openedAt,
    reason: answer.reason,
    isChanged: answer.kind === 'changed',
    wording,
  };
  return ok(json, [headerOf(target), answer.reason, ...wordingLines(wording), see].join('\n'));
}
