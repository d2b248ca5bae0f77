import { SFNClient } from '@aws-sdk/client-sfn';
import type { FunctionEnvironment } from '../../core/environment/function-environment.ts';
import type { ReapingPorts } from '../../core/remediation/reaper/reaping.ts';
import { createFleetClients } from '../fleet/clients.ts';
import { createInstancePower } from '../fleet/instance-power.ts';
import { createTerminator } from '../fleet/instance-terminator.ts';
import { createLeftBehind } from '../fleet/left-behind.ts';
import { createMemberReleaser } from '../fleet/member-releaser.ts';
import { createQuarantineKeeper } from '../fleet/quarantine-keeper.ts';
import { createSnapshotKeeper } from '../fleet/snapshot-keeper.ts';
import { boundedClientOptions } from '../platform/client-options.ts';
import { StepFunctionsExecutionStarter } from '../platform/execution-starter.ts';
import { StepFunctionsExecutionWatcher } from '../platform/execution-watcher.ts';
import type { Platform } from './platform.ts';

/** What the reaper works with, on AWS. */
export function createReapingPorts(platform: Platform, environment: FunctionEnvironment<'reap'>): ReapingPorts {
  const { autoScaling, ec2 } = createFleetClients();
  const client = new SFNClient(boundedClientOptions);
  const { STATE_MACHINE_ARN: stateMachineArn, OBSERVE_VERSION_ARN: observeVersionArn, ACT_VERSION_ARN: actVersionArn } = environment;
  return {
    ...platform,
    terminator: createTerminator(ec2),
    leftBehind: createLeftBehind(ec2),
    members: createMemberReleaser(autoScaling),
    oldSnapshots: createSnapshotKeeper(ec2),
    power: createInstancePower(ec2),
    quarantine: createQuarantineKeeper(ec2),
    executions: new StepFunctionsExecutionStarter({ client, stateMachineArn, observeVersionArn, actVersionArn }),
    executionStates: new StepFunctionsExecutionWatcher(client, stateMachineArn),
  };
}
