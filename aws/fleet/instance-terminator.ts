import { type EC2Client, ModifyInstanceAttributeCommand, paginateDescribeInstances, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { tagKeys } from '../../core/inventory/records.ts';
import type { InstanceFacts, InstanceTerminator } from '../../core/remediation/ports.ts';
import { callAws, codeOf, toPortError } from '../platform/aws-errors.ts';
import { factsOf } from './instance-facts.ts';

const MAX_QUARANTINED = 500;

export function createTerminator(ec2: EC2Client): InstanceTerminator {
  return { quarantined: () => listQuarantined(ec2), terminate: (instanceId) => terminate(ec2, instanceId) };
}

async function listQuarantined(ec2: EC2Client): Promise<readonly InstanceFacts[]> {
  return callAws('list the instances in quarantine', async () => {
    const filters = [
      { Name: 'tag-key', Values: [tagKeys.quarantine] },
      { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] },
    ];
    const found: InstanceFacts[] = [];
    for await (const page of paginateDescribeInstances({ client: ec2 }, { Filters: filters, MaxResults: 100 })) {
      found.push(...(page.Reservations ?? []).flatMap((reservation) => (reservation.Instances ?? []).map(factsOf)));
      if (found.length >= MAX_QUARANTINED) break;
    }
    return found;
  });
}

/** One id a call: one protected id blocks its whole batch (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html). */
async function terminate(ec2: EC2Client, instanceId: string): Promise<void> {
  try {
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
  } catch (error) {
    if (codeOf(error) !== 'OperationNotPermitted') throw toPortError(error, `terminate ${instanceId}`);
    await liftProtections(ec2, instanceId);
    await callAws(`terminate ${instanceId}`, () => ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] })));
  }
}

/**
 * Both protect against termination (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-stop-protection.html), and a replacement
 * carries them over. Lifted only for one that is protected: Spot Instances have neither and refuse the call. One attribute a call.
 */
async function liftProtections(ec2: EC2Client, instanceId: string): Promise<void> {
  await callAws(`lift the stop protection of ${instanceId}`, () =>
    ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: instanceId, DisableApiStop: { Value: false } })),
  );
  await callAws(`lift the termination protection of ${instanceId}`, () =>
    ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: instanceId, DisableApiTermination: { Value: false } })),
  );
}
