import type { ActPorts } from '../../core/remediation/phase.ts';
import { createAlarmCloner } from './alarm-cloner.ts';
import { createFleetClients, type FleetClients } from './clients.ts';
import { createEvidenceCollector, createInstancePower } from './instance-power.ts';
import { createLauncher } from './launcher.ts';
import { createObservePorts, type Keeper } from './observe-ports.ts';
import { createQuarantineKeeper } from './quarantine-keeper.ts';
import { createTargetRegistrar } from './targets.ts';

/** What changing phases use, on AWS. Nothing here can terminate an instance. */
export function createActPorts(keeper: Keeper, clients: FleetClients = createFleetClients()): ActPorts {
  const { cloudWatch, ec2, elb } = clients;
  return {
    ...createObservePorts(keeper, clients),
    launcher: createLauncher(ec2),
    registrar: createTargetRegistrar(elb),
    power: createInstancePower(ec2),
    evidence: createEvidenceCollector(ec2),
    quarantine: createQuarantineKeeper(ec2),
    alarmCloner: createAlarmCloner(cloudWatch),
  };
}
