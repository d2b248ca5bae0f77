import type { Scope } from '../../environment/ports.ts';
import type { RecoveryTimes } from '../../remediation/hindsight/recovery-times.ts';
import type { WouldHave } from '../../remediation/hindsight/would-have.ts';
import { percentTo } from '../../slo/words/percent.ts';
import { perennial } from '../messages/commands.ts';
import type { Digest, DigestAction, DigestIncident } from './digest.ts';
import type { ComposedMessage } from '../messages/message-facts.ts';
import { durationText, momentText, percentText, plain, sentence, smsText, subjectText } from '../messages/message-text.ts';
import { kindsText } from './toil.ts';

/** Whose digest it is. `operators` and owners share the one with everything. */
export const digestRoles = ['operators', 'developers', 'business'] as const;
export type DigestRole = (typeof digestRoles)[number];

type Part = (digest: Digest, scope: Scope) => readonly string[];

/** What each role reads, in this order; every part begins with its heading. A part without news leaves itself out. */
const parts = {
  operators: [recoveryPart, vetoPart, wouldHavePart, incidentPart, budgetPart, plannedPart, deployPart, postMortemPart, actionPart, toilPart, noisePart],
  developers: [deployPart, changedPart, postMortemPart, actionPart, budgetPart, plannedPart],
  business: [businessIncidentPart, businessBudgetPart, businessActionPart],
} as const satisfies Record<DigestRole, readonly Part[]>;

const commands = {
  operators: ['remediations', 'toil', 'noise'],
  developers: ['incidents'],
  business: [],
} as const satisfies Record<DigestRole, readonly string[]>;

/** Pure: the same digest gives the same mail. */
export function composeDigest(digest: Digest, scope: Scope, role: DigestRole = 'operators'): ComposedMessage {
  const { accountId, region } = scope;
  const { from, to } = digest;
  const head = headOf(digest, role);
  const look = commands[role].map((command) => `  ${perennial(command, scope)}`);
  return {
    subject: subjectText(`[info] ${head} (${region})`),
    text: [
      `${head}.`,
      `Account ${accountId}, Region ${region}, from ${from.slice(0, 10)} to ${to.slice(0, 10)}. For: ${role === 'operators' ? 'operators and owners' : role}.`,
      ...parts[role].flatMap((part) => spaced(part(digest, scope))),
      ...(look.length === 0 ? [] : ['', 'Look closer:', ...look]),
    ].join('\n'),
    sms: smsText([head]),
    data: { step: 'digest', role, accountId, region, ...bounds(digest) },
  };
}

const MAX_ITEMS = 50;

/** As much of each list as fits into a message; the command shows all of it. */
function bounds(digest: Digest): Digest {
  const { toil, noise } = digest;
  return {
    ...digest,
    recoveries: digest.recoveries.slice(0, MAX_ITEMS),
    vetoes: digest.vetoes.slice(0, MAX_ITEMS),
    wouldHave: digest.wouldHave.slice(0, MAX_ITEMS),
    incidents: digest.incidents.slice(0, MAX_ITEMS),
    deploys: digest.deploys.slice(0, MAX_ITEMS),
    budgets: digest.budgets.slice(0, MAX_ITEMS),
    postMortems: digest.postMortems.slice(0, MAX_ITEMS),
    actions: digest.actions.slice(0, MAX_ITEMS).map((action) => ({ ...action, text: plain(action.text, 160) })),
    plannedWork: digest.plannedWork.slice(0, MAX_ITEMS),
    toil: { ...toil, rows: toil.rows.slice(0, MAX_ITEMS) },
    noise: { ...noise, pointless: noise.pointless.slice(0, MAX_ITEMS) },
  };
}

