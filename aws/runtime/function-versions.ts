import { LambdaClient } from '@aws-sdk/client-lambda';
import { SFNClient } from '@aws-sdk/client-sfn';
import type { FunctionEnvironment } from '../../core/environment/function-environment.ts';
import { sweepFunctionVersions } from '../../core/remediation/reaper/function-versions.ts';
import { boundedClientOptions } from '../platform/client-options.ts';
import { StepFunctionsExecutionReader } from '../platform/execution-reader.ts';
import { LambdaFunctionVersions } from '../platform/function-versions.ts';
import type { RecordKeeper } from './platform.ts';

type Environment = Pick<FunctionEnvironment<'sweep'>, 'STATE_MACHINE_ARN' | 'OBSERVE_VERSION_ARN' | 'ACT_VERSION_ARN'>;

/** Deletes the function versions that nobody needs; a sweep that could not is logged and does not end in an error. */
export function createVersionSweep({ store, scope, clock, log }: RecordKeeper, environment: Environment): () => Promise<void> {
  const versions = new LambdaFunctionVersions(new LambdaClient(boundedClientOptions));
  const executions = new StepFunctionsExecutionReader(new SFNClient(boundedClientOptions), environment.STATE_MACHINE_ARN);
  const current = [environment.OBSERVE_VERSION_ARN, environment.ACT_VERSION_ARN];
  return async () => {
    const { deleted, problems } = await sweepFunctionVersions({ store, scope, clock, versions, executions }, current);
    if (deleted.length > 0) log.info('Old function versions are deleted', { deleted });
    if (problems.length > 0) log.error('Old function versions could not be deleted', { problems });
  };
}
