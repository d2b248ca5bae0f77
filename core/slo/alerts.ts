import type { Scope } from '../environment/ports.ts';
import { present } from '../environment/present.ts';
import type { Timestamp } from '../environment/time.ts';
import { type BurnRatePair, burnFactor, burnRatePairs } from './burn-rate.ts';
import type { Evaluation } from './evaluate-points.ts';
import { numberOf } from './exact.ts';
import { exhaustionOf, spokenBudget } from './exhaustion.ts';
import { spokenDuration } from './explain.ts';
import { percentTo } from './percent.ts';
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
export type AlertName = keyof Alerts;

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

/** How the alerts of an objective stand after an evaluation; a change is not told yet. */
export function nextAlerts(before: Alerts | undefined, evaluation: Evaluation, now: Timestamp): Alerts {
  const { budgetRemainingRatio } = evaluation;
  const levelBefore = (name: AlertName): string => before?.[name]?.level ?? 'none';
  return present({
    burn: stand(before?.burn, nextBurn(levelBefore('burn'), burnLevelOf(evaluation)), now),
    low: stand(before?.low, nextLow(levelBefore('low'), budgetRemainingRatio), now),
    spent: stand(before?.spent, budgetRemainingRatio <= 0 ? 'spent' : 'none', now),
  });
}

const names = ['burn', 'low', 'spent'] as const satisfies readonly AlertName[];

/** Whether two stands differ in anything that is stored. */
export function isSameStand(a: Alerts | undefined, b: Alerts): boolean {
  return names.every((name) => a?.[name]?.level === b[name]?.level && a?.[name]?.since === b[name]?.since && a?.[name]?.told === b[name]?.told);
}

export function hasUntold(alerts: Alerts | undefined): boolean {
  return names.some((name) => alerts?.[name]?.told === false);
}

/** The stand once everything is told; what has ended is dropped. */
export function toldAlerts(alerts: Alerts): Alerts {
  return Object.fromEntries(
    names.flatMap((name) => {
      const alert = alerts[name];
      return alert === undefined || alert.level === 'none' ? [] : [[name, { ...alert, told: true }]];
    }),
  );
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

function paceReason(evaluation: Evaluation, { windowSeconds, budgetSeconds }: ObjectiveHead['budget'], lookBackSeconds: number, now: Timestamp): string {
  const { budgetRemainingRatio: remainingRatio } = evaluation;
  return exhaustionOf({ remainingRatio, windowSeconds, budgetSeconds, burnRate: rateOver(evaluation, lookBackSeconds), lookBackSeconds }, now).reason;
}

function burnReason(evaluation: Evaluation, figures: ObjectiveHead['budget'], level: string, now: Timestamp): string {
  const pair = speakingPair(evaluation, level);
  if (pair === undefined) return paceReason(evaluation, figures, HOUR_SECONDS, now);
  const { longWindowSeconds, shortWindowSeconds } = pair;
  const limit = times(numberOf(burnFactor(pair, figures.windowSeconds)));
  const long = `${times(rateOver(evaluation, longWindowSeconds))} over ${spokenDuration(longWindowSeconds)}`;
  const short = `${times(rateOver(evaluation, shortWindowSeconds))} over ${spokenDuration(shortWindowSeconds)}`;
  return `${paceReason(evaluation, figures, longWindowSeconds, now)} It burns ${long} and ${short}; more than ${limit} is too fast`;
}

interface Telling {
  readonly detailType: string;
  readonly detail: Readonly<Record<string, string>>;
}

function tellingOf(name: AlertName, level: string, evaluation: Evaluation, figures: ObjectiveHead['budget'], now: Timestamp): Telling {
  const left = percentTo(evaluation.budgetRemainingRatio, 1);
  if (level === 'none')
    return { detailType: 'Budget Recovered', detail: { ...(name === 'burn' ? {} : { alert: name }), reason: `${left} of the budget are left` } };
  const { budgetSeconds, windowSeconds } = figures;
  switch (name) {
    case 'burn':
      return { detailType: 'Budget Burning', detail: { severity: level, reason: burnReason(evaluation, figures, level, now) } };
    case 'low':
      return {
        detailType: 'Budget Low',
        detail: { reason: `${left} of ${spokenBudget(budgetSeconds, windowSeconds)} are left. ${paceReason(evaluation, figures, HOUR_SECONDS, now)}` },
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
  return names.flatMap((name) => {
    const alert = alerts?.[name];
    if (alert === undefined || alert.told) return [];
    const { detailType, detail } = tellingOf(name, alert.level, evaluation, budget, now);
    return [
      JSON.stringify({
        version: '0',
        id: `budget-${name}-${objective}-${alert.since}`,
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
