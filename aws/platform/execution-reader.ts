import { DescribeExecutionCommand, ExecutionDoesNotExist, type SFNClient } from '@aws-sdk/client-sfn';
import * as z from 'zod/mini';
import { PermanentError } from '../../core/environment/errors.ts';
import type { ExecutionReader } from '../../core/remediation/reaper/function-versions.ts';
import { callAws } from './aws-errors.ts';

/** What `execution-starter.ts` gives an execution. */
const inputSchema = z.object({ observe: z.string(), act: z.string() });

/** Reads what executions of the driver loop were started with. */
export class StepFunctionsExecutionReader implements ExecutionReader {
  readonly #client: SFNClient;
  readonly #stateMachineArn: string;

  constructor(client: SFNClient, stateMachineArn: string) {
    this.#client = client;
    this.#stateMachineArn = stateMachineArn;
  }

  async versionsOf(executionName: string): Promise<readonly string[]> {
    const executionArn = `${this.#stateMachineArn.replace(':stateMachine:', ':execution:')}:${executionName}`;
    const input = await callAws(`read the execution ${executionName}`, () => this.#inputOf(executionArn));
    if (input === undefined) return [];
    const parsed = z.safeParse(inputSchema, parseJson(input));
    if (parsed.success) return [parsed.data.observe, parsed.data.act];
    throw new PermanentError(`The execution ${executionName} does not say which versions it calls: it was not started by Perennial. End it by hand.`);
  }

  /** Nothing when there is none, because it has not begun or is forgotten: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html */
  async #inputOf(executionArn: string): Promise<string | undefined> {
    try {
      return (await this.#client.send(new DescribeExecutionCommand({ executionArn }))).input ?? '';
    } catch (error) {
      if (error instanceof ExecutionDoesNotExist) return undefined;
      throw error;
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
