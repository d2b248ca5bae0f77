import type { Timestamp } from '../../environment/time.ts';
import { perennial } from '../messages/commands.ts';
import { detectionTexts } from './detection.ts';
import { clockText, durationText, momentText, percentText } from '../messages/message-text.ts';
import type { DatedAction, PostMortemDraft } from './post-mortem-draft.ts';

/** What only people can say stands so in the draft; `postmortem note` fills it. */
const BLANK = '_To be filled in._';

const stateTexts = {
  'not-asked-for': 'not asked for; written of our own accord',
  due: 'due',
  draft: 'draft',
  closed: 'closed',
} as const satisfies Record<PostMortemDraft['state'], string>;

/** The draft as Markdown; pure. Ends with a line break. */
export function postMortemMarkdown(draft: PostMortemDraft): string {
  return [
    `# Post-mortem: ${escaped(draft.title)}`,
    '',
    ...headRows(draft),
    '',
    ...section('Summary', [draft.summary.map(escaped).join(' ')]),
    ...section('Impact', impactLines(draft)),
    ...section('How did we learn of it?', detectionLines(draft)),
    ...section('Timeline', timelineLines(draft)),
    ...section('What was automatic', bullets(draft.automatic, 'Nothing: no repair ran and no message was sent.')),
    ...section('What people did', bullets(draft.byHand, 'Nothing that is recorded.')),
    ...section('Contributing factors', findingLines(draft.factors)),
    ...section('What went well', findingLines(draft.lessons.well)),
    ...section('What went poorly', findingLines(draft.lessons.poorly)),
    ...section('Where we were lucky', findingLines(draft.lessons.luckily)),
    ...section('Actions', actionLines(draft)),
    ...section('Test', [testLine(draft)]),
    ...(draft.wording.length === 0
      ? []
      : section(
          'Wording to look at',
          bullets(
            draft.wording.map(({ words, advice }) => `“${words}”: ${advice}`),
            '',
          ),
        )),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

/** Free text can make neither links nor HTML nor columns. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`<>|[\]]/g, String.raw`\$&`);
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return [`## ${title}`, '', ...lines, ''];
}

function bullets(lines: readonly string[], none: string): readonly string[] {
  return lines.length === 0 ? [none] : lines.map((line) => `- ${escaped(line)}`);
}

function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

function headRows(draft: PostMortemDraft): readonly string[] {
  const { incidentId, accountId, region, system, severity, owner, state, dueBecause, recurrences } = draft;
  return tableOf(
    ['', ''],
    [
      ['Incident', incidentId],
      ['Where', `account ${accountId}, Region ${region}, system ${escaped(system ?? 'unknown')}`],
      ['Severity', severity],
      ['Owner', escaped(owner)],
      ['State', stateTexts[state]],
      ...(dueBecause === null ? [] : [['Asked for because', escaped(dueBecause)]]),
      ...(recurrences.length === 0 ? [] : [['Seen before in', recurrences.join(', ')]]),
    ],
  );
}

function impactLines({ impact }: PostMortemDraft): readonly string[] {
  const { text, durationSeconds, budget, noted } = impact;
  const cost =
    budget === null
      ? 'not measured, or no objective covers it'
      : `${durationText(budget.badSeconds)}, ${percentText(budget.share)} of the budget of ${escaped(budget.objective)}`;
  return [
    `- On the business: ${escaped(text)}`,
    `- Lasted: ${durationSeconds === null ? 'not over yet' : durationText(durationSeconds)}`,
    `- Error budget used: ${cost}`,
    ...bullets(noted, `- Customers and revenue, in numbers: ${BLANK}`),
  ];
}

function detectionLines({ detection, incidentId, region, accountId }: PostMortemDraft): readonly string[] {
  const { source, beganAt, detectedAt, timeToDetectSeconds, timeToTellSeconds, timeToAcknowledgeSeconds } = detection;
  const asks = perennial(`postmortem note ${incidentId} --began 2026-01-31T09:00:00Z`, { accountId, region });
  const began = beganAt === null ? `not known; once it is: \`${asks}\`` : momentText(beganAt);
  return [
    `- Source: ${detectionTexts[source]}`,
    `- The trouble began: ${began}`,
    `- Detected: ${momentText(detectedAt)}`,
    `- Time to detect: ${timeToDetectSeconds === null ? 'not known' : durationText(timeToDetectSeconds)}`,
    `- First message after: ${timeToTellSeconds === null ? 'no message is recorded' : durationText(timeToTellSeconds)}`,
    `- Acknowledged after: ${timeToAcknowledgeSeconds === null ? 'no acknowledgement is recorded' : durationText(timeToAcknowledgeSeconds)}`,
  ];
}

function timelineLines({ timeline }: PostMortemDraft): readonly string[] {
  if (timeline.length === 0) return ['Nothing is recorded.'];
  const days = [...new Set(timeline.map(({ at }) => dayOf(at)))];
  const title = days.length === 1 ? `All times on ${days[0] ?? ''}, UTC.` : 'All times UTC.';
  return [
    title,
    '',
    ...tableOf(
      ['time', 'from', 'what'],
      timeline.map(({ at, kind, text }) => [
        days.length === 1 ? clockText(at).replace(' UTC', '') : momentText(at).replace(' UTC', ''),
        escaped(kind),
        escaped(text),
      ]),
    ),
  ];
}

const dayOf = (at: Timestamp): string => at.slice(0, 10);

function findingLines({ derived, noted }: PostMortemDraft['factors']): readonly string[] {
  return [...bullets([...derived, ...noted], '').filter((line) => line !== ''), ...(noted.length === 0 ? [`- ${BLANK}`] : [])];
}

function actionLines({ actions, suggestions }: PostMortemDraft): readonly string[] {
  const rows = actions.map((action) => [action.id, escaped(action.text), action.type, escaped(action.owner), action.dueOn, actionState(action)]);
  return [
    ...(rows.length === 0 ? [BLANK] : tableOf(['', 'action', 'type', 'owner', 'due', 'state'], rows)),
    ...(suggestions.length === 0 ? [] : ['', 'To think about:', '', ...suggestions.map(({ type, text }) => `- ${type}: ${escaped(text)}`)]),
  ];
}

/** `open for 12 days, overdue`. */
export function actionState({ state, ageDays, isOverdue }: DatedAction): string {
  const days = ageDays === 1 ? '1 day' : `${ageDays} days`;
  return state === 'done' ? `done after ${days}` : `open for ${days}${isOverdue ? ', overdue' : ''}`;
}

function testLine({ test }: PostMortemDraft): string {
  if (test === null) return 'Which test now covers it? It cannot be closed without a link, or a reason why there is none.';
  return 'link' in test ? `Covered by ${escaped(test.link)}` : `No test: ${escaped(test.noTestReason)}`;
}
