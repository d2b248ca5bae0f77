import { deploymentEvent } from '../../core/deployments/deployments.ts';
import type { DeploymentKind, Finding } from '../../core/deployments/record.ts';
import { nearest } from '../../core/catalog/nearest.ts';
import { readCatalog } from '../../core/catalog/published.ts';
import { present } from '../../core/environment/present.ts';
import { readGate } from '../../core/slo/gate.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok } from '../output.ts';
import type { DeployAnswer } from '../schemas.ts';
import { headerOf, outputOf, type Target } from '../target.ts';

export interface DeployOptions {
  readonly version?: string;
  readonly previous?: string;
  readonly commit?: string;
  readonly configVersion?: string;
  readonly approver?: string;
  readonly databaseChange?: boolean;
  readonly rollbackTested?: boolean;
}

const deployActions = {
  start: 'started',
  finish: 'finished',
  fail: 'failed',
  rollback: 'rolled-back',
} as const satisfies Record<string, DeploymentKind>;
type DeployAction = keyof typeof deployActions;
export const deployActionNames = Object.keys(deployActions);

const isDeployAction = (name: string): name is DeployAction => Object.hasOwn(deployActions, name);

/** `perennial deploy start|finish|fail|rollback <system>`: tells the platform of a deploy with one event (S4-03). */
export async function deploy(target: Target, action: string, system: string, options: DeployOptions): Promise<Answer> {
  if (!isDeployAction(action)) throw new CliError(`There is no deploy action "${action}". Write one of: ${deployActionNames.join(', ')}.`);
  const decision = deploymentEvent(deployActions[action], {
    system,
    deployer: target.operator,
    at: target.clock.now(),
    ...present({
      version: options.version,
      commit: options.commit,
      previousVersion: options.previous,
      configVersion: options.configVersion,
      approver: options.approver,
      databaseChange: options.databaseChange,
      rollbackTested: options.rollbackTested,
    }),
  });
  if (decision.kind === 'refused') throw new CliError(decision.reason);
  const findings = [...decision.findings, ...(await undeclared(target, system))];
  const { eventId } = await target.deployBus(outputOf(target, 'EventBusName')).announce(decision.type, decision.detail);
  const gate = action === 'start' ? await readGate({ store: target.records, scope: target.scope }, system, target.clock.now()) : undefined;
  const json: DeployAnswer = {
    eventId,
    type: decision.type,
    ...decision.detail,
    findings,
    ...present({ gate: gate && { answer: gate.answer, reason: gate.reason } }),
  };
  return ok(json, render(target, json));
}

/** A deploy that nobody hears of is worse than a misspelt one, so this is a finding and no refusal. */
async function undeclared({ records, scope }: Target, system: string): Promise<readonly Finding[]> {
  const names = (await readCatalog(records, scope))?.catalog.systems.map((candidate) => candidate.metadata.name) ?? [];
  if (names.includes(system)) return [];
  const meant = nearest(system, names);
  const hint = meant === undefined ? `Declared are: ${names.join(', ') || 'none'}.` : `Did you mean ${meant}?`;
  return [{ rule: 'system-not-declared', text: `The published catalog has no system ${system}, so the deploy shows on no incident. ${hint}` }];
}

function render(target: Target, { type, system, version, commit, previousVersion, eventId, findings, gate }: DeployAnswer): string {
  const about = [...(commit === '' ? [] : [`commit ${commit.slice(0, 12)}`]), ...(previousVersion === '' ? [] : [`before it: ${previousVersion}`])];
  return [
    headerOf(target),
    `${type}: ${system} ${version}${about.length === 0 ? '' : ` (${about.join(', ')})`}`,
    `Announced as event ${eventId}`,
    ...(gate === undefined ? [] : [`The error budget says: ${gate.answer}. ${gate.reason}`]),
    ...(findings.length === 0 ? [] : ['Correct this the next time:']),
    ...findings.map(({ rule, text }) => `  ${rule}: ${text}`),
  ].join('\n');
}
