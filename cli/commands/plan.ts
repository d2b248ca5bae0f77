import { systemClock, systemHasher } from '../../aws/runtime/system.ts';
import { createFleetClients } from '../../aws/fleet/clients.ts';
import { createObservePorts } from '../../aws/fleet/observe-ports.ts';
import { currentCatalog, declaredIn } from '../../core/catalog/published.ts';
import { groupIdOf } from '../../core/inventory/classify.ts';
import { instanceType, systemRecordType } from '../../core/inventory/records.ts';
import { keys } from '../../core/records/keys.ts';
import { readRecord } from '../../core/records/record-type.ts';
import { type Plan, planReplacement } from '../../core/remediation/plan.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok } from '../output.ts';
import { headerOf, type Target } from '../target.ts';

/** `perennial plan <instance>`: what a replacement would do, keep and lose, and what would stop it. Touches nothing. */
export async function plan(target: Target, instanceId: string): Promise<Answer> {
  const { records, scope } = target;
  const instance = (await readRecord(records, instanceType, keys.instance(scope, instanceId)))?.body;
  if (instance === undefined)
    throw new CliError(
      `${instanceId} is not in the inventory of ${scope.accountId}/${scope.region}. Is the id right? The next sweep lists new instances: npm run -s perennial -- inventory list`,
    );
  if (instance.system === undefined || instance.slotId === undefined)
    throw new CliError(
      `${instanceId} is ${instance.status}: no system of the catalog claims it, so nothing would be done. Tag it perennial:system=<name> to opt it in.`,
    );
  if (instance.status === 'gone') throw new CliError(`${instanceId} is gone; there is nothing to plan. What replaced it: npm run -s perennial -- remediations`);
  const catalog = await currentCatalog(records, scope);
  const declared = declaredIn(catalog, instance.system);
  if (declared === undefined)
    throw new CliError(`The system ${instance.system} or its policy is not in the published catalog. Check it: npm run -s perennial -- catalog check`);
  const observed = (await readRecord(records, systemRecordType, keys.system(scope, instance.system)))?.body.observed;
  const answer = await planReplacement(
    createObservePorts({ store: records, scope, clock: systemClock }, createFleetClients(target.clients.fleet, target.clients.control)),
    systemHasher,
    {
      ...declared,
      slot: { id: instance.slotId, groupId: groupIdOf(instance.system, instance.role ?? declared.system.spec.image.role), instanceId },
      trigger: { kind: 'instance.status-check', rule: 'plan', fingerprint: 'plan', at: systemClock.now(), summary: 'Planned by hand' },
      groupMembers: Math.max(1, observed?.membersByRole[instance.role ?? declared.system.spec.image.role] ?? 1),
      systemsInCatalog: catalog.systems.length,
    },
  );
  return ok(answer, `${headerOf(target)}\n${render(answer)}`);
}

function render(answer: Plan): string {
  return [
    `Replacing ${answer.instanceId} of ${answer.system} (${answer.topology}, mode ${answer.mode}) from ${answer.imageId ?? 'no image: see below'}`,
    'Phases:',
    ...answer.phases.map((phase, index) => `  ${String(index + 1).padStart(2)}. ${phase.name.padEnd(16)} ${phase.summary}`),
    'Guardrails now:',
    ...answer.guardrails.map((guardrail) => `  ${guardrail.verdict.padEnd(7)} ${guardrail.name}: ${guardrail.reason}`),
    answer.wouldStop.length === 0 ? 'Nothing would stop it.' : `It would stop: ${answer.wouldStop.join('; ')}`,
    `Kept: ${answer.kept.join(', ') || 'nothing'}`,
    `Cannot be kept: ${answer.cannotKeep.join(', ') || 'nothing is lost'}`,
  ].join('\n');
}