function spaced(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

function headOf({ to, recoveries, incidents, deploys }: Digest, role: DigestRole): string {
  const week = `Week to ${to.slice(0, 10)}`;
  switch (role) {
    case 'operators': {
      const failed = recoveries.reduce((sum, row) => sum + row.failed, 0);
      return `${week}: ${recoveries.reduce((sum, row) => sum + row.runs, 0)} recovered by the machine, ${failed} failed`;
    }
    case 'developers': {
      const after = incidents.filter(({ afterDeploy }) => afterDeploy !== null).length;
      return `${week}: ${counted(
        deploys.reduce((sum, row) => sum + row.deploys, 0),
        'deploy',
      )}, ${counted(after, 'incident')} soon after one`;
    }
    case 'business':
      return `${week}: ${counted(incidents.filter(isNoticed).length, 'incident')} that customers may have noticed`;
  }
}

const MAX_LINES = 20;

/** At most 20 lines, and how many more there are. */
function bounded(lines: readonly string[]): readonly string[] {
  return lines.length <= MAX_LINES ? lines : [...lines.slice(0, MAX_LINES), `  and ${lines.length - MAX_LINES} more`];
}

function titled(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [title, ...bounded(lines)];
}

function recoveryPart({ recoveries }: Digest): readonly string[] {
  return titled('Recovery times:', recoveries.length === 0 ? ['  no repair ran'] : recoveries.map(recoveryLine));
}

function recoveryLine({ system, runs, failed, p50Seconds, p95Seconds, rtoSeconds, rtoMetRatio }: RecoveryTimes): string {
  const times = p50Seconds === null || p95Seconds === null ? 'none recovered' : `median ${durationText(p50Seconds)}, 95 % within ${durationText(p95Seconds)}`;
  const met = rtoMetRatio === null ? '' : `, RTO of ${durationText(rtoSeconds)} met in ${Math.round(rtoMetRatio * 100)} %`;
  return `  ${system}: ${runs} recovered, ${failed} failed; ${times}${met}`;
}

function vetoPart({ vetoes }: Digest): readonly string[] {
  return vetoes.length === 0 ? [] : [`Vetoes: ${vetoes.map(({ guardrail, count }) => `${guardrail} ${count}`).join(', ')}`];
}

const wouldHaveTitles = { right: 'would have been right', needless: 'would have been needless', open: 'cannot be judged yet' } as const;

function wouldHavePart({ wouldHave }: Digest): readonly string[] {
  const saved = wouldHave.reduce((sum, { savedSeconds }) => sum + savedSeconds, 0);
  const title = `Dry runs: ${wouldHave.length} repairs would have been made; together they would have saved ${durationText(saved)}.`;
  return titled(title, wouldHave.map(wouldHaveLine));
}

function wouldHaveLine({ system, remediationId, verdict, reason }: WouldHave): string {
  return `  ${system} ${remediationId}: ${wouldHaveTitles[verdict]}. ${plain(reason)}.`;
}

const lasted = ({ durationSeconds }: DigestIncident): string => (durationSeconds === null ? 'still lasts' : `lasted ${durationText(durationSeconds)}`);

const cost = ({ budgetShare }: DigestIncident): string => (budgetShare === null ? '' : `, ${percentText(budgetShare)} of a budget`);

function incidentPart({ incidents }: Digest): readonly string[] {
  return titled(
    `Incidents: ${incidents.length}`,
    incidents.map(
      (incident) =>
        `  ${incident.id} [${incident.severity}] ${incident.system ?? 'no system'}: ${lasted(incident)}${cost(incident)}. ${sentence(plain(incident.title, 120))}`,
    ),
  );
}

function budgetPart({ budgets }: Digest): readonly string[] {
  return titled(
    'Error budgets now:',
    budgets.map(({ objective, system, sli, remainingRatio }) => `  ${objective} (${system}): ${percentTo(sli, 3)} good, ${leftText(remainingRatio)}`),
  );
}

/** What the error budget says to the next plan. */
function plannedPart({ plannedWork }: Digest): readonly string[] {
  return titled(
    'For the plan of the next quarter:',
    plannedWork.map(({ reason }) => `  ${sentence(plain(reason))}`),
  );
}

function leftText(remainingRatio: number): string {
  return remainingRatio >= 0 ? `${Math.round(remainingRatio * 100)} % of the budget left` : `budget overspent by ${Math.round(-remainingRatio * 100)} %`;
}

function deployPart({ deploys }: Digest): readonly string[] {
  return titled(
    'Deploys:',
    deploys.map((row) => `  ${row.system}: ${counted(row.deploys, 'deploy')}, ${row.failed} failed, ${row.rolledBack} rolled back`),
  );
}

/** Incidents that began within an hour of a deploy: asked about, not blamed. */
function changedPart({ incidents }: Digest): readonly string[] {
  return titled(
    'Incidents that began within an hour after a deploy of their system:',
    incidents.flatMap((incident) =>
      incident.afterDeploy === null
        ? []
        : [
            `  ${incident.id} ${incident.system ?? ''}: ${durationText(incident.afterDeploy.secondsBefore)} after ${incident.afterDeploy.text}; ${lasted(incident)}${cost(incident)}`,
          ],
    ),
  );
}

function postMortemPart({ postMortems }: Digest, scope: Scope): readonly string[] {
  return titled(
    'Post-mortems due:',
    postMortems.flatMap(({ incidentId, system, because, ageDays }) => [
      `  ${incidentId} ${system ?? 'no system'}, for ${counted(ageDays, 'day')}: ${because}`,
      `    ${perennial(`postmortem show ${incidentId}`, scope)}`,
    ]),
  );
}

function actionPart({ actions }: Digest): readonly string[] {
  return titled('Open actions of post-mortems:', actions.map(actionLine));
}

function actionLine({ incidentId, id, text, type, owner, dueOn, ageDays, isOverdue }: DigestAction): string {
  return `  ${isOverdue ? 'OVERDUE ' : ''}${incidentId} ${id} (${type}, ${plain(owner, 40)}, due ${dueOn}, open for ${counted(ageDays, 'day')}): ${plain(text, 160)}`;
}

function toilPart({ toil }: Digest): readonly string[] {
  if (toil.interventions === 0) return [];
  const title = `Work by hand: ${counted(toil.interventions, 'intervention')}, ${counted(toil.minutes, 'minute')} until the trouble was over`;
  return titled(
    title,
    toil.rows
      .slice(0, 5)
      .map(
        (row) =>
          `  ${row.system}, ${row.cause}: ${kindsText(row.byKind)} in ${counted(row.incidents, 'incident')}${row.isRepeated ? '; again and again: let a machine do it' : ''}`,
      ),
  );
}

function noisePart({ noise }: Digest): readonly string[] {
  const { withoutAction, pointless, meanAcknowledgeSeconds, customerShare } = noise;
  const lines = [
    ...(withoutAction === 0
      ? []
      : [
          `  ${counted(withoutAction, 'incident')} led to no action. Most often: ${pointless
            .slice(0, 3)
            .map(({ rule, withoutAction: count }) => `${rule} ${count}`)
            .join(', ')}`,
        ]),
    ...(meanAcknowledgeSeconds === null ? [] : [`  acknowledged after ${durationText(meanAcknowledgeSeconds)} on average`]),
    ...(customerShare === null || customerShare === 0 ? [] : [`  ${percentText(customerShare)} were found by customers`]),
  ];
  return titled('Alarms:', lines);
}

/** What the business hears of: something loud that the catalog gives an impact to. */
function isNoticed({ severity, impact, system }: DigestIncident): boolean {
  return system !== null && impact !== '' && (severity === 'critical' || severity === 'high');
}

function businessIncidentPart({ incidents }: Digest): readonly string[] {
  const noticed = incidents.filter(isNoticed);
  if (noticed.length === 0) return ['No incident touched what customers see.'];
  return titled(
    'What happened, newest first:',
    noticed.map(
      (incident) =>
        `  ${incident.system ?? ''}, ${momentText(incident.openedAt)}, ${lasted(incident)}${incident.isRepairedByMachine ? ', repaired by itself' : ''}${incident.budgetShare === null ? '' : `, used ${percentText(incident.budgetShare)} of the trouble that is allowed`}: ${sentence(incident.impact)}`,
    ),
  );
}

function businessBudgetPart({ budgets }: Digest): readonly string[] {
  return titled(
    'How well it works, and how much trouble is still allowed:',
    budgets.map(({ system, objective, sli, remainingRatio }) => `  ${system} (${objective}): ${percentTo(sli, 3)} good; ${leftText(remainingRatio)}`),
  );
}

function businessActionPart({ actions, postMortems }: Digest): readonly string[] {
  if (actions.length === 0 && postMortems.length === 0) return [];
  const overdue = actions.filter(({ isOverdue }) => isOverdue).length;
  return [
    `So that it does not come back: ${counted(actions.length, 'improvement')} under way${overdue === 0 ? '' : `, ${overdue} overdue`}; ${counted(postMortems.length, 'review')} still to be written.`,
  ];
}
