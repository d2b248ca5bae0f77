import { userInfo } from 'node:os';
import { EventBridgeDeployEventBus } from '../../aws/platform/event-bus.ts';
import { systemClock } from '../../aws/runtime/system.ts';
import { present } from '../../core/environment/present.ts';
import type { DeployEventDetail, DeployEventType } from '../../core/deployments/ports.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok } from '../output.ts';
import { headerOf, type Target } from '../target.ts';

export interface DeployOptions {
  readonly version: string;
  readonly previous: string;
  readonly commit: string;
  readonly configVersion?: string;
  readonly approver?: string;
  readonly databaseChange?: boolean;
  readonly rollbackTested?: boolean;
}

export const deployActions = {
  start: 'Deployment Started',
  finish: 'Deployment Finished',
  fail: 'Deployment Failed',
  rollback: 'Deployment Rolled Back',
} as const satisfies Record<string, DeployEventType>;
export type DeployAction = keyof typeof deployActions;

/** `perennial deploy start|finish|fail|rollback <system>`: tells the platform of a deploy with one event (S4-03). */
export async function deploy(target: Target, action: DeployAction, system: string, options: DeployOptions): Promise<Answer> {
  const busName = target.outputs['EventBusName'];
  if (busName === undefined) throw new CliError(`The stack ${target.stackName} has no output EventBusName. Deploy this version of Perennial first.`);
  const detail: DeployEventDetail = {
    system,
    version: options.version,
    commit: options.commit,
    previousVersion: options.previous,
    deployer: userInfo().username,
    databaseChange: options.databaseChange ?? false,
    rollbackTested: options.rollbackTested ?? false,
    at: systemClock.now(),
    ...present({ configVersion: options.configVersion, approver: options.approver }),
  };
  const { eventId } = await new EventBridgeDeployEventBus(target.clients.events, busName).announce(deployActions[action], detail);
  return ok({ eventId, type: deployActions[action], ...detail }, `${headerOf(target)}\n${deployActions[action]}: ${system} ${options.version} (commit ${options.commit}, before: ${options.previous})`);
}
