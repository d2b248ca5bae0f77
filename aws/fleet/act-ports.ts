import type { ActPorts } from '../../core/remediation/phase.ts';
import { createAttachmentPorts } from './attachment-ports.ts';
import { createAlarmCloner } from './alarm-cloner.ts';
import { createFleetClients, type FleetClients } from './clients.ts';
import { createCommandRunner } from './commands.ts';
import { createDashboardKeeper } from './dashboards.ts';
import { createGroupChanger } from './groups.ts';
import { createEvidenceCollector, createInstancePower } from './instance-power.ts';
import { createLauncher } from './launcher.ts';
import { createObservePorts, type Keeper } from './observe-ports.ts';
import { createQuarantineKeeper } from './quarantine-keeper.ts';
import { createRecoveryPorts } from './recovery.ts';
import { createTargetRegistrar } from './targets.ts';

/** What changing phases use, on AWS. Nothing here can terminate an instance. */
export function createActPorts(keeper: Keeper, clients: FleetClients = createFleetClients()): ActPorts {
  const { autoScaling, cloudWatch, ec2, elb, route53, ssm } = clients;
  return {
    ...createObservePorts(keeper, clients),
    ...createAttachmentPorts({ ec2, route53, ssm }),
    ...createRecoveryPorts(ec2, ssm),
    groupChanger: createGroupChanger(autoScaling, ec2),
    launcher: createLauncher(ec2),
    registrar: createTargetRegistrar(elb),
    power: createInstancePower(ec2),
    evidence: createEvidenceCollector(ec2),
    commands: createCommandRunner(ssm),
    quarantine: createQuarantineKeeper(ec2),
    alarmCloner: createAlarmCloner(cloudWatch),
    dashboards: createDashboardKeeper(cloudWatch),
  };
}
