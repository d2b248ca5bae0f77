import type { CompiledCatalog } from '../catalog/schema.ts';
import { recordDeployment } from '../deployments/deployments.ts';
import type { DeployGate, DeploymentKind } from '../deployments/record.ts';
import { audienceOf } from '../incidents/fan-out/audience.ts';
import { composeDeployMessage, deploySteps } from '../incidents/messages/messages.ts';
import { notify, type NotifyPorts } from '../incidents/notify.ts';
import type { IncidentPorts } from '../incidents/incidents.ts';
import { readGate } from '../slo/gate.ts';
import type { IntakeResult } from './intake.ts';
import type { Signal } from './signal.ts';

const kinds: Readonly<Record<string, DeploymentKind>> = {
  'deploy.started': 'started',
  'deploy.succeeded': 'finished',
  'deploy.failed': 'failed',
  'deploy.stopped': 'stopped',
  'deploy.rolled-back': 'rolled-back',
};

/** Records a deploy, shows it on the open incidents of its system and tells the subscribers (S3-26, S3-29). Idempotent. */
export async function takeInDeployment(ports: IncidentPorts & NotifyPorts, catalog: CompiledCatalog, signal: Signal): Promise<IntakeResult> {
  const kind = kinds[signal.kind];
  const detail = signal.deployment;
  // Deployments of other tools name no system of ours: understood, nothing to attach them to.
  if (kind === undefined || detail === undefined) return { kind: 'noted', reason: 'A deployment that names no system of the catalog' };
  const gate = kind === 'started' ? await gateOf(ports, detail.system) : undefined;
  const recorded = await recordDeployment(ports, { kind, source: signal.source, detail, gate });
  const system = catalog.systems.find((candidate) => candidate.metadata.name === detail.system);
  const message = composeDeployMessage({ ...recorded, kind, now: ports.clock.now(), system });
  const step = deploySteps[kind];
  const severity = recorded.findings.length === 0 && gate?.answer !== 'freeze' ? 'info' : 'warning';
  await notify(ports, { id: `deploy:${recorded.eventId}`, step, severity, roles: audienceOf(step, severity, system), message });
  return { kind: 'noted', reason: `Recorded as deployment ${recorded.deployment.system} ${recorded.deployment.version}` };
}

/** A deploy that began is answered, not stopped: who wants to be stopped asks the gate before it (S2-08, S3-20). */
async function gateOf(ports: IncidentPorts, system: string): Promise<DeployGate> {
  const { answer, reason } = await readGate(ports, system, ports.clock.now());
  return { answer, reason };
}
