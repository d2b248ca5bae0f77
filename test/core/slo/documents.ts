import { readOpenSloFile } from '../../../core/catalog/openslo/openslo-file.ts';
import type { BudgetLedger, Evaluation } from '../../../core/slo/evaluation/evaluate-points.ts';
import { evaluateLedger } from '../../../core/slo/evaluation/evaluate-points.ts';
import { readPoints } from '../../../core/slo/evaluation/points.ts';
import { type BudgetSpecification, specificationsOf } from '../../../core/slo/objective/specification.ts';

interface Parts {
  readonly method?: string;
  readonly window?: string;
  /** Objectives in YAML flow form. */
  readonly objectives?: readonly string[];
  readonly indicator?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Alert policies in YAML flow form. */
  readonly alerts?: readonly string[];
}

const events = '{ spec: { ratioMetric: { good: { metricSource: { type: Any, spec: {} } }, total: { metricSource: { type: Any, spec: {} } } } } }';
export const threshold = '{ spec: { thresholdMetric: { metricSource: { type: Any, spec: {} } } } }';
export const failureShare = '{ spec: { ratioMetric: { rawType: failure, raw: { metricSource: { type: Any, spec: {} } } } } }';

/** An alert policy with one condition. */
export function policy(name: string, condition: string, { severity = 'page', tells = 'alertWhenBreaching: true' } = {}): string {
  return `{ metadata: { name: ${name} }, spec: { ${tells}, conditions: [{ spec: { severity: ${severity}, condition: { ${condition} } } }], notificationTargets: [] } }`;
}

/** A member of a composite. */
export function part(name: string, rest: string): string {
  return `{ indicator: { metadata: { name: ${name} }, ${events.slice(2, -2)} }, ${rest} }`;
}

/** An SLO document. */
export function documentOf({
  method = 'Timeslices',
  window = '{ duration: 30d, isRolling: true }',
  objectives,
  indicator = events,
  annotations = {},
  alerts = [],
}: Parts): string {
  const list = objectives ?? ['{ targetPercent: 99.9, timeSliceTarget: 0.99, timeSliceWindow: 1m }'];
  return [
    'apiVersion: openslo/v1',
    'kind: SLO',
    `metadata: { name: shop, annotations: ${JSON.stringify(annotations)} }`,
    'spec:',
    '  service: shop-web',
    ...(list.some((one) => one.includes('indicator:')) ? [] : [`  indicator: ${indicator}`]),
    `  timeWindow: [${window}]`,
    `  budgetingMethod: ${method}`,
    '  objectives:',
    ...list.map((one) => `    - ${one}`),
    ...(alerts.length === 0 ? [] : ['  alertPolicies:', ...alerts.map((one) => `    - ${one}`)]),
  ].join('\n');
}

/** The budgets of a document that has no mistake. */
export function specificationOf(parts: Parts): BudgetSpecification {
  const { objectives, problems } = readOpenSloFile({ path: 'slo.yaml', text: documentOf(parts) });
  const [specification] = objectives.flatMap((slo) => specificationsOf(slo));
  if (specification?.kind !== 'specification') throw new Error(specification?.reason ?? JSON.stringify(problems));
  return specification;
}

/** What an evaluation says, or why it says nothing. */
export function figuresOf(specification: BudgetSpecification, ledger: BudgetLedger, at: string): Evaluation {
  const answer = evaluateLedger(specification, ledger, Date.parse(at));
  if (answer.kind === 'refused') throw new Error(answer.reason);
  return answer.evaluation;
}

/** Evaluates points written as a file holds them. */
export function evaluated(parts: Parts, points: readonly object[], at: string, entries: BudgetLedger['entries'] = []): Evaluation {
  const specification = specificationOf(parts);
  const samples = readPoints(
    points.map((point) => JSON.stringify(point)),
    specification,
  );
  if ('kind' in samples) throw new Error(samples.reason);
  return figuresOf(specification, { samples, entries }, at);
}
