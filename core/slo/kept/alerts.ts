import type { Scope } from '../../environment/ports.ts';
import { present } from '../../environment/present.ts';
import type { Timestamp } from '../../environment/time.ts';
import { type BurnRatePair, burnFactor, burnRatePairs } from '../objective/burn-rate.ts';
import type { Evaluation } from '../evaluation/evaluate-points.ts';
import { numberOf } from '../objective/exact.ts';
import { exhaustionOf, spokenBudget } from '../words/exhaustion.ts';
import { spokenDuration } from '../words/explain.ts';
import { percentTo } from '../words/percent.ts';
import type { ObjectiveHead, StoredAlert } from './state.ts';

/*
 * What an objective says by itself, as signals: it burns, little is left, nothing is left, and the end of each. Pure. An alert is
 * written down before it is told, and ticked off after: a crash in between tells the same event again, which is known by then.
 */

/** Below this share of the budget people are told that it is low. */
const LOW_RATIO = 0.1;

/** Loudest first; design.md section 2 gives the severities of the signals. */
const burnLevels = ['page', 'high', 'ticket'] as const;
type BurnLevel = (typeof burnLevels)[number] | 'none';

const levelOfSeverity = { critical: 'page', high: 'high', warning: 'ticket' } as const;

export type Alerts = NonNullable<ObjectiveHead['alerts']>;

/** The alerts that every objective has. */
const ownNames = ['burn', 'low', 'spent'] as const;
type OwnName = (typeof ownNames)[number];

/** One alert and how it stands; `policy` is that of a declared one. */
interface Standing {
  readonly name: OwnName | 'condition';
  readonly policy?: string;
  readonly alert: StoredAlert;
}

function burnLevelOf({ firing }: Evaluation): BurnLevel {
  const levels = new Set(firing.map(({ severity }) => levelOfSeverity[severity]));
  return burnLevels.find((level) => levels.has(level)) ?? 'none';
}

function loudness(level: string): number {
  const index = burnLevels.findIndex((one) => one === level);
  return index < 0 ? 0 : burnLevels.length - index;
}

/** Slower burning is no news until it ends; faster burning is. */
function nextBurn(before: string, now: BurnLevel): string {
  return now === 'none' || loudness(now) > loudness(before) ? now : before;
}

/** `low` begins while something is left, and ends when enough is left: what is spent at once is not told twice. */
function nextLow(before: string, remainingRatio: number): string {
  if (remainingRatio >= LOW_RATIO) return 'none';
  return before === 'low' || remainingRatio > 0 ? 'low' : 'none';
}

function stand(alert: StoredAlert | undefined, level: string, now: Timestamp): StoredAlert | undefined {
  const before = alert?.level ?? 'none';
  if (level !== before) return { level, since: now, told: false };
  // What has ended and was told is over.
  return level === 'none' && alert?.told === true ? undefined : alert;
}

/** How the declared alerts stand; one whose policy is gone from the document is over. */
function nextDeclared(before: Alerts['declared'], { declared = [] }: Evaluation, now: Timestamp): Alerts['declared'] {
  const levels = new Map(declared.map(({ policy, severity, isFiring }) => [policy, isFiring ? levelOfSeverity[severity] : 'none']));
  const policies = new Set([...Object.keys(before ?? {}), ...levels.keys()]);
  const stands = [...policies].flatMap((policy) => {
    const alert = stand(before?.[policy], levels.get(policy) ?? 'none', now);
    return alert === undefined ? [] : [[policy, alert] as const];
  });
  return stands.length === 0 ? undefined : Object.fromEntries(stands);
}

/** How the alerts of an objective stand after an evaluation; a change is not told yet. */
export function nextAlerts(before: Alerts | undefined, evaluation: Evaluation, now: Timestamp): Alerts {
  const { budgetRemainingRatio } = evaluation;
  const levelBefore = (name: OwnName): string => before?.[name]?.level ?? 'none';
  return present({
    burn: stand(before?.burn, nextBurn(levelBefore('burn'), burnLevelOf(evaluation)), now),
    low: stand(before?.low, nextLow(levelBefore('low'), budgetRemainingRatio), now),
    spent: stand(before?.spent, budgetRemainingRatio <= 0 ? 'spent' : 'none', now),
    declared: nextDeclared(before?.declared, evaluation, now),
  });
}

