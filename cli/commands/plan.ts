import { systemHasher } from '../../aws/runtime/system.ts';
import { currentCatalog, declaredIn } from '../../core/catalog/published.ts';
import { groupIdOf } from '../../core/inventory/classify.ts';
import { type InstanceRecord, instanceType, systemRecordType, tagKeys } from '../../core/inventory/records.ts';
import { keys } from '../../core/records/keys.ts';
import { readRecord } from '../../core/records/record-type.ts';
import { type Plan, planReplacement } from '../../core/remediation/paths/plan.ts';
import type { Remediation } from '../../core/remediation/record.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok } from '../output.ts';
import { commandFor, headerOf, type Target } from '../target.ts';

/** `perennial plan <instance>`: what a replacement would do, keep and lose, and what would stop it. Touches nothing; exit 2 when there is nothing to plan. */
export async function plan(target: Target, instanceId: string): Promise<Answer> {
  const instance = await readListed(target, instanceId);
  const refused = refusalOf(target, instance);
  if (refused !== undefined) return { json: { refused }, text: `${headerOf(target)}\n${refused}`, exitCode: 2 };
  const answer = await planFor(target, instance);
  return ok(answer, `${headerOf(target)}\n${render(answer)}`);
}

/** An instance by the inventory. Errors: {@link CliError} for one that nobody has seen. */
export async function readListed(target: Target, instanceId: string): Promise<InstanceRecord> {
  const { records, scope } = target;
  const instance = (await readRecord(records, instanceType, keys.instance(scope, instanceId)))?.body;
  if (instance !== undefined) return instance;
  throw new CliError(
    `${instanceId} is not in the inventory of ${scope.accountId}/${scope.region}. Is the id right? The next sweep lists new instances: ${commandFor(target, 'inventory list')}`,
  );
}

/** Instances that no repair would ever replace. */
export function refusalOf(target: Target, { instanceId, status, system, slotId }: InstanceRecord): string | undefined {
  if (status === 'gone') return `${instanceId} is gone; there is nothing to plan. What replaced it: ${commandFor(target, 'remediations')}`;
  if (status === 'quarantined')
    return `${instanceId} is quarantined: it was replaced and is kept as evidence. What replaced it: ${commandFor(target, 'remediations')}`;
  if (status === 'elsewhere') return `${instanceId} is managed by EKS, EMR or Batch, which replace their own instances. Perennial leaves it alone.`;
  if (system === undefined || slotId === undefined)
    return `${instanceId} belongs to no system of the catalog, so Perennial would never touch it. To opt it in, tag it ${tagKeys.system}=<system>.`;
  return undefined;
}

/** @param request who asks for it by hand; without it the plan is for a status check that fails now */
export async function planFor(
  target: Target,
  { instanceId, system = '', slotId = '', role, autoScalingGroup }: InstanceRecord,
  request?: NonNullable<Remediation['request']>,
): Promise<Plan> {
  const { records, scope, clock } = target;
  const catalog = await currentCatalog(records, scope);
  const declared = declaredIn(catalog, system);
  if (declared === undefined)
    throw new CliError(
      `The system ${system} of ${instanceId}, or its policy, is not in the published catalog, so nothing is planned. Add it in ops/ and deploy: npm run -s perennial -- catalog check ops`,
    );
  const observed = (await readRecord(records, systemRecordType, keys.system(scope, system)))?.body.observed;
  const inRole = role ?? declared.system.spec.image.role;
  return planReplacement(target.fleet.observe(), systemHasher, {
    ...declared,
    slot: { id: slotId, groupId: groupIdOf(system, inRole), instanceId, ...(autoScalingGroup === undefined ? {} : { memberId: instanceId }) },
    ...(request === undefined ? {} : { request }),
    trigger: {
      kind: request === undefined ? 'instance.status-check' : 'instance.replace-requested',
      rule: 'plan',
      fingerprint: 'plan',
      at: clock.now(),
      summary: 'Planned by hand',
    },
    groupMembers: Math.max(1, observed?.membersByRole[inRole] ?? 1),
    systemsInCatalog: catalog.systems.length,
  });
}

function list(title: string, entries: readonly string[], none: string): readonly string[] {
  return entries.length === 0 ? [`${title}: ${none}`] : [`${title}:`, ...entries.map((entry) => `  ${entry}`)];
}

function render(answer: Plan): string {
  return [
    `If the status check of ${answer.instanceId} failed now (system ${answer.system}, topology ${answer.topology}, mode ${answer.mode}):`,
    renderPlan(answer),
  ].join('\n');
}

const preflightLine = ({ verdict, name, reason }: Plan['preflight'][number]): string => `${verdict.padEnd(9)} ${name}: ${reason}`;

/** What would happen, without saying why it does. */
export function renderPlan(answer: Plan): string {
  return [
    `Path: ${[answer.path ?? 'none', ...answer.nextPaths].join(', then ')} (${answer.pathReason})`,
    `Replaced from: ${answer.path === 'group-member' ? 'what its Auto Scaling group launches' : (answer.imageId ?? 'no image can be chosen, see "image choice" below')}`,
    'Phases:',
    ...answer.phases.map((phase, index) => `  ${String(index + 1).padStart(2)}. ${phase.name.padEnd(16)} ${phase.summary}`),
    'Guardrails, as they answer now:',
    ...answer.guardrails.map((guardrail) => `  ${guardrail.verdict.padEnd(7)} ${guardrail.name}: ${guardrail.reason}`),
    ...list('Preflight, as it answers now', answer.preflight.map(preflightLine), 'nothing would be launched'),
    ...list('Would stop it now', answer.wouldStop, 'nothing'),
    ...list('Kept', answer.kept, 'nothing'),
    ...list('Cannot be kept', answer.cannotKeep, 'nothing is lost'),
  ].join('\n');
}
