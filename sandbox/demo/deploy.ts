import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { scrubbedEnvironment } from '../emulators/environment.ts';
import type { LocalEndpoints } from '../emulators/environment.ts';
import { SandboxError } from '../emulators/sandbox-error.ts';

/** What the stack says of itself (its outputs). */
export const outputsSchema = z.object({
  TableName: z.string(),
  StateMachineArn: z.string(),
  SignalsQueueUrl: z.string(),
  RejectedQueueUrl: z.string(),
  AlarmsTopicArn: z.string(),
  CriticalTopicArn: z.string(),
  HighTopicArn: z.string(),
  WarningTopicArn: z.string(),
  InfoTopicArn: z.string(),
  EventBusName: z.string(),
  SweepFunctionName: z.string(),
  BudgetFunctionName: z.string(),
  ImpairedFunctionName: z.string(),
  ActFunctionName: z.string(),
});
export type StackOutputs = z.infer<typeof outputsSchema>;

export const STACK_NAME = 'Perennial';

export interface Deployment extends LocalEndpoints {
  readonly accountId: string;
  readonly projectFolder: string;
  /** Folder for the assembly and the outputs; one per local AWS. */
  readonly workFolder: string;
  /** The catalog to publish, for example `sandbox/ops`. */
  readonly catalogDirectory: string;
  /** More context values of the app, for example `{ sweepMinutes: '10' }`. */
  readonly context?: Readonly<Record<string, string>>;
}

const DEPLOY_LIMIT_MILLISECONDS = 240_000;

/** Runs the stock CDK command line against the local AWS; its output goes to a log, whose end a failure shows. */
async function runCdk(deployment: Deployment, words: readonly string[]): Promise<void> {
  const logFile = join(deployment.workFolder, 'cdk.log');
  const cdk = join(deployment.projectFolder, 'node_modules', 'aws-cdk', 'bin', 'cdk');
  const child = spawn(process.execPath, [cdk, ...words], {
    cwd: deployment.projectFolder,
    env: scrubbedEnvironment(deployment, 'deployer'),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEPLOY_LIMIT_MILLISECONDS,
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-20_000);
    appendFileSync(logFile, chunk);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0)
    throw new SandboxError(
      `cdk ${words[0]} ended with ${code ?? 'a signal'}:\n${output.split('\n').slice(-25).join('\n')}\nThe whole output is in ${logFile}.`,
    );
}

export async function bootstrap(deployment: Deployment): Promise<void> {
  mkdirSync(deployment.workFolder, { recursive: true });
  await runCdk(deployment, ['bootstrap', `aws://${deployment.accountId}/${deployment.region}`, ...contextOf(deployment)]);
}

function contextOf(deployment: Deployment): readonly string[] {
  // The demo's fleet is small; whoever runs the poll by hand wants its answer now. Nothing here has Automation documents.
  const context = { catalogDirectory: deployment.catalogDirectory, allowDirty: 'true', smallFleetPollMinutes: '1', console: 'false', ...deployment.context };
  return [...Object.entries(context).flatMap(([name, value]) => ['-c', `${name}=${value}`]), '--output', join(deployment.workFolder, 'cdk.out')];
}

/** `cdk synth` alone, for a deploy that is to begin at a given moment: see `isSynthesised` of {@link deploy}. */
export async function synthesise(deployment: Deployment): Promise<void> {
  await runCdk(deployment, ['synth', '--quiet', ...contextOf(deployment)]);
}

/**
 * `cdk deploy` of the real app; gives the stack's outputs. Deploying again updates it.
 *
 * @param options `isSynthesised`: takes the assembly that {@link synthesise} wrote
 */
export async function deploy(deployment: Deployment, options: { readonly isSynthesised?: boolean } = {}): Promise<StackOutputs> {
  const outputsFile = join(deployment.workFolder, 'outputs.json');
  const source = options.isSynthesised === true ? ['--app', join(deployment.workFolder, 'cdk.out')] : contextOf(deployment);
  await runCdk(deployment, ['deploy', STACK_NAME, '--require-approval', 'never', '--outputs-file', outputsFile, ...source]);
  const written: unknown = JSON.parse(readFileSync(outputsFile, 'utf8'));
  const parsed = z.safeParse(z.object({ [STACK_NAME]: outputsSchema }), written);
  if (!parsed.success) throw new SandboxError(`The stack's outputs are not what the sandbox needs: ${z.prettifyError(parsed.error)}`);
  const outputs = parsed.data[STACK_NAME];
  if (outputs === undefined) throw new SandboxError(`The deployment gave no outputs of ${STACK_NAME}.`);
  return outputs;
}
