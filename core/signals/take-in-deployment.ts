import type { CompiledCatalog } from '../catalog/schema.ts';
import { recordDeployment } from '../deployments/deployments.ts';
import type { DeploymentKind } from '../deployments/record.ts';
import { composeDeployMessage, deploySteps } from '../incidents/messages.ts';
import { notify, type NotifyPorts } from '../incidents/notify.ts';
import type { IncidentPorts } from '../incidents/incidents.ts';
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
  const recorded = await recordDeployment(ports, { kind, source: signal.source, detail });
  const system = catalog.systems.find((candidate) => candidate.metadata.name === detail.system);
  const message = composeDeployMessage({ ...recorded, kind, now: ports.clock.now(), system });
  await notify(ports, { id: `deploy:${recorded.eventId}`, step: deploySteps[kind], severity: recorded.findings.length === 0 ? 'info' : 'warning', message });
  return { kind: 'noted', reason: `Recorded as deployment ${recorded.deployment.system} ${recorded.deployment.version}` };
}
