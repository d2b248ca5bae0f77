import type { Log } from '../../core/environment/ports.ts';
import type { SweepPorts } from '../../core/inventory/sweep.ts';
import { createCaptureReader } from './capture-reader.ts';
import { createFleetClients } from './clients.ts';
import { createImageReader } from './images.ts';
import { createInventoryReader } from './instance-reader.ts';
import type { Keeper } from './observe-ports.ts';
import { createTargetReader } from './targets.ts';

/** What the sweep and the poll of impaired instances use, on AWS. */
export function createSweepPorts({ store, scope, clock, log }: Keeper & { readonly log: Log }): SweepPorts {
  const clients = createFleetClients();
  const { ec2, elb, ssm } = clients;
  return {
    store,
    scope,
    clock,
    log,
    inventory: createInventoryReader(ec2),
    targets: createTargetReader(elb),
    images: createImageReader(ec2, ssm),
    captures: createCaptureReader(clients),
  };
}
