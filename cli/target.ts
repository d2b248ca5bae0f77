import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod/mini';
import { DynamoRecordStore } from '../aws/platform/dynamo-record-store.ts';
import { sleepMilliseconds, systemClock, systemIds, systemRandomness } from '../aws/runtime/system.ts';
import type { Scope } from '../core/environment/ports.ts';
import type { RecordStore } from '../core/records/store.ts';
import { CliError } from './cli-error.ts';

export interface TargetOptions {
  readonly local?: boolean;
  readonly profile?: string;
  readonly region?: string;
  /** Name of the deployed stack. */
  readonly stack?: string;
}

/** The deployed platform that a command talks to. */
export interface Target {
  readonly scope: Scope;
  readonly stackName: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly records: RecordStore;
  readonly clients: {
    readonly events: EventBridgeClient;
    readonly sqs: SQSClient;
    readonly sns: SNSClient;
    /** How to make a client for the fleet (EC2, ELBv2, SSM). */
    readonly fleet: ClientSettings;
    readonly control: ClientSettings;
  };
}

export interface ClientSettings {
  readonly region: string;
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly profile?: string;
}

/** `.perennial/local.json`: there only while the local AWS runs. */
export const localFileSchema = z.object({
  controlEndpoint: z.string(),
  fleetEndpoint: z.string(),
  region: z.string(),
  tableName: z.string(),
  stateMachineArn: z.string(),
  signalsQueueUrl: z.string(),
  mailboxQueueUrl: z.string(),
  oldInstanceId: z.optional(z.string()),
  newInstanceId: z.optional(z.string()),
  goldenImageId: z.string(),
});

const LOCAL_FILE = join('.perennial', 'local.json');

function localSettings(): { readonly control: ClientSettings; readonly fleet: ClientSettings } {
  if (!existsSync(LOCAL_FILE)) throw new CliError(`The local AWS is not running: there is no ${LOCAL_FILE}. Start it in another terminal: npm start`);
  const text: unknown = JSON.parse(readFileSync(LOCAL_FILE, 'utf8'));
  const parsed = z.safeParse(localFileSchema, text);
  if (!parsed.success) throw new CliError(`${LOCAL_FILE} cannot be read: ${z.prettifyError(parsed.error)}. Stop the local AWS and start it again: npm start`);
  const { region, controlEndpoint, fleetEndpoint } = parsed.data;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return { control: { region, endpoint: controlEndpoint, credentials }, fleet: { region, endpoint: fleetEndpoint, credentials } };
}

function settingsOf(options: TargetOptions): { readonly control: ClientSettings; readonly fleet: ClientSettings } {
  if (options.local === true) return localSettings();
  if (options.region === undefined) {
    throw new CliError('Which platform? Say --local for the one that npm start runs, or --region <region> (and --profile <name>) for one on AWS.');
  }
  const settings: ClientSettings = { region: options.region, ...(options.profile === undefined ? {} : { profile: options.profile }) };
  return { control: settings, fleet: settings };
}

/** Finds the deployed stack by its outputs. Errors: {@link CliError} that says what to type. */
export async function openTarget(options: TargetOptions): Promise<Target> {
  const { control, fleet } = settingsOf(options);
  const stackName = options.stack ?? 'Perennial';
  const { outputs, accountId } = await readStack(control, stackName);
  const tableName = outputs['TableName'];
  if (tableName === undefined) throw new CliError(`The stack ${stackName} has no output TableName: it is not Perennial's. Name the right one with --stack.`);
  const dynamo = DynamoDBDocumentClient.from(new DynamoDBClient(control), { marshallOptions: { removeUndefinedValues: true } });
  return {
    scope: { accountId, region: control.region },
    stackName,
    outputs,
    records: new DynamoRecordStore({ client: dynamo, tableName, clock: systemClock, ids: systemIds, randomness: systemRandomness, sleepMilliseconds }),
    clients: { events: new EventBridgeClient(control), sqs: new SQSClient(control), sns: new SNSClient(control), fleet, control },
  };
}

async function readStack(settings: ClientSettings, stackName: string): Promise<{ readonly outputs: Readonly<Record<string, string>>; readonly accountId: string }> {
  try {
    const answer = await new CloudFormationClient(settings).send(new DescribeStacksCommand({ StackName: stackName }));
    const stack = answer.Stacks?.[0];
    const outputs = Object.fromEntries((stack?.Outputs ?? []).map((output) => [output.OutputKey ?? '', output.OutputValue ?? '']));
    const accountId = stack?.StackId?.split(':')[4] ?? '';
    return { outputs, accountId };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`The stack ${stackName} could not be read in ${settings.region}: ${reason}. Is it deployed there, and do your credentials allow cloudformation:DescribeStacks?`, { cause: error });
  }
}

/** The first line of every human output (design section 9). */
export function headerOf(target: Pick<Target, 'scope' | 'stackName'>): string {
  return `account ${target.scope.accountId} · ${target.scope.region} · stack ${target.stackName}`;
}
