import { timeSliceSeconds } from '../../catalog/durations.ts';
import { isComposite, type Objective, type ServiceLevelObjective } from '../../catalog/openslo/openslo.ts';
import type { Indicator } from '../../catalog/openslo/openslo-indicator.ts';
import { type DeclaredAlert, declaredAlertsOf } from './declared-alerts.ts';
import { type BudgetWindow, budgetWindowOf } from './budget-window.ts';
import { type Fraction, fractionOf } from './exact.ts';
import { type BudgetingMethod, type Semantics, semanticsOf } from './semantics.ts';
import { parseSliceTarget, sliceSeconds, type SliceTarget } from './slices.ts';
import { type Refused, type Target, targetOfObjective } from './target.ts';

/*
 * An SLO document as the evaluator needs it: everything parsed once, everything that cannot be kept refused with the reason.
 */

/** How a point becomes good and bad events. */
export type Judgement =
  | { readonly kind: 'events' }
  | { readonly kind: 'share'; readonly of: 'success' | 'failure' }
  | { readonly kind: 'threshold'; readonly op: NonNullable<Objective['op']>; readonly value: number };

/** One indicator with its target. */
export interface Member {
  /** What points of a composite name it by: its indicator's name, its displayName, or its number. */
  readonly names: readonly string[];
  readonly target: Target;
  readonly sliceTarget: SliceTarget;
  readonly judgement: Judgement;
  readonly weight: Fraction;
}

/** One budget: an objective over the indicator all share, or a composite of several. */
export interface BudgetSpecification {
  readonly kind: 'specification';
  readonly slo: string;
  /** `shop-web`, or `shop-web-2` for the second of several objectives: the name of its records. */
  readonly name: string;
  readonly displayName: string | undefined;
  readonly service: string;
  readonly method: BudgetingMethod;
  readonly window: BudgetWindow;
  /** Seconds of a slice; of Occurrences, the minute that is rolled up. */
  readonly sliceSeconds: number;
  readonly semantics: Semantics;
  /** Exactly one unless it is a composite. */
  readonly members: readonly [Member, ...Member[]];
  /** The strictest of the members': a composite has no target of its own in OpenSLO v1. */
  readonly target: Target;
  /** What the document declares beside the alerts that every objective has. */
  readonly alerts: readonly DeclaredAlert[];
}

function refused(reason: string): Refused {
  return { kind: 'refused', reason };
}

function judgementOf(indicator: Indicator | undefined, objective: Objective): Judgement | Refused {
  if (indicator === undefined) return refused('Its indicator is not there. Write "indicator", or "indicatorRef" with the name of an SLI document beside it.');
  const { ratioMetric } = indicator.spec;
  if (ratioMetric?.raw !== undefined) return { kind: 'share', of: ratioMetric.rawType ?? 'success' };
  if (ratioMetric !== undefined) return { kind: 'events' };
  const { op, value } = objective;
  if (op === undefined || value === undefined)
    return refused('A thresholdMetric needs "op" and "value" in its objective, for example "op: lte" and "value: 0.3".');
  return { kind: 'threshold', op, value };
}

function memberOf(objective: Objective, indicator: Indicator | undefined, number: number): Member | Refused {
  const target = targetOfObjective(objective);
  if (target.kind === 'refused') return target;
  const sliceTarget = parseSliceTarget(objective.timeSliceTarget ?? 1);
  if (sliceTarget.kind === 'refused') return sliceTarget;
  const judgement = judgementOf(indicator, objective);
  if (judgement.kind === 'refused') return judgement;
  const weight = fractionOf(objective.compositeWeight ?? 1);
  if (weight === undefined || weight.numerator === 0n)
    return refused(`A compositeWeight of ${objective.compositeWeight} weighs nothing. Write a number above 0.`);
  const names = [indicator?.metadata?.name, objective.displayName, String(number)].flatMap((name) => name ?? []);
  return { names, target, sliceTarget, judgement, weight };
}

/** Whether `a` allows less than `b`. */
function isStricter(a: Target, b: Target): boolean {
  return a.allowed.numerator * b.allowed.denominator < b.allowed.numerator * a.allowed.denominator;
}

/** What all budgets of a document have in common. */
type Frame = Pick<BudgetSpecification, 'slo' | 'service' | 'method' | 'window' | 'semantics' | 'alerts'>;

function frameOf(slo: ServiceLevelObjective): Frame | Refused {
  const { spec, metadata } = slo;
  const [timeWindow] = spec.timeWindow;
  if (timeWindow === undefined) return refused('An SLO needs a time window, for example "timeWindow: [{ duration: 30d, isRolling: true }]".');
  const window = budgetWindowOf(timeWindow);
  if (window.kind === 'refused') return window;
  const semantics = semanticsOf(spec.budgetingMethod, metadata.annotations);
  if (semantics.kind === 'refused') return semantics;
  return { slo: metadata.name, service: spec.service, method: spec.budgetingMethod, window, semantics, alerts: declaredAlertsOf(slo) };
}

function strictestOf([first, ...others]: BudgetSpecification['members']): Target {
  return others.reduce((strictest, { target }) => (isStricter(target, strictest) ? target : strictest), first.target);
}

function budgetOf(frame: Frame, members: BudgetSpecification['members'], objective: Objective, names: Pick<BudgetSpecification, 'name' | 'displayName'>) {
  const seconds = frame.method === 'Occurrences' ? sliceSeconds : timeSliceSeconds(objective.timeSliceWindow ?? 1);
  if (seconds === undefined || seconds > frame.window.nominalSeconds)
    return refused('The slices must divide an hour or a day and be no longer than the window.');
  return { kind: 'specification' as const, ...frame, ...names, sliceSeconds: seconds, members, target: strictestOf(members) };
}

function compositeOf(frame: Frame, slo: ServiceLevelObjective, members: readonly (Member | Refused)[]): BudgetSpecification | Refused {
  const broken = members.find((member) => 'kind' in member);
  if (broken !== undefined) return broken;
  const [first, ...others] = members.flatMap((member) => ('kind' in member ? [] : [member]));
  const [objective] = slo.spec.objectives;
  if (first === undefined || objective === undefined) return refused('An SLO needs at least one objective.');
  return budgetOf(frame, [first, ...others], objective, { name: slo.metadata.name, displayName: slo.metadata.displayName });
}

/**
 * The budgets of an SLO document whose references are resolved: one per objective, or one for a composite. Each is refused on its
 * own, so that one mistake does not hide the others.
 */
export function specificationsOf(slo: ServiceLevelObjective): readonly (BudgetSpecification | Refused)[] {
  const { objectives, indicator } = slo.spec;
  const frame = frameOf(slo);
  if ('kind' in frame) return [frame];
  const members = objectives.map((objective, index) => memberOf(objective, objective.indicator ?? indicator, index + 1));
  if (isComposite(slo)) return [compositeOf(frame, slo, members)];
  const { name, displayName } = slo.metadata;
  return objectives.map((objective, index) => {
    const member = members[index];
    if (member === undefined || 'kind' in member) return member ?? refused('The objective is not there.');
    const names = objectives.length === 1 ? { name, displayName } : { name: `${name}-${index + 1}`, displayName: objective.displayName ?? displayName };
    return budgetOf(frame, [member], objective, names);
  });
}

/** The names of the budgets of a document, whether or not they can be kept. */
export function budgetNames(slo: ServiceLevelObjective): readonly string[] {
  const { objectives } = slo.spec;
  const { name } = slo.metadata;
  return isComposite(slo) || objectives.length === 1 ? [name] : objectives.map((_, index) => `${name}-${index + 1}`);
}
