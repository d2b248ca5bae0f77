import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import type { BudgetAttribution, Cost } from '../core/slo/spending/attribution.ts';
import type { AllowedDowntime } from '../core/slo/words/downtime-table.ts';
import { spokenDuration } from '../core/slo/words/explain.ts';
import type { BudgetDay } from '../core/slo/kept/history.ts';
import type { PlannedWork } from '../core/slo/spending/planned-work.ts';
import type { BudgetView } from '../core/slo/views.ts';
import { moment, table } from './output.ts';

/* How budgets read on a terminal. */

/** `60.65 %`; a share that is not nothing never reads as 0. */
export function percentText(ratio: number, digits = 2): string {
  const shown = Number((ratio * 100).toFixed(digits));
  return shown === 0 && ratio !== 0 ? `${Number((ratio * 100).toPrecision(2))} %` : `${shown} %`;
}

/** `26 min 12 s`, `-3 min` when more was spent than there was. */
export function leftText(seconds: number): string {
  return seconds < 0 ? `-${spokenDuration(-seconds)}` : spokenDuration(seconds);
}

export function rateText(rate: number): string {
  return `${Number(rate.toPrecision(3))} ×`;
}

const label = (name: string): string => name.padEnd(12);

/** One budget, whole. */
export function budgetLines(view: BudgetView, gateReason: string, now: Timestamp): readonly string[] {
  const { objective, since, sli, budgetSeconds, remainingSeconds, remainingRatio, burn, exhaustion } = view;
  const left =
    remainingSeconds < 0
      ? `overspent by ${spokenDuration(-remainingSeconds)} (${percentText(-remainingRatio)}); it was ${spokenDuration(budgetSeconds)}`
      : `${spokenDuration(remainingSeconds)} of ${spokenDuration(budgetSeconds)} are left (${percentText(remainingRatio)})`;
  return [
    `${objective.name} of ${objective.system}: ${objective.target.percent} % over ${objective.windowText}, measured since ${moment(since)}`,
    `${label('Attainment')}${percentText(sli, 4)}`,
    `${label('Budget')}${left}`,
    `${label('Burn')}${burn.map(({ windowSeconds, rate }) => `${spokenDuration(windowSeconds)}: ${rateText(rate)}`).join('   ')}   (1 × spends the whole budget in ${objective.windowText})`,
    `${label('Pace')}${exhaustion.reason}`,
    `${label('Gate')}${gateReason}`,
    '',
    ...spenderRows(objective.name, view),
    '',
    ...dayLines(view.days, now),
  ];
}

interface Spender {
  readonly cost: Cost;
  readonly cells: readonly string[];
}

type Charged = Cost & { readonly id: string; readonly from: Timestamp };

function spender(kind: string, { id, from, ...cost }: Charged, why: readonly (string | undefined)[]): Spender {
  const note = why.flatMap((part) => part ?? []).join('; ');
  return { cost, cells: [kind, id, moment(from), spokenDuration(cost.badSeconds), percentText(cost.share), note] };
}

/** Whoever was charged, the dearest first; each bad slice once. */
function spenders({ incidents, repairs, deploys, unattributed }: BudgetAttribution): readonly Spender[] {
  const texts = new Map(deploys.map(({ id, text }) => [id, text]));
  const charged = [
    ...incidents.map((incident) => {
      const { cause, deployId, duringRepair } = incident;
      const deploy = deployId === undefined ? undefined : `followed the deploy of ${texts.get(deployId) ?? deployId}`;
      const repaired = duringRepair.badSlices === 0 ? undefined : `own repairs ran for ${spokenDuration(duringRepair.badSeconds)} of it`;
      return spender('incident', incident, [cause, deploy, repaired]);
    }),
    ...repairs.map((repair) => spender('own repair', repair, ['no incident was open'])),
    ...deploys.map((deploy) => spender('deploy', deploy, [deploy.text, 'in the hour after it began, without an incident'])),
  ].filter(({ cost }) => cost.badSlices > 0);
  const dearest = charged.toSorted((left, right) => right.cost.badSlices - left.cost.badSlices || ((left.cells[1] ?? '') < (right.cells[1] ?? '') ? -1 : 1));
  return unattributed.badSlices === 0 ? dearest : [...dearest, nobody(unattributed)];
}