function standingsOf(alerts: Alerts | undefined): readonly Standing[] {
  const own = ownNames.flatMap((name) => {
    const alert = alerts?.[name];
    return alert === undefined ? [] : [{ name, alert }];
  });
  const declared = Object.entries(alerts?.declared ?? {}).map(([policy, alert]) => ({ name: 'condition' as const, policy, alert }));
  return [...own, ...declared];
}

/** Whether two stands differ in anything that is stored. */
export function isSameStand(a: Alerts | undefined, b: Alerts): boolean {
  const textOf = (alerts: Alerts | undefined): string =>
    standingsOf(alerts)
      .map(({ name, policy = '', alert: { level, since, told } }) => [name, policy, level, since, told].join(' '))
      .toSorted()
      .join('\n');
  return textOf(a) === textOf(b);
}

export function hasUntold(alerts: Alerts | undefined): boolean {
  return standingsOf(alerts).some(({ alert }) => !alert.told);
}

function tickedOff(alerts: Readonly<Record<string, StoredAlert | undefined>>): Record<string, StoredAlert> {
  return Object.fromEntries(
    Object.entries(alerts).flatMap(([name, alert]) => (alert === undefined || alert.level === 'none' ? [] : [[name, { ...alert, told: true }]])),
  );
}

/** The stand once everything is told; what has ended is dropped. */
export function toldAlerts({ declared, ...own }: Alerts): Alerts {
  const known = tickedOff(declared ?? {});
  return { ...tickedOff({ ...own }), ...(Object.keys(known).length === 0 ? {} : { declared: known }) };
}

function times(value: number): string {
  return `${Number(value.toPrecision(3))} ×`;
}

function rateOver({ burn }: Evaluation, windowSeconds: number): number {
  return burn.find((one) => one.windowSeconds === windowSeconds)?.rate ?? 0;
}

/** The pair that speaks: the fastest one that fires at the level. */
function speakingPair({ firing }: Evaluation, level: string): BurnRatePair | undefined {
  return burnRatePairs.find(
    ({ severity, longWindowSeconds }) =>
      levelOfSeverity[severity] === level && firing.some((one) => one.severity === severity && one.longWindowSeconds === longWindowSeconds),
  );
}

const HOUR_SECONDS = 3600;

interface Pace {
  readonly rate: number;
  readonly lookBackSeconds: number;
}

function paceOver(evaluation: Evaluation, lookBackSeconds: number): Pace {
  return { rate: rateOver(evaluation, lookBackSeconds), lookBackSeconds };
}

function paceReason(
  { budgetRemainingRatio: remainingRatio }: Evaluation,
  { windowSeconds, budgetSeconds }: ObjectiveHead['budget'],
  { rate: burnRate, lookBackSeconds }: Pace,
  now: Timestamp,
): string {
  return exhaustionOf({ remainingRatio, windowSeconds, budgetSeconds, burnRate, lookBackSeconds }, now).reason;
}

function burnReason(evaluation: Evaluation, figures: ObjectiveHead['budget'], level: string, now: Timestamp): string {
  const pair = speakingPair(evaluation, level);
  if (pair === undefined) return paceReason(evaluation, figures, paceOver(evaluation, HOUR_SECONDS), now);
  const { longWindowSeconds, shortWindowSeconds } = pair;
  const limit = times(numberOf(burnFactor(pair, figures.windowSeconds)));
  const long = `${times(rateOver(evaluation, longWindowSeconds))} over ${spokenDuration(longWindowSeconds)}`;
  const short = `${times(rateOver(evaluation, shortWindowSeconds))} over ${spokenDuration(shortWindowSeconds)}`;
  return `${paceReason(evaluation, figures, paceOver(evaluation, longWindowSeconds), now)} It burns ${long} and ${short}; more than ${limit} is too fast`;
}

