import { DescribeExecutionCommand, ExecutionDoesNotExist, type SFNClient } from '@aws-sdk/client-sfn';
import type { ExecutionState, ExecutionWatcher } from '../../core/remediation/reaper/reaping-ports.ts';
import { callAws } from './aws-errors.ts';

/** How executions of the driver loop stand: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html */
export class StepFunctionsExecutionWatcher implements ExecutionWatcher {
  readonly #client: SFNClient;
  readonly #stateMachineArn: string;

  constructor(client: SFNClient, stateMachineArn: string) {
    this.#client = client;
    this.#stateMachineArn = stateMachineArn;
  }

  async stateOf(executionName: string): Promise<ExecutionState> {
    const executionArn = `${this.#stateMachineArn.replace(':stateMachine:', ':execution:')}:${executionName}`;
    return callAws(`look at the execution ${executionName}`, async () => {
      try {
        const { status } = await this.#client.send(new DescribeExecutionCommand({ executionArn }));
        // A word that AWS adds later is no proof of an end; one that waits for a person to redrive it has ended.
        return status === 'SUCCEEDED' || status === 'FAILED' || status === 'TIMED_OUT' || status === 'ABORTED' || status === 'PENDING_REDRIVE'
          ? 'ended'
          : 'running';
      } catch (error) {
        if (error instanceof ExecutionDoesNotExist) return 'absent';
        throw error;
      }
    });
  }
}
