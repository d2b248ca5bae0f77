import { ExecutionAlreadyExists, type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { PermanentError } from '../../core/environment/errors.ts';
import type { ExecutionStarter } from '../../core/remediation/ports.ts';
import { callAws } from './aws-errors.ts';

export interface StepFunctionsExecutionStarterOptions {
  readonly client: SFNClient;
  readonly stateMachineArn: string;
  /** Published versions, so that a deploy in mid-repair does not change the code under a running execution. */
  readonly observeVersionArn: string;
  readonly actVersionArn: string;
}

/** https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html: the service itself would accept some more characters. */
const EXECUTION_NAME = /^[A-Za-z0-9_-]{1,80}$/;

/**
 * Starts the driver loop. A name that is taken is success: while it runs AWS answers so itself for the same input, and a
 * closed execution, or one that began before a deploy changed the versions in the input, is still this remediation's own.
 */
export class StepFunctionsExecutionStarter implements ExecutionStarter {
  readonly #options: StepFunctionsExecutionStarterOptions;

  constructor(options: StepFunctionsExecutionStarterOptions) {
    this.#options = options;
  }

  async start({ name, remediationId }: { readonly name: string; readonly remediationId: string }): Promise<void> {
    const { client, stateMachineArn, observeVersionArn, actVersionArn } = this.#options;
    if (!EXECUTION_NAME.test(name)) throw new PermanentError(`"${name}" is no name for an execution: 1 to 80 letters, digits, "-" and "_".`);
    const input = JSON.stringify({ remediationId, observe: observeVersionArn, act: actVersionArn });
    await callAws(`start the execution ${name}`, async () => {
      try {
        await client.send(new StartExecutionCommand({ stateMachineArn, name, input }));
      } catch (error) {
        if (!(error instanceof ExecutionAlreadyExists)) throw error;
      }
    });
  }
}