interface Telling {
  readonly detailType: string;
  readonly detail: Readonly<Record<string, string>>;
}

const comparisonWords = { gt: 'more than', gte: 'at least', lt: 'less than', lte: 'at most' } as const;

/** Why a declared alert speaks, in words. */
function conditionReason(policy: string, evaluation: Evaluation, figures: ObjectiveHead['budget'], now: Timestamp): string {
  const found = evaluation.declared?.find((one) => one.policy === policy);
  if (found === undefined) return `the condition of ${policy} holds`;
  const { state, rate, op, threshold, lookBackSeconds, alertAfterSeconds } = found;
  const lookBack = spokenDuration(lookBackSeconds);
  if (state === 'no-data') return `nothing was counted over ${lookBack}: the metric is silent, or nobody asked the service for anything`;
  const held = alertAfterSeconds === 0 ? '' : `, for ${spokenDuration(alertAfterSeconds)} now`;
  const pace = paceReason(evaluation, figures, { rate, lookBackSeconds }, now);
  return `${pace} It burns ${times(rate)} over ${lookBack}${held}; ${policy} alerts at ${comparisonWords[op]} ${times(threshold)}`;
}

function endOf({ name, policy = '' }: Standing, evaluation: Evaluation): Telling {
  const reason = `${percentTo(evaluation.budgetRemainingRatio, 1)} of the budget are left`;
  if (name === 'condition') return { detailType: 'Budget Condition Over', detail: { policy, reason } };
  return { detailType: 'Budget Recovered', detail: { ...(name === 'burn' ? {} : { alert: name }), reason } };
}

function tellingOf(standing: Standing, evaluation: Evaluation, figures: ObjectiveHead['budget'], now: Timestamp): Telling {
  const { name, policy = '', alert } = standing;
  const { level } = alert;
  if (level === 'none') return endOf(standing, evaluation);
  const left = percentTo(evaluation.budgetRemainingRatio, 1);
  const { budgetSeconds, windowSeconds } = figures;
  switch (name) {
    case 'burn':
      return { detailType: 'Budget Burning', detail: { severity: level, reason: burnReason(evaluation, figures, level, now) } };
    case 'condition':
      return { detailType: 'Budget Condition Met', detail: { severity: level, policy, reason: conditionReason(policy, evaluation, figures, now) } };
    case 'low':
      return {
        detailType: 'Budget Low',
        detail: {
          reason: `${left} of ${spokenBudget(budgetSeconds, windowSeconds)} are left. ${paceReason(evaluation, figures, paceOver(evaluation, HOUR_SECONDS), now)}`,
        },
      };
    case 'spent': {
      const over = evaluation.budgetRemainingRatio < 0 ? `, and ${percentTo(-evaluation.budgetRemainingRatio, 1)} more` : '';
      return {
        detailType: 'Budget Exhausted',
        detail: { reason: `${spokenBudget(budgetSeconds, windowSeconds)} are gone${over}: deploys are answered "freeze" until it is earned back` },
      };
    }
  }
}

/** The events of what is not told yet, as texts for the queue. The same alert gives the same identity (time, rule, state) each time. */
export function alertEvents(
  head: Pick<ObjectiveHead, 'objective' | 'system' | 'alerts' | 'budget'>,
  evaluation: Evaluation,
  scope: Scope,
  now: Timestamp,
): readonly string[] {
  const { objective, system, alerts, budget } = head;
  return standingsOf(alerts).flatMap((standing) => {
    const { name, policy, alert } = standing;
    if (alert.told) return [];
    const { detailType, detail } = tellingOf(standing, evaluation, budget, now);
    return [
      JSON.stringify({
        version: '0',
        id: ['budget', name, ...(policy === undefined ? [] : [policy]), objective, alert.since].join('-'),
        source: 'perennial',
        'detail-type': detailType,
        account: scope.accountId,
        region: scope.region,
        time: alert.since,
        resources: [],
        detail: { system, objective, ...detail },
      }),
    ];
  });
}
