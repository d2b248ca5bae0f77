import type { Clock, Scope } from '../../core/environment/ports.ts';
import type { RecordStore } from '../../core/records/store.ts';
import type { ObservePorts } from '../../core/remediation/phase.ts';
import { createAlarmReader } from './alarm-reader.ts';
import { createCaptureReader } from './capture-reader.ts';
import { createFleetClients, type FleetClients } from './clients.ts';
import { createGroupReader } from './groups.ts';
import { createImageReader } from './images.ts';
import { createInstanceReader } from './instance-reader.ts';
import { createPreflightReader } from './preflight.ts';
import { createRecoveryReader } from './recovery.ts';
import { createTargetReader } from './targets.ts';

/** The platform's own parts that every set of ports carries. */
export interface Keeper {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
}

/** What reading phases use, on AWS. */
export function createObservePorts({ store, scope, clock }: Keeper, clients: FleetClients = createFleetClients()): ObservePorts {
  const { autoScaling, cloudWatch, ec2, elb, kms, ssm } = clients;
  return {
    store,
    scope,
    clock,
    instances: createInstanceReader(ec2, autoScaling),
    targets: createTargetReader(elb),
    images: createImageReader(ec2, ssm),
    captures: createCaptureReader(clients),
    alarms: createAlarmReader(cloudWatch),
    recovery: createRecoveryReader(ec2, ssm),
    groups: createGroupReader(autoScaling, ec2),
    preflight: createPreflightReader(ec2, kms),
  };
}
