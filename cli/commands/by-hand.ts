import { currentCatalog, declaredIn } from '../../core/catalog/published.ts';
import { nearest } from '../../core/catalog/nearest.ts';
import { keys } from '../../core/records/keys.ts';
import { readRecord } from '../../core/records/record-type.ts';
import { type RequestEvent, requestBody, revertRefusal } from '../../core/remediation/admission/asked.ts';
import { quarantineProblem } from '../../core/remediation/guardrails/guardrails.ts';
import type { Plan } from '../../core/remediation/paths/plan.ts';
import { type Remediation, remediationType, slotType } from '../../core/remediation/record.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok, type Output } from '../output.ts';
import type { ByHandAnswer } from '../schemas.ts';
import { commandFor, headerOf, outputOf, type Target } from '../target.ts';
import { planFor, readListed, refusalOf, renderPlan } from './plan.ts';

export interface ByHandOptions {
  readonly reason: string;
  /** Do not ask. */
  readonly yes: boolean;
  readonly json: boolean;
}

/** `perennial replace <instance>`: the way a failing instance goes, asked for by a person. Prints the plan and asks first. */
export async function replace(target: Target, output: Output, instanceId: string, options: ByHandOptions): Promise<Answer> {
  const instance = await readListed(target, instanceId);
  const refused = refusalOf(target, instance);
  if (refused !== undefined) throw new CliError(`${refused} Nothing was touched.`);
  const live = await target.fleet.observe().instances.read(instanceId);
  if (live === undefined || live.state === 'terminated' || live.state === 'shutting-down')
    throw new CliError(`${instanceId} is ${live?.state ?? 'gone'} by EC2: there is nothing to replace. Nothing was touched.`);
  const request = { by: target.operator, reason: options.reason, at: target.clock.now() };
  const planned = await planFor(target, instance, request);
  const vetoes = vetoesOf(planned);
  if (vetoes.length > 0)
    throw new CliError(
      `${instanceId} was not replaced, nothing was touched: ${vetoes.join('; ')}. The whole plan: ${commandFor(target, `plan ${instanceId}`)}`,
    );
  if (planned.mode === 'dry-run')
    throw new CliError(
      `The policy of ${planned.system} is a dry run, so nothing is replaced. What would happen: ${commandFor(target, `plan ${instanceId}`)}. To allow it, set "mode: approve" or "mode: auto" in the catalog and deploy.`,
    );
  await agree(output, options, `${headerOf(target)}\n${renderPlan(planned)}`, `Replace ${instanceId}?`);
  const { by, reason } = request;
  return send(target, { type: 'Instance Replace Requested', detail: { instanceId, by, reason } }, { system: planned.system, instanceId });
}

/** What would stop it whoever asks; what a person may approve is asked for later. */
function vetoesOf({ wouldStop, guardrails }: Plan): readonly string[] {
  const approvable = guardrails.filter(({ verdict }) => verdict === 'approve').map(({ name, reason }) => `${name}: ${reason}`);
  return wouldStop.filter((text) => !approvable.includes(text));
}

async function agree(output: Output, { yes, json }: ByHandOptions, text: string, question: string): Promise<void> {
  if (yes) return;
  if (json || output.confirm === undefined) throw new CliError('Nobody is there to be asked, so nothing was sent. Look at the plan first, then say --yes.');
  output.out(text);
  if (!(await output.confirm(`${question} [y/N] `))) throw new CliError('Not confirmed: nothing was sent, nothing was touched.');
}

async function send(
  target: Target,
  event: RequestEvent,
  { system, instanceId }: { readonly system: string; readonly instanceId: string | null },
): Promise<Answer> {
  const at = target.clock.now();
  await target.queues.send(outputOf(target, 'SignalsQueueUrl'), requestBody(target.scope, event, at));
  const { by, reason } = event.detail;
  const json: ByHandAnswer = { id: `request-${at}`, system, state: 'requested', startedAt: at, reason, type: event.type, by, instanceId };
  const text = [
    headerOf(target),
    `Asked for: ${event.type.toLowerCase()} (${reason}), by ${by}.`,
    `It is taken in within seconds, and all guardrails are asked again. Watch it: ${commandFor(target, 'remediations')}`,
  ];
  return ok(json, text.join('\n'));
}

/** `perennial revert <remediation>`: back to the quarantined old instance. */
export async function revert(target: Target, output: Output, remediationId: string, options: ByHandOptions): Promise<Answer> {
  const record = await readRemediation(target, remediationId);
  const refused = await revertProblem(target, record);
  if (refused !== undefined) throw new CliError(`${refused}. Nothing was touched.`);
  const { newInstanceId: instanceId = '', oldInstanceId, system, parts = [] } = record;
  const back = parts.length === 0 ? '' : ` What had moved goes back with it: ${parts.join(', ')}.`;
  const plan = `${headerOf(target)}\n${oldInstanceId} returns from quarantine and serves again; ${instanceId} goes into quarantine.${back}`;
  await agree(output, options, plan, `Take ${remediationId} back?`);
  return send(
    target,
    { type: 'Instance Revert Requested', detail: { instanceId, remediationId, by: target.operator, reason: options.reason } },
    { system, instanceId },
  );
}

async function readRemediation(target: Target, id: string): Promise<Remediation> {
  const found = (await readRecord(target.records, remediationType, keys.remediation(target.scope, id)))?.body;
  if (found === undefined)
    throw new CliError(
      `There is no remediation ${id} in ${target.scope.accountId}/${target.scope.region}. Nothing was touched. List them: ${commandFor(target, 'remediations')}`,
    );
  return found;
}

async function revertProblem(target: Target, record: Remediation): Promise<string | undefined> {
  const refused = revertRefusal(record);
  if (refused !== undefined) return refused;
  const slot = (await readRecord(target.records, slotType, keys.slot(target.scope, record.slotId)))?.body;
  if (slot !== undefined && slot.instanceId !== record.newInstanceId)
    return `${slot.instanceId} holds the place ${record.slotId} now, not ${record.newInstanceId ?? 'its replacement'}: it was replaced again since`;
  return quarantineProblem(await target.fleet.observe().instances.read(record.oldInstanceId), record, target.clock.now());
}

/** `perennial drill <system>`: the whole procedure on a throw-away copy of a healthy member (S3-19). */
export async function drill(target: Target, output: Output, system: string, options: ByHandOptions): Promise<Answer> {
  const catalog = await currentCatalog(target.records, target.scope);
  if (declaredIn(catalog, system) === undefined) {
    const names = catalog.policies.map(({ spec }) => spec.system);
    const meant = nearest(system, names);
    const hint = meant === undefined ? `Systems with a policy: ${names.join(', ') || 'none'}.` : `Did you mean ${meant}?`;
    throw new CliError(`There is no system ${system} with a policy in the published catalog, so nothing was sent. ${hint}`);
  }
  const plan = `${headerOf(target)}\nTwo instances of ${system} are launched, one after the other, and both are ended afterwards. No instance in service is touched.`;
  await agree(output, options, plan, `Drill ${system}?`);
  return send(target, { type: 'System Drill Requested', detail: { system, by: target.operator, reason: options.reason } }, { system, instanceId: null });
}
