import { listOpenIncidents } from '../../core/incidents/incidents.ts';
import { instanceType, type SystemRecord, systemRecordType } from '../../core/inventory/records.ts';
import { lists, partitions } from '../../core/records/keys.ts';
import { readAll } from '../../core/records/record-type.ts';
import { listOpenBreakers } from '../../core/remediation/guardrails/open-breakers.ts';
import { type Remediation, remediationType } from '../../core/remediation/record.ts';
import { type BudgetFigure, listBudgets } from '../../core/slo/evaluate.ts';
import { type Answer, counted, duration, ok, spoken } from '../output.ts';
import type { StatusAnswer } from '../schemas.ts';
import { commandFor, headerOf, type Target } from '../target.ts';
import { incidentItem } from './incidents.ts';
import { readPauses, switchedThing } from './switches.ts';

/** `perennial status`: the whole picture on one page (S0-28). */
export async function status(target: Target): Promise<Answer> {
  const { records, scope } = target;
  const [paused, breakers, systems, incidents, remediations, budgets, instances] = await Promise.all([
    readPauses(target),
    listOpenBreakers(records, scope),
    readAll(systemRecordType, (page) => records.query(partitions.systems(scope), '', page)),
    listOpenIncidents(records, scope),
    readAll(remediationType, (page) => records.list(lists.runningRemediations(scope), page)),
    listBudgets(records, scope),
    readAll(instanceType, (page) => records.query(partitions.instances(scope), '', page)),
  ]);
  const answer: StatusAnswer = {
    paused: [...paused],
    breakers: breakers.map(({ since, ...breaker }) => ({ ...breaker, startedAt: since })),
    systems: systems.map(({ body }) => systemItem(body)),
    openIncidents: incidents.map(incidentItem),
    runningRemediations: remediations.map(({ body }) => remediationItem(body)),
    budgets: budgets.map(budgetItem),
    instances: countsOf(instances.map(({ body }) => body.status)),
  };
  return ok(answer, render(target, answer));
}

/** How often each word occurs. */
export function countsOf(words: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(Object.groupBy(words, (word) => word)).map(([word, members]) => [word, members?.length ?? 0]));
}

function systemItem({ name, status: state, observed, changes }: SystemRecord): StatusAnswer['systems'][number] {
  const { instanceIds, imageIds } = observed;
  return {
    id: name,
    system: name,
    state,
    startedAt: changes[0]?.at ?? null,
    reason: state === 'retired' ? 'No longer in the catalog: nothing new is repaired' : `${counted(instanceIds.length, 'instance')} running`,
    instances: instanceIds,
    images: imageIds,
  };
}

function remediationItem({ id, system, state, timing, reason, phase, incidentId }: Remediation): StatusAnswer['runningRemediations'][number] {
  return { id, system, state, startedAt: timing.decidedAt, reason, phase, incidentId };
}

function budgetItem(budget: BudgetFigure): StatusAnswer['budgets'][number] {
  const isLeft = budget.remainingRatio > 0;
  const { objective, system, budgetSeconds, consumedSeconds, remainingRatio, sli, at } = budget;
  return {
    id: objective,
    system,
    state: isLeft ? 'left' : 'used-up',
    startedAt: null,
    reason: `${percent(remainingRatio)} left: ${spoken(consumedSeconds)} of ${spoken(budgetSeconds)} used`,
    objective,
    budgetSeconds,
    consumedSeconds,
    remainingRatio,
    sli,
    at,
  };
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(2)} %`;
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return [`${title}${lines.length === 0 ? ' none' : ''}`, ...lines.map((line) => `  ${line}`)];
}

function render(target: Target, answer: StatusAnswer): string {
  const now = target.clock.now();
  const counts = Object.entries(answer.instances).map(([state, count]) => `${count} ${state}`);
  return [
    headerOf(target),
    ...answer.paused.map((pause) => `PAUSED: ${switchedThing(pause.target)}, by ${pause.by} for ${duration(pause.at, now)}: ${pause.reason}`),
    ...(answer.paused.length === 0 ? ['Not paused: repairs may run.'] : []),
    ...answer.breakers.map(
      (breaker) => `BREAKER ${breaker.state.toUpperCase()}: ${breaker.id}, since ${breaker.startedAt ?? 'an unknown time'}: ${breaker.reason}`,
    ),
    ...(answer.breakers.some(({ state }) => state === 'waiting-for-person')
      ? [`  Its probe failed. When the cause is over: ${commandFor(target, 'resume')}`]
      : []),
    ...section(
      'Open incidents:',
      answer.openIncidents.map(
        (incident) =>
          `${incident.id}  ${incident.severity}  ${incident.state} for ${duration(incident.startedAt ?? now, now)}  ${incident.owner}  ${incident.reason}`,
      ),
    ),
    ...section(
      'Running remediations:',
      answer.runningRemediations.map(
        (repair) => `${repair.id}  ${repair.system}  ${repair.phase} after ${duration(repair.startedAt ?? now, now)}  ${repair.reason}`,
      ),
    ),
    ...section(
      'Error budgets:',
      answer.budgets.map((budget) => `${budget.objective}: ${budget.reason}`),
    ),
    ...section(
      'Systems:',
      answer.systems.map((system) => `${system.id}: ${system.reason}${system.images.length === 0 ? '' : ` on ${system.images.join(', ')}`}`),
    ),
    `Inventory: ${counts.join(', ') || 'empty; the sweep fills it every 10 minutes'}`,
    ...((answer.instances['unknown'] ?? 0) === 0 ? [] : [`  Who owns the unknown? ${commandFor(target, 'inventory list --status unknown')}`]),
  ].join('\n');
}