function nobody(cost: Cost): Spender {
  return { cost, cells: ['nobody', '', '', spokenDuration(cost.badSeconds), percentText(cost.share), 'bad without an incident, a repair or a deploy'] };
}

const MAX_SPENDERS = 20;
const spenderHeader = ['what', 'id', 'began', 'bad', 'of the budget', 'why'] as const;

/** Who spent a budget, with what is shown beside it and not added. */
export function spenderRows(objective: string, { attribution, isCut }: Pick<BudgetView, 'attribution' | 'isCut'>): readonly string[] {
  if (attribution === undefined)
    return [`Who spent ${objective} is not told: it counts events, and those belong to no minute that somebody could be charged with.`];
  const all = spenders(attribution);
  if (all.length === 0) return [`Nobody has spent any of ${objective}.`];
  const { spent, repairs, deploys } = attribution;
  const repairSeconds = repairs.reduce((sum, { badSeconds, ofIncidents }) => sum + badSeconds + ofIncidents.badSeconds, 0);
  const brought = deploys.filter(({ ofIncidents }) => ofIncidents.badSlices > 0);
  return [
    `Who spent ${spokenDuration(spent.badSeconds)} (${percentText(spent.share)}) of ${objective}:`,
    table(
      spenderHeader,
      all.slice(0, MAX_SPENDERS).map(({ cells }) => cells),
      '',
    ),
    ...(all.length > MAX_SPENDERS ? [`${all.length - MAX_SPENDERS} more that cost less.`] : []),
    ...(repairSeconds === 0 ? [] : [`Of these, ${spokenDuration(repairSeconds)} were bad while our own repairs ran.`]),
    ...brought.map(
      ({ id, text, ofIncidents }) => `Of these, ${spokenDuration(ofIncidents.badSeconds)} are of incidents that followed the deploy of ${text} (${id}).`,
    ),
    ...(isCut ? ['There were more incidents than are read; what the oldest cost stands under nobody.'] : []),
  ];
}

const QUIET_DAYS_SHOWN = 7;

/** The newest week, and every older day with something bad. */
function dayLines(days: readonly BudgetDay[], now: Timestamp): readonly string[] {
  const since = addSeconds(now, -(QUIET_DAYS_SHOWN - 1) * 86_400).slice(0, 10);
  const shown = days.filter(({ day, badSeconds }) => badSeconds > 0 || day >= since);
  const rows = shown.map(({ day, badSeconds, observedSeconds, remainingRatio }) => [
    day,
    badSeconds === 0 ? '-' : spokenDuration(badSeconds),
    observedSeconds === 0 ? 'no data' : spokenDuration(observedSeconds),
    percentText(remainingRatio, 1),
    bar(remainingRatio),
  ]);
  return ['By day (UTC; quiet days before the last week are left out):', table(['day', 'bad', 'measured', 'left at its end', ''], rows, 'No day yet.')];
}

const BAR_CELLS = 20;

function bar(ratio: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, ratio)) * BAR_CELLS);
  return `${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}`;
}

/** What belongs on the next quarter's plan. */
export function plannedWorkLines(work: readonly PlannedWork[]): readonly string[] {
  return work.length === 0 ? [] : ['', 'Planned work (90 days):', ...work.map(({ reason }) => `  ${reason}`)];
}

/** Availability against allowed downtime (S2-05). */
export function downtimeTable(rows: readonly AllowedDowntime[], own: string | undefined): string {
  const cells = rows.map(({ percent, seconds }) => [
    `${percent} %`,
    spokenDuration(seconds.day),
    spokenDuration(seconds.week),
    spokenDuration(seconds.month),
    spokenDuration(seconds.year),
    percent === own ? '<- this objective' : '',
  ]);
  return `Allowed downtime by availability:\n${table(['availability', 'a day', 'a week', 'a month (30 d)', 'a year', ''], cells, '')}`;
}
